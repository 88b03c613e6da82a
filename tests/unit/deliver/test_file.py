"""The channel `file:` on a real disk: whole copies, below its folder and nowhere else."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import BinaryIO

import pytest

from reportd.deliver import Enclosure, Setup
from reportd.deliver.file import FileChannel, FileMissing, TargetRefused
from reportd.errors import ReportdError


def enclosure(content: bytes = b"%PDF", name: str = "sales.pdf", sha256: str | None = None) -> Enclosure:
    async def opened() -> BinaryIO:
        return io.BytesIO(content)

    digest = sha256 or hashlib.sha256(content).hexdigest()
    return Enclosure(name, "pdf", "application/pdf", len(content), digest, opened)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def channel(root: Path) -> FileChannel:
    return FileChannel(Setup(root))


async def test_files_are_copied_and_the_receipt_says_where(channel: FileChannel, root: Path) -> None:
    receipt = await channel.deliver([enclosure(), enclosure(b"a,b", "sales.csv")], target="sales/2026-10/", key="k")
    assert (root / "sales/2026-10/sales.pdf").read_bytes() == b"%PDF"
    assert (root / "sales/2026-10/sales.csv").read_bytes() == b"a,b"
    assert [file["path"] for file in receipt["files"]] == [
        str(root / "sales/2026-10/sales.pdf"),
        str(root / "sales/2026-10/sales.csv"),
    ]
    assert receipt["key"] == "k"
    assert sorted(path.name for path in root.rglob("*") if path.is_file()) == ["sales.csv", "sales.pdf"]


async def test_a_second_delivery_replaces_the_first(channel: FileChannel, root: Path) -> None:
    await channel.deliver([enclosure(b"old")], target="sales", key="k")
    await channel.deliver([enclosure(b"new")], target="sales/", key="k")
    assert (root / "sales/sales.pdf").read_bytes() == b"new"


@pytest.mark.parametrize("target", ["/etc", "../x", "a/../../x", "..", "a\0b"])
async def test_a_target_outside_is_refused(channel: FileChannel, tmp_path: Path, target: str) -> None:
    with pytest.raises(TargetRefused):
        await channel.deliver([enclosure()], target=target, key="k")
    assert not list(tmp_path.rglob("*.pdf"))


async def test_a_link_does_not_lead_out(channel: FileChannel, root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    root.mkdir()
    (root / "sales").symlink_to(elsewhere)
    with pytest.raises(TargetRefused, match="by a link"):
        await channel.deliver([enclosure()], target="sales/", key="k")
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("name", ["../x.pdf", "", "..", "a/b.pdf"])
async def test_a_file_whose_name_is_a_path_is_refused(channel: FileChannel, tmp_path: Path, name: str) -> None:
    with pytest.raises(TargetRefused):
        await channel.deliver([enclosure(name=name)], target="sales/", key="k")
    assert not list(tmp_path.rglob("*.pdf"))


async def test_a_file_with_another_digest_is_not_delivered(channel: FileChannel, root: Path) -> None:
    with pytest.raises(ReportdError, match="digest differs"):
        await channel.deliver([enclosure(sha256="0" * 64)], target="sales/", key="k")
    assert not [path for path in root.rglob("*") if path.is_file()]


async def test_a_file_that_is_gone_can_not_be_delivered(channel: FileChannel) -> None:
    async def gone() -> BinaryIO:
        raise FileNotFoundError

    with pytest.raises(FileMissing) as caught:
        await channel.deliver([Enclosure("a.pdf", "pdf", "application/pdf", 1, "0", gone)], target="x", key="k")
    assert not caught.value.retryable
