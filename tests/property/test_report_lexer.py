"""The lexer against pieces whose meaning is known, and against text of any kind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reportd.errors import ReportError
from reportd.report.binding import inlined, prepared
from reportd.report.definition import ReportSource
from reportd.report.lexer import placeholders, tokens
from reportd.report.sqlfile import parse

INNER = st.text("ab:x'\"$\\-/*;\n\t[]( )", max_size=12)
CLOSED = st.one_of(
    INNER.map(lambda s: "'" + s.replace("'", "''") + "'"),
    INNER.map(lambda s: "E'" + s.replace("\\", "\\\\").replace("'", "\\'") + "'"),
    INNER.map(lambda s: '"' + s.replace('"', '""') + '"'),
    INNER.map(lambda s: "$q$" + s.replace("$", "") + "$q$"),
    INNER.map(lambda s: "--" + s.replace("\n", " ") + "\n"),
    INNER.map(lambda s: "/*" + s.replace("*", "").replace("/", "") + "*/"),
    st.sampled_from(["a", "1", "::int", ":= 1", ",", "(b)", "<@", "x.y"]),
)


@given(st.lists(st.tuples(CLOSED, st.integers(0, 3)), max_size=12))
def test_placeholders_between_closed_pieces_are_all_found(pieces: list[tuple[str, int]]) -> None:
    sql, expected = "select 1", []
    for piece, name in pieces:
        # A comma before the placeholder, since two operands never touch; a space before the piece ends the last token.
        sql += f" {piece} , :p{name}"
        expected.append(f"p{name}")
    assert [token.name for token in placeholders(sql)] == expected


@given(st.text(st.sampled_from("aE:x'\"$q\\-/*;\n []()1.@=é\0"), max_size=60))
def test_any_text_gives_tokens_in_order_or_a_report_error(text: str) -> None:
    end = 0
    try:
        for token in tokens(text):
            assert token.start >= end
            assert token.end > token.start
            assert not text[end : token.start].strip()
            end = token.end
    except ReportError:
        pass


@given(st.text(st.sampled_from("aE:x'\"$q-/*;\n []()1,"), max_size=60), st.integers(0, 80))
def test_positions_outside_placeholders_are_kept(text: str, offset: int) -> None:
    try:
        found = placeholders(text)
    except ReportError:
        return
    for bound in (prepared(text, {"x": "text"}), inlined(text, {token.name: "'long\nliteral'" for token in found})):
        line, column = bound.locate(offset + 1)
        assert 1 <= line <= text.count("\n") + 1
        assert column >= 1


@given(
    st.lists(
        st.sampled_from(
            [
                "-- /// report\n",
                "-- ///\n",
                "-- @table\n",
                '-- @bar "T" x=a\n',
                "-- @data d\n",
                "select 1",
                ";",
                "\n",
                "-- title = 'a'\n",
                "-- params.p = { type = 'int' }\n",
                ":p ",
                "'",
                "-- @",
                "$$",
                "/*",
                "*/",
                "\\",
                "é",
            ]
        ),
        max_size=14,
    )
)
def test_any_file_is_a_report_or_a_report_error_with_its_file(lines: list[str]) -> None:
    try:
        found = parse(ReportSource("r", {"r.sql": "".join(lines)}, "reports/r.sql"))
    except ReportError as error:
        refused = error
    else:
        assert found.blocks
        assert len({block.name for block in found.blocks}) == len(found.blocks)
        return
    assert refused.detail["file"] == "reports/r.sql"
    assert refused.message.startswith("reports/r.sql:")
