"""Who may settle and what is refused: presence, lines, visits, switches; the state is untouched."""

from __future__ import annotations

from typing import Any

import pytest

from node.ledger import crypto
from tests.contracts.settlement.claim_world import (
    BED,
    BOB,
    COSMETIC,
    DAY,
    EMPLOYEE_POLICY,
    TEST,
    ClaimWorld,
    line,
    make_claim_world,
    visit,
)
from tests.contracts.world import (
    ALICE,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    HOSPITAL,
    PHARMACY,
    SERVICES,
    key_of,
    secret_of,
)


@pytest.fixture
def counter() -> ClaimWorld:
    """The counter of a hospital in Guangzhou, Alice of Changsha in front of it."""
    return make_claim_world()


# --- presence -------------------------------------------------------------------------------------


def phone_token(counter: ClaimWorld, person: str = ALICE, at_ms: int = 0) -> dict[str, Any]:
    issued = counter.world.time_ms - at_ms
    message = SERVICES.encode([person, HOSPITAL, issued])
    signature = crypto.sign(secret_of(ALICE, "phone"), "presence/1", counter.chain, message)
    return {
        "kind": "code",
        "certificate": "01",
        "issued_ms": issued,
        "signature": bytes(signature),
    }


def bind_phone(counter: ClaimWorld) -> None:
    counter.world.do(BUREAU_CHANGSHA, "enrolment", "update", {"person": ALICE, "revision": 2},
                     attachments={"person": {"phone_key": key_of(ALICE, "phone")}})  # fmt: skip


def test_the_insurance_code_of_a_phone_opens_the_counter(counter: ClaimWorld) -> None:
    counter.settle(given=visit(presence=phone_token(counter)), refused="presence.no-phone")
    bind_phone(counter)
    assert counter.settle(given=visit(presence=phone_token(counter))).ok


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("presence.expired", {"issued_ms": 1}),
        ("presence.signature", {"signature": bytes(64)}),
        ("presence.signature", {"signature": None}),
        ("claim.presence-certificate", {"certificate": "03"}),
        ("args.shape", {"kind": "fax"}),
    ],
)
def test_a_wrong_code_is_refused(counter: ClaimWorld, code: str, change: dict[str, Any]) -> None:
    bind_phone(counter)
    token = phone_token(counter) | change
    token = {name: value for name, value in token.items() if value is not None}
    counter.settle(given=visit(presence=token), refused=code)


def test_a_code_for_another_person_or_another_time_is_worth_nothing(counter: ClaimWorld) -> None:
    bind_phone(counter)
    other = phone_token(counter, BOB)
    counter.settle(given=visit(presence=other), refused="presence.signature")
    old = phone_token(counter, at_ms=11 * 60_000)
    counter.settle(given=visit(presence=old), refused="presence.expired")


@pytest.mark.parametrize(
    ("kind", "certificate", "post", "code"),
    [
        ("card", "03", "operator", ""),
        ("identity_card", "02", "clerk", ""),
        ("face", "01", "operator", ""),
        ("emergency", "", "doctor", ""),
        ("emergency", "", "operator", "claim.presence-post"),
        ("card", "03", "doctor", "claim.presence-post"),
        ("card", "", "operator", "claim.presence-certificate"),
        ("identity_card", "03", "operator", "claim.presence-certificate"),
    ],
)
def test_who_may_attest_what(
    counter: ClaimWorld, kind: str, certificate: str, post: str, code: str
) -> None:
    shown = {"kind": kind, "certificate": certificate}
    counter.settle(given=visit(presence=shown), post=post, refused=code)


# --- refused, and the state is untouched ----------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("claim.no-lines", []),
        ("claim.duplicate-line", [line(1), line(1, TEST)]),
        ("claim.line-date", [line(1, day="2025-06-09")]),
        ("claim.line-date", [line(1, day="2025-06-11")]),
        ("claim.line-amount", [[*line(1)[:5], 9_999, *line(1)[6:]]]),
        ("claim.consent-missing", [line(1, COSMETIC)]),
        ("claim.consent-missing", [line(1, "UNKNOWN")]),
        ("claim.line-unmapped", [line(1, "", local="own-7")]),
        ("args.shape", [[*line(1)[:5], -1, *line(1)[6:]]]),
        ("args.shape", [[*line(1)[:5], "100.00", *line(1)[6:]]]),
        ("args.shape", [[*line(1)[:5], True, *line(1)[6:]]]),
        ("args.shape", [[*line(1)[:4], 0, 0, *line(1)[6:]]]),
        ("args.shape", [line(1)[:9]]),
        ("args.shape", [line(1, day="2025-02-29")]),
        ("args.shape", [[*line(1)[:6], 3, *line(1)[7:]]]),
    ],
)  # fmt: skip
def test_wrong_lines(counter: ClaimWorld, code: str, lines: list[Any]) -> None:
    counter.settle(lines=lines, refused=code, total_fen=10_000 if len(lines) < 2 else 20_000)


def test_the_hospitals_own_sum_must_be_the_sum_of_the_lines(counter: ClaimWorld) -> None:
    outcome = counter.settle(total_fen=50_100, refused="claim.total-differs")
    assert outcome.values == {"total_fen": 50_100, "lines_fen": 50_000}


def test_an_emergency_asks_nobody_for_consent(counter: ClaimWorld) -> None:
    assert counter.settle(lines=[line(1, COSMETIC)], clinical={"emergency": True}).ok


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("claim.dates", {"admission": "2025-06-11"}),
        ("claim.switch-off", {"care_kind": "chronic"}),
        ("enrolment.unknown-person", {"person": "p:430100:nobody"}),
        ("args.shape", {"care_kind": "spa"}),
        ("args.shape", {"admission": "10.6.2025"}),
        ("args.shape", {"person": ALICE, "name": "somebody"}),
    ],
)
def test_wrong_visits(counter: ClaimWorld, code: str, given: dict[str, Any]) -> None:
    clinical = {"chronic_disease": "gout"} if given.get("care_kind") == "chronic" else {}
    counter.settle(given=visit() | given, clinical=clinical, refused=code)


def test_care_cannot_end_tomorrow_or_before_it_begins(counter: ClaimWorld) -> None:
    counter.settle(discharge="2025-06-11", refused="claim.dates")
    counter.settle(discharge="2025-06-09", refused="claim.dates")


def test_chronic_care_needs_its_own_switch_and_its_disease(counter: ClaimWorld) -> None:
    recognise(counter, "diabetes")
    chronic = visit(kind="chronic")
    counter.settle(given=chronic, refused="claim.disease-missing")
    assert counter.settle(given=chronic, clinical={"chronic_disease": "diabetes"}).ok


def recognise(counter: ClaimWorld, disease: str, start: str = DAY, end: str | None = None) -> None:
    """The home bureau recognises a chronic disease for Alice."""
    entitlements = [{"disease": disease, "from": start, "to": end}]
    counter.world.do(BUREAU_CHANGSHA, "enrolment", "update", {"person": ALICE, "revision": 2},
                     attachments={"person": {"entitlements": entitlements}})  # fmt: skip


@pytest.mark.parametrize(
    ("disease", "start", "end"),
    [
        ("gout", "2025-01-01", None),
        ("diabetes", "2025-06-11", None),
        ("diabetes", "2025-01-01", "2025-06-09"),
    ],
)
def test_chronic_care_needs_the_entitlement_of_the_home_bureau(
    counter: ClaimWorld, disease: str, start: str, end: str | None
) -> None:
    """Another disease, from tomorrow on, until yesterday: refused, and the disease stays unsaid."""
    clinical = {"chronic_disease": "diabetes"}
    chronic = visit(kind="chronic")
    counter.settle(given=chronic, clinical=clinical, refused="claim.not-entitled")
    counter.register("H44010000123-s-1", chronic, clinical=clinical, refused="claim.not-entitled")
    recognise(counter, disease, start, end)
    refusal = counter.settle(given=chronic, clinical=clinical, refused="claim.not-entitled")
    assert refusal.values == {"person": ALICE, "care_kind": "chronic", "date": DAY}
    assert counter.settle(given=chronic, clinical=clinical | {"emergency": True}).ok
    assert counter.settle("H44010000123-m-2", clinical=clinical).ok, (
        "an ordinary visit needs no entitlement"
    )


def test_a_switch_that_is_off_refuses_with_its_name(counter: ClaimWorld) -> None:
    args = {"institution": HOSPITAL, "switch": "inpatient", "on": False}
    counter.world.do(BUREAU_GUANGZHOU, "organisations", "set_switch", args)
    refusal = counter.settle(given=visit(kind="inpatient"), refused="claim.switch-off")
    assert refusal.values == {"institution": HOSPITAL, "switch": "inpatient"}
    assert counter.settle().ok


def test_a_pharmacy_has_its_own_switch(counter: ClaimWorld) -> None:
    assert counter.settle("P44010000456-1", given=visit(kind="pharmacy"), sender=PHARMACY).ok
    counter.settle("P44010000456-2", given=visit(kind="inpatient"), sender=PHARMACY,
                   refused="claim.switch-off")  # fmt: skip


def test_a_suspended_institution_settles_emergencies_only(counter: ClaimWorld) -> None:
    args = {"organisation": HOSPITAL, "from": "2025-06-01", "to": "2025-06-30", "reason": "fraud"}
    counter.world.do(BUREAU_GUANGZHOU, "organisations", "suspend", args)
    refusal = counter.settle(refused="claim.institution-suspended")
    assert refusal.values["until"] == "2025-06-30"
    assert counter.settle(clinical={"emergency": True}).ok


def test_a_suspension_that_is_over_bars_nobody(counter: ClaimWorld) -> None:
    args = {"organisation": HOSPITAL, "from": "2025-05-01", "to": "2025-05-31", "reason": "fraud"}
    counter.world.do(BUREAU_GUANGZHOU, "organisations", "suspend", args)
    assert counter.settle().ok


def test_a_suspended_person_is_settled_in_emergencies_only(counter: ClaimWorld) -> None:
    counter.world.do(BUREAU_CHANGSHA, "enrolment", "suspend",
                     {"person": ALICE, "revision": 2, "from": "2025-06-01"},
                     attachments={"person": {"reason": "lent the card"}})  # fmt: skip
    counter.settle(refused="enrolment.suspended")
    assert counter.settle(clinical={"emergency": True}).ok


def test_services_after_death_are_refused(counter: ClaimWorld) -> None:
    counter.world.do(BUREAU_CHANGSHA, "enrolment", "close", {"person": ALICE, "revision": 2},
                     attachments={"person": {"last_day": "2025-06-09", "cause": "death"}},
                     post="clerk")  # fmt: skip
    stay = visit(kind="inpatient", admission="2025-06-05")
    lines = [line(1, BED, 10_000, day="2025-06-08")]
    counter.settle(lines=lines, given=stay, refused="enrolment.dead")
    assert counter.settle(lines=lines, given=stay, discharge="2025-06-09").ok


def test_nothing_is_settled_where_no_policy_or_catalogue_reaches(counter: ClaimWorld) -> None:
    old = visit(admission="2024-12-31")
    counter.settle(lines=[line(1, day="2024-12-31")], given=old, discharge="2024-12-31",
                   refused="policy.none-in-force")  # fmt: skip
    counter.deploy("310", EMPLOYEE_POLICY, "2024-01-01")
    counter.settle(lines=[line(1, day="2024-12-31")], given=old, discharge="2024-12-31",
                   refused="claim.no-catalogue")  # fmt: skip


def test_a_policy_that_overspends_settles_nothing(counter: ClaimWorld) -> None:
    greedy = EMPLOYEE_POLICY.replace(
        'payment("310100", basic, "basic")]',
        'payment("310100", basic, "basic"), payment("330100", overdraw(case), "large")]',
    ) + (
        '\n\ndef overdraw(case):\n    if case["sums"]["in_scope_fen"] == 77777:\n'
        '        return 77778\n    return 0\n'
    )  # fmt: skip
    counter.deploy("310", greedy)
    assert counter.settle("H44010000123-m-1").ok
    refusal = counter.settle(
        "H44010000123-m-2", [line(1, BED, 77_777)], refused="policy.overspends"
    )
    assert refusal.values["fund"] == "330100"


@pytest.mark.parametrize("missing", ["settlement", "visit"])
def test_a_visit_needs_its_attachment(counter: ClaimWorld, missing: str) -> None:
    args = counter.settle_args("H44010000123-m-1", [line(1)], visit())
    attachments = {} if missing == "settlement" else {"settlement": {"lines": [line(1)]}}
    counter.world.refused("claim.clinical-missing", HOSPITAL, "claim", "settle", args,
                          attachments=attachments, post="operator")  # fmt: skip


def test_an_attachment_for_nobody_is_refused(counter: ClaimWorld) -> None:
    args = counter.settle_args("H44010000123-m-1", [line(1)], visit())
    counter.world.refused("args.attachment", HOSPITAL, "claim", "settle", args,
                          attachments={"press": {"lines": []}}, post="operator")  # fmt: skip


def test_only_institutions_settle(counter: ClaimWorld) -> None:
    counter.settle(sender=BUREAU_CHANGSHA, post="clerk", refused="sender.kind")
    counter.settle(post="finance", refused="sender.post")
