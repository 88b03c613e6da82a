"""Reports that are directories: which files make one, and how faults in them are told."""

from __future__ import annotations

import pytest

from reportd.errors import ReportError
from reportd.report.definition import Report, ReportSource
from reportd.report.reader import read
from reportd.report.usage import unused

CODE = "def fetch(ctx):\n    pass\n"


def folder(**files: str) -> Report:
    """The report `sales` of these files; a name's last `_` is the dot before its ending."""
    names = {".".join(name.rsplit("_", 1)): text for name, text in files.items()}
    return read(ReportSource("sales", names, "reports/sales"))


def failure(**files: str) -> ReportError:
    with pytest.raises(ReportError) as raised:
        folder(**files)
    return raised.value


def test_blocks_come_in_the_order_of_the_files_names_and_front_matter_from_the_toml() -> None:
    report = folder(
        report_toml='title = "All sales"\nparams.least = { type = "int", default = 1 }\n',
        **{"2-orders_sql": "select :least as n", "1-top_sql": "-- @kpi\nselect 1;\n-- @bar days\nselect 2;"},
    )
    assert report.title == "All sales"
    assert [(block.kind, block.name, block.file, block.line) for block in report.blocks] == [
        ("kpi", "kpi1", "sales/1-top.sql", 2),
        ("bar", "days", "sales/1-top.sql", 4),
        ("table", "orders", "sales/2-orders.sql", 1),
    ]
    assert [param.name for param in report.params] == ["least"]
    assert report.code is None


def test_a_fault_that_is_found_later_is_told_with_the_toml_too() -> None:
    assert folder(report_toml="", a_sql="select 1").source.front == "reports/sales/report.toml"
    assert ReportSource("sales", {"sales.sql": "select 1"}, "reports/sales.sql").front == "reports/sales.sql"


def test_unnamed_blocks_of_several_files_get_different_names() -> None:
    report = folder(report_toml="", a_sql="-- @kpi\nselect 1", b_sql="-- @kpi\nselect 2")
    assert [block.name for block in report.blocks] == ["kpi1", "kpi1-2"]


@pytest.mark.parametrize(
    ("code", "fetch", "build"),
    [
        (CODE, True, False),
        ("def build(params, data): ...", False, True),
        ("def build(*args): ...\ndef fetch(ctx, other=1): ...", True, True),
    ],
)
def test_code_is_read_for_its_hooks_and_not_run(code: str, fetch: bool, build: bool) -> None:
    report = folder(report_py=f"{code}\nraise SystemExit\n")
    assert report.code is not None
    assert (report.code.fetch, report.code.build) == (fetch, build)


def test_parameters_of_a_report_with_code_are_never_called_unused() -> None:
    toml = 'params.n = { type = "int" }'
    assert unused(folder(report_toml=toml, report_py=CODE)) == ()
    assert [param.name for param in unused(folder(report_toml=toml, a_sql="select 1"))] == ["n"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"report_toml": "titel = 1", "a_sql": "select 1"},
            'reports/sales/report.toml:1: unknown key "titel"; did you mean "title"?',
        ),
        ({"report_toml": "a = \n"}, "reports/sales/report.toml:1:5: the front matter is not TOML"),
        ({"report_toml": ""}, "reports/sales: holds no .sql file and no report.py"),
        ({"report_py": "def fetch(ctx:\n"}, "reports/sales/report.py:1:"),
        ({"report_py": "x = 1\n"}, "reports/sales/report.py:1: defines neither fetch(ctx) nor build(params, data)"),
        ({"report_py": "\ndef build(data): ..."}, "reports/sales/report.py:2: build is called as build(params, data)"),
        ({"report_py": "def fetch(ctx, more): ..."}, "reports/sales/report.py:1: fetch is called as fetch(ctx)"),
        ({"report_py": "async def fetch(ctx): ..."}, "write def in place of async def"),
        ({"report_toml": "", "a_sql": "-- @table a\nselect 1", "b_sql": "\n-- @bar a\nselect 1"}, "b.sql:2: block"),
        ({"report_toml": "", "a_sql": "-- /// report\n-- title = 'x'\n-- ///\nselect 1"}, "a.sql:1: the front matter"),
        ({"report_toml": "", "Größe_sql": "select 1"}, "reports/sales/Größe.sql: is named with lower-case letters"),
        ({"report_toml": "", "a_sql": "select 1; select 2"}, "reports/sales/a.sql:1:11: "),
    ],
)
def test_a_mistake_is_told_with_the_file_that_has_it(files: dict[str, str], message: str) -> None:
    assert message in failure(**files).message
