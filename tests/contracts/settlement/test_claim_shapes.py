"""The shape of a charge line: the short cut accepts nothing that the table of fields refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.schema import ShapeError, compile_shape
from contracts.settlement.claim_shapes import LINE_FIELDS, Line, _is_plain_line
from tests.contracts.settlement.claim_world import line

check_line = compile_shape(Line())
CHECKS = [compile_shape(shape) for shape in LINE_FIELDS.values()]

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 4),
    st.sampled_from([10**11, 10**11 + 1, 10**15, 10**15 + 1, -(10**15)]),
    st.text(max_size=45),
    st.text("Aa0-_.:/ \n\x00", max_size=45),
    st.sampled_from(["2025-06-10", "2025-02-29", "2024-02-29", "2025-6-1", "", "x" * 40, "x" * 41]),
    st.binary(max_size=3),
    st.lists(st.integers(), max_size=2),
)
lines = st.tuples(
    st.lists(st.tuples(st.integers(0, 10), odd), max_size=3),
    st.sampled_from([[], ["A03.11"]]),
).map(lambda told: [dict(told[0]).get(n, f) for n, f in enumerate([*line(1), *told[1]])])


def fits(value: list[Any]) -> bool:
    try:
        for check, item in zip(CHECKS, value, strict=False):
            check(item)
    except ShapeError:
        return False
    return True


@settings(max_examples=400, deadline=None)
@given(lines)
@example(line(1))
@example(line(1, "", local="OWN"))
@example([*line(1), "A03.11"])
@example([*line(1), ""])
@example([*line(1), "骨科"])
def test_the_short_cut_is_within_the_table(value: list[Any]) -> None:
    if _is_plain_line(value):
        assert fits(value)
    if fits(value):
        assert check_line(value) is value
    else:
        with pytest.raises(ShapeError) as refusal:
            check_line(value)
        assert refusal.value.path in LINE_FIELDS


def test_the_usual_line_takes_the_short_cut() -> None:
    assert _is_plain_line(line(1))
    assert _is_plain_line([*line(1), "A03.11"])


@pytest.mark.parametrize(
    "value", [None, {}, (), [], line(1)[:9], [*line(1), 1], [*line(1), "A", "B"]]
)
def test_what_is_no_array_of_ten_or_eleven(value: Any) -> None:
    with pytest.raises(ShapeError):
        check_line(value)


def test_the_shape_describes_its_fields() -> None:
    assert list(Line().describe()["fields"]) == list(LINE_FIELDS)
    assert Line().describe()["fields"]["amount_fen"]["unit"] == "fen"
