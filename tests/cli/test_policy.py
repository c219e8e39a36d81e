"""``yibao policy``: the author's linter and the patient's calculator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.policy import app

CASES = Path(__file__).resolve().parents[1] / "cases"
KEYS = (
    "total_fen", "own_expense_fen", "over_ceiling_fen", "first_pay_fen", "in_scope_fen",
    "deductible_fen", "payments", "commercial_fen", "hospital_share_fen", "person_fen",
    "account_fen", "cash_fen", "counters",
)  # fmt: skip
ANSWER = json.loads((CASES.parents[1] / "docs" / "policy-answer.schema.json").read_text("utf-8"))
GOOD = 'def settle(case):\n    return {"payments": []}\n'


def yibao(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})


def put(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


@pytest.mark.parametrize("path", sorted(CASES.glob("*.json")), ids=lambda p: p.stem)
def test_every_published_case_runs_offline(path: Path) -> None:
    document = json.loads(path.read_text("utf-8"))
    if "identity" in document:
        return
    done = yibao("run", CASES / document["policy"], path, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert set(KEYS) <= told.keys()
    assert all({"fund", "amount_fen", "why"} <= payment.keys() for payment in told["payments"])
    assert all(row["met"] for row in told["expected"])
    jsonschema.Draft202012Validator(ANSWER).validate(told)


def test_run_prints_split_payments_steps_and_counters_for_people() -> None:
    done = yibao("run", CASES / "policies" / "case_ip03_resident.py", CASES / "ip-03.json")
    assert done.exit_code == 0
    for words in (
        "医疗费总额 total", "100,000.00", "先行自付 first pay", "600.00",
        "390100 城乡居民基本医保基金", "66,120.00", "大病保险", "32,240.00",
        "(20,000.00 − 900.00) × 32%", "critical_base_fen", "丙类", "对照 expected",
    ):  # fmt: skip
        assert words in done.stdout


def test_check_prints_diagnostics_like_a_linter(tmp_path: Path) -> None:
    path = put(tmp_path, "p.py", "def settle(case):\n    return case.total / 2\n")
    done = yibao("check", path)
    assert done.exit_code == 1
    assert done.stdout.startswith(f"{path}:2:16: operator.attribute: ")
    assert f"{path}:2:23: operator.divide: " in done.stdout
    told = json.loads(yibao("check", path, "--json").stdout)
    assert told["ok"] is False
    assert [(d["line"], d["column"], d["rule"]) for d in told["diagnostics"]] == [
        (2, 16, "operator.attribute"), (2, 23, "operator.divide"),
    ]  # fmt: skip


def test_check_passes_a_good_policy(tmp_path: Path) -> None:
    done = yibao("check", put(tmp_path, "p.py", GOOD), "--deploy")
    assert done.exit_code == 0
    assert "ok, 256 trial decisions balance" in done.stdout


def test_check_warns_of_what_a_deployment_would_refuse(tmp_path: Path) -> None:
    path = put(
        tmp_path, "p.py",
        'def settle(case):\n    x = case["sums"]["in_scope_fen"] - yuan(900)\n'
        '    return {"payments": [payment("310100", x)]}\n',
    )  # fmt: skip
    done = yibao("check", path)
    assert done.exit_code == 0
    assert f"{path}:3:26: warning: policy.trial-failed:" in done.stdout
    assert yibao("check", path, "--deploy").exit_code == 1
    told = json.loads(yibao("check", path, "--json").stdout)
    assert (told["ok"], told["deployable"]) == (True, False)
    assert told["trial"]["failure"]["code"] == "policy.trial-failed"


def test_where_another_is_liable_no_policy_is_asked_as_on_the_ledger(tmp_path: Path) -> None:
    pays = put(tmp_path, "p.py",
               'def settle(case):\n    return {"payments": [payment("310100", 9)]}\n')  # fmt: skip
    for liable, cash in ((False, 491), (True, 500)):
        visit = {"trauma": True, "third_party": liable}
        case = put(tmp_path, "c.json", {"sums": {"total_fen": 500}, "visit": visit})
        told = json.loads(yibao("run", pays, case, "--json").stdout)
        assert told["cash_fen"] == cash
        assert bool(told["refusals"]) is liable


def test_run_compares_expected_figures(tmp_path: Path) -> None:
    case = put(
        tmp_path, "c.json",
        {"sums": {"total_fen": 500}, "expected": {"cash": {"fen": 499, "is": "cash_fen"}}},
    )  # fmt: skip
    done = yibao("run", put(tmp_path, "p.py", GOOD), case)
    assert done.exit_code == 1
    assert "differ from expected: cash" in done.output


@pytest.mark.parametrize(
    ("policy", "case", "code", "words"),
    [
        (GOOD, "{", 1, "c.json:1:2: not JSON"),
        (GOOD, {"sums": {"total_fen": 1.5}}, 1, "sums.total_fen"),
        (GOOD, {"sums": {"total_fen": 5}, "surprise": 1}, 1, "surprise: no such key"),
        (GOOD, [], 1, "want an object"),
        (GOOD, "[" * 100_000, 1, "nested too deep"),
        ('def settle(case):\n    return {"payments": [payment("310100", 9)]}\n',
         {"sums": {"total_fen": 5}}, 1, "policy.overspends"),
        ('def settle(case):\n    return case["sum"]\n', {"sums": {"total_fen": 5}}, 1, ":2:"),
        ("def settle(case):\n    return 1 / 2\n", {"sums": {"total_fen": 5}}, 1,
         "operator.divide"),
        ("def other(case):\n    return 1\n", {"sums": {"total_fen": 5}}, 1, "entry.missing"),
        ("def settle():\n    return 1\n", {"sums": {"total_fen": 5}}, 1, "entry.parameters"),
        (GOOD, {"sums": {"total_fen": 5}, "expected": {"x": {"fen": 5, "is": "step no"}}}, 1,
         "no such step"),
        (GOOD, {"sums": {"total_fen": 5}, "expected": {"x": {"fen": 5, "is": "luck"}}}, 1,
         "no such figure"),
    ],
)  # fmt: skip
def test_what_cannot_be_decided_is_said(
    tmp_path: Path, policy: str, case: Any, code: int, words: str
) -> None:
    done = yibao("run", put(tmp_path, "p.py", policy), put(tmp_path, "c.json", case))
    assert done.exit_code == code
    assert words in done.output
    assert "Traceback" not in done.output
    told = yibao("run", tmp_path / "p.py", tmp_path / "c.json", "--json")
    assert told.exit_code == code
    assert {"refused", "values", "message"} == json.loads(told.stdout).keys()


def test_a_missing_file_is_this_machine_s_matter(tmp_path: Path) -> None:
    done = yibao("check", tmp_path / "none.py")
    assert done.exit_code == 6
    assert "cannot read" in done.output


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.py"
    path.write_bytes(b"# \xff\n" + GOOD.encode())
    assert yibao("check", path).exit_code == 6


def test_the_counters_of_one_decision_feed_the_next(tmp_path: Path) -> None:
    """Two visits of one year under the yearly cap of op-07: 1,800 + 200 = the cap of 2,000."""
    policy = CASES / "policies" / "case_op07_employee.py"
    first = put(tmp_path, "1.json", {"sums": {"total_fen": 260_000}})
    told = json.loads(yibao("run", policy, first, "--json").stdout)
    assert told["counters"] == {"outpatient_deductible_fen": 20_000, "outpatient_paid_fen": 180_000}
    second = put(tmp_path, "2.json", {"sums": {"total_fen": 260_000}, "counters": told["counters"]})
    again = json.loads(yibao("run", policy, second, "--json").stdout)
    assert (again["funds_fen"], again["deductible_fen"]) == (20_000, 0)


def test_a_refusal_is_an_object_for_programs(tmp_path: Path) -> None:
    policy = put(
        tmp_path, "p.py", 'def settle(case):\n    return {"payments": [payment("310100", 9)]}\n'
    )
    case = put(tmp_path, "c.json", {"sums": {"total_fen": 5}})
    told = json.loads(yibao("run", policy, case, "--json").stdout)
    assert told["refused"] == "policy.overspends"
    assert (told["values"]["amount_fen"], told["values"]["open_fen"]) == (9, 5)


@pytest.mark.parametrize("text", ["[/bold]", "[bold red]", "[link=x]y[/link]"])
def test_what_a_file_holds_is_never_markup(tmp_path: Path, text: str) -> None:
    policy = put(tmp_path, "p.py", GOOD)
    wrong = put(tmp_path, "c.json", {"sums": {"total_fen": 5}, "channel": text})
    assert text in yibao("run", policy, wrong).output
    right = put(tmp_path, "d.json", {"lines": [{"code": text, "amount_fen": 5}]})
    assert text in yibao("run", policy, right).output


def test_what_a_file_holds_never_steers_the_terminal(tmp_path: Path) -> None:
    lines = [{"code": "\x1b[2J\x07", "amount_fen": 5}]
    expected = {"\x1b[31m": {"fen": 5, "is": "cash_fen"}}
    for document in (
        {"lines": lines, "expected": expected},
        {"sums": {"total_fen": 5}, "channel": "\x1b[2J"},
        {"sums": {"total_fen": 5}, "\x1b[2J": 1},
        {"sums": {"total_fen": 5}, "parameters": {"\x1b[2J": 0.5}},
    ):
        done = yibao("run", put(tmp_path, "p.py", GOOD), put(tmp_path, "c.json", document))
        assert "\x1b" not in done.output
        assert "x1b[" in done.output


PAYS = 'def settle(case):\n    return {"payments": [payment("310100", %s)]}\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"sums": {"total_fen": 1, "total_fen": 2}}', "'total_fen' stands twice"),
        ('{"sums": {"total_fen": 1}, "sums": {"total_fen": 2}}', "'sums' stands twice"),
        ('{"sums": {"total_fen": 1}, "note": NaN}', "NaN is no number"),
        ('{"sums": {"total_fen": 1}, "parameters": {"x": -Infinity}}', "Infinity is no number"),
        ('{"sums": {"total_fen": ' + "9" * 5000 + "}}", "a number of 5000 digits"),
        ('{"lines": [{"code": "\\ud800", "amount_fen": 5}]}', "half a character"),
        ('{"sums": {"total_fen": 1}, "\\ud800": 1}', "half a character"),
        ('{"sums": {"total_fen": "' + "x" * 100_000 + '"}}', "got 'xxxx"),
        ('{"sums": {"total_fen": ' + "[" * 900 + "]" * 900 + "}}", "got a list"),
        ('{"sums": {"total_fen": 1e5}}', "got 100000.0"),
        ('{"sums": {"total_fen": true}}', "got true"),
        ('{"sums": {"total_fen": 1}, "person": {"catgory": "active"}}', "perhaps category"),
        ('{"sums": {"total_fen": 1}, "person": {"category": "retierd"}}', "retired"),
        ('{"sums": {"total_fen": 1}, "visit": {"care_kind": "inpatiant"}}', "inpatient"),
        ('{"sums": {"total_fen": 1}, "filing": {"type": "refferal"}}', "referral"),
        ('{"sums": {"total_fen": 1}, "counters_by_year": {"twenty": {}}}', "want a year"),
        ('{"sums": {"total_fen": 1}, "expected": {"x": {"fen": 0, "is": "fund 39020O"}}}',
         "not in the table of funds"),
        ('{"sums": {"total_fen": 1}, "expected": {"x": {"fen": 0, "is": "counter no"}}}',
         "no such counter; there are: none"),
    ],
)  # fmt: skip
def test_a_file_that_could_be_read_two_ways_or_not_at_all_is_refused(
    tmp_path: Path, text: str, words: str
) -> None:
    done = yibao("run", put(tmp_path, "p.py", GOOD), put(tmp_path, "c.json", text))
    assert done.exit_code == 1
    assert words in done.stderr
    assert len(done.stderr) < 1_000
    assert isinstance(done.exception, SystemExit)


def test_a_byte_order_mark_and_many_bytes(tmp_path: Path) -> None:
    policy = put(tmp_path, "p.py", GOOD)
    marked = put(tmp_path, "c.json", '\ufeff{"sums": {"total_fen": 1}}')
    assert yibao("run", policy, marked).exit_code == 0
    large = put(tmp_path, "d.json", '{"note": "' + "x" * 9_000_000 + '"}')
    done = yibao("run", policy, large)
    assert (done.exit_code, "is larger than" in done.output) == (6, True)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (PAYS % "yuan(20)", "pays 20.00, but only 0.05 are still open (in_scope)"),
        (PAYS % 'part(5, 85, "basic")', 'part: want a ratio as text like "80%", got 85'),
        (PAYS % 'case["sums"]["in_scope"]', "'in_scope'; there are first_pay_fen, in_scope_fen"),
        ("def settle(case):\n    x = 1\n", "not None; every way through settle needs a return"),
        ('def settle(case):\n    return {"payment": []}\n', "no such key; there are payments"),
        ('def settle(case):\n    return {"payments": payment("310100", 1)}\n', "not a map"),
        ('def settle(case):\n    x = [1]\n    for i in range(99):\n        x = x + x\n'
         '    return {"payments": []}\n', "beyond its length, at most 10000"),
        ('def settle(case):\n    return {"payments": [], "counters": {"x": 1 // 0}}\n', "by 0"),
        ('def settle(case):\n    return {"payments": [], "counters": {"x": -1}}\n',
         "counters.negative"),
        ('def settle(case):\n    return {"payments": [], "counters": {"admissions": 1}}\n',
         "counts admissions itself"),
    ],
)  # fmt: skip
def test_run_and_check_tell_the_author_the_same(tmp_path: Path, source: str, words: str) -> None:
    policy = put(tmp_path, "p.py", source)
    ran = yibao("run", policy, put(tmp_path, "c.json", {"sums": {"total_fen": 5}}))
    assert ran.exit_code == 1
    assert words in ran.stderr
    assert "Tell the bureau" not in ran.stderr, "the author is the bureau"
    checked = yibao("check", policy, "--deploy")
    assert checked.exit_code == 1
    assert words.replace("20.00, but only 0.05", "20.00, but only 0.00") in checked.stdout


def test_a_stay_over_the_years_end_shows_its_years(tmp_path: Path) -> None:
    source = (
        'def settle(case):\n    pay = part(case["sums"]["in_scope_fen"], "80%", "basic")\n'
        '    return {"payments": [payment("310100", pay, "basic")]}\n\n\n'
        'def cross_year():\n    return "split_by_service_date"\n'
    )
    case = {
        "lines": [
            {"code": "a", "class": "01", "amount_fen": 100, "service_date": "2024-12-31"},
            {"code": "b", "class": "01", "amount_fen": 200, "service_date": "2025-01-01"},
        ],
        "visit": {"admission": "2024-12-31", "discharge": "2025-01-01"},
    }
    told = yibao("run", put(tmp_path, "p.py", source), put(tmp_path, "c.json", case)).stdout
    assert told.count("basic 2024") == told.count("basic 2025") == 2


def test_a_terminal_without_our_signs_gets_the_figures_all_the_same(tmp_path: Path) -> None:
    policy = put(tmp_path, "p.py", PAYS % 'above(case["sums"]["in_scope_fen"], 1)')
    case = put(tmp_path, "c.json", {"sums": {"total_fen": 500}})
    for encoding in ("gbk", "ascii"):
        done = subprocess.run(
            [sys.executable, "-c", "from cli.policy import app; app()", "run", policy, case],
            env={**os.environ, "PYTHONIOENCODING": encoding}, cwd=CASES.parents[1],
            capture_output=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"4.99" in done.stdout
