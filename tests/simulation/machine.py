"""A machine: a disk, clocks, an address, and from time to time a running node.

``Node`` is the product's, whole: ``WatchedNode`` only tells the judge what passes through its hands
before doing what the product does. A life begins with opening the database as ``node.__main__``
does and ends with a crash; nothing of it is cleaned up, as nothing is when the power fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from consensus import (
    Block,
    Certificate,
    Event,
    Evidence,
    Execute,
    MemberId,
    Message,
    SafetyRecord,
    Statement,
    Timing,
)
from consensus.effects import Effect
from node.execution.blocks import BlockResult
from node.execution.calls import CallBug
from node.execution.proposing import Proposal
from node.ledger import crypto
from node.ledger.transaction import SignedTransaction
from node.mempool import PoolLimits
from node.ordering.wal import SafetyError, SafetyFile, SafetyLost
from node.ordering.wire import decode_record, encode_record
from node.service.chain import Chain
from node.service.keys import SAFETY
from node.service.network import P2pOptions
from node.service.node import Node, NodeOptions
from node.service.opening import open_database
from node.store.database import Database
from node.store.errors import DatabaseDamaged, DatabaseForeign, WriteFailed
from tests.simulation.clock import Clock
from tests.simulation.disk import Disk, SimKV, SimSafetyDisk
from tests.simulation.files import Files, Folder
from tests.simulation.founding import (
    BEGIN_MS,
    FOLLOWERS,
    PLACES,
    RUNTIME,
    Founded,
    open_options,
    private_of,
    public_of,
)
from tests.simulation.heard import Heard
from tests.simulation.loop import NodeLoop, World
from tests.simulation.net import Net, SimPeers
from tests.simulation.quiet import QUIET, Log
from tests.simulation.strategy import Strategy
from tests.simulation.verdict import Crash, Violation

if TYPE_CHECKING:
    from tests.simulation.judge import Judge

FOLDER = Path("/nowhere")
"""Only names the safety file; the simulated disk holds it."""


class WatchedNode(Node):
    """The product's node, with a judge who looks on."""

    machine: Machine

    def sign(self, member: MemberId, statement: Statement) -> bytes:
        self.machine.judge.on_signed(self.machine, statement)
        return super().sign(member, statement)

    async def commit(self, block: Block, certificate: Certificate) -> None:
        self.machine.committing = certificate
        judge, view = self.machine.judge, self._replica.state.view
        if certificate.view < view:
            judge.trace.point("commit.by-older-view")
        elif certificate.view > view:
            judge.trace.point("commit.by-later-view")
        await super().commit(block, certificate)

    def execute(self, asked: Execute) -> None:
        if not asked.fresh:
            self.machine.judge.trace.point("execute.again")
        super().execute(asked)

    def fetch(self, peer: MemberId, first: int, last: int) -> None:
        self.machine.judge.trace.point("fetch.many" if last > first else "fetch.one")
        super().fetch(peer, first, last)

    def send(self, to: MemberId | None, message: Message) -> None:
        self.machine.judge.on_message(self.machine, message)
        super().send(to, message)

    def accuse(self, evidence: Evidence) -> None:
        self.machine.judge.on_accused(self.machine, evidence)
        super().accuse(evidence)

    def refused(self, peer: MemberId, reason: str) -> None:
        self.machine.judge.on_refused(self.machine, peer, reason)
        super().refused(peer, reason)

    def alarm(self, code: str, sentence: str) -> None:
        self.machine.judge.on_alarm(self.machine, code, sentence)
        super().alarm(code, sentence)

    def _publish(self, result: BlockResult) -> None:
        super()._publish(result)
        self.machine.judge.on_published(self.machine, result)

    def _log_bug(self, bug: CallBug) -> None:
        if self.machine.correct:
            raise Violation("BUG", f"a call met one: {bug.contract}.{bug.method} at {bug.place}")
        super()._log_bug(bug)

    def _on_bug(self, error: BaseException) -> None:
        if self.machine.correct and not self.machine.is_excused(error):
            raise Violation("BUG", f"m{self.machine.number}, work for peers: {error!r}") from error
        super()._on_bug(error)


class Machine:
    """One machine of the simulated network."""

    def __init__(
        self,
        number: int,
        organisation: str,
        founded: Founded,
        world: World,
        net: Net,
        judge: Judge,
        streams: Callable[..., Random],
        *,
        timing: Timing,
        clock: Clock,
        index: bool = False,
        pool: int = 400,
        snapshot_after: int = 10_000,
        seated: bool = True,
    ) -> None:
        """``seated``: it may vote from the start; others have a safety record made later."""
        self.number = number
        self.organisation = organisation
        self.founded = founded
        self.world = world
        self.net = net
        self.judge = judge
        self.timing = timing
        self.clock = clock
        self.files = Files()
        self.key_name = "validate"
        self.disk = Disk(founded.image, streams("disk", number))
        self.strategy = Strategy(self, streams("byz", number))
        self.correct = True
        """It does what the product does, on a disk that keeps what it must keep."""
        self.seated = seated
        self.life = 0
        self.slow = 1
        self.loop: NodeLoop | None = None
        self.node: WatchedNode | None = None
        self.peers: SimPeers | None = None
        self.committing: Certificate | None = None
        self.height = founded.header.height
        """Of the newest block that this machine has shown to anybody."""
        self.lost: str | None = None
        """Why it may not come up any more; None: it may."""
        self.took_snapshot = False
        """It goes on from a snapshot: it has no block below it."""
        self.submitted = 0
        """What clients have handed in to this life of the node."""
        self.runtime = RUNTIME
        """The contracts of this machine's build."""
        self.may_fail: str | None = None
        """An end of the node that the present faults explain."""
        self._schedule = streams("sched", number)
        self._index = index
        self._snapshot_after = snapshot_after
        self._pool = PoolLimits(pool, 8 << 20, pool // 2, 4 << 20)
        self._graves: list[object] = []
        self._held_until = 0
        self.follows = organisation in FOLLOWERS
        """It has no key to vote with."""
        self.by_changes = False
        """It followed by state diffs for a while, and lacks what was attached."""
        if not self.follows:
            self.make_safety(founded.record() if seated else SafetyRecord())

    # --- Identity -----------------------------------------------------------------------------

    @property
    def key(self) -> crypto.PrivateKey:
        """The validate key that the node starts with."""
        return private_of(self.organisation, self.key_name)

    @property
    def member(self) -> MemberId:
        """How consensus names it."""
        if self.follows:
            return MemberId(self.organisation.encode())
        return MemberId(bytes(public_of(self.organisation, self.key_name)))

    def make_safety(self, record: SafetyRecord) -> None:
        """What ``--new-key`` does for a key that never signed, with another record."""
        self.disk.slots = None
        binding = self.founded.genesis.chain + public_of(self.organisation, self.key_name)
        SafetyFile.create(FOLDER / SAFETY, binding, encode_record(record), SimSafetyDisk(self.disk))

    def durable_record(self) -> SafetyRecord | None:
        """What the disk says that the key is bound to."""
        if self.disk.slots is None:
            return None
        binding = self.founded.genesis.chain + public_of(self.organisation, self.key_name)
        file = SafetyFile(FOLDER / SAFETY, binding, SimSafetyDisk(self.disk))
        return decode_record(file.load())

    # --- Life ---------------------------------------------------------------------------------

    def is_up(self) -> bool:
        return self.node is not None

    def is_excused(self, error: BaseException) -> bool:
        """Whether it may end over this. Who is slow ends after its disk is well again."""
        of_disk = isinstance(error, WriteFailed | DatabaseDamaged | SafetyError)
        of_disk = of_disk and not isinstance(error, SafetyLost) and self.disk.has_failed
        return self.may_fail is not None or of_disk

    def is_held(self) -> bool:
        """Stopped by a signal: it answers nobody."""
        return self._held_until > self.world.now

    def start(self) -> None:
        """Power on: open what is there and run a node on it."""
        if self.node is not None or self.lost is not None:
            return
        self.life += 1
        self._held_until, self.disk.has_failed, self.submitted = 0, False, 0
        try:
            node = self._make()
        except Crash:
            self.crash("while opening")
            self.start_after(500_000)
            return
        except (DatabaseDamaged, DatabaseForeign) as damage:
            self.judge.on_unopened(self, damage)
            return
        except WriteFailed as failed:
            self.judge.on_ended(self, failed)
            return
        self.node = node
        loop = self.loop
        assert loop is not None, "it was just made"
        self.judge.on_started(self, node)
        loop.create_task(self._live(node))

    def start_after(self, delay_us: int) -> None:
        self.world.after(delay_us, self.start)

    def crash(self, why: str) -> None:
        """Power off, between two steps."""
        loop, node = self.loop, self.node
        self.judge.on_crash(self, why)
        if loop is not None:
            loop.kill()
            # Kept to the end of the run: what is freed here must not run in somebody's turn.
            self._graves += [loop, node, self.peers]
        self.life += 1
        peers, self.peers = self.peers, None
        self.loop = self.node = None
        self.disk.lose_power()
        if peers is not None:
            for wire in self.net.wires_of(self):
                self.net.drop(wire, "the peer is gone")

    def hold(self, for_us: int) -> None:
        """SIGSTOP for so long."""
        self._held_until = max(self._held_until, self.world.now + for_us)
        if self.loop is not None:
            self.loop.hold(self._held_until)

    def crash_at_write(self, ahead: int) -> None:
        """The power fails at a write to come; 1 is the next."""
        self.disk.crash_at = self.disk.writes + ahead

    def crash_at_step(self, ahead: int) -> None:
        """The power fails before a step of the event loop to come."""
        if self.loop is not None:
            self.loop.crash_in = ahead

    def _on_crash(self) -> None:
        self.crash("a planned moment")
        self.start_after(self._schedule.randrange(100_000, 3_000_000))

    def _make(self) -> WatchedNode:
        founded, world, clock = self.founded, self.world, self.clock
        kv = SimKV(self.disk)
        database = Database(kv, diff_heights=40)
        ledger = open_database(
            database, founded.genesis, founded.genesis_bytes, self.runtime.registry,
            open_options(self._index),
        )  # fmt: skip
        self.loop = NodeLoop(
            world, clock, self._schedule, job_us=200 * self.slow,
            turn_us=0 if self.slow == 1 else 1_000 * self.slow, on_crash=self._on_crash,
        )  # fmt: skip
        folder: Any = Folder(self.files)
        options = NodeOptions(
            organisation=self.organisation, data_dir=folder, pool=self._pool, calls_aim=24,
            bytes_aim=256 << 10, index=self._index,
        )  # fmt: skip
        log: Any = Log(lambda *said: self.judge.on_log(self, *said))

        def connect(who: Any, events: Any, log: Any, clock_ms: Any) -> SimPeers:
            self.peers = SimPeers(self, self.net, who, events, clock_ms)
            return self.peers

        node = WatchedNode(
            options, ledger, self.runtime, None if self.follows else self.key, log,
            genesis_bytes=founded.genesis_bytes,
            p2p=P2pOptions(
                host="127.0.0.1", port=20_000 + PLACES.index(self.organisation),
                key=private_of(self.organisation, "transport"), connect=connect,
                snapshot_after_blocks=self._snapshot_after,
            ),
            timing=self.timing, telemetry=QUIET,
            clock_ms=lambda: clock.wall_ms(world.now),
            monotonic_ms=lambda: clock.monotonic_ms(world.now),
            safety_disk=SimSafetyDisk(self.disk),
        )  # fmt: skip
        node.machine = self
        self._listen(node)
        self._count_ahead(node.chain)
        return node

    def _count_ahead(self, chain: Chain) -> None:
        """Note whether what was run ahead of a commit came to be of use."""
        build, point = chain.build, self.judge.trace.point

        def counting(candidates: Sequence[SignedTransaction], clock_ms: int) -> Proposal:
            ahead = chain._ahead
            if ahead is not None:
                of_use = chain._is_of_use(ahead, clock_ms)
                point("ahead.sealed" if of_use else "ahead.forgotten")
            return build(candidates, clock_ms)

        chain.build = counting  # type: ignore[method-assign]

    def _listen(self, node: WatchedNode) -> None:
        """Note what the core hears of liars (I19)."""
        if not self.correct:
            return
        heard, replica = Heard(self), node._replica
        step = replica.step

        def listening(event: Event, now_ms: int) -> list[Effect]:
            if replica._state is None:
                return step(event, now_ms)
            return heard.step(replica._state, event, lambda: step(event, now_ms))

        replica.step = listening  # type: ignore[method-assign]

    async def _live(self, node: WatchedNode) -> None:
        try:
            await node.start()
            self.strategy.begin()
            await node.run()
        except Exception as error:
            self.judge.on_ended(self, error)

    # --- What its own parts tell --------------------------------------------------------------

    def on_peer_bug(self, error: Exception) -> None:
        """Handling a frame met a bug, or a disk that cannot be read: the node hears of it."""
        if self.correct and not self.is_excused(error):
            raise Violation("BUG", f"m{self.number} handling a frame: {error!r}") from error
        if self.node is not None and self.node.network is not None:
            self.node.network.exchange.on_bug(error)

    def on_fault(self, organisation: str, reason: str) -> None:
        """The node ended a connection because of what came, or of a bug, which blames nobody."""
        if reason == "a bug":
            return
        self.judge.on_fault(self, organisation, reason)

    def wipe(self) -> None:
        """The disk is replaced and its first day's backup brought back: all memory is lost."""
        assert not self.correct, "only liars forget and go on"
        if self.is_up():
            self.crash("its disk is replaced")
        self.disk = Disk(self.founded.image, self.disk.chance)
        self.make_safety(self.founded.record())

    def forget(self) -> None:
        """End of the run: let go of everything."""
        if self.loop is not None:
            self.loop.kill()
        self._graves.clear()


def wall_now_ms(world: World) -> int:
    """The true unix time of the world."""
    return BEGIN_MS + world.now // 1000
