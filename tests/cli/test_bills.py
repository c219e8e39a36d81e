"""Two lists of one institution's bills: exactly those that differ are told, with amounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.bills import BillsError, differences, read_bills
from tests.cli.screens import Screens
from tests.scenes.country import BUREAU_GUANGZHOU, CHANGSHA_HOSPITAL, DRUG, HOSPITAL, Country

bills = st.dictionaries(st.sampled_from([f"c{n}" for n in range(8)]), st.integers(0, 10**9))


@given(bills, bills)
def test_applied_to_one_list_the_differences_give_the_other(
    told: dict[str, int], known: dict[str, int]
) -> None:
    found = differences(told, known)
    patched = dict(told)
    for row in found:
        assert row.told_fen == told.get(row.claim)
        assert row.told_fen != row.ledger_fen
        if row.ledger_fen is None:
            assert row.kind == "only-institution"
            del patched[row.claim]
        else:
            assert row.kind == ("amount-differs" if row.claim in told else "only-ledger")
            patched[row.claim] = row.ledger_fen
    assert patched == known
    total = sum(row.difference_fen for row in found)
    assert total == sum(told.values()) - sum(known.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bill,total\na,1.00\n", "no column claim"),
        ("claim,total\na,1.00\na,1.00\n", "line 3: a stands twice"),
        ("claim,total\n,1.00\n", "line 2"),
        ("claim,total\na,1.005\n", "is not an amount"),
        ("claim,total\na,one\n", "is not an amount"),
        ("claim,total\na,NaN\n", "is not an amount"),
        ("claim,total\na\n", "is not an amount"),
    ],
)
def test_a_list_that_is_none_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(BillsError, match=message):
        read_bills(text)


def test_amounts_are_read_to_the_fen() -> None:
    text = 'total,claim\n"171,239.20",a\n171178.2,b\n-25,c\n'
    assert read_bills(text) == {"a": 17_123_920, "b": 17_117_820, "c": -2_500}


@pytest.mark.parametrize(
    "amount", ["１３００", "1,3", "12,34.56", "1e3", "1_0", "1.005", "", "NaN"]
)
def test_an_amount_that_is_not_written_as_one_is_refused(amount: str) -> None:
    with pytest.raises(BillsError, match="line 2"):
        read_bills(f'claim,total\nC1,"{amount}"\n')


def test_a_list_that_is_no_table_is_refused_with_its_line() -> None:
    # Without quotes the second half of 1,300.00 is a field of its own, and the bill one yuan.
    for text in (
        "claim,total\nC1,1,300.00\n",
        'claim,total\nC1,"1',
        f"claim,total\nC1,{'9' * 200_000}",
    ):
        with pytest.raises(BillsError, match=r"line [12]"):
            read_bills(text)
    assert read_bills('claim,total\r\nC1,"1,300.00"\r\n') == {"C1": 130_000}


@pytest.fixture
def country(tmp_path: Path) -> Iterator[Country]:
    made = Country(tmp_path / "node")
    yield made
    made.close()


def test_over_the_edge_the_bill_of_61_yuan_is_found(country: Country, tmp_path: Path) -> None:
    screens, person = Screens(country.world), country.enrol("patient")
    country.on("2025-03-03")
    amounts = ("100.00", "61.00", "250.00", "30.00")
    made = [country.visit(person, (DRUG, amount)) for amount in amounts]
    country.reverse(made[3].claim, "wrong_bill")
    country.on("2025-04-01")
    country.visit(person, (DRUG, "999.00"))
    file = tmp_path / "bills.csv"
    rows = [f"{made[0].claim},100.00", f"{made[2].claim},225.00", "H44010000123-s-99,5.00"]
    file.write_text("claim,total\n" + "\n".join(rows) + "\n", encoding="utf-8")
    march = ("--from", "2025-03-01", "--to", "2025-03-31")
    command = ("claim", "reconcile", HOSPITAL, file, *march)
    told: Any = screens.json(HOSPITAL, "finance", *command, code=1)
    assert [(d["claim"], d["kind"]) for d in told["differences"]] == [
        (made[1].claim, "only-ledger"), (made[2].claim, "amount-differs"),
        ("H44010000123-s-99", "only-institution"),
    ]  # fmt: skip
    assert (told["told_fen"], told["ledger_fen"]) == (33_000, 41_100)
    assert "61.00" in screens.text(BUREAU_GUANGZHOU, "checker", *command, code=1)
    refused = screens.text(CHANGSHA_HOSPITAL, "finance", *command, code=4)
    assert "read.no-right" in refused
    rows = [f"{bill.claim},{amount}" for bill, amount in zip(made[:3], amounts, strict=False)]
    file.write_text("claim,total\n" + "\n".join(rows) + "\n", encoding="utf-8")
    assert screens.json(HOSPITAL, "finance", *command)["differences"] == []
    screens.text(HOSPITAL, "finance", "claim", "reconcile", HOSPITAL, file, "--from", "x", code=2)
