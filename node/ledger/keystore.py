"""A private key at rest: its seed sealed with a passphrase. Pure bytes; files are the caller's.

A sealed key is the canonical bytes of ``["yibao-key/1", header, sealed]`` where ``header`` is the
canonical bytes of ``[chain, role, owner, public key, n, r, p, salt, nonce]`` and ``sealed`` the
32-byte seed under AES-256-GCM with the header as associated data, so that a file cannot be passed
off as another key's, another role's or another chain's. The encryption key is scrypt of the
passphrase: n = 2^17, r = 8, p = 1 take 128 MiB and about a quarter of a second, per guess too. The
library's own PKCS#8 export takes 2,048 rounds of PBKDF2, too weak for passphrases (SECURITY.md
section 9).

The parameters are read from a file that anybody may have written, so they are bounded before the
work begins: a header that asks for n = 2^30 is refused, not obeyed.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from node.ledger import crypto, shape
from node.ledger.codec import encode
from node.ledger.errors import CodecError, KeystoreError
from node.ledger.types import (
    CALL_NAME_CHARS_MAX,
    DIGEST_BYTES,
    KEY_BYTES,
    ORG_ID_CHARS_MAX,
    Digest,
    Key,
)

FORMAT: Final = "yibao-key/1"

SCRYPT_N: Final = 2**17
SCRYPT_R: Final = 8
SCRYPT_P: Final = 1
"""SECURITY.md section 9: 220 ms and 128 MiB on the machine that it was measured on."""

SCRYPT_N_LEAST: Final = 2**14
SCRYPT_N_MOST: Final = 2**18
"""What is opened: 16 to 256 MiB."""

SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16

PASSPHRASE_BYTES_MAX: Final = 1024
KEYSTORE_BYTES_MAX: Final = 1024
"""A sealed key takes about 250 bytes."""


UNBOUND: Final = Digest(bytes(32))
"""Chain of a key that was made before its network's genesis was known."""


def is_for(bound: bytes, chain: bytes) -> bool:
    """Whether a key that is sealed for ``bound`` may sign for a network."""
    return bound in (UNBOUND, chain)


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """What may be read of a sealed key without its passphrase."""

    chain: Digest
    """Network that the key is for; ``UNBOUND`` when it was made before."""
    role: str
    """Purposes of the key joined by commas, for example ``read,sign``."""
    owner: str
    """Organisation, or ``person:<pseudonym>``."""
    key: Key
    """The public half."""
    n: int
    """Cost of scrypt, a power of two."""
    r: int
    """Always 8."""
    p: int
    """Always 1."""
    salt: bytes
    """16 bytes."""
    nonce: bytes
    """12 bytes."""

    def encode(self) -> bytes:
        """Canonical bytes: the associated data of the seal."""
        return encode(
            [
                self.chain,
                self.role,
                self.owner,
                self.key,
                self.n,
                self.r,
                self.p,
                self.salt,
                self.nonce,
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> KeyHeader:
        """Strict; raises ``CodecError``, for parameters out of bounds too."""
        fields = shape.decode_record(data, 9, "key header", bytes_max=KEYSTORE_BYTES_MAX)
        n = shape.integer(fields[4], "n", least=SCRYPT_N_LEAST, most=SCRYPT_N_MOST)
        if n & (n - 1):
            raise CodecError("keystore.n", n=n, wanted="a power of two")
        return cls(
            Digest(shape.binary(fields[0], "chain", DIGEST_BYTES)),
            shape.text(fields[1], "role", CALL_NAME_CHARS_MAX),
            shape.text(fields[2], "owner", ORG_ID_CHARS_MAX),
            Key(shape.binary(fields[3], "key", KEY_BYTES)),
            n,
            shape.integer(fields[5], "r", least=SCRYPT_R, most=SCRYPT_R),
            shape.integer(fields[6], "p", least=SCRYPT_P, most=SCRYPT_P),
            shape.binary(fields[7], "salt", SALT_BYTES),
            shape.binary(fields[8], "nonce", NONCE_BYTES),
        )


@dataclass(frozen=True, slots=True)
class Randomness:
    """Chance for one sealing, from the caller: this package has none of its own."""

    salt: bytes
    """16 bytes from the system's generator, never used before."""
    nonce: bytes
    """12 bytes likewise."""


def seal(
    seed: bytes,
    passphrase: str,
    randomness: Randomness,
    *,
    chain: Digest,
    role: str,
    owner: str,
    n: int = SCRYPT_N,
) -> bytes:
    """Seal a 32-byte seed. Raises ``KeystoreError`` where an argument is out of bounds.

    ``chain`` is ``UNBOUND`` for a key made before its network exists.
    """
    header = KeyHeader(
        chain, role, owner, crypto.public_key(crypto.private_key(seed)),
        n, SCRYPT_R, SCRYPT_P, randomness.salt, randomness.nonce,
    )  # fmt: skip
    try:
        associated = header.encode()
        KeyHeader.decode(associated)
    except CodecError as error:
        raise KeystoreError("keystore.header", **error.reason()) from None
    sealed = AESGCM(_stretch(passphrase, header)).encrypt(header.nonce, seed, associated)
    return encode([FORMAT, associated, sealed])


def read_header(data: bytes) -> KeyHeader:
    """What a sealed key says of itself; unproven until it is opened. Raises ``KeystoreError``."""
    return _parse(data)[0]


def open_sealed(data: bytes, passphrase: str) -> bytes:
    """The seed of a sealed key. Raises ``KeystoreError``: damaged, or the wrong passphrase.

    The two look alike on purpose and by nature: the seal does not say which it was.
    """
    header, associated, sealed = _parse(data)
    try:
        seed = AESGCM(_stretch(passphrase, header)).decrypt(header.nonce, sealed, associated)
    except InvalidTag:
        raise KeystoreError("keystore.passphrase-or-damage", key=header.key.hex()) from None
    if crypto.public_key(crypto.private_key(seed)) != header.key:
        raise KeystoreError("keystore.other-key", key=header.key.hex())
    return seed


def _parse(data: bytes) -> tuple[KeyHeader, bytes, bytes]:
    try:
        fields = shape.decode_record(data, 3, "sealed key", bytes_max=KEYSTORE_BYTES_MAX)
        if fields[0] != FORMAT:
            raise KeystoreError("keystore.format", format=fields[0], wanted=FORMAT)
        associated = shape.binary_up_to(fields[1], "header", KEYSTORE_BYTES_MAX)
        sealed = shape.binary(fields[2], "sealed", crypto.SEED_BYTES + TAG_BYTES)
        return KeyHeader.decode(associated), associated, sealed
    except CodecError as error:
        raise KeystoreError("keystore.malformed", **error.reason()) from None


def _stretch(passphrase: str, header: KeyHeader) -> bytes:
    """Encryption key of a passphrase. One spelling of the text, whatever keyboard it came from."""
    try:
        secret = unicodedata.normalize("NFC", passphrase).encode("utf-8")
    except UnicodeEncodeError:
        raise KeystoreError("keystore.passphrase-text") from None
    if not 0 < len(secret) <= PASSPHRASE_BYTES_MAX:
        raise KeystoreError("keystore.passphrase-length", most=PASSPHRASE_BYTES_MAX)
    return Scrypt(salt=header.salt, length=32, n=header.n, r=header.r, p=header.p).derive(secret)
