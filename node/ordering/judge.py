"""What a proof that a member lied says, for contracts and people: pure, from bytes and sets alone.

A contract that keeps such proofs (``contracts.accusation``) knows nothing of votes and views; this
reads them for it. The verdict depends on the bytes and on the validator set of the epoch and on
nothing of this node, so that every replica comes to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from consensus import Evidence
from node.ledger.block import Validator, ValidatorSet
from node.ledger.errors import LedgerError
from node.ledger.types import Key, OrgId
from node.ordering import wire

MEANING = {
    "E1": "proposed two blocks",
    "E2": "voted PREPARE for two blocks",
    "E3": "voted COMMIT for two blocks",
    "E4": "entered or began one view in two ways",
    "E5": "voted COMMIT and hid it when the view changed",
    "E6": "two blocks have a certificate: more members lied than the set can bear",
}
"""What each kind proves, after the name of the accused."""


def convict(
    chain: bytes, data: bytes, members_of: Callable[[int], Sequence[tuple[str, bytes]] | None]
) -> Mapping[str, Any]:
    """Kind, epoch, view, height and the accused organisations. Raises ``ValueError``."""
    try:
        evidence = wire.decode_evidence(data)
        members = members_of(evidence.epoch)
        if members is None:
            raise ValueError(f"there is no epoch {evidence.epoch}")
        seats = ValidatorSet(tuple(Validator(OrgId(org), Key(key)) for org, key in members))
        wire.verify_evidence(evidence, chain, wire.to_core_validators(evidence.epoch, seats))
    except LedgerError as error:
        raise ValueError(error.code) from None
    return describe(evidence, seats)


def describe(evidence: Evidence, validators: ValidatorSet) -> dict[str, Any]:
    """The evidence in words of the ledger; it was checked before."""
    kind, epoch, culprits, view, height = evidence.slot()
    return {
        "kind": kind,
        "epoch": epoch,
        "view": view,
        "height": height,
        "culprits": [str(validators.validators[index].organisation) for index in culprits],
    }


def sentence(told: Mapping[str, Any]) -> str:
    """One sentence for people from what ``describe`` tells."""
    who = ", ".join(told["culprits"]) or "Nobody is named"
    height = f", height {told['height']}" if told["height"] else ""
    place = f"in epoch {told['epoch']}, view {told['view']}{height}"
    return f"{who}: {MEANING[told['kind']]} {place}."
