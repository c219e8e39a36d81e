"""What one seed is about: size, weather, which faults may happen, who lies (swarm testing).

Every family of faults is switched on with chance one half for each seed, so that seeds differ in
kind and a fault is seen without the noise of all others (SIMULATION.md sections 1 and 3).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from consensus import Timing
from tests.simulation.net import Weather
from tests.simulation.rng import stream

FAMILIES = (
    "loss", "duplicate", "reorder", "tail", "capacity", "bandwidth",
    "partition", "flapping", "one-way", "deaf", "clog", "swizzle", "reset",
    "crash", "crash-write", "power", "pause", "slow", "storm",
    "clock", "clock-jump", "safety-lost", "rollback", "disk-full", "fsync", "damage",
    "burst", "members", "replay", "byzantine", "followers",
)  # fmt: skip


EXTRAS = ("upgrade", "read-error")
"""Drawn apart, so that seeds mean what they meant before; each happens once or twice."""

LATER = ("S33", "S34", "S35")
"""Strategies that were written later: drawn apart, too, in place of others."""


@dataclass(frozen=True)
class Options:
    """Drawn from the seed; a replay may override any of them."""

    seed: int
    size: int = 4
    spare: int = 0
    """Machines outside the set that may join it."""
    followers: int = 0
    """Machines of organisations that never vote."""
    families: tuple[str, ...] = ()
    chaos_ms: int = 8_000
    every_ms: int = 300
    """Between two acts of clients, on average."""
    faults: int = 8
    """Timed faults in the chaos phase."""
    votes: int = 0
    """Changes of members proposed beside those."""
    strategies: tuple[str, ...] = ()
    """Of the liars; each takes the place of one member."""
    mode: str = "fake"
    index: bool = False
    pool: int = 400
    """Transactions in a node's pool; half of it for one sender."""
    base_ms: int = 1_000
    cap_ms: int = 8_000
    drift_ppm: int = 0
    offset_ms: int = 0
    extras: tuple[str, ...] = ()
    """Timed faults beside those."""
    snapshot_after: int = 10_000
    """Who is further behind takes a snapshot."""
    weather: Weather = field(default_factory=Weather)
    skip: tuple[int, ...] = ()
    """Numbers of timed faults that do not happen: for shrinking."""

    @property
    def faulty(self) -> int:
        """f of the first set."""
        return (self.size - 1) // 3

    def timing(self) -> Timing:
        return Timing(base_ms=self.base_ms, cap_ms=self.cap_ms)

    def to_plain(self) -> dict[str, Any]:
        """For files."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Options:
        """From a file; lists become tuples."""
        made = {name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()}
        return cls(**(made | {"weather": Weather(**plain["weather"])}))


def draw(seed: int, known: tuple[str, ...] = ()) -> Options:
    """The options of a seed. ``known``: strategies that liars may have."""
    chance = stream(seed, "options")
    size = chance.choices((1, 4, 5, 6, 7), (4, 60, 10, 8, 18))[0]
    families = tuple(name for name in FAMILIES if chance.random() < 0.5)
    if size == 1:
        # A lone validator has no peers; what is left is its disk, its clock and its clients.
        alone = (
            "crash",
            "crash-write",
            "power",
            "pause",
            "slow",
            "clock",
            "burst",
            "disk-full",
            "fsync",
        )
        families = tuple(name for name in families if name in alone)
    long = chance.random() < 0.04
    stormy = chance.random() < 0.06
    strategies: tuple[str, ...] = ()
    faulty = (size - 1) // 3
    if "byzantine" in families and faulty and known:
        count = chance.randint(1, faulty)
        first = [name for name in known if name not in LATER]
        strategies = tuple(chance.choice(first) for _ in range(count))
        strategies = _with_later(strategies, seed, known)
    options = Options(
        seed,
        size,
        spare=chance.randint(1, 2) if "members" in families else 0,
        followers=1 if "followers" in families else 0,
        families=families,
        chaos_ms=chance.randint(40_000, 90_000) if long else chance.randint(3_000, 9_000),
        every_ms=chance.choice((120, 250, 400, 800)),
        faults=(chance.randint(20, 60) if long else chance.randint(2, 10)) * (3 if stormy else 1),
        votes=stream(seed, "votes").randint(0, 3) if "members" in families else 0,
        strategies=strategies,
        mode=chance.choices(("fake", "memo", "real"), (94, 5, 1))[0],
        index=chance.random() < 0.2,
        pool=chance.choice((20, 400)),
        base_ms=chance.choice((500, 1_000, 2_000)),
        cap_ms=chance.choice((4_000, 8_000)),
        drift_ppm=chance.choice((0, 200)) if "clock" in families else 0,
        offset_ms=chance.randint(1, 2_000) if "clock" in families else 0,
        extras=_extras(seed),
        snapshot_after=stream(seed, "snapshots").choice((10_000, 10_000, 1, 3)),
    )
    return replace(options, weather=_weather(options, seed))


def _with_later(strategies: tuple[str, ...], seed: int, known: tuple[str, ...]) -> tuple[str, ...]:
    chance, later = stream(seed, "later"), [name for name in known if name in LATER]
    if not later:
        return strategies
    return tuple(chance.choice(later) if chance.randrange(16) == 0 else name for name in strategies)


def _extras(seed: int) -> tuple[str, ...]:
    chance = stream(seed, "extras")
    return tuple(name for name in EXTRAS for _ in range(chance.choice((0, 0, 1, 2))))


def _weather(options: Options, seed: int) -> Weather:
    chance, on = stream(seed, "weather"), options.families
    return Weather(
        delay_min_us=chance.choice((100, 1_000, 10_000, 25_000)),
        delay_mean_us=chance.choice((300, 2_000, 10_000, 40_000)),
        tail_percent=1 if "tail" in on else 0,
        loss_percent=chance.randint(1, 30) if "loss" in on else 0,
        duplicate_percent=chance.randint(1, 50) if "duplicate" in on else 0,
        reorder="reorder" in on,
        capacity=chance.choice((4, 16, 64)) if "capacity" in on else 0,
        bytes_per_ms=chance.choice((50, 500)) if "bandwidth" in on else 0,
    )
