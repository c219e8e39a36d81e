"""Blocks that peers sent and that are not executed yet: bounded for each peer and together.

A peer that sends more than its share pushes out its own older blocks and nobody else's. What is
pushed out and turns out to be needed is asked for again, of the members who voted for it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from node.ledger.types import FRAME_BYTES_MAX
from node.p2p.payloads import AnyContent

PEER_BYTES_MAX: Final = 2 * FRAME_BYTES_MAX
"""Two answers of full size, or two proposals."""
BYTES_MAX: Final = 64 << 20
ENTRY_BYTES: Final = 1_024
"""What an entry takes beside its transactions: empty ones must not come for nothing."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A block whose content is asked for."""

    arrived: asyncio.Event
    """Set when it is there, or not to be had from whoever was asked."""
    certified: bool
    asked: str
    """The organisation that was asked last; others may bring it late."""


class Contents:
    """Contents by block id, remembered with who sent them. For the event loop's thread."""

    def __init__(self, peer_bytes_max: int = PEER_BYTES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._peer_bytes_max = peer_bytes_max
        self._bytes_max = bytes_max
        self._by_peer: dict[str, OrderedDict[bytes, AnyContent]] = {}
        self._sizes: dict[str, int] = {}

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(self._sizes.values())

    def add(self, peer: str, content: AnyContent) -> None:
        """Keep what ``peer`` sent; its own oldest make room."""
        block = content.header.hash
        if self.find(block) is not None:
            return
        held = self._by_peer.setdefault(peer, OrderedDict())
        held[block] = content
        self._sizes[peer] = self._sizes.get(peer, 0) + _weight(content)
        while self._sizes[peer] > self._peer_bytes_max and len(held) > 1:
            self._drop_oldest(peer)
        while self.size > self._bytes_max:
            self._drop_oldest(max(self._sizes, key=lambda name: self._sizes[name]))

    def find(self, block: bytes) -> tuple[str, AnyContent] | None:
        """Who sent the block, and the block."""
        for peer, held in self._by_peer.items():
            if block in held:
                return peer, held[block]
        return None

    def remove(self, block: bytes) -> None:
        """Let go of a block."""
        for peer, held in self._by_peer.items():
            if block in held:
                self._sizes[peer] -= _weight(held.pop(block))

    def committed(self, height: int) -> None:
        """Let go of everything up to a height."""
        for held in list(self._by_peer.values()):
            for block in [b for b, c in held.items() if c.header.height <= height]:
                self.remove(block)

    def _drop_oldest(self, peer: str) -> None:
        _, content = self._by_peer[peer].popitem(last=False)
        self._sizes[peer] -= _weight(content)


def _weight(content: AnyContent) -> int:
    return content.size + ENTRY_BYTES
