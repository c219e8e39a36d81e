"""What a settlement leaves to be read: amounts and versions in the receipt, steps beside it.

The receipt is permanent and carries money and versions only. Why each amount is what it is, which
counters moved, and every line's split go into the explanation, a derived attachment that the
receipt commits to: age or low income must not be readable from what can never be erased
(ARCHITECTURE.md section 3).
"""

from __future__ import annotations

from typing import Any

from contracts.api import Answer, Context, Value
from contracts.settlement.claim_case import Facts
from contracts.settlement.claim_lines import Rows
from contracts.settlement.claim_own import OwnMeans
from contracts.settlement.decision import CounterChange, Decision
from contracts.settlement.records import Claim, Settled
from contracts.settlement.terms import PAYER_COMMERCIAL, PAYER_FUND, PAYER_WAIVER

LINE_FIELDS = (
    "line", "code", "class", "service_date", "asked_fen", "adjusted_fen", "approved_fen",
    "valued_fen", "paid_fen", "own_expense_fen", "over_ceiling_fen", "first_pay_fen", "first_pay",
    "reason",
)  # fmt: skip
"""Order of a line in an explanation.

Every line keeps five amounts (SETTLEMENT.md section 6): asked by the institution; adjusted, which
is what was asked until supervision corrects it; approved, its in-scope part; valued, its share of
what the funds pay; paid, what clearing has confirmed of it, nothing at settlement.
"""

_PAID_BY = {
    PAYER_FUND: "funds_fen",
    PAYER_COMMERCIAL: "commercial_fen",
    PAYER_WAIVER: "hospital_share_fen",
}
_SUMS = ("total_fen", "own_expense_fen", "over_ceiling_fen", "first_pay_fen", "in_scope_fen")


def tell_amounts(ctx: Context, decision: Decision) -> None:
    """Put the money into the receipt: the four sums, every payer, each fund by its type."""
    amounts = ctx.amounts
    for name in _SUMS:
        amounts[name] = getattr(decision, name)
    amounts["funds_fen"] = amounts["commercial_fen"] = amounts["hospital_share_fen"] = 0
    for payment in decision.payments:
        amounts[_PAID_BY[payment.payer]] += payment.amount_fen
    amounts["person_fen"] = decision.person_fen
    amounts["account_fen"] = decision.account_fen
    amounts["credit_fen"] = decision.credit_fen
    amounts["cash_fen"] = decision.cash_fen
    for payment in decision.payments:
        name = f"fund_{payment.fund}_fen"
        amounts[name] = amounts.get(name, 0) + payment.amount_fen


def answer_of(claim_id: str, settled: Settled) -> Answer:
    """The answer of a settlement, the same when it is asked for again."""
    paid = dict.fromkeys(_PAID_BY.values(), 0)
    for _, payer, amount in settled.payments:
        paid[_PAID_BY[payer]] += amount
    return {
        "claim": claim_id,
        "state": "settled",
        "total_fen": settled.sums[0],
        **paid,
        "person_fen": settled.person_fen,
        "account_fen": settled.account_fen,
        "credit_fen": settled.own.credit_fen,
        "cash_fen": settled.cash_fen,
    }


def explanation_of(
    claim_id: str,
    claim: Claim,
    facts: Facts,
    decision: Decision,
    rows: Rows,
    *,
    counters: tuple[CounterChange, ...],
    time_ms: int,
    as_of_ms: int,
) -> dict[str, Any]:
    """The explanation of a settlement: a plain map that ``statement`` prints from."""
    cover = facts.cover
    return {
        "claim": claim_id,
        "institution": claim.institution,
        "care": claim.care,
        "person": claim.person,
        "area": claim.area,
        "scheme": claim.scheme,
        "settled_ms": time_ms,
        "visit": {
            "care_kind": facts.visit.care_kind,
            "admission": facts.visit.admission,
            "discharge": facts.visit.discharge,
        },
        "filing": {
            "id": cover.filing,
            "version": cover.version,
            "type": cover.type,
            "in_time": cover.in_time,
            "reason": cover.reason,
        },
        "sums": {name: getattr(decision, name) for name in _SUMS},
        "deductible_fen": decision.deductible_fen,
        "payments": [payment.to_json() for payment in decision.payments],
        "own": {
            "person_fen": decision.person_fen,
            "account_fen": decision.account_fen,
            "family_fen": decision.family_fen,
            "credit_fen": decision.credit_fen,
            "cash_fen": decision.cash_fen,
            "account_limit_fen": decision.account_limit_fen,
        },
        **_own_money(facts.own, decision.account_fen - decision.family_fen),
        "counters": [[c.year, c.name, c.before, c.delta] for c in counters],
        "counters_as_of_ms": as_of_ms,
        "steps": list(decision.steps),
        "refusals": [[r.code, r.line, r.amount_fen] for r in decision.refusals],
        "lines": _lines(decision, rows),
    }


def _own_money(own: OwnMeans, used_fen: int) -> dict[str, Any]:
    """Account and wallet before and after; the account is used first."""
    account = min(used_fen, own.account_fen)
    wallet = used_fen - account
    return {
        "account": {"before_fen": own.account_fen, "after_fen": own.account_fen - account},
        "wallet": {"before_fen": own.wallet_fen, "after_fen": own.wallet_fen - wallet},
    }


def _lines(decision: Decision, rows: Rows) -> list[Value]:
    """Every line with its five amounts, in the order of ``LINE_FIELDS``."""
    valued = share_out(
        sum(p.in_scope_fen for p in decision.payments if p.payer == PAYER_FUND),
        [line.in_scope_fen for line in decision.lines],
    )
    return [
        [
            row[0],
            line.code,
            line.item_class,
            line.service_date,
            line.amount_fen,
            line.amount_fen,
            line.in_scope_fen,
            share,
            0,
            line.own_expense_fen,
            line.over_ceiling_fen,
            line.first_pay_fen,
            line.first_pay,
            line.reason,
        ]
        for row, line, share in zip(rows, decision.lines, valued, strict=True)
    ]


def share_out(amount_fen: int, weights: list[int]) -> list[int]:
    """``amount_fen`` over the weights in proportion, to the fen, by running totals.

    Each share is the difference of two rounded-down running totals, so the shares sum exactly and
    none is above its weight while the amount is not above their sum.
    """
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    shares, running, given = [], 0, 0
    for weight in weights:
        running += weight
        until = amount_fen * running // whole
        shares.append(until - given)
        given = until
    return shares
