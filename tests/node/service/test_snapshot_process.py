"""A follower as a process takes a snapshot, opens itself anew on it, goes on, and comes back."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli import devnet, processes
from cli.client import CallSpec, Client, Refused
from cli.network import Network, NodePlace
from node.p2p.payloads import BLOCKS_MAX
from tests.node.service.test_network_process import DEADLINE_S, ready, wait_height

pytestmark = [pytest.mark.process, pytest.mark.slow]
HEIGHT = BLOCKS_MAX + 6
"""More than one answer brings: before it asks for a second, the node looks how far behind it is."""


def announce(client: Client, number: int) -> None:
    args = {"host": "127.0.0.1", "port": 1_000 + number, "tls_pin": bytes([number]) * 32}
    client.submit([CallSpec("organisations", "set_endpoint", args, f"e{number}")])


def take_snapshots(place: NodePlace) -> None:
    """Behind by more than two blocks, the node takes a snapshot."""
    path = place.folder / "node.toml"
    text = path.read_text(encoding="utf-8")
    assert text.count("[p2p]\n") == 1
    path.write_text(text.replace("[p2p]\n", "[p2p]\nsnapshot_after_blocks = 2\n"), encoding="utf-8")


def header_at(made: Network, place: NodePlace, height: int) -> Any:
    with Client(place.url, made.identity("auditor:national", "operator")) as client:
        return client.get(f"/v1/headers/{height}")


def log_of(place: NodePlace) -> str:
    return (place.folder / "node.log").read_text(encoding="utf-8")


def wait_open(place: NodePlace, height: int) -> None:
    """It does not listen while it opens itself anew."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        with contextlib.suppress(httpx.TransportError):
            return wait_height(place, height)
        assert time.monotonic() < deadline, log_of(place)[-2_000:]
        time.sleep(0.05)


def test_a_process_opens_itself_anew_on_its_snapshot(tmp_path: Path) -> None:
    made = devnet.create(tmp_path / "net", bureaus=1, followers=["auditor"])
    validator, follower = made.nodes
    take_snapshots(follower)
    running = [processes.start(validator)]
    try:
        processes.wait_ready(validator, running[0])
        with Client(validator.url, made.identity("centre", "checker")) as client:
            for number in range(HEIGHT):
                announce(client, number)
            process = processes.start(follower)
            running.append(process)
            wait_open(follower, HEIGHT)
            assert process.poll() is None, "one process, before and after"
            assert log_of(follower).count("snapshot.whole") == 1
            assert log_of(follower).count("node.started") == 2
            announce(client, HEIGHT)
            wait_height(follower, HEIGHT + 1)
        assert header_at(made, follower, HEIGHT + 1) == header_at(made, validator, HEIGHT + 1)
        with pytest.raises(Refused) as below:
            header_at(made, follower, HEIGHT - 2)
        assert below.value.code == "read.below-floor"
        process.kill()
        process.wait()
        running[1] = processes.start(follower)
        processes.wait_ready(follower, running[1])
        assert ready(follower)["height"] == HEIGHT + 1
    finally:
        processes.stop_all(running)
