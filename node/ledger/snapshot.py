"""A state as it travels: a manifest that proves itself from genesis, and chunks it vouches for.

The manifest holds a certified header, the ends of all epochs that lead to it, and the row of the
state tree's nodes at one depth, which folds to the header's state root. Chunk ``i`` is all (key,
value) pairs whose path begins with the bits of ``i``, ascending by path; it is checked against node
``i`` of the row alone, so chunks come from anybody, in any order, and one that is unchanged in a
newer state need not come again (STORAGE.md section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.ledger import shape
from node.ledger.block import (
    CERTIFICATE_BYTES_MAX,
    HEADER_BYTES_MAX,
    Certificate,
    Header,
    ValidatorSet,
)
from node.ledger.codec import decode, encode
from node.ledger.errors import CodecError, InvalidBlock, InvalidProof
from node.ledger.evidence import EpochEnd
from node.ledger.genesis import Genesis
from node.ledger.state_proof import key_path, value_hash
from node.ledger.state_tree import EMPTY, INNER, Node, compute_subtree, fold_row
from node.ledger.types import DIGEST_BYTES, STATE_KEY_CHARS_MAX, ZERO_DIGEST, Value

DEPTH: Final = 12
"""Depth of the row: 4,096 chunks, of about 250 entries at a million."""
DEPTH_MAX: Final = 16
MANIFEST_BYTES_MAX: Final = 16 << 20
CHUNK_BYTES_MAX: Final = 16 << 20
_EPOCHS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot consists of. ``decode`` checks the form, ``verify`` everything else."""

    epochs: tuple[EpochEnd, ...]
    header: bytes
    certificate: bytes
    depth: int
    row: tuple[Node, ...]
    """Kind and hash of each node at the depth, from the left."""

    def encode(self) -> bytes:
        """Canonical bytes."""
        epochs = [[end.header, end.certificate, end.validators.fields()] for end in self.epochs]
        row = b"".join(bytes([kind]) + digest for kind, digest in self.row)
        return encode([epochs, self.header, self.certificate, self.depth, row])

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Raises ``InvalidProof``."""
        try:
            epochs, header, certificate, depth, row = shape.decode_record(
                data, 5, "manifest", bytes_max=MANIFEST_BYTES_MAX
            )
            shape.integer(depth, "depth", most=DEPTH_MAX)
            size = 1 + DIGEST_BYTES
            shape.binary(row, "row", size << depth)
            nodes = tuple((row[at], row[at + 1 : at + size]) for at in range(0, len(row), size))
            if any(k > INNER or (k == EMPTY) != (h == ZERO_DIGEST) for k, h in nodes):
                raise CodecError("snapshot.node")
            ends = shape.array(epochs, "epochs", most=_EPOCHS_MAX)
            return cls(
                tuple(_epoch_end(item) for item in ends),
                shape.binary_up_to(header, "header", HEADER_BYTES_MAX),
                shape.binary_up_to(certificate, "certificate", CERTIFICATE_BYTES_MAX),
                depth, nodes,
            )  # fmt: skip
        except (CodecError, InvalidBlock) as error:
            raise InvalidProof("snapshot.malformed", **error.reason()) from None

    def verify(self, genesis: Genesis) -> Header:
        """The certified header of the state. Raises ``InvalidProof``."""
        try:
            validators, height = genesis.validators, 0
            for epoch, end in enumerate(self.epochs):
                header = _certified(end.header, end.certificate, genesis, epoch, validators)
                if header.height <= height or not header.is_epoch_final:
                    raise InvalidProof("snapshot.epoch", epoch=epoch, height=header.height)
                if end.validators.hash != header.next_validators_hash:
                    raise InvalidProof("snapshot.validators", epoch=epoch)
                validators, height = end.validators, header.height
            last = _certified(self.header, self.certificate, genesis, len(self.epochs), validators)
        except InvalidBlock as error:
            raise InvalidProof("snapshot.certificate", **error.reason()) from None
        if last.height <= height:
            raise InvalidProof("snapshot.height", height=last.height, above=height)
        if fold_row(self.row)[1] != last.state_root:
            raise InvalidProof("snapshot.row", height=last.height)
        return last


Chunk = Sequence[tuple[str, bytes]]
"""State keys and canonical values, ascending by path."""


def encode_chunk(chunk: Chunk) -> bytes:
    """Canonical bytes."""
    return encode([list(entry) for entry in chunk])


def decode_chunk(data: bytes) -> Chunk:
    """Raises ``InvalidProof``. What it holds is for ``check_chunk`` to say."""
    try:
        entries = []
        pairs = decode(data, bytes_max=CHUNK_BYTES_MAX)
        for item in shape.array(pairs, "chunk", most=len(data)):
            key, value = shape.record(item, 2, "entry")
            shape.text(key, "state key", STATE_KEY_CHARS_MAX)
            entries.append((key, shape.binary_up_to(value, "state value", CHUNK_BYTES_MAX)))
        return entries
    except CodecError as error:
        raise InvalidProof("snapshot.chunk-malformed", **error.reason()) from None


def check_chunk(manifest: Manifest, number: int, chunk: Chunk) -> None:
    """Raises ``InvalidProof`` unless the chunk is exactly what the manifest's row says of it."""
    entries = [(key_path(key), value_hash(value)) for key, value in chunk]
    previous = b""
    for path, _ in entries:
        if int.from_bytes(path[:4], "big") >> (32 - manifest.depth) != number or path <= previous:
            raise InvalidProof("snapshot.chunk-order", chunk=number)
        previous = path
    # The hash alone: whether a node is a leaf is not what the root says of it.
    if compute_subtree(manifest.depth, entries)[1] != manifest.row[number][1]:
        raise InvalidProof("snapshot.chunk", chunk=number)


def _epoch_end(item: Value) -> EpochEnd:
    header, certificate, following = shape.record(item, 3, "epoch")
    return EpochEnd(
        shape.binary_up_to(header, "header", HEADER_BYTES_MAX),
        shape.binary_up_to(certificate, "certificate", CERTIFICATE_BYTES_MAX),
        ValidatorSet.from_fields(following),
    )


def _certified(
    header_bytes: bytes, certificate: bytes, genesis: Genesis, epoch: int, validators: ValidatorSet
) -> Header:
    header = Header.decode(header_bytes)
    if header.chain != genesis.chain or header.epoch != epoch:
        raise InvalidProof("snapshot.place", epoch=header.epoch, wanted=epoch)
    Certificate.decode(certificate).verify_header(header, validators)
    return header
