"""Fixtures of the edge's tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.api.access_log import AccessLog
from node.api.settings import ApiSettings
from tests.node.api import story, world
from tests.node.api.asgi import Api
from tests.node.api.world import MemoryNode

UP_MS = 300_000
"""How long the edge has been up when a test begins: longer than a signature lives."""


@dataclass
class Edge:
    """A node in memory with its story, and its HTTP edge."""

    node: MemoryNode
    api: Api
    log: AccessLog
    story: story.Story


def make_edge(folder: Path, settings: ApiSettings | None = None) -> Edge:
    node = MemoryNode()
    told = story.tell(node)
    api, log = world.make_api(node, folder, settings)
    node.time_ms += UP_MS
    return Edge(node, api, log, told)


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    made = make_edge(tmp_path / "looks")
    yield made
    made.log.close()
