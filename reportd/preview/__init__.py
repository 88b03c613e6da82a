"""`reportd dev`'s live preview: a report's pages and its sheet in a browser on this machine, anew at every save.

Read `live` first (what is made anew, and when), then `view` (what the page is told) and `app` (what it may ask).
`form`, `trouble`, `pages`, `sheet` and `numbers` turn parameters, errors and files into what the page shows.
"""
