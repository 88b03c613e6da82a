"""The command line: `reportd …`."""

from reportd.cli.app import main

__all__ = ["main"]
