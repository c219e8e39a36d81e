"""Proofs that a validator lied (E1 to E6): kept on disk, passed on to peers, told to people.

``evidence/<kind>-epoch<e>-seat<n>-<view>-<height>`` in the data folder, one for each slot, without
what the two messages carry beside their signed statements. Whoever gets news from a peer checks it
against the epoch's own set, keeps it and passes it on once; so every validator has it although
only one heard both things. A bureau puts it on the ledger with ``yibao evidence report``. Nothing
else follows by itself: who is excluded is voted on.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Final

import structlog

from consensus import Evidence
from node.ledger.block import ValidatorSet
from node.ledger.errors import InvalidMessage
from node.ordering import wire
from node.ordering.judge import describe, sentence
from node.p2p.link import PeerFault
from node.telemetry import Metrics

KEPT_MAX: Final = 1_000
"""Files; a set that lies more often than this needs no further proof."""
OF_A_KIND_MAX: Final = 8
"""Proofs of one kind against the same seats in one epoch. One is enough to act on; a liar can make
as many against itself as it likes, and each would go from everybody to everybody."""
TOLD_MAX: Final = 64
"""How many a peer is told when it connects, the newest."""

SetOf = Callable[[int], ValidatorSet | None]
"""The validator set of an epoch that has begun."""


class Accusations:
    """The proofs that this node holds. For the event loop's thread."""

    def __init__(
        self,
        folder: Path,
        chain: bytes,
        set_of: SetOf,
        telemetry: Metrics,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        self._folder = folder / "evidence"
        self._chain = chain
        self._set_of = set_of
        self._telemetry = telemetry
        self._log = log
        self._proved: dict[str, bytes] = {}
        """Digest of each file that was read and verified: a peer that connects costs no signature
        again."""
        self._known = {path.name for path in self._files() if self._read(path) is not None}
        self.on_news: Callable[[bytes], None] = lambda data: None
        """Passes a proof on to peers."""

    def keep(self, evidence: Evidence) -> None:
        """Keep and pass on what this node's own core found."""
        self._keep(evidence.bare())

    def hear(self, data: bytes) -> None:
        """Take what a peer passed on. Raises ``PeerFault`` when it proves nothing."""
        try:
            evidence = wire.decode_evidence(data)
            validators = self._set_of(evidence.epoch)
            if validators is None or not self._is_news(evidence):
                return
            members = wire.to_core_validators(evidence.epoch, validators)
            wire.verify_evidence(evidence, self._chain, members)
        except InvalidMessage as error:
            raise PeerFault(f"evidence that proves nothing: {error.code}") from None
        self._keep(evidence.bare())

    def newest(self) -> list[bytes]:
        """What a peer that connects is told."""
        found = (self._read(path) for path in self._files())
        return [wire.encode_evidence(one) for one in islice(filter(None, found), TOLD_MAX)]

    def listed(self) -> list[dict[str, Any]]:
        """All of them for people and programs, newest first: what each says, and its bytes."""
        found = []
        for path in self._files():
            evidence = self._read(path)
            validators = None if evidence is None else self._set_of(evidence.epoch)
            if evidence is None or validators is None:
                continue
            told, data = describe(evidence, validators), wire.encode_evidence(evidence)
            found.append({"file": path.name, **told, "sentence": sentence(told), "evidence": data})
        return found

    def _read(self, path: Path) -> Evidence | None:
        """The proof in a file; None where there is none, or not for this node: the power went
        before it was whole, somebody laid it there, its epoch has not begun here. A peer that was
        told of it would leave."""
        try:
            data = path.read_bytes()
            evidence = wire.decode_evidence(data)
            digest = sha256(data).digest()
            if self._proved.get(path.name) == digest:
                return evidence
            validators = self._set_of(evidence.epoch)
            if validators is None or path.name != _name(evidence):
                return None
            members = wire.to_core_validators(evidence.epoch, validators)
            wire.verify_evidence(evidence, self._chain, members)
        except (OSError, InvalidMessage):
            return None
        self._proved[path.name] = digest
        return evidence

    def _files(self) -> list[Path]:
        if not self._folder.exists():
            return []
        files = [path for path in self._folder.iterdir() if path.suffix != ".new"]
        return sorted(files, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)

    def _is_news(self, evidence: Evidence) -> bool:
        """Whether there is room and need for this proof."""
        of_a_kind = f"{_name(evidence).rsplit('-', 2)[0]}-"
        alike = sum(name.startswith(of_a_kind) for name in self._known)
        is_known = _name(evidence) in self._known
        return not is_known and alike < OF_A_KIND_MAX and len(self._known) < KEPT_MAX

    def _keep(self, evidence: Evidence) -> None:
        name = _name(evidence)
        if not self._is_news(evidence):
            return
        self._known.add(name)
        data = wire.encode_evidence(evidence)
        self._proved[name] = sha256(data).digest()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = self._folder / f"{name}.new"
            temporary.write_bytes(data)
            temporary.rename(self._folder / name)
        except OSError as error:
            # The peers get it all the same; a full disk is no reason to keep quiet.
            self._log.error("accusation.not-kept", file=name, reason=error.strerror)
        self._telemetry.alarms.labels("accusation").inc()
        validators = self._set_of(evidence.epoch)
        assert validators is not None, "evidence is of an epoch that this node knows"
        told = describe(evidence, validators)
        self._log.error(
            "accusation", kind=evidence.kind, epoch=evidence.epoch, file=name,
            reason=sentence(told),
        )  # fmt: skip
        self.on_news(data)


def _name(evidence: Evidence) -> str:
    """The file's name: the slot, so that there is one for each."""
    kind, epoch, culprits, view, height = evidence.slot()
    seats = "-".join(map(str, culprits)) or "none"
    return f"{kind}-epoch{epoch}-seat{seats}-{view}-{height}"
