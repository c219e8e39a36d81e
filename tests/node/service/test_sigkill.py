"""A real process is killed with SIGKILL at random moments; nothing that it answered is lost.

After each kill the whole chain is verified as at a start (every link, certificate, root, digest,
attachment, the whole state, the index), every transaction that was answered as committed is looked
up, and the books must sum. Ten kills here; ``YIBAO_KILLS=60`` for a recorded run.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.indexer import verify_index
from node.ledger.codec import decode_trusted
from node.ledger.receipt import Receipt
from node.store.database import Database
from tests.node.network import make_genesis, open_folder

ROOT = Path(__file__).resolve().parents[3]
KILLS = int(os.environ.get("YIBAO_KILLS", "10"))


def live_and_die(folder: Path, lines: int) -> list[bytes]:
    """Let a node run until it has printed so many lines, kill it; what it answered until then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.node.service.kill_target", str(folder)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if len(said) >= lines:
            process.send_signal(signal.SIGKILL)
            break
    rest, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    words = [line.split() for line in [*said, *rest.splitlines(keepends=True)] if "\n" in line]
    return [bytes.fromhex(word[1]) for word in words if word[0] == "committed"]


def check_everything(folder: Path, answered: set[bytes]) -> int:
    """All checks of a start, over the whole chain; the head's height."""
    _, data = make_genesis()
    ledger = open_folder(folder, data)
    database, height = ledger.database, ledger.parent.header.height
    try:
        verify_index(database, height)
        for tx_id in answered:
            assert database.blocks.find_transaction(tx_id) is not None, tx_id.hex()
        check_books(database, height)
    finally:
        database.close()
    return height


def check_books(database: Database, height: int) -> None:
    """State, receipts and postings tell the same sums, derived independently."""
    sums: dict[str, int] = {}
    for number in range(1, height + 1):
        for data in database.blocks.receipts(number):
            for posting in Receipt.decode(data).postings:
                sums[posting.account] = sums.get(posting.account, 0) + posting.amount_fen
    assert sum(sums.values()) == 0
    for account, total in sums.items():
        if account.startswith("person:"):
            value = database.state.get(f"book/{account.split(':')[1]}")
            assert value is not None
            assert decode_trusted(value) == {"total_fen": total}


@pytest.mark.process
@pytest.mark.slow
def test_a_killed_node_keeps_what_it_answered(tmp_path: Path) -> None:
    chance = random.Random(2026)
    answered: set[bytes] = set()
    heights = [0]
    for _ in range(KILLS):
        answered |= set(live_and_die(tmp_path, 1 + chance.randrange(60)))
        heights.append(check_everything(tmp_path, answered))
    assert heights == sorted(heights)
    assert len(answered) > KILLS
