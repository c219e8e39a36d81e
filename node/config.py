"""The configuration of one node: every setting with its sentence (``node.config_file`` reads it).

``yibao node config`` and docs/operations.md are made from the tables below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.config_file import ConfigError, parse_sections, passphrase_of, read_table, says

AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
"""A name as the Host header of a request has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """``[node]``: who runs this node and where its things are."""

    organisation: str = field(
        metadata=says("Id of the organisation that runs the node, as in the genesis.")
    )
    genesis: Path = field(metadata=says("The network's genesis file."))
    data_dir: Path = field(
        metadata=says(
            "Folder of the database, safety.dat and the access log. On a local disk (ext4 or xfs "
            "with default options), never on a network file system; one folder for one process."
        )
    )
    key: Path | None = field(
        default=None,
        metadata=says(
            "Keystore file with the validate key; without one the node follows and does not vote. "
            "The passphrase comes from passphrase_file or from the variable YIBAO_PASSPHRASE."
        ),
    )
    next_key: Path | None = field(
        default=None,
        metadata=says(
            "Keystore file with the validate key that a vote is to put in the place of node.key; "
            "opened with the same passphrase. The node votes with whichever of the two the set "
            "holds, so a key is rotated without a stop."
        ),
    )
    passphrase_file: Path | None = field(
        default=None,
        metadata=says(
            "File with the keystore's passphrase, readable by its owner only (mode 0600)."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiConfig:
    """``[api]``: where the HTTP edge listens."""

    host: str = field(
        default="127.0.0.1",
        metadata=says("Address to listen on; loopback unless a proxy stands before."),
    )
    port: int = field(
        default=8800,
        metadata=says("TCP port; 0 takes a free one and prints it.", low=0, high=65535),
    )
    authorities: tuple[str, ...] = field(
        default=(),
        metadata=says(
            "Names (host:port) that clients sign for, as a proxy shows them; empty: the node's own"
            " address, or any name when it listens on all addresses."
        ),
    )
    enabled: bool = field(default=True, metadata=says("Whether the node serves HTTP at all."))


@dataclass(frozen=True, slots=True, kw_only=True)
class P2pConfig:
    """``[p2p]``: where the node listens for the other validators' nodes. Where they are, and with
    which keys, stands on the ledger (``endpoint/<organisation>``). A node without a seat follows:
    it dials the validators, and its own endpoint is there for its pin."""

    host: str = field(default="127.0.0.1", metadata=says("Address to listen on."))
    port: int = field(default=8900, metadata=says("TCP port.", low=1, high=65535))
    key: Path | None = field(
        default=None,
        metadata=says(
            "Keystore file with the transport key, whose pin stands on the ledger; opened with the "
            "passphrase of node.key. Without one the node talks to no other node, which suits a "
            "network of one validator."
        ),
    )
    receive: str = field(
        default="content",
        metadata=says(
            "For a node without a seat, the most that it asks for: whole blocks with attachments, "
            "which it executes again, or what they changed (transactions, receipts, state diffs), "
            "which it checks against the state root. An office that is not entitled to "
            "attachments gets changes in any case.",
            one_of=("content", "changes"),
        ),
    )
    snapshot_after_blocks: int = field(
        default=10_000,
        metadata=says(
            "Behind by more blocks than this, the node takes a snapshot of the state instead of "
            "every block. It then has no blocks below the snapshot.",
            low=1, high=1_000_000_000,
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusConfig:
    """``[consensus]``: how long this node waits for a primary. The bureaus agree on these."""

    base_ms: int = field(
        default=2_000,
        metadata=says(
            "Milliseconds without a block, while something waits, after which the next primary is "
            "asked for; doubled with each view that brings none. 1000 suits one machine, 2000 a "
            "local network, 4000 provinces.",
            low=100, high=60_000,
        ),
    )  # fmt: skip
    cap_ms: int = field(
        default=60_000,
        metadata=says("Milliseconds to which that doubling goes at most.", low=100, high=600_000),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    """``[limits]``: what the HTTP edge takes at once. The sizes in docs/api.md are not settings:
    clients rely on them."""

    address_rate: int = field(
        default=1_000,
        metadata=says(
            "Requests a second from one address. Behind a proxy all clients come from its address: "
            "raise it there and let the proxy count.",
            low=1,
            high=1_000_000,
        ),
    )
    address_burst: int = field(
        default=2_000,
        metadata=says("Requests of one address that may come at once.", low=1, high=1_000_000),
    )
    key_rate: int = field(
        default=200,
        metadata=says("Signed requests a second of one key.", low=1, high=250),
    )
    key_burst: int = field(
        default=400,
        metadata=says("Requests of one key that may come at once.", low=1, high=1_000_000),
    )
    connections_max: int = field(
        default=2_048,
        metadata=says(
            "Connections open at once, idle ones and streams included. The limit of open files has "
            "to be twice as high: without that it is less, and the log says so.",
            low=1,
            high=100_000,
        ),
    )
    in_flight_max: int = field(
        default=1_024, metadata=says("Requests in hand at once.", low=1, high=100_000)
    )
    waiting_max: int = field(
        default=768,
        metadata=says("Of these, requests that wait for a commit.", low=1, high=100_000),
    )
    streams_max: int = field(
        default=256, metadata=says("Event streams open at once.", low=1, high=100_000)
    )
    streams_per_key_max: int = field(
        default=4, metadata=says("Event streams of one key.", low=1, high=100_000)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolConfig:
    """``[pool]``: transactions that wait to be ordered. Full answers 429 with a time to retry."""

    count_max: int = field(
        default=20_000,
        metadata=says("Transactions (SECURITY.md section 8).", low=1, high=1_000_000),
    )
    bytes_max: int = field(
        default=64 << 20,
        metadata=says("Bytes of waiting transactions with attachments.", low=1 << 20, high=4 << 30),
    )
    sender_count_max: int = field(
        default=64,
        metadata=says(
            "Transactions of one sender, so that one cannot fill the pool.", low=1, high=1_000_000
        ),
    )
    sender_bytes_max: int = field(
        default=16 << 20,
        metadata=says("Bytes of one sender's waiting transactions.", low=1 << 20, high=4 << 30),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockConfig:
    """``[block]``: how large a block this node proposes. The network's own caps stay in force."""

    calls_aim: int = field(
        default=256,
        metadata=says(
            "Calls after which a block is closed (ARCHITECTURE.md section 3).", low=1, high=1000
        ),
    )
    bytes_aim: int = field(
        default=4 << 20,
        metadata=says("Bytes after which a block is closed.", low=1 << 16, high=8 << 20),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """``[store]``: what is kept and what is checked at start."""

    diff_heights: int = field(
        default=10_000,
        metadata=says("Heights whose state diff is kept for followers.", low=1, high=10**9),
    )
    check_heights: int = field(
        default=1_000,
        metadata=says(
            "Newest heights checked in full at start (links, certificates, roots, digests).",
            low=1,
            high=10**9,
        ),
    )
    tree_depth: int = field(
        default=18,
        metadata=says(
            "Depth of the state tree's top in memory: 18 takes 17 MB and suits 2 million entries, "
            "20 takes 69 MB and suits 10 million. The state root does not depend on it; "
            "after a change the next start reads the state once more.",
            low=0,
            high=24,
        ),
    )
    tree_cache_mb: int = field(
        default=96,
        metadata=says(
            "MB of the state tree's buckets in memory. 96 hold every bucket of some 700,000 "
            "entries; beyond that the hot ones stay, and the others are read again.",
            low=1,
            high=65_536,
        ),
    )
    state_cache_mb: int = field(
        default=64,
        metadata=says(
            "MB of entries of the state in memory: those used last, some 100,000 in 64.",
            low=1,
            high=65_536,
        ),
    )
    write_buffer_mb: int = field(
        default=64,
        metadata=says(
            "MB that are collected in memory before the database writes a table; as much again "
            "while it does. A start reads at most this much of the log.",
            low=4,
            high=1_024,
        ),
    )
    index: bool = field(
        default=True,
        metadata=says(
            "Whether to keep the index that explorers need (by claim, person, account ...)."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """``[log]``: lines on standard error. They never hold arguments or bodies."""

    level: str = field(
        default="info",
        metadata=says("Least level that is written.", one_of=("debug", "info", "warning", "error")),
    )
    format: str = field(
        default="console", metadata=says("For people or for machines.", one_of=("console", "json"))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole file."""

    node: NodeConfig
    api: ApiConfig = field(default_factory=ApiConfig)
    p2p: P2pConfig = field(default_factory=P2pConfig)
    consensus: ConsensusConfig = field(default_factory=ConsensusConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    pool: PoolConfig = field(default_factory=PoolConfig)
    block: BlockConfig = field(default_factory=BlockConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    log: LogConfig = field(default_factory=LogConfig)


SECTIONS: Mapping[str, type] = {
    "node": NodeConfig,
    "api": ApiConfig,
    "p2p": P2pConfig,
    "consensus": ConsensusConfig,
    "limits": LimitsConfig,
    "pool": PoolConfig,
    "block": BlockConfig,
    "store": StoreConfig,
    "log": LogConfig,
}


def load(path: Path) -> Config:
    """Read a configuration file. Raises ``ConfigError``."""
    return parse(read_table(path), path.parent)


def parse(table: Mapping[str, Any], folder: Path) -> Config:
    """Build the configuration of a decoded file; paths are relative to ``folder``. Raises
    ``ConfigError``."""
    config = Config(**parse_sections(table, folder, SECTIONS))
    for where, host in (("api.host", config.api.host), ("p2p.host", config.p2p.host)):
        if not host.isascii():
            raise ConfigError(f"{where} = {host!r}: write an address, or a name in ASCII letters.")
    for name in config.api.authorities:
        if AUTHORITY.fullmatch(name) is None:
            raise ConfigError(
                f"api.authorities: {name!r} is no host:port, for example ledger.example:443. "
                "Neither https:// nor a path belong to it."
            )
    if table.get("p2p") and config.p2p.key is None:
        raise ConfigError(
            f"p2p.{next(iter(table['p2p']))} is set and p2p.key is not, without which the node "
            "talks to no other: name the keystore of the transport key, or leave the section out."
        )
    base_ms, cap_ms = config.consensus.base_ms, config.consensus.cap_ms
    if cap_ms < base_ms:
        raise ConfigError(
            f"consensus.cap_ms = {cap_ms} is less than consensus.base_ms = {base_ms}, which "
            "doubles up to it: raise the one or lower the other."
        )
    return config


def read_passphrase(config: NodeConfig) -> str:
    """The keystore's passphrase. Raises ``ConfigError`` when there is none or it lies open."""
    return passphrase_of(config.passphrase_file, "node")
