"""Limits: bytes, headers, paths, rates, requests in hand, slow and lying senders."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.api.limits import Buckets, Limits, whole_seconds
from node.api.settings import ApiSettings, own_authorities
from tests.node.api.asgi import Reply, drive, make_scope
from tests.node.api.conftest import Edge, make_edge
from tests.node.api.world import HOSPITAL, CallSpec, reader

OCTETS = "application/octet-stream"
SMALL = ApiSettings(
    transaction_bytes_max=1_000,
    body_bytes_max=100,
    buffered_bytes_max=1_500,
    header_bytes_max=2_000,
    header_count_max=12,
    target_bytes_max=300,
)


@pytest.fixture
def small(tmp_path: Path) -> Edge:
    return make_edge(tmp_path, SMALL)


def assert_refused(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.code) == (status, code)


def test_the_body_is_counted_not_believed(small: Edge) -> None:
    """Content-Length may be absent or lie; the bytes that arrive count."""
    chunks = [b"x" * 400] * 3
    for headers in ({}, {"Content-Length": "10"}):
        reply = small.api.send("POST", "/v1/transactions", headers=headers, chunks=chunks)
        assert_refused(reply, 413, "request.too-large")
        assert reply.json()["values"] == {"limit_bytes": 1_000}
        assert reply.headers["connection"] == "close"
    # What is within the limit reaches the route, which has something else against it.
    reply = small.api.send("POST", "/v1/transactions", chunks=[b"x" * 400] * 2)
    assert_refused(reply, 415, "request.media-type")


def test_a_declared_length_is_refused_before_a_byte_is_read(small: Edge) -> None:
    headers = {"Content-Length": str(1 << 30)}
    reply = small.api.send("POST", "/v1/transactions", headers=headers, chunks=[])
    assert_refused(reply, 413, "request.too-large")


def test_other_routes_take_less(small: Edge) -> None:
    reply = small.api.send("POST", "/v1/estimate", body=b"x" * 101)
    assert_refused(reply, 413, "request.too-large")
    reply = small.api.send("GET", "/v1/health", body=b"x")
    assert_refused(reply, 413, "request.too-large")


@pytest.mark.parametrize("length", ["-1", "+5", "1e3", "", "0x10", "9" * 16, "1,1"])
def test_a_length_that_is_none(small: Edge, length: str) -> None:
    reply = small.api.send("POST", "/v1/transactions", headers={"Content-Length": length})
    assert_refused(reply, 400, "request.malformed")


def test_two_ways_to_tell_the_length_of_the_body(small: Edge) -> None:
    """The classic way to smuggle a request past a proxy (CL and TE)."""
    headers = {"Content-Length": "3", "Transfer-Encoding": "chunked"}
    reply = small.api.send("POST", "/v1/transactions", headers=headers, body=b"abc")
    assert_refused(reply, 400, "request.malformed")


def test_headers_and_address(small: Edge) -> None:
    health = "/v1/health"
    assert small.api.send("GET", health, headers={"X-Long": "x" * 1_000}).status == 200
    reply = small.api.send("GET", health, headers={"X-Long": "x" * 2_000})
    assert_refused(reply, 431, "request.headers-too-large")
    reply = small.api.send("GET", health, headers=[(f"X-{n}", "") for n in range(12)])
    assert_refused(reply, 431, "request.headers-too-large")
    assert_refused(small.api.send("GET", health, "q" * 300), 431, "request.headers-too-large")


@pytest.mark.parametrize(
    "path",
    [
        "/v1//health",
        "//v1/health",
        "/v1/./health",
        "/v1/../v1/health",
        "/v1/health/..",
        "/v1/%2e%2e/health",
        "/v1/%2E%2E/health",
        "/v1%2Fhealth",
        "/v1/claims/a%2Fb",
        "/v1/claims/a%5Cb",
        "/v1/claims/a;b=c",
        "/v1/claims/a%00b",
        "/v1/claims/a%0Ab",
        "/v1/claims/a%252E",
        "/v1/claims/a b",
        "/v1/claims/a\\b",
        "/v1/claims/é",
        "/v1/claims/a%3",
        "v1/health",
        "*",
    ],
)
def test_a_path_has_one_reading(edge: Edge, path: str) -> None:
    assert_refused(edge.api.send("GET", path), 400, "request.path")


def test_a_slow_body_is_given_up(tmp_path: Path) -> None:
    """The sender begins and never goes on."""
    impatient = make_edge(tmp_path, replace(SMALL, body_deadline_s=0.01))

    async def run() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        first = [{"type": "http.request", "body": b"x", "more_body": True}]

        async def receive() -> dict[str, Any]:
            if first:
                return first.pop()
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await impatient.api.app(make_scope("POST", "/v1/transactions", "", {}), receive, send)
        return sent

    assert asyncio.run(run())[0]["status"] == 408
    assert limits_of(impatient)._buffered == 0


def limits_of(edge: Edge) -> Limits:
    """The limits middleware inside the application."""
    layer = edge.api.app.middleware_stack
    while not isinstance(layer, Limits):
        layer = getattr(layer, "app", None) or layer._app
    return layer


def test_a_sender_who_hangs_up_leaves_nothing_behind(small: Edge) -> None:
    async def run() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        script = [
            {"type": "http.request", "body": b"x" * 300, "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def receive() -> dict[str, Any]:
            return script.pop(0)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await small.api.app(make_scope("POST", "/v1/transactions", "", {}), receive, send)
        return sent

    assert asyncio.run(run()) == []
    assert (limits_of(small)._buffered, limits_of(small)._in_flight) == (0, 0)


def test_all_bodies_together_have_a_bound(small: Edge) -> None:
    """Two half-sent bodies fill the budget; a third sender is told to come back, and then may."""

    async def run() -> list[int]:
        go_on = asyncio.Event()
        statuses: list[int] = []

        async def slow(size: int) -> None:
            parts = [b"x" * size, b""]

            async def receive() -> dict[str, Any]:
                if len(parts) == 1:
                    await go_on.wait()
                return {
                    "type": "http.request",
                    "body": parts.pop(0),
                    "more_body": bool(parts),
                }

            async def send(message: dict[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    statuses.append(message["status"])

            await small.api.app(make_scope("POST", "/v1/transactions", "", {}), receive, send)

        senders = [asyncio.create_task(slow(700)) for _ in range(2)]
        for _ in range(5):
            await asyncio.sleep(0)
        third = await drive(small.api.app, "POST", "/v1/transactions", "", {}, b"x" * 200, "c")
        statuses.append(third.status)
        go_on.set()
        await asyncio.gather(*senders)
        again = await drive(small.api.app, "POST", "/v1/transactions", "", {}, b"x" * 200, "c")
        return [*statuses, again.status]

    assert asyncio.run(run()) == [503, 415, 415, 415]


def test_requests_in_hand_have_a_bound(tmp_path: Path) -> None:
    edge = make_edge(tmp_path, ApiSettings(in_flight_max=1))

    async def run() -> list[int]:
        held, statuses = asyncio.Event(), []

        async def receive() -> dict[str, Any]:
            await held.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        scope = make_scope("GET", "/v1/health", "", {})
        first = asyncio.create_task(edge.api.app(scope, receive, send))
        await asyncio.sleep(0)
        second = await drive(edge.api.app, "GET", "/v1/health", "", {}, b"", "c")
        held.set()
        await first
        third = await drive(edge.api.app, "GET", "/v1/health", "", {}, b"", "c")
        return [second.status, *statuses, third.status]

    assert asyncio.run(run()) == [503, 200, 200]


def test_those_who_wait_leave_room_for_those_who_read(tmp_path: Path) -> None:
    """A sender who waits for many commits does not take the places of readers."""
    edge = make_edge(tmp_path, ApiSettings(waiting_max=1))
    wires = [edge.node.make([CallSpec(args={"n": n})]).encode() for n in range(3)]
    go_on = asyncio.Event()

    async def wait(tx_id: bytes, timeout_s: float) -> bool:
        await go_on.wait()
        return await real(tx_id, timeout_s)

    real, edge.node.wait = edge.node.wait, wait  # type: ignore[method-assign]

    async def submit(wire: bytes, query: str) -> int:
        headers = {"Content-Type": OCTETS}
        path = "/v1/transactions"
        return (await drive(edge.api.app, "POST", path, query, headers, wire, "c")).status

    async def run() -> list[int]:
        first = asyncio.create_task(submit(wires[0], "wait=committed"))
        for _ in range(5):
            await asyncio.sleep(0)
        statuses = [
            await submit(wires[1], "wait=committed"),
            await submit(wires[1], ""),
            (await drive(edge.api.app, "GET", "/v1/health", "", {}, b"", "c")).status,
        ]
        go_on.set()
        return [*statuses, await first, await submit(wires[2], "wait=committed")]

    assert asyncio.run(run()) == [503, 202, 200, 200, 200]


def test_the_names_of_a_node_are_its_address() -> None:
    assert own_authorities("127.0.0.1", 1)[:2] == ("127.0.0.1:1", "localhost:1")
    assert own_authorities("10.0.0.5", 8800) == ("10.0.0.5:8800",)
    assert own_authorities("fd00::1", 8800) == ("[fd00::1]:8800",)
    assert own_authorities("0.0.0.0", 8800) == own_authorities("::", 1) == ()


def test_an_address_is_slowed_down_and_told_the_truth(tmp_path: Path) -> None:
    edge = make_edge(tmp_path, ApiSettings(address_rate=2, address_burst=3))
    get = edge.api.send
    assert [get("GET", "/v1/health").status for _ in range(4)] == [200, 200, 200, 429]
    reply = get("GET", "/v1/health")
    assert_refused(reply, 429, "limit.address")
    assert get("GET", "/v1/health", client="192.0.2.2").status == 200
    edge.node.seconds += int(reply.headers["retry-after"])
    assert get("GET", "/v1/health").status == 200


def test_a_key_is_slowed_down_wherever_it_comes_from(tmp_path: Path) -> None:
    edge = make_edge(tmp_path, ApiSettings(key_rate=1, key_burst=2))
    who = reader(HOSPITAL)
    for number in range(2):
        assert edge.api.get("/v1/status", who, client=f"192.0.2.{number}").status == 200
    reply = edge.api.get("/v1/status", who, client="192.0.2.9")
    assert_refused(reply, 429, "limit.key")
    assert edge.api.get("/v1/status", reader(HOSPITAL, "checker")).status == 200
    edge.node.seconds += int(reply.headers["retry-after"])
    assert edge.api.get("/v1/status", who).status == 200


def test_others_cannot_use_up_a_key(tmp_path: Path) -> None:
    """A key is public; requests that it did not sign do not count against it."""
    edge = make_edge(tmp_path, ApiSettings(key_rate=1, key_burst=1))
    who = reader(HOSPITAL)
    for _ in range(5):
        forged = edge.api.sign(who, "/v1/validators")
        assert edge.api.send("GET", "/v1/status", headers=forged).code == "signature.wrong"
    assert edge.api.get("/v1/status", who).status == 200


@settings(max_examples=100)
@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.lists(st.floats(0, 3, allow_nan=False), max_size=40),
)
def test_a_bucket_never_gives_more_than_it_promises(
    rate: int, burst: int, steps: list[float]
) -> None:
    """In any window of t seconds at most ``burst + rate * t``; and a wait that is told suffices."""
    clock = [0.0]
    buckets = Buckets(rate=rate, burst=burst, count_max=10, now=lambda: clock[0])
    given_at: list[float] = []
    for step in steps:
        clock[0] += step
        wait_s = buckets.take("a")
        if wait_s == 0.0:
            given_at.append(clock[0])
        else:
            later = Buckets(rate=rate, burst=burst, count_max=10, now=lambda: clock[0])
            later._buckets = buckets._buckets
            clock[0] += whole_seconds(wait_s)
            assert later.take("a") == 0.0
            given_at.append(clock[0])
    for i, start in enumerate(given_at):
        for j in range(i, len(given_at)):
            window = given_at[j] - start
            assert j - i + 1 <= burst + rate * window + 1e-6


def test_the_table_of_buckets_is_bounded() -> None:
    buckets = Buckets(rate=1, burst=1, count_max=3, now=lambda: 0.0)
    for number in range(10):
        assert buckets.take(f"a{number}") == 0.0
    assert len(buckets) == 3
    assert buckets.take("a9") > 0.0


def test_page_caps(edge: Edge) -> None:
    who = reader("bureau:430100")
    path = "/v1/accounts/fund:430100/postings"
    assert edge.api.get(path, who, "limit=500").status == 200
    assert_refused(edge.api.get(path, who, "limit=501"), 400, "read.range")
    for bad in ("limit=0", "limit=-1", "limit=10001", "limit=abc", "limit=1.5"):
        assert_refused(edge.api.get(path, who, bad), 422, "request.invalid")


def test_security_headers_and_no_cors(edge: Edge) -> None:
    reply = edge.api.send("GET", "/v1/health", headers={"Origin": "https://evil.example"})
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
    assert not any(name.startswith("access-control") for name in reply.headers)
    assert edge.api.send("OPTIONS", "/v1/health").status == 405


@pytest.mark.parametrize(
    "header", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method", "X-Original-URL"]
)
def test_headers_do_not_change_method_or_path(edge: Edge, header: str) -> None:
    reply = edge.api.send("GET", "/v1/health", headers={header: "/v1/status"})
    assert reply.json() == {"status": "ok"}
    assert edge.api.send("GET", "/v1/transactions", headers={header: "POST"}).status == 405


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_an_address_is_not_what_a_sender_says_it_is(tmp_path: Path, header: str) -> None:
    """Without a proxy that is told of, forwarded addresses are a sender's own words."""
    edge = make_edge(tmp_path, ApiSettings(address_rate=1, address_burst=1))
    statuses = [
        edge.api.send("GET", "/v1/health", headers={header: f"198.51.100.{n}"}).status
        for n in range(3)
    ]
    assert statuses == [200, 429, 429]
