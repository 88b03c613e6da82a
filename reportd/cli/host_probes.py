"""What `reportd doctor` looks at on this host: formats, charts, font, disk, unit, embedded Postgres."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from reportd import plugins
from reportd.cli import formats
from reportd.cli.finding import Finding, fault, ok, warning
from reportd.cli.output import size
from reportd.db import embedded
from reportd.errors import ReportdError
from reportd.kinds import installed
from reportd.render.pango import fonts_line
from reportd.render.scripts import SAMPLES, is_east_asian
from reportd.render.vega.remote import INSTALL, Charts, missing
from reportd.render.vega.request import SPECIMEN
from reportd.tasks import loading
from reportd.tasks.loading import LoadedTask

_FONT = "fontpkg_source_sans_3"
_UNITS = (Path("/etc/systemd/system"), Path("/usr/local/lib/systemd/system"), Path("/usr/lib/systemd/system"))
_CHARTS = "charts of Vega-Lite"
_FORBIDS = re.compile(r"^MemoryDenyWriteExecute=(\S*)", re.MULTILINE)
_FREE_LOW = 2_000_000_000
_FREE_MIN = 200_000_000


async def documents() -> list[Finding]:
    """Every format, and the font that the documents are set in."""
    probed = await formats.probe()
    reasons = probed.unusable
    findings = [_format(name, reasons.get(name), optional=name in probed.optional) for name in plugins.formats()]
    if find_spec(_FONT) is None:
        findings.append(warning("font", "Source Sans 3 is not installed", "pip install fontpkg-source-sans-3"))
    else:
        findings.append(ok("font", "Source Sans 3, with the package"))
    if "pdf" not in reasons:
        findings.append(_scripts(probed.lacking))
    return findings


def _format(name: str, reason: str | None, *, optional: bool) -> Finding:
    if reason is None:
        return ok(f"format {name}", "can be made")
    tell = warning if optional else fault
    return tell(f"format {name}", reason, "see the reason; the other formats go on working")


def _scripts(lacking: Sequence[str]) -> Finding:
    if not lacking:
        return ok("scripts", "every script that was tried has a font")
    east_asian = any(map(is_east_asian, "".join(SAMPLES[name] for name in lacking)))
    return warning(
        "scripts", f"no font for {', '.join(lacking)}: boxes in a PDF, and a note", fonts_line(east_asian=east_asian)
    )


async def charts(*, places: Sequence[Path] | None = None) -> Finding:
    """Whether charts of Vega-Lite are drawn here, and by the unit, whose files lie in `places`."""
    if missing() is not None:
        return warning(_CHARTS, "vl-convert is not installed", f"for reports with .vl.json files: {INSTALL}")
    drawing = Charts()
    try:
        await drawing.draw(SPECIMEN)
    except ReportdError as error:
        return fault(_CHARTS, error.message, "reports with .vl.json files fail in PDF and HTML until it is mended")
    finally:
        await drawing.close()
    for place in _UNITS if places is None else places:
        if (file := place / "reportd.service").is_file():
            said = [file, *sorted(place.glob("reportd.service.d/*.conf"))]
            found = _FORBIDS.findall("\n".join(each.read_text(encoding="utf-8", errors="replace") for each in said))
            if found and found[-1] in ("yes", "true", "on", "1"):
                remedy = "see README, Under systemd: a drop-in with MemoryDenyWriteExecute=no"
                return warning(_CHARTS, f"{file} forbids the memory that V8 needs to draw them", remedy)
    return ok(_CHARTS, "are drawn")


def plugged() -> Iterator[Finding]:
    """Each kind of job that an installed package brings."""
    for each in installed.load(plugins.kinds()):
        if each.broken is not None:
            yield fault(f"kind {each.name}", each.broken.message, "upgrade or uninstall its package; its jobs fail")
        else:
            yield ok(f"kind {each.name}", f"from {each.place}")


def tasks(modules: Sequence[str]) -> Iterator[Finding]:
    """Each module of tasks in `modules`; they are imported here, as the daemon does."""
    broken: set[str] = set()
    found = loading.load(modules)
    for each in found:
        if not isinstance(each, LoadedTask):
            broken.add(each.module)
            yield fault(
                f"tasks of {each.module}", each.error.message, "its jobs fail, or are refused, until it is mended"
            )
    for module in dict.fromkeys(modules):
        if module not in broken:
            names = [each.name for each in found if isinstance(each, LoadedTask) and each.module == module]
            yield ok(f"tasks of {module}", ", ".join(names) or "none in it")


def storage(directories: Mapping[str, Path]) -> Iterator[Finding]:
    """Room and rights in each of `directories` (what it is for → where)."""
    for purpose, directory in directories.items():
        standing = _standing(directory)
        if not os.access(standing, os.W_OK | os.X_OK):
            yield fault(purpose, f"{standing} can't be written", f"chown {_me()} {standing}, or set storage.*_dir")
            continue
        free = shutil.disk_usage(standing).free
        said = f"{size(free)} free in {directory}"
        if free < _FREE_MIN:
            yield fault(purpose, said, "make room: jobs fail with store-full, and are tried again")
        elif free < _FREE_LOW:
            yield warning(purpose, said, "make room before it runs out")
        else:
            yield ok(purpose, said)


def unit(*, systemd: Path = Path("/run/systemd/system"), places: Sequence[Path] = _UNITS) -> Finding:
    """Who starts the daemon again when it ends; `systemd` is there where systemd runs, `places` hold its units."""
    if not systemd.is_dir():
        return ok("unit", "no systemd here; a container or supervisor must start the daemon again when it ends")
    for place in places:
        if (file := place / "reportd.service").is_file():
            said = file.read_text(encoding="utf-8", errors="replace")
            if not re.search(r"^Type=notify", said, re.MULTILINE):
                remedy = "Type=notify and WatchdogSec=30s let systemd see when it is ready and when it hangs"
                return warning("unit", f"{file} does not wait for the daemon's word", remedy)
            return ok("unit", str(file))
    return warning(
        "unit", "no reportd.service is installed", "systemd/reportd.service is one: see README, Under systemd"
    )


def embedded_postgres() -> Finding:
    """Whether `reportd demo`, and `reportd run` without a DSN, find a server to start."""
    if (reason := embedded.available()) is not None:
        return warning("embedded Postgres", reason, "needed only for the demo, and for runs without a DSN")
    return ok("embedded Postgres", "installed")


def _standing(directory: Path) -> Path:
    """`directory`, or the nearest one above it that exists: where it would be made."""
    return next(place for place in (directory, *directory.absolute().parents) if place.is_dir())


def _me() -> str:
    return str(os.geteuid())
