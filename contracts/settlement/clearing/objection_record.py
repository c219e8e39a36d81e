"""Objections to a statement (异议): ``objection/<id>``, their stages as a table.

``objection-of/<period>/<home>/<care>/<n>`` names the n-th of a statement, and
``objected/<settlement>`` the one that has a settlement for its row: there is never a second one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contracts.api import State, Value, reject
from contracts.settlement.clearing.declaration_record import Cells
from contracts.settlement.life import START, Life


class ObjectionStage(StrEnum):
    """Where an objection stands."""

    LODGED = "lodged"
    """Waits for the other side."""
    REJECTED = "rejected"
    """The other side stands by the statement: it is withdrawn, or a third one decides."""
    MOVED = "moved"
    """Its amount was taken out of the statement into the period that collected."""
    LATER = "later"
    """The statement stands; a deduction of a later period is to put it right."""
    ADJUSTED = "adjusted"
    """Deductions have put it right; final."""
    STANDS = "stands"
    """It was decided that the statement is right; final."""
    WITHDRAWN = "withdrawn"
    """By whoever lodged it; final."""


class ObjectionStep(StrEnum):
    """What can happen to an objection."""

    LODGE = "lodge"
    MOVE = "move"
    PROMISE = "later"
    REJECT = "reject"
    STAND = "stands"
    WITHDRAW = "withdraw"
    ADJUST = "adjust"


_G, _P = ObjectionStage, ObjectionStep
TABLE: dict[tuple[str, ObjectionStep], ObjectionStage] = {
    (START, _P.LODGE): _G.LODGED,
    (_G.LODGED, _P.MOVE): _G.MOVED,
    (_G.LODGED, _P.PROMISE): _G.LATER,
    (_G.LODGED, _P.REJECT): _G.REJECTED,
    # Without the other side's word, once its day is over.
    (_G.LODGED, _P.STAND): _G.STANDS,
    (_G.LODGED, _P.WITHDRAW): _G.WITHDRAWN,
    (_G.REJECTED, _P.MOVE): _G.MOVED,
    (_G.REJECTED, _P.PROMISE): _G.LATER,
    (_G.REJECTED, _P.STAND): _G.STANDS,
    (_G.REJECTED, _P.WITHDRAW): _G.WITHDRAWN,
    # What was found of a row that was moved, or was promised, is linked when it is decided.
    (_G.MOVED, _P.ADJUST): _G.ADJUSTED,
    (_G.LATER, _P.ADJUST): _G.ADJUSTED,
}
"""(stage, step) -> next stage. What is missing is refused."""

OPEN = (ObjectionStage.LODGED, ObjectionStage.REJECTED)
"""Stages in which nobody confirms the statement."""

_LIFE = Life(TABLE, ObjectionStage, "objection.wrong-stage", ("stage", "step"))
mermaid = _LIFE.mermaid


def follow(stage: str, step: ObjectionStep, objection: str) -> ObjectionStage:
    """The stage after ``step``. Refuses with ``objection.wrong-stage``."""
    return _LIFE.follow(stage, step, objection=objection)


Row = tuple[str, int, str]
"""(settlement, fen, reason) that an objection is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """An objection of one side of a statement."""

    stage: ObjectionStage
    period: str
    home: str
    care: str
    side: str
    """``home`` or ``care``: who lodged it; the other one answers."""
    rows: tuple[Row, ...]
    cells: Cells
    """``area/scheme/fund type`` -> fen: the rows' amounts as they are in the statement."""
    places: Cells
    """``city of care/fund type`` -> fen of them, as in the statement."""
    holder: str
    lodged_on: str
    due_on: str
    """Last working day for the other side's answer."""
    answered_by: str
    answered_on: str
    decided_by: str
    """Holder of the third one, where it came to that."""
    to_period: str
    """Period that its amount was moved into; empty where it was not."""
    adjusted_fen: int
    """What deductions have taken off its rows since."""
    digest: bytes
    """Of the lodging call, for retries."""

    @property
    def amount_fen(self) -> int:
        """What it is about."""
        return sum(fen for _, fen, _ in self.rows)

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [
            self.stage.value, self.period, self.home, self.care, self.side,
            [list(row) for row in self.rows], dict(sorted(self.cells.items())),
            dict(sorted(self.places.items())), self.holder, self.lodged_on, self.due_on,
            self.answered_by, self.answered_on, self.decided_by, self.to_period,
            self.adjusted_fen, self.digest,
        ]  # fmt: skip

    @classmethod
    def decode(cls, value: Value) -> Objection:
        """From the state's value."""
        (stage, period, home, care, side, rows, cells, places, holder, lodged, due, answered_by,
         answered_on, decided_by, to_period, adjusted, digest) = value  # fmt: skip
        return cls(
            stage=ObjectionStage(stage), period=period, home=home, care=care, side=side,
            rows=tuple((name, fen, reason) for name, fen, reason in rows), cells=cells,
            places=places, holder=holder, lodged_on=lodged, due_on=due, answered_by=answered_by,
            answered_on=answered_on, decided_by=decided_by, to_period=to_period,
            adjusted_fen=adjusted, digest=digest,
        )  # fmt: skip


def find(state: State, objection_id: str) -> Objection | None:
    """The objection; None where there is none."""
    value = state.get(f"objection/{objection_id}")
    return None if value is None else Objection.decode(value)


def load(state: State, objection_id: str) -> Objection:
    """The objection. Refuses with ``objection.not-found``."""
    found = find(state, objection_id)
    if found is None:
        reject("objection.not-found", objection=objection_id)
    return found


def put(state: State, objection_id: str, made: Objection) -> None:
    """Write it."""
    state.put(f"objection/{objection_id}", made.encode())


def of_settlement(state: State, settlement: str, home: str = "") -> str:
    """Id of the objection that has a settlement for its row; empty where none has.

    ``home``: who owes by the statement, where that is an insurer or a relative's area: what they
    say of their own part is no word on the funds'.
    """
    found: str | None = state.get(row_key(settlement, home))
    return found or ""


def row_key(settlement: str, home: str) -> str:
    """State key that names the objection to a settlement in one statement (``of_settlement``)."""
    return f"objected/{settlement}/{home}" if home else f"objected/{settlement}"


def list_of(state: State, period: str, home: str, care: str, count: int) -> list[str]:
    """Ids of a statement's objections, oldest first."""
    keys = (number_key(period, home, care, number) for number in range(count))
    return [state.get(key) or "" for key in keys]


def number_key(period: str, home: str, care: str, number: int) -> str:
    """State key of the n-th objection of a statement."""
    return f"objection-of/{period}/{home}/{care}/{number}"
