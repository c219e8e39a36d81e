"""A network of replicas in memory, in one thread, under one seed and virtual time.

The production core, unmodified; ``process.Node`` is the driver around it. The network loses,
delays, doubles and reorders, ``Checker`` judges every step. One seed is one story, replayed by
running it again.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from consensus.effects import Execute
from consensus.events import Fetched
from consensus.messages import Block, BlockId, Decided, Kind, Message, NewView, Status
from consensus.pacemaker import Timing
from consensus.quorum import MemberId, ValidatorSet, max_faulty
from consensus.view_change import select
from tests.consensus.checker import Checker, Violation
from tests.consensus.process import GENESIS, Content, Node

TIMING = Timing(base_ms=400, cap_ms=3_000, status_ms=100, idle_status_ms=500, fetch_ms=300)
EVENTS_MAX = 100_000


@dataclass(frozen=True)
class Options:
    """One seed's weather. Probabilities in percent, times in milliseconds."""

    n: int = 4
    loss: int = 0
    duplicate: int = 0
    delay_ms: int = 10
    crash_per_mille: int = 0
    """Chance of a crash at each boundary between two effects."""
    cut_percent: int = 0
    """Chance, every 200 ms, that the links are cut at random."""
    kind_loss: int = 0
    """Loss of one kind of message at a time; which one changes every 200 ms."""
    chaos_ms: int = 4_000
    transaction_every_ms: int = 40
    untimely: int = 0
    """Chance that a node's clock does not like a fresh proposal."""
    base_ms: int = 400
    """T(0) of the view timers: the shorter, the more views."""
    spare: int = 0
    """Nodes that follow at first; the set of members changes now and then when there are any."""


def kind_of(message: Message) -> Kind | None:
    """The kind of a message; None for STATUS and certified blocks."""
    return None if isinstance(message, Status | Decided) else message.statement.kind


class World:
    """Virtual time, the wires, the clients, the nemesis."""

    def __init__(self, seed: int, options: Options) -> None:
        self.rng = random.Random(seed)
        self.options = options
        self.timing = replace(TIMING, base_ms=options.base_ms)
        self.now = 0
        self.events = 0
        self.kinds: Counter[Kind | None] = Counter()
        """Messages put on the wire, by kind."""
        self.in_chaos = True
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        members = tuple(MemberId(b"m%d" % i) for i in range(options.n))
        self.first = ValidatorSet(0, members, seed % options.n)
        self.checker = Checker(GENESIS, self.first)
        self.contents: dict[BlockId, Content] = {}
        self.submitted: list[object] = []
        self.cut: set[tuple[MemberId, MemberId]] = set()
        self.hated: set[Kind | None] = set()
        spares = tuple(MemberId(b"s%d" % i) for i in range(options.spare))
        self.nodes: dict[MemberId, Node] = {
            member: Node(self, member) for member in members + spares
        }
        self.checker.correct.update(self.nodes)
        self.alarms: list[tuple[MemberId, str]] = []

    # --- hooks that adversaries and directed tests override -------------------------------------

    def passes(self, sender: Node, to: MemberId, message: Message) -> bool:
        """A directed test's filter."""
        return True

    def outgoing(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        """What really leaves; a Byzantine member changes it."""
        return [message]

    def hands_over(self, sender: MemberId, block: BlockId, to: Node) -> bool:
        """Whether the content comes along with a proposal."""
        return True

    def processes(self, member: MemberId) -> list[Node]:
        """Where a message to ``member`` arrives."""
        return [self.nodes[member]]

    def look(self, node: Node) -> None:
        """After every step of a node."""
        replica = node.replica
        if replica is None:
            return
        state = replica.state
        n = state.validators.size
        if state.votes.size() > n * 2 * 3 * 3 or state.changes.size() > n * 2:
            raise Violation("I20 memory of votes or view changes grows")
        if sum(map(len, state.early.values())) > n * 2 or len(state.signing) > 16:
            raise Violation("I20 memory of proposals grows")

    def on_alarm(self, node: Node, code: str, sentence: str) -> None:
        self.alarms.append((node.member, code))
        raise Violation(f"alarm {code} on {node.member!r}: {sentence}")

    def make_block(self, node: Node, parent: Block, transactions: tuple[object, ...]) -> Content:
        assert node.replica is not None
        validators = node.replica.state.validators
        following = None
        for transaction in transactions:
            if isinstance(transaction, tuple) and transaction[2] == validators.epoch:
                members = transaction[1]
                following = ValidatorSet(validators.epoch + 1, members, self.now % len(members))
                transactions = (transaction,)
        said = repr((parent.id, node.member, transactions, following, self.now)).encode()
        block = Block(
            BlockId(hashlib.blake2b(said, digest_size=6).hexdigest().encode()),
            parent.id, parent.height + 1, validators.epoch, following is not None,
        )  # fmt: skip
        content = Content(block, transactions, following)
        self.contents[block.id] = content
        return content

    # --- the wires -------------------------------------------------------------------------------

    def is_linked(self, one: MemberId, other: MemberId) -> bool:
        return (one, other) not in self.cut

    def send(self, sender: Node, to: MemberId | None, message: Message) -> None:
        assert sender.replica is not None
        if isinstance(message, NewView):
            selection = select(message.view_changes)
            self.checker.on_new_view(message.statement, selection.base_height, selection.tip)
        members = sender.replica.state.validators.members if to is None else (to,)
        for member in members:
            if member == sender.member or member not in self.nodes:
                continue
            for leaving in self.outgoing(sender, member, message):
                if self.passes(sender, member, leaving):
                    self._carry(sender.member, member, leaving)

    def _is_lost(self, sender: MemberId, to: MemberId, message: Message) -> bool:
        rng, options = self.rng, self.options
        if not self.is_linked(sender, to) or rng.randrange(100) < options.loss:
            return True
        return kind_of(message) in self.hated and rng.randrange(100) < options.kind_loss

    def _carry(self, sender: MemberId, to: MemberId, message: Message) -> None:
        rng, options = self.rng, self.options
        self.kinds[kind_of(message)] += 1
        copies = 1
        if self.in_chaos:
            if self._is_lost(sender, to, message):
                return
            copies += rng.randrange(100) < options.duplicate
        for _ in range(copies):
            delay = rng.randrange(1, 2 * options.delay_ms)
            for process in self.processes(to):
                self.later(delay, lambda at=process: at.receive(sender, message))  # type: ignore[misc]

    def fetch(self, node: Node, peer: MemberId, first: int, last: int) -> None:
        def answer() -> None:
            server = self.nodes.get(peer)
            if server is None or server.replica is None or node.replica is None:
                return
            if not self.is_linked(peer, node.member) and self.in_chaos:
                return
            epoch = node.replica.state.validators.epoch
            blocks = []
            for block, certificate in server.disk.chain[first : last + 1]:
                if certificate is not None and certificate.epoch == epoch:
                    blocks.append(Decided(block, certificate))
                    node.contents.setdefault(block.id, self.contents[block.id])
            node.step(Fetched(peer, tuple(blocks)))

        node.later(self.rng.randrange(1, 3 * self.options.delay_ms), answer)

    def fetch_content(self, node: Node, asked: Execute) -> None:
        for holder in asked.holders or tuple(self.nodes):
            server = self.nodes.get(holder)
            linked = self.is_linked(holder, node.member) or not self.in_chaos
            if server is None or server.replica is None or not linked:
                continue
            content = server.contents.get(asked.block.id)
            if content is not None:
                node.contents[asked.block.id] = content

    def set_of(self, node: Node, epoch: int) -> ValidatorSet:
        if epoch == 0:
            return self.first
        for block, _ in node.disk.chain:
            following = node.disk.contents[block.id].following if block.height else None
            if following is not None and following.epoch == epoch:
                return following
        raise AssertionError("the chain tells every set")

    # --- time ------------------------------------------------------------------------------------

    def later(self, delay_ms: int, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (self.now + delay_ms, self._count, act))

    def run(self, until_ms: int, done: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass. True when ``done`` became true before the end."""
        while self._queue and self._queue[0][0] <= until_ms:
            if done():
                return True
            self.now, _, act = heapq.heappop(self._queue)
            act()
            if self.events > EVENTS_MAX:
                raise Violation("I22 endless work")
        self.now = until_ms
        return done()

    def rolls_crash(self, node: Node) -> bool:
        chance = self.options.crash_per_mille
        return self.in_chaos and chance > 0 and self.rng.randrange(1000) < chance

    # --- the story -------------------------------------------------------------------------------

    def submit(self, transaction: object) -> None:
        self.submitted.append(transaction)
        for node in tuple(self.nodes.values()):
            node.submit(transaction)

    def start(self) -> None:
        for node in self.nodes.values():
            node.start()

    def cut_links(self) -> None:
        """A new weather map: now and then whole groups are apart, now and then single wires."""
        self.cut.clear()
        members = tuple(self.nodes)
        kind = self.rng.randrange(4)
        if kind == 0:
            side = {member: self.rng.randrange(2) for member in members}
            self.cut = {(a, b) for a in members for b in members if side[a] != side[b]}
        elif kind == 1:
            lonely = self.rng.choice(members)
            self.cut = {(a, b) for a in members for b in members if lonely in (a, b)}
        elif kind == 2:
            self.cut = {(a, b) for a in members for b in members if self.rng.randrange(3) == 0}

    def chaos(self) -> None:
        """The first phase: clients send, the weather changes, processes crash."""
        options = self.options
        end = self.now + options.chaos_ms
        for i, at in enumerate(range(0, options.chaos_ms, options.transaction_every_ms)):
            self.later(at, lambda i=i: self.submit(f"t{i}"))  # type: ignore[misc]
        if options.spare:
            for at in range(100, options.chaos_ms, options.chaos_ms // 3):
                self.later(at, self.change_members)
        if options.kind_loss:
            for at in range(0, options.chaos_ms, 200):
                self.later(at, self.hate_a_kind)
        for at in range(0, options.chaos_ms, 200):
            if self.rng.randrange(100) < options.cut_percent:
                self.later(at, self.cut_links)
        self.run(end)

    def hate_a_kind(self) -> None:
        """Messages of a kind or two are lost for a while; mostly those that would decide."""
        kinds = [Kind.COMMIT, Kind.COMMIT, Kind.PREPARE, Kind.NEW_VIEW, Kind.VIEW_CHANGE, None]
        self.hated = {self.rng.choice(kinds), self.rng.choice(kinds)}

    def change_members(self) -> None:
        """Add one, remove one, or give one a new key (another name here)."""
        epoch = max(self.checker.sets)
        members = list(self.checker.sets[epoch].members)
        outside = [name for name in self.nodes if name not in members]
        removable = [name for name in members if name in self.checker.correct]
        change = self.rng.randrange(3)
        if change != 0 and len(members) > max(1, min(4, self.options.n)):
            members.remove(self.rng.choice(removable))
        if change != 1 and outside:
            members.append(self.rng.choice(outside))
        liars = sum(name not in self.checker.correct for name in members)
        affordable = liars <= max_faulty(len(members))
        if affordable and tuple(members) != self.checker.sets[epoch].members:
            self.submit(("members", tuple(members), epoch))

    def heal(self, within_ms: int = 40_000) -> None:
        """The second phase: everything works again; everything submitted must be ordered (I32)."""
        self.in_chaos = False
        self.cut.clear()
        for node in self.nodes.values():
            if node.replica is None:
                node.start()
        for node in self.nodes.values():
            for transaction in self.submitted:
                if not node.is_ordered(transaction):
                    node.submit(transaction)
        self.submit("after the storm")
        if not self.run(self.now + within_ms, self.is_settled):
            raise Violation("I32 not settled in time: " + self.describe())

    def is_settled(self) -> bool:
        heads = {node.head for node in self.correct_nodes() if node.replica is not None}
        ordered = self.checker.transactions
        return len(heads) == 1 and all(tx in ordered for tx in self.submitted)

    def correct_nodes(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.member in self.checker.correct]

    def describe(self) -> str:
        parts = []
        for node in self.nodes.values():
            state = node.replica.state if node.replica is not None else None
            where = "down" if state is None else f"v{state.view} {state.phase.name}"
            parts.append(f"{node.member.decode()} h{node.head.height} {where}")
        return "; ".join(parts)


__all__ = ["GENESIS", "TIMING", "Content", "Node", "Options", "World"]
