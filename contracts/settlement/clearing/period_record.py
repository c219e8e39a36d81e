"""The country's month: ``period/<month>``, its stages as a table, and ``period`` the one that
collects.

A period collects what bureaus confirm until the centre cuts it off; then the next one collects.
The statements of a cut period no longer change, so both sides confirm one and the same number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contracts.api import State, Value, reject
from contracts.settlement.life import START, Life


class PeriodStage(StrEnum):
    """Where a period stands."""

    COLLECTING = "collecting"
    """Confirmed amounts enter its statements."""
    STATED = "stated"
    """Cut off: its statements are final and wait for both sides, then for their money."""
    CLOSED = "closed"
    """Every statement is confirmed and paid; final."""


class PeriodStep(StrEnum):
    """What can happen to a period."""

    OPEN = "open"
    CUT = "cut"
    CLOSE = "close"


_G, _P = PeriodStage, PeriodStep
TABLE: dict[tuple[str, PeriodStep], PeriodStage] = {
    (START, _P.OPEN): _G.COLLECTING,
    (_G.COLLECTING, _P.CUT): _G.STATED,
    (_G.STATED, _P.CLOSE): _G.CLOSED,
}
"""(stage, step) -> next stage. What is missing is refused."""


_LIFE = Life(TABLE, PeriodStage, "clearing.wrong-stage", ("stage", "step"))
mermaid = _LIFE.mermaid


def follow(stage: str, step: PeriodStep, period: str) -> PeriodStage:
    """The stage after ``step``. Refuses with ``clearing.wrong-stage``."""
    return _LIFE.follow(stage, step, period=period)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A national clearing period. Pairs are listed in ``period-pair/<month>/<n>``."""

    stage: PeriodStage
    pairs: int
    """Pairs of provinces that have a statement."""
    confirmed: int
    """Of them confirmed by both sides."""
    settled: int
    """Of them paid, or with nothing to pay."""
    cut_on: str
    """Day on which the statements became final; empty before."""
    confirm_by: str
    """Last working day for both sides to confirm; empty before the cut."""
    closed_on: str

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [
            self.stage.value, self.pairs, self.confirmed, self.settled, self.cut_on,
            self.confirm_by, self.closed_on,
        ]  # fmt: skip

    @classmethod
    def decode(cls, value: Value) -> Period:
        """From the state's value."""
        stage, pairs, confirmed, settled, cut_on, confirm_by, closed_on = value
        return cls(
            stage=PeriodStage(stage), pairs=pairs, confirmed=confirmed, settled=settled,
            cut_on=cut_on, confirm_by=confirm_by, closed_on=closed_on,
        )  # fmt: skip


def begin() -> Period:
    """A period that begins to collect."""
    return Period(
        stage=PeriodStage.COLLECTING, pairs=0, confirmed=0, settled=0, cut_on="", confirm_by="",
        closed_on="",
    )  # fmt: skip


def find(state: State, month: str) -> Period | None:
    """The period of a month; None where it is none yet."""
    value = state.get(f"period/{month}")
    return None if value is None else Period.decode(value)


def load(state: State, month: str) -> Period:
    """The period. Refuses with ``clearing.period-not-found``."""
    found = find(state, month)
    if found is None:
        reject("clearing.period-not-found", period=month)
    return found


def put(state: State, month: str, made: Period) -> None:
    """Write it."""
    state.put(f"period/{month}", made.encode())


def collecting(state: State) -> str:
    """The month that collects now. Refuses with ``clearing.no-period`` before the first."""
    month: str | None = state.get("period")
    if month is None:
        reject("clearing.no-period")
    return month
