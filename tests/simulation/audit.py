"""After a run: are all databases the same, whole, and provable?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from node.api.proofs import certified_header
from node.ledger.block import Header
from node.ledger.codec import decode_trusted
from node.ledger.errors import InvalidProof
from node.ledger.evidence import (
    ReceiptFacts,
    StateFacts,
    build_receipt_evidence,
    build_state_evidence,
    verify_evidence,
)
from node.service.opening import open_database
from node.store import checks, keys
from node.store.database import Database
from node.store.state import StateRows
from tests.simulation.disk import Disk, Image, SimKV
from tests.simulation.founding import open_options
from tests.simulation.rng import stream
from tests.simulation.verdict import Violation
from tests.simulation.work import CANARY

if TYPE_CHECKING:
    from tests.simulation.machine import Machine
    from tests.simulation.run import Run

PRIVATE = (keys.ATTACHMENT, keys.PROPOSAL)
"""Rows that may hold what a patient told: attachments, and proposals until they are decided."""
UNEQUAL = (keys.PROPOSAL, keys.CERTIFICATE, keys.SEAL, keys.META, keys.HEAD)
"""Rows in which correct nodes may differ: certificates have other signers, seals hash them."""
PARTIAL = (keys.HEADER, keys.NUMBER, keys.BODY, keys.RECEIPTS, keys.DIFF, keys.EPOCH)
"""Rows of which a node with a snapshot has a part; state diffs are let go of after a while."""
UNEQUAL_BY_CHANGES = (*UNEQUAL, keys.ATTACHMENT, keys.COMMITMENT, keys.CHECKED)
"""The same for a node that has followed by state diffs: what is attached was not its business."""
LOSING = frozenset(
    (
        "loss",
        "deaf",
        "one-way",
        "partition",
        "flapping",
        "swizzle",
        "capacity",
        "disk-full",
        "fsync",
    )
)
"""Families in which a proof may be lost on its way or on the disk."""
SHARED_US = 5_000_000
"""A proof that is older than this has come to everybody."""


def state_of_image(image: Image) -> dict[str, Any]:
    """The decoded state of a copy."""
    rows = StateRows(SimKV(Disk(image, stream(0, "audit"))))
    return {key: decode_trusted(value) for _, key, value in rows.entries()}


def audit(run: Run) -> None:
    """Raises ``Violation``."""
    able = [m for m in run.machines if m.correct and m.lost is None and m.node is not None]
    highest = [machine for machine in able if machine.height == run.judge.height]
    tops = [machine for machine in highest if not machine.took_snapshot]
    if not tops:
        return
    _check_acks(run, tops)
    for machine in tops:
        # Blocks without anything attached show it only here.
        machine.by_changes |= any(key[:1] == keys.CHECKED for key in machine.disk.keys)
    tops.sort(key=lambda machine: machine.by_changes)
    whole = _comparable(tops[0], UNEQUAL)
    public = _comparable(tops[0], UNEQUAL_BY_CHANGES)
    for machine in tops[1:]:
        first = public if machine.by_changes else whole
        other = _comparable(machine, UNEQUAL_BY_CHANGES if machine.by_changes else UNEQUAL)
        if other != first:
            different = sorted(
                key for key in first.keys() | other.keys() if first.get(key) != other.get(key)
            )
            raise Violation(
                "I6", f"m{machine.number} and m{tops[0].number} differ in {len(different)} rows, "
                f"first {different[0][:12]!r}"
            )  # fmt: skip
    for machine in highest:
        if machine.took_snapshot:
            _check_snapshot(run, machine, tops[0])
        _check_provable(run, machine)
    _check_accusations(run)
    _check_shared(run)
    chosen = run.stream("audit").choice(tops)
    _check_whole(run, chosen)
    _check_private(chosen)
    _check_proofs(run, chosen)
    if run.judge.observers:
        state = state_of_image(Image(chosen.disk.rows))
        for observer in run.judge.observers:
            try:
                observer.end(state)
            except AssertionError as error:
                raise Violation("I8", f"at the end: {error}") from error


def _check_snapshot(run: Run, machine: Machine, whole: Machine) -> None:
    """I30: the state is everybody's, entry by entry, and no row is another than theirs."""
    held, known = _rows_of_slot(machine), _rows_of_slot(whole)
    for prefix in (keys.STATE, keys.EXPIRY, keys.BUCKET):
        ours = {key: value for key, value in held.items() if key[:1] == prefix}
        if ours != {key: value for key, value in known.items() if key[:1] == prefix}:
            raise Violation("I30", f"m{machine.number} has another state after its snapshot")
    for key, value in held.items():
        if key[:1] in PARTIAL and known.get(key, value) != value:
            raise Violation("I30", f"m{machine.number} has another row {key[:12]!r}")
    _check_whole(run, machine)
    run.trace.point("snapshot.compared")


def _check_provable(run: Run, machine: Machine) -> None:
    """I31: whatever a node has let go of, the chain of sets from genesis to its head is there: the
    set of each epoch, the last header of each with a certificate, and all headers above the floor.
    With less nobody could be shown why to believe the head."""
    node, judge = machine.node, run.judge
    assert node is not None, "it runs"
    database, epochs = node.chain.database, 0
    for height, (block_hash, header) in sorted(judge.chain.items()):
        if height <= run.founded.header.height:
            continue
        if not header.is_epoch_final and height < database.floor() - 1:
            continue
        data = database.blocks.header(height)
        if data is None or Header.decode(data).hash != block_hash:
            raise Violation("I31", f"m{machine.number} has let go of header {height}")
        judge.check_certificate(node, header, block_hash)
        if header.is_epoch_final:
            epochs += 1
            kept = database.validators(header.epoch + 1)
            if kept != (height + 1, judge.votes.sets[header.epoch + 1]):
                raise Violation("I31", f"m{machine.number}: another set in epoch {epochs}")
    if machine.took_snapshot and epochs:
        run.trace.point("snapshot.epochs-provable")


def _rows_of_slot(machine: Machine) -> dict[bytes, bytes]:
    """All rows, those of the state in use under the names of the first slot."""
    assert machine.node is not None, "it runs"
    slot = machine.node.chain.database.slot
    renamed = {pair[slot]: pair[0] for pair in (keys.STATES, keys.EXPIRIES, keys.BUCKETS)}
    unused = {pair[1 - slot] for pair in (keys.STATES, keys.EXPIRIES, keys.BUCKETS)}
    unused.add(keys.STAGED)
    return {
        renamed.get(key[:1], key[:1]) + key[1:]: value
        for key, value in machine.disk.rows.items()
        if key[:1] not in unused
    }


def _check_acks(run: Run, tops: list[Machine]) -> None:
    """I16: what a client was told is on every node."""
    for tx_id, sent in run.work.sent.items():
        if not sent.acks:
            continue
        for machine in tops:
            if machine.node is not None and not machine.node.reader.has_transaction(tx_id):
                raise Violation("I16", f"m{machine.number} lacks an acknowledged transaction")


def _check_accusations(run: Run) -> None:
    """I19 for what nodes were told by others and keep."""
    for machine in run.machines:
        for path, data in machine.files.held.items():
            if "/evidence/" in path:
                run.judge.check_evidence(machine, data)
                run.trace.point("evidence.kept")
            if "/divergence/" in path and machine.correct:
                # A liar's block may claim anything; what a correct member made comes out the same.
                proposer = json.loads(data)["proposer"]
                if run.judge.is_correct(proposer.encode()):
                    raise Violation("I7", f"m{machine.number} computed something else: {path}")
                run.trace.point("divergence.of-a-liar")


def _check_shared(run: Run) -> None:
    """I19: what one correct member has proved, every correct member knows, where nothing that is
    said is lost (TLS loses nothing; the simulator's bad weather does)."""
    if LOSING & set(run.options.families):
        return
    long_ago = run.world.now - SHARED_US
    for machine in run.core():
        names = [path for path in machine.files.held if "/evidence/" in path]
        kept = {file.rsplit("/", 1)[-1].rsplit("-", 2)[0] for file in names}
        for (kind, epoch, culprits), since in run.judge.accused_at.items():
            seats = "-".join(map(str, culprits)) or "none"
            if since < long_ago and f"{kind}-epoch{epoch}-seat{seats}" not in kept:
                raise Violation("I19", f"m{machine.number} was not told: {kind} of {culprits}")
            run.trace.point("evidence.known-to-all")


def _comparable(machine: Machine, unequal: tuple[bytes, ...]) -> dict[bytes, bytes]:
    rows = _rows_of_slot(machine)  # a snapshot may have been begun and not be whole
    return {key: value for key, value in rows.items() if key[:1] not in unequal}


def _check_whole(run: Run, machine: Machine) -> None:
    """I7, I29: the disk opens again; all heights and the whole state are held against the roots."""
    database = Database(SimKV(machine.disk), diff_heights=40)
    options = open_options(run.options.index)
    founded = run.founded
    ledger = open_database(
        database, founded.genesis, founded.genesis_bytes, machine.runtime.registry, options
    )
    checks.check_blocks(database, database.head(), run.judge.height)  # type: ignore[arg-type]
    if ledger.tree.root != run.judge.head.state_root:
        raise Violation("I7", "the state root of the disk is another one")


@contextmanager
def _as_violation() -> Iterator[None]:
    """A proof that proves nothing, told as what it breaks."""
    try:
        yield
    except InvalidProof as error:
        raise Violation("I25", f"a node's own proof proves nothing: {error}") from error


def _check_proofs(run: Run, machine: Machine) -> None:
    """I25: with the genesis file alone a client believes receipts and state entries."""
    node, chance = machine.node, run.stream("proofs")
    assert node is not None, "it runs"
    heights = [height for height in run.judge.chain if height > run.founded.header.height]
    with node.reader.view() as view, _as_violation():
        for height in chance.sample(heights, min(3, len(heights))):
            leaves, receipts = view.transactions(height), view.receipts(height)
            index = chance.randrange(len(receipts))
            block = certified_header(view, height)
            data = build_receipt_evidence(block, leaves, receipts, index)
            facts = verify_evidence(data, run.founded.genesis)
            if not isinstance(facts, ReceiptFacts) or facts.receipt.encode() != receipts[index]:
                raise Violation("I25", f"the proof of receipt {index} at {height} proves another")
        entries = list(node.chain.database.state.entries())
        _, key, value = chance.choice(entries)
        block = certified_header(view, view.head.height)
        for wanted, held in ((key, value), (f"{key}x", None)):
            proof = build_state_evidence(block, wanted, held, view.prove_state(wanted))
            shown = verify_evidence(proof, run.founded.genesis)
            if not isinstance(shown, StateFacts) or shown.present != (held is not None):
                raise Violation("I25", f"the proof of {wanted} proves something else")


def _check_private(machine: Machine) -> None:
    """I28: what a patient told is in attachments and nowhere else."""
    canary, seen = CANARY.encode(), 0
    for key, value in machine.disk.rows.items():
        if canary in value:
            if key[:1] not in PRIVATE:
                raise Violation("I28", f"row {key[:10]!r} tells {CANARY}")
            seen += 1
