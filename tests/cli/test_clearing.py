"""The month over a real node: declared, cleared and paid by signed calls, then looked at with the
commands. An auditor follows a settlement from the bed to both banks' references."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import cli.client
from cli import calls, prepare, reconcile, show, trace
from cli.client import Client
from cli.exits import Exit
from cli.main import app
from cli.reconcile import RowsFileError, read_rows
from cli.session import explained
from contracts.settlement.calendar import start_of_day_ms
from tests.cli.bridge import open_bridge
from tests.contracts.settlement.claim_world import (
    BED,
    EMPLOYEE_POLICY,
    ClaimWorld,
    catalogue_rows,
    line,
    visit,
)
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.world import (
    BANK,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    CENTRE,
    HOSPITAL,
)
from tests.node.api.real import PARTIES, NodeWorld

AUDITOR = "auditor:national"
FINANCE_HUNAN, FINANCE_GUANGDONG = "finance:430000", "finance:440000"
ONE, TWO, THREE = (f"H44010000123-m-{n}" for n in (1, 2, 3))
MONTH = {"institution": HOSPITAL, "month": "2025-06"}
BILL, FUND, LEFT = 100_000, 59_500, 8_500
"""Alice's first visit of the year: 300.00 deductible, 85 %; what 100.00 more of care would be."""
USAGE = int(Exit.USAGE)
NOTICE = "clearing:2025-06:430000:440000"
INVOICE = {"code": "44060125", "number": "0012345678", "total_fen": BILL, "hash": bytes(32)}


def pay(world: NodeWorld, payer: str, number: int, notice: str, fen: int) -> None:
    payment = f"{payer}:{number}"
    order = {"payment": payment, "notice": notice, "amount_fen": fen, "bank": BANK}
    world.do(payer, "payment", "order", order, post="finance")
    world.do(payer, "payment", "approve", {"payment": payment}, post="checker")
    told = {"payment": payment, "amount_fen": fen, "reference": f"ICBC-{number}",
            "value_on": "2025-07-21"}  # fmt: skip
    world.do(BANK, "payment", "confirm", told, post="operator")


def tell(world: NodeWorld) -> None:
    """June: three visits, one taken back; all declared but the last, one line deducted."""
    speak: Any = world
    claims = ClaimWorld(speak, world.genesis.chain)
    claims.publish("2025.1", "2025-01-01", catalogue_rows())
    enrol(speak)
    claims.deploy("310", EMPLOYEE_POLICY)
    claims.file()
    world.do(CENTRE, "clearing", "open", {"period": "2025-06"}, post="finance")
    quota = {"home": "430000", "care": "440000", "scheme": "310", "quota_fen": 60_000}
    world.do(CENTRE, "advance", "set_quota", quota, post="finance")
    for name, fen in ((ONE, BILL), (TWO, 20_000), (THREE, 10_000)):
        printed = {"invoices": [INVOICE]} if name == ONE else {}
        claims.settle(name, [line(1, BED, fen)], visit(), **printed)
    claims.reverse(TWO)
    world.clock.ms = start_of_day_ms("2025-07-21") + 3_600_000 * 12
    pay(world, FINANCE_HUNAN, 1, "advance:430000:440000:1", 60_000)
    rows = [
        {"settlement": name, "total_fen": bill, "funds_fen": fund, "accounts_fen": 0}
        for name, bill, fund in (
            (ONE, BILL, FUND), (TWO, 20_000, 17_000), (f"{TWO}-r", -20_000, -17_000)
        )
    ]  # fmt: skip
    world.do(HOSPITAL, "declaration", "declare", {"month": "2025-06", "rows": rows},
             post="finance")  # fmt: skip
    total = {"scheme": "310", "clearing_type": "310112", "agency": "430100", "settlements": 3,
             "total_fen": BILL, "funds_fen": FUND, "accounts_fen": 0}  # fmt: skip
    world.do(HOSPITAL, "declaration", "close", {"month": "2025-06", "totals": [total]},
             post="finance")  # fmt: skip
    lines = [{"line": "1", "line_fen": BILL, "amount_fen": 500, "reason": "repeated_charge"}]
    world.do(BUREAU_GUANGZHOU, "audit", "notice",
             {"deduction": "440100-d1", "claim": ONE, "amount_fen": 500},
             attachments={"audit": {"lines": lines}}, post="audit")  # fmt: skip
    world.do(HOSPITAL, "audit", "answer", {"deduction": "440100-d1", "answer": "accept"},
             post="clerk")  # fmt: skip
    world.do(BUREAU_GUANGZHOU, "audit", "decide", {"deduction": "440100-d1", "amount_fen": 500})
    world.do(BUREAU_GUANGZHOU, "declaration", "audit", MONTH, post="audit")
    world.do(BUREAU_GUANGZHOU, "declaration", "confirm", MONTH | {"amount_fen": FUND - 500})
    pay(world, FINANCE_GUANGDONG, 2, f"institution:2025-06:{HOSPITAL}", FUND - 500)
    world.do(CENTRE, "clearing", "cut", {"period": "2025-06"}, post="finance")
    for bureau in (BUREAU_HUNAN, BUREAU_GUANGDONG):
        word = {"period": "2025-06", "home": "430000", "care": "440000", "amount_fen": FUND - 500}
        world.do(bureau, "clearing", "confirm", word, post="finance")
    pay(world, FINANCE_HUNAN, 3, NOTICE, FUND - 500)
    world.do(CENTRE, "clearing", "close", {"period": "2025-06"}, post="finance")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeWorld]:
    parties = (
        *PARTIES, (FINANCE_HUNAN, "finance", "430000"), (FINANCE_GUANGDONG, "finance", "440000")
    )  # fmt: skip
    made = NodeWorld(tmp_path_factory.mktemp("node"), parties=parties)
    tell(made)
    yield made
    made.close()


Ask = Callable[..., Any]


@pytest.fixture
def ask(world: NodeWorld, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """The command line on the world's clock, signing for whom the test says."""
    clock = world.clock

    class Time:
        time = staticmethod(lambda: clock.ms / 1000)
        time_ns = staticmethod(lambda: clock.ms * 1_000_000)

    monkeypatch.setattr(cli.client, "time", Time)

    def run(*words: str, who: str = AUDITOR, post: str = "audit", code: int = 0) -> Any:
        @contextmanager
        def opened(_: Any) -> Iterator[Client]:
            with explained():
                yield open_bridge(world, who, post)[0]

        for module in (show, trace, reconcile, prepare, calls):
            monkeypatch.setattr(module, "open_client", opened)
        result = CliRunner().invoke(app, list(words))
        assert result.exit_code == code, result.output
        return json.loads(result.output) if "--json" in words else result.output

    return run


def test_an_auditor_follows_a_settlement_to_both_banks(ask: Ask) -> None:
    traced = ask("trace", ONE, "--json")
    assert traced["state"] == "cleared"
    assert traced["balanced"]
    month = traced["month"]
    assert month["deducted"] == [{"fund": "310100", "amount_fen": 500}]
    assert month["institution"]["payment"]["reference"] == "ICBC-2"
    assert month["clearing"]["payment"]["reference"] == "ICBC-3"
    assert month["clearing"]["notice"]["amount_fen"] == FUND - 500
    text = ask("trace", ONE)
    for words in (
        "bank reference 银行流水号 bank:icbc ICBC-2 of 2025-07-21", "bank:icbc ICBC-3",
        "deducted 扣款 310100: 5.00", "430000 -> 440000, period 2025-06",
    ):  # fmt: skip
        assert words in text


def test_what_was_taken_back_is_followed_to_the_month_of_its_negative_row(ask: Ask) -> None:
    month = ask("trace", TWO, "--json")["month"]
    (later,) = month["later"]
    assert (later["what"], later["id"], later["month"]) == ("reversal", f"{TWO}-r", "2025-06")
    assert later["institution"]["payment"]["reference"] == "ICBC-2"
    assert later["clearing"]["payment"]["reference"] == "ICBC-3"
    assert f"later 后续 reversal {TWO}-r: period 2025-06" in ask("trace", TWO)


def test_a_hospital_sees_its_own_side_of_the_trace(ask: Ask) -> None:
    month = ask("trace", ONE, "--json", who=HOSPITAL, post="finance")["month"]
    assert month["institution"]["payment"]["reference"] == "ICBC-2"
    assert month["statement"] == {"withheld": True}
    assert "withheld from this reader" in ask("trace", ONE, who=HOSPITAL, post="finance")


def test_a_settlement_before_its_month_has_none(ask: Ask) -> None:
    assert ask("trace", THREE, "--json")["month"] is None


def test_declaration_and_ageing(ask: Ask) -> None:
    shown = ask("declaration", "show", HOSPITAL, "2025-06", "--json")["record"]
    assert (shown["stage"], shown["owed_fen"], shown["deducted_fen"]) == (
        "confirmed", FUND - 500, 500,
    )  # fmt: skip
    assert shown["totals"] == [
        {"scheme": "310", "clearing_type": "310112", "agency": "430100", "settlements": 3,
         "total_fen": BILL, "funds_fen": FUND, "accounts_fen": 0}
    ]  # fmt: skip
    aged = ask("declaration", "ageing", HOSPITAL, "--json", who=HOSPITAL, post="finance")["record"]
    assert aged["payable_fen"] == aged["undeclared_fen"] == LEFT, "the third visit is not declared"
    assert aged["months"] == []
    assert "85.00" in ask("declaration", "ageing", HOSPITAL)
    deduction = ask("audit", "show", "440100-d1", "--json")["record"]
    assert (deduction["stage"], deduction["by_fund"]) == ("decided", {"310100": 500})


def test_expected_against_received(ask: Ask) -> None:
    words = ("fund", "batches", HOSPITAL, "--from", "2025-05", "--to", "2025-06")
    none, june = ask(*words, "--json", who=HOSPITAL, post="finance")["records"]
    assert (none["stage"], none["expected_fen"], none["received_fen"]) == (None, None, 0)
    assert (june["declared_fen"], june["deducted_fen"]) == (FUND, 500)
    assert june["confirmed_fen"] == june["expected_fen"] == june["received_fen"] == FUND - 500
    assert (june["received_on"], june["bank_reference"]) == ("2025-07-21", "ICBC-2")
    assert (june["commercial_fen"], june["carried_fen"], none["carried_fen"]) == (0, 0, None)
    shown = ask(*words, who=HOSPITAL, post="finance")
    for figure in ("595.00", "5.00", "590.00"):  # declared, deducted, expected
        assert f" {figure} " in shown
    backwards = ("fund", "batches", HOSPITAL, "--from", "2025-06", "--to", "2025-05")
    ask(*backwards, who=HOSPITAL, post="finance", code=4)


def test_period_statement_advance_notice(ask: Ask) -> None:
    period = ask("clearing", "show", "2025-06", "--json")["record"]
    assert (period["stage"], period["statements"], period["shown_fen"]) == ("closed", 1, FUND - 500)
    mine = ask("clearing", "show", "2025-06", "--json", who=HOSPITAL, post="finance")["record"]
    assert mine["shown"] == []
    assert "590.00" in ask("clearing", "show", "2025-06")
    statement = ask("clearing", "statement", "2025-06", "430000", "440000", "--json")["record"]
    assert statement["rows"] == [
        {"area": "430100", "scheme": "310", "fund_type": "310100", "amount_fen": FUND - 500}
    ]
    assert statement["advance"] == "red", "590.00 of 600.00"
    assert "310100" in ask("clearing", "statement", "2025-06", "430000", "440000")
    advance = ask("advance", "show", "430000", "440000", "--json")["record"]
    assert (advance["prepaid_fen"], advance["schemes"][0]["quota_fen"]) == (60_000, 60_000)
    notice = ask("payment", "notice", NOTICE, "--json")["record"]
    assert (notice["stage"], notice["by_fund"]) == ("paid", {"310100": FUND - 500})
    paid = ask("payment", "show", f"{FINANCE_HUNAN}:3", "--json", who=BANK, post="clerk")["record"]
    assert (paid["maker"], paid["checker"], paid["stage"]) == ("s:finance", "s:checker", "paid")


# --- Reconciliation -------------------------------------------------------------------------------


def rows_file(folder: Path, *rows: tuple[str, str, str, str]) -> str:
    file = folder / "3202.txt"
    text = "".join(
        f"{name}\tmd\tpsn\t{bill}\t{fund}\t{acct}\t{int(bill.startswith('-'))}\n"
        for name, bill, fund, acct in rows
    )
    file.write_text(text, encoding="utf-8")
    return str(file)


ALL = (
    (ONE, "1000.00", "595.00", "0.00"), (TWO, "200.00", "170.00", "0"),
    (f"{TWO}-r", "-200.00", "-170.00", "0.00"), (THREE, "100", "85", "0"),
)  # fmt: skip


def test_a_month_that_agrees(ask: Ask, tmp_path: Path) -> None:
    file = rows_file(tmp_path, *ALL)
    found = ask("declaration", "reconcile", HOSPITAL, "2025-06", file, "--json", who=HOSPITAL,
                post="finance")  # fmt: skip
    assert (found["result"], found["differences"]) == (0, [])
    assert found["ledger"] == found["file"] == {
        "settlements": 4, "total_fen": 110_000, "funds_fen": 68_000, "accounts_fen": 0
    }  # fmt: skip
    (group,) = found["groups"]
    assert (group["scheme"], group["clearing_type"], group["agency"]) == (
        "310", "310112", "430100",
    )  # fmt: skip
    assert group["ledger"] == group["file"] == found["ledger"]


def test_the_mark_that_windows_puts_before_a_text_is_no_part_of_an_id(
    ask: Ask, tmp_path: Path
) -> None:
    file = Path(rows_file(tmp_path, *ALL))
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    found = ask("declaration", "reconcile", HOSPITAL, "2025-06", str(file), "--json",
                who=HOSPITAL, post="finance")  # fmt: skip
    assert (found["result"], found["differences"]) == (0, [])


def test_the_exact_settlements_that_differ(ask: Ask, tmp_path: Path) -> None:
    """61.00 more in the hospital's books, its refund forgotten, one that the ledger never had."""
    file = rows_file(
        tmp_path, (ONE, "1061.00", "595.00", "0"), (TWO, "200.00", "170.00", "0"),
        (THREE, "100", "85", "0"), ("H44010000123-m-9", "7.00", "0", "0"),
    )  # fmt: skip
    words = ("declaration", "reconcile", HOSPITAL, "2025-06", file)
    found = ask(*words, "--json", who=HOSPITAL, post="finance", code=1)
    assert [(d["settlement"], d["kind"]) for d in found["differences"]] == [
        (ONE, "amount-differs"), (f"{TWO}-r", "only-ours"), ("H44010000123-m-9", "only-theirs")
    ]  # fmt: skip
    assert "61.00" in ask(*words, who=HOSPITAL, post="finance", code=1)
    file = rows_file(tmp_path, (ONE, "1000.00", "595.01", "0"), *ALL[1:])
    told = ask(*words, who=HOSPITAL, post="finance", code=1)
    rows = [[cell.strip() for cell in line.split("│")] for line in told.splitlines()]
    assert ["595.00", "595.01", "0.01"] in [row[-4:-1] for row in rows]
    assert "总额" not in told, "the bills agree"
    known, unknown = found["groups"]
    assert (unknown["scheme"], unknown["file"]["total_fen"]) == (None, 700)
    for name in ("settlements", "total_fen", "funds_fen"):
        for side in ("ledger", "file"):
            assert known[side][name] + unknown[side][name] == found[side][name]
    ask("declaration", "reconcile", HOSPITAL, "2025-06", str(tmp_path / "no"), code=6)


def test_the_ledgers_rows_of_a_month_with_their_invoices(ask: Ask) -> None:
    told = ask("declaration", "rows", HOSPITAL, "2025-06", "--json", who=HOSPITAL, post="finance")
    rows = {row["settlement"]: row for row in told["rows"]}
    assert list(rows) == [ONE, TWO, THREE, f"{TWO}-r"]
    assert rows[ONE]["invoices"] == ["44060125/0012345678"]
    assert rows[f"{TWO}-r"]["refund_of"] == TWO
    text = ask("declaration", "rows", HOSPITAL, "2025-06", who=HOSPITAL, post="finance")
    assert "invoices" in text


def test_a_list_that_agrees_becomes_the_calls_that_declare_it(ask: Ask, tmp_path: Path) -> None:
    """The third visit was left out in June: it is declared in July."""
    file, out = rows_file(tmp_path, ALL[3]), tmp_path / "calls"
    words = ("declaration", "prepare", HOSPITAL, "2025-07", file, "--out", str(out))
    alone = ask(*words, who=HOSPITAL, post="finance", code=1)
    assert f"{THREE} (only-theirs)" in alone, "July has no such row by itself"
    assert not out.exists()
    told = ask(*words, "--since", "2025-06", "--json", who=HOSPITAL, post="finance")
    files = ["declare-1.json", "close.json"]
    assert told == {"month": "2025-07", "rows": 1, "files": files,
                    "left_out": 0, "left_out_fen": 0}  # fmt: skip
    tried = ask("declaration", "declare", str(out / "declare-1.json"), "--dry-run", "--json",
                who=HOSPITAL, post="finance")  # fmt: skip
    assert tried["receipt"]["answer"]["owed_fen"] == LEFT
    close = json.loads((out / "close.json").read_text(encoding="utf-8"))["args"]
    assert close["totals"] == [
        {"scheme": "310", "clearing_type": "310112", "agency": "430100", "settlements": 1,
         "total_fen": 10_000, "funds_fen": LEFT, "accounts_fen": 0}
    ]  # fmt: skip
    agreed = Path(file).read_text(encoding="utf-8")
    marked, twice, empty = (tmp_path / name for name in ("marked.txt", "twice.txt", "empty.txt"))
    marked.write_text("\ufeff" + agreed, encoding="utf-8")
    twice.write_text(agreed * 2, encoding="utf-8")
    empty.write_text("", encoding="utf-8")
    july = ("--out", str(out), "--since", "2025-06", "--json")
    prepare_ = ("declaration", "prepare", HOSPITAL, "2025-07")
    again = ask(*prepare_, str(marked), *july, who=HOSPITAL, post="finance")
    assert again == told, "a byte order mark is not part of the first row's id"
    ask(*prepare_, str(twice), *july[:-1], who=HOSPITAL, post="finance", code=1)
    lost = ask(*prepare_, str(empty), *july, who=HOSPITAL, post="finance")
    assert (lost["rows"], lost["left_out"], lost["left_out_fen"]) == (0, 1, LEFT)
    for since in ("2025-08", "2025-6", "x"):
        ask(*words, "--since", since, who=HOSPITAL, post="finance", code=USAGE)


def test_many_rows_are_many_calls() -> None:
    row = {"scheme": "310", "clearing_type": "11", "agency": "430100", "total_fen": 2,
           "funds_fen": 1, "accounts_fen": 0}  # fmt: skip
    rows = [row | {"settlement": f"{n}"} for n in range(2_001)]
    declares, close = prepare.calls_of("2025-06", rows)
    assert [len(args["rows"]) for args in declares] == [1_000, 1_000, 1]
    assert [t["settlements"] for t in close["totals"]] == [2_001]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\tb\n", "line 1 has 2 fields, want 7"),
        ("a\tb\tc\t1.234\t0\t0\t0\n", "line 1: '1.234'"),
        ("a\tb\tc\t-1\t0\t0\t0\n", "refd_setl_flag"),
        ("setl_id\tx\n\na\tb\tc\t1\t0\t0\t1\n", "line 3: refd_setl_flag"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(RowsFileError, match=words):
        read_rows(text)
