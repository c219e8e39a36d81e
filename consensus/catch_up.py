"""Catching up: who says to be ahead, what to ask of whom, what has come.

A claimed height moves nobody: it is only a reason to ask that peer. Progress comes from
certificates alone (CVE-2025-24371: a node that believed claims waited for ever). One request at a
time, the peers in turn; who does not deliver loses its claim and is left alone for a while, however
good the reason to ask it again: a peer that is not connected "answers" at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.messages import Decided
from consensus.pacemaker import Timing
from consensus.quorum import MemberId

WINDOW = 64
"""Blocks asked for at once, and decided blocks kept above the head."""

PEERS_MAX = 128
"""Claims kept; more peers than that are not listened to."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A peer says that it has this height."""

    height: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, and until when it is waited for."""

    peer: MemberId
    first: int
    last: int
    until_ms: int


class CatchUp:
    """The book of claims, the one open request, and decided blocks above the head."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.decided: dict[int, Decided] = {}
        self.request: Request | None = None
        self._claims: dict[MemberId, Claim] = {}
        self._failed_ms: dict[MemberId, int] = {}
        """When a peer last did not deliver."""

    def claim(self, peer: MemberId, height: int, now_ms: int, *, urgent: bool = False) -> None:
        """``peer`` says that it has ``height``. ``urgent``: it is certain and needed now."""
        held = self._claims.get(peer)
        if held is None and len(self._claims) >= PEERS_MAX:
            return
        # A claim of one block ahead waits a moment: its certificate is probably on its way.
        since = now_ms if held is None else held.since_ms
        if urgent:
            since = now_ms - self.timing.status_ms
            # What is certain of one block takes back nothing that the peer has said of later ones.
            height = height if held is None else max(height, held.height)
        self._claims[peer] = Claim(height, since)

    def keep(self, decided: Decided, head: int) -> None:
        """Keep a certified block above the head, when it lies inside the window."""
        if head < decided.block.height <= head + WINDOW:
            self.decided.setdefault(decided.block.height, decided)

    def committed(self, head: int) -> None:
        """The head is at ``head`` now."""
        for height in [height for height in self.decided if height <= head]:
            del self.decided[height]
        for peer in [peer for peer, claim in self._claims.items() if claim.height <= head]:
            del self._claims[peer]
        if self.request is not None and self.request.last <= head:
            self.request = None

    def answered(self, peer: MemberId, delivered: bool, now_ms: int) -> None:
        """``peer`` has answered the open request; without a block it loses its claim."""
        if self.request is not None and self.request.peer == peer:
            self.request = None
        if not delivered:
            self._claims.pop(peer, None)
            self._failed_ms.pop(peer, None)
            if len(self._failed_ms) >= PEERS_MAX:
                del self._failed_ms[next(iter(self._failed_ms))]
            self._failed_ms[peer] = now_ms

    def next_request(self, head: int, now_ms: int) -> Request | None:
        """What to ask now, None when nothing is to be asked. The answer is the open request."""
        if self.request is not None:
            if now_ms < self.request.until_ms:
                return None
            self.answered(self.request.peer, delivered=False, now_ms=now_ms)
        first = head + 1
        while first in self.decided:
            first += 1
        if first > head + WINDOW:
            return None
        for peer, claim in self._claims.items():
            if claim.height >= first and now_ms >= self._due_ms(peer, claim, head):
                last = min(claim.height, head + WINDOW)
                self.request = Request(peer, first, last, now_ms + self.timing.fetch_ms)
                # To the end of the line: the peers are asked in turn.
                self._claims[peer] = self._claims.pop(peer)
                return self.request
        return None

    def deadline_ms(self, head: int) -> int | None:
        """When to look again, None when nothing is open."""
        if self.request is not None:
            return self.request.until_ms
        waiting = [
            max(claim.since_ms + self.timing.status_ms, self._due_ms(peer, claim, head))
            for peer, claim in self._claims.items()
            if claim.height > head and head + 1 not in self.decided
        ]
        return min(waiting, default=None)

    def _due_ms(self, peer: MemberId, claim: Claim, head: int) -> int:
        """From when on a claim may be tried: at once where more than one block is missing."""
        wait = self.timing.status_ms
        failed = self._failed_ms.get(peer)
        due = claim.since_ms + (0 if claim.height > head + 1 else wait)
        return due if failed is None else max(due, failed + wait)

    def drop_decided(self) -> None:
        """A new epoch begins: certificates kept of the old one are of no use."""
        self.decided.clear()

    def size(self) -> int:
        return len(self.decided) + len(self._claims) + len(self._failed_ms)
