"""Answers of pure functions, remembered: several nodes in one process decode the same bytes.

Nothing is answered that the function would not have answered; what raises is asked again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pytest

from node.ledger.genesis import Genesis
from node.ledger.transaction import SignedTransaction
from node.ordering import wire

_parse = lru_cache(maxsize=16)(Genesis.parse)
_decode_transaction = lru_cache(maxsize=4_096)(SignedTransaction.decode)
_decode_message = lru_cache(maxsize=8_192)(wire.decode_message)


@contextmanager
def remembered() -> Iterator[None]:
    """Genesis files, transactions and messages are decoded once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Genesis, "parse", _static(_parse))
        patch.setattr(SignedTransaction, "decode", _static(_decode_transaction))
        patch.setattr(wire, "decode_message", _decode_message)
        yield


def _static(function: Any) -> Any:
    return staticmethod(lambda data: function(bytes(data)))
