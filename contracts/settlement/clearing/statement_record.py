"""The statement of one pair in one period: ``statement/<period>/<home>/<care>``.

What ``home`` owes ``care``, gross, by area, scheme and fund. There is one record and both sides
confirm it, so no two bureaus can hold different statements. A pair is two provinces, listed under
the national period, or inside one province two cities (or the province itself and a city), listed
under that province (``sides``): the country's closing does not wait for a province's own clearing.
Or it is an insurer and a place of care (``insurers``), where either side lists the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from contracts import organisations
from contracts.api import Context, State, Value, reject
from contracts.regions import city, province
from contracts.settlement.clearing import insurer_record, period_record
from contracts.settlement.clearing.declaration_record import Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement; it no longer changes once its period is cut."""

    cells: Cells
    """``area/scheme/fund type`` -> fen; of an insurer ``product/paid/commercial`` and
    ``product/refunded/commercial``, the latter below zero."""
    declarations: int
    """Months of institutions whose confirmed amounts are in it."""
    adjusted_fen: int
    """Of the sum: findings on settlements of earlier periods, below zero."""
    home_by: str
    """Holder who confirmed for the home province, or the insurer; empty before."""
    care_by: str
    """Holder who confirmed for the province of care; empty before."""
    notice: str
    """Notice of its payment; empty before, and where nothing is to be paid."""
    settled: bool
    """Whether it is paid, or came to nothing."""
    colour: str
    """Of the advance, by what this month used of it: ``none``, ``green``, ``yellow``, ``red``."""
    places: Cells
    """``city of care/fund type`` -> fen, of care in institutions of cities with a bureau of their
    own: what the province of care passes on (下拨)."""
    moved_fen: int
    """Of the sum: what objections have moved in from an earlier period, or out of this one."""
    objections: int
    """Objections that were ever lodged against it."""
    open: int
    """Of them not settled: nobody confirms while there is one."""
    wallets_fen: int
    """Of the sum: what people of the one side have sent to relatives' wallets on the other."""

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
        cells, places = (
            {key: fen for key, fen in sorted(sums.items()) if fen}
            for sums in (self.cells, self.places)
        )
        return [
            cells, self.declarations, self.adjusted_fen, self.home_by, self.care_by, self.notice,
            self.settled, self.colour, places, self.moved_fen, self.objections, self.open,
            self.wallets_fen,
        ]  # fmt: skip

    @classmethod
    def decode(cls, value: Value) -> Statement:
        """From the state's value."""
        (cells, declarations, adjusted, home_by, care_by, notice, settled, colour, places, moved,
         objections, opened, wallets) = value  # fmt: skip
        return cls(
            cells=cells, declarations=declarations, adjusted_fen=adjusted, home_by=home_by,
            care_by=care_by, notice=notice, settled=settled, colour=colour, places=places,
            moved_fen=moved, objections=objections, open=opened, wallets_fen=wallets,
        )  # fmt: skip


EMPTY = Statement(
    cells={}, declarations=0, adjusted_fen=0, home_by="", care_by="", notice="", settled=False,
    colour="none", places={}, moved_fen=0, objections=0, open=0,
    wallets_fen=0,
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
    """The pair's statement while its period collects; the first one enters the list of pairs."""
    found = find(state, period, home, care)
    if found is not None:
        return found
    if is_insurer(home):
        insurer_record.begin(state, period, home, care)
    elif is_national(home, care):
        listed = period_record.load(state, period)
        state.put(pair_key(period, listed.pairs), [home, care])
        period_record.put(state, period, replace(listed, pairs=listed.pairs + 1))
    else:
        pairs, confirmed = inside(state, period, province(care))
        state.put(inside_key(period, province(care), pairs), [home, care])
        put_inside(state, period, province(care), pairs + 1, confirmed)
    return EMPTY


def pair_key(period: str, number: int) -> str:
    """State key of the n-th pair of provinces of a period."""
    return f"period-pair/{period}/{number}"


def sides(state: State, area: str, care: str) -> tuple[str, str] | None:
    """(home, care) of the statement for care in district ``care`` that a fund of ``area`` pays.

    Between provinces the two provinces; inside one the area and the city of care; None for care at
    home.
    """
    if province(area) != province(care):
        return province(area), province(care)
    place = place_of(state, care)
    return None if place == area else (area, place)


def place_of(state: State, care: str) -> str:
    """Who pays the institutions of a district: its city, the province where that has no bureau."""
    found = city(care)
    return found if organisations.load(state, f"bureau:{found}") is not None else province(care)


def is_national(home: str, care: str) -> bool:
    """Whether a pair is of two provinces."""
    return not is_insurer(home) and province(home) != province(care)


def is_insurer(home: str) -> bool:
    """Whether whoever owes is an insurer, and no area."""
    return ":" in home


def agreed(home: str, made: Statement) -> bool:
    """Whether a statement's money may be asked for: both areas have confirmed it, or the insurer,
    or the place of care for an insurer that was silent."""
    return bool(made.home_by or made.care_by) if is_insurer(home) else made.confirmed


def side_of(ctx: Context, home: str, care: str) -> str:
    """Which side the sender is, ``home`` or ``care``. Refuses with ``clearing.not-party``."""
    if is_side(ctx, home):
        return "home"
    if not is_side(ctx, care):
        reject("clearing.not-party", sender_region=ctx.sender_region, home=home, care=care)
    return "care"


def is_side(ctx: Context, whose: str) -> bool:
    """Whether the sender speaks for an area, or is the insurer itself."""
    if is_insurer(whose):
        return ctx.sender == whose
    return ctx.sender_kind == "bureau" and ctx.sender_region == whose


def inside(state: State, period: str, of_province: str) -> tuple[int, int]:
    """(statements, confirmed by both sides) of a province's own clearing in a period."""
    value = state.get(f"province-period/{period}/{of_province}")
    return (0, 0) if value is None else (value[0], value[1])


def put_inside(state: State, period: str, of_province: str, pairs: int, confirmed: int) -> None:
    """Write what ``inside`` reads."""
    state.put(f"province-period/{period}/{of_province}", [pairs, confirmed])


def inside_key(period: str, of_province: str, number: int) -> str:
    """State key of the n-th pair of a province's own clearing."""
    return f"province-pair/{period}/{of_province}/{number}"
