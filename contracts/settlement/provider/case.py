"""The case that a payment policy is told of: the settled bill, the visit, the group, the rates.

Nothing of the person: what a case is worth does not depend on who was ill. Every key is always
present; ``normalise`` fills a case file (``yibao payment try``), the contract builds the same
document from the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.settlement import calendar, terms
from contracts.settlement.case import INSTITUTION_KINDS, CaseError
from contracts.settlement.money import FEN_LIMIT

Value = Any
PaymentCase = dict[str, Value]

SYSTEMS = ("", "drg", "dip")
"""What grouped the case; empty: nothing did, as for bed-days and items."""
STAGES = ("estimated", "final")
"""Prepaid by the estimated rates, settled by the final ones."""
RATE_E6_MAX = 10**12
"""A rate is below a million yuan a point or a factor of a million."""
RATES_MAX = 200

BILL = (
    "total_fen", "own_expense_fen", "over_ceiling_fen", "first_pay_fen", "in_scope_fen",
    "funds_fen", "others_fen",
)  # fmt: skip
"""The settled bill. ``funds_fen`` is what insurance funds owe by item, ``others_fen`` the rest:
the patient, commercial cover, the institution's own waivers. Both give the total."""


def decimal_text(value_e6: int) -> str:
    """``1234500`` -> ``"1.2345"``: a rate or weight in millionths as a policy reads it."""
    whole, places = divmod(value_e6, 10**6)
    return f"{whole}.{places:06d}".rstrip("0").rstrip(".")


_Check = Callable[[Value, str], Value]


def _whole(low: int, high: int) -> _Check:
    def check(value: Value, path: str) -> Value:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise CaseError(path, f"want a whole number from {low} to {high}")
        return value

    return check


def _word(*words: str) -> _Check:
    def check(value: Value, path: str) -> Value:
        if value not in words:
            raise CaseError(path, f"want one of {', '.join(words)}")
        return value

    return check


def _text(value: Value, path: str) -> Value:
    if not isinstance(value, str) or len(value) > 60:
        raise CaseError(path, "want a text of at most 60 signs")
    return value


def _date(value: Value, path: str) -> Value:
    if not calendar.is_date(value):
        raise CaseError(path, "want a date like 2025-05-31")
    return value


def _boolean(value: Value, path: str) -> Value:
    if not isinstance(value, bool):
        raise CaseError(path, "want true or false")
    return value


def _rates(value: Value, path: str) -> Value:
    if not isinstance(value, dict) or len(value) > RATES_MAX:
        raise CaseError(path, f"want an object of at most {RATES_MAX} rates")
    return {_text(name, path): _text(rate, f"{path}.{name}") for name, rate in value.items()}


_fen = _whole(0, FEN_LIMIT)
_GROUPS: dict[str, dict[str, tuple[_Check, Value]]] = {
    "bill": dict.fromkeys(BILL, (_fen, 0)),
    "visit": {
        "care_kind": (_word(*terms.CARE_KINDS), "inpatient"),
        "admission": (_date, "2025-01-01"),
        "discharge": (_date, "2025-01-01"),
        "days": (_whole(0, 20_000), 0),
    },
    "institution": {
        "id": (_text, ""),
        "level": (_whole(0, 3), 0),
        "kind": (_word(*INSTITUTION_KINDS), "hospital"),
        "region": (_text, ""),
    },
    "group": {
        "system": (_word(*SYSTEMS), ""),
        "code": (_text, ""),
        "weight": (_text, "0"),
        "average_cost_fen": (_fen, 0),
        "average_days_e1": (_whole(0, 10_000), 0),
        "special_fen": (_fen, 0),
    },
}
_TOP: dict[str, tuple[_Check, Value]] = {
    "scheme": (_word(*terms.SCHEMES), "310"),
    "home_area": (_text, ""),
    "cross_province": (_boolean, False),
    "stage": (_word(*STAGES), "estimated"),
    "rates": (_rates, {}),
}
"""``weight``: the group's relative weight, or its points, as text; ``average_days_e1``: tenths of a
day; ``special_fen``: what two people
of the bureau decided for this one case (特病单议), 0 where they did not."""


def normalise(document: Value) -> PaymentCase:
    """The case of a case file, every key present. Raises ``CaseError``."""
    given = _object(document, "case", {**_GROUPS, **_TOP})
    case: PaymentCase = {
        name: _filled(given.get(name, {}), name, fields) for name, fields in _GROUPS.items()
    }
    for name, (check, default) in _TOP.items():
        case[name] = check(given[name], name) if name in given else default
    bill = case["bill"]
    if bill["funds_fen"] + bill["others_fen"] != bill["total_fen"]:
        raise CaseError("bill", "funds_fen and others_fen give total_fen")
    return case


def _filled(given: Value, path: str, fields: dict[str, tuple[_Check, Value]]) -> dict[str, Value]:
    found = _object(given, path, fields)
    return {
        name: check(found[name], f"{path}.{name}") if name in found else default
        for name, (check, default) in fields.items()
    }


def _object(value: Value, path: str, allowed: dict[str, Value]) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise CaseError(path, "want an object")
    for name in value:
        if name not in allowed:
            raise CaseError(f"{path}.{name}", "no such key in a payment case")
    return value
