"""What is kept of a reimbursement, and its life as a table (SETTLEMENT.md section 6).

``reimbursement/<id>`` is one array; ``reimbursement-lines/<id>`` holds the bill's lines until they
are decided on. The table is the only place that knows which step may follow which.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contracts.api import Context, State, Value, reject
from contracts.settlement.invoices import Name
from contracts.settlement.life import START, Life
from contracts.settlement.records import Visit
from contracts.settlement.returns import Returned, decode, left_rows


class Stage(StrEnum):
    """Where a reimbursement stands."""

    FILED = "filed"
    """On the first reviewer's desk."""
    INCOMPLETE = "incomplete"
    """Papers are missing; they were asked for, once."""
    REVIEWED = "reviewed"
    """The first reviewer has spoken; on the checker's desk."""
    APPROVED = "approved"
    """Decided and posted: the funds owe it to the person."""
    NOTHING_DUE = "nothing-due"
    """Decided: no fund pays anything, with reasons; final, unless it is decided again."""
    REFUSED = "refused"
    """Not taken up, with a reason; the invoices are free; final."""
    WITHDRAWN = "withdrawn"
    """Taken back by the person; the invoices are free; final."""
    PAYING = "paying"
    """The bank was told to pay."""
    RETURNED = "returned"
    """The bank could not pay, or the money came back: what is owed is paid again, under another
    payment's id."""
    PAID = "paid"
    """The bank has confirmed; final, unless money comes back or it is decided again."""


class Step(StrEnum):
    """What can happen to a reimbursement."""

    FILE = "file"
    ASK = "ask"
    SUPPLY = "supply"
    REVIEW = "review"
    SEND_BACK = "send-back"
    APPROVE = "approve"
    CLOSE = "close"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    PAY = "pay"
    CONFIRM = "confirm"
    CONFIRM_PART = "confirm-part"
    """The bank has paid, and of an earlier order something came back meanwhile."""
    BOUNCE = "bounce"
    COME_BACK = "come-back"
    """Money of an order that the bank had confirmed came back, whole or in part."""
    AGAIN = "again"


_G, _P = Stage, Step
TABLE: dict[tuple[str, Step], Stage] = {
    (START, _P.FILE): _G.FILED,
    (_G.FILED, _P.ASK): _G.INCOMPLETE,
    (_G.FILED, _P.REVIEW): _G.REVIEWED,
    (_G.FILED, _P.WITHDRAW): _G.WITHDRAWN,
    (_G.INCOMPLETE, _P.SUPPLY): _G.FILED,
    # Papers that never came: refused once their day is over.
    (_G.INCOMPLETE, _P.REFUSE): _G.REFUSED,
    (_G.INCOMPLETE, _P.WITHDRAW): _G.WITHDRAWN,
    (_G.REVIEWED, _P.SEND_BACK): _G.FILED,
    (_G.REVIEWED, _P.APPROVE): _G.APPROVED,
    (_G.REVIEWED, _P.CLOSE): _G.NOTHING_DUE,
    (_G.REVIEWED, _P.REFUSE): _G.REFUSED,
    (_G.REVIEWED, _P.WITHDRAW): _G.WITHDRAWN,
    (_G.APPROVED, _P.PAY): _G.PAYING,
    (_G.PAYING, _P.CONFIRM): _G.PAID,
    (_G.PAYING, _P.CONFIRM_PART): _G.RETURNED,
    (_G.PAYING, _P.BOUNCE): _G.RETURNED,
    (_G.PAID, _P.COME_BACK): _G.RETURNED,
    (_G.RETURNED, _P.COME_BACK): _G.RETURNED,
    # Of an earlier order, while the next one is on its way or before it is ordered.
    (_G.PAYING, _P.COME_BACK): _G.PAYING,
    (_G.APPROVED, _P.COME_BACK): _G.APPROVED,
    (_G.RETURNED, _P.PAY): _G.PAYING,
    # Decided again on what is known now; only where more is due.
    (_G.APPROVED, _P.AGAIN): _G.APPROVED,
    (_G.NOTHING_DUE, _P.AGAIN): _G.APPROVED,
    (_G.RETURNED, _P.AGAIN): _G.APPROVED,
    (_G.PAID, _P.AGAIN): _G.APPROVED,
}
"""(stage, step) -> next stage. What is missing is refused."""

PAID = "paid"
"""Outcome of an order that the bank has carried out."""

OPEN = (Stage.FILED, Stage.INCOMPLETE, Stage.REVIEWED)
"""Not decided yet."""
ENDED_UNPAID = (Stage.REFUSED, Stage.WITHDRAWN)
"""The bill is as if it had never been brought."""


_LIFE = Life(TABLE, Stage, "reimbursement.wrong-stage", ("stage", "step"))
follow = _LIFE.follow
mermaid = _LIFE.mermaid


@dataclass(frozen=True, slots=True)
class Place:
    """Where the care was given: a designated institution, or what the paper says of another."""

    institution: str
    """Id of an organisation of the ledger; empty for one that is none."""
    region: str
    level: int
    """``dedc_hosp_lv``."""
    kind: str


@dataclass(frozen=True, slots=True)
class Payment:
    """One order to a bank. A second one follows only when the first came back, or when more is owed
    by another decision."""

    id: str
    bank: str
    holder: str
    """Who gave the order."""
    outcome: str
    """Empty while it is on its way; ``paid``, or the word with which it came back."""
    reference: str
    """The bank's."""
    rows: tuple[tuple[str, int], ...]
    """(fund type, fen) that it orders."""
    returns: tuple[Returned, ...] = ()
    """What came back after the bank had paid."""

    @property
    def amount_fen(self) -> int:
        """What it orders."""
        return sum(fen for _, fen in self.rows)

    @property
    def standing(self) -> dict[str, int]:
        """Fen by fund type that the bank has paid and that did not come back."""
        if self.outcome != PAID:
            return {}
        left = left_rows([fen for _, fen in self.rows], self.returns)
        return {fund: fen for (fund, _), fen in zip(self.rows, left, strict=True) if fen}

    @property
    def standing_fen(self) -> int:
        """What the bank has paid and did not come back."""
        return sum(self.standing.values())

    @property
    def failed(self) -> str:
        """Why the money did not stay where it was sent; empty where it did, or may still."""
        if self.outcome == PAID:
            return self.returns[-1].reason if self.returns else ""
        return self.outcome

    def encode(self) -> Value:
        """As the state has it."""
        return [
            self.id, self.bank, self.holder, self.outcome, self.reference,
            [list(row) for row in self.rows],
            *([[back.encode() for back in self.returns]] if self.returns else ()),
        ]  # fmt: skip

    @classmethod
    def decode(cls, value: Value) -> Payment:
        """From the state's value."""
        name, bank, holder, outcome, reference, rows, *returns = value
        ordered = tuple((fund, fen) for fund, fen in rows)
        back = decode(returns[0]) if returns else ()
        return cls(name, bank, holder, outcome, reference, ordered, back)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a decision was bound to, so that it can be found and decided again."""

    tx_id: bytes
    call_index: int
    filing: str
    """The filing that it was decided by; empty where there was none."""
    version: int
    rounds: int
    """How often it was decided again."""
    paid: tuple[tuple[str, int], ...]
    """(fund type, fen) that banks had paid by an earlier decision."""

    def encode(self) -> Value:
        """As the state has it."""
        rows = [list(row) for row in self.paid]
        return [self.tx_id, self.call_index, self.filing, self.version, self.rounds, rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reimbursement:
    """A bill that somebody paid first and asks back from the insured place."""

    stage: Stage
    person: str
    area: str
    scheme: str
    agent: str
    """Relation of the one who filed it; empty: the person."""
    place: Place
    visit: Visit
    total_fen: int
    invoices: tuple[Name, ...]
    account: bytes
    """Token of the person's bank account, 32 bytes; the bank knows what it stands for."""
    filed_on: str
    due_on: str
    """Last working day for whoever is to act now; empty when nobody is."""
    asked: bool
    """Whether papers were asked for: that is done once."""
    reviewer: str
    """Holder who reviewed first; another one decides."""
    advice: str
    """The reviewer's: ``approve`` or ``refuse``; empty before."""
    reason: str
    """Why it was refused or papers were asked for; a word of a list."""
    decider: str
    payments: tuple[tuple[str, int], ...]
    """(fund type, fen): what is owed to the person, by fund; empty before the decision."""
    counters: tuple[tuple[int, dict[str, int]], ...]
    orders: tuple[Payment, ...]
    digest: bytes
    """Of the filing call, for retries."""
    last: bytes
    """Of the last call that changed it, for retries."""
    salt: bytes
    verdict: Verdict | None = None
    """None before the decision."""
    overlap: str = ""
    """Why the stay may overlap another; of most bills nothing, and then it has no place."""

    @property
    def due(self) -> dict[str, int]:
        """What the funds owe, by fund type: by the last decision, less what banks have paid and
        did not come back. An order that is on its way is owed still."""
        due = dict(self.payments)
        for fund, amount in self.standing.items():
            due[fund] = due.get(fund, 0) - amount
        return {fund: amount for fund, amount in due.items() if amount}

    @property
    def standing(self) -> dict[str, int]:
        """Fen by fund type that banks have paid and that did not come back."""
        paid: dict[str, int] = {}
        for order in self.orders:
            for fund, amount in order.standing.items():
                paid[fund] = paid.get(fund, 0) + amount
        return paid

    @property
    def due_fen(self) -> int:
        """What the funds owe."""
        return sum(self.due.values())

    def _seldom(self) -> list[Value]:
        """What most have nothing of: left out where there is nothing."""
        verdict = None if self.verdict is None else self.verdict.encode()
        if self.overlap:
            return [verdict, self.overlap]
        return [] if verdict is None else [verdict]

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [
            self.stage.value,
            self.person,
            self.area,
            self.scheme,
            self.agent,
            [self.place.institution, self.place.region, self.place.level, self.place.kind],
            self.visit.encode(),
            self.total_fen,
            [list(name) for name in self.invoices],
            self.account,
            self.filed_on,
            self.due_on,
            self.asked,
            self.reviewer,
            self.advice,
            self.reason,
            self.decider,
            [list(payment) for payment in self.payments],
            [[year, dict(deltas)] for year, deltas in self.counters],
            [order.encode() for order in self.orders],
            self.digest,
            self.last,
            self.salt,
            *self._seldom(),
        ]

    @classmethod
    def decode(cls, value: Value) -> Reimbursement:
        """From the state's value."""
        (stage, person, area, scheme, agent, place, visit, total, invoices, account, filed, due,
         asked, reviewer, advice, reason, decider, payments, counted, orders, digest, last,
         salt, *more) = value  # fmt: skip
        return cls(
            stage=Stage(stage),
            person=person,
            area=area,
            scheme=scheme,
            agent=agent,
            place=Place(*place),
            visit=Visit(*visit),
            total_fen=total,
            invoices=tuple((code, number) for code, number in invoices),
            account=account,
            filed_on=filed,
            due_on=due,
            asked=asked,
            reviewer=reviewer,
            advice=advice,
            reason=reason,
            decider=decider,
            payments=tuple((fund, amount) for fund, amount in payments),
            counters=tuple((year, deltas) for year, deltas in counted),
            orders=tuple(Payment.decode(order) for order in orders),
            digest=digest,
            last=last,
            salt=salt,
            verdict=None if not more or more[0] is None else _verdict(more[0]),
            overlap=more[1] if len(more) > 1 else "",
        )


def _verdict(value: Value) -> Verdict:
    tx_id, call_index, filing, version, rounds, paid = value
    rows = tuple((fund, amount) for fund, amount in paid)
    return Verdict(tx_id, call_index, filing, version, rounds, rows)


def find(state: State, reimbursement_id: str) -> Reimbursement | None:
    """The reimbursement of an id; None when nobody used it."""
    value = state.get(f"reimbursement/{reimbursement_id}")
    return None if value is None else Reimbursement.decode(value)


def load(ctx: Context, reimbursement_id: str) -> Reimbursement:
    """The reimbursement. Refuses with ``reimbursement.not-found``."""
    found = find(ctx.state, reimbursement_id)
    if found is None:
        reject("reimbursement.not-found", reimbursement=reimbursement_id)
    return found


def put(ctx: Context, reimbursement_id: str, made: Reimbursement) -> None:
    """Write it."""
    ctx.state.put(f"reimbursement/{reimbursement_id}", made.encode())


def counted_as(reimbursement_id: str) -> str:
    """Its name in the counters' log and among transfers; ids of claims have no slash."""
    return f"reimbursement/{reimbursement_id}"
