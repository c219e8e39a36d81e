"""The OpenAPI document is complete, answers keep to it, and no made-up request meets a fault."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from node.api import rights
from node.api.app import api_routes
from node.api.settings import ApiSettings
from node.api.wanted import in_words
from tests.node.api.asgi import Reply
from tests.node.api.conftest import Edge, make_edge
from tests.node.api.story import AN_ORDER, CLAIM, FILING, PERSON, REIMBURSEMENT
from tests.node.api.test_rights import ESTIMATE_BODY, EXPECTED, UNSIGNED, request_of
from tests.node.api.world import HOSPITAL, CallSpec, reader

FAST = ApiSettings(
    address_rate=10**6, address_burst=10**6, key_rate=10**6, key_burst=10**6, stream_life_s=0.001
)
EDGE = make_edge(Path(tempfile.mkdtemp()), FAST)
DOCUMENT: dict[str, Any] = EDGE.api.app.openapi()
READERS = [
    reader(organisation, post)
    for organisation in ("bureau:430100", HOSPITAL, "auditor:national", "centre", "bank:icbc")
    for post in ("clerk", "operator", "audit")
]
READERS += [reader("bureau:430100")] * 10 + [reader("bureau:430000", "operator")] * 3
"""Mostly somebody who may, so that routes are reached behind the gate too."""
KNOWN = {
    "claim": [CLAIM],
    "person": [PERSON],
    "filing": [FILING],
    "reimbursement": [REIMBURSEMENT],
    "tx_id": [EDGE.story.tx_id, EDGE.story.registered_tx],
    "block": ["0", "2", "3"],
    "call_index": ["0"],
    "account": ["fund:430100", f"person:{PERSON}:account"],
    "organisation": [HOSPITAL],
    "name": ["block-calls"],
    "area": ["430100"],
    "scheme": ["390"],
    "day": ["2026-01-01"],
    "year": ["2026"],
}

STATE_KEYS = [
    f"claim/{CLAIM}",
    f"person/{PERSON}",
    f"bank-order/bank:icbc/{AN_ORDER}",
    "bank-order/bank:icbc",
    "param/block-calls",
    "org/centre",
    "x/y",
    "fund",
]


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_route_is_described_with_its_refusals() -> None:
    described = {path for path, _, _ in operations()}
    assert described == {route.path for route in api_routes(EDGE.api.app)}
    for path, _, operation in operations():
        assert operation["summary"], path
        assert operation["description"], path
        for status in ("400", "401", "403", "404", "422", "429", "503"):
            content = operation["responses"][status]["content"]
            assert "application/problem+json" in content or path == "/v1/ready", path
        answers = [code for code in operation["responses"] if code.startswith("2")]
        assert answers, path
        for code in answers:
            assert operation["responses"][code]["content"], path


def test_every_parameter_has_a_bound() -> None:
    for path, _, operation in operations():
        for parameter in operation.get("parameters", []):
            shape = parameter["schema"]
            shapes = shape.get("anyOf", [shape])
            bounded = any(
                {"pattern", "maximum", "const", "enum"} & set(one) or one.get("type") == "boolean"
                for one in shapes
            )
            assert bounded, (path, parameter)


def resolve(shape: Any) -> Any:
    """The shape with references into the document, for the validator."""
    return {**shape, "components": DOCUMENT["components"]}


@pytest.mark.parametrize("name", sorted((set(EXPECTED) - {"stream"}) | UNSIGNED))
def test_answers_keep_to_their_description(name: str, tmp_path: Path) -> None:
    edge = make_edge(tmp_path, FAST)
    if name in UNSIGNED:
        path, reply = f"/v1/{name}", edge.api.get(f"/v1/{name}")
    else:
        path, query = request_of(name, edge)
        organisations, posts = EXPECTED[name]
        who = reader(sorted(organisations)[0], sorted(posts)[0])
        if name == "estimate":
            reply = edge.api.post(path, ESTIMATE_BODY, "application/json", who)
        else:
            reply = edge.api.get(path, who, query)
    route = next(route for route in api_routes(edge.api.app) if route.name == name)
    described = DOCUMENT["paths"][route.path][sorted(route.methods)[0].lower()]["responses"]
    content = described[str(reply.status)]["content"]
    media = reply.headers["content-type"].partition(";")[0]
    assert media in content
    if media == "application/json" and content[media].get("schema"):
        jsonschema.validate(reply.json(), resolve(content[media]["schema"]))


def test_problems_keep_to_their_description() -> None:
    shape = resolve({"$ref": "#/components/schemas/ProblemOut"})
    for reply in (
        EDGE.api.get("/v1/status"),
        EDGE.api.get("/v1/nothing"),
        EDGE.api.send("DELETE", "/v1/status"),
        EDGE.api.get("/v1/headers/x", READERS[0]),
        EDGE.api.post("/v1/transactions", b"", "text/plain"),
    ):
        jsonschema.validate(reply.json(), shape)
        assert reply.json()["status"] == reply.status


def no_fault(reply: Reply) -> None:
    """Nothing that a client sends is a fault of ours, and no refusal repeats what it sent."""
    assert reply.status < 500, (reply.status, reply.body)
    if reply.status >= 400:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["code"]


SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.mark.parametrize(
    ("path", "method"), sorted((path, method) for path, method, _ in operations())
)
def test_made_up_requests_meet_no_fault(path: str, method: str) -> None:
    """Schemathesis makes requests from the document; they are signed and sent."""
    edge, operation = EDGE, SCHEMA[path][method.upper()]

    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(), data=st.data())
    def send(case: Any, data: st.DataObject) -> None:
        for name in case.path_parameters or {}:
            if name in KNOWN and data.draw(st.integers(0, 3)):
                case.path_parameters[name] = data.draw(st.sampled_from(KNOWN[name]))
        if "key" in (case.query or {}) and data.draw(st.booleans()):
            case.query["key"] = data.draw(st.sampled_from(STATE_KEYS))
        made = case.as_transport_kwargs(base_url="http://node.test:8800")
        parts = urlsplit(made["url"])
        pairs = [(str(k), str(v)) for k, v in (made.get("params") or {}).items()]
        import httpx

        request = httpx.Request(
            method.upper(), made["url"], params=pairs or None,
            content=made.get("data") if isinstance(made.get("data"), bytes) else None,
            json=made.get("json"),
        )  # fmt: skip
        target, _, query = request.url.raw_path.decode("latin-1").partition("?")
        assert parts.netloc == "node.test:8800"
        who = data.draw(st.sampled_from(READERS))
        headers = edge.api.sign(who, target, query, method=method.upper(), body=request.content)
        kind = data.draw(st.sampled_from(["application/json", "application/octet-stream"]))
        if request.content:
            headers["Content-Type"] = kind
        no_fault(
            edge.api.send(
                method.upper(), target, query, headers=headers, body=request.content,
                hang_up_after=3,
            )
        )  # fmt: skip

    send()


NASTY = [
    "' OR 1=1 --", '"; DROP TABLE claims; --', "${jndi:ldap://x}", "{{7*7}}", "<script>alert(1)",
    "../../etc/passwd", "%0d%0aSet-Cookie:x", "\\u0000", "A" * 300, "-1", "0x41", "null", "NaN",
    "1e308", "９", "p:430100:7f3a'",
]  # fmt: skip


@pytest.mark.parametrize("text", NASTY)
def test_injection_strings_are_refused_and_not_repeated(text: str) -> None:
    from urllib.parse import quote

    who = READERS[0]
    for template in (
        "/v1/claims/{}", "/v1/persons/{}", "/v1/accounts/{}", "/v1/headers/{}", "/v1/receipts/{}/0",
    ):  # fmt: skip
        reply = EDGE.api.get(template.format(quote(text, safe="")), who)
        assert 400 <= reply.status < 500
        assert text.encode() not in reply.body
    for query in ("min_height={}", "key={}", "after={}", "limit={}", "x={}"):
        reply = EDGE.api.get("/v1/state", who, query.format(quote(text, safe="")))
        assert 400 <= reply.status < 500
        assert text.encode() not in reply.body or len(text) < 5


def test_every_right_has_a_route_in_the_document() -> None:
    assert {route.name for route in api_routes(EDGE.api.app)} == set(rights.ROUTES)


def test_openapi_is_served_signed_and_whole(edge: Edge) -> None:
    document = edge.api.get("/v1/openapi.json", reader("bank:icbc")).json()
    assert set(document["paths"]) == set(DOCUMENT["paths"])
    for closed in ("/docs", "/redoc", "/openapi.json"):
        assert edge.api.get(closed).status == 404


def test_rejected_calls_and_batches_are_described_too(edge: Edge) -> None:
    tx_id = edge.node.commit([CallSpec(code="claim.not-found"), CallSpec()]).id.hex()
    answer = edge.api.get(f"/v1/transactions/{tx_id}", reader(HOSPITAL)).json()
    shape = {"$ref": "#/components/schemas/TransactionAnswer"}
    jsonschema.validate(answer, resolve(shape))


def _patterns(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            if name == "pattern" and isinstance(value, str):
                yield value
            yield from _patterns(value)
    elif isinstance(document, list):
        for value in document:
            yield from _patterns(value)


def test_every_form_that_a_route_declares_is_told_in_words() -> None:
    missing = {pattern for pattern in _patterns(DOCUMENT) if in_words(pattern) is None}
    assert not missing
