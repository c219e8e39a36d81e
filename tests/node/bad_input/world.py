"""The node that bad input is sent to, with everything in place that could be misused.

One network lives for all rows; a row that needs something of its own (a suspended person, a held
payable) makes it before its attempt, under ids that no other row uses, so the rows do not depend
on their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from contracts.api import Value
from node.ledger import codec, crypto
from node.ledger.transaction import (
    Attachment,
    AttachmentRef,
    Call,
    SignedTransaction,
    TransactionBody,
    sign_transaction,
)
from node.ledger.types import Digest, Key, OrgId, TimeMs
from node.store import keys
from node.store.state import decode_entry
from tests.contracts.settlement.claim_world import (
    BED,
    DAY,
    EMPLOYEE_POLICY,
    ClaimWorld,
    catalogue_rows,
    line,
    visit,
)
from tests.contracts.settlement.funds_world import deposit, enrol
from tests.contracts.world import (
    ALICE,
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    HOSPITAL,
    secret_of,
)
from tests.node.api.asgi import Reply
from tests.node.api.real import OTHER_HOSPITAL, NodeWorld

OCTETS = "application/octet-stream"
STRICT_AREA = "430200"
"""A city whose policy does not settle without a filing."""
STRICT_POLICY = """
def settle(case):
    if case["filing"]["type"] == "none" and case["cross_province"]:
        fail("filing-required")
    return {"payments": [payment("310100", part(case["sums"]["in_scope_fen"], "70%"))]}
"""
SLIPS_AT_FEN = 777_777
SLIPPING_POLICY = f"""
def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    paid = part(in_scope, "50%")
    if in_scope == {SLIPS_AT_FEN}:
        paid = in_scope + 1
    return {{"payments": [payment("310100", paid)]}}
"""
"""Overspends on one bill that no trial can know."""
SLIPPING_AREA = "430300"

FILED, UNFILED, FILED_ELSEWHERE = ALICE, "p:430100:unfiled", "p:430100:elsewhere"
STRICT_UNFILED, STRICT_ELSEWHERE = "p:430200:unfiled", "p:430200:elsewhere"
SLIPPING, SUSPENDED = "p:430300:slips", "p:430100:suspended"


@dataclass
class BadWorld:
    """A real node behind its edge, and the claims that are already on it."""

    world: NodeWorld
    claims: ClaimWorld

    @property
    def chain(self) -> Digest:
        return self.world.genesis.chain

    # --- Making transactions ------------------------------------------------------------------

    def make(
        self,
        sender: str,
        contract: str,
        method: str,
        args: Mapping[str, Value],
        attachments: Mapping[str, Value] | None = None,
        post: str = "checker",
    ) -> SignedTransaction:
        """A sound transaction of one call; what is wrong is in the call."""
        return self.world.make(sender, contract, method, args, attachments, post)

    def sign(
        self,
        *,
        sender: str = HOSPITAL,
        private: crypto.PrivateKey | None = None,
        chain: bytes | None = None,
        valid_for_ms: int = 600_000,
        calls: tuple[Call, ...] | None = None,
        contents: tuple[bytes, ...] = (),
        audience: str = "settlement",
    ) -> SignedTransaction:
        """A transaction whose envelope is wrong in what is given; signed as it stands."""
        self.world.count += 1
        private = secret_of(HOSPITAL, "operator") if private is None else private
        blind = sha256(f"bad {self.world.count}".encode()).digest()
        items = [Attachment(blind, content) for content in contents]
        if calls is None:
            args: dict[str, Value] = {"claim": f"x-{self.world.count}"}
            calls = (Call("claim", "cancel", args, tuple(range(len(items)))),)
        body = TransactionBody(
            self.chain if chain is None else Digest(chain), OrgId(sender),
            Key(crypto.public_key(private)),
            TimeMs(self.world.clock.ms + valid_for_ms + self.world.count % 1_000), calls,
            tuple(AttachmentRef(audience, item.commitment()) for item in items),
        )  # fmt: skip
        return sign_transaction(body, private, items)

    def settlement(
        self,
        claim: str,
        lines: list[list[Value]] | None = None,
        given: Mapping[str, Value] | None = None,
        *,
        clinical: Mapping[str, Value] | None = None,
        sender: str = HOSPITAL,
        **more: Any,
    ) -> SignedTransaction:
        """A settlement in one call as the counter of a hospital sends it."""
        lines = [line(1, BED, 50_000)] if lines is None else lines
        args = self.claims.settle_args(claim, lines, visit() if given is None else given, **more)
        content = {"settlement": {"visit": dict(clinical or {}), "lines": lines}}
        return self.make(sender, "claim", "settle", args, content, "operator")

    # --- Sending and looking ------------------------------------------------------------------

    def send(self, wire: bytes) -> Reply:
        """Hand bytes in and wait for the commit."""
        return self.world.api.post("/v1/transactions", wire, OCTETS, query="wait=committed")

    @property
    def height(self) -> int:
        return self.world.node.reader.head.height

    def everything(self) -> bytes:
        """Digest of every row of the database."""
        digest = sha256()
        for key, value in self.world.node.chain.database.kv.iterate(b"\x00", b"\xff" * 40):
            digest.update(len(key).to_bytes(4, "big") + key + len(value).to_bytes(4, "big") + value)
        return digest.digest()

    def state(self) -> dict[str, bytes]:
        """The whole state without the executed ids."""
        rows = self.world.node.chain.database.kv.iterate(*keys.all_of(keys.STATE))
        entries = dict(decode_entry(row) for _, row in rows)
        return {key: value for key, value in entries.items() if not key.startswith("tx/")}

    def index_kinds(self, height: int) -> set[bytes]:
        """The kinds of subject under which the index has rows of a height."""
        found = set()
        for key, _ in self.world.node.chain.database.kv.iterate(*keys.all_of(keys.INDEX)):
            if int.from_bytes(key[-12:-4], "big") == height:
                found.add(key[1:2])
        return found


def encoded(value: Value) -> bytes:
    """Canonical bytes."""
    return bytes(codec.encode(value))


def parts(transaction: SignedTransaction) -> list[Any]:
    """Body bytes, signature and attachments of the wire form, to be tampered with."""
    found: list[Any] = codec.decode(transaction.encode())
    return found


def build(folder: Path) -> BadWorld:
    """The network and its story: two institutions, people with and without filings, one claim."""
    world = NodeWorld(folder)
    speak: Any = world
    claims = ClaimWorld(speak, world.genesis.chain)
    claims.publish("2025.1", "2025-01-01", catalogue_rows())
    claims.deploy("310", EMPLOYEE_POLICY)
    for area, source in ((STRICT_AREA, STRICT_POLICY), (SLIPPING_AREA, SLIPPING_POLICY)):
        deployed = {"area": area, "scheme": "310", "effective_from": "2025-01-01", "source": source}
        world.do(BUREAU_HUNAN, "policy", "deploy", deployed)
    for person in (ALICE, UNFILED, FILED_ELSEWHERE, SUSPENDED):
        enrol(speak, person)
    for person in (STRICT_UNFILED, STRICT_ELSEWHERE, SLIPPING):
        enrol(speak, person, BUREAU_HUNAN)
    deposit(speak, 50_000)
    claims.file()
    claims.file("430100f2", FILED_ELSEWHERE, care_region="510100")
    file_at_home(world, "430000f1", STRICT_ELSEWHERE, "510100")
    file_at_home(world, "430000f2", SLIPPING, "440100")
    made = BadWorld(world, claims)
    settled = made.send(made.settlement("H44010000123-settled-1").encode())
    assert settled.json()["receipts"][0]["receipt"]["status"] == "ok", settled.body
    return made


def file_at_home(world: NodeWorld, filing: str, person: str, care_region: str) -> None:
    """A referral filed by the province for its city."""
    world.do(
        BUREAU_HUNAN, "filing", "submit",
        {"filing": filing, "person": person, "type": "referral", "care_region": care_region,
         "channel": "window", "effective_from": DAY},
    )  # fmt: skip
    decision = {"filing": filing, "version": 2, "decision": "approve"}
    world.do(BUREAU_HUNAN, "filing", "decide", decision)


__all__ = [
    "ALICE",
    "BED",
    "BUREAU_CHANGSHA",
    "BUREAU_GUANGDONG",
    "BUREAU_GUANGZHOU",
    "BUREAU_HUNAN",
    "DAY",
    "HOSPITAL",
    "OTHER_HOSPITAL",
    "BadWorld",
    "build",
]
