"""Numbers, days and times as a sheet shows them, in the document's own signs."""

from __future__ import annotations

import pytest

from reportd.preview.numbers import shown
from reportd.report.locales import locale_of


@pytest.mark.parametrize(
    ("value", "code", "locale", "text"),
    [
        ("1234.5", '#,##0.00;"−"#,##0.00', "en", "1,234.50"),
        ("-1234.5", '#,##0.00;"−"#,##0.00', "de-AT", "−1.234,50"),
        ("-7", "#,##0", "en", "-7"),
        ("0.125", "0.0%", "en", "12.5%"),
        ("0.1234", '0.0"\u00a0"%;"−"0.0"\u00a0"%', "de", "12,3\u00a0%"),
        ("2.005", "0.00", "en", "2.01"),
        ("12", '"€"#,##0', "en", "€12"),
        ("0", "#,##0", "en", "0"),
        ("2.5", '"▲ +"#,##0.0" vs Sep";"▼ −"#,##0.0" vs Sep";#,##0', "en", "▲ +2.5 vs Sep"),
        ("-2.5", '"▲ +"#,##0.0" vs Sep";"▼ −"#,##0.0" vs Sep";#,##0', "en", "▼ −2.5 vs Sep"),
        ("0", '"▲ +"0;"▼ −"0;"="0', "en", "=0"),
        ("984", "0", "en", "984"),
        ("7", "General", "en", "7"),
        ("7.25", "General", "de", "7,25"),
        ("1", '"TRUE";"TRUE";"FALSE"', "en", "TRUE"),
        ("0", '"TRUE";"TRUE";"FALSE"', "en", "FALSE"),
        ("45000", "[$-409]dd mmm yyyy", "en", "15 Mar 2023"),
        ("45000.75", "dd.mm.yyyy hh:mm", "de", "15.03.2023 18:00"),
        ("45000.75", "[$-409]mmm dd, yyyy h:mm AM/PM", "en-US", "Mar 15, 2023 6:00 PM"),
        ("0.5034722222", "hh:mm", "en", "12:05"),
        ("45000.0000116", "yyyy-mm-dd hh:mm:ss", "en", "2023-03-15 00:00:01"),
        ("-1", "yyyy-mm-dd", "en", "#####"),
        ("no number", "0", "en", "no number"),
    ],
)
def test_a_value_under_a_format(value: str, code: str, locale: str, text: str) -> None:
    assert shown(value, code, locale_of(locale)) == text
