"""The case of a claim: what the home policy is told, read from the ledger.

The same document as a case file, key for key (``case``), so a policy cannot tell a claim from a
file, and a clerk can run a claim's case offline. Category and identity types are those of the day
that decides (discharge or visit), age is that of the admission, the filing is the one whose cover
reaches the admission.
"""

from __future__ import annotations

from typing import Any

from contracts.api import Context
from contracts.organisations import Organisation
from contracts.quick import quick
from contracts.regions import province
from contracts.settlement import calendar, terms
from contracts.settlement.answer import ADMISSIONS
from contracts.settlement.claim_lines import Rows
from contracts.settlement.claim_own import OwnMeans
from contracts.settlement.claim_visit import is_emergency, is_inpatient
from contracts.settlement.cost_split import Coverage
from contracts.settlement.enrolment import Person
from contracts.settlement.filing_cover import Cover, find_cover
from contracts.settlement.records import Visit

DIRECT, AFTER_PAYMENT = "direct", "after_payment"
"""Settled at the institution, or reimbursed to a person who paid everything first."""


@quick(frozen=True, slots=True)
class Facts:
    """What was read for a claim, beside its lines."""

    institution: Organisation
    person: Person
    visit: Visit
    cover: Cover
    own: OwnMeans
    """What there is to pay the person's part from, as the patient chose."""


def cover_of(
    ctx: Context,
    institution: Organisation,
    person: str,
    mother: str,
    visit: Visit,
    filed_until: str = "",
) -> Cover:
    """The filing whose cover reaches the admission, or why none does (``find_cover``).

    ``mother``: of a newborn, whose filing covers it, too; empty for everybody else.
    """

    def found(whose: str) -> Cover:
        return find_cover(
            ctx.state,
            whose,
            institution.region,
            visit.admission,
            visit.discharge,
            emergency=is_emergency(visit),
            today=calendar.date_of_ms(ctx.time_ms),
            filed_until=filed_until,
        )

    cover = found(person)
    return found(mother) if mother and not cover.found else cover


def case_of(
    facts: Facts,
    rows: Rows,
    covered: list[Coverage | None],
    *,
    year: int,
    counted: dict[str, int],
    counted_by_year: dict[str, dict[str, int]],
    channel: str = DIRECT,
) -> dict[str, Any]:
    """The case, every key present, lines with their catalogue entry and not yet split.

    ``covered``: what the catalogue says of each row.
    """
    person, visit, institution = facts.person, facts.visit, facts.institution
    return {
        "sums": None,
        "lines": [
            {
                "code": code,
                "service_date": date,
                "amount_fen": amount,
                "quantity_e4": quantity,
                "confirmed": confirmed,
                "item": item,
            }
            for (_, code, date, amount, quantity, confirmed, _), item in zip(
                rows, covered, strict=True
            )
        ],
        "person": _person(person, visit),
        "visit": _visit(visit, counted.get(ADMISSIONS, 0)),
        "institution": {
            "id": institution.id,
            "level": institution.dedc_level,
            "level_code": str(institution.level_code or ""),
            "kind": institution.kind,
            "region": institution.region,
        },
        "filing": {
            "type": facts.cover.type,
            "group": terms.filing_group(facts.cover.type),
            "in_time": facts.cover.in_time,
            "channel": facts.cover.channel,
            "elsewhere": facts.cover.elsewhere,
        },
        "cross_province": province(person.area) != province(institution.region),
        "channel": channel,
        "counters": counted,
        "counters_by_year": counted_by_year,
        "paid": [],
        "use_account": facts.own.chosen,
        "account_balance_fen": facts.own.account_fen + facts.own.wallet_fen,
        "family_balance_fen": facts.own.family_fen,
        "year": year,
        "parameters": {},
    }


def _person(person: Person, visit: Visit) -> dict[str, Any]:
    spell = person.spell_on(visit.discharge)
    return {
        "age_years": calendar.age_years(person.birth, visit.admission),
        "age_days": calendar.age_days(person.birth, visit.admission),
        "category": spell.category,
        "identity_types": list(spell.identity_types),
        "sex": person.sex,
        "scheme": person.scheme,
        "area": person.area,
    }


def _visit(visit: Visit, admissions: int) -> dict[str, Any]:
    return {
        "care_kind": visit.care_kind,
        "admission": visit.admission,
        "discharge": visit.discharge,
        "admission_number": admissions + 1 if is_inpatient(visit.care_kind) else 1,
        "emergency": visit.emergency,
        "trauma": visit.trauma,
        "third_party": visit.third_party,
        "referral": visit.referral,
        "chronic_disease": visit.chronic_disease,
        "maternity": visit.maternity,
        "days": calendar.days_between(visit.admission, visit.discharge),
        "part": 1,
        "parts": 1,
        "deductible_paid_fen": 0,
    }
