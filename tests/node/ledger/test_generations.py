"""A cache in two generations: never stale, bounded, and the busy stay."""

from hypothesis import given
from hypothesis import strategies as st

from node.ledger.generations import Generations

NONE = object()
ENTRY = 3
"""What an entry counts for beside its value."""
STEPS = st.lists(st.tuples(st.integers(0, 9), st.none() | st.text("a", max_size=5)), max_size=60)
"""(key, a value to keep or None to look it up)."""


def size(_key: int, value: str) -> int:
    return ENTRY + len(value)


@given(STEPS, st.integers(0, 60))
def test_a_look_finds_the_last_value_or_nothing(
    steps: list[tuple[int, str | None]], limit: int
) -> None:
    cache: Generations[int, str] = Generations(limit, size)
    last: dict[int, str] = {}
    for key, value in steps:
        if value is None:
            assert cache.get(key, NONE) in (last.get(key, NONE), NONE)
        else:
            cache.keep(key, value)
            last[key] = value
            assert cache.get(key, NONE) == value
        generations = [cache._young, cache._old]
        assert cache.held_bytes == sum(size(k, v) for each in generations for k, v in each.items())
        assert cache.held_bytes <= limit + ENTRY + 5


@given(STEPS)
def test_nothing_goes_while_there_is_room(steps: list[tuple[int, str | None]]) -> None:
    cache: Generations[int, str] = Generations(2 * 10 * (ENTRY + 5) + 2, size)
    last: dict[int, str] = {}
    for key, value in steps:
        if value is not None:
            cache.keep(key, value)
            last[key] = value
        assert cache.get(key, NONE) == last.get(key, NONE)


def test_who_is_busy_stays_and_who_is_not_goes() -> None:
    cache: Generations[str, str] = Generations(20 * ENTRY, lambda _key, value: ENTRY + len(value))
    cache.keep("busy", "")
    for number in range(100):
        cache.keep(f"once {number}", "")
        assert cache.get("busy", NONE) == ""
    assert cache.get("once 0", NONE) is NONE
    assert cache.get("once 99", NONE) == ""


def test_a_value_may_be_none() -> None:
    cache: Generations[str, None] = Generations(10, lambda _key, _value: 1)
    assert cache.get("absent", NONE) is NONE
    cache.keep("absent", None)
    assert cache.get("absent", NONE) is None
