"""A network in a folder: what is written can be loaded, is private, and is never written over."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cli import devnet, network, processes
from cli.exits import Exit
from cli.identity import Identity
from cli.network import Member, Network, NetworkDamaged
from contracts.settlement import CONTRACTS
from node import config
from node.ledger.genesis import Genesis
from tests.cli.running import yibao

BUREAU = "bureau:430000"
MEMBERS = [
    Member("centre", "centre", "000000", ("clerk",)),
    Member(BUREAU, "bureau", "430000", validator=True),
]


def create(folder: Path) -> Network:
    return network.create(
        folder,
        MEMBERS,
        ports={BUREAU: 8801},
        time_ms=1_767_225_600_000,
        parameters={},
        contracts={contract.name: contract.version for contract in CONTRACTS},
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return create(tmp_path_factory.mktemp("networks") / "one")


def same(one: Identity, other: Identity) -> bool:
    return (one.organisation, one.key, one.blind_secret) == (
        other.organisation, other.key, other.blind_secret,
    )  # fmt: skip


def test_an_identity_does_not_show_its_secrets(made: Network) -> None:
    identity = made.identity(BUREAU)
    assert identity.blind_secret.hex() not in repr(identity)
    assert repr(identity.blind_secret) not in repr(identity)


def test_what_was_made_is_what_is_loaded(made: Network) -> None:
    loaded = network.load(made.folder)
    assert (loaded.chain, loaded.nodes) == (made.chain, made.nodes)
    assert Genesis.parse(made.genesis.read_bytes()).chain == made.chain


def test_keys_open_again_and_are_those_of_the_genesis(made: Network) -> None:
    genesis = Genesis.parse(made.genesis.read_bytes())
    known = {(owner, bytes(key)) for owner, _, key in genesis.key_roles()}
    loaded = network.load(made.folder)
    for member in MEMBERS:
        for post in member.posts:
            identity = loaded.identity(member.id, post)
            assert (member.id, bytes(identity.key)) in known
            assert same(identity, made.identity(member.id, post))


def test_nothing_secret_can_be_read_by_others(made: Network) -> None:
    secrets = [made.passphrase_file, *made.folder.rglob("*.key")]
    assert len(secrets) == 1 + 1 + 3 + 1
    assert all(path.stat().st_mode & 0o077 == 0 for path in secrets)
    assert made.folder.stat().st_mode & 0o077 == 0
    public = made.genesis.read_text("utf-8") + (made.folder / network.MANIFEST).read_text("utf-8")
    assert made.passphrase_file.read_text("utf-8") not in public


def test_the_configuration_is_one_that_a_node_takes(made: Network) -> None:
    place = made.nodes[0]
    settings = config.load(place.config)
    assert settings.node.organisation == BUREAU
    assert settings.node.genesis.resolve() == made.genesis.resolve()
    assert settings.node.key is not None
    assert settings.node.key.exists()
    assert config.read_passphrase(settings.node) == made.passphrase_file.read_text("utf-8")
    assert tomllib.loads(place.config.read_text("utf-8"))["api"]["port"] == place.port


def test_a_network_is_never_written_over(made: Network) -> None:
    before = made.genesis.read_bytes()
    with pytest.raises(FileExistsError):
        create(made.folder)
    assert made.genesis.read_bytes() == before


class Cut(Exception):  # noqa: N818  (what happens)
    """The founding process ends here."""


@pytest.mark.parametrize("cut", ["write_key", "_write_node", "begin", "_write_manifest"])
def test_a_founding_that_was_cut_short_is_no_network(
    tmp_path: Path, cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a network of several is there whose keys never began, and that never agrees."""
    folder = tmp_path / "net"

    def end(*_: object, **__: object) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(processes, "begin_keys", lambda places: end() if cut == "begin" else None)
        if cut != "begin":
            patch.setattr(network, cut, end)
        with pytest.raises(Cut):
            devnet.create(folder, bureaus=2)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    result = yibao("devnet", "found", "--dir", folder, "--bureaus", "2")
    assert result.exit_code == Exit.LOCAL
    assert f"{folder} holds part of a network (passphrase" in result.stderr
    assert "Remove these" in result.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_an_added_key_is_kept(made: Network) -> None:
    added = made.add_identity("hospital:H43010000001", "clerk")
    assert same(network.load(made.folder).identity("hospital:H43010000001", "clerk"), added)


def test_a_folder_without_a_network(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        network.load(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"chain": "zz", "nodes": []}', '{"nodes": [1]}'])
def test_a_manifest_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / network.MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(NetworkDamaged, match=r"network\.json"):
        network.load(tmp_path)
    for words in (("status",), ("down",), ("up",), ("found",)):
        result = yibao("devnet", *words, "--dir", tmp_path)
        assert result.exit_code == Exit.LOCAL
        assert "network.json" in result.stderr


def test_a_process_id_of_something_else_is_not_taken_for_the_node(made: Network) -> None:
    """After a restart of the machine the number in the file may be anybody's, here our own."""
    pid_file = made.nodes[0].folder / "node.pid"
    for text in (str(os.getpid()), "0", "999999999", "no number", ""):
        pid_file.write_text(text, encoding="utf-8")
        assert processes.running_pid(made.nodes[0]) is None
    pid_file.unlink()
    assert processes.running_pid(made.nodes[0]) is None


def test_up_waits_for_nodes_too_that_another_up_has_just_started(
    made: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was killed half-way leaves them running, and not ready yet."""
    waited: list[tuple[str, object]] = []
    monkeypatch.setattr(processes, "running_pid", lambda place: 1)
    monkeypatch.setattr(
        processes, "wait_ready", lambda place, process: waited.append((place.organisation, process))
    )
    assert yibao("devnet", "up", "--dir", made.folder).exit_code == 0
    assert waited == [(BUREAU, None)]


def test_found_makes_a_network_once_and_leaves_it_alone(tmp_path: Path) -> None:
    folder = tmp_path / "net"

    def found() -> Any:
        result = yibao("devnet", "found", "--dir", folder, "--port", 8123, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    first = found()
    assert [node["url"] for node in first["nodes"]] == ["http://127.0.0.1:8123"]
    assert first["nodes"][0] | {"pid": None, "ready": False, "height": None} == first["nodes"][0]
    assert found() == first
