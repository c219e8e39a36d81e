"""Mistakes of whoever sets a node up: each ends the start with the setting's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.network import Member, Network, create
from contracts.settlement import CONTRACTS
from node.__main__ import Exit, main
from tests.node.network import GENESIS_MS

BUREAU = "bureau:430000"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    contracts = {contract.name: contract.version for contract in CONTRACTS}
    return create(
        tmp_path_factory.mktemp("mistakes") / "net",
        [Member(BUREAU, "bureau", "430000", validator=True)],
        ports={BUREAU: 0}, time_ms=GENESIS_MS, parameters={}, contracts=contracts,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ('"data"', '"node.toml"', Exit.CONFIG, "node.data_dir: "),
        ('"data"', '"node.toml/data"', Exit.CONFIG, "cannot be a folder: Not a directory."),
        ('"data"', '"/proc/none/data"', Exit.CONFIG, "node.data_dir: /proc/none/data"),
        ("../../genesis.json", "node.toml", Exit.GENESIS, "node.genesis is no genesis file"),
        ("../../genesis.json", "validate.key", Exit.GENESIS, "node.genesis is no genesis file"),
        ('"validate.key"', '"node.toml"', Exit.CONFIG, "node.key: node.toml is no keystore file"),
        ('"validate.key"', '"cut.key"', Exit.CONFIG, "node.key: cut.key is no keystore file"),
        ('"validate.key"', '"bent.key"', Exit.CONFIG, "or the file is damaged"),
        ("../../passphrase", "bytes", Exit.CONFIG, "node.passphrase_file is not UTF-8"),
        ("../../passphrase", "nothing", Exit.CONFIG, "node.key: validate.key cannot be opened"),
    ],
)
def test_the_setting_is_named(
    network: Network, capsys: pytest.CaptureFixture[str],
    old: str, new: str, code: Exit, said: str,
) -> None:  # fmt: skip
    place = network.nodes[0]
    key = (place.folder / "validate.key").read_bytes()
    (place.folder / "cut.key").write_bytes(key[:-9])
    (place.folder / "bent.key").write_bytes(key[:-1] + bytes([key[-1] ^ 1]))
    for name, content in (("bytes", b"\xff\xfe"), ("nothing", b"\n")):
        (place.folder / name).write_bytes(content)
        (place.folder / name).chmod(0o600)
    text = place.config.read_text()
    assert old in text
    config = place.folder / "mistaken.toml"
    config.write_text(text.replace(old, new))
    assert main([str(config)]) == code
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


@pytest.mark.parametrize("option", [["--verify"], ["--reindex"], ["--erase", "00" * 32]])
def test_what_is_not_there_is_neither_checked_nor_made(
    network: Network, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    """A folder mistyped: an empty ledger would hold all that it says, too."""
    place = network.nodes[0]
    config: Path = place.folder / "mistyped.toml"
    config.write_text(place.config.read_text().replace('"data"', '"date"'))
    assert main([str(config), *option]) == Exit.CONFIG
    assert "date holds no ledger" in capsys.readouterr().err
    assert not (place.folder / "date").exists()
