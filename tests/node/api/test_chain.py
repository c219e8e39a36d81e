"""A reader of a few rows pays for a few rows, however large the batches in which they stand.

Found by attack: listing the claims of one person whose claims stood in batches of 900 held the
event loop for half a minute, and an open stream did the same for each such block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from node.api.chain import PAGE_BLOCK_BYTES_MAX, Receipts, affordable
from node.api.ports import CallRow
from node.ledger.receipt import Receipt

MIB = 1024 * 1024


class Blocks:
    """A view of blocks of which only the size is known."""

    def __init__(self, *sizes: int) -> None:
        self.sizes = sizes
        self.read: list[int] = []

    def transactions(self, height: int) -> Sequence[bytes]:
        self.read.append(height)
        return [bytes(self.sizes[height] // 2)]

    def receipts(self, height: int) -> Sequence[bytes]:
        return [bytes(self.sizes[height] // 4)] * 2


def rows(*heights: int) -> list[CallRow]:
    return [CallRow(height, index, bytes(32), 0) for index, height in enumerate(heights)]


def page(view: Any, found: list[CallRow], limit: int = 50) -> tuple[list[int], str | None]:
    kept, following = affordable(view, found, limit)
    return [row.receipt_index for row in kept], following


def test_a_page_of_small_blocks_is_as_long_as_asked_for() -> None:
    assert page(Blocks(1_000, 1_000), rows(0, 0, 1)) == ([0, 1, 2], None)
    assert page(Blocks(1_000, 1_000), rows(0, 0, 1), limit=3) == ([0, 1, 2], "1:2")


def test_a_page_ends_where_reading_would_take_too_long() -> None:
    view = Blocks(*[6 * MIB] * 50)
    assert page(view, rows(*range(50))) == ([0, 1], "1:1")
    assert max(view.read) == 2, "what is not shown is not read either, but for the next one"


def test_rows_of_one_block_cost_it_once() -> None:
    view = Blocks(*[6 * MIB] * 2)
    assert page(view, rows(*[0] * 40, 1)) == ([*range(41)], None)
    assert view.read == [0, 1]


def test_there_is_always_a_row_so_that_a_reader_gets_on() -> None:
    assert page(Blocks(2 * PAGE_BLOCK_BYTES_MAX, 1), rows(0, 0, 1)) == ([0, 1], "0:1")


def test_only_the_receipts_that_are_shown_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []

    def decode(data: bytes) -> Any:
        decoded.append(data)
        return data

    monkeypatch.setattr(Receipt, "decode_trusted", staticmethod(decode))
    receipts = Receipts([n.to_bytes(2) for n in range(1_000)])
    assert len(receipts) == 1_000
    found: Any = receipts[7]
    part: Any = receipts[998:]
    assert (found, list(part)) == ((7).to_bytes(2), [(998).to_bytes(2), (999).to_bytes(2)])
    assert len(decoded) == 3
