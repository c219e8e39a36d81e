"""Step 1 of adjudication: the cost split of each charge line by the catalogue of the place of care.

``total = own_expense + over_ceiling + first_pay + in_scope`` holds for every line and so for the
bill (RULES.md section 3.1). Over-ceiling and first-pay amounts are rounded per line, half up; the
in-scope part is what is left, so no fen appears or goes missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.quick import quick
from contracts.settlement.money import Ratio, line_amount, parse_ratio, share
from contracts.settlement.terms import ITEM_CLASSES

CLASS_A, CLASS_B, CLASS_C = "01", "02", "03"

NOT_CONFIRMED, CONFIRMED, DECLINED = 0, 1, 2
"""Values of the national ``hosp_appr_flag``: the practitioner's word on a restricted item."""

NOT_IN_CATALOGUE = "line.not-in-catalogue"
RESTRICTION_NOT_MET = "line.restriction-not-confirmed"
DECLINED_BY_PRACTITIONER = "line.declined-by-practitioner"
OUTSIDE_SCOPE = "line.class-c"
ABOVE_CEILING = "line.above-ceiling"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a catalogue says of one item on the service date."""

    item_class: str
    """``01``, ``02`` or ``03``."""
    first_pay: str = "0%"
    """Share of the amount that the person pays first; used for class 02."""
    restricted: bool = False
    """Payable only when the practitioner confirms the stated indication."""
    ceilings_e6: Mapping[int, int] | None = None
    """Highest unit price that counts, by hospital level; level 0 holds where one is not named."""


@quick(frozen=True, slots=True)
class LineSplit:
    """The four parts of one charge line, with the reason where a part is not in scope."""

    code: str
    item_class: str
    """Class that decided; empty for an item outside the catalogue."""
    service_date: str
    amount_fen: int
    own_expense_fen: int
    over_ceiling_fen: int
    first_pay_fen: int
    in_scope_fen: int
    first_pay: str
    """The ratio that was applied."""
    reason: str
    """Why own expense or above the ceiling; empty when nothing is."""

    def for_policy(self) -> dict[str, Any]:
        """The line as a policy sees it."""
        return {
            "code": self.code,
            "class": self.item_class,
            "service_date": self.service_date,
            "amount_fen": self.amount_fen,
            "own_expense_fen": self.own_expense_fen,
            "over_ceiling_fen": self.over_ceiling_fen,
            "first_pay_fen": self.first_pay_fen,
            "in_scope_fen": self.in_scope_fen,
        }


def own_expense_reason(coverage: Coverage | None, confirmed: int) -> str:
    """Why the whole line is the person's own expense; empty when it is not.

    The truth table of ``lmt_used_flag`` x ``hosp_appr_flag`` (RULES.md section 3.2): a restricted
    item counts only with the flag 1; an unrestricted one counts unless the flag is 2.
    """
    if coverage is None:
        return NOT_IN_CATALOGUE
    if coverage.item_class == CLASS_C:
        return OUTSIDE_SCOPE
    if coverage.restricted and confirmed != CONFIRMED:
        return RESTRICTION_NOT_MET
    if not coverage.restricted and confirmed == DECLINED:
        return DECLINED_BY_PRACTITIONER
    return ""


def split_line(
    *,
    code: str,
    service_date: str,
    amount_fen: int,
    quantity_e4: int,
    confirmed: int,
    coverage: Coverage | None,
    level: int,
    first_pay: str | None = None,
) -> LineSplit:
    """Split one charge line. Pure.

    ``amount_fen`` is not negative; ``level`` is the institution's, 0 to 3. ``first_pay`` is the
    insured place's own ratio where its policy sets one (it varies by insured district, function
    1319 of the interface); it replaces the catalogue's for classes 01 and 02.
    """
    reason = own_expense_reason(coverage, confirmed)
    if reason or coverage is None:
        item_class = "" if coverage is None else coverage.item_class
        return LineSplit(
            code, item_class, service_date, amount_fen, amount_fen, 0, 0, 0, "0%", reason
        )
    assert coverage.item_class in ITEM_CLASSES, "a catalogue entry was taken in without its class"
    over = _over_ceiling(amount_fen, quantity_e4, coverage.ceilings_e6, level)
    ratio = first_pay
    if ratio is None:
        ratio = coverage.first_pay if coverage.item_class == CLASS_B else "0%"
    exact: Ratio = parse_ratio(ratio)
    first = share(amount_fen - over, exact)
    return LineSplit(
        code=code,
        item_class=coverage.item_class,
        service_date=service_date,
        amount_fen=amount_fen,
        own_expense_fen=0,
        over_ceiling_fen=over,
        first_pay_fen=first,
        in_scope_fen=amount_fen - over - first,
        first_pay=str(exact),
        reason=ABOVE_CEILING if over else "",
    )


def _over_ceiling(
    amount_fen: int, quantity_e4: int, ceilings_e6: Mapping[int, int] | None, level: int
) -> int:
    if not ceilings_e6:
        return 0
    ceiling = ceilings_e6.get(level, ceilings_e6.get(0))
    if ceiling is None:
        return 0
    return max(0, amount_fen - line_amount(ceiling, quantity_e4))


def add_up(lines: Iterable[LineSplit]) -> dict[str, int]:
    """The four sums of the lines and their total, under the keys of ``case.SUMS``."""
    total = own_expense = over_ceiling = first_pay = in_scope = 0
    for line in lines:
        total += line.amount_fen
        own_expense += line.own_expense_fen
        over_ceiling += line.over_ceiling_fen
        first_pay += line.first_pay_fen
        in_scope += line.in_scope_fen
    return {
        "total_fen": total,
        "own_expense_fen": own_expense,
        "over_ceiling_fen": over_ceiling,
        "first_pay_fen": first_pay,
        "in_scope_fen": in_scope,
    }
