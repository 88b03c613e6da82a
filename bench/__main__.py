"""`python -m bench NAME [--quick]`: run one measurement; without a name, list them."""

from __future__ import annotations

import argparse
import importlib
import json

NAMES = ("csv", "report", "xlsx")


def main() -> None:
    """Run the measurement that the command line names."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure reportd against its peers.")
    parser.add_argument("name", nargs="?", choices=NAMES)
    parser.add_argument("--quick", action="store_true", help="smaller, within a minute")
    arguments = parser.parse_args()
    if arguments.name is None:
        for name in NAMES:
            print(f"{name:8} {(importlib.import_module(f'bench.{name}').__doc__ or '').splitlines()[0]}")
        return
    result = importlib.import_module(f"bench.{arguments.name}").run(quick=arguments.quick)
    print(json.dumps({"bench": arguments.name, "quick": arguments.quick, **result}))


if __name__ == "__main__":
    main()
