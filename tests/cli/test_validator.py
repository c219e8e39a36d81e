"""Changing who orders blocks, from the command line: what is not even proposed."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import typer

from cli import validator
from cli.exits import Exit
from cli.identity import identity_of_seed, new_seed, write_key
from node.ledger.keystore import SCRYPT_N_LEAST
from tests.cli.running import PASSPHRASE, yibao

END_OF_TIME_MS = 253_370_764_800_000
"""The year 9999."""

FIVE = [f"bureau:{n}00000" for n in range(1, 6)]


class Node:
    """Answers like a node whose set and connections a test made up."""

    def __init__(self, members: list[str], away: list[str]) -> None:
        self.members = members
        self.away = away

    def get(self, path: str) -> dict[str, Any]:
        if path == "/v1/validators":
            return {"validators": [{"organisation": name, "key": "00"} for name in self.members]}
        return {"waiting": {"not_connected": [{"organisation": name} for name in self.away]}}


@pytest.mark.parametrize(
    ("members", "away", "change", "stops"),
    [
        (FIVE[:4], [], {"joins": FIVE[4]}, False),
        (FIVE[:4], FIVE[:1], {"joins": FIVE[4]}, False),  # 4 of 5, the joining one among them
        (FIVE[:4], FIVE[:2], {"joins": FIVE[4]}, True),
        (FIVE, FIVE[:2], {"leaves": FIVE[0]}, False),  # 3 of 4
        (FIVE, FIVE[:2], {"leaves": FIVE[4]}, True),
        (FIVE[:4], FIVE[:1], {"joins": FIVE[0]}, False),  # its key is rotated
    ],
)
def test_a_set_that_could_not_reach_its_quorum_today(
    members: list[str], away: list[str], change: dict[str, str], stops: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    node: Any = Node(members, away)
    validator._check_quorum(node, despite=True, **change)
    if not stops:
        validator._check_quorum(node, **change)
        return
    with pytest.raises(typer.Exit) as ended:
        validator._check_quorum(node, **change)
    assert ended.value.exit_code == Exit.NO
    assert "stop the chain" in capsys.readouterr().err


def test_a_key_is_hexadecimal() -> None:
    result = yibao("validator", "add", FIVE[0], "zz")
    assert result.exit_code == Exit.USAGE
    assert "66 hexadecimal digits" in result.stderr


class Answering:
    """Answers each submission with these receipts, and a question about the state."""

    identity = None

    def __init__(self, *receipts: dict[str, Any], value: dict[str, Any] | None = None) -> None:
        self.receipts = [{"receipt": receipt} for receipt in receipts]
        self.value = value

    def submit(self, calls: Any) -> dict[str, Any]:
        return {"tx_id": "00", "receipts": self.receipts}

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return {"height": 700, "present": True, "value": self.value}


def screen(monkeypatch: pytest.MonkeyPatch, node: Answering, *words: str) -> str:
    monkeypatch.setattr(validator, "open_client", lambda context: nullcontext(node))
    monkeypatch.setattr(validator, "show_submission", lambda answer, as_json: None)
    result = yibao("validator", *words)
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def test_an_approved_key_that_has_not_joined_says_what_it_waits_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its attestation may be too old by the time of the last vote: nothing else tells."""
    wanted = "an attestation of one of the last 100 blocks"
    for status, told in (("approved", True), ("open", False), ("carried", False)):
        node = Answering({"status": "ok", "answer": {"status": status}})
        assert (wanted in screen(monkeypatch, node, "vote", "v-1")) is told
        value = {"action": "validator", "status": status, "subject": {}, "quorum": 3, "votes": [],
                 "attested_height": 549, "until_ms": END_OF_TIME_MS}  # fmt: skip
        assert (wanted in screen(monkeypatch, Answering(value=value), "show", "v-1")) is told
    refused = Answering({"status": "rejected", "answer": {}, "code": "governance.unknown-proposal"})
    assert wanted not in screen(monkeypatch, refused, "vote", "v-1")


def test_a_proposal_whose_time_is_over_is_not_called_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """No call writes that down: the entry says ``open`` or ``approved`` for good."""
    for status, until_ms, told in (
        ("open", END_OF_TIME_MS, "open"),
        ("open", 1, "lapsed"),
        ("approved", 1, "lapsed"),
        ("carried", 1, "carried"),
    ):
        value = {"action": "removal", "status": status, "subject": {}, "quorum": 3, "votes": [],
                 "until_ms": until_ms}  # fmt: skip
        text = screen(monkeypatch, Answering(value=value), "show", "v-1")
        assert f"status │ {told} " in text
        assert "waits for" not in text


def test_nobody_is_asked_to_vote_on_a_proposal_that_was_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for status, told in (("ok", True), ("rejected", False)):
        node = Answering({"status": status}, {"status": status})
        monkeypatch.setattr(validator, "_check_quorum", lambda client, **change: None)
        assert ("the other bureaus vote" in screen(monkeypatch, node, "remove", FIVE[0])) is told


def test_a_key_of_another_network_is_not_rotated_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The proof of possession is a signature of the new key: of its own network's key alone."""
    node: Any = Answering({"status": "ok"})
    node.identity, node.chain = identity_of_seed(FIVE[0], new_seed()), bytes(31) + b"\x01"
    submitted = []
    monkeypatch.setattr(validator, "open_client", lambda context: nullcontext(node))
    monkeypatch.setattr(validator, "_check_quorum", lambda client, **change: None)
    monkeypatch.setattr(validator, "_keys_of", lambda known: [])
    monkeypatch.setattr(validator, "_propose", lambda *given, **more: submitted.append(given))
    for number, chain in enumerate((bytes(32), node.chain, bytes([7] * 32))):
        file = tmp_path / f"{number}.key"
        write_key(
            file, new_seed(), PASSPHRASE,
            chain=chain, role="validate", owner=FIVE[0], n=SCRYPT_N_LEAST,
        )  # fmt: skip
        told = yibao("validator", "rotate", file)
        assert told.exit_code == (Exit.LOCAL if number == 2 else Exit.OK), told.output
    assert len(submitted) == 2
    for network in (node.chain, bytes([7] * 32)):
        assert network.hex() in "".join(told.stderr.split())
