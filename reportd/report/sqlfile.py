"""Reads a report from its `.sql` file: front matter, blocks, statements, placeholders. No database is asked.

The same file runs in psql: front matter and block openings are comments, `:name` is a psql variable.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import PurePath

from reportd.errors import ReportError
from reportd.report import blocks, frontmatter
from reportd.report.assembly import assemble
from reportd.report.blocks import Opening
from reportd.report.definition import Block, Report, ReportSource
from reportd.report.fault import fault, nearest
from reportd.report.frontmatter import FrontMatter
from reportd.report.lexer import Lines, Token, TokenKind, tokens

_SUFFIX = ".sql"
_SLUG_MAX = 50


def kind_name(filename: str) -> str:
    """The name of the report in `filename`, which is the file's name without `.sql`, unchanged. Errors: ReportError."""
    name = filename.removesuffix(_SUFFIX)
    if re.fullmatch(blocks.NAME, name):
        return name
    proposal = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:63] or "report"
    message = "a report is named by its file: lower-case letters, digits, _ and -, at most 63"
    raise fault(filename, f"{message}; rename it, for example to {proposal}{_SUFFIX}")


def parse(source: ReportSource) -> Report:
    """The report that `source`, one `.sql` file, describes. Errors: ReportError, with its place where that is known."""
    file, text = _only_file(source)
    found = contents(source.path, text, name=source.name, file=file, taken={})
    return assemble(source, found.front, found.blocks, found.uses)


@dataclass(frozen=True, slots=True)
class Contents:
    """What one `.sql` file holds. `uses` are its placeholders, each with the line of its first use."""

    front: FrontMatter
    blocks: tuple[Block, ...]
    uses: tuple[tuple[str, int], ...]


def contents(path: str, text: str, *, name: str, file: str, taken: dict[str, str]) -> Contents:
    """What `text`, the file at `path`, holds. A file without openings is one table called `name`; blocks carry `file`.

    `taken` maps the names of blocks to where they stand, in other files of the same report too; the new ones are added.
    Errors: ReportError.
    """
    text = text.removeprefix("\ufeff")
    page = _Page(path, text, Lines(text))
    front, sections = _front_matter(page, _sections(page))
    return Contents(front, _blocks(page, sections, name, file, taken), _uses(page, sections))


@dataclass(frozen=True, slots=True)
class _Page:
    """The file's text, and how to name a place in it."""

    path: str
    text: str
    lines: Lines

    def read(self, token: Token) -> str:
        return self.text[token.start : token.end]

    def line(self, token: Token) -> int:
        return self.lines.position(token.start)[0]

    def fault(self, token: Token, message: str) -> ReportError:
        line, column = self.lines.position(token.start)
        return fault(self.path, message, line=line, column=column)


@dataclass(slots=True)
class _Section:
    """What stands between two openings; before the first there is none."""

    opening: Token | None
    tokens: list[Token] = field(default_factory=list)


def _alone(page: _Page, token: Token) -> bool:
    """Whether nothing but white space stands before the token on its line."""
    return not page.text[page.lines.start(page.line(token)) : token.start].strip()


def _only_file(source: ReportSource) -> tuple[str, str]:
    found = [(name, text) for name, text in source.files.items() if name.endswith(_SUFFIX)]
    if len(found) != 1:
        raise fault(source.path, f"a report is one {_SUFFIX} file; here are {len(found)}")
    return found[0]


def _sections(page: _Page) -> list[_Section]:
    """The file's tokens, cut at every comment that opens a block and has a line of its own."""
    sections = [_Section(None)]
    try:
        for token in tokens(page.text):
            if token.kind is TokenKind.LINE_COMMENT and (word := blocks.opened(page.read(token))) is not None:
                if _alone(page, token):
                    sections.append(_Section(token))
                    continue
                if word in blocks.BLOCKS:
                    raise page.fault(token, f"@{word} must stand on a line of its own, before its statement")
            sections[-1].tokens.append(token)
    except ReportError as error:
        if "file" in error.detail:
            raise
        raise fault(page.path, error.message, **error.detail) from None
    return sections


def _front_matter(page: _Page, sections: list[_Section]) -> tuple[FrontMatter, list[_Section]]:
    """The front matter, and the sections without it."""
    marks = [
        (section, number, token, word)
        for section in sections
        for number, token in enumerate(section.tokens)
        if token.kind is TokenKind.LINE_COMMENT
        and _alone(page, token)
        and (word := frontmatter.opens(page.read(token))) is not None
    ]
    if not marks:
        return FrontMatter(page.path, {}), sections
    section, start, first, word = marks[0]
    if word != "report":
        remedy = "it opens with: -- /// report" if not word else f'"{word}" is not report{nearest(word, ["report"])}'
        raise page.fault(first, f"front matter that can't be read; {remedy}")
    if section.opening is not None or any(not token.is_comment for token in section.tokens[:start]):
        raise page.fault(first, "the front matter stands at the top of the file, before the first block and statement")
    if len(marks) == 1 or marks[1][3] or marks[1][0] is not section:
        raise page.fault(first, "the front matter that starts here has no end: close it with: -- ///")
    if len(marks) > 2:
        raise page.fault(marks[2][2], "a second front matter; a report has one")
    end = marks[1][1]
    inside = section.tokens[start + 1 : end]
    top, bottom = page.line(first) + 1, page.line(section.tokens[end])
    written = {page.line(token): token for token in inside}
    for token in inside:
        if token.kind is not TokenKind.LINE_COMMENT or not _alone(page, token):
            raise page.fault(token, "every line of the front matter begins with --")
    raw = [page.text[page.lines.start(n) : written[n].end] if n in written else "" for n in range(top, bottom)]
    front = frontmatter.read(page.path, raw, first=top)
    return front, [replace(section, tokens=section.tokens[:start] + section.tokens[end + 1 :]), *sections[1:]]


def _blocks(page: _Page, sections: list[_Section], report: str, file: str, taken: dict[str, str]) -> tuple[Block, ...]:
    before, *opened = sections
    if not opened:
        # Level 0: the file is one statement, and the report is its table.
        first, last = _statement(page, before, what="the file", remedy="begin each with a line such as: -- @table")
        opening = Opening("table", report, "", {}, page.line(first))
        _take(page, opening, report, taken)
        return (_block(page, opening, report, first, last, file),)
    for token in before.tokens:
        if not token.is_comment:
            raise page.fault(token, "SQL before the first block; open one above it with a line such as: -- @table")
    openings = [_opening(page, section.opening) for section in opened if section.opening is not None]
    names = _names(page, openings, taken)
    found: list[Block] = []
    for section, opening, name in zip(opened, openings, names, strict=True):
        what = f'block "{name}" (@{opening.kind}, line {opening.line})'
        first, last = _statement(page, section, what=what, remedy="give each a line of its own such as: -- @table")
        found.append(_block(page, opening, name, first, last, file))
    return tuple(found)


def _block(page: _Page, opening: Opening, name: str, first: Token, last: Token, file: str) -> Block:
    line, column = page.lines.position(first.start)
    sql = page.text[first.start : last.end]
    return Block(opening.kind, name, opening.title, sql, line, file, opening.options, column)


def _opening(page: _Page, token: Token) -> Opening:
    line, column = page.lines.position(token.start)
    return blocks.read(page.path, page.read(token), line=line, column=column)


def _names(page: _Page, openings: list[Opening], taken: dict[str, str]) -> list[str]:
    """A name for every block: its own, else its title's words, else its kind and its number among that kind."""
    for opening in openings:
        if opening.name is not None:
            _take(page, opening, opening.name, taken)
    names: list[str] = []
    for number, opening in enumerate(openings):
        name = opening.name
        if name is None:
            nth = sum(1 for earlier in openings[: number + 1] if earlier.kind == opening.kind)
            wanted = _slug(opening.title) or f"{opening.kind}{nth}"
            name = next(n for n in chain((wanted,), (f"{wanted}-{i}" for i in count(2))) if n not in taken)
            _take(page, opening, name, taken)
        names.append(name)
    return names


def _take(page: _Page, opening: Opening, name: str, taken: dict[str, str]) -> None:
    if name in taken:
        message = f'block "{name}" stands at {taken[name]} already; give it another name'
        raise fault(page.path, message, line=opening.line)
    taken[name] = f"{PurePath(page.path).name}:{opening.line}"


def _slug(title: str) -> str:
    """The title's words as a name: without accents, cut at a word's end."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words if len(words) <= _SLUG_MAX else words[: _SLUG_MAX + 1].rpartition("-")[0] or words[:_SLUG_MAX]


def _split(section: _Section) -> list[list[Token]]:
    """The section's statements: tokens between semicolons, where there is more than comments."""
    groups: list[list[Token]] = [[]]
    for token in section.tokens:
        if token.kind is TokenKind.SEMICOLON:
            groups.append([])
        else:
            groups[-1].append(token)
    return [group for group in groups if any(not token.is_comment for token in group)]


def _statement(page: _Page, section: _Section, *, what: str, remedy: str) -> tuple[Token, Token]:
    """The first and last token of the section's only statement. Leading block comments (planner hints) belong to it."""
    for token in section.tokens:
        if token.kind is TokenKind.BACKSLASH:
            raise page.fault(token, r"a psql command (\…) is no SQL; the server could not read it")
        if token.kind is TokenKind.POSITIONAL:
            raise page.fault(
                token, f"write :name in place of {page.read(token)}; reportd numbers the parameters itself"
            )
    statements = _split(section)
    if not statements:
        if section.opening is None:
            raise fault(page.path, f"{what} holds no SQL statement", line=1)
        raise page.fault(section.opening, f"{what} has no SQL statement under it")
    if len(statements) > 1:
        second = next(token for token in statements[1] if not token.is_comment)
        raise page.fault(second, f"{what} holds {len(statements)} statements; {remedy}")
    only = statements[0]
    first = next(token for token in only if token.kind is not TokenKind.LINE_COMMENT)
    last = next(token for token in reversed(only) if not token.is_comment)
    return first, last


def _uses(page: _Page, sections: list[_Section]) -> tuple[tuple[str, int], ...]:
    """Every placeholder's name with the line of its first use, in that order."""
    found: dict[str, int] = {}
    for section in sections:
        for token in section.tokens:
            if token.kind is TokenKind.PLACEHOLDER:
                found.setdefault(token.name, page.line(token))
    return tuple(found.items())
