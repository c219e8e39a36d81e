"""Clearing types (清算类别 ``clr_type``): what a settlement is summed under (RULES.md section 4.4).

Cross-province: 310112, 310212, 310412 for employees, 390112, 390212 for residents; inside a
province but outside the city the last digits are 11; local care has the short codes. The published
table prints 310412 for pharmacies of both schemes, so a clearing type alone is never a key: totals
are by scheme, clearing type and agency.
"""

from __future__ import annotations

from contracts.regions import city, province
from contracts.settlement.claim_visit import is_inpatient

_PHARMACY = ("pharmacy", "special_drug")
_LOCAL = {"1": "11", "2": "21", "4": "41"}


def clearing_type(scheme: str, care_kind: str, area: str, care: str) -> str:
    """The clearing type of care of a kind given in district ``care`` to a person of ``area``."""
    group = "4" if care_kind in _PHARMACY else "2" if is_inpatient(care_kind) else "1"
    if province(area) != province(care):
        return f"{'310' if group == '4' else scheme}{group}12"
    if city(area) != city(care) and area != province(area):
        return f"{'310' if group == '4' else scheme}{group}11"
    return _LOCAL[group]
