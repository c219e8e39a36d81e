"""``python -m node.member CONFIG``: a member node as a process.

SIGTERM and SIGINT end it after the round in hand. SIGKILL at any moment is safe: what was verified
is on disk, an instruction file appears once, a statement is handed in once.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

from node.config_file import ConfigError, make_folder, passphrase_of
from node.ledger import crypto, keystore
from node.ledger.errors import InvalidGenesis, KeystoreError
from node.ledger.genesis import Genesis
from node.ledger.types import OrgId
from node.member.build import build
from node.member.config import Config, MemberConfig, load
from node.member.errors import Forked, MemberRefused
from node.member.remote import Signer
from node.member.service import ReadService
from node.store.errors import DatabaseDamaged, DatabaseInUse, StoreError
from node.store.leveldb import LevelStore
from node.telemetry import make_logger, tell_bug

WRITE_BUFFER_BYTES = 4 << 20
"""A member node writes little; what is in the buffer is in its log as well."""


class Exit(IntEnum):
    """Why the process ended; the numbers are those of a node where they mean the same."""

    STOPPED = 0
    """Asked to stop, and stopped."""
    BUG = 1
    """A bug of ours. Keep the log and report it."""
    CONFIG = 2
    """The configuration, a key file or the passphrase cannot be used."""
    GENESIS = 3
    """The genesis file is not one, or is not of the chain that the configuration pins."""
    DAMAGED = 4
    """The database is damaged."""
    IN_USE = 5
    """Another process has the database."""
    FOREIGN = 6
    """The database or the bank's folder cannot be used by this member node."""
    DISK = 8
    """A write or sync failed."""
    LISTEN = 10
    """The port cannot be listened on."""
    FORK = 11
    """Two certified histories: ask the bureaus which one holds, then name its header in
    member.checkpoint."""


FAILURES: tuple[tuple[type[BaseException], Exit], ...] = (
    (ConfigError, Exit.CONFIG),
    (KeystoreError, Exit.CONFIG),
    (InvalidGenesis, Exit.GENESIS),
    (MemberRefused, Exit.FOREIGN),
    (Forked, Exit.FORK),
    (DatabaseDamaged, Exit.DAMAGED),
    (DatabaseInUse, Exit.IN_USE),
    (StoreError, Exit.DISK),
    (OSError, Exit.DISK),
)
"""Foreseen ends, most special first. Anything else is a bug."""


class PortUnavailable(ConfigError):  # noqa: N818  (states the fact)
    """The port of ``[api]`` cannot be listened on."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a member node. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m node.member", description=__doc__)
    parser.add_argument("config", type=Path, help="the member node's TOML file (docs/member.md)")
    given = parser.parse_args(arguments)
    if not __debug__:
        print("member: refused under python -O: assertions state what must hold.", file=sys.stderr)
        return Exit.CONFIG
    try:
        config = load(given.config)
        run(config, make_logger(config.log.level, config.log.format))
    except PortUnavailable as error:
        print(f"member: {error}", file=sys.stderr)
        return Exit.LISTEN
    except tuple(kind for kind, _ in FAILURES) as error:
        print(f"member: {error}", file=sys.stderr)
        return next(code for kind, code in FAILURES if isinstance(error, kind))
    except Exception as bug:
        tell_bug("member", bug)
        return Exit.BUG
    return Exit.STOPPED


def run(config: Config, log: Any) -> None:
    """Go round until it is told to stop."""
    genesis = _genesis(config.member)
    signer = Signer(
        OrgId(config.member.organisation), genesis.chain, _key(config.member, genesis.chain)
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    make_folder(config.member.data_dir, "member.data_dir")
    store = LevelStore(config.member.data_dir / "db", write_buffer_bytes=WRITE_BUFFER_BYTES)
    try:
        built = build(config, genesis, signer, store, log, now_ms=_now_ms)
        try:
            service = ReadService(
                config.member.data_dir, config.api.port, built.records, built.status
            )
        except OSError as error:
            raise PortUnavailable(f"api.port cannot be listened on: {error.strerror}.") from None
        service.start()
        log.info("member.started", organisation=signer.organisation, height=built.chain.height)
        try:
            while not stop.is_set():
                if not built.round():
                    stop.wait(config.nodes.poll_ms / 1_000)
        finally:
            service.close()
            built.close()
    finally:
        store.close()
    log.info("member.stopped", height=built.chain.height)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _genesis(config: MemberConfig) -> Genesis:
    try:
        genesis = Genesis.parse(config.genesis.read_bytes())
    except OSError as error:
        raise ConfigError(f"member.genesis cannot be read: {error.strerror}.") from error
    except InvalidGenesis as error:
        raise InvalidGenesis("member.genesis", file=config.genesis.name, **error.reason()) from None
    if genesis.chain.hex() != config.chain:
        raise InvalidGenesis("member.genesis-chain", chain=genesis.chain.hex(), wanted=config.chain)
    return genesis


def _key(config: MemberConfig, chain: bytes) -> crypto.PrivateKey:
    try:
        sealed = config.key.read_bytes()
    except OSError as error:
        raise ConfigError(f"member.key cannot be read: {error.strerror}.") from error
    try:
        header = keystore.read_header(sealed)
    except KeystoreError as error:
        raise ConfigError(f"member.key: {config.key.name} is no keystore file ({error}).") from None
    if "sign" not in header.role.split(",") or header.owner != config.organisation:
        raise ConfigError(
            f"member.key is a {header.role} key of {header.owner}; wanted is a read,sign key of "
            f"{config.organisation}."
        )
    if not keystore.is_for(header.chain, chain):
        raise ConfigError(f"member.key is of network {header.chain.hex()}, not {chain.hex()}.")
    passphrase = passphrase_of(config.passphrase_file, "member")
    try:
        return crypto.private_key(keystore.open_sealed(sealed, passphrase))
    except KeystoreError as error:
        if error.code != "keystore.passphrase-or-damage":
            raise ConfigError(
                f"member.key: {config.key.name} cannot be opened ({error})."
            ) from None
        raise ConfigError(
            f"member.key: the passphrase is not that of {config.key.name}, or the file is damaged."
        ) from None


if __name__ == "__main__":
    sys.exit(main())
