"""``yibao keys``: what is written is sealed, private, never replaced, and proves what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.calls import contracts
from cli.exits import Exit
from cli.identity import KeyFileError, identity_of_seed, new_seed, open_key, write_key
from node.ledger import crypto
from node.ledger.errors import LedgerError
from node.ledger.keystore import SCRYPT_N_LEAST
from node.ledger.types import Digest, Key, OrgId, Signature
from tests.cli.running import PASSPHRASE, yibao

ORG = "hospital:H43010000123"
CHAIN = bytes(range(32))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A cheap key of this chain."""
    path = tmp_path / "clerk.key"
    write_key(path, new_seed(), PASSPHRASE, chain=CHAIN, role="read,sign", owner=ORG,
              n=SCRYPT_N_LEAST)  # fmt: skip
    return path


def told(*words: object, **more: Any) -> Any:
    result = yibao(*words, "--json", **more)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_new_key_is_sealed_private_and_has_the_cost_of_a_real_one(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "clerk.key"
    made = told("keys", "new", path, "--org", ORG, "--purpose", "sign", "--purpose", "read")
    assert made == {
        "file": str(path), "organisation": ORG, "role": "read,sign", "key": made["key"],
        "chain": "",
    }  # fmt: skip
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0
    assert [p.name for p in path.parent.iterdir()] == ["clerk.key"]
    identity = open_key(path, PASSPHRASE)
    assert identity.key.hex() == made["key"]
    seed = identity.private.private_bytes_raw()
    assert seed not in path.read_bytes()
    assert PASSPHRASE.encode() not in path.read_bytes()


def test_a_key_file_is_never_overwritten(key: Path) -> None:
    before = key.read_bytes()
    result = yibao("keys", "new", key, "--org", ORG)
    assert result.exit_code == Exit.LOCAL
    assert "never overwritten" in result.stderr
    assert key.read_bytes() == before


def test_an_unknown_purpose_writes_nothing(tmp_path: Path) -> None:
    result = yibao("keys", "new", tmp_path / "a.key", "--org", ORG, "--purpose", "signs")
    assert result.exit_code == Exit.USAGE
    assert "signs" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("chain", ["00", "zz" * 32, "00" * 33])
def test_a_chain_that_is_none_is_named(chain: str, tmp_path: Path) -> None:
    result = yibao("keys", "new", tmp_path / "a.key", "--org", ORG, "--chain", chain)
    assert result.exit_code == Exit.USAGE
    assert not list(tmp_path.iterdir())


def test_show_needs_no_passphrase(key: Path) -> None:
    shown = told("keys", "show", key, env={"YIBAO_PASSPHRASE": ""})
    assert shown["organisation"] == ORG
    assert shown["chain"] == CHAIN.hex()
    assert shown["key"] == open_key(key, PASSPHRASE).key.hex()


def test_a_transport_key_tells_its_pin_and_no_other_does(tmp_path: Path, key: Path) -> None:
    """What ``yibao org set-endpoint`` publishes is printed where the key is made."""
    file = tmp_path / "transport.key"
    made = told("keys", "new", file, "--org", "bureau:430000", "--purpose", "transport")
    assert made["tls_pin"] == crypto.tls_pin(bytes.fromhex(made["key"])).hex()
    assert "tls_pin" not in told("keys", "show", key)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused_with_what_to_do(key: Path, mode: int) -> None:
    key.chmod(mode)
    for words in (("keys", "show", key), ("keys", "prove", key, "--chain", CHAIN.hex())):
        result = yibao(*words)
        assert result.exit_code == Exit.LOCAL
        assert f"chmod 600 {key}" in result.stderr


def test_a_folder_that_cannot_be_read_has_not_no_keys(key: Path) -> None:
    for folder, why in ((key.parent / "none", "No such file"), (key, "Not a directory")):
        result = yibao("keys", "list", folder)
        assert result.exit_code == Exit.LOCAL
        assert why in result.stderr


def test_list_shows_good_keys_and_says_what_is_wrong_with_others(key: Path) -> None:
    (key.parent / "bad.key").write_bytes(b"not a key")
    (key.parent / "bad.key").chmod(0o600)
    (key.parent / "open.key").write_bytes(key.read_bytes())
    (key.parent / "open.key").chmod(0o644)
    found = {Path(row["file"]).name: row for row in told("keys", "list", key.parent)}
    assert found["clerk.key"]["role"] == "read,sign"
    assert "can be read by others" in found["open.key"]["problem"]
    assert found["bad.key"]["problem"]
    table = yibao("keys", "list", key.parent)
    assert table.exit_code == 0
    assert ORG in table.stdout


def test_a_proof_of_possession_holds_for_its_chain_and_for_no_other(key: Path) -> None:
    proof = told("keys", "prove", key, "--chain", CHAIN.hex())
    public, signature = Key(bytes.fromhex(proof["key"])), Signature(bytes.fromhex(proof["proof"]))
    purposes = ["read", "sign"]
    crypto.check_possession(public, Digest(CHAIN), OrgId(ORG), purposes, signature)
    for chain, owner, names in (
        (bytes(32), ORG, purposes), (CHAIN, "hospital:other", purposes), (CHAIN, ORG, ["sign"]),
    ):  # fmt: skip
        with pytest.raises(LedgerError):
            crypto.check_possession(public, Digest(chain), OrgId(owner), names, signature)


def test_a_proof_with_holder_and_post_is_an_entry_of_a_call(key: Path) -> None:
    words = ("keys", "prove", key, "--chain", CHAIN.hex())
    entry = told(*words, "--holder", "staff:1", "--post", "clerk")
    assert entry == {
        "key": told(*words)["key"], "purposes": ["read", "sign"], "holder": "staff:1",
        "post": "clerk", "proof": told(*words)["proof"],
    }  # fmt: skip
    shape = contracts()["organisations"].methods["admit"].describe()["args"]["keys"]["of"]
    assert set(entry) == set(shape["fields"])


@pytest.mark.parametrize(
    "options", [(), ("--chain", CHAIN.hex(), "--genesis", "g.json"),
                ("--chain", CHAIN.hex(), "--post", "clerk")],
)  # fmt: skip
def test_a_proof_is_for_one_network_and_names_holder_and_post(
    key: Path, options: tuple[str, ...]
) -> None:
    assert yibao("keys", "prove", key, *options).exit_code == Exit.USAGE


def test_a_key_of_a_network_proves_nothing_to_another(key: Path) -> None:
    other = "ab" * 32
    result = yibao("keys", "prove", key, "--chain", other)
    assert result.exit_code == Exit.LOCAL
    assert result.stdout == ""
    said = "".join(result.stderr.split())
    assert CHAIN.hex() in said
    assert other in said


def test_a_wrong_passphrase_proves_nothing(key: Path) -> None:
    result = yibao(
        "keys", "prove", key, "--chain", CHAIN.hex(), env={"YIBAO_PASSPHRASE": "guessed"}
    )
    assert result.exit_code == Exit.LOCAL
    assert result.stdout == ""
    assert "guessed" not in result.output
    assert f"{key}: this is not its passphrase" in " ".join(result.stderr.split())


@pytest.mark.parametrize("alone", ["validate", "transport"])
def test_a_key_that_the_ledger_would_refuse_is_not_made(tmp_path: Path, alone: str) -> None:
    path = tmp_path / "mixed.key"
    result = yibao("keys", "new", path, "--org", ORG, "--purpose", alone, "--purpose", "sign")
    assert result.exit_code == Exit.USAGE
    assert f"a {alone} key is for nothing else" in result.stderr
    assert not path.exists()


def test_the_passphrase_comes_from_a_file_or_the_command_says_how(
    key: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE + "\n", encoding="utf-8")
    words = ("keys", "prove", key, "--chain", CHAIN.hex())
    env = {"YIBAO_PASSPHRASE": "", "YIBAO_PASSPHRASE_FILE": str(secret)}
    assert yibao(*words, env=env).exit_code == 0
    absent = yibao(*words, env={**env, "YIBAO_PASSPHRASE_FILE": str(tmp_path / "none")})
    assert absent.exit_code == Exit.LOCAL
    silent = yibao(*words, env={"YIBAO_PASSPHRASE": ""})
    assert silent.exit_code == Exit.LOCAL
    assert "YIBAO_PASSPHRASE_FILE" in silent.stderr


def test_any_changed_byte_of_a_key_file_is_noticed(key: Path) -> None:
    data = key.read_bytes()
    for place in range(0, len(data), 7):
        spoiled = bytearray(data)
        spoiled[place] ^= 1
        key.write_bytes(spoiled)
        with pytest.raises((LedgerError, KeyFileError)):
            open_key(key, PASSPHRASE)


@settings(max_examples=50)
@given(st.text(max_size=20), st.text(max_size=20), st.binary(min_size=32, max_size=32))
def test_blinds_repeat_for_a_retry_and_differ_for_anything_else(
    one: str, other: str, seed: bytes
) -> None:
    identity = identity_of_seed(ORG, seed)
    assert identity.blind(one, "settlement") == identity.blind(one, "settlement")
    assert (identity.blind(one, "settlement") == identity.blind(other, "settlement")) == (
        one == other
    )
    assert identity.blind(one, "settlement") != identity.blind(one, "person")
