"""The look of a sheet."""

from __future__ import annotations

from reportd.render import canvas
from reportd.render.xlsx import styles


def test_a_sheet_has_the_colours_of_the_page() -> None:
    assert [colour.lower() for colour in styles.PALETTE] == list(canvas.PALETTE)
    assert (styles.INK.lower(), styles.MUTED.lower(), styles.RULE.lower()) == (canvas.INK, canvas.QUIET, canvas.HAIR)
