"""A node in memory behind the edge's ports: real blocks, certificates, proofs and signatures.

Only consensus, contracts and the disk are missing: a test commits what it wants to read. Two
provinces take part: Hunan (home, 430000 with the city 430100) and Guangdong (care, 440000 with
440100), a third one (510000) has nothing to do with anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from contracts import organisations
from node.api.access_log import AccessLog
from node.api.app import create_app
from node.api.auth import ReadState
from node.api.ports import (
    Accepted,
    CallRow,
    Estimate,
    EstimateCall,
    Head,
    NodeStatus,
    Place,
    Ports,
    PostingRow,
    StoredAttachment,
    WorkItem,
)
from node.api.ports import Genesis as GenesisPort
from node.api.settings import ApiSettings
from node.ledger import crypto, merkle
from node.ledger.block import (
    Header,
    compute_tx_root,
    genesis_header,
    make_certificate,
)
from node.ledger.codec import decode, encode
from node.ledger.errors import InvalidTransaction, Unavailable
from node.ledger.evidence import EpochEnd
from node.ledger.genesis import Genesis, make_content
from node.ledger.receipt import (
    Event,
    Receipt,
    ReceiptPosting,
    compute_writes_digest,
    make_explanation,
)
from node.ledger.state_tree import DEPTH_SMALL, StateTree, bucket_of, compute_changes
from node.ledger.transaction import (
    Attachment,
    AttachmentRef,
    Call,
    SignedTransaction,
    TransactionBody,
    sign_transaction,
)
from node.ledger.types import Checked, Digest, Epoch, Height, Key, OrgId, TimeMs
from tests.node.api.asgi import Api, Reader
from tests.node.ledger.world import sign_vote

START_MS = 1_767_225_600_000
"""2026-01-01 UTC."""

OPERATOR = "bureau:430000"
"""Runs the node under test."""

ORGANISATIONS: tuple[tuple[str, str, str], ...] = (
    ("centre", "centre", "000000"),
    (OPERATOR, "bureau", "430000"),
    ("bureau:430100", "bureau", "430100"),
    ("bureau:440000", "bureau", "440000"),
    ("bureau:440100", "bureau", "440100"),
    ("bureau:510000", "bureau", "510000"),
    ("hospital:H44010000001", "hospital", "440100"),
    ("hospital:H44010000002", "hospital", "440100"),
    ("pharmacy:P44010000003", "pharmacy", "440100"),
    ("finance:430100", "finance", "430100"),
    ("finance:510000", "finance", "510000"),
    ("bank:icbc", "bank", "000000"),
    ("bank:other", "bank", "000000"),
    ("insurer:one", "insurer", "000000"),
    ("auditor:national", "auditor", "000000"),
    ("auditor:430000", "auditor", "430000"),
    ("auditor:510000", "auditor", "510000"),
    ("regulator:440000", "regulator", "440000"),
)
POSTS = ("clerk", "checker", "finance", "audit", "doctor", "operator")
HOSPITAL, OTHER_HOSPITAL = "hospital:H44010000001", "hospital:H44010000002"


def secret(organisation: str, name: str) -> crypto.PrivateKey:
    """Private key of a name at an organisation; the same in every run."""
    return crypto.private_key(sha256(f"{name} at {organisation}".encode()).digest())


def reader(organisation: str, post: str = "clerk") -> Reader:
    """Somebody who asks."""
    return Reader(organisation, secret(organisation, post))


def _organisation(org_id: str, kind: str, region: str) -> dict[str, Any]:
    keys = [
        {
            "key": crypto.public_key(secret(org_id, post)),
            "purposes": ["read", "sign"],
            "holder": f"staff-{post}",
            "post": post,
        }
        for post in POSTS
    ]
    keys.append(
        {
            "key": crypto.public_key(secret(org_id, "reader")),
            "purposes": ["read"],
            "holder": "staff-reader",
            "post": "clerk",
        }
    )
    keys.append(
        {
            "key": crypto.public_key(secret(org_id, "validate")),
            "purposes": ["validate"],
            "holder": "machine",
            "post": "operator",
        }
    )
    return {"id": org_id, "kind": kind, "region": region, "keys": keys}


def make_genesis() -> Genesis:
    return Genesis.from_content(
        make_content(
            time_ms=START_MS,
            parameters={"block-calls": 256},
            contracts={},
            organisations=[_organisation(*row) for row in ORGANISATIONS],
            validators=[(OPERATOR, crypto.public_key(secret(OPERATOR, "validate")))],
        )
    )


@dataclass
class CallSpec:
    """One call as a test wants it to have happened."""

    contract: str = "test"
    method: str = "note"
    args: dict[str, Any] = field(default_factory=dict)
    attachments: Sequence[tuple[str, Any]] = ()
    code: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    events: Sequence[tuple[str, dict[str, Any]]] = ()
    postings: Sequence[tuple[str, str, str, int]] = ()
    explanation: dict[str, Any] | None = None


@dataclass
class _Block:
    header: bytes
    certificate: bytes | None
    leaves: list[bytes]
    receipts: list[bytes]


class MemoryView:
    """``ports.View`` at one height. State is that of the newest block only."""

    def __init__(self, node: MemoryNode, height: int) -> None:
        self._node, self._height = node, height

    @property
    def head(self) -> Head:
        header = Header.decode(self._node.blocks[self._height].header)
        return Head(header.height, header.hash, header.time_ms, header.state_root)

    @property
    def floor(self) -> int:
        return self._node.floor

    def header(self, height: int) -> bytes | None:
        if 0 < height < self._node.floor - 1:
            return None
        return self._node.blocks[height].header if 0 <= height <= self._height else None

    def certificate(self, height: int) -> bytes | None:
        return self._node.blocks[height].certificate if 0 <= height <= self._height else None

    def height_of(self, block_hash: bytes) -> int | None:
        for height, block in enumerate(self._node.blocks):
            if Header.decode(block.header).hash == block_hash:
                return height
        return None

    def checked(self, height: int) -> Checked:
        return Checked.REEXECUTED

    def transactions(self, height: int) -> Sequence[bytes]:
        return self._node.blocks[height].leaves if self._held(height) else ()

    def receipts(self, height: int) -> Sequence[bytes]:
        return self._node.blocks[height].receipts if self._held(height) else ()

    def find_transaction(self, tx_id: bytes) -> Place | None:
        place = self._node.places.get(tx_id)
        return place if place is not None and self._held(place.height) else None

    def _held(self, height: int) -> bool:
        """Whether the block is here: a snapshot brings none, and an index that begins with it."""
        return not 0 < height < self._node.floor

    def state(self, key: str) -> Any | None:
        data = self._node.state.get(key)
        return None if data is None else decode(data)

    def prove_state(self, key: str) -> bytes:
        if self._node.moves:
            self._node.moves -= 1
            raise Unavailable("state.head-moved", retry_after_s=1)
        return self._node.tree.prove(key).encode()

    def epoch_ends(self, height: int) -> Sequence[EpochEnd]:
        return ()

    def attachment(self, commitment: bytes) -> StoredAttachment | None:
        return self._node.attachments.get(commitment)

    def calls_of(self, kind: str, subject: str, after: str, limit: int) -> Sequence[CallRow]:
        rows = self._node.rows.get((kind, subject), [])
        behind = tuple(int(part) for part in after.split(":")) if after else (-1, -1)
        assert len(behind) == 2, "the edge has checked the cursor"
        return [
            row
            for row in rows
            if (row.height, row.receipt_index) > behind and self._held(row.height)
        ][:limit]

    def postings_of(self, account: str, after: str, limit: int) -> Sequence[PostingRow]:
        behind = tuple(int(part) for part in after.split(":")) if after else (-1, -1, -1)
        return [
            row
            for row in self._node.postings
            if row.account == account
            and self._held(row.height)
            and (row.height, row.receipt_index, row.posting_index) > behind
        ][:limit]

    def work_of(
        self, work: str, area: str, first: str, after: tuple[str, str] | None, limit: int
    ) -> Sequence[WorkItem]:
        return self._node.work.get((work, area), [])[:limit]


class MemoryNode:
    """All ports in one: reader, submitter, estimator, operations, clock."""

    def __init__(self) -> None:
        self.genesis = make_genesis()
        self.time_ms = START_MS + 1_000
        self.seconds = 300_000.0
        """The monotonic clock: the machine has been up for three days, the node has not."""
        self.behind_blocks, self.behind_ms, self.moves = 0, 0, 0
        self.state: dict[str, bytes] = {}
        self.blocks: list[_Block] = []
        self.floor = 0
        self.places: dict[bytes, Place] = {}
        self.attachments: dict[bytes, StoredAttachment] = {}
        self.rows: dict[tuple[str, str], list[CallRow]] = {}
        self.postings: list[PostingRow] = []
        self.work: dict[tuple[str, str], list[WorkItem]] = {}
        self.pending: dict[bytes, SignedTransaction] = {}
        self.later: list[Callable[[], object]] = []
        """What happens while somebody waits for a height, one at a time."""
        self.commits = True
        """Whether a submitted transaction is committed at once."""
        self.tree = StateTree(DEPTH_SMALL, self._bucket)
        members = [(seat.organisation, seat.key) for seat in self.genesis.validators.validators]
        self._write(
            organisations.genesis_records(
                self.genesis.organisations, members, self.genesis.parameters
            )
        )
        header = genesis_header(
            self.genesis.chain, self.genesis.validators.hash, START_MS, self.tree.root
        )
        self.blocks.append(_Block(header.encode(), None, [], []))

    # --- What tests do --------------------------------------------------------------------------

    def put(self, entries: Mapping[str, Any]) -> None:
        """State entries that the next block's root will cover."""
        self._pending_writes = {**getattr(self, "_pending_writes", {}), **entries}

    def commit(
        self,
        calls: Sequence[CallSpec],
        *,
        sender: str = HOSPITAL,
        writes: Mapping[str, Any] | None = None,
    ) -> SignedTransaction:
        """One block with one transaction of these calls."""
        transaction = self.make(calls, sender=sender)
        self._commit(transaction, calls, writes or {})
        return transaction

    def make(self, calls: Sequence[CallSpec], *, sender: str = HOSPITAL) -> SignedTransaction:
        """A signed transaction of these calls."""
        refs, items, made = [], [], []
        for number, call in enumerate(calls):
            indexes = []
            for audience, content in call.attachments:
                blind = sha256(f"{len(self.blocks)} {number} {audience}".encode()).digest()
                item = Attachment(blind, encode(content))
                indexes.append(len(refs))
                refs.append(AttachmentRef(audience, item.commitment()))
                items.append(item)
            made.append(Call(call.contract, call.method, call.args, tuple(indexes)))
        private = secret(sender, "clerk")
        body = TransactionBody(
            self.genesis.chain,
            OrgId(sender),
            crypto.public_key(private),
            TimeMs(self.time_ms + 600_000 + len(self.blocks)),
            tuple(made),
            tuple(refs),
        )
        return sign_transaction(body, private, items)

    # --- Reader ---------------------------------------------------------------------------------

    @contextmanager
    def view(self) -> Iterator[MemoryView]:
        yield MemoryView(self, len(self.blocks) - 1)

    async def wait_for_height(self, height: int, timeout_s: float) -> bool:
        if len(self.blocks) - 1 < height and self.later:
            self.later.pop(0)()
        return len(self.blocks) - 1 >= height

    # --- Submitter ------------------------------------------------------------------------------

    async def submit(self, wire: bytes) -> Accepted:
        transaction = SignedTransaction.decode(wire)
        if transaction.id in self.places:
            return Accepted(transaction.id, committed=True)
        transaction.check_admissible(self.genesis.chain, self.time_ms)
        transaction.check_signature()
        with self.view() as view:
            known = organisations.find_key(
                ReadState(view),
                transaction.body.sender,
                transaction.body.key,
                len(self.blocks),
            )
        if known is None or "sign" not in known.purposes:
            raise InvalidTransaction("transaction.key", sender=transaction.body.sender)
        self.pending[transaction.id] = transaction
        return Accepted(transaction.id, committed=False)

    async def wait(self, tx_id: bytes, timeout_s: float) -> bool:
        if self.commits:
            transaction = self.pending.pop(tx_id)
            self._commit(transaction, [CallSpec() for _ in transaction.body.calls], {})
        return self.commits

    # --- Estimator ------------------------------------------------------------------------------

    async def estimate(self, organisation: str, key: bytes, call: EstimateCall) -> Estimate:
        receipt = self._receipt(bytes(32), 0, CallSpec(answer={"for": organisation}), None, {})
        return Estimate(len(self.blocks) - 1, receipt.encode(), encode({"steps": []}))

    # --- Operations, clock ----------------------------------------------------------------------

    organisation = OPERATOR

    def behind_by(self) -> int:
        return self.behind_blocks

    def status(self) -> NodeStatus:
        return NodeStatus(
            organisation=OPERATOR,
            role="validator",
            behind_by=self.behind_blocks,
            behind_ms=self.behind_ms,
            waiting_for="Waits for a transaction.",
            ready=True,
            waiting={"height": 1, "view": 0},
            details={"pool": {"transactions": len(self.pending)}},
        )

    def metrics(self) -> bytes:
        return b"# HELP yibao_height Newest committed height.\n"

    def attestation(self) -> dict[str, Any] | None:
        return {
            "organisation": OPERATOR, "key": b"\x01" * 33, "height": 1, "block_hash": bytes(32),
            "header": b"h", "certificate": b"c", "signature": bytes(64),
        }  # fmt: skip

    def accusations(self) -> list[dict[str, Any]]:
        return [
            {
                "file": "E2-epoch0-seat2-3-7", "kind": "E2", "epoch": 0, "view": 3, "height": 7,
                "culprits": ["bureau:430000"], "sentence": "It lied.", "evidence": b"e",
            }
        ]  # fmt: skip

    def divergences(self) -> list[dict[str, Any]]:
        return [{"height": 7, "key": "book/a"}]

    def now_ms(self) -> int:
        return self.time_ms

    def monotonic_s(self) -> float:
        return self.seconds

    def ports(self) -> Ports:
        return Ports(
            reader=self,
            submitter=self,
            estimator=self,
            operations=self,
            clock=self,
            genesis=GenesisPort(self.genesis.chain, b'{"format": 1}'),
        )

    # --- Inside ---------------------------------------------------------------------------------

    def _bucket(self, number: int) -> list[tuple[bytes, bytes]]:
        changes = compute_changes(self.state)
        return sorted(
            (path, digest)
            for path, digest in changes.items()
            if digest is not None and bucket_of(path, DEPTH_SMALL) == number
        )

    def _write(self, entries: Mapping[str, Any]) -> None:
        writes = {key: None if value is None else encode(value) for key, value in entries.items()}
        overlay = self.tree.overlay(compute_changes(writes))
        for key, data in writes.items():
            if data is None:
                self.state.pop(key, None)
            else:
                self.state[key] = data
        self.tree.commit(overlay)

    def _receipt(
        self,
        tx_id: bytes,
        index: int,
        call: CallSpec,
        explanation: Attachment | None,
        writes: Mapping[str, Any],
    ) -> Receipt:
        return Receipt(
            Digest(tx_id),
            index,
            "rejected" if call.code else "ok",
            call.code,
            {},
            call.answer,
            tuple(Event(topic, dict(fields)) for topic, fields in call.events),
            {},
            {},
            tuple(ReceiptPosting(*leg) for leg in call.postings),
            None if explanation is None else explanation.commitment(),
            compute_writes_digest({key: encode(value) for key, value in writes.items()}),
        )

    def _commit(
        self, transaction: SignedTransaction, calls: Sequence[CallSpec], writes: Mapping[str, Any]
    ) -> None:
        height = len(self.blocks)
        self._write({**getattr(self, "_pending_writes", {}), **writes})
        self._pending_writes = {}
        receipts = []
        for index, call in enumerate(calls):
            explanation = None
            if call.explanation is not None:
                inputs = transaction.call_attachments(index).values()
                explanation = make_explanation(transaction.id, index, inputs, call.explanation)
                self._keep(explanation)
            receipts.append(self._receipt(transaction.id, index, call, explanation, writes))
            self._index(height, index, transaction.id, call)
        for item in transaction.attachments:
            self._keep(item)
        parent = Header.decode(self.blocks[-1].header)
        header = Header(
            1, self.genesis.chain, Height(height), parent.hash, Epoch(0),
            self.genesis.validators.hash, self.genesis.validators.hash, OPERATOR,
            TimeMs(parent.time_ms + 1_000), compute_tx_root([transaction]), 1,
            merkle.compute_root(receipt.encode() for receipt in receipts), len(receipts),
            self.tree.root,
        )  # fmt: skip
        statement = (0, 0, height, header.hash)
        vote = sign_vote(secret(OPERATOR, "validate"), "COMMIT", self.genesis.chain, statement)
        certificate = make_certificate(self.genesis.validators, statement, {0: vote})
        self.blocks.append(
            _Block(
                header.encode(),
                certificate.encode(),
                [transaction.encode_leaf()],
                [receipt.encode() for receipt in receipts],
            )
        )
        self.places[transaction.id] = Place(height, 0, 0)

    def _keep(self, item: Attachment) -> None:
        self.attachments[item.commitment()] = StoredAttachment(item.blind, item.content)

    def _index(self, height: int, index: int, tx_id: bytes, call: CallSpec) -> None:
        row = CallRow(height, index, tx_id, index)
        named = [call.args, call.answer, *(fields for _, fields in call.events)]
        for kind in ("claim", "person", "filing"):
            for name in dict.fromkeys(str(f[kind]) for f in named if kind in f):
                self.rows.setdefault((kind, name), []).append(row)
        for number, (transfer, account, fund_type, amount) in enumerate(call.postings):
            self.postings.append(
                PostingRow(
                    height, index, number, tx_id, index, transfer, account, fund_type, amount
                )
            )


def make_api(
    node: MemoryNode, folder: Path, settings: ApiSettings | None = None
) -> tuple[Api, AccessLog]:
    """The edge over a node, and its log of looks."""
    log = AccessLog(folder)
    faults: list[tuple[str, str]] = []
    app = create_app(
        node.ports(),
        settings or ApiSettings(),
        log,
        lambda error, where: faults.append((error, where)),
    )
    return Api(app, node.genesis.chain, node.now_ms, faults), log


def key_bytes(organisation: str, name: str) -> Key:
    """Public key of a name at an organisation."""
    return crypto.public_key(secret(organisation, name))
