"""Sealed keys: only the passphrase opens them, and no file makes the opener work for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from node.ledger.codec import decode, encode
from node.ledger.errors import KeystoreError
from node.ledger.keystore import (
    FORMAT,
    SCRYPT_N,
    SCRYPT_N_LEAST,
    KeyHeader,
    Randomness,
    open_sealed,
    read_header,
    seal,
)
from node.ledger.types import Digest
from tests.node.ledger.damage import bit_flips, extensions, truncations
from tests.node.ledger.world import public, seed

PASSPHRASE = "正确 horse battery staple"
CHAIN = Digest(bytes(range(32)))


def sealed(n: int = SCRYPT_N_LEAST, number: int = 1) -> bytes:
    """A sealed key, cheap to open unless told otherwise."""
    randomness = Randomness(bytes(range(16)), bytes(range(12)))
    return seal(
        seed(number), PASSPHRASE, randomness,
        chain=CHAIN, role="read,sign", owner="bureau:430000", n=n,
    )  # fmt: skip


def refuse(data: bytes, passphrase: str = PASSPHRASE) -> str:
    with pytest.raises(KeystoreError) as refusal:
        open_sealed(data, passphrase)
    return refusal.value.code


def test_the_passphrase_opens_what_it_sealed() -> None:
    data = sealed()
    assert open_sealed(data, PASSPHRASE) == seed(1)
    header = read_header(data)
    assert (header.owner, header.role, header.key) == ("bureau:430000", "read,sign", public(1))
    assert header.chain == CHAIN


def test_the_default_cost_is_the_designs_and_the_bytes_are_frozen() -> None:
    data = sealed(SCRYPT_N)
    header = read_header(data)
    assert (header.n, header.r, header.p) == (2**17, 8, 1)
    assert data.hex() == (
        "93ab796962616f2d6b65792f31c48599c420000102030405060708090a0b0c0d0e0f101112131415"
        "161718191a1b1c1d1e1fa9726561642c7369676ead6275726561753a343330303030c42101f4dc08"
        "7b41fbf28b88f20771e9ae96fa349b509f5972ce50bd4b0b22dcf38c46ce000200000801c4100001"
        "02030405060708090a0b0c0d0e0fc40c000102030405060708090a0bc430f0123d7590e59f044b65"
        "445be8b019108a509d32aa369df1bb66bc6608987f8f73de05508e3e28b485277ac77b74de5a"
    )
    assert open_sealed(data, PASSPHRASE) == seed(1)


@pytest.mark.parametrize("passphrase", ["wrong", PASSPHRASE + " ", PASSPHRASE[:-1], "\x00"])
def test_a_wrong_passphrase_is_refused(passphrase: str) -> None:
    assert refuse(sealed(), passphrase) == "keystore.passphrase-or-damage"


@pytest.mark.parametrize("passphrase", ["", "x" * 1025, "\udcff"])
def test_an_unusable_passphrase_is_refused(passphrase: str) -> None:
    assert refuse(sealed(), passphrase).startswith("keystore.passphrase-")


def test_one_passphrase_in_two_unicode_spellings_is_one() -> None:
    randomness = Randomness(bytes(16), bytes(12))
    data = seal(seed(1), "caf\u00e9", randomness, chain=CHAIN, role="sign", owner="centre", n=2**14)
    assert open_sealed(data, "cafe\u0301") == seed(1)


def test_every_truncation_and_extension_is_refused() -> None:
    data = sealed()
    for damaged in [*truncations(data), *extensions(data)]:
        assert refuse(damaged) == "keystore.malformed"


def test_sampled_bit_changes_in_every_part_are_refused() -> None:
    """Chain, role, owner and public key are associated data: each takes part in the seal."""
    for damaged in bit_flips(sealed(), 120):
        refuse(damaged)


HEADER_CHANGES: list[dict[str, Any]] = [
    {"chain": Digest(bytes(32))},
    {"role": "validate"},
    {"owner": "bureau:440000"},
    {"key": public(2)},
    {"n": 2**15},
    {"salt": bytes(16)},
    {"nonce": bytes(12)},
]


@pytest.mark.parametrize("change", HEADER_CHANGES, ids=lambda change: next(iter(change)))
def test_a_changed_header_field_is_refused(change: dict[str, Any]) -> None:
    fields = decode(sealed())
    fields[1] = replace(KeyHeader.decode(fields[1]), **change).encode()
    assert refuse(encode(fields)) == "keystore.passphrase-or-damage"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (4, 2**30), (4, 2**62), (4, 2**19), (4, 2**13), (4, 1), (4, 0), (4, -1), (4, 3 * 2**14),
        (5, 2**20), (5, 9), (5, 7), (5, 0),
        (6, 2), (6, 2**20), (6, 0),
    ],
)  # fmt: skip
def test_parameter_bombs_are_refused_before_any_work(
    place: int, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(**_: Any) -> None:
        raise AssertionError("scrypt was started")

    data = sealed()
    monkeypatch.setattr("node.ledger.keystore.Scrypt", explode)
    fields = decode(data)
    header = decode(fields[1])
    header[place] = value
    fields[1] = encode(header)
    assert refuse(encode(fields)) == "keystore.malformed"


def test_another_format_is_refused() -> None:
    fields = decode(sealed())
    assert fields[0] == FORMAT
    fields[0] = "yibao-key/0"
    assert refuse(encode(fields)) == "keystore.format"


def test_a_seed_of_another_key_than_the_headers_is_refused() -> None:
    """Only who knows the passphrase can make such a file; the key pair still has to match (R5)."""
    fields = decode(sealed(number=1))
    header = KeyHeader.decode(fields[1])
    forged = replace(header, key=public(2)).encode()
    secret = Scrypt(salt=header.salt, length=32, n=header.n, r=8, p=1).derive(PASSPHRASE.encode())
    fields[1:] = [forged, AESGCM(secret).encrypt(header.nonce, seed(1), forged)]
    assert refuse(encode(fields)) == "keystore.other-key"


def test_two_seals_of_one_seed_share_nothing_secret() -> None:
    one = seal(
        seed(1), PASSPHRASE, Randomness(b"1" * 16, b"1" * 12),
        chain=CHAIN, role="sign", owner="centre", n=2**14,
    )  # fmt: skip
    two = seal(
        seed(1), PASSPHRASE, Randomness(b"2" * 16, b"2" * 12),
        chain=CHAIN, role="sign", owner="centre", n=2**14,
    )  # fmt: skip
    assert decode(one)[2] != decode(two)[2]
    assert seed(1) not in one


@pytest.mark.parametrize(
    ("field", "value"),
    [("n", 2**13), ("n", 2**30), ("role", ""), ("owner", ""), ("chain", b"short")],
)
def test_sealing_refuses_what_could_not_be_opened(field: str, value: Any) -> None:
    arguments: dict[str, Any] = {"chain": CHAIN, "role": "sign", "owner": "centre", "n": 2**14}
    with pytest.raises(KeystoreError, match=r"keystore\.header"):
        seal(seed(1), PASSPHRASE, Randomness(bytes(16), bytes(12)), **arguments | {field: value})


def test_errors_do_not_show_seed_or_passphrase() -> None:
    with pytest.raises(KeystoreError) as refusal:
        open_sealed(sealed(), PASSPHRASE + "x")
    shown = repr(refusal.value) + str(refusal.value)
    assert PASSPHRASE not in shown
    assert seed(1).hex() not in shown
