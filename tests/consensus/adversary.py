"""Byzantine members: whatever at most f keys can do to the others (SIMULATION.md section 4).

A liar runs the production core, so it knows the protocol and is at the right place at the right
time; what leaves its process is another matter. It signs with its own key only. Each habit is one
method; a liar has a random handful of them, and changes its mind from message to message.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from consensus.events import Event
from consensus.messages import (
    Ballot,
    Block,
    BlockId,
    Certificate,
    Change,
    ChangeProof,
    Decided,
    Kind,
    Message,
    NewView,
    NewViewStatement,
    Proposal,
    Status,
    ViewChange,
    Vote,
    Wish,
    WishStatement,
)
from consensus.quorum import MemberId, max_faulty
from consensus.safety import SafetyRecord
from tests.consensus.checker import seal
from tests.consensus.harness import Content, Node, Options, World

HABITS = (
    "silent", "half_deaf_to", "equivocate", "vote_for_all", "hide_prepared", "old_base",
    "other_new_view", "far_views", "replay", "mutate", "withhold_content", "commit_to_one",
    "forge_certificate", "invent_prepared",
)  # fmt: skip


class Liar(Node):
    """A process of a Byzantine member; forgets its safety record at every restart."""

    def start(self) -> None:
        if self.life and self.world.rng.randrange(2):
            epoch = self.disk.record.epoch if self.disk.record else 0
            self.disk.record = SafetyRecord(epoch=epoch)
        super().start()

    def step(self, event: Event) -> None:
        super().step(event)
        if self.replica is not None:
            self.replica.state.halted = ""  # nothing stops a liar


class HostileWorld(World):
    """A world with ``f`` Byzantine members, one or two processes for each."""

    def __init__(self, seed: int, options: Options, habits: tuple[str, ...] | None = None) -> None:
        super().__init__(seed, options)
        self.dice = random.Random(seed + 1_000_003)
        liars = self.dice.sample(self.first.members, max_faulty(options.n))
        if habits is None:
            habits = tuple(self.dice.sample(HABITS, self.dice.randrange(1, 5)))
        self.habits = habits
        self.liars = set(liars)
        self.twins: dict[MemberId, Node] = {}
        for member in liars:
            self.checker.correct.discard(member)
            self.nodes[member] = Liar(self, member)
            if self.dice.randrange(3) == 0:
                self.twins[member] = Liar(self, member)
        self.heard: list[Message] = []
        self.ballots: dict[tuple[int, int], dict[BlockId, Block]] = {}

    def start(self) -> None:
        super().start()
        for twin in self.twins.values():
            twin.start()

    def processes(self, member: MemberId) -> list[Node]:
        both = super().processes(member)
        twin = self.twins.get(member)
        if twin is None:
            return both
        return [*both, twin] if self.dice.randrange(4) else [self.dice.choice([*both, twin])]

    def hands_over(self, sender: MemberId, block: BlockId, to: Node) -> bool:
        hides = sender in self.liars and "withhold_content" in self.habits
        return not hides or self.dice.randrange(2) == 0

    def on_alarm(self, node: Node, code: str, sentence: str) -> None:
        if node.member not in self.liars:
            super().on_alarm(node, code, sentence)

    def outgoing(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        if isinstance(message, Proposal):
            slot = (message.statement.epoch, message.statement.height)
            self.ballots.setdefault(slot, {})[message.block.id] = message.block
        if sender.member not in self.liars:
            return [message]
        self.heard.append(message)
        leaving = [message]
        for habit in self.habits:
            if self.dice.randrange(3):
                act: Callable[..., list[Message]] = getattr(self, "_" + habit)
                leaving = [out for item in leaving for out in act(sender, to, item)]
        return leaving

    # --- habits: (sender, to, message) -> what leaves instead ------------------------------------

    def _withhold_content(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        return [message]  # see hands_over

    def _silent(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        return []

    def _half_deaf_to(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        return [message] if to[-1] % 2 else []

    def _commit_to_one(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        commit = isinstance(message, Vote) and message.statement.kind is Kind.COMMIT
        return [] if commit and to[-1] % 4 else [message]

    def _equivocate(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        if not isinstance(message, Proposal) or to[-1] % 2:
            return [message]
        if sender.replica is None or not sender.pool:
            return [message]
        parent = sender.head
        if parent.id != message.block.parent:
            return [message]
        other = self._other_block(sender, parent, message.block)
        return [self._proposal(sender.member, message, other)]

    def _other_block(self, sender: Node, parent: Block, block: Block) -> Block:
        held = self.ballots.get((parent.epoch, parent.height + 1), {}).values()
        others = [b for b in held if b.id != block.id and b.parent == parent.id]
        if others:
            return others[0]
        content: Content = self.make_block(sender, parent, tuple(sender.pool)[-1:])
        if content.block.id != block.id:
            sender.contents[content.block.id] = content
            self.ballots.setdefault((parent.epoch, parent.height + 1), {})[content.block.id] = (
                content.block
            )
        return content.block

    def _proposal(self, member: MemberId, message: Proposal, block: Block) -> Proposal:
        said = replace(message.statement, block=block.id)
        return Proposal(message.sender, said, block, seal(member, said))

    def _vote_for_all(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        if not isinstance(message, Vote):
            return [message]
        said = message.statement
        votes: list[Message] = [
            self._vote(sender.member, message.sender, replace(said, kind=kind, block=block))
            for block in self.ballots.get((said.epoch, said.height), {})
            for kind in (Kind.PREPARE, Kind.COMMIT)
        ]
        self.dice.shuffle(votes)
        return votes or [message]

    def _vote(self, member: MemberId, index: int, said: Ballot) -> Vote:
        self.checker.on_signed(member, said)
        return Vote(index, said, seal(member, said))

    def _hide_prepared(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        if not isinstance(message, ViewChange):
            return [message]
        said = replace(message.statement, prepared=None)
        proof = ChangeProof(message.proof.base_certificate, None, None)
        return [ViewChange(message.sender, said, proof, seal(sender.member, said))]

    def _old_base(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        if not isinstance(message, ViewChange) or sender.replica is None:
            return [message]
        base = sender.replica.state.epoch_base
        said = Change(message.statement.epoch, message.statement.view, base.height, base.id, None)
        proof = ChangeProof(None, None, None)
        return [ViewChange(message.sender, said, proof, seal(sender.member, said))]

    def _other_new_view(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        if not isinstance(message, NewView) or sender.replica is None:
            return [message]
        state = sender.replica.state
        held = list(state.changes.of(message.statement.view).values())
        if len(held) < state.validators.quorum:
            return [message]
        chosen = sorted(self.dice.sample(held, state.validators.quorum), key=lambda c: c.sender)
        said = NewViewStatement(
            message.statement.epoch, message.statement.view,
            tuple((change.sender, change.statement) for change in chosen),
        )  # fmt: skip
        return [NewView(message.sender, said, tuple(chosen), seal(sender.member, said))]

    def _far_views(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        if not isinstance(message, Vote | Wish):
            return [message]
        jump = self.dice.choice([1, 2, 7, 2**20, 2**62, 2**63 - 1])
        wish = WishStatement(message.statement.epoch, min(2**63 - 1, message.statement.view + jump))
        return [message, Wish(message.sender, wish, seal(sender.member, wish))]

    def _replay(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        return [message, self.dice.choice(self.heard)]

    def _mutate(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        """One small-scope change of a vote or a proposal, signed anew (ByzzFuzz)."""
        if not isinstance(message, Vote | Proposal):
            return [message]
        said = message.statement
        step = self.dice.choice([-1, 1])
        said = self.dice.choice([
            replace(said, view=max(0, said.view + step)),
            replace(said, height=said.height + step),
            replace(said, kind=self.dice.choice([Kind.PROPOSE, Kind.PREPARE, Kind.COMMIT])),
        ])  # fmt: skip
        signature = seal(sender.member, said)
        return [message, replace(message, statement=said, signature=signature)]

    def _forge_certificate(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        """A certificate of too few: its own signature alone, or as often as a quorum needs."""
        if not isinstance(message, Status) or sender.replica is None or not sender.pool:
            return [message]
        state, parent = sender.replica.state, sender.head
        if state.me is None:
            return [message]
        block = self._other_block(sender, parent, parent)
        said = Ballot(Kind.COMMIT, block.epoch, state.view, block.height, block.id)
        certificate = self._alone(sender.member, state.me, said, state.validators.quorum)
        return [message, Decided(block, certificate)]

    def _alone(self, member: MemberId, index: int, said: Ballot, quorum: int) -> Certificate:
        self.checker.on_signed(member, said)
        signatures = ((index, seal(member, said)),) * self.dice.choice([1, quorum])
        return Certificate(said.kind, said.epoch, said.view, said.height, said.block, signatures)

    def _invent_prepared(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        """A view change that reports a prepared block that never was."""
        if not isinstance(message, ViewChange) or sender.replica is None or not sender.pool:
            return [message]
        state, said = sender.replica.state, message.statement
        if said.base_block != sender.head.id:
            return [message]
        block = self._other_block(sender, sender.head, sender.head)
        ballot = Ballot(Kind.PREPARE, said.epoch, said.view - 1, block.height, block.id)
        alone = self._alone(sender.member, message.sender, ballot, state.validators.quorum)
        said = replace(said, prepared=ballot)
        proof = ChangeProof(message.proof.base_certificate, block, alone)
        return [ViewChange(message.sender, said, proof, seal(sender.member, said))]
