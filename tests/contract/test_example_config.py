"""`config.example.toml` lists every key with its default and meaning, exactly as the models have them.

To write it anew after a change of the models: `.venv/bin/python -m tests.contract.test_example_config`
"""

from __future__ import annotations

import inspect
import json
import os
import re
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reportd.config import Config, load

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"

HEAD = """\
# Every setting of reportd. Lines such as #key = value show the default, or an example where there is none.
#
# reportd reads --config FILE, $REPORTD_CONFIG, ./config.toml, ~/.config/reportd/config.toml, /etc/reportd/config.toml:
# the first that is there. Environment variables win over the file, flags over both: REPORTD_WORKER__CONCURRENCY=8 is
# concurrency in [worker]. REPORTD_DSN and REPORTD_STATE are short for database.dsn and storage.state_dir.
# Paths are relative to the file; ~ and $VARIABLES are filled in. Names end in their unit: _s is seconds.
"""


def example() -> str:
    return "\n".join([HEAD, *tables()])


def tables() -> Iterator[str]:
    for name, field in Config.model_fields.items():
        yield textwrap.indent(inspect.cleandoc(model(field).__doc__ or ""), "# ", lambda _: True).replace("# \n", "#\n")
        yield f"[{name}]"
        yield from (line for key, setting in model(field).model_fields.items() for line in lines(key, setting))
        yield ""


def model(field: FieldInfo) -> type[BaseModel]:
    return cast("type[BaseModel]", field.annotation)


def lines(key: str, field: FieldInfo) -> Iterator[str]:
    assert field.description, f"{key} has no description"
    shown = field.examples[0] if field.examples else field.default
    yield from textwrap.wrap(field.description, 118, initial_indent="# ", subsequent_indent="# ")
    yield f"#{key} = {value(shown)}"


def value(shown: object) -> str:
    match shown:
        case tuple():
            return f"[{', '.join(json.dumps(str(part)) for part in shown)}]"
        case bool() | str():
            return json.dumps(shown)
        case int() if shown >= 10_000:
            return f"{shown:_}"
        case float() if shown >= 1e6:
            return f"{shown:_.0f}"
        case _:
            return f"{shown:g}" if isinstance(shown, float) else str(shown)


def test_the_example_is_what_the_models_say() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == example(), __doc__


def test_the_example_with_every_comment_removed_is_a_valid_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("REPORTD_")]:
        monkeypatch.delenv(name)
    # All but the files of secrets: they exclude the addresses, and are not there.
    shown = re.sub(r"^#(?!\w+_file = )(?=\w+ = )", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (tmp_path / "config.toml").write_text(shown, encoding="utf-8")

    said = tomllib.loads(shown)
    assert {name: len(table) for name, table in said.items() if name != "database"} == {
        name: len(model(field).model_fields) for name, field in Config.model_fields.items() if name != "database"
    }
    config = load(tmp_path / "config.toml")
    (tmp_path / "empty.toml").write_text("", encoding="utf-8")
    default = load(tmp_path / "empty.toml")
    for name, table in said.items():
        for key in table:
            field = type(getattr(config, name)).model_fields[key]
            same = getattr(getattr(config, name), key) == getattr(getattr(default, name), key)
            assert same or field.examples, f"{name}.{key}"


if __name__ == "__main__":
    EXAMPLE.write_text(example(), encoding="utf-8")
