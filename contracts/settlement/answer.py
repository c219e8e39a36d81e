"""The answer of a policy's ``settle``: read strictly, so that a slip is named where it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from contracts.api import reject
from contracts.quick import quick
from contracts.settlement.money import FEN_LIMIT
from contracts.settlement.terms import BASES, FUNDS
from contracts.values import name_kind, shown

Value = Any

PAYMENTS_MAX = 40
COUNTERS_MAX = 40
ADMISSIONS = "admissions"
"""The one counter that the engine keeps itself: stays of the benefit year, local ones included."""
_KEYS = ("payments", "deductible_fen", "counters", "account_limit_fen", "steps", "refusals")
_PAYMENT_KEYS = ("fund", "payer", "base", "amount_fen", "why")
_are_payment_keys = frozenset(_PAYMENT_KEYS).issuperset
_COUNTER_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_REASON = re.compile(r"[a-z][a-z0-9_.\-]{0,59}", re.ASCII)


@quick(frozen=True, slots=True)
class AnswerPayment:
    """A payment as the policy asks for it; defaults are filled from the table of funds."""

    fund: str
    payer: str
    base: str
    amount_fen: int
    why: str


@quick(frozen=True, slots=True)
class Answer:
    """A policy's answer, every part present."""

    payments: tuple[AnswerPayment, ...]
    deductible_fen: int
    counters: Mapping[str, int]
    """What to add to each counter of the benefit year; may be negative."""
    account_limit_fen: int | None
    """``None``: what is open of the in-scope amount."""
    steps: tuple[dict[str, Value], ...]
    refusals: tuple[str, ...]


def _malformed(path: str, want: str) -> NoReturn:
    reject("policy.answer-malformed", path=path, want=want)


def _place(*path: str | int) -> str:
    """``payments[0].why`` of its parts; put together only where something is wrong there."""
    told = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return told.lstrip(".")


def _fen(value: Value, *path: str | int) -> int:
    if type(value) is not int or not 0 <= value <= FEN_LIMIT:
        _malformed(_place(*path), "a whole number of fen, not negative")
    return value


def _list(value: Value, path: str, most: int) -> list[Value]:
    if not isinstance(value, list | tuple) or len(value) > most:
        got = f"{len(value)}" if isinstance(value, list) else name_kind(value)
        _malformed(path, f"a list of at most {most}, not {got}")
    return list(value)


def read_answer(value: Value) -> Answer:
    """Read what ``settle`` returned. Rejects ``policy.answer-malformed``, ``policy.unknown-fund``.

    Only ``payments`` must be there; the rest defaults to nothing.
    """
    if not isinstance(value, dict):
        got = "; every way through settle needs a return" if value is None else ""
        _malformed("answer", f"a map with payments, not {name_kind(value)}{got}")
    for key in value:
        if key not in _KEYS:
            _malformed(f"answer.{key[:40]}", f"no such key; there are {', '.join(_KEYS)}")
    if "payments" not in value:
        _malformed("answer.payments", "a list; [] when no fund pays")
    limit = value.get("account_limit_fen")
    return Answer(
        payments=tuple(
            _payment(row, i)
            for i, row in enumerate(_list(value["payments"], "payments", PAYMENTS_MAX))
        ),
        deductible_fen=_fen(value.get("deductible_fen", 0), "deductible_fen"),
        counters=_counters(value.get("counters", {})),
        account_limit_fen=None if limit is None else _fen(limit, "account_limit_fen"),
        steps=tuple(
            _step(row, i)
            for i, row in enumerate(_list(value.get("steps", []), "steps", PAYMENTS_MAX))
        ),
        refusals=tuple(
            _reason(word, "refusals", i)
            for i, word in enumerate(_list(value.get("refusals", []), "refusals", PAYMENTS_MAX))
        ),
    )


def _payment(row: Value, index: int) -> AnswerPayment:
    if not isinstance(row, dict) or not _are_payment_keys(row):
        _malformed(
            _place("payments", index),
            f"a map of {', '.join(_PAYMENT_KEYS)}; payment(...) builds it",
        )
    code = row.get("fund")
    fund = FUNDS.get(code) if isinstance(code, str) else None
    if fund is None:
        reject(
            "policy.unknown-fund",
            fund=code[:40] if isinstance(code, str) else name_kind(code),
            path=_place("payments", index),
        )
    payer, base = row.get("payer", fund.payer), row.get("base", fund.base)
    if payer != fund.payer:
        _malformed(
            _place("payments", index, "payer"),
            f"{fund.payer}, what the table of funds says of {fund.code}",
        )
    if base not in BASES:
        _malformed(_place("payments", index, "base"), "one of " + ", ".join(BASES))
    return AnswerPayment(
        fund=fund.code,
        payer=payer,
        base=base,
        amount_fen=_fen(row.get("amount_fen"), "payments", index, "amount_fen"),
        why=_reason(row.get("why", fund.amount), "payments", index, "why"),
    )


def _reason(word: Value, *path: str | int) -> str:
    if not isinstance(word, str) or not _REASON.fullmatch(word):
        _malformed(_place(*path), "a code like critical_illness, at most 60 signs")
    return word


def _counters(value: Value) -> dict[str, int]:
    if not isinstance(value, dict) or len(value) > COUNTERS_MAX:
        _malformed("counters", f"a map of at most {COUNTERS_MAX} counters")
    for name, delta in value.items():
        if not isinstance(name, str) or not _COUNTER_NAME.fullmatch(name):
            _malformed("counters", f"names like pool_paid_fen, not {shown(name)}")
        if name == ADMISSIONS:
            _malformed(f"counters.{name}", "another name: the engine counts admissions itself")
        if isinstance(delta, bool) or not isinstance(delta, int) or abs(delta) > FEN_LIMIT:
            _malformed(f"counters.{name}", "a whole number to add")
    return dict(value)


def _step(row: Value, index: int) -> dict[str, Value]:
    if not isinstance(row, dict) or not {*row} <= {"code", "amount_fen"}:
        _malformed(_place("steps", index), "a map of code and amount_fen")
    return {
        "code": _reason(row.get("code"), "steps", index, "code"),
        "op": "step",
        "amounts_fen": [],
        "parameter": "",
        "result_fen": _fen(row.get("amount_fen"), "steps", index, "amount_fen"),
    }
