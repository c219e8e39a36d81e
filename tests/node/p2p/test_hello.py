"""The signed greeting: good for one connection, one peer, one side, one chain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.ledger import crypto
from node.ledger.types import Digest
from node.p2p.hello import (
    VERSION,
    Ends,
    Greeting,
    HelloRefused,
    Identity,
    check_greeting,
    check_proof,
    make_greeting,
    make_proof,
)
from tests.node.network import private

CHAIN = Digest(crypto.H("test/chain", b"one"))
A = Identity(CHAIN, "bureau:110000", private("a"), b"a" * 32)
B = Identity(CHAIN, "bureau:310000", private("b"), b"b" * 32)
A_ENDS = Ends(True, A.pin, B.pin)
B_ENDS = Ends(False, B.pin, A.pin)


def test_both_sides_believe_each_other() -> None:
    a, b = make_greeting(A, 0), make_greeting(B, 3)
    for own, peer, identity in ((a, b, B), (b, a, A)):
        check_greeting(own, Greeting.decode(peer.encode()), identity.organisation)
    check_proof(b, a, B_ENDS, make_proof(A, a, b, A_ENDS))
    check_proof(a, b, A_ENDS, make_proof(B, b, a, B_ENDS))


def test_a_proof_of_another_connection_is_refused() -> None:
    a, b = make_greeting(A, 0), make_greeting(B, 0)
    old = make_proof(A, a, b, A_ENDS)
    again = make_greeting(B, 0)
    with pytest.raises(HelloRefused, match="not signed"):
        check_proof(again, a, B_ENDS, old)


def test_a_proof_that_is_sent_back_is_refused() -> None:
    a, b = make_greeting(A, 0), make_greeting(B, 0)
    # The other side echoes what it got, under its own greeting and under ours.
    mine = make_proof(A, a, b, A_ENDS)
    with pytest.raises(HelloRefused, match="not signed"):
        check_proof(a, b, A_ENDS, mine)
    with pytest.raises(HelloRefused, match="not signed"):
        check_proof(a, a, Ends(True, A.pin, A.pin), mine)


@pytest.mark.parametrize(
    "ends",
    [Ends(True, A.pin, B.pin), Ends(False, B.pin, b"x" * 32), Ends(False, b"x" * 32, A.pin)],
)
def test_a_proof_for_other_ends_is_refused(ends: Ends) -> None:
    """A peer in the middle has another TLS key; the same side twice is no connection."""
    a, b = make_greeting(A, 0), make_greeting(B, 0)
    proof = make_proof(A, a, b, A_ENDS)
    with pytest.raises(HelloRefused, match="not signed"):
        check_proof(b, a, ends, proof)


def test_a_proof_by_another_key_is_refused() -> None:
    a, b = make_greeting(A, 0), make_greeting(B, 0)
    forged = make_proof(replace(A, key=private("c")), a, b, A_ENDS)
    with pytest.raises(HelloRefused, match="not signed"):
        check_proof(b, a, B_ENDS, forged)
    with pytest.raises(HelloRefused, match="length"):
        check_proof(b, a, B_ENDS, forged[:-1])


def test_another_chain_ourselves_and_a_false_name_are_refused() -> None:
    a = make_greeting(A, 0)
    other = make_greeting(replace(B, chain=Digest(bytes(32))), 0)
    with pytest.raises(HelloRefused, match="of chain 0000"):
        check_greeting(a, other, B.organisation)
    with pytest.raises(HelloRefused, match="our own key"):
        check_greeting(a, make_greeting(replace(B, key=A.key), 0), B.organisation)
    with pytest.raises(HelloRefused, match="our own key"):
        check_greeting(a, make_greeting(replace(A, key=B.key), 0), A.organisation)
    with pytest.raises(HelloRefused, match="has the pin of bureau:650000"):
        check_greeting(a, make_greeting(B, 0), "bureau:650000")


@given(st.binary(max_size=300))
def test_garbage_is_no_greeting(data: bytes) -> None:
    with pytest.raises(HelloRefused):
        Greeting.decode(data)


def test_another_version_is_told_both_numbers() -> None:
    data = make_greeting(A, 0).encode()
    assert data[1] == VERSION
    with pytest.raises(HelloRefused, match=f"version {VERSION + 1}, this node {VERSION}"):
        Greeting.decode(data[:1] + bytes([VERSION + 1]) + data[2:])
