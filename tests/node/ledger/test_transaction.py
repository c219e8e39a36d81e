"""Transactions: every limit at its boundary, every damage refused, ids that cannot be bent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.ledger import types
from node.ledger.codec import decode, encode
from node.ledger.crypto import H, derive_blind
from node.ledger.errors import InvalidTransaction
from node.ledger.transaction import (
    Attachment,
    AttachmentRef,
    Call,
    SignedTransaction,
    TransactionBody,
    commit,
    sign_transaction,
)
from node.ledger.types import Digest, Key, OrgId, TimeMs
from tests.node.ledger.damage import bit_flips, extensions, truncations
from tests.node.ledger.test_codec import SCALARS, TEXTS
from tests.node.ledger.world import START_MS, attachment, make_transaction, private, public

CHAIN = Digest(bytes(range(32)))


def fields_of(transaction: SignedTransaction) -> list[Any]:
    """Body as plain fields, to be bent by a test."""
    fields: list[Any] = decode(transaction.body_bytes)
    return fields


def refuse_body(fields: Any) -> InvalidTransaction:
    with pytest.raises(InvalidTransaction) as refusal:
        TransactionBody.decode(encode(fields))
    return refusal.value


def test_golden_id_and_bytes_are_frozen() -> None:
    transaction = make_transaction(CHAIN, 7, calls=2)
    assert (
        transaction.id.hex() == "40bd824807be3d19db577c39bfe3a6e53023d434cc7e78170d1b68521c13a1eb"
    )
    assert H("yibao/tx/v1", transaction.encode()).hex() == (
        "3aa8ce4e3e3856d60bf213261341ef313717fae9e3dab37096be174e6a86bf15"
    )
    assert transaction.id == H("yibao/tx/v1", transaction.body_bytes)


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)
ARGS = st.dictionaries(TEXTS, SCALARS | st.lists(SCALARS, max_size=3), max_size=5)


@st.composite
def transactions(draw: st.DrawFn) -> SignedTransaction:
    calls, items, refs = [], [], []
    for _ in range(draw(st.integers(1, 5))):
        indexes = []
        for audience in sorted(draw(st.sets(NAMES, max_size=3))):
            item = Attachment(draw(st.binary(min_size=32, max_size=32)), draw(st.binary()))
            indexes.append(len(items))
            items.append(item)
            refs.append(AttachmentRef(audience, item.commitment()))
        calls.append(Call(draw(NAMES), draw(NAMES), draw(ARGS), tuple(indexes)))
    body = TransactionBody(
        CHAIN,
        OrgId(draw(NAMES)),
        public(5),
        TimeMs(draw(st.integers(0, types.INT_MAX))),
        tuple(calls),
        tuple(refs),
    )
    return sign_transaction(body, private(5), items)


@given(transactions())
@settings(max_examples=60)
def test_round_trip(transaction: SignedTransaction) -> None:
    decoded = SignedTransaction.decode(transaction.encode())
    assert decoded == transaction
    decoded.check_signature()
    assert decoded.body.encode() == transaction.body_bytes
    on_chain = SignedTransaction.decode_leaf(transaction.encode_leaf(), transaction.attachments)
    assert on_chain == transaction
    on_chain.check_attachments()
    trusted = SignedTransaction.decode_trusted_leaf(transaction.encode_leaf())
    assert trusted == replace(transaction, attachments=())
    assert abs(transaction.size() - len(transaction.encode())) <= 12 + 8 * len(decoded.attachments)


def test_every_truncation_and_bit_change_is_refused() -> None:
    wire = make_transaction(CHAIN, 1, calls=2).encode()
    for damaged in [*truncations(wire), *bit_flips(wire), *extensions(wire)]:
        with pytest.raises(InvalidTransaction):
            SignedTransaction.decode(damaged).check_signature()


def test_sampled_damage_of_a_large_transaction_is_refused() -> None:
    wire = make_transaction(CHAIN, 1, calls=300).encode()
    assert len(wire) > 50_000
    for damaged in [*truncations(wire, 40), *bit_flips(wire, 60)]:
        with pytest.raises(InvalidTransaction):
            SignedTransaction.decode(damaged).check_signature()


def test_the_id_does_not_depend_on_signature_or_attachments() -> None:
    transaction = make_transaction(CHAIN, 1)
    other_signature = replace(transaction, signature=types.Signature(bytes(64)))
    again = SignedTransaction.decode(other_signature.encode())
    assert again.id == transaction.id
    with pytest.raises(InvalidTransaction, match=r"transaction\.signature"):
        again.check_signature()


def test_a_signature_of_another_chain_is_refused() -> None:
    body = make_transaction(CHAIN, 1).body
    elsewhere = sign_transaction(replace(body, chain=Digest(bytes(32))), private(1000), [
        attachment(100)
    ])  # fmt: skip
    forged = replace(make_transaction(CHAIN, 1), signature=elsewhere.signature)
    with pytest.raises(InvalidTransaction, match=r"transaction\.signature"):
        forged.check_signature()
    with pytest.raises(InvalidTransaction, match="wrong-chain"):
        elsewhere.check_admissible(CHAIN, START_MS)


def test_a_signature_by_another_key_than_the_named_is_refused() -> None:
    transaction = make_transaction(CHAIN, 1)
    fields = fields_of(transaction)
    fields[2] = public(3)
    other = SignedTransaction.decode(
        encode(
            [
                encode(fields),
                transaction.signature,
                [[a.blind, a.content] for a in transaction.attachments],
            ]
        )
    )
    with pytest.raises(InvalidTransaction, match=r"transaction\.signature"):
        other.check_signature()


@pytest.mark.parametrize("ahead_ms", [0, 1, types.VALIDITY_MS_MAX - 1, types.VALIDITY_MS_MAX])
def test_admissible_inside_the_window(ahead_ms: int) -> None:
    transaction = make_transaction(CHAIN, 1)
    transaction.check_admissible(CHAIN, transaction.body.valid_until_ms - ahead_ms)


@pytest.mark.parametrize(
    ("ahead_ms", "code"),
    [
        (-1, "transaction.expired"),
        (types.VALIDITY_MS_MAX + 1, "transaction.valid-too-long"),
    ],
)
def test_inadmissible_outside_the_window(ahead_ms: int, code: str) -> None:
    transaction = make_transaction(CHAIN, 1)
    with pytest.raises(InvalidTransaction) as refusal:
        transaction.check_admissible(CHAIN, transaction.body.valid_until_ms - ahead_ms)
    assert refusal.value.code == code
    assert refusal.value.values["valid_until_ms"] == transaction.body.valid_until_ms


def test_damage_of_the_form_on_the_chain_is_refused() -> None:
    leaf = make_transaction(CHAIN, 1, calls=2).encode_leaf()
    for damaged in [*truncations(leaf), *bit_flips(leaf), *extensions(leaf)]:
        with pytest.raises(InvalidTransaction):
            SignedTransaction.decode_leaf(damaged).check_signature()


@pytest.mark.parametrize(
    "fields",
    [
        ["body", bytes(64), []],
        [bytes(types.BODY_BYTES_MAX + 1), bytes(64), []],
        [b"", bytes(63), []],
        [b"", bytes(64), {}],
        [b"", bytes(64), [[bytes(32)]]],
        [b"", bytes(64), [[bytes(31), b""]]],
        [b"", bytes(64), [[bytes(32), "text"]]],
        [b"", bytes(64), [[bytes(32), bytes(types.ATTACHMENT_BYTES_MAX + 1)]]],
        [b"", bytes(64)],
    ],
)
def test_a_wire_form_of_the_wrong_shape_is_refused(fields: Any) -> None:
    with pytest.raises(InvalidTransaction, match=r"transaction\.malformed"):
        SignedTransaction.decode(encode(fields))


# --- Fields -----------------------------------------------------------------------------------


def change(*path: int, to: Any) -> Callable[[list[Any]], None]:
    def bend(fields: list[Any]) -> None:
        target: Any = fields
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = to

    return bend


@pytest.mark.parametrize(
    ("bend", "field"),
    [
        (change(0, to=bytes(31)), "chain"),
        (change(0, to="x" * 32), "chain"),
        (change(1, to=""), "sender"),
        (change(1, to="o" * (types.ORG_ID_CHARS_MAX + 1)), "sender"),
        (change(1, to="医院"), "sender"),
        (change(1, to="a\nb"), "sender"),
        (change(2, to=bytes(32)), "key"),
        (change(3, to=-1), "valid_until_ms"),
        (change(3, to=True), "valid_until_ms"),
        (change(3, to="1"), "valid_until_ms"),
        (change(4, to=[]), "calls"),
        (change(4, to={}), "calls"),
        (change(4, 0, to=["claim", "settle", {}]), "call"),
        (change(4, 0, 0, to=""), "contract"),
        (change(4, 0, 0, to="c" * (types.CALL_NAME_CHARS_MAX + 1)), "contract"),
        (change(4, 0, 1, to=b"settle"), "method"),
        (change(4, 0, 2, to=[]), "args"),
        (change(4, 0, 2, to=None), "args"),
        (change(4, 0, 3, to=[True]), "call.attachments"),
        (change(4, 0, 3, to=[-1]), "call.attachments"),
        (change(4, 0, 3, to=[0, 1, 2, 3, 4]), "call.attachments"),
        (change(5, to=None), "attachments"),
        (change(5, 0, to=["validators"]), "attachment"),
        (change(5, 0, 0, to=""), "audience"),
        (change(5, 0, 1, to=bytes(33)), "commitment"),
    ],
)
def test_a_field_of_the_wrong_shape_is_named(bend: Callable[[list[Any]], None], field: str) -> None:
    fields = fields_of(make_transaction(CHAIN, 1))
    bend(fields)
    refusal = refuse_body(fields)
    assert refusal.code == "transaction.malformed"
    assert refusal.values["field"] == field


@pytest.mark.parametrize("value", [None, {}, [], "x", [1, 2, 3, 4, 5, 6], [None] * 7])
def test_a_body_of_another_type_is_refused(value: Any) -> None:
    refuse_body(value)


@pytest.mark.parametrize(
    ("indexes", "audiences", "reason"),
    [
        ([[0], [0]], ["a"], "attachment.named-twice"),
        ([[0, 0], []], ["a"], "attachment.index-order"),
        ([[1, 0], []], ["a", "b"], "attachment.index-order"),
        ([[1], []], ["a"], "attachment.index-range"),
        ([[0], []], ["a", "b"], "attachment.not-named"),
        ([[], []], ["a"], "attachment.not-named"),
        ([[0, 1], []], ["a", "a"], "attachment.audience-twice"),
    ],
)
def test_each_attachment_is_named_by_exactly_one_call(
    indexes: list[list[int]], audiences: list[str], reason: str
) -> None:
    fields = fields_of(make_transaction(CHAIN, 1))
    fields[4] = [["claim", "settle", {}, item] for item in indexes]
    fields[5] = [[audience, bytes(32)] for audience in audiences]
    assert refuse_body(fields).values["reason"] == reason


def test_two_calls_may_have_the_same_audience_and_interleave() -> None:
    fields = fields_of(make_transaction(CHAIN, 1))
    fields[4] = [["claim", "settle", {}, [0, 3]], ["claim", "settle", {}, [1, 2]]]
    fields[5] = [[audience, bytes(32)] for audience in ("a", "b", "a", "b")]
    assert TransactionBody.decode(encode(fields)).calls[1].attachments == (1, 2)


# --- Limits at their boundaries ---------------------------------------------------------------


def test_number_of_calls() -> None:
    fields = fields_of(make_transaction(CHAIN, 1, attached=False))
    fields[4] = [["c", "m", {}, []]] * types.CALLS_MAX
    assert len(TransactionBody.decode(encode(fields)).calls) == types.CALLS_MAX
    fields[4] = [["c", "m", {}, []]] * (types.CALLS_MAX + 1)
    assert refuse_body(fields).values["field"] == "calls"


def test_length_of_the_body() -> None:
    fields = fields_of(make_transaction(CHAIN, 1, attached=False))
    fields[4][0][2] = {"filler": b""}
    room = types.BODY_BYTES_MAX - len(encode(fields)) - 3  # bin32 has three bytes more than bin8
    fields[4][0][2] = {"filler": bytes(room)}
    assert len(encode(fields)) == types.BODY_BYTES_MAX
    TransactionBody.decode(encode(fields))
    fields[4][0][2] = {"filler": bytes(room + 1)}
    assert refuse_body(fields).values["reason"] == "codec.too-long"


def signed_with(contents: list[bytes]) -> SignedTransaction:
    items = [
        Attachment(derive_blind(bytes(32), str(number), "a"), content)
        for number, content in enumerate(contents)
    ]
    calls = tuple(Call("c", "m", {}, (number,)) for number in range(len(items)))
    refs = tuple(AttachmentRef("a", item.commitment()) for item in items)
    body = TransactionBody(CHAIN, OrgId("centre"), public(5), TimeMs(1), calls, refs)
    return sign_transaction(body, private(5), items)


def test_length_of_one_attachment() -> None:
    SignedTransaction.decode(signed_with([bytes(types.ATTACHMENT_BYTES_MAX)]).encode())
    with pytest.raises(InvalidTransaction, match="attachment-length"):
        signed_with([bytes(types.ATTACHMENT_BYTES_MAX + 1)])


def test_length_of_all_attachments() -> None:
    whole = types.ATTACHMENTS_BYTES_MAX // types.ATTACHMENT_BYTES_MAX
    full = [bytes(types.ATTACHMENT_BYTES_MAX)] * whole
    SignedTransaction.decode(signed_with(full).encode())
    with pytest.raises(InvalidTransaction, match="attachments-too-long"):
        signed_with([*full, b"x"])


# --- Attachments ------------------------------------------------------------------------------


def wire(transaction: SignedTransaction, attachments: list[list[Any]]) -> bytes:
    return encode([transaction.body_bytes, transaction.signature, attachments])


def test_missing_and_wrong_attachments_are_the_senders_fault() -> None:
    transaction = make_transaction(CHAIN, 1, calls=2)
    first, second = ([item.blind, item.content] for item in transaction.attachments)
    SignedTransaction.decode(wire(transaction, [first, second]))
    for attachments, code in (
        ([], "transaction.attachment-missing"),
        ([first], "transaction.attachment-missing"),
        ([first, second, second], "transaction.attachment-missing"),
        ([second, first], "transaction.attachment-wrong"),
        ([first, [bytes(32), second[1]]], "transaction.attachment-wrong"),
        ([first, [second[0], second[1] + b"\xc0"]], "transaction.attachment-wrong"),
        ([first, [second[0][:31], second[0][31:] + second[1]]], "transaction.malformed"),
    ):
        with pytest.raises(InvalidTransaction) as refusal:
            SignedTransaction.decode(wire(transaction, attachments))
        assert refusal.value.code == code


def test_attachments_are_found_by_call_and_audience() -> None:
    transaction = make_transaction(CHAIN, 1, calls=3)
    assert transaction.call_attachments(2) == {"validators": transaction.attachments[2]}


def test_a_commitment_binds_blind_and_content() -> None:
    base = commit(bytes(32), b"content")
    assert base != commit(bytes(31) + b"\x01", b"content")
    assert base != commit(bytes(32), b"content ")
    assert base == H("yibao/attachment/v1", bytes(32) + b"content")


def test_signing_refuses_what_would_not_decode() -> None:
    body = make_transaction(CHAIN, 1, attached=False).body
    for bad, reason in (
        (replace(body, sender=OrgId("")), "shape.length"),
        (replace(body, calls=()), "shape.count"),
        (replace(body, calls=(Call("c", "m", {"total": 1.5}),)), "codec.type"),
    ):
        with pytest.raises(InvalidTransaction) as refusal:
            sign_transaction(bad, private(1000))
        assert refusal.value.values["reason"] == reason
    with pytest.raises(AssertionError, match="another key"):
        sign_transaction(replace(body, key=Key(public(3))), private(1000))
