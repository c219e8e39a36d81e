"""A cache in two generations: never stale, bounded, and the busy stay."""

from hypothesis import given
from hypothesis import strategies as st

from node.ledger.generations import Generations

ENTRY = 3
"""What an entry counts for beside its value."""
STEPS = st.lists(st.tuples(st.integers(0, 9), st.none() | st.text("a", max_size=5)), max_size=60)
"""(key, a value to write or None to read it)."""


def size(_key: int, value: str | None) -> int:
    return ENTRY + len(value or "")


class Below(dict[int, str | None]):
    """What the cache stands before, and which keys it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def load(self, key: int) -> str | None:
        self.asked.append(key)
        return self.get(key)

    def step(self, cache: Generations[int, str | None], key: int, value: str | None) -> None:
        """Read through the cache, or write and tell it."""
        if value is None:
            assert cache.get(key) == self.get(key)
        else:
            self[key] = value
            cache.keep(key, value)


@given(STEPS, st.integers(0, 60))
def test_it_reads_as_what_it_stands_before_and_is_bounded(
    steps: list[tuple[int, str | None]], limit: int
) -> None:
    below = Below()
    cache: Generations[int, str | None] = Generations(limit, size, below.load)
    for key, value in steps:
        below.step(cache, key, value)
        generations = [cache._young, cache._old]
        assert cache.held_bytes == sum(size(k, v) for each in generations for k, v in each.items())
        assert cache.held_bytes <= limit + ENTRY + 5


@given(STEPS)
def test_nothing_is_asked_for_twice_while_there_is_room(
    steps: list[tuple[int, str | None]],
) -> None:
    below = Below()
    cache: Generations[int, str | None] = Generations(2 * 10 * (ENTRY + 5) + 2, size, below.load)
    for key, value in steps:
        below.step(cache, key, value)
    assert len(below.asked) == len(set(below.asked))


def test_who_is_busy_stays_and_who_is_not_goes() -> None:
    below = Below()
    cache: Generations[int, str | None] = Generations(20 * ENTRY, size, below.load)
    busy = -1
    for number in range(100):
        cache.get(number)
        cache.get(busy)
    assert below.asked.count(busy) == 1
    cache.get(99)
    cache.get(0)
    assert below.asked[-2:] == [99, 0]
