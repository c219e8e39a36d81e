"""The node's validate keys, each with the record of what it has bound itself to.

Usually one; two while a key is being rotated: the one in the set and the one that a vote is to put
in its place. The node then votes with whichever the set holds, over the change and without a stop.
Each key has a safety file of its own (``node.ordering.wal``): ``safety.dat`` for the first,
``safety-<digest of the key>.dat`` for one begun beside it. A key whose file is lost is not used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from consensus import MemberId, SafetyRecord
from node.ledger.block import ValidatorSet
from node.ledger.crypto import PrivateKey, public_key
from node.ordering.wal import DISK, SafetyDisk, SafetyError, SafetyFile, SafetyLost
from node.ordering.wire import decode_record, encode_record
from node.store.database import Database

SAFETY = "safety.dat"
NAME_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Safety:
    """The safety file of one key and the record in it."""

    file: SafetyFile
    record: SafetyRecord


class ValidateKeys:
    """The keys of one node, in the order of its configuration."""

    def __init__(self, keys: Sequence[PrivateKey]) -> None:
        self._keys = {MemberId(public_key(key)): key for key in keys}
        self._opened: dict[MemberId, Safety] = {}

    @property
    def members(self) -> tuple[MemberId, ...]:
        """Names of the keys, whether they can be used or not."""
        return tuple(self._keys)

    def identities(self) -> tuple[MemberId, ...]:
        """Names of those that may vote when the set holds them: their record is at hand. Where
        there is none, all: the core then knows that what it may not use is lost."""
        return tuple(self._opened) or self.members

    def open(
        self, folder: Path, chain: bytes, head_height: int, disk: SafetyDisk = DISK, *, alone: bool
    ) -> list[str]:
        """Open what is there; give the reasons for what is not.

        ``alone``: with one validator nobody else could carry the chain on. Raises ``SafetyLost``
        then, where no key has a record.
        """
        lost = []
        for member in self._keys:
            try:
                self._opened[member] = open_safety(
                    folder, chain, member, head_height, disk, alone=alone and not self._opened
                )
            except SafetyLost as error:
                if alone and len(self._keys) == 1:
                    raise
                lost.append(str(error))
        return lost

    def record(self, validators: ValidatorSet) -> SafetyRecord | None:
        """What binds this node now: the record of the key with a seat, else the newest, which is
        void once another set begins; None where all are lost."""
        held = self._opened.get(self.seated(validators) or MemberId(b""))
        if held is not None:
            return held.record
        records = [safety.record for safety in self._opened.values()]
        return max(records, key=lambda record: record.sequence, default=None)

    def seated(self, validators: ValidatorSet) -> MemberId | None:
        """The key that the set holds, if it is one of these that can be used, or else one of
        these at all."""
        seats = {MemberId(seat.key) for seat in validators.validators}
        usable = [member for member in self.identities() if member in seats]
        lost = [member for member in self._keys if member in seats]
        return next(iter(usable + lost), None)

    def file(self, validators: ValidatorSet) -> SafetyFile:
        """Where the record of the key that votes in this set is kept."""
        seated = self.seated(validators)
        assert seated is not None, "only a member binds itself"
        return self._opened[seated].file

    def private(self, member: MemberId) -> PrivateKey:
        """The key of this name, to sign with."""
        return self._keys[member]

    def proposed(self, validators: ValidatorSet) -> MemberId | None:
        """The usable key without a seat: the one to be voted in. None where there is none."""
        seats = {bytes(seat.key) for seat in validators.validators}
        return next((m for m in reversed(list(self._opened)) if bytes(m) not in seats), None)

    def describe(self, validators: ValidatorSet) -> list[dict[str, str]]:
        """Each key and what it does: votes, waits to be voted in, or is lost."""
        seated = self.seated(validators)
        return [
            {
                "key": bytes(member).hex(),
                "state": "lost"
                if member not in self._opened
                else "votes"
                if member == seated
                else "waits",
            }
            for member in self._keys
        ]

    def close(self) -> None:
        """Close the files."""
        for safety in self._opened.values():
            safety.file.close()


def safety_path(folder: Path, key: bytes) -> Path:
    """The file of a key that was begun beside another's."""
    return folder / f"safety-{hashlib.sha256(key).hexdigest()[:NAME_DIGITS]}.dat"


def open_safety(
    folder: Path,
    chain: bytes,
    key: bytes,
    head_height: int,
    disk: SafetyDisk = DISK,
    *,
    alone: bool = True,
) -> Safety:
    """Open a key's safety file, or make ``safety.dat`` for a chain that has no block yet.

    Only a chain of one validator (``alone``) shows by its own height that nothing was signed. Among
    several an empty folder may be a wiped one: there the file is made with ``--new-key``.
    Raises ``SafetyLost`` when it is missing or damaged although blocks exist: the key is burnt.
    """
    path, binding = folder / SAFETY, chain + key
    try:
        opened = _open_file(folder, binding, key, disk)
    except SafetyLost:
        if head_height or not alone:
            raise
        record = SafetyRecord()
        return Safety(SafetyFile.create(path, binding, encode_record(record), disk), record)
    try:
        return Safety(opened, decode_record(opened.load()))
    except SafetyLost:
        opened.close()
        raise


def _open_file(folder: Path, binding: bytes, key: bytes, disk: SafetyDisk) -> SafetyFile:
    """The file begun for this key, else the common one. Raises ``SafetyLost``."""
    try:
        return SafetyFile(safety_path(folder, key), binding, disk)
    except SafetyLost:
        return SafetyFile(folder / SAFETY, binding, disk)


def renew_safety(
    folder: Path, database: Database, chain: bytes, key: bytes, *, beside: bool = False
) -> None:
    """Begin a safety record for a key that has never signed: after a rotation, or before it
    (``beside`` the record of the key that still votes).

    An older key's file is kept. Raises ``SafetyError`` where the key may have signed: it has its
    record already, or it sat in a validator set that has ordered blocks.
    """
    head = database.head()
    assert head is not None, "the database was opened"
    for epoch, first, validators in database.epochs():
        seated = any(seat.key == key for seat in validators.validators)
        if seated and first <= head.height:
            raise SafetyError(
                f"The key has been a validator's since height {first} (epoch {epoch}) and may have "
                "signed: a new record would allow it to sign something else. Register a new key."
            )
    own = safety_path(folder, key)
    path = own if beside or own.exists() else folder / SAFETY
    if path.exists():
        opened = SafetyFile(path, chain + key)
        try:
            opened.load()
        except SafetyLost:
            path.rename(_free_name(path))
        else:
            raise SafetyError(f"{path.name} holds a record of this key already; it stays.")
        finally:
            opened.close()
    SafetyFile.create(path, chain + key, encode_record(SafetyRecord())).close()


def _free_name(path: Path) -> Path:
    number = 1
    while (found := path.with_name(f"{path.name}.old{number}")).exists():
        number += 1
    return found
