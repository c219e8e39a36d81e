"""A replica: one event in, the effects that follow out. Everything in this package meets here.

``step`` sorts the event, lets the concern that it belongs to note it, and then asks all concerns
in turn what has become possible, until nothing has. Errors of peers end at this boundary: the
message is dropped and an effect says so.
"""

from __future__ import annotations

from typing import assert_never

from consensus import changing, ordering, retransmission
from consensus.effects import Effect, Fetch, Refused, Wake
from consensus.errors import DriverError, PeerError
from consensus.events import (
    Built,
    Event,
    Executed,
    Fetched,
    Pending,
    Received,
    Signed,
    Start,
    Tick,
)
from consensus.messages import (
    Ballot,
    Change,
    Decided,
    Kind,
    Message,
    NewView,
    NewViewStatement,
    Proposal,
    Status,
    ViewChange,
    Vote,
    Wish,
    WishStatement,
)
from consensus.pacemaker import Timing
from consensus.quorum import MemberId
from consensus.safety import with_epoch
from consensus.situation import Situation, describe
from consensus.state import State

PEERS_ANSWERED_MAX = 128
"""Peers whose STATUS rate is watched; the longest silent one is forgotten first."""


class Replica:
    """The consensus core of one node.

    ``identities`` are the member names whose keys this node holds: usually one; two while a key
    is being rotated. The replica votes as the first of them that is a member of the epoch's set,
    and follows when none is.
    """

    def __init__(self, identities: tuple[MemberId, ...], timing: Timing | None = None) -> None:
        self._identities = identities
        self._timing = timing if timing is not None else Timing()
        self._state: State | None = None
        self._status_due_ms = 0
        self._answered: dict[MemberId, int] = {}
        self._wake_ms: int | None = None

    def restrict(self, identities: tuple[MemberId, ...]) -> None:
        """Before ``Start``: vote as these only, whose safety records are at hand."""
        assert self._state is None, "a seat is taken once"
        self._identities = identities

    @property
    def state(self) -> State:
        """What the replica knows; to be read, by tests and by ``situation``."""
        if self._state is None:
            raise DriverError("the first event is Start")
        return self._state

    def step(self, event: Event, now_ms: int) -> list[Effect]:
        """Take one event; return what is to be done, in order (``effects.py`` has the contract).

        Raises ``DriverError`` when the driver broke the contract; nothing has changed then.
        """
        if isinstance(event, Start):
            self._start(event)
        state = self.state
        state.now_ms = max(state.now_ms, now_ms)
        state.effects = []
        self._note(state, event)
        _go_on(state)
        self._look_at_clock(state)
        return state.effects

    def situation(self) -> Situation:
        """What an operator asks: where the replica stands and what it waits for."""
        return describe(self.state)

    def _start(self, event: Start) -> None:
        if self._state is not None:
            raise DriverError("Start comes once")
        if event.head.height > 0 and event.head_certificate is None:
            raise DriverError("a head above genesis has a certificate", head=event.head)
        if event.epoch_base.height > event.head.height:
            raise DriverError("an epoch begins at or below the head", base=event.epoch_base)
        self._state = State(
            self._identities,
            self._timing,
            event.head,
            event.head_certificate,
            event.validators,
            event.epoch_base,
            event.record,
        )

    def _note(self, state: State, event: Event) -> None:
        match event:
            case Start():
                self._note_start(state)
            case Built():
                ordering.on_built(state, event)
            case Executed():
                ordering.on_executed(state, event)
            case Signed():
                self._note_signature(state, event)
            case Received(peer, message):
                self._note_message(state, peer, message)
            case Fetched(peer, blocks):
                held = len(state.catch_up.decided)
                for decided in blocks:
                    self._note_message(state, peer, decided)
                news = len(state.catch_up.decided) > held
                state.catch_up.answered(peer, news, state.now_ms)
            case Pending():
                state.pending = event
            case Tick():
                # The clock that was set has rung, be it a little early: it is set anew.
                self._wake_ms = None
            case _:
                assert_never(event)

    def _note_start(self, state: State) -> None:
        if state.burnt and state.me is not None:
            state.alarm("key-burnt", "the safety record is lost: this key must never sign again")
        record = state.record
        if record.epoch > state.validators.epoch or record.commit_floor > state.head.height:
            state.alarm(
                "record-ahead",
                "the store has lost blocks that were committed: they are fetched from the others, "
                "and nothing is signed before they are here",
            )
        elif record.epoch < state.validators.epoch:
            state.record = with_epoch(record, state.validators.epoch)
        proof = state.head_certificate
        if proof is not None and proof.epoch == state.validators.epoch:
            for signer in proof.signers():
                state.recognise(signer, proof.ballot())

    def _note_signature(self, state: State, event: Signed) -> None:
        """A statement of mine has its signature: send it, and hear it like everybody else."""
        if state.signing.pop(event.statement, None) is None:
            return  # of an epoch that has ended meanwhile
        me = state.me
        assert me is not None, "signing ends with the epoch"
        message = _signed_message(state, me, event)
        if message is None:
            return
        state.sent[event.statement.kind] = message
        state.sent_ms[event.statement.kind] = state.now_ms
        state.send(None, message)
        self._hear(state, state.validators.members[me], message)

    def _note_message(self, state: State, peer: MemberId, message: Message) -> None:
        try:
            self._hear(state, peer, message)
        except PeerError as error:
            state.emit(Refused(peer, str(error)))

    def _hear(self, state: State, peer: MemberId, message: Message) -> None:
        if isinstance(message, Status):
            self._answer(state, peer, message)
            return
        if isinstance(message, Decided):
            ordering.on_decided(state, peer, message)
            return
        said = message.statement
        if said.epoch != state.validators.epoch:
            return
        if not 0 <= message.sender < state.validators.size:
            raise PeerError("the sender is no member", sender=message.sender)
        if not state.pacemaker.is_plausible(said.view, state.view):
            raise PeerError("no member can be in this view", view=said.view, ours=state.view)
        state.recognise(message.sender, said)
        match message:
            case Proposal():
                ordering.on_proposal(state, message)
            case Vote():
                ordering.on_vote(state, message)
            case ViewChange():
                changing.on_view_change(state, message)
            case NewView():
                changing.on_new_view(state, message)
            case Wish():
                pass
            case _:
                assert_never(message)
        state.pacemaker.hear(message.sender, said.view)

    def _answer(self, state: State, peer: MemberId, status: Status) -> None:
        last = self._answered.pop(peer, None)
        if last is not None and state.now_ms < last + state.timing.answer_gap_ms:
            self._answered[peer] = last
            return
        while len(self._answered) >= PEERS_ANSWERED_MAX:
            del self._answered[next(iter(self._answered))]
        self._answered[peer] = state.now_ms
        retransmission.answer(state, peer, status)

    def _look_at_clock(self, state: State) -> None:
        """Deadlines are compared, never queued; then say when to look again."""
        self._leave_if_late(state)
        _go_on(state)
        request = state.catch_up.next_request(state.head.height, state.now_ms)
        if request is not None:
            state.emit(Fetch(request.peer, request.first, request.last))
        gap = state.timing.status_ms if state.is_waiting else state.timing.idle_status_ms
        self._status_due_ms = min(self._status_due_ms, state.now_ms + gap)
        if self._tells_status(state) and state.now_ms >= self._status_due_ms:
            state.send(None, retransmission.make_status(state))
            self._status_due_ms = state.now_ms + gap
        self._set_alarm(state)

    def _leave_if_late(self, state: State) -> None:
        # With one member every view has the same primary: nobody to hand the task to.
        needed = state.may_sign and state.validators.size > 1 and state.is_busy
        late = state.pacemaker.watch(needed, state.now_ms)
        censored_at = state.censor_deadline_ms() if needed else None
        if late or (censored_at is not None and state.now_ms >= censored_at):
            state.wish(state.view + 1)

    def _tells_status(self, state: State) -> bool:
        return state.validators.size > 1 or state.me is None

    def _set_alarm(self, state: State) -> None:
        deadlines = [
            state.pacemaker.deadline,
            state.catch_up.deadline_ms(state.head.height),
            state.censor_deadline_ms(),
        ]
        if self._tells_status(state):
            deadlines.append(self._status_due_ms)
        ahead = (at for at in deadlines if at is not None and at > state.now_ms)
        earliest = min(ahead, default=None)
        if earliest is not None and earliest != self._wake_ms:
            state.emit(Wake(earliest))
        self._wake_ms = earliest


def _go_on(state: State) -> None:
    """Do what has become possible, until nothing has."""
    while ordering.progress(state) or changing.progress(state):
        pass


def _signed_message(state: State, me: int, event: Signed) -> Message | None:
    """The message that carries a statement, None when it is of no use any more."""
    said = event.statement
    match said:
        case Ballot() if said.kind is Kind.PROPOSE:
            block = state.slot.block
            if block is None or block.id != said.block or said.view != state.view:
                return None
            return Proposal(me, said, block, event.signature)
        case Ballot():
            return Vote(me, said, event.signature)
        case WishStatement():
            return Wish(me, said, event.signature)
        case Change():
            proof = state.record.change_proof
            if said != state.record.change or proof is None:
                return None
            return ViewChange(me, said, proof, event.signature)
        case NewViewStatement():
            changes = state.changes.named(said)
            return None if changes is None else NewView(me, said, changes, event.signature)
        case _:
            assert_never(said)
