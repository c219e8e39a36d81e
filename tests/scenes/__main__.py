"""Writes the page of all scenes, from what the node answered."""

from __future__ import annotations

from tests.scenes.all_scenes import NAMED, SCENES
from tests.scenes.told import heading, play

INTRODUCTION = """# Scenes (场景)

What happens to people who are treated away from home, as the node decided it. Each section is told by a test in `tests/scenes`, end to end: every step is a transaction signed by the hospital, bureau or bank that makes it, every figure is the node's answer. Places are real, people and institutions are made up, and the rules of Changsha here are an example close to the national rule of 2022 (`tests/scenes/country.py`). Made by `python -m tests.scenes > docs/scenes.md`.
"""  # noqa: E501


def page_head() -> str:
    """Introduction, and which scene answers which of those that users name."""
    rows = [f"| {asked} | [{heading(told)}](#{anchor(heading(told))}) |" for asked, told in NAMED]
    return "\n".join([INTRODUCTION, "| what users ask for | told in |", "|---|---|", *rows, ""])


def anchor(title: str) -> str:
    """The link to a heading, as pages on the web make it."""
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -")
    return kept.replace(" ", "-")


def main() -> None:
    print(page_head())
    print("\n".join(play(scene) for scene in SCENES), end="")


if __name__ == "__main__":
    main()
