"""A bank's statement lines as they were proved, and what of them waits in suspense."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contracts.settlement.bank import SUSPENSE, Line
from node.ledger.errors import InvalidProof
from node.member import rows
from node.member.nodes import Nodes
from node.member.records import Record, Records
from node.member.remote import Remote
from node.store.kv import KV, Operation

COMPARED = ("order", "direction", "amount_fen", "value_on", "reason")


def same_line(record: Record, line: dict[str, Any]) -> bool:
    """Whether a line is the one that was taken under its reference."""
    return all(record.facts["told"].get(name, "") == line.get(name, "") for name in COMPARED)


class Lines:
    """Lines that the ledger has taken: matched, in suspense or resolved."""

    def __init__(self, kv: KV, nodes: Nodes, records: Records, bank: str) -> None:
        self._kv, self._nodes, self._records, self._bank = kv, nodes, records, bank

    def taken(self, reference: str) -> Record | None:
        """The line under the bank's reference; None where none was taken."""
        return self._records.find("line", reference)

    def put(self, record: Record, evidence: bytes) -> list[Operation]:
        """The rows of a line."""
        key = rows.named(rows.SUSPENSE, record.name)
        return [
            *self._records.put(record, evidence),
            (key, b"" if record.state == SUSPENSE else None),
        ]

    def suspended(self) -> list[str]:
        """References of the lines that wait, in their order."""
        stop = rows.SUSPENSE + b"\xff" * 9
        return [key[1:].decode() for key, _ in self._kv.iterate(rows.SUSPENSE, stop)]

    def refresh(self, remote: Remote, reference: str) -> bool:
        """Prove how a line in suspense stands now. Raises ``InvalidProof``."""
        known = self.taken(reference)
        assert known is not None, "what waits was taken"
        key = f"bank-line/{self._bank}/{reference}"
        facts, data = self._nodes.prove_state(remote, key)
        if not facts.present:
            raise InvalidProof("member.other-subject", wanted=key)
        try:
            line = Line(*facts.value)
        except TypeError:
            raise InvalidProof("member.unknown-form", key=key) from None
        if line.outcome != known.state:
            shown = {**known.facts, "how": line.how, "order": line.order}
            record = replace(
                known, state=line.outcome, height=facts.header.height,
                block=facts.header.hash, facts=shown,
            )  # fmt: skip
            self._kv.write(self.put(record, data), sync=True)
        return True
