"""Builds a member node of its configuration once, and says how it stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from node.ledger.genesis import Genesis
from node.member.chain import Chain
from node.member.config import Config
from node.member.errors import MemberRefused
from node.member.follow import Followed
from node.member.inbox import Inbox
from node.member.kinds import following
from node.member.lines import Lines
from node.member.loop import Member
from node.member.nodes import Nodes
from node.member.orders import Orders
from node.member.outbox import Outbox, open_folder
from node.member.records import Records
from node.member.remote import Remote, Signer
from node.store.kv import KV

BANK = "bank"


class Built:
    """A member node that is ready to go round."""

    def __init__(self, member: Member, records: Records, lines: Lines, organisation: str) -> None:
        self.member, self.records, self._lines = member, records, lines
        self._organisation = organisation
        self._status: Mapping[str, Any] = {}
        self._tell()

    @property
    def chain(self) -> Chain:
        """Its verified headers."""
        return self.member.chain

    def round(self) -> bool:
        """One round; whether there is more to do at once. Raises ``Forked``."""
        try:
            return self.member.round()
        finally:
            self._tell()

    def status(self) -> Mapping[str, Any]:
        """How it stood after the newest round; any thread may ask."""
        return self._status

    def close(self) -> None:
        """End its connections."""
        for remote in self.member.nodes.remotes:
            remote.close()

    def _tell(self) -> None:
        chain, member = self.chain, self.member
        best = chain.best
        nodes = [
            {
                "address": remote.address, "state": remote.standing.state,
                "code": remote.standing.code, "height": remote.standing.height,
                "behind_by": remote.standing.behind_by, "lies": remote.standing.lies,
            }
            for remote in member.nodes.remotes
        ]  # fmt: skip
        self._status = {
            "organisation": self._organisation,
            "chain": chain.genesis.chain.hex(),
            "height": chain.height,
            "block": None if best is None else best.hash.hex(),
            "time_ms": None if best is None else best.time_ms,
            "epoch": max(chain.epoch, 0),
            "rounds": member.rounds,
            "agree": sum(row["state"] == "agrees" for row in nodes),
            "nodes": nodes,
            "open_orders": 0 if member.orders is None else len(member.orders.open()),
            "open": {} if member.followed is None else member.followed.open(),
            "suspense": len(self._lines.suspended()),
            "statements_waiting": {} if member.inbox is None else dict(member.inbox.waits),
        }


def build(
    config: Config,
    genesis: Genesis,
    signer: Signer,
    kv: KV,
    log: Any,
    *,
    now_ms: Callable[[], int],
    monotonic_s: Callable[[], float] = time.monotonic,
    transport: Callable[[str], httpx.BaseTransport] | None = None,
) -> Built:
    """A member node over an open store. Raises ``MemberRefused`` or ``Forked``.

    ``transport``: how a node's address is reached, for tests without sockets.
    """
    me = signer.organisation
    chain = Chain(kv, genesis, me, link_max=config.nodes.link_max)
    pinned = config.member.checkpoint
    checkpoint = bytes.fromhex(pinned) if pinned else None
    if chain.has_fork and (checkpoint is None or not chain.resolve(checkpoint)):
        raise chain.fork()
    remotes = [
        Remote(
            address, signer, timeout_s=config.nodes.timeout_ms / 1_000,
            transport=None if transport is None else transport(address),
            now_s=lambda: now_ms() / 1_000, monotonic_s=monotonic_s,
        )
        for address in config.nodes.addresses
    ]  # fmt: skip
    nodes, records = Nodes(remotes, chain, log), Records(kv)
    lines = Lines(kv, nodes, records, me)
    member = Member(
        kv, chain, nodes, checkpoint=checkpoint, refresh_rounds=config.nodes.refresh_rounds, log=log
    )
    things = following(me, records.find)
    if things is not None:
        member.followed = Followed(kv, nodes, records, me, things)
    if me.partition(":")[0] == BANK:
        member.orders = Orders(kv, nodes, records, me)
        folder = config.bank.folder
        if folder is not None:
            open_folder(folder)
            member.outbox = Outbox(kv, member.orders, folder, config.bank.format)
            member.inbox = Inbox(kv, nodes, lines, signer, folder, now_ms=now_ms, log=log)
    elif config.bank.folder is not None:
        raise MemberRefused("bank.folder is for a bank's member node.")
    return Built(member, records, lines, me)
