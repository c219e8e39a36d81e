"""Published reimbursements: every figure that a correct engine can recompute, to the fen.

The case files under tests/cases carry each example's input and the right figures; where the source
prints another figure than its own policy gives, the file names both. The policies beside them are
written in the restricted language; no case needed a change of the engine. Those named ``found-``
came later than the collection in ../shared/data: their policies were written from docs/ alone.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts.settlement import identities
from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.case import normalise
from contracts.settlement.case_expected import read_expected, read_figure
from contracts.settlement.decision import Decision
from contracts.settlement.policy_program import PolicyProgram
from contracts.settlement.policy_trial import try_policy

CASES = Path(__file__).resolve().parents[2] / "cases"
DOCUMENTS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted(CASES.glob("*.json"))
    if not path.stem.startswith("city-")
}
"""The published cases; those of made-up bills under published rules are in test_city_cases."""
POLICIES = [path for path in (CASES / "policies").glob("*.py") if path.name[:5] != "city_"]
FOUND = "found-"
WITH_POLICY = [name for name, document in DOCUMENTS.items() if "policy" in document]
IDENTITY = [name for name, document in DOCUMENTS.items() if "identity" in document]


def program(name: str) -> PolicyProgram:
    return PolicyProgram((CASES / DOCUMENTS[name]["policy"]).read_text("utf-8"))


def decide(name: str) -> tuple[Decision, dict[str, Any]]:
    case = normalise(DOCUMENTS[name])
    return adjudicate(case, program(name)), case


@pytest.mark.parametrize("name", WITH_POLICY)
def test_every_published_figure_to_the_fen(name: str) -> None:
    decision, case = decide(name)
    expected = read_expected(DOCUMENTS[name])
    got = {e.name: read_figure(e.meaning, decision, case) for e in expected}
    assert got == {e.name: e.fen for e in expected}, f"printed: {[e.printed_fen for e in expected]}"
    decision.check()


def test_the_source_s_own_slips_are_named_and_not_reproduced() -> None:
    slips = {
        (name, e.name): (e.printed_fen, e.fen)
        for name in WITH_POLICY
        for e in read_expected(DOCUMENTS[name])
        if e.printed_fen is not None
    }
    assert all(printed != right for printed, right in slips.values())
    assert {name for name, _ in slips} == {
        "seed-01", "ip-05", "bad-01", "bad-02", "bad-05", "bad-07", "bad-10",
        "found-joint-1", "found-joint-2", "found-ziyang-critical-3", "found-quzhou-1",
        "found-quzhou-2", "found-meihekou-1", "found-meihekou-2", "found-yanan-1",
    }  # fmt: skip


@pytest.mark.parametrize("name", IDENTITY)
def test_identity_cases_are_completed_by_the_identities(name: str) -> None:
    published = DOCUMENTS[name]["identity"]
    found = identities.resolve(published["known"])
    got = {key: found[row["is"]] for key, row in published["figures"].items()}
    assert got == {key: row["fen"] for key, row in published["figures"].items()}


@pytest.mark.parametrize("name", IDENTITY)
def test_an_identity_case_with_one_figure_off_by_a_fen_is_refused(name: str) -> None:
    published = DOCUMENTS[name]["identity"]
    every = published["known"] | {row["is"]: row["fen"] for row in published["figures"].values()}
    identities.resolve(every)
    for row in published["figures"].values():
        with pytest.raises(identities.IdentityError):
            identities.resolve(every | {row["is"]: row["fen"] + 1})


@pytest.mark.parametrize("path", sorted(POLICIES), ids=lambda p: p.stem)
def test_every_policy_survives_the_trial_is_used_and_is_short(path: Path) -> None:
    source = path.read_text("utf-8")
    assert try_policy(PolicyProgram(source), "310", "990100") > 0
    assert any(d.get("policy") == f"policies/{path.name}" for d in DOCUMENTS.values())
    code = source[source.index("def settle") :].splitlines()
    assert len([line for line in code if line.strip()]) < 40
    assert "xample only" in source


def test_all_published_cases_are_here_with_all_their_figures(shared_data: Path) -> None:
    published = json.loads((shared_data / "worked_cases.json").read_text("utf-8"))["cases"]
    figures: dict[str, dict[str, int]] = {}
    for name, document in DOCUMENTS.items():
        if name.startswith(FOUND):
            continue
        case_id = "-".join(name.split("-")[:2])
        rows = document.get("expected") or document["identity"]["figures"]
        figures.setdefault(case_id, {}).update({key: row["fen"] for key, row in rows.items()})
    wanted = {
        entry["id"]: {k: int(Decimal(str(v)) * 100) for k, v in entry["recomputed_yuan"].items()}
        for entry in published
    }
    assert len(wanted) == 31
    assert figures == wanted


def test_what_the_sources_print_is_kept_where_it_differs(shared_data: Path) -> None:
    published = json.loads((shared_data / "worked_cases.json").read_text("utf-8"))["cases"]
    for entry in published:
        for key, right in entry["recomputed_yuan"].items():
            printed = entry["expected_yuan"].get(key, right)
            if printed == right:
                continue
            row = DOCUMENTS[entry["id"]]["expected"][key]
            assert row["printed_fen"] == int(Decimal(str(printed)) * 100)


def test_a_planted_slip_is_found() -> None:
    """The check is not blind: the policy that forgets its deductible misses the figure."""
    source = (CASES / "policies" / "shandong_employee.py").read_text("utf-8")
    case = normalise(DOCUMENTS["seed-01"])
    wrong = adjudicate(case, PolicyProgram(source.replace("yuan(1000)", "yuan(0)")))
    assert wrong.funds_fen == DOCUMENTS["seed-01"]["expected"]["fund_pay"]["printed_fen"]
