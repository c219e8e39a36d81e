"""A scene as a function that tells: the list of all, and what one said."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

from tests.scenes.country import Country

Tell = Callable[[str], None]
Scene = Callable[[Country, Tell], None]

SCENES: list[Scene] = []
"""In the order of the page."""


def scene(function: Scene) -> Scene:
    """Put a scene on the list. Its docstring's first line is its heading."""
    SCENES.append(function)
    return function


def heading(function: Scene) -> str:
    return dedent(function.__doc__ or "").strip().splitlines()[0].rstrip(".")


def play(function: Scene) -> str:
    """Play a scene on a country of its own. Returns its section of the page."""
    sentences: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        country = Country(Path(folder))
        try:
            function(country, sentences.append)
            country.check_books()
        finally:
            country.close()
    return f"## {heading(function)}\n\n" + " ".join(sentences) + "\n"
