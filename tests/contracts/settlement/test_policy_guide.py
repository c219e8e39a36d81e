"""The guide for policy authors is executed: each policy with the cases below it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from contracts.functions import BUILTINS
from contracts.settlement import terms
from contracts.settlement.adjudicate import CROSS_YEAR, adjudicate
from contracts.settlement.benefits import FUNCTIONS
from contracts.settlement.case import normalise
from contracts.settlement.case_expected import read_expected, read_figure
from contracts.settlement.policy_program import MODES, OPTIONAL, PolicyProgram

DOCS = Path(__file__).resolve().parents[3] / "docs"
GUIDE = (DOCS / "policy-guide.md").read_text("utf-8")
SCHEMA = json.loads((DOCS / "case.schema.json").read_text("utf-8"))


def examples() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(heading, policy, case) for every case of the guide."""
    heading, policy = "", ""
    for match in re.finditer(r"^#+ ([^\n]*)$|^```(python|json)\n(.*?)^```$", GUIDE, re.M | re.S):
        if match[1]:
            heading = match[1]
        elif match[2] == "python":
            policy = match[3]
        else:
            yield heading, policy, json.loads(match[3])


EXAMPLES = list(examples())


@pytest.mark.parametrize(
    ("policy", "document"), [e[1:] for e in EXAMPLES], ids=[e[0][:40] for e in EXAMPLES]
)
def test_the_guide_s_policies_give_the_guide_s_figures(
    policy: str, document: dict[str, Any]
) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    case = normalise(document)
    decision = adjudicate(case, PolicyProgram(policy))
    expected = read_expected(document)
    assert expected, "an example without figures shows nothing"
    assert {e.name: read_figure(e.meaning, decision, case) for e in expected} == {
        e.name: e.fen for e in expected
    }


def test_the_guide_has_its_three_policies_and_every_one_is_short() -> None:
    policies = {policy for _, policy, _ in EXAMPLES}
    assert len(policies) >= 15
    for policy in policies:
        assert len([line for line in policy.splitlines() if line.strip()]) < 40


def test_the_guide_names_every_function_fund_and_mode() -> None:
    names = [f.name for f in FUNCTIONS] + [*terms.FUNDS, *OPTIONAL, *MODES, *CROSS_YEAR]
    missing = [name for name in names if not re.search(rf"[`\"]{re.escape(name)}\b", GUIDE)]
    assert not missing
    assert not [name for name in BUILTINS if not re.search(rf"`{name}[`(]", GUIDE)]


def test_the_guide_s_table_of_funds_is_the_engine_s() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (in_scope|total|out_of_scope) \|$", GUIDE, re.M)
    assert dict(rows) == {code: fund.base for code, fund in terms.FUNDS.items()}


def test_the_guide_names_every_key_of_the_case_with_its_words() -> None:
    case = normalise({"sums": {"total_fen": 1}})
    keys = [key for key in case if key != "counters_by_year"]
    for group in ("sums", "person", "visit", "institution", "filing"):
        keys += list(case[group])
    assert not [key for key in keys if f'["{key}"]' not in GUIDE]
    words = (
        *terms.CATEGORIES, *terms.CARE_KINDS, *terms.FILING_TYPES, *terms.IDENTITY_TYPES,
        *terms.SEXES, *terms.SCHEMES, *terms.BASES,
    )  # fmt: skip
    assert not [word for word in words if f"`{word}`" not in GUIDE]
