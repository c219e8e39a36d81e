"""Starts and stops the node processes of a network folder; waits until they are ready.

A node that ends before it is ready is reported with the last lines of its log: whoever starts a
network should see why it does not come up without looking for a file.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from cli.network import Network, NodePlace

READY_S_MAX = 60.0
STOP_S_MAX = 20.0
LOG_LINES = 12


class NodeFailed(Exception):  # noqa: N818  (what happened)
    """A node process ended or did not get ready; the message has the end of its log."""


def start(place: NodePlace) -> subprocess.Popen[bytes]:
    """Start one node; its log goes to ``node.log`` in its folder, its id to ``node.pid``."""
    with (place.folder / "node.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "node", str(place.config.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (place.folder / "node.pid").write_text(f"{process.pid}\n", encoding="utf-8")
    return process


def begin_keys(places: Sequence[NodePlace]) -> None:
    """Begin the safety record of keys that were just made and have never signed: a network of
    several validators does not do that by itself. Raises ``NodeFailed``."""
    done = subprocess.run(
        [sys.executable, "-m", "node", *(str(place.config.resolve()) for place in places),
         "--new-key"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise NodeFailed(
            "a key of "
            + ", ".join(place.organisation for place in places)
            + " cannot begin:\n"
            + done.stderr.decode("utf-8", errors="replace")
        )


def wait_ready(place: NodePlace, process: subprocess.Popen[bytes] | None) -> None:
    """Wait until the node answers ready; ``process``: None for one that another command started.
    Raises ``NodeFailed``."""

    def runs() -> bool:
        return running_pid(place) is not None if process is None else process.poll() is None

    deadline = time.monotonic() + READY_S_MAX
    while time.monotonic() < deadline:
        if not runs():
            code = "" if process is None else f" with exit code {process.returncode}"
            raise NodeFailed(
                f"node of {place.organisation} ended{code}:\n" + tail(place.folder / "node.log")
            )
        try:
            if httpx.get(f"{place.url}/v1/ready", timeout=2.0).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise NodeFailed(
        f"node of {place.organisation} is not ready after {READY_S_MAX:.0f} s:\n"
        + tail(place.folder / "node.log")
    )


def start_all(network: Network) -> list[subprocess.Popen[bytes]]:
    """Start every node and wait until all are ready; on failure none is left running."""
    processes = [start(place) for place in network.nodes]
    try:
        for place, process in zip(network.nodes, processes, strict=True):
            wait_ready(place, process)
    except BaseException:
        stop_all(processes)
        raise
    return processes


def stop_all(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ask every process to end, wait, and end it the hard way where it does not."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(timeout=STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def running_pid(place: NodePlace) -> int | None:
    """Process id of a node that was started from this folder and still runs.

    The file alone is not believed: after a restart of the machine the number may be another's.
    """
    try:
        pid = int((place.folder / "node.pid").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return pid if str(place.config.resolve()) in _command_of(pid) else None


def _command_of(pid: int) -> str:
    """The command line of a process; empty where there is no such process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        pass
    if Path("/proc/self").exists():
        return ""
    told = ["ps", "-o", "command=", "-p", str(pid)]
    return subprocess.run(told, capture_output=True, text=True, check=False).stdout


def stop_pid(pid: int) -> bool:
    """End a process that an earlier command started. Whether it ended in time."""
    try:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_S_MAX
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.05)
    except ProcessLookupError:
        return True
    return False


def tail(path: Path) -> str:
    """The last lines of a log."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-LOG_LINES:])
