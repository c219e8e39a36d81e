"""An insurer's products: what each paid of which bill, what it owes, proved whatever nodes say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from node.ledger.evidence import StateFacts, verify_evidence
from node.member.build import Built
from node.member.owed import owed_of
from tests.contracts.settlement.cover_world import CARD, INSURER, LATER_PRODUCT, PRODUCT
from tests.contracts.world import ALICE, BANK, BUREAU_CHANGSHA, HOSPITAL
from tests.node.api.real import PARTIES, NodeWorld
from tests.node.api.test_cover import OTHER_INSURER, Edge
from tests.node.member.desk import Desk
from tests.node.member.liars import LIARS, content, withholds
from tests.node.member.parties import hides

ONE, TWO, NONE = (f"H44010000123-m-{number}" for number in range(1, 4))


class Covers:
    """Two bills: one of which a product pays at once, one of which another one pays later."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        parties = (*PARTIES, (OTHER_INSURER, "insurer", "000000"))
        self.world = NodeWorld(folder / "node", parties=parties)
        self.edge = edge = Edge(self.world)
        edge.settle(NONE)
        edge.insure(PRODUCT, "at_once")
        edge.authorise(PRODUCT, "amounts")
        edge.settle(ONE)
        edge.insure(LATER_PRODUCT, "later")
        edge.do(BUREAU_CHANGSHA, "revoke", person=ALICE, product=PRODUCT, presence=CARD)
        edge.authorise(LATER_PRODUCT, "lines")
        edge.settle(TWO)
        self.desk = Desk(folder, world=self.world)

    def fen(self, name: str) -> int:
        """What a product pays, as the ledger has it."""
        with self.world.node.reader.view() as view:
            value = view.state(f"cover-payment/{name}")
        assert value is not None
        return int(value[7])

    def at(self, *bends: Any, organisation: str = INSURER) -> Desk:
        desk = self.desk.fresh(self.folder / "exchange", *bends)
        desk.organisation = organisation
        return desk


@pytest.fixture(scope="module")
def covers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Covers]:
    made = Covers(tmp_path_factory.mktemp("ledger"))
    yield made
    made.world.close()


def told(built: Built) -> dict[str, tuple[str, str, int]]:
    return {
        record.name: (record.state, record.facts["product"], record.facts["amount_fen"])
        for record in built.records.listed("cover")
    }


def true(covers: Covers) -> dict[str, tuple[str, str, int]]:
    return {
        f"{ONE}.1": ("settled", PRODUCT, covers.fen(f"{ONE}.1")),
        f"{TWO}.1": ("due", LATER_PRODUCT, covers.fen(f"{TWO}.1")),
    }


def test_an_insurer_has_what_its_products_paid_of_each_bill(covers: Covers) -> None:
    built = covers.at().rounds(2)
    assert told(built) == true(covers)
    for record in built.records.listed("cover"):
        facts = verify_evidence(
            built.records.evidence("cover", record.name) or b"", covers.world.genesis
        )
        assert isinstance(facts, StateFacts)
        assert facts.key == f"cover-payment/{record.name}"
        assert facts.value[7] == record.facts["amount_fen"] > 0
        assert record.facts["person"] == ALICE
        assert "account" not in record.facts
    month = covers.desk.today[:7]
    rows = [(row["institution"], row["month"], row["product"], row["state"], row["amount_fen"])
            for row in owed_of(built.records)]  # fmt: skip
    assert rows == [
        (HOSPITAL, month, product, state, fen) for state, product, fen in true(covers).values()
    ]
    (account,) = built.records.listed("commercial")
    assert account.facts["amount_fen"] == -covers.fen(f"{ONE}.1"), "what is paid at once is owed"
    assert built.status()["open"] == {"commercial": 1, "cover": 1, "due": 1}


def test_another_insurer_has_none_of_it(covers: Covers) -> None:
    built = covers.at(organisation=OTHER_INSURER).rounds(2)
    assert told(built) == {}
    assert built.status()["agree"] == 1


@pytest.mark.parametrize("name", sorted(LIARS))
def test_liars_get_nothing_false_in_and_hold_nothing_back(covers: Covers, name: str) -> None:
    alone = covers.at(LIARS[name]()).rounds(3)
    assert told(alone).items() <= true(covers).items()
    beside = covers.at(LIARS[name](), None).rounds(2)
    assert told(beside) == true(covers)
    (account,) = beside.records.listed("commercial")
    assert account.facts["amount_fen"] == -covers.fen(f"{ONE}.1")


def test_a_payment_of_another_insurer_is_a_lie(covers: Covers) -> None:
    """A bureau's node may read all payments: their proofs are good, and not this insurer's."""
    kept: dict[str, bytes] = {}

    def keeps(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if "state/evidence" in request.url.path:
            kept[request.url.params["key"]] = answer.content
        return answer

    def serves(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if request.url.path.endswith("/changes"):
            row = {"kind": "cover", "name": f"{ONE}.1", "at_height": 1, "tx_id": "00" * 32,
                   "call_index": 0}  # fmt: skip
            document = {**json.loads(answer.content), "changes": [row]}
            return content(answer, json.dumps(document).encode())
        key = request.url.params.get("key", "")
        return content(httpx.Response(200), kept[key]) if key.startswith("cover-p") else answer

    covers.at(keeps).rounds()
    built = covers.at(serves, organisation=OTHER_INSURER).rounds()
    (node,) = built.status()["nodes"]
    assert (node["state"], node["code"]) == ("lies", "member.not-party")
    assert told(built) == {}


def test_what_may_not_be_read_of_a_batch_holds_up_nothing(covers: Covers) -> None:
    built = covers.at(withholds).rounds(2)
    assert told(built) == true(covers)
    assert not list(built.records.listed("settlement"))
    assert {row["institution"] for row in owed_of(built.records)} == {""}
    assert built.status()["nodes"][0]["state"] == "agrees"
    whole = covers.at(withholds, None).rounds(2)
    assert {row["institution"] for row in owed_of(whole.records)} == {HOSPITAL}


def test_a_payment_to_the_patient_is_followed_to_the_banks_word(covers: Covers) -> None:
    """Comes last: it moves the story."""
    desk = covers.at(None)
    built = desk.rounds(2)
    name = f"{TWO}.1"
    covers.edge.do(INSURER, "pay", post="finance", payment=name, order="o-1", bank=BANK,
                   account=bytes(32))  # fmt: skip
    desk.rounds(1, built)
    assert told(built)[name][0] == "paying"
    desk.doors[0].bend = hides("cover")
    covers.edge.do(BANK, "confirm", post="finance", payment=name, order="o-1", reference="R-7")
    desk.rounds(1, built)
    assert told(built)[name][0] == "paid", "it was open, and looked up again"
    record = built.records.find("cover", name)
    assert record is not None
    (order,) = record.facts["orders"]
    assert (order["bank"], order["reference"]) == (BANK, "R-7")
    (account,) = built.records.listed("commercial")
    assert account.facts["amount_fen"] == -true(covers)[f"{ONE}.1"][2], (
        "what was paid within a settlement is owed; the patient has the other from the insurer"
    )
