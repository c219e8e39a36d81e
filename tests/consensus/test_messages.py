"""Certificates: B4 (pantheon #827), B9 (sawtooth), B26 (CometBFT): all entries count, or none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consensus.errors import PeerError
from consensus.messages import Certificate, Kind
from consensus.quorum import MemberId, ValidatorSet
from tests.consensus.values import FOUR, block, certificate

B1 = block("B1")
GOOD = certificate(Kind.COMMIT, B1)


def test_a_quorum_of_distinct_members() -> None:
    GOOD.check(Kind.COMMIT, FOUR)
    certificate(Kind.COMMIT, B1, signers=(0, 1, 2, 3)).check(Kind.COMMIT, FOUR)


@pytest.mark.parametrize(
    "forged",
    [
        certificate(Kind.COMMIT, B1, signers=(0, 1)),
        certificate(Kind.COMMIT, B1, signers=(1, 1, 1)),
        certificate(Kind.COMMIT, B1, signers=(0, 0, 1)),
        certificate(Kind.COMMIT, B1, signers=(2, 1, 0)),
        certificate(Kind.COMMIT, B1, signers=(0, 1, 2, 4)),
        certificate(Kind.COMMIT, B1, signers=(-1, 0, 1)),
        certificate(Kind.COMMIT, B1, signers=()),
        certificate(Kind.PREPARE, B1),
        replace(GOOD, epoch=1),
    ],
    ids=["few", "one thrice", "one twice", "order", "extra stranger", "negative", "none", "kind",
         "epoch"],
)  # fmt: skip
def test_b4_b9_b26_forged_certificates(forged: Certificate) -> None:
    with pytest.raises(PeerError):
        forged.check(Kind.COMMIT, FOUR)


def test_b10_a_block_cannot_appoint_its_own_judges() -> None:
    # The set that counts is the one in force before the block; the block's own set is the next
    # epoch's, and a certificate of the next epoch is refused by the set of this one.
    own = ValidatorSet(1, (MemberId(b"x"),))
    mine = replace(certificate(Kind.COMMIT, block("F", final=True), signers=(0,)), epoch=1)
    mine.check(Kind.COMMIT, own)
    with pytest.raises(PeerError):
        mine.check(Kind.COMMIT, FOUR)


def test_kinds_have_contexts_of_their_own() -> None:
    values = [kind.value for kind in Kind]
    assert len(set(values)) == len(values)
    assert not any(a != b and b.startswith(a) for a in values for b in values)
