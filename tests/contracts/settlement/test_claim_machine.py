"""Claims in any order, against a dumb model: money, counters and identities hold at every step.

The model remembers for each living claim the amounts of its receipt, and nothing else: from them it
works out every balance of the ledger and every counter, and each settlement must satisfy the
identities of SETTLEMENT.md section 4.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from contracts.settlement import claim_reverse, claim_settle, counters
from contracts.settlement.refunds import undo
from tests.contracts.settlement.claim_world import (
    BED,
    BOB,
    COSMETIC,
    IMPLANT,
    RESTRICTED,
    TEST,
    line,
    make_claim_world,
    visit,
    visit_of_many,
)
from tests.contracts.settlement.funds_world import balances, deposit, trial_balance
from tests.contracts.world import ALICE, HOSPITAL, PHARMACY

CODES = (BED, TEST, IMPLANT, RESTRICTED, COSMETIC, "XUNKNOWN")
PEOPLE = {ALICE: "310", BOB: "390"}

bills = st.lists(
    st.tuples(st.sampled_from(CODES), st.integers(0, 3_000_000), st.integers(0, 2)),
    min_size=1,
    max_size=4,
)


class Claims(RuleBasedStateMachine):
    """Two people, a hospital and a pharmacy: visits, stays in parts, tests, reversals."""

    living = Bundle("living")

    def __init__(self) -> None:
        super().__init__()
        self.counter = make_claim_world()
        self.number = 0
        self.posted: Counter[tuple[str, str, str]] = Counter(balances(self.counter.world.state))
        self.added: dict[str, Counter[str]] = {person: Counter() for person in PEOPLE}
        self.told: dict[str, tuple[str, Any]] = {}
        """Living claims: the person and the outcome of the settlement."""
        self.ward: dict[str, str] = {}
        """The open claim of whoever is in hospital."""
        self.parts: dict[str, list[str]] = {person: [] for person in PEOPLE}
        """Settled parts of the stay that goes on or has ended last, in their order."""

    @rule(
        target=living,
        person=st.sampled_from(sorted(PEOPLE)),
        bill=bills,
        kind=st.sampled_from(["inpatient", "outpatient"]),
        use_account=st.booleans(),
        emergency=st.booleans(),
    )
    def settle(self, person: str, bill: Any, kind: str, use_account: bool, emergency: bool) -> str:
        self.number += 1
        claim = f"H44010000123-m-{self.number}"
        lines = self.lines_of(bill)
        outcome = self.counter.settle(
            claim,
            lines,
            visit_of_many(person, kind),
            use_account=use_account,
            clinical={"emergency": emergency},
        )
        self.check_identities(outcome, sum(row[5] for row in lines))
        self.told[claim] = (person, outcome)
        self.expect(outcome, person, 1)
        return claim

    @rule(claim=consumes(living))
    def reverse(self, claim: str) -> None:
        person, settled = self.told.pop(claim)
        self.counter.reverse(claim)
        self.expect(settled, person, -1)

    def lines_of(self, bill: Any) -> list[Any]:
        return [
            line(n, code, amount, confirmed=confirmed, consent=True)
            for n, (code, amount, confirmed) in enumerate(bill)
        ]

    def next_claim(self, institution: str = "H44010000123") -> str:
        self.number += 1
        return f"{institution}-m-{self.number}"

    @rule(person=st.sampled_from(sorted(PEOPLE)))
    def admit(self, person: str) -> None:
        """Into hospital: a new stay, or on with the one that was settled in its middle."""
        if person in self.ward:
            return
        claim, going = self.next_claim(), self.parts[person]
        on = {"continues": going[-1]} if going else {}
        self.counter.register(claim, visit_of_many(person, "inpatient") | on)
        self.ward[person] = claim

    @rule(person=st.sampled_from(sorted(PEOPLE)), bill=bills, goes_on=st.booleans(),
          use_account=st.booleans())  # fmt: skip
    def settle_part(self, person: str, bill: Any, goes_on: bool, use_account: bool) -> None:
        claim = self.ward.pop(person, None)
        if claim is None:
            return
        lines = self.lines_of(bill)
        more = {"goes_on": True} if goes_on else {}
        outcome = self.counter.settle(
            claim, lines, registered=True, use_account=use_account, **more
        )
        self.check_identities(outcome, sum(row[5] for row in lines))
        self.told[claim] = (person, outcome)
        self.expect(outcome, person, 1)
        self.parts[person].append(claim)
        if not goes_on:
            # What has ended is taken back by nobody here; the next stay is another one.
            self.parts[person] = []

    @rule(person=st.sampled_from(sorted(PEOPLE)), bill=bills)
    def test_elsewhere(self, person: str, bill: Any) -> None:
        """Ordered by the hospital, done by the pharmacy, paid to the pharmacy."""
        stay = self.ward.get(person)
        if stay is None:
            return
        claim, order = self.next_claim("P44010000456"), f"H44010000123-o-{self.number}"
        args = {"claim": stay, "order": order, "institution": PHARMACY}
        self.counter.world.do(HOSPITAL, "claim", "order_test", args, post="doctor")
        lines = self.lines_of(bill)
        outcome = self.counter.settle(
            claim, lines, visit(person, "pharmacy"), sender=PHARMACY, order=order
        )
        self.check_identities(outcome, sum(row[5] for row in lines))
        self.told[claim] = (person, outcome)
        self.expect(outcome, person, 1, PHARMACY)
        self.parts[person].append(claim)

    @rule(person=st.sampled_from(sorted(PEOPLE)), which=st.integers(0, 9))
    def take_a_part_back(self, person: str, which: int) -> None:
        """The last one goes; another one is refused, and so is the one that goes on from here."""
        parts = self.parts[person]
        if not parts:
            return
        claim = parts[which % len(parts)]
        mine = claim.startswith("H")
        sender, institution = (HOSPITAL, HOSPITAL) if mine else (PHARMACY, PHARMACY)
        args = {"claim": claim, "reversal": f"{claim}-r", "reason": "wrong_bill"}
        code = "stay.later-part" if claim != parts[-1] else ""
        if not code and mine and person in self.ward:
            code = "stay.part-open"
        if code:
            self.counter.world.refused(code, sender, "claim", "reverse", args, post="operator")
            return
        self.counter.world.do(sender, "claim", "reverse", args, post="operator")
        _, settled = self.told.pop(claim)
        self.expect(settled, person, -1, institution)
        parts.pop()

    @rule(claim=living)
    def settle_another_bill(self, claim: str) -> None:
        """The same id with other content is refused, whatever happened since."""
        self.counter.settle(claim, [line(77, BED, 5)], refused="claim.duplicate-id")

    @rule(amount=st.integers(1, 1_000_000))
    def deposit(self, amount: int) -> None:
        self.number += 1
        deposit(self.counter.world, amount, transfer=f"430100d{self.number}-more")
        self.posted["fund/430100", "premium", "310200"] -= amount
        self.posted[f"account/{ALICE}", "person", "310200"] += amount

    def expect(self, outcome: Any, person: str, sign: int, institution: str = HOSPITAL) -> None:
        """What a settlement must move, worked out from the amounts of its receipt."""
        money = outcome.amounts
        for name, amount in money.items():
            if name.startswith("fund_"):
                fund_type = name.split("_")[1]
                self.posted["fund/430100", "fund", fund_type] -= sign * amount
                self.across(fund_type, sign * amount, institution)
        self.posted[f"account/{person}", "person", "310200"] -= sign * money["account_fen"]
        self.across("310200", sign * money["account_fen"], institution)
        owed = f"payable/{institution}"
        self.posted[owed, "patient", "cash"] -= sign * money["cash_fen"]
        self.posted[owed, "income", "cash"] += sign * money["cash_fen"]
        for _, name, _, delta in outcome.explanation["counters"]:
            self.added[person][name] += sign * delta

    def across(self, fund_type: str, amount: int, institution: str) -> None:
        """Home owes care, care owes the hospital."""
        self.posted["clearing/430000/440000", "clearing", fund_type] += amount
        self.posted["clearing/430000/440000", "receivable", fund_type] -= amount
        self.posted[f"payable/{institution}", "payable", fund_type] += amount

    @staticmethod
    def check_identities(outcome: Any, total: int) -> None:
        money = outcome.amounts
        assert money["total_fen"] == total
        parts = ("own_expense_fen", "over_ceiling_fen", "first_pay_fen", "in_scope_fen")
        assert sum(money[name] for name in parts) == total
        payers = ("funds_fen", "commercial_fen", "hospital_share_fen", "person_fen")
        assert sum(money[name] for name in payers) == total
        assert money["person_fen"] == money["account_fen"] + money["credit_fen"] + money["cash_fen"]
        assert all(amount >= 0 for amount in money.values())
        by_type: Counter[str] = Counter()
        for posting in outcome.postings:
            by_type[posting.fund_type] += posting.amount_fen
        assert not any(by_type.values())
        valued = sum(row[7] for row in outcome.explanation["lines"])
        assert valued <= money["in_scope_fen"]

    @invariant()
    def balances_are_the_postings(self) -> None:
        expected = {slot: amount for slot, amount in self.posted.items() if amount}
        assert balances(self.counter.world.state) == expected

    @invariant()
    def the_trial_balance_is_zero(self) -> None:
        assert not any(trial_balance(self.counter.world.state).values())

    @invariant()
    def counters_are_what_living_claims_added(self) -> None:
        for person, scheme in PEOPLE.items():
            known = counters.read(self.counter.world.state, person, "430100", scheme, 2025)
            assert known == {name: n for name, n in self.added[person].items() if n}

    @invariant()
    def no_account_is_overdrawn(self) -> None:
        state = balances(self.counter.world.state)
        assert all(amount > 0 for (_, kind, _), amount in state.items() if kind == "person")


TestClaims = Claims.TestCase
TestClaims.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)


FIND_ONLY = settings(
    max_examples=200,
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    database=None,
)
"""A planted bug need not be made small, only met."""


def forget(*_: Any) -> None:
    """A planted bug: the step is left out."""


PLANTED = (
    (claim_reverse.counters, "restore", forget),
    (undo, "counter_entry", lambda legs: [(a, f, -n) for a, f, n in legs][2:]),
    (claim_settle, "settlement_legs", lambda bill: []),
    (claim_settle.counters, "add", forget),
)


@pytest.mark.parametrize(("module", "name", "bug"), PLANTED, ids=[name for _, name, _ in PLANTED])
def test_the_machine_finds_a_planted_bug(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, bug: Any
) -> None:
    monkeypatch.setattr(module, name, bug)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Claims, settings=FIND_ONLY)
