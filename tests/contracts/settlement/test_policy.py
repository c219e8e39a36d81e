"""Policies on the ledger: who may deploy, what the trial refuses, which version holds on a date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.api import Rejected
from contracts.settlement import policy, policy_trial
from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.case import normalise
from contracts.settlement.policy_program import PolicyProgram
from tests.contracts.world import (
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    CENTRE,
    HOSPITAL,
    MemoryState,
    World,
    make_world,
)

SOURCES = Path(__file__).resolve().parents[2] / "cases" / "policies"
CHANGSHA = (SOURCES / "changsha_resident.py").read_text("utf-8")
PERCENT = """
def settle(case):
    return {{"payments": [payment("390100", part(case["sums"]["in_scope_fen"], "{}%"))]}}
"""


@pytest.fixture
def world() -> World:
    return make_world([policy.CONTRACT])


def deployment(source: str = CHANGSHA, start: str = "2025-01-01", **more: Any) -> dict[str, Any]:
    return {
        "area": "430100", "scheme": "390", "effective_from": start, "source": source, "note": "",
    } | more  # fmt: skip


def test_a_bureau_deploys_and_the_source_is_kept(world: World) -> None:
    outcome = world.do(BUREAU_CHANGSHA, "policy", "deploy", deployment())
    assert (outcome.answer["number"], outcome.answer["decisions"]) == (1, 128)
    version = policy.in_force(world.state, "430100", "390", "2025-03-01")
    assert version is not None
    assert version.to_versions() == {
        "area": "430100", "scheme": "390", "number": 1, "effective_from": "2025-01-01",
        "hash": outcome.answer["hash"],
    }  # fmt: skip
    assert (version.by, version.height) == (BUREAU_CHANGSHA, world.height)
    assert policy.source_of(world.state, version.hash) == CHANGSHA
    assert policy.source_of(world.state, b"\0" * 32) is None
    assert outcome.events[0][0] == "policy.deployed"
    case = normalise({"sums": {"total_fen": 200_000}, "institution": {"level": 2}})
    assert adjudicate(case, policy.program_of(world.state, version)).funds_fen == 96_000


def test_the_province_may_deploy_for_its_city(world: World) -> None:
    world.do(BUREAU_HUNAN, "policy", "deploy", deployment())


@pytest.mark.parametrize(
    ("sender", "code"),
    [
        (BUREAU_GUANGZHOU, "sender.not-competent"),
        (HOSPITAL, "sender.kind"),
        (CENTRE, "sender.kind"),
    ],
)
def test_nobody_else_may(world: World, sender: str, code: str) -> None:
    world.refused(code, sender, "policy", "deploy", deployment())


@pytest.mark.parametrize("post", ["clerk", "finance", "operator", "audit", "doctor"])
def test_only_the_checker_signs_a_policy(world: World, post: str) -> None:
    world.refused("sender.post", BUREAU_CHANGSHA, "policy", "deploy", deployment(), post=post)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"source": "def settle(case):\n    return case.x\n"}, "policy.source-refused"),
        ({"source": "import os\n"}, "policy.source-refused"),
        ({"source": "x = 1\n"}, "policy.source-refused"),
        ({"source": CHANGSHA + "\n\ndef benefit_year():\n    return 1\n"}, "policy.source-refused"),
        ({"source": CHANGSHA + "\n\ndef cross_year():\n    return 1\n"}, "policy.trial-failed"),
        ({"source": CHANGSHA + '\n\ndef settlement_mode(region):\n    return "x"\n'},
         "policy.trial-failed"),
        ({"source": CHANGSHA + "\n\ndef benefit_year(date):\n    return date\n"},
         "policy.trial-failed"),
        ({"source": CHANGSHA + '\n\ndef first_pay(case, line):\n    return "101%"\n'},
         "policy.trial-failed"),
        ({"source": "def settle(case):\n    return 1\n"}, "policy.trial-failed"),
        ({"source": 'def settle(case):\n    fail("never")\n'}, "policy.trial-empty"),
        ({"source": ""}, "args.shape"),
        ({"source": "#" * (64 * 1024 + 1)}, "args.shape"),
        ({"effective_from": "2025-02-30"}, "args.shape"),
        ({"scheme": "510"}, "args.shape"),
        ({"area": "4301"}, "args.shape"),
    ],
)  # fmt: skip
def test_what_is_not_deployed(world: World, changes: dict[str, Any], code: str) -> None:
    world.refused(code, BUREAU_CHANGSHA, "policy", "deploy", deployment() | changes)


def test_an_overspending_policy_is_caught_by_the_trial_with_its_bill(world: World) -> None:
    source = "def settle(case):\n    return {'payments': [payment('390100', yuan(50))]}\n"
    refused = world.refused("policy.trial-failed", BUREAU_CHANGSHA, "policy", "deploy",
                            deployment(source))  # fmt: skip
    assert refused.values["failed"] == "policy.overspends"
    assert refused.values["failed_amount_fen"] == 5_000
    assert refused.values["in_scope_fen"] < 5_000


def test_a_policy_that_pays_twice_only_after_its_cap_is_caught_by_the_second_visit(
    world: World,
) -> None:
    source = (
        "def settle(case):\n"
        "    scope = case['sums']['in_scope_fen']\n"
        "    used = counter(case, 'paid_fen')\n"
        "    pay = scope if used == 0 else scope + 1\n"
        "    return {'payments': [payment('390100', pay)], 'counters': {'paid_fen': pay}}\n"
    )
    world.refused("policy.trial-failed", BUREAU_CHANGSHA, "policy", "deploy", deployment(source))


def test_a_policy_that_runs_and_runs_is_not_deployed(world: World) -> None:
    source = (
        "def settle(case):\n"
        "    total = 0\n"
        "    for n in range(9000):\n"
        "        total = total + n\n"
        "    return {'payments': []}\n"
    )
    refused = world.refused("policy.trial-failed", BUREAU_CHANGSHA, "policy", "deploy",
                            deployment(source))  # fmt: skip
    assert refused.values["failed"] == "policy.out-of-budget"
    assert refused.values["failed_budget"] == policy_trial.BUDGET_TRIAL
    PolicyProgram(source).settle(normalise({"sums": {"total_fen": 1}}))


def test_refusing_some_care_is_a_policy_s_right(world: World) -> None:
    source = (
        "def settle(case):\n"
        "    if case['visit']['care_kind'] != 'inpatient':\n"
        "        fail('inpatient-only')\n"
        "    return {'payments': []}\n"
    )
    outcome = world.do(BUREAU_CHANGSHA, "policy", "deploy", deployment(source))
    assert 0 < outcome.answer["decisions"] < 128


def test_the_same_deployment_again_answers_as_before(world: World) -> None:
    first = world.do(BUREAU_CHANGSHA, "policy", "deploy", deployment())
    entries = dict(world.state.entries)
    again = world.next_block().do(BUREAU_CHANGSHA, "policy", "deploy", deployment())
    assert again.answer == first.answer
    assert world.state.entries == entries


def test_two_areas_share_one_source(world: World) -> None:
    world.do(BUREAU_CHANGSHA, "policy", "deploy", deployment())
    world.do(BUREAU_GUANGZHOU, "policy", "deploy", deployment(area="440100"))
    kept = [key for key in world.state.entries if key.startswith("policy-source/")]
    assert len(kept) == 1
    assert len(policy.versions(world.state, "440100", "390")) == 1


def test_a_version_of_the_same_block_is_not_in_force_yet(world: World) -> None:
    world.do(BUREAU_CHANGSHA, "policy", "deploy", deployment())
    state, height = world.state, world.height
    assert policy.in_force(state, "430100", "390", "2025-03-01", height=height) is None
    assert policy.in_force(state, "430100", "390", "2025-03-01", height=height + 1) is not None


def test_a_gap_refuses(world: World) -> None:
    world.do(BUREAU_CHANGSHA, "policy", "deploy", deployment(start="2025-01-01"))
    for area, scheme, date in (
        ("430100", "390", "2024-12-31"), ("430100", "310", "2025-06-01"),
        ("440100", "390", "2025-06-01"),
    ):  # fmt: skip
        with pytest.raises(Rejected) as caught:
            policy.require_in_force(world.state, area, scheme, date)
        assert caught.value.code == "policy.none-in-force"
        assert caught.value.values == {"area": area, "scheme": scheme, "date": date}


dates = st.sampled_from([f"202{y}-0{m}-01" for y in (4, 5, 6) for m in (1, 4, 7)])


@given(st.lists(dates, min_size=1, max_size=7), dates, st.integers(9, 20))
@settings(max_examples=60, deadline=None)
def test_in_force_is_the_latest_start_that_is_reached_and_its_last_correction(
    starts: list[str], date: str, height: int
) -> None:
    rows = [
        {
            "effective_from": start,
            "hash": bytes([number]),
            "height": 10 + number,
            "by": BUREAU_CHANGSHA,
            "note": "",
        }
        for number, start in enumerate(starts)
    ]
    state = MemoryState()
    state.put("policy/430100/390", {"versions": rows})
    reached = [
        (start, number)
        for number, start in enumerate(starts, start=1)
        if start <= date and 10 + number - 1 < height
    ]
    found = policy.in_force(state, "430100", "390", date, height=height)
    assert (None if found is None else found.number) == (max(reached)[1] if reached else None)


def test_a_change_of_policy_leaves_the_old_version_runnable(world: World) -> None:
    case = normalise({"sums": {"total_fen": 1_000}})
    world.do(BUREAU_CHANGSHA, "policy", "deploy", deployment(PERCENT.format(50), "2025-01-01"))
    before = policy.require_in_force(world.state, "430100", "390", "2025-05-01")
    world.next_block()
    world.do(BUREAU_CHANGSHA, "policy", "deploy", deployment(PERCENT.format(70), "2024-01-01"))
    world.do(BUREAU_CHANGSHA, "policy", "deploy", deployment(PERCENT.format(60), "2025-04-01"))
    now = policy.require_in_force(world.state, "430100", "390", "2025-05-01")
    old = policy.require_in_force(world.state, "430100", "390", "2024-05-01")
    paid = [
        adjudicate(case, policy.program_of(world.state, v)).funds_fen for v in (before, now, old)
    ]
    assert paid == [500, 600, 700]


def test_the_cache_of_programs_is_bounded_and_decides_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "PROGRAMS_MAX", 2)
    monkeypatch.setattr(policy, "_programs", {})
    case = normalise({"sums": {"total_fen": 10_000}})
    for share in (10, 20, 30, 40):
        source = PERCENT.format(share)
        world.do(BUREAU_CHANGSHA, "policy", "deploy", deployment(source, f"2025-0{share // 10}-01"))
    for _ in range(2):
        for version in policy.versions(world.state, "430100", "390"):
            decision = adjudicate(case, policy.program_of(world.state, version))
            assert decision.funds_fen == 1_000 * version.number
            assert len(policy._programs) <= 2


def test_the_number_of_versions_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "VERSIONS_MAX", 2)
    for share in (1, 2):
        world.do(BUREAU_CHANGSHA, "policy", "deploy", deployment(PERCENT.format(share)))
    world.refused("policy.too-many-versions", BUREAU_CHANGSHA, "policy", "deploy",
                  deployment(PERCENT.format(3)))  # fmt: skip


def test_a_large_policy_fits(world: World) -> None:
    filler = "".join(f"# line {n} {'x' * 180}\n" for n in range(330))
    world.do(BUREAU_CHANGSHA, "policy", "deploy", deployment(CHANGSHA + filler))


def test_the_trial_covers_what_it_says() -> None:
    cases = list(policy_trial.trial_cases("390", "430100"))
    assert len(cases) == 60
    for key, values in (
        ("care_kind", {*policy_trial.CARE}),
        ("discharge", {*policy_trial.DATES}),
    ):
        assert {case["visit"][key] for case in cases} == values
    assert {case["institution"]["level"] for case in cases} == {0, 1, 2, 3}
    assert {case["filing"]["type"] for case in cases} == {*policy_trial.FILINGS}
    assert {case["person"]["category"] for case in cases} == {p[0] for p in policy_trial.PEOPLE}
    assert {case["cross_province"] for case in cases} == {True, False}
    assert {case["sums"]["total_fen"] for case in cases} == {*policy_trial.TOTALS_FEN}


def test_modes_and_defaults_of_a_program() -> None:
    plain = PolicyProgram(CHANGSHA)
    assert plain.settlement_mode("450100") == "mixed"
    assert (plain.cross_year(), plain.benefit_year("2025-07-01")) == ("discharge_year", 2025)
    assert not plain.sets_first_pay
    assert plain.first_pay({}, {"class": "02"}) is None
    home = PolicyProgram(
        CHANGSHA + "\n\ndef settlement_mode(region):\n"
        "    return 'home' if region[0:2] == '43' else 'care_place'\n"
    )
    assert home.settlement_mode("430100") == "home"
    assert home.settlement_mode("450100") == "care_place"
