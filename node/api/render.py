"""How ledger values look as JSON: one function for each kind, the shapes are in ``schemas``.

Canonical bytes stand beside the fields wherever a reader may want to check a hash or a proof
without trusting this node's rendering. Reasons of rejections are put into words here, from the
contracts' table; receipts carry only code and values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts.settlement import reasons
from node.api.ports import View
from node.ledger import merkle
from node.ledger.block import Certificate, Header
from node.ledger.receipt import Receipt
from node.ledger.transaction import SignedTransaction
from node.ledger.types import Digest


def header(data: bytes) -> dict[str, Any]:
    """A header with its hash and bytes."""
    value = Header.decode(data)
    return {
        "version": value.version,
        "chain": value.chain,
        "height": value.height,
        "hash": value.hash,
        "parent": value.parent,
        "epoch": value.epoch,
        "validators_hash": value.validators_hash,
        "next_validators_hash": value.next_validators_hash,
        "proposer": value.proposer,
        "time_ms": value.time_ms,
        "tx_root": value.tx_root,
        "tx_count": value.tx_count,
        "receipts_root": value.receipts_root,
        "receipts_count": value.receipts_count,
        "state_root": value.state_root,
        "bytes": data,
    }


def certificate(data: bytes | None) -> dict[str, Any] | None:
    """A certificate; None for genesis, which has none."""
    if data is None:
        return None
    value = Certificate.decode(data)
    return {
        "epoch": value.epoch,
        "view": value.view,
        "height": value.height,
        "block_hash": value.block_hash,
        "signers": value.signers,
        "signatures": list(value.signatures),
        "bytes": data,
    }


def certified(view: View, height: int) -> dict[str, Any]:
    """Header and certificate of a height that the view has."""
    data = view.header(height)
    assert data is not None, f"no header at height {height}"
    return {"header": header(data), "certificate": certificate(view.certificate(height))}


def reason(code: str) -> dict[str, str] | None:
    """A contract's refusal in words; None when it is ok or from a version we do not know."""
    row = reasons.TABLE.get(code)
    if row is None:
        return None
    return {
        "english": row.english,
        "chinese": row.chinese,
        "next": row.next_step,
        "next_zh": row.next_step_zh,
    }


def receipt(value: Receipt) -> dict[str, Any]:
    """A receipt."""
    return {
        "tx_id": value.tx_id,
        "call_index": value.call_index,
        "status": value.status,
        "code": value.code,
        "reason": reason(value.code),
        "values": value.values,
        "answer": value.answer,
        "events": [{"topic": event.topic, "fields": event.fields} for event in value.events],
        "amounts": value.amounts,
        "versions": value.versions,
        "postings": [
            {
                "transfer_id": leg.transfer_id,
                "account": leg.account,
                "fund_type": leg.fund_type,
                "amount_fen": leg.amount_fen,
            }
            for leg in value.postings
        ],
        "explanation": value.explanation,
        "writes_digest": value.writes_digest,
    }


def proven_receipts(leaves: Sequence[bytes], indexes: Sequence[int]) -> list[dict[str, Any]]:
    """Receipts of one block with their inclusion under its receipts root."""
    levels = _TREES.levels(leaves)
    return [
        {
            "receipt": receipt(Receipt.decode_trusted(leaves[index])),
            "bytes": leaves[index],
            "inclusion": {
                "index": index,
                "count": len(leaves),
                "path": path_of(levels, index),
            },
        }
        for index in indexes
    ]


class _Trees:
    """The tree over the last leaves: all who wait for one block ask for its paths in turn.

    Leaves are compared as the object that the reader remembers them in; nobody changes it.
    """

    def __init__(self) -> None:
        self._last: tuple[Sequence[bytes], list[list[Digest]]] = ((), [[]])

    def levels(self, leaves: Sequence[bytes]) -> list[list[Digest]]:
        known, levels = self._last
        if known is not leaves:
            levels = tree_levels([merkle.leaf_hash(leaf) for leaf in leaves])
            self._last = (leaves, levels)
        return levels


_TREES = _Trees()


def tree_levels(hashes: Sequence[Digest]) -> list[list[Digest]]:
    """All levels of the RFC 6962 tree over leaf hashes, once for the paths of many leaves."""
    levels = [list(hashes)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        above = [merkle.node_hash(*below[i : i + 2]) for i in range(0, len(below) - 1, 2)]
        levels.append(above + below[len(below) & ~1 :])
    return levels


def path_of(levels: Sequence[Sequence[Digest]], index: int) -> list[Digest]:
    """The inclusion path of one leaf: what ``merkle.inclusion_path`` gives for it alone."""
    path = []
    for level in levels[:-1]:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        index >>= 1
    return path


def transaction(value: SignedTransaction, shown: Sequence[bool] | None = None) -> dict[str, Any]:
    """A transaction as it stands on the chain: attachments only as commitments.

    ``shown`` says for each call whether the reader is a party to it: one batch of a hospital has
    claims of many areas. The canonical body is only given with all of them.
    """
    body = value.body
    seen = [True] * len(body.calls) if shown is None else shown
    return {
        "tx_id": value.id,
        "sender": body.sender,
        "key": body.key,
        "valid_until_ms": body.valid_until_ms,
        "calls": [
            {
                "contract": call.contract,
                "method": call.method,
                "args": call.args if visible else None,
                "attachments": list(call.attachments),
            }
            for call, visible in zip(body.calls, seen, strict=True)
        ],
        "attachments": [
            {"audience": ref.audience, "commitment": ref.commitment} for ref in body.attachments
        ],
        "signature": value.signature,
        "body": value.body_bytes if all(seen) else None,
    }
