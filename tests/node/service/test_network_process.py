"""Four bureaus as processes: one is killed in the middle, the others go on, it comes back."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli import devnet, processes
from cli.client import CallSpec, Client
from cli.network import Network, NodePlace

pytestmark = [pytest.mark.process, pytest.mark.slow]
DEADLINE_S = 40.0


@pytest.fixture
def network(tmp_path: Path) -> Iterator[tuple[Network, list[subprocess.Popen[bytes]]]]:
    made = devnet.create(tmp_path / "net", bureaus=4)
    running = processes.start_all(made)
    try:
        yield made, running
    finally:
        processes.stop_all(running)


def announce(network: Network, place: NodePlace, number: int) -> None:
    """The centre says where its node is, through a bureau: final when this returns."""
    args = {"host": "127.0.0.1", "port": 1_000 + number, "tls_pin": bytes([number]) * 32}
    with Client(place.url, network.identity("centre", "checker")) as client:
        client.submit([CallSpec("organisations", "set_endpoint", args, f"e{number}")])


def ready(place: NodePlace) -> dict[str, object]:
    answer: dict[str, object] = httpx.get(f"{place.url}/v1/ready", timeout=5).json()
    return answer


def wait_height(place: NodePlace, height: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while (found := ready(place).get("height")) is None or int(str(found)) < height:
        assert time.monotonic() < deadline, ready(place)
        time.sleep(0.05)


def test_a_killed_node_costs_nothing_and_comes_back(
    network: tuple[Network, list[subprocess.Popen[bytes]]],
) -> None:
    made, running = network
    for number, place in enumerate(made.nodes):
        announce(made, place, number)
    for place in made.nodes:
        wait_height(place, 4)
    running[0].kill()
    running[0].wait()
    for number, place in enumerate(made.nodes[1:]):
        announce(made, place, 10 + number)
    running[0] = processes.start(made.nodes[0])
    wait_height_of_restarted(made.nodes[0], running[0])
    # Without another one, the node that came back is needed for every block.
    running[1].kill()
    running[1].wait()
    announce(made, made.nodes[0], 20)
    for place in (made.nodes[0], made.nodes[2], made.nodes[3]):
        wait_height(place, 8)


def wait_height_of_restarted(place: NodePlace, process: subprocess.Popen[bytes]) -> None:
    processes.wait_ready(place, process)
    wait_height(place, 7)


def test_an_auditors_follower_has_every_block_and_passes_transactions_on(tmp_path: Path) -> None:
    made = devnet.create(tmp_path / "net", bureaus=4, followers=["auditor"])
    running = processes.start_all(made)
    try:
        follower = made.nodes[4]
        assert follower.organisation == "auditor:national"
        announce(made, made.nodes[0], 0)
        announce(made, follower, 1)
        for place in made.nodes:
            wait_height(place, 2)
        with Client(follower.url, made.identity("auditor:national", "operator")) as client:
            status = client.get("/v1/status/details")
        assert status["role"] == "follower"
        assert status["checked"] == "re-executed"
        assert status["details"]["receives"] == "content"
    finally:
        processes.stop_all(running)
