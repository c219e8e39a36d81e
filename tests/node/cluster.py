"""Several bureaus in one process: real nodes over real TLS on loopback, with the ``book`` contract
and those that change the validator set.

Every node has its own folder, database, threads and connections; only the event loop is shared. A
node is killed by stopping everything it does without asking: what it has is what is on its disk.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from consensus import SafetyRecord, Timing
from contracts import accusation, governance, organisation_methods
from contracts.api import Contract
from contracts.runtime import Runtime
from node.ledger import crypto
from node.ledger.genesis import Genesis, make_content
from node.ledger.types import Key
from node.mempool import PoolLimits
from node.ordering.wal import SafetyFile
from node.ordering.wire import encode_record
from node.ports import free_ports
from node.service.keys import SAFETY
from node.service.network import P2pOptions
from node.service.node import Node, NodeOptions
from node.service.opening import OpenedLedger, open_ledger
from node.telemetry import make_logger
from tests.node.network import BOOK, GENESIS_MS, HOSPITAL, OPEN, private

CONTRACTS: tuple[Contract, ...] = (
    BOOK, organisation_methods.CONTRACT, governance.CONTRACT, accusation.CONTRACT
)  # fmt: skip
REGIONS = ("110000", "310000", "430000", "440000", "500000", "610000", "650000")
FAST = Timing(
    base_ms=1_000, cap_ms=4_000, status_ms=100, idle_status_ms=400, answer_gap_ms=40, fetch_ms=500
)
"""Timers for tests: nothing rests on their values, only how long a test takes."""
DEADLINE_S = 20.0


def bureau(number: int) -> str:
    return f"bureau:{REGIONS[number]}"


AUDITOR = "auditor:national"
FOLLOWERS = {
    AUDITOR: ("auditor", "000000"),
    "regulator:430000": ("regulator", "430000"),
    "bureau:540000": ("bureau", "540000"),
    "bureau:540100": ("bureau", "540100"),
}
"""Organisations without a seat that run a node; the last one's office entitles it to nothing."""


def make_network_genesis(
    count: int, ports: Sequence[int], contracts: Sequence[Contract] = CONTRACTS
) -> tuple[Genesis, bytes]:
    """Genesis of ``count`` bureaus that validate, with endpoints, one hospital, and those who may
    want to follow; ``ports`` are of the validators and then of these."""
    keys: dict[str, crypto.PrivateKey] = {"hospital": private("hospital")}

    def record(name: str, purposes: list[str], post: str) -> dict[str, Any]:
        keys[name] = private(name)
        return {
            "key": crypto.public_key(keys[name]), "purposes": purposes,
            "holder": f"s:{name}", "post": post,
        }  # fmt: skip

    organisations: list[dict[str, Any]] = [
        {
            "id": bureau(n), "kind": "bureau", "region": REGIONS[n],
            "keys": [
                record(f"validate{n}", ["validate"], "operator"),
                record(f"bureau{n}", ["read", "sign"], "checker"),
            ],
            "endpoint": {
                "host": "127.0.0.1", "port": ports[n],
                "tls_pin": crypto.tls_pin(crypto.public_key(private(f"transport{n}"))),
            },
        }
        for n in range(count)
    ]  # fmt: skip
    organisations += [
        {
            "id": name, "kind": kind, "region": region,
            "keys": [record(name, ["read", "sign"], "checker")],
            "endpoint": {
                "host": "127.0.0.1", "port": port,
                "tls_pin": crypto.tls_pin(crypto.public_key(private(f"transport-{name}"))),
            },
        }
        for (name, (kind, region)), port in zip(FOLLOWERS.items(), ports[count:], strict=True)
    ]  # fmt: skip
    organisations.append(
        {
            "id": HOSPITAL, "kind": "hospital", "region": "430100",
            "keys": [record("hospital", ["read", "sign"], "clerk")],
        }
    )  # fmt: skip
    content = make_content(
        time_ms=GENESIS_MS, parameters={},
        contracts={contract.name: 1 for contract in contracts}, organisations=organisations,
        validators=[(bureau(n), crypto.public_key(keys[f"validate{n}"])) for n in range(count)],
    )  # fmt: skip
    genesis = Genesis.from_content(content)
    privates = {crypto.public_key(key): key for key in keys.values()}
    data = genesis.render(genesis.prove_keys(privates))
    return Genesis.parse(data), data


class Cluster:
    """``count`` nodes in folders under ``root``."""

    def __init__(
        self,
        root: Path,
        count: int = 4,
        contracts: Sequence[Contract] = CONTRACTS,
        timing: Timing = FAST,
    ) -> None:
        self.timing = timing
        self.root = root
        self.count = count
        self.contracts = contracts
        self.ports = free_ports(count + len(FOLLOWERS))
        self.genesis, self.genesis_bytes = make_network_genesis(count, self.ports, contracts)
        self.nodes: dict[int, Node] = {}
        self.followers: dict[str, Node] = {}

    def folder(self, number: int) -> Path:
        return self.root / str(number)

    def begin_key(self, number: int, key: str | None = None) -> None:
        """What ``--new-key`` does for a key that never signed."""
        public = crypto.public_key(private(key or f"validate{number}"))
        self.folder(number).mkdir(parents=True, exist_ok=True)
        SafetyFile.create(
            self.folder(number) / SAFETY, self.genesis.chain + public,
            encode_record(SafetyRecord()),
        ).close()  # fmt: skip

    async def start(
        self,
        number: int,
        *,
        key: str | None = None,
        next_key: str | None = None,
        contracts: Sequence[Contract] | None = None,
    ) -> Node:
        folder = self.folder(number)
        folder.mkdir(parents=True, exist_ok=True)
        runtime = Runtime(self.contracts if contracts is None else contracts)
        ledger = open_ledger(folder, self.genesis_bytes, runtime.registry, OPEN)
        node = self.make(number, ledger, key, next_key=next_key, runtime=runtime)
        self.nodes[number] = node
        await node.start()
        return node

    def make(
        self,
        number: int,
        ledger: OpenedLedger,
        key: str | None = None,
        *,
        next_key: str | None = None,
        runtime: Runtime | None = None,
    ) -> Node:
        options = NodeOptions(
            organisation=bureau(number), data_dir=self.folder(number),
            pool=PoolLimits(1_000, 64 << 20, 500, 16 << 20), calls_aim=256, bytes_aim=4 << 20,
            index=True,
        )  # fmt: skip
        return Node(
            options, ledger, Runtime(self.contracts) if runtime is None else runtime,
            private(key or f"validate{number}"), make_logger("error", "json"),
            next_key=None if next_key is None else private(next_key),
            p2p=P2pOptions(
                host="127.0.0.1", port=self.ports[number], key=private(f"transport{number}")
            ),
            timing=self.timing,
        )  # fmt: skip

    async def follow(self, name: str, *, key: str | None = None, **given: Any) -> Node:
        """Start the node of an organisation without a seat. ``key``: to be voted in; ``given``: of
        ``P2pOptions``, and ``log``."""
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        options = NodeOptions(
            organisation=name, data_dir=folder, pool=PoolLimits(1_000, 64 << 20, 500, 16 << 20),
            calls_aim=256, bytes_aim=4 << 20, index=True,
        )  # fmt: skip
        port = self.ports[self.count + list(FOLLOWERS).index(name)]
        log = given.pop("log", make_logger("error", "json"))
        runtime = Runtime(self.contracts)
        ledger = open_ledger(folder, self.genesis_bytes, runtime.registry, OPEN)
        node = Node(
            options, ledger, runtime, None if key is None else private(key), log,
            p2p=P2pOptions(
                host="127.0.0.1", port=port, key=private(f"transport-{name}"), **given
            ),
            timing=self.timing,
        )  # fmt: skip
        self.followers[name] = node
        await node.start()
        return node

    async def unfollow(self, name: str) -> None:
        await self.followers.pop(name).stop()

    async def stop(self, number: int) -> None:
        await self.nodes.pop(number).stop()

    async def agree(self, height: int) -> None:
        """Wait until every running node has this height; then all have the same state."""
        nodes = [*self.nodes.values(), *self.followers.values()]
        await until(lambda: all(node.head.height >= height for node in nodes))
        roots = {state_root(node, height) for node in nodes}
        assert len(roots) == 1, roots

    def primary(self) -> int:
        """The number of the node whose turn it is, as the first running node sees it."""
        situation = next(iter(self.nodes.values()))._replica.situation()
        keys = {crypto.public_key(private(f"validate{n}")): n for n in range(self.count)}
        return keys[Key(bytes(situation.primary))]


def state_root(node: Node, height: int) -> bytes:
    """State root that a node has at a height."""
    from node.ledger.block import Header

    with node.reader.view() as view:
        return Header.decode(view.header(height) or b"").state_root


async def until(condition: Callable[[], bool], seconds: float = DEADLINE_S) -> None:
    """Wait for a condition; a test that waits in vain fails at the deadline."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running_cluster(
    root: Path, count: int = 4, *, timing: Timing = FAST
) -> AsyncIterator[Cluster]:
    """A cluster whose nodes have all begun; stopped at the end."""
    cluster = Cluster(root, count, timing=timing)
    try:
        for number in range(count):
            cluster.begin_key(number)
            await cluster.start(number)
        yield cluster
    finally:
        for name in list(cluster.followers):
            await cluster.unfollow(name)
        for number in list(cluster.nodes):
            await cluster.stop(number)
