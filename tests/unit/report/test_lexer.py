"""Which `:name` is a placeholder, where tokens end, and that hostile text costs linear time."""

from __future__ import annotations

import time

import pytest

from reportd.errors import ReportError
from reportd.report.lexer import Lines, TokenKind, placeholders, tokens


def names(sql: str) -> list[str]:
    return [token.name for token in placeholders(sql)]


def statements(sql: str) -> int:
    return sum(token.kind is TokenKind.SEMICOLON for token in tokens(sql))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select :a", ["a"]),
        ("select :'a'", ["a"]),
        ("select :A_b1", ["A_b1"]),
        (":a", ["a"]),
        ("(:a,:b)", ["a", "b"]),
        ("x<:a and y>=:b and z<@:c and w||:d", ["a", "b", "c", "d"]),
        ("x=-:a", ["a"]),
        ("select :a::date, :b ::text", ["a", "b"]),
        ("select x::int, y :: text", []),
        ("select :::a", ["a"]),
        ("f(a := 1, b:=:b, c => :c, d=>:d)", ["b", "c", "d"]),
        ("limit :n offset :m", ["n", "m"]),
        ("select distinct on (region) :label", ["label"]),
        ("select case when true then :a else :b end", ["a", "b"]),
        ("select : a", []),
        ("select :1", []),
        ("where :a = :a", ["a", "a"]),
    ],
)
def test_a_colon_before_a_name_is_a_placeholder(sql: str, expected: list[str]) -> None:
    assert names(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "select ':no'",
        "select 'it''s :no'",
        "select 'a\\', ':no'",  # a backslash is an ordinary character
        "select E'it\\'s :no'",
        "select e'a''b :no'",
        "select E'\\\\\\' :no'",
        "select E'a'\n  ':no \\' :no'",  # the second part keeps the first one's rules
        "select E'a' -- why :no\n  '\\' :no'",
        "select U&':no' uescape '!'",
        'select u&":no" from t',
        "select B'1', X':no', N':no'",
        'select ":no", "a"":no"',
        "select $$:no$$",
        "select $q$:no $$ ' :no $q$",
        "select $é$:no$é$",
        "-- :no",
        "/* :no */",
        "/* /* :no */ :no */",
        "/* -- :no\n :no */",
        "select 1 -- ':no\n",
        "do $f$ begin x := :no; end $f$",
    ],
)
def test_nothing_inside_quotes_and_comments_is_a_placeholder(sql: str) -> None:
    assert names(sql) == []
    assert names(f"{sql}\n, :yes") == ["yes"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("a[1:2]", []),
        ("a[x:y]", []),
        ("a[x :y]", []),
        ("a[f(x):y]", []),
        ("a[b[1]:y]", []),
        ('a["x":y]', []),
        ("a[1:2][3:z]", []),
        ("a[: n]", []),
        ("a[:n]", ["n"]),
        ("a[:low : :high]", ["low", "high"]),
        ("a[1 : :n]", ["n"]),
        ("a[x::int:y]", []),
        ("a[array[:x]:y]", ["x"]),
        ("array[:a, :b]", ["a", "b"]),
        ("array[[:a,:b],[:c,:d]]", ["a", "b", "c", "d"]),
        ("ARRAY [x, :a]", ["a"]),
        ("a[case when :p then 1 else :q end]", ["p", "q"]),
        ("a[f(:p):y]", ["p"]),
        ("a[1:2]; select x :p", ["p"]),
        ("a[(x):y]", []),
    ],
)
def test_a_slice_bound_is_no_placeholder(sql: str, expected: list[str]) -> None:
    assert names(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("json_object('key':value)", []),
        ("json_object('key' : :value)", ["value"]),
        ("json_object(:key:value)", ["key"]),
        ("json_object(1:'x')", []),
        ("json_object('k':\"Col\")", []),
    ],
)
def test_a_json_value_is_no_placeholder(sql: str, expected: list[str]) -> None:
    assert names(sql) == expected


def test_a_prefix_letter_counts_only_at_the_start_of_a_word() -> None:
    assert names("select fooe'a\\', :yes") == ["yes"]
    assert names("select 1e'\\' :no', :yes") == ["yes"]
    assert names("select u & ':no', :yes") == ["yes"]


def test_a_dollar_inside_a_name_opens_no_quote() -> None:
    assert names("select a$b$, :yes, c$b$") == ["yes"]
    assert names("select 1$b$:no$b$, :yes") == ["yes"]
    assert names("select $1, :yes, $1") == ["yes"]


@pytest.mark.parametrize("number", ["1", "1.", ".5", "1.5e-3", "1e5", "0x1F", "0b11", "1_000", "1.e5"])
def test_numbers_are_one_token(number: str) -> None:
    assert [token.kind for token in tokens(number)] == [TokenKind.NUMBER]


def test_semicolons_count_only_outside_quotes() -> None:
    assert statements("select ';', \";\", $$;$$ /* ; */ -- ;\n") == 0
    assert statements("select 1; select 2;") == 2


def test_tokens_cover_everything_but_white_space() -> None:
    sql = "select :a + E'x\\'' || \"q\" -- c\n/* d */, $1 <> a[1:2] \\;"
    covered: set[int] = set()
    for token in tokens(sql):
        covered.update(range(token.start, token.end))
    assert {sql[i] for i in range(len(sql)) if i not in covered} <= {" ", "\n"}


@pytest.mark.parametrize(
    ("sql", "words", "line", "column"),
    [
        ("select 'a", "string", 1, 8),
        ("select\n  'it''s", "string", 2, 3),
        ("select E'a\\'", "string", 1, 8),
        ("select E'a'\n'b", "string", 2, 1),
        ('select "a', "quoted name", 1, 8),
        ("select $x$ $y$", "dollar quote $x$", 1, 8),
        ("\n\n/* /* */", "comment", 3, 1),
        ("select \0", "NUL", 1, 8),
        ('select :"col"', "can't be bound", 1, 8),
        ("select :naïve", "can't name a parameter", 1, 8),
        ("select :'1'", "can't name a parameter", 1, 8),
        (f"select :{'a' * 64}", "can't name a parameter", 1, 8),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(sql: str, words: str, line: int, column: int) -> None:
    with pytest.raises(ReportError, match="(?s)" + words.replace("$", r"\$")) as caught:
        list(tokens(sql))
    assert caught.value.detail == {"line": line, "column": column}


def test_lines_gives_line_and_column_of_offsets() -> None:
    lines = Lines("ab\n\ncd")
    assert [lines.position(offset) for offset in range(7)] == [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (3, 2), (3, 3)]
    assert lines.start(3) == 4


@pytest.mark.parametrize(
    "piece",
    [
        "'",
        ":",
        "/*",
        "[:a",
        "$a$ $b$",
        "e'\\",
        "E''\n",
        "E''--x\n",
        "1.",
        "$",
        "1e",
        "''",
        '"',
        "/* */",
        "a:",
        "-",
        "E'' ",
    ],
)
def test_time_grows_in_line_with_the_text(piece: str) -> None:
    def seconds(count: int) -> float:
        text = piece * count
        started = time.process_time()
        try:
            for _ in tokens(text):
                pass
        except ReportError:
            pass
        return time.process_time() - started

    # 16 times the text: linear takes 16 times as long, quadratic 256.
    small, large = max(seconds(800), 0.001), seconds(12_800)
    assert large < small * 80
