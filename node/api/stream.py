"""What happens on the ledger, as it happens: a resumable stream of server-sent events.

Each event's id is its place in the chain, ``height:index``, and a stream goes on behind the id that
the client saw last (``Last-Event-ID`` or ``after``), from the chain itself: nothing is buffered for
a reader and nothing is lost between two connections. A height gives one ``receipt`` event for each
call that concerns the reader, then one ``block`` event whose index is the number of receipts.

The reader's key is looked up again at each height: a stream ends when the key is revoked.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Header, Query, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from node.api import chain, plain_json, render
from node.api.auth import find_caller
from node.api.guard import Access, Guard
from node.api.limits import Streams
from node.api.params import POSITION, TOPIC, AccessDep, GuardDep, edge_router
from node.api.parties import Parties
from node.api.problems import Problem
from node.api.rights import Right, has_post
from node.ledger.block import Header as BlockHeader
from node.ledger.receipt import Receipt

router = edge_router("stream", at_height=False)

PLACE = re.compile(r"([0-9]{1,15}):([0-9]{1,7})")

Cursor = tuple[int, int]
"""(height, index): everything up to and with this place was seen."""


RECENT = 16
"""Heights up to the newest one that are kept worked out for all streams."""
RECEIPTS_AT_ONCE = 128
"""Calls of a height that are worked out before other work of the node has its turn: some 20 ms."""


@dataclass(slots=True)
class Happened:
    """One call of a height. What a stream asks of it is worked out once for all streams."""

    index: int
    receipt: Receipt
    topics: frozenset[str]
    _parties: Parties | None = None
    _body: bytes | None = None

    def parties(self, access: Access) -> Parties:
        """Whom the call concerns."""
        if self._parties is None:
            located = chain.locate(access.view, self.receipt.tx_id)
            assert located is not None, f"receipt {self.index} has no transaction"
            self._parties = chain.call_parties(access, located, self.receipt.call_index)
        return self._parties

    def body(self) -> bytes:
        """The receipt as JSON."""
        if self._body is None:
            self._body = plain_json.encode(render.receipt(self.receipt))
        return self._body


class Heights:
    """The newest heights worked out: each stream only compares, whoever it is for."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        """Held for an old height: however many streams catch up, one of them is at work."""
        self._known: OrderedDict[int, tuple[Happened, ...]] = OrderedDict()

    def at(self, access: Access, height: int) -> tuple[Happened, ...]:
        """Everything that happened at a height that the view has."""
        found = self._known.get(height)
        if found is None:
            leaves = access.view.receipts(height)
            found = tuple(_happened(index, leaf) for index, leaf in enumerate(leaves))
            self._known[height] = found
            if len(self._known) > RECENT:
                self._known.popitem(last=False)
        return found


def _happened(index: int, leaf: bytes) -> Happened:
    receipt = Receipt.decode_trusted(leaf)
    return Happened(index, receipt, frozenset(event.topic for event in receipt.events))


class EventStream(StreamingResponse):
    """An event stream with an end: also a reader that stops reading lets go of its place."""

    def __init__(self, events: AsyncIterator[bytes], life_s: float, streams: Streams, key: bytes):
        super().__init__(
            events,
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._life_s, self._streams, self._key = life_s, streams, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._life_s):
                    await super().__call__(scope, receive, send)
        finally:
            self._streams.close(self._key)


def parse_place(text: str) -> Cursor:
    """A cursor. Raises ``Problem`` ``read.range``."""
    found = PLACE.fullmatch(text)
    if found is None:
        raise Problem("read.range")
    return int(found[1]), int(found[2])


@router.get(
    "/v1/stream",
    name="stream",
    responses={
        200: {
            "description": "Server-sent events `receipt` and `block`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def stream(
    request: Request,
    access: AccessDep,
    guard: GuardDep,
    after: Annotated[str | None, Query(pattern=POSITION, description="Go on behind this.")] = None,
    topic: Annotated[
        str | None, Query(pattern=TOPIC, description="Only events of this topic.")
    ] = None,
    last_event_id: Annotated[str | None, Header(pattern=POSITION)] = None,
) -> Response:
    """Follow the ledger from a cursor, or from now on."""
    head = access.view.head.height
    given = last_event_id if last_event_id is not None else after
    cursor = (head, 2**31) if given is None else parse_place(given)
    if cursor[0] > head:
        raise Problem("read.range", height=head)
    if 0 < cursor[0] < access.view.floor - 1:
        raise Problem("read.below-floor", floor=access.view.floor)
    key = access.caller.key.key
    guard.streams.open(key)
    events = follow(guard, request.app.state.heights, access, cursor, topic)
    return EventStream(events, guard.settings.stream_life_s, guard.streams, key)


async def follow(
    guard: Guard, heights: Heights, access: Access, cursor: Cursor, topic: str | None
) -> AsyncIterator[bytes]:
    """Events behind the cursor, without end; comments while there are none.

    Who reads old heights never waits for anything, not even for a reader that has hung up: so this
    rests after each height for as long as it worked, and the rest of the node goes on meanwhile.
    Who reads recent ones waits for no turn: behind a few that catch up it would fall behind itself.
    """
    yield b": yibao events, id = height:index\n\n"
    height = cursor[0]
    reader = guard.ports.reader
    while True:
        if not await reader.wait_for_height(height, guard.settings.stream_heartbeat_s):
            yield b": still here\n\n"
            continue
        with reader.view() as view:
            recent = height > view.head.height - RECENT
        async with nullcontext() if recent else heights.turn:
            began_s = time.monotonic()
            with reader.view() as view:
                caller = access.caller
                if find_caller(caller.id, caller.key.key, view) is None:
                    return
                at_head = replace(access, view=view)
                events = await height_events(heights, at_head, height, cursor, topic)
            await asyncio.sleep(0 if recent else time.monotonic() - began_s)
        for event in events:
            yield event
        height += 1


async def height_events(
    heights: Heights, access: Access, height: int, cursor: Cursor, topic: str | None
) -> list[bytes]:
    """Events of one height that stand behind the cursor and concern the reader."""
    found = []
    data = access.view.header(height)
    if data is None:
        return []  # a snapshot was taken: heights below it are not here
    count = BlockHeader.decode(data).receipts_count
    for call in heights.at(access, height) if has_post(Right.PARTY, access.caller) else ():
        if call.index % RECEIPTS_AT_ONCE == RECEIPTS_AT_ONCE - 1:
            await asyncio.sleep(0)
        wanted = (height, call.index) > cursor and (topic is None or topic in call.topics)
        if wanted and access.sees(call.parties(access), Right.PARTY):
            found.append(_event("receipt", height, call.index, call.body()))
    if (height, count) > cursor:
        found.append(_event("block", height, count, plain_json.encode(render.header(data))))
    return found


def _event(name: str, height: int, index: int, body: bytes) -> bytes:
    return b"id: %d:%d\nevent: %s\ndata: %s\n\n" % (height, index, name.encode(), body)
