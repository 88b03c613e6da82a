"""Which scripts a text has, which way it reads, and how wide it stands."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import openpyxl
import pytest

from reportd.render.characters import characters_of, missing_note
from reportd.render.csv import CSV
from reportd.render.fonts import width_em
from reportd.render.html import directed
from reportd.render.json import JSON
from reportd.render.pango import fonts_line
from reportd.render.scripts import SAMPLES, is_east_asian, is_right_to_left, is_visible, scripts_of
from reportd.render.task import RenderSettings
from reportd.render.webpage import HTML
from reportd.render.xlsx import XLSX
from tests.spooled import Given, document


def test_a_text_s_scripts_are_those_that_our_family_lacks() -> None:
    assert scripts_of("Zoë Дарья Ζωή") == ()
    assert [script.name for script in scripts_of("ไทย नमस्ते محمد שלום")] == ["arabic", "hebrew", "devanagari", "thai"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("محمد", True),
        ("42 محمد", True),
        ("שלום abc", True),
        ("abc שלום", False),
        ("Zoë", False),
        ("42", False),
        ("", False),
    ],
)
def test_the_first_letter_says_which_way_a_text_reads(text: str, expected: bool) -> None:
    assert is_right_to_left(text) is expected


def test_a_cell_from_right_to_left_is_set_apart_and_escaped() -> None:
    assert directed("محمد <b>") == '<bdi dir="rtl">محمد &lt;b&gt;</bdi>'
    assert directed("Zoë <b>") == "Zoë &lt;b&gt;"


def test_marks_and_joiners_take_no_room_and_ideographs_a_whole_em() -> None:
    assert width_em("क") > 0.4
    assert width_em("\u0941\u200d") == 0  # a vowel sign below, a joiner
    assert width_em("李明") == 2
    assert 0.2 < width_em("محمد") / 4 < 0.9


def test_controls_and_selectors_are_not_missed() -> None:
    assert not any(map(is_visible, "\x00\u200b\u2067\ufe0f\u00a0\n"))
    assert all(map(is_visible, "李𓀀é"))


def test_the_characters_of_a_document_are_those_on_its_pages(tmp_path: Path) -> None:
    table = Given("table", {"name": "text", "amount_eur": "numeric"}, [("Zoë 李", "1.00")], "Größe")
    hidden = Given("data", {"note": "text"}, [("ж",)])
    assert characters_of(document(tmp_path, table, hidden)) >= set("ë李öß")
    assert "ж" not in characters_of(document(tmp_path, table, hidden))


def test_a_missing_font_is_named_with_what_installs_it(tmp_path: Path) -> None:
    made = document(tmp_path, Given("table", {"name": "text"}, [("x",)]))
    note = missing_note(("李", "明"), made)
    assert "2 characters (U+674E U+660E)" in note
    assert fonts_line(east_asian=True) in note
    assert "…" in missing_note([chr(0x4E00 + n) for n in range(40)], made)


def test_every_distribution_has_a_line_for_fonts(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    for name, line in {
        "debian": "apt-get install -y fonts-noto-cjk",
        "fedora": "dnf install -y google-noto-sans-cjk-fonts",
        "plan9": "install the Noto CJK fonts with your system's package manager",
    }.items():
        release.write_text(f"ID={name}\n")
        assert fonts_line(east_asian=True, release=release) == line


def test_the_samples_are_of_the_scripts_they_stand_for() -> None:
    assert {name for name, sample in SAMPLES.items() if is_east_asian(sample[0])} == {"Chinese", "Japanese", "Korean"}
    assert {name for name, sample in SAMPLES.items() if is_right_to_left(sample)} == {"Arabic", "Hebrew"}


def test_names_of_every_script_come_out_right_in_the_other_formats(tmp_path: Path) -> None:
    names = ["Étienne L’Hôte", "Десислава", "Παναγιώτης", *SAMPLES.values(), "𓀀"]
    made = document(tmp_path, Given("table", {"name": "text", "score": "int8"}, [(name, "1") for name in names]))
    files = {
        format.format: Path(format.render(made, out=tmp_path, settings=RenderSettings())[0].path)
        for format in (CSV(), JSON(), XLSX(), HTML())
    }
    with files["csv"].open(encoding="utf-8-sig", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == names
    [block] = json.loads(files["json"].read_text(encoding="utf-8"))["blocks"]
    assert [row["name"] for row in block["rows"]] == names
    sheet = openpyxl.load_workbook(files["xlsx"]).worksheets[1]
    assert [sheet.cell(row, 1).value for row in range(2, 2 + len(names))] == names
    page = files["html"].read_text(encoding="utf-8")
    assert all(f">{name}<" in page for name in names)
    assert '<bdi dir="rtl">محمد</bdi>' in page
