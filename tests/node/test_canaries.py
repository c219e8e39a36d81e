"""The search finds a planted word in every dress, among other bytes, and finds nothing else."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.node.canaries import Leak, Search

WORD, CHINESE, KEY = "CANARY-C34.900", "恶性肿瘤金丝雀", bytes(range(200, 233))
SEARCH = Search({"word": WORD, "chinese": CHINESE, "key": KEY})


@pytest.mark.parametrize("before", [b"", b"x", b"xy", b"xyz"])
@pytest.mark.parametrize("after", [b"", b"q", b"qr"])
@pytest.mark.parametrize(("name", "word"), [("word", WORD), ("chinese", CHINESE), ("key", KEY)])
def test_found_in_every_dress(before: bytes, after: bytes, name: str, word: str | bytes) -> None:
    raw = word.encode() if isinstance(word, str) else word
    around = before + raw + after
    dressed = [around, around.hex().encode(), around.hex().upper().encode(),
               base64.b64encode(around), base64.urlsafe_b64encode(around)]  # fmt: skip
    if isinstance(word, str):
        text = before.decode() + word + after.decode()
        dressed += [text.encode("utf-16-le"), text.encode("utf-16-be"), json.dumps(text).encode(),
                    quote(text, safe="").encode()]  # fmt: skip
    for data in dressed:
        assert [leak.word for leak in SEARCH.leaks("here", b"..." + data + b"...")] == [name], data
    assert list(SEARCH.leaks("here", around, allowed=[name])) == []


def test_a_leak_names_place_word_and_form() -> None:
    data = base64.b64encode(b"xy" + WORD.encode())
    assert list(SEARCH.leaks("block 3", data)) == [Leak("block 3", "word", "base64+2")]


@given(st.binary(max_size=400))
def test_nothing_is_found_where_nothing_is(data: bytes) -> None:
    if WORD.encode() not in data:
        assert list(SEARCH.leaks("here", data)) == []
