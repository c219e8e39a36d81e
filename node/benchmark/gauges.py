"""What node processes cost: processor time and memory from the system, the rest from metrics."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from node.benchmark.memory import Memory, read_memory
from node.benchmark.nodes import Place

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
TREE_BYTES = 33 * (2 << 18)
"""The arrays of a state tree of depth 18 (``store.tree_depth``): of one size from the start."""

Reading = Mapping[str, float]


class Gauges:
    """Reads the processes of some nodes."""

    def __init__(self, places: Sequence[Place], pids: Sequence[int]) -> None:
        self._places = places
        self._pids = pids
        self._memory: list[list[Memory]] = []

    def read(self) -> list[Reading]:
        """Of each node: processor seconds (``cpu``) and every metric by name and labels."""
        return [
            {"cpu": _cpu_seconds(pid), **_metrics(place)}
            for place, pid in zip(self._places, self._pids, strict=True)
        ]

    def pool(self) -> list[int]:
        """How many transactions wait at each node."""
        return [int(_metrics(place)["yibao_pool_transactions"]) for place in self._places]

    def begin_memory(self) -> None:
        """Forget the samples so far."""
        self._memory = []

    def sample_memory(self) -> None:
        """Note how much memory each process holds."""
        self._memory.append([read_memory(pid) for pid in self._pids])

    def memory(self, first: float) -> dict[str, Any]:
        """Resident MB at the end, and how much of the processes' own memory came after sample
        ``first``, in per cent of what was there then without the arrays of the state tree.

        Own is what no file backs. Database files that are mapped for reading are the system's
        cache of the disk: they count as resident, grow with the chain, and go when anybody needs
        the room. They are told apart."""
        if not self._memory:
            return {}
        start = self._memory[min(int(first), len(self._memory) - 1)]
        grown = [
            round(100 * (end.own - begin.own) / (begin.own - TREE_BYTES), 1)
            for begin, end in zip(start, self._memory[-1], strict=True)
        ]
        return {
            "resident_mb": [round((size.own + size.mapped) / 1e6, 1) for size in self._memory[-1]],
            "mapped_mb": [round(size.mapped / 1e6, 1) for size in self._memory[-1]],
            "own_grown_after_first_minute_percent": grown,
        }


def since(before: Sequence[Reading], after: Sequence[Reading]) -> dict[str, Any]:
    """What each settled claim cost between two readings: of all nodes together, and stages of the
    first one as an example. What was refused costs too, and is part of it."""
    gone = [
        {name: value - old.get(name, 0.0) for name, value in new.items()}
        for old, new in zip(before, after, strict=True)
    ]
    first = gone[0]
    claims = max(1.0, first.get("yibao_calls_total/status=ok", 0.0))
    blocks = max(1.0, first.get("yibao_blocks_total", 0.0))
    sent: dict[str, float] = {}
    for node in gone:
        for name, value in _labelled(node, "yibao_peer_sent_bytes_total", "frame").items():
            sent[name] = sent.get(name, 0.0) + value
    return {
        "settled_claims": round(claims),
        "blocks": round(blocks),
        "calls_per_block": round(claims / blocks, 1),
        "cpu_seconds": [round(node["cpu"], 1) for node in gone],
        "cpu_us_per_claim": round(sum(node["cpu"] for node in gone) / claims * 1e6),
        "stage_us_per_claim": {
            stage: round(seconds / claims * 1e6, 1)
            for stage, seconds in _labelled(first, "yibao_stage_seconds_total", "stage").items()
        },
        "sent_bytes_per_block": {
            frame: round(size / blocks) for frame, size in sorted(sent.items()) if size
        },
    }


def _metrics(place: Place) -> dict[str, float]:
    text = httpx.get(f"{place.url}/v1/metrics", timeout=30.0).text
    return {
        sample.name + "".join(f"/{k}={v}" for k, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _labelled(reading: Reading, name: str, label: str) -> dict[str, float]:
    """The samples of a metric by the value of its one label."""
    prefix = f"{name}/{label}="
    return {
        key.removeprefix(prefix): value for key, value in reading.items() if key.startswith(prefix)
    }


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND
