"""The parts of a workbook's package, and how they name each other."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from zipfile import ZipFile

RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_PACKAGE = "{http://schemas.openxmlformats.org/package/2006/relationships}"


def xml(package: ZipFile, part: str) -> Element:
    """The root of `part`."""
    return ElementTree.fromstring(package.read(part))  # noqa: S314  a file that our own child has just made


def related(package: ZipFile, part: str) -> Mapping[str, str]:
    """The parts that `part` names, by the id that it names them with."""
    home, _, name = part.rpartition("/")
    found = {}
    for each in xml(package, f"{home}/_rels/{name}.rels").iter(f"{_PACKAGE}Relationship"):
        target, folder = each.get("Target", ""), home
        while target.startswith("../"):
            target, folder = target[3:], folder.rpartition("/")[0]
        found[each.get("Id", "")] = target.removeprefix("/") if target.startswith("/") else f"{folder}/{target}"
    return found
