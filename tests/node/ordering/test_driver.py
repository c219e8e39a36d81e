"""The driver's order: durable before signed, barriers awaited, nothing after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from consensus import (
    Block,
    BlockId,
    Build,
    Built,
    Certificate,
    Commit,
    Effect,
    Event,
    Evidence,
    Execute,
    MemberId,
    Message,
    Pending,
    Persist,
    Received,
    Replica,
    SafetyRecord,
    Send,
    Sign,
    Start,
    Statement,
    Status,
    Tick,
    UnsafeStatement,
    ValidatorSet,
    Wake,
)
from consensus.messages import Ballot, Kind
from node.ordering.driver import PEER_BYTES_MAX, Driver

ME = MemberId(b"me")
GENESIS = Block(BlockId(b"genesis"), BlockId(b""), 0, 0)
FIRST = Block(BlockId(b"first"), GENESIS.id, 1, 0)
MEMBERS = ValidatorSet(0, (ME,))
STATUS = Status(0, 0, 0, 0, True, False, 0, 0, 0)
START = Start(GENESIS, None, MEMBERS, GENESIS, SafetyRecord())


class NotedHands:
    """Notes what it is asked for; waits at each barrier, so that an overtaker would show."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.fail_at = ""

    async def _barrier(self, name: str) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        if self.fail_at == name:
            raise OSError(28, "No space left on device")
        self.notes.append(name)

    async def keep(self, blocks: tuple[BlockId, ...], record: SafetyRecord) -> None:
        await self._barrier(f"keep {record.sequence}")

    async def commit(self, block: Block, certificate: Certificate) -> None:
        await self._barrier(f"commit {block.height}")

    def sign(self, member: MemberId, statement: Statement) -> bytes:
        self.notes.append(f"sign {statement.kind.value}")
        return b"signature"

    def send(self, to: MemberId | None, message: Message) -> None:
        self.notes.append(f"send {type(message).__name__}")

    def execute(self, asked: Execute) -> None:
        self.notes.append("execute")

    def build(self, view: int, parent: Block) -> None:
        self.notes.append(f"build on {parent.height}")

    def fetch(self, peer: MemberId, first: int, last: int) -> None:
        self.notes.append("fetch")

    def accuse(self, evidence: Evidence) -> None:
        self.notes.append("accuse")

    def refused(self, peer: MemberId, reason: str) -> None:
        self.notes.append("refused")

    def alarm(self, code: str, sentence: str) -> None:
        self.notes.append(f"alarm {code}")


class Script:
    """A replica that answers events with prepared effects."""

    def __init__(self, answer: Callable[[Event], list[Effect]]) -> None:
        self._answer = answer

    def step(self, event: Event, now_ms: int) -> list[Effect]:
        return self._answer(event)


async def drive(driver: Driver, start: Start, *events: Event) -> BaseException | None:
    driver.begin(start)
    for event in events:
        driver.put(event)
    running = asyncio.ensure_future(driver.run())
    await driver.idle()
    if running.done():
        return running.exception()
    running.cancel()
    await asyncio.wait([running])
    return None


def test_one_member_commits_in_the_order_of_the_contract() -> None:
    hands = NotedHands()
    driver = Driver(Replica((ME,)), hands, lambda: 0)
    assert asyncio.run(drive(driver, START, Built(0, FIRST))) is None
    important = [note for note in hands.notes if not note.startswith("send")]
    assert important == [
        "build on 0", "keep 1", "sign PRE-PREPARE", "sign PREPARE", "keep 2", "sign COMMIT",
        "commit 1", "build on 1",
    ]  # fmt: skip


@pytest.mark.parametrize("step", ["keep 1", "keep 2", "commit 1"])
def test_nothing_happens_after_a_failed_write(step: str) -> None:
    hands = NotedHands()
    hands.fail_at = step
    driver = Driver(Replica((ME,)), hands, lambda: 0)
    error = asyncio.run(drive(driver, START, Built(0, FIRST)))
    assert isinstance(error, OSError)
    assert step not in hands.notes
    after = {"keep 1": "sign PREPARE", "keep 2": "sign COMMIT", "commit 1": "build on 1"}[step]
    assert after not in hands.notes


def test_a_barrier_holds_back_what_follows_it() -> None:
    record = SafetyRecord(sequence=1)
    effects: list[Effect] = [Persist(record, ()), Build(0, GENESIS)]
    hands = NotedHands()
    driver = Driver(Script(lambda event: effects), hands, lambda: 0)  # type: ignore[arg-type]
    asyncio.run(drive(driver, START))
    assert hands.notes == ["keep 1", "build on 0"]


def test_an_uncovered_statement_is_not_signed() -> None:
    """A core with a bug asks for a signature that no durable record covers."""
    vote = Ballot(Kind.PREPARE, 0, 0, 1, FIRST.id)
    hands = NotedHands()
    driver = Driver(Script(lambda event: [Sign(vote, ME, 0)]), hands, lambda: 0)  # type: ignore[arg-type]
    error = asyncio.run(drive(driver, START))
    assert isinstance(error, UnsafeStatement)
    assert hands.notes == []


def test_a_signature_before_its_record_is_a_bug() -> None:
    vote = Ballot(Kind.PREPARE, 0, 0, 1, FIRST.id)
    hands = NotedHands()
    driver = Driver(Script(lambda event: [Sign(vote, ME, 1)]), hands, lambda: 0)  # type: ignore[arg-type]
    assert isinstance(asyncio.run(drive(driver, START)), AssertionError)


def test_the_alarm_clock_brings_a_tick() -> None:
    seen: list[Event] = []

    def answer(event: Event) -> list[Effect]:
        seen.append(event)
        return [Wake(5)] if isinstance(event, Start) else []

    async def story() -> None:
        driver = Driver(Script(answer), NotedHands(), lambda: 5)  # type: ignore[arg-type]
        driver.begin(START)
        running = asyncio.ensure_future(driver.run())
        while not any(isinstance(event, Tick) for event in seen):
            await asyncio.sleep(0)
        running.cancel()

    asyncio.run(story())


def test_effects_without_an_answer_are_passed_on() -> None:
    hands = NotedHands()
    effects: list[Effect] = [Send(None, None), Commit(FIRST, None)]  # type: ignore[arg-type]
    driver = Driver(Script(lambda event: effects), hands, lambda: 0)  # type: ignore[arg-type]
    asyncio.run(drive(driver, START, Pending(None)))
    assert hands.notes == ["send NoneType", "commit 1"] * 2


def test_a_flood_waits_at_its_sender_while_the_disk_hangs() -> None:
    """Of one peer ``PEER_BYTES_MAX`` waits for its turn, whatever it sends; another one's comes in;
    when the disk is back, all that was taken in is worked off and the next may come."""
    liar, other, size = MemberId(b"liar"), MemberId(b"other"), 1_000

    async def story() -> None:
        hands, disk = NotedHands(), asyncio.Event()

        async def hang(blocks: tuple[BlockId, ...], record: SafetyRecord) -> None:
            await disk.wait()

        hands.keep = hang  # type: ignore[method-assign]
        driver = Driver(Replica((ME,)), hands, lambda: 0)
        driver.begin(START)
        running = asyncio.ensure_future(driver.run())
        await driver.idle()
        driver.put(Built(0, FIRST))
        taken: list[MemberId] = []

        async def flood(peer: MemberId, count: int) -> None:
            for _ in range(count):
                await driver.offer(Received(peer, STATUS), size)
                taken.append(peer)

        flooding = asyncio.ensure_future(flood(liar, 1_000))
        await asyncio.sleep(0.0)
        await flood(other, 10)
        most = PEER_BYTES_MAX // size
        assert (taken.count(liar), taken.count(other)) == (most, 10)
        assert driver._events.qsize() <= most + 11
        disk.set()
        await flooding
        await driver.idle()
        assert taken.count(liar) == 1_000
        assert not driver._offered
        # One that is larger than the bound is taken when nothing else of its sender waits.
        await driver.offer(Received(liar, STATUS), 2 * PEER_BYTES_MAX)
        await driver.idle()
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(story())
