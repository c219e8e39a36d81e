"""A stopped node's data held against the genesis file: blocks, state, index, log of looks.

What an operator does with a backup and an auditor with a copy of a data folder. Nothing is begun,
built again or mended on the way: what is missing, changed or invented is refused, with its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from contracts.registry import Registry
from contracts.settlement import looks
from node import indexer, worklists
from node.api.access_log import (
    ACCESS,
    AccessLogBroken,
    DayRoot,
    check_folder,
    check_index,
    merkle_root,
)
from node.ledger.codec import decode_trusted
from node.service.opening import DATABASE, OpenOptions, open_ledger
from node.store import keys
from node.store.checks import check_blocks, check_count
from node.store.database import Database

Tell = Callable[[str, int, int], None]
"""Stage, height that is checked, newest height."""
TOLD = 10
"""How often a stage tells how far it is."""
NO_LOOKS = DayRoot("", 0, merkle_root([]))


def has_ledger(folder: Path) -> bool:
    """Whether a data folder holds a database, of whatever content."""
    return (folder / DATABASE / "CURRENT").exists()


def verify(
    folder: Path,
    genesis_bytes: bytes,
    registry: Registry,
    options: OpenOptions,
    *,
    organisation: str,
    tell: Tell,
) -> dict[str, Any]:
    """Compare everything; what was compared, as fields of a log line.

    ``organisation``: whose node it was; its days of looks are held to the roots that it put on the
    ledger. Raises ``DatabaseDamaged`` and the other errors of ``node.store.errors``,
    ``AccessLogBroken``, ``InvalidGenesis``.
    """
    # Without its index: a start builds a missing one again, and here it is to be told.
    opened = open_ledger(
        folder, genesis_bytes, registry, replace(options, index=False, begin=False, check_heights=1)
    )
    try:
        found = _compare(opened.database, index=options.index, tell=tell)
        found |= compare_looks(folder / ACCESS, opened.database, organisation)
        return found | {"chain": opened.genesis.chain}
    finally:
        opened.database.close()


def _compare(database: Database, *, index: bool, tell: Tell) -> dict[str, Any]:
    head = database.head()
    assert head is not None, "the database was opened"
    step = max(1, (head.height - database.floor() + 1) // TOLD)

    def progress(stage: str, height: int) -> None:
        if height % step == 0:
            tell(stage, height, head.height)

    counts = check_blocks(database, head, head.height + 1, partial(progress, "blocks"))
    headers = sum(1 for _ in database.reader.iterate(*keys.all_of(keys.HEADER)))
    check_count(database, keys.NUMBER, headers, "the table of block hashes")
    check_count(database, keys.TRANSACTION, counts.transactions, "the table of transactions")
    if index:
        indexer.verify_index(database, head.height, partial(progress, "index"))
        worklists.verify(database)
    return {"height": head.height, "block": head.block_hash, "state_root": head.state_root,
            **asdict(counts)}  # fmt: skip


def compare_looks(folder: Path, database: Database, organisation: str) -> dict[str, int]:
    """Every day of looks against the chain of their lines and, where it was put on the ledger, its
    root: whoever writes the log anew can chain it, and not change what was anchored."""
    days = check_folder(folder)
    check_index(folder)
    prefix, anchored = looks.key_of(organisation, ""), 0
    for _, key, data in database.state.entries():
        if not key.startswith(prefix):
            continue
        day = key.removeprefix(prefix)
        count, root = decode_trusted(data)
        found = days.get(day, NO_LOOKS)
        if (found.count, found.root) != (count, root):
            raise AccessLogBroken(
                f"access log of {day}: it has {found.count} looks and is not the one of {count} "
                "looks whose root was put on the ledger"
            )
        anchored += 1
    return {"looks": sum(day.count for day in days.values()), "days_anchored": anchored}
