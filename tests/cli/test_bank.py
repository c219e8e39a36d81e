"""A bank at the command line: its orders out, its statement in, twice, and what waits."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli import bank
from cli.bank_file import BankFileError, read_statement
from cli.client import Client, Refused
from contracts.settlement.calendar import date_of_ms
from node.api import banks
from tests.cli.bridge import LiveClock, open_bridge
from tests.cli.running import yibao
from tests.contracts.world import BANK, CENTRE
from tests.node.api.real import PARTIES, NodeWorld

FINANCE = "finance:430000"
OTHER = "bank:ccb"
QUOTA = 1_234_567


class Bank:
    """A node on which a bank was told to pay an advance."""

    def __init__(self, world: NodeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self._monkeypatch = monkeypatch
        quota = {"home": "430000", "care": "440000", "scheme": "310", "quota_fen": QUOTA}
        made = world.do(CENTRE, "advance", "set_quota", quota, post="finance")
        self.payment = f"{FINANCE}:1"
        order = {"payment": self.payment, "notice": made.answer["notice"], "amount_fen": QUOTA,
                 "bank": BANK}  # fmt: skip
        world.do(FINANCE, "payment", "order", order, post="finance")
        world.do(FINANCE, "payment", "approve", {"payment": self.payment}, post="checker")
        self.today = date_of_ms(world.clock.ms)

    def run(self, *words: object, as_: str = BANK) -> Any:
        @contextmanager
        def opened(_context: object, *, signed: bool = True) -> Iterator[Client]:
            yield open_bridge(self.world, as_, "finance")[0]

        self._monkeypatch.setattr(bank, "open_client", opened)
        return yibao("bank", *words)

    def row(self, reference: str, **given: str) -> dict[str, str]:
        return {"reference": reference, "order": self.payment, "direction": "out",
                "amount": "12,345.67", "value_on": self.today, "reason": "", **given}  # fmt: skip


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    more = ((FINANCE, "finance", "430000"), (OTHER, "bank", "000000"))
    world = NodeWorld(tmp_path / "node", LiveClock(), parties=(*PARTIES, *more))
    yield Bank(world, monkeypatch)
    world.close()


def _csv(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_an_old_line_that_waits_is_listed_however_many_came_after_it(
    told: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = [told.row(f"R{n}", order="", amount="3.00") for n in range(5)]
    assert told.run("statement", _csv(tmp_path / "s.csv", waiting)).exit_code == 0
    monkeypatch.setattr(banks, "SUSPENSE_MAX", 2)
    listed = json.loads(told.run("suspense", "--json").output)["records"]
    assert [row["reference"] for row in listed] == ["R4", "R3", "R2", "R1", "R0"]


def test_orders_that_a_snapshot_passed_over_are_not_left_out_in_silence(
    told: Bank, tmp_path: Path
) -> None:
    out = tmp_path / "orders.csv"
    node: Any = told.world.node
    node.reader._newest.floor = floor = node.head.height + 1
    result = told.run("instructions", "--out", out, "--json")
    assert (result.exit_code, json.loads(result.stdout)["from_height"]) == (0, floor)
    assert f"no blocks below height {floor}" in " ".join(result.stderr.split())


def test_from_the_instruction_file_to_the_statement_and_once_more(
    told: Bank, tmp_path: Path
) -> None:
    out = tmp_path / "orders.csv"
    result = told.run("instructions", "--out", out, "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    assert json.loads(result.output) == {
        "file": str(out), "orders": 1, "amount_fen": QUOTA, "withdrawn": [], "from_height": 0
    }  # fmt: skip
    with out.open(encoding="utf-8-sig", newline="") as file:
        (order,) = csv.DictReader(file)
    assert (order["order"], order["amount"]) == (told.payment, "12345.67")
    assert (order["payer"], order["payee"]) == ("430000", "440000")

    rows = [
        told.row("R1"),
        told.row("R2", order="", amount="3.00"),
        told.row("R3", order="finance:430000:404"),
        told.row("R4"),
    ]
    file_ = _csv(tmp_path / "statement.csv", rows)
    first = told.run("statement", file_, "--json")
    assert first.exit_code == 1, "one line is refused"
    outcomes = [(row["outcome"], row["why"]) for row in json.loads(first.output)["lines"]]
    assert outcomes == [
        ("matched", ""), ("suspense", "no-order"), ("refused", "bank.foreign-order"),
        ("suspense", "paid-twice"),
    ]  # fmt: skip
    height = told.world.node.head.height
    again = told.run("statement", file_, "--json")
    assert json.loads(again.output)["lines"] == json.loads(first.output)["lines"]
    with told.world.node.reader.view() as view:
        leaves = view.receipts(height + 1)
        assert all(not leg for leg in [_postings(leaf) for leaf in leaves]), "told twice"

    waits = json.loads(told.run("suspense", "--json").output)["records"]
    assert [row["reference"] for row in waits] == ["R4", "R2"]
    assert "R2" in told.run("suspense").output
    assert json.loads(told.run("instructions", "--out", out, "--json").output)["orders"] == 0


def _postings(leaf: bytes) -> Any:
    from node.ledger.receipt import Receipt

    return Receipt.decode_trusted(leaf).postings


def test_a_json_statement_returns_an_order(told: Bank, tmp_path: Path) -> None:
    file = tmp_path / "statement.json"
    row = told.row("R1", direction="returned", reason="closed_account")
    file.write_text(json.dumps([row]), encoding="utf-8")
    assert told.run("statement", file).exit_code == 0
    out = tmp_path / "orders.json"
    told.run("instructions", "--out", out)
    assert json.loads(out.read_text(encoding="utf-8")) == []


def test_another_bank_sees_none_of_it(told: Bank) -> None:
    client = open_bridge(told.world, OTHER, "clerk")[0]
    for path in ("orders", "suspense"):
        with pytest.raises(Refused) as refused:
            client.get(f"/v1/banks/{BANK}/{path}")
        assert refused.value.code == "read.no-right"


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        ({"amount": "1.234"}, "row 1: amount"),
        ({"amount": "-5"}, "row 1: amount"),
        ({"value_on": "2025-02-30"}, "row 1: value_on"),
        ({"direction": "sideways"}, "row 1: direction"),
        ({"colour": "red"}, "row 1: want the columns"),
    ],
)
def test_a_file_that_is_no_statement_says_where(
    tmp_path: Path, spoilt: dict[str, str], words: str
) -> None:
    row = {"reference": "R1", "order": "", "direction": "out", "amount": "1.00",
           "value_on": "2025-06-10", "reason": ""}  # fmt: skip
    path = _csv(tmp_path / "s.csv", [row | spoilt])
    with pytest.raises(BankFileError, match=words):
        read_statement(path)


def test_a_file_that_is_no_list(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    for text in ("{}", "[1]", "not json", '[{"reference": "R1"}]'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(BankFileError):
            read_statement(path)
