"""The look of a sheet."""

from __future__ import annotations

from io import BytesIO

from xlsxwriter import Workbook

from reportd.render.xlsx import styles
from reportd.render.xlsx.styles import Styles
from reportd.report.document import Column, Format
from reportd.report.theme import DEFAULT, Theme

AMOUNT = Column("amount", "Amount", 0, "numeric", Format("number", decimals=2), "right", 10)


def test_a_sheet_has_the_colours_of_the_page() -> None:
    book = Workbook(BytesIO(), {"in_memory": True})
    ours = [colour.lower() for colour in (styles.INK, styles.MUTED, styles.RULE, styles.TILE)]
    assert ours == [DEFAULT.ink, DEFAULT.muted, DEFAULT.hairline, DEFAULT.tile]
    heading = Styles(book, "en", Theme(accent="#0b6a4a")).header(AMOUNT)
    assert heading.font_color._rgb_hex_value().lower() == "0b6a4a"
    book.close()
