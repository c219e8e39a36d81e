"""Bureaus' nodes for a member node to ask: a chain without a process behind it, honest or not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import httpx

from node.ledger.block import Header
from node.ledger.evidence import CertifiedHeader
from node.ledger.trail import encode_trail
from node.ledger.types import OrgId
from node.member.chain import Chain
from node.member.remote import Remote, Signer
from tests.node.ledger.world import World, make_transaction, private, sign_key
from tests.node.store.sim_kv import SimKV

ME = "bank:icbc"
Bend = Callable[[str, bytes], bytes]


def grow(world: World, blocks: int, *, epoch_at: dict[int, list[int]] | None = None) -> World:
    """More blocks; ``epoch_at``: heights that end an epoch, with the numbers of the next keys."""
    for _ in range(blocks):
        height = world.head.height + 1
        transaction = make_transaction(world.genesis.chain, height, attached=False)
        world.commit([transaction], next_numbers=(epoch_at or {}).get(height))
    return world


class LedgerNode(httpx.BaseTransport):
    """Serves headers and trails of a world up to a height; ``bend`` is its lie about an answer."""

    def __init__(self, world: World, *, lag: int = 0, bend: Bend | None = None) -> None:
        self.world, self.lag, self.bend = world, lag, bend
        self.asked: list[str] = []

    @property
    def height(self) -> int:
        return len(self.world.blocks) - self.lag

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        query = {k: v[0] for k, v in parse_qs(request.url.query.decode()).items()}
        data = self.answer(path, query)
        if self.bend is not None:
            data = self.bend(path, data)
        return httpx.Response(200, content=data)

    def answer(self, path: str, query: dict[str, str]) -> bytes:
        if path == "/v1/trail":
            whole = self.trail(self.height)
            return encode_trail(replace(whole, epochs=whole.epochs[int(query["from_epoch"]) :]))
        if path == "/v1/headers":
            top = int(query["after"].split(":")[0]) - 1
            headers = [self.world.blocks[h - 1].header for h in range(top, 0, -1)]
            return _json({"headers": [_row(h) for h in headers[: int(query["limit"])]]})
        wanted = path.rpartition("/")[2]
        for block in self.world.blocks:
            if block.header.hash.hex() == wanted:
                return _json({"header": _row(block.header)})
        raise AssertionError(path)

    def trail(self, height: int) -> CertifiedHeader:
        return self.world.certified(self.world.blocks[height - 1])


def _row(header: Header) -> dict[str, Any]:
    return {"height": header.height, "bytes": header.encode().hex()}


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


def remote(node: httpx.BaseTransport, world: World, name: str = "node") -> Remote:
    """The member node's way to a node."""
    signer = Signer(OrgId(ME), world.genesis.chain, private(sign_key(0)))
    return Remote(f"http://{name}.test", signer, transport=node)


def chain_of(kv: SimKV, world: World, *, link_max: int = 1_000) -> Chain:
    """A chain on a store, begun where the store is empty."""
    chain = Chain(kv, world.genesis, ME, link_max=link_max)
    if not chain.begun:
        chain.begin()
    return chain
