"""What doctor says of the unit."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportd.cli import formats, host_probes


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
