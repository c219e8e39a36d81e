"""The main job as a user starts it: a network, real cases, proof offline; then a look around."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli import demo_cases, network
from cli.exits import Exit
from tests.cli.running import process, yibao

pytestmark = [pytest.mark.process, pytest.mark.slow]

AUDITOR = ("auditor:national", "audit")


@dataclass(frozen=True)
class Demo:
    """A finished demo whose network was kept."""

    folder: Path
    result: dict[str, Any]

    @property
    def claim(self) -> str:
        return str(self.result["claims"][0]["id"])

    def env(self, organisation: str, post: str) -> dict[str, str]:
        """Who asks, and which node."""
        known = network.load(self.folder)
        return {
            "YIBAO_NODE": known.nodes[0].url,
            "YIBAO_KEY": str(known.key_path(organisation, post)),
            "YIBAO_PASSPHRASE_FILE": str(known.passphrase_file),
        }

    def ask(self, *words: object, by: tuple[str, str] = AUDITOR) -> Any:
        """JSON answer of a command in this process."""
        answered = yibao(*words, "--json", env=self.env(*by))
        assert answered.exit_code == 0, answered.output
        return json.loads(answered.stdout)

    @property
    def hospital(self) -> tuple[str, str]:
        return self.ask("claim", "show", self.claim)["record"]["institution"], "clerk"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo") / "network"
    done = process("demo", "--claims", "2", "--bureaus", "1", "--dir", folder, "--json")
    assert done.returncode == 0, done.stderr
    return Demo(folder, json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def running(demo: Demo) -> Iterator[Demo]:
    """The demo's network, started again on its data."""
    started = process("devnet", "up", "--dir", demo.folder)
    assert started.returncode == 0, started.stderr
    yield demo
    assert process("devnet", "down", "--dir", demo.folder).returncode == 0


KEYS = {
    "validators", "followers", "height", "state_root", "claims", "killed", "usual_ms",
    "recovered_ms", "caught_up_ms", "proof_verified", "seconds",
}  # fmt: skip


def test_four_bureaus_and_an_auditor_and_the_primary_dies() -> None:
    """What `scripts/demo` shows: the loss of the primary costs a moment and nothing else."""
    done = process("demo", "--claims", "2", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert set(told) == KEYS
    assert (told["validators"], told["followers"]) == (4, ["auditor:national"])
    assert told["killed"].startswith("bureau:")
    assert told["recovered_ms"] > 0
    assert told["caught_up_ms"] > 0
    assert told["proof_verified"] is True
    assert all(claim["matches_expected"] for claim in told["claims"])


def test_the_demo_ends_with_one_object_of_these_keys(demo: Demo) -> None:
    assert set(demo.result) == KEYS
    assert (demo.result["validators"], demo.result["followers"]) == (1, [])
    assert demo.result["killed"] is None
    assert demo.result["height"] > 0
    assert len(bytes.fromhex(demo.result["state_root"])) == 32
    assert demo.result["proof_verified"] is True
    assert [claim["case"] for claim in demo.result["claims"]] == ["seed-01", "seed-02"]
    for claim in demo.result["claims"]:
        assert set(claim) == {
            "id", "case", "total_fen", "funds_fen", "person_fen", "matches_expected"
        }  # fmt: skip
        assert claim["matches_expected"] is True
        assert claim["total_fen"] == claim["funds_fen"] + claim["person_fen"]


def test_people_are_shown_the_tables_the_trace_the_proof_and_how_to_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    done = process("demo", "--claims", "1", "--bureaus", "1", "--dir", folder)
    assert done.returncode == 0, done.stderr
    for words in ("Settled 已结算", "seed-01", "结算单", "fund:370000", "verified offline: receipt",
                  "every node switched off", f"yibao devnet up --dir {folder}"):  # fmt: skip
        assert words in " ".join(done.stdout.split()), words
    assert (folder / "keys" / "auditor.national.audit.key").is_file()


def test_a_folder_with_a_network_is_not_used_again(demo: Demo) -> None:
    again = yibao("demo", "--claims", "1", "--dir", demo.folder)
    assert again.exit_code == Exit.LOCAL
    assert "--dir" in again.stderr


def test_started_again_the_ledger_stands_where_it_was(running: Demo) -> None:
    status = running.ask("status")
    assert status["height"] == running.result["height"]
    assert status["state_root"] == running.result["state_root"]


def test_the_trace_balances_and_ends_at_the_accounts(running: Demo) -> None:
    traced = running.ask("trace", running.claim)
    assert traced["balanced"] is True
    legs = [leg for step in traced["steps"] for leg in step["postings"]]
    assert sum(leg["amount_fen"] for leg in legs) == 0
    assert {leg["account"] for leg in legs} == set(traced["balances"])
    into_fund = [leg["amount_fen"] for leg in legs if leg["account"].startswith("fund:")]
    assert -sum(into_fund) == running.result["claims"][0]["funds_fen"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("status",), "Transactions."),
        (("block", "list", "--limit", "2"), "next: --after"),
        (("block", "show", "1"), "organisations"),
        (("claim", "show", "H31000000003-seed-01"), "settled.total "),
        (("claim", "history", "H31000000003-seed-01"), "claim.settled"),
        (("claim", "explain", "H31000000003-seed-01"), "99,000.00 × 80% = 79,200.00"),
        (("claim", "statement", "H31000000003-seed-01"), "医疗费总额 total"),
        (("claim", "statement", "H31000000003-seed-01", "--html"), "<html"),
        (("claim", "content", "H31000000003-seed-01"), "demo diagnosis"),
        (("claim", "content", "H31000000003-seed-01"), "10,000.00"),
        (("person", "show", "p:370000:seed01"), "insured"),
        (("person", "claims", "p:370000:seed01"), "H31000000003-seed-01"),
        (("person", "account", "p:370000:seed01"), "has_account"),
        (("person", "used", "p:370000:seed01", "2020"), "370000"),
        (("filing", "list", "p:370000:seed01"), "370000-seed-01"),
        (("filing", "show", "370000-seed-01"), "approved"),
        (("fund", "balance", "fund:370000"), "49,920,800.00"),
        (("fund", "postings", "fund:370000"), "-79,200.00"),
        (("org", "show", "bureau:370000"), "checker"),
        (("org", "validators"), "bureau:310000"),
        (("org", "parameter", "filing", "370000"), "provisional_days"),
        (("catalogue", "show", "310000"), "demo-1"),
        (("catalogue", "item", "310000", "XDEMO000000000000000A01"), "床位费"),
        (("policy", "show", "370000", "310"), "def settle(case)"),
        (("trace", "H31000000003-seed-01"), "借贷平衡"),
        (("watch", "--after", "0:0", "--count", "3"), "organisation"),
    ],
    ids=lambda v: " ".join(v[:2]) if isinstance(v, tuple) else "",
)
def test_everything_can_be_looked_at_by_people_and_programs(
    running: Demo, words: tuple[str, ...], said: str
) -> None:
    env = running.env(*AUDITOR)
    shown = yibao(*words, env=env)
    assert shown.exit_code == 0, shown.output
    assert said in shown.stdout
    told = yibao(*words, "--json", env=env)
    assert told.exit_code == 0, told.output
    lines = told.stdout.splitlines()
    for document in lines if words[0] == "watch" else [told.stdout]:
        json.loads(document)


def test_a_transaction_is_found_by_the_id_that_the_history_names(running: Demo) -> None:
    history = running.ask("claim", "history", running.claim)["calls"]
    found = running.ask("tx", "show", history[-1]["tx_id"])
    assert found["receipts"]["receipts"][0]["receipt"]["events"][0]["topic"] == "claim.settled"


def test_an_estimate_writes_nothing(running: Demo, tmp_path: Path) -> None:
    record = running.ask("claim", "show", running.claim)["record"]
    bill = {
        "args": {"claim": "H31000000003-estimate-1", "discharge": record["discharge"],
                 "total_fen": 100, "use_account": False,
                 "visit": {"person": record["person"], "care_kind": "outpatient",
                           "admission": record["discharge"],
                           "presence": {"kind": "card", "certificate": "03"}}},
        "attachments": {"settlement": {
            "visit": {"referral": True, "chronic_disease": "", "diagnoses": ["d"]},
            "lines": [{"line": "1", "code": demo_cases.OWN, "service_date": record["discharge"],
                       "unit_price_e6": 1_000_000, "quantity_e4": 10_000, "amount_fen": 100,
                       "confirmed": 0, "practitioner": "x", "consent": True, "local_code": ""}],
        }},
    }  # fmt: skip
    file = tmp_path / "bill.json"
    file.write_text(json.dumps(bill), encoding="utf-8")
    before = running.ask("status")["state_root"]
    for words in (("claim", "estimate"), ("claim", "settle", "--dry-run")):
        answer = running.ask(*words, file, by=running.hospital)
        assert answer["receipt"]["answer"]["cash_fen"] == 100
    assert running.ask("status")["state_root"] == before
    refused = yibao("claim", "show", "H31000000003-estimate-1", env=running.env(*AUDITOR))
    assert refused.exit_code == Exit.REFUSED


def test_looks_at_a_person_are_listed_for_the_home_bureau(running: Demo) -> None:
    running.ask("person", "show", "p:370000:seed01")
    looks = running.ask("person", "looks", "p:370000:seed01", by=("bureau:370000", "clerk"))
    assert AUDITOR[0] in {look["organisation"] for look in looks["looks"]}
    denied = yibao("person", "looks", "p:370000:seed01", env=running.env(*AUDITOR))
    assert denied.exit_code == Exit.REFUSED


def test_the_genesis_file_that_a_node_gives_is_the_network_s(running: Demo, tmp_path: Path) -> None:
    running.ask("genesis", "fetch", "-o", tmp_path / "g.json")
    assert (tmp_path / "g.json").read_bytes() == (running.folder / "genesis.json").read_bytes()


@pytest.fixture(scope="module")
def evidence(running: Demo, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Evidence files of a settlement, in short and in full, and of a state entry."""
    folder = tmp_path_factory.mktemp("evidence")
    files = {name: folder / name for name in ("short", "full", "state", "absent")}
    running.ask("proof", "save", running.claim, "-o", files["short"])
    running.ask("proof", "save", running.claim, "--full", "-o", files["full"], by=running.hospital)
    running.ask("proof", "save-state", "org/bureau:370000", "-o", files["state"])
    running.ask("proof", "save-state", "org/nobody", "-o", files["absent"])
    files["page"] = folder / "page.txt"
    running.ask("claim", "statement", running.claim, "-o", files["page"], by=running.hospital)
    return files


def verify(demo: Demo, file: Path) -> Any:
    return yibao("proof", "verify", file, "--genesis", demo.folder / "genesis.json", "--json")


def test_evidence_holds_from_the_genesis_file_alone(demo: Demo, evidence: dict[str, Path]) -> None:
    told = {name: verify(demo, evidence[name]) for name in ("short", "full", "state", "absent")}
    assert {name: result.exit_code for name, result in told.items()} == dict.fromkeys(told, 0)
    short, full, state, absent = (json.loads(result.stdout) for result in told.values())
    assert short["signers"] == ["bureau:310000"]
    assert short["receipt"]["amounts"]["total_fen"] == demo.result["claims"][0]["total_fen"]
    assert short["explanation"] is None
    assert full["explanation"]["claim"] == demo.claim
    assert state["present"] is True
    assert state["state_root"] == demo.result["state_root"]
    assert absent["present"] is False
    people = yibao("proof", "verify", evidence["short"], "--genesis", demo.folder / "genesis.json")
    assert "verified" in people.stdout
    assert "claim.settle" in people.stdout, "what was called, and by whom"
    assert f"hospital:{demo.claim.partition('-')[0]}" in people.stdout


def test_the_code_on_the_statement_is_the_one_that_the_evidence_gives(
    demo: Demo, evidence: dict[str, Path]
) -> None:
    """Who holds a printed statement compares 64 digits, and needs no node for it."""
    code = json.loads(verify(demo, evidence["short"]).stdout)["verification_code"]
    groups = [code[place : place + 4] for place in range(0, 64, 4)]
    lines = [" ".join(groups[:8]), " ".join(groups[8:])]
    page = evidence["page"].read_text(encoding="utf-8")
    people = yibao("proof", "verify", evidence["short"], "--genesis", demo.folder / "genesis.json")
    for line in lines:
        assert line in page
        assert line in people.stdout


def test_no_flipped_bit_holds(demo: Demo, evidence: dict[str, Path], tmp_path: Path) -> None:
    spoiled = tmp_path / "spoiled"
    for file in (evidence["short"], evidence["absent"]):
        data = file.read_bytes()
        for number in range(12):
            place = number * len(data) // 12
            changed = bytearray(data)
            changed[place] ^= 1 << (number % 8)
            spoiled.write_bytes(changed)
            result = verify(demo, spoiled)
            assert result.exit_code == Exit.NO, (file.name, place)
            assert json.loads(result.stdout)["verified"] is False
    spoiled.write_bytes(data[:-1])
    people = yibao("proof", "verify", spoiled, "--genesis", demo.folder / "genesis.json")
    assert people.exit_code == Exit.NO
    assert "does not hold" in people.stderr
    assert "whole file" in people.stderr


def test_evidence_is_of_one_network(demo: Demo, evidence: dict[str, Path], tmp_path: Path) -> None:
    assert yibao("devnet", "found", "--dir", tmp_path / "other").exit_code == 0
    other = yibao(
        "proof", "verify", evidence["short"], "--genesis", tmp_path / "other" / "genesis.json"
    )
    assert other.exit_code == Exit.NO
    absent = yibao("proof", "verify", tmp_path / "none", "--genesis", demo.folder / "genesis.json")
    assert absent.exit_code == Exit.LOCAL
