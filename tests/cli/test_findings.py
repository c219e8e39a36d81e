"""``yibao debug divergence``, ``yibao evidence``, ``yibao status``: what an operator reads when
something is wrong, and with which exit code the command ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cli import findings, show
from cli.exits import Exit
from tests.cli.running import yibao

DIFFERENCE = {
    "height": 41, "block": "ab" * 32, "proposer": "bureau:310000", "field": "receipts_root",
    "tx_id": "cd" * 32, "call_index": 3, "contract": "claim", "method": "settle",
    "part": "writes_digest", "key": "claim/H44010000123-c7/funds", "ours": "8000", "theirs": "8001",
    "peer": "bureau:110000",
    "says": "Height 41: claim.settle of transaction cdcdcdcdcdcdcdcd is the first call whose "
    "writes_digest differs.",
}  # fmt: skip
OLDER = DIFFERENCE | {"height": 7, "key": "", "says": "a peer's result is asked for"}
PROOF = {
    "file": "E2-epoch0-seat1-9.evidence", "kind": "E2", "epoch": 0, "view": 1, "slot_height": 9,
    "culprits": ["bureau:310000"], "evidence": "00ff",
    "sentence": "bureau:310000 voted for two blocks at height 9.",
}  # fmt: skip
WAITS = (
    "Height 9, view 2: 2 of 3 PREPARE; voted: bureau:110000, bureau:310000; missing: "
    "bureau:320000, bureau:330000; since 4.0 s; next: view change in 1.0 s."
)

Answers = Callable[..., None]


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """A node that answers what a test says, by path."""

    def says(**answers: Any) -> None:
        class Client:
            def get(self, path: str) -> Any:
                return answers[path.removeprefix("/v1/").replace("/", "_")]

        @contextmanager
        def open_client(context: object) -> Iterator[Client]:
            yield Client()

        monkeypatch.setattr(findings, "open_client", open_client)
        monkeypatch.setattr(show, "open_client", open_client)

    return says


def words(text: str) -> str:
    """What a table says, without its lines."""
    return " ".join(text.replace("│", " ").split())


def test_a_divergence_names_transaction_call_and_key(node: Answers) -> None:
    node(divergences={"divergences": [DIFFERENCE, OLDER]})
    told = yibao("debug", "divergence")
    assert told.exit_code == Exit.NO
    shown = words(told.stdout)
    for name in ("tx_id", "call_index", "contract", "method", "key", "ours", "theirs", "peer"):
        assert str(DIFFERENCE[name]) in shown, name
    assert "height 41" in shown
    assert "height 7" in shown


def test_of_one_height_only_and_for_programs(node: Answers) -> None:
    node(divergences={"divergences": [DIFFERENCE, OLDER]})
    told = yibao("debug", "divergence", "--height", 41, "--json")
    assert told.exit_code == Exit.NO
    assert json.loads(told.stdout) == {"divergences": [DIFFERENCE]}
    none = yibao("debug", "divergence", "--height", 8)
    assert none.exit_code == Exit.OK
    assert "the same here" in none.stdout


def test_proofs_of_lying_in_one_sentence_each_and_one_whole(node: Answers) -> None:
    node(accusations={"accusations": [PROOF]})
    listed = yibao("evidence", "list")
    assert listed.exit_code == Exit.OK
    assert PROOF["file"] in listed.stdout
    assert PROOF["sentence"] in listed.stdout
    one = words(yibao("evidence", "show", PROOF["file"]).stdout)
    assert "bureau:310000" in one
    assert "00ff" in one
    other = yibao("evidence", "show", "E1")
    assert other.exit_code == Exit.NO
    assert "holds no evidence E1" in other.stderr
    node(accusations={"accusations": []})
    assert "nobody was caught lying" in yibao("evidence", "list").stdout


@pytest.mark.parametrize("ready", [True, False])
def test_the_status_says_in_a_sentence_what_is_waited_for(node: Answers, ready: bool) -> None:
    answer = {"organisation": "bureau:110000", "ready": ready, "waiting_for": WAITS,
              "waiting": {"height": 9, "missing": ["bureau:320000"]}}  # fmt: skip
    node(status=answer)
    told = yibao("status")
    assert told.exit_code == (Exit.OK if ready else Exit.NO)
    assert WAITS in words(told.stdout)
    assert json.loads(yibao("status", "--json").stdout) == answer, "the same as fields"
