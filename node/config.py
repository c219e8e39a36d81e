"""The configuration of one node: a TOML file, strict, every field documented.

An unknown field, a wrong type or a number out of bounds is refused when the node starts, with the
field's name and what may stand there. Paths are relative to the file. ``yibao node config``
and docs/operations.md are made from the table below.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
"""A name as the Host header of a request has it."""


DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
"""Errors of a disk, which no other path mends."""


class ConfigError(Exception):
    """The configuration cannot be used. The message names the field and what to write."""


def says(
    sentence: str, *, low: int | None = None, high: int | None = None, one_of: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A field's sentence and bounds, as dataclass metadata."""
    return {"says": sentence, "low": low, "high": high, "one_of": one_of}


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


def read_table(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises ``ConfigError``."""
    try:
        # An editor on Windows puts a byte order mark before it, which TOML does not know.
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not UTF-8 text.") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not TOML: {error}.") from error
    except RecursionError:
        raise ConfigError(f"{path.name} nests too deep for a configuration.") from None


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
    base_ms, cap_ms = config.consensus.base_ms, config.consensus.cap_ms
    if cap_ms < base_ms:
        raise ConfigError(
            f"consensus.cap_ms = {cap_ms} is less than consensus.base_ms = {base_ms}, which "
            "doubles up to it: raise the one or lower the other."
        )
    return config


def parse_sections(
    table: Mapping[str, Any], folder: Path, kinds: Mapping[str, type]
) -> dict[str, Any]:
    """The sections of a decoded file, each as the dataclass of its name. Raises ``ConfigError``."""
    _refuse_unknown("", table, kinds)
    sections = {}
    for name, kind in kinds.items():
        given = table.get(name, {})
        if not isinstance(given, dict):
            raise ConfigError(f"{name} is a section: write [{name}] and its fields under it.")
        sections[name] = _section(name, kind, given, folder)
    return sections


def describe(kinds: Mapping[str, type] = SECTIONS) -> list[tuple[str, str, str, str]]:
    """Every field as (section.name, type, default, sentence), for documentation and help."""
    rows = []
    for section, kind in kinds.items():
        for item in fields(kind):
            default = "required" if item.default is MISSING else _plain(item.default)
            says = item.metadata["says"]
            low, high, one_of = (item.metadata[k] for k in ("low", "high", "one_of"))
            if low is not None:
                says += f" From {low} to {high}."
            if one_of:
                says += f" One of {', '.join(one_of)}."
            rows.append((f"{section}.{item.name}", _type_name(item), default, says))
    return rows


def make_folder(path: Path, setting: str) -> None:
    """The folder of a setting, for its owner alone. Raises ``ConfigError`` where the path cannot be
    one, ``OSError`` where the disk has no room."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise
        raise ConfigError(f"{setting}: {path} cannot be a folder: {error.strerror}.") from error


def read_passphrase(config: NodeConfig) -> str:
    """The keystore's passphrase. Raises ``ConfigError`` when there is none or it lies open."""
    return passphrase_of(config.passphrase_file, "node")


def passphrase_of(path: Path | None, section: str) -> str:
    """The passphrase in a file, or in the environment where there is none. Raises
    ``ConfigError``."""
    if path is None:
        passphrase = os.environ.get("YIBAO_PASSPHRASE")
        if passphrase is None:
            raise ConfigError(
                "The keystore needs a passphrase: "
                f"set {section}.passphrase_file or YIBAO_PASSPHRASE."
            )
        return passphrase
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8-sig")  # With or without an editor's mark.
    except OSError as error:
        raise ConfigError(f"{section}.passphrase_file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{section}.passphrase_file is not UTF-8 text.") from None
    if mode & 0o077:
        raise ConfigError(f"{section}.passphrase_file can be read by others: chmod 600 it.")
    return text.rstrip("\n")


def _section(name: str, kind: type, given: Mapping[str, Any], folder: Path) -> Any:
    known = {item.name: item for item in fields(kind)}
    _refuse_unknown(f"{name}.", given, known)
    values = {}
    for item in known.values():
        where = f"{name}.{item.name}"
        if item.name in given:
            values[item.name] = _checked(where, item, given[item.name], folder)
        elif item.default is MISSING:
            raise ConfigError(f"{where} is missing. {item.metadata['says']}")
    return kind(**values)


def _refuse_unknown(prefix: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {prefix}{near[0]}?" if near else f" Known: {', '.join(known)}."
            raise ConfigError(f"{prefix}{name} is not a setting.{hint}")


def _checked(where: str, item: Field[Any], value: Any, folder: Path) -> Any:
    kind = _type_name(item)
    low, high, one_of = (item.metadata[k] for k in ("low", "high", "one_of"))
    if kind == "path":
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{where} is a path in quotes.")
        _refuse_unprintable(where, value)
        return folder / value
    if kind == "list of text":
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise ConfigError(f'{where} is a list of texts, for example ["ledger.example:443"].')
        return tuple(value)
    wanted = {"integer": int, "true or false": bool, "text": str}[kind]
    if type(value) is not wanted:
        raise ConfigError(f"{where} is {kind}, not {value!r}. {item.metadata['says']}")
    if low is not None and not low <= value <= high:
        raise ConfigError(f"{where} = {value} is out of bounds: {low} to {high}.")
    if one_of and value not in one_of:
        raise ConfigError(f"{where} = {value!r}: one of {', '.join(one_of)}.")
    if value == "" and item.default != "":
        raise ConfigError(f"{where} is empty. {item.metadata['says']}")
    if isinstance(value, str):
        _refuse_unprintable(where, value)
    return value


def _refuse_unprintable(where: str, value: str) -> None:
    """Line ends and other characters that nobody sees: no path, host or id holds them."""
    if not value.isprintable():
        raise ConfigError(f"{where} = {value!r} holds characters that cannot be seen.")


_TYPE_NAMES = {
    "str": "text",
    "int": "integer",
    "bool": "true or false",
    "Path": "path",
    "Path | None": "path",
    "tuple[str, ...]": "list of text",
}


def _type_name(item: Field[Any]) -> str:
    return _TYPE_NAMES[str(item.type)]


def _plain(default: Any) -> str:
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if default == ():
        return "[]"
    return str(default)
