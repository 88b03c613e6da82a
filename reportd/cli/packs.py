"""The example packs: a directory each with schema.sql, data.sql and reports/, in a checkout or inside the wheel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reportd.errors import ConfigError

# The wheel has examples/ as reportd/_examples; a checkout has it beside the package.
_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "_examples", _PACKAGE.parent / "examples")


@dataclass(frozen=True, slots=True)
class Pack:
    """One example: the SQL that makes its tables and rows, and its folder of reports."""

    name: str
    directory: Path

    @property
    def reports(self) -> Path:
        """The folder that the daemon reads reports from."""
        return self.directory / "reports"

    @property
    def schema_sql(self) -> str:
        """Statements that create the pack's tables, in a schema of the pack's name."""
        return (self.directory / "schema.sql").read_text(encoding="utf-8")

    @property
    def data_sql(self) -> str:
        """Statements that fill them."""
        return (self.directory / "data.sql").read_text(encoding="utf-8")

    @property
    def orders_sql(self) -> str:
        """An INSERT that orders the pack's reports; `:'formats'` stands for the array of formats."""
        return (self.directory / "orders.sql").read_text(encoding="utf-8")


def find(name: str) -> Pack:
    """The pack called `name`. Errors: ConfigError where this installation has none."""
    for place in _PLACES:
        if (place / name / "schema.sql").is_file():
            return Pack(name, place / name)
    raise ConfigError(f"this installation has no example pack {name!r}", hint="install reportd from its wheel again")
