"""An objection at the command line: lodged from a file, listed, answered, traced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.month_desk import JUNE, Desk
from tests.contracts.settlement.claim_world import BED, line
from tests.contracts.world import BUREAU_CHANGSHA, BUREAU_GUANGDONG, BUREAU_HUNAN, CENTRE

ONE, NAME = "H44010000123-m-1", "430000-o1"
PAIR = ("430000", "440000")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "node")
    made.settle(ONE, [line(1, BED, 100_000)])
    made.on("2025-07-01").declare()
    made.confirm()
    made.on("2025-07-21").do(CENTRE, "clearing", "cut", {"period": JUNE}, "finance")
    yield made
    made.close()


def test_from_the_file_to_the_trace(desk: Desk, tmp_path: Path) -> None:
    ask = desk.screens.on("2025-07-21")
    file = tmp_path / "objection.json"
    row = {"settlement": ONE, "amount_fen": 9_500, "reason": "wrong_amount"}
    args = {"objection": NAME, "period": JUNE, "home": PAIR[0], "care": PAIR[1], "rows": [row]}
    said = {"audit": {"statement": "The bed was charged for two days."}}
    file.write_text(json.dumps({"args": args, "attachments": said}), encoding="utf-8")
    ask.text(BUREAU_HUNAN, "finance", "objection", "lodge", file)
    shown = ask.json(BUREAU_GUANGDONG, "finance", "objection", "show", NAME)["record"]
    assert (shown["stage"], shown["open"], shown["due_on"]) == ("lodged", True, "2025-07-24")
    (row,) = ask.json(BUREAU_HUNAN, "finance", "clearing", "show", JUNE)["record"]["shown"]
    assert row["open_objections"] == 1
    ask.text(BUREAU_CHANGSHA, "finance", "objection", "show", NAME, code=4)

    file.write_text(json.dumps({"args": {"objection": NAME, "how": "move"}}), encoding="utf-8")
    ask.text(BUREAU_GUANGDONG, "finance", "objection", "answer", file)
    (one,) = ask.json(BUREAU_HUNAN, "finance", "objection", "list", JUNE, *PAIR)["records"]
    assert (one["stage"], one["to_period"], one["open"]) == ("moved", "2025-07", False)
    text = ask.text(BUREAU_HUNAN, "finance", "objection", "list", JUNE, *PAIR)
    assert "95.00" in text
    july = ask.json(BUREAU_HUNAN, "finance", "clearing", "statement", "2025-07", *PAIR)["record"]
    assert (july["total_fen"], july["moved_fen"]) == (9_500, 9_500)
    month = ask.json("auditor:national", "audit", "trace", ONE)["month"]
    (later,) = month["later"]
    assert (later["what"], later["stage"], later["period"]) == ("objection", "moved", "2025-07")
    assert "later 后续 objection 430000-o1: period 2025-07" in ask.text(
        "auditor:national", "audit", "trace", ONE
    )
    refused = ask.text(BUREAU_GUANGDONG, "finance", "objection", "answer", file, code=0)
    assert "moved" in refused, "the same answer again is answered as before"
