"""`python -m bench NAME [--quick]`: run one measurement; without a name, list them."""

from __future__ import annotations

import argparse
import importlib
import json

NAMES = (
    "backlog",
    "burst",
    "chaos",
    "csv",
    "horizon",
    "kills",
    "latency",
    "pdf",
    "producers",
    "queue",
    "recovery",
    "report",
    "shapes",
    "soak",
    "xlsx",
)


def main() -> None:
    """Run the measurement that the command line names."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure reportd against its peers.")
    parser.add_argument("name", nargs="?", choices=NAMES)
    parser.add_argument("--quick", action="store_true", help="smaller, within a minute")
    arguments, _ = parser.parse_known_args()
    if arguments.name is None:
        for name in NAMES:
            print(f"{name:8} {(importlib.import_module(f'bench.{name}').__doc__ or '').splitlines()[0]}")
        return
    measurement = importlib.import_module(f"bench.{arguments.name}")
    if hasattr(measurement, "options"):
        measurement.options(parser)
    chosen = {name: value for name, value in vars(parser.parse_args()).items() if name != "name"}
    result = measurement.run(**chosen)
    print(json.dumps({"bench": arguments.name, **chosen, **result}))


if __name__ == "__main__":
    main()
