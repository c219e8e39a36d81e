"""What is passed on again, and who is passed over: by a clock that the tests hold."""

from __future__ import annotations

from dataclasses import replace

from node.mempool import Mempool, PoolLimits, Waiting
from node.service.custody import (
    BUSY_MS,
    LAP_SLACK,
    LAPS_MAX,
    PASSED_OVER_MS,
    PUSH_AGAIN_BYTES,
    PUSH_AGAIN_MAX,
    PUSH_AGAIN_MS,
    TELL_ALL_AFTER_MS,
    TELL_ALL_BYTES,
    Custody,
    to_tell_again,
    to_tell_everybody,
)
from tests.node.ordering.test_wire import SEATS
from tests.node.test_mempool import waiting as made

A, B = b"primary a", b"primary b"


def pool_of(senders: int, *, each: int = 1) -> Mempool:
    pool = Mempool(PoolLimits(10_000, 1 << 30, 1_000, 1 << 30))
    for number in range(senders * each):
        pool.add(made(number, f"s{number % senders}"), 0)
    return pool


def due(custody: Custody, primary: bytes, now_ms: int) -> list[bytes]:
    return [one.tx_id for one in custody.due_again(primary, now_ms)]


def test_a_waiting_transaction_is_passed_on_again_at_twice_the_age_each_time() -> None:
    custody = Custody(pool_of(1))
    seconds = [s for s in range(70) if due(custody, A, s * PUSH_AGAIN_MS)]
    assert seconds == [1, 2, 4, 8, 16, 32, 64]


def test_a_new_primary_is_told_of_everything_that_waits_long() -> None:
    custody = Custody(pool_of(3))
    assert len(due(custody, A, 5_000)) == 3
    assert due(custody, A, 6_000) == []
    assert len(due(custody, B, 7_000)) == 3


def test_no_more_than_so_many_at_a_time_and_the_others_the_next_time() -> None:
    pool = pool_of(PUSH_AGAIN_MAX + 1)
    custody = Custody(pool)
    first = due(custody, A, 5_000)
    assert len(first) == PUSH_AGAIN_MAX
    pool.done(first, 5_500)
    assert len(due(custody, A, 6_000)) == 1
    assert due(custody, A, 7_000) == []


def test_what_was_passed_on_is_not_passed_on_again_before_the_others() -> None:
    pool = pool_of(3 * PUSH_AGAIN_MAX)
    custody, told = Custody(pool), list[bytes]()
    for second in range(5, 8):
        told += due(custody, A, second * 1_000)
    assert sorted(told) == sorted(one.tx_id for one in pool.waiting())
    assert len(due(custody, A, 9_000)) == PUSH_AGAIN_MAX, "at twice the age all are due again"


def test_no_more_than_so_many_bytes_at_a_time() -> None:
    pool = Mempool(PoolLimits(10_000, 1 << 30, 1_000, 1 << 30))
    for number in range(20):
        pool.add(replace(made(number, f"s{number}"), size=PUSH_AGAIN_BYTES // 4), 0)
    custody = Custody(pool)
    assert [len(due(custody, A, second * 1_000)) for second in range(5, 8)] == [4, 4, 4]
    assert len(due(custody, B, 8_000)) == 4, "a new primary is told from the beginning"
    assert {len(due(custody, B, second * 1_000)) for second in range(9, 13)} == {4}


def test_a_primary_that_fills_its_blocks_is_left_alone_for_a_while() -> None:
    custody = Custody(pool_of(1))
    assert due(custody, A, PUSH_AGAIN_MS)
    custody.committed(["x"], True, 3_500)
    assert due(custody, A, 4_000) == []
    assert due(custody, A, 3_499 + BUSY_MS) == []
    # No full block for a while: what fell due meanwhile is not forgotten.
    assert due(custody, A, 3_500 + BUSY_MS) != []
    custody.committed(["x"], True, 16_000)
    assert due(custody, A, 16_001) == []
    custody.committed(["s0"], False, 16_500)
    assert due(custody, A, 16_501) != []


def test_a_block_with_room_that_leaves_out_a_sender_who_waits_long_accuses() -> None:
    custody = Custody(pool_of(1))
    custody.committed(["x"], False, PASSED_OVER_MS - 1)
    assert custody.passed_over_ms is None
    custody.committed(["x"], False, PASSED_OVER_MS)
    custody.committed(["x"], False, PASSED_OVER_MS + 5)
    assert custody.passed_over_ms == PASSED_OVER_MS
    custody.committed(["s0"], False, PASSED_OVER_MS + 6)
    assert custody.passed_over_ms is None


def test_load_alone_accuses_nobody() -> None:
    """Full blocks, taken in turns from far more than they hold: minutes without an accusal."""
    senders, block = 300, 40
    pool = pool_of(senders, each=30)
    custody = Custody(pool)
    for number in range(200):
        taken: list[Waiting] = list(pool.take(block, 1 << 30))
        pool.done([one.tx_id for one in taken], number * 1_000)
        custody.committed([one.sender for one in taken], True, number * 1_000)
        assert custody.passed_over_ms is None, number


def test_full_blocks_that_leave_one_sender_out_for_rounds_accuse() -> None:
    """A primary cannot hide behind full blocks: after two rounds and some more it is accused."""
    custody = Custody(pool_of(2))
    patience = LAPS_MAX * 2 + LAP_SLACK
    block = ["s1"] * 10
    for number in range(patience // 10 + 1):
        custody.committed(block, True, PASSED_OVER_MS + number)
        assert custody.passed_over_ms is None, number
    custody.committed(block, True, 9_000)
    assert custody.passed_over_ms == 9_000
    custody.committed(["s0", *block], True, 9_001)
    assert custody.passed_over_ms is None


def test_who_watches_passes_on_to_everybody() -> None:
    """Its view stands still: the primary of that view may be down for good, or the node itself."""
    own, other = (str(seat.organisation) for seat in SEATS.validators[:2])
    everybody = {str(seat.organisation) for seat in SEATS.validators}
    first = bytes(SEATS.validators[0].key)
    assert to_tell_again(SEATS, first, own, watches=False) == []
    assert to_tell_again(SEATS, first, other, watches=False) == [own]
    assert set(to_tell_again(SEATS, first, own, watches=True)) == everybody - {own}
    assert set(to_tell_again(SEATS, first, "auditor:0", watches=True)) == everybody


def test_what_waits_long_is_told_to_everybody_and_the_rest_to_the_primary_alone() -> None:
    """Who alone knows that something waits changes no view: others have to hear of it."""
    pool = pool_of(1)
    custody = Custody(pool)
    told = {}
    for second in range(1, 20):
        again = custody.due_again(A, second * 1_000)
        told |= {second: len(to_tell_everybody(again, second * 1_000))} if again else {}
    assert told == {1: 0, 2: 0, 4: 1, 8: 1, 16: 1}
    late = replace(made(7, "s7"), arrived_ms=15_000)
    pool.add(late, 15_000)
    again = custody.due_again(B, 15_000 + TELL_ALL_AFTER_MS - 1)
    assert len(again) == 2
    assert late not in to_tell_everybody(again, 15_000 + TELL_ALL_AFTER_MS - 1)
    assert late in to_tell_everybody(again, 15_000 + TELL_ALL_AFTER_MS)


def test_everybody_is_told_of_the_oldest_few_whatever_waits() -> None:
    """All lines at once carry it: a full pool on each of them would hold up the votes."""
    pool = Mempool(PoolLimits(10_000, 1 << 30, 1_000, 1 << 30))
    for number in range(100):
        pool.add(replace(made(number, f"s{number}"), size=TELL_ALL_BYTES // 4), 0)
    again = Custody(pool).due_again(A, 60_000)
    assert len(again) > 4
    assert to_tell_everybody(again, 60_000) == list(again)[:4]
    # As for the primary, one that is larger than the bound goes out all the same.
    large = replace(made(1, "s"), size=10 * TELL_ALL_BYTES)
    assert to_tell_everybody([large, large], 60_000) == [large]
