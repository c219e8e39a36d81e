"""Receipts: frozen bytes, strict decoding, digests of writes, derived explanations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.ledger.codec import decode, encode
from node.ledger.crypto import H
from node.ledger.errors import InvalidProof
from node.ledger.receipt import (
    Event,
    Receipt,
    ReceiptPosting,
    compute_writes_digest,
    encode_writes,
    make_explanation,
)
from node.ledger.types import INT_MAX, INT_MIN, Digest
from tests.node.ledger.damage import bit_flips, extensions, truncations
from tests.node.ledger.test_codec import SCALARS, TEXTS
from tests.node.ledger.world import attachment

MAPS = st.dictionaries(TEXTS, SCALARS, max_size=4)
NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)

SETTLED = Receipt(
    Digest(bytes(range(32))),
    3,
    "ok",
    "",
    {},
    {"claim": "claim-1"},
    (Event("claim.settled", {"claim": "claim-1"}),),
    {"total_fen": 123_400, "person_fen": 23_400},
    {"policy": ["430100", "310", 2]},
    (
        ReceiptPosting("claim-1", "fund:430100", "310100", -100_000),
        ReceiptPosting("claim-1", "payable:H43010000123", "310100", 100_000),
    ),
    Digest(bytes(32)),
    compute_writes_digest({"claim/claim-1": b"\x01"}),
)
REJECTED = replace(
    SETTLED,
    status="rejected",
    code="claim.duplicate",
    values={"claim": "claim-1"},
    answer={},
    events=(),
    postings=(),
    explanation=None,
)


def test_golden_bytes_are_frozen() -> None:
    assert H("yibao/tx/v1", SETTLED.encode()).hex() == (
        "6ea14ad55ea75c56a98e0a6d7fee88ebb0f2074a582ef9c263eed18d4a46fbbd"
    )
    assert H("yibao/tx/v1", REJECTED.encode()).hex() == (
        "f354c473202a861c292b6ada06db8388fe5ece01e8830d612dd61c924de826a7"
    )


@given(
    st.builds(
        Receipt,
        st.binary(min_size=32, max_size=32).map(Digest),
        st.integers(0, 999),
        st.just("ok"),
        st.just(""),
        MAPS,
        MAPS,
        st.lists(st.builds(Event, NAMES, MAPS), max_size=3).map(tuple),
        MAPS,
        MAPS,
        st.lists(
            st.builds(ReceiptPosting, NAMES, NAMES, NAMES, st.integers(INT_MIN, INT_MAX)),
            max_size=3,
        ).map(tuple),
        st.none() | st.binary(min_size=32, max_size=32).map(Digest),
        st.binary(min_size=32, max_size=32).map(Digest),
    )
)
@settings(max_examples=80)
def test_round_trip(receipt: Receipt) -> None:
    assert Receipt.decode(receipt.encode()) == receipt
    assert Receipt.decode_trusted(receipt.encode()) == receipt


def test_every_truncation_is_refused_and_every_bit_change_refused_or_seen() -> None:
    data = SETTLED.encode()
    for damaged in [*truncations(data), *extensions(data)]:
        with pytest.raises(InvalidProof):
            Receipt.decode(damaged)
    for damaged in bit_flips(data):
        try:
            assert Receipt.decode(damaged) != SETTLED
        except InvalidProof:
            continue


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, bytes(31)),
        (1, -1),
        (1, 1000),
        (1, True),
        (2, "failed"),
        (2, "rejected"),  # without a code
        (3, "claim.duplicate"),  # a code, yet ok
        (4, []),
        (6, [["topic"]]),
        (6, [["", {}]]),
        (7, None),
        (9, [["t", "a", "310100", "5"]]),
        (9, [["t", "a", "310100", True]]),
        (10, bytes(31)),
        (11, None),
    ],
)
def test_a_field_of_the_wrong_shape_is_refused(place: int, value: Any) -> None:
    fields = decode(SETTLED.encode())
    fields[place] = value
    with pytest.raises(InvalidProof, match=r"receipt\.malformed"):
        Receipt.decode(encode(fields))


def test_writes_digest_is_over_sorted_keys_and_sees_deletions() -> None:
    writes = {"b": b"\x01", "a": None}
    assert encode_writes(writes) == encode([["a", None], ["b", b"\x01"]])
    assert compute_writes_digest(writes) == H("yibao/writes/v1", encode_writes(writes))
    others: list[dict[str, bytes | None]] = [
        {}, {"a": None}, {"a": b"", "b": b"\x01"}, {"a": None, "b": b"\x02"},
    ]  # fmt: skip
    assert compute_writes_digest(writes) not in {compute_writes_digest(w) for w in others}


def test_an_explanation_is_the_same_for_all_and_unknowable_to_others() -> None:
    steps = {"steps": [{"step": "deductible", "amount_fen": 90_000}]}
    inputs = [attachment(1), attachment(2)]
    tx_id = bytes(range(32))
    made = make_explanation(tx_id, 5, inputs, steps)
    assert made == make_explanation(bytes(32), 5, inputs[:1], dict(steps))
    assert decode(made.content) == steps
    assert made.blind == H("yibao/explanation-blind/v1", inputs[0].blind + b"\x00\x05")
    blinds = {
        made.blind,
        make_explanation(tx_id, 6, inputs, steps).blind,
        make_explanation(tx_id, 5, inputs[1:], steps).blind,
        make_explanation(tx_id, 5, [], steps).blind,
        make_explanation(tx_id, 5, [], steps, b"s" * 32).blind,
    }
    assert len(blinds) == 5
