"""``yibao policy fuzz`` finds planted faults and makes them small; ``diff`` says who pays what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.policy_fuzz import Fuzzer, Named
from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.case import normalise
from contracts.settlement.policy_program import PolicyProgram
from tests.cli.test_policy import CASES, GOOD, put, yibao

HEAD = 'def settle(case):\n    s = case["sums"]["in_scope_fen"]\n'
PEOPLE = 60


def find(body: str, seed: int = 1, scheme: str = "310", people: int = PEOPLE) -> list[Any]:
    return list(Fuzzer(HEAD + body, scheme, seed).run(people).findings.values())


# --- fuzz -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_a_bigger_bill_that_costs_less_is_found_to_the_fen(seed: int) -> None:
    (found,) = find(
        '    if s >= yuan(5000):\n        return {"payments": [payment("310100", s)]}\n'
        '    return {"payments": []}\n', seed,
    )  # fmt: skip
    assert (found.kind, found.code) == ("not-monotone", "in_scope_fen")
    assert found.values == {
        "bill_fen": 499_999, "person_fen": 499_999,
        "larger_bill_fen": 500_000, "larger_person_fen": 0,
    }  # fmt: skip
    assert set(found.case) == {"sums"}, "everything that does not matter is left out"


@pytest.mark.parametrize("seed", range(4))
def test_a_benefit_that_is_lost_at_once_is_a_jump(seed: int) -> None:
    (found,) = find(
        '    if s > yuan(777):\n        return {"payments": []}\n'
        '    return {"payments": [payment("310100", part(s, "50%"))]}\n', seed,
    )  # fmt: skip
    assert (found.kind, found.values["bill_fen"]) == ("jump", 77_700)
    assert found.values["larger_person_fen"] - found.values["person_fen"] == 38_851


@pytest.mark.parametrize("seed", range(4))
def test_a_cap_that_forfeits_everything_is_found_through_a_year_of_visits(seed: int) -> None:
    found = find(
        '    paid = get(case["counters"], "paid_fen", 0)\n    p = part(s, "80%")\n'
        "    if paid > 0 and paid + p > yuan(20000):\n        p = 0\n"
        '    return {"payments": [payment("310100", p)], "counters": {"paid_fen": p}}\n', seed,
    )  # fmt: skip
    assert [f.kind for f in found] == ["jump"]
    assert found[0].case["counters"]["paid_fen"] > 0


@pytest.mark.parametrize("seed", range(4))
def test_overspending_in_a_corner_is_found_and_made_small(seed: int) -> None:
    found = find(
        '    if case["visit"]["care_kind"] == "pharmacy" and case["person"]["age_years"] > 65:\n'
        '        return {"payments": [payment("310100", s + 1)]}\n    return {"payments": []}\n',
        seed, people=200,
    )  # fmt: skip
    assert [f.code for f in found] == ["policy.overspends"]
    small = found[0].case
    assert small["sums"] == dict.fromkeys(small["sums"], 0)
    assert small["visit"] == {"care_kind": "pharmacy"}
    assert set(small["person"]) == {"age_years"}


def test_a_negative_answer_is_a_fault_with_its_place() -> None:
    (found,) = find('    return {"payments": [payment("310100", s - yuan(900))]}\n')
    assert (found.kind, found.code) == ("fault", "policy.fault")
    assert found.values["line"] == 3
    (found,) = find('    return {"payments": [], "deductible_fen": s - 1}\n')
    assert (found.code, found.values["path"]) == ("policy.answer-malformed", "deductible_fen")
    assert found.case["sums"]["in_scope_fen"] == 0


def test_rounding_of_layers_is_no_finding() -> None:
    body = (
        '    a = part(s, "33.3%")\n    b = part(s - a, "33.3%")\n    c = part(s - a - b, "66.6%")\n'
        '    return {"payments": [payment("310100", a), payment("390200", b), '
        'payment("610100", c)]}\n'
    )
    assert find(body) == []


def test_what_a_policy_refuses_itself_is_counted_and_no_fault() -> None:
    search = Fuzzer(HEAD + '    fail("not-here")\n', "310", 1).run(5)
    assert search.findings == {}
    assert search.refused > 0


@pytest.mark.parametrize("path", sorted((CASES / "policies").glob("*.py")), ids=lambda p: p.stem)
def test_no_example_policy_has_a_finding(path: Path) -> None:
    source = path.read_text("utf-8")
    for scheme in ("310", "390"):
        assert Fuzzer(source, scheme, 1).run(12).findings == {}


def test_a_finding_is_a_case_file_that_run_shows(tmp_path: Path) -> None:
    policy = put(
        tmp_path, "p.py",
        HEAD + '    if s > yuan(777):\n        return {"payments": []}\n'
        '    return {"payments": [payment("310100", part(s, "50%"))]}\n',
    )  # fmt: skip
    done = yibao("fuzz", policy, "--people", "40", "--save", tmp_path / "found", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    (found,) = told["findings"]
    assert told["decisions"] > 1000
    for name, person in (("", "person_fen"), ("-larger", "larger_person_fen")):
        path = tmp_path / "found" / f"1-jump{name}.json"
        again = json.loads(yibao("run", policy, path, "--json").stdout)
        assert again["person_fen"] == found["values"][person]
    assert yibao("fuzz", policy, "--people", "40", "--json").stdout == done.stdout


def test_fuzz_for_people_and_its_exit_codes(tmp_path: Path) -> None:
    done = yibao("fuzz", put(tmp_path, "p.py", GOOD), "--people", "3")
    assert (done.exit_code, "0 found" in done.stdout) == (0, True)
    bad = put(tmp_path, "n.py", HEAD + '    return {"payments": [payment("310100", s + 1)]}\n')
    done = yibao("fuzz", bad, "--people", "3")
    assert done.exit_code == 1
    assert "fault policy.overspends: fund 310100, amount 0.01, open 0.00" in done.stdout
    assert yibao("fuzz", put(tmp_path, "x.py", "x = 1 / 2\n")).exit_code == 1
    assert yibao("fuzz", bad, "--scheme", "999").exit_code == 2
    assert yibao("fuzz", tmp_path / "absent.py").exit_code == 6


def test_what_a_source_names_is_where_it_is_looked_at() -> None:
    source = (
        'CODES = {"M03900": yuan("404.20")}\n\n\ndef settle(case):\n'
        '    if has_identity(case, "civil_servant") and case["visit"]["care_kind"] == "pharmacy":\n'
        '        return part(yuan("1,300"), "85%") + 7 + (True and 2)\n'
        '    return case["person"]["category"] == "student"\n'
    )
    named = Named.of(source)
    assert named.amounts == [2, 7, 200, 700, 1_300, 40_420, 130_000]
    assert (named.identities, named.care_kinds) == (("civil_servant",), ("pharmacy",))
    assert (named.categories, named.codes) == (("student",), ("M03900",))
    assert not named.by_line
    assert Named.of('def settle(case):\n    return case["lines"]\n').by_line


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "corner",
    [
        's == yuan("123.45")',
        'has_identity(case, "civil_servant") and s > yuan(100)',
        'case["person"]["category"] == "veteran_cadre" and case["filing"]["type"] == "referral"',
        'case["visit"]["chronic_disease"] == "M01600"',
    ],
)
def test_a_fault_in_a_corner_that_the_policy_names(corner: str, seed: int) -> None:
    found = find(f'    if {corner}:\n        return {{"payments": [payment("310100", s + 1)]}}\n'
                 '    return {"payments": []}\n', seed)  # fmt: skip
    assert [f.code for f in found] == ["policy.overspends"]


@pytest.mark.parametrize("seed", range(3))
def test_policies_that_look_at_lines_are_given_lines(seed: int) -> None:
    """A listed drug is paid from the own expense of the bill and from the listed lines: twice."""
    source = """
LISTED = ["drug-on-the-list"]


def settle(case):
    listed = 0
    for line in case["lines"]:
        if line["code"] in LISTED:
            listed += line["own_expense_fen"]
    own = part(case["sums"]["own_expense_fen"], "60%")
    return {
        "payments": [
            payment("commercial", own, "own", "out_of_scope"),
            payment("commercial", part(listed, "60%"), "listed", "out_of_scope"),
        ]
    }
"""
    (found,) = Fuzzer(source, "310", seed).run(PEOPLE).findings.values()
    assert (found.kind, found.code) == ("fault", "policy.overspends")
    listed = [line for line in found.case["lines"] if line["code"] == "drug-on-the-list"]
    assert [line["class"] for line in listed if line["amount_fen"]] == ["03"]
    jump = source.replace('"60%"), "listed"', '"40%") if listed < yuan(999) else 0, "listed"')
    (found,) = Fuzzer(jump, "310", seed).run(PEOPLE).findings.values()
    assert (found.kind, found.values["larger_bill_fen"] - found.values["bill_fen"]) == ("jump", 1)


# --- diff -------------------------------------------------------------------------------------

SEVENTY = HEAD + '    return {"payments": [payment("310100", part(s, "70%", "basic"))]}\n'
EIGHTY = HEAD + (
    '    if case["visit"]["care_kind"] == "pharmacy":\n        fail("no-pharmacy")\n'
    '    return {"payments": [payment("310100", part(above(s, yuan(500)), "80%", "basic"))]}\n'
)
CLAIMS = [
    {"id": "small", "sums": {"total_fen": 10_000}, "visit": {"care_kind": "outpatient"}},
    {"id": "large", "sums": {"total_fen": 9_000_000}},
    {"id": "even", "sums": {"total_fen": 400_000}},
    {"id": "pharmacy", "sums": {"total_fen": 5_000}, "visit": {"care_kind": "pharmacy"}},
]


def test_diff_says_who_pays_more_by_how_much_and_why(tmp_path: Path) -> None:
    old, new = put(tmp_path, "a.py", SEVENTY), put(tmp_path, "b.py", EIGHTY)
    told = json.loads(
        yibao("diff", old, new, "--claims", put(tmp_path, "c.json", CLAIMS), "--json").stdout
    )
    expected = {}
    for claim in CLAIMS[:3]:
        persons = [
            adjudicate(normalise(claim), PolicyProgram(source)).person_fen
            for source in (SEVENTY, EIGHTY)
        ]
        expected[claim["id"]] = persons[1] - persons[0]
    assert expected == {"small": 7_000, "large": -860_000, "even": 0}
    assert {c["claim"]: c["person_change_fen"] for c in told["changed"]} == {
        **expected, "pharmacy": None,
    }  # fmt: skip
    assert told["claims"] == 4
    assert [told[k] for k in ("pay_more", "pay_less", "same", "undecided")] == [1, 1, 1, 1]
    assert told["person_change_fen"] == sum(expected.values())
    assert told["payer_change_fen"] == {"310100": -sum(expected.values())}
    assert told["changed"][0]["claim"] == "large"
    assert "× 70%" in told["changed"][0]["why"]
    assert told["changed"][-1]["why"] == "decided -> policy.refuses"
    assert told["groups"]["outpatient"]["pay_more"] == 1


@pytest.mark.parametrize("form", ["array", "lines", "folder", "one"])
def test_claims_come_in_four_forms(tmp_path: Path, form: str) -> None:
    old, new = put(tmp_path, "a.py", SEVENTY), put(tmp_path, "b.py", EIGHTY)
    claims = CLAIMS[1:3]
    match form:
        case "array":
            path = put(tmp_path, "c.json", claims)
        case "lines":
            path = put(tmp_path, "c.jsonl", "\n".join(json.dumps(c) for c in claims) + "\n\n")
        case "one":
            path = put(tmp_path, "c.json", json.dumps(claims[0], indent=2))
        case _:
            path = tmp_path / "cases"
            path.mkdir()
            for claim in claims:
                put(path, f"{claim['id']}.json", claim)
    told = json.loads(yibao("diff", old, new, "--claims", path, "--json").stdout)
    assert told["person_change_fen"] == -860_000
    assert told["claims"] == (1 if form == "one" else 2)


def test_diff_for_people(tmp_path: Path) -> None:
    old, new = put(tmp_path, "a.py", SEVENTY), put(tmp_path, "b.py", EIGHTY)
    done = yibao("diff", old, new, "--claims", put(tmp_path, "c.json", CLAIMS), "--by", "scheme")
    assert done.exit_code == 0
    for words in ("-8,600.00", "+70.00", "310100", "large", "310"):
        assert words in done.stdout
    done = yibao("diff", old, old, "--claims", put(tmp_path, "c.json", CLAIMS))
    assert "no claim is decided otherwise" in done.stdout


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ("{", "not JSON"),
        ('[{"sums": {"total_fen": 1.5}}]', "c.json[0]: sums.total_fen"),
        ('{"sums": {"total_fen": 5}}\n{"sum": 5}\n', "c.json:2: sum: no such key"),
    ],
)
def test_a_claim_that_is_none_ends_the_comparison(tmp_path: Path, claims: str, words: str) -> None:
    policy = put(tmp_path, "a.py", SEVENTY)
    done = yibao("diff", policy, policy, "--claims", put(tmp_path, "c.json", claims))
    assert done.exit_code == 1
    assert words in done.output


def test_with_a_third_party_liable_neither_policy_is_asked(tmp_path: Path) -> None:
    """As on the ledger: the bill is the person's under any rule."""
    claim = {"sums": {"total_fen": 100_000}, "visit": {"trauma": True, "third_party": True}}
    claims = put(tmp_path, "c.json", json.dumps([claim | {"id": "c1"}]))
    old, new = put(tmp_path, "old.py", SEVENTY), put(tmp_path, "new.py", EIGHTY)
    told = json.loads(yibao("diff", old, new, "--claims", claims, "--json").stdout)
    assert (told["same"], told["person_change_fen"]) == (1, 0)
