"""``yibao cover`` as insurer, patient's bureau and bank have it on the screen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.screens import Screens
from tests.contracts.settlement.claim_world import (
    BED,
    EMPLOYEE_POLICY,
    ClaimWorld,
    catalogue_rows,
    line,
    visit,
)
from tests.contracts.settlement.cover_world import INSURER, LATER_PRODUCT, PRODUCT, TWO_DEDUCTIBLES
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.world import ALICE, BANK, BUREAU_CHANGSHA, HOSPITAL
from tests.node.api.real import NodeWorld

CLAIM = "H44010000123-k-1"


class Desk(Screens):
    """Calls from files, as people at a desk hand them in."""

    def __init__(self, world: NodeWorld, folder: Path) -> None:
        super().__init__(world)
        self.folder = folder
        (folder / "rule.py").write_text(TWO_DEDUCTIBLES, encoding="utf-8")

    def call(
        self, organisation: str, post: str, method: str, args: dict[str, Any],
        attachments: dict[str, Any] | None = None, code: int = 0,
    ) -> Any:  # fmt: skip
        file = self.folder / "call.json"
        file.write_text(json.dumps({"args": args, "attachments": attachments or {}}), "utf-8")
        return self.json(organisation, post, "cover", method, file, code=code)["receipts"][0]

    def insure(self, product: str, pays: str) -> None:
        self.call(INSURER, "checker", "deploy", {
            "product": product, "effective_from": "2025-01-01", "pays": pays,
            "source": {"file": "rule.py"},
        })  # fmt: skip
        held = {"cover": {"from": "2025-01-01", "to": None}}
        self.call(INSURER, "clerk", "enrol", {"product": product, "person": ALICE}, held)
        self.call(BUREAU_CHANGSHA, "clerk", "authorise", {
            "person": ALICE, "product": product, "scope": "amounts", "to": "2025-12-31",
            "account": "ab" * 32, "presence": {"kind": "card", "certificate": "03"},
        })  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A bill of 2,000.00: one product pays within the settlement, one afterwards."""
    world = NodeWorld(tmp_path_factory.mktemp("node"))
    speak: Any = world
    claims = ClaimWorld(speak, world.genesis.chain)
    claims.publish("2025.1", "2025-01-01", catalogue_rows())
    enrol(speak)
    claims.deploy("310", EMPLOYEE_POLICY)
    claims.file()
    made = Desk(world, tmp_path_factory.mktemp("calls"))
    made.insure(PRODUCT, "at_once")
    made.insure(LATER_PRODUCT, "later")
    claims.settle(CLAIM, [line(1, BED, 800_000)], visit(), clinical={})
    yield made
    world.close()


def test_the_insurers_list_and_one_payment(desk: Desk) -> None:
    told = desk.json(INSURER, "clerk", "cover", "payments", INSURER)
    assert [(p["payment"], p["stage"]) for p in told["payments"]] == [
        (f"{CLAIM}.1", "settled"), (f"{CLAIM}.2", "due"),
    ]  # fmt: skip
    screen = desk.text(INSURER, "clerk", "cover", "payments", INSURER)
    assert "within" not in screen
    assert PRODUCT in screen
    shown = desk.text(INSURER, "clerk", "cover", "payment", f"{CLAIM}.2")
    assert "computed" in shown
    denied = desk.run(BANK, "clerk", "cover", "payments", INSURER)
    assert denied.exit_code != 0
    assert "read.no-right" in denied.output


def test_product_holder_and_consents(desk: Desk) -> None:
    product = desk.json(HOSPITAL, "clerk", "cover", "product", PRODUCT)["record"]
    assert (product["insurer"], product["source"]) == (INSURER, TWO_DEDUCTIBLES)
    holder = desk.json(INSURER, "clerk", "cover", "holder", PRODUCT, ALICE)["record"]
    assert holder["consent"] == {"scope": "amounts", "to": "2025-12-31"}
    covers = desk.json(BUREAU_CHANGSHA, "clerk", "cover", "list", ALICE)["covers"]
    assert [row["product"] for row in covers] == [PRODUCT, LATER_PRODUCT]
    assert LATER_PRODUCT in desk.text(BUREAU_CHANGSHA, "clerk", "cover", "list", ALICE)


def test_the_explanation_of_the_claim_names_both(desk: Desk) -> None:
    screen = desk.text(BUREAU_CHANGSHA, "clerk", "claim", "explain", CLAIM)
    assert f"{PRODUCT}:" in screen
    assert "within the settlement" in screen
    assert "later to the patient" in screen


def test_an_order_is_paid_once_and_a_second_one_refused(desk: Desk) -> None:
    order = {"payment": f"{CLAIM}.2", "order": "o-1"}
    paid = desk.call(INSURER, "finance", "pay", order | {"bank": BANK})
    assert paid["receipt"]["answer"]["stage"] == "paying"
    report = order | {"reference": "r-1"}
    assert desk.call(BANK, "finance", "confirm", report)["receipt"]["answer"]["stage"] == "paid"
    refused = desk.call(INSURER, "finance", "pay", order | {"order": "o-2", "bank": BANK}, code=1)
    assert refused["receipt"]["code"] == "cover.wrong-stage"
    assert refused["receipt"]["values"] == {"stage": "paid", "step": "pay"}
    told = desk.json(BANK, "clerk", "cover", "payment", f"{CLAIM}.2")["record"]
    assert (told["stage"], told["person"]) == ("paid", None)


def test_a_consent_is_taken_back(desk: Desk) -> None:
    args = {"person": ALICE, "product": PRODUCT,
            "presence": {"kind": "card", "certificate": "03"}}  # fmt: skip
    desk.call(BUREAU_CHANGSHA, "clerk", "revoke", args)
    covers = desk.json(BUREAU_CHANGSHA, "clerk", "cover", "list", ALICE)["covers"]
    assert [row["product"] for row in covers] == [LATER_PRODUCT]
    desk.on("2025-06-10")  # the same call at the same moment would be the first one again
    refused = desk.call(BUREAU_CHANGSHA, "clerk", "revoke", args, code=1)
    assert refused["receipt"]["code"] == "cover.not-authorised"
