"""What `bench pdf` measures and proves, on a few rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench import pdf_proof, pdf_run
from bench.xlsx import spooled

ROWS = 600


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The PDF of a spool, and the spool."""
    directory = tmp_path_factory.mktemp("proof")
    spool = spooled(directory / "rows.csv", ROWS)
    file = pdf_run.written(spool, ROWS, directory)
    return Path(file.path), spool


def test_every_row_stands_in_the_text_as_the_spool_has_it(made: tuple[Path, Path]) -> None:
    path, spool = made
    columns = pdf_run.measured(spool, ROWS)
    assert pdf_proof.rows_exact(path, spool, columns, locale=pdf_run.LOCALE) == ROWS


def test_a_row_that_is_another_ends_the_proof(
    made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, spool = made
    columns = pdf_run.measured(spool, ROWS)
    lines = spool.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[500] = lines[500].replace("Customer 501", "Customer 502")
    other = tmp_path / "other.csv"
    other.write_text("".join(lines), encoding="utf-8")
    assert pdf_proof.rows_exact(path, other, columns, locale=pdf_run.LOCALE) == 500
    assert "row 501 should be" in capsys.readouterr().out


def test_qpdf_finds_no_fault_in_the_file_and_one_in_half_of_it(made: tuple[Path, Path], tmp_path: Path) -> None:
    path, _ = made
    if shutil.which("qpdf") is None:
        pytest.skip("qpdf is not installed")
    assert pdf_proof.qpdf_status(path) == 0
    half = tmp_path / "half.pdf"
    half.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert pdf_proof.qpdf_status(half) not in (0, None)


def test_a_host_without_the_programs_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pdf_proof.missing() == ["qpdf", "poppler-utils"]
    assert pdf_proof.qpdf_status(tmp_path / "any.pdf") is None
    assert pdf_proof.rows_exact(tmp_path / "any.pdf", tmp_path / "any.csv", (), locale="en") is None
