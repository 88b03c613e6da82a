"""The words of a workbook: a locale's, or what the report's own language file says."""

from __future__ import annotations

from pathlib import Path

from openpyxl import load_workbook

from reportd.render.task import RenderSettings
from reportd.render.xlsx import XLSX
from reportd.report.locales import speaking
from reportd.report.translation import words
from tests.folders import ORDERS, document, report

FR = '[columns]\ncustomer = "Client"\n[words]\nsheet_summary = "Synthèse"\ntotal = "Total général"\n'


def test_a_workbook_speaks_as_the_reports_language_file_does(tmp_path: Path) -> None:
    files = {"i18n/fr.toml": FR}
    with speaking(words(report(files, ORDERS), "fr")):
        made = document(tmp_path / "spool", files, ORDERS, locale="fr")
        (file,) = XLSX().render(made, out=tmp_path, settings=RenderSettings())
    book = load_workbook(file.path)
    assert book.sheetnames == ["Synthèse", "Orders"]
    rows = list(book["Orders"].values)
    assert rows[0][1] == "Client"
    assert rows[-1][0] == "Total général"


def test_a_workbook_of_a_german_report_is_german(tmp_path: Path) -> None:
    (file,) = XLSX().render(
        document(tmp_path / "spool", {}, ORDERS, locale="de-CH"), out=tmp_path, settings=RenderSettings()
    )
    assert load_workbook(file.path).sheetnames[0] == "Übersicht"
