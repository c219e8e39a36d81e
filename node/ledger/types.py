"""Names for the ledger's numbers and digests, and every limit of its formats.

A limit is binding for all nodes: a block that breaks one is invalid everywhere, so changing a
number here changes the protocol. "ARCH" is ARCHITECTURE.md section 3.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NewType

Value = Any
"""A plain value: None, bool, int, str, bytes, list and dict with text keys (``codec``)."""

Fen = NewType("Fen", int)
"""Money: a whole number of fen (0.01 yuan)."""

Height = NewType("Height", int)
"""Position of a block; genesis is 0."""

Epoch = NewType("Epoch", int)
"""Number of the validator set in force; genesis begins epoch 0."""

TimeMs = NewType("TimeMs", int)
"""Milliseconds since 1970 UTC."""

Digest = NewType("Digest", bytes)
"""32 bytes: SHA-256 in the first suite."""

Key = NewType("Key", bytes)
"""Scheme byte and raw public key: 33 bytes in the first suite."""

Signature = NewType("Signature", bytes)
"""64 bytes in the first suite."""

OrgId = NewType("OrgId", str)
"""Organisation, for example ``bureau:430000``."""


class Checked(IntEnum):
    """How a node has checked a height itself (ARCH, Block). More is more than less."""

    CERTIFICATE = 1
    """A quorum signed the header; nothing below it was looked at."""
    RECEIPTS = 2
    """Transactions and receipts are those of the header."""
    DIFF = 3
    """The state diff leads from the state before to the header's state root."""
    REEXECUTED = 4
    """Executed here with the same result."""

    @property
    def word(self) -> str:
        """The level's name for people and in answers."""
        return "re-executed" if self is Checked.REEXECUTED else self.name.lower()


DIGEST_BYTES: Final = 32
KEY_BYTES: Final = 33
SIGNATURE_BYTES: Final = 64
BLIND_BYTES: Final = 32

ZERO_DIGEST: Final = Digest(bytes(DIGEST_BYTES))
"""Parent of genesis, and the hash of an empty part of the state tree."""

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
"""Integers are in [-2^63, 2^63) (ARCH, canonical bytes)."""

DEPTH_MAX: Final = 16
"""Containers inside containers (ARCH, canonical bytes)."""

CONTAINERS_MAX: Final = 65_536
"""Arrays and maps in one encoded value. An empty one is a byte on the wire and 64 in memory:
without this limit a frame of 9 MiB would unfold to 600 MiB. A catalogue part in one attachment has
about 9,000, a transaction of 1,000 calls about 8,000."""

CALLS_MAX: Final = 1_000
"""Calls of one transaction (ARCH, transaction)."""

CALL_ATTACHMENTS_MAX: Final = 4
"""Attachments of one call (ARCH, attachments)."""

EXPLANATION_BYTES_MAX: Final = 2 * 1024 * 1024
"""Explanations are derived, not sent: one of 5,000 lines is longer than any attachment."""

ATTACHMENT_BYTES_MAX: Final = 256 * 1024
"""Content of one attachment (ARCH, attachments)."""

BODY_BYTES_MAX: Final = 1024 * 1024
"""Canonical bytes of a transaction body (ARCH, limits)."""

ATTACHMENTS_BYTES_MAX: Final = 4 * 1024 * 1024
"""Contents of all attachments of one transaction together (ARCH, limits)."""

TRANSACTION_BYTES_MAX: Final = BODY_BYTES_MAX + ATTACHMENTS_BYTES_MAX + 512 * 1024
"""A signed transaction on the wire: body, signature, and at most 4,000 attachments whose blinds
and lengths take 40 bytes each, rounded up."""

BLOCK_BYTES_MAX: Final = 8 * 1024 * 1024
"""Transactions of one block with their attachments, as sent (ARCH, limits)."""

BLOCK_CALLS_MAX: Final = 1_000
"""Calls of one block (ARCH, limits); a primary aims at 256."""

FRAME_BYTES_MAX: Final = 9 * 1024 * 1024
"""One message between nodes (ARCH, limits)."""

VALIDITY_MS_MAX: Final = (24 * 60 + 5) * 60 * 1000
"""How far ``valid_until_ms`` may lie behind the block's time: 24 h and 5 min (ARCH)."""

ORG_ID_CHARS_MAX: Final = 64
"""``institution kind:`` and a 12-character national code need 27; the rest is room to grow."""

CALL_NAME_CHARS_MAX: Final = 64
"""Contract names, method names, audiences of attachments, parameter names."""

STATE_KEY_CHARS_MAX: Final = 200
"""``contracts.api.State``; the longest key in use is a counter with about 90."""

VALIDATORS_MAX: Final = 63
"""33 bureaus and the centre are foreseen; the consensus core is made for no more
(``consensus.quorum.MEMBERS_MAX``), and a certificate of 63 is under 5 KiB."""
