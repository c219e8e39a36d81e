"""Blocks that execute to something else here than their header says: where, and on whose word.

A node whose result differs does not vote. It keeps its own result, asks its peers for theirs (who
has the header's result has executed the very block), and writes down the first transaction, call
and key that differ, with digests of both values: ``divergence/<height>-<block>.json`` in the data
folder, for ``yibao debug divergence``. The log names transaction and call; keys may name persons'
pseudonyms and stay in the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from node.execution.blocks import BlockDiffers
from node.execution.divergence import Outcome, compare_outcomes
from node.ledger.block import Header
from node.ledger.errors import InvalidProof
from node.p2p.link import PeerFault
from node.service.chain import outcome_of
from node.telemetry import Metrics

OPEN_MAX: Final = 4
"""Blocks whose other result is still looked for; the oldest is let go."""
KEPT_MAX: Final = 100
"""Files."""


@dataclass(frozen=True, slots=True)
class _Open:
    header: Header
    """What the block claims."""
    field: str
    """The first field of the header that differs."""
    ours: Outcome
    calls: list[tuple[str, str]]
    """(contract, method) in the order of the receipts."""


class Divergences:
    """What this node found. For the event loop's thread."""

    def __init__(self, folder: Path, telemetry: Metrics, log: structlog.stdlib.BoundLogger) -> None:
        self._folder = folder / "divergence"
        self._telemetry = telemetry
        self._log = log
        self._open: dict[bytes, _Open] = {}
        self.ask: Callable[[int, bytes], None] = lambda height, block: None
        """Asks peers for what a block came to; the answers come to ``hear``."""

    def begin(self, error: BlockDiffers) -> None:
        """This node's result is another one: keep it, ask for the others'."""
        header, result = error.header, error.result
        calls = [
            (call.contract, call.method)
            for transaction in result.transactions
            for call in transaction.body.calls
        ]
        field = str(error.values.get("field", ""))
        found = _Open(header, field, outcome_of(result), calls)
        self._open[header.hash] = found
        while len(self._open) > OPEN_MAX:
            del self._open[next(iter(self._open))]
        self._telemetry.alarms.labels("divergence").inc()
        self._write(found, {"says": "a peer's result is asked for"})
        self.ask(header.height, header.hash)

    def again(self) -> None:
        """Ask again for what is still open: peers may have been away."""
        for block, found in self._open.items():
            self.ask(found.header.height, block)

    def hear(self, peer: str, data: bytes) -> None:
        """A peer's result. Raises ``PeerFault`` when it is not that of the header."""
        if not self._open:
            return
        try:
            theirs = Outcome.decode(data)
            found = self._open.get(theirs.block)
            if found is None:
                return
            theirs.check(found.header)
        except InvalidProof as error:
            raise PeerFault(f"an unsound outcome: {error.code}") from None
        del self._open[theirs.block]
        difference, ours, others = compare_outcomes(found.ours, theirs)
        place = difference.receipt_index
        contract, method = found.calls[place] if place < len(found.calls) else ("", "")
        self._write(
            found,
            {
                "tx_id": difference.tx_id.hex(),
                "call_index": difference.call_index,
                "contract": contract,
                "method": method,
                "part": difference.part,
                "key": difference.key,
                "ours": ours,
                "theirs": others,
                "peer": peer,
                "says": _sentence(found, difference.tx_id, contract, method, difference.part),
            },
        )
        self._log.error(
            "divergence", height=found.header.height, block=found.header.hash,
            tx_id=difference.tx_id, index=difference.call_index, contract=contract, method=method,
            part=difference.part, peer=peer, file=self._path(found).name,
        )  # fmt: skip

    def listed(self) -> list[dict[str, Any]]:
        """All of them, newest height first."""
        found = [told for path in self._files() if (told := _read(path)) is not None]
        return sorted(found, key=lambda one: int(one["height"]), reverse=True)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.json")) if self._folder.exists() else []

    def _path(self, found: _Open) -> Path:
        return self._folder / f"{found.header.height:012d}-{found.header.hash.hex()[:16]}.json"

    def _write(self, found: _Open, more: dict[str, Any]) -> None:
        header = found.header
        content = {
            "height": header.height, "block": header.hash.hex(), "proposer": header.proposer,
            "field": found.field, **more,
        }  # fmt: skip
        path = self._path(found)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for old in self._files()[:-KEPT_MAX]:
                old.unlink()
            temporary = path.with_suffix(".new")
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
            temporary.rename(path)
        except OSError as error:
            # The log names transaction and call all the same.
            self._log.error("divergence.not-kept", file=path.name, reason=error.strerror)


def _read(path: Path) -> dict[str, Any] | None:
    """What a file tells; None for one that is not whole, because the power went."""
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told


def _sentence(found: _Open, tx_id: bytes, contract: str, method: str, part: str) -> str:
    height = found.header.height
    if not tx_id:
        return f"Height {height}: all receipts are the same; the {found.field} differs ({part})."
    return (
        f"Height {height}: {contract}.{method} of transaction {tx_id.hex()[:16]} is the first call "
        f"whose {part} differs."
    )
