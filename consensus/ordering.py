"""The normal case: adopt a block, vote PREPARE, vote COMMIT, commit it, open the next height.

The life of a block reads from top to bottom; ``progress`` is called until nothing changes any
more, so it does not matter in which order votes, results and certificates came (D11).
"""

from __future__ import annotations

from dataclasses import replace

from consensus.effects import Build, Commit, Execute
from consensus.errors import DriverError, PeerError
from consensus.events import Built, Executed, Verdict
from consensus.messages import (
    Ballot,
    Block,
    Certificate,
    Decided,
    Kind,
    Proposal,
    Vote,
)
from consensus.phases import BETWEEN_VIEWS, Cue, Phase
from consensus.quorum import MemberId, ValidatorSet
from consensus.safety import with_prepared, with_vote
from consensus.slot import HEIGHTS_AHEAD, Slot
from consensus.state import PROPOSALS_PER_SENDER, State

NOT_EXECUTED = (Verdict.INVALID, Verdict.APPLIED)
"""What nobody votes for, however many others have."""


def open_slot(state: State) -> None:
    """The height above the head is free: the primary may build, an early proposal may come in."""
    state.slot = Slot(state.height)
    if not state.may_sign:
        return
    if state.is_primary:
        state.emit(Build(state.view, state.head))
    primary = state.validators.primary(state.view)
    early = state.early.get(primary, {}).get((state.view, state.height))
    if early is not None:
        _take_proposal(state, early)


def on_built(state: State, event: Built) -> None:
    """The driver has built a block in answer to ``Build``."""
    block = event.block
    late = event.view != state.view or block.parent != state.head.id
    if late or state.phase is not Phase.OPEN or not state.is_primary:
        return
    if (block.height, block.epoch) != (state.height, state.validators.epoch):
        raise DriverError("built for another place", block=block, height=state.height)
    _check_next_set(state, block, event.next_validators)
    state.results.remember(Executed(block.id, Verdict.VALID, event.next_validators))
    adopt(state, block, fresh=True)


def on_proposal(state: State, message: Proposal) -> None:
    """A PRE-PREPARE came in."""
    said, block = message.statement, message.block
    place = (block.id, block.height, block.epoch)
    if said.kind is not Kind.PROPOSE or (said.block, said.height, said.epoch) != place:
        raise PeerError("the statement is of another block", says=said, block=block)
    if message.sender != state.validators.primary(said.view):
        raise PeerError("not the view's primary", sender=message.sender, view=said.view)
    if said.view < state.view or not 0 <= said.height - state.height < HEIGHTS_AHEAD:
        return
    held = state.early.get(message.sender, {}).get((said.view, said.height))
    if held is not None and held.statement != said:
        state.accuse(held, message)
        if said.view == state.view:
            state.wish(state.view + 1)
        return
    _keep_early(state, message)
    if said.view == state.view and said.height == state.height and state.phase is Phase.OPEN:
        _take_proposal(state, message)


def _keep_early(state: State, message: Proposal) -> None:
    by_slot = state.early.setdefault(message.sender, {})
    by_slot[(message.statement.view, message.statement.height)] = message
    while len(by_slot) > PROPOSALS_PER_SENDER:
        del by_slot[min(by_slot)]


def _take_proposal(state: State, message: Proposal) -> None:
    if message.block.parent != state.head.id:
        # The primary builds on something that is not the committed head: provably wrong.
        state.wish(state.view + 1)
        return
    state.slot.proposed = True
    holder = state.members((message.sender,))
    adopt(state, message.block, fresh=True, holders=holder)


def adopt(state: State, block: Block, *, fresh: bool, holders: tuple[MemberId, ...] = ()) -> None:
    """This block is the one that the current view decides about at this height."""
    state.slot.block = block
    state.move(Cue.ADOPTED)
    result = state.results.known.get(block.id)
    if result is not None:
        _judge(state, block, result)
    elif state.results.ask(block, holders):
        state.emit(Execute(block, fresh, holders))


def on_executed(state: State, event: Executed) -> None:
    """The driver has executed a block that it was asked for."""
    asked = state.results.asked.get(event.block)
    if asked is None:
        return
    _check_epoch(state, event.next_validators)
    del state.results.asked[event.block]
    state.results.remember(event)
    block = state.slot.block
    if state.phase is Phase.EXECUTING and block is not None and block.id == event.block:
        _judge(state, block, event)


def _as_executed(block: Block, result: Executed) -> Block:
    """The block with what its execution showed. Whether it ends its epoch was its bringer's word
    until then: of a prepared block in a view change nothing but the id is signed or follows."""
    return replace(block, epoch_final=result.next_validators is not None)


def _judge(state: State, block: Block, result: Executed) -> None:
    """Vote PREPARE for an executed block, or decline."""
    verdict = result.verdict
    block = state.slot.block = _as_executed(block, result)
    if verdict is Verdict.UNTIMELY and not state.slot.proposed:
        # Only a fresh proposal is measured against the clock; this one was selected.
        verdict = Verdict.VALID
    if not state.may_sign or verdict is not Verdict.VALID:
        state.move(Cue.REFUSED)
        if verdict is Verdict.INVALID:
            state.wish(state.view + 1)
        return
    state.persist(with_vote(state.record, state.view, block), (block.id,))
    state.move(Cue.APPROVED)
    if state.is_primary:
        state.sign(_ballot(state, Kind.PROPOSE, block))
    state.sign(_ballot(state, Kind.PREPARE, block))


def on_vote(state: State, message: Vote) -> None:
    """A PREPARE or COMMIT came in (one's own comes this way too)."""
    said = message.statement
    if said.kind not in (Kind.PREPARE, Kind.COMMIT):
        raise PeerError("this is no vote", kind=said.kind)
    if not 0 <= said.height - state.height < HEIGHTS_AHEAD:
        return
    if said.kind is Kind.PREPARE and said.view < state.view:
        return
    held = state.votes.add(message, state.view)
    if held is not None:
        state.accuse(held, message)
    if said.kind is Kind.COMMIT:
        # It may come later than the view change that hides it.
        for change in state.changes.by(message.sender):
            state.accuse(message, change)


def on_decided(state: State, peer: MemberId, message: Decided) -> None:
    """A certified block came in: from a peer that is ahead, or fetched."""
    block, certificate = message.block, message.certificate
    if certificate.epoch != state.validators.epoch:
        return
    certificate.check(Kind.COMMIT, state.validators)
    place = (block.id, block.height, block.epoch)
    if place != (certificate.block, certificate.height, certificate.epoch):
        raise PeerError("the certificate is of another block", block=block)
    for signer in certificate.signers():
        state.recognise(signer, certificate.ballot())
    if block.height == state.head.height and block.id != state.head.id:
        _alarm_fork(state, certificate)
        return
    state.catch_up.keep(message, state.head.height)
    if block.height > state.height:
        state.catch_up.claim(peer, block.height, state.now_ms, urgent=True)


def progress(state: State) -> bool:
    """Do the next thing that has become possible. True when something was done."""
    return _decide(state) or _prepare(state)


def _prepare(state: State) -> bool:
    """PREPARE certificate -> persist it -> COMMIT."""
    block = state.slot.block
    if state.phase not in (Phase.PREPARING, Phase.DECLINED) or block is None:
        return False
    result = state.results.known.get(block.id)
    if not state.may_sign or result is None or result.verdict in NOT_EXECUTED:
        return False
    held = state.record.prepared
    if held is not None and held.slot() == (state.view, state.height) and held.block == block:
        certificate: Certificate | None = held.certificate
    else:
        ballot = _ballot(state, Kind.PREPARE, block)
        certificate = state.votes.certificate(ballot, state.validators)
    if certificate is None:
        return False
    state.persist(with_prepared(state.record, block, certificate), (block.id,))
    state.move(Cue.PREPARED)
    state.sign(_ballot(state, Kind.COMMIT, block))
    return True


def _decide(state: State) -> bool:
    """COMMIT certificate, of whatever view -> execute if not done -> commit."""
    decided = state.catch_up.decided.get(state.height)
    if decided is not None:
        certificate, block = decided.certificate, decided.block
    else:
        found = state.votes.decision(state.height, state.validators)
        if found is None:
            return False
        known = state.known_block(found.block)
        if known is None:
            for holder in state.members(found.signers()):
                state.catch_up.claim(holder, state.height, state.now_ms, urgent=True)
            return False
        certificate, block = found, known
    if block.parent != state.head.id:
        _alarm_fork(state, certificate)
        return False
    result = state.results.known.get(block.id)
    if result is None:
        holders = state.members(certificate.signers())
        if state.results.ask(block, holders, certified=True):
            state.emit(Execute(block, False, holders, certified=True))
        return False
    if result.verdict is Verdict.INVALID:
        _alarm_divergence(state, block)
        return False
    commit(state, _as_executed(block, result), certificate, result.next_validators)
    return True


def commit(
    state: State, block: Block, certificate: Certificate, next_validators: ValidatorSet | None
) -> None:
    """Store a decided block, and go on above it."""
    state.emit(Commit(block, certificate))
    state.head, state.head_certificate, state.head_ms = block, certificate, state.now_ms
    # The votes of the head are kept: a COMMIT among them may yet convict its sender (E5).
    state.votes.prune(block.height - 1)
    state.results.clear()
    state.catch_up.committed(block.height)
    for by_slot in state.early.values():
        for slot in [slot for slot in by_slot if slot[1] <= block.height]:
            del by_slot[slot]
    state.pacemaker.progressed()
    if next_validators is not None:
        state.begin_epoch(next_validators)
        state.move(Cue.EPOCH_ENDED)
        state.slot = Slot(state.height)
    elif _joins(state, certificate):
        state.view = certificate.view
        state.new_view = None
        state.pacemaker.joined(certificate.view, state.now_ms)
        state.changes.prune(certificate.view)
        state.move(Cue.JOINED)
        open_slot(state)
    elif state.phase in BETWEEN_VIEWS or state.phase is Phase.WATCHING:
        state.move(Cue.COMMITTED)
        state.slot = Slot(state.height)
    else:
        state.move(Cue.COMMITTED)
        open_slot(state)


def _joins(state: State, certificate: Certificate) -> bool:
    """A quorum voted at this height in the certificate's view, so that view was installed on a
    base below it, and nothing above it can have been decided in an earlier view: whoever has
    committed this block may go on in that view without its NEW-VIEW."""
    if state.phase is Phase.WATCHING:
        return False
    same = certificate.view == state.view and state.phase in BETWEEN_VIEWS
    return same or certificate.view > state.view


def _ballot(state: State, kind: Kind, block: Block) -> Ballot:
    return Ballot(kind, state.validators.epoch, state.view, block.height, block.id)


def _check_next_set(state: State, block: Block, following: ValidatorSet | None) -> None:
    if block.epoch_final != (following is not None):
        raise DriverError("a set for the next epoch comes with its last block only", block=block)
    _check_epoch(state, following)


def _check_epoch(state: State, following: ValidatorSet | None) -> None:
    if following is not None and following.epoch != state.validators.epoch + 1:
        raise DriverError("epochs follow one another", epoch=following.epoch)


def _alarm_fork(state: State, certificate: Certificate) -> None:
    if state.head_certificate is not None:
        state.accuse(state.head_certificate, certificate)
    state.halt("fork", "a certificate contradicts the chain that is stored here")


def _alarm_divergence(state: State, block: Block) -> None:
    state.halt(
        "diverged", f"the certified block of height {block.height} executes to something else here"
    )
