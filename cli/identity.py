"""The caller's key: a sealed file, opened with a passphrase, and what is derived from it.

A key file is a sealed key (``node.ledger.keystore``), mode 0600, written to a temporary name and
renamed, so that a crash leaves either the old file or the new one.
"""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path

from node.ledger import crypto
from node.ledger.errors import KeystoreError
from node.ledger.keystore import (
    NONCE_BYTES,
    SALT_BYTES,
    SCRYPT_N,
    UNBOUND,
    KeyHeader,
    Randomness,
    open_sealed,
    read_header,
    seal,
)
from node.ledger.types import Digest, Key, OrgId


class KeyFileError(Exception):
    """A key file cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An organisation's key, ready to sign."""

    organisation: OrgId
    key: Key
    private: crypto.PrivateKey = field(repr=False)
    blind_secret: bytes = field(repr=False)
    """32 bytes that only this key's holder can compute: blinds of attachments come from it."""
    chain: Digest = UNBOUND
    """The network that the key file is sealed for."""

    def blind(self, client_id: str, audience: str) -> bytes:
        """Blind of an attachment; a retry of the same call repeats it."""
        return crypto.derive_blind(self.blind_secret, client_id, audience)


def identity_of_seed(organisation: str, seed: bytes) -> Identity:
    """Identity of a 32-byte seed."""
    private = crypto.private_key(seed)
    secret = crypto.H("yibao/client-secret/v1", seed)
    return Identity(OrgId(organisation), crypto.public_key(private), private, secret)


def new_seed() -> bytes:
    """32 bytes from the system's generator."""
    return secrets.token_bytes(crypto.SEED_BYTES)


def write_key(
    path: Path,
    seed: bytes,
    passphrase: str,
    *,
    chain: bytes,
    role: str,
    owner: str,
    n: int = SCRYPT_N,
) -> None:
    """Seal the seed into a file that only its owner can read. An existing file is not replaced.

    ``role``: purposes joined by commas. ``n``: scrypt's cost, at least 2^14.
    """
    chance = Randomness(secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES))
    sealed = seal(seed, passphrase, chance, chain=Digest(chain), role=role, owner=owner, n=n)
    if path.exists():
        raise KeyFileError(f"{path} exists; a key file is never overwritten: choose another name")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(sealed)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_key_header(path: Path) -> KeyHeader:
    """What a key file says without its passphrase. Raises ``KeyFileError``."""
    return read_header(_read(path))


def open_key(path: Path, passphrase: str) -> Identity:
    """Open a key file. Raises ``KeyFileError`` or the ledger's ``KeystoreError``."""
    data = _read(path)
    try:
        seed = open_sealed(data, passphrase)
    except KeystoreError as error:
        if error.code != "keystore.passphrase-or-damage":
            raise
        raise KeyFileError(
            f"{path}: this is not its passphrase, or the file is damaged [{error.code}]"
        ) from None
    header = read_header(data)
    return replace(identity_of_seed(header.owner, seed), chain=header.chain)


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"cannot read the key file {path}: {error.strerror}") from None
    try:
        read_header(data)
    except KeystoreError as error:
        raise KeyFileError(f"{path} is no key file: {error}") from None
    # Told only of a key: whoever named another file should not be sent to change its mode.
    if stat.S_IMODE(mode) & 0o077:
        raise KeyFileError(
            f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}): chmod 600 {path}"
        )
    return data
