"""The layers of state: a call sees what was written last, and readings never grow old."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.execution import state as module
from node.execution.state import (
    ENTRY_BYTES,
    BlockState,
    CallState,
    CommittedState,
    Readings,
    ReadState,
)
from node.ledger.codec import encode

KEYS = st.sampled_from(("fund/a", "org/b", "param/c"))
WRITES = st.dictionaries(KEYS, st.none() | st.lists(st.integers(0, 3), max_size=2))


class Rows:
    """The store: what was committed."""

    def __init__(self, entries: dict[str, Any]) -> None:
        self.entries = {key: encode(value) for key, value in entries.items()}

    def get(self, key: str) -> bytes | None:
        return self.entries.get(key)


def total(value: list[int]) -> int:
    return sum(value)


def count(value: list[int]) -> int:
    return len(value)


@given(st.dictionaries(KEYS, st.lists(st.integers(0, 3))), WRITES, WRITES)
@settings(deadline=None, max_examples=150)
def test_a_call_sees_the_newest_of_three_layers(
    committed: dict[str, Any], block: dict[str, Any], call: dict[str, Any]
) -> None:
    base = CommittedState(Rows(committed))
    block_state = BlockState(base)
    for writes, layer in ((block, CallState(block_state)), (call, None)):
        state = layer or CallState(block_state)
        for key, value in writes.items():
            if value is None:
                state.delete(key)
            else:
                state.put(key, value)
        if layer is not None:
            block_state.writes.update(state.writes)
    # A plain model: later layers over earlier ones, None takes away.
    expected = {k: v for k, v in (committed | block | call).items() if v is not None}
    for key in ("fund/a", "org/b", "param/c"):
        value = expected.get(key)
        assert state.get(key) == value
        assert state.read(key, total) == (None if value is None else sum(value))
        assert state.read(key, count) == (None if value is None else len(value))
    settled = ReadState(block_state)
    for key, value in (committed | block).items():
        assert settled.get(key) == value
        assert settled.read(key, total) == (None if value is None else sum(value))


class Counted(Rows):
    """The store, and how often it was asked for what."""

    def __init__(self, entries: dict[str, Any]) -> None:
        super().__init__(entries)
        self.asked: list[str] = []

    def get(self, key: str) -> bytes | None:
        self.asked.append(key)
        return super().get(key)


BLOCKS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 9), max_size=6),
        st.dictionaries(st.integers(0, 9), st.none() | st.text("a", max_size=90), max_size=4),
    ),
    max_size=20,
)
"""(keys that are read, what the block then writes), block after block."""


def weigh(entries: dict[str, bytes | None]) -> int:
    """What entries of the cache count for."""
    return sum(ENTRY_BYTES + len(key) + len(data or b"") for key, data in entries.items())


@given(BLOCKS, st.integers(0, 2_000))
def test_the_base_is_the_store_and_holds_no_more_than_it_may(
    blocks: list[tuple[list[int], dict[int, str | None]]], cache_bytes: int
) -> None:
    rows = Counted({})
    base, roomy = (CommittedState(rows, cache_bytes=room) for room in (cache_bytes, 1 << 20))
    seen: set[str] = set()
    most = 0
    for read, written in blocks:
        for number in read:
            key = f"k/{number}"
            assert base.get(key) == roomy.get(key) == rows.entries.get(key)
            seen.add(key)
        writes = {f"k/{n}": None if v is None else encode(v) for n, v in written.items()}
        rows.entries |= {key: data for key, data in writes.items() if data is not None}
        for key in [key for key, data in writes.items() if data is None]:
            rows.entries.pop(key, None)
        base.apply(writes)
        roomy.apply(writes)
        seen |= writes.keys()
        most = max(most, weigh(writes), weigh({"k/0": b"." * 99}))
        assert 0 <= base.held_bytes <= cache_bytes + most
        assert roomy.held_bytes == weigh({key: rows.entries.get(key) for key in seen})


def test_what_is_busy_stays_and_what_is_not_goes() -> None:
    rows = Counted({"busy": 1})
    base = CommittedState(rows, cache_bytes=20 * weigh({"once/00": None}))
    for number in range(100):
        base.get(f"once/{number}")
        assert base.get("busy") == encode(1)
    assert rows.asked.count("busy") == 1
    base.get("once/0")
    assert rows.asked.count("once/0") == 2


def test_what_is_read_is_fresh_and_what_is_put_is_fixed() -> None:
    state = CallState(BlockState(CommittedState(Rows({"fund/a": [1]}))))
    state.get("fund/a").append(2)  # type: ignore[union-attr]  # it is there
    assert state.get("fund/a") == [1]
    value = [3]
    state.put("fund/a", value)
    value.append(4)
    assert state.get("fund/a") == [3]


def test_a_reading_is_made_once_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READINGS_MAX", 3)
    readings, made = Readings(), []

    def build(value: int) -> tuple[int]:
        made.append(value)
        return (value,)

    first = readings.of(encode(1), build)
    assert readings.of(encode(1), build) is first
    for number in (2, 3, 4):
        assert readings.of(encode(number), build) == (number,)
    assert readings.of(encode(1), build) == (1,)
    assert made == [1, 2, 3, 4, 1]


def test_keys_that_are_execution_s_own_are_refused_to_contracts() -> None:
    state = CallState(BlockState(CommittedState(Rows({}))))
    for key in ("tx/1/ab", "", "a" * 201, "保"):
        with pytest.raises(AssertionError):
            state.put(key, 1)
        with pytest.raises(AssertionError):
            state.delete(key)
