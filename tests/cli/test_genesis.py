"""``yibao genesis``: a founding from plan to file, and everything that can be wrong with it."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Exit
from cli.identity import identity_of_seed, new_seed, write_key
from node.ledger.genesis import Genesis
from node.ledger.keystore import SCRYPT_N_LEAST
from tests.cli.running import PASSPHRASE, yibao

BUREAU, CENTRE = "bureau:430000", "centre"


@dataclass(frozen=True)
class Ceremony:
    """What the founders have on their tables."""

    folder: Path
    plan: dict[str, Any]
    keys: tuple[Path, ...]

    @property
    def plan_file(self) -> Path:
        return self.folder / "plan.json"

    @property
    def proofs(self) -> Path:
        return self.folder / "proofs"

    @property
    def genesis(self) -> Path:
        return self.folder / "genesis.json"

    def write(self, plan: dict[str, Any]) -> None:
        self.plan_file.write_text(json.dumps(plan), encoding="utf-8")

    def prove(self) -> str:
        """Every organisation proves its keys for the plan's chain; returns the chain."""
        chain = str(told("genesis", "plan", self.plan_file)["chain"])
        self.proofs.mkdir(exist_ok=True)
        for key in self.keys:
            proof = told("keys", "prove", key, "--chain", chain)
            (self.proofs / f"{key.stem}.json").write_text(json.dumps(proof), encoding="utf-8")
        return chain

    def build(self) -> Any:
        words = ("genesis", "build", self.plan_file, "--proofs", self.proofs, "-o", self.genesis)
        return yibao(*words, "--json")


def told(*words: object) -> Any:
    result = yibao(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def ceremony(tmp_path: Path) -> Ceremony:
    paths, organisations = [], []
    roles = {BUREAU: ("read,sign", "validate"), CENTRE: ("read,sign",)}
    for owner, purposes in roles.items():
        keys = []
        for role in purposes:
            seed = new_seed()
            path = tmp_path / f"{owner.replace(':', '-')}-{role.replace(',', '-')}.key"
            write_key(path, seed, PASSPHRASE, chain=bytes(32), role=role, owner=owner,
                      n=SCRYPT_N_LEAST)  # fmt: skip
            paths.append(path)
            keys.append(
                {"key": identity_of_seed(owner, seed).key.hex(), "purposes": role.split(","),
                 "holder": f"staff:{owner}:1", "post": "operator"}
            )  # fmt: skip
        region = "430000" if owner == BUREAU else "000000"
        kind = "bureau" if owner == BUREAU else "centre"
        organisations.append({"id": owner, "kind": kind, "region": region, "keys": keys})
    plan = {
        "time_ms": 1_767_225_600_000,
        "parameters": {},
        "contracts": told("genesis", "contracts"),
        "organisations": organisations,
        "validators": [[BUREAU, organisations[0]["keys"][1]["key"]]],
    }
    made = Ceremony(tmp_path, plan, tuple(paths))
    made.write(plan)
    return made


def test_plan_prove_build_show(ceremony: Ceremony) -> None:
    chain = ceremony.prove()
    built = ceremony.build()
    assert built.exit_code == 0, built.output
    assert json.loads(built.stdout) == {"file": str(ceremony.genesis), "chain": chain}
    shown = told("genesis", "show", ceremony.genesis)
    assert shown["chain"] == chain
    assert shown["validators"] == [BUREAU]
    assert {o["id"]: o["keys"] for o in shown["organisations"]} == {BUREAU: 2, CENTRE: 1}
    assert Genesis.parse(ceremony.genesis.read_bytes()).chain.hex() == chain
    for words in (("plan", ceremony.plan_file), ("show", ceremony.genesis)):
        people = yibao("genesis", *words)
        assert people.exit_code == 0
        assert BUREAU in people.stdout


def test_the_same_plan_is_the_same_chain_and_any_change_another(ceremony: Ceremony) -> None:
    chain = told("genesis", "plan", ceremony.plan_file)["chain"]
    assert told("genesis", "plan", ceremony.plan_file)["chain"] == chain
    ceremony.write({**ceremony.plan, "time_ms": ceremony.plan["time_ms"] + 1})
    assert told("genesis", "plan", ceremony.plan_file)["chain"] != chain


def test_the_endpoint_of_an_organisation_is_part_of_the_plan(ceremony: Ceremony) -> None:
    plan = copy.deepcopy(ceremony.plan)
    endpoint = {"host": "ledger.example", "port": 8801, "tls_pin": "ab" * 32}
    plan["organisations"][0]["endpoint"] = endpoint
    ceremony.write(plan)
    ceremony.prove()
    assert ceremony.build().exit_code == 0
    file = json.loads(ceremony.genesis.read_text(encoding="utf-8"))
    assert [o["endpoint"] for o in file["organisations"] if o["id"] == BUREAU] == [endpoint]


def test_a_missing_proof_names_the_organisation_and_writes_nothing(ceremony: Ceremony) -> None:
    ceremony.prove()
    (ceremony.proofs / "centre-read-sign.json").unlink()
    result = ceremony.build()
    assert result.exit_code == Exit.NO
    assert f"{CENTRE} (read,sign)" in result.stderr
    assert "keys prove" in result.stderr
    assert not ceremony.genesis.exists()


def test_a_proof_for_another_plan_does_not_hold(ceremony: Ceremony) -> None:
    ceremony.prove()
    ceremony.write({**ceremony.plan, "time_ms": ceremony.plan["time_ms"] + 1})
    result = ceremony.build()
    assert result.exit_code == Exit.NO
    assert not ceremony.genesis.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": "zz"}', '{"key": 1, "proof": 2}'])
def test_a_file_that_is_no_proof_is_named(ceremony: Ceremony, text: str) -> None:
    ceremony.prove()
    (ceremony.proofs / "stray.json").write_text(text, encoding="utf-8")
    result = ceremony.build()
    assert result.exit_code == Exit.USAGE
    assert "stray.json" in result.stderr


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[]", "{}", '{"organisations": 5}', '{"organisations": ["x"]}',
     '{"organisations": [{"keys": [{"key": "zz"}]}]}'],
)  # fmt: skip
def test_a_file_that_is_no_plan_is_a_usage_error(ceremony: Ceremony, text: str) -> None:
    ceremony.plan_file.write_text(text, encoding="utf-8")
    result = yibao("genesis", "plan", ceremony.plan_file)
    assert result.exit_code == Exit.USAGE
    assert "plan.json" in result.stderr


@pytest.mark.parametrize(
    ("field", "value"),
    [("validators", [["bureau:990000", "01" + "00" * 32]]), ("time_ms", -1), ("validators", [])],
)
def test_a_plan_that_founds_nothing_is_refused(
    ceremony: Ceremony, field: str, value: object
) -> None:
    ceremony.write({**ceremony.plan, field: value})
    assert yibao("genesis", "plan", ceremony.plan_file).exit_code == Exit.NO


@pytest.mark.parametrize(
    ("organisation", "parameters", "code"),
    [
        ({"kind": "hospital"}, {}, "organisations.wrong-id"),
        ({"region": "430100"}, {}, "organisations.wrong-id"),
        ({"switches": ["inpatient"]}, {}, "organisations.not-an-institution"),
        ({}, {"vote_day": 3}, "organisations.unknown-parameter"),
        ({}, {"vote_days": 0}, "organisations.parameter-shape"),
        ({}, {"filing": {}}, "organisations.unknown-parameter"),
        ({"id": "hospital:H43010000001", "kind": "hospital", "region": "430100"}, {},
         "governance.not-a-bureau"),
    ],
)  # fmt: skip
def test_nobody_founds_what_the_ledger_would_refuse(
    ceremony: Ceremony, organisation: dict[str, Any], parameters: dict[str, Any], code: str
) -> None:
    """A bureau's id says bureau and its region; a parameter is one that a vote could set."""
    plan = copy.deepcopy(ceremony.plan)
    plan["organisations"][0] |= organisation
    plan["parameters"] = parameters
    plan["validators"][0][0] = plan["organisations"][0]["id"]
    ceremony.write(plan)
    result = yibao("genesis", "plan", ceremony.plan_file)
    assert result.exit_code == Exit.NO
    assert code in result.stderr


def test_a_damaged_genesis_file_is_refused(ceremony: Ceremony) -> None:
    ceremony.prove()
    assert ceremony.build().exit_code == 0
    good = ceremony.genesis.read_text(encoding="utf-8")
    file = json.loads(good)
    key = file["organisations"][0]["keys"][0]
    forged = f"{int(key['proof'][:2], 16) ^ 1:02x}" + key["proof"][2:]
    for bad in (
        good[:-10],
        good.replace(key["proof"], forged),
        good.replace('"kind": "bureau"', '"kind": "bureaus"'),
        good.replace("time_ms", "time"),
    ):
        ceremony.genesis.write_text(bad, encoding="utf-8")
        result = yibao("genesis", "show", ceremony.genesis)
        assert result.exit_code == Exit.NO, bad[:80]
        assert "genesis.json" in result.stderr


def test_files_that_are_not_there(ceremony: Ceremony) -> None:
    assert yibao("genesis", "show", ceremony.folder / "none.json").exit_code == Exit.LOCAL
    assert yibao("genesis", "plan", ceremony.folder / "none.json").exit_code == Exit.LOCAL
