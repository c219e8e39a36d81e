"""Parameters: numbers and lists that are decided by somebody instead of written into code.

Three authorities: the bureaus' vote (network parameters, ``param/<name>``), the centre (what holds
for the country) and the bureau of an area (``param/<name>/<region>``). A value is checked against
its declared shape when it is set, so that a contract that reads one never meets a surprise; what
was never set has its default. Contracts copy what they decided by into their records: a parameter
that changes later changes nothing that is decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from contracts.api import State, Value, reject
from contracts.regions import COUNTRY, widening
from contracts.schema import (
    DIGITS,
    IDENTIFIER,
    Bool,
    Check,
    Date,
    Int,
    List,
    Map,
    OneOf,
    Optional,
    Ratio,
    Record,
    Region,
    Shape,
    ShapeError,
    Text,
    compile_shape,
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: who may set it, what it must look like, what holds while nobody has."""

    name: str
    authority: str
    """``vote``, ``centre`` or ``bureau``."""
    shape: Shape
    default: Value
    meaning: str
    check: Check


def _parameter(
    name: str, authority: str, shape: Shape, default: Value, meaning: str
) -> tuple[str, Parameter]:
    check = compile_shape(shape)
    return name, Parameter(name, authority, shape, check(default), meaning, check)


FILING_TYPES = (
    "retired_elsewhere",
    "living_elsewhere",
    "posted_elsewhere",
    "referral",
    "emergency",
    "other",
)
"""Types of the 2022 national rule, article 7 (``settlement.terms.FILING_TYPES`` has the words)."""

_DAYS_BY_TYPE = Map(Int(0, 36_500), max=len(FILING_TYPES))

_FILING = Record(
    {
        "automatic": List(OneOf(*FILING_TYPES), max=len(FILING_TYPES), distinct=True),
        "decide_within": Int(1, 60),
        "validity_months": Map(Int(0, 1200), max=len(FILING_TYPES)),
        "retroactive_days": _DAYS_BY_TYPE,
        "provisional_days": Int(0, 366),
        "change_after_months": Int(0, 24),
        "no_filing_regions": Map(OneOf(*FILING_TYPES), max=400, key=Text(6, 6, DIGITS)),
        "entitled_at_home": Bool(),
        "warn_days": Optional(Int(0, 366), 30),
    }
)

AREA: Mapping[str, Parameter] = MappingProxyType(
    dict(
        (
            _parameter(
                "holidays",
                "centre",
                Record(
                    {
                        "off": List(Date(), max=600, distinct=True),
                        "on": List(Date(), max=300, distinct=True),
                    }
                ),
                {"off": [], "on": []},
                "Public holidays on weekdays, and weekend days that are worked in exchange.",
            ),
            _parameter(
                "filing",
                "bureau",
                _FILING,
                {
                    "automatic": [],
                    "decide_within": 2,
                    # Long-term filings last until they are changed, temporary ones not less than
                    # six months (2022 national rule).
                    "validity_months": {
                        "retired_elsewhere": 0,
                        "living_elsewhere": 0,
                        "posted_elsewhere": 0,
                        "referral": 6,
                        "emergency": 6,
                        "other": 6,
                    },
                    "retroactive_days": {},
                    "provisional_days": 0,
                    "change_after_months": 0,
                    "no_filing_regions": {},
                    "entitled_at_home": True,
                },
                "How the home area treats filings. automatic: types approved at once, the others "
                "wait on the work list, to be decided within decide_within working days. "
                "validity_months by type: 0 is until changed, left out is six. retroactive_days by "
                "type: how far before its submission a filing may begin, left out is not at all. "
                "provisional_days: how long a filing on commitment lasts, 0 is not offered. "
                "change_after_months: how long a long-term filing keeps its place at least. "
                "no_filing_regions: care there counts as filed, as the type given for the region. "
                "entitled_at_home: whether long-term residents elsewhere stay entitled at home. "
                "warn_days: how long before its end a filing is warned of, left out is thirty.",
            ),
            _parameter(
                "reimbursement",
                "bureau",
                Record(
                    {
                        "within_months": Int(1, 60),
                        "decide_within": Int(1, 120),
                        "papers_within": Int(1, 120),
                        "pay_within": Int(1, 120),
                    }
                ),
                # Cities give one to twelve months after discharge (RULES.md section 2.3).
                {"within_months": 12, "decide_within": 20, "papers_within": 15, "pay_within": 10},
                "How the home area reimburses people who paid first. within_months: how long after "
                "discharge a bill may be brought. decide_within, papers_within, pay_within: "
                "working days for the decision, for papers that were asked for, for the payment.",
            ),
            _parameter(
                "move",
                "bureau",
                Record({"carry": List(Text(1, 40, IDENTIFIER), max=64, distinct=True)}),
                # No text seen says that a year's counters follow the person.
                {"carry": []},
                "How the area takes over people whose insurance moves here. carry: names of the "
                "year's counters that go on, within one scheme; the others begin anew.",
            ),
            _parameter(
                "recovery",
                "bureau",
                Record(
                    {
                        "pay_within": Int(1, 250),
                        "restore": OneOf("when_recovered", "never"),
                    }
                ),
                # Neither is in a text seen; what came back in full was not used up (as where the
                # fund did not pay at all).
                {"pay_within": 30, "restore": "when_recovered"},
                "How the home area recovers from a liable third party. pay_within: working days "
                "that a demand gives. restore: whether the year's counters have back what a "
                "settlement used up once all of it has come.",
            ),
            _parameter(
                "newborn",
                "bureau",
                Record({"within_days": Int(1, 366)}),
                # National guidance: enrolled within 90 days, covered from birth.
                {"within_days": 90},
                "How long after its birth a newborn may be treated under its mother, and be "
                "enrolled with cover from birth. within_days: days, the last one counts.",
            ),
            _parameter(
                "clearing",
                "centre",
                Record(
                    {
                        "confirm_within": Int(1, 60),
                        "hand_over_within": Int(0, 60),
                        "pay_within": Int(1, 120),
                        "yellow_from": Ratio(),
                        "red_from": Ratio(),
                        "answer_within": Optional(Int(1, 60), 3),
                    }
                ),
                # 5 and 10 working days and both colours as printed for prepayments (RULES.md
                # section 4.1); three working days lie between the 21st and the 25th (4.2).
                {
                    "confirm_within": 3,
                    "hand_over_within": 5,
                    "pay_within": 10,
                    "yellow_from": "70%",
                    "red_from": "90%",
                },
                "Rhythm of clearing between provinces, in working days: confirm_within for both "
                "sides' word on a statement, hand_over_within for the agency to hand a notice to "
                "the finance department, pay_within for the payment after that. answer_within is "
                "for the answer to an objection, left out is three. yellow_from, red_from: share "
                "of an advance used by a month from which it has that colour.",
            ),
            _parameter(
                "declaration",
                "bureau",
                Record(
                    {
                        "audit_within": Int(1, 120),
                        "answer_within": Int(1, 60),
                        "pay_within": Int(1, 120),
                        "set_aside_times": Int(0, 60),
                        "insurer_pays_within": Optional(Int(1, 120), 10),
                    }
                ),
                # Paid within 20 working days after the declaration closes (RULES.md section 4.3).
                {"audit_within": 10, "answer_within": 5, "pay_within": 20, "set_aside_times": 3},
                "How the place of care treats declared months, in working days: audit_within for "
                "the audit, answer_within for an institution's statement on a deduction, "
                "pay_within for the payment of what was confirmed, from the close of the "
                "declaration. set_aside_times: how often one settlement may roll on unconfirmed. "
                "insurer_pays_within: for an insurer's payment of its month, left out is ten.",
            ),
            _parameter(
                "netting",
                "bureau",
                Record({"with": List(Region(), max=40, distinct=True)}),
                {"with": []},
                "Provinces with which this one sets off what they owe each other. It takes both: "
                "each names the other. Without it every amount is paid gross.",
            ),
        )
    )
)
"""Parameters of areas and of the country, by name."""

NETWORK: Mapping[str, Parameter] = MappingProxyType(
    dict(
        (
            _parameter(
                "wallet",
                "vote",
                Record(
                    {
                        "a_day": Int(1, 100),
                        "amount_fen": Int(1, 10**9, "fen"),
                        "from_hour": Int(0, 23),
                        "to_hour": Int(1, 24),
                    }
                ),
                # As published for 2025 (RULES.md section 3.7).
                {"a_day": 3, "amount_fen": 200_000, "from_hour": 6, "to_hour": 22},
                "Transfers between relatives' accounts: how many a day, how much each, and from "
                "which hour to which. What nobody claims goes back at from_hour the next day.",
            ),
            _parameter(
                "vote_days",
                "vote",
                Int(1, 366),
                30,
                "Days that a proposal may be voted on.",
            ),
            _parameter(
                "state_diff_heights",
                "vote",
                Int(1, 10**9),
                100_000,
                "Heights for which every node keeps the state diff.",
            ),
        )
    )
)
"""Parameters that only a quorum of the bureaus changes, by name."""


def area(state: State, name: str, region: str = COUNTRY) -> Value:
    """The value for a region: its own, else its city's, its province's, the country's, the default.

    Returns a fresh or shared plain value: read it, never change it.
    """
    for place in widening(region):
        entry = state.read(_area_key(name, place), _same)
        if entry is not None:
            return entry["value"]
    return AREA[name].default


def network(state: State, name: str) -> Value:
    """The value of a network parameter, its default where neither genesis nor a vote set it."""
    value = state.get(f"param/{name}")
    return NETWORK[name].default if value is None else value


def checked(declared: Parameter, value: Value) -> Value:
    """The value if it fits the declared shape; refused otherwise."""
    try:
        return declared.check(value)
    except ShapeError as error:
        reject(
            "organisations.parameter-shape",
            name=declared.name,
            path=error.path,
            expected=error.expected,
            found=error.found_public(),
        )


def checked_network(name: str, value: Value) -> Value:
    """The value of a network parameter if there is such a one and it fits; refused otherwise."""
    declared = NETWORK.get(name)
    if declared is None:
        reject("organisations.unknown-parameter", name=name)
    return checked(declared, value)


def put_area(state: State, declared: Parameter, region: str, value: Value, height: int) -> None:
    """Set an area's parameter, with the height at which it was decided."""
    place = COUNTRY if declared.authority == "centre" else region
    state.put(
        _area_key(declared.name, place), {"value": checked(declared, value), "height": height}
    )


def _same(value: Value) -> Value:
    """Of an area's parameter nothing is made; it is shared as it is."""
    return value


def _area_key(name: str, region: str) -> str:
    return f"param/{name}/{region}"
