"""A stay in hospital: registered, lines come and go, settled at discharge, or given up."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.api import Rejected
from contracts.settlement import claim as claims
from contracts.settlement.benefits import STEPS_MAX
from contracts.settlement.claim_explain import LINE_FIELDS, share_out
from contracts.settlement.claim_shapes import LINES_OF_A_CLAIM
from contracts.settlement.policy_program import BUDGET_CALL, PolicyProgram
from node.ledger import codec
from node.ledger.receipt import make_explanation
from node.ledger.types import EXPLANATION_BYTES_MAX
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
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.world import ALICE, BUREAU_GUANGZHOU, HOSPITAL, PHARMACY

ADMITTED = "2025-06-07"


@pytest.fixture
def counter() -> ClaimWorld:
    """A hospital where Alice has been since 7 June."""
    made = make_claim_world()
    made.register("H44010000123-s-1", stay())
    return made


def stay(person: str = ALICE, **given: Any) -> dict[str, Any]:
    return visit(person, "inpatient", admission=ADMITTED) | given


def days(first: int, *amounts: int) -> list[list[Any]]:
    """One line for each amount, a bed a day."""
    return [
        line(first + n, BED, amount, day=f"2025-06-{7 + n:02d}") for n, amount in enumerate(amounts)
    ]


def lines_in_state(counter: ClaimWorld) -> list[str]:
    return [key for key in counter.world.state.entries if key.startswith("claim-lines/")]


def test_from_admission_to_discharge(counter: ClaimWorld) -> None:
    told = counter.upload("H44010000123-s-1", 1, days(1, 40_000, 40_000)).answer
    assert (told["lines"], told["total_fen"], told["outside_catalogue"]) == (2, 80_000, 0)
    counter.upload("H44010000123-s-1", 2, [*days(3, 40_000), line(9, "XNONE", 700, consent=True)])
    assert len(lines_in_state(counter)) == 2
    outcome = counter.settle(
        "H44010000123-s-1",
        [line(10, TEST, 10_000)],
        registered=True,
        total_fen=130_700,
        use_account=True,
    )
    assert outcome.amounts["own_expense_fen"] == 700
    assert outcome.amounts["first_pay_fen"] == 1_000
    # (1,290.00 - 1,200.00 deductible of a stay) x 85 %
    assert outcome.amounts["fund_310100_fen"] == (129_000 - 120_000) * 85 // 100
    assert outcome.explanation is not None
    assert [row[0] for row in outcome.explanation["lines"]] == ["1", "2", "3", "9", "10"]
    # The lines leave the state; the claim keeps nothing clinical.
    assert lines_in_state(counter) == []
    claim = claims.find(counter.world.state, "H44010000123-s-1")
    assert claim is not None
    assert claim.state == "settled"
    assert claim.uploads == ()
    assert claim.visit == claim.visit.without_clinical()


def test_an_uploaded_stay_and_an_inline_one_come_to_the_same(counter: ClaimWorld) -> None:
    lines = days(1, 40_000, 70_000, 90_000, 5_000)
    counter.upload("H44010000123-s-1", 1, lines[:3])
    counter.upload("H44010000123-s-1", 2, lines[3:])
    registered = counter.settle("H44010000123-s-1", [], registered=True, total_fen=205_000)
    other = make_claim_world()
    at_once = other.settle("H44010000123-s-1", lines, stay())
    assert registered.amounts == at_once.amounts
    assert registered.postings == at_once.postings
    assert registered.explanation is not None
    assert at_once.explanation is not None
    assert registered.explanation["lines"] == at_once.explanation["lines"]


def test_a_clinical_fact_that_is_learned_later_counts(counter: ClaimWorld) -> None:
    enrol(counter.world, "p:430100:dora")
    counter.register("H44010000123-s-2", stay("p:430100:dora"))
    counter.upload("H44010000123-s-2", 1, days(1, 200_000))
    before = counter.settle(
        "H44010000123-s-2", [], registered=True, total_fen=200_000, method="estimate"
    )
    assert before.versions["filing"] == {"type": "none", "reason": "filing.none-filed"}
    after = counter.settle("H44010000123-s-2", [], registered=True, total_fen=200_000,
                           clinical={"emergency": True})  # fmt: skip
    assert after.versions["filing"]["type"] == "emergency"
    assert after.amounts["funds_fen"] > before.amounts["funds_fen"]


def test_a_filing_made_during_the_stay_reaches_back_to_admission(counter: ClaimWorld) -> None:
    counter.upload("H44010000123-s-1", 1, days(1, 200_000))
    outcome = counter.settle("H44010000123-s-1", [], registered=True, total_fen=200_000)
    assert outcome.versions["filing"]["filing"] == "430100f1"


def test_an_upload_may_be_repeated_and_withdrawn(counter: ClaimWorld) -> None:
    first = counter.upload("H44010000123-s-1", 1, days(1, 40_000))
    before = dict(counter.world.state.entries)
    assert counter.upload("H44010000123-s-1", 1, days(1, 40_000)).answer == first.answer
    assert counter.world.state.entries == before
    counter.upload("H44010000123-s-1", 1, days(1, 40_001), refused="claim.duplicate-id")
    args = {"claim": "H44010000123-s-1", "upload": 1}
    world = counter.world
    world.do(HOSPITAL, "claim", "withdraw_lines", args, post="operator")
    assert lines_in_state(counter) == []
    world.refused("claim.upload-not-found", HOSPITAL, "claim", "withdraw_lines", args,
                  post="operator")  # fmt: skip
    counter.upload("H44010000123-s-1", 1, days(1, 40_001))
    counter.settle(
        "H44010000123-s-1", [], registered=True, total_fen=40_000, refused="claim.total-differs"
    )
    assert counter.settle("H44010000123-s-1", [], registered=True, total_fen=40_001).ok


def test_a_line_number_counts_once_over_all_uploads(counter: ClaimWorld) -> None:
    counter.upload("H44010000123-s-1", 1, days(1, 40_000))
    counter.upload("H44010000123-s-1", 2, days(1, 50_000))
    counter.settle(
        "H44010000123-s-1", [], registered=True, total_fen=90_000, refused="claim.duplicate-line"
    )


def test_lines_that_no_fund_pays_are_told_at_once_and_consented_later(counter: ClaimWorld) -> None:
    told = counter.upload("H44010000123-s-1", 1, [line(1, "XNONE", 700), line(2, COSMETIC, 50)])
    assert told.answer["outside_catalogue"] == 1
    assert told.answer["outside_catalogue_fen"] == 700
    counter.settle(
        "H44010000123-s-1", [], registered=True, total_fen=750, refused="claim.consent-missing"
    )


def test_registering_again_gives_the_first_answer_for_good(counter: ClaimWorld) -> None:
    first = {"claim": "H44010000123-s-1", "state": "registered", "area": "430100"}
    assert counter.register("H44010000123-s-1", stay()).answer == first
    counter.register("H44010000123-s-1", stay(BOB), refused="claim.duplicate-id")
    counter.register("H44010000123-s-1", stay(), sender=PHARMACY, refused="sender.foreign-id")
    counter.upload("H44010000123-s-1", 1, days(1, 40_000))
    counter.settle("H44010000123-s-1", [], registered=True, total_fen=40_000)
    assert counter.register("H44010000123-s-1", stay()).answer == first
    counter.settle("H44010000123-m-1")
    counter.register("H44010000123-m-1", stay(), refused="claim.duplicate-id")


def test_a_stay_may_be_given_up(counter: ClaimWorld) -> None:
    counter.upload("H44010000123-s-1", 1, days(1, 40_000))
    args = {"claim": "H44010000123-s-1", "reason": "wrong_person"}
    counter.world.refused("claim.not-yours", PHARMACY, "claim", "cancel", args, post="operator")
    counter.world.do(HOSPITAL, "claim", "cancel", args, post="operator")
    assert lines_in_state(counter) == []
    counter.upload("H44010000123-s-1", 2, days(2, 40_000), refused="claim.wrong-state")
    counter.settle("H44010000123-s-1", days(1, 5), registered=True, refused="claim.wrong-state")
    counter.reverse("H44010000123-s-1", refused="claim.wrong-state")
    counter.world.refused("claim.wrong-state", HOSPITAL, "claim", "cancel", args, post="operator")


def test_what_does_not_fit_a_registered_stay(counter: ClaimWorld) -> None:
    counter.settle("H44010000123-s-1", days(1, 5), stay(), refused="claim.visit-given-twice")
    counter.settle("H44010000123-s-2", days(1, 5), registered=True, refused="claim.not-found")
    counter.settle(
        "H44010000123-s-1",
        days(1, 5),
        registered=True,
        sender=PHARMACY,
        refused="sender.foreign-id",
    )
    counter.settle("H44010000123-s-1", [], registered=True, total_fen=0, refused="claim.no-lines")
    counter.settle("H44010000123-s-1", days(1, 5), registered=True, discharge="2025-06-06",
                   refused="claim.dates")  # fmt: skip
    counter.upload("H44010000123-s-9", 1, days(1, 5), refused="claim.not-found")
    counter.world.refused("args.shape", HOSPITAL, "claim", "lines",
                          {"claim": "H44010000123-s-1", "upload": 0},
                          attachments={"settlement": {"lines": days(1, 5)}})  # fmt: skip
    counter.world.refused("args.attachment", HOSPITAL, "claim", "lines",
                          {"claim": "H44010000123-s-1", "upload": 1})  # fmt: skip


def test_lines_are_taken_up_to_a_number(counter: ClaimWorld) -> None:
    for upload in range(5):
        counter.upload(
            "H44010000123-s-1", upload + 1, [line(upload * 1000 + n) for n in range(1000)]
        )
    counter.upload("H44010000123-s-1", 6, [line(9_999)], refused="claim.too-many-lines")


def test_the_longest_explanation_fits_its_limit(counter: ClaimWorld) -> None:
    """As many lines as a claim may have, each as long as it may be and refused with a reason; and
    still room for all steps and payments that a policy may tell."""
    widest = LINES_OF_A_CLAIM // 1_000
    for upload in range(widest):
        rows = [line(1, "X" * 40, 10**10 + n, consent=True) for n in range(1_000)]
        for n, row in enumerate(rows):
            row[0], row[7] = f"{upload * 1_000 + n:030d}", "D" * 40
        counter.upload("H44010000123-s-1", upload + 1, rows)
    total = sum(10**10 + n for n in range(1_000)) * widest
    outcome = counter.settle("H44010000123-s-1", [], registered=True, total_fen=total)
    assert outcome.explanation is not None
    told = make_explanation(bytes(32), 0, (), outcome.explanation).content
    assert (len(outcome.explanation["lines"]), len(outcome.explanation["refusals"])) == (5_000,) * 2
    # A year's step holds three texts of a policy and some sums; a stay may lie in two years.
    room = 2 * STEPS_MAX * 512
    assert 1 << 20 < len(told) + room <= EXPLANATION_BYTES_MAX
    assert codec.decode(told, bytes_max=EXPLANATION_BYTES_MAX) == outcome.explanation


def test_a_hospitals_own_codes_are_translated_by_its_mapping(counter: ClaimWorld) -> None:
    counter.upload(
        "H44010000123-s-1", 1, [line(1, "", local="OWN-7")], refused="claim.line-unmapped"
    )
    part = codec.encode([["OWN-7", TEST]])
    loaded = counter.world.do(HOSPITAL, "catalogue", "load_part",
                              {"kind": "mapping", "part": part}, post="clerk")  # fmt: skip
    mapping = {"institution": HOSPITAL, "version": "1", "effective_from": ADMITTED,
               "parts": [loaded.answer["hash"]]}  # fmt: skip
    counter.world.do(BUREAU_GUANGZHOU, "catalogue", "publish_mapping", mapping)
    counter.upload("H44010000123-s-1", 1, [line(1, "", local="OWN-7"), line(2, "", local="OWN-7")])
    outcome = counter.settle("H44010000123-s-1", [], registered=True, total_fen=20_000)
    assert outcome.amounts["first_pay_fen"] == 2_000
    assert outcome.explanation is not None
    assert outcome.explanation["lines"][0][1] == TEST


def test_every_line_keeps_five_amounts(counter: ClaimWorld) -> None:
    counter.upload("H44010000123-s-1", 1, [line(1, TEST, 100_000), line(2, BED, 90_001, day=DAY)])
    outcome = counter.settle("H44010000123-s-1", [], registered=True, total_fen=190_001)
    assert outcome.explanation is not None
    told = [dict(zip(LINE_FIELDS, row, strict=True)) for row in outcome.explanation["lines"]]
    assert [row["asked_fen"] for row in told] == [100_000, 90_001]
    assert [row["adjusted_fen"] for row in told] == [100_000, 90_001]
    assert [row["approved_fen"] for row in told] == [90_000, 90_001]
    assert [row["paid_fen"] for row in told] == [0, 0]
    assert sum(row["valued_fen"] for row in told) == outcome.amounts["funds_fen"]
    assert all(row["valued_fen"] <= row["approved_fen"] for row in told)
    assert share_out(5, [0, 0]) == [0, 0]


# --- Policies that answer what cannot be ----------------------------------------------------------

SPLIT = """
def cross_year():
    return "split_by_service_date"
"""


@pytest.mark.parametrize(
    "year",
    [
        # It goes back: there is no year from the later one to the earlier one.
        'if date > "2025-06-08":\n        return 2024\n    return 2025',
        # Beyond the last day's, in the middle of the stay.
        'if date < "2025-06-08":\n        return 2024\n'
        '    if date == "2025-06-08":\n        return 2026\n    return 2025',
    ],
)
def test_a_benefit_year_that_cannot_be_is_refused(year: str) -> None:
    """Found by attack: such a policy made every settlement of such a stay a bug of ours."""
    counter = make_claim_world()
    source = f"def benefit_year(date):\n    {year}\n" + SPLIT + EMPLOYEE_POLICY
    counter.deploy("310", source, "2025-02-01")
    counter.register("H44010000123-s-1", stay())
    bill = days(1, 10_000, 10_000, 10_000)
    counter.settle(
        "H44010000123-s-1",
        bill,
        registered=True,
        total_fen=30_000,
        refused="policy.answer-malformed",
    )


def test_a_benefit_year_is_near_its_date() -> None:
    """Found by attack: from year 0 to 9999 are ten thousand counters to read for each claim."""
    source = "def benefit_year(date):\n    return 9999\n" + EMPLOYEE_POLICY
    with pytest.raises(Rejected, match=r"policy\.answer-malformed"):
        PolicyProgram(source).benefit_year(DAY)


def test_the_runs_of_a_call_have_a_budget_together() -> None:
    """Found by attack: 200,000 units for the first pay of each line are five minutes a bill."""
    dear = """
def first_pay(case, line):
    t = 0
    if line["amount_fen"] == 10007:
        for a in range(300):
            for b in range(100):
                t = t + 1
    return None
"""
    counter = make_claim_world()
    counter.deploy("310", dear + EMPLOYEE_POLICY, "2025-02-01")
    bill = [line(n, BED, 10_007) for n in range(12)]
    refused = counter.settle("H44010000123-m-1", bill, refused="policy.out-of-budget")
    assert refused.values == {"budget": BUDGET_CALL}
    counter.settle("H44010000123-m-1", bill[:4])
