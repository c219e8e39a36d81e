"""Commercial cover through a real node: what an insurer sees before, with and after consent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from node.ledger.evidence import ReceiptFacts, verify_evidence
from tests.contracts.settlement.claim_world import (
    BED,
    COSMETIC,
    EMPLOYEE_POLICY,
    ClaimWorld,
    catalogue_rows,
    line,
    visit,
)
from tests.contracts.settlement.cover_world import (
    CARD,
    INSURER,
    LATER_PRODUCT,
    PRODUCT,
    TWO_DEDUCTIBLES,
)
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.world import ALICE, BANK, BUREAU_CHANGSHA, CENTRE, FINANCE, HOSPITAL
from tests.node.api.real import PARTIES, NodeWorld, reader

SILENT, SEEN, LINED, LATE = (f"H44010000123-m-{number}" for number in range(4))
"""Settled without a consent, with one for amounts, with one for lines, with one that pays later."""
OTHER_INSURER = "insurer:cpic"
DESK, HOME = reader(INSURER), reader(BUREAU_CHANGSHA)


class Edge:
    """The node with its story, and what people ask of it."""

    def __init__(self, world: NodeWorld) -> None:
        self.world = world
        speak: Any = world
        self.claims = ClaimWorld(speak, world.genesis.chain)
        self.claims.publish("2025.1", "2025-01-01", catalogue_rows())
        enrol(speak)
        self.claims.deploy("310", EMPLOYEE_POLICY)
        self.claims.file()

    def do(self, sender: str, method: str, *, post: str = "clerk", **args: Any) -> Any:
        attachments = args.pop("attachments", None)
        return self.world.do(sender, "cover", method, args, post=post, attachments=attachments)

    def insure(self, product: str, pays: str) -> None:
        self.do(INSURER, "deploy", post="checker", product=product, effective_from="2025-01-01",
                pays=pays, source=TWO_DEDUCTIBLES)  # fmt: skip
        held = {"cover": {"from": "2025-01-01", "to": "2025-12-31"}}
        self.do(INSURER, "enrol", product=product, person=ALICE, attachments=held)

    def authorise(self, product: str, scope: str) -> None:
        self.do(BUREAU_CHANGSHA, "authorise", person=ALICE, product=product, scope=scope,
                to="2025-12-31", presence=CARD)  # fmt: skip

    def settle(self, claim: str) -> None:
        bill = [line(1, BED, 200_000), line(2, COSMETIC, 90_000, consent=True)]
        self.claims.settle(claim, bill, visit(), clinical={})

    def get(self, path: str, who: Any = DESK) -> Any:
        reply = self.world.api.get(path, who)
        assert reply.status == 200, (path, reply.body)
        return reply.json()

    def denied(self, path: str, who: Any = DESK) -> None:
        reply = self.world.api.get(path, who)
        assert (reply.status, reply.code) == (403, "read.no-right"), (path, reply.body)


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    parties = (*PARTIES, (OTHER_INSURER, "insurer", "000000"))
    world = NodeWorld(tmp_path_factory.mktemp("node"), parties=parties)
    made = Edge(world)
    made.insure(PRODUCT, "at_once")
    made.settle(SILENT)
    made.authorise(PRODUCT, "amounts")
    made.settle(SEEN)
    made.authorise(PRODUCT, "lines")
    made.settle(LINED)
    made.insure(LATER_PRODUCT, "later")
    made.do(BUREAU_CHANGSHA, "revoke", person=ALICE, product=PRODUCT, presence=CARD)
    made.authorise(LATER_PRODUCT, "lines")
    made.settle(LATE)
    yield made
    world.close()


def test_without_consent_an_insurer_sees_nothing(edge: Edge) -> None:
    for part in ("", "/history", "/explanation", "/statement", "/attachments", "/evidence"):
        edge.denied(f"/v1/claims/{SILENT}{part}")
    edge.denied(f"/v1/persons/{ALICE}")
    edge.denied(f"/v1/persons/{ALICE}/covers")
    settled = edge.get(f"/v1/claims/{SILENT}", HOME)["record"]["settled"]
    edge.denied(f"/v1/transactions/{settled['tx_id']}")
    assert settled["covers"] == []


def test_with_consent_for_amounts_it_sees_who_pays_what(edge: Edge) -> None:
    record = edge.get(f"/v1/claims/{SEEN}")["record"]
    assert record["settled"]["covers"][0]["insurer"] == INSURER
    assert (record["person"], record["withheld"]) == (None, ["person"])
    for part in ("/explanation", "/statement", "/attachments"):
        edge.denied(f"/v1/claims/{SEEN}{part}")
    tx = record["settled"]["tx_id"]
    receipt = edge.get(f"/v1/receipts/{tx}/0")["receipts"][0]["receipt"]
    assert receipt["amounts"]["commercial_fen"] > 0
    edge.denied(f"/v1/receipts/{tx}/0/attachments")


def test_lines_are_seen_while_the_consent_for_lines_holds(edge: Edge) -> None:
    """The first product's consent was taken back; the second one's holds."""
    edge.denied(f"/v1/claims/{LINED}/attachments")
    shown = edge.get(f"/v1/claims/{LATE}/attachments")["attachments"]
    assert [row[1] for row in shown[0]["content"]["lines"]] == [BED, COSMETIC]
    edge.denied(f"/v1/claims/{LATE}/explanation")
    edge.denied(f"/v1/claims/{LATE}/attachments", reader(INSURER, "finance"))
    tx_id = edge.get(f"/v1/claims/{LATE}")["record"]["settled"]["tx_id"]
    for path in (f"/v1/claims/{LATE}", f"/v1/receipts/{tx_id}/0"):
        reply = edge.world.api.get(f"{path}/evidence", DESK, "full=true")
        facts = verify_evidence(reply.body, edge.world.genesis)
        assert isinstance(facts, ReceiptFacts)
        assert (list(facts.attachments), facts.explanation) == (["settlement"], None)
    looks = edge.get(f"/v1/persons/{ALICE}/looks", HOME)["looks"]
    assert ("claim_attachments", INSURER) in {
        (look["route"], look["organisation"]) for look in looks
    }


def test_a_consent_for_lines_opens_nothing_else_that_was_attached_to_the_claim(edge: Edge) -> None:
    """Who is liable, and what is said in an audit, is not what the person has let the insurer
    see."""
    sent = edge.world.do(
        BUREAU_CHANGSHA, "recovery",
        "register", {"recovery": "430100-rc-1", "claim": LATE, "grounds": "liable_later"},
        attachments={"person": {"liable": bytes(32), "papers": []}},
    )  # fmt: skip
    tx_id = sent.tx_id
    for path in (f"/v1/claims/{LATE}", f"/v1/receipts/{tx_id}/0"):
        at_home = edge.get(f"{path}/attachments", HOME)["attachments"]
        assert "person" in {row["audience"] for row in at_home}
        shown = edge.get(f"{path}/attachments")["attachments"]
        assert {row["audience"] for row in shown} <= {"settlement"}
    for who, wanted in ((HOME, {"person"}), (DESK, set())):
        reply = edge.world.api.get(f"/v1/receipts/{tx_id}/0/evidence", who, "full=true")
        facts = verify_evidence(reply.body, edge.world.genesis)
        assert isinstance(facts, ReceiptFacts)
        assert set(facts.attachments) == wanted


def test_payments_are_listed_and_told_step_by_step(edge: Edge) -> None:
    answer = edge.get(f"/v1/cover/insurers/{INSURER}/payments")
    listed = [(p["payment"], p["stage"]) for p in answer["payments"]]
    assert listed == [
        (f"{SEEN}.1", "settled"), (f"{LINED}.1", "settled"), (f"{LATE}.1", "due")
    ]  # fmt: skip
    assert answer["next"] is None
    reply = edge.world.api.get(f"/v1/cover/insurers/{INSURER}/payments", DESK, "limit=2")
    page = reply.json()
    assert [len(page["payments"]), page["next"]] == [2, "2:0"]
    rest = edge.world.api.get(
        f"/v1/cover/insurers/{INSURER}/payments", DESK, f"after={page['next']}"
    ).json()
    assert [p["payment"] for p in rest["payments"]] == [f"{LATE}.1"]
    for who in (DESK, HOME):
        told = edge.get(f"/v1/cover/payments/{LATE}.1", who)["record"]
        assert told["person"] == ALICE
        assert told["computed"]["amount_fen"] == told["amount_fen"] > 0
        assert told["computed"]["steps"]
    edge.denied(f"/v1/cover/payments/{LATE}.1", reader(HOSPITAL))
    edge.denied(f"/v1/cover/insurers/{INSURER}/payments", HOME)
    listed = edge.get(f"/v1/cover/insurers/{INSURER}/payments", reader(CENTRE))["payments"]
    assert [p["payment"] for p in listed] == [f"{SEEN}.1", f"{LINED}.1", f"{LATE}.1"]
    assert {(p["person"], p["claim"]) for p in listed} == {(None, None)}, "as each one is shown"
    finance = edge.get(f"/v1/cover/payments/{LATE}.1", reader(FINANCE))["record"]
    assert (finance["person"], finance["claim"]) == (None, None)
    assert "computed" not in finance


def test_an_insurer_may_have_its_own_payments_proved(edge: Edge) -> None:
    query = f"key=cover-payment/{LATE}.1"
    for path in ("/v1/state", "/v1/state/evidence"):
        for who in (DESK, reader(INSURER, "finance")):
            assert edge.world.api.get(path, who, query).status == 200
        for who in (reader(OTHER_INSURER), reader(BANK), reader(HOSPITAL), reader(FINANCE),
                    reader(INSURER, "operator")):  # fmt: skip
            reply = edge.world.api.get(path, who, query)
            assert (reply.status, reply.code) == (403, "read.no-right"), (path, who)
        # Whether there is a payment of that name is told to nobody whose it is not.
        reply = edge.world.api.get(path, DESK, f"key=cover-payment/{SILENT}.1")
        assert (reply.status, reply.code) == (403, "read.no-right")
    looks = edge.get(f"/v1/persons/{ALICE}/looks", HOME)["looks"]
    assert not [look for look in looks if look["route"] == "state_evidence"], "its own business"


def test_what_changed_for_an_insurer_is_listed_for_it_alone(edge: Edge) -> None:
    changes = edge.get(f"/v1/organisations/{INSURER}/changes")["changes"]
    names = [(row["kind"], row["name"]) for row in changes]
    assert names == [
        ("cover", f"{SEEN}.1"), ("settlement", SEEN),
        ("cover", f"{LINED}.1"), ("settlement", LINED),
        ("cover", f"{LATE}.1"), ("settlement", LATE),
    ]  # fmt: skip
    assert [row["at_height"] for row in changes] == sorted(row["at_height"] for row in changes)
    assert (
        edge.get(f"/v1/organisations/{OTHER_INSURER}/changes", reader(OTHER_INSURER))["changes"]
        == []
    )
    for who in (reader(OTHER_INSURER), HOME, reader(HOSPITAL), reader(BANK)):
        edge.denied(f"/v1/organisations/{INSURER}/changes", who)
    edge.denied("/v1/organisations/nobody/changes")


def test_a_bank_sees_its_order_and_no_person(edge: Edge) -> None:
    edge.denied(f"/v1/cover/payments/{LATE}.1", reader(BANK))
    edge.do(INSURER, "pay", post="finance", payment=f"{LATE}.1", order="o-1", bank=BANK,
            account=bytes(32))  # fmt: skip
    told = edge.get(f"/v1/cover/payments/{LATE}.1", reader(BANK))["record"]
    assert (told["person"], told["claim"], told["stage"]) == (None, None, "paying")
    assert [order["order"] for order in told["orders"]] == ["o-1"]


def test_products_holders_and_consents(edge: Edge) -> None:
    product = edge.get(f"/v1/cover/products/{PRODUCT}", reader(HOSPITAL))["record"]
    assert product["source"] == TWO_DEDUCTIBLES
    assert product["versions"][0]["pays"] == "at_once"
    for who in (DESK, HOME):
        held = edge.get(f"/v1/cover/products/{LATER_PRODUCT}/holders/{ALICE}", who)["record"]
        assert held["consent"] == {"scope": "lines", "to": "2025-12-31"}
    looks = edge.get(f"/v1/persons/{ALICE}/looks", HOME)["looks"]
    assert [look["organisation"] for look in looks if look["route"] == "cover_holder"] == [
        BUREAU_CHANGSHA
    ], "what an insurer insures is its own business, at home it is a look at a person"
    for who in (reader(FINANCE), reader(CENTRE), reader(BUREAU_CHANGSHA, "finance")):
        edge.denied(f"/v1/cover/products/{LATER_PRODUCT}/holders/{ALICE}", who)
    edge.denied(f"/v1/cover/products/{PRODUCT}/holders/{ALICE}", reader(BANK))
    edge.denied(f"/v1/cover/products/{PRODUCT}/holders/p:430100:nobody")
    covers = edge.get(f"/v1/persons/{ALICE}/covers", HOME)["covers"]
    assert [cover["product"] for cover in covers] == [LATER_PRODUCT]


def test_a_consent_that_has_ended_shows_no_lines(edge: Edge) -> None:
    """The last test of the story: the chain's clock goes on and never back."""
    edge.world.clock.ms += 250 * 86_400_000
    held = {"cover": {"from": "2025-01-01", "to": "2026-12-31"}}
    edge.do(INSURER, "enrol", product=LATER_PRODUCT, person=ALICE, attachments=held)
    edge.denied(f"/v1/claims/{LATE}/attachments")
    assert edge.get(f"/v1/claims/{LATE}")["record"]["settled"]["covers"]
