"""Refusals carry a stable code and the compared values, also when one becomes another."""

from __future__ import annotations

import pytest

from node.ledger.errors import (
    CodecError,
    InvalidBlock,
    InvalidKey,
    InvalidProof,
    InvalidSignature,
    LedgerError,
)


def test_an_error_shows_code_and_values() -> None:
    assert str(LedgerError("codec.depth", depth_max=16)) == "codec.depth(depth_max=16)"
    assert str(LedgerError("transaction.signature")) == "transaction.signature"


def test_a_value_may_be_called_code() -> None:
    error = LedgerError("receipt.code", code="x", status="ok")
    assert (error.code, error.values) == ("receipt.code", {"code": "x", "status": "ok"})


def test_the_reason_of_a_reason_is_kept() -> None:
    shape = CodecError("shape.length", field="chain", bytes=31)
    block = InvalidBlock("header.malformed", **shape.reason())
    proof = InvalidProof("evidence.block", **block.reason())
    assert proof.values == {
        "reason": "header.malformed: shape.length",
        "field": "chain",
        "bytes": 31,
    }


@pytest.mark.parametrize("kind", [CodecError, InvalidKey, InvalidSignature])
def test_what_contracts_are_lent_raises_a_value_error(kind: type[LedgerError]) -> None:
    """``contracts.api.Services`` promises ``ValueError`` and knows nothing of this package."""
    assert issubclass(kind, ValueError)
