"""What a member node follows: the newest certified header, and the ends of the epochs before it.

Canonical bytes of ``["yibao-trail/1", epochs, header, certificate]``, the parts as in an evidence
file. Who trusts the validators of one epoch asks for the ends from that epoch on: each is certified
by the set before it and names the next, so millions of headers between them need not be read.
"""

from __future__ import annotations

from typing import Final

from node.ledger import shape
from node.ledger.codec import decode, encode
from node.ledger.errors import CodecError, InvalidBlock, InvalidProof
from node.ledger.evidence import CertifiedHeader, read_certified

FORMAT: Final = "yibao-trail/1"
TRAIL_BYTES_MAX: Final = 16 * 1024 * 1024


def encode_trail(block: CertifiedHeader) -> bytes:
    """Canonical bytes."""
    epochs = [[end.header, end.certificate, end.validators.fields()] for end in block.epochs]
    return encode([FORMAT, epochs, block.header, block.certificate])


def decode_trail(data: bytes) -> CertifiedHeader:
    """Strict, and not yet believed: ``evidence.Trail`` checks it. Raises ``InvalidProof``."""
    try:
        form, *parts = shape.record(decode(data, bytes_max=TRAIL_BYTES_MAX), 4, "trail")
        if form != FORMAT or type(form) is not str:
            raise InvalidProof("trail.format", format=form, wanted=FORMAT)
        return read_certified(parts)
    except (CodecError, InvalidBlock) as error:
        raise InvalidProof("trail.malformed", **error.reason()) from None
