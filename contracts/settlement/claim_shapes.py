"""What a call of the claim contract looks like: the visit, its clinical half, charge lines.

Kind of care, dates, persons' pseudonyms and the total stand in the body of a transaction. Whatever
says what somebody suffers from or was given is content of the attachment for the audience
``settlement``: those who take part in the settlement (SETTLEMENT.md section 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contracts.schema import (
    FEN_MAX,
    IDENTIFIER,
    LEFT_OUT,
    Bool,
    Bytes,
    Check,
    Date,
    Fen,
    Id,
    Int,
    List,
    OneOf,
    Optional,
    Record,
    Shape,
    ShapeError,
    Text,
    is_real_date,
)
from contracts.settlement.terms import CARE_KINDS, CHECK_UP, MATERNITY

AUDIENCE = "settlement"
"""The attachment of every call here: read by those who settle this claim, and by no other."""

INSTITUTIONS = ("hospital", "pharmacy")

LINES_AT_ONCE = 1000
"""Lines of one call: about 90 bytes each, so that an attachment stays below its 256 KiB."""
LINES_OF_A_CLAIM = 5000
"""Lines of one claim, as a case may have them."""

CARD_TYPES = ("", "01", "02", "03")
"""National ``mdtrt_cert_type``: 01 insurance code, 02 identity card, 03 social security card."""

PRESENCE_CERTIFICATES = {
    "code": ("01",),
    "identity_card": ("02",),
    "card": ("03",),
    "face": ("01", "02", "03"),
    # Whoever is carried in may have nothing at all: a doctor signs instead.
    "emergency": CARD_TYPES,
}
"""How a person was present, and with which certificates (SETTLEMENT.md section 1)."""

AGENTS = ("", "spouse", "parent", "child", "guardian", "other")
"""Relation of the one who stood at the counter; empty: the person."""

WHY_TAKEN_BACK = (
    "wrong_person",
    "wrong_visit",
    "wrong_bill",
    "doubled",
    "refund",
    "late_filing",
    "newborn",
    "late_counters",
    "pay_first",
    "other",
)
"""Why a claim is cancelled or reversed. Words of a list, because free text would one day hold a
diagnosis or a name, and a transaction's body stays for good."""

PRESENCE = Record(
    {
        "kind": OneOf(*PRESENCE_CERTIFICATES),
        "certificate": Optional(OneOf(*CARD_TYPES), ""),
        "agent": Optional(OneOf(*AGENTS), ""),
        "issued_ms": Optional(Int(0), 0),
        "signature": Optional(Bytes(64)),
    }
)
"""``issued_ms`` and ``signature`` are the phone's token and belong to the kind ``code``."""

TRANSFER, EMERGENCY, NEWBORN = "transfer", "emergency", "newborn"
WHY_STAYS_OVERLAP = (TRANSFER, EMERGENCY, NEWBORN)
"""Why two stays of one person may overlap. ``transfer`` (转院): the one begins on the day on which
the other ends; also told by the flag ``referral``. ``emergency``: taken to another hospital in an
emergency, which a doctor signs for; told by the flag. ``newborn``: one of the two bills is a
newborn's, settled under its mother."""

VISIT = Record(
    {
        "person": Id(64),
        "care_kind": OneOf(*CARE_KINDS, CHECK_UP),
        "admission": Date(),
        "presence": PRESENCE,
        "continues": Optional(Id(64), LEFT_OUT),
        "overlap": Optional(OneOf(*WHY_STAYS_OVERLAP), LEFT_OUT),
    }
)
"""``continues``: a claim of the stay that goes on with this one, after a settlement in mid-stay.
``overlap``: why this stay may overlap another one of the person's."""

COMMITMENT = Record(
    {
        "by": Optional(OneOf(*AGENTS), ""),
        "paper": Optional(Bytes(32)),
        "issued_ms": Optional(Int(0), 0),
        "signature": Optional(Bytes(64)),
    }
)
"""That nobody else is liable for an injury (外伤无第三方责任承诺书): signed by the phone of the
person, or on paper by person or agent, of which the SHA-256 is here. ``by``: who the agent is."""

CLINICAL = Record(
    {
        "emergency": Optional(Bool(), False),
        "trauma": Optional(Bool(), False),
        "third_party": Optional(Bool()),
        "commitment": Optional(COMMITMENT),
        "referral": Optional(Bool(), False),
        "chronic_disease": Optional(Text(0, 40), ""),
        "maternity": Optional(OneOf(*MATERNITY)),
        "newborn": Optional(Id(60)),
        "diagnoses": Optional(List(Text(1, 80), max=40), []),
    }
)
"""The clinical half of a visit. Diagnoses stay in the attachment; nothing here computes on them.
``third_party`` must be told with ``trauma`` and only then (national ``REL_TTP_FLAG``). ``newborn``:
the child that is treated, where it is not enrolled yet and the person is its mother.
``maternity``: how the child was born, or which birth control, of a maternity visit and no other."""


@dataclass(frozen=True, slots=True)
class Line(Shape):
    """A charge line: an array of ten fields in the order of ``LINE_FIELDS``, or of eleven.

    A shape of its own because thousands of lines come at once: one check over an array instead of
    ten over a map. The last field may be left out, and stays out: a line is what was sent, so a
    line of ten fields that is given again has the digest that it had.
    """

    def describe(self) -> dict[str, Any]:
        fields = {name: shape.describe() for name, shape in LINE_FIELDS.items()}
        return {"type": "array", "fields": fields, "may_end_without": [DEPARTMENT]}

    def __str__(self) -> str:
        return "an array of " + ", ".join(LINE_FIELDS)

    def compile(self) -> Check:
        checks = [(name, shape.compile()) for name, shape in LINE_FIELDS.items()]
        counts, expected = (len(checks) - 1, len(checks)), str(self)

        def check(value: Any) -> Any:
            if type(value) is not list or len(value) not in counts:
                raise ShapeError(expected, value)
            if _is_plain_line(value):
                return value
            name = ""
            try:
                for (name, inner), item in zip(checks, value, strict=False):  # noqa: B007  (at fault)
                    inner(item)
            except ShapeError as error:
                error.steps.append(f".{name}")
                raise
            return value

        return check


_is_identifier = frozenset(IDENTIFIER).issuperset


def _is_plain_line(value: list[Any]) -> bool:
    """Whether a line is one of the usual kind, in one expression instead of ten checks.

    Says yes only to what ``LINE_FIELDS`` allows (a test compares them); what it does not recognise
    is looked at field by field, so that the refusal can name the one at fault.
    """
    line, code, date, price, quantity, amount, confirmed, practitioner, consent, local = value[:10]
    department = value[10] if len(value) > 10 else "-"
    return (
        type(line) is str
        and type(code) is str
        and type(practitioner) is str
        and type(department) is str
        and type(date) is str
        and type(price) is int
        and type(quantity) is int
        and type(amount) is int
        and type(confirmed) is int
        and type(consent) is bool
        and local == ""
        and 0 < len(line) <= 30
        and 0 < len(code) <= 40
        and 0 < len(practitioner) <= 40
        and 0 < len(department) <= 30
        and 0 <= price <= 10**15
        and 0 < quantity <= 10**11
        and 0 <= amount <= FEN_MAX
        and 0 <= confirmed <= 2
        and _is_identifier(line + code + practitioner + department)
        and is_real_date(date)
    )


DEPARTMENT = "department"

LINE_FIELDS: dict[str, Shape] = {
    "line": Id(30),
    "code": Text(0, 40),
    "service_date": Date(),
    "unit_price_e6": Int(0, 10**15, "e-6 yuan"),
    "quantity_e4": Int(1, 10**11, "e-4"),
    "amount_fen": Fen(),
    "confirmed": Int(0, 2),
    "practitioner": Id(40),
    "consent": Bool(),
    "local_code": Text(0, 40),
    DEPARTMENT: Id(30),
}
"""Fields of a charge line, in order; the last one may be left out.

``line`` is the institution's number of the line, unique within the claim (``feedetl_sn``).
``code`` is the national item code; when empty, ``local_code`` is translated by the institution's
mapping in force on the service date. ``confirmed`` is the ordering practitioner's word on a
restricted item (``hosp_appr_flag``: 0 none, 1 indication met, 2 not met). ``consent``: the patient
agreed to pay for what no fund pays. ``department``: the institution's code of the department that
ordered it (``bilg_dept_codg``), so that what an audit refuses can be told by department. Nothing is
decided on it, and it stays in the attachment.
"""

LINES = List(Line(), max=LINES_AT_ONCE)
