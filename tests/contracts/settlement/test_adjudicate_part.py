"""A stay settled in parts comes to what it comes to whole: the engine, over six real places.

The parts are decided one after the other by ``adjudicate_part``; the whole by ``adjudicate``, and,
where the year does not end, by the second adjudicator of ``six_places`` too, which knows no parts.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from contracts.settlement import adjudicate_part as adjudicate_part_module
from contracts.settlement.adjudicate import (
    AT_BOUNDARY,
    BY_SERVICE_DATE,
    CROSS_YEAR,
    WHOLE_STAY,
    adjudicate,
)
from contracts.settlement.adjudicate_part import adjudicate_part
from contracts.settlement.answer import ADMISSIONS
from contracts.settlement.case import Case, normalise
from contracts.settlement.decision import Decision
from contracts.settlement.part_record import SoFar
from contracts.settlement.policy_program import PolicyProgram
from tests.contracts.settlement import six_places

Line = dict[str, Any]
Figures = Counter[Any]

ADMISSION, DISCHARGE = "2024-12-20", "2025-01-11"
DAYS = tuple(f"2024-12-{day}" for day in range(20, 32)) + tuple(
    f"2025-01-{day:02d}" for day in range(1, 12)
)


def figures(decisions: list[Decision]) -> Figures:
    """Every amount over all parts, and every counter's change by year."""
    told: Figures = Counter()
    for decision in decisions:
        for name in ("total_fen", "own_expense_fen", "over_ceiling_fen", "first_pay_fen",
                     "in_scope_fen", "deductible_fen", "person_fen", "funds_fen",
                     "account_limit_fen"):  # fmt: skip
            told[name] += getattr(decision, name)
        for payment in decision.payments:
            told["fund", payment.fund] += payment.amount_fen
        for change in decision.counters:
            told["counter", change.year, change.name] += change.delta
    return Counter({name: amount for name, amount in told.items() if amount})


def in_parts(
    document: dict[str, Any], program: PolicyProgram, pieces: list[list[Line]]
) -> list[Decision]:
    """Each piece settled on what its predecessors came to, on the counters before the stay."""
    so_far, decisions = SoFar(), []
    for number, lines in enumerate(pieces):
        last = max(line["service_date"] for piece in pieces[: number + 1] for line in piece)
        visit = document["visit"] | {"discharge": last}
        visit |= {"discharge": DISCHARGE} if number == len(pieces) - 1 else {}
        before = document.get("counters_by_year", {}).get(visit["discharge"][:4], {})
        if ADMISSIONS in before:
            visit["admission_number"] = before[ADMISSIONS] + 1
        case = normalise(document | {"lines": lines, "visit": visit})
        level = case["institution"]["level"]
        decision, made = adjudicate_part(case, program, so_far, level=level)
        decision.check()
        counted: dict[int, dict[str, int]] = {}
        for change in decision.counters:
            counted.setdefault(change.year, {})[change.name] = change.delta
        so_far.add(made, counted.items())
        decisions.append(decision)
    return decisions


def a_stay(random: Random, place: six_places.Place) -> dict[str, Any]:
    """A stay over New Year: many lines, counters of both years that were used before."""
    document = next(iter(six_places.random_year(random, place)))
    for _ in range(random.randrange(4)):
        document["lines"] += six_places.random_lines(random)["lines"]
    for line in document["lines"]:
        line["service_date"] = random.choice(DAYS)
    document["lines"].sort(key=lambda line: line["service_date"])
    document["counters_by_year"] = {}
    for year in ("2024", "2025"):
        used = {"pool_paid_fen": random.choice((0, 10_000_000, 24_900_000)),
                "critical_base_fen": random.choice((0, 3_000_000)),
                ADMISSIONS: random.randrange(3)}  # fmt: skip
        document["counters_by_year"][year] = used
    document["visit"] |= {"care_kind": "inpatient", "admission": ADMISSION, "discharge": DISCHARGE}
    number = document["counters_by_year"]["2025"][ADMISSIONS] + 1
    document["visit"]["admission_number"] = number
    return document | {"counters": {}, "use_account": False}


def cut(random: Random, lines: list[Line]) -> list[list[Line]]:
    """In the order of service, into one to five pieces, none empty."""
    cuts = sorted(random.sample(range(1, len(lines)), min(len(lines) - 1, random.randrange(5))))
    return [lines[a:b] for a, b in zip([0, *cuts], [*cuts, len(lines)], strict=True)]


PLACES = [place for place in six_places.PLACES if place.benefit is not six_places.outpatient_pool]


@pytest.mark.parametrize("place", PLACES, ids=[place.policy for place in PLACES])
@pytest.mark.parametrize("mode", CROSS_YEAR)
def test_parts_come_to_the_whole_in_every_convention(place: six_places.Place, mode: str) -> None:
    text = (six_places.POLICIES / f"{place.policy}.py").read_text("utf-8")
    assert "cross_year" not in text
    program = PolicyProgram(text + f'\n\ndef cross_year():\n    return "{mode}"\n')
    random = Random(f"{place.policy} {mode}")
    parts = 0
    for _ in range(120):
        document = a_stay(random, place)
        by_year = document["counters_by_year"]
        # Where the years' counters differ, what was paid by those of the first stays paid.
        if mode == WHOLE_STAY:
            by_year["2024"] = by_year["2025"]
        elif mode == AT_BOUNDARY:
            by_year["2024"][ADMISSIONS] = by_year["2025"][ADMISSIONS]
        whole = adjudicate(normalise(document), program)
        pieces = cut(random, document["lines"])
        decisions = in_parts(document, program, pieces)
        parts += len(pieces)
        assert figures(decisions) == figures([whole])
    assert parts > 250


@pytest.mark.parametrize("place", PLACES, ids=[place.policy for place in PLACES])
def test_the_second_adjudicator_knows_no_parts_and_agrees(place: six_places.Place) -> None:
    """Six places' rules written twice: the sum of the parts is what the other one says of all."""
    program = six_places.sources()[place.policy]
    random = Random(place.policy)
    for _ in range(200):
        year: dict[str, int] = {}
        document = a_stay(random, place) | {"counters_by_year": {}}
        document["counters"] = {}
        ours = six_places.own_figures(place, document, year)
        decisions = in_parts(document, program, cut(random, document["lines"]))
        told = figures(decisions)
        for name in ("total_fen", "in_scope_fen", "deductible_fen", "person_fen"):
            assert told[name] == ours[name], name
        for name, amount in ours.items():
            kind, _, which = name.partition(" ")
            if kind == "fund":
                assert told["fund", which] == amount, name
            if kind == "counter":
                assert sum(n for key, n in told.items() if key[::2] == ("counter", which)) == amount


LAYERED = """
def settle(case):
    sums, visit = case["sums"], case["visit"]
    left = remaining(yuan(1000), counter(case, "deductible_fen"))
    left = min(remaining(left, visit["deductible_paid_fen"]), sums["in_scope_fen"])
    base = above(sums["in_scope_fen"], left)
    outside = sums["total_fen"] - sums["in_scope_fen"]
    return {"payments": [
        payment("310100", part(base, "40%", "basic"), "basic"),
        payment("310100", part(base, "30%", "older"), "older"),
        payment("commercial", part(outside, "100%", "extra"), "extra", "out_of_scope"),
        payment("610100", part(base, "20%", "poor"), "poor", "total"),
    ], "deductible_fen": left, "counters": {"deductible_fen": left}}
"""
LAYERS = 4
"""One fund in two layers, one payer of what is outside the scope, one of whatever is open, and a
deductible that the years of a stay share."""


class Listening:
    """A policy that remembers what it was told."""

    def __init__(self, program: PolicyProgram) -> None:
        self._program = program
        self.told: list[Case] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._program, name)

    def settle(self, case: Case) -> Any:
        self.told.append({name: value for name, value in case.items() if name != "lines"})
        return self._program.settle(case)


@pytest.mark.parametrize("mode", CROSS_YEAR)
def test_every_payer_of_a_layered_policy_pays_in_parts_what_it_pays_whole(mode: str) -> None:
    program = PolicyProgram(LAYERED + f'\n\ndef cross_year():\n    return "{mode}"\n')
    random = Random(mode)
    compared = 0
    for _ in range(80):
        document = a_stay(random, PLACES[0])
        for year, paid in (("2024", 30_000), ("2025", 0)):
            used = document["counters_by_year"][year if mode != WHOLE_STAY else "2025"]
            document["counters_by_year"][year] = used | {"deductible_fen": paid}
        document["counters_by_year"]["2024"]["deductible_fen"] *= mode != WHOLE_STAY
        told_whole, told_last = Listening(program), Listening(program)
        whole = adjudicate(normalise(document), told_whole)
        decisions = in_parts(document, told_last, cut(random, document["lines"]))
        if min(decision.in_scope_fen for decision in decisions) >= LAYERS:
            # A part of fewer fen has no room for what each layer rounds up; it waits for the next.
            assert figures(decisions) == figures([whole])
            compared += 1
        # Until its last part is decided the policy has heard of all of the stay, and as of a whole.
        assert told_last.told[-len(told_whole.told) :] == told_whole.told
        first = decisions[0]
        assert [step for step in first.steps if step["code"] == "earlier_parts"] == []
    assert compared > 20


@pytest.mark.parametrize("mode", CROSS_YEAR)
def test_counters_go_on_where_the_part_before_left_them(mode: str) -> None:
    """Also what a stay counted in the old year, and takes out of it when it ends in the new one."""
    program = PolicyProgram(LAYERED + f'\n\ndef cross_year():\n    return "{mode}"\n')
    random = Random(mode)
    changed = 0
    for _ in range(40):
        document = a_stay(random, PLACES[0])
        now = {(year, name): value for year, used in document["counters_by_year"].items()
               for name, value in used.items()}  # fmt: skip
        for decision in in_parts(document, program, cut(random, document["lines"])):
            for change in decision.counters:
                place = (str(change.year), change.name)
                assert change.before == now.get(place, 0), place
                now[place] = change.after
                changed += change.delta != 0
    assert changed > 40


PLANTED = (
    ("_of", lambda *_, **__: 0),
    ("_less_counted", lambda changes, *_, **__: changes),
    ("_moved", lambda *_: ()),
)


@pytest.mark.parametrize(("name", "bug"), PLANTED, ids=[name for name, _ in PLANTED])
def test_a_planted_bug_is_found(monkeypatch: pytest.MonkeyPatch, name: str, bug: Any) -> None:
    """What is charged, counted or moved twice shows in the sum of the parts."""
    monkeypatch.setattr(adjudicate_part_module, name, bug)
    place = next(place for place in PLACES if place.policy == "city_beijing_resident")
    with pytest.raises(AssertionError):
        test_parts_come_to_the_whole_in_every_convention(place, WHOLE_STAY)


LESS_FOR_MORE = """
def settle(case):
    scope = case["sums"]["in_scope_fen"]
    if scope > yuan(1000):
        return {"payments": [payment("310100", yuan(100))]}
    return {"payments": [payment("310100", scope)]}
"""


def test_nothing_is_asked_back_where_the_whole_comes_to_less() -> None:
    """Such a policy is not monotone; a part that was paid stays paid and the next one is whole."""
    line = {"code": "a", "class": "01", "amount_fen": 90_000, "service_date": DISCHARGE}
    document: Case = {"lines": [], "visit": {"admission": ADMISSION, "discharge": DISCHARGE}}
    program = PolicyProgram(LESS_FOR_MORE)
    first, second = in_parts(document, program, [[line], [line]])
    assert (first.funds_fen, second.funds_fen) == (90_000, 0)
    assert second.person_fen == 90_000


def test_a_part_never_pays_for_another_parts_bill() -> None:
    """The insurer pays all outside the scope of a stay of 1,000.00 and more: of the part with which
    it gets there. What the part before has charged its patient stays charged."""
    program = PolicyProgram("""
def settle(case):
    sums = case["sums"]
    outside = sums["total_fen"] - sums["in_scope_fen"]
    paid = outside if sums["total_fen"] >= yuan(1000) else 0
    return {"payments": [payment("commercial", paid, "extra", "out_of_scope")]}
""")
    document: Case = {"lines": [], "visit": {"admission": DISCHARGE, "discharge": DISCHARGE}}
    pieces: list[list[Line]] = [
        [{"code": "a", "class": "01", "amount_fen": 60_000 - own, "service_date": DISCHARGE},
         {"code": "b", "class": "03", "amount_fen": own, "service_date": DISCHARGE}]
        for own in (30_000, 10_000)
    ]  # fmt: skip
    first, second = in_parts(document, program, pieces)
    assert [p.amount_fen for p in (*first.payments, *second.payments)] == [10_000]
    assert (first.person_fen, second.person_fen) == (60_000, 50_000)


class Splitting:
    """A place whose stays belong to the year of discharge until its next version: from the second
    settlement on each year stands for itself."""

    def __init__(self, program: PolicyProgram) -> None:
        self._program = program
        self._settled = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._program, name)

    def settle(self, case: Case) -> Any:
        self._settled += 1
        return self._program.settle(case)

    def cross_year(self) -> str:
        return BY_SERVICE_DATE if self._settled else WHOLE_STAY


def test_a_stay_that_was_decided_as_one_stays_one() -> None:
    program = PolicyProgram(LAYERED)
    document: Case = {"visit": {"admission": ADMISSION, "discharge": DISCHARGE}}
    days = ("2024-12-30", "2025-01-02", "2025-01-03")
    lines = [{"code": "a", "class": "01", "amount_fen": 90_000, "service_date": day}
             for day in days]  # fmt: skip
    whole = adjudicate(normalise(document | {"lines": lines}), program)
    decisions = in_parts(document, Splitting(program), [lines[:2], lines[2:]])  # type: ignore[arg-type]
    assert figures(decisions) == figures([whole])


def test_a_part_is_explained_by_the_whole_and_what_was_paid() -> None:
    rule = """
def settle(case):
    left = min(yuan(1000), case["sums"]["in_scope_fen"])
    basic = part(above(case["sums"]["in_scope_fen"], left), "50%", "basic")
    return {"payments": [payment("310100", basic, "basic")], "deductible_fen": left,
            "counters": {"pool_fen": basic}}
"""
    line = {"code": "a", "class": "01", "amount_fen": 300_000, "service_date": DISCHARGE}
    document: Case = {"lines": [], "visit": {"admission": DISCHARGE, "discharge": DISCHARGE}}
    first, second = in_parts(document, PolicyProgram(rule), [[line], [line]])
    assert (first.deductible_fen, second.deductible_fen) == (100_000, 0)
    assert (first.funds_fen, second.funds_fen) == (100_000, 150_000)
    step = second.steps[-1]
    assert (step["code"], step["amounts_fen"], step["result_fen"]) == (
        "earlier_parts", [250_000, 100_000], 150_000,
    )  # fmt: skip
    (change,) = [c for c in second.counters if c.name != ADMISSIONS]
    assert (change.before, change.delta) == (100_000, 150_000)
