"""What every node holds at the end, read over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from tests.chaos.clients import Reader
from tests.chaos.history import HeldBlock, Holding, Posting


async def hold(reader: Reader, node: str, height: int) -> Holding:
    """The whole chain of one node up to its head, and every balance that it names."""
    blocks = []
    for number in range(1, height + 1):
        answer = await reader.get_at_last(node, f"/v1/blocks/{number}")
        blocks.append(_block(answer.json()))
    accounts = sorted({leg.account for block in blocks for leg in block.postings})
    balances: dict[str, Mapping[str, int]] = {}
    for account in accounts:
        answer = await reader.get_at_last(node, f"/v1/accounts/{account}", f"min_height={height}")
        balances[account] = answer.json()["balances"]
    return Holding(node, blocks, balances)


async def hold_all(reader: Reader, nodes: list[str], height: int) -> list[Holding]:
    """The same of all nodes at once."""
    return list(await asyncio.gather(*(hold(reader, node, height) for node in nodes)))


def _block(answer: Mapping[str, Any]) -> HeldBlock:
    header = answer["header"]
    return HeldBlock(
        header["height"],
        bytes.fromhex(header["bytes"]),
        [bytes.fromhex(transaction["tx_id"]) for transaction in answer["transactions"]],
        [
            Posting(leg["transfer_id"], leg["account"], leg["fund_type"], leg["amount_fen"])
            for receipt in answer["receipts"]
            for leg in receipt["postings"]
        ],
    )
