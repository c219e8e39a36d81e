"""What is kept of an institution's month: ``declaration/<institution>/<month>``.

The record holds sums only. Which claims are in it is written on the claims themselves
(``records.Declared``), so a month of a hundred thousand claims is closed, audited and cleared by
writing this one record.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from contracts.api import State, Value, reject
from contracts.settlement.life import START, Life


class Stage(StrEnum):
    """Where a declaration stands."""

    OPEN = "open"
    """Rows come in."""
    DECLARED = "declared"
    """Closed by totals that agree; on the auditor's desk."""
    AUDITED = "audited"
    """The auditor is through; a second person decides."""
    CONFIRMED = "confirmed"
    """Entered the national statement, and owed to the institution; final."""


class Step(StrEnum):
    """What can happen to a declaration."""

    DECLARE = "declare"
    CLOSE = "close"
    SET_ASIDE = "set-aside"
    DEDUCT = "deduct"
    AUDIT = "audit"
    SEND_BACK = "send-back"
    CONFIRM = "confirm"


_G, _P = Stage, Step
TABLE: dict[tuple[str, Step], Stage] = {
    (START, _P.DECLARE): _G.OPEN,
    # A month in which nothing was settled is closed with no row.
    (START, _P.CLOSE): _G.DECLARED,
    (_G.OPEN, _P.DECLARE): _G.OPEN,
    (_G.OPEN, _P.CLOSE): _G.DECLARED,
    (_G.DECLARED, _P.SET_ASIDE): _G.DECLARED,
    (_G.DECLARED, _P.DEDUCT): _G.DECLARED,
    (_G.DECLARED, _P.AUDIT): _G.AUDITED,
    (_G.AUDITED, _P.SEND_BACK): _G.DECLARED,
    (_G.AUDITED, _P.CONFIRM): _G.CONFIRMED,
}
"""(stage, step) -> next stage. What is missing is refused."""


_LIFE = Life(TABLE, Stage, "declaration.wrong-stage", ("stage", "step"))
mermaid = _LIFE.mermaid


def follow(stage: str, step: Step, institution: str, month: str) -> Stage:
    """The stage after ``step``. Refuses with ``declaration.wrong-stage``."""
    return _LIFE.follow(stage, step, institution=institution, month=month)


Totals = dict[str, list[int]]
"""``scheme/clearing type/agency`` -> [settlements, bill, funds, accounts]; amounts in fen."""

Cells = dict[str, int]
"""``area/scheme/fund type`` -> fen that the area's money owes for care: earmarked, so gross."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """An institution's month."""

    stage: Stage
    care: str
    """District of the institution when its month was begun."""
    totals: Totals
    """What the rows come to, in the manner of 3201."""
    cells: Cells
    """What the rows owe the institution; what was set aside or deducted is taken off."""
    aside: tuple[int, int]
    """(claims, fen) that were not confirmed and roll on."""
    deducted_fen: int
    """What audits have taken off the rows, in this month or, of what was set aside or is taken
    back, in an earlier one (of a refund's row below zero)."""
    pending: int
    """Deductions that are not decided."""
    undeclared_fen: int
    """When it was closed: what the ledger owes the institution and no declaration names."""
    closed_on: str
    due_on: str
    """Last working day for whoever is to act now; empty when nobody is."""
    auditor: str
    """Holder who audited; another one confirms."""
    checker: str
    """Holder who confirmed."""
    period: str
    """The national period that the confirmed amounts entered; empty before."""
    covers: Cells = field(default_factory=dict)
    """``insurer/product/paid`` or ``.../refunded`` -> fen: what of the cells insurers owe."""

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [
            self.stage.value,
            self.care,
            {key: list(row) for key, row in self.totals.items()},
            dict(self.cells),
            list(self.aside),
            self.deducted_fen,
            self.pending,
            self.undeclared_fen,
            self.closed_on,
            self.due_on,
            self.auditor,
            self.checker,
            self.period,
            *([dict(self.covers)] if self.covers else ()),
        ]

    @classmethod
    def decode(cls, value: Value) -> Declaration:
        """From the state's value."""
        (stage, care, totals, cells, aside, deducted, pending, undeclared, closed, due,
         auditor, checker, period, *more) = value  # fmt: skip
        return cls(
            stage=Stage(stage),
            care=care,
            totals=totals,
            cells=cells,
            aside=(aside[0], aside[1]),
            deducted_fen=deducted,
            pending=pending,
            undeclared_fen=undeclared,
            closed_on=closed,
            due_on=due,
            auditor=auditor,
            checker=checker,
            period=period,
            covers=more[0] if more else {},
        )

    @property
    def owed_fen(self) -> int:
        """What the rows owe the institution in all."""
        return sum(self.cells.values())

    @property
    def declared_fen(self) -> int:
        """What the rows ask of funds and accounts (3201)."""
        return sum(funds + accounts for _, _, funds, accounts in self.totals.values())

    @property
    def commercial_fen(self) -> int:
        """What the rows ask of commercial cover, which 3201 has no sum for: so that what was
        declared, with it and less what was deducted and set aside, is what is owed."""
        return self.owed_fen + self.deducted_fen + self.aside[1] - self.declared_fen


def begin(care: str) -> Declaration:
    """A month without a row."""
    return Declaration(
        stage=Stage.OPEN, care=care, totals={}, cells={}, aside=(0, 0),
        deducted_fen=0, pending=0, undeclared_fen=0, closed_on="", due_on="", auditor="",
        checker="", period="",
    )  # fmt: skip


def key_of(institution: str, month: str) -> str:
    """The state key of a declaration."""
    return f"declaration/{institution}/{month}"


def find(state: State, institution: str, month: str) -> Declaration | None:
    """The declaration; None for a month that was not declared."""
    value = state.get(key_of(institution, month))
    return None if value is None else Declaration.decode(value)


def load(state: State, institution: str, month: str) -> Declaration:
    """The declaration. Refuses with ``declaration.not-found``."""
    found = find(state, institution, month)
    if found is None:
        reject("declaration.not-found", institution=institution, month=month)
    return found


def put(state: State, institution: str, month: str, made: Declaration) -> None:
    """Write it. Cells and totals of nothing are left out, so that one content has one form."""
    cells, covers = (
        {key: fen for key, fen in sums.items() if fen} for sums in (made.cells, made.covers)
    )
    state.put(key_of(institution, month), replace(made, cells=cells, covers=covers).encode())
