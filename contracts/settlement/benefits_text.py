"""The explanation's steps as formulas that a patient or a clerk can follow with a calculator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from contracts.settlement.money import format_yuan
from contracts.settlement.terms import TERMS

Step = Mapping[str, Any]

STEP_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "deductible": ("deductible", "起付线"),
        "basic": ("basic fund", "统筹基金"),
        "outpatient": ("outpatient pool", "门诊统筹"),
        "critical": ("critical illness", "大病保险"),
        "critical_base": ("base of critical illness", "大病保险基数"),
        "large": ("large amount", "大额补助"),
        "assistance": ("medical assistance", "医疗救助"),
        "tilt": ("tilted assistance", "倾斜救助"),
        "over_cap": ("above the cap", "超限额部分"),
        "first_pay": ("first pay", "先行自付"),
        "in_scope_self": ("in-scope part left to the person", "政策范围内自付"),
        "commercial_in_scope": ("commercial cover, in scope", "商保 医保范围内"),
        "commercial_out_of_scope": ("commercial cover, out of scope", "商保 医保范围外"),
        "part": ("share", "按比例"),
        "bands": ("bands", "分段"),
        "above": ("excess", "超出部分"),
        "capped": ("at most", "封顶"),
        "rounded": ("rounded", "取整"),
        "admissions": ("admissions", "住院次数"),
        "paid-before": ("paid by an earlier layer", "前序已支付"),
    }
)
"""Words for common step codes; a code that is not here is shown as it is."""


def step_words(code: str) -> tuple[str, str]:
    """English and Chinese words of a step code; the code itself where there are none."""
    if code in STEP_WORDS:
        return STEP_WORDS[code]
    if code in TERMS:
        return code.replace("_", " "), TERMS[code].chinese
    return code.replace("_", " "), ""


def formula(step: Step) -> str:
    """What was computed, in yuan: ``29,595.80 × 83% = 24,564.51``."""
    left = _FORMULAS[step["op"]](step)
    result = format_yuan(step["result_fen"])
    return f"{left} = {result}" if left else result


def _part(step: Step) -> str:
    return f"{format_yuan(step['amounts_fen'][0])} × {step['parameter']}"


def _bands(step: Step) -> str:
    parts = [
        f"({format_yuan(top)} − {format_yuan(bottom)}) × {ratio}"
        for bottom, top, ratio in step["parameter"]
    ]
    return " + ".join(parts) if parts else "0"


def _above(step: Step) -> str:
    whole, threshold = map(format_yuan, step["amounts_fen"])
    return f"max(0, {whole} − {threshold})"


def _capped(step: Step) -> str:
    whole, limit = map(format_yuan, step["amounts_fen"])
    return f"min({whole}, {limit})"


def _multiplied(step: Step) -> str:
    return " × ".join([format_yuan(step["amounts_fen"][0]), *step["parameter"]])


def _rounded(step: Step) -> str:
    whole, unit = map(format_yuan, step["amounts_fen"])
    return f"{whole} to units of {unit}"


def _named(step: Step) -> str:
    return ""


_FORMULAS: Mapping[str, Callable[[Step], str]] = MappingProxyType(
    {
        "part": _part,
        "bands": _bands,
        "above": _above,
        "capped": _capped,
        "rounded": _rounded,
        "multiplied": _multiplied,
        "step": _named,
    }
)
"""By ``op``: every operation that ``benefits.Recorder`` records, or a payment policy, has one (a
test compares)."""
