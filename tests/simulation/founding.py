"""A chain that has begun: genesis with n bureaus that validate, and everything claims need.

Made once for each process, size and signature mode, through the node's own ``Chain``; every machine
of every seed then begins with a copy of its rows. Eight bureaus have a validate key and an
endpoint, the first n of them sit in the set; the others may join.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from consensus import BlockId, SafetyRecord
from consensus.safety import LastVote
from contracts.runtime import Runtime
from contracts.settlement import CONTRACTS
from node.execution.blocks import Executor
from node.execution.services import NodeServices
from node.ledger import codec, crypto
from node.ledger.block import Header, make_certificate
from node.ledger.genesis import Genesis, make_content
from node.ledger.transaction import (
    Attachment,
    AttachmentRef,
    Call,
    SignedTransaction,
    TransactionBody,
    sign_transaction,
)
from node.ledger.types import Digest, Key, OrgId, TimeMs
from node.ordering.wire import to_core_block
from node.service.chain import Chain
from node.service.opening import OpenedLedger, OpenOptions, open_database
from node.store.database import Database
from node.telemetry import Metrics
from tests.contracts.world import BUREAU_HUNAN, ORGANISATIONS, POSTS, key_of, secret_of
from tests.node.api.real import GENESIS_MS, OTHER_HOSPITAL
from tests.node.conservation_world import START_MS, Planned, founding
from tests.node.ledger.world import sign_vote
from tests.simulation.disk import Disk, Image, SimKV
from tests.simulation.keys import signatures
from tests.simulation.rng import stream

RUNTIME = Runtime(CONTRACTS)
BUREAUS = (
    BUREAU_HUNAN, "bureau:440000", "bureau:110000", "bureau:310000",
    "bureau:500000", "bureau:610000", "bureau:650000", "bureau:320000",
)  # fmt: skip
"""Those that may validate, in the order in which sets are filled."""
FOLLOWERS = ("auditor:national",)
"""Organisations that never vote and may run a node."""
PLACES = (*BUREAUS, *FOLLOWERS)
"""All organisations with a node's address on the ledger."""
BEGIN_MS = START_MS + 60_000
"""Unix time at which the simulated world begins, after the founding."""
SPARE_KEYS = ("validate", "validate2")
"""Each bureau's validate keys; the second is for a rotation."""


def open_options(index: bool) -> OpenOptions:
    """How simulated nodes open their database."""
    return OpenOptions(diff_heights=40, check_heights=3, tree_depth=8, index=index)


@dataclass(frozen=True)
class Founded:
    """Where every seed begins."""

    size: int
    genesis: Genesis
    genesis_bytes: bytes
    image: Image
    header: Header
    """Of the last founding block."""

    def record(self) -> SafetyRecord:
        """The safety record of a key that signed the founding blocks and nothing else."""
        vote = LastVote(0, to_core_block(self.header))
        return SafetyRecord(sequence=1, vote=vote, commit_floor=self.header.height)


class ChainSigner:
    """Signs transactions for one chain; no two have the same id unless they are to."""

    def __init__(self, chain: bytes) -> None:
        self.chain = Digest(chain)
        self.count = 0

    def sign(
        self, sender: str, post: str, calls: Sequence[Planned], now_ms: int,
        valid_ms: int = 3_600_000,
    ) -> SignedTransaction:  # fmt: skip
        """A transaction of the calls. The same content has the same blind, as a retry has."""
        self.count += 1
        refs: list[AttachmentRef] = []
        items: list[Attachment] = []
        made = []
        for contract, method, args, attached in calls:
            named = []
            for audience, content in attached.items():
                data = codec.encode(content)
                item = Attachment(crypto.H("test/blind", data), data)
                named.append(len(refs))
                refs.append(AttachmentRef(audience, item.commitment()))
                items.append(item)
            made.append(Call(contract, method, args, tuple(named)))
        private, public = private_of(sender, post), public_of(sender, post)
        body = TransactionBody(
            self.chain, OrgId(sender), public, TimeMs(now_ms + valid_ms + self.count), tuple(made),
            tuple(refs),
        )  # fmt: skip
        return sign_transaction(body, private, items)


@cache
def private_of(organisation: str, name: str) -> crypto.PrivateKey:
    """The private key that ``name`` holds at an organisation."""
    return secret_of(organisation, name)


@cache
def public_of(organisation: str, name: str) -> Key:
    return Key(key_of(organisation, name))


def _organisations() -> tuple[list[dict[str, Any]], dict[Key, crypto.PrivateKey]]:
    listed = [*ORGANISATIONS, (OTHER_HOSPITAL, "hospital", "440100")]
    known = {organisation for organisation, _, _ in listed}
    listed += [(one, "bureau", one[7:]) for one in BUREAUS if one not in known]
    made: list[dict[str, Any]] = []
    privates: dict[Key, crypto.PrivateKey] = {}
    for organisation, kind, region in listed:
        posts = POSTS if organisation in known else ("checker",)
        names = [*posts, *(SPARE_KEYS if organisation in BUREAUS else ())]
        keys = []
        for name in names:
            validates = name in SPARE_KEYS
            key = public_of(organisation, name)
            keys.append(
                {"key": key, "purposes": ["validate" if validates else "sign"],
                 "holder": f"s:{name}", "post": "operator" if validates else name}
            )  # fmt: skip
            privates[key] = private_of(organisation, name)
        hospital = kind == "hospital"
        record: dict[str, Any] = {
            "id": organisation, "kind": kind, "region": region, "keys": keys,
            "level_code": 2 if hospital else 0, "dedc_level": 3 if hospital else 0,
            "switches": ["inpatient", "outpatient"] if hospital else [],
        }  # fmt: skip
        if organisation in PLACES:
            transport = public_of(organisation, "transport")
            record["endpoint"] = {
                "host": "127.0.0.1", "port": 20_000 + PLACES.index(organisation),
                "tls_pin": crypto.tls_pin(transport),
            }  # fmt: skip
        made.append(record)
    return made, privates


def _genesis(size: int) -> tuple[Genesis, bytes]:
    organisations, privates = _organisations()
    content = make_content(
        time_ms=GENESIS_MS,
        parameters={},
        contracts={contract.name: contract.version for contract in CONTRACTS},
        organisations=organisations,
        validators=[(one, public_of(one, "validate")) for one in sorted(BUREAUS[:size])],
    )
    genesis = Genesis.from_content(content)
    data = genesis.render(genesis.prove_keys(privates))
    return Genesis.parse(data), data


@cache
def found(size: int, mode: str) -> Founded:
    """The chain after its founding blocks."""
    with signatures(mode):
        return _found(size)


def _found(size: int) -> Founded:
    genesis, data = _genesis(size)
    disk = Disk(Image({}), stream(0, "founding"))
    database = Database(SimKV(disk), diff_heights=40)
    ledger = open_database(database, genesis, data, RUNTIME.registry, open_options(index=True))
    chain = _chain(ledger)
    for block in founding(ChainSigner(genesis.chain)):  # type: ignore[arg-type]
        proposal = chain.build(block, START_MS)
        result = proposal.result
        assert result is not None, proposal.refused
        assert len(result.transactions) == len(block)
        assert not [r.code for r in result.receipts if r.code]
        header = result.header
        statement = (header.epoch, 0, header.height, result.block_hash)
        seats = ledger.genesis.validators
        votes = {
            index: sign_vote(
                private_of(str(seat.organisation), "validate"), "COMMIT", genesis.chain, statement
            )
            for index, seat in enumerate(seats.validators)
        }
        certificate = make_certificate(seats, statement, votes)
        chain.commit(BlockId(result.block_hash), certificate)
        chain.advance(result)
    return Founded(size, genesis, data, Image(disk.rows), chain.parent.header)


def _chain(ledger: OpenedLedger) -> Chain:
    executor = Executor(
        ledger.genesis.chain, RUNTIME, NodeServices(ledger.genesis.chain), ledger.state,
        ledger.database.state, ledger.tree,
    )  # fmt: skip
    return Chain(
        ledger.database, executor, ledger.parent, Metrics(), organisation=BUREAU_HUNAN, index=True
    )
