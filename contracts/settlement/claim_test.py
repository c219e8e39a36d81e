"""External tests (外送检查): what another institution does for somebody who is in hospital.

The stay's doctor orders it at an institution; that institution settles its own bill under the
order, at its own prices and into its own payable, and the stay's benefit decides: it is a part of
the stay (``claim_stay``). So there is one deductible, nobody is admitted twice, each institution
gets what is its own, and an order is used once. The claim itself is an ordinary visit of the
institution that tests.
"""

from __future__ import annotations

from dataclasses import replace

from contracts import organisations
from contracts.api import Answer, Args, Context, reject
from contracts.organisations import Organisation, require_own_id
from contracts.schema import Id
from contracts.settlement import claim as claims
from contracts.settlement import claim_stay, enrolment, stays
from contracts.settlement.claim import CONTRACT
from contracts.settlement.claim_shapes import INSTITUTIONS
from contracts.settlement.claim_stay import Joined
from contracts.settlement.claim_visit import is_inpatient
from contracts.settlement.enrolment import Person
from contracts.settlement.lifecycle import Action, follow
from contracts.settlement.records import Claim, Visit
from contracts.settlement.stays import Stay, exchanged

TESTS_MAX = 20
"""Tests that are ordered and not settled of one stay."""


@CONTRACT.method(
    args={"claim": Id(64), "order": Id(64), "institution": Id(64)},
    kinds=INSTITUTIONS,
    posts=("doctor",),
)
def order_test(ctx: Context, args: Args) -> Answer:
    """Order a test at another institution for somebody who is in hospital; it settles under it.

    Refuses with ``stay.not-a-stay``, ``stay.test-institution``, ``stay.too-many``,
    ``claim.duplicate-id`` and the codes of ``claim.lines``.
    """
    claim_id, order = args["claim"], args["order"]
    require_own_id(ctx, order)
    claim, known, stay = _open_stay(ctx, claim_id)
    named = dict(stay.tests).get(order)
    if named is not None:
        if named != args["institution"]:
            reject("claim.duplicate-id", claim=order)
        return _answer(args, stay)
    there = organisations.load(ctx.state, args["institution"])
    if there is None or there.kind not in INSTITUTIONS or there.id == ctx.sender:
        reject("stay.test-institution", institution=args["institution"])
    if len(stay.tests) >= TESTS_MAX:
        reject("stay.too-many", limit=TESTS_MAX)
    made = replace(stay, tests=(*stay.tests, (order, there.id)))
    _put(ctx, claim, known, stay, made)
    ctx.emit("stay.test-ordered", claim=claim_id, order=order, institution=there.id)
    return _answer(args, made)


@CONTRACT.method(
    args={"claim": Id(64), "order": Id(64)}, kinds=INSTITUTIONS, posts=("doctor", "operator")
)
def withdraw_test(ctx: Context, args: Args) -> Answer:
    """Withdraw the order of a test that was not settled. Refuses with ``stay.test-not-ordered``."""
    claim, known, stay = _open_stay(ctx, args["claim"])
    named = dict(stay.tests).get(args["order"])
    if named is None:
        reject("stay.test-not-ordered", order=args["order"], institution=ctx.sender)
    made = replace(stay, tests=tuple(row for row in stay.tests if row[0] != args["order"]))
    _put(ctx, claim, known, stay, made)
    ctx.emit("stay.test-withdrawn", claim=args["claim"], order=args["order"], institution=named)
    return _answer(args, made)


def join(
    ctx: Context,
    claim_id: str,
    institution: Organisation,
    person: Person,
    visit: Visit,
    args: Args,
) -> Joined:
    """The stay under whose order a test is settled.

    Refuses with ``stay.test-not-ordered``, ``stay.test-kind``, ``stay.test-dates``,
    ``stay.not-going``, ``claim.flag-alone``.
    """
    order = args["order"]
    for flag in ("goes_on", "continues", "overlap"):
        if flag in args or flag in (args["visit"] or {}):
            reject("claim.flag-alone", flag=flag, partner="stay")
    known = stays.of_person(ctx.state, person.id)
    stay = next((one for one in known if (order, institution.id) in one.tests), None)
    if stay is None:
        reject("stay.test-not-ordered", order=order, institution=institution.id)
    if is_inpatient(visit.care_kind):
        reject("stay.test-kind", care_kind=visit.care_kind)
    if visit.admission < stay.admission:
        reject("stay.test-dates", admission=visit.admission, stay_admission=stay.admission)
    return claim_stay.as_test(ctx, stay, known, claim_id, order, visit, institution)


def _open_stay(ctx: Context, claim_id: str) -> tuple[Claim, tuple[Stay, ...], Stay]:
    """The sender's open claim and its stay."""
    claim = claims.load(ctx, claim_id)
    follow(claim.state, Action.ORDER)
    known = stays.of_person(ctx.state, claim.person)
    stay = next((one for one in known if one.going == claim_id), None)
    if stay is None:
        reject("stay.not-a-stay", claim=claim_id, care_kind=claim.visit.care_kind)
    return claim, known, stay


def _put(ctx: Context, claim: Claim, known: tuple[Stay, ...], stay: Stay, made: Stay) -> None:
    person = enrolment.require_person(ctx.state, claim.person)
    stays.put(ctx, person, exchanged(known, stay, made))


def _answer(args: Args, stay: Stay) -> Answer:
    return {"claim": args["claim"], "order": args["order"], "waiting": len(stay.tests)}
