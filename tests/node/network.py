"""A network of one validator with a small contract, for tests of the process.

``book`` is a contract that can do everything that a call can do to a block: write, emit, post,
explain, refuse, meet a bug. What it does is said by its arguments, so tests read without it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.api import Answer, Args, Context, Contract, Posting, reject
from contracts.registry import Registry
from contracts.runtime import Runtime
from contracts.schema import Bool, Int, List, Optional, Text
from node.ledger import crypto
from node.ledger.codec import encode
from node.ledger.genesis import Genesis, make_content
from node.ledger.transaction import (
    Attachment,
    AttachmentRef,
    Call,
    SignedTransaction,
    TransactionBody,
    sign_transaction,
)
from node.ledger.types import OrgId, TimeMs
from node.mempool import PoolLimits
from node.service.node import Node, NodeOptions
from node.service.opening import OpenedLedger, OpenOptions, open_ledger
from node.telemetry import make_logger

BUREAU = "bureau:430000"
HOSPITAL = "hospital:H43010000001"
GENESIS_MS = 1_767_225_600_000
BOOK = Contract("book")


@BOOK.method(
    args={"key": Text(1, 40), "amount_fen": Int(0, 10**12), "note": Optional(Text(1, 200))},
    attachments={"note": None},
    name="enter",
)
def enter(ctx: Context, args: Args) -> Answer:
    """Add to a total; post it; explain it with what the attachment says."""
    key = f"book/{args['key']}"
    total = (ctx.state.get(key) or {"total_fen": 0})["total_fen"] + args["amount_fen"]
    ctx.state.put(key, {"total_fen": total})
    ctx.emit("book.entered", claim=args["key"], institution=ctx.sender)
    ctx.postings.append(Posting(ctx.tx_id.hex()[:20], "fund:430100", "310100", -args["amount_fen"]))
    ctx.postings.append(
        Posting(ctx.tx_id.hex()[:20], f"person:{args['key']}:account", "310200", args["amount_fen"])
    )
    ctx.explain({"note": ctx.attachments["note"].content, "total_fen": total})
    return {"total_fen": total}


@BOOK.method(args={"key": Text(1, 40), "after_writing": Bool()}, name="refuse")
def refuse(ctx: Context, args: Args) -> Answer:
    """Write and then refuse: nothing may stay."""
    if args["after_writing"]:
        ctx.state.put(f"book/{args['key']}", {"total_fen": -1})
    reject("book.refused", key=args["key"])


@BOOK.method(args={"key": Text(1, 40), "units": Int(0), "in_vain": Bool()}, name="toil")
def toil(ctx: Context, args: Args) -> Answer:
    """Say that much work was done; write it down unless it was in vain."""
    ctx.spend(args["units"])
    if args["in_vain"]:
        reject("book.refused", key=args["key"])
    ctx.state.put(f"book/{args['key']}", {"total_fen": args["units"]})
    return {}


@BOOK.method(args={"key": Text(1, 40)}, name="stumble")
def stumble(ctx: Context, args: Args) -> Answer:
    """Meet a bug."""
    ctx.state.put(f"book/{args['key']}", {"total_fen": -2})
    raise ZeroDivisionError("a planted bug")


@BOOK.method(args={"key": Text(1, 40)}, name="drop")
def drop(ctx: Context, args: Args) -> Answer:
    """Delete an entry."""
    ctx.state.delete(f"book/{args['key']}")
    return {}


@BOOK.method(args={"members": List(Text(1, 40), max=4, min=1)}, name="seat")
def seat(ctx: Context, args: Args) -> Answer:
    """Let others vote from the next height on: ``<organisation>=<name of a made-up key>``."""
    members = [one.split("=") for one in args["members"]]
    ctx.state.put(
        "validators",
        {
            "members": sorted([org, crypto.public_key(private(name))] for org, name in members),
            "changed_height": ctx.height,
        },
    )
    return {}


def runtime() -> Runtime:
    return Runtime(Registry((BOOK,)))


def private(name: str) -> crypto.PrivateKey:
    """A made-up key: the same name gives the same key."""
    return crypto.private_key(crypto.H("test/seed", name.encode()))


def make_genesis(contracts: Mapping[str, int] | None = None) -> tuple[Genesis, bytes]:
    """Genesis of one bureau that validates and one hospital, and the file's bytes."""
    keys = {name: private(name) for name in ("validate", "bureau", "hospital")}

    def record(name: str, purposes: list[str], post: str) -> dict[str, Any]:
        return {
            "key": crypto.public_key(keys[name]), "purposes": purposes,
            "holder": f"s:{name}", "post": post,
        }  # fmt: skip

    content = make_content(
        time_ms=GENESIS_MS,
        parameters={},
        contracts=contracts if contracts is not None else {"book": 1},
        organisations=[
            {
                "id": BUREAU, "kind": "bureau", "region": "430000",
                "keys": [
                    record("validate", ["validate"], "operator"),
                    record("bureau", ["read", "sign"], "clerk"),
                ],
            },
            {
                "id": HOSPITAL, "kind": "hospital", "region": "430100",
                "keys": [record("hospital", ["read", "sign"], "clerk")],
            },
        ],
        validators=[(BUREAU, crypto.public_key(keys["validate"]))],
    )  # fmt: skip
    genesis = Genesis.from_content(content)
    privates = {crypto.public_key(key): key for key in keys.values()}
    data = genesis.render(genesis.prove_keys(privates))
    return Genesis.parse(data), data


@dataclass(frozen=True)
class Client:
    """Signs transactions for one organisation."""

    chain: bytes
    sender: str = HOSPITAL
    name: str = "hospital"

    def sign(
        self,
        calls: Sequence[tuple[str, str, dict[str, Any]]],
        *,
        notes: Mapping[int, Any] | None = None,
        valid_until_ms: int | None = None,
        chain: bytes | None = None,
        content: bytes | None = None,
    ) -> SignedTransaction:
        """A transaction of ``(contract, method, args)``; ``notes``: attachment by call index."""
        notes = notes or {}
        refs, attachments, made = [], [], []
        for index, (contract, method, args) in enumerate(calls):
            named: tuple[int, ...] = ()
            if index in notes:
                blind = crypto.H("test/blind", encode([contract, method, args, index]))
                item = Attachment(blind, encode(notes[index]) if content is None else content)
                named = (len(refs),)
                refs.append(AttachmentRef("note", item.commitment()))
                attachments.append(item)
            made.append(Call(contract, method, args, named))
        key = private(self.name)
        until = valid_until_ms if valid_until_ms is not None else now_ms() + 3_600_000
        body = TransactionBody(
            chain if chain is not None else self.chain,
            OrgId(self.sender), crypto.public_key(key), TimeMs(until), tuple(made), tuple(refs),
        )  # fmt: skip
        return sign_transaction(body, key, attachments)

    def enter(self, key: str, amount_fen: int, **given: Any) -> SignedTransaction:
        """One ``book.enter``."""
        args = {"key": key, "amount_fen": amount_fen}
        return self.sign([("book", "enter", args)], notes={0: {"text": f"for {key}"}}, **given)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


OPEN = OpenOptions(diff_heights=50, check_heights=1_000_000, tree_depth=4, index=True)


def open_folder(folder: Path, genesis_bytes: bytes, options: OpenOptions = OPEN) -> OpenedLedger:
    return open_ledger(folder, genesis_bytes, runtime().registry, options)


def make_node(folder: Path, ledger: OpenedLedger, **given: Any) -> Node:
    options = NodeOptions(
        organisation=BUREAU,
        data_dir=folder,
        pool=given.pop("pool", PoolLimits(1_000, 64 << 20, 500, 16 << 20)),
        calls_aim=given.pop("calls_aim", 256),
        bytes_aim=4 << 20,
        index=True,
    )
    log = make_logger("error", "json")
    name = given.pop("key", "validate")
    key = None if name is None else private(name)
    return Node(options, ledger, runtime(), key, log, **given)


@contextlib.asynccontextmanager
async def running(folder: Path, genesis_bytes: bytes, **given: Any) -> AsyncIterator[Node]:
    """A started node over a folder; stopped at the end."""
    node = make_node(folder, open_folder(folder, genesis_bytes), **given)
    await node.start()
    try:
        yield node
    finally:
        await node.stop()
