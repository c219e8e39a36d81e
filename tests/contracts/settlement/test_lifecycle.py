"""The table of a claim's life: every missing cell refuses, the diagram says the same."""

from __future__ import annotations

import itertools

import pytest

from contracts.api import Rejected
from contracts.settlement.life import START
from contracts.settlement.lifecycle import TABLE, Action, ClaimState, follow, mermaid

CELLS = list(itertools.product([START, *ClaimState], Action))


@pytest.mark.parametrize(("state", "action"), CELLS, ids=lambda word: str(word) or "start")
def test_every_cell_is_a_step_or_a_refusal(state: str, action: Action) -> None:
    expected = TABLE.get((state, action))
    if expected is not None:
        assert follow(state, action) is expected
        return
    with pytest.raises(Rejected) as refusal:
        follow(state, action)
    assert refusal.value.code == "claim.wrong-state"
    assert refusal.value.values == {"state": str(state), "action": action.value}


def test_a_plain_life_goes_to_clearing() -> None:
    state: str = START
    for action in ("register", "lines", "withdraw", "lines", "settle", "declare", "audit", "clear"):
        state = follow(state, Action(action))
    assert state == "cleared"


def test_nothing_leaves_a_reversed_claim_and_every_state_is_reached() -> None:
    assert not [cell for cell in TABLE if cell[0] == ClaimState.REVERSED]
    assert set(TABLE.values()) == set(ClaimState)


def test_the_diagram_has_one_arrow_for_every_cell() -> None:
    arrows = mermaid().splitlines()
    assert arrows[0] == "stateDiagram-v2"
    assert "    [*] --> registered: register" in arrows
    assert "    reversed --> [*]" in arrows
    assert sum(": " in arrow for arrow in arrows) == len(TABLE)
