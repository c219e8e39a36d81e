"""A real node behind its real edge, in process: store, execution, contracts, consensus of one.

``NodeWorld`` has the two methods that the contracts' stories speak through (``do`` and ``refused``)
and sends every call as a signed transaction over the HTTP edge, waiting for its receipt. The story
of ``tests.contracts.settlement.claim_world`` is then told to a node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from contracts.api import Value
from contracts.runtime import Runtime
from contracts.settlement import CONTRACTS
from contracts.settlement.calendar import start_of_day_ms
from node.api.access_log import AccessLog
from node.api.app import create_app
from node.api.ports import Genesis as GenesisPort
from node.api.ports import Ports
from node.api.settings import ApiSettings
from node.ledger import codec, crypto
from node.ledger.genesis import Genesis, make_content
from node.ledger.transaction import (
    Attachment,
    AttachmentRef,
    Call,
    SignedTransaction,
    TransactionBody,
    sign_transaction,
)
from node.ledger.types import OrgId, TimeMs
from node.mempool import PoolLimits
from node.service.node import Node, NodeOptions
from node.service.opening import OpenOptions, open_ledger
from node.telemetry import make_logger
from tests.contracts.settlement.claim_world import DAY
from tests.contracts.world import (
    BUREAU_HUNAN,
    HOSPITAL,
    NOON_MS,
    ORGANISATIONS,
    POSTS,
    key_of,
    secret_of,
)
from tests.node.api.asgi import Api, Reader, Reply, drive

OTHER_HOSPITAL = "hospital:H44010000999"
GENESIS_MS = start_of_day_ms("2025-01-01")


PARTIES = (*ORGANISATIONS, (OTHER_HOSPITAL, "hospital", "440100"))
SWITCHES = ("inpatient", "outpatient")


def make_genesis(
    parties: Sequence[tuple[str, str, str]] = PARTIES, switches: Sequence[str] = SWITCHES
) -> tuple[Genesis, bytes]:
    """The organisations of the contracts' tests, one validator, and the file's bytes.

    ``switches``: what the hospitals may settle.
    """
    organisations, privates = [], {}
    for org_id, kind, region in parties:
        names = [*POSTS, "validate"] if org_id == BUREAU_HUNAN else list(POSTS)
        keys = []
        for name in names:
            purpose = "validate" if name == "validate" else "sign"
            post = "operator" if name == "validate" else name
            key = key_of(org_id, name)
            keys.append({"key": key, "purposes": [purpose], "holder": f"s:{name}", "post": post})
            privates[key] = secret_of(org_id, name)
        hospital = kind == "hospital"
        organisations.append(
            {
                "id": org_id, "kind": kind, "region": region, "keys": keys,
                "level_code": 2 if hospital else 0, "dedc_level": 3 if hospital else 0,
                "switches": sorted(switches) if hospital else [],
            }
        )  # fmt: skip
    content = make_content(
        time_ms=GENESIS_MS,
        parameters={},
        contracts={contract.name: contract.version for contract in CONTRACTS},
        organisations=organisations,
        validators=[(BUREAU_HUNAN, key_of(BUREAU_HUNAN, "validate"))],
    )
    genesis = Genesis.from_content(content)
    data = genesis.render(genesis.prove_keys(privates))
    return Genesis.parse(data), data


@dataclass
class Outcome:
    """What the receipt says, in the words of the contracts' tests."""

    tx_id: str
    status: str
    code: str
    answer: dict[str, Any]
    reply: dict[str, Any]


class Clock:
    """Stands at noon of the story's day; only a test moves it."""

    def __init__(self) -> None:
        self.ms = start_of_day_ms(DAY) + NOON_MS

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return 0.0


@dataclass
class NodeWorld:
    """A node and its edge; every coroutine runs on one loop that stands still in between."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    faults: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0
    parties: Sequence[tuple[str, str, str]] = PARTIES
    switches: Sequence[str] = SWITCHES

    def __post_init__(self) -> None:
        self.genesis, self.genesis_bytes = make_genesis(self.parties, self.switches)
        self.runner = asyncio.Runner()
        self.runner.__enter__()
        runtime = Runtime(CONTRACTS)
        options = OpenOptions(diff_heights=50, check_heights=1_000, tree_depth=4, index=True)
        ledger = open_ledger(self.folder, self.genesis_bytes, runtime.registry, options)
        self.node = Node(
            NodeOptions(
                organisation=BUREAU_HUNAN, data_dir=self.folder,
                pool=PoolLimits(1_000, 64 << 20, 500, 16 << 20),
                calls_aim=256, bytes_aim=4 << 20, index=True,
            ),
            ledger, runtime, secret_of(BUREAU_HUNAN, "validate"), make_logger("error", "json"),
            genesis_bytes=self.genesis_bytes, clock_ms=self.clock.now_ms,
        )  # fmt: skip
        self.runner.run(self.node.start())
        self.log = AccessLog(self.folder / "access")
        ports = Ports(
            self.node.reader, self.node, self.node, self.node, self.clock,
            GenesisPort(self.genesis.chain, self.genesis_bytes),
        )  # fmt: skip
        settings = ApiSettings(
            address_burst=10**6, key_burst=10**6, min_height_wait_s=0.01, stream_heartbeat_s=0.01
        )
        app = create_app(ports, settings, self.log, lambda e, w: self.faults.append((e, w)))
        self.api = RunnerApi(app, self.genesis.chain, self.clock.now_ms, self.faults, self.runner)

    def close(self) -> None:
        self.runner.run(self.node.stop())
        self.runner.close()
        self.log.close()

    # --- What the contracts' stories call -------------------------------------------------------

    def do(self, sender: str, contract: str, method: str, args: Any, **more: Any) -> Outcome:
        """A call that must succeed."""
        outcome = self.call(sender, contract, method, args, **more)
        assert outcome.status == "ok", (contract, method, outcome.code, outcome.reply)
        return outcome

    def refused(
        self, code: str, sender: str, contract: str, method: str, args: Any, **more: Any
    ) -> Outcome:
        """A call that must be refused by the contract."""
        outcome = self.call(sender, contract, method, args, **more)
        assert (outcome.status, outcome.code) == ("rejected", code)
        return outcome

    def next_block(self) -> NodeWorld:
        """Each call is a block here."""
        return self

    def call(
        self,
        sender: str,
        contract: str,
        method: str,
        args: Mapping[str, Value],
        attachments: Mapping[str, Value] | None = None,
        post: str = "checker",
    ) -> Outcome:
        """One call as one transaction, submitted and waited for."""
        transaction = self.make(sender, contract, method, args, attachments, post)
        reply = self.submit(transaction)
        assert reply.status == 200, reply.body
        answer = reply.json()
        receipt = answer["receipts"][0]["receipt"]
        decoded = codec.decode(bytes.fromhex(answer["receipts"][0]["bytes"]))
        return Outcome(answer["tx_id"], receipt["status"], receipt["code"], decoded[5], answer)

    def make(
        self,
        sender: str,
        contract: str,
        method: str,
        args: Mapping[str, Value],
        attachments: Mapping[str, Value] | None = None,
        post: str = "checker",
    ) -> SignedTransaction:
        """A signed transaction of one call."""
        self.count += 1
        refs, items = [], []
        for audience, content in (attachments or {}).items():
            blind = sha256(f"{self.count} {audience}".encode()).digest()
            item = Attachment(blind, codec.encode(content))
            refs.append(AttachmentRef(audience, item.commitment()))
            items.append(item)
        private = secret_of(sender, post)
        body = TransactionBody(
            self.genesis.chain, OrgId(sender), crypto.public_key(private),
            TimeMs(self.clock.ms + 600_000 + self.count),
            (Call(contract, method, dict(args), tuple(range(len(items)))),), tuple(refs),
        )  # fmt: skip
        return sign_transaction(body, private, items)

    def submit(self, transaction: SignedTransaction, query: str = "wait=committed") -> Reply:
        return self.api.post(
            "/v1/transactions", transaction.encode(), "application/octet-stream", query=query
        )


class RunnerApi(Api):
    """``Api`` on the loop that the node lives on."""

    def __init__(self, app: Any, chain: bytes, now_ms: Any, faults: Any, runner: Any) -> None:
        super().__init__(app, chain, now_ms, faults)
        self._runner = runner

    def send(
        self, method: str, path: str, query: str = "", *, headers: Any = (), body: bytes = b"",
        chunks: Any = None, client: str = "192.0.2.1", may_fault: bool = False,
        hang_up_after: int = 1_000_000,
    ) -> Reply:  # fmt: skip
        content = body if chunks is None else chunks
        reply: Reply = self._runner.run(
            drive(self.app, method, path, query, headers, content, client, hang_up_after)
        )
        if not may_fault:
            assert not self.faults, self.faults
        return reply


def reader(organisation: str, post: str = "clerk") -> Reader:
    """Somebody of the contracts' world who asks."""
    return Reader(organisation, secret_of(organisation, post))


__all__ = ["HOSPITAL", "NodeWorld", "Outcome", "reader"]
