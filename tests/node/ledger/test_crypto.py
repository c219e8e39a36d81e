"""Strict signatures: what is accepted is ours to say, and no library's."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.ledger import crypto, points
from node.ledger.crypto import CONTEXTS, SMALL_ORDER, TAGS, H
from node.ledger.errors import InvalidKey, InvalidSignature
from tests.conftest import ROOT
from tests.node.ledger.damage import bit_flips, extensions, truncations
from tests.node.ledger.world import private, public

CHAIN = bytes(range(32))
MESSAGE = b"a claim of 1,234.00 yuan"

BASE = points.decode_point(bytes([0x58]) + bytes([0x66]) * 31)


def signed(context: str = "tx/1") -> tuple[bytes, bytes]:
    return public(1), crypto.sign(private(1), context, CHAIN, MESSAGE)


def refuse(key: bytes, signature: bytes, context: str = "tx/1") -> None:
    with pytest.raises((InvalidSignature, InvalidKey)):
        crypto.verify(key, context, CHAIN, MESSAGE, signature)


def model_verify(raw_key: bytes, signature: bytes, message: bytes) -> bool:
    """RFC 8032 section 5.1.7 without cofactor, in plain integers, with the strict rules first."""
    key, commitment = points.decode_point(raw_key), points.decode_point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= points.L:
        return False
    if any(points.is_identity(points.multiply(8, point)) for point in (key, commitment)):
        return False
    digest = hashlib.sha512(signature[:32] + raw_key + message).digest()
    challenge = int.from_bytes(digest, "little") % points.L
    assert BASE is not None
    right = points.add(commitment, points.multiply(challenge, key))
    return points.encode_point(points.multiply(scalar, BASE)) == points.encode_point(right)


def test_wycheproof_all_vectors(shared_data: Path) -> None:
    document = json.loads((shared_data / "vectors" / "wycheproof_ed25519.json").read_bytes())
    seen = 0
    for group in document["testGroups"]:
        key = bytes([crypto.SCHEME_ED25519]) + bytes.fromhex(group["publicKey"]["pk"])
        for test in group["tests"]:
            seen += 1
            try:
                crypto.verify_strict(key, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
                verdict = "valid"
            except (InvalidSignature, InvalidKey):
                verdict = "invalid"
            assert verdict == test["result"], test
    assert seen == document["numberOfTests"] == 151


def test_a_good_signature_verifies_and_signing_is_deterministic() -> None:
    key, signature = signed()
    crypto.verify(key, "tx/1", CHAIN, MESSAGE, signature)
    assert signature == signed()[1]
    assert model_verify(key[1:], signature, crypto.signing_bytes("tx/1", CHAIN, MESSAGE))


def test_every_single_bit_change_of_a_signature_is_refused() -> None:
    key, signature = signed()
    for damaged in [*bit_flips(signature), *truncations(signature), *extensions(signature), b""]:
        refuse(key, damaged)


def test_every_single_bit_change_of_a_key_is_refused() -> None:
    key, signature = signed()
    for damaged in [*bit_flips(key), *truncations(key), *extensions(key)]:
        refuse(damaged, signature)


def test_a_signature_is_for_one_context_chain_and_message() -> None:
    key, signature = signed()
    for context in CONTEXTS:
        if context != "tx/1":
            refuse(key, signature, context)
    for chain, message in ((bytes(32), MESSAGE), (CHAIN, MESSAGE + b"."), (CHAIN, b"")):
        with pytest.raises(InvalidSignature):
            crypto.verify(key, "tx/1", chain, message, signature)
    refuse(public(2), signature)


def test_adding_the_group_order_to_s_is_refused() -> None:
    key, signature = signed()
    scalar = int.from_bytes(signature[32:], "little") + points.L
    malleated = signature[:32] + scalar.to_bytes(32, "little")
    with pytest.raises(InvalidSignature, match="scalar-range"):
        crypto.verify(key, "tx/1", CHAIN, MESSAGE, malleated)


def test_the_list_of_small_order_encodings_is_complete() -> None:
    """All encodings, canonical or not, of the points that 8 takes to the identity."""
    torsion = set()
    for y in range(2, 200):
        point = points.decode_point(y.to_bytes(32, "little"))
        if point is None:
            continue
        generator = points.multiply(points.L, point)
        if not points.is_identity(points.multiply(4, generator)):
            torsion = {points.encode_point(points.multiply(n, generator)) for n in range(8)}
            break
    assert len(torsion) == 8
    encodings = set()
    for encoded in torsion:
        number = int.from_bytes(encoded, "little")
        y, sign = number & (2**255 - 1), number >> 255
        for spelled in (y, y + points.P):
            if spelled < 2**255:
                # With x = 0 both signs are read as the same point by lenient decoders.
                for bit in (0, 1) if y in (1, points.P - 1) else (sign,):
                    encodings.add((spelled | bit << 255).to_bytes(32, "little"))
    assert encodings == SMALL_ORDER


@pytest.mark.parametrize("encoded", sorted(SMALL_ORDER), ids=lambda raw: raw.hex()[:8])
def test_small_order_points_are_refused_everywhere(encoded: bytes) -> None:
    key, signature = signed()
    small = bytes([crypto.SCHEME_ED25519]) + encoded
    with pytest.raises(InvalidKey):
        crypto.check_key(small)
    refuse(small, signature)
    refuse(key, encoded + signature[32:])
    # The classic: with A and R of small order and S = 0 the equation holds for any message.
    refuse(small, encoded + bytes(32))


def test_an_equation_that_holds_does_not_make_up_for_a_point_of_small_order() -> None:
    """Libraries take both: a key under which anybody signs anything, and a commitment of none."""
    assert BASE is not None
    identity = bytes([1]) + bytes(31)
    anybodys = points.encode_point(points.multiply(7, BASE)) + (7).to_bytes(32, "little")
    with pytest.raises(InvalidKey, match="not-strict"):
        crypto.verify_strict(bytes([crypto.SCHEME_ED25519]) + identity, anybodys, MESSAGE)
    key = public(1)
    hashed = bytearray(hashlib.sha512(private(1).private_bytes_raw()).digest()[:32])
    hashed[0] &= 248
    hashed[31] = hashed[31] & 63 | 64
    challenge = hashlib.sha512(identity + key[1:] + MESSAGE).digest()
    scalar = int.from_bytes(challenge, "little") * int.from_bytes(hashed, "little") % points.L
    with pytest.raises(InvalidSignature, match="point-not-strict"):
        crypto.verify_strict(key, identity + scalar.to_bytes(32, "little"), MESSAGE)


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_has_its_length(length: int) -> None:
    key, signature = signed()
    with pytest.raises(InvalidSignature, match="length"):
        crypto.verify_strict(key, (signature * 2)[:length], MESSAGE)


def test_non_canonical_points_are_refused() -> None:
    key, signature = signed()
    for y in range(points.P, 2**255):
        for sign in (0, 1):
            encoded = (y | sign << 255).to_bytes(32, "little")
            with pytest.raises(InvalidKey, match="not-strict"):
                crypto.verify_strict(bytes([crypto.SCHEME_ED25519]) + encoded, signature, MESSAGE)
            with pytest.raises(InvalidSignature, match="point-not-strict"):
                crypto.verify_strict(key, encoded + signature[32:], MESSAGE)
            with pytest.raises(InvalidKey):
                crypto.check_key(bytes([crypto.SCHEME_ED25519]) + encoded)


def test_a_key_of_mixed_order_cannot_register() -> None:
    """A point of prime order plus one of order 8: libraries take it, cofactored and cofactorless
    verification differ on it."""
    order_8 = points.decode_point(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
    )
    honest = points.decode_point(public(1)[1:])
    assert honest is not None
    assert order_8 is not None
    mixed = points.encode_point(points.add(honest, order_8))
    with pytest.raises(InvalidKey, match="not-prime-order"):
        crypto.check_key(bytes([crypto.SCHEME_ED25519]) + mixed)
    assert crypto.check_key(public(1)) == public(1)


def test_bytes_that_are_no_point_cannot_register() -> None:
    assert points.decode_point(bytes(31)) is None
    refused = 0
    for y in range(2, 40):
        encoded = y.to_bytes(32, "little")
        if points.decode_point(encoded) is None:
            refused += 1
            with pytest.raises(InvalidKey):
                crypto.check_key(bytes([crypto.SCHEME_ED25519]) + encoded)
    assert refused > 10


@pytest.mark.parametrize("scheme", [0, 2, 255])
def test_keys_of_another_scheme_are_refused(scheme: int) -> None:
    key, signature = signed()
    with pytest.raises(InvalidKey, match=r"key\.scheme"):
        crypto.check_key(bytes([scheme]) + key[1:])
    refuse(bytes([scheme]) + key[1:], signature)


@given(st.integers(0, 511), st.binary(max_size=40), st.integers(0, 2**16 - 1))
@settings(max_examples=40)
def test_verdicts_agree_with_plain_integer_arithmetic(
    bit: int, message: bytes, number: int
) -> None:
    key = private(number)
    raw = crypto.public_key(key)[1:]
    signature = crypto.sign(key, "tx/1", CHAIN, message)
    changed = bytearray(signature)
    changed[bit >> 3] ^= 1 << (bit & 7)
    text = crypto.signing_bytes("tx/1", CHAIN, message)
    for candidate in (signature, bytes(changed)):
        try:
            crypto.verify_strict(bytes([1]) + raw, candidate, text)
            verdict = True
        except InvalidSignature:
            verdict = False
        assert verdict == model_verify(raw, candidate, text) == (candidate == signature)


def test_contexts_and_tags_are_prefix_free() -> None:
    for table in (CONTEXTS, TAGS):
        prefixed = [bytes([len(name)]) + name.encode("ascii") for name in table]
        for one in prefixed:
            assert [other for other in prefixed if other.startswith(one)] == [one]


def test_every_tag_that_the_ledger_hashes_under_is_in_the_table() -> None:
    used = set()
    for path in (ROOT / "node" / "ledger").glob("*.py"):
        used |= set(re.findall(r'\bH\(\s*"([^"]+)"', path.read_text(encoding="utf-8")))
    assert used
    assert used <= set(TAGS)


def test_h_is_sha256_of_the_length_prefixed_tag_and_the_data() -> None:
    tag = "yibao/tx/v1"
    assert H(tag, b"data") == hashlib.sha256(b"\x0byibao/tx/v1data").digest()
    assert H("a-contract's own tag", b"") == hashlib.sha256(b"\x14a-contract's own tag").digest()


def test_golden_key_and_signature_are_frozen() -> None:
    key, signature = signed()
    assert key.hex() == "01f4dc087b41fbf28b88f20771e9ae96fa349b509f5972ce50bd4b0b22dcf38c46"
    assert H("yibao/tx/v1", key + signature).hex() == (
        "98bef95387703dfa3b30a2d5fcbe58c89c955a2412e5ecc59985f5b6fc101d41"
    )


def test_possession_is_proved_for_one_organisation_purpose_and_chain() -> None:
    key = public(7)
    proof = crypto.prove_possession(private(7), bytes(CHAIN), "bureau:430000", ["sign", "read"])
    crypto.check_possession(key, CHAIN, "bureau:430000", ["read", "sign"], proof)
    for chain, organisation, purposes in (
        (bytes(32), "bureau:430000", ["read", "sign"]),
        (CHAIN, "bureau:440000", ["read", "sign"]),
        (CHAIN, "bureau:430000", ["validate"]),
    ):
        with pytest.raises(InvalidSignature):
            crypto.check_possession(key, chain, organisation, purposes, proof)
    with pytest.raises(InvalidSignature):
        crypto.check_possession(public(8), CHAIN, "bureau:430000", ["read", "sign"], proof)


def test_blinds_repeat_for_a_retry_and_differ_for_anything_else() -> None:
    secret = bytes(range(32))
    blind = crypto.derive_blind(secret, "claim-1", "validators")
    assert len(blind) == 32
    assert blind == crypto.derive_blind(secret, "claim-1", "validators")
    others = {
        crypto.derive_blind(secret, "claim-1", "auditors"),
        crypto.derive_blind(secret, "claim-2", "validators"),
        crypto.derive_blind(secret, "claim-1v", "alidators"),
        crypto.derive_blind(bytes(32), "claim-1", "validators"),
    }
    assert len(others) == 4
    assert blind not in others
    with pytest.raises(InvalidKey, match="blind-secret"):
        crypto.derive_blind(b"short", "claim-1", "validators")


def test_a_seed_has_32_bytes() -> None:
    for length in (0, 31, 33, 64):
        with pytest.raises(InvalidKey, match="seed-length"):
            crypto.private_key(bytes(length))
