"""One run: found the network, let clients work under faults, heal, survey, judge."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from node.benchmark.connection import Connection
from node.benchmark.workload import sign_batch
from tests.chaos.checker import Violation, check
from tests.chaos.clients import VALID_MS, Clients
from tests.chaos.cluster import Cluster
from tests.chaos.history import History
from tests.chaos.nemesis import Action, Nemesis, schedule
from tests.chaos.proxy import PROFILES, Proxy
from tests.chaos.survey import hold_all

SESSIONS = 6
GOES_ON_S = 120.0
"""After all faults every node has to be at one head and take transactions within this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is tried. ``minutes`` None: ``actions`` faults, however long they take."""

    seed: int
    nodes: int = 4
    profile: str = "loopback"
    actions: int = 6
    minutes: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict, and what was tried."""

    violations: list[Violation]
    report: dict[str, Any]
    history: History


async def run(options: Options, folder: Path) -> Result:
    """Make a run in a folder. Raises ``BenchmarkFailed`` where the network cannot be founded."""
    cluster = Cluster(folder, options.nodes, time.time_ns() // 1_000_000)
    chance = random.Random(f"{options.seed}/disk")
    disk: str | None = chance.choice(cluster.names)
    no_disk = cluster.mount(disk) if disk else None
    if no_disk:
        disk = None
    proxy = Proxy(
        cluster.ports, cluster.pids, PROFILES[options.profile],
        random.Random(f"{options.seed}/proxy"),
    )  # fmt: skip
    history = History(cluster.genesis_bytes)
    clients = Clients(cluster, history, options.seed, SESSIONS)
    nemesis = Nemesis(cluster, proxy, clients)
    began = time.monotonic()
    try:
        await proxy.start()
        for name in cluster.names:
            cluster.start(name)
        for name in cluster.names:
            await cluster.wait_serving(name)
        history.first_height = await _prepare(cluster)
        clients.start()
        for action in _actions(options, cluster.names, disk, began):
            await nemesis.do(action)
        await nemesis.heal()
        await _finish(cluster, clients, history)
    finally:
        await clients.close()
        await proxy.stop()
        cluster.close()
    report = {
        "seed": options.seed,
        "nodes": options.nodes,
        "profile": options.profile,
        "seconds": round(time.monotonic() - began),
        "height": max((len(holding.blocks) for holding in history.holdings), default=0),
        "calls": dict(sorted(clients.counts.items())),
        "proofs": len(history.proofs),
        "heads_seen": len(history.seen),
        "faults": dict(sorted(nemesis.counts.items())),
        "network": dict(sorted(proxy.counts.items())),
        "disk": no_disk or disk,
    }
    return Result(check(history), report, history)


def _actions(
    options: Options, names: list[str], disk: str | None, began: float
) -> Iterator[Action]:
    """The faults of a run. Once, towards the end, a node loses its folder: not the one with the
    disk of its own, which has its share of misery."""
    wiped = next(name for name in names if name != disk)
    wipe = Action("wipe", (wiped,), 20)
    plan = schedule(options.seed, names, disk)
    if options.minutes is None:
        for number, action in zip(range(options.actions), plan, strict=False):
            if number == options.actions - 1:
                yield wipe
            yield action
        return
    seconds, is_wiped = options.minutes * 60, False
    while (passed := time.monotonic() - began) < seconds:
        if passed > 0.75 * seconds and not is_wiped:
            is_wiped = True
            yield wipe
        yield next(plan)


async def _prepare(cluster: Cluster) -> int:
    """Institutions, catalogues, policies and people; the height with all of them."""
    until_ms = time.time_ns() // 1_000_000 + VALID_MS
    place = cluster.places[cluster.names[0]]
    async with Connection.open(place.url) as connection:
        for batch in cluster.country.setup(cluster.chain):
            await connection.post(sign_batch(batch, cluster.chain, until_ms)[1])
    async with httpx.AsyncClient() as http:
        return int((await http.get(f"{place.url}/v1/ready")).json()["height"])


async def _finish(cluster: Cluster, clients: Clients, history: History) -> None:
    """Everything is healed: work goes on, heads meet, and all nodes are read to the end."""
    if not await clients.wait_acknowledged(3 * SESSIONS, GOES_ON_S):
        history.stuck.append(f"no transactions within {GOES_ON_S:.0f} s after healing")
    await clients.stop()
    heights: dict[str, int | None] = {}
    try:
        async with asyncio.timeout(GOES_ON_S), httpx.AsyncClient(timeout=10.0) as http:
            while True:
                for name, place in cluster.places.items():
                    heights[name] = await _height(http, place.url)
                if len(set(heights.values())) == 1 and None not in heights.values():
                    break
                await asyncio.sleep(0.2)
    except TimeoutError:
        history.stuck.append(f"heads do not meet within {GOES_ON_S:.0f} s: {heights}")
        return
    height = max(height for height in heights.values() if height is not None)
    history.holdings += await hold_all(clients.reader, cluster.names, height)


async def _height(http: httpx.AsyncClient, url: str) -> int | None:
    """The head that a node shows; None where it does not answer."""
    try:
        return int((await http.get(f"{url}/v1/ready")).json()["height"])
    except (httpx.TransportError, ValueError, KeyError):
        return None
