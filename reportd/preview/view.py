"""What the preview's page is told: the form, the making that is shown, and what is wrong with the one after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from reportd.job import Artifact
from reportd.preview.form import Field
from reportd.preview.pages import Size
from reportd.preview.trouble import Trouble


@dataclass(frozen=True, slots=True)
class Made:
    """One making. `steps_s` are its stages in seconds; `rows` those of the longest file; `means` what each parameter
    came to in words, by name; `pages` how many there are, `sizes` those of the first ones in points.
    """

    number: int
    seconds: float
    steps_s: Mapping[str, float]
    as_of: str
    rows: int
    means: Mapping[str, str]
    files: Mapping[str, Artifact]
    pages: int = 0
    sizes: tuple[Size, ...] = ()
    sheets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """All that the page shows. `busy` is the stage that is going on; `missing` why a format can't be made here."""

    version: int
    name: str
    title: str
    path: str
    fields: tuple[Field, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    busy: str | None = None
    trouble: Trouble | None = None
    made: Made | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The view as the page reads it; no secret and no path of a file is in it."""
        shown = asdict(replace(self, made=None))
        if self.made is not None:
            shown["made"] = asdict(replace(self.made, files={})) | {
                "files": {format: file.bytes for format, file in self.made.files.items()}
            }
        return shown
