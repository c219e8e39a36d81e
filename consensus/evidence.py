"""Proofs that a member lied: two messages of one member in one epoch that no correct replica signs.

=====  ==================================================================================
kind   the two messages
=====  ==================================================================================
E1     two PRE-PREPAREs for one (view, height)
E2     two PREPAREs for one (view, height)
E3     two COMMITs for one (view, height)
E4     two VIEW-CHANGEs, or two NEW-VIEWs, for one view
E5     COMMIT(w, k) and a VIEW-CHANGE of a later view that reports neither a base at k nor a
       prepared block at or after (w, k): who commits has the prepared certificate on disk, so
       this is a lie or a lost disk, and both burn the key
E6     two commit certificates for different blocks at one height: more than f members lied. Of
       one view, who signed both is named (each is an E3); of two views nobody is: a correct member
       may have voted in both, deceived by view changes that hid the first. E5 finds who hid it.
=====  ==================================================================================

A correct replica is never accused, however often it crashes: ``safety.py`` keeps on disk whatever
would contradict a later statement. ``check`` raises; a proof is as good as its check.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from consensus.errors import PeerError
from consensus.messages import (
    Certificate,
    ChangeProof,
    Kind,
    NewView,
    Proposal,
    ViewChange,
    Vote,
)
from consensus.quorum import ValidatorSet

_OF_BALLOTS = {Kind.PROPOSE: "E1", Kind.PREPARE: "E2", Kind.COMMIT: "E3"}

Signed = Proposal | Vote | ViewChange | NewView


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two things that cannot both have been said by correct members."""

    kind: str
    epoch: int
    culprits: tuple[int, ...]
    """Indexes in the epoch's validator set; for E6 of two views nobody."""
    first: Signed | Certificate
    second: Signed | Certificate

    def slot(self) -> tuple[str, int, tuple[int, ...], int, int]:
        """One proof for each of these is enough."""
        return (self.kind, self.epoch, self.culprits, *_place(self.first))

    def bare(self) -> Evidence:
        """The same proof without what the two messages carry beside their signed statements."""
        return replace(self, first=_bare(self.first), second=_bare(self.second))

    def check(self, validators: ValidatorSet) -> None:
        """Raise ``PeerError`` unless this proves what it says. Signatures are the ingress's."""
        found = compare(self.first, self.second)
        if found != self:
            raise PeerError("this proves nothing", kind=self.kind, found=found)
        if self.epoch != validators.epoch:
            raise PeerError("evidence of another epoch", epoch=self.epoch, ours=validators.epoch)
        if any(not 0 <= culprit < validators.size for culprit in self.culprits):
            raise PeerError("the accused is no member", culprits=self.culprits)
        for certificate in (self.first, self.second):
            if isinstance(certificate, Certificate):
                certificate.check(Kind.COMMIT, validators)


def compare(first: Signed | Certificate, second: Signed | Certificate) -> Evidence | None:
    """The evidence in these two, None when a correct member may have said both."""
    if isinstance(first, Certificate) and isinstance(second, Certificate):
        return _two_certificates(first, second)
    if isinstance(first, Certificate) or isinstance(second, Certificate):
        return None
    if first.sender != second.sender or first.statement.epoch != second.statement.epoch:
        return None
    kind = _two_statements(first, second)
    if kind is None:
        return None
    return Evidence(kind, first.statement.epoch, (first.sender,), first, second)


def _two_statements(first: Signed, second: Signed) -> str | None:
    if isinstance(first, Proposal | Vote) and isinstance(second, Proposal | Vote):
        one, other = first.statement, second.statement
        same_slot = (one.kind, one.view, one.height) == (other.kind, other.view, other.height)
        return _OF_BALLOTS[one.kind] if same_slot and one.block != other.block else None
    if isinstance(first, Vote) and isinstance(second, ViewChange):
        return "E5" if _hides(first, second) else None
    # What is left are VIEW-CHANGE and NEW-VIEW: one of each for a view.
    said, contradicts = first.statement, second.statement
    same_kind = said.kind is contradicts.kind and said.view == contradicts.view
    return "E4" if same_kind and said != contradicts else None


def _hides(vote: Vote, change: ViewChange) -> bool:
    """The view change says nothing of what the COMMIT had bound its sender to."""
    committed, said = vote.statement, change.statement
    if committed.kind is not Kind.COMMIT or said.view <= committed.view:
        return False
    if said.base_height >= committed.height:
        return False
    reported = said.prepared
    return reported is None or (reported.view, reported.height) < (committed.view, committed.height)


def _two_certificates(first: Certificate, second: Certificate) -> Evidence | None:
    same_height = (first.epoch, first.height) == (second.epoch, second.height)
    of_commits = first.kind is Kind.COMMIT and second.kind is Kind.COMMIT
    if not (same_height and of_commits and first.block != second.block):
        return None
    both: tuple[int, ...] = ()
    if first.view == second.view:
        both = tuple(signer for signer in first.signers() if signer in second.signers())
    return Evidence("E6", first.epoch, both, first, second)


def _bare(part: Signed | Certificate) -> Signed | Certificate:
    match part:
        case ViewChange():
            return replace(part, proof=ChangeProof(None, None, None))
        case NewView():
            return replace(part, view_changes=())
        case _:
            return part


def _place(message: Signed | Certificate) -> tuple[int, int]:
    """(view, height) of a message; height 0 where it has none."""
    match message:
        case Certificate():
            return (message.view, message.height)
        case Proposal() | Vote():
            return (message.statement.view, message.statement.height)
        case _:
            return (message.statement.view, 0)
