"""Who votes, how many make a quorum, whose turn it is. Pure arithmetic, no state.

With n members at most f = (n - 1) // 3 may be faulty, and a quorum is
Q = (n + f) // 2 + 1: two quorums share at least f + 1 members (2Q - n >= f + 1), so at least one
correct one, and n - f correct members can always form one (Q <= n - f). Never write 2f + 1 or two
thirds in code: they are right only for n = 3f + 1 (CONSENSUS.md B1, the bug of IBFT 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from consensus.errors import DriverError

MemberId = NewType("MemberId", bytes)
"""An opaque name of a validator *with its key*: a rotated key is another member."""

MEMBERS_MAX = 63
"""STATUS carries a bit for each member in one integer below 2^63."""


def max_faulty(n: int) -> int:
    """How many of ``n`` members may lie without harm."""
    return (n - 1) // 3


def quorum(n: int) -> int:
    """The number of distinct members whose signatures decide."""
    return (n + max_faulty(n)) // 2 + 1


@dataclass(frozen=True, slots=True)
class ValidatorSet:
    """The members of one epoch, in the order that gives them their indexes."""

    epoch: int
    """0 for genesis; one more after each epoch-final block."""
    members: tuple[MemberId, ...]
    """Distinct, at least one; a signer is an index into this tuple."""
    rotation: int = 0
    """Offset of the first primary, so that the same bureau is not always first
    (the first 8 bytes of the set's hash as an integer; the core only takes it modulo n)."""

    def __post_init__(self) -> None:
        if not self.members:
            raise DriverError("a validator set needs a member", epoch=self.epoch)
        if len(self.members) > MEMBERS_MAX:
            raise DriverError("too many members", members=len(self.members), limit=MEMBERS_MAX)
        if len(dict.fromkeys(self.members)) != len(self.members):
            raise DriverError("a member stands twice in the validator set", epoch=self.epoch)
        if self.epoch < 0 or self.rotation < 0:
            raise DriverError("negative", epoch=self.epoch, rotation=self.rotation)

    @property
    def size(self) -> int:
        return len(self.members)

    @property
    def faulty(self) -> int:
        return max_faulty(self.size)

    @property
    def quorum(self) -> int:
        return quorum(self.size)

    def primary(self, view: int) -> int:
        """Index of the member that proposes in ``view``."""
        return (view + self.rotation) % self.size

    def seat(self, identities: tuple[MemberId, ...]) -> int | None:
        """Index of the first of ``identities`` that is a member, None when none is."""
        for identity in identities:
            if identity in self.members:
                return self.members.index(identity)
        return None
