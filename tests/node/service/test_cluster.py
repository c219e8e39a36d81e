"""Four bureaus over real TLS: they agree, survive the loss of one, take it back."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from node.config import ApiConfig, LimitsConfig
from node.ledger.block import Certificate, Header
from node.ledger.errors import InvalidTransaction, Unavailable
from node.ledger.transaction import SignedTransaction
from node.mempool import Waiting
from node.service import http
from node.service import network as network_module
from node.service.keys import SAFETY
from node.service.node import Node
from node.telemetry import make_logger
from tests.node.cluster import Cluster, bureau, running_cluster, until
from tests.node.network import Client

Story = Callable[[Cluster, Client], Coroutine[None, None, None]]


def tell(folder: Path, story: Story, count: int = 4) -> None:
    async def run() -> None:
        async with running_cluster(folder, count) as cluster:
            await story(cluster, Client(cluster.genesis.chain))

    asyncio.run(run())


async def done(node: Node, *transactions: SignedTransaction) -> None:
    for transaction in transactions:
        await node.submit(transaction.encode())
    for transaction in transactions:
        assert await node.wait(transaction.id, 20)


def has(node: Node, transaction: SignedTransaction) -> bool:
    return node.reader.has_transaction(transaction.id)


def test_what_is_submitted_to_any_node_is_final_on_all(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        made = [client.enter(f"k{n}", n + 1) for n in range(8)]
        await asyncio.gather(*(done(cluster.nodes[n % 4], made[n]) for n in range(len(made))))
        height = max(node.head.height for node in cluster.nodes.values())
        await cluster.agree(height)
        for node in cluster.nodes.values():
            assert all(has(node, transaction) for transaction in made)
            with node.reader.view() as view:
                assert view.state("book/k3") == {"total_fen": 4}
        await until(lambda: all(node.status().ready for node in cluster.nodes.values()))

    tell(tmp_path, story)


def test_who_has_not_heard_how_high_the_others_are_is_not_ready(tmp_path: Path) -> None:
    """Connected is not near: a node that comes back far behind looked ready until it was told."""

    async def story(cluster: Cluster, client: Client) -> None:
        await done(cluster.nodes[0], client.enter("a", 1))
        node = cluster.nodes[1]
        await until(lambda: node.status().ready)
        assert node.network is not None
        node.network.exchange.heights.clear()
        assert node.network.has_quorum()
        assert not node.status().ready
        assert b"yibao_ready 0.0" in node.metrics()
        await until(lambda: node.status().ready)

    tell(tmp_path, story)


def test_who_waits_for_a_commit_is_told_that_the_node_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no quorum; the server would end the wait with a bare 500."""
    monkeypatch.setattr(http, "COMMITS_S_MAX", 0.05)

    async def story(cluster: Cluster, client: Client) -> None:
        await cluster.stop(3)
        await cluster.stop(2)
        node, transaction = cluster.nodes[0], client.enter("a", 1)
        edge = http.HttpEdge(node, ApiConfig(port=0), LimitsConfig(), make_logger("error", "json"))
        await edge.start()
        async with httpx.AsyncClient(timeout=20) as asker:
            asked = asyncio.create_task(
                asker.post(
                    f"http://127.0.0.1:{edge.port}/v1/transactions?wait=committed",
                    content=transaction.encode(),
                    headers={"Content-Type": "application/octet-stream"},
                )
            )
            await until(lambda: transaction.id in node._admission._waiters)
            await edge.stop()
            answer = await asked
        assert (answer.status_code, answer.json()["code"]) == (503, "node.stopping")

    tell(tmp_path, story)


def test_the_loss_of_the_primary_costs_a_view_and_nothing_else(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        first = client.enter("a", 1)
        await done(cluster.nodes[0], first)
        lost = cluster.primary()
        await cluster.stop(lost)
        for number, node in list(cluster.nodes.items()):
            await done(node, client.enter(f"b{number}", 2))
        await cluster.agree(max(node.head.height for node in cluster.nodes.values()))
        survivor = next(iter(cluster.nodes.values()))
        assert survivor._replica.situation().view >= 1
        waits = survivor.status().waiting_for
        assert f"not connected: bureau:{['110000', '310000', '430000', '440000'][lost]}" in waits
        with survivor.reader.view() as view:
            assert view.state("book/a") == {"total_fen": 1}

    tell(tmp_path, story)


@pytest.mark.parametrize("ahead", [None, 2], ids=["of nobody", "of another member"])
def test_a_block_in_another_name_is_not_voted_for(tmp_path: Path, ahead: int | None) -> None:
    """The header says who proposed it, and people read it there: a primary signs its own name."""

    async def story(cluster: Cluster, client: Client) -> None:
        await done(cluster.nodes[0], client.enter("a", 1))
        await cluster.agree(1)
        first = cluster.primary()
        lie = "bureau:000000" if ahead is None else bureau((first + ahead) % 4)
        cluster.nodes[first].chain._organisation = lie
        node = cluster.nodes[(first + 1) % 4]
        await done(node, client.enter("b", 2))
        await cluster.agree(node.head.height)
        with node.reader.view() as view:
            names = [
                Header.decode(view.header(height) or b"").proposer
                for height in range(2, view.head.height + 1)
            ]
        assert lie not in names
        assert node._replica.situation().view > 0

    tell(tmp_path, story)


def test_a_node_that_was_away_catches_up_and_votes_again(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        await done(cluster.nodes[0], client.enter("a", 1))
        await cluster.stop(3)
        for number in range(12):
            await done(cluster.nodes[number % 3], client.enter(f"b{number}", number + 1))
        node = await cluster.start(3)
        height = cluster.nodes[0].head.height
        await cluster.agree(height)
        # Without another one, a quorum needs the node that came back.
        await cluster.stop(0)
        last = client.enter("c", 7)
        await done(cluster.nodes[1], last)
        await until(lambda: has(node, last))
        await cluster.agree(node.head.height)

    tell(tmp_path, story)


def test_a_key_that_a_node_behind_does_not_know_is_refused_for_now_only(tmp_path: Path) -> None:
    """Found by chaos runs: a node with an empty folder told clients that their key was none."""

    async def story(cluster: Cluster, client: Client) -> None:
        unknown = Client(client.chain, name="a key of tomorrow").enter("a", 1)
        await done(cluster.nodes[0], client.enter("b", 1))
        # All have told how high they are: now it is certain.
        network = cluster.nodes[0].network
        assert network is not None
        await until(network.is_current)
        with pytest.raises(InvalidTransaction, match=r"transaction\.key"):
            await cluster.nodes[0].submit(unknown.encode())
        await cluster.stop(2)
        await cluster.stop(3)
        await until(lambda: not cluster.nodes[0].status().ready)
        with pytest.raises(Unavailable, match=r"node\.behind"):
            await cluster.nodes[0].submit(unknown.encode())

    tell(tmp_path, story)


def test_a_bug_in_what_is_done_every_second_costs_that_step_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits is passed on again although looking through it fails, second after second."""
    monkeypatch.setattr(network_module, "TEND_S", 0.02)
    monkeypatch.setattr(network_module, "RECHECK_AFTER_MS", 0)

    async def story(cluster: Cluster, client: Client) -> None:
        await cluster.stop(2)
        await cluster.stop(3)
        node = cluster.nodes[1]
        network, seen = node.network, Counter[str]()
        assert network is not None
        right = network.custody.due_again

        def due_again(primary: bytes, now_ms: int) -> Sequence[Waiting]:
            seen["passed on"] += 1
            return right(primary, now_ms)

        def recheck(transaction: SignedTransaction) -> None:
            seen["rechecked"] += 1
            raise ZeroDivisionError

        network.custody.due_again = due_again  # type: ignore[method-assign]
        node._admission.recheck = recheck  # type: ignore[method-assign]
        await node.submit(client.enter("a", 1).encode())
        await until(lambda: seen["rechecked"] > 3)
        before = seen["passed on"]
        await until(lambda: seen["passed on"] > before + 3)
        assert b"peer-bug" in node.metrics()

    tell(tmp_path, story)


class Warnings:
    """A log that keeps what it is warned of."""

    def __init__(self) -> None:
        self.said: list[tuple[str, object]] = []

    def warning(self, event: str, **fields: object) -> None:
        self.said.append((event, fields["peer"]))


@pytest.mark.parametrize(("off_ms", "far"), [(-7_000, "s ahead of"), (90_000, "s behind")])
def test_a_clock_that_is_wrong_is_told(tmp_path: Path, off_ms: int, far: str) -> None:
    """Its node votes for nobody's new block, and nothing else shows that: blocks go on."""

    async def story(cluster: Cluster, client: Client) -> None:
        amounts = itertools.count(1)
        first = cluster.primary()
        node, log = cluster.nodes[(first + 1) % 4], Warnings()
        received, right = node._received, node._received._clock_ms

        async def go_on(condition: Callable[[], bool]) -> None:
            async with asyncio.timeout(20):
                while not condition():
                    await done(cluster.nodes[first], client.enter("a", next(amounts)))

        received._log = cast(Any, log)
        received._clock_ms = lambda: right() + off_ms
        await go_on(lambda: far in node.status().waiting_for)
        event, proposer = log.said[-1]
        assert event == "block.untimely"
        assert f"the block that {proposer} proposed" in node.status().waiting_for
        height = node.head.height
        await go_on(lambda: node.head.height > height + 4)
        assert all(one != after for one, after in pairwise(log.said)), "each is named once"
        received._clock_ms = right
        await go_on(lambda: received.untimely is None)
        assert "clock" not in node.status().waiting_for

    tell(tmp_path, story)


def test_a_wiped_node_follows_and_signs_nothing(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        await done(cluster.nodes[0], client.enter("a", 1))
        await cluster.stop(2)
        shutil.rmtree(cluster.folder(2))
        await done(cluster.nodes[0], client.enter("b", 2))
        node = await cluster.start(2)
        await cluster.agree(cluster.nodes[0].head.height)
        assert not node._replica.situation().may_sign
        assert "record is lost" in node.status().waiting_for
        transaction = client.enter("c", 3)
        await done(node, transaction)
        assert has(node, transaction)

    tell(tmp_path, story)


def test_an_older_safety_record_is_not_believed_by_the_next_start_either(tmp_path: Path) -> None:
    """A copy from a backup: the node meets a signature of its own that the copy does not know. What
    it then says is an alarm; whoever starts the node again must not make it forget that."""

    async def story(cluster: Cluster, client: Client) -> None:
        record, copy = cluster.folder(2) / SAFETY, tmp_path / "backup"
        await cluster.stop(2)
        shutil.copy(record, copy)
        await cluster.start(2)
        await cluster.stop(3)  # now node 2 is needed, and signs
        await done(cluster.nodes[0], client.enter("a", 1))
        await cluster.stop(2)
        shutil.copy(copy, record)
        node = await cluster.start(2)
        await until(lambda: "alarm key-elsewhere" in node.status().waiting_for)
        await cluster.start(3)
        await cluster.stop(2)
        node = await cluster.start(2)
        assert not node._replica.situation().may_sign
        assert "alarm key-burnt" in node.status().waiting_for
        await done(node, client.enter("b", 2))

    tell(tmp_path, story)


def test_a_wiped_node_with_a_new_key_follows(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        await done(cluster.nodes[0], client.enter("a", 1))
        await cluster.stop(2)
        shutil.rmtree(cluster.folder(2))
        cluster.begin_key(2, key="another")
        node = await cluster.start(2, key="another")
        await cluster.agree(cluster.nodes[0].head.height)
        await done(node, client.enter("b", 2))
        assert node.status().role == "follower"
        await until(lambda: node.status().ready)

    tell(tmp_path, story)


def test_all_at_once_lose_power_and_go_on(tmp_path: Path) -> None:
    async def story(cluster: Cluster, client: Client) -> None:
        await done(cluster.nodes[1], client.enter("a", 1))
        for number in range(4):
            await cluster.stop(number)
        for number in range(4):
            await cluster.start(number)
        transaction = client.enter("b", 2)
        await done(cluster.nodes[2], transaction)
        await until(lambda: all(has(node, transaction) for node in cluster.nodes.values()))
        await cluster.agree(cluster.nodes[2].head.height)

    tell(tmp_path, story)


def test_b32_reads_wait_for_no_quorum(tmp_path: Path) -> None:
    """Two of four are gone: nothing is ordered any more, and everything is read, with its proof.
    A read asks one node, which shows what a quorum has signed (no read-only optimisation)."""

    async def story(cluster: Cluster, client: Client) -> None:
        first = client.enter("a", 1)
        await done(cluster.nodes[0], first)
        await cluster.agree(cluster.nodes[0].head.height)
        for number in (2, 3):
            await cluster.stop(number)
        node = cluster.nodes[0]
        await until(lambda: node.network is not None and not node.network.has_quorum())
        waiting = client.enter("b", 2)
        await node.submit(waiting.encode())
        with node.reader.view() as view:
            assert view.state("book/a") == {"total_fen": 1}
            header = Header.decode(view.header(view.head.height) or b"")
            certificate = Certificate.decode(view.certificate(view.head.height) or b"")
        certificate.verify_header(header, node.chain.validators_of_next()[1])
        assert has(node, first)
        assert not has(node, waiting)

    tell(tmp_path, story)
