from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportd.errors import ReportError
from reportd.render.build import build
from reportd.render.columns import summable
from reportd.render.task import RenderSettings
from reportd.report.definition import Param
from reportd.report.document import Chart, Column, Data, Format, Kpis, Table
from reportd.report.formats import display_number, format_for
from tests.spooled import Given, document, spooled

ORDERS = {"region": "text", "order_id": "bigint", "qty": "integer", "amount": "numeric", "margin_pct": "numeric"}
ROWS = [
    ("North", 1001, 3, Decimal("10.10"), Decimal("0.125")),
    ("North", 1002, None, Decimal("-0.05"), None),
    ("South", 1003, 4, None, Decimal("0.5")),
]


def table_of(directory: Path, columns: dict[str, str], rows: Sequence[tuple[object, ...]], **options: str) -> Table:
    section = document(directory, Given("table", columns, rows, options=options)).sections[0]
    assert isinstance(section, Table)
    return section


def column_of(directory: Path, type_name: str, *values: object, name: str = "x") -> Column:
    return table_of(directory, {name: type_name}, [(value,) for value in values]).columns[0]


def test_a_table_has_titles_formats_and_exact_totals(tmp_path: Path) -> None:
    table = table_of(tmp_path, ORDERS, ROWS)
    assert [(c.title, c.format.kind, c.total, c.nulls) for c in table.columns] == [
        ("Region", "text", None, 0),
        ("Order ID", "identifier", None, 0),
        ("Qty", "integer", Decimal(7), 1),
        ("Amount", "number", Decimal("10.05"), 1),
        ("Margin", "percent", None, 1),
    ]
    assert table.rows.count == 3
    assert table.totals


def test_a_total_is_exact_where_floats_and_28_digits_are_not(tmp_path: Path) -> None:
    rng = random.Random(1)
    wholes = [rng.randrange(-(10**40), 10**40) for _ in range(2500)]
    column = column_of(tmp_path, "numeric", *(f"{whole}e-10" for whole in wholes))
    assert column.total == Decimal(f"{sum(wholes)}e-10")


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "-Infinity"])
def test_a_column_with_a_value_that_is_no_number_has_no_total(tmp_path: Path, odd: str) -> None:
    assert column_of(tmp_path, "double precision", 1, odd, 2).total is None


def test_all_values_null_gives_no_total(tmp_path: Path) -> None:
    assert column_of(tmp_path, "numeric", None, None).total is None


@pytest.mark.parametrize(
    ("type_name", "values", "decimals"),
    [
        ("numeric", ["12.50", "3.00"], 2),
        ("numeric", ["1.5", "2.25", "3"], 2),
        ("numeric", ["12", "3"], 0),
        ("numeric", ["297.8503014842300557"], 2),
        ("numeric", ["0.00031249999999999"], 5),
        ("double precision", ["0.30000000000000004", "1.5"], 2),
        ("double precision", ["1e+20", "0.1"], 1),
        ("bigint", ["1", "2"], 0),
    ],
)
def test_decimals_are_those_of_the_values_and_not_of_a_division(
    tmp_path: Path, type_name: str, values: list[str], decimals: int
) -> None:
    assert column_of(tmp_path, type_name, *values).format.decimals == decimals


@pytest.mark.parametrize(("values", "decimals"), [(["0.25", "0.5"], 0), (["0.3333333"], 1), (["0.0031", "0.002"], 2)])
def test_a_percentage_shows_what_matters(tmp_path: Path, values: list[str], decimals: int) -> None:
    assert column_of(tmp_path, "numeric", *values, name="fail_rate").format == Format("percent", decimals=decimals)


@pytest.mark.parametrize(
    ("name", "type_name", "sums"),
    [
        ("amount", "numeric", True),
        ("orders", "bigint", True),
        ("study_hours", "numeric", True),
        ("order_id", "bigint", False),
        ("year", "integer", False),
        ("avg_order", "numeric", False),
        ("average_score", "numeric", False),
        ("unit_price", "numeric", False),
        ("revenue_per_head", "numeric", False),
        ("pass_rate", "numeric", False),
        ("max_delay", "integer", False),
        ("rank", "bigint", False),
        ("customer", "text", False),
    ],
)
def test_only_quantities_are_summed(name: str, type_name: str, sums: bool) -> None:
    assert summable(name, format_for(name, type_name)) is sums


def test_an_author_decides_what_is_summed(tmp_path: Path) -> None:
    columns = {"name": "text", "score": "integer", "qty": "integer"}
    table = table_of(tmp_path, columns, [("a", 1, 2), ("b", 3, 4)], total="score")
    assert [column.total for column in table.columns] == [None, Decimal(4), None]


def test_subtotals_name_what_adds_up_at_the_end_as_well(tmp_path: Path) -> None:
    table = table_of(tmp_path, ORDERS, ROWS, group="region", subtotal="amount")
    assert table.group is not None
    assert table.group.name == "region"
    assert [column.name for column in table.subtotal] == ["amount"]
    assert [column.name for column in table.columns if column.total is not None] == ["amount"]


def test_widths_are_those_of_the_formatted_values(tmp_path: Path) -> None:
    assert column_of(tmp_path, "numeric", "1234567.5", "1").width == len("1,234,568.5")
    assert column_of(tmp_path, "date", "2026-10-02").width == len("02 Oct 2026")
    texts = ["short"] * 200 + ["x" * 500]
    assert column_of(tmp_path, "text", *texts).width == 5


@given(
    # All with as many decimals, as a numeric(10, 2) gives them, or each with its own.
    numbers=st.sampled_from([0, 2, None]).flatmap(
        lambda places: st.lists(
            st.decimals(-(10**20), 10**20, places=places, allow_nan=False).filter(lambda number: abs(number) < 10**20),
            min_size=1,
            max_size=30,
        )
    )
)
def test_a_column_of_numbers_is_as_exact_and_as_wide_as_its_values(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[Decimal]
) -> None:
    texts = [f"{number:f}" for number in numbers]
    column = column_of(tmp_path_factory.mktemp("spool"), "numeric", *texts)
    with localcontext(prec=200):
        assert column.total == sum(numbers)
    assert column.total is not None
    shown = [len(display_number(number, column.format, "en")) for number in (*numbers, column.total)]
    assert column.width == max(shown)


def test_a_negative_number_is_as_wide_as_it_is_shown(tmp_path: Path) -> None:
    assert column_of(tmp_path, "numeric", "-0.12", "1234.5", name="rating").width == len("1,234.50")
    assert column_of(tmp_path, "integer", "-999", "1000", name="score").width == len("1,000")


def test_a_row_past_the_sample_still_counts_for_totals_and_width(tmp_path: Path) -> None:
    values: list[object] = [1] * 30_000
    values[17_777] = 123_456_789
    column = column_of(tmp_path, "integer", *values)
    assert column.total == Decimal(29_999 + 123_456_789)
    assert column.width == len("123,486,788")


def test_a_text_that_comes_after_the_sample_alone_has_its_width(tmp_path: Path) -> None:
    assert column_of(tmp_path, "text", *[None] * 5000, "a text as wide as this").width == 22


def test_a_kpi_row_becomes_tiles_with_their_changes(tmp_path: Path) -> None:
    columns = {
        "revenue": "numeric",
        "revenue_prev": "numeric",
        "orders": "bigint",
        "orders_change": "bigint",
        "return_rate": "numeric",
        "return_rate_prev": "numeric",
        "return_rate_change": "numeric",
        "first_on": "date",
    }
    row = (Decimal("110.00"), Decimal("100.00"), 7, -2, Decimal("0.25"), Decimal("0.2"), Decimal("0.05"), "2026-10-02")
    section = document(tmp_path, Given("kpi", columns, [row])).sections[0]
    assert isinstance(section, Kpis)
    revenue, orders, rate, first = section.items
    assert (revenue.label, revenue.value, revenue.delta, revenue.delta_label) == (
        "Revenue",
        Decimal("110.00"),
        Decimal("0.1"),
        "vs 100.00",
    )
    assert (orders.value, orders.delta, orders.delta_format) == (7, Decimal(-2), Format("integer"))
    assert (rate.delta, rate.delta_label) == (Decimal(5), "pp vs 20%")
    assert (first.value, first.format.kind) == ("2026-10-02", "date")


@pytest.mark.parametrize("previous", [None, 0])
def test_no_change_is_claimed_against_nothing(tmp_path: Path, previous: object) -> None:
    section = document(tmp_path, Given("kpi", {"n": "bigint", "n_prev": "bigint"}, [(5, previous)])).sections[0]
    assert isinstance(section, Kpis)
    assert section.items[0].delta is None


def test_an_empty_kpi_query_gives_tiles_without_values(tmp_path: Path) -> None:
    section = document(tmp_path, Given("kpi", {"n": "bigint"}, [])).sections[0]
    assert isinstance(section, Kpis)
    assert section.items[0].value is None


def test_a_chart_takes_the_first_column_and_every_number_by_itself(tmp_path: Path) -> None:
    columns = {"day": "date", "note": "text", "revenue": "numeric", "cost": "numeric"}
    section = document(tmp_path, Given("line", columns, [("2026-10-01", "a", 1, 2)])).sections[0]
    assert isinstance(section, Chart)
    assert (section.x.name, [y.name for y in section.y]) == ("day", ["revenue", "cost"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Given("bar", ORDERS, ROWS, options={"y": "amuont"}), "y=amuont: .* did you mean 'amount'"),
        (Given("bar", ORDERS, ROWS, options={"y": "region"}), "y=region .* is text, and a chart measures numbers"),
        (Given("bar", {"a": "text"}, []), "needs a column for x and a numeric one for y; it has a"),
        (Given("table", ORDERS, ROWS, options={"group": "regoin"}), "group=regoin: .* did you mean 'region'"),
        (Given("table", ORDERS, ROWS, options={"group": "order_id", "subtotal": "region"}), "only numbers add up"),
        (Given("table", ORDERS, ROWS, options={"subtotal": "qty"}), "needs group=COLUMN"),
        (Given("kpi", {"n": "bigint"}, [(1,), (2,)]), "returns one row, .* returned 2 rows"),
    ],
)
def test_options_that_do_not_fit_the_query_name_file_line_and_remedy(
    tmp_path: Path, given: Given, message: str
) -> None:
    with pytest.raises(ReportError, match=rf"^sales\.sql:10: .*{message}") as error:
        document(tmp_path, given)
    assert error.value.detail["line"] == 10


def test_secrets_reach_neither_the_filters_nor_the_provenance(tmp_path: Path) -> None:
    params = (
        Param("period", "daterange", "Period"),
        Param("api_key", "text", "Key", secret=True),
        Param("region", "text", "Region"),
    )
    values = {"period": "[2026-10-01,2026-11-01)", "api_key": "hunter2", "region": None}
    built = document(tmp_path, Given("table", {"n": "integer"}, []), params=params, values=values)
    assert built.filters == (("Period", "October 2026"),)
    assert "hunter2" not in str(built.provenance)
    assert set(built.provenance.params) == {"period", "region"}


def test_a_report_wins_over_the_settings(tmp_path: Path) -> None:
    report, dataset = spooled(
        tmp_path, Given("data", {"n": "integer"}, [(1,)], name="raw"), locale="de", paper="Letter"
    )
    settings = RenderSettings(locale="en", paper="A4")
    built = build(report, dataset, settings=settings, title="Monday", job=7)
    assert (built.locale, built.paper, built.title, built.provenance.job) == ("de", "Letter", "Monday", 7)
    assert isinstance(built.sections[0], Data)
    plain = build(replace(report, locale=None, paper=None), dataset, settings=settings)
    assert (plain.locale, plain.paper, plain.title) == ("en", "A4", "Sales by region")


def test_the_same_spool_gives_the_same_document(tmp_path: Path) -> None:
    report, dataset = spooled(tmp_path, Given("table", ORDERS, ROWS))
    assert build(report, dataset, settings=RenderSettings()) == build(report, dataset, settings=RenderSettings())
