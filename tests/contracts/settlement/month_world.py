"""A world in which months are closed: the claim world with finance departments and a first period.

Guangzhou's hospital treats people of Changsha and of Shenzhen; Hunan owes Guangdong, and Guangdong
clears between its own two cities. ``Month`` speaks like the
people who declare, audit, confirm and pay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from contracts.api import Value
from contracts.runtime import Outcome
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import notice_record
from contracts.settlement.clearing.rows import find_entry
from contracts.settlement.funds_book import balance
from contracts.settlement.records import Claim
from tests.contracts.settlement.claim_world import (
    EMPLOYEE_POLICY,
    ClaimWorld,
    line,
    make_claim_world,
    visit,
)
from tests.contracts.settlement.funds_world import balances, enrol
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    CENTRE,
    HOSPITAL,
    MemoryState,
    World,
)

FINANCE_HUNAN, FINANCE_GUANGDONG = "finance:430000", "finance:440000"
FINANCE_CHANGSHA = "finance:430100"
BUREAU_SHENZHEN, FINANCE_SHENZHEN = "bureau:440300", "finance:440300"
SHENZHEN, GUANGZHOU = "440300", "440100"
CAROL = "p:440300:carol"
"""A made-up pseudonym of Shenzhen: the hospital is in another city of her province."""
BANK_GUANGDONG = "bank:ccb"
JUNE, JULY, AUGUST = "2025-06", "2025-07", "2025-08"
HUNAN, GUANGDONG, CHANGSHA = "430000", "440000", "430100"
MONTH = {"institution": HOSPITAL, "month": JUNE}
PAIR = {"home": HUNAN, "care": GUANGDONG}


def claim_id(number: int) -> str:
    return f"H44010000123-m-{number}"


@dataclass
class Month:
    """What people say to each other when a month is closed, as calls."""

    claims: ClaimWorld
    payments: int = 0

    @property
    def world(self) -> World:
        return self.claims.world

    @property
    def state(self) -> MemoryState:
        return self.world.state

    def settle(self, number: int = 1, amount_fen: int = 100_000, **given: Any) -> str:
        """Settle an outpatient visit of Alice's."""
        name = claim_id(number)
        lines = given.pop("lines", None) or [line(1, amount_fen=amount_fen)]
        day = given.pop("day", "2025-06-10")
        lines = [[*row[:2], day, *row[3:]] for row in lines]
        person = given.pop("person", ALICE)
        self.claims.settle(
            name, lines, visit(person, admission=day), discharge=day, **given
        )  # fmt: skip
        return name

    def row(self, name: str) -> dict[str, Value]:
        """The row of a settlement or refund as the ledger has it."""
        entry = find_entry(self.state, name)
        assert entry is not None
        bill, funds, accounts = entry.sums()
        return {
            "settlement": name, "total_fen": bill, "funds_fen": funds, "accounts_fen": accounts
        }  # fmt: skip

    def declare(self, *names: str, month: str = JUNE, refused: str = "", **given: Any) -> Outcome:
        args = {"month": month, "rows": [self.row(name) | given for name in names]}
        return self._call(refused, HOSPITAL, "declaration", "declare", args, "finance")

    def totals(self, names: Iterable[str]) -> list[dict[str, Value]]:
        """3201's rows of these settlements."""
        sums: dict[str, list[int]] = {}
        for name in names:
            entry = find_entry(self.state, name)
            assert entry is not None
            into = sums.setdefault(entry.group(), [0, 0, 0, 0])
            for place, amount in enumerate((1, *entry.sums())):
                into[place] += amount
        rows = []
        for group, (count, bill, funds, accounts) in sums.items():
            scheme, kind, agency = group.split("/")
            rows.append(
                {"scheme": scheme, "clearing_type": kind, "agency": agency, "settlements": count,
                 "total_fen": bill, "funds_fen": funds, "accounts_fen": accounts}
            )  # fmt: skip
        return rows

    def close(self, *names: str, month: str = JUNE, refused: str = "", **given: Any) -> Outcome:
        rows = [row | given for row in self.totals(names)]
        args = {"month": month, "totals": rows}
        return self._call(refused, HOSPITAL, "declaration", "close", args, "finance")

    def audit(self, method: str = "audit", refused: str = "", **given: Any) -> Outcome:
        return self._call(refused, BUREAU_GUANGZHOU, "declaration", method, MONTH | given, "audit")

    def confirm(self, refused: str = "", holder: str = "s:checker", **given: Any) -> Outcome:
        args: dict[str, Any] = {**MONTH, **given}
        if "amount_fen" not in args:
            made = self.state.get(f"declaration/{HOSPITAL}/{args['month']}")
            args["amount_fen"] = sum(made[3].values())
        return self._call(
            refused, BUREAU_GUANGZHOU, "declaration", "confirm", args, "checker", holder=holder
        )

    def declared_and_confirmed(self, *names: str, month: str = JUNE) -> None:
        """A month from its rows to the bureau's second signature, on the first of the next."""
        if names:
            self.declare(*names, month=month)
        self.close(*names, month=month)
        self.audit(month=month)
        self.confirm(month=month)

    def deduct(
        self, claim: str, amount_fen: int, *, deduction: str = "440100-d1", refused: str = "",
        line_fen: int = 50_000, lines: list[dict[str, Value]] | None = None, **given: Any,
    ) -> Outcome:  # fmt: skip
        """Notice of a deduction of one line."""
        args = {"deduction": deduction, "claim": claim, "amount_fen": amount_fen} | given
        one = {"line": "1", "line_fen": line_fen, "amount_fen": amount_fen, "reason": "not_done"}
        attached = {"audit": {"lines": lines or [one]}}
        return self._call(
            refused, BUREAU_GUANGZHOU, "audit", "notice", args, "audit", attachments=attached
        )

    def decide(self, amount_fen: int, deduction: str = "440100-d1", **more: Any) -> Outcome:
        args = {"deduction": deduction, "amount_fen": amount_fen}
        return self._call(
            more.pop("refused", ""), BUREAU_GUANGZHOU, "audit", "decide", args, "checker", **more
        )

    def cut(self, period: str = JUNE, refused: str = "") -> Outcome:
        return self._call(refused, CENTRE, "clearing", "cut", {"period": period}, "finance")

    def close_period(self, period: str = JUNE, refused: str = "") -> Outcome:
        return self._call(refused, CENTRE, "clearing", "close", {"period": period}, "finance")

    def say_yes(self, bureau: str, period: str = JUNE, refused: str = "", **given: Any) -> Outcome:
        """One side confirms a statement."""
        args: dict[str, Any] = {"period": period, **PAIR, **given}
        if "amount_fen" not in args:
            key = f"statement/{period}/{args['home']}/{args['care']}"
            args["amount_fen"] = sum(self.state.get(key)[0].values())
        return self._call(refused, bureau, "clearing", "confirm", args, "finance")

    def both_say_yes(self, period: str = JUNE, **given: Any) -> str:
        """Both sides confirm; gives the notice."""
        self.say_yes(BUREAU_HUNAN, period, **given)
        done = self.say_yes(BUREAU_GUANGDONG, period, **given)
        notice: str = done.answer["notice"]
        return notice

    def pay(self, notice: str, payer: str, payee_bank: str = BANK_GUANGDONG) -> Outcome:
        """Maker, checker, bank."""
        self.payments += 1
        payment = f"{payer}:{self.payments}"
        if payer.startswith(("bureau:", "hospital:")):
            payment = f"{payer.partition(':')[2]}-{self.payments}"
        due = notice_record.load(self.state, notice).open_fen
        self.world.do(
            payer, "payment", "order",
            {"payment": payment, "notice": notice, "amount_fen": due, "bank": BANK,
             "payee_bank": payee_bank},
            post="finance",
        )  # fmt: skip
        self.world.do(payer, "payment", "approve", {"payment": payment}, post="checker")
        return self.world.do(
            BANK, "payment", "confirm",
            {"payment": payment, "amount_fen": due, "reference": f"R-{self.payments}",
             "value_on": "2025-06-10"},
            post="operator",
        )  # fmt: skip

    def on(self, date: str) -> Month:
        self.world.on(date)
        return self

    def claim(self, name: str) -> Claim:
        return Claim.decode(self.state.get(f"claim/{name}"))

    def owed(self, account: str) -> int:
        """Balance of an account over all fund types."""
        kind, key = chart.entry_of(account)
        return sum(fen for (k, name, _), fen in balances(self.state).items()
                   if (k, name) == (key, kind.name))  # fmt: skip

    def of_fund(self, account: str, fund: str) -> int:
        return balance(self.state, account, fund)

    def _call(
        self, refused: str, sender: str, contract: str, method: str, args: Mapping[str, Value],
        post: str, **more: Any,
    ) -> Outcome:  # fmt: skip
        if refused:
            return self.world.refused(refused, sender, contract, method, args, post=post, **more)
        return self.world.do(sender, contract, method, args, post=post, **more)


@cache
def _built() -> World:
    made = make_claim_world().world
    for name, kind, region, like in (
        (FINANCE_HUNAN, "finance", HUNAN, FINANCE_CHANGSHA),
        (FINANCE_GUANGDONG, "finance", GUANGDONG, FINANCE_CHANGSHA),
        (BANK_GUANGDONG, "bank", "000000", BANK),
        (BUREAU_SHENZHEN, "bureau", SHENZHEN, BUREAU_GUANGZHOU),
        (FINANCE_SHENZHEN, "finance", SHENZHEN, FINANCE_CHANGSHA),
    ):
        org = made.state.get(f"org/{like}")
        made.state.put(f"org/{name}", org | {"id": name, "kind": kind, "region": region})
    enrol(made, CAROL, BUREAU_SHENZHEN)
    policy = {"area": SHENZHEN, "scheme": "310", "effective_from": "2025-01-01",
              "source": EMPLOYEE_POLICY}  # fmt: skip
    made.do(BUREAU_SHENZHEN, "policy", "deploy", policy)
    made.next_block()
    made.do(CENTRE, "clearing", "open", {"period": JUNE}, post="finance")
    return made


def make_month() -> Month:
    """The claim world in June 2025, when the country's first period collects."""
    built = _built()
    world = replace(built, state=MemoryState(built.state.entries), made=[])
    return Month(ClaimWorld(world))
