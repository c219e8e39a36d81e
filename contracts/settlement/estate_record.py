"""Who inherits a dead person's account: heirs by token, relation and share; no names.

``estate/<person>`` is one array. The token is the home bureau's own word for the heir, whose name
and papers stay in its registry; the calls that write it are in ``estate``.
"""

from __future__ import annotations

from contracts.api import Context, State, Value
from contracts.quick import quick

WHOLE_E4 = 10_000
"""All of it, in ten-thousandths."""
PAYOUTS_MAX = 100
"""Payouts that the record names; older ones are where their ids say."""


@quick(frozen=True, slots=True)
class Heir:
    """One heir."""

    heir: bytes
    """Token, 32 bytes."""
    relation: str
    """A word of ``payout.RECEIVERS``."""
    share_e4: int
    """Of the whole, in ten-thousandths."""


@quick(frozen=True, slots=True)
class Estate:
    """The heirs of one person, and what was divided among them."""

    heirs: tuple[Heir, ...]
    revision: int
    registrar: str
    """Holder who registered the heirs; another one divides."""
    digest: bytes
    """Of the call that made this revision, for retries."""
    payouts: tuple[str, ...]
    """Ids of the payouts of all divisions."""
    salt: bytes

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        heirs = [[one.heir, one.relation, one.share_e4] for one in self.heirs]
        return [heirs, self.revision, self.registrar, self.digest, list(self.payouts), self.salt]

    def shares(self, amount_fen: int) -> list[int]:
        """What each heir gets of an amount, fen: rounded down, the fen that are left to the first
        heirs, so that they add up."""
        shares = [amount_fen * one.share_e4 // WHOLE_E4 for one in self.heirs]
        left = amount_fen - sum(shares)
        return [share + (n < left) for n, share in enumerate(shares)]


def find(state: State, person: str) -> Estate | None:
    """The estate of a person; None where nobody registered heirs."""
    value = state.get(_key(person))
    if value is None:
        return None
    heirs, revision, registrar, digest, payouts, salt = value
    return Estate(
        tuple(Heir(*row) for row in heirs), revision, registrar, digest, tuple(payouts), salt
    )


def heirs_of(state: State, person: str) -> tuple[Heir, ...]:
    """The heirs on record; none where nobody registered any."""
    found = find(state, person)
    return () if found is None else found.heirs


def put(ctx: Context, person: str, made: Estate) -> None:
    """Write it."""
    ctx.state.put(_key(person), made.encode())


def _key(person: str) -> str:
    return f"estate/{person}"
