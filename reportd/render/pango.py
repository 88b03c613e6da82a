"""What WeasyPrint and rare scripts need of the host, and the one line that installs it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

# harfbuzz-subset is not needed, but makes fonts small in milliseconds instead of half a second.
_LINES = {
    "debian": "apt-get install -y libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0",
    "fedora": "dnf install -y pango harfbuzz",
    "suse": "zypper install -y libpango-1_0-0 libharfbuzz-subset0",
    "alpine": "apk add pango harfbuzz-subset",
    "arch": "pacman -S --noconfirm pango harfbuzz",
}
_EAST_ASIAN = {
    "debian": "apt-get install -y fonts-noto-cjk",
    "fedora": "dnf install -y google-noto-sans-cjk-fonts",
    "suse": "zypper install -y noto-sans-cjk-fonts",
    "alpine": "apk add font-noto-cjk",
    "arch": "pacman -S --noconfirm noto-fonts-cjk",
}
_OTHER_FONTS = {
    "debian": "apt-get install -y fonts-noto-core",
    "fedora": "dnf install -y google-noto-sans-fonts",
    "suse": "zypper install -y google-noto-fonts",
    "alpine": "apk add font-noto",
    "arch": "pacman -S --noconfirm noto-fonts",
}
_LIKE = {"ubuntu": "debian", "rhel": "fedora", "centos": "fedora", "opensuse": "suse", "sles": "suse"}


def install_line(release: Path = Path("/etc/os-release")) -> str:
    """The command that installs Pango on this host; for a host that we don't know, what to look for."""
    if sys.platform == "darwin":
        return "brew install pango"
    return _line(_LINES, release) or "install Pango 1.44 or later with your system's package manager"


def fonts_line(*, east_asian: bool, release: Path = Path("/etc/os-release")) -> str:
    """The command that installs fonts for Chinese, Japanese and Korean, or for other scripts."""
    if sys.platform == "darwin":
        return f"brew install --cask font-noto-sans{'-cjk' if east_asian else ''}"
    line = _line(_EAST_ASIAN if east_asian else _OTHER_FONTS, release)
    return line or f"install the Noto {'CJK ' if east_asian else ''}fonts with your system's package manager"


def _line(lines: Mapping[str, str], release: Path) -> str | None:
    return next((line for name in _names(release) if (line := lines.get(_LIKE.get(name, name)))), None)


def _names(release: Path) -> Iterable[str]:
    """The distribution's own name, then those it is like."""
    try:
        text = release.read_text(encoding="utf-8")
    except OSError:
        return
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    for key in ("ID", "ID_LIKE"):
        yield from fields.get(key, "").strip("\"'").split()
