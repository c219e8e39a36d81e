"""A process of the harness: a replica, its disk, and the smallest driver that keeps the contract.

Whatever ``consensus/effects.py`` asks of a driver is done here in its order, and a crash is
possible between any two effects. What is on ``Disk`` survives, nothing else does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from consensus.effects import (
    Accuse,
    Alarm,
    Build,
    Commit,
    Effect,
    Execute,
    Fetch,
    Persist,
    Refused,
    Send,
    Sign,
    Wake,
)
from consensus.events import (
    Built,
    Event,
    Executed,
    Pending,
    Received,
    Signed,
    Start,
    Tick,
    Verdict,
)
from consensus.messages import Block, BlockId, Certificate, Message, Proposal
from consensus.quorum import MemberId, ValidatorSet
from consensus.replica import Replica
from consensus.safety import SafetyRecord, check_statement
from tests.consensus.checker import BadSignatureError, Violation, epoch_of, seal, verify

if TYPE_CHECKING:
    from tests.consensus.harness import World

GENESIS = Block(BlockId(b"genesis"), BlockId(b""), 0, 0)


@dataclass
class Content:
    """What a block holds; only the harness looks inside."""

    block: Block
    transactions: tuple[object, ...]
    following: ValidatorSet | None = None
    valid: bool = True


@dataclass
class Disk:
    """What survives a crash."""

    record: SafetyRecord | None = field(default_factory=SafetyRecord)
    chain: list[tuple[Block, Certificate | None]] = field(default_factory=list)
    contents: dict[BlockId, Content] = field(default_factory=dict)


class Node:
    """A process: a replica, its disk, its driver."""

    def __init__(self, world: World, member: MemberId) -> None:
        self.world = world
        self.member = member
        self.disk = Disk(chain=[(GENESIS, None)])
        self.replica: Replica | None = None
        self.contents: dict[BlockId, Content] = {}
        self.executing: dict[BlockId, Execute] = {}
        self.build: Build | None = None
        self.pool: dict[object, int] = {}
        self.told: int | None = None
        self.life = 0

    @property
    def head(self) -> Block:
        return self.disk.chain[-1][0]

    def start(self) -> None:
        """Start, or restart from the disk."""
        self.life += 1
        self.replica = Replica((self.member,), self.world.timing)
        self.contents = dict(self.disk.contents)
        self.executing, self.build, self.told = {}, None, None
        self.pool = {
            transaction: self.world.now
            for transaction in self.world.submitted
            if not self.is_ordered(transaction)
        }
        head, certificate = self.disk.chain[-1]
        epoch = head.epoch + head.epoch_final
        base = next(b for b, _ in reversed(self.disk.chain) if b.epoch < epoch or b.height == 0)
        validators = self.world.set_of(self, epoch)
        self.step(Start(head, certificate, validators, base, self.disk.record))
        self.tell_pending()

    def crash(self) -> None:
        self.life += 1
        self.replica = None

    def is_ordered(self, transaction: object) -> bool:
        height = self.world.checker.transactions.get(transaction)
        return height is not None and height <= self.head.height

    def step(self, event: Event) -> None:
        if self.replica is None:
            return
        life = self.life
        effects = self.replica.step(event, self.world.now)
        self.world.events += 1
        for effect in effects:
            if self.world.rolls_crash(self):
                self.crash()
                self.world.later(self.world.rng.randrange(50, 800), self.start)
                return
            self.perform(effect)
            if self.life != life:
                return
        self.world.look(self)

    def perform(self, effect: Effect) -> None:
        world = self.world
        match effect:
            case Persist(record, blocks):
                for block in blocks:
                    self.disk.contents[block] = self.contents[block]
                self.disk.record = record
            case Sign(statement, member, sequence):
                assert self.disk.record is not None
                check_statement(self.disk.record, statement)
                if self.disk.record.sequence < sequence:
                    raise Violation("I12 signed before the record was durable")
                world.checker.on_signed(member, statement)
                self.soon(Signed(statement, seal(member, statement)))
            case Send(to, message):
                world.send(self, to, message)
            case Execute(block):
                self.executing[block.id] = effect
                self.later(world.rng.randrange(1, 8), lambda: self.try_execute(block.id))
            case Build():
                self.build = effect
                self.later(1, self.try_build)
            case Commit(block, certificate):
                self.commit(block, certificate)
            case Fetch(peer, first, last):
                world.fetch(self, peer, first, last)
            case Wake(at_ms):
                self.later(max(0, at_ms - world.now), lambda: self.step(Tick()))
            case Accuse(evidence):
                world.checker.note(evidence.kind)
                world.checker.on_accused(evidence.culprits, evidence.epoch)
            case Refused(peer, reason):
                world.checker.note("refused")
                if peer in world.checker.correct:
                    raise Violation(f"a correct member's message is refused: {reason}")
            case Alarm(code, sentence):
                world.on_alarm(self, code, sentence)

    def commit(self, block: Block, certificate: Certificate) -> None:
        content = self.contents[block.id]
        self.world.checker.content[block.id] = content.transactions
        self.world.checker.on_commit(self.member, self.head, block, certificate, content.following)
        self.disk.chain.append((block, certificate))
        self.disk.contents[block.id] = content
        for transaction in content.transactions:
            self.pool.pop(transaction, None)
        self.executing.clear()
        self.later(0, self.tell_pending)

    def later(self, delay_ms: int, act: Callable[[], None]) -> None:
        """Do it in this life or never."""
        life = self.life
        self.world.later(delay_ms, lambda: act() if self.life == life else None)

    def soon(self, event: Event) -> None:
        self.later(self.world.rng.randrange(0, 2), lambda: self.step(event))

    def tell_pending(self) -> None:
        oldest = min(self.pool.values(), default=None)
        if oldest != self.told:
            self.told = oldest
            self.step(Pending(oldest, oldest))
        self.try_build()

    def submit(self, transaction: object) -> None:
        if self.replica is not None and not self.is_ordered(transaction):
            self.pool.setdefault(transaction, self.world.now)
            self.tell_pending()

    def try_build(self) -> None:
        asked, world = self.build, self.world
        if asked is None or asked.parent != self.head or not self.pool or self.replica is None:
            return
        self.build = None
        content = world.make_block(self, asked.parent, tuple(self.pool)[:5])
        self.contents[content.block.id] = content
        self.soon(Built(asked.view, content.block, content.following))

    def try_execute(self, block: BlockId) -> None:
        asked = self.executing.get(block)
        if asked is None:
            return
        content = self.contents.get(block)
        if content is None:
            self.world.fetch_content(self, asked)
            self.later(100, lambda: self.try_execute(block))
            return
        del self.executing[block]
        self.step(self.judged(content, asked))

    def judged(self, content: Content, asked: Execute) -> Executed:
        if not content.valid or content.block.parent != self.head.id:
            return Executed(content.block.id, Verdict.INVALID)
        rng, chance = self.world.rng, self.world.options.untimely
        late = asked.fresh and self.world.in_chaos and rng.randrange(100) < chance
        verdict = Verdict.UNTIMELY if late else Verdict.VALID
        return Executed(content.block.id, verdict, content.following)

    def receive(self, peer: MemberId, message: Message) -> None:
        """The ingress: what is not signed as it says never reaches the core."""
        if self.replica is None:
            return
        validators = self.replica.state.validators
        try:
            if epoch_of(message) == validators.epoch:
                verify(message, validators)
        except BadSignatureError:
            self.world.checker.note("bad signature")
            return
        if isinstance(message, Proposal):
            content = self.world.contents.get(message.block.id)
            if content is not None and self.world.hands_over(peer, message.block.id, self):
                self.contents.setdefault(message.block.id, content)
        self.step(Received(peer, message))
