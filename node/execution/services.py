"""What the node lends to contracts: digests, canonical bytes, signature checks. No state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from contracts.api import Value
from node.ledger import codec, crypto
from node.ledger.block import Certificate, Header, Validator, ValidatorSet
from node.ledger.errors import LedgerError
from node.ledger.types import Key, OrgId

MembersOf = Callable[[int], Sequence[tuple[str, bytes]] | None]
Judge = Callable[[bytes, bytes, MembersOf], Mapping[str, Value]]
"""(chain, evidence, sets by epoch) -> what it proves; raises ``ValueError``. The ordering knows
what its own messages mean (``node.ordering.judge``); execution does not."""


def no_judge(_chain: bytes, _evidence: bytes, _members_of: MembersOf) -> Mapping[str, Value]:
    """Where no contract accuses anybody."""
    raise ValueError("this chain is ordered by one who accuses nobody")


class NodeServices:
    """``contracts.api.Services`` over the ledger's own suite, for one chain.

    The chain is part of what is signed and no contract's to forget: a proof of possession or a
    presence code of another network is worth nothing here (SECURITY.md section 2, R6).
    """

    def __init__(self, chain: bytes, judge: Judge = no_judge) -> None:
        self._chain = chain
        self._judge = judge

    def digest(self, tag: str, data: bytes) -> bytes:
        return crypto.H(tag, data)

    def encode(self, value: Value) -> bytes:
        return codec.encode(value)

    def decode(self, data: bytes) -> Value:
        return codec.decode(data)

    def verify(self, key: bytes, context: str, message: bytes, signature: bytes) -> None:
        crypto.verify(key, context, self._chain, message, signature)

    def check_key(self, key: bytes) -> None:
        crypto.check_key(key)

    def read_header(self, header: bytes) -> Mapping[str, Value]:
        try:
            told = Header.decode(header)
        except LedgerError as error:
            raise ValueError(error.code) from None
        return {
            "chain": told.chain, "height": told.height, "epoch": told.epoch, "block": told.hash
        }  # fmt: skip

    def check_certificate(
        self, header: bytes, certificate: bytes, members: Sequence[tuple[str, bytes]]
    ) -> None:
        seats = ValidatorSet(tuple(Validator(OrgId(org), Key(key)) for org, key in members))
        try:
            Certificate.decode(certificate).verify_header(Header.decode(header), seats)
        except LedgerError as error:
            raise ValueError(error.code) from None

    def convict(self, evidence: bytes, members_of: MembersOf) -> Mapping[str, Value]:
        return self._judge(self._chain, evidence, members_of)
