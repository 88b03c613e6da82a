"""The artifact store on a real disk: whole files or none, found again by URI, orphans swept."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import resource
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reportd.artifacts import DirectoryStore
from reportd.errors import ReportdError, StoreFull
from reportd.render.task import RenderedFile


def rendered(directory: Path, content: bytes, name: str = "sales.pdf") -> RenderedFile:
    path = directory / f"rendered-{name}"
    path.write_bytes(content)
    return RenderedFile("pdf", name, str(path), "application/pdf", rows=7, pages=2)


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@contextmanager
def files_no_larger_than(limit: int) -> Iterator[None]:
    """The kernel refuses to grow any file of this process past `limit` bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "made" / "artifacts"


@pytest.fixture
def store(root: Path) -> DirectoryStore:
    return DirectoryStore(root)


async def test_put_keeps_the_bytes_and_says_what_they_are(store: DirectoryStore, tmp_path: Path) -> None:
    content = os.urandom(3_000_001)

    artifact = await store.put(rendered(tmp_path, content), job=4711, attempt=3)

    assert artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert (artifact.bytes, artifact.rows, artifact.pages) == (len(content), 7, 2)
    assert (artifact.format, artifact.name, artifact.content_type) == ("pdf", "sales.pdf", "application/pdf")
    with await store.open(artifact.uri) as file:
        assert file.read() == content
    assert await store.size(artifact.uri) == len(content)


async def test_the_stored_name_carries_job_attempt_hash_and_name(
    store: DirectoryStore, root: Path, tmp_path: Path
) -> None:
    artifact = await store.put(rendered(tmp_path, b"x", "größe 1.csv"), job=4711, attempt=3)

    assert artifact.uri.startswith("file:///")
    assert [path.name for path in files(root)] == [f"4711-3-{artifact.sha256[:16]}-größe 1.csv"]
    assert await store.size(artifact.uri) == 1


async def test_two_attempts_never_share_a_file(store: DirectoryStore, tmp_path: Path) -> None:
    first = await store.put(rendered(tmp_path, b"same"), job=1, attempt=1)
    second = await store.put(rendered(tmp_path, b"same"), job=1, attempt=2)

    await store.delete(first.uri)

    assert await store.size(second.uri) == 4


async def test_no_room_is_store_full_and_leaves_nothing(store: DirectoryStore, root: Path, tmp_path: Path) -> None:
    file = rendered(tmp_path, b"x" * 3_000_000)

    with files_no_larger_than(2_500_000), pytest.raises(StoreFull, match="storing sales"):
        await store.put(file, job=1, attempt=1)

    assert files(root) == []


async def test_a_failed_fsync_is_final(
    store: DirectoryStore, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = rendered(tmp_path, b"x")
    root.joinpath("0").mkdir(parents=True)
    calls: list[int] = []

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fsync)

    with pytest.raises(ReportdError, match="storing sales"):
        await store.put(file, job=1, attempt=1)

    assert len(calls) == 1
    assert files(root) == []


async def test_a_missing_source_leaves_nothing(store: DirectoryStore, root: Path, tmp_path: Path) -> None:
    with pytest.raises(ReportdError, match="storing sales"):
        await store.put(RenderedFile("pdf", "sales.pdf", str(tmp_path / "gone"), "application/pdf"), job=1, attempt=1)

    assert files(root) == []


async def test_a_cancelled_put_leaves_nothing(store: DirectoryStore, root: Path, tmp_path: Path) -> None:
    file = rendered(tmp_path, b"x" * 20_000_000)
    # From not yet begun to already done: whatever point the cancel meets, no file stays.
    for turns in (0, 1, 2, 5, 20, 200):
        task = asyncio.create_task(store.put(file, job=1, attempt=1))
        for _ in range(turns):
            await asyncio.sleep(0)
        if task.done():
            await store.delete(task.result().uri)
            continue
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert files(root) == []


@pytest.mark.parametrize("name", ["../evil.pdf", "a/b.pdf", "", "."])
async def test_a_name_with_a_path_in_it_is_refused(
    store: DirectoryStore, root: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "rendered").write_bytes(b"x")

    with pytest.raises(ReportdError, match="can't be the name of a file"):
        await store.put(RenderedFile("pdf", name, str(tmp_path / "rendered"), "application/pdf"), job=1, attempt=1)

    assert files(tmp_path) == [tmp_path / "rendered"]


@pytest.mark.parametrize(
    "uri", ["file:///etc/passwd", "s3://bucket/key", "file://host{root}/0/x", "file://{root}/../x"]
)
async def test_a_uri_outside_the_store_is_refused(store: DirectoryStore, root: Path, uri: str) -> None:
    outside = uri.format(root=root)

    for method in (store.open, store.size, store.delete):
        with pytest.raises(ReportdError, match="is not in the artifact store"):
            await method(outside)


async def test_delete_of_a_file_that_is_gone_is_no_error(store: DirectoryStore, tmp_path: Path) -> None:
    artifact = await store.put(rendered(tmp_path, b"x"), job=1, attempt=1)

    await store.delete(artifact.uri)
    await store.delete(artifact.uri)

    with pytest.raises(FileNotFoundError):
        await store.open(artifact.uri)


async def test_sweep_takes_old_files_that_nobody_knows(store: DirectoryStore, root: Path, tmp_path: Path) -> None:
    known = await store.put(rendered(tmp_path, b"known"), job=1, attempt=1)
    orphan = await store.put(rendered(tmp_path, b"orphan"), job=1, attempt=2)
    young = await store.put(rendered(tmp_path, b"young"), job=2001, attempt=1)
    partial = root / "0" / ".1-3-abc.partial"
    partial.write_bytes(b"half")
    for path in files(root):
        if path.as_uri() != young.uri:
            os.utime(path, (0, 0))
    asked: list[str] = []

    async def recorded(uris: list[str]) -> Collection[str]:
        asked.extend(uris)
        return {known.uri}

    swept = await store.sweep(3600, recorded)

    assert sorted(swept) == sorted([orphan.uri, partial.as_uri()])
    assert sorted(asked) == sorted([known.uri, orphan.uri])
    assert sorted(path.as_uri() for path in files(root)) == sorted([known.uri, young.uri])


async def test_sweep_of_a_store_that_was_never_used_finds_nothing(store: DirectoryStore) -> None:
    async def recorded(uris: list[str]) -> Collection[str]:
        return uris

    assert await store.sweep(0, recorded) == []
