"""The attestation of a joining validate key: this node has this certified block.

A bureau that is to be voted in, or a key that is to replace another, shows with it that there is a
node behind the key which follows the chain (``contracts.validator_set``).
"""

from __future__ import annotations

from typing import Any

from contracts.validator_set import ATTESTATION_CONTEXT, attestation_message
from node.execution.services import NodeServices
from node.ledger import crypto
from node.ledger.block import Header


def attest(
    key: crypto.PrivateKey, chain: bytes, organisation: str, header: Header, certificate: bytes
) -> dict[str, Any]:
    """What ``governance.attest`` takes, and whose it is."""
    public = crypto.public_key(key)
    message = attestation_message(
        NodeServices(chain), organisation, public, header.height, header.hash
    )
    return {
        "organisation": organisation,
        "key": public,
        "height": header.height,
        "block_hash": header.hash,
        "header": header.encode(),
        "certificate": certificate,
        "signature": crypto.sign(key, ATTESTATION_CONTEXT, chain, message),
    }
