"""Every way of care: estimated as it is settled, and no flag or date that does not fit one.

The tables here name every kind of care there is (a test compares them with ``terms``), so a kind
that is added without its row fails.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from hashlib import sha256
from itertools import product
from typing import Any

import pytest

from contracts.settlement.claim_visit import is_inpatient
from contracts.settlement.terms import CARE_KINDS, CHECK_UP, MATERNITY, MATERNITY_KINDS
from tests.contracts.settlement.claim_world import (
    BED,
    COSMETIC,
    DAY,
    IMPLANT,
    TEST,
    ClaimWorld,
    line,
    make_claim_world,
    visit,
)
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.settlement.stay_world import FIRST, SCAN, bed, in_ward, make_stay_world
from tests.contracts.world import (
    ALICE,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    HOSPITAL,
    PHARMACY,
    MemoryState,
    World,
)

CAROL = "p:430100:carol"
"""Whom the home bureau has recognised for diabetes."""
PAPER = {"paper": sha256(b"a signed paper").digest()}
INJURED = {"trauma": True, "third_party": False, "commitment": PAPER}

# kind -> clinical half, institution, what the policy pays of 1,000.00 in scope, in yuan
WAYS: dict[str, tuple[dict[str, Any], str, int]] = {
    "inpatient": ({}, HOSPITAL, 500),
    "outpatient": ({}, HOSPITAL, 510),
    "emergency": ({"emergency": True}, HOSPITAL, 520),
    "emergency_rescue": ({"emergency": True}, HOSPITAL, 530),
    "chronic": ({"chronic_disease": "diabetes"}, HOSPITAL, 540),
    "special_drug": ({}, PHARMACY, 550),
    "pharmacy": ({}, PHARMACY, 560),
    "single_disease": ({}, HOSPITAL, 570),
    "trauma_inpatient": (INJURED, HOSPITAL, 580),
    "trauma_outpatient": (INJURED, HOSPITAL, 590),
    "day_surgery": ({}, HOSPITAL, 600),
    "two_diseases": ({}, HOSPITAL, 610),
    "home_bed": ({}, HOSPITAL, 620),
    "maternity_outpatient": ({"maternity": "abortion"}, HOSPITAL, 630),
    "maternity_inpatient": ({"maternity": "caesarean"}, HOSPITAL, 640),
}

POLICY = """
SHARES = {
SHARES_HERE
}


def settle(case):
    fund = "510100" if case["visit"]["maternity"] != "" else "310100"
    share = part(case["sums"]["in_scope_fen"], SHARES[case["visit"]["care_kind"]], "basic")
    return {"payments": [payment(fund, share, "basic")], "counters": {"paid_fen": share}}
""".replace(
    "SHARES_HERE", "\n".join(f'    "{kind}": "{yuan}/1000",' for kind, (*_, yuan) in WAYS.items())
)


@cache
def _built() -> World:
    made = make_claim_world()
    made.deploy("310", POLICY, "2025-02-01")
    diabetes = [{"disease": "diabetes", "from": "2025-01-01"}]
    enrol(made.world, CAROL, entitlements=diabetes)
    made.file("430100f8", CAROL)
    return made.world


@pytest.fixture
def desk() -> ClaimWorld:
    """A hospital and a pharmacy, and Carol, whose policy pays for each kind of care otherwise."""
    built = _built()
    return ClaimWorld(replace(built, state=MemoryState(built.state.entries), made=[]))


def test_every_way_of_care_has_its_row() -> None:
    assert list(WAYS) == list(CARE_KINDS)


def own(sender: str, name: str) -> str:
    return f"{sender.partition(':')[2]}-{name}"


@pytest.mark.parametrize("registered", [False, True])
@pytest.mark.parametrize("kind", WAYS)
def test_the_estimate_is_the_settlement_to_the_fen(
    desk: ClaimWorld, kind: str, registered: bool
) -> None:
    """Every amount, every version, every step; and whatever was asked, nothing is kept."""
    clinical, sender, paid = WAYS[kind]
    post = "doctor" if clinical.get("emergency") else "operator"
    name = own(sender, "w-1")
    bill = [line(1, BED, 100_000), line(2, COSMETIC, 700, consent=True), line(3, TEST, 333),
            line(4, IMPLANT, 120_001)]  # fmt: skip
    given = visit(CAROL, kind)
    if registered:
        desk.register(name, given, clinical=clinical, sender=sender, post=post)
    more: dict[str, Any] = {"registered": registered, "sender": sender, "post": post,
                            "use_account": True}  # fmt: skip
    if not registered:
        more["clinical"] = clinical
    before = dict(desk.world.state.entries)
    told = desk.settle(name, bill, given, method="estimate", **more)
    assert desk.world.state.entries == before
    assert (told.postings, told.events) == ([], [])
    settled = desk.settle(name, bill, given, **more)
    assert told.amounts == settled.amounts
    assert told.versions == settled.versions
    assert told.answer == settled.answer | {"state": "estimate"}
    assert told.explanation == settled.explanation
    scope = settled.amounts["in_scope_fen"]
    assert settled.amounts["funds_fen"] == (scope * paid + 500) // 1000
    fund = "510100" if kind in MATERNITY_KINDS else "310100"
    assert settled.amounts[f"fund_{fund}_fen"] == settled.amounts["funds_fen"]


def test_a_test_elsewhere_is_estimated_as_it_is_settled() -> None:
    """The parts of a stay have their own such test (``test_stay_parts``)."""
    desk = make_stay_world()
    desk.register(FIRST, in_ward())
    desk.order()
    before = dict(desk.world.state.entries)
    told = desk.scan(method="estimate")
    assert desk.world.state.entries == before
    settled = desk.scan()
    assert (told.amounts, told.explanation) == (settled.amounts, settled.explanation)
    assert told.answer == settled.answer | {"state": "estimate"}
    assert SCAN in str(settled.answer)


# --- Flags ----------------------------------------------------------------------------------------


def expected(
    kind: str, flags: dict[str, Any], post: str
) -> str:  # the rules of RULES.md section 2.4 once more, as a list of what is wrong
    trauma, liable = flags["trauma"], flags["third_party"]
    wrong = []
    if flags["maternity"] and not kind.startswith("maternity"):
        wrong.append("claim.flag-alone")
    if kind in ("emergency", "emergency_rescue") and not flags["emergency"]:
        wrong.append("claim.flag-missing")
    if kind in ("trauma_inpatient", "trauma_outpatient") and not trauma:
        wrong.append("claim.flag-missing")
    if not trauma and (liable is not None or flags["commitment"]):
        wrong.append("claim.flag-alone")
    if trauma and liable is None:
        wrong.append("claim.flag-missing")
    if trauma and liable is False and not flags["commitment"]:
        wrong.append("claim.commitment-missing")
    if not wrong and flags["emergency"] and post != "doctor":
        wrong.append("claim.emergency-post")
    return wrong[0] if wrong else ""


FLAGS = [
    dict(zip(("emergency", "trauma", "third_party", "commitment", "maternity"), row, strict=True))
    for row in product((False, True), (False, True), (None, False, True), (None, PAPER),
                       ("", "caesarean"))
]  # fmt: skip


@pytest.mark.parametrize("kind", WAYS)
def test_every_flag_and_its_partner(desk: ClaimWorld, kind: str) -> None:
    """All 96 combinations of flags and signer, at the settlement, the estimate and admission."""
    clinical, sender, _ = WAYS[kind]
    disease = {"chronic_disease": clinical.get("chronic_disease", "")}
    given = visit(CAROL, kind)
    seen: dict[str, int] = {}
    for flags, post in product(FLAGS, ("operator", "doctor")):
        code = expected(kind, flags, post)
        seen[code] = seen.get(code, 0) + 1
        told = {name: value for name, value in flags.items() if value not in (None, "")}
        asked: dict[str, Any] = {"clinical": told | disease, "sender": sender, "post": post}
        if not code and post == "doctor" and not flags["emergency"]:
            code = "claim.presence-post"  # a doctor attests nobody's presence but an emergency's
        name = own(sender, "f-1")
        for method in ("estimate", "settle") if code else ("estimate",):
            desk.settle(name, None, given, method=method, refused=code, **asked)
        if code:
            desk.register(name, given, refused=code, **asked)
    assert seen[""] >= 4
    assert set(seen) >= {"claim.flag-missing", "claim.flag-alone", "claim.commitment-missing"}


def test_no_flag_carries_words_that_are_not_on_a_list(desk: ClaimWorld) -> None:
    for word in MATERNITY:
        assert desk.settle(given=visit(CAROL, "maternity_inpatient"), method="estimate",
                           clinical={"maternity": word}).ok  # fmt: skip
    desk.settle(given=visit(CAROL, "maternity_inpatient"), clinical={"maternity": "twins"},
                refused="args.shape")  # fmt: skip


# --- Dates ----------------------------------------------------------------------------------------

DAYS = ("2025-06-08", "2025-06-09", DAY, "2025-06-11")
"""The world stands at ``DAY``."""


def dates_code(admission: str, discharge: str, service: str) -> str:
    if admission > discharge or discharge > DAY:
        return "claim.dates"
    return "" if admission <= service <= discharge else "claim.line-date"


@pytest.mark.parametrize("kind", WAYS)
def test_every_date_out_of_order(desk: ClaimWorld, kind: str) -> None:
    """Admission, discharge and service on every four days, before and after today: all 64."""
    clinical, sender, _ = WAYS[kind]
    post = "doctor" if clinical.get("emergency") else "operator"
    for admission, discharge, service in product(DAYS, repeat=3):
        code = dates_code(admission, discharge, service)
        asked: dict[str, Any] = {
            "discharge": discharge, "refused": code, "clinical": clinical, "sender": sender,
            "post": post,
        }  # fmt: skip
        given = visit(CAROL, kind, admission=admission)
        bill = [line(1, BED, 50_000, day=service)]
        told = desk.settle(own(sender, "d-1"), bill, given, method="estimate", **asked)
        if code:
            desk.settle(own(sender, "d-1"), bill, given, **asked)
        if code == "claim.dates":
            assert told.values == {"admission": admission, "discharge": discharge, "today": DAY}
        if admission > DAY:
            desk.register(own(sender, "d-2"), given, clinical=clinical, sender=sender, post=post,
                          refused="claim.dates")  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in WAYS if is_inpatient(kind)])
def test_every_date_out_of_order_of_a_registered_stay(desk: ClaimWorld, kind: str) -> None:
    clinical, sender, _ = WAYS[kind]
    name = own(sender, "r-1")
    given = visit(CAROL, kind, admission=DAYS[1])
    desk.register(name, given, clinical=clinical, sender=sender)
    for discharge, service in product(DAYS, repeat=2):
        code = dates_code(DAYS[1], discharge, service)
        desk.settle(name, [line(1, BED, 50_000, day=service)], registered=True, method="estimate",
                    discharge=discharge, refused=code)  # fmt: skip


def file_args(**given: Any) -> dict[str, Any]:
    """A bill of 1,000.00 that Carol paid and brings home."""
    return {
        "reimbursement": "430100z-1", "person": CAROL, "place": {"institution": HOSPITAL},
        "care_kind": "outpatient", "admission": DAY, "discharge": DAY, "total_fen": 100_000,
        "account": b"a" * 32,
        "invoices": [{"code": "044", "number": "1", "total_fen": 100_000, "hash": b"h" * 32}],
    } | given  # fmt: skip


@pytest.mark.parametrize("kind", WAYS)
def test_every_date_out_of_order_of_a_bill_that_was_paid(desk: ClaimWorld, kind: str) -> None:
    clinical, _, _ = WAYS[kind]
    for admission, discharge, service in product(DAYS, repeat=3):
        code = dates_code(admission, discharge, service)
        args = file_args(care_kind=kind, admission=admission, discharge=discharge)
        content = {"reimbursement": {"visit": clinical, "lines": [bed(1, service)]}}
        more: dict[str, Any] = {"post": "clerk", "attachments": content}
        if code:
            desk.world.refused(code, BUREAU_CHANGSHA, "reimbursement", "file", args, **more)
            continue
        before = MemoryState(desk.world.state.entries)
        desk.world.do(BUREAU_CHANGSHA, "reimbursement", "file", args, **more)
        desk.world.state = before


@pytest.mark.parametrize("kind", WAYS)
def test_every_flag_of_a_bill_that_was_paid(desk: ClaimWorld, kind: str) -> None:
    """The bureau's clerk signs, and no doctor is there any more: the word of the paper counts."""
    for flags in FLAGS:
        code = expected(kind, flags, "doctor")
        told = {name: value for name, value in flags.items() if value not in (None, "")}
        content = {"reimbursement": {"visit": told, "lines": [bed(1, DAY)]}}
        before = MemoryState(desk.world.state.entries)
        args = file_args(care_kind=kind)
        more: dict[str, Any] = {"post": "clerk", "attachments": content}
        if code:
            desk.world.refused(code, BUREAU_CHANGSHA, "reimbursement", "file", args, **more)
        else:
            desk.world.do(BUREAU_CHANGSHA, "reimbursement", "file", args, **more)
        desk.world.state = before


# --- A check-up -----------------------------------------------------------------------------------


def test_a_check_up_that_was_paid_is_not_reimbursed(desk: ClaimWorld) -> None:
    """Whoever asks, before anything else is looked at: a check-up is payable by no fund."""
    content = {"reimbursement": {"visit": {}, "lines": [bed(1, DAY)]}}
    for given in ({}, {"discharge": "2020-01-01"}, {"total_fen": 1}):
        args = file_args(care_kind=CHECK_UP, **given)
        refused = desk.world.refused("claim.check-up", BUREAU_CHANGSHA, "reimbursement", "file",
                                     args, post="clerk", attachments=content)  # fmt: skip
        assert refused.values == {"care_kind": CHECK_UP}
    desk.world.refused("sender.not-competent", BUREAU_GUANGZHOU, "reimbursement", "file",
                       file_args(care_kind=CHECK_UP, reimbursement="440100z-1"), post="clerk",
                       attachments=content)  # fmt: skip
    # The illness that it found is a bill of its own.
    desk.world.do(BUREAU_CHANGSHA, "reimbursement", "file", file_args(), post="clerk",
                  attachments=content)  # fmt: skip
    assert ALICE != CAROL
