"""What a block costs grows with n squared and with nothing else (I24)."""

from __future__ import annotations

import pytest

from consensus import Ballot, BlockId, Kind, Vote
from node.ordering import wire
from node.p2p.frames import Frame, FrameType
from tests.simulation.law import measure, wire_bytes


@pytest.mark.parametrize("n", [4, 7, 13])
def test_a_block_costs_what_the_protocol_must_say(n: int) -> None:
    """One proposal to all others, two votes of everybody to all others; little beside them."""
    price = measure(n)
    least = (n - 1) + 2 * n * (n - 1)
    assert least * 9 // 10 <= price.voted <= least, "who decides before its turn says one less"
    assert price.frames <= least + 2 * n * (n - 1), "STATUS of a block's time, no more"
    assert price.bytes <= 400 * price.frames


def test_bytes_are_those_of_the_wire() -> None:
    ballot = Ballot(Kind.PREPARE, 0, 0, 1, BlockId(b"h" * 12))
    real = Ballot(Kind.PREPARE, 0, 0, 1, BlockId(b"h" * 32))
    body = wire.encode_message(Vote(1, real, bytes(64)))
    assert wire_bytes(Vote(1, ballot, bytes(8))) == Frame(FrameType.VOTE, body).size
