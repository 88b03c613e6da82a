"""`reportd new`: reports that run as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportd.db.queries import Connection
from tests.integration.cli.commands import reportd

TABLE = """
create schema shop;
create table shop.orders (
  id bigint primary key, ordered_at timestamptz not null, region text not null, "Net Amount" numeric(12, 2),
  quantity int, note jsonb
);
insert into shop.orders
select n, now() - n * interval '1 hour', (array['north', 'south'])[1 + n % 2], n * 1.25, n % 7, '{}'
from generate_series(1, 3000) n;
create view shop.latest as select id, ordered_at::date as day, quantity from shop.orders;
analyze shop.orders;
"""


async def test_a_report_to_begin_with_is_proved_and_made_anywhere(empty_dsn: str, tmp_path: Path) -> None:
    said = await reportd("new", "first-steps", home=tmp_path)
    assert (said.status, said.out) == (0, "wrote reports/first-steps.sql\n")
    assert "reportd dev first-steps" in said.err
    folder = await reportd("new", "in-a-folder", "--dir", "--json", home=tmp_path)
    assert folder.json["report"] == "in-a-folder"
    assert sorted(path.name for path in (tmp_path / "reports/in-a-folder").iterdir()) == ["1-blocks.sql", "report.toml"]
    checked = await reportd("check", home=tmp_path, dsn=empty_dsn)
    assert checked.status == 0, checked.out
    made = await reportd("render", "in-a-folder", "-f", "csv", "-o", "made.csv", home=tmp_path, dsn=empty_dsn)
    assert made.status == 0, made.err
    assert len((tmp_path / "made.csv").read_text().splitlines()) == 31


@pytest.mark.parametrize("table", ["shop.orders", "shop.latest"])
async def test_a_report_of_a_table_is_proved_and_made(
    dsn: str, connection: Connection, tmp_path: Path, table: str
) -> None:
    await connection.execute(TABLE)
    said = await reportd("new", "orders", "--from", table, home=tmp_path, dsn=dsn)
    assert said.status == 0, said.err
    text = (tmp_path / "reports/orders.sql").read_text()
    assert f"from {table}" in text
    assert "sum(quantity) as quantity" in text
    assert "sum(id)" not in text
    if table == "shop.orders":
        assert '"Net Amount"' in text
        assert "x=region" in text
        assert "ordered_at >= :period_start" in text
    checked = await reportd("check", home=tmp_path, dsn=dsn)
    assert checked.status == 0, checked.out
    made = await reportd("render", "orders", "-p", "period=last 400 days", "-o", "o.xlsx", home=tmp_path, dsn=dsn)
    assert made.status == 0, made.err


async def test_nothing_is_overwritten_and_bad_names_are_refused(dsn: str, tmp_path: Path) -> None:
    (tmp_path / "reports/sales").mkdir(parents=True)
    (tmp_path / "reports/sales/report.toml").write_text("")
    (tmp_path / "reports/orders.sql").write_text("mine")
    for name in ("orders", "sales"):
        said = await reportd("new", name, home=tmp_path)
        assert said.status == 2
        assert "is there already" in said.err
    assert (tmp_path / "reports/orders.sql").read_text() == "mine"
    bad = await reportd("new", "../My Report.sql", home=tmp_path)
    assert bad.status == 2
    assert "lower-case letters" in bad.err
    assert "my-report" in bad.err
    missing = await reportd("new", "x", "--from", "reportd.jbos", home=tmp_path, dsn=dsn)
    assert missing.status == 2
    assert 'no table or view "reportd.jbos"' in missing.err
    assert not (tmp_path / "reports/x.sql").exists()
