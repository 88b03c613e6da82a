"""Reading a report's file: what becomes of it, and how each mistake is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reportd.errors import ReportError
from reportd.report.definition import FORMATS_DEFAULT, Report, ReportSource
from reportd.report.params import schema_of
from reportd.report.sqlfile import kind_name, parse
from tests.unit.report.sources import report, source, with_front

REFERENCE = """\
-- /// report
-- title    = "Sales by region"
-- params.period = { type = "daterange", default = "last month" }
-- schedule = { cron = "0 7 1 * *", timezone = "Europe/Vienna", deliver = ["file:sales/"], formats = ["pdf", "xlsx"] }
-- ///
-- @kpi
select sum(amount) as revenue, count(*) as orders, avg(amount) as avg_order from orders where ordered_on <@ :period;
-- @bar "Revenue by day" x=day y=revenue
select ordered_on as day, sum(amount) as revenue from orders where ordered_on <@ :period group by 1 order by 1;
-- @table "Orders" group=region subtotal=amount,qty
select region, ordered_on, customer, qty, amount from orders where ordered_on <@ :period order by region, ordered_on;
"""


def failure(text: str, *, name: str = "sales") -> ReportError:
    with pytest.raises(ReportError) as caught:
        report(text, name=name)
    return caught.value


def test_a_file_with_nothing_but_sql_is_one_table() -> None:
    found = report("-- who owes us\nselect id, amount from invoices where not paid;\n", name="overdue_invoices")
    assert (found.title, found.formats, found.params, found.schedules) == ("Overdue invoices", FORMATS_DEFAULT, (), ())
    (block,) = found.blocks
    assert (block.kind, block.name, block.title, block.line, block.column) == ("table", "overdue_invoices", "", 2, 1)
    assert block.sql == "select id, amount from invoices where not paid"
    assert block.file == "overdue_invoices.sql"


def test_the_reference_report_is_read_whole() -> None:
    found = report(REFERENCE)
    assert found.title == "Sales by region"
    assert [(b.kind, b.name, b.title, b.line, dict(b.options)) for b in found.blocks] == [
        ("kpi", "kpi1", "", 7, {}),
        ("bar", "revenue-by-day", "Revenue by day", 9, {"x": "day", "y": "revenue"}),
        ("table", "orders", "Orders", 11, {"group": "region", "subtotal": "amount,qty"}),
    ]
    (param,) = found.params
    assert (param.name, param.type, param.title, param.default, param.line) == (
        "period",
        "daterange",
        "Period",
        "last month",
        3,
    )
    (schedule,) = found.schedules
    assert (schedule.name, schedule.cron, schedule.timezone) == ("sales", "0 7 1 * *", "Europe/Vienna")
    assert (schedule.deliver, schedule.formats, schedule.misfire, schedule.line) == (
        ("file:sales/",),
        ("pdf", "xlsx"),
        "last",
        4,
    )


def test_every_key_of_the_front_matter_arrives() -> None:
    found = report(
        with_front("""
            title = "T"
            subtitle = "S"
            description = "D"
            author = "A"
            confidentiality = "internal"
            formats = ["csv", "json"]
            timezone = "America/New_York"
            locale = "de-AT"
            paper = "Letter"
            queue = "reports"
            priority = -3
            timeout_s = 90
            max_rows = 1000
        """)
    )
    kept = {
        "title": "T",
        "subtitle": "S",
        "description": "D",
        "author": "A",
        "confidentiality": "internal",
        "formats": ("csv", "json"),
        "timezone": "America/New_York",
        "locale": "de-AT",
        "paper": "Letter",
        "queue": "reports",
        "priority": -3,
        "timeout_s": 90.0,
        "max_rows": 1000,
    }
    assert {key: getattr(found, key) for key in kept} == kept


def test_every_key_of_a_parameter_arrives() -> None:
    found = report(
        with_front("""
            [params.code]
            type = "text"
            title = "Code"
            description = "Of the region"
            pattern = "[A-Z]{2}"
            many = true
            secret = true
            required = true
            [params.score]
            type = "numeric"
            min = 0.5
            max = 10
            default = 1.5
            [params.state]
            type = "enum"
            choices = ["open", "paid"]
            [params.since]
            type = "date"
            default = 2026-01-31
        """)
    )
    code, score, state, since = found.params
    assert (code.title, code.description, code.pattern) == ("Code", "Of the region", "[A-Z]{2}")
    assert (code.many, code.secret, code.required, code.line) == (True, True, True, 2)
    assert (score.minimum, score.maximum, score.default, score.line) == (0.5, 10, 1.5, 10)
    assert state.choices == ("open", "paid")
    assert since.default == "2026-01-31"


def test_leading_comments_and_a_byte_order_mark_do_no_harm() -> None:
    text = "\ufeff-- (c) us\n/* all rights */\n\n" + with_front('title = "T"') + ";"
    assert parse(ReportSource("a", {"a.sql": text}, "a.sql")).title == "T"


def test_windows_line_ends_do_no_harm() -> None:
    text = source(REFERENCE).files["sales.sql"].replace("\n", "\r\n")
    found = parse(ReportSource("sales", {"sales.sql": text}, "sales.sql"))
    assert [block.line for block in found.blocks] == [7, 9, 11]
    assert found.blocks[1].title == "Revenue by day"


def test_a_statement_may_lack_its_last_semicolon() -> None:
    found = report("-- @kpi\nselect 1 as n\n-- @table\nselect 2 as n")
    assert [block.sql for block in found.blocks] == ["select 1 as n", "select 2 as n"]


def test_a_statement_keeps_its_inner_comments_and_planner_hints() -> None:
    found = report(
        "-- @table\n-- said\n/*+ SeqScan(t) */ select 1 as n -- why\n, 2 as m -- end\n-- after\n;\n-- tail\n"
    )
    assert found.blocks[0].sql == "/*+ SeqScan(t) */ select 1 as n -- why\n, 2 as m"
    assert (found.blocks[0].line, found.blocks[0].column) == (3, 1)


def test_an_indented_statement_knows_its_column() -> None:
    found = report("-- @table\n   select 1 as n;")
    assert (found.blocks[0].line, found.blocks[0].column) == (2, 4)


def test_a_block_inside_a_string_or_comment_opens_nothing() -> None:
    found = report("select $$\n-- @table\n$$ as a, '\n-- @nope\n' as b /*\n-- @kpi\n*/;")
    assert len(found.blocks) == 1


def test_unnamed_blocks_get_names_that_stay_different() -> None:
    found = report("""
        -- @table "Orders"
        select 1;
        -- @table orders
        select 2;
        -- @table "Orders"
        select 3;
        -- @bar
        select 4;
        -- @table
        select 5;
        -- @line "Übersicht: Größe"
        select 6;
        -- @data "Заказы" raw
        select 7;
        -- @table "Заказы"
        select 8;
    """)
    assert [block.name for block in found.blocks] == [
        "orders-2",
        "orders",
        "orders-3",
        "bar1",
        "table4",
        "ubersicht-groe",
        "raw",
        "table5",
    ]


def test_a_long_title_gives_a_name_cut_between_words() -> None:
    found = report('-- @table "One two three four five six seven eight nine ten eleven"\nselect 1;')
    assert found.blocks[0].name == "one-two-three-four-five-six-seven-eight-nine-ten"


def test_an_openings_words_may_be_quoted() -> None:
    found = report('-- @bar "Say ""hi""" x="my day" y=\'a b\'\nselect 1;')
    block = found.blocks[0]
    assert (block.title, dict(block.options)) == ('Say "hi"', {"x": "my day", "y": "a b"})


def test_undeclared_placeholders_become_required_parameters_of_any_type() -> None:
    found = report("select :min_days, :period_start, :min_days", name="late")
    assert [(p.name, p.type, p.required, p.title, p.line) for p in found.params] == [
        ("min_days", "any", True, "Min days", 1),
        ("period_start", "any", True, "Period start", 1),
    ]


def test_a_declared_daterange_gives_its_first_and_last_instant() -> None:
    found = report(with_front('params.p = { type = "daterange" }', sql="select :p, :p_start, :p_end"))
    assert [param.name for param in found.params] == ["p"]


def test_schedules_come_as_one_as_a_list_and_by_key() -> None:
    def names(front: str) -> list[tuple[str, int]]:
        return [(schedule.name, schedule.line) for schedule in report(with_front(front)).schedules]

    assert names('schedule = { cron = "@daily" }') == [("sales", 2)]
    assert names('schedules = [{ cron = "@daily" }, { name = "weekly", cron = "@weekly" }]') == [
        ("sales-1", 2),
        ("sales-weekly", 2),
    ]
    assert names('[schedules.a]\ncron = "@daily"\n[schedules.b]\ncron = "@daily"') == [("sales-a", 2), ("sales-b", 4)]
    assert names('[[schedules]]\ncron = "@daily"\n[[schedules]]\ncron = "@daily"') == [("sales-1", 2), ("sales-2", 4)]


def test_a_schedules_rules_and_span_are_read() -> None:
    front = """
[schedules.month-end]
cron = "0 7 1 * *"
timezone = "Europe/Vienna"
misfire = "all"
overlap = "queue"
starts_at = 2026-11-01
ends_at = 2027-01-01T00:00:00Z
"""
    (plan,) = report(with_front(front)).schedules
    assert (plan.misfire, plan.overlap, plan.template) == ("all", "queue", None)
    assert plan.starts_at == datetime(2026, 10, 31, 23, tzinfo=UTC), "midnight in Vienna"
    assert plan.ends_at == datetime(2027, 1, 1, tzinfo=UTC)


def test_templates_preset_params_and_output() -> None:
    front = """
params.region = { type = "text", required = true }
params.year = { type = "int", required = true }
[templates.north]
title = "The north"
params = { region = "north" }
formats = ["pdf"]
[schedules.yearly]
cron = "@yearly"
template = "north"
params = { year = 2026 }
"""
    found = report(with_front(front))
    (template,) = found.templates
    assert (template.name, template.title, template.params) == ("north", "The north", {"region": "north"})
    assert (template.formats, template.deliver) == (("pdf",), ())
    assert (found.schedules[0].template, found.schedules[0].params) == ("north", {"year": 2026})


def test_a_schedules_params_are_checked_over_its_templates() -> None:
    front = """
params.year = { type = "int", required = true }
templates.board = { formats = ["pdf"] }
schedule = { cron = "@daily", template = "TEMPLATE" }
"""
    assert (
        'schedule "sales": parameter "year" is missing'
        in failure(with_front(front.replace("TEMPLATE", "board"))).message
    )
    # One made by SQL may give it.
    assert report(with_front(front.replace("TEMPLATE", "elsewhere"))).schedules[0].template == "elsewhere"


def test_a_schedule_takes_the_reports_zone_and_else_none() -> None:
    plan = 'schedule = { cron = "@daily" }'
    assert report(with_front(plan)).schedules[0].timezone is None
    assert report(with_front(f'timezone = "Asia/Tokyo"\n{plan}')).schedules[0].timezone == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", "1", "holds no SQL statement"),
        ("-- only words\n;;", "1", "holds no SQL statement"),
        ("select 1; select 2;", "1:11", "the file holds 2 statements; begin each with a line such as: -- @table"),
        ("-- @table\nselect 1;\n\n  select 2;", "4:3", 'block "table1" (@table, line 1) holds 2 statements'),
        ("-- @kpi\n-- @table\nselect 1;", "1:1", 'block "kpi1" (@kpi, line 1) has no SQL statement under it'),
        ("select 1;\n-- @table\nselect 2;", "1:1", "SQL before the first block"),
        ("-- @tabel\nselect 1;", "1:4", 'unknown block "@tabel"; did you mean "@table"?'),
        ("-- @author Jo\nselect 1;", "1:4", "a comment must not begin with @"),
        ("select 1 -- @table\n;", "1:10", "@table must stand on a line of its own"),
        (
            "-- @table colour=red\nselect 1;",
            "1:11",
            'unknown option "colour" of @table (known: group, subtotal, total, running)',
        ),
        ("-- @table grop=a\nselect 1;", "1:11", 'did you mean "group"?'),
        ("-- @kpi group=a\nselect 1;", "1:9", "(it has none)"),
        ("-- @table group=a group=b\nselect 1;", "1:19", "stands twice"),
        ("-- @bar x=a,b\nselect 1;", "1:9", "takes one column, not 2"),
        ("-- @bar y=a,,b\nselect 1;", "1:9", "needs a column's name"),
        ("-- @bar y=\nselect 1;", "1:8", "can't read 'y='"),
        ('-- @bar "Open\nselect 1;', "1:8", "can't read"),
        ("-- @data\nselect 1;", "1:1", "@data needs a name"),
        ("-- @table Orders\nselect 1;", "1:11", "a title stands in quotes"),
        ("-- @table a b\nselect 1;", "1:13", 'a second name "b"'),
        ('-- @table "a" "b"\nselect 1;', "1:15", "a second title"),
        ("-- @table a\nselect 1;\n-- @bar a\nselect 2;", "3", 'block "a" stands at sales.sql:1 already'),
        ("-- @table\nselect 'a\n;", "2:8", "the string that starts here has no end"),
        ("-- @table\nselect $x$ a;", "2:8", "the dollar quote $x$ that starts here has no end"),
        ("-- @table\nselect 1 /* a;", "2:10", "the comment that starts here has no end"),
        ("select $1;", "1:8", "write :name in place of $1"),
        ("\\pset format csv\nselect 1;", "1:1", "psql command"),
        ("select :naïve;", "1:8", "can't name a parameter"),
        ("-- ///\n-- ///\nselect 1;", "1:1", "it opens with: -- /// report"),
        ("-- /// reprot\n-- ///\nselect 1;", "1:1", '"reprot" is not report; did you mean "report"?'),
        ("-- /// report\n-- title = 'x'\nselect 1;", "1:1", "has no end: close it with: -- ///"),
        ("-- /// report\nselect 1;\n-- ///", "2:1", "every line of the front matter begins with --"),
        ("select 1;\n-- /// report\n-- ///", "2:1", "stands at the top of the file"),
        ("-- @table\n-- /// report\n-- ///\nselect 1;", "2:1", "stands at the top of the file"),
        ("-- /// report\n-- ///\n-- /// report\n-- ///\nselect 1;", "3:1", "a second front matter"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(text: str, place: str, words: str) -> None:
    error = failure(text)
    assert error.message.startswith(f"reports/sales.sql:{place}: "), error.message
    assert words in error.message
    line, _, column = place.partition(":")
    expected = {"file": "reports/sales.sql", "line": int(line)} | ({"column": int(column)} if column else {})
    assert error.detail == expected
    assert not error.retryable


@pytest.mark.parametrize(
    ("front", "place", "words"),
    [
        ("title = ", "2:11", "the front matter is not TOML: Invalid value"),
        ('title = "a"\nsubtitle = "b', "3:17", "the front matter is not TOML"),
        ('title = "a"\ntitle = "b"', "3:15", "Cannot overwrite a value"),
        ('title = "a"\ntitel = "b"', "3", 'unknown key "titel"; did you mean "title"?'),
        ('title = "a"\nprotect = { password = "x" }', "3", "protect: reportd encrypts no files"),
        ('title = "a"\nformats = [\n"pdf",', "4", "the front matter is not TOML: Invalid value"),
        ("title = 5", "2", "title: '5' is not a text in quotes"),
        ('title = " "', "2", "is not a text in quotes"),
        ('author = "a"\nformats = "pdf"', "3", 'formats: \'pdf\' is not a list of formats, such as ["pdf", "xlsx"]'),
        ("formats = []", "2", "is not a list of formats"),
        ('formats = ["pdf", "pdf"]', "2", "stands twice"),
        ('timezone = "Europe/Viena"', "2", 'there is no time zone "Europe/Viena"; did you mean "Europe/Vienna"?'),
        ('timezone = "../etc"', "2", "there is no time zone"),
        ('timezone = "Europe"', "2", "there is no time zone"),
        ('locale = "german"', "2", 'is not a locale such as "de-AT"'),
        ('paper = "a4"', "2", '"a4" is not A4 or Letter; did you mean "A4"?'),
        ('queue = "My Queue"', "2", "is not a queue's name"),
        ("priority = 10", "2", "is not a whole number from -9 to 9"),
        ("priority = true", "2", "is not a whole number"),
        ("timeout_s = 0", "2", "is not a number of seconds above 0"),
        ("timeout_s = nan", "2", "is not a number of seconds above 0"),
        ("max_rows = 1.5", "2", "is not a whole number"),
        ("params = 1", "2", "params must be tables"),
        ('params.p = "text"', "2", "params.p must be a table"),
        ('params.p = { default = "x" }', "2", "params.p: type is missing (one of: text, int, "),
        ('params.p = { type = "dateragne" }', "2", 'did you mean "daterange"?'),
        ('params.p = { type = "any" }', "2", '"any" is not text, int,'),
        ('params.p = { type = "int", mim = 3 }', "2", 'unknown key "mim" in params.p; did you mean "min"?'),
        ('[params.p]\ntype = "int"\nmim = 3', "4", 'unknown key "mim" in params.p'),
        ('params.a-b = { type = "int" }', "2", '"a-b" can\'t name a parameter'),
        ('params.p = { type = "int", default = "x" }', "2", 'params.p.default: "x" is no whole number'),
        ('params.p = { type = "daterange", default = "lst month" }', "2", 'did you mean "last month"?'),
        ('params.p = { type = "int", default = 5, max = 4 }', "2", "params.p.default: 5 is above the maximum 4"),
        ('params.p = { type = "int", min = 5, max = 4 }', "2", "params.p.min: 5 is above max 4"),
        ('params.p = { type = "int", min = "a" }', "2", "params.p.min:"),
        ('params.p = { type = "date", max = "today" }', "2", '"today" moves; write a date'),
        ('params.p = { type = "text", min = 1 }', "2", "a text has no min; it is for int, numeric"),
        ('params.p = { type = "int", pattern = "a" }', "2", "a int has no pattern".replace("a int", "int")),
        ('params.p = { type = "text", pattern = "(" }', "2", "not a regular expression"),
        ('params.p = { type = "enum" }', "2", "params.p: an enum needs choices"),
        ('params.p = { type = "enum", choices = "a" }', "2", "is not a list of different texts"),
        ('params.p = { type = "text", choices = ["a"] }', "2", "only an enum has choices"),
        ('params.p = { type = "enum", choices = ["a"], default = "b" }', "2", "is not one of: a"),
        ('params.p = { type = "int", required = true, default = 1 }', "2", "never missing; drop one of the two"),
        ('params.p = { type = "int", required = "yes" }', "2", "is not true or false"),
        ('params.p = { type = "text", many = true, default = "a" }', "2", "is no list"),
        (
            'params.p = { type = "daterange" }\nparams.p_end = { type = "date" }',
            "3",
            '"p_end" is given by the daterange "p" already',
        ),
        ('schedule = "@daily"', "2", "schedule must be a table"),
        ("schedules = 5", "2", "schedules must be tables"),
        ("schedule = { formats = ['pdf'] }", "2", "schedule: cron is missing"),
        ('schedule = { cron = "0 25 * * *" }', "2", 'hour can\'t be "25" (allowed: 0-23)'),
        ('schedule = { cron = "0 7 1 * *", timezone = "Mars" }', "2", 'there is no time zone "Mars"'),
        ('schedule = { cron = "@daily", misfire = "al" }', "2", 'did you mean "all"?'),
        ('schedule = { cron = "@daily", overlap = "wait" }', "2", '"wait" is not allow, skip or queue'),
        ('schedule = { cron = "@daily", starts_at = "soon" }', "2", "'soon' is not a time without quotes"),
        ('schedule = { cron = "@daily", starts_at = 2026-11-01 }', "2", "write an offset: 2026-11-01T00:00:00Z"),
        (
            'schedule = { cron = "@daily", starts_at = 2026-11-01T00:00:00Z, ends_at = 2026-11-01T00:00:00Z }',
            "2",
            "it ends before it starts",
        ),
        ('schedule = { cron = "@daily", template = "Über" }', "2", "is not a template's name"),
        ("templates = 5", "2", "templates must be tables"),
        ("[templates.Board]\nparams = {}", "2", "can't name a template"),
        ("[templates.board]\nparam = {}", "3", 'unknown key "param" in templates.board; did you mean "params"?'),
        ("templates.board = { params = { x = 1 } }", "2", 'template "board": unknown parameter "x"'),
        ('schedule = { cron = "@daily", every = 5 }', "2", 'unknown key "every" in schedule'),
        ('schedule = { cron = "@daily", params = { x = 1 } }', "2", 'schedule "sales": unknown parameter "x"'),
        ("[schedules.Weekly]\ncron = '@weekly'", "2", "can't name a schedule"),
        (
            "[[schedules]]\nname = 'a'\ncron = '@weekly'\n[[schedules]]\nname = 'a'\ncron = '@daily'",
            "2",
            'two schedules are named "sales-a"',
        ),
        (
            'params.p = { type = "int", required = true }\nschedule = { cron = "@daily" }',
            "3",
            'schedule "sales": parameter "p" is missing (type int)',
        ),
    ],
)
def test_a_mistake_in_the_front_matter_is_told_with_its_line(front: str, place: str, words: str) -> None:
    error = failure(with_front(front))
    assert error.message.startswith(f"reports/sales.sql:{place}: "), error.message
    assert words in error.message


def test_the_lines_of_an_indented_front_matter_are_the_files() -> None:
    error = failure("-- first\n\n    --/// report\n    --  title = 'a'\n\n    --  priority = 99\n    --///\nselect 1;")
    assert error.detail["line"] == 6


def test_numbers_past_pythons_limits_are_no_crash() -> None:
    assert "not TOML" in failure(with_front(f"priority = {'9' * 5000}")).message
    assert "not TOML" in failure(with_front(f"formats = {'[' * 5000}")).message


def test_a_name_comes_from_the_file_unchanged() -> None:
    assert kind_name("overdue_invoices.sql") == "overdue_invoices"
    assert kind_name("q3-sales.sql") == "q3-sales"


@pytest.mark.parametrize(
    ("file", "remedy"), [("Über Sicht!.sql", "ber-sicht.sql"), ("a" * 64 + ".sql", "a" * 63), (".sql", "report.sql")]
)
def test_a_bad_file_name_is_refused_with_a_better_one(file: str, remedy: str) -> None:
    with pytest.raises(ReportError, match="rename it, for example to") as caught:
        kind_name(file)
    assert remedy in caught.value.message


def test_a_source_without_one_sql_file_is_refused() -> None:
    with pytest.raises(ReportError, match=r"one \.sql file; here are 0"):
        parse(ReportSource("a", {"readme.md": ""}, "a"))


def test_the_schema_lists_declared_and_used_parameters() -> None:
    found: Report = report(with_front('params.n = { type = "int", required = true }', sql="select :n, :m"))
    schema = schema_of(found.params)
    assert list(schema["properties"]) == ["n", "m"]
    assert schema["required"] == ["n", "m"]
