"""``yibao devnet`` with a real node: up, up again, status, down, and what a failure says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cli import network
from cli.exits import Exit
from tests.cli.running import process


def devnet(folder: Path, word: str) -> Any:
    result = process("devnet", word, "--dir", folder, "--json")
    assert result.returncode == 0, result.stderr
    (node,) = json.loads(result.stdout)["nodes"]
    return node


@pytest.mark.parametrize(
    "words", [("devnet", "found"), ("devnet", "up"), ("devnet", "status"), ("demo",)]
)
def test_a_place_where_no_folder_can_be_is_told_by_its_name(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "net"
    result = process(*words, "--dir", folder)
    assert result.returncode == Exit.LOCAL
    assert f"error: {folder}" in result.stderr
    assert "Not a directory" in result.stderr


@pytest.mark.process
@pytest.mark.slow
def test_up_status_down_and_on_with_the_same_data(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    started = devnet(folder, "up")
    try:
        assert started["ready"] is True
        assert started["height"] == 0
        os.kill(started["pid"], 0)
        assert devnet(folder, "up") == started, "a node that runs is left alone"
        assert devnet(folder, "status") == started
    finally:
        stopped = devnet(folder, "down")
    assert (stopped["pid"], stopped["ready"]) == (None, False)
    with pytest.raises(ProcessLookupError):
        os.kill(started["pid"], 0)
    assert devnet(folder, "down") == stopped


@pytest.mark.process
@pytest.mark.slow
def test_a_node_that_does_not_come_up_is_shown_with_the_end_of_its_log(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    assert process("devnet", "found", "--dir", folder).returncode == 0
    (place,) = network.load(folder).nodes
    place.config.write_text("[node]\n", encoding="utf-8")
    result = process("devnet", "up", "--dir", folder)
    assert result.returncode == Exit.UNAVAILABLE
    assert "ended with exit code 2" in result.stderr
    assert "node.organisation is missing" in result.stderr
