"""What a produced file says of its own origin: which report, which parameters, which data, as of when, by what version.

PDF, XLSX, JSON, HTML and Parquet carry it in their metadata; CSV, TSV and NDJSON are data alone, and the database knows
where they come from.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from reportd.errors import ReportdError

_HEAD_BYTES = 4 << 20
_META = re.compile(r'<meta name="?reportd-origin"? content="([^"]*)"')
_BY_ENDING = {".csv": "csv", ".tsv": "tsv", ".ndjson": "ndjson"}


class Unreadable(ReportdError):
    """The file can't be verified: it is missing, of no format that reportd makes, or says nothing of its origin."""

    code = "unreadable"
    retryable = False


@dataclass(frozen=True, slots=True)
class Digest:
    """The rows of one block, and the digest of its spool file."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file comes from. `sql_sha256` is empty and `blocks` may be incomplete where nobody has noted them."""

    report: str
    title: str | None
    as_of: datetime
    timezone: str
    locale: str | None
    params: Mapping[str, Any]
    job: int | None
    version: str | None
    report_sha256: str
    sql_sha256: str
    data_sha256: str
    blocks: Mapping[str, Digest]

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Origin:
        """The origin that `Document.origin` gave."""
        return cls(
            report=raw["report"],
            title=raw["title"],
            as_of=datetime.fromisoformat(raw["as_of"]),
            timezone=raw["timezone"],
            locale=raw["locale"],
            params=raw["params"],
            job=raw["job"],
            version=raw["version"],
            report_sha256=raw["report_sha256"],
            sql_sha256=raw["sql_sha256"],
            data_sha256=raw["data_sha256"],
            blocks={name: Digest(each["rows"], each["sha256"]) for name, each in raw["blocks"].items()},
        )


def format_of(path: Path) -> str:
    """The format of the file at `path`, by its first bytes, else its name. Errors: Unreadable."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise Unreadable(f"{path} can't be read: {error.strerror}") from error
    if head.startswith(b"%PDF-"):
        return "pdf"
    if head.startswith(b"PK"):
        return "xlsx"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b'{"meta":'):
        return "json"
    if head.lstrip().lower().startswith(b"<!doctype html"):
        return "html"
    if path.name.endswith(".excel.csv"):
        return "csv-excel"
    if path.suffix in _BY_ENDING:
        return _BY_ENDING[path.suffix]
    raise Unreadable(f"{path} is in no format that reportd makes")


def origin_of(path: Path, format: str) -> Origin | None:
    """What the file says of its origin; None for a format that is data alone. Errors: Unreadable."""
    reader = _READERS.get(format)
    if reader is None:
        return None
    try:
        raw = reader(path)
        return Origin.from_json(raw)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, ElementTree.ParseError) as error:
        raise Unreadable(
            f"{path} does not say where it comes from: reportd has not made it, or it has been changed"
        ) from error


def _of_pdf(path: Path) -> Any:
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(path) as document:
            # WeasyPrint drops the hyphen.
            return json.loads(document.get_metadata_value("reportdorigin"))
    except pypdfium2.PdfiumError as error:
        raise ValueError(str(error)) from error


def _of_xlsx(path: Path) -> Any:
    with zipfile.ZipFile(path) as package:
        tree = ElementTree.fromstring(package.read("docProps/custom.xml"))  # noqa: S314  expat knows entity bombs
    parts = {str(each.get("name")): "".join(each.itertext()) for each in tree}
    names = sorted(
        (name for name in parts if name.startswith("reportd origin ")), key=lambda name: int(name.split()[-1])
    )
    return json.loads("".join(parts[name] for name in names))


def _of_json(path: Path) -> Any:
    with path.open(encoding="utf-8") as file:
        head = file.read(_HEAD_BYTES)
    meta, end = json.JSONDecoder().raw_decode(head, len('{"meta": '))
    params, _ = json.JSONDecoder().raw_decode(head, head.index('"params": ', end) + len('"params": '))
    return {**meta, "params": params}


def _of_html(path: Path) -> Any:
    with path.open(encoding="utf-8") as file:
        found = _META.search(file.read(_HEAD_BYTES))
    if found is None:
        raise ValueError("no origin")
    return json.loads(unescape(found[1]))


def _of_parquet(path: Path) -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise Unreadable("Parquet needs pyarrow: pip install 'reportd[parquet]'") from error
    metadata = parquet.read_metadata(path).metadata or {}
    return json.loads(metadata[b"reportd.origin"])


_READERS = {"pdf": _of_pdf, "xlsx": _of_xlsx, "json": _of_json, "html": _of_html, "parquet": _of_parquet}
