"""What is found in report directories, and what is installed."""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from reportd import plugins
from reportd.errors import ConfigError
from reportd.plugins import Broken, formats, kinds, reports
from reportd.report.definition import Report

SQL = "select 1 as one;\n"


def broken(directory: Path) -> Broken:
    """The only thing in `directory`, which is broken."""
    [found] = reports([directory])
    assert isinstance(found, Broken)
    return found


def test_every_sql_file_of_every_directory_is_a_report_in_order_of_name(tmp_path: Path) -> None:
    for directory, names in (("a", ("zebra", "b-1")), ("b", ("middle_2",))):
        (tmp_path / directory).mkdir()
        for name in names:
            (tmp_path / directory / f"{name}.sql").write_text(SQL)
    found = reports([tmp_path / "a", tmp_path / "b", tmp_path / "a"])
    assert [each.name for each in found] == ["b-1", "middle_2", "zebra"]
    assert all(isinstance(each, Report) for each in found)
    assert isinstance(found[1], Report)
    assert found[1].source.path == str(tmp_path / "b" / "middle_2.sql")
    assert dict(found[1].source.files) == {"middle_2.sql": SQL}


def test_what_is_no_report_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "orders.sql").mkdir()
    (tmp_path / "deep").mkdir()
    for name in ("notes.txt", ".orders.sql", "orders.sql~", "deep/inner.sql"):
        (tmp_path / name).write_text(SQL)
    assert reports([tmp_path]) == []


def test_a_directory_with_a_toml_or_code_is_a_report_with_its_files_and_no_others(tmp_path: Path) -> None:
    for name, text in {"report.toml": "", "a.sql": SQL, "a.sql~": "", ".b.sql": "", "notes.md": ""}.items():
        (tmp_path / "sales").mkdir(exist_ok=True)
        (tmp_path / "sales" / name).write_text(text)
    [found] = reports([tmp_path])
    assert isinstance(found, Report)
    assert (found.name, found.source.path) == ("sales", str(tmp_path / "sales"))
    assert dict(found.source.files) == {"report.toml": "", "a.sql": SQL}


def test_pictures_languages_and_pages_are_files_of_a_report_too(tmp_path: Path) -> None:
    files = {"report.toml": b"", "a.sql": SQL.encode(), "logo.svg": b"<svg/>", "i18n/de.toml": b"", ".old.svg": b"x"}
    pages = {"template.html": b'{% extends "base.html" %}', "theme.css": b"", "notes.txt": b"", "i18n/notes.txt": b""}
    for name, content in {**files, **pages}.items():
        (tmp_path / "sales" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sales" / name).write_bytes(content)
    before = plugins.stamp([tmp_path])
    [found] = reports([tmp_path])
    assert isinstance(found, Report)
    assert sorted(found.source.files) == ["a.sql", "i18n/de.toml", "report.toml", "template.html", "theme.css"]
    assert {name: b64decode(content) for name, content in found.source.assets.items()} == {"logo.svg": b"<svg/>"}
    digest = found.source.sha256
    (tmp_path / "sales" / "logo.svg").write_bytes(b"<svg />")
    (tmp_path / "sales" / "i18n" / "de.toml").write_bytes(b'title = "x"')
    assert len(plugins.stamp([tmp_path]) ^ before) == 4
    [found] = reports([tmp_path])
    assert isinstance(found, Report)
    assert found.source.sha256 != digest


def test_the_files_of_a_directory_are_limited_together(tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales" / "report.toml").write_text("#" * 2**19)
    (tmp_path / "sales" / "a.sql").write_text("-" * (2**19 + 1))
    assert "larger than 1024 kB, the others included" in str(broken(tmp_path).error)


def test_a_broken_report_is_named_with_its_place_and_the_others_load(tmp_path: Path) -> None:
    (tmp_path / "good.sql").write_text(SQL)
    (tmp_path / "bad.sql").write_text("-- @nonsense\nselect 1;\n")
    bad, good = reports([tmp_path])
    assert isinstance(good, Report)
    assert isinstance(bad, Broken)
    assert (bad.name, bad.path) == ("bad", str(tmp_path / "bad.sql"))
    assert str(bad.error).startswith(f"{tmp_path / 'bad.sql'}:1")


@pytest.mark.parametrize(("name", "legal"), [("Überfällige Posten.sql", "berf-llige-posten"), ("Ü.sql", "report")])
def test_a_file_that_is_misnamed_is_broken_under_a_name_that_a_kind_may_have(
    tmp_path: Path, name: str, legal: str
) -> None:
    (tmp_path / name).write_text(SQL)
    found = broken(tmp_path)
    assert found.name == legal
    assert "rename it" in str(found.error)


def unreadable(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.write_bytes(b"select 1;\n-- \xff\n"), r"orders\.sql:2: is not UTF-8"),
        (lambda path: path.write_bytes(b"-" * (2**20 + 1)), r"is larger than 1024 kB"),
        (unreadable, r"can't be read: No such file"),
    ],
)
def test_a_file_that_can_not_be_read_is_broken(tmp_path: Path, spoil: Callable[[Path], object], reason: str) -> None:
    spoil(tmp_path / "orders.sql")
    error = broken(tmp_path).error
    with pytest.raises(type(error), match=reason):
        raise error


def test_one_name_in_two_directories_is_refused_naming_both_files(tmp_path: Path) -> None:
    for directory in ("a", "b"):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "orders.sql").write_text(SQL)
    [found] = reports([tmp_path / "a", tmp_path / "b"])
    assert isinstance(found, Broken)
    assert found.name == "orders"
    assert str(tmp_path / "a" / "orders.sql") in str(found.error)
    assert str(tmp_path / "b" / "orders.sql") in str(found.error)


def test_a_directory_that_is_not_there_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path}{os.sep}none can't be read: No such file"):
        reports([tmp_path / "none"])


def test_the_own_formats_and_kinds_come_by_entry_points() -> None:
    assert {"pdf", "xlsx", "csv", "json"} <= set(formats())
    assert formats()["csv"].startswith("reportd.render.csv:")
    assert isinstance(kinds(), dict)


def test_two_packages_with_one_format_are_refused_naming_both(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("pdf", place, "reportd.formats") for place in ("reportd.render.pdf:PDF", "other:PDF")]
    monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints(points))
    with pytest.raises(ConfigError, match=r"'pdf' in reportd\.formats: reportd\.render\.pdf:PDF and other:PDF"):
        formats()
