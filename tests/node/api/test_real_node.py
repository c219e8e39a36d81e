"""A claim's whole life through the edge of a real node: filed, settled, read, proved, reversed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from node.ledger import codec
from node.ledger.evidence import ReceiptFacts, StateFacts, Trail, verify_evidence
from node.ledger.genesis import Genesis
from node.ledger.trail import decode_trail
from tests.contracts.settlement.claim_world import (
    BED,
    DAY,
    EMPLOYEE_POLICY,
    ClaimWorld,
    catalogue_rows,
    line,
    visit,
)
from tests.contracts.settlement.funds_world import deposit, enrol
from tests.contracts.world import (
    ALICE,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    FINANCE,
    HOSPITAL,
)
from tests.node.api.real import OTHER_HOSPITAL, NodeWorld, Outcome, reader

LINES = [line(1, BED, 50_000), line(2, "002503020030000", 20_000)]
HOME, WINDOW = reader(BUREAU_CHANGSHA), reader(HOSPITAL, "operator")


@dataclass
class Told:
    """The node after the story, and the settlement's receipt."""

    world: NodeWorld
    claims: ClaimWorld
    settled: Outcome


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    world = NodeWorld(tmp_path_factory.mktemp("node"))
    speak: Any = world
    claims = ClaimWorld(speak, world.genesis.chain)
    claims.publish("2025.1", "2025-01-01", catalogue_rows())
    enrol(speak)
    deposit(speak, 50_000)
    claims.deploy("310", EMPLOYEE_POLICY)
    claims.file()
    outcome: Any = claims.settle("H44010000123-m-1", LINES, visit(), clinical={})
    yield Told(world, claims, outcome)
    world.close()


def get(told: Told, path: str, who: Any = HOME, query: str = "") -> Any:
    reply = told.world.api.get(path, who, query)
    assert reply.status == 200, reply.body
    return reply.json()


def test_the_settlement_as_everybody_concerned_reads_it(told: Told) -> None:
    record = get(told, "/v1/claims/H44010000123-m-1")["record"]
    assert record["state"] == "settled"
    assert record["settled"]["total_fen"] == 70_000
    amounts = told.settled.reply["receipts"][0]["receipt"]["amounts"]
    assert amounts["total_fen"] == amounts["funds_fen"] + amounts["person_fen"] == 70_000
    assert get(told, "/v1/claims/H44010000123-m-1", WINDOW)["record"] == record
    finance = get(told, "/v1/claims/H44010000123-m-1", reader(FINANCE))["record"]
    assert (finance["person"], finance["settled"]) == (None, record["settled"])
    refused = told.world.api.get("/v1/claims/H44010000123-m-1", reader(OTHER_HOSPITAL, "operator"))
    assert (refused.status, refused.code) == (403, "read.no-right")


def test_the_person_through_the_claim_and_at_home(told: Told) -> None:
    person = get(told, f"/v1/persons/{ALICE}")["record"]
    assert (person["area"], person["status"]) == ("430100", "insured")
    assert get(told, f"/v1/persons/{ALICE}", WINDOW, "claim=H44010000123-m-1")["record"] == person
    assert told.world.api.get(f"/v1/persons/{ALICE}", WINDOW).status == 403
    claims = get(told, f"/v1/persons/{ALICE}/claims")["claims"]
    assert [claim["claim"] for claim in claims] == ["H44010000123-m-1"]
    account = get(told, f"/v1/persons/{ALICE}/account")["record"]["account"]
    assert account == {"310200": 50_000}
    used = get(told, f"/v1/persons/{ALICE}/counters/2025")["record"]
    assert used["settlements"] == ["H44010000123-m-1"]
    counters = used["counters"]
    assert counters["deductible_fen"] == 30_000
    filings = get(told, f"/v1/persons/{ALICE}/filings", HOME, f"care_region=440100&date={DAY}")
    assert filings["cover"]["filing"] == "430100f1"
    assert get(told, "/v1/filings/430100f1")["record"]["person"] == ALICE


def test_why_it_came_out_so(told: Told) -> None:
    explained = get(told, "/v1/claims/H44010000123-m-1/explanation", WINDOW)
    assert explained["explanation"]["sums"]["total_fen"] == 70_000
    assert explained["explanation"]["steps"]
    lines = get(told, "/v1/claims/H44010000123-m-1/attachments", HOME)["attachments"]
    assert codec.decode(bytes.fromhex(lines[0]["bytes"]))["lines"] == LINES
    assert (
        told.world.api.get("/v1/claims/H44010000123-m-1/attachments", reader(FINANCE)).status == 403
    )
    for form, mark in (("text", "700.00"), ("html", "<!DOCTYPE html>")):
        page = told.world.api.get("/v1/claims/H44010000123-m-1/statement", WINDOW, f"form={form}")
        assert page.status == 200
        assert mark in page.body.decode()
        assert "结算单" in page.body.decode()


def test_proved_with_the_node_switched_off(told: Told) -> None:
    genesis = Genesis.parse(told.world.genesis_bytes)
    data = told.world.api.get("/v1/claims/H44010000123-m-1/evidence", HOME, "full=true").body
    facts = verify_evidence(data, genesis)
    assert isinstance(facts, ReceiptFacts)
    assert facts.receipt.tx_id.hex() == told.settled.tx_id
    assert facts.signers == (BUREAU_HUNAN,)
    assert codec.decode(facts.attachments["settlement"])["lines"] == LINES
    assert facts.explanation is not None
    absent = told.world.api.get("/v1/state/evidence", HOME, "key=fund/430200")
    assert absent.status == 403, "another city's fund is not this city's business"
    absent = told.world.api.get("/v1/state/evidence", reader(BUREAU_HUNAN), "key=fund/430200")
    found = verify_evidence(absent.body, genesis)
    assert isinstance(found, StateFacts)
    assert not found.present


def test_the_trace_of_the_money_adds_up(told: Told) -> None:
    receipt = told.settled.reply["receipts"][0]["receipt"]
    assert sum(leg["amount_fen"] for leg in receipt["postings"]) == 0
    for account in {leg["account"] for leg in receipt["postings"]}:
        path = f"/v1/accounts/{account.replace('>', '%3E')}"
        who = reader(BUREAU_HUNAN) if "->" in account or "fund" in account else WINDOW
        page = told.world.api.get(f"{path}/postings", who)
        assert page.status == 200, (account, page.body)
        rows = page.json()["postings"]
        sums: dict[str, int] = {}
        for row in rows:
            sums[row["fund_type"]] = sums.get(row["fund_type"], 0) + row["amount_fen"]
        assert sums == told.world.api.get(path, who).json()["balances"], account


def test_policy_and_catalogue_in_force(told: Told) -> None:
    policy = get(told, "/v1/policies/430100/310", reader("bank:icbc"), f"date={DAY}")["record"]
    assert policy["source"] == EMPLOYEE_POLICY
    assert (policy["number"], len(policy["versions"])) == (1, 1)
    before = told.world.api.get("/v1/policies/430100/310", HOME, "date=2024-12-31")
    assert (before.status, before.code) == (404, "read.not-found")
    catalogue = get(told, "/v1/catalogues/440100", HOME, f"date={DAY}")["record"]
    assert (catalogue["owner"], catalogue["version"]) == ("440000", "2025.1")
    item = get(told, f"/v1/catalogues/440100/items/{BED}")["record"]
    assert (item["class"], item["first_pay"]) == ("01", "0%")


def test_an_estimate_says_what_the_settlement_would_and_leaves_nothing(told: Told) -> None:
    lines = [line(1, BED, 10_000)]
    args = told.claims.settle_args("H44010000123-m-est", lines, visit())
    root = get(told, "/v1/status")["state_root"]
    content = codec.encode({"visit": {}, "lines": lines})
    body = json.dumps(
        {
            "contract": "claim",
            "method": "estimate",
            "args": args,
            "attachments": [
                {"audience": "settlement", "content": base64.b64encode(content).decode()}
            ],
        }
    ).encode()
    reply = told.world.api.post("/v1/estimate", body, "application/json", WINDOW)
    assert reply.status == 200, reply.body
    receipt = reply.json()["receipt"]
    assert (receipt["status"], receipt["code"]) == ("ok", "")
    assert receipt["amounts"]["total_fen"] == 10_000
    assert reply.json()["explanation"]["claim"] == "H44010000123-m-est"
    assert get(told, "/v1/status")["state_root"] == root
    assert told.world.api.get("/v1/claims/H44010000123-m-est", WINDOW).status == 403


def test_refused_by_the_contract_with_the_reason_in_words(told: Told) -> None:
    """The same id with another content: a receipt, no change, the reason in two languages."""
    other: Any = told.claims.settle(
        "H44010000123-m-1",
        [line(1, BED, 60_000)],
        visit(),
        clinical={},
        refused="claim.duplicate-id",
    )
    receipt = get(told, f"/v1/receipts/{other.tx_id}/0", WINDOW)["receipts"][0]["receipt"]
    assert receipt["reason"]["chinese"]
    assert receipt["reason"]["next"]
    history = get(told, "/v1/claims/H44010000123-m-1/history", WINDOW)["calls"]
    statuses = [row["receipt"]["status"] for row in history]
    assert statuses.count("ok") >= 1
    assert get(told, "/v1/claims/H44010000123-m-1")["record"]["settled"]["total_fen"] == 70_000


def test_the_same_content_again_gives_the_first_answer(told: Told) -> None:
    before = get(told, "/v1/accounts/fund:430100", reader(BUREAU_HUNAN))["balances"]
    again = told.world.make(
        HOSPITAL, "claim", "settle", told.claims.settle_args("H44010000123-m-1", LINES, visit()),
        {"settlement": {"visit": {}, "lines": LINES}}, "operator",
    )  # fmt: skip
    first = told.world.submit(again)
    assert first.status == 200
    assert told.world.submit(again).json()["receipts"] == first.json()["receipts"]
    assert told.world.submit(again, "").json()["status"] == "committed"
    assert get(told, "/v1/accounts/fund:430100", reader(BUREAU_HUNAN))["balances"] == before


def test_inadmissible_transactions_leave_no_block(told: Told) -> None:
    height = get(told, "/v1/status")["height"]
    good = told.world.make(HOSPITAL, "claim", "nothing", {}, None, "operator")
    body, signature, attachments = codec.decode(good.encode())
    forged = codec.encode([body, signature[:32] + bytes(32), attachments])
    api = told.world.api
    octets = "application/octet-stream"
    reply = api.post("/v1/transactions", forged, octets)
    assert (reply.status, reply.code) == (400, "transaction.signature")
    told.world.clock.ms += 10**8
    reply = api.post("/v1/transactions", good.encode(), octets)
    told.world.clock.ms -= 10**8
    assert (reply.status, reply.code) == (400, "transaction.expired")
    stranger = told.world.make("centre", "claim", "x", {}, None, "validate")
    reply = api.post("/v1/transactions", stranger.encode(), octets)
    assert (reply.status, reply.code) == (403, "transaction.key")
    assert get(told, "/v1/status")["height"] == height


def test_the_stream_tells_what_concerns_the_reader(told: Told) -> None:
    def receipts(who: Any) -> list[str]:
        reply = told.world.api.get("/v1/stream", who, "after=0:0", hang_up_after=60)
        return [
            json.loads(block.split("data: ")[1])["tx_id"]
            for block in reply.body.decode().split("\n\n")
            if "event: receipt" in block
        ]

    assert told.settled.tx_id in receipts(WINDOW)
    assert told.settled.tx_id in receipts(reader(BUREAU_GUANGZHOU))
    assert receipts(reader(OTHER_HOSPITAL)) == []


def test_who_has_looked(told: Told) -> None:
    told.world.api.get("/v1/claims/H44010000123-m-1/explanation", WINDOW)
    looks = get(told, f"/v1/persons/{ALICE}/looks")["looks"]
    assert looks[0]["route"] == "person_looks"
    window = [look for look in looks if look["organisation"] == HOSPITAL]
    assert (window[0]["holder"], window[0]["post"]) == ("s:operator", "operator")
    assert told.world.log.check() == len(list(told.world.log))


def test_ready_healthy_and_measured(told: Told) -> None:
    assert told.world.api.get("/v1/ready").status == 200
    text = told.world.api.get("/v1/metrics").body.decode()
    assert "yibao_height" in text
    assert "yibao_api_requests_total" in text
    status = get(told, "/v1/status", reader("bank:icbc"))
    assert status["waiting_for"]
    details = get(told, "/v1/status/details", reader(BUREAU_HUNAN, "operator"))
    assert details["details"]["validators"] == 1


def test_a_reversal_is_read_like_a_claim(told: Told) -> None:
    told.claims.settle("H44010000123-m-2", [line(1, BED, 30_000)], visit(), clinical={})
    told.claims.reverse("H44010000123-m-2")
    assert (
        get(told, "/v1/claims/H44010000123-m-2", WINDOW)["record"]["reversal"]
        == "H44010000123-m-2-r"
    )
    reversal = get(told, "/v1/claims/H44010000123-m-2-r", WINDOW)["record"]
    assert reversal["claim"] == "H44010000123-m-2"
    assert reversal["reason"]


def test_a_visit_that_is_over_is_no_right_to_the_person(told: Told) -> None:
    """Found by attack: a visit that was registered and given up at once let a hospital watch
    somebody's account, counters and circumstances for good."""
    told.claims.register("H44010000123-peep-1", visit(ALICE, "inpatient"))
    for path in ("", "/account", "/claims", "/filings", "/counters/2025"):
        route = f"/v1/persons/{ALICE}{path}"
        assert told.world.api.get(route, WINDOW, "claim=H44010000123-peep-1").status == 200
    given_up = {"claim": "H44010000123-peep-1", "reason": "wrong_visit"}
    told.world.do(HOSPITAL, "claim", "cancel", given_up, post="operator")
    for path in ("", "/account", "/claims", "/filings", "/counters/2025"):
        refused = told.world.api.get(
            f"/v1/persons/{ALICE}{path}", WINDOW, "claim=H44010000123-peep-1"
        )
        assert (refused.status, refused.code) == (403, "read.no-right")
    told.world.clock.ms += 89 * 86_400_000
    assert (
        told.world.api.get(f"/v1/persons/{ALICE}", WINDOW, "claim=H44010000123-m-1").status == 200
    )
    told.world.clock.ms += 2 * 86_400_000
    assert (
        told.world.api.get(f"/v1/persons/{ALICE}", WINDOW, "claim=H44010000123-m-1").status == 403
    )
    assert told.world.api.get("/v1/claims/H44010000123-m-1", WINDOW).status == 200
    told.world.clock.ms -= 91 * 86_400_000


def test_a_trail_leads_from_genesis_to_the_head(told: Told) -> None:
    reply = told.world.api.get("/v1/trail", WINDOW)
    block = decode_trail(reply.body)
    trail = Trail(told.world.genesis.chain, told.world.genesis.validators)
    header, signers = trail.certify(block.header, block.certificate)
    assert (header.height, signers) == (told.world.node.head.height, (BUREAU_HUNAN,))
    assert not block.epochs
