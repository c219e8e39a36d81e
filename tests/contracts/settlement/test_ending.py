"""What ends with an enrolment and what goes on: filings, consents, stays, holds, heirs."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.runtime import Outcome
from contracts.settlement import ending, estate_record, family
from contracts.settlement.estate_record import Estate, Heir
from contracts.settlement.filing_record import load_filing
from contracts.settlement.funds_book import balance
from contracts.settlement.open_things import LISTED_MAX, Open, listed
from tests.contracts.settlement.claim_world import BED, DAY, line, visit
from tests.contracts.settlement.funds_world import trial_balance
from tests.contracts.settlement.test_own_part import ACCOUNT, CHILD, HOUR, Home
from tests.contracts.world import ALICE, BANK, BUREAU_CHANGSHA, BUREAU_GUANGZHOU, HOSPITAL

OWED = "owed:430100"
NEXT_DAY = "2025-06-11"
SON, WIFE = sha256(b"son").digest(), sha256(b"wife").digest()


@pytest.fixture
def home() -> Home:
    return Home()


def close(
    home: Home, revision: int = 2, *, last_day: str = DAY, cause: str = "death", refused: str = ""
) -> Outcome:
    args = {"person": ALICE, "revision": revision}
    more: dict[str, Any] = {"attachments": {"person": {"last_day": last_day, "cause": cause}}}
    if refused:
        return home.world.refused(refused, BUREAU_CHANGSHA, "enrolment", "close", args, **more)
    return home.world.do(BUREAU_CHANGSHA, "enrolment", "close", args, **more)


def admit(home: Home, claim: str, day: str = DAY) -> None:
    # From one hospital to the next on the same day: so several may be open.
    stay = visit(kind="inpatient", admission=day, overlap="transfer")
    args = {"claim": claim, "visit": stay}
    home.world.do(HOSPITAL, "claim", "register", args,
                  attachments={"settlement": {"visit": {}}}, post="operator")  # fmt: skip


def register(
    home: Home, revision: int = 1, *, heirs: list[tuple[bytes, str, int]], refused: str = ""
) -> Outcome:
    rows = [{"heir": heir, "relation": word, "share_e4": share} for heir, word, share in heirs]
    args = {"person": ALICE, "revision": revision}
    more: dict[str, Any] = {"attachments": {"person": {"heirs": rows}}, "post": "clerk"}
    if refused:
        return home.world.refused(refused, BUREAU_CHANGSHA, "estate", "register", args, **more)
    return home.world.do(BUREAU_CHANGSHA, "estate", "register", args, **more)


def divide(
    home: Home, division: str = "430100e1", *, refused: str = "", post: str = "checker"
) -> Outcome:
    args = {"division": division, "person": ALICE}
    if refused:
        return home.world.refused(refused, BUREAU_CHANGSHA, "estate", "divide", args, post=post)
    return home.world.do(BUREAU_CHANGSHA, "estate", "divide", args, post=post)


def pay_out(home: Home, name: str, relation: str) -> None:
    """Account named, ordered by another person, confirmed by the bank."""
    account = {"payout": name, "account": sha256(name.encode()).digest(), "receiver": relation}
    home.world.do(BUREAU_CHANGSHA, "payout", "name", account, post="clerk")
    order = {"payout": name, "payment": f"430100{name[-1]}p", "bank": BANK}
    home.world.do(BUREAU_CHANGSHA, "payout", "pay", order, post="finance")
    told = {"payout": name, "payment": f"430100{name[-1]}p", "reference": f"r-{name[-1]}"}
    home.world.do(BANK, "payout", "confirm", told, post="finance")


# --- The closing call -------------------------------------------------------------------------


def test_the_closing_call_ends_filings_and_consents_and_lists_what_is_open(home: Home) -> None:
    home.allow()
    admit(home, "H44010000123-m-1")
    home.grant()
    told = close(home)
    assert told.answer == {
        "revision": 2, "filings": ["430100f1"], "consents": 0, "relatives": 1,
        "stays": ["H44010000123-m-1"], "holds": ["bank:icbc:h-1"], "wallet_transfers": [],
    }  # fmt: skip
    filing = load_filing(home.world.state, "430100f1")
    assert filing is not None
    last = filing.last
    assert (last.status, last.effective_from, last.reason) == ("cancelled", NEXT_DAY, "death")
    tie = family.find(home.world.state, CHILD, ALICE)
    assert tie is not None
    assert tie.to_date == DAY
    # The same call once more is answered as before, whatever was settled since.
    home.counter.settle("H44010000123-m-1", registered=True, lines=[line(1, BED, 200_000)])
    assert close(home).answer == told.answer


def test_what_a_settlement_ends_is_on_no_list(home: Home) -> None:
    state = home.world.state
    admit(home, "H44010000123-m-1")
    admit(home, "H44010000123-m-2")
    home.grant()
    assert listed(state, Open.STAYS, ALICE) == ["H44010000123-m-1", "H44010000123-m-2"]
    home.counter.settle(
        "H44010000123-m-1", registered=True, lines=[line(1, BED, 200_000)], credit="bank:icbc:h-1"
    )
    cancel = {"claim": "H44010000123-m-2", "reason": "wrong_visit"}
    home.world.do(HOSPITAL, "claim", "cancel", cancel, post="operator")
    home.settle("H44010000123-m-3")
    assert not any(key.startswith("open-") for key in state.entries)
    home.grant("bank:icbc:h-2")
    home.world.do(HOSPITAL, "credit", "release", {"hold": "bank:icbc:h-2"}, post="clerk")
    assert not any(key.startswith("open-") for key in state.entries)


def test_the_list_of_open_stays_is_bounded(home: Home) -> None:
    for number in range(LISTED_MAX + 2):
        admit(home, f"H44010000123-b-{number}")
    names = listed(home.world.state, Open.STAYS, ALICE)
    assert (len(names), names[0]) == (LISTED_MAX, "H44010000123-b-2")


def test_care_before_the_death_still_settles_by_the_filing_and_the_relatives_account(
    home: Home,
) -> None:
    home.allow()
    admit(home, "H44010000123-m-1")
    home.at(9, NEXT_DAY)
    close(home)
    late = home.counter.settle(
        "H44010000123-m-1", registered=True, lines=[line(1, BED, 200_000)], use_account=True,
        family=[CHILD],
    )  # fmt: skip
    # Deductible 1,200.00 of a stay, then 85 % by the referral; 1,320.00 is the person's.
    assert late.answer["funds_fen"] == 68_000
    assert late.answer["account_fen"] == 50_000 + 80_000
    assert late.answer["cash_fen"] == 2_000


def test_a_corrected_day_moves_the_end_of_the_filings(home: Home) -> None:
    close(home, last_day="2025-06-05", cause="moved")
    close(home, 3, last_day="2025-06-09", cause="moved")
    filing = load_filing(home.world.state, "430100f1")
    assert filing is not None
    told = [(v.number, v.status, v.effective_from) for v in filing.versions]
    first = filing.versions[0].effective_from
    assert told[-3:] == [
        (len(told) - 2, "cancelled", "2025-06-06"), (len(told) - 1, "approved", first),
        (len(told), "cancelled", "2025-06-10"),
    ]  # fmt: skip
    done = ending.find(home.world.state, ALICE)
    assert done is not None
    assert (done.last_day, done.cause, done.filings) == ("2025-06-09", "moved", ("430100f1",))


def test_what_a_person_cancelled_stays_cancelled(home: Home) -> None:
    filing = load_filing(home.world.state, "430100f1")
    assert filing is not None
    cancelled = {"filing": "430100f1", "version": len(filing.versions) + 1, "last_day": DAY}
    home.world.do(BUREAU_CHANGSHA, "filing", "cancel", cancelled)
    assert close(home, last_day="2025-06-10").answer["filings"] == []


def test_an_end_too_far_ahead_is_refused(home: Home) -> None:
    close(home, last_day="2026-06-12", cause="moved", refused="enrolment.dates")
    close(home, last_day="2026-06-11", cause="moved")


# --- Heirs ------------------------------------------------------------------------------------


def test_heirs_get_their_shares_through_the_bank(home: Home) -> None:
    close(home)
    register(home, heirs=[(WIFE, "spouse", 6_667), (SON, "child", 3_333)])
    done = divide(home)
    assert done.answer == {
        "division": "430100e1", "amount_fen": 50_000,
        "payouts": ["estate:430100e1:1", "estate:430100e1:2"],
    }  # fmt: skip
    assert divide(home).answer == done.answer
    assert balance(home.world.state, ACCOUNT, "310200") == 0
    assert balance(home.world.state, OWED, "310200") == 50_000
    wrong = {"payout": "estate:430100e1:1", "account": SON, "receiver": "child"}
    home.world.refused("payout.receiver", BUREAU_CHANGSHA, "payout", "name", wrong, post="clerk")
    pay_out(home, "estate:430100e1:1", "spouse")
    pay_out(home, "estate:430100e1:2", "child")
    assert balance(home.world.state, OWED, "310200") == 0
    assert balance(home.world.state, f"bank:{BANK}", "310200") == 50_000
    assert not any(trial_balance(home.world.state).values())
    divide(home, "430100e2", refused="estate.nothing")


def test_bad_registers_and_divisions_change_nothing(home: Home) -> None:
    whole = [(SON, "child", 10_000)]
    register(home, heirs=whole, refused="estate.not-dead")
    divide(home, refused="estate.not-dead")
    close(home)
    divide(home, refused="estate.no-heirs")
    register(home, heirs=[(SON, "child", 9_999)], refused="estate.shares")
    register(home, heirs=[(SON, "child", 5_000), (SON, "child", 5_000)],
             refused="estate.heir-doubled")  # fmt: skip
    register(home, 2, heirs=whole, refused="estate.revision")
    register(home, heirs=whole)
    assert register(home, heirs=whole).answer == {"revision": 1, "heirs": 1}
    args = {"division": "430100e1", "person": ALICE}
    home.world.refused("sender.not-competent", BUREAU_GUANGZHOU, "estate", "divide",
                       args | {"division": "440100e1"}, post="checker")  # fmt: skip
    made = {"attachments": {"person": {"heirs": [
        {"heir": WIFE, "relation": "spouse", "share_e4": 10_000}]}}, "post": "checker"}  # fmt: skip
    home.world.do(BUREAU_CHANGSHA, "estate", "register", {"person": ALICE, "revision": 2}, **made)
    divide(home, refused="estate.same-holder", post="checker")
    divide(home, post="finance")
    other = {"division": "430100e1", "person": CHILD}
    home.world.refused("sender.not-competent", BUREAU_CHANGSHA, "estate", "divide", other,
                       post="finance")  # fmt: skip


def test_a_division_id_serves_once(home: Home) -> None:
    close(home)
    register(home, heirs=[(SON, "child", 10_000)])
    divide(home)
    other = "p:430100:bob"
    args = {"person": other, "revision": 2}
    died = {"person": {"last_day": DAY, "cause": "death"}}
    home.world.do(BUREAU_CHANGSHA, "enrolment", "close", args, attachments=died)
    again = {"division": "430100e1", "person": other}
    home.world.refused("estate.duplicate-id", BUREAU_CHANGSHA, "estate", "divide", again,
                       post="checker")  # fmt: skip


def test_a_refund_after_the_death_goes_to_an_heir_on_record(home: Home) -> None:
    home.settle(use_account=True)
    close(home)
    register(home, heirs=[(SON, "child", 10_000)])
    home.world.next_block()
    back = {"claim": "H44010000123-m-1", "reversal": "H44010000123-r-1", "reason": "wrong_bill"}
    home.world.do(HOSPITAL, "claim", "reverse", back, post="operator")
    wrong = {"payout": "H44010000123-r-1:1", "account": WIFE, "receiver": "spouse"}
    home.world.refused("payout.receiver", BUREAU_CHANGSHA, "payout", "name", wrong, post="clerk")
    pay_out(home, "H44010000123-r-1:1", "child")
    assert not any(trial_balance(home.world.state).values())


def test_money_on_its_way_comes_back_to_the_heirs(home: Home) -> None:
    """Alice sends money to her child and dies; nobody claims it."""
    home.allow()
    home.at(12)
    sent = {"transfer": "430100w-1", "from": ALICE, "to": CHILD, "amount_fen": 20_000,
            "presence": {"kind": "card", "certificate": "03"}}  # fmt: skip
    home.call("wallet", "send", BUREAU_CHANGSHA, **sent)
    assert close(home).answer["wallet_transfers"] == ["430100w-1"]
    register(home, heirs=[(SON, "child", 10_000)])
    assert divide(home).answer["amount_fen"] == 30_000
    home.at(6, NEXT_DAY)
    home.world.do(BUREAU_GUANGZHOU, "wallet", "give_back", {"transfer": "430100w-1"}, post="clerk")
    assert listed(home.world.state, Open.WALLET, ALICE) == []
    assert balance(home.world.state, ACCOUNT, "310200") == 0
    pay_out(home, "wallet:430100w-1:1", "child")
    assert not any(trial_balance(home.world.state).values())
    assert home.world.time_ms % HOUR == 0


@given(
    st.integers(0, 10**12),
    st.lists(st.integers(1, 10_000), min_size=1, max_size=20),
)
def test_shares_add_up_to_the_last_fen(amount: int, weights: list[int]) -> None:
    shares = [weight * 10_000 // sum(weights) for weight in weights]
    shares[0] += 10_000 - sum(shares)
    heirs = tuple(Heir(bytes([n]) * 32, "child", share) for n, share in enumerate(shares))
    made = Estate(heirs, 1, "s:clerk", b"", (), b"")
    parts = made.shares(amount)
    assert sum(parts) == amount
    for part, share in zip(parts, shares, strict=True):
        assert 0 <= part - amount * share // 10_000 <= 1


def test_an_estate_is_read_as_it_was_written(home: Home) -> None:
    close(home)
    register(home, heirs=[(WIFE, "spouse", 1), (SON, "child", 9_999)])
    found = estate_record.find(home.world.state, ALICE)
    assert found is not None
    assert [(h.heir, h.relation, h.share_e4) for h in found.heirs] == [
        (WIFE, "spouse", 1), (SON, "child", 9_999),
    ]  # fmt: skip
    assert balance(home.world.state, ACCOUNT, "310200") == 50_000
