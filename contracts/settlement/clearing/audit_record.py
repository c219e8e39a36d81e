"""A deduction that an audit finds: ``deduction/<id>``, its stages as a table.

The lines stay in the notice's attachment; the record holds the sum, who said what and when.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contracts.api import State, Value, reject
from contracts.settlement.life import START, Life


class DeductionStage(StrEnum):
    """Where a deduction stands."""

    NOTICED = "noticed"
    """The institution was told; it may object until a working day."""
    ANSWERED = "answered"
    """The institution has spoken."""
    DECIDED = "decided"
    """A second person has decided; what was upheld is booked; final."""


class DeductionStep(StrEnum):
    """What can happen to a deduction."""

    NOTICE = "notice"
    ANSWER = "answer"
    DECIDE = "decide"


_G, _P = DeductionStage, DeductionStep
TABLE: dict[tuple[str, DeductionStep], DeductionStage] = {
    (START, _P.NOTICE): _G.NOTICED,
    (_G.NOTICED, _P.ANSWER): _G.ANSWERED,
    # An institution that says nothing until its day is over: decided without it.
    (_G.NOTICED, _P.DECIDE): _G.DECIDED,
    (_G.ANSWERED, _P.DECIDE): _G.DECIDED,
}
"""(stage, step) -> next stage. What is missing is refused."""


_LIFE = Life(TABLE, DeductionStage, "audit.wrong-stage", ("stage", "step"))
mermaid = _LIFE.mermaid


def follow(stage: str, step: DeductionStep, deduction: str) -> DeductionStage:
    """The stage after ``step``. Refuses with ``audit.wrong-stage``."""
    return _LIFE.follow(stage, step, deduction=deduction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction:
    """A deduction from what the funds pay for one settlement."""

    stage: DeductionStage
    claim: str
    institution: str
    care: str
    area: str
    month: str
    """Declaration that the settlement stands in."""
    amount_fen: int
    """As it was noticed."""
    auditor: str
    """Holder who gave notice; another one decides."""
    noticed_on: str
    due_on: str
    """Last working day for the institution's statement."""
    answer: str
    """``accept`` or ``object``; empty while it has said nothing."""
    decider: str
    decided_fen: int
    by_fund: tuple[tuple[str, int], ...]
    """(fund type, fen) that went back."""
    original_period: str
    """Period that the settlement had been cleared in, for a finding after confirmation."""
    period: str
    """Later period that the adjustment landed in; both empty for a deduction before it."""
    digest: bytes
    """Of the notice, for retries."""

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [
            self.stage.value, self.claim, self.institution, self.care, self.area, self.month,
            self.amount_fen, self.auditor, self.noticed_on, self.due_on, self.answer,
            self.decider, self.decided_fen, [list(row) for row in self.by_fund],
            self.original_period, self.period, self.digest,
        ]  # fmt: skip

    @classmethod
    def decode(cls, value: Value) -> Deduction:
        """From the state's value."""
        (stage, claim, institution, care, area, month, amount, auditor, noticed, due, answer,
         decider, decided, by_fund, original, period, digest) = value  # fmt: skip
        return cls(
            stage=DeductionStage(stage), claim=claim, institution=institution, care=care,
            area=area, month=month, amount_fen=amount, auditor=auditor, noticed_on=noticed,
            due_on=due, answer=answer, decider=decider, decided_fen=decided,
            by_fund=tuple((fund, fen) for fund, fen in by_fund), original_period=original,
            period=period, digest=digest,
        )  # fmt: skip


def find(state: State, deduction_id: str) -> Deduction | None:
    """The deduction; None where there is none."""
    value = state.get(f"deduction/{deduction_id}")
    return None if value is None else Deduction.decode(value)


def load(state: State, deduction_id: str) -> Deduction:
    """The deduction. Refuses with ``audit.not-found``."""
    found = find(state, deduction_id)
    if found is None:
        reject("audit.not-found", deduction=deduction_id)
    return found


def put(state: State, deduction_id: str, made: Deduction) -> None:
    """Write it."""
    state.put(f"deduction/{deduction_id}", made.encode())
