"""The text that is signed is frozen, and one request's signature is no other's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.ledger import crypto
from node.ledger.errors import LedgerError
from node.ledger.http_signature import (
    RequestSignature,
    RequestSignatureError,
    RequestTarget,
    build_base,
    check_digest,
    check_signature,
    check_time,
    content_digest,
    parse_signature,
    signed_headers,
)

CHAIN = bytes(range(32))
PRIVATE = crypto.private_key(bytes([7]) * 32)
TARGET = RequestTarget("GET", "node.test:8800", "/v1/claims/m-1", "min_height=7")


def headers_of(
    target: RequestTarget = TARGET, body: bytes = b"", chain: bytes = CHAIN, **given_: object
) -> dict[str, str]:
    made = signed_headers(
        target,
        body,
        chain=chain,
        organisation="hospital:H44010000001",
        private=PRIVATE,
        created_s=1_767_225_600,
        nonce="AAAAAAAAAAAAAAAAAAAAAA",
    )
    return {name.lower(): value for name, value in made.items()}


def test_the_signed_text_is_frozen() -> None:
    """Golden: a change of one character here shuts every client out."""
    headers = headers_of()
    signature = parse_signature(headers)
    base = build_base(TARGET, headers["content-digest"], signature).decode()
    key = crypto.public_key(PRIVATE).hex()
    assert base.split("\n") == [
        '"@method": GET',
        '"@authority": node.test:8800',
        '"@path": /v1/claims/m-1',
        '"@query": ?min_height=7',
        '"content-digest": sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:',
        '"@signature-params": ("@method" "@authority" "@path" "@query" "content-digest")'
        ";created=1767225600;expires=1767225720"
        ';nonce="AAAAAAAAAAAAAAAAAAAAAA"'
        f';keyid="hospital:H44010000001#{key}";alg="ed25519";tag="yibao-api/1"',
    ]
    assert headers["signature-input"] == "yibao=" + base.split('params": ')[1]
    signed = crypto.signing_bytes("api/1", CHAIN, base.encode())
    assert signed == b"\x05api/1" + CHAIN + base.encode()
    crypto.verify_strict(crypto.public_key(PRIVATE), signature.signature, signed)


def test_a_round_trip() -> None:
    headers = headers_of(body=b"x")
    signature = parse_signature(headers)
    assert signature.organisation == "hospital:H44010000001"
    assert signature.key == crypto.public_key(PRIVATE)
    check_time(signature, 1_767_225_700)
    check_signature(TARGET, check_digest(headers, b"x"), signature, CHAIN)


texts = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"'), max_size=8
)


@given(texts, texts, texts, texts, st.binary(max_size=8), st.binary(min_size=32, max_size=32))
def test_another_request_is_another_text(
    method: str, authority: str, path: str, query: str, body: bytes, chain: bytes
) -> None:
    other = RequestTarget("G" + method, "n" + authority, "/" + path, query)
    headers = headers_of()
    signature = parse_signature(headers)
    if (other, body, chain) == (TARGET, b"", CHAIN):
        return
    with pytest.raises(RequestSignatureError) as refusal:
        check_signature(other, content_digest(body), signature, chain)
    assert refusal.value.code == "signature.wrong"
    assert isinstance(refusal.value, LedgerError)


def test_no_two_requests_share_a_text() -> None:
    """Components stand on lines of their own, so nothing can be moved from one into another."""
    signature = RequestSignature("o", crypto.public_key(PRIVATE), 1, 2, "n" * 16)
    one = build_base(RequestTarget("GET", "a", "/b", "c=/d"), content_digest(b""), signature)
    two = build_base(RequestTarget("GET", "a", "/b?c=", "/d"), content_digest(b""), signature)
    assert one != two


@pytest.mark.parametrize("name", ["signature", "signature-input"])
def test_missing_headers(name: str) -> None:
    headers = headers_of()
    del headers[name]
    with pytest.raises(RequestSignatureError, match="missing"):
        parse_signature(headers)


def test_a_scheme_that_does_not_exist() -> None:
    headers = headers_of()
    headers["signature-input"] = headers["signature-input"].replace("#01", "#00")
    with pytest.raises(RequestSignatureError, match="malformed"):
        parse_signature(headers)
