"""`--param name=value`: words on a command line become the JSON that a kind's schema asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from reportd.report.entry import entered


def params(words: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that `words` (`name=value`) give, typed by `schema`, a kind's `params_schema`.

    What the schema does not know stays text: the database refuses it in its own words. Raises click.BadParameter.
    """
    given: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{word!r} is not NAME=VALUE, such as period='last month'", param_hint="--param")
        if name in given:
            raise click.BadParameter(f"{name} stands twice", param_hint="--param")
        given[name] = entered(text, schema.get("properties", {}).get(name, {}))
    return given
