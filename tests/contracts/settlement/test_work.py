"""Whoever has much looked at is told of as much work: a block has room for so much, and a call that
told of nothing would hold the chain with lists (``node.execution.blocks.BLOCK_WORK_MAX``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from contracts.settlement.catalogue_parts import DELTA, ITEMS, MAPPING
from node.ledger import codec
from tests.contracts.settlement import test_objection as objecting
from tests.contracts.settlement.month_world import CAROL, JULY, Month, make_month
from tests.contracts.settlement.test_catalogue import row
from tests.contracts.world import ALICE, BUREAU_GUANGDONG, HOSPITAL

Call = Callable[[Month, int], None]
"""Makes a call that looks at so many rows."""


def _unknown(count: int) -> list[dict[str, Any]]:
    money = {"total_fen": 1, "funds_fen": 1, "accounts_fen": 0}
    return [{"settlement": f"H44010000123-x-{n}", **money} for n in range(count)]


def _compare(month: Month, count: int) -> None:
    args = {"month": JULY, "rows": _unknown(count)}
    month.world.do(HOSPITAL, "declaration", "compare", args, post="finance")


def _declare(month: Month, count: int) -> None:
    args = {"month": JULY, "rows": _unknown(count)}
    refused = "declaration.row-unknown"
    month.world.refused(refused, HOSPITAL, "declaration", "declare", args, post="finance")


def _object(month: Month, count: int) -> None:
    rows = [objecting.row(f"H44010000123-x-{n}", 1) for n in range(count)]
    objecting.lodge(month, *rows, refused="objection.not-in-statement")


def _load_part(kind: str) -> Call:
    def call(month: Month, count: int) -> None:
        codes = [f"X{n:05}" for n in range(count)]
        rows: Any = [row(code) for code in codes]
        if kind == DELTA:
            rows = [[], codes]
        elif kind == MAPPING:
            rows = [[code, "X1"] for code in codes]
        args = {"kind": kind, "part": codec.encode(rows)}
        month.world.do(BUREAU_GUANGDONG, "catalogue", "load_part", args, post="clerk")

    return call


@pytest.fixture
def month() -> Month:
    """Its statement of June may be objected to; July may be declared."""
    month = make_month()
    month.settle(1)
    month.on("2025-07-01").declared_and_confirmed(objecting.ONE)
    month.on("2025-07-21").cut()
    return month


@pytest.mark.parametrize(
    ("call", "least"),
    [
        pytest.param(_compare, 100, id="compare"),
        pytest.param(_declare, 100, id="declare"),
        pytest.param(_object, 100, id="object"),
        pytest.param(_load_part(ITEMS), 40, id="items"),
        pytest.param(_load_part(DELTA), 6, id="delta"),
        pytest.param(_load_part(MAPPING), 6, id="mapping"),
    ],
)
def test_each_row_counts(month: Month, call: Call, least: int) -> None:
    """``least``: units of a row, at 25 microseconds where it is looked up in the state."""
    works = []
    for count in (20, 30, 50):
        call(month, count)
        works.append(month.world.work)
    few, more, many = works
    assert many - more == 2 * (more - few), "rows of one size cost alike"
    assert more - few >= 10 * least


def test_each_cell_of_a_month_counts_when_it_is_confirmed() -> None:
    works = []
    for persons in ((ALICE,), (ALICE, CAROL)):
        month = make_month()
        names = [month.settle(n, person=person) for n, person in enumerate(persons)]
        month.on("2025-07-01").declared_and_confirmed(*names)
        works.append(month.world.work)
    one, two = works
    assert 0 < one < two
