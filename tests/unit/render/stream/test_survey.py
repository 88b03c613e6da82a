"""Which of a long table's lines say how wide its columns are."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, takewhile

import pytest

from reportd.render.stream.survey import _picks


@pytest.mark.parametrize("rows", [620, 1_200, 6_000, 99_999, 100_000, 1_000_000])
@pytest.mark.parametrize("period", [2, 5, 7, 10])
def test_every_kind_of_row_is_seen_where_kinds_repeat(rows: int, period: int) -> None:
    picked = list(takewhile(lambda number: number < rows, _picks(rows)))
    seen = Counter(number % period for number in picked)
    assert 500 < len(picked) < 1_300
    assert all(first < second for first, second in pairwise(picked))
    assert min(seen[kind] for kind in range(period)) > len(picked) / period / 2
