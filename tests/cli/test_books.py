"""The accountant's side: trial balance at any height, statements, vouchers, from a real node."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import typer

from cli import books, due, show
from cli.account_scheme import OWN_TABLE, Entry, Scheme, SchemeError
from cli.client import Client, Refused
from cli.session import explained
from cli.voucher_file import plain, write_xlsx, yuan_text
from contracts.settlement import CONTRACTS
from contracts.settlement.calendar import start_of_day_ms
from node.ledger.receipt import Receipt
from tests.cli.bridge import live_world, open_bridge
from tests.cli.running import yibao
from tests.contracts.settlement.claim_world import (
    BED,
    EMPLOYEE_POLICY,
    ClaimWorld,
    catalogue_rows,
    line,
)
from tests.contracts.settlement.funds_world import deposit, enrol
from tests.contracts.world import ALICE, BUREAU_CHANGSHA, BUREAU_GUANGZHOU, FINANCE, HOSPITAL
from tests.node.api.real import NodeWorld

CENTRE = "centre"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeWorld]:
    """A deposit, two settlements, one of them taken back."""
    made = live_world(tmp_path_factory.mktemp("books"))
    speak: Any = made
    claims = ClaimWorld(speak, made.genesis.chain)
    claims.publish("2025.1", "2025-01-01", catalogue_rows())
    enrol(speak)
    deposit(speak, 50_000)
    claims.deploy("310", EMPLOYEE_POLICY)
    for number, amount in enumerate((130_000, 90_000)):
        claims.settle(f"H44010000123-m-{number}", [line(1, BED, amount)], use_account=True)
    claims.reverse("H44010000123-m-1")
    yield made
    made.close()


class At:
    """Commands of somebody, with the client straight into the node."""

    def __init__(self, world: NodeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        self._world, self._monkeypatch = world, monkeypatch

    def client(self, organisation: str, post: str = "finance") -> Client:
        return open_bridge(self._world, organisation, post)[0]

    def run(self, organisation: str, *words: object, post: str = "finance") -> Any:
        @contextmanager
        def opened(_context: object, *, signed: bool = True) -> Iterator[Client]:
            with explained():
                yield self.client(organisation, post)

        for module in (books, show):
            self._monkeypatch.setattr(module, "open_client", opened)
        return yibao(*words)

    def json(self, organisation: str, *words: object) -> Any:
        result = self.run(organisation, *words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.output)


@pytest.fixture
def at(world: NodeWorld, monkeypatch: pytest.MonkeyPatch) -> At:
    return At(world, monkeypatch)


def test_the_trial_balance_is_that_of_the_balances_and_of_every_height(
    world: NodeWorld, at: At
) -> None:
    told = at.json(CENTRE, "fund", "trial-balance")
    assert told["imbalance_fen"] == 0
    assert told["rows"]
    for row in told["rows"]:
        name = f"person:{ALICE}:account" if row["kind"] == "person" else row["account"]
        who = BUREAU_CHANGSHA if row["kind"] == "person" else CENTRE
        post = "clerk" if row["kind"] == "person" else "finance"
        held = at.client(who, post).get(f"/v1/accounts/{name}")["balances"]
        assert held.get(row["fund_type"], 0) == row["balance_fen"], row["account"]
    summed: dict[tuple[str, str], int] = {}
    for height in range(told["at_height"] + 1):
        with world.node.reader.view() as view:
            for leaf in view.receipts(height):
                for leg in Receipt.decode_trusted(leaf).postings:
                    account = leg.account.replace(f"{ALICE}:account", "430100")
                    key = account, leg.fund_type
                    summed[key] = summed.get(key, 0) + leg.amount_fen
        then = at.json(CENTRE, "fund", "trial-balance", "--height", height)
        assert then["imbalance_fen"] == 0
        assert {(r["account"], r["fund_type"]): r["balance_fen"] for r in then["rows"]} == summed


def test_a_region_sees_its_own_side_and_nobody_is_named(at: At) -> None:
    home = at.json(BUREAU_CHANGSHA, "fund", "trial-balance", "--region", "430100")
    care = at.json(BUREAU_GUANGZHOU, "fund", "trial-balance", "--region", "440100")
    assert {row["kind"] for row in home["rows"]} == {"fund", "premium", "person"}
    assert {row["kind"] for row in care["rows"]} == {"payable", "patient", "income"}
    assert ALICE not in json.dumps([home, care])
    finance = at.json(FINANCE, "fund", "trial-balance", "--region", "430100")
    assert finance["rows"] == home["rows"]
    for who, region in ((BUREAU_CHANGSHA, "440100"), (FINANCE, "000000"), (HOSPITAL, "440100")):
        with pytest.raises(Refused) as refused:
            at.client(who).get("/v1/trial-balance", region=region)
        assert refused.value.code == "read.no-right"
    with pytest.raises(Refused) as refused:
        at.client(CENTRE).get("/v1/trial-balance", at_height=10**9)
    assert refused.value.code == "read.not-found"


def test_a_statement_opens_and_closes_with_the_balance(at: At) -> None:
    whole = at.json(CENTRE, "fund", "statement", f"payable:{HOSPITAL}")
    assert whole["opening_fen"] == {}
    amounts = [p["amount_fen"] for p in whole["postings"] if p["fund_type"] == "310100"]
    assert sum(amounts) == whole["closing_fen"]["310100"] == 65_000
    assert len(amounts) == 3, "two settlements and a reversal"
    day = at.json(CENTRE, "fund", "statement", f"payable:{HOSPITAL}", "--to", "2025-12-31")
    assert day["postings"] == [], "everything happened later"
    assert (day["opening_fen"], day["closing_fen"]) == ({}, {})
    assert at.run(CENTRE, "fund", "statement", "fund:430100", "--from", "2025-02-30").exit_code == 2
    whole = at.json(CENTRE, "fund", "statement", "fund:430100")
    since_ever = at.json(CENTRE, "fund", "statement", "fund:430100", "--from", "1000-01-01")
    assert since_ever["postings"] == whole["postings"] != []


def test_a_statement_reads_no_further_than_its_last_day(
    at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy account goes on for years after the month that is asked about."""
    taken = 0
    whole = books.postings_of

    def counted(client: Client, account: str) -> Iterator[dict[str, Any]]:
        nonlocal taken
        for leg in whole(client, account):
            taken += 1
            yield leg

    monkeypatch.setattr(books, "postings_of", counted)
    every = at.json(CENTRE, "fund", "statement", f"payable:{HOSPITAL}")
    assert taken == len(every["postings"]) > 1
    taken = 0
    at.json(CENTRE, "fund", "statement", f"payable:{HOSPITAL}", "--to", "2025-12-31")
    assert taken == 1, "the first one that is too late"


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("by", ["day", "transfer"])
def test_vouchers_balance_and_a_reversal_is_red(at: At, tmp_path: Path, by: str) -> None:
    path = tmp_path / "v.csv"
    told = at.json(CENTRE, "fund", "vouchers", "--out", path, "--by", by)
    rows = _rows(path)
    assert told["lines"] == len(rows) - 1 > 0
    assert told["open_fen"] == 0
    sums: dict[tuple[str, str], int] = {}
    for row in rows[1:]:
        debit, credit = (round(float(text or "0") * 100) for text in row[10:])
        sums[row[0], row[9]] = sums.get((row[0], row[9]), 0) + debit - credit
    assert not any(sums.values()), "each voucher balances fund by fund"
    # What a reversal gives back to the fund is the same expense, negative.
    red = [row for row in rows[1:] if row[3] == "claim.reverse" and row[8] == "fund:430100"]
    assert [(row[6], float(row[10] or 0) < 0, row[11]) for row in red] == [("5001", True, "")]
    again = tmp_path / "again.csv"
    at.json(CENTRE, "fund", "vouchers", "--out", again, "--by", by)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("who", "region"), [(BUREAU_CHANGSHA, "430100"), (BUREAU_GUANGZHOU, "440100")]
)
def test_the_vouchers_of_one_region_balance_too(
    at: At, tmp_path: Path, who: str, region: str
) -> None:
    path = tmp_path / "v.csv"
    told = at.json(who, "fund", "vouchers", "--out", path, "--region", region, "--by", "transfer")
    assert told["lines"] > 0
    assert told["open_fen"] == 0
    sums: dict[tuple[str, str], int] = {}
    elsewhere = 0
    for row in _rows(path)[1:]:
        debit, credit = (round(float(text or "0") * 100) for text in row[10:])
        sums[row[0], row[9]] = sums.get((row[0], row[9]), 0) + debit - credit
        if row[8] == f"elsewhere:{region}":
            elsewhere += credit - debit
    assert not any(sums.values()), "each voucher balances fund by fund"
    # What other areas book of it: the settlements that stand, from either side.
    books = at.json(who, "fund", "trial-balance", "--region", region)
    assert elsewhere == -sum(row["balance_fen"] for row in books["rows"])
    assert elsewhere


def test_a_workbook_holds_what_the_text_holds(at: At, tmp_path: Path) -> None:
    path, text = tmp_path / "v.xlsx", tmp_path / "v.csv"
    at.json(BUREAU_CHANGSHA, "fund", "vouchers", "--region", "430100", "--out", path)
    at.json(BUREAU_CHANGSHA, "fund", "vouchers", "--region", "430100", "--out", text)
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(path) as book:
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
    found = []
    for row in sheet.iter(f"{space}row"):
        cells = {}
        for cell in row:
            value = cell.find(f"{space}v")
            shown = value if value is not None else cell.find(f"{space}is/{space}t")
            assert cell.find(f"{space}f") is None, "nothing is computed"
            cells["".join(filter(str.isalpha, cell.attrib["r"]))] = (
                "" if shown is None else shown.text
            )
        found.append(cells)
    want = _rows(text)
    assert len(found) == len(want)
    for cells, row in zip(found[1:], want[1:], strict=True):
        assert cells["I"] == row[8]
        for column, text in (("K", row[10]), ("L", row[11])):
            assert Decimal(cells.get(column) or 0) == Decimal(text or 0), "no double's last digits"
    again = tmp_path / "again.xlsx"
    at.json(BUREAU_CHANGSHA, "fund", "vouchers", "--region", "430100", "--out", again)
    assert again.read_bytes() == path.read_bytes()


def test_texts_are_never_formulas_and_amounts_are_exact() -> None:
    assert [plain(t) for t in ("=1+1", "+1", "-1", "@x", "a=b", "")] == [
        "'=1+1", "'+1", "'-1", "'@x", "a=b", "",
    ]  # fmt: skip
    assert [yuan_text(n) for n in (0, 5, -5, 123_456_789)] == ["", "0.05", "-0.05", "1234567.89"]


@pytest.mark.parametrize(
    ("fen", "text"), [(7_382, "73.82"), (-9_143, "-91.43"), (300_000, "3000"), (1, "0.01"),
                      (10**15 - 1, "9999999999999.99")],
)  # fmt: skip
def test_a_workbook_has_the_decimals_and_not_a_doubles(fen: int, text: str, tmp_path: Path) -> None:
    path = tmp_path / "one.xlsx"
    entry = Entry("v", "2025-06-01", 1, "c", "t", "b", "1", "n", "d", "310100", fen, 0)
    assert write_xlsx(path, [entry]) == 1
    with zipfile.ZipFile(path) as book:
        assert f"<v>{text}</v>" in book.read("xl/worksheets/sheet1.xml").decode()


def test_a_table_of_accounts_that_is_none_is_refused(tmp_path: Path, at: At) -> None:
    Scheme.read(OWN_TABLE)
    whole = json.loads(OWN_TABLE.read_text(encoding="utf-8"))
    for spoilt in (
        {**whole, "rows": whole["rows"][1:]},
        {**whole, "books": whole["books"][:-1]},
        {**whole, "rows": [{"kind": "fund", "into": ["1"], "out_of": ["1", "a"]}]},
        [],
    ):
        path = tmp_path / "table.json"
        path.write_text(json.dumps(spoilt), encoding="utf-8")
        with pytest.raises(SchemeError):
            Scheme.read(path)
        result = at.run(CENTRE, "fund", "vouchers", "--out", tmp_path / "v.csv", "--scheme", path)
        assert result.exit_code == 6
    assert at.run(CENTRE, "fund", "vouchers", "--out", tmp_path / "v.txt").exit_code == 2


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_vouchers_are_written_whole_or_not_at_all(
    at: At, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    nowhere = at.run(CENTRE, "fund", "vouchers", "--out", tmp_path / "none" / f"v.{suffix}")
    assert (nowhere.exit_code, "cannot write" in nowhere.output) == (6, True)
    path = tmp_path / f"v.{suffix}"
    path.write_bytes(b"those of last month")

    def break_off(*_: object) -> Iterator[dict[str, Any]]:
        legs = [("fund:430100", 5), ("premium:430100", -5)]
        yield {
            "time_ms": 0, "at_height": 1, "call": "claim.settle", "transfer_id": "t",
            "legs": [{"account": name, "fund_type": "310100", "amount_fen": fen}
                     for name, fen in legs],
        }  # fmt: skip
        raise typer.Exit(3)

    monkeypatch.setattr(books, "_vouchers", break_off)
    broken = at.run(CENTRE, "fund", "vouchers", "--out", path, "--by", "transfer")
    assert broken.exit_code == 3
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"those of last month"


@pytest.mark.parametrize(
    "words", [("statement", "fund:430100"), ("vouchers", "--out", "never.csv")]
)
def test_days_the_wrong_way_round_are_no_empty_book(at: At, words: tuple[str, ...]) -> None:
    days = ("--from", "2025-07-01", "--to", "2025-06-01")
    assert at.run(CENTRE, "fund", *words, *days).exit_code == 2
    both = at.run(CENTRE, "fund", "trial-balance", "--height", "1", "--on", "2025-06-01")
    assert both.exit_code == 2


class Snapshot:
    """A client of a node that took a snapshot: a block a day from 2025-06-01 on, none below
    height 20, of height 19 the header."""

    def get(self, path: str) -> Any:
        if path == "/v1/status":
            return {"height": 30}
        height = int(path.rpartition("/")[2])
        if 0 < height < 19:
            raise Refused(410, {"code": "read.below-floor", "values": {"floor": 20}})
        noon = start_of_day_ms("2025-06-01") + books.DAY_MS // 2
        return {"header": {"time_ms": noon + height * books.DAY_MS if height else 0}}


@pytest.mark.parametrize(("day", "height"), [("2025-06-20", 19), ("2025-06-21", 20),
                                             ("2025-06-30", 29), ("2025-12-31", 30)])  # fmt: skip
def test_a_day_above_the_floor_of_a_snapshot_is_found(day: str, height: int) -> None:
    client: Any = Snapshot()
    assert books.last_height_of(client, day) == height


def test_a_day_below_the_floor_of_a_snapshot_is_for_another_node() -> None:
    client: Any = Snapshot()
    assert books.height_before(client, "2025-06-21") == 19
    with pytest.raises(Refused, match=r"read\.below-floor"):
        books.height_before(client, "2025-06-20")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("fund", "balance", "fnd:430100"), "account 'fnd:430100': wanted is an account of the"),
        (("fund", "balance", "fund:4301"), "account 'fund:4301': wanted is an account of the"),
        (("fund", "trial-balance", "--region", "43"), "region '43': wanted is a district code"),
        (("fund", "batches", HOSPITAL, "--from", "2025-1", "--to", "2025-02"),
         "first '2025-1': wanted is a month YYYY-MM, for example 2025-06"),
        (("policy", "show", "430100", "310", "--on", "2025/06/30"),
         "date '2025/06/30': wanted is a day YYYY-MM-DD, for example 2025-06-30"),
        (("policy", "show", "430100", "310", "--on", "2025-02-30"),
         "date '2025-02-30': wanted is a day of the calendar"),
    ],
)  # fmt: skip
def test_what_was_mistyped_is_told_with_what_is_wanted(
    at: At, words: tuple[str, ...], told: str
) -> None:
    result = at.run(CENTRE, *words)
    assert result.exit_code == 4
    assert told in " ".join(result.stderr.split())
    assert "next: correct it" in result.stderr


def test_an_account_that_nothing_was_posted_on_is_told_as_such(at: At) -> None:
    result = at.run(CENTRE, "fund", "balance", "fund:659000")
    assert (result.exit_code, "none 无" in result.stdout) == (1, True)
    result = at.run(CENTRE, "fund", "balance", "fund:659000", "--json")
    assert (result.exit_code, json.loads(result.stdout)["balances"]) == (1, {})


def test_a_name_that_is_a_path_is_told_what_names_are(at: At) -> None:
    result = at.run(CENTRE, "fund", "balance", "fund:430100/x")
    assert (result.exit_code, "a name has no /" in result.stderr) == (4, True)


def test_a_day_that_is_none_is_not_called_later_than_another(at: At) -> None:
    result = at.run(CENTRE, "fund", "statement", "fund:430100", "--from", "2025-6-1",
                    "--to", "2025-06-30")  # fmt: skip
    assert (result.exit_code, "not a day of the calendar" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    "call",
    ["claim.reverse", "claim.refund", "claim.resettle", "audit.decide", "recovery.receive",
     "reimbursement.again"],
)  # fmt: skip
def test_what_comes_back_to_a_fund_is_no_contribution(call: str) -> None:
    """Given back 756.00, and 700.00 paid anew in the same call: an expense less, and one more."""
    scheme = Scheme.read(OWN_TABLE)
    legs = [("fund:430100", "310100", 75_600), ("fund:430100", "310100", -70_000)]
    lines = scheme.entries("1", legs, day="", height=1, call=call, transfer="")
    assert [(line.code, line.debit_fen, line.credit_fen) for line in lines] == [
        ("5001", -75_600, 0), ("5001", 70_000, 0)
    ]  # fmt: skip


def test_money_in_a_wallet_is_an_expense_once() -> None:
    """When it leaves the account; sent back it is none after all."""
    scheme = Scheme.read(OWN_TABLE)

    def booked(call: str, *legs: tuple[str, int]) -> list[tuple[str, int, int]]:
        rows = [(account, "account", fen) for account, fen in legs]
        entries = scheme.entries("1", rows, day="", height=1, call=call, transfer="")
        return [(line.code, line.debit_fen, line.credit_fen) for line in entries]

    account, wallet = "person:p:430100:1:account", "wallet:p:430100:1"
    assert booked("wallet.send", (account, -100), (wallet, 100)) == [
        ("5001", 100, 0), ("2001", 0, 100)
    ]  # fmt: skip
    assert booked("claim.settle", (wallet, -100)) == [("2001", 100, 0)]
    assert booked("wallet.give_back", (wallet, -100), (account, 100)) == [
        ("2001", 100, 0), ("5001", -100, 0)
    ]  # fmt: skip


@pytest.mark.parametrize("by", ["day", "transfer"])
def test_an_account_that_moves_is_a_transfer_and_no_contribution(by: str) -> None:
    """A bill is taken back after its owner's insurance has moved: no care was paid for in the end,
    and what the old area's account had given goes on to the new area's."""
    old, new = "person:p:430100:1:account", "person:p:440100:1:account"
    export = books._Export(Scheme.read(OWN_TABLE), by)

    def voucher(transfer: str, *legs: tuple[str, int]) -> dict[str, Any]:
        shown = [{"account": a, "fund_type": "310200", "amount_fen": fen} for a, fen in legs]
        return {"time_ms": 0, "at_height": 1, "call": "claim.reverse", "transfer_id": transfer,
                "legs": shown}  # fmt: skip

    back = voucher("reversal/r-1", (old, 100), ("clearing:430100->440100", -100))
    moved = voucher(
        "move/r-1", (old, -100), ("clearing:430100->440100", 100),
        ("receivable:430100->440100", -100), (new, 100),
    )  # fmt: skip
    lines = list(export.entries(iter([back, moved])))
    booked = {(line.detail, line.code, line.debit_fen, line.credit_fen) for line in lines}
    assert {row for row in booked if row[0] in (old, new)} == {
        (old, "5001", -100, 0), (old, "5201", 100, 0), (new, "4301", 0, 100)
    }  # fmt: skip
    assert export.debit_fen == export.credit_fen


def test_the_calls_that_are_booked_red_are_calls() -> None:
    rows = json.loads(OWN_TABLE.read_text(encoding="utf-8"))["rows"]
    calls = {f"{c.name}.{m}" for c in CONTRACTS for m in c.methods}
    assert {call for row in rows for call in row.get("red", ())} <= calls


def test_a_due_day_says_where_no_holidays_are_published(
    at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "open_client", lambda _: at.client(CENTRE))
    told = json.loads(yibao("due", "2025-06-27", "--working-days", 1, "--json").stdout)
    assert (told["due"], told["holidays"][:14]) == ("2025-06-30", "none published")
