"""The pool against a plain model: bounds, fairness, custody, honest times to retry."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.ledger.errors import Unavailable
from node.mempool import Mempool, PoolLimits, Waiting
from tests.node.network import Client, make_genesis

GENESIS, _ = make_genesis()
TRANSACTION = Client(GENESIS.chain).enter("a", 1)
LIMITS = PoolLimits(count_max=12, bytes_max=600, sender_count_max=5, sender_bytes_max=400)


def waiting(
    number: int, sender: str = "a", size: int = 10, calls: int = 1, until: int = 1_000
) -> Waiting:
    return Waiting(number.to_bytes(32, "big"), sender, until, calls, size, number, TRANSACTION)


def full_pool() -> Mempool:
    return Mempool(PoolLimits(1_000, 1 << 20, 1_000, 1 << 20))


def test_senders_take_turns_however_much_one_has_waiting() -> None:
    pool = full_pool()
    for number in range(50):
        pool.add(waiting(number, "busy"), 0)
    pool.add(waiting(100, "quiet"), 0)
    pool.add(waiting(101, "quiet"), 0)
    taken = pool.take(6, 1 << 20)
    assert [one.sender for one in taken] == ["busy", "quiet", "busy", "quiet", "busy", "busy"]
    assert [one.arrived_ms for one in taken if one.sender == "busy"] == [0, 1, 2, 3]


def test_the_first_turn_moves_on() -> None:
    pool = full_pool()
    for number, sender in enumerate("abcabc"):
        pool.add(waiting(number, sender), 0)
    firsts = [pool.take(1, 1 << 20)[0].sender for _ in range(4)]
    assert firsts == ["a", "b", "c", "a"]


def test_taking_keeps_custody_until_done() -> None:
    pool = full_pool()
    pool.add(waiting(1), 0)
    assert pool.take(10, 100) == pool.take(10, 100)
    assert pool.take(10, 100, skip=[waiting(1).tx_id]) == []
    assert [one.tx_id for one in pool.done([waiting(1).tx_id, b"unknown"], 0)] == [waiting(1).tx_id]
    assert (len(pool), pool.size, pool.calls, pool.oldest_ms()) == (0, 0, 0, None)


def test_a_block_is_closed_by_calls_or_bytes_but_never_empty() -> None:
    pool = full_pool()
    for number in range(4):
        pool.add(waiting(number, calls=20, size=100), 0)
    assert len(pool.take(60, 1 << 20)) == 3
    assert len(pool.take(1_000, 250)) == 2
    assert len(pool.take(60, 300)) == 3
    assert len(pool.take(1, 1)) == 1
    assert len(pool.take(20, 100, begun=True)) == 1
    assert pool.take(19, 100, begun=True) == pool.take(20, 99, begun=True) == []


def test_the_oldest_is_the_one_that_waits_longest_of_all_senders() -> None:
    pool = full_pool()
    for number, sender in ((5, "b"), (3, "a"), (9, "c"), (4, "b")):
        pool.add(waiting(number, sender), 0)
    assert pool.oldest_ms() == 3
    pool.done([waiting(3).tx_id], 10)
    assert pool.oldest_ms() == 5


@pytest.mark.parametrize(
    ("limits", "sender", "code"),
    [
        (PoolLimits(2, 1 << 20, 9, 1 << 20), "b", "pool.full"),
        (PoolLimits(9, 20, 9, 1 << 20), "b", "pool.full"),
        (PoolLimits(9, 1 << 20, 2, 1 << 20), "a", "pool.sender-full"),
        (PoolLimits(9, 1 << 20, 9, 20), "a", "pool.sender-full"),
    ],
)
def test_a_pool_takes_up_to_its_caps_and_again_when_there_is_room(
    limits: PoolLimits, sender: str, code: str
) -> None:
    pool = Mempool(limits)
    for number in (1, 2):
        pool.add(waiting(number), 0)
    with pytest.raises(Unavailable) as refusal:
        pool.add(waiting(3, sender), 0)
    assert refusal.value.code == code
    pool.done([waiting(1).tx_id], 0)
    pool.add(waiting(3, sender), 0)
    assert len(pool) == 2


def test_every_sender_has_its_turn_before_any_has_two() -> None:
    """Blocks smaller than a round: whoever stood behind did wait for as many blocks as senders."""
    pool = Mempool(PoolLimits(100, 1 << 20, 5, 400))
    for number in range(12):
        pool.add(waiting(number, f"s{number % 6}"), 0)
    orders = []
    for _ in range(4):
        taken = pool.take(3, 1 << 20)
        orders += [one.sender for one in taken]
        pool.done([one.tx_id for one in taken], 0)
    assert orders == [f"s{number}" for number in range(6)] * 2


def test_only_what_is_over_is_let_go() -> None:
    pool = full_pool()
    pool.add(waiting(1, until=99), 0)
    pool.add(waiting(2, until=100), 0)
    assert [one.tx_id for one in pool.expire(100)] == [waiting(1).tx_id]
    assert waiting(2).tx_id in pool


def test_full_says_when_to_come_back() -> None:
    pool = Mempool(LIMITS)
    for number in range(5):
        pool.add(waiting(number), 0)
    with pytest.raises(Unavailable) as refusal:
        pool.add(waiting(9), 0)
    assert refusal.value.code == "pool.sender-full"
    assert refusal.value.values["retry_after_s"] == 60, "nothing was ever ordered: no promise"
    # ten calls in the last second: the five that wait take half a second
    fast = Mempool(LIMITS)
    for number in range(10):
        fast.add(waiting(number, f"s{number}"), 0)
    fast.done([waiting(number).tx_id for number in range(10)], 1_000)
    for number in range(20, 25):
        fast.add(waiting(number), 2_000)
    with pytest.raises(Unavailable) as refusal:
        fast.add(waiting(30), 2_000)
    assert refusal.value.values["retry_after_s"] == 1


def busy_pool(
    senders: int, each: int, calls_per_s: int, began_ms: int = 70_000
) -> tuple[Mempool, int]:
    """A pool with so much waiting, which was busy for five seconds; and what time it is."""
    pool = Mempool(PoolLimits(1 << 20, 1 << 40, 1 << 20, 1 << 40))
    numbers = iter(range(1 << 20))
    for _ in range(5 * calls_per_s // 20 + 1):
        pool.add(waiting(next(numbers), "worker", calls=20), began_ms)
    for second in range(1, 6):
        taken = [one for one in pool.waiting() if one.sender == "worker"][: calls_per_s // 20]
        pool.done([one.tx_id for one in taken], began_ms + second * 1_000)
    for _ in range(each):
        for sender in range(senders):
            pool.add(waiting(next(numbers), f"s{sender}", calls=20), began_ms + 5_000)
    return pool, began_ms + 5_000


def test_who_would_wait_too_long_is_told_to_come_back_and_others_are_not() -> None:
    # 100 calls a second; forty senders have 1,600 calls waiting, sixteen seconds' work.
    pool, now_ms = busy_pool(40, 2, 100)
    with pytest.raises(Unavailable) as refusal:
        pool.check_wait("s7", now_ms)
    assert refusal.value.code == "pool.behind"
    # Before its third would come two rounds of all, which is everything (and the worker's last).
    assert refusal.value.values["calls"] == 40 * 2 * 20 + 20
    assert refusal.value.values["calls_per_s"] == 100
    assert 1 <= int(str(refusal.value.values["retry_after_s"])) <= 16
    # A sender of whom nothing waits has its turn within one round.
    pool.check_wait("another", now_ms)


def test_what_is_ordered_in_good_time_is_taken_in() -> None:
    pool, now_ms = busy_pool(40, 2, 400)
    pool.check_wait("s7", now_ms)


def test_four_full_blocks_may_always_wait_however_slow_the_network_is() -> None:
    pool, now_ms = busy_pool(1, 50, 20)  # fifty seconds' work of one sender, 1,020 calls
    pool.check_wait("s0", now_ms)
    pool.add(waiting(1 << 21, "s0", calls=20), now_ms)
    with pytest.raises(Unavailable):
        pool.check_wait("s0", now_ms)


def test_a_refusal_clears_by_itself_as_work_is_done() -> None:
    pool, now_ms = busy_pool(40, 2, 100)
    with pytest.raises(Unavailable):
        pool.check_wait("s7", now_ms)
    passed = None
    for second in range(1, 17):
        pool.done([one.tx_id for one in pool.take(100, 1 << 30)], now_ms + second * 1_000)
        try:
            pool.check_wait("s7", now_ms + second * 1_000)
        except Unavailable:
            assert passed is None, "once it is over it is over"
        else:
            passed = second if passed is None else passed
    assert passed is not None


def test_a_burst_after_a_pause_is_not_measured_by_what_little_came_before() -> None:
    pool = Mempool(PoolLimits(1 << 20, 1 << 40, 1 << 20, 1 << 40))
    for second in range(60):
        pool.add(waiting(second, calls=1), second * 1_000)
        pool.done([waiting(second).tx_id], second * 1_000 + 10)
    for number in range(100, 400):
        pool.check_wait("a", 60_000)
        pool.add(waiting(number, calls=20), 60_000)
    # Too short a time to know a rate by, also once the first few are ordered.
    pool.done([waiting(100).tx_id], 61_000)
    pool.check_wait("a", 61_000)
    # Nothing ordered for a while, as in a change of view: no rate, no refusal by it.
    pool.check_wait("a", 90_000)
    # Where it goes on it is known: twenty calls in ten seconds, and 5,960 wait.
    pool.done([waiting(101).tx_id], 91_000)
    with pytest.raises(Unavailable) as refusal:
        pool.check_wait("a", 91_000)
    assert refusal.value.values["calls_per_s"] == 2


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 30), st.sampled_from("abc"), st.integers(1, 120)),
        st.tuples(st.just("done"), st.integers(0, 30)),
        st.tuples(st.just("expire"), st.integers(0, 30)),
    ),
    max_size=60,
)


@settings(max_examples=150)
@given(ACTIONS)
def test_the_pool_is_what_a_list_would_be(actions: list[tuple[str, ...]]) -> None:
    pool = Mempool(LIMITS)
    model: dict[bytes, Waiting] = {}
    for action in actions:
        if action[0] == "add":
            one = waiting(action[1], action[2], action[3], until=action[1])  # type: ignore[arg-type]
            same = [w for w in model.values() if w.sender == one.sender]
            fits = (
                len(model) < 12 and sum(w.size for w in model.values()) + one.size <= 600
                and len(same) < 5 and sum(w.size for w in same) + one.size <= 400
            )  # fmt: skip
            if not same:
                fits = len(model) < 12 and sum(w.size for w in model.values()) + one.size <= 600
            if one.tx_id in model or fits:
                pool.add(one, 0)
                model.setdefault(one.tx_id, one)
            else:
                with pytest.raises(Unavailable):
                    pool.add(one, 0)
        elif action[0] == "done":
            tx_id = waiting(action[1]).tx_id  # type: ignore[arg-type]
            assert [w.tx_id for w in pool.done([tx_id], 0)] == [w for w in [tx_id] if w in model]
            model.pop(tx_id, None)
        else:
            late = {i for i, w in model.items() if w.valid_until_ms < action[1]}  # type: ignore[operator]
            assert {w.tx_id for w in pool.expire(action[1])} == late  # type: ignore[arg-type]
            model = {i: w for i, w in model.items() if i not in late}
        assert (len(pool), pool.size) == (len(model), sum(w.size for w in model.values()))
        taken = pool.take(10_000, 1 << 30)
        assert Counter(w.tx_id for w in taken) == Counter(model.keys())
        for sender in "abc":
            order = [w.tx_id for w in taken if w.sender == sender]
            assert order == [i for i, w in model.items() if w.sender == sender]
