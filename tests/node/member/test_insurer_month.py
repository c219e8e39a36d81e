"""An insurer's month with a place of care: stated, asked for, paid; proved without any list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from node.ledger.evidence import StateFacts, verify_evidence
from node.member.build import Built
from node.member.notices import months_of, with_payments
from tests.cli.month_desk import FINANCE_GUANGZHOU, JUNE, insure
from tests.cli.month_desk import Desk as Month
from tests.contracts.settlement.claim_world import BED, line
from tests.contracts.settlement.cover_world import (
    INSURER,
    PRODUCT,
)
from tests.contracts.world import BANK, CENTRE, HOSPITAL
from tests.node.api.test_cover import OTHER_INSURER
from tests.node.member.desk import Desk
from tests.node.member.liars import LIARS, content
from tests.node.member.parties import hides

PLACE, CLAIM = "440100", "H44010000123-m-1"
STATEMENT = f"{JUNE}/{INSURER}/{PLACE}"
NOTICE = f"cover:{JUNE}:{INSURER}:{PLACE}"
FEN = 4_050
"""A tenth of what the funds left of a bill of 1,000.00."""
KINDS = ("cover", "settlement", "statement", "insurer-month", "notice", "payment", "due",
         "commercial")  # fmt: skip


class Story:
    """One bill, of which a product pays a tenth at once and another one later; the month is cut and
    the insurer has confirmed and ordered its payment."""

    def __init__(self, folder: Path) -> None:
        parties = [(OTHER_INSURER, "insurer", "440000")]
        self.month = month = Month(folder / "node", parties=parties)
        insure(month)
        month.settle(CLAIM, [line(1, BED, 100_000)])
        month.on("2025-07-01").declare()
        month.confirm()
        month.on("2025-07-21").do(CENTRE, "clearing", "cut", {"period": JUNE}, "finance")
        said = {"period": JUNE, "home": INSURER, "care": PLACE, "amount_fen": FEN}
        month.do(INSURER, "clearing", "confirm", said, "finance")
        self.payment = f"{INSURER}:1"
        order = {"payment": self.payment, "notice": NOTICE, "amount_fen": FEN, "bank": BANK}
        month.do(INSURER, "payment", "order", order, "finance")
        month.do(INSURER, "payment", "approve", {"payment": self.payment}, "checker")
        self.folder = folder
        self.desk = Desk(folder, world=month.world)

    def at(self, organisation: str, *bends: Any) -> Desk:
        desk = self.desk.fresh(self.folder / "exchange", *bends)
        desk.organisation = organisation
        return desk


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    made = Story(tmp_path_factory.mktemp("ledger"))
    yield made
    made.month.close()


def everything(built: Built) -> dict[tuple[str, str], Any]:
    return {
        (kind, record.name): {"state": record.state, **record.facts}
        for kind in KINDS
        for record in built.records.listed(kind)
    }


def test_a_hospitals_month_tells_what_products_pay_beside_what_it_declared(story: Story) -> None:
    built = story.at(HOSPITAL).rounds(3)
    (june,) = months_of(built.records)
    assert june["commercial_fen"] == FEN
    assert june["declared_fen"] + FEN == june["confirmed_fen"] == june["expected_fen"]


def test_an_insurer_has_its_statement_notice_and_payment(story: Story) -> None:
    built = story.at(INSURER).rounds(3)
    known = everything(built)
    stated = known["statement", STATEMENT]
    assert (stated["state"], stated["amount_fen"], stated["place"]) == ("noticed", FEN, PLACE)
    assert stated["by_product_fen"] == {f"{PRODUCT}/paid": FEN}
    assert (stated["confirmed_by_insurer"], stated["notice"]) == (True, NOTICE)
    notice = known["notice", NOTICE]
    assert (notice["side"], notice["payee"], notice["open_fen"]) == ("pay", PLACE, FEN)
    assert known["payment", story.payment]["state"] == "approved"
    assert known["due", INSURER]["months"] == [JUNE]
    assert known["commercial", INSURER]["amount_fen"] == -FEN
    assert (known["cover", f"{CLAIM}.1"]["open_fen"], known["cover", f"{CLAIM}.1"]["state"]) == (
        0, "settled",
    )  # fmt: skip
    assert known["cover", f"{CLAIM}.2"]["open_fen"] == known["cover", f"{CLAIM}.2"]["amount_fen"]
    for kind, name in known:
        facts = verify_evidence(
            built.records.evidence(kind, name) or b"", story.month.world.genesis
        )
        assert kind == "settlement" or isinstance(facts, StateFacts)


def test_who_is_paid_awaits_the_same(story: Story) -> None:
    built = story.at(FINANCE_GUANGZHOU).rounds(2)
    notice = built.records.find("notice", NOTICE)
    assert notice is not None
    assert (notice.facts["side"], notice.facts["payer"]) == ("collect", INSURER)
    assert [one["payment"] for one in with_payments(built.records, notice)["payments"]] == [
        story.payment
    ]


def test_no_node_can_hide_what_it_owes(story: Story) -> None:
    true = everything(story.at(INSURER).rounds(3))
    built = story.at(INSURER, hides("notice", "payment")).rounds(6)
    assert everything(built) == true


def test_others_get_nothing_of_it(story: Story) -> None:
    built = story.at(OTHER_INSURER).rounds(3)
    assert {kind for kind, _ in everything(built)} == {"due", "commercial"}
    assert built.status()["agree"] == 1


@pytest.mark.parametrize(
    ("kind", "name"), [("statement", STATEMENT), ("insurer-month", f"{INSURER}/{JUNE}")]
)
def test_true_statements_of_another_insurer_are_not_its_own(
    story: Story, kind: str, name: str
) -> None:
    kept: dict[str, bytes] = {}

    def keeps(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if "state/evidence" in request.url.path:
            kept[request.url.params["key"]] = answer.content
        return answer

    def serves(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if request.url.path.endswith("/changes"):
            row = {"kind": kind, "name": name, "at_height": 2, "tx_id": "00" * 32, "call_index": 0}
            return content(answer, json.dumps({**answer.json(), "changes": [row]}).encode())
        key = request.url.params.get("key", "")
        if answer.status_code == 403 and key in kept:
            return content(httpx.Response(200), kept[key])
        return answer

    story.at(INSURER, keeps).rounds(3)
    built = story.at(OTHER_INSURER, serves).rounds()
    (node,) = built.status()["nodes"]
    assert (node["state"], node["code"]) == ("lies", "member.not-party")
    assert {found for found, _ in everything(built)} == {"due", "commercial"}


@pytest.mark.parametrize("name", sorted(LIARS))
def test_liars_get_nothing_false_in_and_hold_nothing_back(story: Story, name: str) -> None:
    true = everything(story.at(INSURER).rounds(3))
    alone = everything(story.at(INSURER, LIARS[name]()).rounds(4))
    assert alone.items() <= true.items()
    assert everything(story.at(INSURER, LIARS[name](), None).rounds(3)) == true


def test_it_is_paid_and_nothing_is_open(story: Story) -> None:
    """Comes last: it moves the story."""
    desk = story.at(INSURER)
    built = desk.rounds(3)
    told = {"payment": story.payment, "amount_fen": FEN, "reference": "R-9",
            "value_on": "2025-07-21"}  # fmt: skip
    story.month.do(BANK, "payment", "confirm", told, "operator")
    desk.rounds(2, built)
    known = everything(built)
    assert known["statement", STATEMENT]["state"] == "paid"
    assert (known["notice", NOTICE]["state"], known["notice", NOTICE]["open_fen"]) == ("paid", 0)
    assert known["payment", story.payment]["reference"] == "R-9"
    assert known["due", INSURER]["months"] == []
    assert known["commercial", INSURER]["amount_fen"] == 0
    assert json.loads(json.dumps(built.status()["open"])) == {"commercial": 1, "cover": 1, "due": 1}
