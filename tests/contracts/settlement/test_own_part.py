"""The person's part: relatives' accounts, wallet, credit; only as chosen, only as allowed."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.runtime import Outcome
from contracts.settlement import family
from contracts.settlement.calendar import start_of_day_ms
from contracts.settlement.funds_book import balance
from tests.contracts.settlement.claim_world import (
    BED,
    DAY,
    EMPLOYEE_POLICY,
    ClaimWorld,
    line,
    make_claim_world,
    visit,
)
from tests.contracts.settlement.funds_world import balances, enrol, trial_balance
from tests.contracts.settlement.refund_world import resettle
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    CENTRE,
    HOSPITAL,
    PHARMACY,
)

CHILD = "p:440100:child"
"""Insured in Guangzhou, with 1,000.00 yuan on the account; Alice's, who is insured in Changsha."""
CARD = {"kind": "card", "certificate": "03"}
ACCOUNT = f"person:{ALICE}:account"
CHILD_ACCOUNT = f"person:{CHILD}:account"
HOUR = 3_600_000


class Home:
    def __init__(self) -> None:
        self.counter: ClaimWorld = make_claim_world()
        self.world = self.counter.world
        enrol(self.world, CHILD, BUREAU_GUANGZHOU, link=sha256(b"child").digest())
        self.deposit(100_000)
        period = {"period": "2025-06"}
        self.world.do(CENTRE, "clearing", "open", period, post="finance")

    def deposit(self, amount_fen: int) -> None:
        args = {"transfer": "440100d-child", "person": CHILD, "amount_fen": amount_fen}
        self.world.do(BUREAU_GUANGZHOU, "funds", "deposit", args, post="finance")

    def call(
        self, contract: str, method: str, sender: str, *, refused: str = "", **args: Any
    ) -> Outcome:
        if refused:
            return self.world.refused(refused, sender, contract, method, args, post="clerk")
        return self.world.do(sender, contract, method, args, post="clerk")

    def allow(self, limit_fen: int = 80_000, *, refused: str = "", **given: Any) -> Outcome:
        args = {"owner": CHILD, "person": ALICE, "relation": "parent", "limit_fen": limit_fen,
                "from": "2025-06-01", "presence": CARD} | given  # fmt: skip
        return self.call("family", "authorise", BUREAU_GUANGZHOU, refused=refused, **args)

    def settle(
        self, claim: str = "H44010000123-m-1", amount_fen: int = 200_000, **given: Any
    ) -> Outcome:
        return self.counter.settle(claim, lines=[line(1, BED, amount_fen)], **given)

    def used_fen(self) -> int:
        tie = family.find(self.world.state, CHILD, ALICE)
        assert tie is not None
        return tie.used_fen

    def send(self, transfer: str = "440100w-1", amount_fen: int = 20_000, **given: Any) -> Outcome:
        args = {"transfer": transfer, "from": CHILD, "to": ALICE, "amount_fen": amount_fen,
                "presence": CARD} | given  # fmt: skip
        return self.call("wallet", "send", BUREAU_GUANGZHOU, **args)

    def at(self, hour: int, day: str = DAY) -> Home:
        self.world.time_ms = start_of_day_ms(day) + hour * HOUR
        return self

    def grant(
        self, hold: str = "bank:icbc:h-1", amount_fen: int = 500_000, **given: Any
    ) -> Outcome:
        args = {"hold": hold, "token": sha256(b"line").digest(), "person": ALICE,
                "institution": HOSPITAL, "amount_fen": amount_fen,
                "until_ms": self.world.time_ms + 30 * 24 * HOUR} | given  # fmt: skip
        return self.call("credit", "grant", BANK, **args)


@pytest.fixture
def home() -> Home:
    return Home()


# --- Relatives' accounts ----------------------------------------------------------------------
# A bill of 2,000.00: deductible 300.00, then 85% of 1,700.00; 555.00 is the person's.


def test_a_childs_account_in_another_province_pays_for_the_parent(home: Home) -> None:
    home.allow()
    settled = home.settle(use_account=True, family=[CHILD])
    assert settled.answer["account_fen"] == 55_500
    assert settled.answer["cash_fen"] == 0
    # Alice's own 500.00 first, then 55.00 of the child's, whose province is that of the care.
    moved = {(p.account, p.amount_fen) for p in settled.postings if p.fund_type == "310200"}
    assert moved == {
        (ACCOUNT, -50_000), ("clearing:430000->440000", 50_000),
        ("receivable:430000->440000", -50_000), (f"payable:{HOSPITAL}", 50_000),
        (CHILD_ACCOUNT, -5_500), (f"payable:{HOSPITAL}", 5_500),
    }  # fmt: skip
    assert home.used_fen() == 5_500
    assert settled.explanation is not None
    assert settled.explanation["account"] == {"before_fen": 50_000, "after_fen": 0}
    assert settled.explanation["own"]["family_fen"] == 5_500


def test_a_limit_is_in_all_and_a_reversal_gives_it_back(home: Home) -> None:
    home.allow(8_000)
    home.settle("H44010000123-m-1", use_account=True, family=[CHILD])
    second = home.settle("H44010000123-m-2", use_account=True, family=[CHILD])
    # 85% of 2,000.00 now; 300.00 is the person's and 25.00 is left of the limit.
    assert (second.answer["account_fen"], second.answer["cash_fen"]) == (2_500, 27_500)
    assert home.used_fen() == 8_000
    before = home.used_fen()
    home.counter.reverse("H44010000123-m-2")
    assert before - home.used_fen() == 2_500
    home.counter.reverse("H44010000123-m-1")
    assert home.used_fen() == 0
    assert balance(home.world.state, CHILD_ACCOUNT, "310200") == 100_000


def test_what_was_used_before_an_allowance_was_renewed_is_no_part_of_it(home: Home) -> None:
    """Taken back or decided again, the first settlement changes nothing of the new allowance."""
    home.allow(8_000)
    home.settle("H44010000123-m-1", use_account=True, family=[CHILD])
    assert home.used_fen() == 5_500
    home.world.next_block()
    home.allow(3_000)
    home.settle("H44010000123-m-2", use_account=True, family=[CHILD])
    assert home.used_fen() == 3_000
    lower = EMPLOYEE_POLICY.replace("yuan(300)", "yuan(299)")
    home.counter.deploy("310", lower, "2025-02-01")
    again = resettle(home.counter, "H44010000123-m-1", reason="other")
    assert again.answer["account_fen"] < 55_500
    assert home.used_fen() == 3_000
    home.counter.reverse("H44010000123-m-1-n")
    assert home.used_fen() == 3_000
    home.counter.reverse("H44010000123-m-2")
    assert home.used_fen() == 0


def test_nothing_is_used_that_was_not_chosen_or_not_allowed(home: Home) -> None:
    home.settle(family=[CHILD], refused="claim.account-not-chosen")
    home.settle(use_account=True, family=[CHILD], refused="family.not-authorised")
    home.allow(0)
    home.settle(use_account=True, family=[CHILD], refused="family.not-authorised")
    home.allow(5_000, **{"from": "2025-06-11"})
    home.settle(use_account=True, family=[CHILD], refused="family.not-authorised")
    home.allow(5_000, to="2025-06-09")
    home.settle(use_account=True, family=[CHILD], refused="family.not-authorised")
    home.allow(5_000)
    home.call("family", "revoke", BUREAU_GUANGZHOU, owner=CHILD, person=ALICE)
    home.settle(use_account=True, family=[CHILD], refused="family.not-authorised")
    home.call("family", "revoke", BUREAU_GUANGZHOU, owner=CHILD, person=ALICE,
              refused="family.not-authorised")  # fmt: skip
    assert home.settle().answer["account_fen"] == 0


def test_who_may_authorise(home: Home) -> None:
    home.allow(owner=CHILD, person=CHILD, refused="family.self")
    home.allow(to="2025-05-01", refused="family.dates")
    home.allow(owner=ALICE, person=CHILD, refused="sender.not-competent")
    home.allow(person="p:430100:nobody", refused="enrolment.unknown-person")
    home.allow(presence={"kind": "card", "certificate": "02"},
               refused="claim.presence-certificate")  # fmt: skip


# --- Wallet -----------------------------------------------------------------------------------


def test_money_from_a_relative_elsewhere_pays_for_care(home: Home) -> None:
    home.allow(0)
    sent = home.send()
    assert sent.answer["status"] == "waiting"
    assert balance(home.world.state, f"wallet:{CHILD}", "310200") == 20_000
    claimed = home.call("wallet", "claim", BUREAU_CHANGSHA, transfer="440100w-1")
    assert {p.account for p in claimed.postings} == {
        f"wallet:{CHILD}", "clearing:440000->430000", "receivable:440000->430000",
        f"wallet:{ALICE}",
    }  # fmt: skip
    again = home.call("wallet", "claim", BUREAU_CHANGSHA, transfer="440100w-1")
    assert (again.answer, again.postings) == (claimed.answer, [])
    settled = home.settle(use_account=True)
    assert settled.answer["account_fen"] == 55_500
    assert balance(home.world.state, f"wallet:{ALICE}", "310200") == 14_500
    assert settled.explanation is not None
    assert settled.explanation["wallet"] == {"before_fen": 20_000, "after_fen": 14_500}
    home.counter.reverse()
    assert balance(home.world.state, f"wallet:{ALICE}", "310200") == 20_000
    assert not any(trial_balance(home.world.state).values())


def test_three_a_day_two_thousand_each_none_at_night(home: Home) -> None:
    home.allow(0)
    refused = home.send(amount_fen=200_001, refused="wallet.amount")
    assert refused.values == {"amount_fen": 200_001, "limit_fen": 200_000}
    for number in range(3):
        home.send(f"440100w-{number}", 10_000)
    home.send("440100w-9", 1, refused="wallet.too-many-today")
    assert home.send("440100w-0", 10_000).answer["status"] == "waiting", "a retry is no fourth one"
    home.at(5, "2025-06-11").send("440100w-9", 1, refused="wallet.night")
    home.at(22, "2025-06-11").send("440100w-9", 1, refused="wallet.night")
    home.at(6, "2025-06-11").send("440100w-9", 1)


def test_what_nobody_claims_goes_back_at_six(home: Home) -> None:
    home.allow(0)
    before = balances(home.world.state)
    home.send()
    home.call("wallet", "give_back", HOSPITAL, transfer="440100w-1", refused="wallet.early")
    home.at(6, "2025-06-11")
    home.call("wallet", "claim", BUREAU_CHANGSHA, transfer="440100w-1", refused="wallet.late")
    home.call("wallet", "give_back", HOSPITAL, transfer="440100w-1")
    assert balances(home.world.state) == before
    home.call("wallet", "claim", BUREAU_CHANGSHA, transfer="440100w-1", refused="wallet.ended")


def test_strangers_and_money_that_is_not_there(home: Home) -> None:
    home.send(refused="wallet.stranger")
    home.allow(0)
    home.send(amount_fen=100_001, refused="funds.not-covered")
    home.call("wallet", "claim", BUREAU_CHANGSHA, transfer="440100w-8", refused="wallet.not-found")
    home.send()
    home.send(amount_fen=19_999, refused="funds.duplicate-id")
    home.call(
        "wallet", "claim", BUREAU_GUANGZHOU, transfer="440100w-1", refused="sender.not-competent"
    )


def test_what_waits_is_not_spent_by_its_sender(home: Home) -> None:
    home.allow(0)
    home.world.do(BUREAU_CHANGSHA, "family", "authorise",
                  {"owner": ALICE, "person": CHILD, "relation": "child", "limit_fen": 0,
                   "from": "2025-06-01", "presence": CARD}, post="clerk")  # fmt: skip
    home.call("wallet", "send", BUREAU_CHANGSHA, transfer="430100w-1",
              **{"from": ALICE, "to": CHILD, "amount_fen": 30_000, "presence": CARD})  # fmt: skip
    settled = home.settle(use_account=True)
    assert settled.answer["account_fen"] == 20_000
    assert balance(home.world.state, f"wallet:{ALICE}", "310200") == 30_000


# --- Credit -----------------------------------------------------------------------------------


def test_credit_takes_the_place_of_cash_and_the_rest_is_free_at_once(home: Home) -> None:
    before = balances(home.world.state)
    home.grant()
    settled = home.settle(credit="bank:icbc:h-1", use_account=True)
    answer = settled.answer
    assert (answer["account_fen"], answer["credit_fen"], answer["cash_fen"]) == (50_000, 5_500, 0)
    assert answer["person_fen"] == 55_500
    assert settled.amounts["credit_fen"] == 5_500
    state = home.world.state
    assert balance(state, f"credit:{BANK}", "cash") == 0
    assert balance(state, f"bank:{BANK}", "cash") == -5_500
    assert balance(state, f"income:{HOSPITAL}", "cash") == 5_500
    told = home.call("credit", "repaid", BANK, hold="bank:icbc:h-1", repaid_fen=2_000)
    assert told.answer["owed_fen"] == 3_500
    home.call(
        "credit", "repaid", BANK, hold="bank:icbc:h-1", repaid_fen=5_501, refused="credit.repaid"
    )
    home.call(
        "credit", "repaid", BANK, hold="bank:icbc:h-1", repaid_fen=1_999, refused="credit.repaid"
    )
    # The reversal goes back to the bank, which now owes the patient what was repaid.
    assert home.counter.reverse().answer["credit_fen"] == 5_500
    assert balances(state) == before
    again = home.call("credit", "repaid", BANK, hold="bank:icbc:h-1", repaid_fen=2_000)
    assert again.answer["owed_fen"] == -2_000


def test_a_hold_that_is_too_small_leaves_cash(home: Home) -> None:
    home.grant(amount_fen=10_000)
    settled = home.settle(credit="bank:icbc:h-1")
    assert (settled.answer["credit_fen"], settled.answer["cash_fen"]) == (10_000, 45_500)
    home.settle("H44010000123-m-2", credit="bank:icbc:h-1", refused="credit.ended")


def test_a_hold_is_for_one_person_at_one_place_until_a_time(home: Home) -> None:
    home.grant(until_ms=0, refused="credit.late")
    home.grant(institution=BANK, refused="credit.institution")
    home.grant()
    assert home.grant().postings == [], "a retry holds nothing twice"
    home.grant(amount_fen=1, refused="credit.duplicate-id")
    home.settle(credit="bank:icbc:h-9", refused="credit.not-found")
    home.counter.settle("P44010000456-1", credit="bank:icbc:h-1", sender=PHARMACY,
                        given=visit(kind="pharmacy"),
                        refused="credit.other")  # fmt: skip
    home.call("credit", "release", BANK, hold="bank:icbc:h-1", refused="credit.early")
    home.call("credit", "release", PHARMACY, hold="bank:icbc:h-1", refused="credit.not-found")
    home.call("credit", "release", HOSPITAL, hold="bank:icbc:h-1")
    assert balance(home.world.state, f"bank:{BANK}", "cash") == 0
    home.settle(credit="bank:icbc:h-1", refused="credit.ended")
    home.grant("bank:icbc:h-2", until_ms=home.world.time_ms + 1)
    home.world.time_ms += 1
    home.settle(credit="bank:icbc:h-2", refused="credit.over")
    home.call("credit", "release", BANK, hold="bank:icbc:h-2")


# --- All together -----------------------------------------------------------------------------


@given(
    bill=st.integers(1, 3_000_000),
    limit=st.integers(0, 120_000),
    wallet=st.integers(0, 90_000),
    hold=st.integers(0, 400_000),
    own=st.booleans(),
)
def test_every_fen_has_a_payer_and_a_reversal_restores_all(
    bill: int, limit: int, wallet: int, hold: int, own: bool
) -> None:
    home = Home()
    home.allow(limit)
    if wallet:
        home.send(amount_fen=wallet)
        home.call("wallet", "claim", BUREAU_CHANGSHA, transfer="440100w-1")
    before = balances(home.world.state)
    given: dict[str, Any] = {"use_account": own}
    if own and limit:
        given["family"] = [CHILD]
    if hold:
        home.grant(amount_fen=hold)
        given["credit"] = "bank:icbc:h-1"
    settled = home.settle(amount_fen=bill, **given)
    answer = settled.answer
    person = answer["account_fen"] + answer["credit_fen"] + answer["cash_fen"]
    assert answer["person_fen"] == person
    assert answer["funds_fen"] + person == bill
    available = 50_000 + wallet + min(limit, 100_000 - wallet) if own else 0
    assert answer["account_fen"] == min(available, person)
    assert answer["credit_fen"] == min(hold, person - answer["account_fen"])
    assert home.used_fen() == max(0, answer["account_fen"] - 50_000 - wallet)
    assert not any(trial_balance(home.world.state).values())
    home.counter.reverse()
    assert balances(home.world.state) == before
    assert home.used_fen() == 0


def test_a_validator_vote_is_what_changes_the_wallets_limits(home: Home) -> None:
    shown = home.world.call(
        BUREAU_HUNAN, "organisations", "set_parameter",
        {"name": "wallet", "region": "430000", "value": {}},
    )  # fmt: skip
    assert not shown.ok


@pytest.mark.parametrize("cause", ["death", "moved"])
def test_an_account_whose_owner_died_or_moved_pays_for_nobody(cause: str) -> None:
    home = Home()
    home.allow()
    home.settle(use_account=True, family=[CHILD])
    args = {"person": CHILD, "revision": 2}
    home.world.do(
        BUREAU_GUANGZHOU, "enrolment", "close", args,
        attachments={"person": {"last_day": "2025-06-09", "cause": cause}}, post="clerk",
    )  # fmt: skip
    refusal = home.settle(
        "H44010000123-m-2", use_account=True, family=[CHILD], refused="family.not-authorised"
    )
    assert refusal.values == {"owner": CHILD, "person": ALICE, "date": DAY}
