"""Changing who orders blocks, from the command line: what is not even proposed."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from cli import validator
from cli.exits import Exit
from tests.cli.running import yibao

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
