"""The height in flight: which block is adopted in this view, and who has voted for what.

``VoteBook`` counts. It keeps votes of two heights (the one in flight and the next, whose votes may
overtake the certificate of this one) and, per sender, kind and height, of at most three views, so
that a member that floods grows nothing but its own three entries (CONSENSUS.md section 4).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from consensus.events import Executed
from consensus.messages import Ballot, Block, BlockId, Certificate, Kind, Vote
from consensus.quorum import MemberId, ValidatorSet

HEIGHTS_AHEAD = 2
"""Votes are kept for the height in flight and the one above it."""

VIEWS_PER_SENDER = 3
"""The current view, one that is being left, one that is being entered."""


@dataclass(slots=True)
class Slot:
    """What this view has made of the height in flight."""

    height: int
    block: Block | None = None
    """Adopted: proposed by the primary, or selected by the NEW-VIEW, or voted before a crash."""
    proposed: bool = False
    """A PRE-PREPARE of another member has brought it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A block that the driver is executing."""

    block: Block
    holders: tuple[MemberId, ...]
    certified: bool = False
    """A quorum has decided it."""


@dataclass(slots=True)
class Results:
    """What the driver said of blocks at the height in flight, whatever the view."""

    known: dict[BlockId, Executed] = field(default_factory=dict)
    asked: dict[BlockId, Asked] = field(default_factory=dict)
    """``Execute`` was asked for these and not answered yet."""

    LIMIT = 16
    """Blocks at one height: one per view is normal, more are an attack or a very bad network."""

    def remember(self, result: Executed) -> None:
        self.known.pop(result.block, None)
        self.known[result.block] = result
        while len(self.known) > self.LIMIT:
            del self.known[next(iter(self.known))]

    def ask(self, block: Block, holders: tuple[MemberId, ...], *, certified: bool = False) -> bool:
        """True when the driver is to be asked: for the first time, with more holders, or because
        a quorum has decided the block meanwhile."""
        held = self.asked.get(block.id)
        known = held.holders if held is not None else ()
        certified = certified or (held is not None and held.certified)
        is_news = held is None or held.certified != certified
        if not is_news and all(holder in known for holder in holders):
            return False
        self.asked[block.id] = Asked(block, tuple(dict.fromkeys(known + holders)), certified)
        while len(self.asked) > self.LIMIT:
            del self.asked[next(iter(self.asked))]
        return True

    def clear(self) -> None:
        self.known.clear()
        self.asked.clear()


class VoteBook:
    """Signed votes by (height, kind, sender, view); the first one in a slot stays."""

    def __init__(self) -> None:
        self._votes: dict[tuple[int, Kind], dict[int, dict[int, Vote]]] = {}

    def add(self, vote: Vote, current_view: int) -> Vote | None:
        """Keep ``vote``. Returns the vote that stands in its way when it says otherwise."""
        said = vote.statement
        by_sender = self._votes.setdefault((said.height, said.kind), {})
        by_view = by_sender.setdefault(vote.sender, {})
        held = by_view.get(said.view)
        if held is not None:
            return held if held.statement != said else None
        by_view[said.view] = vote
        while len(by_view) > VIEWS_PER_SENDER:
            del by_view[min(view for view in by_view if view != current_view)]
        return None

    def by(self, sender: int, kind: Kind, height: int) -> tuple[Vote, ...]:
        """Votes of one member at one height, in all views that are kept."""
        return tuple(self._votes.get((height, kind), {}).get(sender, {}).values())

    def senders(self, kind: Kind, view: int, height: int) -> tuple[int, ...]:
        """Who has voted, for whatever block, ascending."""
        by_sender = self._votes.get((height, kind), {})
        return tuple(sorted(who for who, by_view in by_sender.items() if view in by_view))

    def certificate(self, ballot: Ballot, validators: ValidatorSet) -> Certificate | None:
        """The certificate of ``ballot`` when a quorum of members has signed exactly it."""
        signatures = tuple(
            (sender, by_view[ballot.view].signature)
            for sender, by_view in sorted(self._votes.get((ballot.height, ballot.kind), {}).items())
            if ballot.view in by_view and by_view[ballot.view].statement == ballot
        )
        if len(signatures) < validators.quorum:
            return None
        return Certificate(
            ballot.kind, ballot.epoch, ballot.view, ballot.height, ballot.block, signatures
        )

    def decision(self, height: int, validators: ValidatorSet) -> Certificate | None:
        """A COMMIT certificate at ``height``, of any one view (never of several: D7)."""
        ballots: dict[Ballot, int] = {}
        for by_view in self._votes.get((height, Kind.COMMIT), {}).values():
            for vote in by_view.values():
                ballots[vote.statement] = ballots.get(vote.statement, 0) + 1
        for ballot, count in ballots.items():
            if count >= validators.quorum:
                return self.certificate(ballot, validators)
        return None

    def prune(self, committed: int) -> None:
        """Forget the heights up to ``committed``."""
        for key in [key for key in self._votes if key[0] <= committed]:
            del self._votes[key]

    def clear(self) -> None:
        self._votes.clear()

    def size(self) -> int:
        """Votes kept: at most members x 2 kinds x 3 heights (with the head's) x 3 views."""
        return sum(len(views) for by in self._votes.values() for views in by.values())
