"""What the organisation is party to, as it was verified, each with the file that proves it.

A record is written together with its evidence and never goes back to an older height.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from node.ledger.block import Header
from node.member import rows
from node.store.kv import KV, Operation

KINDS = (
    "order", "line", "notice", "payment", "month", "declared", "deduction", "settlement", "refund",
    "cover", "statement", "insurer-month", "unpaid", "payable", "commercial", "due", "office",
)  # fmt: skip
"""Kinds of records; who has which: ``node.member.kinds``."""


@dataclass(frozen=True, slots=True)
class Record:
    """One verified thing."""

    kind: str
    name: str
    state: str
    """Where it stood at that height: a stage, or what became of a line."""
    height: int
    """Of the certified block that proves it."""
    block: bytes
    """That block's hash."""
    facts: Mapping[str, Any]
    """What it says, plain values."""

    @classmethod
    def at(
        cls, kind: str, name: str, state: str, header: Header, facts: Mapping[str, Any]
    ) -> Record:
        """A record under a certified header."""
        return cls(kind, name, state, header.height, header.hash, facts)

    def show(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "kind": self.kind, "name": self.name, "state": self.state, "height": self.height,
            "block": self.block.hex(), **self.facts,
        }  # fmt: skip


class Records:
    """All records of the member node."""

    def __init__(self, kv: KV) -> None:
        self._kv = kv

    def find(self, kind: str, name: str) -> Record | None:
        """The newest that was verified of a thing; None before."""
        value = rows.read(self._kv, rows.named(rows.RECORD, kind, name))
        return None if value is None else Record(kind, name, *value)

    def evidence(self, kind: str, name: str) -> bytes | None:
        """The evidence file of a record."""
        return self._kv.get(rows.named(rows.EVIDENCE, kind, name))

    def listed(self, kind: str, after: str = "") -> Iterator[Record]:
        """Records of a kind in the order of their names, behind a name."""
        prefix = rows.named(rows.RECORD, kind, "")
        behind = rows.named(rows.RECORD, kind, after) if after else b""
        for key, value in rows.all_of(self._kv, prefix, after=behind):
            yield Record(kind, key[len(prefix) :].decode(), *value)

    def named(self, kind: str, beginning: str) -> Iterator[Record]:
        """Records of a kind whose names begin so, in their order."""
        prefix = rows.named(rows.RECORD, kind, beginning)
        for key, value in rows.all_of(self._kv, prefix):
            yield Record(kind, beginning + key[len(prefix) :].decode(), *value)

    def put(self, record: Record, evidence: bytes) -> list[Operation]:
        """The rows of a record and its evidence; none where a newer one is known."""
        known = self.find(record.kind, record.name)
        if known is not None and known.height > record.height:
            return []
        value = [record.state, record.height, record.block, dict(record.facts)]
        return [
            (rows.named(rows.RECORD, record.kind, record.name), rows.pack(value)),
            (rows.named(rows.EVIDENCE, record.kind, record.name), evidence),
        ]
