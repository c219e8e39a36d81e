"""Canaries through a real node: what is planted in attachments comes out nowhere that is public.

Distinctive words go in as diagnosis, charge line, person attribute, paper, phone key, link token
and blind, through every method and route that takes them, sound and malformed. Then every place
that is not made for them is searched in every dress (``tests.node.canaries``): block bodies,
headers, certificates, receipts, index rows, all other rows of the database, log lines, error
bodies, answers to submissions, metrics, the access log, the public routes, every other file.

Two places may hold them, and the tests say so: **attachments** (under their own prefix, erasable)
and **state values** with the state diffs that are made of them (salted, never shown without a
right). The explanation is an attachment; an estimate's answer shows it to the one who asked.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest

from contracts.settlement import CONTRACTS
from contracts.settlement.terms import CATEGORIES
from node.api import rights
from node.ledger.transaction import SignedTransaction
from node.store import keys
from node.telemetry import make_logger
from tests.contracts.settlement.claim_world import EMPLOYEE_POLICY, ClaimWorld, catalogue_rows
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.world import BUREAU_HUNAN
from tests.node.api import real
from tests.node.api.asgi import Reply
from tests.node.api.real import NodeWorld, reader
from tests.node.canaries import Leak, Search
from tests.node.privacy_plants import (
    BIRTH,
    CHINESE,
    CODE,
    DIAGNOSIS,
    LINK,
    WORDS,
    Planted,
    Planter,
    plant_after_payment,
    plant_afterwards,
    plant_claims,
    plant_cover,
    plant_end,
    plant_filings,
    plant_in_addresses,
    plant_people,
)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    folder, logs = tmp_path_factory.mktemp("node"), StringIO()
    handler = logging.StreamHandler(logs)
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(real, "make_logger", lambda *_: make_logger("debug", "json", logs))
        world = NodeWorld(folder)
        words = dict(WORDS)
        made = Planted(world, folder, logs, Search(words))
        record(world, made, words, patch)
        speak: Any = world
        claims = ClaimWorld(speak, world.genesis.chain)
        claims.publish("2025.1", "2025-01-01", catalogue_rows())
        claims.deploy("310", EMPLOYEE_POLICY)
        enrol(speak)
        plant = Planter(world, made)
        plant_people(plant)
        plant_filings(plant)
        plant_cover(plant)
        plant_claims(plant)
        plant_after_payment(plant)
        plant_afterwards(plant)
        plant_end(plant)
        plant_in_addresses(world)
        made.search = Search(words)
        yield made
        world.close()
    root.removeHandler(handler)
    root.setLevel(level)


def record(
    world: NodeWorld, made: Planted, words: dict[str, bytes | str], patch: pytest.MonkeyPatch
) -> None:
    """Keep every answer of the edge, and every blind as a word of its own."""
    send: Callable[..., Reply] = world.api.send
    make: Callable[..., SignedTransaction] = world.make

    def sending(method: str, path: str, *args: Any, **more: Any) -> Reply:
        reply = send(method, path, *args, **more)
        made.replies.append((method, path, reply))
        return reply

    def making(*args: Any, **more: Any) -> SignedTransaction:
        transaction = make(*args, **more)
        for item in transaction.attachments:
            words[f"blind {len(words)}"] = item.blind
        return transaction

    patch.setattr(world.api, "send", sending)
    patch.setattr(world, "make", making)


# --- What was planted -----------------------------------------------------------------------------


def test_every_method_that_takes_an_attachment_was_planted(planted: Planted) -> None:
    taking = {
        (contract.name, name)
        for contract in CONTRACTS
        for name, method in contract.methods.items()
        if method.attachments
    }
    assert planted.methods == taking


def test_every_route_that_takes_content_was_planted(planted: Planted) -> None:
    posted = {path for method, path, _ in planted.replies if method == "POST"}
    assert posted == {"/v1/transactions", "/v1/estimate"}
    reading = {rights.Right.SENDER, rights.Right.ESTIMATE}
    assert {n for n, right in rights.ROUTES.items() if right in reading} == {"submit", "estimate"}


# --- Where nothing may be -------------------------------------------------------------------------

ATTACHMENTS, STATE_VALUES = {keys.ATTACHMENT}, {keys.STATE, keys.DIFF}
EXPECTED_TEXT = ", ".join(CATEGORIES).encode()
"""A refusal of a malformed category lists all categories that there are; that is nobody's."""


def rows(planted: Planted) -> Iterator[tuple[bytes, bytes]]:
    yield from planted.world.node.chain.database.kv.iterate(b"\x00", b"\xff" * 40)


def assert_clean(planted: Planted, place: str, data: bytes) -> None:
    for listed in (EXPECTED_TEXT, EXPECTED_TEXT.hex().encode()):
        data = data.replace(listed, b"")
    leaks = list(planted.search.leaks(place, data))
    assert not leaks, leaks


@pytest.mark.parametrize(
    "prefix",
    [value for name, value in sorted(vars(keys).items())
     if name.isupper() and isinstance(value, bytes) and len(value) == 1
     and value not in ATTACHMENTS | STATE_VALUES],
)  # fmt: skip
def test_no_row_of_the_database_but_attachments_and_state(planted: Planted, prefix: bytes) -> None:
    """Bodies, headers, receipts, certificates, index, seals, ids, proposals: key and value."""
    for key, value in rows(planted):
        if key[:1] == prefix:
            assert_clean(planted, f"row {key!r}", key + b"\x00" + value)


def test_every_row_of_the_database_is_of_a_known_kind(planted: Planted) -> None:
    known = {v for n, v in vars(keys).items() if n.isupper() and isinstance(v, bytes)}
    found = {key[:1] for key, _ in rows(planted)}
    assert found <= known
    assert {keys.BODY, keys.HEADER, keys.RECEIPTS, keys.INDEX, keys.CERTIFICATE} <= found
    assert keys.PROPOSAL not in found, "a committed height leaves no proposal behind"


def test_no_log_line(planted: Planted) -> None:
    text = planted.logs.getvalue()
    assert "event" in text, "the log was not captured"
    assert_clean(planted, "log", text.encode())


def test_no_answer_but_an_estimate_s_explanation(planted: Planted) -> None:
    """Errors first of all, then receipts, headers of answers, and what the public routes show."""
    errors = 0
    for method, path, reply in planted.replies:
        body = reply.body
        if path == "/v1/estimate" and reply.status == 200:
            content = json.loads(body)
            if content["explanation"] is not None:
                assert CODE in json.dumps(content.pop("explanation"))
            body = json.dumps(content).encode()
        if reply.status >= 400:
            errors += 1
        elif path.startswith("/v1/persons/"):
            continue  # the home bureau reads its own person: state values, with a right
        place = f"{method} {path.split('/')[2]} {reply.status}"
        assert_clean(planted, place, body + json.dumps(reply.headers).encode())
    assert errors > 150, "the malformed ones were refused"


def test_no_public_route(planted: Planted) -> None:
    """Whoever may read the whole chain reads it: blocks, headers, stream, receipts, status."""
    api, who = planted.world.api, reader(BUREAU_HUNAN)
    height = planted.world.node.reader.head.height
    paths = ["/v1/headers", "/v1/validators", "/v1/status", "/v1/metrics", "/v1/openapi.json"]
    paths += [f"/v1/blocks/{n}" for n in range(height + 1)]
    for path in paths:
        reply = api.get(path, who)
        assert reply.status == 200, (path, reply.body)
        assert_clean(planted, path, reply.body)
    stream = api.get("/v1/stream", who, "after=0:0", hang_up_after=500)
    assert b"claim.settled" in stream.body
    assert_clean(planted, "stream", stream.body)


def test_no_metric(planted: Planted) -> None:
    exposition = planted.world.node.telemetry.exposition()
    assert b"args.shape" in exposition
    assert_clean(planted, "metrics", exposition)


def test_no_line_of_the_access_log_and_no_other_file(planted: Planted) -> None:
    names = set()
    for path in planted.folder.rglob("*"):
        if path.is_file() and path.suffix not in (".ldb", ".log"):  # the rows are searched above
            names.add(path.name.partition("-")[0])
            assert_clean(planted, str(path), path.name.encode() + path.read_bytes())
    assert {"access", "safety.dat"} <= names


# --- Where it may be, and that the search would find it -------------------------------------------


def test_attachments_hold_what_was_planted_and_are_apart(planted: Planted) -> None:
    """The search is not blind: in the two allowed places it finds the words."""
    held = {
        leak.word
        for key, value in rows(planted)
        if key[:1] in ATTACHMENTS
        for leak in planted.search.leaks("attachments", value)
    }
    assert held >= WORDS.keys()
    kept = {
        leak.word
        for key, value in rows(planted)
        if key[:1] in STATE_VALUES
        for leak in planted.search.leaks("state", value)
    }
    assert kept & WORDS.keys() >= {"birth", "identity type", "link", "next phone key", "counter"}
    assert not kept & {"diagnosis", "diagnosis in Chinese", "note", "practitioner", "paper"}


@pytest.mark.parametrize("word", [DIAGNOSIS, CHINESE, BIRTH, LINK])
def test_a_planted_leak_is_found_in_every_place(planted: Planted, word: bytes | str) -> None:
    """A self-test: one real row with one word more, plain and as the API would print it."""
    raw = word.encode() if isinstance(word, str) else word
    receipts = next(value for key, value in rows(planted) if key[:1] == keys.RECEIPTS)
    for dressed in (raw, raw.hex().encode(), base64.b64encode(b"x" + raw)):
        with pytest.raises(AssertionError, match="Leak"):
            assert_clean(planted, "receipts", receipts + dressed)
    assert Leak("receipts", "birth", "plain") in planted.search.leaks(
        "receipts", receipts + BIRTH.encode()
    )
