"""Signatures checked in groups: who waits together, who is answered what, and who never waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.ledger.errors import InvalidTransaction, Unavailable
from node.ledger.types import Signature
from node.service import signatures
from node.service.node import Node
from node.service.signatures import GROUP_MAX, SIGNATURE_THREADS, Signatures
from node.telemetry import Metrics
from tests.node.cluster import until
from tests.node.network import Client, make_genesis, running

GENESIS, GENESIS_BYTES = make_genesis()
CLIENT = Client(GENESIS.chain)


class Panic(BaseException):
    """As a library in Rust raises it: no ``Exception``."""


class Paper:
    """A transaction whose check is a test: may be held, may raise, notes that it was made."""

    def __init__(self, desk: Desk, name: str, held: bool, error: BaseException | None) -> None:
        self._desk, self._name, self._error = desk, name, error
        self.gate = threading.Event()
        if not held:
            self.gate.set()

    def check_signature(self) -> None:
        self._desk.begun.append(self._name)
        self.gate.wait()
        if self._error is not None:
            raise self._error


class Desk:
    """The checks of a test. Notes the size of each job, and which checks were begun, in order."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.begun: list[str] = []
        self.jobs: list[int] = []
        self.signatures = Signatures(Metrics())
        self._papers: list[Paper] = []
        right = asyncio.BaseEventLoop.run_in_executor

        def run(loop: Any, threads: Any, job: Any, group: list[Any]) -> Any:
            self.jobs.append(len(group))
            return right(loop, threads, job, group)

        patch.setattr(asyncio.BaseEventLoop, "run_in_executor", run)

    def paper(self, name: str, held: bool = False, error: BaseException | None = None) -> Paper:
        self._papers.append(Paper(self, name, held, error))
        return self._papers[-1]

    def bring(self, paper: Paper) -> asyncio.Task[None]:
        """Those brought without a turn of the loop in between come in the same one."""
        return asyncio.create_task(self.signatures.check(paper))  # type: ignore[arg-type]

    async def occupy(self) -> list[tuple[Paper, asyncio.Task[None]]]:
        """Keep all threads busy, each with a lone one."""
        found = []
        for number in range(SIGNATURE_THREADS):
            paper = self.paper(f"held-{number}", held=True)
            found.append((paper, self.bring(paper)))
            await until(lambda: len(self.begun) == len(found))
        return found

    def close(self) -> None:
        """Let go of all, so that no thread outlives its test."""
        for paper in self._papers:
            paper.gate.set()
        self.signatures.close()


def tell(patch: pytest.MonkeyPatch, story: Callable[[Desk], Coroutine[None, None, None]]) -> None:
    """Run a story at a desk; what hangs fails."""

    async def run() -> None:
        desk = Desk(patch)
        try:
            async with asyncio.timeout(30):
                await story(desk)
        finally:
            desk.close()

    asyncio.run(run())


async def turn() -> None:
    """Let the loop do what is ready."""
    for _ in range(3):
        await asyncio.sleep(0)


def test_of_a_group_only_the_bad_signature_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with running(tmp_path, GENESIS_BYTES) as node, asyncio.timeout(30):
            await submit_five(node)

    async def submit_five(node: Node) -> None:
        sizes: list[int] = []
        right = node._admission._signatures._verify

        def verify(group: Any) -> Any:
            sizes.append(len(group))
            return right(group)

        monkeypatch.setattr(node._admission._signatures, "_verify", verify)
        many = [CLIENT.enter(f"k{n}", n) for n in range(5)]
        wrong = Signature(many[1].signature)
        many[2] = replace(many[2], signature=wrong)
        answers = await asyncio.gather(
            *(node.submit(one.encode()) for one in many), return_exceptions=True
        )
        refused = answers.pop(2)
        assert isinstance(refused, InvalidTransaction)
        assert refused.code == "transaction.signature"
        assert not [one for one in answers if isinstance(one, BaseException)]
        assert sizes == [5]
        for one in many[:2] + many[3:]:
            assert await node.wait(one.id, 30)

    asyncio.run(run())


@pytest.mark.parametrize("bug", [ZeroDivisionError("ours"), Panic("the library's")])
def test_a_bug_in_one_check_is_not_the_others(
    bug: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(desk: Desk) -> None:
        papers = [desk.paper("a"), desk.paper("b", error=bug), desk.paper("c")]
        answers = await asyncio.gather(*map(desk.bring, papers), return_exceptions=True)
        assert answers == [None, bug, None]
        assert desk.jobs == [3]
        await desk.bring(desk.paper("later"))

    tell(monkeypatch, story)


def test_a_lone_one_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(desk: Desk) -> None:
        slow = desk.paper("slow", held=True)
        first = desk.bring(slow)
        await until(lambda: desk.begun == ["slow"])
        await desk.bring(desk.paper("lone"))
        assert desk.jobs == [1, 1]
        assert not first.done()
        slow.gate.set()
        await first

    tell(monkeypatch, story)


def test_what_comes_in_one_turn_is_given_out_in_groups_of_bounded_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(desk: Desk) -> None:
        names = [f"{number}" for number in range(2 * GROUP_MAX + 3)]
        await asyncio.gather(*(desk.bring(desk.paper(name)) for name in names))
        assert desk.jobs == [GROUP_MAX, GROUP_MAX, 3]
        assert sorted(desk.begun) == sorted(names)

    tell(monkeypatch, story)


def test_a_full_group_begins_before_the_turn_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(desk: Desk) -> None:
        seen: list[int] = []
        many = [desk.bring(desk.paper(f"{number}")) for number in range(GROUP_MAX + 1)]
        asyncio.get_running_loop().call_soon(lambda: seen.extend(desk.jobs))
        await asyncio.gather(*many)
        assert seen == [GROUP_MAX]
        assert desk.jobs == [GROUP_MAX, 1]

    tell(monkeypatch, story)


def test_what_comes_while_all_threads_are_busy_is_grouped_in_its_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(desk: Desk) -> None:
        held = await desk.occupy()
        later, names = [], [f"{number}" for number in range(GROUP_MAX + 2)]
        for name in names:
            later.append(desk.bring(desk.paper(name)))
            await turn()
        assert len(desk.begun) == SIGNATURE_THREADS
        held[0][0].gate.set()
        await asyncio.gather(*later)
        assert desk.begun[SIGNATURE_THREADS:] == names
        assert desk.jobs[SIGNATURE_THREADS:] == [GROUP_MAX, 2]
        assert not held[1][1].done()
        held[1][0].gate.set()
        await asyncio.gather(*(task for _, task in held))

    tell(monkeypatch, story)


def test_above_the_bound_the_node_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "SIGNATURES_WAITING_MAX", SIGNATURE_THREADS + 2)

    async def story(desk: Desk) -> None:
        held = await desk.occupy()
        waiting = [desk.bring(desk.paper(name)) for name in "ab"]
        await turn()
        with pytest.raises(Unavailable) as refused:
            await desk.bring(desk.paper("c"))
        assert refused.value.code == "node.busy"
        assert refused.value.values["part"] == "signatures"
        for paper, _ in held:
            paper.gate.set()
        await asyncio.gather(*waiting, *(task for _, task in held))
        await desk.bring(desk.paper("d"))
        assert desk.begun[SIGNATURE_THREADS:] == ["a", "b", "d"]

    tell(monkeypatch, story)


def test_one_whose_client_is_gone_is_not_checked_and_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signatures, "SIGNATURES_WAITING_MAX", SIGNATURE_THREADS + 2)

    async def story(desk: Desk) -> None:
        held = await desk.occupy()
        gone, waits = desk.bring(desk.paper("gone")), desk.bring(desk.paper("waits"))
        await turn()
        gone.cancel()
        held[0][1].cancel()
        await turn()
        assert gone.cancelled()
        others = [desk.bring(desk.paper(name)) for name in "ab"]
        await turn()
        for paper, _ in held:
            paper.gate.set()
        await asyncio.gather(waits, *others, held[1][1])
        assert desk.begun[SIGNATURE_THREADS:] == ["waits", "a", "b"]

    tell(monkeypatch, story)


def test_one_whose_client_goes_while_it_is_checked_keeps_no_answer_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(desk: Desk) -> None:
        slow = desk.paper("slow", held=True)
        gone, other = desk.bring(slow), desk.bring(desk.paper("other"))
        await until(lambda: desk.begun == ["slow"])
        gone.cancel()
        await turn()
        slow.gate.set()
        await other
        assert desk.jobs == [2]

    tell(monkeypatch, story)


def test_closing_waits_for_what_is_checked_and_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(desk: Desk) -> None:
        held = await desk.occupy()
        error = InvalidTransaction("transaction.signature")
        waiting = [desk.bring(desk.paper("good")), desk.bring(desk.paper("bad", error=error))]
        await turn()
        for paper, _ in held:
            paper.gate.set()
        desk.signatures.close()
        assert desk.begun[SIGNATURE_THREADS:] == ["good", "bad"]
        answers = await asyncio.gather(
            *waiting, *(task for _, task in held), return_exceptions=True
        )
        assert answers == [None, error, None, None]

    tell(monkeypatch, story)
