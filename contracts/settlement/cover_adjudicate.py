"""The layer of a commercial product: its rule's answer, held to what is open. Pure.

A product's rule is a policy source like a pooling area's. It is run after the home policy's layers
and is told the same case, with their payments under ``paid``, what is ``open`` and its own counters
of its own year. It may pay as ``commercial`` and as nothing else, and not more than is open. A rule
that fails, overspends or uses up its units pays nothing: the settlement goes on without it and says
why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from contracts.api import Rejected, reject
from contracts.meter import PolicyError
from contracts.quick import quick
from contracts.settlement.adjudicate import Open, layer
from contracts.settlement.answer import Answer, read_answer
from contracts.settlement.case import Case
from contracts.settlement.decision import Decision, Payment
from contracts.settlement.money import FEN_LIMIT
from contracts.settlement.terms import COMMERCIAL

Value = Any


class Rule(Protocol):
    """What is asked of a product's program."""

    def settle(self, case: Case) -> tuple[Value, list[dict[str, Value]]]:
        """The rule's answer and the steps it recorded."""


@quick(frozen=True, slots=True)
class CoverAnswer:
    """What a product's rule says of one bill. Without payments ``reason`` may say why."""

    payments: tuple[Payment, ...]
    counters: Mapping[str, int]
    """What to add to the product's counters of the year; nothing is 0."""
    steps: tuple[dict[str, Value], ...]
    reason: str = ""
    values: Mapping[str, Value] | None = None
    """What was compared, beside ``reason``."""

    @property
    def amount_fen(self) -> int:
        """What the product pays in all."""
        return sum(payment.amount_fen for payment in self.payments)


def open_after(decision: Decision) -> Open:
    """What the layers of a decision have left."""
    inside = sum(payment.in_scope_fen for payment in decision.payments)
    paid = sum(payment.amount_fen for payment in decision.payments)
    outside = decision.total_fen - decision.in_scope_fen
    return Open(decision.in_scope_fen - inside, outside - (paid - inside))


def case_for(
    case: Case, decision: Decision, still_open: Open, year: int, counters: Mapping[str, int]
) -> Case:
    """The case of a product: the home policy's, its payments made, the product's own counters.

    What the person pays the rest from is not the insurer's business: no balances are told.
    """
    told = {key: value for key, value in case.items() if key != "counters_by_year"}
    return told | {
        "sums": {
            "total_fen": decision.total_fen,
            "own_expense_fen": decision.own_expense_fen,
            "over_ceiling_fen": decision.over_ceiling_fen,
            "first_pay_fen": decision.first_pay_fen,
            "in_scope_fen": decision.in_scope_fen,
        },
        "lines": [line.for_policy() for line in decision.lines],
        "paid": [
            {"fund": p.fund, "payer": p.payer, "base": p.base, "amount_fen": p.amount_fen}
            for p in decision.payments
        ],
        "counters": dict(counters),
        "use_account": False,
        "account_balance_fen": 0,
        "family_balance_fen": 0,
        "year": year,
        "open": {
            "in_scope_fen": still_open.in_scope_fen,
            "out_of_scope_fen": still_open.outside_fen,
        },
    }


def ask(rule: Rule, case: Case, still_open: Open) -> CoverAnswer:
    """Run a product's rule and take what it pays out of ``still_open``, whole or not at all."""
    try:
        return answer_of(rule, case, still_open)
    except (PolicyError, Rejected) as problem:
        return CoverAnswer((), {}, (), problem.code, dict(problem.values))


def answer_of(rule: Rule, case: Case, still_open: Open) -> CoverAnswer:
    """As ``ask``, but what is wrong is raised: ``PolicyError``, ``Rejected``."""
    value, steps = rule.settle(case)
    answer = read_answer(value)
    left = Open(still_open.in_scope_fen, still_open.outside_fen)
    payments = []
    for wanted in answer.payments:
        if wanted.fund != COMMERCIAL:
            reject("cover.foreign-fund", fund=wanted.fund)
        payment = layer(wanted, left, case["year"])
        if payment is not None and payment.amount_fen:
            payments.append(payment)
    counters = _counters(case, answer)
    still_open.in_scope_fen, still_open.outside_fen = left.in_scope_fen, left.outside_fen
    return CoverAnswer(
        payments=tuple(payments),
        counters=counters,
        steps=tuple({**step, "year": case["year"]} for step in [*steps, *answer.steps]),
        reason="" if payments or not answer.refusals else answer.refusals[0],
    )


def _counters(case: Case, answer: Answer) -> dict[str, int]:
    """What is added; a counter that would leave what can be kept is refused."""
    before: Mapping[str, int] = case["counters"]
    added = {name: delta for name, delta in sorted(answer.counters.items()) if delta}
    for name, delta in added.items():
        after = before.get(name, 0) + delta
        if after < 0:
            reject("counters.negative", name=name)
        if after > FEN_LIMIT:
            reject("policy.answer-malformed", path=f"counters.{name}",
                   want=f"at most {FEN_LIMIT} after this settlement")  # fmt: skip
    return added


def with_payments(
    decision: Decision, payments: tuple[Payment, ...], *, own_fen: int, family_fen: int
) -> Decision:
    """The decision with commercial payments after its own: less is left for the person.

    ``own_fen``, ``family_fen``: what the person's and relatives' accounts may give at most. An
    account still pays only of the part that the policy lets it pay of.
    """
    before = open_after(decision)
    inside_limit = min(decision.account_limit_fen, before.in_scope_fen)
    outside_limit = decision.account_limit_fen - inside_limit
    for payment in payments:
        taken = before.pay(payment.base, payment.amount_fen)
        assert taken == payment.in_scope_fen, "a payment covers another part than it was taken from"
    person = before.in_scope_fen + before.outside_fen
    limit = min(inside_limit, before.in_scope_fen) + min(outside_limit, before.outside_fen)
    account = min(limit, own_fen)
    family = min(limit - account, family_fen)
    made = replace(
        decision,
        payments=(*decision.payments, *payments),
        person_fen=person,
        account_fen=account + family,
        family_fen=family,
        cash_fen=person - account - family,
        account_limit_fen=limit,
    )
    made.check()
    return made
