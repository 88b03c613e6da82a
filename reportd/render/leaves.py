"""The renderers of a template process, each imported once. One that can't be used is named, and the others work."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reportd.errors import ExtraMissing, PdfEngineMissing, RenderError, ReportdError
from reportd.render.specimen import specimen
from reportd.render.task import Renderer, RenderSettings

# Our own leaves are known to come back from a render. A plugin's meets its first document in a child, where the worst
# that it can do costs one task.
_OWN = "reportd.render."


@dataclass(frozen=True, slots=True)
class Leaves:
    """Renderers by format, and for each format that has none the reason."""

    renderers: Mapping[str, Renderer]
    unusable: Mapping[str, ReportdError]

    def renderer(self, name: str) -> Renderer:
        """The renderer of format `name`. Raises the ReportdError that says why there is none."""
        if name in self.unusable:
            raise self.unusable[name]
        if name not in self.renderers:
            raise RenderError(f"No renderer makes {name!r}; there are {', '.join(sorted(self.renderers)) or 'none'}")
        return self.renderers[name]


def load(formats: Mapping[str, str]) -> Leaves:
    """Import the renderers of `formats` (name → `module:attribute`, a class without arguments); warm our own up."""
    renderers: dict[str, Renderer] = {}
    unusable: dict[str, ReportdError] = {}
    for name, place in formats.items():
        module, _, attribute = place.partition(":")
        try:
            renderers[name] = getattr(importlib.import_module(module), attribute)()
            if place.startswith(_OWN) and getattr(renderers[name], "warms", True):
                _warm(renderers[name])
        except (PdfEngineMissing, ExtraMissing) as error:
            renderers.pop(name, None)
            unusable[name] = error
        except Exception as error:  # noqa: BLE001  a plugin may fail in any way; its format alone is lost
            unusable[name] = RenderError(
                f"The renderer of {name!r} ({place}) can't be used: {type(error).__name__}: {error}"
            )
    return Leaves(renderers, unusable)


def _warm(renderer: Renderer) -> None:
    """Render a tiny document, so that every fork finds imports done, fonts found and templates compiled.

    Raises PdfEngineMissing. Any other failure is left to the tasks: what stands in the way now may have gone by then.
    """
    with tempfile.TemporaryDirectory() as directory:
        try:
            renderer.render(specimen(Path(directory)), out=Path(directory), settings=RenderSettings())
        except PdfEngineMissing:
            raise
        except Exception as error:  # noqa: BLE001
            print(f"{renderer.format}: no warm-up: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
