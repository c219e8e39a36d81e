"""What the ledger answered, as far as the year's actors need it: this month's rows, what is owed.

Filled from receipts only, so that an institution declares what the ledger told it, and nothing that
the simulator believes. What is done with is dropped: the journal holds a month or two.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from sys import intern
from typing import Any

from contracts.settlement.calendar import day_number
from contracts.settlement.clearing.clearing_types import clearing_type
from node.ledger.receipt import OK, Receipt
from node.year.places import insurer_of

Row = tuple[str, int, int, int, int]
"""(settlement or refund, bill, funds, accounts), fen: a row of 3202. Then what commercial cover
pays, which is no part of 3202 and is owed with the month all the same."""


CITY_NOTICES = ("remittance", "allotment")
"""What cities pay their province (上解), and provinces their cities (下拨)."""
INSURER_NOTICES = {"cover": 1, "cover-return": -1}
"""What insurers pay places of care, and what these give back where more was refunded."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the institution knows of a claim before it is settled."""

    institution: str
    scheme: str
    kind: str
    area: str
    region: str
    """District of the institution."""


@dataclass(slots=True)
class MonthRows:
    """An institution's month."""

    rows: dict[str, Row] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    """Row -> ``scheme/clearing type/agency``."""
    by_day: Counter[str] = field(default_factory=Counter)
    """Day of settlement -> settlements that stand."""
    covers: Counter[str] = field(default_factory=Counter)
    """Insurer -> fen that its product pays of the month."""

    def totals(self) -> list[dict[str, Any]]:
        """3201's rows."""
        sums: dict[str, list[int]] = {}
        for name, row in self.rows.items():
            into = sums.setdefault(self.groups[name], [0, 0, 0, 0])
            for place, amount in enumerate((1, *row[1:4])):
                into[place] += amount
        told = []
        for group, (count, bill, funds, accounts) in sums.items():
            scheme, kind, agency = group.split("/")
            told.append(
                {"scheme": scheme, "clearing_type": kind, "agency": agency, "settlements": count,
                 "total_fen": bill, "funds_fen": funds, "accounts_fen": accounts}
            )  # fmt: skip
        return told


@dataclass(slots=True)
class Journal:
    """Read by the actors, written by receipts."""

    day: str = ""
    known: dict[str, Known] = field(default_factory=dict)
    """Claim -> what its institution knows; until it is settled."""
    months: dict[str, dict[str, MonthRows]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(MonthRows))
    )
    """Month -> institution -> rows."""
    issued: list[dict[str, Any]] = field(default_factory=list)
    """Notices that nobody has looked at yet."""
    owed: dict[tuple[str, str], int] = field(default_factory=dict)
    """(institution, month) -> what an audited month comes to."""
    to_money: Counter[int] = field(default_factory=Counter)
    """Days from discharge to the institution's money -> settlements."""
    unpaid: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Month of settlement -> fen that institutions still wait for."""
    stays: dict[str, dict[str, tuple[str, int]]] = field(default_factory=lambda: defaultdict(dict))
    """Month -> settled stay -> (institution, bill in fen), until its payment by case is decided."""
    due: Counter[str] = field(default_factory=Counter)
    """Institution -> fen that its next notice brings beside the month: what cases came to, less
    what was set off."""
    noticed: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Notice to an institution -> (fen that it must be of, fen of its month alone)."""
    unexplained_fen: int = 0
    """What notices to institutions were of, beside what their months, cases and set-offs give."""
    by_case: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    """Month -> [stays paid by case, fen above their bills, fen below them], at estimated rates."""
    final: list[int] = field(default_factory=lambda: [0, 0, 0])
    """The same of the final run: fen above what was estimated, fen below it."""
    commercial: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    """Month -> [settlements that commercial cover pays of, fen of it, fen that insurers paid]"""
    to_state: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(insurer, place of care) -> fen of confirmed months that its next notice must be of."""
    insurers_asked: int = 0
    """Notices of insurers."""
    cities: dict[str, dict[str, Counter[str]]] = field(
        default_factory=lambda: {kind: defaultdict(Counter) for kind in CITY_NOTICES}
    )
    """Kind of notice -> city -> fen asked for and fen paid (``asked``, ``paid``)."""
    bills_fen: int = 0
    funds_fen: int = 0
    """Of all settlements that stand: their bills, and what insurance funds pay of them."""
    prepaid_fen: int = 0
    set_off_fen: int = 0
    colours: dict[str, dict[tuple[str, str], str]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    """Period -> pair -> colour that its advance took last."""
    returned: int = 0
    """Payments that banks gave back."""
    deducted_fen: int = 0

    @property
    def held(self) -> int:
        """How many things it holds: of the months that are not paid, and of nothing before."""
        months = [made for month in self.months.values() for made in month.values()]
        return (
            sum(len(made.rows) + len(made.by_day) for made in months)
            + sum(map(len, self.stays.values())) + len(self.known) + len(self.issued)
            + len(self.owed) + len(self.due) + len(self.noticed) + len(self.to_state)
        )  # fmt: skip

    def read(self, receipt: Receipt) -> None:
        """Take note of one receipt."""
        if receipt.status != OK:
            return
        for event in receipt.events:
            taken = _TAKE.get(event.topic)
            if taken is not None:
                taken(self, event.fields, receipt)
            elif event.topic.startswith("advance.") and "period" in event.fields:
                fields = event.fields
                pair = intern(fields["home"]), intern(fields["care"])
                colour = intern(event.topic.partition(".")[2])
                self.colours[fields["period"]][pair] = colour

    def settled(self, fields: dict[str, Any], receipt: Receipt) -> None:
        """A settlement becomes a row of its institution's month."""
        claim = fields["claim"]
        known = self.known.pop(claim, None)
        if known is None:
            return
        rows = self.months[self.day[:7]][known.institution]
        answer = receipt.answer
        funds, accounts = answer["funds_fen"], answer["account_fen"]
        commercial = answer["commercial_fen"]
        self.bills_fen += answer["total_fen"]
        self.funds_fen += funds
        rows.rows[claim] = (claim, answer["total_fen"], funds, accounts, commercial)
        kind = clearing_type(known.scheme, known.kind, known.area, known.region)
        rows.groups[claim] = intern(f"{known.scheme}/{kind}/{known.area}")
        rows.by_day[self.day] += 1
        if known.kind == "inpatient":
            self.stays[self.day[:7]][claim] = (known.institution, answer["total_fen"])
        self.unpaid[self.day[:7]] += funds + accounts + commercial
        if commercial:
            self._covered(1, commercial)
            rows.covers[insurer_of(known.area)] += commercial

    def reversed(self, fields: dict[str, Any], _receipt: Receipt) -> None:
        """A refund is a row of its own, negative."""
        rows = self.months[self.day[:7]][fields["institution"]]
        claim, refund = fields["claim"], fields["reversal"]
        _, total, funds, accounts, commercial = rows.rows[claim]
        self.bills_fen -= total
        self.funds_fen -= funds
        self.stays[self.day[:7]].pop(claim, None)
        rows.rows[refund] = (refund, -total, -funds, -accounts, -commercial)
        rows.groups[refund] = rows.groups[claim]
        self.unpaid[self.day[:7]] -= funds + accounts + commercial
        if commercial:
            self._covered(-1, -commercial)
            rows.covers[insurer_of(fields["area"])] -= commercial

    def _covered(self, settlements: int, fen: int) -> None:
        counted = self.commercial[self.day[:7]]
        counted[0] += settlements
        counted[1] += fen

    def audited(self, fields: dict[str, Any], _receipt: Receipt) -> None:
        """What a second person confirms next."""
        self.owed[fields["institution"], fields["month"]] = fields["owed_fen"]

    def confirmed(self, fields: dict[str, Any], _receipt: Receipt) -> None:
        """A month is due with what waited for it. Where that comes to nothing it is paid by having
        been set off, and nobody waits for it any more."""
        month, institution, owed = fields["month"], fields["institution"], fields["owed_fen"]
        for insurer, fen in self.months[month][institution].covers.items():
            self.to_state[insurer, fields["care"]] += fen
            if not self.to_state[insurer, fields["care"]]:
                del self.to_state[insurer, fields["care"]]  # nobody is asked for nothing
        due = self.due.pop(institution, 0) + owed
        if due > 0:
            self.noticed[f"institution:{month}:{institution}"] = (due, owed)
            return
        if due:
            self.due[institution] = due
        self.unpaid[month] -= owed
        self.months[month].pop(institution, None)

    def paid_by_case(self, fields: dict[str, Any], receipt: Receipt) -> None:
        """A stay is worth more or less than its bill, or at the final rate than it was before."""
        changed = _on(receipt, "payable:")
        self.due[fields["institution"]] += changed
        counted = self.final if fields["stage"] == "final" else self.by_case[self.day[:7]]
        counted[0] += 1
        counted[1 if changed > 0 else 2] += abs(changed)

    def prepaid(self, fields: dict[str, Any], _receipt: Receipt) -> None:
        """An institution gets money in advance: it is paid like every notice."""
        self.prepaid_fen += fields["amount_fen"]

    def set_off(self, fields: dict[str, Any], _receipt: Receipt) -> None:
        """A prepayment comes back: the next notice is lower."""
        self.due[fields["institution"]] -= fields["amount_fen"]
        self.set_off_fen += fields["amount_fen"]

    def notice(self, fields: dict[str, Any], _receipt: Receipt) -> None:
        """Somebody has to pay."""
        self.issued.append(dict(fields))
        if fields["kind"] in CITY_NOTICES:
            self._between_cities("asked", fields)
        elif fields["kind"] in INSURER_NOTICES:
            sign = INSURER_NOTICES[fields["kind"]]
            place = fields["payee_region" if sign > 0 else "payer_region"]
            must = self.to_state.pop((fields["insurer"], place), 0)
            self.unexplained_fen += abs(sign * fields["amount_fen"] - must)
            self.insurers_asked += 1

    def paid(self, fields: dict[str, Any], _receipt: Receipt) -> None:
        """Money has arrived."""
        name = fields["notice"].split(":", 2)
        if name[0] == "institution":
            month, institution = name[1], name[2]
            rows = self.months[month].pop(institution, None)
            if rows is not None:
                today = day_number(self.day)
                for day, count in rows.by_day.items():
                    self.to_money[today - day_number(day)] += count
            due, owed = self.noticed.pop(fields["notice"], (0, 0))
            self.unexplained_fen += abs(fields["amount_fen"] - due)
            self.unpaid[month] -= owed
        elif name[0] in CITY_NOTICES:
            self._between_cities("paid", fields)
        elif name[0] == "cover":
            sign = 1 if "payee_region" in fields else -1
            self.commercial[self.day[:7]][2] += sign * fields["amount_fen"]

    def _between_cities(self, what: str, fields: dict[str, Any]) -> None:
        kind, area, _ = fields["notice"].split(":")
        self.cities[kind][area][what] += fields["amount_fen"]

    def bounced(self, _fields: dict[str, Any], _receipt: Receipt) -> None:
        """A bank has given a payment back."""
        self.returned += 1

    def decided(self, fields: dict[str, Any], receipt: Receipt) -> None:
        """A deduction lowers what its month waits for."""
        amount = receipt.answer.get("decided_fen", 0)
        self.deducted_fen += amount
        self.unpaid[fields["month"]] -= amount


def _on(receipt: Receipt, kind: str) -> int:
    """Fen that a call posted to accounts of a kind."""
    return sum(leg.amount_fen for leg in receipt.postings if leg.account.startswith(kind))


_TAKE = {
    "claim.settled": Journal.settled,
    "claim.reversed": Journal.reversed,
    "declaration.audited": Journal.audited,
    "declaration.confirmed": Journal.confirmed,
    "notice.issued": Journal.notice,
    "provider.paid": Journal.paid_by_case,
    "prepayment.grant": Journal.prepaid,
    "prepayment.offset": Journal.set_off,
    "payment.paid": Journal.paid,
    "payment.returned": Journal.bounced,
    "deduction.decided": Journal.decided,
}
"""What an event means to the actors, by topic."""
