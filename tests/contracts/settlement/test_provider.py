"""Provider payment: worked examples by hand, what it may not touch, what it refuses."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.meter import PolicyFault
from contracts.settlement import funds_chart as chart
from contracts.settlement.benefits import Recorder
from contracts.settlement.benefits_text import formula
from contracts.settlement.case import CaseError
from contracts.settlement.clearing import account_record
from contracts.settlement.funds_book import balance
from contracts.settlement.provider import record
from contracts.settlement.provider.case import normalise
from contracts.settlement.provider.program import PaymentProgram, multiplied
from tests.contracts.settlement import provider_world as pw
from tests.contracts.settlement.claim_world import ClaimWorld, line, make_claim_world, visit
from tests.contracts.settlement.funds_world import balances, trial_balance
from tests.contracts.settlement.refund_world import resettle
from tests.contracts.world import BUREAU_CHANGSHA, HOSPITAL

FUND = "310100"


def on(made: ClaimWorld, account: str, fund: str = FUND) -> int:
    return balance(made.world.state, account, fund)


def whole_bill(made: ClaimWorld) -> int:
    """What the institution is owed and has taken in, over all fund types."""
    entry = made.world.state.get(f"payable/{HOSPITAL}") or {}
    return sum(sum(entry.get(kind, {}).values()) for kind in ("payable", "income"))


def test_drg_below_the_bill_is_the_hospitals_loss() -> None:
    # Bill 18,000; deductible 1,200; fund 85 % of 16,800 = 14,280; patient 3,720.
    # Standard 12,000 x 1.2345 x 0.98 = 14,517.72; the funds pay 14,517.72 - 3,720 = 10,797.72.
    made = pw.make_provider_world()
    pw.coefficient(made)
    settled = pw.settle(made, 1_800_000)
    assert settled.answer["funds_fen"] == 1_428_000
    before = on(made, chart.payable(HOSPITAL))
    paid = pw.pay(made, pw.DRG)
    assert paid.answer == {
        "claim": pw.CLAIM,
        "stage": "estimated",
        "way": "drg",
        "standard_fen": 1_451_772,
        "funds_fen": 1_428_000,
        "paid_fen": 1_079_772,
        "result_fen": -348_228,
    }
    assert on(made, chart.payable(HOSPITAL)) - before == -348_228
    assert on(made, chart.budget("440100")) == 348_228
    assert on(made, chart.hospital_share(HOSPITAL)) == -348_228
    assert on(made, chart.income(HOSPITAL)) == 348_228
    assert on(made, chart.gain(HOSPITAL)) == 0
    assert whole_bill(made) == 1_800_000, "the bill stays the bill"
    due = account_record.find(made.world.state, HOSPITAL)
    assert due.due == due.declared == {FUND: -348_228}, "set off against the next notice"
    assert not any(trial_balance(made.world.state).values())
    assert record.month_of(made.world.state, HOSPITAL, "2025-06") == {
        "drg": [1, 1_800_000, 1_451_772, 1_428_000, 1_079_772, 0, 348_228]
    }


def test_dip_is_prepaid_at_the_estimated_value_and_settled_at_the_final_one() -> None:
    # The published illustration: 1,000 points at 1 yuan, cost 800: the hospital gains 200.
    # All of 800 is below the deductible, so the patient has paid it. Final value 0.95: gains 150.
    made = pw.make_provider_world()
    pw.settle(made, 80_000)
    assert pw.pay(made, pw.DIP).answer["result_fen"] == 20_000
    assert on(made, chart.gain(HOSPITAL)) == 20_000
    pw.pay(made, pw.DIP, "final", refused="provider.no-final-rates")
    pw.rates(made, "final", point=950_000, drg=12_000_000_000)
    final = pw.pay(made, pw.DIP, "final")
    assert final.answer["standard_fen"] == 95_000
    assert [(p.transfer, p.account, p.amount_fen) for p in final.postings] == [
        (f"provider/{pw.CLAIM}/2", chart.payable(HOSPITAL), -5_000),
        (f"provider/{pw.CLAIM}/2", chart.budget("440100"), 5_000),
        (f"provider/{pw.CLAIM}/2", chart.gain(HOSPITAL), -5_000),
        (f"provider/{pw.CLAIM}/2", chart.income(HOSPITAL), 5_000),
    ]
    assert on(made, chart.payable(HOSPITAL)) == 15_000
    assert record.month_of(made.world.state, HOSPITAL, "2025-06")["dip"][5:] == [15_000, 0]
    pw.pay(made, pw.DIP, refused="provider.already-final")
    assert not any(trial_balance(made.world.state).values())


@pytest.mark.parametrize(
    ("total", "days", "group", "standard", "way"),
    [
        # Two of 8.5 days are less than a third: 14,814.00 x 20/85 = 3,485.647...
        (300_000, 2, pw.DRG, 348_565, "drg"),
        # 40,000 is above twice 14,814: 14,814 + (40,000 - 29,628) = 25,186.
        (4_000_000, 9, pw.DRG, 2_518_600, "drg"),
        # 30 days at 300 and 10 at 250.
        (1_500_000, 40, None, 1_150_000, "bed_day"),
        # By item: the bill itself.
        (1_500_000, 9, None, 1_500_000, "fee_for_service"),
        # Decided by the panel for this one case.
        (1_500_000, 9, pw.DRG | {"special_fen": 1_333_333}, 1_333_333, "drg"),
    ],
)
def test_worked_examples(total: int, days: int, group: Any, standard: int, way: str) -> None:
    made = pw.make_provider_world()
    settled = pw.settle(made, total, days)
    paid = pw.pay(made, group)
    assert (paid.answer["standard_fen"], paid.answer["way"]) == (standard, way)
    assert paid.answer["result_fen"] == max(standard - total, -settled.answer["funds_fen"]), (
        "what the bill exceeds, at most what the funds owed"
    )
    assert whole_bill(made) == total
    assert bool(paid.postings) == (standard != total)


def test_the_patients_share_never_depends_on_it() -> None:
    with_policy, without = pw.make_provider_world(), make_claim_world()
    settled = [pw.settle(made, 1_800_000) for made in (with_policy, without)]
    assert settled[0].answer == settled[1].answer
    assert settled[0].postings == settled[1].postings
    claim = with_policy.world.state.get(f"claim/{pw.CLAIM}")
    kept = {key: n for key, n in balances(with_policy.world.state).items() if "clear" in key[0]}
    account = on(with_policy, chart.fund("430100"))
    pw.pay(with_policy, pw.DRG)
    assert with_policy.world.state.get(f"claim/{pw.CLAIM}") == claim
    assert on(with_policy, chart.fund("430100")) == account, "home owes what was settled"
    after = balances(with_policy.world.state)
    assert {key: n for key, n in after.items() if "clear" in key[0]} == kept


def test_settle_reads_nothing_of_it_and_a_reversal_takes_it_back() -> None:
    made = pw.make_provider_world()
    made.world.state.reads.clear()
    pw.settle(made, 1_800_000)
    words = ("provider", "rates/", "group", "budget/")
    assert not [key for key in made.world.state.reads if key.startswith(words)]
    pw.pay(made, pw.DRG)
    made.reverse()
    for account in (chart.payable, chart.gain, chart.hospital_share, chart.income):
        assert on(made, account(HOSPITAL)) == 0
    assert on(made, chart.budget("440100")) == 0
    assert record.month_of(made.world.state, HOSPITAL, "2025-06") == {}
    pw.pay(made, pw.DRG, refused="provider.not-settled")


def test_a_settlement_that_is_made_anew_loses_what_was_decided_about_it() -> None:
    made = pw.make_provider_world()
    for key in [k for k in made.world.state.entries if k.startswith("filing") and "bob" not in k]:
        if key != "filing/430100f2":
            made.world.state.delete(key)
    first = pw.settle(made, 1_800_000)
    pw.pay(made, pw.DRG)
    made.world.next_block()
    made.file("430100f9")
    again = resettle(made, pw.CLAIM)
    assert again.answer["funds_fen"] > first.answer["funds_fen"]
    assert on(made, chart.payable(HOSPITAL)) == again.answer["funds_fen"]
    assert on(made, chart.budget("440100")) == 0
    paid = pw.pay(made, pw.DRG, claim=f"{pw.CLAIM}-n")
    assert paid.answer["standard_fen"] == 1_481_400
    assert on(made, chart.budget("440100")) == 1_800_000 - 1_481_400
    assert whole_bill(made) == 1_800_000


@given(
    steps=st.lists(
        st.sampled_from(["drg", "dip", "item", "final drg", "final dip", "panel"]), max_size=6
    ),
    total=st.integers(0, 5_000_000),
)
def test_however_often_it_is_decided_the_books_say_the_last_word(
    steps: list[str], total: int
) -> None:
    made = pw.make_provider_world()
    pw.rates(made, "final", point=950_000, drg=11_500_000_000)
    settled = pw.settle(made, total)
    funds = settled.answer["funds_fen"]
    last, final = 0, False
    for step in steps:
        group: Any = {"item": None, "panel": pw.DRG | {"special_fen": 777_777}}.get(
            step, pw.DIP if "dip" in step else pw.DRG
        )
        stage = "final" if "final" in step else "estimated"
        if final and stage != "final":
            pw.pay(made, group, stage, refused="provider.already-final")
            continue
        final = final or stage == "final"
        last = pw.pay(made, group, stage).answer["result_fen"]
        again = pw.pay(made, group, stage)
        assert not again.postings, "told twice it is the same"
    assert on(made, chart.payable(HOSPITAL)) == funds + last >= 0
    assert account_record.find(made.world.state, HOSPITAL).due.get(FUND, 0) == last
    assert on(made, chart.gain(HOSPITAL)) == max(last, 0)
    assert on(made, chart.hospital_share(HOSPITAL)) == min(last, 0)
    assert on(made, chart.budget("440100")) == -last
    assert whole_bill(made) == total
    assert not any(trial_balance(made.world.state).values())


def test_the_same_words_after_other_rates_are_another_decision() -> None:
    """A case without a group has no attachment that would make one call differ from another."""
    made = pw.make_provider_world()
    pw.rates(made, drg=12_000_000_000, point=1_000_000, day=300_000_000)
    pw.deploy(made, PER_DAY)
    funds = pw.settle(made, 2_000_000, days=40).answer["funds_fen"]
    first = pw.pay(made).answer
    assert first["standard_fen"] == 40 * 30_000
    assert not pw.pay(made).postings, "told twice it is the same"
    pw.rates(made, drg=12_000_000_000, point=1_000_000, day=250_000_000)
    assert pw.pay(made).answer["standard_fen"] == 40 * 25_000
    result = on(made, chart.payable(HOSPITAL)) - funds
    assert account_record.find(made.world.state, HOSPITAL).due.get(FUND, 0) == result
    assert on(made, chart.budget("440100")) == -result
    assert not any(trial_balance(made.world.state).values())


PER_DAY = '''"""So much a day."""


def pay(case):
    days = [case["rates"]["day"], ratio(case["visit"]["days"], 1)]
    return {"standard_fen": multiplied(yuan(1), days, "days"), "way": "bed_day"}
'''


def test_refusals() -> None:
    made = pw.make_provider_world()
    pw.pay(made, pw.DRG, refused="claim.not-found")
    made.register(pw.CLAIM, visit(kind="inpatient"))
    pw.pay(made, pw.DRG, refused="provider.not-settled")
    made.settle(pw.CLAIM, [line(1, amount_fen=80_000)], registered=True)
    pw.pay(made, pw.DRG, sender=BUREAU_CHANGSHA, refused="sender.not-competent")
    unknown = {"system": "drg", "code": "NOPE"}
    told = pw.pay(made, unknown, refused="provider.unknown-group")
    assert "NOPE" not in str(told.values), "a group is somebody's diagnosis"
    pw.pay(made, pw.DRG, "final", refused="provider.needs-checker", post="clerk")
    special = pw.DRG | {"special_fen": 1}
    pw.pay(made, special, refused="provider.needs-checker", post="clerk")
    pw.rates(made, "final", point=1)
    pw.rates(made, "final", point=1)
    pw.rates(made, "final", point=2, refused="provider.rates-final")
    with pytest.raises(AssertionError, match=r"provider\.group-differs"):
        pw.groups(made, "drg", ("FM11", 1, 0, 0))
    with pytest.raises(AssertionError, match=r"provider\.table-differs"):
        pw.groups(made, "drg", ("X", 1, 0, 0), effective_from="2025-02-01")
    pw.deploy(made, "def settle(case):\n    return 1\n", refused="policy.source-refused")
    pw.deploy(made, "def pay(case):\n    return 1\n", refused="provider.trial-failed")
    pw.deploy(made, 'def pay(case):\n    fail("no")\n', refused="provider.trial-empty")


def test_a_place_without_a_policy_pays_by_item() -> None:
    made = make_claim_world()
    pw.settle(made, 80_000)
    pw.pay(made, refused="provider.none-in-force")


def test_no_group_is_in_a_receipt_or_the_state() -> None:
    made = pw.make_provider_world()
    pw.settle(made, 1_800_000)
    made.world.canaries = ("FM11",)
    before = set(made.world.state.entries)
    outcome = pw.pay(made, pw.DRG)
    assert outcome.explanation is not None
    assert outcome.explanation["group"]["code"] == "FM11"
    for key in set(made.world.state.entries) - before:
        assert b"FM11" not in made.world.state.entries[key]


def test_the_page_shows_a_policy_that_works() -> None:
    text = (Path(__file__).parents[3] / "docs/provider-payment.md").read_text(encoding="utf-8")
    source = text.partition("```python\n")[2].partition("```")[0]
    case: dict[str, Any] = {
        "bill": {"total_fen": 1_800_000, "funds_fen": 1_428_000, "others_fen": 372_000},
        "visit": {"admission": "2025-06-01", "discharge": "2025-06-10", "days": 9},
        "group": {"system": "drg", "code": "FM11", "weight": "1.2345", "average_days_e1": 85},
        "rates": {"drg": "12000", "coefficient": "0.98"},
    }
    standard, steps = PaymentProgram(source).pay(normalise(case))
    assert standard.amount_fen == 1_451_772
    assert [formula(step) for step in steps] == [
        "1.00 × 12000 × 1.2345 × 0.98 = 14,517.72",
        "max(0, 18,000.00 − 29,035.44) = 0.00",
    ]


@pytest.mark.parametrize("factor", ["1.23456789", "-1", "99999999", "", "1e3", "１"])
def test_a_factor_that_is_none_ends_the_run(factor: str) -> None:
    source = 'def pay(case):\n    x = multiplied(1, [case["rates"]["x"]])\n'
    source += '    return {"standard_fen": x, "way": "drg"}\n'
    with pytest.raises(PolicyFault):
        PaymentProgram(source).pay(normalise({"rates": {"x": factor}}))


@given(
    st.integers(0, 10**9),
    st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 999_999)), min_size=1, max_size=3),
)
def test_multiplied_is_exact_and_rounded_once(amount: int, factors: list[tuple[int, int]]) -> None:
    texts = [f"{whole}.{places:06d}" for whole, places in factors]
    exact = Fraction(amount)
    for text in texts:
        exact *= Fraction(text)
    if exact > 10**14:
        return
    want = int(exact + Fraction(1, 2))
    assert multiplied(Recorder(), amount, texts) == want


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"bill": {"total_fen": 1}}, "bill"),
        ({"bill": {"total_fen": 1.0}}, "bill.total_fen"),
        ({"what": 1}, "case.what"),
        ({"group": {"system": "icd"}}, "group.system"),
        ({"visit": {"discharge": "2025-02-30"}}, "visit.discharge"),
        ({"rates": {"a": 1}}, "rates.a"),
        ([], "case"),
    ],
)
def test_a_case_file_that_is_none_says_where(document: Any, path: str) -> None:
    with pytest.raises(CaseError) as told:
        normalise(document)
    assert told.value.path == path
