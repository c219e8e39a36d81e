"""What must hold whatever the network does: the judge of the harness (SIMULATION.md section 5).

It sees every statement signed, every record written, every block committed, of all replicas, and
knows which of them are correct. It has its own idea of a quorum and its own check of certificates,
and shares no code with the core but the message classes.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from consensus.messages import (
    Ballot,
    Block,
    BlockId,
    Certificate,
    Change,
    Decided,
    Kind,
    Message,
    NewView,
    NewViewStatement,
    Proposal,
    Statement,
    Status,
    ViewChange,
    Vote,
    Wish,
)
from consensus.quorum import MemberId, ValidatorSet


class Violation(Exception):  # noqa: N818  (the word of the subject)
    """An invariant is broken; the text begins with its name."""


class BadSignatureError(Exception):
    """Found by the ingress; the core never sees the message."""


@lru_cache(maxsize=200_000)
def seal(member: MemberId, statement: Statement) -> bytes:
    """A signature that nobody but the holder of ``member`` may compute (by convention)."""
    said = repr((member, statement.kind.value, statement.fields())).encode()
    return hashlib.blake2b(said, digest_size=8).digest()


def verify_certificate(certificate: Certificate | None, validators: ValidatorSet) -> None:
    """Raise ``BadSignatureError`` for an index or a signature that is not a member's."""
    if certificate is None or certificate.epoch != validators.epoch:
        return
    for signer, signature in certificate.signatures:
        if not 0 <= signer < validators.size:
            raise BadSignatureError("no such member")
        if signature != seal(validators.members[signer], certificate.ballot()):
            raise BadSignatureError("certificate")


def epoch_of(message: Message) -> int:
    """The epoch that a message belongs to: no other set can judge its signatures."""
    if isinstance(message, Status):
        return message.epoch
    if isinstance(message, Decided):
        return message.certificate.epoch
    return message.statement.epoch


def verify(message: Message, validators: ValidatorSet) -> None:
    """Everything that the ingress checks before the core sees a message."""
    match message:
        case Status():
            return
        case Decided():
            verify_certificate(message.certificate, validators)
            return
        case Proposal() | Vote() | Wish() | ViewChange() | NewView():
            if not 0 <= message.sender < validators.size:
                raise BadSignatureError("no such member")
            if message.signature != seal(validators.members[message.sender], message.statement):
                raise BadSignatureError("message")
    if isinstance(message, ViewChange):
        verify_certificate(message.proof.base_certificate, validators)
        verify_certificate(message.proof.prepared_certificate, validators)
    if isinstance(message, NewView):
        for change in message.view_changes:
            verify(change, validators)


class Checker:
    """Remembers everything, complains at once."""

    def __init__(self, genesis: Block, first: ValidatorSet) -> None:
        self.chain: dict[int, Block] = {0: genesis}
        self.sets: dict[int, ValidatorSet] = {0: first}
        self.correct: set[MemberId] = set()
        self.signed: dict[tuple[object, ...], Statement] = {}
        self.left: dict[tuple[MemberId, int], int] = {}
        self.commits: dict[Ballot, set[MemberId]] = {}
        self.decided: dict[Ballot, None] = {}
        self.prepares: dict[Ballot, set[MemberId]] = {}
        self.content: dict[BlockId, tuple[object, ...]] = {}
        self.transactions: dict[object, int] = {}
        self.seen: dict[str, int] = {}

    def note(self, point: str) -> None:
        """A sometimes-point was reached."""
        self.seen[point] = self.seen.get(point, 0) + 1

    def least(self, epoch: int) -> int:
        """The quorum of an epoch, by its own formula: more than (n + f) / 2."""
        n = len(self.sets[epoch].members)
        f = (n - 1) // 3
        return next(q for q in range(1, n + 1) if 2 * q > n + f)

    def on_signed(self, member: MemberId, statement: Statement) -> None:
        """I10, I11, and the count of votes; of correct members only."""
        if isinstance(statement, Ballot):
            kept = self.prepares if statement.kind is Kind.PREPARE else self.commits
            if statement.kind is not Kind.PROPOSE:
                kept.setdefault(statement, set()).add(member)
            if statement.kind is Kind.COMMIT:
                self._commit_counted(statement)
        if member not in self.correct:
            return
        slot: tuple[object, ...] = (member, statement.kind, statement.epoch, statement.view)
        if isinstance(statement, Ballot):
            slot = (*slot, statement.height)
        before = self.signed.setdefault(slot, statement)
        if before != statement:
            raise Violation(f"I10 two statements for one slot: {before} and {statement}")
        if isinstance(statement, Change):
            key = (member, statement.epoch)
            self.left[key] = max(self.left.get(key, 0), statement.view)
        if isinstance(statement, Ballot):
            left = self.left.get((member, statement.epoch), 0)
            if statement.view < left:
                raise Violation(f"I11 voted in a view that was left ({left}): {statement}")

    def _commit_counted(self, ballot: Ballot) -> None:
        if len(self.commits[ballot]) >= self.least(ballot.epoch):
            self.decided[ballot] = None

    def on_new_view(self, said: NewViewStatement, base: int, tip: Block | None) -> None:
        """I18: whatever could have been decided in an earlier view is in the new one."""
        for ballot in self.decided:
            if ballot.epoch != said.epoch or ballot.view >= said.view or base >= ballot.height:
                continue
            if tip is None or (tip.height, tip.id) != (ballot.height, ballot.block):
                raise Violation(f"I18 view {said.view} begins without the decided {ballot}: {tip}")

    def on_commit(
        self,
        member: MemberId,
        head: Block,
        block: Block,
        certificate: Certificate,
        following: ValidatorSet | None,
    ) -> None:
        """I1, I2, I3, I4, I5, I15: one chain, certified by its own members."""
        if (block.height, block.parent) != (head.height + 1, head.id):
            raise Violation(f"I2 {member!r} commits {block} on {head}")
        known = self.chain.setdefault(block.height, block)
        if known != block:
            raise Violation(f"I1 two blocks at height {block.height}: {known} and {block}")
        validators = self.sets.get(block.epoch)
        if validators is None or (head.epoch_final and head.epoch >= block.epoch):
            raise Violation(f"I15 {block} goes on in an epoch that has ended")
        self._check_certificate(block, certificate, validators)
        if following is not None:
            self.sets.setdefault(following.epoch, following)
        if known is block:
            self._count_transactions(block)

    def _check_certificate(
        self, block: Block, certificate: Certificate, validators: ValidatorSet
    ) -> None:
        wanted = Ballot(
            Kind.COMMIT, block.epoch, certificate.view, block.height, block.id
        )  # fmt: skip
        good = {
            signer
            for signer, signature in certificate.signatures
            if signature == seal(validators.members[signer], wanted)
        }
        if certificate.ballot() != wanted or len(good) < self.least(block.epoch):
            raise Violation(f"I3 no certificate of {block}: {certificate}")
        if len(good) != len(certificate.signatures):
            raise Violation(f"I3 a signature does not count: {certificate}")

    def _count_transactions(self, block: Block) -> None:
        for transaction in self.content.get(block.id, ()):
            if self.transactions.setdefault(transaction, block.height) != block.height:
                raise Violation(f"I5 {transaction} is ordered twice")

    def on_accused(self, culprits: tuple[int, ...], epoch: int) -> None:
        """I19: nobody correct is ever accused."""
        for culprit in culprits:
            member = self.sets[epoch].members[culprit]
            if member in self.correct:
                raise Violation(f"I19 {member!r} is correct and accused")
