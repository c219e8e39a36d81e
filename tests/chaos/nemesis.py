"""Which fault comes when: a list made from a seed, carried out one after the other.

A fault lasts until so many further transactions were acknowledged, or for a time where it lets
nothing be acknowledged; then everything is healed. How long that takes is the machine's business,
what comes next is the seed's.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass

from node.__main__ import Exit
from tests.chaos.clients import Clients
from tests.chaos.cluster import Cluster
from tests.chaos.proxy import Proxy

HOLD_S_MAX = 6.0
THROTTLED_BYTES_PER_S = 40_000
SLOW_MS = 250
FLAPS = 4
DISK_S_MAX = 30.0
CALM = 10
"""Acknowledged transactions between two faults."""

WEIGHTS: Mapping[str, int] = {
    "kill": 5, "kill_all": 1, "restart": 2, "pause": 4, "isolate": 3, "bisect": 2, "half_open": 3,
    "reset": 2, "throttle": 2, "slow": 2, "flap": 2, "disk": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Action:
    """A fault and whom it meets."""

    kind: str
    targets: tuple[str, ...]
    hold: int
    """Transactions that are acknowledged meanwhile, if that is possible."""


def schedule(seed: int, names: list[str], disk: str | None) -> Iterator[Action]:
    """Faults for ever. ``disk``: the node whose disk can be filled, None where that cannot be."""
    chance = random.Random(f"{seed}/nemesis")
    kinds = [kind for kind in WEIGHTS if kind != "disk" or disk is not None]
    weights = [WEIGHTS[kind] for kind in kinds]
    while True:
        # Every kind once in a round of its own before any comes again by weight.
        for kind in chance.sample(kinds, len(kinds)):
            yield _action(chance, kind, names, disk)
        for kind in chance.choices(kinds, weights, k=2 * len(kinds)):
            yield _action(chance, kind, names, disk)


def _action(chance: random.Random, kind: str, names: list[str], disk: str | None) -> Action:
    shuffled = chance.sample(names, len(names))
    faulty = (len(names) - 1) // 3
    count = {"kill_all": len(names), "reset": len(names), "bisect": len(names) // 2}.get(
        kind, chance.randint(1, faulty)
    )
    targets = (disk,) if kind == "disk" and disk is not None else tuple(shuffled[:count])
    return Action(kind, targets, chance.randint(5, 30))


class Nemesis:
    """Carries faults out."""

    def __init__(self, cluster: Cluster, proxy: Proxy, clients: Clients) -> None:
        self._cluster = cluster
        self._proxy = proxy
        self._clients = clients
        self.counts: Counter[str] = Counter()
        self._expected: set[str] = set()
        """Nodes whose process may end now."""

    async def do(self, action: Action) -> None:
        """One fault, from calm to calm."""
        self.counts[action.kind] += 1
        acts: Mapping[str, Callable[[Action], Coroutine[None, None, None]]] = {
            "kill": self._kill, "kill_all": self._kill, "restart": self._restart,
            "pause": self._pause, "isolate": self._isolate, "bisect": self._isolate,
            "half_open": self._half_open, "reset": self._reset, "throttle": self._throttle,
            "slow": self._slow, "flap": self._flap, "disk": self._disk, "wipe": self._wipe,
        }  # fmt: skip
        await acts[action.kind](action)
        await self.heal()
        await self._clients.wait_acknowledged(CALM, HOLD_S_MAX)

    async def heal(self) -> None:
        """Everything runs and everybody is connected. Notes who ended unasked."""
        self._proxy.heal()
        self._cluster.empty_disk()
        for name in list(self._cluster.paused):
            self._cluster.resume(name)
        down = [name for name in self._cluster.names if not self._cluster.is_running(name)]
        for name in down:
            if name not in self._expected:
                self._note_end(name, "unasked")
            self._cluster.start(name)
        for name in down:
            await self._cluster.wait_serving(name)
        self._expected.clear()

    def _note_end(self, name: str, when: str) -> None:
        code, log = self._cluster.exit_code(name), self._cluster.tail(name)
        self._clients.history.ended.append(f"{name} ended with {code} {when}:\n{log}")

    async def _hold(self, action: Action) -> None:
        await self._clients.wait_acknowledged(action.hold, HOLD_S_MAX)

    async def _kill(self, action: Action) -> None:
        self._expected |= set(action.targets)
        for name in action.targets:
            self._cluster.kill(name)
        if action.kind == "kill":
            await self._hold(action)

    async def _restart(self, action: Action) -> None:
        self._expected |= set(action.targets)
        for name in action.targets:
            await self._cluster.terminate(name)
        await self._hold(action)

    async def _pause(self, action: Action) -> None:
        for name in action.targets:
            self._cluster.pause(name)
        await self._hold(action)

    async def _isolate(self, action: Action) -> None:
        cut = set(action.targets)
        self._proxy.cut(self._proxy.between(cut, set(self._cluster.names) - cut))
        await self._hold(action)

    async def _half_open(self, action: Action) -> None:
        """What the targets say reaches nobody; what others say reaches them."""
        for (source, _), wire in self._proxy.wires.items():
            wire.blocked = source in action.targets
        await self._hold(action)

    async def _reset(self, action: Action) -> None:
        self._proxy.reset(list(self._proxy.wires.values()))
        await self._hold(action)

    async def _throttle(self, action: Action) -> None:
        for (source, target), wire in self._proxy.wires.items():
            if source in action.targets or target in action.targets:
                wire.bytes_per_s = THROTTLED_BYTES_PER_S
        await self._hold(action)

    async def _slow(self, action: Action) -> None:
        for (source, target), wire in self._proxy.wires.items():
            if source in action.targets or target in action.targets:
                wire.extra_ms = SLOW_MS
        await self._hold(action)

    async def _flap(self, action: Action) -> None:
        cut = set(action.targets)
        wires = self._proxy.between(cut, set(self._cluster.names) - cut)
        for _ in range(FLAPS):
            self._proxy.cut(wires)
            await self._clients.wait_acknowledged(3, 1.0)
            self._proxy.heal()
            await self._clients.wait_acknowledged(3, 1.0)

    async def _disk(self, action: Action) -> None:
        """The disk is full until the node has found out and ended, as it must."""
        (name,) = action.targets
        self._expected.add(name)
        self._cluster.fill_disk()
        async with asyncio.timeout(DISK_S_MAX):
            while self._cluster.is_running(name):
                await asyncio.sleep(0.1)
        if self._cluster.exit_code(name) != Exit.DISK:
            self._note_end(name, "on a full disk")
        await self._hold(action)

    async def _wipe(self, action: Action) -> None:
        """A new disk in place of the old one: the node follows, for its key is burnt."""
        for name in action.targets:
            self._cluster.kill(name)
            self._cluster.wipe(name)
        self._expected |= set(action.targets)
        await self._hold(action)
