"""The judge of a run: sees all nodes at once and holds them to the invariants (SIMULATION.md §5).

He knows what every key has signed, who lies, what every client has sent, and every committed
block. He has his own idea of a quorum and checks certificates himself. What concerns only votes is
in ``votes``; what is looked at when the run is over, in ``audit``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from consensus import Ballot, Evidence, MemberId, Message, Statement
from node.execution.blocks import BlockResult
from node.ledger import crypto
from node.ledger.block import Certificate, Header, ValidatorSet, vote_message
from node.ledger.codec import decode_trusted
from node.ledger.errors import InvalidSignature
from node.ledger.receipt import Receipt
from node.ledger.transaction import SignedTransaction
from node.ledger.types import Checked
from node.ordering.wal import SafetyLost
from node.ordering.wire import (
    decode_evidence,
    encode_evidence,
    to_core_validators,
    verify_evidence,
)
from node.service.contents import BYTES_MAX
from node.service.state_transfer import SnapshotTaken
from node.telemetry import LOG_FIELDS
from tests.simulation.founding import Founded
from tests.simulation.keys import uncounted
from tests.simulation.trace import Trace
from tests.simulation.verdict import Violation
from tests.simulation.votes import Votes, least_quorum

if TYPE_CHECKING:
    from tests.simulation.machine import Machine, WatchedNode


TASKS_BASE = 20
"""I23: tasks of a node beside three for each peer."""
CHECKS_BASE, BYTES_EACH, CHECKS_OF_CLIENT = 50, 80, 2
"""I22: a node verifies at most base + one signature for so many bytes of its peers (a signature
takes 64) + so many for each transaction of a client."""
RESULTS_MAX = 64
"""Results of one height in one life: views come and go, each brings at most one block."""
BATCH_BASE, BATCH_EACH = 8_000, 3
"""I21: a height's batch takes at most base + each * (body, receipts, attachments, state diff)."""


@dataclass(frozen=True)
class CommittedBlock:
    """A block as the first node that committed it has it. ``read`` and ``entries`` show the state
    after it, and only while the observer is being told."""

    header: Header
    transactions: Sequence[SignedTransaction]
    receipts: Sequence[Receipt]
    read: Callable[[str], Any]
    """Decoded value of a state key, None when there is none."""
    entries: Callable[[], dict[str, Any]]
    """The whole state, decoded; dear."""


@dataclass(frozen=True)
class Shown:
    """What a node shows of a block."""

    header: Header
    block_hash: bytes
    transactions: Sequence[SignedTransaction]
    receipts: Sequence[Receipt]
    next_validators: ValidatorSet | None


class Observer(Protocol):
    """Somebody who re-decides what blocks did: the reference model."""

    def begin(self, state: dict[str, Any]) -> None:
        """The whole state before the first simulated block."""

    def on_block(self, block: CommittedBlock) -> None:
        """Raises ``AssertionError`` with what does not hold."""

    def end(self, state: dict[str, Any]) -> None:
        """The whole state at the end of the run."""


class Judge:
    """All invariants that are looked at while the run goes on."""

    def __init__(self, founded: Founded, trace: Trace, canaries: Sequence[str]) -> None:
        self.founded = founded
        self.trace = trace
        self.votes = Votes(founded, trace)
        self.machines: list[Machine] = []
        self.observers: list[Observer] = []
        self.submitted: dict[bytes, SignedTransaction] = {}
        """Everything that any client has sent, by id."""
        self.committed: dict[bytes, int] = {}
        """Transactions of the chain and their height."""
        self.refused_for_good: dict[bytes, str] = {}
        """Transactions of which a client was told that they will never come."""
        self.chain: dict[int, tuple[bytes, Header]] = {
            founded.header.height: (founded.header.hash, founded.header)
        }
        self.accused_at: dict[tuple[str, int, tuple[int, ...]], int] = {}
        """When a correct node first proved such a lie of these seats, by kind and epoch."""
        self.logged: dict[str, int] = {}
        self._canaries = canaries
        self._sound: set[tuple[int, bytes]] = set()

    # --- Who is who ---------------------------------------------------------------------------

    @property
    def height(self) -> int:
        """Of the newest committed block."""
        return max(self.chain)

    @property
    def head(self) -> Header:
        return self.chain[self.height][1]

    def is_correct(self, member: bytes) -> bool:
        """Whether the holder of a name (key or organisation) tells the truth."""
        found = [m for m in self.machines if member in (m.member, m.organisation.encode())]
        return bool(found) and all(machine.correct for machine in found)

    # --- Life ---------------------------------------------------------------------------------

    def on_started(self, machine: Machine, node: WatchedNode) -> None:
        """A node has opened its database."""
        height = node.head.height
        self.trace.note(machine.number, "start", height)
        if machine.correct and height < machine.height:
            raise Violation("I16", f"m{machine.number} showed {machine.height}, has {height}")
        known = self.chain.get(height)
        if machine.correct and known is not None and known[0] != node.head.block_hash:
            raise Violation("I16", f"m{machine.number} has another block at {height}")
        if machine.correct:
            # A block that was written and not yet shown when the power failed counts from here on.
            machine.height = height
            if height == self.height + 1:
                self._learn(machine, node, height)
        if machine.life > 1:
            self.trace.point("restart")
            record = machine.durable_record() if self._has_record(machine) else None
            if record is not None and record.vote is not None:
                above = record.vote.block.height > height
                self.trace.point("restart.with-vote-above-head" if above else "restart.settled")
            if record is not None and record.change is not None:
                self.trace.point("restart.in-a-later-view")

    def _has_record(self, machine: Machine) -> bool:
        try:
            return machine.durable_record() is not None
        except SafetyLost:
            return False

    def on_crash(self, machine: Machine, why: str) -> None:
        self.trace.note(machine.number, "crash", why)
        node = machine.node
        if node is not None and node._replica._state is not None:
            self.trace.point(f"crash.{node._replica.state.phase.name.lower()}")
        self.votes.forget_life(machine.number)

    def on_unopened(self, machine: Machine, damage: Exception) -> None:
        """The database was refused at start."""
        self.trace.note(machine.number, "unopened")
        self.trace.point("disk.refused")
        if machine.may_fail is None:
            raise Violation("I29", f"m{machine.number} refuses a database without fault: {damage}")
        machine.lost = "its database is damaged"

    def on_ended(self, machine: Machine, error: Exception) -> None:
        """A node has ended by itself."""
        self.trace.note(machine.number, "ended", type(error).__name__)
        if isinstance(error, SnapshotTaken):
            # Its blocks below the snapshot are gone: its rows are no longer everybody's.
            self._count_snapshot(machine)
            machine.took_snapshot = True
            machine.world.after(0, lambda: machine.crash("it goes on from a snapshot"))
            machine.start_after(200_000)
            return
        if machine.correct and not machine.is_excused(error):
            raise Violation("END", f"m{machine.number}: {error!r}") from error
        self.trace.point("node.ended")
        machine.world.after(0, lambda: machine.crash("it ended by itself"))
        machine.start_after(2_000_000)

    def _count_snapshot(self, machine: Machine) -> None:
        self.trace.point("snapshot.taken")
        node = machine.node
        record = machine.durable_record() if self._has_record(machine) else None
        if record is not None and record.vote is not None:
            self.trace.point("snapshot.by-one-who-voted")
        assert node is not None, "it has just ended"
        stored = node.chain.database.head()
        reached = None if stored is None else self.chain.get(stored.height)
        if reached is not None and reached[1].epoch > node.chain.parent.header.epoch:
            self.trace.point("snapshot.over-an-epoch")

    # --- Votes --------------------------------------------------------------------------------

    def on_signed(self, machine: Machine, statement: Statement) -> None:
        self.trace.note(machine.number, "sign", *self._plain(statement))
        if machine.correct:
            self.votes.check_durable(machine, statement)
            self._check_executed(machine, statement)
        self.votes.on_signed(machine.member, statement, machine.correct)

    def _check_executed(self, machine: Machine, statement: Statement) -> None:
        """Nobody votes for what it has not executed itself (DECISIONS D163)."""
        if not isinstance(statement, Ballot):
            return
        assert machine.node is not None, "it signs"
        result = machine.node.chain.result(statement.block)
        if result is None or result.checked < Checked.REEXECUTED:
            raise Violation("D163", f"m{machine.number} votes without executing: {statement}")
        self.votes.check_tip(machine, statement, result.header)

    def on_lie(self, machine: Machine, statement: Statement) -> None:
        """A liar signs what he likes."""
        assert not machine.correct, "only liars sign past their node"
        self.trace.note(machine.number, "lie", *self._plain(statement))
        self.votes.on_signed(machine.member, statement, correct=False)

    def on_message(self, machine: Machine, message: Message) -> None:
        if machine.correct:
            self.votes.on_message(machine, message)

    def on_accused(self, machine: Machine, evidence: Evidence) -> None:
        """I19: nobody correct is accused, and a proof survives its own encoding."""
        self.trace.note(machine.number, "accuse", evidence.kind, *evidence.culprits)
        self.trace.point(f"evidence.{evidence.kind}")
        self.check_evidence(machine, encode_evidence(evidence))
        if machine.correct:
            lie = (evidence.kind, evidence.epoch, evidence.culprits)
            self.accused_at.setdefault(lie, machine.world.now)

    def check_evidence(self, machine: Machine, data: bytes) -> None:
        """A proof holds for everybody who reads its bytes, and accuses nobody correct."""
        evidence = decode_evidence(data)
        members = self.votes.sets[evidence.epoch]
        if not machine.correct:
            return
        core = to_core_validators(evidence.epoch, members)
        with uncounted():
            verify_evidence(evidence.bare(), self.founded.genesis.chain, core)
        for culprit in evidence.culprits:
            seat = members.validators[culprit]
            if self.is_correct(seat.organisation.encode()):
                raise Violation("I19", f"correct {seat.organisation} is accused: {evidence.kind}")

    def on_refused(self, machine: Machine, peer: MemberId, reason: str) -> None:
        """The core dropped a message."""
        self.trace.note(machine.number, "refused")
        self.trace.point("message.refused")
        if machine.correct and self.is_correct(bytes(peer)):
            raise Violation("REFUSED", f"m{machine.number} refuses a correct member's: {reason}")

    def on_alarm(self, machine: Machine, code: str, sentence: str) -> None:
        self.trace.note(machine.number, "alarm", code)
        self.trace.point(f"alarm.{code}")
        if machine.correct and machine.may_fail is None:
            raise Violation("ALARM", f"m{machine.number}: {code}: {sentence}")

    def on_fault(self, machine: Machine, organisation: str, reason: str) -> None:
        """A node ended a connection because of what it was sent."""
        self.trace.note(machine.number, "fault", organisation)
        self.trace.point("peer.fault")
        if machine.correct and self.is_correct(organisation.encode()):
            raise Violation("FAULT", f"m{machine.number} blames correct {organisation}: {reason}")

    def on_log(self, machine: Machine, level: str, event: str, fields: dict[str, Any]) -> None:
        """I28 for log lines, and the log's own rule."""
        self.logged[event] = self.logged.get(event, 0) + 1
        unknown = set(fields) - LOG_FIELDS
        if unknown:
            raise Violation("I28", f"log fields that are not in the list: {sorted(unknown)}")
        if self._canaries and level != "debug":
            text = " ".join(map(str, fields.values()))
            self._check_canaries(f"a log line {event}", text.encode())

    def _check_canaries(self, where: str, data: bytes) -> None:
        for canary in self._canaries:
            if canary.encode() in data:
                raise Violation("I28", f"{where} tells {canary}")

    def _plain(self, statement: Statement) -> list[object]:
        """The statement without hashes."""
        said: list[object] = [statement.kind.value, statement.epoch, statement.view]
        block = getattr(statement, "block", None)
        if block is not None:
            said += [getattr(statement, "height", 0), self.trace.name(block)]
        return said

    # --- Blocks -------------------------------------------------------------------------------

    def on_published(self, machine: Machine, result: BlockResult) -> None:
        """A node shows a new head."""
        header, node = result.header, machine.node
        certificate, machine.committing = machine.committing, None
        assert certificate is not None, "the node commits before it publishes"
        assert node is not None, "it publishes"
        self.trace.note(
            machine.number, "commit", header.height, self.trace.name(result.block_hash),
            certificate.view, header.tx_count,
        )  # fmt: skip
        if not machine.correct:
            return
        if header.height != machine.height + 1 and header.height > machine.height:
            raise Violation(
                "I2", f"m{machine.number} goes from {machine.height} to {header.height}"
            )
        machine.height = header.height
        block = Shown(
            header, result.block_hash, result.transactions, result.receipts, result.next_validators
        )
        with uncounted():
            self._check_block(node, block)
            self.check_certificate(node, header, result.block_hash)
        self._check_growth(machine, result)
        if node.chain.executor._tree.root != header.state_root:
            raise Violation("I7", f"m{machine.number} at {header.height}: another state root")

    def _check_growth(self, machine: Machine, result: BlockResult) -> None:
        """I21: the height's batch against what it holds."""
        content = sum(map(len, result.leaves)) + sum(map(len, result.receipt_bytes))
        if any(len(t.attachments) < len(t.body.attachments) for t in result.transactions):
            machine.by_changes = True
            self.trace.point("follow.by-changes")
            return
        content += sum(len(blind) + len(data) for _, blind, data in result.attachments())
        limit = BATCH_BASE + BATCH_EACH * (content + len(result.diff))
        if machine.disk.batch_bytes > limit:
            raise Violation("I21", f"{machine.disk.batch_bytes} bytes for a block of {content}")

    def _learn(self, machine: Machine, node: WatchedNode, height: int) -> None:
        """A block that only a disk holds: written, and the power failed before it was shown."""
        self.trace.point("restart.with-a-block-nobody-saw")
        rows = node.chain.database
        data = rows.blocks.header(height)
        assert data is not None, "it is the head"
        header = Header.decode(data)
        leaves = [
            SignedTransaction.decode_trusted_leaf(leaf) for leaf in rows.blocks.leaves(height)
        ]
        receipts = [Receipt.decode_trusted(receipt) for receipt in rows.blocks.receipts(height)]
        following = rows.validators(header.epoch + 1)[1] if header.is_epoch_final else None
        self._check_block(node, Shown(header, header.hash, leaves, receipts, following))
        self.check_certificate(node, header, header.hash)

    def _check_block(self, node: WatchedNode, result: Shown) -> None:
        header = result.header
        known = self.chain.get(header.height)
        if known is not None:
            if known[0] != result.block_hash:
                number = node.machine.number
                raise Violation("I1", f"two blocks at {header.height}, m{number} has one")
            return
        before = self.chain.get(header.height - 1)
        if before is None or before[0] != header.parent:
            raise Violation("I2", f"height {header.height} does not stand on {header.height - 1}")
        self.chain[header.height] = (result.block_hash, header)
        self._check_header(header, before[1], len(result.transactions))
        for transaction in result.transactions:
            self._check_transaction(transaction, header)
        if result.next_validators is not None:
            self.votes.sets[header.epoch + 1] = result.next_validators
            self.trace.point("epoch.ended")
        self._tell_observers(node, result)

    def _check_header(self, header: Header, before: Header, count: int) -> None:
        epoch = before.epoch + (1 if before.is_epoch_final else 0)
        if header.epoch != epoch:
            raise Violation(
                "I15", f"height {header.height} is of epoch {header.epoch}, not {epoch}"
            )
        if header.time_ms <= before.time_ms:
            raise Violation("I9", f"time does not move at {header.height}")
        if self.votes.sets[header.epoch].index_of(header.proposer) is None:
            raise Violation("I9", f"{header.proposer} has no seat at {header.height}")
        if not count:
            raise Violation("I9", f"height {header.height} is empty")

    def _check_transaction(self, transaction: SignedTransaction, header: Header) -> None:
        sent = self.submitted.get(transaction.id)
        if sent is None:
            raise Violation("I4", f"nobody sent {transaction.id.hex()[:8]}")
        crypto.verify(
            transaction.body.key, "tx/1", self.founded.genesis.chain, transaction.body_bytes,
            transaction.signature,
        )  # fmt: skip
        if transaction.body.valid_until_ms < header.time_ms:
            raise Violation("I4", f"{transaction.id.hex()[:8]} was over at {header.height}")
        if transaction.id in self.committed:
            raise Violation("I5", f"{transaction.id.hex()[:8]} is ordered twice")
        code = self.refused_for_good.get(transaction.id)
        if code is not None:
            raise Violation("I27", f"a client was told {code}; height {header.height} has it")
        self.committed[transaction.id] = header.height

    def check_certificate(self, node: WatchedNode, header: Header, block_hash: bytes) -> None:
        """I3, by the judge's own count."""
        data = node.chain.database.blocks.certificate(header.height)
        if data is None:
            raise Violation("I3", f"height {header.height} is stored without a certificate")
        if (header.height, data) in self._sound:
            return
        certificate = Certificate.decode(data)
        members: ValidatorSet = self.votes.sets[header.epoch]
        place = (certificate.epoch, certificate.height, certificate.block_hash)
        if place != (header.epoch, header.height, block_hash):
            raise Violation("I3", f"the certificate of {header.height} is of another block")
        message = vote_message(
            certificate.epoch, certificate.view, certificate.height, certificate.block_hash
        )
        signers = certificate.signer_indexes()
        if len(set(signers)) < least_quorum(members.size) or len(signers) != len(
            certificate.signatures
        ):
            raise Violation("I3", f"height {header.height}: signers {signers} of {members.size}")
        for index, signature in zip(signers, certificate.signatures, strict=True):
            try:
                crypto.verify(
                    members.validators[index].key, "pbft/1/COMMIT", header.chain, message, signature
                )
            except InvalidSignature as error:
                raise Violation(
                    "I3", f"height {header.height}: seat {index} did not sign"
                ) from error
        self._sound.add((header.height, data))

    def _tell_observers(self, node: WatchedNode, result: Shown) -> None:
        if not self.observers:
            return
        rows = node.chain.database.state

        def read(key: str) -> Any:
            data = rows.get(key)
            return None if data is None else decode_trusted(data)

        def entries() -> dict[str, Any]:
            return {key: decode_trusted(value) for _, key, value in rows.entries()}

        # A node that follows by state diffs has no attachments; their clients do.
        sent = [self.submitted[transaction.id] for transaction in result.transactions]
        block = CommittedBlock(result.header, sent, result.receipts, read, entries)
        for observer in self.observers:
            try:
                observer.on_block(block)
            except AssertionError as error:
                raise Violation("I8", f"height {result.header.height}: {error}") from error

    # --- Now and then -------------------------------------------------------------------------

    def look(self, machine: Machine) -> None:
        """Bounds on what a node keeps, at checkpoints (I13, I20, I23)."""
        node = machine.node
        if node is None or not machine.correct or node._replica._state is None:
            return
        state = node._replica.state
        self.votes.check_monotone(machine)
        seats = state.validators.size
        if state.changes.size() > 2 * seats:
            raise Violation("I20", f"m{machine.number} keeps {state.changes.size()} view changes")
        if sum(map(len, state.early.values())) > 2 * seats:
            raise Violation("I20", f"m{machine.number} keeps too many early proposals")
        loop = machine.loop
        tasks = 0 if loop is None else loop.open_tasks
        if tasks > TASKS_BASE + 3 * seats:
            raise Violation("I23", f"m{machine.number} has {tasks} tasks")
        self.trace.point(f"seen.{state.phase.name.lower()}")
        self._look_at_work(machine)
        self._look_at_memory(machine, node)
        if state.pacemaker.wish > state.view:
            self.trace.point("seen.wishing")
        network = node.network
        if network is not None and network.custody.passed_over_ms is not None:
            self.trace.point("seen.passed-over")

    def _look_at_work(self, machine: Machine) -> None:
        """I22: signatures that were verified against what came in."""
        loop, peers = machine.loop, machine.peers
        if loop is None or peers is None:
            return
        limit = CHECKS_BASE + peers.bytes_in // BYTES_EACH + CHECKS_OF_CLIENT * machine.submitted
        if loop.checked > limit:
            raise Violation(
                "I22", f"m{machine.number} verified {loop.checked} signatures for "
                f"{peers.bytes_in} bytes of peers and {machine.submitted} of clients"
            )  # fmt: skip

    def _look_at_memory(self, machine: Machine, node: WatchedNode) -> None:
        """I20: what peers and clients can make a node keep."""
        pool, limits = node._pool, node._pool.limits
        if len(pool) > limits.count_max or pool.size > limits.bytes_max:
            raise Violation("I20", f"m{machine.number} has {len(pool)} transactions in its pool")
        if node.network is not None and node.network.exchange.contents.size > BYTES_MAX:
            raise Violation("I20", f"m{machine.number} keeps too many contents")
        late = len(node._admission._late)
        if late > len(node._admission._waiters):
            raise Violation("I20", f"m{machine.number} keeps {late} late ones that nobody awaits")
        if len(node.chain._results) > RESULTS_MAX:
            raise Violation("I20", f"m{machine.number} keeps {len(node.chain._results)} results")


__all__ = ["CommittedBlock", "Judge", "Observer"]
