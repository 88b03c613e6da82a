"""Where settings are written: which file, what is in it, and how one source's words are laid over another's.

Standard library only, so that a command which needs no more than an address starts quickly.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reportd.errors import ConfigError

Tables = Mapping[str, Mapping[str, Any]]
"""Table → key → value, as one source gives it."""

SECRETS = frozenset({"dsn", "report_dsn"})
"""Keys of [database] that may be given as a file: `<key>_file`."""

LISTED = "config.example.toml lists every key with its meaning"


def database_dsn(flag: str | None = None, *, path: Path | None = None) -> str | None:
    """The queue's address by the rules of `load`, and nothing else: None where nobody names one. Raises ConfigError."""
    layers: list[Tables] = []
    if (file := find(path)) is not None:
        said = read(file).get("database", {})
        layers.append({"database": {key: value for key, value in said.items() if key in ("dsn", "dsn_file")}})
        if isinstance(name := said.get("dsn_file"), str):
            layers[0] = {"database": {**layers[0]["database"], "dsn_file": absolute(name, base=file.parent)}}
    layers.append(friendly(os.environ))
    named = {key: os.environ.get(f"REPORTD_DATABASE__{key.upper()}") for key in ("dsn", "dsn_file")}
    layers.append({"database": {key: value for key, value in named.items() if value}})
    layers.append({"database": {"dsn": flag} if flag else {}})
    dsn = open_secrets(merge(layers)).get("database", {}).get("dsn")
    return None if dsn is None else str(dsn)


def state_dir(path: Path | None = None) -> Path:
    """Where reportd keeps its state by the rules of `load`, and nothing else. Raises ConfigError."""
    layers: list[Tables] = []
    if (file := find(path)) is not None and isinstance(name := read(file).get("storage", {}).get("state_dir"), str):
        layers.append({"storage": {"state_dir": absolute(name, base=file.parent)}})
    layers.append(friendly(os.environ))
    if name := os.environ.get("REPORTD_STORAGE__STATE_DIR"):
        layers.append({"storage": {"state_dir": name}})
    said = merge(layers).get("storage", {}).get("state_dir")
    return default_state_dir() if said is None else absolute(str(said), base=Path.cwd())


def find(path: Path | None) -> Path | None:
    """The file to read: `path`, $REPORTD_CONFIG, ./config.toml, the user's, the system's; None where none of them is.

    Errors: ConfigError for one that is named but not there.
    """
    if (named := path or os.environ.get("REPORTD_CONFIG")) is not None:
        if not (file := Path(named).absolute()).is_file():
            raise ConfigError(f"there is no configuration file {file}", hint="check --config and REPORTD_CONFIG")
        return file
    home = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    places = (Path("config.toml").absolute(), home / "reportd/config.toml", Path("/etc/reportd/config.toml"))
    return next((place for place in places if place.is_file()), None)


def read(file: Path) -> Tables:
    """What `file` says. Errors: ConfigError with the line where it is no TOML, or naming a key outside a table."""
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} can't be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: {error}", hint='write text in quotes: level = "info"') from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{file}: {name} stands outside a [table]", hint=LISTED)
    return tables


def friendly(environment: Mapping[str, str]) -> Tables:
    """The two variables with a short name: REPORTD_DSN is database.dsn, REPORTD_STATE storage.state_dir."""
    tables: dict[str, dict[str, Any]] = {}
    if dsn := environment.get("REPORTD_DSN"):
        tables["database"] = {"dsn": dsn}
    if state := environment.get("REPORTD_STATE"):
        tables["storage"] = {"state_dir": state}
    return tables


def merge(layers: list[Tables]) -> dict[str, dict[str, Any]]:
    """Lay each over those before it; an address displaces the file that an earlier layer keeps one in, and the reverse.

    Errors: ConfigError when one layer gives both.
    """
    merged: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for name, table in layer.items():
            below = merged.setdefault(name, {})
            for key in SECRETS if name == "database" else ():
                if key in table and f"{key}_file" in table:
                    raise ConfigError(f"database.{key} and database.{key}_file are both set: keep one")
                if key in table or f"{key}_file" in table:
                    below.pop(key, None)
                    below.pop(f"{key}_file", None)
            below.update(table)
    return merged


def open_secrets(tables: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each `<key>_file` read into its key. Errors: ConfigError naming key and file."""
    database = tables.get("database", {})
    for key in sorted(SECRETS):
        if (name := database.get(f"{key}_file")) is None:
            continue
        try:
            database[key] = Path(name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError, TypeError) as error:
            raise ConfigError(f"database.{key}_file = {str(name)!r} can't be read: {error}") from error
    return tables


def absolute(path: str, *, base: Path) -> Path:
    """`path` with `~` and $VARIABLES filled in, seen from `base`."""
    return base / Path(os.path.expandvars(path)).expanduser()


def default_state_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """$REPORTD_STATE, else systemd's StateDirectory=, else `reportd` in XDG's state home."""
    if state := environment.get("REPORTD_STATE"):
        return Path(state).absolute()
    if state := environment.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0])
    return Path(environment.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "reportd"
