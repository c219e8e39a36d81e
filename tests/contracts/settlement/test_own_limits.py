"""The person's part at its edges: the minute, the fen and the day at which a limit holds."""

from __future__ import annotations

import pytest

from contracts.settlement.calendar import start_of_day_ms
from contracts.settlement.funds_book import balance
from tests.contracts.settlement.claim_world import DAY, visit
from tests.contracts.settlement.funds_world import balances, enrol
from tests.contracts.settlement.test_own_part import CARD, CHILD, HOUR, Home
from tests.contracts.world import ALICE, BANK, BUREAU_CHANGSHA, BUREAU_GUANGZHOU, HOSPITAL

NEXT = "2025-06-11"


@pytest.fixture
def home() -> Home:
    return Home()


# --- Wallet: three a day, 2,000.00 each, none at night, unclaimed returned at six ---------------


@pytest.mark.parametrize(
    ("at_ms", "refused"),
    [
        (6 * HOUR - 1, "wallet.night"), (6 * HOUR, ""),
        (22 * HOUR - 1, ""), (22 * HOUR, "wallet.night"), (24 * HOUR - 1, "wallet.night"),
    ],
)  # fmt: skip
def test_the_night_begins_at_ten_and_ends_at_six(home: Home, at_ms: int, refused: str) -> None:
    home.allow(0)
    home.world.time_ms = start_of_day_ms(NEXT) + at_ms
    if refused:
        values = home.send(refused=refused).values
        assert (values["hour"], values["opens"], values["closes"]) == (at_ms // HOUR, 6, 22)
    else:
        home.send()


def test_two_thousand_exactly_is_allowed(home: Home) -> None:
    home.allow(0)
    args = {"transfer": "440100d-more", "person": CHILD, "amount_fen": 400_000}
    home.world.do(BUREAU_GUANGZHOU, "funds", "deposit", args, post="finance")
    home.send(amount_fen=200_001, refused="wallet.amount")
    assert home.send(amount_fen=200_000).answer["amount_fen"] == 200_000


def test_three_a_day_counts_those_that_came_back_and_begins_anew(home: Home) -> None:
    home.allow(0)
    home.at(21)
    for number in range(3):
        home.send(f"440100w-{number}", 1_000)
    refused = home.send("440100w-3", 1_000, refused="wallet.too-many-today")
    assert refused.values == {"date": DAY, "transfers": 3, "limit": 3}
    home.at(6, NEXT)
    home.call("wallet", "give_back", HOSPITAL, transfer="440100w-0")
    for number in range(3, 6):
        home.send(f"440100w-{number}", 1_000)
    home.send("440100w-6", 1_000, refused="wallet.too-many-today")


def test_each_sender_has_a_day_of_its_own(home: Home) -> None:
    home.allow(0)
    for number in range(3):
        home.send(f"440100w-{number}", 1_000)
    args = {"from": ALICE, "to": CHILD, "amount_fen": 1_000, "presence": CARD}
    sent = home.call("wallet", "send", BUREAU_CHANGSHA, transfer="430100w-1", **args)
    assert sent.answer["status"] == "waiting"


def test_at_six_it_goes_back_and_a_moment_before_it_is_still_claimed(home: Home) -> None:
    home.allow(0)
    before = balances(home.world.state)
    home.send("440100w-1")
    home.send("440100w-2")
    six = start_of_day_ms(NEXT) + 6 * HOUR
    home.world.time_ms = six - 1
    early = home.call("wallet", "give_back", HOSPITAL, transfer="440100w-2", refused="wallet.early")
    assert early.values == {"from_ms": six, "time_ms": six - 1}
    home.call("wallet", "claim", BUREAU_CHANGSHA, transfer="440100w-1")
    home.world.time_ms = six
    late = home.call("wallet", "claim", BUREAU_CHANGSHA, transfer="440100w-2",
                     refused="wallet.late")  # fmt: skip
    assert late.values == {"until_ms": six, "time_ms": six}
    home.call("wallet", "give_back", HOSPITAL, transfer="440100w-2")
    home.call("wallet", "give_back", HOSPITAL, transfer="440100w-1", refused="wallet.ended")
    state = home.world.state
    assert balance(state, f"wallet:{ALICE}", "310200") == 20_000
    moved = {name: amount for name, amount in balances(state).items() if before.get(name) != amount}
    assert moved, "only the claimed one has moved"
    assert balance(state, f"person:{CHILD}:account", "310200") == 80_000


def test_a_tie_that_has_ended_makes_strangers(home: Home) -> None:
    home.allow(0, to=DAY)
    home.send("440100w-1")
    home.at(12, NEXT)
    refused = home.send("440100w-2", refused="wallet.stranger")
    assert refused.values == {"person": ALICE, "date": NEXT}


def test_nobody_sends_to_the_dead_or_from_nothing(home: Home) -> None:
    home.allow(0)
    enrol(home.world, "p:440100:poor", BUREAU_GUANGZHOU, account=False, link=bytes(32))
    home.allow(0, owner="p:440100:poor")
    home.send(**{"from": "p:440100:poor"}, refused="funds.no-account")
    died = {"last_day": DAY, "cause": "death"}
    home.world.do(BUREAU_CHANGSHA, "enrolment", "close", {"person": ALICE, "revision": 2},
                  attachments={"person": died}, post="clerk")  # fmt: skip
    home.at(12, NEXT)
    home.send(refused="enrolment.ended")


# --- Accounts and holds -------------------------------------------------------------------------


def test_an_account_is_not_used_against_the_patients_choice(home: Home) -> None:
    """There is money on all of them, and the patient says no: cash pays, nothing is looked up."""
    home.allow()
    home.send()
    home.call("wallet", "claim", BUREAU_CHANGSHA, transfer="440100w-1")
    before = {name: fen for name, fen in balances(home.world.state).items() if "310200" in name}
    home.world.state.reads.clear()
    settled = home.settle(use_account=False)
    assert (settled.answer["account_fen"], settled.answer["cash_fen"]) == (0, 55_500)
    assert f"account/{ALICE}" not in home.world.state.reads
    after = {name: fen for name, fen in balances(home.world.state).items() if "310200" in name}
    assert after == before
    refused = home.settle("H44010000123-m-2", use_account=False, family=[CHILD],
                          refused="claim.account-not-chosen")  # fmt: skip
    assert refused.values == {"owners": 1}


def test_a_hold_cannot_be_overdrawn(home: Home) -> None:
    """Not by a bill, not by a second bill, not by a transfer, not by granting it again."""
    home.grant(amount_fen=10_000)
    settled = home.settle(credit=f"{BANK}:h-1")
    assert (settled.answer["credit_fen"], settled.answer["cash_fen"]) == (10_000, 45_500)
    refused = home.settle("H44010000123-m-2", credit=f"{BANK}:h-1", refused="credit.ended")
    assert refused.values["status"] == "drawn"
    home.grant(amount_fen=20_000, refused="credit.duplicate-id")
    postings = [
        {"account": f"credit:{BANK}", "fund_type": "cash", "amount_fen": -1},
        {"account": f"bank:{BANK}", "fund_type": "cash", "amount_fen": 1},
    ]
    args = {"transfer": f"{BANK}:t-1", "kind": "correction", "postings": postings}
    home.world.refused("funds.contract-only", BANK, "funds", "transfer", args, post="finance")
    assert balance(home.world.state, f"credit:{BANK}", "cash") == 0


def test_a_hold_of_one_person_pays_nobody_elses_bill(home: Home) -> None:
    enrol(home.world, "p:430100:other", link=bytes(32))
    home.grant()
    refused = home.counter.settle(
        "H44010000123-m-3", given=visit("p:430100:other"), credit=f"{BANK}:h-1",
        refused="credit.other",
    )  # fmt: skip
    assert refused.values == {"hold": f"{BANK}:h-1"}
