"""The configuration of a member node: a TOML file, as strict as a node's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from node.config import LogConfig
from node.config_file import ConfigError, parse_sections, read_table, says
from node.ledger.types import DIGEST_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberConfig:
    """``[member]``: who runs this member node and what it trusts."""

    organisation: str = field(metadata=says("Id of the organisation, for example bank:icbc."))
    genesis: Path = field(metadata=says("The network's genesis file."))
    chain: str = field(
        metadata=says(
            "Hash of the genesis, 64 hexadecimal digits, as it was told on paper: a genesis file of"
            " another network is refused."
        )
    )
    data_dir: Path = field(
        metadata=says("Folder of the member node's own database; one folder for one process.")
    )
    key: Path = field(
        metadata=says(
            "Keystore file of the organisation's key (purposes read, sign). The passphrase comes "
            "from passphrase_file or from the variable YIBAO_PASSPHRASE."
        )
    )
    passphrase_file: Path | None = field(
        default=None,
        metadata=says("File with the passphrase, readable by its owner only (mode 0600)."),
    )
    checkpoint: str = field(
        default="",
        metadata=says(
            "Hash of a header that is trusted, 64 hexadecimal digits, learnt from somebody who is: "
            "an empty database begins there instead of at genesis. Nothing below it is believed."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesConfig:
    """``[nodes]``: bureaus' nodes that are asked. None of them is trusted; name several."""

    addresses: tuple[str, ...] = field(
        metadata=says('Addresses of their APIs, for example ["https://ledger.example:8800"].')
    )
    poll_ms: int = field(
        default=2_000,
        metadata=says("Milliseconds between two rounds.", low=50, high=600_000),
    )
    timeout_ms: int = field(
        default=10_000,
        metadata=says(
            "Milliseconds that one answer may take; then the node counts as silent.",
            low=100, high=600_000,
        ),
    )  # fmt: skip
    link_max: int = field(
        default=1_000,
        metadata=says(
            "Where at most so many headers lie between two verified ones, each of them is fetched "
            "and the chain of their hashes checked; further apart the ends of epochs are enough.",
            low=0, high=100_000,
        ),
    )  # fmt: skip
    refresh_rounds: int = field(
        default=15,
        metadata=says(
            "Rounds after which orders and lines that are still open are looked up again.",
            low=1, high=100_000,
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class BankConfig:
    """``[bank]``: the folder that the bank's own system shares with the member node."""

    folder: Path | None = field(
        default=None,
        metadata=says(
            "Folder with out, in, done and refused, all on one file system; without one no files "
            "are exchanged."
        ),
    )
    format: str = field(
        default="csv", metadata=says("Of instruction files.", one_of=("csv", "json"))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadConfig:
    """``[api]``: where ``yibao member status|list|proof`` ask; loopback only. Whoever can read the
    data folder may ask."""

    port: int = field(
        default=0, metadata=says("TCP port of 127.0.0.1; 0 takes a free one.", low=0, high=65_535)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole file."""

    member: MemberConfig
    nodes: NodesConfig
    bank: BankConfig = field(default_factory=BankConfig)
    api: ReadConfig = field(default_factory=ReadConfig)
    log: LogConfig = field(default_factory=LogConfig)


SECTIONS: Mapping[str, type] = {
    "member": MemberConfig,
    "nodes": NodesConfig,
    "bank": BankConfig,
    "api": ReadConfig,
    "log": LogConfig,
}


def load(path: Path) -> Config:
    """Read a configuration file. Raises ``ConfigError``."""
    config = Config(**parse_sections(read_table(path), path.parent, SECTIONS))
    _digest("member.chain", config.member.chain)
    if config.member.checkpoint:
        _digest("member.checkpoint", config.member.checkpoint)
    addresses = config.nodes.addresses
    if not addresses or len(set(addresses)) != len(addresses):
        raise ConfigError("nodes.addresses names at least one node, each once.")
    for address in addresses:
        if not address.startswith(("http://", "https://")):
            raise ConfigError(f"nodes.addresses: {address!r} is no http:// or https:// address.")
    return config


def _digest(where: str, text: str) -> None:
    if len(text) != 2 * DIGEST_BYTES or text.strip("0123456789abcdef"):
        raise ConfigError(f"{where} is 64 lower-case hexadecimal digits.")
