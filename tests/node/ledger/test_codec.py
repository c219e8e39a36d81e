"""The codec: one form for each value, nothing else accepted, whatever the bytes."""

from __future__ import annotations

import enum
import struct
import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.ledger import shape
from node.ledger.codec import decode, decode_trusted, encode, encode_made
from node.ledger.errors import CodecError
from node.ledger.types import CONTAINERS_MAX, DEPTH_MAX, INT_MAX, INT_MIN
from tests.node.ledger.damage import bit_flips, extensions, truncations

INTEGERS = st.integers(INT_MIN, INT_MAX) | st.sampled_from(
    [s * 2**e + d for e in (5, 7, 8, 15, 16, 31, 32, 62) for s in (1, -1) for d in (-1, 0, 1)]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SCALARS = st.none() | st.booleans() | INTEGERS | TEXTS | st.binary(max_size=40)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXTS, inner, max_size=6),
    max_leaves=25,
)


def model(value: Any) -> bytes:
    """The encoding, written down a second time from the msgpack specification."""
    match value:
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return model_integer(value)
        case str():
            text = value.encode()
            return header(len(text), (0xA0, 31), (0xD9, 0xDA, 0xDB)) + text
        case bytes():
            return header(len(value), None, (0xC4, 0xC5, 0xC6)) + value
        case list():
            return header(len(value), (0x90, 15), (None, 0xDC, 0xDD)) + b"".join(map(model, value))
        case dict():
            pairs = sorted(value.items(), key=lambda pair: pair[0].encode())
            items = b"".join(model(key) + model(item) for key, item in pairs)
            return header(len(value), (0x80, 15), (None, 0xDE, 0xDF)) + items
        case _:
            raise AssertionError(value)


def header(length: int, fix: tuple[int, int] | None, codes: tuple[int | None, int, int]) -> bytes:
    if fix is not None and length <= fix[1]:
        return bytes([fix[0] | length])
    if codes[0] is not None and length < 2**8:
        return bytes([codes[0], length])
    if length < 2**16:
        return bytes([codes[1]]) + struct.pack(">H", length)
    return bytes([codes[2]]) + struct.pack(">I", length)


def model_integer(value: int) -> bytes:
    if -32 <= value < 128:
        return struct.pack("b", value) if value < 0 else bytes([value])
    for code, form in zip(range(0xCC, 0xD0), "BHIQ", strict=True):
        if 0 <= value < 2 ** (8 * struct.calcsize(form)):
            return bytes([code]) + struct.pack(">" + form, value)
    for code, form in zip(range(0xD0, 0xD4), "bhiq", strict=True):
        if -(2 ** (8 * struct.calcsize(form) - 1)) <= value < 0:
            return bytes([code]) + struct.pack(">" + form, value)
    raise AssertionError(value)


@given(VALUES)
@settings(max_examples=300)
def test_round_trip_and_agreement_with_the_written_model(value: Any) -> None:
    data = encode(value)
    assert data == model(value)
    assert decode(data) == value
    assert decode_trusted(data) == value
    assert encode(decode(data)) == data


@given(st.binary(max_size=60))
@settings(max_examples=500)
def test_whatever_decodes_is_the_only_encoding_of_its_value(data: bytes) -> None:
    try:
        value = decode(data)
    except CodecError:
        return
    assert encode(value) == data == model(value)


@given(VALUES, st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_one_changed_bit_is_refused_or_another_value(value: Any, random: Any) -> None:
    data = encode(value)
    flips = list(bit_flips(data, sample=64))
    changed = random.choice(flips)
    try:
        other = decode(changed)
    except CodecError:
        return
    assert encode(other) == changed != data


GOLDEN = [
    (None, "c0"),
    (True, "c3"),
    (0, "00"),
    (127, "7f"),
    (128, "cc80"),
    (-32, "e0"),
    (-33, "d0df"),
    (65536, "ce00010000"),
    (INT_MAX, "cf7fffffffffffffff"),
    (INT_MIN, "d38000000000000000"),
    ("医保", "a6e58cbbe4bf9d"),
    (b"\x00\xff", "c40200ff"),
    ([], "90"),
    ({}, "80"),
    ({"b": 1, "a": [None, {"z": b""}]}, "82a16192c081a17ac400a16201"),
    ({"é": 1, "z": 2, "中": 3, "\U0001f600": 4}, "84a17a02a2c3a901a3e4b8ad03a4f09f988004"),
]


@pytest.mark.parametrize(("value", "golden"), GOLDEN, ids=[g for _, g in GOLDEN])
def test_golden_bytes_are_frozen(value: Any, golden: str) -> None:
    assert encode(value).hex() == golden
    assert decode(bytes.fromhex(golden)) == value


def longer_forms() -> list[tuple[str, bytes]]:
    """Legal msgpack of small values in every form but the shortest."""
    forms = []
    for code, form in ((0xCC, "B"), (0xCD, "H"), (0xCE, "I"), (0xCF, "Q")):
        forms.append((f"1 as {form}", bytes([code]) + struct.pack(">" + form, 1)))
    for code, form in ((0xD0, "b"), (0xD1, "h"), (0xD2, "i"), (0xD3, "q")):
        forms.append((f"1 as {form}", bytes([code]) + struct.pack(">" + form, 1)))
        forms.append((f"-1 as {form}", bytes([code]) + struct.pack(">" + form, -1)))
    forms += [
        ("128 as int16", b"\xd1\x00\x80"),
        ("255 as uint16", b"\xcd\x00\xff"),
        ("str8", b"\xd9\x01a"),
        ("str16", b"\xda\x00\x01a"),
        ("str32", b"\xdb\x00\x00\x00\x01a"),
        ("bin16", b"\xc5\x00\x01a"),
        ("bin32", b"\xc6\x00\x00\x00\x01a"),
        ("array16", b"\xdc\x00\x01\xc0"),
        ("array32", b"\xdd\x00\x00\x00\x01\xc0"),
        ("empty array16", b"\xdc\x00\x00"),
        ("map16", b"\xde\x00\x01\xa1a\xc0"),
        ("map32", b"\xdf\x00\x00\x00\x01\xa1a\xc0"),
        ("empty map16", b"\xde\x00\x00"),
    ]
    return forms


@pytest.mark.parametrize(("name", "data"), longer_forms())
@pytest.mark.parametrize("inside", ["alone", "in an array", "as a map's value"])
def test_longer_encodings_are_refused(name: str, data: bytes, inside: str) -> None:
    assert msgpack.unpackb(data) is not None  # a general decoder takes it
    wrapped = {
        "alone": data,
        "in an array": b"\x91" + data,
        "as a map's value": b"\x81\xa1k" + data,
    }
    with pytest.raises(CodecError, match=r"codec\.not-canonical"):
        decode(wrapped[inside])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xca\x00\x00\x00\x00", "codec.type"),
        (b"\xcb" + bytes(8), "codec.type"),
        (b"\xcb\x7f\xf8" + bytes(6), "codec.type"),
        (b"\x91\xca\x3f\x80\x00\x00", "codec.type"),
        (b"\xd4\x01\x00", "codec.malformed"),
        (b"\xd6\xff\x00\x00\x00\x00", "codec.malformed"),
        (b"\xc7\x00\x01", "codec.type"),
        (b"\xcf\x80" + bytes(7), "codec.integer-range"),
        (b"\x92\xcf" + b"\xff" * 8 + b"\xc0", "codec.integer-range"),
        (b"\x81\xa1k\xcf" + b"\xff" * 8, "codec.integer-range"),
        (b"\x82\xa1a\x01\xa1a\x02", "codec.not-canonical"),
        (b"\x82\xa1a\x01\xa1a\x01", "codec.not-canonical"),
        (b"\x82\xa1b\x01\xa1a\x02", "codec.key-order"),
        (b"\x82\xa2aa\x01\xa1a\x02", "codec.key-order"),
        (b"\x81\x01\x02", "codec.malformed"),
        (b"\x81\xc3\x02", "codec.malformed"),
        (b"\x81\xc4\x01a\x02", "codec.key-type"),
        (b"\x82\xa1a\x01\xc4\x01b\x02", "codec.key-type"),
        (b"\xc1", "codec.malformed"),
        (b"", "codec.malformed"),
        (b"\xa1\xff", "codec.malformed"),
        (b"\xa2\xc0\x80", "codec.malformed"),
        (b"\xa3\xed\xa0\x80", "codec.malformed"),
        (b"\xc0\xc0", "codec.malformed"),
        (b"\xdd\xff\xff\xff\xff", "codec.malformed"),
        (b"\xc6\xff\xff\xff\xff", "codec.malformed"),
    ],
)
def test_what_msgpack_allows_and_the_ledger_does_not(data: bytes, code: str) -> None:
    with pytest.raises(CodecError) as refusal:
        decode(data)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cut short"),
        (b"\x92\x01", "cut short"),
        (b"\xa2a", "cut short"),
        (b"\xc0\xc0", "more bytes after its end"),
        (b"hello", "more bytes after its end"),
        (b"\xa1\xff", "text that is not UTF-8"),
        (b"\xc1", "not msgpack of the ledger"),
        (b"\x81\x01\x02", "not msgpack of the ledger"),
    ],
)
def test_what_is_wrong_with_bytes_is_said_in_words(data: bytes, reason: str) -> None:
    with pytest.raises(CodecError) as refusal:
        decode(data)
    assert refusal.value.values == {"reason": reason}


@pytest.mark.parametrize(
    ("value", "told"), [(None, "nil"), (True, "boolean"), ("x", "text"), ([], "array")]
)
def test_a_field_of_another_kind_is_told_in_the_words_of_the_format(
    value: object, told: str
) -> None:
    with pytest.raises(CodecError) as refusal:
        shape.binary(value, "chain", 32)
    assert refusal.value.values == {"field": "chain", "type": told, "wanted": "bin"}


class Colour(enum.IntEnum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (1.0, "codec.type"),
        ([1, float("nan")], "codec.type"),
        ({"a": {1, 2}}, "codec.type"),
        (Colour.RED, "codec.type"),
        ([bytearray(b"x")], "codec.type"),
        ({1: 2}, "codec.key-type"),
        ({"a": 1, 2: 3}, "codec.key-type"),
        ({b"a": 1}, "codec.key-type"),
        (2**63, "codec.integer-range"),
        ([-(2**63) - 1], "codec.integer-range"),
        ({"a": [2**64]}, "codec.integer-range"),
        ("\ud800", "codec.text-surrogate"),
    ],
)
def test_values_without_canonical_bytes_are_refused(value: Any, code: str) -> None:
    with pytest.raises(CodecError) as refusal:
        encode(value)
    assert refusal.value.code == code


def allowed(value: Any, depth: int = 0) -> bool:
    """What has canonical bytes, by definition."""
    if type(value) in (list, tuple, dict):
        items = value.values() if type(value) is dict else value
        return depth < DEPTH_MAX and all(allowed(item, depth + 1) for item in items)
    if type(value) is int:
        return INT_MIN <= value <= INT_MAX
    return value is None or type(value) in (bool, str, bytes)


def as_lists(value: Any) -> Any:
    """The value with lists for tuples."""
    if type(value) is dict:
        return {key: as_lists(item) for key, item in value.items()}
    return [as_lists(item) for item in value] if type(value) in (list, tuple) else value


class Text(str):
    """No text of the ledger's."""


FOREIGN = [1.5, bytearray(b"x"), memoryview(b"x"), Text("x"), {1}, INT_MAX + 1, INT_MIN - 1]
WRAPS = [lambda item: [item], lambda item: (1, item), lambda item: {"a": 1, "b": item}]


@given(st.data())
@settings(max_examples=300)
def test_a_foreign_item_or_too_deep_a_one_is_refused_wherever_it_is(data: st.DataObject) -> None:
    leaves = SCALARS | st.sampled_from(FOREIGN)
    value: Any = data.draw(
        st.recursive(
            leaves,
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.lists(inner, max_size=4).map(tuple)
                | st.dictionaries(TEXTS, inner, max_size=4)
            ),
            max_leaves=8,
        )
    )
    for wrap in data.draw(st.lists(st.sampled_from(WRAPS), max_size=DEPTH_MAX + 1)):
        value = wrap(value)
    if allowed(value):
        assert encode(value) == model(as_lists(value))
    else:
        with pytest.raises(CodecError):
            encode(value)


@given(VALUES)
def test_what_was_made_here_has_the_same_bytes(value: Any) -> None:
    assert encode_made(value) == encode(value)


@pytest.mark.parametrize(
    "foreign", [0.5, 1e300, float("nan"), 2**63, 2**64 - 1, 2**64, enum.IntEnum("E", "A").A, {1: 2}]
)
@pytest.mark.parametrize("beside", [b"", bytes(range(256)), "\u02cb\u02cf\u028a"])
def test_what_was_made_here_is_held_to_the_types(foreign: Any, beside: Any) -> None:
    with pytest.raises(CodecError) as error:
        encode_made({"steps": [[beside, foreign]]})
    assert error.value.code in {"codec.type", "codec.integer-range", "codec.key-type"}


def test_digest_bytes_that_look_like_a_large_integer_are_no_integer() -> None:
    value = [b"\xcf\xff" * 16, 5, "x"]
    assert decode(encode(value)) == value


def test_tuples_are_written_as_arrays() -> None:
    assert encode((1, ("a",), {"k": (None,)})) == encode([1, ["a"], {"k": [None]}])


def test_text_is_not_normalised() -> None:
    composed, decomposed = "\u00e9", "e\u0301"
    assert encode(composed) != encode(decomposed)
    assert decode(encode(decomposed)) == decomposed


@pytest.mark.parametrize("container", ["array", "map"])
def test_depth_ends_at_sixteen(container: str) -> None:
    def nested(depth: int) -> Any:
        value: Any = [] if container == "array" else {}
        for _ in range(depth - 1):
            value = [value] if container == "array" else {"k": value}
        return value

    assert decode(encode(nested(DEPTH_MAX))) == nested(DEPTH_MAX)
    with pytest.raises(CodecError, match=r"codec\.depth"):
        encode(nested(DEPTH_MAX + 1))
    with pytest.raises(CodecError, match=r"codec\.depth"):
        decode(model(nested(DEPTH_MAX + 1)))
    with pytest.raises(CodecError):
        decode(b"\x91" * 100_000)


def test_length_limit_holds_at_its_boundary() -> None:
    data = encode(b"x" * 100)
    assert decode(data, bytes_max=len(data))
    with pytest.raises(CodecError, match=r"codec\.too-long"):
        decode(data, bytes_max=len(data) - 1)


def test_damage_of_a_record_is_refused_or_seen() -> None:
    value = {
        "chain": bytes(32),
        "calls": [["claim", "settle", {"total_fen": 100}, [0]]],
        "n": 2**40,
    }
    data = encode(value)
    for damaged in [*truncations(data), *extensions(data)]:
        with pytest.raises(CodecError):
            decode(damaged)
    for damaged in bit_flips(data):
        try:
            assert decode(damaged) != value
        except CodecError:
            continue


def test_the_number_of_containers_ends_at_its_limit() -> None:
    def nested(count: int) -> bytes:
        """An array of ``count - 1`` empty maps and arrays, and text to make it a long one."""
        empty = b"\x90\x80" * ((count - 1) // 2) + b"\x90" * ((count - 1) % 2)
        return b"\xdd" + struct.pack(">I", count) + empty + b"\xa3abc"

    assert len(decode(nested(CONTAINERS_MAX))) == CONTAINERS_MAX
    for count in (CONTAINERS_MAX + 1, 9 * 1024 * 1024 - 10):
        tracemalloc.start()
        try:
            with pytest.raises(CodecError, match=r"codec\.containers"):
                decode(nested(count))
            assert tracemalloc.get_traced_memory()[1] < 100_000_000
        finally:
            tracemalloc.stop()


def test_a_long_value_is_read_like_a_short_one() -> None:
    """Above 64 KiB containers are counted while decoding; the verdicts are the same."""
    value = [
        {"code": f"item-{n}", "lines": [n, {"amount_fen": n}], "none": None} for n in range(3000)
    ]
    data = encode(value)
    assert len(data) > CONTAINERS_MAX
    assert decode(data) == value
    for damaged in [*truncations(data, 30), *extensions(data)]:
        with pytest.raises(CodecError):
            decode(damaged)
    disordered = data.replace(b"\xa4code", b"\xa4zode", 1)
    with pytest.raises(CodecError, match=r"codec\.key-order"):
        decode(disordered)
    with pytest.raises(CodecError, match=r"codec\.not-canonical"):
        decode(data.replace(b"\xa6item-0", b"\xd9\x06item-0", 1))


def test_a_small_buffer_cannot_claim_much_memory() -> None:
    tracemalloc.start()
    try:
        for code in (b"\xdd", b"\xdf", b"\xc6", b"\xdb"):
            with pytest.raises(CodecError):
                decode(code + b"\x7f\xff\xff\xff" + b"\xc0" * 1000)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
