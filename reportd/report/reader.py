"""A report's text becomes a report, whatever form it has: one `.sql` file, or a directory."""

from __future__ import annotations

from reportd.report import folder, sqlfile
from reportd.report.definition import Report, ReportSource


def read(source: ReportSource) -> Report:
    """The report that `source` describes. Errors: ReportError, with file, line and column where they are known."""
    if any(mark in source.files for mark in folder.MARKS):
        return folder.parse(source)
    return sqlfile.parse(source)
