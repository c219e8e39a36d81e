"""The national statement of one pair of provinces in one period:
``statement/<period>/<home>/<care>``.

What province ``home`` owes province ``care``, gross, by area, scheme and fund. There is one record
and both sides confirm it, so no two bureaus can hold different statements.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from contracts.api import State, Value, reject
from contracts.settlement.clearing import period_record
from contracts.settlement.clearing.declaration_record import Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement; it no longer changes once its period is cut."""

    cells: Cells
    """``area/scheme/fund type`` -> fen."""
    declarations: int
    """Months of institutions whose confirmed amounts are in it."""
    adjusted_fen: int
    """Of the sum: findings on settlements of earlier periods, below zero."""
    home_by: str
    """Holder who confirmed for the home province; empty before."""
    care_by: str
    """Holder who confirmed for the province of care; empty before."""
    notice: str
    """Notice of its payment; empty before, and where nothing is to be paid."""
    settled: bool
    """Whether it is paid, or came to nothing."""
    colour: str
    """Of the advance, by what this month used of it: ``none``, ``green``, ``yellow``, ``red``."""

    @property
    def total_fen(self) -> int:
        """What the home province owes for the period."""
        return sum(self.cells.values())

    @property
    def confirmed(self) -> bool:
        """Whether both sides have confirmed."""
        return bool(self.home_by and self.care_by)

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        cells = {key: fen for key, fen in sorted(self.cells.items()) if fen}
        return [
            cells, self.declarations, self.adjusted_fen, self.home_by, self.care_by, self.notice,
            self.settled, self.colour,
        ]  # fmt: skip

    @classmethod
    def decode(cls, value: Value) -> Statement:
        """From the state's value."""
        cells, declarations, adjusted, home_by, care_by, notice, settled, colour = value
        return cls(
            cells=cells, declarations=declarations, adjusted_fen=adjusted, home_by=home_by,
            care_by=care_by, notice=notice, settled=settled, colour=colour,
        )  # fmt: skip


EMPTY = Statement(
    cells={}, declarations=0, adjusted_fen=0, home_by="", care_by="", notice="", settled=False,
    colour="none",
)  # fmt: skip
"""The statement of a pair that owes nothing yet."""


def key_of(period: str, home: str, care: str) -> str:
    """The state key of a statement."""
    return f"statement/{period}/{home}/{care}"


def find(state: State, period: str, home: str, care: str) -> Statement | None:
    """The statement; None where the pair owes nothing in this period."""
    value = state.get(key_of(period, home, care))
    return None if value is None else Statement.decode(value)


def load(state: State, period: str, home: str, care: str) -> Statement:
    """The statement. Refuses with ``clearing.statement-not-found``."""
    found = find(state, period, home, care)
    if found is None:
        reject("clearing.statement-not-found", period=period, home=home, care=care)
    return found


def put(state: State, period: str, home: str, care: str, made: Statement) -> None:
    """Write it."""
    state.put(key_of(period, home, care), made.encode())


def begin(state: State, period: str, home: str, care: str) -> Statement:
    """The pair's statement while its period collects; the first one enters the period's list."""
    found = find(state, period, home, care)
    if found is not None:
        return found
    listed = period_record.load(state, period)
    state.put(pair_key(period, listed.pairs), [home, care])
    period_record.put(state, period, replace(listed, pairs=listed.pairs + 1))
    return EMPTY


def pair_key(period: str, number: int) -> str:
    """State key of the n-th pair of a period."""
    return f"period-pair/{period}/{number}"
