"""``yibao member``: settings, what the running one tells, and what is said when none runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from node.ledger.block import genesis_header
from node.ledger.types import ZERO_DIGEST
from node.member import __main__ as member_main
from node.member.__main__ import FAILURES, Exit
from node.member.records import Record, Records
from node.member.service import ADDRESS_FILE, ReadService
from tests.cli.running import process, yibao
from tests.node.store.sim_kv import SimKV

STATUS: dict[str, Any] = {
    "organisation": "bank:icbc", "chain": "00" * 32, "height": 7, "block": "ab" * 32,
    "time_ms": 1_750_000_000_000, "epoch": 1, "rounds": 3, "agree": 1, "open_orders": 2, "open": {},
    "suspense": 1, "statements_waiting": {"s.json": "member.no-node"},
    "nodes": [
        {"address": "http://a", "state": "agrees", "code": "", "height": 7, "behind_by": 0,
         "lies": 0},
        {"address": "http://b", "state": "lies", "code": "evidence.block", "height": 3,
         "behind_by": 4, "lies": 2},
    ],
}  # fmt: skip
HEADER = genesis_header(ZERO_DIGEST, ZERO_DIGEST, 0, ZERO_DIGEST)
TOLD = {"order": "", "amount_fen": 300}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "member.toml"
    path.write_text(
        f"""[member]
organisation = "bank:icbc"
genesis = "genesis.json"
chain = "{"0" * 64}"
data_dir = "data"
key = "bank.key"

[nodes]
addresses = ["http://127.0.0.1:1"]
""",
        encoding="utf-8",
    )
    (tmp_path / "data").mkdir()
    return path


@pytest.fixture
def running(config: Path) -> Iterator[Records]:
    kv = SimKV()
    records = Records(kv)
    facts = {"notice": "n", "amount_fen": 123_456, "reference": "", "payee": "x"}
    order = Record.at("order", "finance:430000:1", "approved", HEADER, facts)
    kv.write(records.put(order, b"\x97evidence"), sync=True)
    for number in range(3):
        line = {
            "told": TOLD,
            "order": "",
            "cause": "no-order",
            "how": "",
            "tx_id": "",
            "call_index": 0,
        }
        state = "suspense" if number else "matched"
        record = Record.at("line", f"R{number}", state, HEADER, line)
        kv.write(records.put(record, b"\x97line"), sync=True)
    service = ReadService(config.parent / "data", 0, records, lambda: STATUS)
    service.start()
    yield records
    service.close()


def test_status_names_the_nodes_that_agree_lag_and_lie(running: Records, config: Path) -> None:
    done = yibao("member", "status", config)
    assert done.exit_code == 0, done.output
    for words in ("1 of 2", "lies", "evidence.block", "s.json", "member.no-node"):
        assert words in done.output
    assert json.loads(yibao("member", "status", config, "--json").output) == STATUS


def test_nobody_agrees_is_exit_code_1(
    running: Records, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STATUS, "agree", 0)
    assert yibao("member", "status", config).exit_code == 1


def test_an_order_to_a_person_is_listed_with_its_account_and_proved_by_its_name(
    running: Records, config: Path, tmp_path: Path
) -> None:
    facts = {
        "pays": "reimbursement", "amount_fen": 126_000, "bank": "bank:icbc", "payer": "430100",
        "account": "ab" * 32, "due_on": "", "reference": "", "reason": "", "returned_fen": 0,
    }  # fmt: skip
    order = Record.at("order", "430100z-1/pay-1", "withdrawn", HEADER, facts)
    running._kv.write(running.put(order, b"\x97evidence"), sync=True)
    shown = yibao("member", "list", config, "orders").output
    assert "430100z-1/pay-1" in shown
    assert "withdrawn" in shown
    listed = json.loads(yibao("member", "list", config, "withdrawn", "--json").output)["records"]
    assert len(listed) == 1
    assert listed[0].items() >= facts.items()
    assert listed[0]["kind"] == "order"
    out = tmp_path / "order.evidence"
    assert yibao("member", "proof", config, "order", "430100z-1/pay-1", "-o", out).exit_code == 0
    assert out.read_bytes() == b"\x97evidence"


def test_lists_and_proofs(running: Records, config: Path, tmp_path: Path) -> None:
    (order,) = json.loads(yibao("member", "list", config, "orders", "--json").output)["records"]
    assert (order["name"], order["amount_fen"]) == ("finance:430000:1", 123_456)
    assert "1,234.56" in yibao("member", "list", config, "orders").output
    waits = json.loads(yibao("member", "list", config, "suspense", "--json").output)["records"]
    assert [row["name"] for row in waits] == ["R1", "R2"]
    assert "no-order" in yibao("member", "list", config, "lines").output
    out = tmp_path / "order.evidence"
    done = yibao("member", "proof", config, "order", "finance:430000:1", "-o", out)
    assert done.exit_code == 0, done.output
    assert out.read_bytes() == b"\x97evidence"
    missing = yibao("member", "proof", config, "order", "no", "-o", out)
    assert missing.exit_code == 4
    assert "member.not-found" in missing.output
    assert yibao("member", "list", config, "colours").exit_code == 2
    assert yibao("member", "proof", config, "colour", "x", "-o", out).exit_code == 2


def test_only_who_can_read_the_data_folder_may_ask(running: Records, config: Path) -> None:
    file = config.parent / "data" / ADDRESS_FILE
    assert file.stat().st_mode & 0o077 == 0
    place = json.loads(file.read_text(encoding="utf-8"))
    for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": place["token"]}):
        for path in ("/v1/status", "/v1/records/order", "/", "/v1/../x"):
            answer = httpx.get(place["address"] + path, headers=headers)
            assert (answer.status_code, answer.json()) == (401, {"code": "member.token"})
    right = {"Authorization": f"Bearer {place['token']}"}
    for path in ("/", "/v1/records/colour", "/v1/records/order/x/evidence", "/v1/records"):
        assert httpx.get(place["address"] + path, headers=right).status_code == 404
    assert httpx.post(place["address"] + "/v1/status", headers=right).status_code == 501
    file.write_text(json.dumps(place | {"token": "another"}), encoding="utf-8")
    assert yibao("member", "status", config).exit_code == 4


def test_when_none_runs_it_says_how_to_start_it(config: Path) -> None:
    done = yibao("member", "status", config)
    assert done.exit_code == 3
    assert "yibao member run" in done.output
    (config.parent / "data" / ADDRESS_FILE).write_text(
        json.dumps({"address": "http://127.0.0.1:1", "token": "x"}), encoding="utf-8"
    )
    assert yibao("member", "status", config).exit_code == 3
    (config.parent / "data" / ADDRESS_FILE).write_text("no json", encoding="utf-8")
    assert yibao("member", "status", config).exit_code == 6


def test_every_setting_is_listed() -> None:
    rows = json.loads(yibao("member", "config", "--json").output)
    names = [row["field"] for row in rows]
    assert {"member.chain", "member.checkpoint", "nodes.addresses", "bank.folder"} <= set(names)
    assert "nodes.poll_ms" in yibao("member", "config").output


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('chain = "0', 'chain = "x', "member.chain is 64"),
        ('data_dir = "data"', 'data_dir = "data"\ncheckpoint = "ab"', "member.checkpoint is 64"),
        ('["http://127.0.0.1:1"]', "[]", "at least one node"),
        ('["http://127.0.0.1:1"]', '["http://a", "http://a"]', "each once"),
        ('["http://127.0.0.1:1"]', '["ftp://a"]', "no http"),
        ("[nodes]", "[nodes]\nadress = 1", "nodes.adress is not a setting"),
        ('key = "bank.key"', "", "member.key is missing"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(
    config: Path, old: str, new: str, words: str
) -> None:
    config.write_text(config.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    done = yibao("member", "status", config)
    assert done.exit_code == 6
    assert words in done.output


def test_the_process_says_why_it_does_not_start(config: Path) -> None:
    done = process(config, module="node.member")
    assert done.returncode == Exit.CONFIG
    assert "member.genesis cannot be read" in done.stderr
    (config.parent / "genesis.json").write_text("{}", encoding="utf-8")
    assert member_main.main([str(config)]) == Exit.GENESIS


def test_every_exit_code_is_reached_by_a_failure_and_special_ones_stand_first() -> None:
    used = {code for _, code in FAILURES} | {Exit.STOPPED, Exit.BUG, Exit.LISTEN}
    assert used == set(Exit)
    kinds = [kind for kind, _ in FAILURES]
    for place, kind in enumerate(kinds):
        assert not any(issubclass(kind, earlier) for earlier in kinds[:place]), kind
