"""The look of a sheet: one accent, one grey, rules instead of boxes, as on the page."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from xlsxwriter import Workbook

from reportd.report.document import Column, Format, Mark
from reportd.report.formats import MINUS, excel_number_format
from reportd.report.looks import SIGNS
from reportd.report.theme import DEFAULT, Theme

FONT = "Calibri"
# The page's own colours; those that a report may choose are its theme's.
INK = "#1C232B"
MUTED = "#56606B"
RULE = "#D5DAE0"
TILE = "#F2F5F9"
# Lines are told apart without colour, too.
DASHES = ("solid", "dash", "round_dot", "dash_dot", "square_dot", "long_dash")


class Styles:
    """The cell formats of one workbook, each made once."""

    def __init__(self, book: Workbook, locale: str, theme: Theme = DEFAULT) -> None:
        self._book = book
        self._locale = locale
        self.theme = theme
        self._made: dict[tuple[tuple[str, Any], ...], Any] = {}

    def of(self, **properties: Any) -> Any:
        """An xlsxwriter format; the same properties give the same one."""
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format(
                {"font_name": FONT, "font_color": INK, "valign": "top", **properties}
            )
        return self._made[key]

    def cell(self, column: Column) -> Any:
        """The cells of a data column."""
        properties: dict[str, Any] = {"num_format": self.number(column.format), **_stand(column)}
        if column.format.kind == "boolean":
            # Excel spells booleans itself, in the reader's language; others need to be told.
            properties["num_format"] = '"TRUE";"TRUE";"FALSE"'
        if column.format.kind == "link":
            properties |= {"font_color": self.theme.accent, "underline": 1}
        return self.of(**properties)

    def plain(self, column: Column) -> Any:
        """A text in a column of something else."""
        return self.of(num_format="@", **_stand(column))

    def header(self, column: Column) -> Any:
        """The heading of a data column, which stands as the column does."""
        return self.of(
            bold=True,
            font_color=self.theme.accent,
            **_stand(column),
            valign="bottom",
            text_wrap=True,
            bottom=2,
            bottom_color=self.theme.accent,
        )

    def total(self, column: Column) -> Any:
        """The foot of a data column."""
        return self.of(
            bold=True, num_format=self.number(column.format), **_stand(column), top=1, top_color=INK, bottom=6
        )

    def rules(self, column: Column) -> list[dict[str, Any]]:
        """The conditional formats of a data column, in xlsxwriter's words: colour, weight, and the page's own sign."""
        number = self.number(column.format)
        return [
            {
                "type": "cell",
                "criteria": {"=": "==", "!=": "!="}.get(condition.operator, condition.operator),
                "value": _operand(condition.operand),
                "stop_if_true": True,
                "format": self._book.add_format(
                    {
                        "bold": True,
                        "font_color": getattr(self.theme, condition.mark),
                        "num_format": _signed(condition.mark, number),
                    }
                ),
            }
            for condition in column.conditions
        ]

    def number(self, format: Format) -> str:
        """The number format that shows what the page shows."""
        return excel_number_format(format, self._locale)

    def day(self) -> str:
        """The number format of a day on an axis, where the year is said elsewhere."""
        return re.sub(r"[,.\s/-]*yyyy[-/]?", "", self.number(Format("date")))

    def delta(self, format: Format, label: str) -> str:
        """The number format of a change: its arrow and its sign, never colour alone, then `label`."""
        positive = self.number(format).partition(";")[0]
        words = label.replace('"', "”")[:60]
        tail = f'" {words}"' if words else ""
        return f'"▲ +"{positive}{tail};"▼ {MINUS}"{positive}{tail};{positive}{tail}'


def _operand(operand: Decimal | str) -> float | str:
    if isinstance(operand, Decimal):
        return float(operand)
    return '"' + operand.replace('"', '""') + '"'


def _signed(mark: Mark, number: str) -> str:
    """The number format `number` with the sign of `mark` before each of its sections."""
    return ";".join(f'"{SIGNS[mark]}"{section}' for section in number.split(";"))


def _stand(column: Column) -> dict[str, Any]:
    # The indent parts a left-aligned column from the right-aligned one before it.
    return {"align": column.align, "indent": 1} if column.align == "left" else {"align": column.align}


def index(style: Any) -> int:
    """The number by which cells name `style`. It is given at the first call, and the workbook keeps to it."""
    # Not public in xlsxwriter, but it is what each of its own cell writers calls.
    return int(style._get_xf_index())
