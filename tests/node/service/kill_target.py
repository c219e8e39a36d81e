"""A node as a process, to be killed: ``python -m tests.node.service.kill_target FOLDER``.

Submits transactions for ever, several at a time, and prints ``committed <id>`` for each one that
the node answered as committed, before anything else happens. Keys and amounts come from a counter
that the folder's chain continues, so every life adds to the same books.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from node.service.node import Node
from tests.node.network import Client, make_genesis, running

SUBMITTERS = 6


async def submit_for_ever(node: Node, client: Client, lane: int, start: int) -> None:
    number = start
    while True:
        number += 1
        calls = [
            ("book", "enter", {"key": f"{lane}", "amount_fen": 1}),
            ("book", "enter", {"key": "shared", "amount_fen": 1}),
            ("book", "refuse", {"key": f"{lane}", "after_writing": True}),
        ]
        notes = {0: {"lane": lane, "number": number}, 1: {"text": "y" * (number % 700)}}
        transaction = client.sign(calls[: 1 + number % 3], notes=notes)
        await node.submit(transaction.encode())
        if await node.wait(transaction.id, 60):
            print("committed", transaction.id.hex(), flush=True)


async def live(folder: Path) -> None:
    genesis, data = make_genesis()
    client = Client(genesis.chain)
    async with running(folder, data) as node:
        print("up", node.head.height, flush=True)
        start = node.head.height * 1_000
        lanes = [submit_for_ever(node, client, lane, start) for lane in range(SUBMITTERS)]
        await asyncio.gather(*lanes)


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1])))
