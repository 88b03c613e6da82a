"""The format `xlsx`."""

from reportd.render.xlsx.workbook import XLSX

__all__ = ["XLSX"]
