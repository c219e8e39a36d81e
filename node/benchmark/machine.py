"""The machine that a figure was measured on, and how fast it is just now.

A virtual machine's speed follows its neighbours: one program took 264 s in a morning and 333 s that
afternoon. So a fixed piece of work is timed beside every run, the same in all versions of this
program: of two runs whose yardsticks differ, the figures are compared by their ratio to it. There
are two, because a node waits for memory: ``near`` keeps to a thousand objects, which any cache
holds, ``far`` does the same work across 400,000 of them.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any, Final

STEPS: Final = 200_000
"""Objects looked at in a round, each hashed and counted."""
NEAR, FAR = 1_000, 400_000
"""Objects of each yardstick: 120 bytes each with its place, so 120 KB and 48 MB."""
ROUNDS: Final = 3


def describe() -> dict[str, Any]:
    """Processors, interpreter, load, and both yardsticks. Takes some seconds."""
    return {
        "cpus": os.cpu_count(),
        "cpu": _cpu(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
        "yardstick_ms": measure_apart(),
    }


def measure_apart() -> dict[str, float]:
    """Both yardsticks, ms, by a process of its own: neither the caller's memory nor its threads are
    part of it."""
    command = [sys.executable, "-m", "node.benchmark.machine"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    near, far = map(float, told.split())
    return {"near": near, "far": far}


def measure(objects: int) -> float:
    """Median time of a round over so many objects, ms."""
    held = [number.to_bytes(64, "big") for number in range(objects)]
    return round(1_000 * median(_round(held) for _ in range(ROUNDS)), 1)


def _round(held: list[bytes]) -> float:
    """Seconds of one round. Where to look next is in what was found, so that no look begins before
    the one before it has ended; the step is added, or it would go round in a small circle."""
    counted = dict.fromkeys(range(256), 0)
    place, begun = 0, time.perf_counter()
    for step in range(STEPS):
        digest = sha256(held[place]).digest()
        counted[digest[0]] += 1
        place = (int.from_bytes(digest[:4], "big") + step) % len(held)
    return time.perf_counter() - begun


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


if __name__ == "__main__":
    print(measure(NEAR), measure(FAR))
