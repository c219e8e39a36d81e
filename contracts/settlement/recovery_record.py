"""What is kept of a recovery from a liable third party (第三人责任追偿), and its life as a table.

``recovery/<id>`` is one array; ``recovery-of/<claim>`` names the recovery of a settlement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from contracts.api import Context, State, Value, reject
from contracts.settlement.clearing import owed
from contracts.settlement.life import START, Life
from contracts.settlement.records import Claim, salt_of

PAY_FIRST = "pay_first"
"""Reason of ``claim.resettle`` where the fund pays first."""
NOT_PAID, NOT_FOUND, LIABLE_LATER = "not_paid", "not_found", "liable_later"
GROUNDS = (NOT_PAID, NOT_FOUND, LIABLE_LATER)
"""The liable party does not pay; nobody knows who it is; the fund has paid already and somebody
turns out to be liable."""


class RecoveryStage(StrEnum):
    """Where a recovery stands."""

    REGISTERED = "registered"
    """One person of the home bureau has taken it up."""
    AGREED = "agreed"
    """Another one agrees: the fund may pay first, the liable party may be asked."""
    DEMANDED = "demanded"
    """The liable party owes an amount, by a day, to a bank; it may come in parts."""
    RECOVERED = "recovered"
    """All that was demanded has come."""
    CLOSED = "closed"
    """Given up, with a reason; it may be demanded again."""
    REFUSED = "refused"
    """The second person does not agree; final."""
    WITHDRAWN = "withdrawn"
    """Taken back before anything was paid or demanded; final."""


class RecoveryStep(StrEnum):
    """What can happen to a recovery."""

    REGISTER = "register"
    AGREE = "agree"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    PAY_FIRST = "pay-first"
    DEMAND = "demand"
    RECEIVE = "receive"
    COMPLETE = "complete"
    GIVE_BACK = "give-back"
    CLOSE = "close"


_S, _A = RecoveryStage, RecoveryStep
TABLE: dict[tuple[str, RecoveryStep], RecoveryStage] = {
    (START, _A.REGISTER): _S.REGISTERED,
    (_S.REGISTERED, _A.AGREE): _S.AGREED,
    (_S.REGISTERED, _A.REFUSE): _S.REFUSED,
    (_S.REGISTERED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.AGREED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.AGREED, _A.PAY_FIRST): _S.AGREED,
    (_S.AGREED, _A.DEMAND): _S.DEMANDED,
    (_S.AGREED, _A.CLOSE): _S.CLOSED,
    (_S.DEMANDED, _A.DEMAND): _S.DEMANDED,
    (_S.DEMANDED, _A.RECEIVE): _S.DEMANDED,
    (_S.DEMANDED, _A.COMPLETE): _S.RECOVERED,
    (_S.DEMANDED, _A.GIVE_BACK): _S.DEMANDED,
    (_S.DEMANDED, _A.CLOSE): _S.CLOSED,
    (_S.RECOVERED, _A.GIVE_BACK): _S.DEMANDED,
    (_S.CLOSED, _A.DEMAND): _S.DEMANDED,
}
"""(stage, step) -> next stage. What is missing is refused."""

_LIFE = Life(TABLE, RecoveryStage, "recovery.wrong-stage", ("stage", "step"))
follow = _LIFE.follow
mermaid = _LIFE.mermaid

ENDED_UNUSED = (RecoveryStage.REFUSED, RecoveryStage.WITHDRAWN)
"""As if nobody had taken it up."""


@dataclass(frozen=True, slots=True)
class Part:
    """Money that came from the liable party."""

    payment: str
    amount_fen: int
    by_fund: tuple[tuple[str, int], ...]
    """(fund type, fen): to which funds it went."""
    reference: str
    """The bank's."""
    given_back: bool
    """It was not meant for this, and went back."""
    bank: str
    """Where it came in: a later demand may name another bank."""

    def encode(self) -> Value:
        """As the state has it."""
        rows = [list(row) for row in self.by_fund]
        return [
            self.payment, self.amount_fen, rows, self.reference, self.given_back, self.bank
        ]  # fmt: skip

    @classmethod
    def decode(cls, value: Value) -> Part:
        """From the state's value."""
        payment, amount, rows, reference, given_back, bank = value
        by_fund = tuple((fund, fen) for fund, fen in rows)
        return cls(payment, amount, by_fund, reference, given_back, bank)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """One recovery."""

    stage: RecoveryStage
    claim: str
    """The settlement that stands; after a payment in advance the one that made it."""
    grounds: str
    liable: bytes
    """Token of the liable party, 32 bytes; empty where nobody knows who it is."""
    registrar: str
    """Holder who registered it; another one agrees and closes."""
    paid_first: bool
    """Whether the fund has paid in advance because of it."""
    demanded_fen: int
    due_on: str
    bank: str
    """Where the money is to come in; this bank reports it."""
    parts: tuple[Part, ...]
    reason: str
    """Why it was refused or closed."""
    restored: tuple[tuple[int, Mapping[str, int]], ...]
    """(benefit year, name -> fen) that the counters have back because all of it has come."""
    digest: bytes
    """Of the call that registered it, for retries."""
    last: bytes
    """Of the last call that changed it."""
    salt: bytes

    @property
    def recovered_fen(self) -> int:
        """What has come and stayed."""
        return sum(part.amount_fen for part in self.parts if not part.given_back)

    @property
    def by_fund(self) -> dict[str, int]:
        """The same by fund type."""
        sums: dict[str, int] = {}
        for part in self.parts:
            for fund, fen in () if part.given_back else part.by_fund:
                sums[fund] = sums.get(fund, 0) + fen
        return sums

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [
            self.stage.value, self.claim, self.grounds, self.liable, self.registrar,
            self.paid_first, self.demanded_fen, self.due_on, self.bank,
            [part.encode() for part in self.parts], self.reason,
            [[year, dict(deltas)] for year, deltas in self.restored], self.digest, self.last,
            self.salt,
        ]  # fmt: skip

    @classmethod
    def decode(cls, value: Value) -> Recovery:
        """From the state's value."""
        (stage, claim, grounds, liable, registrar, paid_first, demanded, due, bank, parts, reason,
         restored, digest, last, salt) = value  # fmt: skip
        return cls(
            stage=RecoveryStage(stage), claim=claim, grounds=grounds, liable=liable,
            registrar=registrar, paid_first=paid_first, demanded_fen=demanded, due_on=due,
            bank=bank, parts=tuple(Part.decode(part) for part in parts), reason=reason,
            restored=tuple((year, deltas) for year, deltas in restored), digest=digest, last=last,
            salt=salt,
        )  # fmt: skip


def find(state: State, name: str) -> Recovery | None:
    """The recovery of an id; None where there is none."""
    value = state.get(f"recovery/{name}")
    return None if value is None else Recovery.decode(value)


def load(state: State, name: str) -> Recovery:
    """The recovery. Refuses with ``recovery.not-found``."""
    found = find(state, name)
    if found is None:
        reject("recovery.not-found", recovery=name)
    return found


def put(ctx: Context, name: str, made: Recovery) -> None:
    """Write it, and whose it is."""
    ctx.state.put(f"recovery/{name}", made.encode())
    key = _of(made.claim)
    if made.stage in ENDED_UNUSED:
        ctx.state.delete(key)
    else:
        ctx.state.put(key, [name, salt_of(ctx, made.salt, key)])


def of_claim(state: State, claim: str) -> tuple[str, Recovery] | None:
    """Id and record of a settlement's recovery; None where there is none."""
    value = state.get(_of(claim))
    return None if value is None else (value[0], load(state, value[0]))


def recoverable(claim: Claim, made: Recovery) -> list[tuple[str, int]]:
    """(fund type, fen) that may still come back of what the funds pay, last payer first."""
    back = made.by_fund
    return [(fund, fen - back.get(fund, 0)) for fund, fen in owed.deductible(claim)]


def left_of(state: State, name: str, claim: Claim) -> list[tuple[str, int]]:
    """``recoverable`` of a settlement that perhaps nobody recovers anything of."""
    found = of_claim(state, name)
    return owed.deductible(claim) if found is None else recoverable(claim, found[1])


def require_free(state: State, claim: str) -> None:
    """A settlement that money is demanded for, or has come back of, is not taken back.

    Refuses with ``recovery.under-way``.
    """
    found = of_claim(state, claim)
    if found is None:
        return
    name, made = found
    if made.stage in (_S.DEMANDED, _S.RECOVERED) or made.recovered_fen:
        reject(
            "recovery.under-way", claim=claim, recovery=name, stage=made.stage.value,
            recovered_fen=made.recovered_fen,
        )  # fmt: skip


def lifts_bar(state: State, claim: str, reason: str) -> bool:
    """Whether a settlement is decided as if nobody else were liable, since the fund pays first.

    Refuses with ``recovery.not-agreed`` a payment in advance that nobody has agreed to.
    """
    found = of_claim(state, claim)
    if reason != PAY_FIRST:
        return found is not None and found[1].paid_first
    if found is None or found[1].grounds == LIABLE_LATER:
        reject("recovery.not-agreed", claim=claim, stage="")
    name, made = found
    if made.stage is not _S.AGREED:
        reject("recovery.not-agreed", claim=claim, recovery=name, stage=made.stage.value)
    return True


def follow_claim(ctx: Context, old: str, new: str, reason: str) -> None:
    """A settlement was made anew in another's place: the recovery is of the new one."""
    found = of_claim(ctx.state, old)
    if found is None:
        return
    name, made = found
    stage = made.stage
    if reason == PAY_FIRST:
        stage = follow(stage, RecoveryStep.PAY_FIRST)
    ctx.state.delete(_of(old))
    put(
        ctx, name,
        replace(made, stage=stage, claim=new, paid_first=made.paid_first or reason == PAY_FIRST),
    )  # fmt: skip


def _of(claim: str) -> str:
    return f"recovery-of/{claim}"
