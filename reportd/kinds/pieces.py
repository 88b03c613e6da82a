"""A spool cut by the values of its key columns: found in one pass over it, copied out a piece at a time.

The rows of a key stand together in each file (the queries sort by it), so a piece is one stretch of bytes. `split.json`
beside the manifest says where each begins, and its digest; what is copied is held against that, so no piece of a file
that a power cut has damaged is ever used. Everything here blocks.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from reportd import spool
from reportd.spool import Dataset, SpoolColumn, Spooled

INDEX = "split.json"
Key = tuple[str, ...]
"""The values of the key columns, in their order, as Postgres wrote them."""


class Uncuttable(ValueError):
    """The rows of a block can't be cut; a phrase that begins with what is wrong, and the `block`."""

    def __init__(self, block: str, message: str) -> None:
        super().__init__(message)
        self.block = block


class Damaged(Exception):
    """The spool is not what its index says, or has none."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The rows of one key in one block's file."""

    offset: int
    bytes: int
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Pieces:
    """Where the rows of each key are, by block; `data_sha256` names the dataset that was cut."""

    data_sha256: str
    blocks: Mapping[str, Mapping[Key, Piece]]

    @property
    def keys(self) -> list[Key]:
        """Every key that has rows, in the order in which they are first met."""
        return list(dict.fromkeys(chain.from_iterable(self.blocks.values())))


def cut(dataset: Dataset, columns: Sequence[str]) -> Pieces:
    """Find the pieces of every block of `dataset` and write the index beside it.

    Errors: Uncuttable for a block without one of `columns`, a NULL in them, or a key whose rows are apart; OSError.
    """
    found = {name: _pieces(dataset.path(name), block, columns) for name, block in dataset.blocks.items()}
    made = Pieces(dataset.sha256, found)
    text = json.dumps(
        {
            "data_sha256": made.data_sha256,
            "blocks": {
                name: [[*key, piece.offset, piece.bytes, piece.rows, piece.sha256] for key, piece in pieces.items()]
                for name, pieces in found.items()
            },
        }
    )
    partial = dataset.directory / f".{INDEX}.{secrets.token_hex(6)}"
    partial.write_text(text, encoding="utf-8")
    partial.replace(dataset.directory / INDEX)
    return made


def load(dataset: Dataset) -> Pieces:
    """The index that `cut` has left. Errors: Damaged where it is of another dataset, or cannot be read."""
    try:
        raw = json.loads((dataset.directory / INDEX).read_text(encoding="utf-8"))
        blocks = {
            name: {tuple(row[:-4]): Piece(*row[-4:]) for row in rows} for name, rows in dict(raw["blocks"]).items()
        }
        found = Pieces(raw["data_sha256"], blocks)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Damaged(str(error)) from error
    if found.data_sha256 != dataset.sha256:
        raise Damaged("the index is of another dataset")
    return found


def copy(
    dataset: Dataset, pieces: Pieces, key: Key | None, *, names: Sequence[str], without: Sequence[str], to: Path
) -> Dataset:
    """Make `to` a dataset of the rows that `key` has in the blocks `names`, less the columns `without`; None: of none.

    `to` comes to be whole or not at all, and replaces what was there. Errors: Damaged; OSError.
    """
    work = to.with_name(f".{to.name}.{secrets.token_hex(6)}")
    work.mkdir(parents=True, mode=0o700)
    try:
        blocks = {
            name: _copied(dataset, dataset.blocks[name], pieces.blocks[name].get(key) if key else None, without, work)
            for name in names
        }
        made = replace(dataset, directory=work, blocks=blocks)
        (work / spool.MANIFEST).write_text(made.manifest(), encoding="utf-8")
        shutil.rmtree(to, ignore_errors=True)
        work.rename(to)
        return replace(made, directory=to)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _pieces(path: Path, block: Spooled, columns: Sequence[str]) -> dict[Key, Piece]:
    places = _places(block, columns)
    found: dict[Key, Piece] = {}
    current: Key | None = None
    start = offset = rows = 0
    digest = hashlib.sha256()

    def close() -> None:
        if current is not None:
            found[current] = Piece(start, offset - start, rows, digest.hexdigest())

    for number, (record, cells) in enumerate(_records(path), 1):
        values = [cells[place] for place in places]
        key = tuple(value for value in values if value is not None)
        if len(key) < len(values):
            raise Uncuttable(block.name, f"row {number} has no {columns[values.index(None)]}: it is NULL")
        if key != current:
            close()
            if key in found:
                said = ", ".join(f"{column} = {value}" for column, value in zip(columns, key, strict=True))
                raise Uncuttable(block.name, f"row {number} goes back to {said}: sort by {', '.join(columns)} first")
            current, start, rows, digest = key, offset, 0, hashlib.sha256()
        digest.update(record)
        offset += len(record)
        rows += 1
    close()
    return found


def _places(block: Spooled, columns: Sequence[str]) -> list[int]:
    names = [column.name for column in block.columns]
    for column in columns:
        if column not in names:
            raise Uncuttable(block.name, f"it has no column {column}, which says whose each row is")
    return [names.index(column) for column in columns]


def _records(path: Path) -> Iterator[tuple[bytes, list[str | None]]]:
    """Each record's bytes and cells."""
    with path.open("rb") as lines:
        for line in lines:
            record = line
            while record.count(b'"') & 1:
                if not (more := next(lines, b"")):
                    raise Damaged(f"{path.name} ends inside a quoted cell")
                record += more
            yield record, spool.cells(record.decode("utf-8"))


def _copied(dataset: Dataset, block: Spooled, piece: Piece | None, without: Sequence[str], work: Path) -> Spooled:
    kept = [place for place, column in enumerate(block.columns) if column.name not in without]
    columns: tuple[SpoolColumn, ...] = tuple(block.columns[place] for place in kept)
    seen, written, size = hashlib.sha256(), hashlib.sha256(), 0
    with (work / block.file).open("wb") as out:
        if piece is not None:
            for record, cells in _stretch(dataset.path(block.name), piece):
                seen.update(record)
                line = spool.record(cells[place] for place in kept).encode()
                out.write(line)
                written.update(line)
                size += len(line)
    if piece is not None and seen.hexdigest() != piece.sha256:
        raise Damaged(f"{block.file} is not as it was written")
    return Spooled(block.name, block.file, columns, piece.rows if piece else 0, size, written.hexdigest())


def _stretch(path: Path, piece: Piece) -> Iterator[tuple[bytes, list[str | None]]]:
    """The records of `piece`, read as lines from where it begins."""
    with path.open("rb") as lines:
        lines.seek(piece.offset)
        for _ in range(piece.rows):
            record = lines.readline()
            while record.count(b'"') & 1:
                if not (more := lines.readline()):
                    raise Damaged(f"{path.name} ends inside a quoted cell")
                record += more
            yield record, spool.cells(record.decode("utf-8"))
