"""``yibao claim rerun``, ``yibao reimburse rerun``: decide again, here and now, what was decided.

Everything that went in is still on the ledger, for those who may see it, and is put together to
the same case (``rerun_case``) and adjudicated by the same code, without the node: first
settlements, settlements in the place of others, reimbursements, and what commercial products
answered. With ``--policy`` another source decides: what a new rule would have made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.client import Client
from cli.exits import Exit
from cli.output import Json, fail, out, print_json, print_table, yuan
from cli.policy_source import load_policy
from cli.rerun_case import (
    CannotRerun,
    Given,
    case_of,
    entitled,
    of_claim,
    of_reimbursement,
    policy_of,
    source_of,
)
from cli.session import open_client
from cli.show import ClaimId
from contracts.api import Rejected
from contracts.meter import PolicyError
from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.benefits_text import formula
from contracts.settlement.case import SUMS, Case
from contracts.settlement.cover_adjudicate import (
    CoverAnswer,
    ask,
    case_for,
    open_after,
    with_payments,
)
from contracts.settlement.cover_record import AT_ONCE
from contracts.settlement.cover_settle import BUDGET_COVER
from contracts.settlement.decision import Decision, Payment

Row = tuple[str, str, str]
"""What, then, now."""

Source = Annotated[
    Path | None, typer.Option("--policy", help="Another source: what it would have decided.")
]


def rerun(
    context: typer.Context, claim: ClaimId, policy: Source = None, as_json: Json = False
) -> None:
    """Decide a settled claim again by what decided it; exit code 1 when it comes out otherwise."""
    with open_client(context) as client:
        try:
            told = client.get(f"/v1/claims/{claim}/explanation")["explanation"]
            rows = decided_again(client, told, of_claim(client, told), policy)
        except CannotRerun as error:
            fail(Exit.NO, str(error))
    _show(claim, rows, policy, as_json)


def rerun_reimbursement(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="REIMBURSEMENT", help="Its id.")],
    policy: Source = None,
    as_json: Json = False,
) -> None:
    """Decide a reimbursement again by what decided it; exit code 1 when it comes out otherwise."""
    with open_client(context) as client:
        try:
            told, given = of_reimbursement(client, name)
            rows = decided_again(client, told, given, policy)
        except CannotRerun as error:
            fail(Exit.NO, str(error))
    _show(name, rows, policy, as_json)


def decided_again(
    client: Client, told: Mapping[str, Any], given: Given, policy: Path | None
) -> list[Row]:
    """Then and now, row by row. Raises ``CannotRerun``; ends the command where it is refused."""
    program = policy_of(client, told) if policy is None else load_policy(policy)
    try:
        case = case_of(client, told, given, program)
        decision = adjudicate(case, entitled(told, case, program))
    except (PolicyError, Rejected) as refusal:
        fail(Exit.NO, f"refused: {refusal.code} {refusal.values}")
    decision, answers = _products(client, told, case, decision)
    return [*compared(told, decision), *_compared_products(told, answers)]


def _show(name: str, rows: list[Row], policy: Path | None, as_json: bool) -> None:
    same = all(before == after for _, before, after in rows)
    if as_json:
        columns = [dict(zip(("what", "then", "now"), row, strict=True)) for row in rows]
        print_json({"claim": name, "same": same, "rows": columns})
    else:
        print_table(f"Decided again 复算 {name}", ("", "then", "now"), rows)
        out.print("The same to the fen and in every step. 一致" if same else "They differ. 不一致")
    if not same and policy is None:
        raise typer.Exit(int(Exit.NO))


def _products(
    client: Client, told: Mapping[str, Any], case: Case, decision: Decision
) -> tuple[Decision, dict[str, CoverAnswer]]:
    """What the products answer that were asked then, by the version of their rule, in the same
    order; the decision with what they pay at once (``cover_settle.add_covers``)."""
    still_open = open_after(decision)
    answers: dict[str, CoverAnswer] = {}
    payments: list[Payment] = []
    for one in told.get("cover", ()):
        if not one["number"]:
            continue  # it was not asked: not held, consent ended ...
        known = client.get(f"/v1/cover/products/{one['product']}")["record"]["versions"]
        wanted = next(v["hash"] for v in known if v["number"] == one["number"])
        rule = source_of(client, wanted, f"product {one['product']}").limited(BUDGET_COVER)
        try:
            year = rule.benefit_year(case["visit"]["discharge"])
        except (PolicyError, Rejected) as problem:
            answers[one["product"]] = CoverAnswer((), {}, (), problem.code)
            continue
        counted = {str(name): int(before) for _, name, before, _ in one["counters"] if before}
        answer = ask(rule, case_for(case, decision, still_open, year, counted), still_open)
        answers[one["product"]] = answer
        if one["pays"] == AT_ONCE:
            payments += answer.payments
    if payments:
        decision = with_payments(
            decision,
            tuple(payments),
            own_fen=case["account_balance_fen"] if case["use_account"] else 0,
            family_fen=case["family_balance_fen"] if case["use_account"] else 0,
        )
    return decision, answers


def _compared_products(told: Mapping[str, Any], answers: Mapping[str, CoverAnswer]) -> list[Row]:
    rows: list[Row] = []
    for one in told.get("cover", ()):
        product = one["product"]
        now = answers.get(product)
        if now is None:
            continue
        rows.append((product, _answer(one["amount_fen"], one["reason"]),
                     _answer(now.amount_fen, now.reason)))  # fmt: skip
        rows += _steps(f"{product} step", one["steps"], now.steps)
    return rows


def _answer(amount_fen: int, reason: str) -> str:
    return f"{yuan(int(amount_fen))} {reason}".strip()


def compared(told: Mapping[str, Any], decision: Decision) -> list[Row]:
    """Then and now: every sum, every payer, the deductible, the person's part, every step."""
    rows = [
        (name.removesuffix("_fen"), yuan(told["sums"][name]), yuan(getattr(decision, name)))
        for name in SUMS
    ]
    then = [(p["fund"], p["why"], p["amount_fen"]) for p in told["payments"]]
    now = [(p.fund, p.why, p.amount_fen) for p in decision.payments]
    rows += [
        (f"payment {number + 1}", _payment(then, number), _payment(now, number))
        for number in range(max(len(then), len(now)))
    ]
    rows += [
        ("deductible", yuan(told["deductible_fen"]), yuan(decision.deductible_fen)),
        ("person", yuan(told["own"]["person_fen"]), yuan(decision.person_fen)),
    ]
    return rows + _steps("step", told["steps"], decision.steps)


def _steps(
    word: str, then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> list[Row]:
    return [
        (f"{word} {number + 1}", _step(then, number), _step(now, number))
        for number in range(max(len(then), len(now)))
    ]


def _payment(payments: Sequence[tuple[str, str, int]], number: int) -> str:
    if number >= len(payments):
        return ""
    fund, why, amount = payments[number]
    return f"{fund} {why} {yuan(int(amount))}"


def _step(steps: Sequence[Mapping[str, Any]], number: int) -> str:
    if number >= len(steps):
        return ""
    return f"{steps[number]['code']}: {formula(steps[number])}"
