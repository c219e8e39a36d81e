"""Planted bugs: each is one wrong idea that a reader of the papers might have had.

A harness that cannot kill them would not find ours either (SIMULATION.md section 8). A mutant
patches the core or the harness's driver through pytest's ``monkeypatch``; no switch for them exists
in the product. Directed tests kill what chance does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from consensus import changing, evidence, ordering, retransmission, safety, slot, state
from consensus import view_change as view_changes
from consensus.errors import PeerError
from consensus.events import Executed, Verdict
from consensus.messages import Ballot, Block, Certificate, Kind, Proposal, ViewChange, Vote
from consensus.pacemaker import Pacemaker
from consensus.phases import Cue, Phase
from consensus.quorum import ValidatorSet, max_faulty
from consensus.slot import VoteBook
from tests.consensus import process

Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]


def lowest_view_wins(patch: Patch) -> None:
    """M2: among prepared blocks the one of another criterion than the highest view."""
    right = view_changes._prepared_view
    patch.setattr(view_changes, "_prepared_view", lambda change: -right(change))


def prepared_ignored(patch: Patch) -> None:
    """M3: the new primary just proposes afresh."""
    right = view_changes.select

    def select(changes: tuple[ViewChange, ...]) -> view_changes.Selection:
        return replace(right(changes), tip=None, tip_certificate=None)

    patch.setattr(changing, "select", select)


def lowest_base(patch: Patch) -> None:
    """M19: the new view begins at the lowest base."""
    right = view_changes.select

    def select(changes: tuple[ViewChange, ...]) -> view_changes.Selection:
        base = min(change.statement.base_height for change in changes)
        return right(tuple(c for c in changes if c.statement.base_height == base))

    patch.setattr(changing, "select", select)


def view_changes_unchecked(patch: Patch) -> None:
    """M4: whoever says that a block was prepared is believed."""
    patch.setattr(view_changes, "check_view_change", lambda *_: None)
    patch.setattr(changing, "check_view_change", lambda *_: None)


def certificates_unchecked(patch: Patch) -> None:
    """M30: a certificate of too few decides."""
    patch.setattr(Certificate, "check", lambda *_: None)


def votes_after_leaving(patch: Patch) -> None:
    """M10: after VIEW-CHANGE a COMMIT of the old view still goes out when its quorum comes."""
    right = changing.enter
    left: dict[int, tuple[int, object]] = {}

    def enter(at: state.State, view: int) -> None:
        left[id(at)] = (at.view, at.slot.block)
        right(at, view)

    def progress(at: state.State) -> bool:
        old_view, block = left.get(id(at), (0, None))
        if at.phase is Phase.CHANGING and block is not None and at.me is not None:
            ballot = Ballot(Kind.PREPARE, block.epoch, old_view, block.height, block.id)
            proof = at.votes.certificate(ballot, at.validators)
            if proof is not None:
                del left[id(at)]
                at.sign(replace(ballot, kind=Kind.COMMIT))
        return right_progress(at)

    right_progress = changing.progress
    patch.setattr(changing, "enter", enter)
    patch.setattr(changing, "progress", progress)
    patch.setattr(state, "check_statement", lambda *_: None)
    patch.setattr(process, "check_statement", lambda *_: None)


def small_quorum(patch: Patch) -> None:
    """M7: 2f signatures decide."""
    patch.setattr(sys.modules["consensus.quorum"], "quorum", lambda n: max(1, 2 * max_faulty(n)))


def hash_not_counted(patch: Patch) -> None:
    """M9: votes of one slot are counted together, whatever block they are for."""

    def certificate(book: VoteBook, ballot: Ballot, members: ValidatorSet) -> Certificate | None:
        votes = {
            sender: by_view[ballot.view].signature
            for sender, by_view in sorted(book._votes.get((ballot.height, ballot.kind), {}).items())
            if ballot.view in by_view
        }
        if len(votes) < members.quorum:
            return None
        return Certificate(
            ballot.kind, ballot.epoch, ballot.view, ballot.height, ballot.block,
            tuple(votes.items()),
        )  # fmt: skip

    patch.setattr(VoteBook, "certificate", certificate)


def views_merged(patch: Patch) -> None:
    """M6: COMMITs of several views for one block are counted together."""

    def decision(book: VoteBook, height: int, members: ValidatorSet) -> Certificate | None:
        by_block: dict[bytes, dict[int, tuple[Ballot, bytes]]] = {}
        for sender, by_view in book._votes.get((height, Kind.COMMIT), {}).items():
            for vote in by_view.values():
                said = vote.statement
                by_block.setdefault(said.block, {})[sender] = (said, vote.signature)
        for votes in by_block.values():
            if len(votes) >= members.quorum:
                ballot = max((said for said, _ in votes.values()), key=lambda said: said.view)
                signatures = tuple((who, sign) for who, (_, sign) in sorted(votes.items()))
                return Certificate(
                    ballot.kind, ballot.epoch, ballot.view, height, ballot.block, signatures
                )
        return None

    patch.setattr(VoteBook, "decision", decision)


def _forgets(patch: Patch, forget: Callable[[safety.SafetyRecord], safety.SafetyRecord]) -> None:
    right = process.Node.start

    def start(node: process.Node) -> None:
        if node.life and node.disk.record is not None:
            node.disk.record = forget(node.disk.record)
        right(node)

    patch.setattr(process.Node, "start", start)


def last_vote_forgotten(patch: Patch) -> None:
    """M14: a restart loses the last vote."""
    _forgets(patch, lambda record: replace(record, vote=None))


def prepared_forgotten(patch: Patch) -> None:
    """M13: a restart loses the prepared certificate."""
    _forgets(patch, lambda record: replace(record, prepared=None))


def view_forgotten(patch: Patch) -> None:
    """M15: a restart goes back to view 0."""
    _forgets(patch, lambda r: replace(r, view=0, change=None, change_proof=None, new_view=None))


def vote_before_disk(patch: Patch) -> None:
    """M16, M17: signatures leave before the record is written."""
    right = state.State.persist

    def persist(at: state.State, record: safety.SafetyRecord, blocks: tuple = ()) -> None:  # type: ignore[type-arg]
        before = len(at.effects)
        right(at, record, blocks)
        late.extend(at.effects[before:])
        del at.effects[before:]

    late: list = []  # type: ignore[type-arg]
    patch.setattr(state.State, "persist", persist)


def no_retransmission(patch: Patch) -> None:
    """M26: STATUS is answered by nobody."""
    patch.setattr(retransmission, "missing", lambda *_: [])


def old_set_goes_on(patch: Patch) -> None:
    """M20: the set of the old epoch votes in the new one."""
    right = state.State.begin_epoch

    def begin_epoch(at: state.State, validators: ValidatorSet) -> None:
        right(at, ValidatorSet(validators.epoch, at.validators.members, validators.rotation))

    patch.setattr(state.State, "begin_epoch", begin_epoch)


def entered_by_few(patch: Patch) -> None:
    """M25: one wish is enough to leave a view."""
    patch.setattr("consensus.pacemaker.Pacemaker.agreed", lambda self, _: self._nth_largest(1))


def untimely_for_ever(patch: Patch) -> None:
    """M22: a block that is selected again is judged by the clock again."""
    right = ordering._judge

    def judge(at: state.State, block: Block, result: Executed) -> None:
        if result.verdict is Verdict.UNTIMELY:
            at.move(Cue.REFUSED)
        else:
            right(at, block, result)

    patch.setattr(ordering, "_judge", judge)


def signatures_counted(patch: Patch) -> None:
    """M8: a certificate needs so many signatures, whoever made them."""

    def check(at: Certificate, kind: Kind, validators: ValidatorSet) -> None:
        if at.kind is not kind or at.epoch != validators.epoch:
            raise PeerError("another certificate")
        if len(at.signatures) < validators.quorum:
            raise PeerError("no quorum")

    patch.setattr(Certificate, "check", check)


def parent_unchecked(patch: Patch) -> None:
    """M11: a proposal may stand on whatever it likes."""

    def take(at: state.State, message: Proposal) -> None:
        at.slot.proposed = True
        holder = at.members((message.sender,))
        ordering.adopt(at, message.block, fresh=True, holders=holder)

    patch.setattr(ordering, "_take_proposal", take)


def second_proposal_taken(patch: Patch) -> None:
    """M12: a second proposal for the slot is voted for as well."""
    right = ordering.on_proposal

    def on_proposal(at: state.State, message: Proposal) -> None:
        said = message.statement
        at.early.get(message.sender, {}).pop((said.view, said.height), None)
        if at.phase is Phase.PREPARING and said.view == at.view and at.slot.block is not None:
            at.phase = Phase.OPEN
        right(at, message)

    def with_vote(record: safety.SafetyRecord, view: int, block: Block) -> safety.SafetyRecord:
        return replace(safety._in_view(record, view), vote=safety.LastVote(view, block))

    patch.setattr(ordering, "on_proposal", on_proposal)
    patch.setattr(ordering, "with_vote", with_vote)


def new_views_believed(patch: Patch) -> None:
    """M5: what the primary says of its NEW-VIEW is taken on trust."""
    patch.setattr(changing, "check_new_view", lambda *_: None)


def epoch_goes_on(patch: Patch) -> None:
    """M21: the block that ends the epoch is followed by another one of the same epoch."""
    right = ordering.commit

    def commit(at: state.State, block: Block, certificate: Certificate, following: object) -> None:
        right(at, block, certificate, None)

    patch.setattr(ordering, "commit", commit)


def timer_uncapped(patch: Patch) -> None:
    """M23: the view timer doubles for ever."""
    patch.setattr(Pacemaker, "timeout_ms", lambda self: self.timing.base_ms << self.entries)


def nobody_amplifies(patch: Patch) -> None:
    """M24: nobody takes over the wish of f + 1 others."""
    patch.setattr(Pacemaker, "amplified", lambda self, validators: 0)


def censor_timer_off(patch: Patch) -> None:
    """M28: whoever is passed over waits for ever while others are ordered."""
    patch.setattr(Pacemaker, "censor_deadline_ms", lambda self, passed_over_ms: None)


def stale_timer_fires(patch: Patch) -> None:
    """M29: a deadline that a block has overtaken still counts (besu #1734)."""

    def progressed(at: Pacemaker) -> None:
        at.entries = max(0, at.entries - 1)

    patch.setattr(Pacemaker, "progressed", progressed)


def restarted_accused(patch: Patch) -> None:
    """M37: a COMMIT and any later view change of its sender are taken for amnesia."""

    def hides(vote: Vote, change: ViewChange) -> bool:
        said = vote.statement
        return said.kind is Kind.COMMIT and change.statement.view > said.view

    patch.setattr(evidence, "_hides", hides)


def future_unbounded(patch: Patch) -> None:
    """M38: votes of all views to come are kept."""
    patch.setattr(slot, "VIEWS_PER_SENDER", 10_000)


BY_CHANCE: tuple[Mutant, ...] = (
    prepared_ignored, certificates_unchecked, votes_after_leaving, small_quorum,
    hash_not_counted, views_merged, last_vote_forgotten, prepared_forgotten, view_forgotten,
    vote_before_disk, no_retransmission, old_set_goes_on, entered_by_few, signatures_counted,
    second_proposal_taken, epoch_goes_on, restarted_accused,
)  # fmt: skip
"""Killed by seeds of the hostile network."""

BY_SCENARIO: dict[str, Mutant] = {
    "d07-mixed-views": views_merged,
    "b12-all-bases-different": lowest_base,
    "b14-stale-time": untimely_for_ever,
    "b01-highest-view": lowest_view_wins,
    "s11-invented-prepared": view_changes_unchecked,
}
"""Bugs that chance hardly meets: the story that meets each."""
