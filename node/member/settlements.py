"""An institution's settlements: named by nodes, proved by the receipt that settled each."""

from __future__ import annotations

from typing import Final

from node.ledger.errors import InvalidProof
from node.ledger.evidence import ReceiptFacts
from node.ledger.receipt import OK
from node.member import rows
from node.member.nodes import Nodes
from node.member.orders import PAGE, PAGES_MAX, PLACE_LAST, height_of
from node.member.records import Record, Records
from node.member.remote import Remote, rows_of, text_of
from node.store.kv import KV

SETTLED: Final = "claim.settled"


class Settlements:
    """Collects an institution's settlements."""

    def __init__(self, kv: KV, nodes: Nodes, records: Records, institution: str) -> None:
        self._kv, self._nodes, self._records = kv, nodes, records
        self.institution = institution

    def collect(self, remote: Remote) -> None:
        """Prove the settlements that a node lists and that are newer than what is known."""
        place = rows.named(rows.CURSOR, remote.address, "settlements")
        after = rows.read(self._kv, place) or ""
        for _ in range(PAGES_MAX):
            answer = remote.get_json(
                f"/v1/institutions/{self.institution}/settlements", limit=PAGE, after=after
            )
            for row in rows_of(answer, "settlements"):
                self._settled(remote, text_of(row, "claim", 64), height_of(row, "at_height"))
            following = answer.get("next")
            end = following is None
            height = height_of(answer, "height")
            after = f"{height}:{PLACE_LAST}" if end else text_of(answer, "next", 30)
            self._kv.write([(place, rows.pack(after))], sync=True)
            if end:
                return

    def _settled(self, remote: Remote, claim: str, height: int) -> None:
        """A settlement; one that was decided again stands at a greater height."""
        known = self._records.find("settlement", claim)
        if known is not None and known.height >= height:
            return
        facts, data = self._nodes.prove_file(remote, f"/v1/claims/{claim}/evidence")
        if not isinstance(facts, ReceiptFacts) or not _is_of(facts, claim, self.institution):
            raise InvalidProof("member.other-subject", wanted=f"settlement of {claim}")
        receipt = facts.receipt
        shown = {
            "tx_id": receipt.tx_id.hex(), "call_index": receipt.call_index,
            "amounts": dict(receipt.amounts),
        }  # fmt: skip
        record = Record.at("settlement", claim, "settled", facts.header, shown)
        self._kv.write(self._records.put(record, data), sync=True)


def _is_of(facts: ReceiptFacts, claim: str, institution: str) -> bool:
    return facts.receipt.status == OK and any(
        event.topic == SETTLED
        and (event.fields.get("claim"), event.fields.get("institution")) == (claim, institution)
        for event in facts.receipt.events
    )
