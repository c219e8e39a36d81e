"""Months at random once more, with what comes late: settlements that are taken back after they were
declared, confirmed or cleared, months that are closed after the country's cut, payment by case,
prepayments, and money of wallets between provinces."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from contracts.settlement import funds, wallet
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import (
    account_record,
    notice_record,
    prepayment,
    statement_record,
)
from contracts.settlement.clearing.declaration_record import Stage
from contracts.settlement.clearing.notice_record import Kind, NoticeStage
from contracts.settlement.clearing.standing import standing
from contracts.settlement.lifecycle import ClaimState
from contracts.settlement.refunds.consent import NEEDS
from tests.contracts.settlement import provider_world as pw
from tests.contracts.settlement.month_world import BUREAU_SHENZHEN, CAROL, GUANGDONG, HUNAN
from tests.contracts.settlement.test_month_properties import PAIRS, PAYERS, Walk
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    HOSPITAL,
)

FUND = "310100"
CARD = {"kind": "card", "certificate": "03"}
SHARE = '''"""A part of the bill, as the year's rate says."""


def pay(case):
    standard = multiplied(case["bill"]["total_fen"], [case["rates"]["share"]], "share")
    return {"standard_fen": standard, "way": "fee_for_service"}
'''
MORE_PAYERS = {**PAYERS, HOSPITAL: HOSPITAL}
MORE_PAIRS = {**PAIRS, (GUANGDONG, HUNAN): (BUREAU_GUANGDONG, BUREAU_HUNAN)}


class LateWalk(Walk):
    """The walk of the month, and people who are late or ask for more."""

    PAYERS = MORE_PAYERS
    PAIRS = MORE_PAIRS

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.given = self.sent = self.moved = 0
        self.final = False
        made = self.month.claims
        pw.rates(made, share=1_050_000)
        pw.deploy(made, SHARE)
        tie = {"owner": CAROL, "person": ALICE, "relation": "child", "limit_fen": 0,
               "from": "2025-06-01", "presence": CARD}  # fmt: skip
        money = {"transfer": "440300d-c", "person": CAROL, "amount_fen": 10**7}
        self.month.world.do(BUREAU_SHENZHEN, "funds", "deposit", money, post="finance")
        self.month.world.do(BUREAU_SHENZHEN, "family", "authorise", tie, post="clerk")
        more: tuple[Callable[[], bool], ...] = (
            self.reverse_late, self.reverse_late, self.close_late, self.by_case, self.by_case,
            self.prepay, self.prepay, self.withdraw, self.plain, self.wallet,
        )  # fmt: skip
        self.actions = (*self.actions, *more)

    def reverse_late(self) -> bool:
        """Taken back with the consents that it needs, wherever its month stands."""
        state = self.month.state
        able = [e for e in self.entries() if e.claim.state is ClaimState.DECLARED]
        if not able or self.chance.random() < 0.5:
            return False
        entry = self.chance.choice(able)
        settled = entry.claim.settled
        assert settled is not None
        home = BUREAU_SHENZHEN if entry.claim.person == CAROL else BUREAU_CHANGSHA
        for side in NEEDS[standing(state, entry.claim)]:
            args = {"claim": entry.id, "side": side, "amount_fen": settled.sums[0]}
            bureau = BUREAU_GUANGZHOU if side == "care" else home
            for method, post in (("ask_consent", "clerk"), ("give_consent", "checker")):
                self.month.world.do(bureau, "claim", method, args, post=post)
        self.month.claims.reverse(entry.id)
        self.refunds.append(f"{entry.id}-r")
        return True

    def close_month(self, month: str, names: list[str]) -> None:
        """Now, or after the country's cut: then the rows wait open until ``close_late``."""
        if names and self.chance.random() < 0.3:
            self.month.cut(month)
            return
        super().close_month(month, names)

    def close_late(self) -> bool:
        for month, made in self.declarations():
            if made.stage is Stage.OPEN:
                self.month.close(*self.rows_of(month), month=month)
                return True
        return False

    def rows_of(self, month: str) -> list[str]:
        return [entry.id for entry in self.entries() if entry.declared == month]

    def by_case(self) -> bool:
        """The rate is said anew, in the end once for all, and a claim is decided by it."""
        able = [
            e.id for e in self.entries()
            if e.reversal is None and e.claim.state is not ClaimState.REVERSED
        ]  # fmt: skip
        if not able:
            return False
        made, stage = self.month.claims, "estimated"
        if not self.final:
            self.final = self.chance.random() < 0.2
            stage = "final" if self.final else "estimated"
            pw.rates(made, stage, share=self.chance.randrange(800_000, 1_200_000))
        name = self.chance.choice(able)
        pw.pay(made, None, "final" if self.final else "estimated", claim=name)
        return True

    def prepay(self) -> bool:
        """Granted, asked back or set off, as far as may be."""
        state = self.month.state
        held = -self.month.of_fund(chart.prepayment(HOSPITAL), FUND)
        free = held - prepayment.asked_back(state, HOSPITAL).get(FUND, 0)
        owed = self.month.of_fund(chart.payable(HOSPITAL), FUND)
        method = self.chance.choice(("grant", "give_back", "offset"))
        most = {"grant": 50_000, "give_back": free, "offset": min(free, owed)}[method]
        if most <= 0:
            return False
        self.given += 1
        args = {"prepayment": f"440100-p{self.given}", "institution": HOSPITAL, "fund_type": FUND,
                "amount_fen": self.chance.randrange(1, most + 1)}  # fmt: skip
        self.month.world.do(BUREAU_GUANGZHOU, "prepayment", method, args, post="finance")
        return True

    def withdraw(self) -> bool:
        """A prepayment, or what was asked back of one, is taken back before it is paid."""
        waits = [
            name for name in self.notices()
            if name.startswith("prepayment:")
            and (made := notice_record.load(self.month.state, name)).stage is NoticeStage.ISSUED
            and not made.attempts
        ]  # fmt: skip
        if not waits:
            return False
        args = {"prepayment": self.chance.choice(waits).removeprefix("prepayment:")}
        self.month.world.do(BUREAU_GUANGZHOU, "prepayment", "withdraw", args, post="finance")
        return True

    def plain(self) -> bool:
        """A bank moves money beside the months: what it owes the institution pays back, or more, or
        the bureau pays what is in no declaration yet."""
        found = account_record.find(self.month.state, HOSPITAL)
        due = found.due.get(FUND, 0)
        months = found.declared.get(FUND, 0) - due
        payable = chart.payable(HOSPITAL)
        free = self.month.of_fund(payable, FUND) - max(0, months)
        most = 100 - due if due < 0 else free
        if most <= 0:
            return False
        self.moved += 1
        fen = self.chance.randrange(1, most + 1) * (1 if due < 0 else -1)
        legs = [
            {"account": account, "fund_type": FUND, "amount_fen": amount}
            for account, amount in ((payable, fen), (chart.bank(BANK), -fen))
        ]
        name = {"transfer": f"{BANK}:t{self.moved}" if due < 0 else f"440100t{self.moved}"}
        args = {**name, "kind": "correction", "postings": legs}
        if due < 0:
            args |= {"phase": "pending", "confirmer": BUREAU_GUANGZHOU, "expires_ms": 2**50}
            self.month.world.do(BANK, "funds", "transfer", args, post="finance")
            self.month.world.do(BUREAU_GUANGZHOU, "funds", "post", name, post="finance")
        else:
            self.month.world.do(BUREAU_GUANGZHOU, "funds", "transfer", args, post="finance")
        return True

    def wallet(self) -> bool:
        """Carol of Shenzhen sends Alice of Changsha something, who takes it."""
        self.sent += 1
        name = f"440300w-{self.sent}"
        args = {"transfer": name, "from": CAROL, "to": ALICE, "presence": CARD,
                "amount_fen": self.chance.randrange(1, 5_000)}  # fmt: skip
        outcome = self.month.world.call(BUREAU_SHENZHEN, "wallet", "send", args, post="clerk")
        if not outcome.ok:
            assert outcome.code == "wallet.too-many-today"
            return False
        self.month.world.do(BUREAU_CHANGSHA, "wallet", "claim", {"transfer": name}, post="clerk")
        return True

    def reckon(self) -> None:
        super().reckon()
        state = self.month.state
        back = chart.clearing(GUANGDONG, HUNAN)
        stated = 0
        for period in self.periods():
            made = statement_record.find(state, period, GUANGDONG, HUNAN)
            if made is not None and not made.settled:
                stated += self.unpaid(made)
        assert self.month.owed(back) == stated == -self.month.owed(
            chart.receivable(GUANGDONG, HUNAN)
        )  # fmt: skip
        self.reckon_prepaid()

    def reckon_prepaid(self) -> None:
        """What was asked back is open, and no more than the institution holds or is to be given."""
        state = self.month.state
        notices = [notice_record.load(state, name) for name in self.notices()]
        asked = sum(n.open_fen for n in notices if n.kind is Kind.PREPAYMENT_RETURN)
        given = sum(n.open_fen for n in notices if n.kind is Kind.PREPAYMENT)
        assert prepayment.asked_back(state, HOSPITAL).get(FUND, 0) == asked
        held = -self.month.of_fund(chart.prepayment(HOSPITAL), FUND)
        assert asked <= held + given


@pytest.mark.parametrize("seed", range(4))
def test_what_comes_late_leaves_every_account_explained(seed: int) -> None:
    walk = LateWalk(seed)
    walk.run(90)
    assert walk.done["settle"]


def test_the_late_walks_have_been_everywhere() -> None:
    walk = LateWalk(3)
    walk.run(300)
    assert not walk.never_done(), walk.done
    assert walk.final, "the year's rate was said for good"


@pytest.mark.parametrize(
    ("where", "name"),
    [
        (prepayment, "_ask"),
        (wallet, "into_statements"),
        (account_record, "owe_more"),
        (funds, "_note_payables"),
    ],
)
def test_what_is_forgotten_is_found(
    where: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked back, who owes a wallet its money, what payment by case makes of a debt."""
    monkeypatch.setattr(where, name, lambda *_, **__: None)
    with pytest.raises(AssertionError):
        LateWalk(3).run(200)
