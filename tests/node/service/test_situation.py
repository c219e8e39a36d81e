"""What the node says it waits for: one sentence, the same as fields, and once in the log."""

from __future__ import annotations

import asyncio
import datetime
import io
import json
from pathlib import Path
from typing import Any

import pytest

from consensus import MemberId, Phase, Situation, Timer
from node.ledger.block import Validator, ValidatorSet
from node.ledger.errors import Unavailable
from node.ledger.types import Key, OrgId
from node.p2p.peers import Absence
from node.service.situation import Watch, waiting
from node.telemetry import make_logger
from tests.node.cluster import bureau, running_cluster, until
from tests.node.network import Client, make_genesis, running

KEYS = [bytes([n]) * 33 for n in range(4)]
SEATS = ValidatorSet(tuple(Validator(OrgId(bureau(n)), Key(KEYS[n])) for n in range(4)))
NAMES = [bureau(n) for n in range(4)]


def situation(phase: Phase, **more: Any) -> Situation:
    given: dict[str, Any] = {
        "epoch": 2, "height": 7, "view": 3, "phase": phase, "primary": MemberId(KEYS[1]),
        "is_primary": False, "may_sign": True, "quorum": 3, "heard": (MemberId(KEYS[0]),),
        "missing": tuple(map(MemberId, KEYS[1:])), "wished_view": 3, "deadline_ms": 5_000,
        "timers": ((Timer.VIEW, 5_000),), "timeout_ms": 2_000, "busy": True,
        "sentence": f"height 7, view 3: {phase.value} (1 of 3 are here)",
    }  # fmt: skip
    return Situation(**{**given, **more})


def test_one_sentence_says_it_all() -> None:
    absent = {NAMES[3]: Absence(1_000, "connection refused")}
    told = waiting(situation(Phase.PREPARING), SEATS, absent, 2_900, 4_200)
    assert told.sentence == (
        "Height 7, view 3: voted PREPARE and waits for a quorum of them (1 of 3 are here); "
        f"voted: {NAMES[0]}; missing: {', '.join(NAMES[1:])}; since 1.3 s; "
        f"not connected: {NAMES[3]} for 3 s (connection refused); "
        "next: asks for the next view in 0.8 s."
    )
    assert told.fields == {
        "epoch": 2, "height": 7, "view": 3, "phase": "preparing", "primary": NAMES[1], "quorum": 3,
        "voted": NAMES[:1], "missing": NAMES[1:], "busy": True, "for_ms": 1_300, "wished_view": 3,
        "timers": [{"what": "asks for the next view", "in_ms": 800}],
        "not_connected": [
            {"organisation": NAMES[3], "for_ms": 3_200, "reason": "connection refused"}
        ],
    }  # fmt: skip


def test_a_clock_that_was_set_back_is_named(tmp_path: Path) -> None:
    """A lone validator was a day ahead: its chain's time has not come yet."""
    genesis, data = make_genesis()
    now_ms = 0

    async def story() -> None:
        nonlocal now_ms
        async with running(tmp_path, data, clock_ms=lambda: now_ms) as node:
            ahead_ms = node.chain.parent.header.time_ms + 86_400_000
            now_ms = ahead_ms
            calls = [("book", "enter", {"key": "a", "amount_fen": 1})]
            transaction = Client(genesis.chain).sign(calls, valid_until_ms=now_ms + 60_000)
            await node.submit(transaction.encode())
            assert await node.wait(transaction.id, 30)
            assert node.status().details["clock_behind_ms"] == 0
            assert node.status().waiting_for == "Transactions."
            now_ms = ahead_ms - 86_399_000
            told = node.status()
            assert told.details["clock_behind_ms"] == 86_399_000
            assert "86399 s ahead of this node's clock" in told.waiting_for
            now_ms = ahead_ms - 60_000
            assert node.status().waiting_for == "Transactions.", "clocks differ by seconds"

    asyncio.run(story())


def test_a_backup_names_the_primary_that_is_to_propose() -> None:
    told = waiting(situation(Phase.OPEN), SEATS, {}, 4_000, 4_200)
    assert f"the primary {NAMES[1]} is to propose one; since 0.2 s" in told.sentence
    assert told.fields["voted"] == told.fields["missing"] == []


def test_an_idle_node_waits_for_nothing() -> None:
    idle = situation(Phase.OPEN, busy=False, timers=(), sentence="height 7, view 3: is idle")
    told = waiting(idle, SEATS, {}, 0, 4_200)
    assert told.sentence == "Height 7, view 3: is idle."
    assert told.fields["for_ms"] == 0


def test_what_lasts_too_long_is_said_once_for_each_place() -> None:
    watch = Watch()
    first, later = (2, 7, 3, Phase.PREPARING), (2, 7, 4, Phase.CHANGING)
    assert watch.at(first, 1_000) is None
    assert watch.at(first, 2_000) is None
    assert not watch.is_late(situation(Phase.PREPARING), 2_999)
    assert not watch.is_late(situation(Phase.PREPARING, busy=False), 9_000)
    assert watch.is_late(situation(Phase.PREPARING), 3_000)
    assert not watch.is_late(situation(Phase.PREPARING), 60_000), "once"
    assert watch.at(later, 61_000) == (Phase.PREPARING, 60_000)
    assert not watch.is_late(situation(Phase.CHANGING), 61_500)
    assert watch.is_late(situation(Phase.CHANGING), 63_000)


def test_a_cluster_without_a_quorum_says_whom_it_waits_for(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_cluster(tmp_path) as cluster:
            client = Client(cluster.genesis.chain)
            for lost in (2, 3):
                await cluster.stop(lost)
            node = cluster.nodes[0]
            stream = io.StringIO()
            node.report._log = make_logger("info", "json", stream)
            await node.submit(client.enter("a", 1).encode())
            await until(lambda: "consensus.waiting" in stream.getvalue())
            lines = [json.loads(line) for line in stream.getvalue().splitlines()]
            said = [line for line in lines if line["event"] == "consensus.waiting"]
            assert f"not connected: {bureau(2)} for" in said[0]["reason"]
            places = [(line["height"], line["view"]) for line in said]
            assert len(places) <= 3 * len(set(places)), "no flood: once for height, view, phase"
            status = node.status()
            assert status.waiting["height"] == 1
            away = [one["organisation"] for one in status.waiting["not_connected"]]
            assert away == [bureau(2), bureau(3)]
            assert status.waiting["timers"], "something happens by itself"
            text = node.metrics().decode()
            assert "yibao_peers_absent 2.0" in text
            assert "yibao_peers 1.0" in text
            # They come back, and the block is made.
            for lost in (2, 3):
                await cluster.start(lost)
            await until(lambda: node.head.height == 1)
            assert "yibao_block_views_count 1.0" in node.metrics().decode()

    asyncio.run(story())


def test_certificates_that_end_are_named_in_time(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_cluster(tmp_path) as cluster:
            node = cluster.nodes[0]
            assert node.network is not None
            await until(lambda: len(node.network.certificates()) == 4)
            assert "TLS" not in node.status().waiting_for
            until_own = node.network.certificate_until
            soon = until_own - datetime.timedelta(days=20)
            node.report._wall_clock_ms = lambda: int(soon.timestamp() * 1000)
            says = node.status().waiting_for
            assert f"TLS certificates end: {bureau(0)} on {until_own.date().isoformat()}" in says
            assert all(name in says for name in NAMES)
            await until(lambda: node.status().ready)  # nothing stops

    asyncio.run(story())


def test_a_node_without_seat_and_peers_says_so_and_takes_nothing_in(tmp_path: Path) -> None:
    """A copy, or a validator whose key was left out of its configuration."""
    genesis, data = make_genesis()

    async def story() -> None:
        async with running(tmp_path, data, key=None) as node:
            told = node.status()
            assert not told.ready
            assert "neither the key of a validator nor peers" in told.waiting_for
            assert b"yibao_ready 0.0" in node.metrics()
            with pytest.raises(Unavailable, match=r"node\.orders-nothing"):
                await node.submit(Client(genesis.chain).enter("a", 1).encode())

    asyncio.run(story())
