"""The event stream: resumed without gap or repeat, filtered by right, bounded, revocable."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import organisations
from node.api import chain, render, stream
from node.api.auth import ReadState
from node.api.guard import Access, Guard
from node.api.parties import Parties
from node.api.settings import ApiSettings
from node.ledger.receipt import Receipt
from tests.node.api.asgi import Reader
from tests.node.api.conftest import Edge, make_edge
from tests.node.api.world import HOSPITAL, OTHER_HOSPITAL, CallSpec, key_bytes, reader

PATH = "/v1/stream"
HOME = reader("bureau:430100")


@dataclass(frozen=True)
class Told:
    """One event as it was sent."""

    id: str
    name: str
    data: str


def follow(edge: Edge, who: Reader, query: str = "", parts: int = 40, **headers: str) -> list[Told]:
    """Events until the client hangs up."""
    reply = edge.api.get(PATH, who, query, hang_up_after=parts, headers=headers)
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in reply.body.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if line and line[0] != ":")
        if lines.get("id"):
            found.append(Told(lines["id"], lines["event"], lines["data"]))
    return found


def test_from_the_beginning(edge: Edge) -> None:
    events = follow(edge, HOME, "after=0:0")
    assert [(event.id, event.name) for event in events] == [
        ("1:0", "receipt"), ("1:1", "block"),
        ("2:0", "receipt"), ("2:1", "block"),
        ("3:1", "block"),
    ]  # fmt: skip
    receipt = json.loads(events[2].data)
    assert receipt["tx_id"] == edge.story.tx_id
    assert json.loads(events[3].data)["height"] == 2


def test_from_now_on(edge: Edge) -> None:
    edge.node.later.append(lambda: edge.node.commit([CallSpec(args={"area": "430100"})]))
    events = follow(edge, HOME)
    assert [(event.id, event.name) for event in events] == [("4:0", "receipt"), ("4:1", "block")]


def test_each_reader_gets_what_concerns_it(edge: Edge) -> None:
    for who, wanted in (
        (reader(HOSPITAL), ["1:0", "2:0", "3:0"]),
        (reader(OTHER_HOSPITAL), []),
        (reader("bureau:440100"), ["1:0", "2:0", "3:0"]),
        (reader("bureau:510000"), []),
        (reader("centre"), ["1:0", "2:0", "3:0"]),
        (reader("centre", "operator"), []),
    ):
        events = follow(edge, who, "after=0:0")
        assert [event.id for event in events if event.name == "receipt"] == wanted
        assert [event.id for event in events if event.name == "block"] == ["1:1", "2:1", "3:1"]


def test_a_height_is_worked_out_once_for_all_streams(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    real = chain.call_parties

    def call_parties(access: Access, located: chain.Located, call_index: int) -> Parties:
        counted.append(call_index)
        return real(access, located, call_index)

    monkeypatch.setattr(chain, "call_parties", call_parties)
    for who in (HOME, reader(HOSPITAL), reader("centre"), reader("bureau:510000")):
        follow(edge, who, "after=0:0")
    assert len(counted) == 3


def test_the_newest_heights_only_are_kept(edge: Edge) -> None:
    heights = edge.api.app.state.heights
    for _ in range(20):
        edge.node.commit([CallSpec()])
    follow(edge, HOME, "after=0:0", 80)
    assert sorted(heights._known) == list(range(8, 24))


Opened = tuple[Guard, stream.Heights, Access]


def _opened(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """What a stream follows with, above twenty heights more."""
    opened: list[Opened] = []
    real = stream.follow

    def opening(guard: Guard, heights: stream.Heights, access: Access, *more: Any) -> Any:
        opened.append((guard, heights, access))
        return real(guard, heights, access, *more)

    for _ in range(20):
        edge.node.commit([CallSpec()])
    with monkeypatch.context() as patch:
        patch.setattr(stream, "follow", opening)
        follow(edge, HOME, parts=1)
    return opened[0]


def test_who_reads_old_heights_lets_others_have_their_turn(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that takes every part at once: reading on without a pause, the node did nothing else
    until the newest height, and did not notice that the client had hung up."""
    opened = _opened(edge, monkeypatch)

    async def turns_at_blocks() -> list[int]:
        turns: list[int] = []
        seen: list[int] = []
        _count_turns(turns)
        async for event in stream.follow(*opened, (0, 0), None):
            if b"event: block" in event:
                seen.append(len(turns))
            if len(seen) == 23:
                break
        return seen

    seen = asyncio.run(turns_at_blocks())
    assert len(set(seen)) == 23


@pytest.mark.parametrize(("height", "waits"), [(7, True), (8, False), (23, False)])
def test_only_who_reads_old_heights_waits_for_those_who_do(
    edge: Edge, monkeypatch: pytest.MonkeyPatch, height: int, waits: bool
) -> None:
    opened = _opened(edge, monkeypatch)

    async def is_told() -> bool:
        events = stream.follow(*opened, (height, 0), None)
        await anext(events)  # the comment that it begins with
        async with opened[1].turn:
            told = asyncio.ensure_future(anext(events))
            for _ in range(10):
                await asyncio.sleep(0)
            done = told.done()
        await told
        return done

    assert asyncio.run(is_told()) is not waits


def test_a_large_height_is_worked_out_in_parts(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "RECEIPTS_AT_ONCE", 2)
    turns: list[int] = []
    real = chain.call_parties

    def call_parties(access: Access, located: chain.Located, call_index: int) -> Parties:
        if not turns:
            _count_turns(turns)
        seen.append(len(turns))
        return real(access, located, call_index)

    seen: list[int] = []
    monkeypatch.setattr(chain, "call_parties", call_parties)
    edge.node.commit([CallSpec(args={"area": "430100"}) for _ in range(9)])
    assert len(follow(edge, HOME, "after=3:1")) == 10
    assert len(set(seen)) >= 4, "others had a turn between its calls"


def _count_turns(turns: list[int]) -> None:
    """One more element with each turn of the event loop."""
    turns.append(0)
    asyncio.get_running_loop().call_soon(_count_turns, turns)


def test_only_what_is_asked_for_is_worked_out(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[Receipt] = []
    real = render.receipt

    def receipt(made: Receipt) -> dict[str, object]:
        rendered.append(made)
        return real(made)

    monkeypatch.setattr(render, "receipt", receipt)
    follow(edge, HOME, "after=0:0&topic=claim.settled")
    follow(edge, reader("bureau:510000"), "after=0:0")
    assert len(rendered) == 1


def test_only_a_topic(edge: Edge) -> None:
    events = follow(edge, HOME, "after=0:0&topic=claim.settled")
    assert [event.id for event in events if event.name == "receipt"] == ["2:0"]


def test_the_header_of_a_browser_goes_before_the_query(edge: Edge) -> None:
    events = follow(edge, HOME, "after=0:0", **{"Last-Event-ID": "2:0"})
    assert [event.id for event in events] == ["2:1", "3:1"]


@settings(max_examples=12)
@given(st.data())
def test_any_break_loses_nothing_and_repeats_nothing(data: st.DataObject) -> None:
    """Read in pieces of any size, each resumed behind the last id, it is the whole once."""
    edge = _batches()
    who = data.draw(st.sampled_from([HOME, reader("centre"), reader("bureau:510000")]))
    whole = follow(edge, who, "after=0:0")
    pieces: list[Told] = []
    cursor = "0:0"
    while len(pieces) < len(whole):
        parts = data.draw(st.integers(2, 6))
        # The part on which the client hangs up may still come through.
        piece = follow(edge, who, f"after={cursor}", parts)
        if piece:
            pieces += piece
            cursor = piece[-1].id
    assert pieces == whole


_EDGE: list[Edge] = []


def _batches() -> Edge:
    if not _EDGE:
        import tempfile

        many = ApiSettings(address_rate=10**6, address_burst=10**6, key_rate=10**6, key_burst=10**6)
        edge = make_edge(Path(tempfile.mkdtemp()), many)
        for areas in (["430100", "510100", "430100"], ["510100"], ["430100", "430100"]):
            edge.node.commit([CallSpec(args={"area": area}) for area in areas])
        _EDGE.append(edge)
    return _EDGE[0]


@pytest.mark.parametrize("query", ["after=4:0", "after=1000000:0"])
def test_a_cursor_of_the_future(edge: Edge, query: str) -> None:
    reply = edge.api.get(PATH, HOME, query)
    assert (reply.status, reply.code) == (400, "read.range")


@pytest.mark.parametrize("query", ["after=x", "after=1", "after=-1:0", "after=1:0:0", "topic=A%20"])
def test_a_cursor_that_is_none(edge: Edge, query: str) -> None:
    reply = edge.api.get(PATH, HOME, query)
    assert (reply.status, reply.code) == (422, "request.invalid")


def test_a_revoked_key_ends_its_stream(edge: Edge) -> None:
    key = bytes(key_bytes("bureau:430100", "clerk"))
    with edge.node.view() as view:
        known = organisations.key_of(ReadState(view), key)  # type: ignore[arg-type]
    assert known is not None
    value = {**organisations.key_value(known), "to_height": 5}
    edge.node.later = [
        lambda: edge.node.commit([CallSpec(args={"area": "430100"})]),
        lambda: edge.node.commit(
            [CallSpec(args={"area": "430100"})], writes={f"org-key/{key.hex()}": value}
        ),
        lambda: edge.node.commit([CallSpec(args={"area": "430100"})]),
    ]
    # The key is judged by the next height, so the block that revokes it is not shown any more.
    events = follow(edge, HOME, parts=1_000_000)
    assert [event.id for event in events] == ["4:0", "4:1"]


def test_streams_are_counted_and_given_back(tmp_path: Path) -> None:
    edge = make_edge(tmp_path, ApiSettings(streams_max=2, streams_per_key_max=1))
    streams = edge.api.app.state.guard.streams
    streams.open(bytes(key_bytes("bureau:430100", "clerk")))
    reply = edge.api.get(PATH, HOME)
    assert (reply.status, reply.code) == (429, "limit.streams")
    assert reply.headers["retry-after"] == "10"
    follow(edge, reader("bureau:430100", "checker"), parts=2)
    assert len(streams) == 1, "a stream that ended gave its place back"
    streams.open(b"other")
    assert edge.api.get(PATH, reader("bureau:430100", "checker")).code == "limit.streams"


def test_a_quiet_stream_says_that_it_is_there(edge: Edge) -> None:
    reply = edge.api.get(PATH, HOME, hang_up_after=3)
    assert b": still here\n\n" in reply.body
