"""Tables for people: what a narrow screen does to them, and what it must not do."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import output
from cli.output import print_table, yuan

AMOUNTS = st.lists(st.integers(-(10**16), 10**16), min_size=1, max_size=5)


@given(amounts=AMOUNTS, width=st.integers(10, 120), name=st.text("abc:", max_size=40))
def test_a_narrow_screen_cuts_no_digit_off_an_amount(
    amounts: list[int], width: int, name: str
) -> None:
    columns = ["account", *(f"{n} 元" for n in range(len(amounts)))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output.out, "width", width)
        with output.out.capture() as captured:
            print_table("", columns, [[name, *map(yuan, amounts)]], footer="")
    text = captured.get()
    body = [line.split("│")[1:-1] for line in text.splitlines() if line.startswith("│")]
    assert [cell.strip() for cell in body[0][1:]] == [yuan(fen) for fen in amounts]
    assert "".join(row[0].strip() for row in body) == name
    heads = [line for line in text.splitlines() if line.startswith("┃")]
    assert re.search("元", "".join(heads))


def test_a_column_that_folds_is_still_there() -> None:
    """At 80 columns a billion in four columns left none for the institution that was owed it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output.out, "width", 80)
        with output.out.capture() as captured:
            owed = [yuan(123_456_789_012)] * 4
            columns = ("institution", "owed 元", "a 元", "b 元", "c 元", "overdue days")
            print_table("", columns, [("hospital:H31000000003", *owed, 7)])
    lines = [line.split("│")[1:-1] for line in captured.get().splitlines() if line[:1] == "│"]
    assert "".join(line[0].strip() for line in lines) == "hospital:H31000000003"
    assert lines[0][-1].strip() == "7"
