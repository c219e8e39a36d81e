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
from node.service.chain import Chain
from node.service.keys import ValidateKeys


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


def attest_head(chain: Chain, keys: ValidateKeys, organisation: str) -> dict[str, Any] | None:
    """That this node has the head, by the key that is to be voted in; None where there is no such
    key or no certified block yet."""
    _, validators = chain.validators_of_next()
    header = chain.parent.header
    member = keys.proposed(validators)
    certificate = chain.database.blocks.certificate(header.height)
    if member is None or certificate is None:
        return None
    return attest(keys.private(member), header.chain, organisation, header, certificate)
