"""``claim.ask_consent``, ``give_consent``, ``withdraw_consent``: bureaus let money go back.

An institution takes a settlement back alone until it has declared it. Then the month's figures are
out, and the bureau of the place of care must agree; once the period is cleared the insured place
has paid, and its bureau must agree too. A consent names the claim and the amount that leaves the
bill, is proposed by one person of the bureau and given by another, and is good for one refund.

State: ``consent/<claim>/<side>``, side ``care`` or ``home``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from contracts.api import Answer, Args, Context, State, Value, reject
from contracts.organisations import require_competent
from contracts.schema import Fen, Id, OneOf
from contracts.settlement import claim as claims
from contracts.settlement import recovery_record
from contracts.settlement.claim import CONTRACT
from contracts.settlement.clearing import account_record
from contracts.settlement.clearing.standing import standing
from contracts.settlement.life import START, Life
from contracts.settlement.lifecycle import Action, ClaimState, follow
from contracts.settlement.records import Claim

CARE, HOME = "care", "home"
SIDES = (CARE, HOME)


class ConsentState(StrEnum):
    """Where a consent stands."""

    PROPOSED = "proposed"
    """One person of the bureau has looked at it."""
    GIVEN = "given"
    """A second one agrees; good for one refund of this amount."""
    USED = "used"
    """The refund was made; another one needs another consent."""
    WITHDRAWN = "withdrawn"


class ConsentStep(StrEnum):
    """What can happen to a consent."""

    PROPOSE = "propose"
    GIVE = "give"
    WITHDRAW = "withdraw"
    USE = "use"


_S, _A = ConsentState, ConsentStep
TABLE: dict[tuple[str, ConsentStep], ConsentState] = {
    (START, _A.PROPOSE): _S.PROPOSED,
    (_S.PROPOSED, _A.GIVE): _S.GIVEN,
    (_S.PROPOSED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.GIVEN, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.GIVEN, _A.USE): _S.USED,
    (_S.WITHDRAWN, _A.PROPOSE): _S.PROPOSED,
    (_S.USED, _A.PROPOSE): _S.PROPOSED,
}
"""(state, step) -> next state. What is missing is refused."""

_LIFE = Life(TABLE, ConsentState, "consent.wrong-state", ("state", "step"))
follow_consent = _LIFE.follow
mermaid = _LIFE.mermaid

NEEDS: dict[ClaimState, tuple[str, ...]] = {
    ClaimState.DECLARED: (CARE,),
    ClaimState.AUDITED: (CARE,),
    ClaimState.CLEARED: (CARE, HOME),
}
"""Whose consent a refund needs, by where the claim stands; elsewhere nobody's."""


@dataclass(frozen=True, slots=True)
class Consent:
    """One bureau's consent to one refund."""

    state: ConsentState
    amount_fen: int
    """What leaves the bill: the whole of it, or what comes back of its lines."""
    bureau: str
    proposer: str
    """Holder who proposed it; another one gives it."""
    giver: str
    reversal: str
    """The refund that used it."""

    def encode(self) -> Value:
        """As the state has it."""
        return [
            self.state.value, self.amount_fen, self.bureau, self.proposer, self.giver,
            self.reversal,
        ]  # fmt: skip


def find(state: State, claim_id: str, side: str) -> Consent | None:
    """The consent of a side; None where nobody was asked."""
    value = state.get(_key(claim_id, side))
    return None if value is None else Consent(ConsentState(value[0]), *value[1:])


def take_back(
    ctx: Context, claim_id: str, claim: Claim, amount_fen: int, reversal: str
) -> ClaimState:
    """The state of a claim that is taken back; uses up the consents that this needs.

    The one rule for all ways in which money goes back. Refuses with ``claim.wrong-state``,
    ``consent.missing``, ``consent.amount``, ``recovery.under-way``.
    """
    stands = standing(ctx.state, claim)
    after = follow(stands, Action.REVERSE)
    recovery_record.require_free(ctx.state, claim_id)
    needed = NEEDS.get(stands, ())
    for side in needed:
        found = find(ctx.state, claim_id, side)
        if found is None or found.state is not ConsentState.GIVEN:
            reject(
                "consent.missing", claim=claim_id, state=stands.value, side=side,
                consent="none" if found is None else found.state.value,
            )  # fmt: skip
        if found.amount_fen != amount_fen:
            reject(
                "consent.amount", claim=claim_id, side=side, consented_fen=found.amount_fen,
                asked_fen=amount_fen,
            )  # fmt: skip
        used = replace(found, state=follow_consent(found.state, _A.USE), reversal=reversal)
        ctx.state.put(_key(claim_id, side), used.encode())
        ctx.emit("consent.used", claim=claim_id, side=side, reversal=reversal)
    account_record.roll(ctx.state, claim.institution, [claim], -1)
    return after


_ARGS = {"claim": Id(64), "side": OneOf(*SIDES), "amount_fen": Fen(1)}
_POSTS = ("clerk", "checker", "finance")


@CONTRACT.method(args=_ARGS, kinds=("bureau",), posts=("clerk", "finance"))
def ask_consent(ctx: Context, args: Args) -> Answer:
    """Propose that a refund of an amount may be made; a second person gives the consent.

    Refuses with ``sender.not-competent``, ``consent.not-needed``, ``consent.amount``,
    ``consent.wrong-state``.
    """
    claim = _claim(ctx, args)
    known = find(ctx.state, args["claim"], args["side"])
    if known is not None and _again(known, _S.PROPOSED, known.proposer, args, ctx):
        return _answer(args, known)
    stands = standing(ctx.state, claim)
    if args["side"] not in NEEDS.get(stands, ()):
        reject("consent.not-needed", claim=args["claim"], side=args["side"], state=stands.value)
    assert claim.settled is not None, "what was declared is settled"
    if args["amount_fen"] > claim.settled.sums[0]:
        reject(
            "consent.amount", claim=args["claim"], side=args["side"],
            consented_fen=args["amount_fen"], asked_fen=claim.settled.sums[0],
        )  # fmt: skip
    state = follow_consent(START if known is None else known.state, _A.PROPOSE)
    made = Consent(state, args["amount_fen"], ctx.sender, ctx.holder, "", "")
    return _store(ctx, args, claim, made)


@CONTRACT.method(args=_ARGS, kinds=("bureau",), posts=("checker",))
def give_consent(ctx: Context, args: Args) -> Answer:
    """Give a consent that another person of the bureau proposed, for the same amount.

    Refuses with ``consent.same-holder``, ``consent.amount``, ``consent.wrong-state``.
    """
    claim = _claim(ctx, args)
    known = find(ctx.state, args["claim"], args["side"])
    if known is not None and _again(known, _S.GIVEN, known.giver, args, ctx):
        return _answer(args, known)
    state = follow_consent(START if known is None else known.state, _A.GIVE)
    assert known is not None, "only what was proposed is given"
    if known.proposer == ctx.holder:
        reject("consent.same-holder", claim=args["claim"], holder=ctx.holder)
    if known.amount_fen != args["amount_fen"]:
        reject(
            "consent.amount", claim=args["claim"], side=args["side"],
            consented_fen=known.amount_fen, asked_fen=args["amount_fen"],
        )  # fmt: skip
    return _store(ctx, args, claim, replace(known, state=state, giver=ctx.holder))


@CONTRACT.method(args={"claim": Id(64), "side": OneOf(*SIDES)}, kinds=("bureau",), posts=_POSTS)
def withdraw_consent(ctx: Context, args: Args) -> Answer:
    """Take a consent back that was not used yet."""
    claim = _claim(ctx, args)
    known = find(ctx.state, args["claim"], args["side"])
    if known is not None and known.state is _S.WITHDRAWN:
        return _answer(args, known)
    state = follow_consent(START if known is None else known.state, _A.WITHDRAW)
    assert known is not None, "only what is there is withdrawn"
    return _store(ctx, args, claim, replace(known, state=state))


def _again(known: Consent, state: ConsentState, holder: str, args: Args, ctx: Context) -> bool:
    """Whether the same person says the same once more."""
    said = (known.state, known.amount_fen, known.bureau, holder)
    return said == (state, args["amount_fen"], ctx.sender, ctx.holder)


def _claim(ctx: Context, args: Args) -> Claim:
    claim = claims.find(ctx.state, args["claim"])
    if claim is None:
        reject("claim.not-found", claim=args["claim"])
    require_competent(ctx, claim.care if args["side"] == CARE else claim.area)
    return claim


def _store(ctx: Context, args: Args, claim: Claim, made: Consent) -> Answer:
    ctx.state.put(_key(args["claim"], args["side"]), made.encode())
    ctx.emit(
        f"consent.{made.state.value}", claim=args["claim"], side=args["side"],
        amount_fen=made.amount_fen, institution=claim.institution, care=claim.care,
        area=claim.area,
    )  # fmt: skip
    return _answer(args, made)


def _answer(args: Args, made: Consent) -> Answer:
    return {
        "claim": args["claim"], "side": args["side"], "state": made.state.value,
        "amount_fen": made.amount_fen,
    }  # fmt: skip


def _key(claim_id: str, side: str) -> str:
    return f"consent/{claim_id}/{side}"
