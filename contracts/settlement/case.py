"""The case: what a policy is told of one settlement. Every key is always present.

A case file (docs/case.schema.json) may leave most keys out; ``normalise`` fills them, understands
national codes, and refuses what is not a case with the path of the fault. The claim contract
builds the same document from the ledger, so a policy cannot tell a file from a claim.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.settlement import calendar, terms
from contracts.settlement.cost_split import Coverage
from contracts.settlement.money import FEN_LIMIT, MoneyError, line_amount, parse_ratio

Value = Any
Case = dict[str, Value]

SUMS = ("total_fen", "own_expense_fen", "over_ceiling_fen", "first_pay_fen", "in_scope_fen")
"""The four-way split: the first is the sum of the rest."""
DEPTH_MAX = 8
LINES_MAX = 5000
SHOWN_MAX = 60
"""Characters of a text that a message quotes."""
INSTITUTION_KINDS = ("hospital", "community", "township", "clinic", "pharmacy")
_TEXTS = {"id": 60, "note": 4000, "policy": 200}
"""Texts for people, and their lengths."""
_FILE_ONLY = ("id", "note", "catalogue", "policy", "expected")


class CaseError(ValueError):
    """A document is not a case: ``path`` says where, the message what was wanted."""

    def __init__(self, path: str, message: str) -> None:
        # Keys of the file are in the path: what would steer a terminal is written out.
        shown = path if path.isprintable() else repr(path)
        super().__init__(f"{shown}: {message}")
        self.path = path


def _shown(value: Value) -> str:
    """A value of a file in the words of JSON, cut short: a message is not a copy of the file."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and abs(value) >= 10**30:
        return "a number of more than 30 digits"
    if isinstance(value, str):
        return repr(value[:SHOWN_MAX]) + ("..." if len(value) > SHOWN_MAX else "")
    return str(value)


@dataclass(frozen=True, slots=True)
class _Field:
    check: Callable[[Value, str], Value]
    default: Value
    """The value of a key that was left out; ``None`` where it is derived from other keys."""


def _integer(low: int, high: int, *, optional: bool = False) -> Callable[[Value, str], Value]:
    def check(value: Value, path: str) -> Value:
        if optional and value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise CaseError(path, f"want a whole number from {low} to {high}, got {_shown(value)}")
        return value

    return check


_fen = _integer(0, FEN_LIMIT)


def _text(length: int, word: Mapping[str, terms.Term] | None = None) -> Callable[[Value, str], str]:
    def check(value: Value, path: str) -> str:
        if not isinstance(value, str) or len(value) > length:
            raise CaseError(path, f"want a text of at most {length} signs, got {_shown(value)}")
        return value if word is None else terms.own_term(word, value)

    return check


def _matching(pattern: str, want: str) -> Callable[[Value, str], str]:
    form = re.compile(pattern, re.ASCII)

    def check(value: Value, path: str) -> str:
        if not isinstance(value, str) or not form.fullmatch(value):
            raise CaseError(path, f"want {want}, got {_shown(value)}")
        return value

    return check


def _word(table: Mapping[str, terms.Term], *, or_none: bool = False) -> Callable[[Value, str], str]:
    """A word of a closed table or its national code: a slip would quietly decide otherwise.

    ``or_none``: the empty text is one, too.
    """

    def check(value: Value, path: str) -> str:
        if or_none and value == "":
            return ""
        word = terms.own_term(table, value) if isinstance(value, str) else ""
        if word not in table:
            raise CaseError(path, f"want one of {', '.join(table)}, got {_shown(value)}")
        return word

    return check


def _one_of(*words: str) -> Callable[[Value, str], str]:
    def check(value: Value, path: str) -> str:
        if value not in words:
            raise CaseError(path, f"want one of {', '.join(words)}, got {_shown(value)}")
        return str(value)

    return check


def _boolean(value: Value, path: str) -> bool:
    if not isinstance(value, bool):
        raise CaseError(path, f"want true or false, got {_shown(value)}")
    return value


def _date(value: Value, path: str) -> str:
    if value != "" and not calendar.is_date(value):
        raise CaseError(path, f"want a date like 2024-05-31, got {_shown(value)}")
    return str(value)


def _scheme(value: Value, path: str) -> str:
    word = {"employee": "310", "resident": "390"}.get(value if isinstance(value, str) else "")
    return word or _one_of(*terms.SCHEMES)(value, path)


def _identity_types(value: Value, path: str) -> list[str]:
    most = terms.IDENTITY_TYPES_MAX
    if not isinstance(value, list) or len(value) > most:
        raise CaseError(path, f"want a list of at most {most} texts")
    check = _text(40, terms.IDENTITY_TYPES)
    return [check(v, f"{path}[{i}]") for i, v in enumerate(value)]


_region = _matching("([0-9]{6})?", "a district or area of 6 digits")
_level_code = _matching("([1-9]|1[0-4])?", 'a national hosp_lv, "1" to "14"')
_counter_name = _matching("[a-z][a-z0-9_]{0,39}", "a name like pool_paid_fen")
_year_name = _matching("[0-9]{4}", "a year as text")

_PERSON = {
    "age_years": _Field(_integer(0, 150, optional=True), None),
    "age_days": _Field(_integer(0, 60_000, optional=True), None),
    "category": _Field(_word(terms.CATEGORIES), "active"),
    "identity_types": _Field(_identity_types, []),
    "sex": _Field(_word(terms.SEXES), "unknown"),
    "scheme": _Field(_scheme, "310"),
    "area": _Field(_region, ""),
}
_VISIT = {
    "care_kind": _Field(_word(terms.CARE_KINDS), "inpatient"),
    "admission": _Field(_date, ""),
    "discharge": _Field(_date, ""),
    "admission_number": _Field(_integer(1, 1000), 1),
    "emergency": _Field(_boolean, False),
    "trauma": _Field(_boolean, False),
    "third_party": _Field(_boolean, False),
    "referral": _Field(_boolean, False),
    "chronic_disease": _Field(_text(40), ""),
    "maternity": _Field(_word(terms.MATERNITY, or_none=True), ""),
    "days": _Field(_integer(0, 20_000), None),
    "part": _Field(_integer(1, 100), 1),
    "parts": _Field(_integer(1, 100), 1),
    "deductible_paid_fen": _Field(_fen, 0),
}
_INSTITUTION = {
    "id": _Field(_text(40), ""),
    "level": _Field(_integer(0, 3), None),
    "level_code": _Field(_level_code, ""),
    "kind": _Field(_one_of(*INSTITUTION_KINDS), "hospital"),
    "region": _Field(_region, ""),
}
_FILING = {
    "type": _Field(_one_of(*terms.FILING_TYPES), "none"),
    "group": _Field(_one_of("none", "long_term", "temporary"), ""),
    "in_time": _Field(_boolean, True),
    "channel": _Field(_text(40), ""),
    "elsewhere": _Field(_boolean, False),
}
_TOP = {
    "channel": _Field(_one_of("direct", "after_payment"), "direct"),
    "use_account": _Field(_boolean, False),
    "account_balance_fen": _Field(_fen, 0),
    "family_balance_fen": _Field(_fen, 0),
    "year": _Field(_integer(0, 9999), None),
}
_GROUPS: Mapping[str, Mapping[str, _Field]] = {
    "person": _PERSON,
    "visit": _VISIT,
    "institution": _INSTITUTION,
    "filing": _FILING,
}
_OTHERS = (
    "sums", "lines", "counters", "counters_by_year", "paid", "parameters", "cross_province",
    *_FILE_ONLY,
)  # fmt: skip


def _mapping(value: Value, path: str) -> dict[str, Value]:
    if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
        raise CaseError(path, "want an object")
    return value


def _needs(value: dict[str, Value], path: str, *keys: str) -> None:
    for key in keys:
        if key not in value:
            raise CaseError(f"{path}.{key}", "is missing")


def _known(value: dict[str, Value], path: str, allowed: tuple[str, ...]) -> None:
    for key in value:
        if key not in allowed:
            near = difflib.get_close_matches(key, allowed, 1)
            meant = f", perhaps {near[0]}" if near else ""
            raise CaseError(f"{path}.{key}" if path else key, f"no such key in a case{meant}")


def _filled(value: Value, path: str, fields: Mapping[str, _Field]) -> dict[str, Value]:
    given = _mapping(value, path)
    _known(given, path, tuple(fields))
    return {
        key: f.check(given[key], f"{path}.{key}")
        if key in given
        else (list(f.default) if isinstance(f.default, list) else f.default)
        for key, f in fields.items()
    }


def normalise(document: Value) -> Case:
    """The case of a case file, every key present.

    A line holds ``code, service_date, amount_fen, quantity_e4, confirmed`` and as ``item`` the
    ``Coverage`` of its catalogue entry, or ``None``. When the file gives lines and no sums,
    ``sums`` is ``None`` until the lines are split (``adjudicate``). Raises ``CaseError``.
    """
    given = _mapping(document, "case")
    _known(given, "", (*_GROUPS, *_TOP, *_OTHERS))
    if ("sums" in given) == bool(given.get("lines")):
        raise CaseError("case", "give either sums or lines")
    for key in ("id", "note", "policy"):
        _text(_TEXTS[key])(given.get(key, ""), key)
    case: Case = {name: _filled(given.get(name, {}), name, f) for name, f in _GROUPS.items()}
    for key, field in _TOP.items():
        case[key] = field.check(given[key], key) if key in given else field.default
    case["counters"] = _counters(given.get("counters", {}), "counters")
    case["counters_by_year"] = {
        _year_name(year, "counters_by_year"): _counters(counters, f"counters_by_year.{year}")
        for year, counters in _mapping(
            given.get("counters_by_year", {}), "counters_by_year"
        ).items()
    }
    case["paid"] = _paid(given.get("paid", []))
    case["parameters"] = _plain(
        _mapping(given.get("parameters", {}), "parameters"), "parameters", 0
    )
    _derive(case)
    case["cross_province"] = (
        _boolean(given["cross_province"], "cross_province")
        if "cross_province" in given
        else _crosses(case["person"]["area"], case["institution"]["region"])
    )
    case["sums"] = sums_of(given["sums"]) if "sums" in given else None
    case["lines"] = _lines(given.get("lines", []), given.get("catalogue", {}), case)
    return case


def _derive(case: Case) -> None:
    visit, institution, filing = case["visit"], case["institution"], case["filing"]
    visit["admission"] = visit["admission"] or visit["discharge"]
    visit["discharge"] = visit["discharge"] or visit["admission"]
    if visit["discharge"] < visit["admission"]:
        raise CaseError("visit.discharge", "lies before admission")
    if visit["days"] is None:
        both = visit["admission"] and visit["discharge"]
        visit["days"] = calendar.days_between(visit["admission"], visit["discharge"]) if both else 0
    if institution["level"] is None:
        institution["level"] = terms.level_of(institution["level_code"])
    filing["group"] = filing["group"] or terms.filing_group(filing["type"])


def _crosses(home: str, care: str) -> bool:
    """Whether the first two digits, the province, differ; an unknown place is not elsewhere."""
    return bool(home and care) and home[:2] != care[:2]


def sums_of(value: Value) -> dict[str, int]:
    """The four-way split, total or in_scope filled in. Raises ``CaseError`` if it is none."""
    given = _mapping(value, "sums")
    _known(given, "sums", SUMS)
    known = {key: _fen(given[key], f"sums.{key}") for key in given}
    beside = sum(known.get(key, 0) for key in SUMS[1:4])
    if "total_fen" not in known and "in_scope_fen" not in known:
        raise CaseError("sums", "give total_fen or in_scope_fen")
    total = known.get("total_fen", beside + known.get("in_scope_fen", 0))
    in_scope = known.get("in_scope_fen", total - beside)
    if total > FEN_LIMIT:
        raise CaseError("sums", f"the bill is larger than {FEN_LIMIT} fen")
    if in_scope < 0 or total != beside + in_scope:
        raise CaseError(
            "sums", f"total {total} is not {beside} beside the scope and the in-scope part"
        )
    return {
        **{key: known.get(key, 0) for key in SUMS},
        "total_fen": total,
        "in_scope_fen": in_scope,
    }


def _counters(value: Value, path: str) -> dict[str, int]:
    check = _integer(-FEN_LIMIT, FEN_LIMIT)
    return {
        _counter_name(k, path): check(v, f"{path}.{k}") for k, v in _mapping(value, path).items()
    }


def _paid(value: Value) -> list[dict[str, Value]]:
    if not isinstance(value, list) or len(value) > 30:
        raise CaseError("paid", "want a list of at most 30 payments")
    result = []
    for i, row in enumerate(value):
        path = f"paid[{i}]"
        entry = _mapping(row, path)
        _known(entry, path, ("fund", "payer", "base", "amount_fen"))
        _needs(entry, path, "fund", "amount_fen")
        code = _text(20)(entry["fund"], f"{path}.fund")
        fund = terms.FUNDS.get(code)
        if fund is None:
            raise CaseError(f"{path}.fund", f"not in the table of funds: {_shown(code)}")
        result.append(
            {
                "fund": fund.code,
                "payer": _one_of(fund.payer)(entry.get("payer", fund.payer), f"{path}.payer"),
                "base": _one_of(*terms.BASES)(entry.get("base", fund.base), f"{path}.base"),
                "amount_fen": _fen(entry.get("amount_fen"), f"{path}.amount_fen"),
            }
        )
    return result


def _plain(value: Value, path: str, depth: int) -> Value:
    """Parameters: plain values without decimals, copied, so that a policy cannot reach the file."""
    if depth > DEPTH_MAX:
        raise CaseError(path, "nested too deep")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return _integer(-(2**63), 2**63 - 1)(value, path)
    if isinstance(value, list):
        return [_plain(v, f"{path}[{i}]", depth + 1) for i, v in enumerate(value)]
    if isinstance(value, dict):
        return {k: _plain(v, f"{path}.{k}", depth + 1) for k, v in _mapping(value, path).items()}
    raise CaseError(path, f'want whole numbers and texts ("0.85", not 0.85), got {_shown(value)}')


_LINE_KEYS = (
    "code", "service_date", "amount_fen", "unit_price_e6", "quantity_e4", "confirmed", "class",
    "first_pay",
)  # fmt: skip
_ITEM_KEYS = ("class", "first_pay", "restricted", "ceilings_e6")


def _lines(value: Value, catalogue: Value, case: Case) -> list[dict[str, Value]]:
    if not isinstance(value, list) or len(value) > LINES_MAX:
        raise CaseError("lines", f"want a list of at most {LINES_MAX} lines")
    items = {
        code: _item(entry, f"catalogue.{code}")
        for code, entry in _mapping(catalogue, "catalogue").items()
    }
    lines = [_line(row, f"lines[{i}]", items, case) for i, row in enumerate(value)]
    if sum(line["amount_fen"] for line in lines) > FEN_LIMIT:
        raise CaseError("lines", f"the bill is larger than {FEN_LIMIT} fen")
    return lines


def _item(value: Value, path: str) -> Coverage:
    entry = _mapping(value, path)
    _known(entry, path, _ITEM_KEYS)
    _needs(entry, path, "class")
    ceilings = _mapping(entry.get("ceilings_e6", {}), f"{path}.ceilings_e6")
    _known(ceilings, f"{path}.ceilings_e6", ("0", "1", "2", "3"))
    return Coverage(
        item_class=_one_of(*terms.ITEM_CLASSES)(entry.get("class"), f"{path}.class"),
        first_pay=_ratio(entry.get("first_pay", "0%"), f"{path}.first_pay"),
        restricted=_boolean(entry.get("restricted", False), f"{path}.restricted"),
        ceilings_e6={int(k): _fen(v, f"{path}.ceilings_e6.{k}") for k, v in ceilings.items()},
    )


def _ratio(value: Value, path: str) -> str:
    if not isinstance(value, str):
        raise CaseError(path, f'want a ratio as text like "10%", got {_shown(value)}')
    try:
        found = parse_ratio(value)
    except MoneyError as problem:
        raise CaseError(path, str(problem)) from None
    if found.num > found.den:
        raise CaseError(path, f"{value} is more than the whole")
    return str(found)


def _line(value: Value, path: str, items: Mapping[str, Coverage], case: Case) -> dict[str, Value]:
    row = _mapping(value, path)
    _known(row, path, _LINE_KEYS)
    _needs(row, path, "code")
    code = _text(40)(row["code"], f"{path}.code")
    quantity = _integer(1, 10**11)(row.get("quantity_e4", 10_000), f"{path}.quantity_e4")
    price = row.get("unit_price_e6")
    if price is not None:
        _fen(price, f"{path}.unit_price_e6")
    if "amount_fen" not in row and price is None:
        raise CaseError(path, "give amount_fen, or unit_price_e6 and quantity_e4")
    priced = None if price is None else line_amount(price, quantity)
    amount = _fen(row.get("amount_fen", priced), f"{path}.amount_fen")
    if priced is not None and priced != amount:
        raise CaseError(f"{path}.amount_fen", f"{amount} is not price x quantity = {priced}")
    confirmed = row.get("confirmed", 0)
    item = items.get(code)
    if "class" in row:
        own = {"class": row["class"], "first_pay": row.get("first_pay", "0%")}
        item = _item(own, path)
    elif "first_pay" in row:
        raise CaseError(f"{path}.first_pay", "means nothing without class")
    return {
        "code": code,
        "service_date": _date(row.get("service_date", ""), f"{path}.service_date")
        or case["visit"]["discharge"],
        "amount_fen": amount,
        "quantity_e4": quantity,
        "confirmed": _integer(0, 2)(int(confirmed) if isinstance(confirmed, bool) else confirmed,
                                    f"{path}.confirmed"),
        "item": item,
    }  # fmt: skip
