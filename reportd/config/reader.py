"""Reads file, environment and flags into one `Config`, and says what is wrong in terms of what was written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SettingsError

from reportd.config.sources import (
    LISTED,
    SECRETS,
    Tables,
    absolute,
    find,
    friendly,
    merge,
    open_secrets,
    read,
)
from reportd.config.tables import Config
from reportd.errors import ConfigError

_TABLES: Mapping[str, type[BaseModel]] = {
    name: cast("type[BaseModel]", field.annotation) for name, field in Config.model_fields.items()
}
_KEYS = [f"{table}.{key}" for table, model in _TABLES.items() for key in model.model_fields]
_PATHS = {
    (table, key)
    for table, model in _TABLES.items()
    for key, field in model.model_fields.items()
    if "Path" in str(field.annotation)
}


def load(path: Path | None = None, overrides: Mapping[str, Any] = MappingProxyType({})) -> Config:
    """The configuration from defaults, the file (`path`, else the one that `sources.find` finds), environment, flags.

    `overrides` are flags by dotted key (`{"worker.concurrency": 8}`); one that is None was not given. Relative paths
    are seen from the file that names them, else from the working directory.
    Errors: ConfigError naming key, value and remedy.
    """
    file = find(path)
    home = Path.cwd() if file is None else file.parent
    layers: dict[str, Tables] = {"default": {"reports": {"directories": [home / "reports"]}}}
    if file is not None:
        layers[str(file)] = _absolute(read(file), base=file.parent)
    layers["environment"] = _absolute(_environment(), base=Path.cwd())
    layers["flags"] = _absolute(_flags(overrides), base=Path.cwd())
    merged = open_secrets(merge(list(layers.values())))
    try:
        return Config(**merged)  # type: ignore[arg-type]  # raw tables: validation makes the models
    except ValidationError as error:
        said = "; ".join(_complaint(detail, layers) for detail in error.errors()[:5])
        raise ConfigError(said, hint=LISTED) from None


def _environment() -> Tables:
    for name in os.environ:
        table, delimiter, _ = name.removeprefix("REPORTD_").lower().partition("__")
        if name.startswith("REPORTD_") and delimiter and table not in _TABLES:
            raise ConfigError(f"{name} is no setting: {_nearest_table(table)}", hint=LISTED)
    try:
        named = EnvSettingsSource(Config)()
    except SettingsError as error:
        raise ConfigError(f"the environment can't be read: {error}", hint=LISTED) from error
    return merge([friendly(os.environ), named])


def _flags(overrides: Mapping[str, Any]) -> Tables:
    tables: dict[str, dict[str, Any]] = {}
    for dotted, value in overrides.items():
        table, _, key = dotted.partition(".")
        if value is not None:
            tables.setdefault(table, {})[key] = value
    return tables


def _absolute(tables: Tables, *, base: Path) -> Tables:
    """`tables` with every path seen from `base`. Several in one text, as the environment has them, are taken apart."""

    def resolved(table: str, key: str, value: Any) -> Any:
        if (table, key) not in _PATHS or not isinstance(value, str | Path | list | tuple):
            return value
        if (table, key) == ("reports", "directories"):
            parts = value.split(os.pathsep) if isinstance(value, str) else value
            return [absolute(str(part), base=base) for part in ([parts] if isinstance(parts, Path) else parts) if part]
        return value if isinstance(value, list | tuple) else absolute(str(value), base=base)

    return {table: {key: resolved(table, key, value) for key, value in keys.items()} for table, keys in tables.items()}


def _complaint(detail: ErrorDetails, layers: Mapping[str, Tables]) -> str:
    """One fault as a sentence: where it was written, the key, its value unless secret, what is wrong."""
    table, key = (*(str(part) for part in detail["loc"][:2]), "")[:2]
    written = [name for name, tables in layers.items() if table in tables and (not key or key in tables[table])]
    where = written[-1] if written else "default"
    if detail["type"] == "extra_forbidden":
        said = (
            f"{table}.{key} is no setting: {_nearest(table, key)}"
            if key
            else f"[{table}] is no table: {_nearest_table(table)}"
        )
    else:
        value = "" if key in SECRETS or key == "listen_dsn" else f" = {detail['input']!r}"
        said = f"{table}.{key}{value} {detail['msg'].removeprefix('Value error, ').replace('Input should', 'should')}"
    match where:
        case "default" | "flags":
            return said
        case "environment":
            return f"REPORTD_{table}__{key}: ".upper() + said
        case _:
            return f"{where}: {said}"


def _nearest(table: str, key: str) -> str:
    if near := get_close_matches(key, _TABLES[table].model_fields, n=1):
        return f"did you mean {table}.{near[0]}?"
    elsewhere = [dotted for dotted in _KEYS if dotted.partition(".")[2] == key]
    near = elsewhere or get_close_matches(f"{table}.{key}", _KEYS, n=1)
    return f"did you mean {near[0]}?" if near else f"[{table}] has {', '.join(_TABLES[table].model_fields)}"


def _nearest_table(table: str) -> str:
    near = get_close_matches(table, _TABLES, n=1)
    return f"did you mean [{near[0]}]?" if near else f"the tables are {', '.join(_TABLES)}"
