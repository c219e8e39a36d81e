"""The configuration file: strict, and each refusal says what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.__main__ import open_options
from node.config import SECTIONS, NodeConfig, load, parse, read_passphrase
from node.config_file import ConfigError, describe, read_table
from node.service.opening import OpenOptions

LEAST = {"node": {"organisation": "bureau:430000", "genesis": "g.json", "data_dir": "data"}}


def changed(section: str, **fields: object) -> dict[str, object]:
    table: dict[str, object] = {name: dict(value) for name, value in LEAST.items()}
    table[section] = {**LEAST.get(section, {}), **fields}
    return table


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text(
        '[node]\norganisation = "bureau:430000"\ngenesis = "../g.json"\ndata_dir = "data"\n'
        '[api]\nport = 0\nauthorities = ["a.example:443"]\n'
    )
    config = load(file)
    assert config.node.genesis == tmp_path / "../g.json"
    assert config.api.authorities == ("a.example:443",)
    assert config.pool.count_max == 20_000


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "node.organisation is missing"),
        ({"nod": {}}, "Did you mean node?"),
        (changed("node", organization="x"), "Did you mean node.organisation?"),
        (changed("api", port="80"), "api.port is integer"),
        (changed("api", port=True), "api.port is integer"),
        (changed("api", port=70_000), "0 to 65535"),
        (changed("api", authorities="x"), "list of texts"),
        (changed("log", level="loud"), "one of debug, info, warning, error"),
        (changed("store", index=1), "store.index is true or false"),
        (changed("node", genesis=5), "a path in quotes"),
        ({**LEAST, "api": 3}, "api is a section"),
        (changed("node", organisation=""), "node.organisation is empty"),
        (changed("api", host=""), "api.host is empty"),
        (changed("api", host="a\0b"), "api.host = .* cannot be seen"),
        (changed("p2p", host="医保。cn"), "p2p.host = .* ASCII"),
        (changed("p2p", port=8900), "p2p.port is set and p2p.key is not"),
        (changed("node", data_dir="data\n"), "node.data_dir = .* cannot be seen"),
        (changed("api", authorities=["https://a.example"]), "'https://a.example' is no host:port"),
        (changed("api", authorities=["a.example/v1"]), "'a.example/v1' is no host:port"),
        (changed("api", authorities=["a.example:443", ""]), "'' is no host:port"),
        (changed("consensus", base_ms=9_000, cap_ms=100), "cap_ms = 100 is less than"),
    ],
)
def test_each_mistake_is_named(table: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        parse(table, Path())


def test_how_much_the_store_holds_is_told_in_the_file() -> None:
    given = changed("store", tree_cache_mb=7, state_cache_mb=5, write_buffer_mb=8)
    told = open_options(parse(given, Path()))
    assert told.tree_cache_bytes == 7 << 20
    assert told.state_cache_bytes == 5 << 20
    assert told.write_buffer_bytes == 8 << 20
    default = open_options(parse(changed("store"), Path()))
    usual = OpenOptions(diff_heights=10_000, check_heights=1_000, tree_depth=18, index=True)
    assert default == usual, "the settings' defaults are the program's own"


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("node = [")
    with pytest.raises(ConfigError, match="is not TOML"):
        load(tmp_path / "bad.toml")
    (tmp_path / "deep.toml").write_text("a = " + "[" * 9_999)
    with pytest.raises(ConfigError, match="nests too deep"):
        load(tmp_path / "deep.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "bytes.toml")


def test_a_byte_order_mark_before_the_file_is_fine(tmp_path: Path) -> None:
    (tmp_path / "marked.toml").write_text('name = "x"\n', encoding="utf-8-sig")
    assert read_table(tmp_path / "marked.toml") == {"name": "x"}


@pytest.mark.parametrize("name", ["ledger.example:443", "a", "127.0.0.1:1", "[::1]:8800"])
def test_names_that_clients_sign_for(name: str) -> None:
    assert parse(changed("api", authorities=[name]), Path()).api.authorities == (name,)


def test_every_field_has_a_sentence() -> None:
    rows = describe(SECTIONS)
    assert len(rows) >= 20
    for name, kind, default, says in rows:
        assert name.count(".") == 1
        assert kind
        assert default
        assert says.strip().endswith(".")


def test_the_passphrase_must_not_lie_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "passphrase"
    file.write_text("secret words\n")
    node = NodeConfig(organisation="x", genesis=tmp_path, data_dir=tmp_path, passphrase_file=file)
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_passphrase(node)
    file.chmod(0o600)
    assert read_passphrase(node) == "secret words"
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_passphrase(node)
    without = NodeConfig(organisation="x", genesis=tmp_path, data_dir=tmp_path)
    monkeypatch.delenv("YIBAO_PASSPHRASE", raising=False)
    with pytest.raises(ConfigError, match="YIBAO_PASSPHRASE"):
        read_passphrase(without)
    monkeypatch.setenv("YIBAO_PASSPHRASE", "from outside")
    assert read_passphrase(without) == "from outside"
