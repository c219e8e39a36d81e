"""Signed requests: each covered part altered, replayed, expired, by a wrong key, for elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import organisations
from node.api.auth import Nonces
from node.api.problems import Problem
from node.api.settings import ApiSettings
from node.ledger import crypto, http_signature
from node.ledger.http_signature import RequestTarget, signed_headers
from tests.node.api.asgi import AUTHORITY, Reply
from tests.node.api.conftest import Edge, make_edge
from tests.node.api.world import (
    HOSPITAL,
    OTHER_HOSPITAL,
    CallSpec,
    key_bytes,
    make_api,
    reader,
    secret,
)

PATH = "/v1/status"
BODY = b'{"contract":"claim","method":"settle","args":{}}'


def ask(edge: Edge, headers: dict[str, str], path: str = PATH, query: str = "") -> Reply:
    return edge.api.send("GET", path, query, headers=headers)


def assert_refused(reply: Reply, code: str) -> None:
    assert (reply.status, reply.code) == (401, code)


def test_a_signed_request_is_answered_once(edge: Edge) -> None:
    headers = edge.api.sign(reader(HOSPITAL), PATH)
    assert ask(edge, headers).status == 200
    assert_refused(ask(edge, headers), "signature.replayed")


def test_each_covered_component_is_covered(edge: Edge) -> None:
    """A signature for one request is no signature for a request that differs in one part."""
    who = reader(HOSPITAL)
    sign = edge.api.sign
    assert ask(edge, sign(who, PATH, "min_height=0"), query="min_height=0").status == 200
    assert_refused(ask(edge, sign(who, PATH), query="min_height=0"), "signature.wrong")
    assert_refused(ask(edge, sign(who, PATH, "min_height=0")), "signature.wrong")
    assert_refused(ask(edge, sign(who, "/v1/validators")), "signature.wrong")
    assert_refused(ask(edge, sign(who, PATH, method="POST")), "signature.wrong")
    elsewhere = {**sign(who, PATH), "Host": "other.test:8800"}
    assert_refused(ask(edge, elsewhere), "signature.wrong")


def test_the_body_is_covered(edge: Edge) -> None:
    path, who = "/v1/estimate", reader(HOSPITAL)
    headers = edge.api.sign(who, path, method="POST", body=BODY)
    other = BODY.replace(b"settle", b"estima")
    reply = edge.api.send("POST", path, headers=headers, body=other)
    assert_refused(reply, "signature.body-differs")
    swapped = {**headers, "Content-Digest": http_signature.content_digest(other)}
    reply = edge.api.send("POST", path, headers=swapped, body=other)
    assert_refused(reply, "signature.wrong")
    weak = {**headers, "Content-Digest": "md5=:" + base64.b64encode(b"0" * 16).decode() + ":"}
    reply = edge.api.send("POST", path, headers=weak, body=BODY)
    assert_refused(reply, "signature.body-differs")


@pytest.mark.parametrize("name", ["Signature", "Signature-Input", "Content-Digest"])
def test_a_missing_header(edge: Edge, name: str) -> None:
    headers = edge.api.sign(reader(HOSPITAL), PATH)
    del headers[name]
    assert_refused(ask(edge, headers), "signature.missing")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"@method" ', ""),
        ('"@authority" ', ""),
        (' "content-digest"', ""),
        ('"@method" "@authority"', '"@authority" "@method"'),
        (";created=", "; created="),
        ('alg="ed25519"', 'alg="hmac-sha256"'),
        (';alg="ed25519"', ""),
        ('tag="yibao-api/1"', 'tag="other"'),
        ("yibao=(", "sig1=("),
        ('nonce="', 'nonce="short"; "'),
        ("#01", "#02"),
    ],
)
def test_another_spelling_is_not_understood(edge: Edge, old: str, new: str) -> None:
    headers = edge.api.sign(reader(HOSPITAL), PATH)
    assert old in headers["Signature-Input"]
    headers["Signature-Input"] = headers["Signature-Input"].replace(old, new)
    assert_refused(ask(edge, headers), "signature.malformed")


def test_a_signature_in_non_canonical_base64(edge: Edge) -> None:
    headers = edge.api.sign(reader(HOSPITAL), PATH)
    value = headers["Signature"]
    last = value[-4]  # before "==:": its low four bits are padding and must be zero
    assert last in "AQgw"
    headers["Signature"] = value[:-4] + chr(ord(last) + 1) + value[-3:]
    assert_refused(ask(edge, headers), "signature.malformed")


@pytest.mark.parametrize(
    ("offset_s", "refused"),
    [(-121, True), (-120, False), (0, False), (5, False), (6, True), (-(10**9), True)],
)
def test_the_window(edge: Edge, offset_s: int, refused: bool) -> None:
    now_s = edge.node.now_ms() // 1000
    headers = edge.api.sign(reader(HOSPITAL), PATH, created_s=now_s + offset_s)
    reply = ask(edge, headers)
    if refused:
        assert_refused(reply, "signature.expired")
        assert reply.json()["values"]["now_s"] == now_s
    else:
        assert reply.status == 200


@pytest.mark.parametrize("life_s", [0, -5, 121, 10**6])
def test_a_life_that_is_none_or_too_long(edge: Edge, life_s: int) -> None:
    who = reader(HOSPITAL)
    headers = http_signature.sign_request(
        RequestTarget("GET", AUTHORITY, PATH, ""),
        b"",
        organisation=who.organisation,
        key=crypto.public_key(who.private),
        created_s=edge.node.now_ms() // 1000,
        nonce=edge.api.nonce(),
        sign=lambda base: crypto.sign(who.private, "api/1", edge.api.chain, base),
        life_s=abs(life_s),
    )
    if life_s < 0:
        headers["Signature-Input"] = headers["Signature-Input"].replace("expires=", "expires=-")
        assert_refused(ask(edge, headers), "signature.malformed")
    else:
        assert_refused(ask(edge, headers), "signature.expired")


def test_what_was_signed_before_the_start_may_have_been_used_before_it(tmp_path: Path) -> None:
    """A restart forgets nonces; a request that was caught before it is refused all the same."""
    edge = make_edge(tmp_path)
    now_s = edge.node.now_ms() // 1000
    headers = edge.api.sign(reader(HOSPITAL), PATH, created_s=now_s)
    assert ask(edge, headers).status == 200
    edge.node.time_ms += 2_000
    api, log = make_api(edge.node, tmp_path / "again")
    reply = api.send("GET", PATH, headers=headers)
    assert_refused(reply, "signature.expired")
    assert reply.json()["values"]["started_s"] == now_s + 2
    assert api.get(PATH, reader(HOSPITAL)).status == 200
    log.close()


def test_a_clock_that_was_ahead_at_the_start_and_is_right_now(tmp_path: Path) -> None:
    """A machine that asks for the time only after it has started its node: nobody waits until the
    clock is where it was. What was signed before the start is refused by the right time, too."""
    edge = make_edge(tmp_path)
    right_ms = edge.node.time_ms
    edge.node.time_ms += 86_400_000
    api, log = make_api(edge.node, tmp_path / "started")
    edge.node.time_ms = right_ms
    edge.node.seconds += 10
    assert api.get(PATH, reader(HOSPITAL)).status == 200
    before = api.sign(reader(HOSPITAL), PATH, created_s=right_ms // 1000 - 11)
    assert_refused(api.send("GET", PATH, headers=before), "signature.expired")
    log.close()


def test_another_chain_and_another_context(edge: Edge) -> None:
    who, target = reader(HOSPITAL), RequestTarget("GET", AUTHORITY, PATH, "")
    created_s = edge.node.now_ms() // 1000

    def headers(chain: bytes, context: str) -> dict[str, str]:
        return http_signature.sign_request(
            target,
            b"",
            organisation=who.organisation,
            key=crypto.public_key(who.private),
            created_s=created_s,
            nonce=edge.api.nonce(),
            sign=lambda base: crypto.sign(who.private, context, chain, base),
        )

    assert ask(edge, headers(edge.api.chain, "api/1")).status == 200
    assert_refused(ask(edge, headers(bytes(32), "api/1")), "signature.wrong")
    assert_refused(ask(edge, headers(edge.api.chain, "tx/1")), "signature.wrong")


def test_the_key_must_be_the_organisation_s(edge: Edge) -> None:
    for organisation in (OTHER_HOSPITAL, "bureau:430000", "nobody:1"):
        headers = signed_headers(
            RequestTarget("GET", AUTHORITY, PATH, ""),
            b"",
            chain=edge.api.chain,
            organisation=organisation,
            private=secret(HOSPITAL, "clerk"),
            created_s=edge.node.now_ms() // 1000,
            nonce=edge.api.nonce(),
        )
        assert_refused(ask(edge, headers), "signature.unknown-key")


def test_a_node_that_is_behind_does_not_say_that_a_key_is_unknown(edge: Edge) -> None:
    """It may be registered in a block that the node lacks: whoever asks waits, or asks another."""
    who = reader("bureau:999999")
    edge.node.behind_blocks = 1
    reply = edge.api.get(PATH, who)
    assert (reply.status, reply.code) == (503, "node.behind")
    assert reply.headers["retry-after"] == "1"
    assert edge.api.get(PATH, reader(HOSPITAL)).status == 200
    other_path = edge.api.sign(reader(HOSPITAL), f"{PATH}/other")
    assert_refused(ask(edge, other_path), "signature.wrong")  # it knows enough to refuse this
    edge.node.behind_blocks = 0
    assert_refused(edge.api.get(PATH, who), "signature.unknown-key")


def test_a_revoked_key_stops_reading_with_the_block_that_revokes_it(edge: Edge) -> None:
    who = reader(HOSPITAL)
    assert edge.api.get(PATH, who).status == 200
    known = organisations.key_of(ReadOnly(edge), bytes(key_bytes(HOSPITAL, "clerk")))
    assert known is not None
    value = {**organisations.key_value(known), "to_height": len(edge.node.blocks) + 1}

    edge.node.commit([CallSpec()], writes={f"org-key/{known.key.hex()}": value})
    reply = edge.api.get(PATH, who)
    assert_refused(reply, "signature.unknown-key")
    assert edge.api.get(PATH, reader(HOSPITAL, "checker")).status == 200


T = TypeVar("T")


class ReadOnly:
    """The node's state as contracts read it."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def get(self, key: str) -> object:
        with self._edge.node.view() as view:
            return view.state(key)

    def read(self, key: str, build: Callable[[Any], T]) -> T | None:
        value = self.get(key)
        return None if value is None else build(value)

    def put(self, key: str, value: object) -> None:
        raise AssertionError(key)

    def delete(self, key: str) -> None:
        raise AssertionError(key)


def test_an_organisation_that_left_does_not_read(edge: Edge) -> None:

    org = organisations.load(ReadOnly(edge), HOSPITAL)
    assert org is not None
    with edge.node.view() as view:
        executed = view.head.height + 1
    value = {**organisations.organisation_value(org), "left_height": executed + 1}
    edge.node.commit([CallSpec()], writes={f"org/{HOSPITAL}": value})
    assert_refused(edge.api.get(PATH, reader(HOSPITAL)), "signature.unknown-key")


def test_only_the_names_of_this_node(tmp_path: Path) -> None:
    here = make_edge(tmp_path / "a", ApiSettings(authorities=(AUTHORITY,)))
    assert here.api.get(PATH, reader(HOSPITAL)).status == 200
    there = make_edge(tmp_path / "b", ApiSettings(authorities=("other.test:8800",)))
    assert_refused(there.api.get(PATH, reader(HOSPITAL)), "signature.authority")


def test_a_second_header_of_the_same_name(edge: Edge) -> None:
    headers = list(edge.api.sign(reader(HOSPITAL), PATH).items())
    for name, value in headers:
        reply = edge.api.send("GET", PATH, headers=[*headers, (name, value)])
        assert (reply.status, reply.code) == (400, "request.malformed")


@settings(max_examples=60)
@given(st.data())
def test_any_changed_byte_of_the_headers_is_refused(data: st.DataObject) -> None:
    """No single character of the three headers can be changed unnoticed."""
    edge = make_edge_once()
    headers = edge.api.sign(reader(HOSPITAL), PATH)
    name = data.draw(st.sampled_from(sorted(headers)))
    value = headers[name]
    place = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    if value[place] == other:
        return
    headers[name] = value[:place] + other + value[place + 1 :]
    assert ask(edge, headers).status == 401


_EDGE: list[Edge] = []


def make_edge_once() -> Edge:
    """One edge for all examples of a property; they only read."""
    if not _EDGE:
        import tempfile

        _EDGE.append(
            make_edge(
                Path(tempfile.mkdtemp()), ApiSettings(address_rate=10**6, address_burst=10**6)
            )
        )
    return _EDGE[0]


def test_nonces_are_bounded_and_never_forgotten_early() -> None:
    nonces = Nonces(per_key_max=3)
    for number in range(3):
        nonces.use(b"k", f"n{number}", expires_s=100 + number, now_s=50)
    with pytest.raises(Problem) as full:
        nonces.use(b"k", "n3", expires_s=110, now_s=60)
    assert full.value.row.code == "signature.too-many"
    assert full.value.retry_after_s == 41
    nonces.use(b"other", "n0", expires_s=110, now_s=60)
    with pytest.raises(Problem, match="replayed"):
        nonces.use(b"k", "n0", expires_s=110, now_s=100)
    nonces.use(b"k", "n3", expires_s=150, now_s=101)
    assert len(nonces) == 4


@settings(max_examples=80)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 6), st.integers(0, 40), st.integers(0, 15)),
        max_size=40,
    )
)
def test_nonces_against_a_memory_that_forgets_nothing(
    uses: list[tuple[str, int, int, int]],
) -> None:
    """Whatever the table forgets could not be replayed any more: its request has expired."""
    nonces, remembered, now_s = Nonces(per_key_max=1_000), {}, 100
    for key, nonce, life_s, step_s in uses:
        now_s += step_s
        name = (key, str(nonce))
        still_valid = name in remembered and remembered[name] >= now_s
        try:
            nonces.use(key.encode(), str(nonce), now_s + life_s, now_s)
        except Problem:
            assert name in remembered, "a fresh nonce was refused"
        else:
            assert not still_valid, "a replay passed"
            remembered[name] = now_s + life_s


def test_nonces_of_a_clock_that_was_ahead_fill_no_table() -> None:
    """They stay until their time; those behind them, which have run out, make room."""
    nonces = Nonces(per_key_max=3)
    nonces.use(b"k", "ahead", expires_s=90_000, now_s=89_900)
    for number in range(20):
        nonces.use(b"k", f"n{number}", expires_s=100 * number + 90, now_s=100 * number)
    with pytest.raises(Problem, match="replayed"):
        nonces.use(b"k", "ahead", expires_s=90_000, now_s=2_000)
    assert len(nonces) <= 3
