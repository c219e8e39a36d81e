"""Blocks of the tests' chain as its validators certify them, and attestations of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts.organisations import validators
from contracts.validator_set import ATTESTATION_CONTEXT, attestation_message
from node.ledger import crypto
from node.ledger.block import (
    HEADER_VERSION,
    Header,
    Validator,
    ValidatorSet,
    make_certificate,
    quorum_size,
)
from node.ledger.types import Digest, Epoch, Height, Key, OrgId, TimeMs
from tests.contracts.world import CHAIN, SERVICES, World, key_of, secret_of
from tests.node.ledger.world import sign_vote

ZEROS = Digest(bytes(32))


def seats_of(world: World) -> ValidatorSet:
    return ValidatorSet(
        tuple(Validator(OrgId(org), Key(key)) for org, key in validators(world.state))
    )


def certified(
    world: World,
    height: int,
    *,
    epoch: int = 0,
    chain: bytes = CHAIN,
    signers: Sequence[int] | None = None,
    name: str = "validate",
) -> tuple[bytes, bytes]:
    """Header and certificate of a made-up block by the set in force; ``name``: of their keys."""
    seats = seats_of(world)
    header = Header(
        HEADER_VERSION, Digest(chain), Height(height), ZEROS, Epoch(epoch), seats.hash, seats.hash,
        "centre", TimeMs(world.time_ms), ZEROS, 1, ZEROS, 1, ZEROS,
    )  # fmt: skip
    statement = (epoch, 0, height, header.hash)
    chosen = range(quorum_size(seats.size)) if signers is None else signers
    secrets = [secret_of(seat.organisation, name) for seat in seats.validators]
    signatures = {n: sign_vote(secrets[n], "COMMIT", chain, statement) for n in chosen}
    return header.encode(), make_certificate(seats, statement, signatures).encode()


def attestation(
    world: World,
    vote_id: str,
    organisation: str,
    name: str = "validate",
    *,
    height: int | None = None,
    signer: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Arguments of ``attest`` by the key ``name``; ``signer``: another key that signs instead."""
    at = world.height - 1 if height is None else height
    header, certificate = certified(world, at, **more)
    message = attestation_message(
        SERVICES, organisation, key_of(organisation, name), at, Header.decode(header).hash
    )
    private = secret_of(organisation, signer or name)
    signature = crypto.sign(private, ATTESTATION_CONTEXT, CHAIN, message)
    return {"id": vote_id, "header": header, "certificate": certificate, "signature": signature}
