"""Snapshots of the state for peers: the manifest of one moment, and chunks as they are asked for.

An offer holds a published head and with it the store's view of that moment: blocks go on being
written meanwhile. It is kept while somebody takes chunks of it, and of the few that there may be
none is older than ``OLD_S``: so what two slow or idle peers hold up is bounded in number and time.
A chunk is found by its digest, so that one which did not change comes from any offer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Final, Protocol

from node.ledger.snapshot import CHUNK_BYTES_MAX, DEPTH, Manifest, encode_chunk
from node.ledger.state_tree import EMPTY, Node
from node.p2p.payloads import AskChunk, encode_chunk_answer
from node.service.reader import NodeView, Published
from node.store import keys
from node.store.state import decode_entry

OFFERS_MAX: Final = 2
USED_S: Final = 60.0
"""An offer that nobody has asked of for so long may make room for another."""
FRESH_S: Final = 30.0
"""A manifest that is asked for within this time is the newest offer's."""
OLD_S: Final = 900.0
"""An offer ends then, used or not: who is slower goes on with a newer one, and keeps what is the
same in it."""
CHUNK_BITS: Final = 3
DEPTH_MIN: Final = 4


class Held(Protocol):
    """Where offers come from."""

    def hold(self) -> tuple[Published, NodeView]:
        """The newest published head, taken; release it in the end."""


class Offer:
    """One moment of the state. Chunks are read on any thread."""

    def __init__(self, published: Published, manifest: Manifest, now_s: float) -> None:
        self.manifest = manifest
        self.encoded = manifest.encode()
        self.made_s = self.used_s = now_s
        self.height = published.head.height
        self._published = published
        self._lock = threading.Lock()
        self._closed = False

    def has(self, asked: AskChunk) -> bool:
        """Whether this state has that chunk."""
        manifest = self.manifest
        return asked.depth == manifest.depth and manifest.row[asked.number][1] == asked.digest

    def read(self, asked: AskChunk) -> bytes:
        """Encoded chunk; empty when the offer has ended or the chunk is too large to travel."""
        with self._lock:
            if self._closed:
                return b""
            rows = self._published.rows
            first, stop = keys.paths(rows.slot, asked.number, asked.depth)
            chunk = [decode_entry(row) for _, row in rows.reader.iterate(first, stop)]
        encoded = encode_chunk(chunk)
        return encoded if len(encoded) <= CHUNK_BYTES_MAX else b""

    def close(self) -> None:
        """On the event loop's thread."""
        with self._lock:
            self._closed = True
        self._published.release()


class Offers:
    """The offers of one node. For the event loop's thread, but for the work that it gives out."""

    def __init__(self) -> None:
        self._offers: list[Offer] = []
        self._held: Held | None = None
        self._row: Callable[[int], tuple[Node, ...]] | None = None
        self._depth = DEPTH

    def attach(self, held: Held, row: Callable[[int], tuple[Node, ...]], depth: int) -> None:
        """``row``: the nodes of the head's state tree at a depth, ``depth`` at most."""
        self._held, self._row, self._depth = held, row, min(DEPTH, depth)

    def close(self) -> None:
        """Let go of everything."""
        while self._offers:
            self._offers.pop().close()

    def manifest(self) -> Callable[[], bytes | None]:
        """Work that answers a request for a manifest; None where there is nothing to offer."""
        now_s = asyncio.get_running_loop().time()
        offer = self._newest(now_s)
        if offer is None:
            return lambda: None
        offer.used_s = now_s
        return lambda: offer.encoded

    def chunk(self, asked: AskChunk) -> Callable[[], bytes | None]:
        """Work that answers a request for a chunk."""
        now_s = asyncio.get_running_loop().time()
        self._end_old(now_s)
        for offer in self._offers:
            if offer.has(asked):
                offer.used_s = now_s
                return lambda: encode_chunk_answer(asked.digest, offer.read(asked))
        return lambda: encode_chunk_answer(asked.digest, b"")

    def _newest(self, now_s: float) -> Offer | None:
        self._end_old(now_s)
        newest = self._offers[-1] if self._offers else None
        if newest is not None and now_s < newest.made_s + FRESH_S:
            return newest
        if len(self._offers) == OFFERS_MAX:
            idle = min(self._offers, key=lambda offer: offer.used_s)
            if now_s < idle.used_s + USED_S:
                return newest
            self._offers.remove(idle)
            idle.close()
        made = self._make(now_s)
        if made is not None:
            self._offers.append(made)
        return made

    def _end_old(self, now_s: float) -> None:
        for offer in [one for one in self._offers if now_s >= one.made_s + OLD_S]:
            self._offers.remove(offer)
            offer.close()

    def _make(self, now_s: float) -> Offer | None:
        if self._held is None or self._row is None:
            return None
        published, view = self._held.hold()
        height = view.head.height
        header, certificate = view.header(height), view.certificate(height)
        if header is None or certificate is None:
            published.release()  # genesis proves itself, there is nothing to take
            return None
        depth, row = _row_of(self._row, self._depth)
        ends = tuple(view.epoch_ends(height))
        return Offer(published, Manifest(ends, header, certificate, depth, row), now_s)


def _row_of(row: Callable[[int], tuple[Node, ...]], deepest: int) -> tuple[int, tuple[Node, ...]]:
    """The deepest row of a large state, a shallower one of a small state: a chunk costs a request
    and a synced write, however little it holds."""
    nodes = row(deepest)
    held = sum(kind != EMPTY for kind, _ in nodes)
    if held == len(nodes):
        return deepest, nodes
    depth = min(deepest, max(DEPTH_MIN, held.bit_length() - CHUNK_BITS))
    return depth, row(depth)
