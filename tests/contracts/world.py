"""A small world for tests of contracts: a state in memory, organisations with real keys, one chain.

``World`` runs calls through the real ``Runtime`` with the real codec and signatures, and checks on
every refused call that the state is byte for byte what it was, and after every other that banks are
shown orders to persons as they stand (``bank_orders``): no test needs to say so again. Time and
height stand still unless a test moves them. Everything is derived from names,
so every run has the same keys and salts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeVar

from contracts.api import Attachment, Context, Contract, Value
from contracts.organisations import KeyRecord, find_signer, genesis_records, load
from contracts.registry import STATE_KEY
from contracts.runtime import Outcome, Runtime
from contracts.settlement.calendar import start_of_day_ms
from node.execution.services import NodeServices
from node.ledger import codec, crypto
from node.ordering.judge import convict
from tests.contracts import bank_orders

CHAIN = sha256(b"the chain of tests").digest()
NOON_MS = 12 * 3_600_000

BUREAU_HUNAN, BUREAU_CHANGSHA = "bureau:430000", "bureau:430100"
BUREAU_GUANGDONG, BUREAU_GUANGZHOU = "bureau:440000", "bureau:440100"
CENTRE = "centre"
HOSPITAL = "hospital:H44010000123"
PHARMACY = "pharmacy:P44010000456"
FINANCE, BANK = "finance:430100", "bank:icbc"
ALICE = "p:430100:alice"
"""A made-up pseudonym of Changsha."""

ORGANISATIONS: tuple[tuple[str, str, str], ...] = (
    (CENTRE, "centre", "000000"),
    (BUREAU_HUNAN, "bureau", "430000"),
    (BUREAU_CHANGSHA, "bureau", "430100"),
    (BUREAU_GUANGDONG, "bureau", "440000"),
    (BUREAU_GUANGZHOU, "bureau", "440100"),
    (HOSPITAL, "hospital", "440100"),
    (PHARMACY, "pharmacy", "440100"),
    (FINANCE, "finance", "430100"),
    (BANK, "bank", "000000"),
    ("insurer:pingan", "insurer", "000000"),
    ("auditor:national", "auditor", "000000"),
)
POSTS = ("clerk", "checker", "operator", "doctor", "finance", "audit")


T = TypeVar("T")


class MemoryState:
    """State as the contracts see it: bytes in a dict, values decoded afresh on every read."""

    def __init__(self, entries: Mapping[str, bytes] | None = None) -> None:
        self.entries: dict[str, bytes] = dict(entries or {})
        self.reads: list[str] = []
        self.writes: list[str] = []

    def get(self, key: str) -> Value | None:
        self.reads.append(key)
        data = self.entries.get(key)
        return None if data is None else codec.decode(data)

    def read(self, key: str, build: Callable[[Value], T]) -> T | None:
        value = self.get(key)
        return None if value is None else build(value)

    def put(self, key: str, value: Value) -> None:
        assert key.isascii(), key
        assert 0 < len(key) <= 200, key
        self.writes.append(key)
        self.entries[key] = codec.encode(value)

    def delete(self, key: str) -> None:
        self.writes.append(key)
        self.entries.pop(key, None)


SERVICES = NodeServices(CHAIN, convict)
"""What the node lends to contracts, the real thing for the chain of tests."""


def secret_of(organisation: str, name: str) -> crypto.PrivateKey:
    """The private key that ``name`` holds at an organisation; the same in every run."""
    return crypto.private_key(sha256(f"key of {name} at {organisation}".encode()).digest())


def key_of(organisation: str, name: str) -> bytes:
    """The public key that ``name`` holds at an organisation."""
    return bytes(crypto.public_key(secret_of(organisation, name)))


def new_key(
    organisation: str, name: str, post: str = "clerk", purposes: Iterable[str] = ("sign",)
) -> dict[str, Value]:
    """Arguments for a key that ``name`` is to hold, with its proof of possession."""
    listed = list(purposes)
    proof = crypto.prove_possession(secret_of(organisation, name), CHAIN, organisation, listed)
    return {
        "key": key_of(organisation, name),
        "purposes": listed,
        "holder": f"s:{name}",
        "post": post,
        "proof": bytes(proof),
    }


def salt_of(name: str) -> bytes:
    """32 bytes for a blind, the same in every run."""
    return sha256(f"blind of {name}".encode()).digest()


def attachment(audience: str, content: Value, blind: bytes | None = None) -> Attachment:
    """An attachment whose commitment is right."""
    blind = salt_of(audience) if blind is None else blind
    commitment = crypto.H("yibao/attachment/v1", blind + codec.encode(content))
    return Attachment(audience, codec.decode(codec.encode(content)), bytes(commitment), blind)


def receipt_bytes(outcome: Outcome) -> bytes:
    """What a receipt shows of an outcome. All of it must have canonical bytes."""
    events = [[topic, fields] for topic, fields in outcome.events]
    return codec.encode(
        [outcome.code, outcome.values, outcome.answer, events, outcome.amounts, outcome.versions]
    )


@dataclass
class World:
    """A chain at one height: ``call`` runs one call as if it were alone in a block."""

    runtime: Runtime
    state: MemoryState
    height: int = 10
    time_ms: int = start_of_day_ms("2025-06-10") + NOON_MS
    validating: tuple[str, ...] = (CENTRE, BUREAU_HUNAN, BUREAU_GUANGDONG)
    calls: int = field(default=0)
    work: int = 0
    """Units of work that the last call told of (``Context.spend``), refused or not."""
    canaries: tuple[Value, ...] = ()
    """Texts and bytes that no receipt may show, whatever a test does: attributes of persons."""
    made: list[tuple[str, dict[str, Value], dict[str, Value]]] = field(default_factory=list)
    """Calls that were carried out: contract and method, arguments, attachments."""

    def on(self, date: str) -> World:
        """Move the clock to noon of a date."""
        self.time_ms = start_of_day_ms(date) + NOON_MS
        return self

    def leave(self, org_id: str) -> str:
        """An organisation has left the network, by a vote."""
        known = self.state.get(f"org/{org_id}")
        self.state.put(f"org/{org_id}", known | {"left_height": self.height})
        return org_id

    def former_bank(self) -> str:
        """A bank that has left."""
        name = "bank:former"
        self.state.put(f"org/{name}", self.state.get(f"org/{BANK}") | {"id": name})
        return self.leave(name)

    def next_block(self) -> World:
        """Go one height further."""
        self.height += 1
        self.time_ms += 1000
        return self

    def context(
        self,
        sender: str,
        post: str = "checker",
        attachments: Mapping[str, Value] | None = None,
        holder: str | None = None,
        key: bytes | None = None,
    ) -> Context:
        """The context of one call. Attachments are contents by audience."""
        org = load(self.state, sender)
        self.calls += 1
        return Context(
            state=self.state,
            services=SERVICES,
            chain=CHAIN,
            height=self.height,
            time_ms=self.time_ms,
            sender=sender,
            sender_kind=org.kind if org else "bureau",
            sender_region=org.region if org else "990000",
            key=key_of(sender, post) if key is None else key,
            holder=f"s:{post}" if holder is None else holder,
            post=post,
            tx_id=sha256(f"transaction {self.calls}".encode()).digest(),
            call_index=0,
            attachments={a: attachment(a, content) for a, content in (attachments or {}).items()},
        )

    def call(
        self,
        sender: str,
        contract: str,
        method: str,
        args: Mapping[str, Value],
        attachments: Mapping[str, Value] | None = None,
        post: str = "checker",
        holder: str | None = None,
    ) -> Outcome:
        """Run one call and keep its writes only if it is not refused, as execution does."""
        before, mark = dict(self.state.entries), len(self.state.writes)
        ctx = self.context(sender, post, attachments, holder)
        given = codec.decode(codec.encode(dict(args)))
        outcome = self.runtime.call(ctx, contract, method, given)
        self.work = ctx.work
        shown = receipt_bytes(outcome)
        seen = [c for c in self.canaries if (c if isinstance(c, bytes) else c.encode()) in shown]
        assert not seen, f"{contract}.{method} shows {seen} in its receipt"
        if outcome.explanation is not None:
            codec.encode(outcome.explanation)
        if not outcome.ok:
            self.state.entries = before
            assert not [*outcome.events, *outcome.postings], "a refusal leaves nothing"
        else:
            written = {key.partition("/")[0] for key in self.state.writes[mark:]}
            if written & bank_orders.WATCHED:
                bank_orders.check(self.state.entries, codec.decode)
            self.made.append((f"{contract}.{method}", dict(args), dict(attachments or {})))
        return outcome

    def do(
        self, sender: str, contract: str, method: str, args: Mapping[str, Value], **more: Any
    ) -> Outcome:
        """``call`` that must succeed."""
        outcome = self.call(sender, contract, method, args, **more)
        assert outcome.ok, f"{contract}.{method} refused: {outcome.code} {outcome.values}"
        return outcome

    def refused(
        self,
        code: str,
        sender: str,
        contract: str,
        method: str,
        args: Mapping[str, Value],
        **more: Any,
    ) -> Outcome:
        """``call`` that must be refused with ``code`` and leave the state as it was."""
        before = dict(self.state.entries)
        outcome = self.call(sender, contract, method, args, **more)
        assert outcome.status == "rejected", f"{contract}.{method} answered {outcome.answer}"
        assert outcome.code == code, f"refused with {outcome.code} {outcome.values}"
        assert self.state.entries == before
        return outcome

    def signer(self, organisation: str, name: str) -> KeyRecord | None:
        """The key of ``name`` if it may sign in the next block."""
        found = find_signer(self.state, organisation, key_of(organisation, name), self.height + 1)
        return None if found is None else found[1]


def make_world(
    contracts: Iterable[Contract],
    validating: tuple[str, ...] = (CENTRE, BUREAU_HUNAN, BUREAU_GUANGDONG),
    parameters: Mapping[str, Value] | None = None,
) -> World:
    """A world whose genesis has ``ORGANISATIONS``, each with one key for every post."""
    organisations = [
        {
            "id": org_id,
            "kind": kind,
            "region": region,
            "level_code": 2 if kind == "hospital" else 0,
            "dedc_level": 3 if kind == "hospital" else 0,
            "switches": {
                "hospital": ["inpatient", "outpatient", "chronic:diabetes"],
                "pharmacy": ["pharmacy"],
            }.get(kind, []),
            "keys": [
                {
                    "key": key_of(org_id, post),
                    "purposes": ["sign"],
                    "holder": f"s:{post}",
                    "post": post,
                }
                for post in POSTS
            ]
            + [
                {
                    "key": key_of(org_id, "validate"),
                    "purposes": ["validate"],
                    "holder": "s:operator",
                    "post": "operator",
                }
            ]
            * (org_id in validating),
        }
        for org_id, kind, region in ORGANISATIONS
    ]
    members = [(org_id, key_of(org_id, "validate")) for org_id in validating]
    state = MemoryState()
    for key, value in genesis_records(organisations, members, parameters or {}).items():
        state.put(key, value)
    runtime = Runtime(contracts)
    state.put(STATE_KEY, {c.name: [[0, c.version]] for c in runtime.registry.newest()})
    state.writes.clear()
    return World(runtime, state, validating=validating)
