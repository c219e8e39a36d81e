"""An attachment is erased from the store of a stopped node; all that was proved still is."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.runtime import Runtime
from contracts.settlement import CONTRACTS
from node import __main__ as process
from node.config_file import ConfigError
from node.ledger.transaction import SignedTransaction
from node.service.opening import OpenedLedger, OpenOptions, open_ledger
from node.store.checks import check_blocks
from node.telemetry import make_logger
from tests.contracts.settlement.funds_world import enrol
from tests.node.api.real import NodeWorld

OPTIONS = OpenOptions(diff_heights=50, check_heights=1_000, tree_depth=4, index=True)


def test_what_is_erased_is_gone_and_every_block_still_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = NodeWorld(tmp_path)
    speak: Any = world
    enrol(speak)
    genesis = world.genesis_bytes
    with world.node.reader.view() as view:
        leaf = view.transactions(view.head.height)[0]
    (ref,) = SignedTransaction.decode_trusted_leaf(leaf).body.attachments
    world.close()

    def opened(*_: Any, begin: bool = True) -> OpenedLedger:
        assert not begin, "erasing begins no ledger"
        return open_ledger(tmp_path, genesis, Runtime(CONTRACTS).registry, OPTIONS)

    monkeypatch.setattr(process, "_open", opened)
    monkeypatch.setattr(process, "_read", lambda *_: genesis)
    log = io.StringIO()
    config: Any = SimpleNamespace(node=SimpleNamespace(genesis=tmp_path, data_dir=tmp_path))
    assert process._erase(config, make_logger("info", "json", log), ref.commitment) == 0
    assert ref.commitment.hex() in log.getvalue()
    ledger = opened(begin=False)
    kept = ledger.database.attachments.find(ref.commitment)
    assert kept is not None
    assert kept.content is None
    head = ledger.database.head()
    assert head is not None
    check_blocks(ledger.database, head, head.height + 1)
    ledger.database.close()
    with pytest.raises(ConfigError, match="holds no attachment"):
        process._erase(config, make_logger("info", "json", log), bytes(32))
