"""Strict JSON in, lossless JSON out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.api import plain_json
from node.api.plain_json import StrictJsonError


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (b'{"a":1,"a":2}', "duplicate-key"),
        (b'{"x":{"a":1,"a":1}}', "duplicate-key"),
        (b"NaN", "no-nan"),
        (b"[Infinity]", "no-nan"),
        (b"-Infinity", "no-nan"),
        (b"1.0", "no-fraction"),
        (b"1e5", "no-fraction"),
        (b"1e400", "no-fraction"),
        (b"-0.0", "no-fraction"),
        (b"9223372036854775808", "integer-range"),
        (b"-9223372036854775809", "integer-range"),
        (b"1" * 5_000, "integer-range"),
        (b'"\xff"', "utf-8"),
        (b'"\xc0\xaf"', "utf-8"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udc00":1}', "surrogate"),
        (b"[" * 17 + b"]" * 17, "depth"),
        (b'{"a":' * 17 + b"1" + b"}" * 17, "depth"),
        (b"[" * 100_000, "depth"),
        (b"[" + b"0," * 70_000 + b"0]", "values"),
        (b"[" + b"[]," * 70_000 + b"0]", "values"),
        (b"[]" * 70_000, "values"),
        (b'{"a":"' + b"\\\\" + b'","b":[' + b"0," * 70_000 + b"0]}", "values"),
        (b'["' + b'\\"' * 70_000 + b"[" * 17, "syntax"),
        (b"", "syntax"),
        (b"{", "syntax"),
        (b"[1,]", "syntax"),
        (b"{'a':1}", "syntax"),
        (b'"\x01"', "syntax"),
        (b"\xef\xbb\xbf{}", "syntax"),
        (b"{} {}", "syntax"),
        (b"01", "syntax"),
    ],
)
def test_refused(text: bytes, rule: str) -> None:
    with pytest.raises(StrictJsonError) as refusal:
        plain_json.decode(text)
    assert refusal.value.rule == rule


def test_depth_counts_brackets_outside_of_texts() -> None:
    assert plain_json.decode(b'["' + b"[" * 100 + b'\\"["]') == ["[" * 100 + '"[']
    many = b'["' + b',[\\"' * 70_000 + b'"]'
    assert plain_json.decode(many) == [',["' * 70_000]
    deep = b"[" * 16 + b"]" * 16
    assert plain_json.encode(plain_json.decode(deep)) == deep


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN)
def test_strict_decoding_agrees_with_the_library_on_what_it_takes(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    assert plain_json.decode(data) == value


@given(PLAIN)
def test_what_goes_out_survives_a_reader_with_doubles(value: object) -> None:
    """A browser reads every number as a double; ours come through, as numbers or as text."""

    def told(item: object) -> object:
        if isinstance(item, bool) or not isinstance(item, int):
            if isinstance(item, list):
                return [told(one) for one in item]
            if isinstance(item, dict):
                return {key: told(one) for key, one in item.items()}
            return item
        return item if abs(item) < 2**53 else str(item)

    try:
        data = plain_json.encode(value)
    except UnicodeEncodeError:
        return
    browser = json.loads(data, parse_int=lambda text: int(float(text)))
    assert browser == told(value)


def test_bytes_are_hexadecimal_and_other_types_are_bugs() -> None:
    assert plain_json.encode({"a": b"\x00\xff"}) == b'{"a":"00ff"}'
    for bad in (1.5, {1, 2}, object()):
        with pytest.raises(AssertionError):
            plain_json.encode(bad)
