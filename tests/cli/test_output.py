"""Tables for people: what a narrow screen does to them, and what it must not do."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import output
from cli.output import decimal, print_record, print_table, shown, yuan

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


def test_an_amount_in_yuan_does_not_stand_beside_the_word_fen() -> None:
    with output.out.capture() as captured:
        print_record("Receipt", {"total_fen": 12_345, "open_fen": None, "counters": {"paid_fen": 1},
                                 "aside": 2, "aside_fen": 50, "fen": "none"})  # fmt: skip
    text = captured.get()
    assert re.search(r"total +│ 123\.45 元", text)
    assert re.search(r"counters\.paid +│ 0\.01 元", text)
    assert "_fen" not in text
    assert re.search(r"aside +│ 2 .*\n.*aside 元 +│ 0\.50 元", text), "two names for two things"


def test_a_table_without_rows_says_so_and_keeps_its_footer() -> None:
    with output.out.capture() as captured:
        print_table("Postings [x]", ("fund", "amount 元"), iter(()), footer="next page: 7")
        print_table("", ("fund",), [])
    assert captured.get().splitlines() == ["Postings [x]: none 无", "next page: 7", "none 无"]


def test_a_time_is_shown_as_one_whatever_its_field_is_called() -> None:
    for name in ("time_ms", "back_ms", "until_ms"):
        assert shown(name, 1_796_053_497_199) == "2026-11-30 23:44:57"
    assert shown("for_ms", 1500) == "1500"


@pytest.mark.parametrize(
    ("value", "places", "least", "text"),
    [(1_250_000, 6, 2, "1.25"), (1, 6, 2, "0.000001"), (30_000, 4, 0, "3"), (5_000, 4, 0, "0.5"),
     (12_345_000_000, 6, 2, "12,345.00")],
)  # fmt: skip
def test_quantities_and_prices_are_exact(value: int, places: int, least: int, text: str) -> None:
    assert decimal(value, places, least=least) == text


def test_a_record_of_tables_alone_has_no_empty_box() -> None:
    with output.out.capture() as captured:
        print_record("Title", {"rows": [{"a": 1}]})
    assert captured.get().splitlines()[:2] == ["Title", "rows"]
