"""``python -m node CONFIG``: one node as a process.

Exit codes say why it ended, see ``Exit``. SIGTERM and SIGINT stop it gracefully: requests in hand
are answered, the block in flight is finished, everything is closed. SIGKILL at any moment is safe:
what was answered as committed is on disk.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum
from pathlib import Path

import structlog
import uvloop

from consensus import Timing
from contracts.registry import VersionMissing
from contracts.runtime import Runtime
from contracts.settlement import CONTRACTS
from node import indexer, worklists
from node.api.access_log import AccessLogBroken
from node.config import Config, load, read_passphrase
from node.config_file import ConfigError, make_folder
from node.ledger import crypto, keystore
from node.ledger.errors import InvalidGenesis, KeystoreError
from node.ledger.types import DIGEST_BYTES
from node.mempool import PoolLimits
from node.ordering.wal import SafetyError
from node.p2p.payloads import Share
from node.service.collector import tune_collector
from node.service.http import HttpEdge, PortUnavailable
from node.service.keys import renew_safety
from node.service.network import P2pOptions, PeerPortUnavailable
from node.service.node import Node, NodeOptions
from node.service.opening import NodeRefused, OpenedLedger, OpenOptions, open_ledger
from node.service.state_transfer import SnapshotTaken
from node.service.verifying import has_ledger, verify
from node.store.errors import DatabaseDamaged, DatabaseForeign, DatabaseInUse, StoreError
from node.telemetry import make_logger, tell_bug


class Exit(IntEnum):
    """Why the process ended."""

    STOPPED = 0
    """Asked to stop, and stopped."""
    BUG = 1
    """A bug of ours, after which going on would not be safe. Keep the log and report it."""
    CONFIG = 2
    """The configuration, a key file or the passphrase cannot be used."""
    GENESIS = 3
    """The genesis file is not one, or names contracts that this build does not have."""
    DAMAGED = 4
    """The database is damaged; nothing was served."""
    IN_USE = 5
    """Another process has the database."""
    FOREIGN = 6
    """The database is of another chain or layout."""
    SAFETY = 7
    """safety.dat is missing or damaged: the key must not sign again."""
    DISK = 8
    """A write or sync failed."""
    REFUSED = 9
    """This build or configuration cannot take part in the network."""
    LISTEN = 10
    """The port cannot be listened on."""


FAILURES: tuple[tuple[type[BaseException], Exit], ...] = (
    (ConfigError, Exit.CONFIG),
    (KeystoreError, Exit.CONFIG),
    (InvalidGenesis, Exit.GENESIS),
    (DatabaseDamaged, Exit.DAMAGED),
    (AccessLogBroken, Exit.DAMAGED),
    (DatabaseInUse, Exit.IN_USE),
    (DatabaseForeign, Exit.FOREIGN),
    (SafetyError, Exit.SAFETY),
    (StoreError, Exit.DISK),
    (VersionMissing, Exit.REFUSED),
    (NodeRefused, Exit.REFUSED),
    (PortUnavailable, Exit.LISTEN),
    (PeerPortUnavailable, Exit.LISTEN),
    (OSError, Exit.DISK),
)
"""Foreseen ends, most special first. Anything else is a bug."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a node, or check its data. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m node", description=__doc__)
    parser.add_argument(
        "config", type=Path, nargs="+",
        help="the node's TOML file (docs/operations.md); several with --new-key only",
    )  # fmt: skip
    parser.add_argument(
        "--verify", action="store_true",
        help="check every block, the whole state and the index against the chain, then exit",
    )  # fmt: skip
    parser.add_argument(
        "--reindex", action="store_true", help="build the index again from the chain, then exit"
    )
    parser.add_argument(
        "--new-key", action="store_true",
        help="begin safety.dat for a validate key that has never signed (rotation), then exit",
    )  # fmt: skip
    parser.add_argument(
        "--erase", metavar="COMMITMENT", type=_digest,
        help="erase an attachment from this node's store for good, then exit",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    if not __debug__:
        print(
            "node: refused under python -O: assertions state what must hold of money and votes. "
            "Start it without -O and without PYTHONOPTIMIZE.",
            file=sys.stderr,
        )
        return Exit.REFUSED
    if len(given.config) > 1 and not given.new_key:
        parser.error("one node at a time: several configurations go with --new-key only")
    try:
        for path in given.config:
            config = load(path)
            log = make_logger(config.log.level, config.log.format)
            if given.new_key:
                _begin_key(config, log)
        if given.new_key:
            return Exit.STOPPED
        if given.erase is not None:
            return _erase(config, log, given.erase)
        if given.verify or given.reindex:
            return _maintain(config, log, reindex=given.reindex)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config, log))
    except tuple(kind for kind, _ in FAILURES) as error:
        print(f"node: {_sentence(error)}", file=sys.stderr)
        return next(code for kind, code in FAILURES if isinstance(error, kind))
    except Exception as bug:
        tell_bug("node", bug)
        return Exit.BUG
    return Exit.STOPPED


def _sentence(error: BaseException) -> str:
    """What to say of a foreseen end: which setting it is about, where the error does not know."""
    if isinstance(error, InvalidGenesis):
        return (
            f"node.genesis is no genesis file that this program can use: {error}. It is the file "
            "with which the network was founded; every bureau has it."
        )
    if isinstance(error, PermissionError):
        return (
            f"{error.filename}: {error.strerror}. Everything in node.data_dir belongs to the user "
            "that runs the node: look at owner and rights of the folder and of each file."
        )
    if isinstance(error, OSError) and error.strerror:
        return (
            f"{error.filename or 'A file in node.data_dir'}: {error.strerror}. Look for a full "
            "disk or a failing device (dmesg), make room, and start the node again."
        )
    return str(error)


async def serve(config: Config, log: structlog.stdlib.BoundLogger) -> None:
    """Run until a signal asks to stop or something ends the node. After a snapshot was taken
    everything is opened anew, with all checks of a start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    while not stop.is_set():
        try:
            await _serve_once(config, log, stop)
        except SnapshotTaken:
            continue
        return


async def _serve_once(
    config: Config, log: structlog.stdlib.BoundLogger, stop: asyncio.Event
) -> None:
    """From opening to closing. Raises ``SnapshotTaken`` among others."""
    node = build_node(config, log)
    edge = None
    try:
        await node.start()
        if config.api.enabled:
            edge = HttpEdge(node, config.api, config.limits, log)
            await edge.start()
        tune_collector()
        asked = asyncio.create_task(stop.wait())
        ended = asyncio.create_task(node.run())
        await asyncio.wait([asked, ended], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if ended.done():
            ended.result()
        ended.cancel()
    finally:
        if edge is not None:
            await edge.stop()
        await node.stop()


def build_node(config: Config, log: structlog.stdlib.BoundLogger) -> Node:
    """Open everything that the configuration names and put the node together."""
    runtime = Runtime(CONTRACTS)
    genesis_bytes = _read(config.node.genesis, "node.genesis")
    key = _open_key(config)
    make_folder(config.node.data_dir, "node.data_dir")
    ledger = _open(config, genesis_bytes, runtime)
    options = NodeOptions(
        organisation=config.node.organisation,
        data_dir=config.node.data_dir,
        pool=PoolLimits(
            config.pool.count_max, config.pool.bytes_max,
            config.pool.sender_count_max, config.pool.sender_bytes_max,
        ),
        calls_aim=config.block.calls_aim,
        bytes_aim=config.block.bytes_aim,
        index=config.store.index,
    )  # fmt: skip
    return Node(
        options, ledger, runtime, key, log, next_key=_open_next_key(config),
        genesis_bytes=genesis_bytes, p2p=_p2p_options(config),
        timing=Timing(base_ms=config.consensus.base_ms, cap_ms=config.consensus.cap_ms),
    )  # fmt: skip


def _p2p_options(config: Config) -> P2pOptions | None:
    """How the node listens for peers, if it does."""
    path = config.p2p.key
    if path is None:
        return None
    return P2pOptions(
        host=config.p2p.host, port=config.p2p.port,
        key=_open_sealed(config, path, "p2p.key", "transport"),
        receive=Share[config.p2p.receive.upper()],
        snapshot_after_blocks=config.p2p.snapshot_after_blocks,
    )  # fmt: skip


def open_options(config: Config) -> OpenOptions:
    """How the database is opened, of ``[store]``."""
    return OpenOptions(
        diff_heights=config.store.diff_heights,
        check_heights=config.store.check_heights,
        tree_depth=config.store.tree_depth,
        index=config.store.index,
        tree_cache_bytes=config.store.tree_cache_mb << 20,
        state_cache_bytes=config.store.state_cache_mb << 20,
        write_buffer_bytes=config.store.write_buffer_mb << 20,
    )


def _open(
    config: Config, genesis_bytes: bytes, runtime: Runtime, *, begin: bool = True
) -> OpenedLedger:
    options = replace(open_options(config), begin=begin)
    return open_ledger(config.node.data_dir, genesis_bytes, runtime.registry, options)


def _open_key(config: Config) -> crypto.PrivateKey | None:
    """The validate key, if this node has one."""
    if config.node.key is None:
        return None
    return _open_sealed(config, config.node.key, "node.key", "validate")


def _open_next_key(config: Config) -> crypto.PrivateKey | None:
    """The validate key that a vote is to put in the place of the first, if there is one."""
    if config.node.next_key is None:
        return None
    return _open_sealed(config, config.node.next_key, "node.next_key", "validate")


def _open_sealed(config: Config, path: Path, setting: str, role: str) -> crypto.PrivateKey:
    """A key of this node's organisation for one purpose."""
    sealed = _read(path, setting)
    try:
        header = keystore.read_header(sealed)
    except KeystoreError as error:
        raise ConfigError(f"{setting}: {path.name} is no keystore file ({error}).") from None
    if header.role != role or header.owner != config.node.organisation:
        raise ConfigError(
            f"{setting} is a {header.role} key of {header.owner}; wanted is the {role} key of "
            f"{config.node.organisation}."
        )
    try:
        return crypto.private_key(keystore.open_sealed(sealed, read_passphrase(config.node)))
    except KeystoreError as error:
        if error.code != "keystore.passphrase-or-damage":
            raise ConfigError(f"{setting}: {path.name} cannot be opened ({error}).") from None
        raise ConfigError(
            f"{setting}: the passphrase is not that of {path.name}, or the file is damaged."
        ) from None


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{setting}: {path.name} cannot be read: {error.strerror}.") from error


def _maintain(config: Config, log: structlog.stdlib.BoundLogger, *, reindex: bool) -> int:
    """Check while the node is stopped, or build the index again and check."""
    folder, options = config.node.data_dir, open_options(config)
    if not has_ledger(folder):
        raise ConfigError(f"node.data_dir = {folder} holds no ledger: there is nothing to check.")
    genesis_bytes = _read(config.node.genesis, "node.genesis")
    runtime = Runtime(CONTRACTS)
    if reindex:
        database = _open(config, genesis_bytes, runtime, begin=False).database
        try:
            head = database.head()
            assert head is not None, "the database was opened"
            indexer.rebuild(database.kv, database, head.height)
            worklists.rebuild(database.kv, database)
        finally:
            database.close()

    def tell(stage: str, height: int, newest: int) -> None:
        log.info("database.checking", stage=stage, height=height, to_height=newest)

    found = verify(
        folder, genesis_bytes, runtime.registry, options,
        organisation=config.node.organisation, tell=tell,
    )  # fmt: skip
    log.info("database.verified", **found)
    return Exit.STOPPED


def _digest(text: str) -> bytes:
    """A commitment as an option gives it. Raises ``ValueError``."""
    if len(text) != 2 * DIGEST_BYTES:
        raise ValueError
    return bytes.fromhex(text)


def _erase(config: Config, log: structlog.stdlib.BoundLogger, commitment: bytes) -> int:
    """Erase blind and content of an attachment; its commitment and every proof stay."""
    if not has_ledger(config.node.data_dir):
        raise ConfigError(f"node.data_dir = {config.node.data_dir} holds no ledger.")
    genesis_bytes = _read(config.node.genesis, "node.genesis")
    ledger = _open(config, genesis_bytes, Runtime(CONTRACTS), begin=False)
    try:
        if not ledger.database.erase_attachment(commitment):
            raise ConfigError(f"This node holds no attachment {commitment.hex()}.")
        log.info("attachment.erased", commitment=commitment)
    finally:
        ledger.database.close()
    return Exit.STOPPED


def _begin_key(config: Config, log: structlog.stdlib.BoundLogger) -> None:
    """A safety record for a new validate key, while the node is stopped."""
    following = _open_next_key(config)
    key = _open_key(config) if following is None else following
    if key is None:
        raise ConfigError("node.key is missing: --new-key begins the record of that key.")
    public = crypto.public_key(key)
    ledger = _open(config, _read(config.node.genesis, "node.genesis"), Runtime(CONTRACTS))
    try:
        renew_safety(
            config.node.data_dir, ledger.database, ledger.genesis.chain, public,
            beside=following is not None,
        )  # fmt: skip
        log.info("safety.begun", key_digest=hashlib.sha256(public).digest())
    finally:
        ledger.database.close()


if __name__ == "__main__":
    sys.exit(main())
