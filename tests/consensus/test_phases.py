"""The table of phases: whole, closed, and the picture in the documentation is its picture."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consensus.phases import BETWEEN_VIEWS, IN_FLIGHT, TABLE, Cue, Phase, advance, document

PAGE = Path(__file__).parent.parent.parent / "docs" / "consensus-phases.md"

CELLS = [(phase, cue) for phase in Phase for cue in Cue]


def test_every_phase_has_a_row_and_every_cue_a_use() -> None:
    assert set(TABLE) == set(Phase)
    assert {cue for row in TABLE.values() for cue in row} == set(Cue)


def test_every_phase_is_reached_from_the_start() -> None:
    reached, todo = set(), [Phase.WATCHING]
    while todo:
        phase = todo.pop()
        if phase not in reached:
            reached.add(phase)
            todo += TABLE[phase].values()
    assert reached == set(Phase)


@pytest.mark.parametrize(("phase", "cue"), [c for c in CELLS if c[1] not in TABLE[c[0]]])
def test_a_missing_cell_is_a_bug(phase: Phase, cue: Cue) -> None:
    with pytest.raises(AssertionError, match=cue.name):
        advance(phase, cue)


def test_a_vote_needs_an_executed_block_and_no_view_change() -> None:
    assert [phase for phase in Phase if Cue.APPROVED in TABLE[phase]] == [Phase.EXECUTING]
    for phase in BETWEEN_VIEWS:
        assert Cue.PREPARED not in TABLE[phase]
        assert Cue.ADOPTED not in TABLE[phase]


def test_a_certificate_is_welcome_everywhere() -> None:
    assert all(Cue.COMMITTED in TABLE[phase] for phase in Phase)
    assert all(Cue.JOINED in TABLE[phase] for phase in (*IN_FLIGHT, *BETWEEN_VIEWS, Phase.OPEN))


def test_the_page_shows_the_table() -> None:
    if os.environ.get("YIBAO_REWRITE") == "1":
        PAGE.write_text(document(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == document()
