"""A bounded run in every test run: some faults of a seed, on four real nodes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from pathlib import Path

import pytest

from node.ports import free_ports
from tests.chaos.nemesis import WEIGHTS, Action, schedule
from tests.chaos.proxy import Profile, Proxy
from tests.chaos.run import Options, run

NODES = ["a", "b", "c", "d"]


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_faults_break_no_promise(tmp_path: Path) -> None:
    options = Options(seed=20, actions=4)
    result = asyncio.run(run(options, tmp_path))
    assert result.violations == [], result.report
    # It was a run: work was done, looked at and disturbed.
    assert result.report["calls"]["acknowledged"] > 50, result.report
    assert result.report["calls"]["calls ok"] > 100, result.report
    assert result.report["calls"]["reads"] > 10, result.report
    assert result.report["proofs"] > 0, result.report
    assert sum(result.report["faults"].values()) == options.actions + 1, result.report
    assert len(result.history.holdings) == options.nodes


def test_a_schedule_is_its_seeds_and_leaves_nothing_out() -> None:
    def first(seed: int, disk: str | None) -> list[Action]:
        return [a for _, a in zip(range(len(WEIGHTS)), schedule(seed, NODES, disk), strict=False)]

    assert first(1, "b") == first(1, "b")
    assert first(1, "b") != first(2, "b")
    assert {action.kind for action in first(3, "b")} == set(WEIGHTS)
    assert "disk" not in {action.kind for action in first(3, None)}


def test_the_proxy_does_what_it_is_told() -> None:
    """Bytes pass whole and in order; a blocked wire swallows, a cut one closes and refuses."""
    asyncio.run(asyncio.wait_for(_proxied(), 60))


async def _proxied() -> None:
    echoed = bytearray()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            echoed.extend(data)
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    target = server.sockets[0].getsockname()[1]
    port, other = free_ports(2)
    profile = Profile(delay_ms=(1, 9), stall_permille=200, stall_ms=(1, 20))
    # This process plays "b" and dials "a".
    proxy = Proxy(
        {"a": (port, target), "b": (other, target)}, lambda: {"b": os.getpid()}, profile,
        random.Random(1),
    )  # fmt: skip
    await proxy.start()
    data = random.Random(2).randbytes(300_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    assert await reader.readexactly(len(data)) == data
    assert bytes(echoed) == data
    assert proxy.counts["stalls"] > 0

    proxy.wires["b", "a"].blocked = True
    writer.write(b"swallowed")
    while proxy.wires["b", "a"].held < len(b"swallowed"):
        await asyncio.sleep(0)
    assert bytes(echoed) == data
    proxy.heal()
    await _gone(reader, writer)

    proxy.cut(proxy.between({"a"}, {"b"}))
    await _gone(*await asyncio.open_connection("127.0.0.1", port))
    assert proxy.counts["connections refused"] == 1
    proxy.heal()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"again")
    assert await reader.readexactly(5) == b"again"
    await proxy.stop()
    await _gone(reader, writer)
    server.close()
    await server.wait_closed()


async def _gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The other side has ended the connection."""
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await reader.readexactly(1)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
