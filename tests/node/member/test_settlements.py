"""A hospital's settlements: each proved by its receipt, decided again or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from node.ledger.evidence import ReceiptFacts, verify_evidence
from tests.contracts.settlement.claim_world import (
    BED,
    EMPLOYEE_POLICY,
    ClaimWorld,
    catalogue_rows,
    line,
    visit,
)
from tests.contracts.settlement.funds_world import deposit, enrol
from tests.contracts.world import HOSPITAL
from tests.node.api.real import OTHER_HOSPITAL
from tests.node.member.desk import Desk
from tests.node.member.liars import LIARS, about, content

CLAIM = "H44010000123-m-1"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("ledger"), organisation=HOSPITAL)
    speak: Any = desk.world
    claims = ClaimWorld(speak, desk.world.genesis.chain)
    claims.publish("2025.1", "2025-01-01", catalogue_rows())
    enrol(speak)
    deposit(speak, 50_000)
    claims.deploy("310", EMPLOYEE_POLICY)
    claims.file()
    claims.settle(CLAIM, [line(1, BED, 50_000)], visit(), clinical={})
    yield desk
    desk.close()


def test_a_settlement_is_kept_with_its_receipt(ledger: Desk, tmp_path: Path) -> None:
    desk = ledger.fresh(tmp_path)
    built = desk.rounds(2)
    (record,) = built.records.listed("settlement")
    assert (record.name, record.state) == (CLAIM, "settled")
    facts = verify_evidence(built.records.evidence("settlement", CLAIM) or b"", desk.world.genesis)
    assert isinstance(facts, ReceiptFacts)
    assert facts.receipt.amounts == record.facts["amounts"]
    assert record.facts["amounts"]["total_fen"] == 50_000
    asked = [path for path in desk.doors[0].asked if path.startswith("/v1/receipts/")]
    assert len(asked) == 1, "what is proved is not asked for again"


@pytest.mark.parametrize("name", sorted(LIARS))
def test_a_liar_proves_no_settlement_that_is_none(ledger: Desk, tmp_path: Path, name: str) -> None:
    desk = ledger.fresh(tmp_path, LIARS[name](), None)
    built = desk.rounds(2)
    (record,) = built.records.listed("settlement")
    assert record.facts["amounts"]["total_fen"] == 50_000


def test_a_settlement_of_another_name_is_a_lie(ledger: Desk, tmp_path: Path) -> None:
    @about("/changes")
    def renames(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        document = json.loads(answer.content)
        (row,) = [row for row in document["changes"] if row["kind"] == "settlement"]
        document["changes"].append({**row, "name": "H44010000123-m-2"})
        return content(answer, json.dumps(document).encode())

    desk = ledger.fresh(tmp_path, renames)
    built = desk.rounds()
    assert [record.name for record in built.records.listed("settlement")] == [CLAIM]
    (node,) = built.status()["nodes"]
    assert (node["state"], node["code"]) == ("lies", "member.other-subject")


def test_another_hospital_has_none_of_it(ledger: Desk, tmp_path: Path) -> None:
    desk = ledger.fresh(tmp_path)
    desk.organisation = OTHER_HOSPITAL
    try:
        built = desk.rounds()
    finally:
        desk.organisation = HOSPITAL
    assert not list(built.records.listed("settlement"))
    assert built.status()["agree"] == 1
