"""Everything that a replica knows, and the few primitive acts that everything else is made of.

``State`` is one mutable value inside one ``Replica``; ``ordering``, ``changing`` and
``retransmission`` are free functions over it. Only the methods here append effects that bind:
``persist`` before ``sign``, and ``sign`` asks the safety record first, so no path leads around it.
"""

from __future__ import annotations

from dataclasses import replace

from consensus.catch_up import CatchUp
from consensus.effects import Accuse, Alarm, Effect, Persist, Send, Sign
from consensus.events import Pending
from consensus.evidence import Evidence, Signed, compare
from consensus.messages import (
    Block,
    BlockId,
    Certificate,
    Kind,
    Message,
    NewView,
    Proposal,
    Statement,
    ViewChange,
    Vote,
    Wish,
    WishStatement,
)
from consensus.pacemaker import Pacemaker, Timing
from consensus.phases import BETWEEN_VIEWS, IN_FLIGHT, Cue, Phase, advance
from consensus.quorum import MemberId, ValidatorSet
from consensus.safety import SafetyRecord, check_statement, is_known, with_epoch
from consensus.slot import Results, Slot, VoteBook
from consensus.view_change import ChangeBook

EVIDENCE_PER_MEMBER = 16
"""Proofs reported of one member and epoch; one is enough to act on."""

PROPOSALS_PER_SENDER = 2
"""Early proposals kept of one member: the height in flight and the next."""


class State:
    """What a started replica knows."""

    def __init__(
        self,
        identities: tuple[MemberId, ...],
        timing: Timing,
        head: Block,
        head_certificate: Certificate | None,
        validators: ValidatorSet,
        epoch_base: Block,
        record: SafetyRecord | None,
    ) -> None:
        self.identities = identities
        self.timing = timing
        self.now_ms = 0
        self.effects: list[Effect] = []

        self.head = head
        self.head_certificate = head_certificate
        self.epoch_base = epoch_base
        self.validators = validators
        self.me = validators.seat(identities)
        """My index in the current set, None for a follower."""
        self.burnt = record is None
        self.record = record if record is not None else SafetyRecord()
        self.signing: dict[Statement, MemberId] = {}
        """Asked of the driver and not answered yet."""

        self.phase = Phase.WATCHING
        self.view = 0
        self.slot = Slot(head.height + 1)
        self.results = Results()
        self.votes = VoteBook()
        self.early: dict[int, dict[tuple[int, int], Proposal]] = {}
        """Proposals that came before their time, by sender, then (view, height)."""
        self.changes = ChangeBook()
        self.new_view: NewView | None = None
        """The NEW-VIEW of ``view``, once it is here."""
        self.new_view_ms = 0
        """When it came."""
        self.pacemaker = Pacemaker(timing)
        self.catch_up = CatchUp(timing)
        self.sent: dict[Kind, Message] = {}
        """The last message of each kind that this replica signed in this epoch."""
        self.sent_ms: dict[Kind, int] = {}
        """When it was sent first."""
        self.head_ms = 0
        """When the head was committed here."""

        self.pending = Pending(None)
        """What the driver last said of waiting transactions."""
        self.halted = ""
        """Why nothing is signed until a human has looked; empty: all is well."""
        self.alarmed: dict[str, None] = {}
        self.accused: dict[tuple[object, ...], None] = {}

    # --- what follows from the fields ---------------------------------------------------------

    @property
    def height(self) -> int:
        """The height in flight."""
        return self.head.height + 1

    @property
    def may_sign(self) -> bool:
        """A member whose record is at hand and not ahead of what the store has."""
        return (
            self.me is not None
            and not self.burnt
            and not self.halted
            and self.record.epoch <= self.validators.epoch
            and self.record.commit_floor <= self.head.height
        )

    @property
    def is_primary(self) -> bool:
        return self.me is not None and self.me == self.validators.primary(self.view)

    @property
    def is_busy(self) -> bool:
        """Something is waited for, or another view is wished."""
        wishes = self.phase is not Phase.WATCHING and self.pacemaker.wish > self.view
        return self.is_waiting or wishes

    @property
    def is_waiting(self) -> bool:
        """Something is waited for: a view, a decision, a transaction's turn. Who only wishes waits
        for nothing: whoever needs its WISH is busy, and its STATUS is answered with it. Who is
        halted begins no view and votes for nothing; what is decided it is told."""
        takes_part = self.phase in BETWEEN_VIEWS or self.phase in IN_FLIGHT
        return (takes_part and not self.halted) or self.pending.oldest_ms is not None

    def censor_deadline_ms(self) -> int | None:
        """When the primary is accused of passing a transaction over; None while it is not."""
        if self.phase in BETWEEN_VIEWS or self.pacemaker.wish > self.view:
            return None
        return self.pacemaker.censor_deadline_ms(self.pending.passed_over_ms)

    def known_block(self, block: BlockId) -> Block | None:
        """The block of this id, if any message or record at hand has shown it."""
        shown = [self.slot.block]
        shown += [asked.block for asked in self.results.asked.values()]
        shown += [early.block for by in self.early.values() for early in by.values()]
        if self.record.prepared is not None:
            shown.append(self.record.prepared.block)
        for candidate in shown:
            if candidate is not None and candidate.id == block:
                return candidate
        return None

    def members(self, indexes: tuple[int, ...]) -> tuple[MemberId, ...]:
        """Names of the members with these indexes, without myself."""
        return tuple(self.validators.members[i] for i in indexes if i != self.me)

    # --- acts -----------------------------------------------------------------------------------

    def emit(self, effect: Effect) -> None:
        self.effects.append(effect)

    def move(self, cue: Cue) -> None:
        self.phase = advance(self.phase, cue)

    def persist(self, record: SafetyRecord, blocks: tuple[BlockId, ...] = ()) -> None:
        """Make ``record`` the one that binds, before anything that follows."""
        if record == self.record:
            return
        self.record = replace(
            record, sequence=self.record.sequence + 1, commit_floor=self.head.height
        )
        self.emit(Persist(self.record, blocks))

    def sign(self, statement: Statement) -> None:
        """Ask for a signature. ``UnsafeStatement`` here is a bug of the core."""
        me = self.me
        assert me is not None, "only members sign"
        assert not self.burnt, "a burnt key signs nothing"
        check_statement(self.record, statement)
        if statement in self.signing:
            return
        member = self.validators.members[me]
        self.signing[statement] = member
        self.emit(Sign(statement, member, self.record.sequence))

    def send(self, to: MemberId | None, message: Message) -> None:
        self.emit(Send(to, message))

    def wish(self, view: int) -> None:
        """Say that this view should be reached; said once for each view."""
        if view > self.pacemaker.wish and self.may_sign:
            self.pacemaker.wish = view
            self.tell_wish()

    def tell_wish(self) -> None:
        """Sign the wish that holds, unless that was done (views are entered without a wish of
        one's own, too)."""
        wish = WishStatement(self.validators.epoch, self.pacemaker.wish)
        told = self.sent.get(Kind.WISH)
        if self.may_sign and not (isinstance(told, Wish) and told.statement == wish):
            self.sign(wish)

    def accuse(self, first: Signed | Certificate, second: Signed | Certificate) -> None:
        """Report evidence, if these two are any; each slot once."""
        found = compare(first, second)
        if found is not None and self._is_news(found):
            self.accused[found.slot()] = None
            self.emit(Accuse(found))

    def _is_news(self, found: Evidence) -> bool:
        # Of each culprit for itself: who gives many proofs against itself hides nobody else's lies.
        alike = sum(culprits == found.culprits for _, _, culprits, *_ in self.accused)
        return found.slot() not in self.accused and alike < EVIDENCE_PER_MEMBER

    def recognise(self, sender: int, statement: Statement) -> None:
        """Halt when ``statement`` carries my own signature and my record does not know it."""
        if sender == self.me and not self.burnt and not is_known(self.record, statement):
            self.halt(
                "key-elsewhere",
                "this key has signed what its safety record does not know: the record is an older "
                "copy, or another process holds the key",
            )

    def accuse_of_hiding(self, change: ViewChange) -> None:
        """E5: compare a view change with the COMMITs of its sender that are at hand."""
        from_votes = [
            vote
            for height in (self.head.height, self.height)
            for vote in self.votes.by(change.sender, Kind.COMMIT, height)
        ]
        decided = self.head_certificate
        if decided is not None and decided.epoch == change.statement.epoch:
            from_votes += [
                Vote(signer, decided.ballot(), signature)
                for signer, signature in decided.signatures
                if signer == change.sender
            ]
        for vote in from_votes:
            self.accuse(vote, change)

    def alarm(self, code: str, sentence: str) -> None:
        """Raise an alarm; each code once in the life of a process."""
        if code not in self.alarmed:
            self.alarmed[code] = None
            self.emit(Alarm(code, sentence))

    def halt(self, code: str, sentence: str) -> None:
        """What was seen cannot be while at most f members lie: sign nothing any more."""
        self.halted = self.halted or sentence
        self.alarm(code, sentence)

    def begin_epoch(self, validators: ValidatorSet) -> None:
        """The head ended its epoch: what was said in it is void, the next one starts at view 0."""
        self.validators = validators
        self.me = validators.seat(self.identities)
        self.epoch_base = self.head
        self.view = 0
        if self.record.epoch <= validators.epoch:
            self.record = with_epoch(self.record, validators.epoch)
        self.signing.clear()
        self.votes.clear()
        self.early.clear()
        self.changes.clear()
        self.new_view = None
        self.pacemaker.reset(self.now_ms)
        self.catch_up.drop_decided()
        self.sent.clear()
        self.sent_ms.clear()
        self.accused.clear()
