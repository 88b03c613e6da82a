"""What WeasyPrint needs of the host, and the one line that installs it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

# harfbuzz-subset is not needed, but makes fonts small in milliseconds instead of half a second.
_LINES = {
    "debian": "apt-get install -y libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0",
    "fedora": "dnf install -y pango harfbuzz",
    "suse": "zypper install -y libpango-1_0-0 libharfbuzz-subset0",
    "alpine": "apk add pango harfbuzz-subset",
    "arch": "pacman -S --noconfirm pango harfbuzz",
}
_LIKE = {"ubuntu": "debian", "rhel": "fedora", "centos": "fedora", "opensuse": "suse", "sles": "suse"}


def install_line(release: Path = Path("/etc/os-release")) -> str:
    """The command that installs Pango on this host; for a host that we don't know, what to look for."""
    if sys.platform == "darwin":
        return "brew install pango"
    for name in _names(release):
        line = _LINES.get(_LIKE.get(name, name))
        if line:
            return line
    return "install Pango 1.44 or later with your system's package manager"


def _names(release: Path) -> Iterable[str]:
    """The distribution's own name, then those it is like."""
    try:
        text = release.read_text(encoding="utf-8")
    except OSError:
        return
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    for key in ("ID", "ID_LIKE"):
        yield from fields.get(key, "").strip("\"'").split()
