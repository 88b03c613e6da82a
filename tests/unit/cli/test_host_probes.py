"""What doctor says of the unit, of formats and of charts."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportd.cli import formats, host_probes
from reportd.render.vega import remote
from reportd.render.vega.remote import Charts


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A folder of units on a host with systemd."""
    (tmp_path / "run").mkdir()
    (tmp_path / "units").mkdir()
    return tmp_path / "units"


def state(units: Path) -> tuple[str, bool]:
    finding = host_probes.unit(systemd=units.parent / "run", places=[units])
    return finding.state, finding.remedy is not None


def test_the_unit_of_this_package_is_well(units: Path) -> None:
    (units / "reportd.service").write_text((Path(__file__).parents[3] / "systemd/reportd.service").read_text())
    assert state(units) == ("ok", False)


def test_a_host_with_systemd_and_no_unit_is_told_of_it(units: Path) -> None:
    assert state(units) == ("warning", True)


def test_a_unit_that_does_not_wait_for_the_daemon_is_told_of(units: Path) -> None:
    (units / "reportd.service").write_text("[Service]\nType=simple\n")
    assert state(units) == ("warning", True)


def test_without_systemd_no_unit_is_missed(units: Path) -> None:
    (units.parent / "run").rmdir()
    assert state(units) == ("ok", False)


async def test_a_format_whose_extra_is_missing_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def probe() -> formats.Probed:
        return formats.Probed({"pdf": "no Pango", "parquet": "needs an extra"}, optional=("parquet",))

    monkeypatch.setattr(formats, "probe", probe)

    said = {finding.subject: (finding.state, finding.found) for finding in await host_probes.documents()}

    assert said["format pdf"] == ("fault", "no Pango")
    assert said["format parquet"] == ("warning", "needs an extra")
    assert said["format csv"][0] == "ok"


async def test_charts_are_tried_and_a_unit_that_forbids_them_is_told_of(
    units: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def draw(charts: Charts, request: str) -> str:
        return "<svg/>"

    monkeypatch.setattr(Charts, "draw", draw)
    assert (await host_probes.charts(places=[units])).state == "ok"
    (units / "reportd.service").write_text((Path(__file__).parents[3] / "systemd/reportd.service").read_text())
    found = await host_probes.charts(places=[units])
    assert found.state == "warning"
    assert "MemoryDenyWriteExecute=no" in str(found.remedy)
    (units / "reportd.service.d").mkdir()
    (units / "reportd.service.d" / "charts.conf").write_text("[Service]\nMemoryDenyWriteExecute=no\n")
    assert (await host_probes.charts(places=[units])).state == "ok"


async def test_charts_whose_extra_is_missing_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "find_spec", lambda name: None)
    found = await host_probes.charts()
    assert (found.state, found.remedy) == ("warning", "for reports with .vl.json files: pip install 'reportd[vega]'")
