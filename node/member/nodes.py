"""The nodes that are asked: in turn, each by its own standing, until one proves what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from node.ledger.errors import InvalidProof
from node.ledger.evidence import Facts, ReceiptFacts, StateFacts
from node.member.chain import Chain
from node.member.errors import Declined, Silent
from node.member.remote import Remote

T = TypeVar("T")

UNAUTHORISED: Final = 401
TOO_MANY: Final = 429
OTHER_NETWORK: Final = "member.other-network"
LOOKS_MAX: Final = 200
"""Records that one round looks up again."""


def in_turn(names: Sequence[T], turn: int) -> Sequence[T]:
    """As many of the names as one round looks up, the next ones at the next turn."""
    parts = max(1, -(-len(names) // LOOKS_MAX))
    start = turn % parts * LOOKS_MAX
    return names[start : start + LOOKS_MAX]


class Nodes:
    """The bureaus' nodes of the configuration."""

    def __init__(self, remotes: Sequence[Remote], chain: Chain, log: Any) -> None:
        self.remotes = tuple(remotes)
        self.chain = chain
        self._log = log
        self.usable: list[Remote] = []
        """Nodes whose head was verified in this round and is not behind."""

    def attempt(self, remote: Remote, do: Callable[[Remote], T]) -> T | None:
        """Do something with one node; None where it failed, which its standing then says."""
        try:
            return do(remote)
        except Silent as silence:
            self._failed(remote, "silent", silence.code, {"reason": str(silence)})
        except Declined as refusal:
            if refusal.code == "read.height-not-reached" or refusal.status == TOO_MANY:
                # It lags, or we ask too much of it: no fault, the next round may ask again.
                self._leave(remote)
                return None
            self._failed(remote, "declines", *self._why(remote, refusal))
        except InvalidProof as lie:
            self._failed(remote, "lies", lie.code, {"reason": str(lie)})
        return None

    def first(self, do: Callable[[Remote], T]) -> T | None:
        """What the first usable node gives that does not fail; None where none does."""
        for remote in tuple(self.usable):
            found = self.attempt(remote, do)
            if found is not None:
                return found
        return None

    def begins_late(self, remote: Remote, floor: int) -> None:
        """Say that a node's list begins at a height: no fault, but others have to name the rest."""
        self._log.warning(
            "member.list-begins", peer=remote.address, height=floor, code="read.below-floor"
        )

    def _failed(self, remote: Remote, state: str, code: str, more: dict[str, str]) -> None:
        remote.standing.failed(state, code)
        self._leave(remote)
        self._log.warning("member.node", peer=remote.address, status=state, code=code, **more)

    def _why(self, remote: Remote, refusal: Declined) -> tuple[str, dict[str, str]]:
        """Code and more of a refusal: a node of another network only sees a wrong signature."""
        if refusal.status != UNAUTHORISED:
            return refusal.code, {}
        named = remote.chain_named()
        if named in ("", self.chain.genesis.chain.hex()):
            return refusal.code, {}
        return OTHER_NETWORK, {"chain": named}

    def _leave(self, remote: Remote) -> None:
        """Ask it no more in this round."""
        if remote in self.usable:
            self.usable.remove(remote)

    # --- Proofs -------------------------------------------------------------------------------

    def prove_state(self, remote: Remote, key: str, *, least: int = 0) -> tuple[StateFacts, bytes]:
        """A state entry, or its absence, that is not older than what is verified, and its file."""
        least = max(least, self.chain.height)
        facts, data = self._prove(remote, "/v1/state/evidence", least, key=key, min_height=least)
        if not isinstance(facts, StateFacts) or facts.key != key:
            raise InvalidProof("member.other-subject", wanted=key)
        return facts, data

    def prove_receipt(self, remote: Remote, tx_id: bytes, call: int) -> tuple[ReceiptFacts, bytes]:
        """The receipt of a call, and its file."""
        path = f"/v1/receipts/{tx_id.hex()}/{call}/evidence"
        facts, data = self._prove(remote, path, 0)
        if not isinstance(facts, ReceiptFacts) or (
            (facts.transaction.id, facts.receipt.call_index) != (tx_id, call)
        ):
            raise InvalidProof("member.other-subject", wanted=tx_id.hex(), call=call)
        return facts, data

    def _prove(self, remote: Remote, path: str, least: int, **query: object) -> tuple[Facts, bytes]:
        data = remote.get(path, **query)
        try:
            return self.chain.believe(data, least=least), data
        except InvalidProof as refusal:
            if refusal.code != "member.ahead":
                raise
        self.chain.follow(remote)  # an epoch has ended since it was followed
        return self.chain.believe(data, least=least), data
