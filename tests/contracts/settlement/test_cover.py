"""Commercial cover in a settlement: only with consent, after the home policy, never in the way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.settlement import enrolment
from tests.contracts.settlement.claim_world import BOB, DAY
from tests.contracts.settlement.cover_world import (
    ACCOUNT,
    ALL_THAT_IS_OPEN,
    CARD,
    INSURER,
    LATER_PRODUCT,
    PRODUCT,
    TWO_DEDUCTIBLES,
    CoverWorld,
)
from tests.contracts.settlement.funds_world import balances, trial_balance
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    HOSPITAL,
)

# A bill of 2,000.00 in scope: deductible 300.00, then 85 % of 1,700.00; 555.00 is open.


@pytest.fixture
def world() -> CoverWorld:
    return CoverWorld()


# --- Within the settlement --------------------------------------------------------------------


def test_a_product_pays_after_the_home_policy_and_within_the_settlement(world: CoverWorld) -> None:
    world.insure()
    settled = world.settle(own_fen=70_000)
    # In scope 80 % of 555.00 - 200.00; own expense 60 % of 700.00 - 500.00.
    assert settled.answer["commercial_fen"] == 28_400 + 12_000
    assert settled.answer["funds_fen"] == 144_500
    assert settled.answer["cash_fen"] == 270_000 - 144_500 - 40_400
    moved = {(p.account, p.amount_fen) for p in settled.postings if p.fund_type == "commercial"}
    assert moved == {(f"commercial:{INSURER}", -40_400), (f"payable:{HOSPITAL}", 40_400)}
    assert settled.versions["cover"][0]["product"] == PRODUCT
    assert settled.versions["cover"][0]["number"] == 1
    assert settled.explanation is not None
    told = settled.explanation["cover"][0]
    assert (told["insurer"], told["amount_fen"], told["reason"]) == (INSURER, 40_400, "")
    assert [step["code"] for step in told["steps"]][-2:] == ["inside", "outside"]
    assert told["counters"] == [[2025, "in_fen", 0, 55_500], [2025, "out_fen", 0, 70_000]]
    assert settled.explanation["versions"]["cover"] == [{"product": PRODUCT, "number": 1}]
    assert world.payment().stage == "settled"
    assert not any(trial_balance(world.world.state).values())


def test_the_deductibles_are_of_the_year_and_a_reversal_restores_all(world: CoverWorld) -> None:
    world.insure()
    before = balances(world.world.state)
    world.settle(own_fen=70_000)
    second = world.settle("H44010000123-m-2", own_fen=10_000)
    # No deductible is left, neither the pool's nor the product's: 80 % of 15 % of 2,000.00.
    assert second.answer["commercial_fen"] == 24_000 + 6_000
    world.counter.reverse("H44010000123-m-2")
    world.counter.reverse()
    assert balances(world.world.state) == before
    assert world.payment().stage == "cancelled"
    again = world.settle("H44010000123-m-3", own_fen=70_000)
    assert again.answer["commercial_fen"] == 40_400


def test_without_a_word_of_the_person_nothing_goes_to_the_insurer(world: CoverWorld) -> None:
    world.deploy()
    world.enrol()
    world.world.state.reads.clear()
    settled = world.settle(own_fen=70_000)
    assert settled.answer["commercial_fen"] == 0
    assert "cover" not in settled.versions
    assert settled.explanation is not None
    assert "cover" not in settled.explanation
    assert not [key for key in world.world.state.reads if key.startswith("cover")]
    assert not world.has_payment()
    assert INSURER not in str(settled)


def test_a_person_without_cover_is_stored_as_before(world: CoverWorld) -> None:
    state = world.world.state
    plain = state.entries[f"person/{ALICE}"]
    world.insure()
    assert state.entries[f"person/{ALICE}"] != plain
    world.revoke()
    assert state.entries[f"person/{ALICE}"] == plain


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"end": "2025-06-09"}, "cover.not-held"),
        ({"start": "2025-06-11"}, "cover.not-held"),
        ({"effective_from": "2025-06-11"}, "cover.none-in-force"),
    ],
)
def test_a_product_outside_its_time_pays_nothing_and_says_why(
    world: CoverWorld, given: dict[str, Any], reason: str
) -> None:
    effective = given.pop("effective_from", "2025-01-01")
    world.deploy(effective_from=effective)
    world.enrol(**given)
    world.authorise()
    settled = world.settle()
    assert settled.answer["commercial_fen"] == 0
    assert settled.explanation is not None
    assert settled.explanation["cover"][0]["reason"] == reason


def test_a_consent_ends_with_its_day_by_revocation_and_by_death(world: CoverWorld) -> None:
    world.insure(to="2025-06-10")
    assert world.settle().answer["commercial_fen"] == 28_400
    world.world.on("2025-06-11")
    settled = world.settle("H44010000123-m-2")
    assert settled.answer["commercial_fen"] == 0
    assert settled.explanation is not None
    assert settled.explanation["cover"][0]["reason"] == "cover.consent-ended"
    world.authorise()
    world.revoke(sender=INSURER)
    assert world.settle("H44010000123-m-3").explanation is not None
    assert not enrolment.require_person(world.world.state, ALICE).covers
    world.authorise()
    died = {"last_day": "2025-06-10", "cause": "death"}
    world.call("close", BUREAU_CHANGSHA, contract="enrolment", person=ALICE, revision=2,
               attachments={"person": died})  # fmt: skip
    settled = world.settle("H44010000123-m-4")
    assert settled.answer["commercial_fen"] == 0
    world.authorise(refused="enrolment.ended")


FAULTS = {
    "policy.fault": 'return {"payments": [1 // len([])]}',
    "policy.overspends": 'return {"payments": [payment("commercial", 99999999, "x")]}',
    "cover.foreign-fund": 'return {"payments": [payment("310100", 1, "x")]}',
    "policy.out-of-budget": 'return {"payments": [payment("commercial", spin(), "x")]}',
    "policy.answer-malformed": 'return {"payments": 1}',
    "policy.refuses": 'fail("no-cover")',
    "counters.negative": 'return {"payments": [], "counters": {"a": 0 - 1}}',
}


@pytest.mark.parametrize(("code", "then"), FAULTS.items())
def test_a_rule_that_goes_wrong_never_holds_a_discharge(
    world: CoverWorld, code: str, then: str
) -> None:
    # The trial has no bill of exactly this amount, so the slip gets through it.
    source = f"""
def spin():
    total = 0
    for i in range(1000):
        for j in range(1000):
            total = total + i - j
    return total

def settle(case):
    if case["sums"]["total_fen"] == 200100:
        {then}
    return {{"payments": []}}
"""
    world.insure(source)
    world.insure(ALL_THAT_IS_OPEN, LATER_PRODUCT)
    settled = world.settle(in_scope_fen=200_100)
    assert settled.explanation is not None
    faulty, sound = settled.explanation["cover"]
    assert (faulty["amount_fen"], faulty["reason"]) == (0, code)
    # The product behind it is asked as if the first were not there.
    assert sound["amount_fen"] == settled.answer["commercial_fen"] > 0
    assert settled.answer["cash_fen"] == 0
    assert settled.answer["funds_fen"] == 144_585


def test_products_follow_each_other_and_none_pays_what_another_has(world: CoverWorld) -> None:
    world.insure()
    world.insure(ALL_THAT_IS_OPEN, LATER_PRODUCT)
    settled = world.settle(own_fen=70_000)
    assert settled.answer["commercial_fen"] == 270_000 - 144_500
    assert settled.answer["person_fen"] == 0
    assert [world.payment(number=n).amount_fen for n in (1, 2)] == [40_400, 85_100]
    world.counter.reverse()
    assert [world.payment(number=n).stage for n in (1, 2)] == ["cancelled", "cancelled"]


def test_the_account_pays_of_what_the_product_has_left(world: CoverWorld) -> None:
    world.insure()
    settled = world.settle(own_fen=70_000, use_account=True)
    # 71.00 is left in scope, which is all the account may pay of.
    assert settled.answer["account_fen"] == 55_500 - 28_400
    assert settled.answer["cash_fen"] == 70_000 - 12_000


def test_an_estimate_says_the_same_and_keeps_nothing(world: CoverWorld) -> None:
    world.insure()
    before = dict(world.world.state.entries)
    told = world.settle(own_fen=70_000, method="estimate")
    assert world.world.state.entries == before
    assert told.answer["commercial_fen"] == 40_400
    assert world.settle(own_fen=70_000).answer["commercial_fen"] == 40_400


def test_no_plain_transfer_pays_an_insurers_debt(world: CoverWorld) -> None:
    """Its months are paid by notice (``test_insurers``): a debt with two ways to be paid is paid
    twice one day, and what is left on the account would explain nothing."""
    world.insure()
    world.settle(own_fen=70_000)
    for sender in (BANK, INSURER):
        for amount in (40_400, -40_400):
            postings = [
                {"account": account, "fund_type": "commercial", "amount_fen": fen}
                for account, fen in ((f"commercial:{INSURER}", amount), (f"bank:{BANK}", -amount))
            ]
            args = {"transfer": f"{sender}:t-1", "kind": "payment", "postings": postings}
            refused = world.world.refused(
                "funds.contract-only", sender, "funds", "transfer", args, post="finance"
            )
            assert refused.values == {"account": f"commercial:{INSURER}"}


# --- Products, holders ------------------------------------------------------------------------


def test_versions_hold_by_date_from_the_next_block_on(world: CoverWorld) -> None:
    world.insure()
    told = world.deploy()
    assert told.answer["number"] == 1, "the same again is the same version"
    world.deploy(ALL_THAT_IS_OPEN, effective_from="2025-06-10")
    assert world.settle().answer["cash_fen"] == 0
    assert world.deploy(ALL_THAT_IS_OPEN, effective_from="2025-06-10").answer["number"] == 2
    world.deploy(TWO_DEDUCTIBLES, effective_from="2025-06-11")
    assert world.settle("H44010000123-m-2").answer["cash_fen"] == 0


def test_what_is_no_product(world: CoverWorld) -> None:
    world.deploy(product="insurer:other:hmb", refused="sender.foreign-id")
    world.deploy("def settle(case):\n    return open\n", refused="policy.source-refused")
    world.deploy(post="clerk", refused="sender.post")
    world.deploy(sender=BANK, refused="sender.kind")
    whole = ALL_THAT_IS_OPEN.replace('case["open"]["in_scope_fen"]', 'case["sums"]["total_fen"]')
    failed = world.deploy(whole, refused="policy.trial-failed")
    assert failed.values["failed"] == "policy.overspends"
    foreign = ALL_THAT_IS_OPEN.replace('"commercial"', '"390100"')
    failed = world.deploy(foreign, refused="policy.trial-failed")
    assert failed.values["failed"] == "cover.foreign-fund"
    never = 'def settle(case):\n    fail("never")\n'
    world.deploy(never, refused="policy.trial-empty")


def test_an_insurer_speaks_of_its_own_products_and_learns_no_pseudonyms(world: CoverWorld) -> None:
    world.enrol(refused="cover.unknown-product")
    world.deploy()
    world.enrol(end="2024-12-31", refused="cover.dates")
    world.enrol(person="alice", refused="enrolment.wrong-id")
    known = world.enrol()
    unknown = world.enrol(person="p:430100:nobody")
    assert known.answer.keys() == unknown.answer.keys()
    assert world.enrol().events == [], "said again, nothing changes"
    # An insurer that asks about somebody who is not there is told the same as of a stranger.
    world.authorise(person="p:430100:nobody", refused="cover.not-held")
    world.authorise(person=BOB, refused="cover.not-held")


# --- Consents ---------------------------------------------------------------------------------


def test_the_phone_signs_and_anybody_carries_it(world: CoverWorld) -> None:
    world.deploy()
    world.enrol()
    world.authorise(sender=INSURER, signed=world.signed(), refused="presence.no-phone")
    world.phone()
    signed = world.signed()
    world.authorise(sender=INSURER, scope="lines", signed=signed, refused="cover.consent-signature")
    world.authorise(sender=INSURER, account=None, signed=signed, refused="cover.consent-signature")
    world.authorise(sender=INSURER, signed=signed)
    assert world.authorise(sender=INSURER, signed=signed).events == [], "a retry"
    assert world.settle().answer["commercial_fen"] == 28_400
    world.world.time_ms += 1
    world.revoke(sender=INSURER)
    world.authorise(sender=INSURER, signed=world.signed(later_ms=-2), refused="cover.consent-older")
    world.authorise(sender=INSURER, signed=signed, refused="cover.consent-older")
    world.world.time_ms += 20 * 60_000
    world.authorise(sender=INSURER, signed=world.signed(later_ms=-11 * 60_000),
                    refused="presence.expired")  # fmt: skip
    world.authorise(sender=INSURER, signed=world.signed())
    world.revoke(sender=HOSPITAL, signed=world.signed("revoke"), refused="cover.consent-older")
    world.world.time_ms += 1
    world.revoke(sender=HOSPITAL, signed=world.signed("revoke"))
    assert world.settle("H44010000123-m-2").answer["commercial_fen"] == 0


def test_who_may_attest_a_consent(world: CoverWorld) -> None:
    world.authorise(refused="cover.unknown-product")
    world.deploy()
    world.authorise(refused="cover.not-held")
    world.enrol()
    world.authorise(sender=INSURER, presence=CARD, refused="cover.consent-missing")
    world.authorise(sender=BUREAU_GUANGZHOU, refused="sender.not-competent")
    world.authorise(presence=None, refused="cover.consent-missing")
    world.authorise(signed=world.signed(), presence=CARD, refused="cover.consent-missing")
    world.authorise(presence={"kind": "emergency"}, refused="cover.consent-missing")
    world.authorise(presence={"kind": "card", "certificate": "01"},
                    refused="claim.presence-certificate")  # fmt: skip
    world.authorise(to="2025-06-09", refused="cover.dates")
    world.authorise(sender=BANK, refused="sender.kind")
    world.revoke(refused="cover.not-authorised")
    world.authorise(sender=HOSPITAL)
    world.revoke(sender=HOSPITAL, presence=None, refused="cover.consent-missing")


def test_three_products_at_most(world: CoverWorld) -> None:
    for number in range(4):
        product = f"{INSURER}:{number}"
        world.deploy(product=product)
        world.enrol(product)
        world.authorise(product, refused="cover.too-many" if number == 3 else "")
    world.authorise(f"{INSURER}:1", scope="lines")
    covers = enrolment.require_person(world.world.state, ALICE).covers
    assert [(c.product[-1], c.scope) for c in covers] == [
        ("0", "amounts"), ("1", "lines"), ("2", "amounts")
    ]  # fmt: skip


def test_a_change_by_the_home_bureau_keeps_the_consents(world: CoverWorld) -> None:
    world.insure()
    world.phone()
    assert world.settle().answer["commercial_fen"] == 28_400


# --- No layer exceeds what is open ------------------------------------------------------------

_WISH = st.integers(0, 400_000)


@settings(max_examples=30)
@given(
    in_scope=st.integers(1, 300_000),
    own=st.integers(0, 200_000),
    wishes=st.lists(st.tuples(_WISH, _WISH, st.booleans()), max_size=3),
    waiver=st.integers(0, 50_000),
    chosen=st.booleans(),
    hold=st.integers(0, 300_000),
)
def test_no_layer_exceeds_what_is_open(
    in_scope: int, own: int, wishes: list[tuple[int, int, bool]], waiver: int, chosen: bool,
    hold: int,
) -> None:  # fmt: skip
    """Each layer asks for the smaller of a wish and what is open, or for the wish itself, in which
    case it pays nothing where that is too much; the home policy waives and pays before them."""
    world = CoverWorld()
    world.counter.deploy("310", _HOME.replace("WAIVER", str(waiver)), "2025-06-01")
    for number, (inside, outside, bold) in enumerate(wishes):
        source = _BOLD if bold else _MODEST
        source = source.replace("INSIDE", str(inside)).replace("OUTSIDE", str(outside))
        source = source.replace("DAY", f'"{DAY}"')
        pays = ("at_once", "later")[(inside + outside) % 2]
        world.insure(source, f"{INSURER}:{number}", pays=pays)
    before = balances(world.world.state)
    given: dict[str, Any] = {"use_account": chosen}
    if hold:
        args = {"hold": f"{BANK}:h-1", "token": ACCOUNT, "person": ALICE, "institution": HOSPITAL,
                "amount_fen": hold, "until_ms": world.world.time_ms + 1_000_000}  # fmt: skip
        world.call("grant", BANK, contract="credit", **args)
        given["credit"] = f"{BANK}:h-1"
    settled = world.settle(in_scope_fen=in_scope, own_fen=own, **given)
    answer = settled.answer
    assert answer["total_fen"] == in_scope + own
    parts = ("funds_fen", "commercial_fen", "hospital_share_fen", "person_fen")
    assert sum(answer[part] for part in parts) == in_scope + own
    assert answer["person_fen"] == (
        answer["account_fen"] + answer["credit_fen"] + answer["cash_fen"]
    )
    assert min(answer[part] for part in (*parts, "cash_fen", "credit_fen", "account_fen")) >= 0
    # A dumb walk through the layers, in the order in which they are asked.
    room = {"in": in_scope, "out": own}
    waived = min(waiver, in_scope)
    room["in"] -= waived + (in_scope - waived) // 2
    expected = {"at_once": 0, "later": 0}
    order = sorted(wishes, key=lambda wish: (wish[0] + wish[1]) % 2)
    for inside, outside, bold in order:
        pays = ("at_once", "later")[(inside + outside) % 2]
        if bold and not (inside <= room["in"] and outside <= room["out"]):
            continue
        paid = (min(inside, room["in"]), min(outside, room["out"]))
        room = {"in": room["in"] - paid[0], "out": room["out"] - paid[1]}
        expected[pays] += sum(paid)
    assert answer["commercial_fen"] == expected["at_once"]
    due = [
        world.payment(number=n).amount_fen
        for n in range(1, 4)
        if world.has_payment(number=n) and world.payment(number=n).stage == "due"
    ]
    assert sum(due) == expected["later"] <= answer["person_fen"]
    assert not any(trial_balance(world.world.state).values())
    world.counter.reverse()
    after = balances(world.world.state)
    assert after == before or hold


_HOME = """
def settle(case):
    inside = case["sums"]["in_scope_fen"]
    waived = capped(WAIVER, inside, "waived")
    return {"payments": [
        payment("630100", waived, "waived"),
        payment("310100", (inside - waived) // 2, "basic"),
    ]}
"""
_MODEST = """
def settle(case):
    return {"payments": [
        payment("commercial", capped(INSIDE, case["open"]["in_scope_fen"], "in"), "in", "in_scope"),
        payment("commercial", capped(OUTSIDE, case["open"]["out_of_scope_fen"], "out"), "out",
                "out_of_scope"),
    ]}
"""
_BOLD = """
def settle(case):
    if case["visit"]["discharge"] != DAY:
        return {"payments": []}
    return {"payments": [
        payment("commercial", INSIDE, "in", "in_scope"),
        payment("commercial", OUTSIDE, "out", "out_of_scope"),
    ]}
"""
