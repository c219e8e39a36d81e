"""What a replica asks of its driver, and in which order it must be done.

``Replica.step`` returns a list. The contract, in the manner of etcd raft's ``Ready``:

1. **In order.** Effects are carried out in the order of the list, lists in the order of the steps.
   ``Persist`` and ``Commit`` are barriers: nothing after them happens before they are on disk.
   ``Execute``, ``Build``, ``Sign`` and ``Fetch`` are questions: the answer is an event, now or
   later, and what follows need not wait for it. ``Send``, ``Wake``, ``Accuse``, ``Refused`` and
   ``Alarm`` have no answer.
2. **Durable before a vote leaves.** The core never holds a key. A vote leaves in a ``Send`` only
   after the event ``Signed``, which answers a ``Sign``, which names the ``sequence`` of the safety
   record that must be durable. The driver's signer keeps the last durable record and calls
   ``safety.check_statement(record, statement)``: what it does not cover is not signed.
3. **A failed write stops the process.** A ``Persist`` or ``Commit`` that fails is never retried.
4. After ``Commit`` the driver reads its head as committed; ``Start`` after a crash tells the newest
   head and the newest record, and the replica finds its way from there.

The loop, whole::

    for effect in replica.step(event, clock_ms()):
        match effect:
            case Persist(record, blocks): store.keep(blocks); safety_file.save(record)
            case Sign(statement, member, sequence): queue(Signed(statement, key.sign(...)))
            case Send(to, message): network.send(to, message)
            case Execute(block, fresh): queue(Executed(...))
            case Build(view, parent): mempool decides when to queue(Built(view, block))
            case Commit(block, certificate): store.commit(block, certificate)
            case Fetch(peer, first, last): network.ask(...)
            case Wake(at_ms): alarm_clock.set(at_ms)      # the newest replaces the one before
            case Accuse(evidence) | Refused(...) | Alarm(...): log, count, keep
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.evidence import Evidence
from consensus.messages import Block, BlockId, Certificate, Message, Statement
from consensus.quorum import MemberId
from consensus.safety import SafetyRecord


@dataclass(frozen=True, slots=True)
class Persist:
    """Make durable, in this order: header, body and attachments of ``blocks``, then ``record``."""

    record: SafetyRecord
    blocks: tuple[BlockId, ...]
    """Blocks whose content this node has (it built or executed them) and now answers for; what is
    on disk already need not be written again."""


@dataclass(frozen=True, slots=True)
class Sign:
    """Sign ``statement`` with the key of ``member``; answer with ``Signed``."""

    statement: Statement
    member: MemberId
    sequence: int
    """The durable record must be at least this one (``SafetyRecord.sequence``)."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message; with a ``Proposal`` go header, bodies and attachments."""

    to: MemberId | None
    """A peer, or None for every other member of the current set."""
    message: Message


@dataclass(frozen=True, slots=True)
class Execute:
    """Get the content of ``block`` (it came with the proposal, is on disk, or is asked of
    ``holders``), check and execute it on the committed head, answer with ``Executed``. The driver
    goes on asking for missing content until the height is committed. The same block may be asked
    for again when more holders become known."""

    block: Block
    fresh: bool
    """First proposed now: the wall clock is checked. False for blocks that a NEW-VIEW, a
    certificate or a restart brings again (indy-plenum #1488)."""
    holders: tuple[MemberId, ...]
    certified: bool = False
    """A quorum has decided it: where its content is not to be had, what it did may be applied
    instead (``Verdict.APPLIED``). A block that was asked for may be asked for again as this."""


@dataclass(frozen=True, slots=True)
class Build:
    """This replica may propose one block on ``parent``, the committed head: answer with ``Built``
    when there is something to order. Superseded by the next ``Build`` and by any later view;
    an answer that comes too late is ignored. The driver may prepare the block in advance, while
    the votes for its parent still travel."""

    view: int
    parent: Block


@dataclass(frozen=True, slots=True)
class Commit:
    """``block`` is decided for good: store it with its certificate and its state, in one batch.
    Its result is here (``Built``, or ``Executed`` with any verdict but INVALID)."""

    block: Block
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask ``peer`` for certified blocks ``first`` to ``last``; answer with ``Fetched``."""

    peer: MemberId
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Wake:
    """Step with ``Tick`` at this time of the driver's clock; replaces the ``Wake`` before."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Accuse:
    """Keep and publish a proof that a member lied."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Refused:
    """A peer's message was dropped; nothing changed."""

    peer: MemberId
    reason: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """An operator must look: the replica goes on as safely as it can."""

    code: str
    """``key-burnt``, ``key-elsewhere``, ``diverged``, ``fork``: nothing is signed any more;
    after ``key-elsewhere`` the node discards the record, so that a restart finds none.
    ``record-ahead``: nothing is signed before the store has caught up. Each once in a process."""
    sentence: str


Effect = Persist | Sign | Send | Execute | Build | Commit | Fetch | Wake | Accuse | Refused | Alarm
