"""PostgreSQL's lexical rules, as far as a report needs them: where statements end, and which `:name` is a placeholder.

The rules are those of PostgreSQL's own scanner (`scan.l`, `standard_conforming_strings = on`) and of psql's variables:
nothing inside a string, a quoted identifier, a dollar quote or a comment is ever a placeholder. A colon before a name
makes one unless it is part of `::` or `:=`, or separates two operands, which happens in two places:

- slices, `a[x:y]`: inside a subscript, `:name` right after an operand (a name, number, string, placeholder, `)` or `]`)
  is the slice's upper bound. `a[:n]` is a placeholder, as are all in `array[:a, :b]`; a slice without a lower bound is
  written `a[: n]`, and one between placeholders `a[:low : :high]`;
- JSON constructors, `json_object('key':value)`: `:name` right after a string, number or placeholder is the value.

Every pass is linear in the text: each pattern is possessive, and no character is looked at by more than a few of them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from reportd.errors import ReportError


class TokenKind(Enum):
    """What a token is; white space is no token."""

    WORD = auto()
    QUOTED_NAME = auto()
    STRING = auto()
    NUMBER = auto()
    PLACEHOLDER = auto()
    POSITIONAL = auto()
    LINE_COMMENT = auto()
    BLOCK_COMMENT = auto()
    SEMICOLON = auto()
    BACKSLASH = auto()
    PUNCTUATION = auto()


class Token(NamedTuple):
    """One token: `text[start:end]`. `name` is the parameter's name where the token is a placeholder, else empty."""

    kind: TokenKind
    start: int
    end: int
    name: str = ""

    @property
    def is_comment(self) -> bool:
        """Whether the server would skip this token."""
        return self.kind in _COMMENTS


_COMMENTS = (TokenKind.LINE_COMMENT, TokenKind.BLOCK_COMMENT)


class Lines:
    """Line and column (both from 1, columns in characters) of offsets into a text, and back."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def position(self, offset: int) -> tuple[int, int]:
        """The (line, column) of the character at `offset`."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def start(self, line: int) -> int:
        """The offset at which `line` begins."""
        return self._starts[line - 1]


def tokens(text: str) -> Iterator[Token]:
    """The tokens of `text`, comments included, in order.

    Errors: ReportError (detail: line, column) for what the server could not read either: an unterminated string, quoted
    name, dollar quote or comment, a NUL character; and for `:"name"`, which psql puts in as a name and nobody can bind.
    """
    scanner = _Scanner(text)
    offset = 0
    while True:
        # Nine tokens of ten are plain: one match takes the white space before them as well.
        if plain := _PLAIN.match(text, offset):
            group = plain.lastindex or 0
            token = scanner.previous = Token(_PLAIN_KINDS[group], plain.start(group), plain.end())
        elif (offset := _end(_SPACE, text, offset)) < len(text):
            token = scanner.token(offset)
        else:
            return
        yield token
        offset = token.end


def placeholders(sql: str) -> tuple[Token, ...]:
    """The placeholders of `sql`, in order; each has a name. Errors as `tokens`."""
    return tuple(token for token in tokens(sql) if token.kind is TokenKind.PLACEHOLDER)


_SPACE = re.compile(r"[ \t\n\r\f\v]*+")
# Letters past ASCII belong to names, as in the server's scanner, which takes every high byte for a letter. Each class
# is given by what is not in it: `re` needs 20 ms for a range as far as U+10FFFF.
_LETTER = r"[^\x00-@\[-^`{-\x7f]"
_LETTER_OR_DIGIT = r"[^\x00-/:-@\[-^`{-\x7f]"
_WORD = re.compile(rf"{_LETTER}[^\x00-#%-/:-@\[-^`{{-\x7f]*+")  # with dollars, from the second place on
_VARIABLE = re.compile(rf"{_LETTER}{_LETTER_OR_DIGIT}*+")
_NUMBER = re.compile(
    r"0[xX][0-9a-fA-F_]++|0[oO][0-7_]++|0[bB][01_]++"
    r"|(?:[0-9][0-9_]*+(?:\.(?!\.)[0-9_]*+)?|\.[0-9][0-9_]*+)(?:[eE][+-]?[0-9][0-9_]*+)?"
)
# A word that no quote follows, a number, or a sign that begins nothing longer and nests nothing.
_PLAIN = re.compile(rf"[ \t\n\r\f\v]*+(?:({_WORD.pattern})(?!['\"&])|({_NUMBER.pattern})|([,.*=<>+|%@#^!~?]))")
_PLAIN_KINDS = (TokenKind.PUNCTUATION, TokenKind.WORD, TokenKind.NUMBER, TokenKind.PUNCTUATION)
_POSITIONAL = re.compile(r"\$[0-9]++")
_DOLLAR_TAG = re.compile(rf"\$(?:{_VARIABLE.pattern})?\$")
_PLAIN_STRING = re.compile(r"'[^']*+(?:''[^']*+)*+'")
_ESCAPE_STRING = re.compile(r"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'", re.DOTALL)
_QUOTED_NAME = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')
_LINE_COMMENT = re.compile(r"--[^\r\n]*+")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
# What may stand between the parts of one string that goes on over lines: it must hold a line break.
_CONTINUATION = re.compile(r"(?:[ \t\f\v]|--[^\r\n]*+)*+[\r\n](?:[ \t\n\r\f\v]|--[^\r\n]*+[\r\n])*+(?=')")
_QUOTED_VARIABLE = re.compile(rf"'({_LETTER_OR_DIGIT}++)'")
_STRING_PREFIXES = frozenset({"e", "b", "x", "n", "u&"})

# Words after which an expression begins, so that a colon after them inside a subscript is no slice.
_BEFORE_OPERAND = frozenset(
    {
        "all",
        "and",
        "any",
        "array",
        "as",
        "between",
        "by",
        "case",
        "distinct",
        "else",
        "escape",
        "from",
        "having",
        "ilike",
    }
    | {
        "in",
        "is",
        "like",
        "limit",
        "not",
        "offset",
        "on",
        "or",
        "row",
        "select",
        "similar",
        "some",
        "symmetric",
        "then",
    }
    | {"using", "values", "when", "where"}
)


class _Scanner:
    """Reads one token at a time and remembers just enough of what came before to tell a slice from a placeholder."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.previous: Token | None = None
        self._brackets: list[_Bracket] = []

    def token(self, offset: int) -> Token:
        token = self._read(offset)
        if token.kind is TokenKind.PUNCTUATION:
            self._nest(self._text[offset])
        if token.kind is TokenKind.SEMICOLON:
            self._brackets.clear()
        if not token.is_comment:
            self.previous = token
        return token

    def _read(self, offset: int) -> Token:
        text = self._text
        character = text[offset]
        pair = text[offset : offset + 2]
        match character:
            case "'":
                return self._quoted(_PLAIN_STRING, offset, offset, TokenKind.STRING, "string")
            case '"':
                return self._quoted(_QUOTED_NAME, offset, offset, TokenKind.QUOTED_NAME, "quoted name")
            case ":":
                return self._colon(offset)
            case "$":
                return self._dollar(offset)
            case ";":
                return Token(TokenKind.SEMICOLON, offset, offset + 1)
            case "\\":
                return Token(TokenKind.BACKSLASH, offset, offset + 1)
            case "\0":
                raise _fault(text, offset, "a NUL character; Postgres can't take one")
            case "-" if pair == "--":
                return Token(TokenKind.LINE_COMMENT, offset, _end(_LINE_COMMENT, text, offset))
            case "/" if pair == "/*":
                return Token(TokenKind.BLOCK_COMMENT, offset, self._comment_end(offset))
        if number := _NUMBER.match(text, offset):
            return Token(TokenKind.NUMBER, offset, number.end())
        if word := _WORD.match(text, offset):
            return self._word(offset, word.end())
        return Token(TokenKind.PUNCTUATION, offset, offset + 1)

    def _word(self, offset: int, end: int) -> Token:
        """A name or keyword, or what it is the prefix of: `E'…'`, `B'…'`, `X'…'`, `N'…'`, `U&'…'`, `U&"…"`."""
        text = self._text
        prefix_end = end + 1 if text[offset:end] in ("u", "U") and text.startswith("&", end) else end
        following = text[prefix_end : prefix_end + 1]
        prefix = text[offset:prefix_end].lower()
        if following == "'" and prefix in _STRING_PREFIXES:
            pattern = _ESCAPE_STRING if prefix == "e" else _PLAIN_STRING
            return self._quoted(pattern, offset, prefix_end, TokenKind.STRING, "string")
        if following == '"' and prefix == "u&":
            return self._quoted(_QUOTED_NAME, offset, prefix_end, TokenKind.QUOTED_NAME, "quoted name")
        return Token(TokenKind.WORD, offset, end)

    def _quoted(self, pattern: re.Pattern[str], start: int, quote: int, kind: TokenKind, what: str) -> Token:
        end = _end(pattern, self._text, quote)
        if end < 0:
            raise _fault(self._text, start, f"the {what} that starts here has no end")
        if pattern is _ESCAPE_STRING:
            # The parts of one string keep the first one's rules, backslashes included.
            while continuation := _CONTINUATION.match(self._text, end):
                end = _end(pattern, self._text, continuation.end())
                if end < 0:
                    raise _fault(self._text, continuation.end(), f"the {what} that goes on here has no end")
        return Token(kind, start, end)

    def _dollar(self, offset: int) -> Token:
        text = self._text
        if positional := _POSITIONAL.match(text, offset):
            return Token(TokenKind.POSITIONAL, offset, positional.end())
        tag = _DOLLAR_TAG.match(text, offset)
        if tag is None:
            return Token(TokenKind.PUNCTUATION, offset, offset + 1)
        close = text.find(tag[0], tag.end())
        if close < 0:
            raise _fault(text, offset, f"the dollar quote {tag[0]} that starts here has no end")
        return Token(TokenKind.STRING, offset, close + len(tag[0]))

    def _comment_end(self, offset: int) -> int:
        depth = 0
        for edge in _COMMENT_EDGE.finditer(self._text, offset):
            depth += 1 if edge[0] == "/*" else -1
            if depth == 0:
                return edge.end()
        raise _fault(self._text, offset, "the comment that starts here has no end (comments nest in Postgres)")

    def _colon(self, offset: int) -> Token:
        text = self._text
        if text.startswith(("::", ":="), offset):
            return Token(TokenKind.PUNCTUATION, offset, offset + 2)
        if not self._follows_operand():
            if variable := _VARIABLE.match(text, offset + 1) or _QUOTED_VARIABLE.match(text, offset + 1):
                return _placeholder(text, offset, variable.end(), variable[0].strip("'"))
            if text.startswith('"', offset + 1):
                raise _fault(
                    text, offset, "a name can't be bound: write the column's or table's own name, or use case … end"
                )
        return Token(TokenKind.PUNCTUATION, offset, offset + 1)

    def _follows_operand(self) -> bool:
        """Whether what stands before is an operand, so that a colon here separates (a slice, a JSON key and value)."""
        previous = self.previous
        if previous is None:
            return False
        if previous.kind in (TokenKind.STRING, TokenKind.NUMBER, TokenKind.PLACEHOLDER, TokenKind.POSITIONAL):
            return True
        if not self._brackets or self._brackets[-1] is not _Bracket.SUBSCRIPT:
            return False
        before = self._text[previous.start : previous.end]
        if previous.kind is TokenKind.WORD:
            return before.lower() not in _BEFORE_OPERAND
        return previous.kind is TokenKind.QUOTED_NAME or before in (")", "]")

    def _nest(self, character: str) -> None:
        match character:
            case "(":
                self._brackets.append(_Bracket.PARENTHESIS)
            case "[":
                self._brackets.append(_Bracket.CONSTRUCTOR if self._constructs() else _Bracket.SUBSCRIPT)
            case ")" | "]" if self._brackets:
                self._brackets.pop()

    def _constructs(self) -> bool:
        """Whether a `[` here opens an array's elements (`array[`, and `[` inside one) and not a subscript."""
        previous = self.previous
        if previous is None:
            return False
        before = self._text[previous.start : previous.end]
        nested = bool(self._brackets) and self._brackets[-1] is _Bracket.CONSTRUCTOR
        return before.lower() == "array" or (nested and before in ("[", ","))


class _Bracket(Enum):
    PARENTHESIS = auto()
    SUBSCRIPT = auto()
    CONSTRUCTOR = auto()


def _placeholder(text: str, start: int, end: int, name: str) -> Token:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", name):
        raise _fault(
            text, start, f"{name!r} can't name a parameter: letters a–z, digits and _, at most 63, no digit first"
        )
    return Token(TokenKind.PLACEHOLDER, start, end, name)


def _end(pattern: re.Pattern[str], text: str, offset: int) -> int:
    match = pattern.match(text, offset)
    return match.end() if match else -1


def _fault(text: str, offset: int, message: str) -> ReportError:
    line, column = Lines(text).position(offset)
    return ReportError(message, line=line, column=column)
