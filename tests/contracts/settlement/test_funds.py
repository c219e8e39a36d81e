"""Funds: what balances is posted, what must be covered is covered, pending money comes back."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.api import Posting, Rejected
from contracts.organisations import own_prefix
from contracts.settlement import enrolment, funds
from contracts.settlement import funds_chart as chart
from contracts.settlement.funds_book import AMOUNT_LIMIT, Book, Leg, balance, counter_entry, post
from tests.contracts.settlement.funds_world import balances, deposit, enrol, trial_balance
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    HOSPITAL,
    World,
    make_world,
)

ACCOUNT = f"person:{ALICE}:account"
PAYABLE = f"payable:{HOSPITAL}"
MINUTE = 60_000


@pytest.fixture
def world() -> World:
    made = make_world([enrolment.CONTRACT, funds.CONTRACT])
    enrol(made)
    return made


def leg(account: str, amount_fen: int, fund_type: str = "310200") -> dict[str, Any]:
    return {"account": account, "fund_type": fund_type, "amount_fen": amount_fen}


def transfer_args(*legs: dict[str, Any], transfer: str = "430100t1", **more: Any) -> dict[str, Any]:
    return {"transfer": transfer, "kind": "correction", "postings": list(legs), **more}


def to_fund(amount_fen: int, transfer: str = "430100t1", **more: Any) -> dict[str, Any]:
    """From the personal account back to where contributions come from."""
    return transfer_args(
        leg(ACCOUNT, -amount_fen), leg("premium:430100", amount_fen), transfer=transfer, **more
    )


def test_a_deposit_opens_the_account_and_balances(world: World) -> None:
    deposit(world, 150_000)
    assert balance(world.state, ACCOUNT, "310200") == 150_000
    assert balance(world.state, "premium:430100", "310200") == -150_000
    assert len((world.state.get(f"account/{ALICE}") or {})["salt"]) == 32
    assert trial_balance(world.state) == {"310200": 0}


def test_the_same_deposit_again_is_the_first_one(world: World) -> None:
    deposit(world, 150_000)
    before = dict(world.state.entries)
    deposit(world, 150_000)
    assert world.state.entries == before
    args = {"transfer": "430100d1", "person": ALICE, "amount_fen": 1}
    world.refused("funds.duplicate-id", BUREAU_CHANGSHA, "funds", "deposit", args, post="finance")


def test_only_the_home_bureau_deposits(world: World) -> None:
    args = {"transfer": "430100d1", "person": ALICE, "amount_fen": 1}
    world.refused("sender.not-competent", BUREAU_GUANGDONG, "funds", "deposit",
                  args | {"transfer": "440000d1"}, post="finance")  # fmt: skip
    world.refused("sender.post", BUREAU_CHANGSHA, "funds", "deposit", args, post="doctor")
    assert world.do(
        BUREAU_HUNAN, "funds", "deposit", args | {"transfer": "430000d1"}, post="finance"
    ).ok


@pytest.mark.parametrize("amount", [0, -5, True, "10", 10**16])
def test_a_deposit_is_a_positive_number_of_fen(world: World, amount: Any) -> None:
    args = {"transfer": "430100d1", "person": ALICE, "amount_fen": amount}
    world.refused("args.shape", BUREAU_CHANGSHA, "funds", "deposit", args, post="finance")


def test_an_account_must_be_covered_and_a_fund_need_not(world: World) -> None:
    deposit(world, 1_000)
    world.refused("funds.not-covered", BUREAU_CHANGSHA, "funds", "transfer", to_fund(1_001),
                  post="finance")  # fmt: skip
    world.do(BUREAU_CHANGSHA, "funds", "transfer", to_fund(1_000), post="finance")
    assert balance(world.state, ACCOUNT, "310200") == 0
    fund = transfer_args(leg("fund:430100", -7, "310100"), leg("premium:430100", 7, "310100"),
                         transfer="430100t2")  # fmt: skip
    world.do(BUREAU_CHANGSHA, "funds", "transfer", fund, post="finance")
    assert balance(world.state, "fund:430100", "310100") == -7


@pytest.mark.parametrize(
    ("code", "legs"),
    [
        ("funds.unbalanced", [leg(ACCOUNT, -5), leg("premium:430100", 4)]),
        # Money in all is kept, but one fund's money would become another's.
        ("funds.unbalanced", [leg("fund:430100", -5, "310100"), leg("fund:430100", 5, "610100")]),
        ("funds.unknown-fund-type", [leg(ACCOUNT, -5, "310101"), leg(ACCOUNT, 5, "310101")]),
        ("funds.amount", [leg(ACCOUNT, 0), leg("premium:430100", 0)]),
        ("funds.unknown-account", [leg("treasure:430100", -5), leg("premium:430100", 5)]),
        ("funds.unknown-account", [leg(f"person:{ALICE}", -5), leg("premium:430100", 5)]),
        ("funds.unknown-account", [leg("payable:hospital:none", -5), leg("bank:bank:icbc", 5)]),
        ("funds.unknown-account", [leg("bank:bank:none", 5), leg("premium:430100", -5)]),
        ("funds.contract-only", [leg("clearing:430000->440000", 5), leg("premium:430100", -5)]),
        ("funds.contract-only", [leg(f"wallet:{ALICE}", 5), leg("premium:430100", -5)]),
        ("funds.not-owner", [leg("bank:bank:icbc", -5), leg("premium:430100", 5)]),
        ("sender.not-competent", [leg("fund:440100", -5), leg("premium:430100", 5)]),
        ("sender.not-competent", [leg(PAYABLE, -5), leg("premium:430100", 5)]),
        ("enrolment.unknown-person", [leg("person:p:430100:x:account", -5),
                                      leg("premium:430100", 5)]),
    ],
)  # fmt: skip
def test_a_wrong_transfer_is_refused(world: World, code: str, legs: list[Any]) -> None:
    deposit(world, 1_000)
    world.refused(code, BUREAU_CHANGSHA, "funds", "transfer", transfer_args(*legs), post="finance")


def test_nothing_moves_on_an_account_that_was_never_opened(world: World) -> None:
    world.refused("funds.no-account", BUREAU_CHANGSHA, "funds", "transfer", to_fund(5),
                  post="finance")  # fmt: skip


def test_a_transfer_id_is_unique_for_good(world: World) -> None:
    deposit(world, 1_000)
    first = world.do(BUREAU_CHANGSHA, "funds", "transfer", to_fund(10), post="finance")
    again = world.do(BUREAU_CHANGSHA, "funds", "transfer", to_fund(10), post="finance")
    assert again.answer == first.answer
    assert again.postings == []
    for args in (to_fund(11), to_fund(10, reference="another")):
        world.refused("funds.duplicate-id", BUREAU_CHANGSHA, "funds", "transfer", args,
                      post="finance")  # fmt: skip


@pytest.mark.parametrize("reference", ["for her operation", "张某的退款", "a\nb", "x" * 101])
def test_a_reference_is_a_number_and_no_sentence(world: World, reference: str) -> None:
    """A body stays for good: there is no room in it to write about a person."""
    deposit(world, 1_000)
    world.refused("args.shape", BUREAU_CHANGSHA, "funds", "transfer",
                  to_fund(10, reference=reference), post="finance")  # fmt: skip
    told = to_fund(10, reference="claim/m-1")
    world.do(BUREAU_CHANGSHA, "funds", "transfer", told, post="finance")


def pend(world: World, amount_fen: int, transfer: str = "430100t1", **more: Any) -> None:
    args = to_fund(
        amount_fen, transfer, phase="pending", expires_ms=world.time_ms + 10 * MINUTE, **more
    )
    world.do(BUREAU_CHANGSHA, "funds", "transfer", args, post="finance")


def test_pending_money_is_set_aside_and_then_moves(world: World) -> None:
    deposit(world, 1_000)
    pend(world, 700)
    assert balance(world.state, ACCOUNT, "310200") == 1_000
    world.refused("funds.not-covered", BUREAU_CHANGSHA, "funds", "transfer",
                  to_fund(301, "430100t2"), post="finance")  # fmt: skip
    # A second person confirms.
    args = {"transfer": "430100t1"}
    world.refused("funds.same-holder", BUREAU_CHANGSHA, "funds", "post", args, post="finance")
    world.refused("funds.not-confirmer", BUREAU_HUNAN, "funds", "post", args, post="checker")
    posted = world.do(BUREAU_CHANGSHA, "funds", "post", args, post="checker")
    assert [p.amount_fen for p in posted.postings] == [-700, 700]
    assert balance(world.state, ACCOUNT, "310200") == 300
    # Confirming twice moves nothing twice: a bank's second confirmation is the first.
    assert world.do(BUREAU_CHANGSHA, "funds", "post", args, post="checker").postings == []
    world.refused("funds.not-pending", BUREAU_CHANGSHA, "funds", "void", args, post="checker")
    assert trial_balance(world.state) == {"310200": 0}


def test_what_is_set_aside_is_not_set_aside_again(world: World) -> None:
    pending = {"phase": "pending", "expires_ms": world.time_ms + MINUTE}
    world.refused("funds.no-account", BUREAU_CHANGSHA, "funds", "transfer",
                  to_fund(1, **pending), post="finance")  # fmt: skip
    deposit(world, 1_000)
    pend(world, 700)
    above = world.refused("funds.not-covered", BUREAU_CHANGSHA, "funds", "transfer",
                          to_fund(301, "430100t2", **pending), post="finance")  # fmt: skip
    assert (above.values["asked_fen"], above.values["available_fen"]) == (301, 300)
    pend(world, 300, "430100t2")
    for transfer in ("430100t1", "430100t2"):
        world.do(BUREAU_CHANGSHA, "funds", "post", {"transfer": transfer}, post="checker")
    assert balance(world.state, ACCOUNT, "310200") == 0


def test_what_does_not_balance_is_not_pending_either(world: World) -> None:
    deposit(world, 1_000)
    args = transfer_args(leg(ACCOUNT, -5), leg("premium:430100", 4), phase="pending",
                         expires_ms=world.time_ms + MINUTE)  # fmt: skip
    refused = world.refused("funds.unbalanced", BUREAU_CHANGSHA, "funds", "transfer", args,
                            post="finance")  # fmt: skip
    assert refused.values == {"fund_type": "310200", "sum_fen": -1}


def test_what_moved_at_once_was_never_pending(world: World) -> None:
    deposit(world, 1_000)
    world.do(BUREAU_CHANGSHA, "funds", "transfer", to_fund(10), post="finance")
    for method in ("post", "void", "lapse"):
        world.refused("funds.not-pending", BUREAU_CHANGSHA, "funds", method,
                      {"transfer": "430100t1"}, post="checker")  # fmt: skip


def test_ids_of_others_are_not_taken(world: World) -> None:
    args = {"transfer": "440100d1", "person": ALICE, "amount_fen": 1}
    world.refused("sender.foreign-id", BUREAU_CHANGSHA, "funds", "deposit", args, post="finance")
    deposit(world, 1_000)
    world.refused("sender.foreign-id", BUREAU_CHANGSHA, "funds", "transfer",
                  to_fund(1, "440100t1"), post="finance")  # fmt: skip


@pytest.mark.parametrize("way", ["void", "lapse"])
def test_pending_money_comes_back(world: World, way: str) -> None:
    deposit(world, 1_000)
    before = balances(world.state)
    pend(world, 700)
    args = {"transfer": "430100t1"}
    if way == "void":
        world.refused("funds.not-confirmer", BANK, "funds", "void", args, post="finance")
        world.do(BUREAU_CHANGSHA, "funds", "void", args, post="finance")
    else:
        world.refused("funds.not-expired", BANK, "funds", "lapse", args, post="operator")
        world.time_ms += 10 * MINUTE
        world.refused("funds.expired", BUREAU_CHANGSHA, "funds", "post", args, post="checker")
        world.do(BANK, "funds", "lapse", args, post="operator")
    assert balances(world.state) == before
    assert Book(world.state).available(ACCOUNT, "310200") == 1_000
    # Once more is no more.
    world.do(BUREAU_CHANGSHA, "funds", way, args, post="finance")
    assert Book(world.state).available(ACCOUNT, "310200") == 1_000
    world.refused("funds.not-pending", BUREAU_CHANGSHA, "funds", "post", args, post="checker")


def test_a_pending_transfer_needs_an_end_that_lies_ahead(world: World) -> None:
    deposit(world, 1_000)
    args = to_fund(1, phase="pending", expires_ms=world.time_ms)
    world.refused("funds.expired", BUREAU_CHANGSHA, "funds", "transfer", args, post="finance")
    world.refused("funds.transfer-not-found", BANK, "funds", "post", {"transfer": "no"},
                  post="finance")  # fmt: skip


def pay_hospital(world: World, amount_fen: int, transfer: str = "440100pay-1") -> dict[str, Any]:
    return transfer_args(
        leg(PAYABLE, -amount_fen, "310100"),
        leg("bank:bank:icbc", amount_fen, "310100"),
        transfer=transfer,
        phase="pending",
        confirmer=BANK,
        expires_ms=world.time_ms + 10 * MINUTE,
    )


def test_a_hospital_is_paid_when_the_bank_says_so(world: World) -> None:
    world.do(BUREAU_GUANGZHOU, "funds", "transfer", pay_hospital(world, 500), post="finance")
    paid = {"transfer": "440100pay-1"}
    world.refused("funds.not-confirmer", BUREAU_GUANGZHOU, "funds", "post", paid, post="checker")
    world.do(BANK, "funds", "post", paid, post="finance")
    assert balance(world.state, "bank:bank:icbc", "310100") == 500
    # A payable may turn negative; it is not a person's money.
    assert balance(world.state, PAYABLE, "310100") == -500


def test_a_held_payable_is_not_paid_until_the_hold_ends(world: World) -> None:
    world.do(
        BUREAU_GUANGZHOU, "funds", "transfer", pay_hospital(world, 5, "440100early"), post="finance"
    )
    hold = {"institution": HOSPITAL, "reason": "audit", "until_ms": world.time_ms + MINUTE}
    world.refused("sender.not-competent", BUREAU_CHANGSHA, "funds", "hold", hold, post="audit")
    world.do(BUREAU_GUANGZHOU, "funds", "hold", hold, post="audit")
    for sender, method, args in (
        (BUREAU_GUANGZHOU, "transfer", pay_hospital(world, 500)),
        (BANK, "post", {"transfer": "440100early"}),
    ):
        refusal = world.refused("funds.payable-held", sender, "funds", method, args, post="finance")
        assert refusal.values["reason"] == "audit"
    world.time_ms += MINUTE
    world.do(BANK, "funds", "post", {"transfer": "440100early"}, post="finance")


def test_money_may_go_to_whoever_it_is_for(world: World) -> None:
    """A bank returns what did not arrive; the bureau that will be asked for it confirms. A hold
    keeps money in, not out."""
    hold = {"institution": HOSPITAL, "reason": "audit", "until_ms": world.time_ms + MINUTE}
    world.do(BUREAU_GUANGZHOU, "funds", "hold", hold, post="audit")
    back = transfer_args(
        leg("bank:bank:icbc", -5, "310100"), leg(PAYABLE, 5, "310100"),
        phase="pending", expires_ms=world.time_ms + MINUTE, confirmer=BUREAU_GUANGZHOU,
        transfer="bank:icbc:t1",
    )  # fmt: skip
    world.do(BANK, "funds", "transfer", back, post="finance")
    assert balance(world.state, PAYABLE, "310100") == 0
    world.do(BUREAU_GUANGZHOU, "funds", "post", {"transfer": "bank:icbc:t1"}, post="finance")
    assert balance(world.state, PAYABLE, "310100") == 5
    deposit(world, 10)
    deposit(world, 32, transfer="430100d2")
    assert balance(world.state, ACCOUNT, "310200") == 42


def test_a_hold_can_be_released_before_its_end(world: World) -> None:
    args = {"institution": HOSPITAL}
    world.refused("funds.not-held", BUREAU_GUANGZHOU, "funds", "release", args, post="audit")
    hold = {"institution": HOSPITAL, "reason": "audit", "until_ms": world.time_ms + MINUTE}
    world.do(BUREAU_GUANGZHOU, "funds", "hold", hold, post="audit")
    world.refused("sender.not-competent", BUREAU_CHANGSHA, "funds", "release", args, post="audit")
    world.do(BUREAU_GUANGZHOU, "funds", "release", args, post="audit")
    world.do(BUREAU_GUANGZHOU, "funds", "transfer", pay_hospital(world, 500), post="finance")
    past = hold | {"until_ms": world.time_ms}
    world.refused("funds.expired", BUREAU_GUANGZHOU, "funds", "hold", past, post="audit")
    none = hold | {"institution": "hospital:none"}
    world.refused("funds.unknown-account", BUREAU_GUANGZHOU, "funds", "hold", none, post="audit")


def test_a_counter_entry_takes_everything_back(world: World) -> None:
    deposit(world, 1_000)
    before = balances(world.state)
    legs: list[Leg] = [(ACCOUNT, "310200", -40), (PAYABLE, "310200", 40)]
    ctx = world.context(HOSPITAL)
    post(ctx, "x", legs)
    assert ctx.postings == [Posting("x", *legs[0]), Posting("x", *legs[1])]
    assert balances(world.state) != before
    post(ctx, "y", counter_entry(legs))
    assert balances(world.state) == before
    assert [row.account for row in ctx.postings] == [ACCOUNT, PAYABLE, PAYABLE, ACCOUNT]


@pytest.mark.parametrize(
    ("code", "amounts"),
    [
        ("", (AMOUNT_LIMIT - 1, 1 - AMOUNT_LIMIT)),
        ("funds.amount", (AMOUNT_LIMIT, -1)),
        ("funds.amount", (-AMOUNT_LIMIT, 1)),
        ("funds.amount", (0,)),
        ("funds.unbalanced", (7, -6)),
        ("funds.unbalanced", (7,)),
    ],
)
def test_no_contract_posts_what_does_not_balance(
    world: World, code: str, amounts: tuple[int, ...]
) -> None:
    """Whoever posts: ``post`` is the one way into the book."""
    ctx = world.context(HOSPITAL)
    legs: list[Leg] = [("fund:430100", "310100", fen) for fen in amounts]
    if not code:
        post(ctx, "x", legs)
        return
    with pytest.raises(Rejected, match=code.replace(".", r"\.")):
        post(ctx, "x", legs)
    assert (ctx.postings, balances(world.state)) == ([], {})


def test_every_row_of_the_chart_names_an_entry_of_its_own_pattern() -> None:
    words = {
        "<area>": "430100",
        "<person>": ALICE,
        "<home>": "430000",
        "<care>": "440000",
        "<institution>": HOSPITAL,
        "<insurer>": "insurer:pingan",
        "<bank>": BANK,
    }
    for name, row in chart.CHART.items():
        account, entry = row.pattern, row.entry
        for word, value in words.items():
            account, entry = account.replace(word, value), entry.replace(word, value)
        assert "<" not in account + entry
        assert chart.entry_of(account) == (row, entry), name
        assert row.english.endswith(".")


@pytest.mark.parametrize("account", ["fund", "fund:", "clearing:430000", "clearing:->440000",
                                     "person::account", "advance:430000->"])  # fmt: skip
def test_half_a_name_is_no_account(account: str) -> None:
    with pytest.raises(Rejected, match=r"funds\.unknown-account"):
        chart.entry_of(account)


def test_nobody_writes_money_into_a_bureaus_books_alone(world: World) -> None:
    """Found by attack: a hospital's own account may go below zero, so it could be drawn on for
    good: into a personal account to be spent at its counter, or into what it is owed."""
    deposit(world, 1_000)
    before = balances(world.state)
    sources = [
        (HOSPITAL, f"patient:{HOSPITAL}"),
        (HOSPITAL, f"income:{HOSPITAL}"),
        (BANK, f"bank:{BANK}"),
    ]
    targets = [ACCOUNT, PAYABLE, "fund:430100", "premium:430100"]
    for sender, source in sources:
        for target in targets:
            legs = [leg(source, -(10**9)), leg(target, 10**9)]
            pending: dict[str, Any] = {"phase": "pending", "expires_ms": world.time_ms + MINUTE}
            own = {"transfer": f"{own_prefix(sender)}t1"}
            for args in (
                transfer_args(*legs),
                transfer_args(*legs, **pending),
                transfer_args(*legs, **pending, confirmer=BANK),
                transfer_args(*legs, confirmer=BUREAU_HUNAN),
            ):
                world.refused("funds.needs-bureau", sender, "funds", "transfer", args | own,
                              post="finance")  # fmt: skip
    assert balances(world.state) == before


def test_one_bureau_does_not_owe_anothers_institution(world: World) -> None:
    legs = [leg("fund:430100", -5, "310100"), leg(PAYABLE, 5, "310100")]
    pending = {"phase": "pending", "expires_ms": world.time_ms + MINUTE, "confirmer": BUREAU_HUNAN}
    for more in ({}, pending):
        world.refused("funds.needs-bureau", BUREAU_CHANGSHA, "funds", "transfer",
                      transfer_args(*legs, **more), post="finance")  # fmt: skip


@pytest.mark.parametrize(
    ("sender", "account"),
    [
        (HOSPITAL, f"bank:{HOSPITAL}"),
        (BANK, f"income:{BANK}"),
        (BUREAU_HUNAN, "fund:43汉字"),
        (BUREAU_HUNAN, "fund:430100/x"),
        (BUREAU_HUNAN, "premium:43"),
        (BUREAU_GUANGZHOU, f"payable:{BUREAU_GUANGZHOU}"),
    ],
)
def test_an_account_belongs_to_what_its_kind_says(world: World, sender: str, account: str) -> None:
    legs = [leg(account, -5), leg("bank:bank:icbc", 5)]
    args = transfer_args(*legs, transfer=f"{own_prefix(sender)}t1")
    world.refused("funds.unknown-account", sender, "funds", "transfer", args, post="finance")


def test_what_patients_paid_is_the_institutions_own_record(world: World) -> None:
    legs = [leg("bank:bank:icbc", -5, "cash"), leg(f"income:{HOSPITAL}", 5, "cash")]
    args = transfer_args(*legs, transfer="bank:icbc:t1")
    world.refused("funds.not-owner", BANK, "funds", "transfer", args, post="finance")


def test_a_balance_that_cannot_be_true_is_refused_before_it_cannot_be_written(
    world: World,
) -> None:
    """Found by attack: a balance beyond 64 bits stopped every later settlement of its area."""
    ctx = world.context(HOSPITAL)
    legs: list[Leg] = [("fund:430100", "310100", -(10**15) + 1), (PAYABLE, "310100", 10**15 - 1)]
    for number in range(1_000):
        post(ctx, f"x{number}", legs)
    with pytest.raises(Rejected, match=r"funds\.too-large"):
        post(ctx, "once more", legs)
