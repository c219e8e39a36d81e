"""Every scene is played, and the page says what the node answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenes.__main__ import page_head
from tests.scenes.all_scenes import NAMED, SCENES
from tests.scenes.told import Scene, heading, play

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scenes.md"


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_the_scene_is_as_the_page_tells_it(scene: Scene) -> None:
    assert play(scene) in PAGE.read_text(encoding="utf-8"), (
        "python -m tests.scenes > docs/scenes.md"
    )


def test_the_page_has_every_scene_once_and_nothing_else() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.startswith(page_head())
    told = [row.removeprefix("## ") for row in text.splitlines() if row.startswith("## ")]
    assert told == [heading(scene) for scene in SCENES]


def test_each_scene_that_is_asked_for_is_told_once() -> None:
    told = [scene for _, scene in NAMED]
    assert len(set(told)) == len(told) == 14
    assert set(told) <= set(SCENES)
