"""Flags of a visit and their partners; trauma, its commitment and who is liable; check-ups."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from contracts.settlement.calendar import start_of_day_ms
from contracts.settlement.claim_flags import SIGNING_CONTEXT, VERB
from node.ledger import codec, crypto
from tests.contracts.settlement.claim_world import DAY, ClaimWorld, line, make_claim_world, visit
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.world import ALICE, CHAIN, HOSPITAL, secret_of

INJURED: dict[str, Any] = {"trauma": True, "third_party": False}
ON_PAPER = {"paper": sha256(b"a signed paper").digest()}


@pytest.fixture
def counter() -> ClaimWorld:
    return make_claim_world()


@pytest.mark.parametrize(
    ("kind", "clinical", "code", "values"),
    [
        ("emergency", {}, "claim.flag-missing", {"flag": "emergency", "needed_by": "emergency"}),
        ("trauma_outpatient", {}, "claim.flag-missing",
         {"flag": "trauma", "needed_by": "trauma_outpatient"}),
        ("outpatient", {"trauma": True}, "claim.flag-missing",
         {"flag": "third_party", "needed_by": "trauma"}),
        ("outpatient", {"third_party": False}, "claim.flag-alone",
         {"flag": "third_party", "partner": "trauma"}),
        ("outpatient", {"commitment": ON_PAPER}, "claim.flag-alone",
         {"flag": "commitment", "partner": "trauma"}),
        ("trauma_outpatient", INJURED, "claim.commitment-missing",
         {"care_kind": "trauma_outpatient"}),
        ("trauma_outpatient", INJURED | {"commitment": {}}, "claim.commitment-unsigned",
         {"want": "signature or paper"}),
    ],
)  # fmt: skip
def test_every_flag_needs_its_partner(
    counter: ClaimWorld, kind: str, clinical: dict[str, Any], code: str, values: dict[str, Any]
) -> None:
    for method in ("settle", "estimate"):
        refusal = counter.settle(
            given=visit(kind=kind), clinical=clinical, refused=code, method=method
        )
        assert refusal.values == values
    given = visit(kind=kind)
    assert counter.register("H44010000123-s-1", given, clinical=clinical, refused=code).values


def test_a_doctor_signs_for_an_emergency(counter: ClaimWorld) -> None:
    rescue, flag = visit(kind="emergency_rescue"), {"emergency": True}
    for post in ("operator", "clerk"):
        refusal = counter.settle(
            given=rescue, clinical=flag, post=post, refused="claim.emergency-post"
        )
        assert refusal.values == {"post": post, "allowed": ["doctor"]}
    outcome = counter.settle(given=rescue, clinical=flag, post="doctor")
    assert outcome.versions["filing"]["type"] == "referral", "a filing of one's own comes first"


def test_what_a_doctor_signed_at_admission_holds_at_the_counter(counter: ClaimWorld) -> None:
    name = "H44010000123-s-1"
    counter.register(name, visit(kind="inpatient"), clinical={"emergency": True})
    bill = [line(1)]
    assert counter.settle(name, bill, registered=True, post="operator").ok
    counter.register("H44010000123-s-2", visit(kind="inpatient"))
    counter.settle("H44010000123-s-2", bill, registered=True, clinical={"emergency": True},
                   post="operator", refused="claim.emergency-post")  # fmt: skip


def test_an_injury_that_nobody_is_liable_for_is_paid(counter: ClaimWorld) -> None:
    given = visit(kind="trauma_outpatient")
    paid = counter.settle(given=given, clinical=INJURED | {"commitment": ON_PAPER})
    assert paid.amounts["funds_fen"] == 17_000  # (500.00 - 300.00) x 85 %


def test_an_injury_with_somebody_liable_is_the_persons(counter: ClaimWorld) -> None:
    """Settled, with the reason as a code; nothing of the year is used up."""
    given = visit(kind="trauma_outpatient")
    outcome = counter.settle(given=given, clinical={"trauma": True, "third_party": True})
    assert (outcome.amounts["funds_fen"], outcome.amounts["cash_fen"]) == (0, 50_000)
    assert outcome.explanation is not None
    assert outcome.explanation["refusals"] == [["claim.third-party-liable", -1, 50_000]]
    after = counter.settle("H44010000123-m-2")
    assert after.amounts["funds_fen"] == 17_000, "the deductible was still whole"


def test_who_is_carried_in_signs_when_able(counter: ClaimWorld) -> None:
    """Liability is open at admission; the commitment comes with the settlement."""
    name, kind = "H44010000123-s-1", "trauma_inpatient"
    told = {"trauma": True, "third_party": True, "emergency": True}
    counter.register(name, visit(kind=kind), clinical=told)
    bill = [line(1, amount_fen=200_000)]
    before = counter.settle(name, bill, registered=True, method="estimate", post="operator")
    assert before.amounts["funds_fen"] == 0
    committed = told | {"third_party": False, "commitment": ON_PAPER | {"by": "spouse"}}
    after = counter.settle(name, bill, registered=True, clinical=committed, post="operator")
    assert after.amounts["funds_fen"] > 0


PHONE = secret_of(ALICE, "phone")


def signed(issued_ms: int, person: str = ALICE, key: Any = PHONE) -> dict[str, Any]:
    message = codec.encode([VERB, person, HOSPITAL, DAY, issued_ms])
    signature = crypto.sign(key, SIGNING_CONTEXT, CHAIN, message)
    return {"issued_ms": issued_ms, "signature": bytes(signature)}


def test_the_commitment_signed_by_the_phone(counter: ClaimWorld) -> None:
    with_phone = "p:430100:phone"
    enrol(counter.world, with_phone, phone_key=bytes(crypto.public_key(PHONE)))
    now = counter.world.time_ms
    given = visit(with_phone, "trauma_outpatient")
    cases: list[tuple[str, dict[str, Any]]] = [
        ("presence.signature", signed(now)),
        ("presence.signature", signed(now, with_phone, secret_of(ALICE, "another"))),
        ("presence.expired", signed(start_of_day_ms(DAY) - 1, with_phone)),
        ("presence.expired", signed(now + 10**7, with_phone)),
        ("presence.no-phone", signed(now, with_phone) | {"by": "parent"}),
    ]
    for code, commitment in cases:
        counter.settle(given=given, clinical=INJURED | {"commitment": commitment}, refused=code)
    commitment = signed(now, with_phone)
    assert counter.settle(given=given, clinical=INJURED | {"commitment": commitment}).ok


def test_a_check_up_is_not_payable_and_the_refusal_says_so(counter: ClaimWorld) -> None:
    for method in ("settle", "estimate"):
        refusal = counter.settle(
            given=visit(kind="check_up"), refused="claim.check-up", method=method
        )
        assert refusal.values == {"care_kind": "check_up"}
    counter.register("H44010000123-s-1", visit(kind="check_up"), refused="claim.check-up")
