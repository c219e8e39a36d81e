"""The way in: canonical bytes raw or in JSON, sent twice, waited for, inadmissible, estimated."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

from node.api import ledger_codes
from node.ledger import codec, merkle
from node.ledger.block import Certificate, Header
from node.ledger.errors import InvalidTransaction, Unavailable
from node.ledger.receipt import Receipt
from node.service import admission
from tests.node.api.asgi import Reply
from tests.node.api.conftest import Edge
from tests.node.api.world import HOSPITAL, CallSpec, reader

PATH, OCTETS, JSON = "/v1/transactions", "application/octet-stream", "application/json"


def submit(edge: Edge, wire: bytes, query: str = "") -> Reply:
    return edge.api.post(PATH, wire, OCTETS, query=query)


def as_json(wire: bytes) -> bytes:
    return json.dumps({"transaction": base64.b64encode(wire).decode()}).encode()


def test_submitted_and_not_waited_for(edge: Edge) -> None:
    transaction = edge.node.make([CallSpec()])
    reply = submit(edge, transaction.encode())
    assert reply.status == 202
    assert reply.json() == {"tx_id": transaction.id.hex(), "status": "pending"}
    assert reply.headers["location"] == f"/v1/transactions/{transaction.id.hex()}"


@pytest.mark.parametrize("form", [OCTETS, JSON])
def test_waited_for_with_proof(edge: Edge, form: str) -> None:
    transaction = edge.node.make([CallSpec(), CallSpec()])
    wire = transaction.encode()
    body = wire if form == OCTETS else as_json(wire)
    reply = edge.api.post(PATH, body, form, query="wait=committed")
    assert reply.status == 200
    answer = reply.json()
    assert answer["tx_id"] == transaction.id.hex()
    assert answer["height"] == answer["header"]["height"] == len(edge.node.blocks) - 1
    check_proven(edge, answer, [0, 1])


def check_proven(edge: Edge, answer: dict[str, object], calls: list[int]) -> None:
    """What is answered proves itself: receipt under root, header under certificate."""
    header = Header.decode(bytes.fromhex(answer["header"]["bytes"]))  # type: ignore[index]
    certificate = Certificate.decode(bytes.fromhex(answer["certificate"]["bytes"]))  # type: ignore[index]
    certificate.verify_header(header, edge.node.genesis.validators)
    assert header.hash.hex() == answer["header"]["hash"]  # type: ignore[index]
    shown = []
    for item in answer["receipts"]:  # type: ignore[attr-defined]
        leaf, place = bytes.fromhex(item["bytes"]), item["inclusion"]
        path = [bytes.fromhex(digest) for digest in place["path"]]
        assert place["count"] == header.receipts_count
        merkle.verify_inclusion(
            header.receipts_root, place["count"], place["index"], merkle.leaf_hash(leaf), path
        )
        receipt = Receipt.decode(leaf)
        assert receipt.tx_id.hex() == item["receipt"]["tx_id"] == answer["tx_id"]
        shown.append(receipt.call_index)
    assert shown == calls


def test_sending_it_again_gives_the_first_answer(edge: Edge) -> None:
    wire = edge.node.make([CallSpec()]).encode()
    first = submit(edge, wire, "wait=committed").json()
    height = len(edge.node.blocks) - 1
    again = submit(edge, wire, "wait=committed").json()
    assert again["receipts"] == first["receipts"]
    assert again["header"] == first["header"]
    assert len(edge.node.blocks) - 1 == height
    assert submit(edge, wire).json()["status"] == "committed"


def test_admitted_and_not_committed_in_time(edge: Edge) -> None:
    edge.node.commits = False
    transaction = edge.node.make([CallSpec()])
    reply = submit(edge, transaction.encode(), "wait=committed")
    assert (reply.status, reply.code) == (504, "node.not-committed")
    assert reply.json()["values"]["tx_id"] == transaction.id.hex()
    assert reply.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("body", "form", "status", "code"),
    [
        (b"", OCTETS, 400, "transaction.malformed"),
        (b"\x00", OCTETS, 400, "transaction.malformed"),
        (b"\xff" * 100, OCTETS, 400, "transaction.malformed"),
        (b"{}", OCTETS, 400, "transaction.malformed"),
        (b"", JSON, 400, "request.json"),
        (b"{}", JSON, 422, "request.invalid"),
        (b'{"transaction":1}', JSON, 422, "request.invalid"),
        (b'{"transaction":"","x":1}', JSON, 422, "request.invalid"),
        (b'{"transaction":"","transaction":""}', JSON, 400, "request.json"),
        (b'{"transaction":"%%%"}', JSON, 422, "request.invalid"),
        (b'{"transaction":"AB=="}', JSON, 422, "request.invalid"),
        (b'{"transaction":"AAAA"}', JSON, 400, "transaction.malformed"),
        (b"x", "text/plain", 415, "request.media-type"),
        (b"x", "", 415, "request.media-type"),
        (b"x", "multipart/form-data; boundary=x", 415, "request.media-type"),
    ],
)
def test_what_is_no_transaction(edge: Edge, body: bytes, form: str, status: int, code: str) -> None:
    reply = edge.api.post(PATH, body, form)
    assert (reply.status, reply.code) == (status, code)
    assert not edge.node.pending


def test_every_truncation_and_a_trailing_byte_are_refused(edge: Edge) -> None:
    wire = edge.node.make([CallSpec()]).encode()
    for bad in [*(wire[:cut] for cut in range(0, len(wire), 7)), wire + b"\0"]:
        reply = submit(edge, bad)
        assert (reply.status, reply.code) == (400, "transaction.malformed")


def test_inadmissible_transactions_have_their_codes(edge: Edge) -> None:
    transaction = edge.node.make([CallSpec(attachments=(("a", {"x": 1}),))])
    body, signature, attachments = codec.decode(transaction.encode())
    wrong_signature = codec.encode([body, bytes(64), attachments])
    assert submit(edge, wrong_signature).code == "transaction.signature"
    assert (
        submit(edge, codec.encode([body, signature, []])).code == "transaction.attachment-missing"
    )
    blind, _ = attachments[0]
    swapped = codec.encode([body, signature, [[blind, codec.encode({"x": 2})]]])
    assert submit(edge, swapped).code == "transaction.attachment-wrong"
    edge.node.time_ms += 10**9
    assert submit(edge, transaction.encode()).code == "transaction.expired"
    edge.node.time_ms -= 10**9
    reply = submit(edge, transaction.encode())
    assert reply.status == 202, "other copies were refused, the id is not condemned"


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (InvalidTransaction("transaction.key", sender="x"), 403, None),
        (InvalidTransaction("transaction.executed"), 409, None),
        (Unavailable("pool.full", retry_after_s=7, transactions=3), 429, "7"),
        (Unavailable("pool.sender-full", retry_after_s=2.1), 429, "3"),
        (Unavailable("node.stopping"), 503, "1"),
        (Unavailable("something.newer", part=object()), 503, "1"),
        (InvalidTransaction("transaction.newer", why=1.5), 400, None),
    ],
)
def test_refusals_of_the_node_become_problems(
    edge: Edge, error: Exception, status: int, retry: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(wire: bytes) -> None:
        raise error

    monkeypatch.setattr(edge.node, "submit", refuse)
    reply = submit(edge, b"x")
    assert reply.status == status
    assert reply.headers.get("retry-after") == retry
    problem = reply.json()
    assert problem["code"] == str(error).split("(")[0]
    assert problem["next"]
    assert "retry_after_s" not in problem["values"]
    assert reply.headers["content-type"] == "application/problem+json"


def test_each_reason_why_a_node_cannot_has_words_of_its_own() -> None:
    """Found by a run on a full disk: who waited was told only that the ledger refuses this."""
    told = re.compile(r'(?:Unavailable\(|\.end\()\s*"([a-z.-]+)"')
    sources = Path(admission.__file__).parents[1].rglob("*.py")
    codes = {code for file in sources for code in told.findall(file.read_text(encoding="utf-8"))}
    assert "node.ended" in codes
    assert codes <= set(ledger_codes.TABLE)


def test_estimate_in_both_forms(edge: Edge) -> None:
    who = reader(HOSPITAL)
    content = codec.encode({"lines": []})
    in_json = json.dumps(
        {
            "contract": "claim",
            "method": "settle",
            "args": {"claim": "m-9", "total_fen": 5},
            "attachments": [
                {"audience": "settlement", "content": base64.b64encode(content).decode()}
            ],
        }
    ).encode()
    canonical = codec.encode(
        ["claim", "settle", {"claim": "m-9", "total_fen": 5}, [["settlement", bytes(32), content]]]
    )
    seen = []

    async def estimate(organisation: str, key: bytes, call: object) -> object:
        seen.append((organisation, call))
        return await real(organisation, key, call)

    real, edge.node.estimate = edge.node.estimate, estimate  # type: ignore[method-assign]
    before = dict(edge.node.state)
    for body, form in ((in_json, JSON), (canonical, OCTETS)):
        reply = edge.api.post("/v1/estimate", body, form, who)
        assert reply.status == 200
        assert reply.json()["receipt"]["answer"] == {"for": HOSPITAL}
        assert reply.json()["explanation"] == {"steps": []}
    assert seen[0] == seen[1]
    assert edge.node.state == before


@pytest.mark.parametrize(
    "body",
    [
        codec.encode(["claim", "settle", {}]),
        codec.encode(["claim", "settle", [], []]),
        codec.encode(["claim", 1, {}, []]),
        codec.encode(["claim", "settle", {}, [["a", bytes(31), b""]]]),
        codec.encode({}),
        b"\x91",
    ],
)
def test_an_estimate_that_is_none(edge: Edge, body: bytes) -> None:
    reply = edge.api.post("/v1/estimate", body, OCTETS, reader(HOSPITAL))
    assert (reply.status, reply.code) == (422, "request.invalid")


def test_fractions_of_money_do_not_come_in(edge: Edge) -> None:
    body = b'{"contract":"claim","method":"settle","args":{"total_fen":10.5}}'
    reply = edge.api.post("/v1/estimate", body, JSON, reader(HOSPITAL))
    assert (reply.status, reply.code) == (400, "request.json")
    assert reply.json()["values"] == {"rule": "no-fraction"}
