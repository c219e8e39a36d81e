"""Transactions that peers pass on, each peer's in an inbox of its own, bounded, taken in turn.

An inbox is emptied for as long as the node runs, whatever one transaction meets. A reader that ends
over one of them would leave the node deaf to that peer: it would go on to talk and vote with it,
and as primary never order what the peer's clients hand in (seed 990559 of the simulator).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final

import structlog

from node.ledger.errors import LedgerError

INBOX_MAX: Final = 256
"""Transactions of one peer that wait for their check; more are dropped, their node keeps them."""
INBOX_BYTES: Final = 16 << 20
"""And so many bytes of one peer's, with the last one: a transaction may have 5.5 MiB."""


class Inboxes:
    """For the event loop's thread."""

    def __init__(
        self,
        take_in: Callable[[bytes], Awaitable[None]],
        spawn: Callable[[Coroutine[None, None, None]], None],
        on_bug: Callable[[BaseException], None],
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        """``take_in`` admits a transaction and raises ``LedgerError`` where it must not; anything
        else that it raises is told to ``on_bug`` and costs that transaction only."""
        self._take_in = take_in
        self._spawn = spawn
        self._on_bug = on_bug
        self._log = log
        self._inboxes: dict[str, asyncio.Queue[bytes]] = {}
        self._bytes: Counter[str] = Counter()

    def put(self, organisation: str, transaction: bytes) -> None:
        """Let a peer's transaction wait for its turn; dropped where too many of its wait."""
        inbox = self._inboxes.get(organisation)
        if inbox is None:
            inbox = self._inboxes[organisation] = asyncio.Queue(INBOX_MAX)
            self._spawn(self._take_all(organisation, inbox))
        if not inbox.full() and self._bytes[organisation] < INBOX_BYTES:
            self._bytes[organisation] += len(transaction)
            inbox.put_nowait(transaction)

    def waiting(self) -> dict[str, int]:
        """How many wait, by organisation."""
        return {organisation: inbox.qsize() for organisation, inbox in self._inboxes.items()}

    async def _take_all(self, organisation: str, inbox: asyncio.Queue[bytes]) -> None:
        while True:
            transaction = await inbox.get()
            self._bytes[organisation] -= len(transaction)
            try:
                await self._take_in(transaction)
            except LedgerError as error:
                # Not the peer's fault as a rule: its head may be another one than ours.
                self._log.debug("p2p.transaction-refused", code=error.code)
            except Exception as error:
                self._on_bug(error)
