"""One round after the other: follow every node, prove what is new, carry files, look again.

A round asks each node in turn; what one does wrong costs the others nothing. Nothing is done with a
node whose head is below what was verified before the round: it lags.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

from node.ledger.block import Header
from node.member import rows
from node.member.chain import Chain
from node.member.follow import Followed
from node.member.nodes import LOOKS_MAX, Nodes, in_turn
from node.member.orders import Orders
from node.member.outbox import Outbox
from node.member.remote import Remote
from node.store.kv import KV


class Inbox(Protocol):
    """Statements of the bank's own system."""

    waits: dict[str, str]

    def work(self) -> bool: ...

    def look_again(self, turn: int) -> None: ...


class Member:
    """A member node between two rounds."""

    def __init__(
        self,
        kv: KV,
        chain: Chain,
        nodes: Nodes,
        *,
        checkpoint: bytes | None,
        refresh_rounds: int,
        log: Any,
    ) -> None:
        self._kv, self.chain, self.nodes = kv, chain, nodes
        self._checkpoint, self._refresh_rounds, self._log = checkpoint, refresh_rounds, log
        self.followed: Followed | None = None
        self.orders: Orders | None = None
        self.outbox: Outbox | None = None
        self.inbox: Inbox | None = None
        self.rounds = 0

    def round(self) -> bool:
        """Ask everybody once; whether there is more to do at once.

        Raises ``Forked``, and errors of the disk.
        """
        nodes, before = self.nodes, self.chain.height
        nodes.usable = []
        if self.orders is not None:
            self.orders.proved.clear()
        for remote in nodes.remotes:
            if remote.standing.skip:
                remote.standing.skip -= 1
                continue
            if nodes.attempt(remote, lambda one: self._follow(one, before)):
                nodes.usable.append(remote)
        if self.outbox is not None:
            for name in self.outbox.deliver():
                self._log.info("member.instruction", file=name)
        more = self.inbox is not None and self.inbox.work()
        self._look_again()
        for remote in nodes.remotes:
            if remote in nodes.usable:
                remote.standing.went_well()
            _place(remote, self.chain)
        self.rounds += 1
        return more

    def _follow(self, remote: Remote, before: int) -> bool:
        """Whether the node is at what was verified before, with all that it lists proved."""
        if not self.chain.begun:
            if self._checkpoint is None:
                self.chain.begin()
            else:
                self.chain.begin_at(remote, self._checkpoint)
        known = self.chain.height
        header: Header = self.chain.follow(remote)
        remote.standing.height = header.height
        if self.chain.height > known:
            self._log.info("member.height", height=header.height, peer=remote.address)
        if header.height < before:
            remote.standing.went_well()
            return False
        remote.begin_turn()
        if self.orders is not None:
            self.orders.collect(remote)
        if self.followed is not None:
            self.followed.collect(remote)
        return not remote.turn_is_over

    def _look_again(self) -> None:
        """What was named and not proved, and from time to time all that is still open."""
        turn, left = divmod(self.rounds, self._refresh_rounds)
        due = not left and bool(self.nodes.usable)
        if self.followed is not None:
            self.followed.look_again(due, turn)
        if self.orders is not None:
            self._orders_again(self.orders, due, turn)

    def _orders_again(self, orders: Orders, due: bool, turn: int) -> None:
        """Orders that a statement has changed, orders and lines that are open."""
        refresh, first = orders.refresh, self.nodes.first
        for key, least in list(rows.all_of(self._kv, rows.LOOK))[:LOOKS_MAX]:
            done = ((key, None),)
            first(partial(refresh, name=key[1:].decode(), least=least, done=done))
        if not due:
            return
        for name in in_turn(orders.open(), turn):
            first(partial(refresh, name=name))
        if self.inbox is not None:
            self.inbox.look_again(turn)


def _place(remote: Remote, chain: Chain) -> None:
    """How a node that answered rightly stands to what is verified by now."""
    standing = remote.standing
    if standing.failures or standing.height is None:
        return
    standing.behind_by = chain.height - standing.height
    standing.state, standing.code = ("behind" if standing.behind_by else "agrees"), ""
