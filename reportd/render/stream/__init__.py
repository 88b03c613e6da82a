"""Long tables on paper: WeasyPrint says how a table looks, and this writes every row of the spool in just that way.

Read in this order: `survey` (how wide is what), `geometry` (what WeasyPrint's layout says of lines and pages),
`setting` (a line's texts in their places), `paginate` (which lines make a page), `sheet` (a page's content and tags),
`book` (the pages that WeasyPrint made and the ones made here become one file), on `face`, `objects` and `trees`.
"""
