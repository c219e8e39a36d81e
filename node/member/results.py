"""Result files beside a bank's statements: what became of each line, and where that is proved."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from node.ledger.errors import LedgerError
from node.ledger.evidence import ReceiptFacts
from node.member.outbox import sync_folder, write_file
from node.member.records import Record

REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one line."""

    outcome: str
    """``matched``, ``suspense``, ``resolved`` or ``refused``."""
    code: str
    """Why it waits or was refused; empty for a match."""
    values: Mapping[str, Any]
    """What was compared."""
    tx_id: str
    call_index: int
    height: int
    block: str
    """Hash of the certified block that proves it."""

    def fields(self) -> list[Any]:
        """As a row has it."""
        return list(asdict(self).values())


def of_record(record: Record) -> Result:
    """Of a line that was taken."""
    facts = record.facts
    return Result(
        record.state, facts["cause"], {}, facts["tx_id"], facts["call_index"], record.height,
        record.block.hex(),
    )  # fmt: skip


def of_refusal(facts: ReceiptFacts) -> Result:
    """Of a line that the ledger refused."""
    receipt = facts.receipt
    return Result(
        REFUSED, receipt.code, dict(receipt.values), receipt.tx_id.hex(), receipt.call_index,
        facts.header.height, facts.header.hash.hex(),
    )  # fmt: skip


def differs(record: Record, line: Mapping[str, Any]) -> Result:
    """Of a line under a reference that another one was taken under: as the ledger says it."""
    told = record.facts["told"]
    values = {
        "reference": record.name, "known_order": told["order"], "known_fen": told["amount_fen"],
        "order": line["order"], "amount_fen": line["amount_fen"],
    }  # fmt: skip
    facts = record.facts
    return Result(
        REFUSED, "bank.line-differs", values, facts["tx_id"], facts["call_index"], record.height,
        record.block.hex(),
    )  # fmt: skip


def line_facts(line: Mapping[str, Any], facts: ReceiptFacts) -> dict[str, Any]:
    """Facts of a line's record."""
    receipt = facts.receipt
    return {
        "told": dict(line), "order": receipt.answer["order"], "cause": receipt.answer["cause"],
        "how": "", "tx_id": receipt.tx_id.hex(), "call_index": receipt.call_index,
    }  # fmt: skip


def document(
    name: str, digest: bytes, lines: Sequence[Mapping[str, Any]], found: Sequence[Result]
) -> bytes:
    """The result file of a statement."""
    shown = [
        {"row": number, "reference": line["reference"], "order": line["order"],
         "direction": line["direction"], "amount_fen": line["amount_fen"], **asdict(result)}
        for number, (line, result) in enumerate(zip(lines, found, strict=True), start=1)
    ]  # fmt: skip
    counts = Counter(result.outcome for result in found)
    return _text({"file": name, "sha256": digest.hex(), "counts": counts, "lines": shown})


def refused_file(name: str, refusal: LedgerError) -> bytes:
    """The result file of what is no statement; nothing of it was handed in."""
    return _text({"file": name, "code": refusal.code, "values": refusal.values, "lines": []})


def _text(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def place(folder: Path, name: str, digest: bytes) -> str:
    """A name in the folder that no other file has: the file's own, with its digest if need be."""
    if not (folder / name).exists():
        return name
    stem, dot, suffix = name.rpartition(".")
    number, mark = 1, digest.hex()[:8]
    while (folder / f"{stem}-{mark}-{number}{dot}{suffix}").exists():
        number += 1
    return f"{stem}-{mark}-{number}{dot}{suffix}"


def write(folder: Path, name: str, content: bytes) -> None:
    """Write a result file, whole."""
    write_file(folder / name, content)


def move(path: Path, target: Path) -> None:
    """Move a statement to where it stays."""
    path.rename(target)
    sync_folder(target.parent)
    sync_folder(path.parent)
