"""One replica on a test bench: its questions are answered or kept, its effects are all recorded."""

from __future__ import annotations

from typing import TypeVar

from consensus.effects import Effect, Execute, Persist, Send, Sign
from consensus.events import Event, Executed, Received, Signed, Start, Verdict
from consensus.messages import Ballot, Block, Certificate, Kind, Message, Proposal, Vote
from consensus.pacemaker import Timing
from consensus.quorum import ValidatorSet
from consensus.replica import Replica
from consensus.safety import SafetyRecord, check_statement
from consensus.state import State
from tests.consensus.values import FOUR, GENESIS, MEMBERS, ballot, vote

E = TypeVar("E", bound=Effect)

TIMING = Timing(base_ms=1_000, cap_ms=8_000, status_ms=100, idle_status_ms=400, answer_gap_ms=50)


class Bench:
    """Member ``me`` of the set; signatures and executions are answered at once unless held."""

    def __init__(
        self,
        me: int = 1,
        validators: ValidatorSet = FOUR,
        record: SafetyRecord | None = SafetyRecord(),  # noqa: B008  (a frozen value)
        head: Block = GENESIS,
        certificate: Certificate | None = None,
        epoch_base: Block = GENESIS,
    ) -> None:
        self.me = me
        self.replica = Replica((validators.members[me],), TIMING)
        self.now = 0
        self.effects: list[Effect] = []
        self.record = record
        self.executes = True
        self.signs = True
        self.take(Start(head, certificate, validators, epoch_base, record))

    @property
    def state(self) -> State:
        return self.replica.state

    def take(self, event: Event, *, at: int | None = None) -> list[Effect]:
        """Step, answer the questions; the effects of all that followed."""
        self.now = self.now if at is None else at
        self.effects, todo = [], [event]
        while todo:
            for effect in self.replica.step(todo.pop(0), self.now):
                self.effects.append(effect)
                if isinstance(effect, Persist):
                    self.record = effect.record
                if isinstance(effect, Sign):
                    assert self.record is not None
                    check_statement(self.record, effect.statement)
                if isinstance(effect, Sign) and self.signs:
                    todo.append(Signed(effect.statement, b"signature %d" % self.me))
                if isinstance(effect, Execute) and self.executes:
                    todo.append(Executed(effect.block.id, Verdict.VALID))
        return self.effects

    def hear(self, message: Message, peer: int = 0) -> list[Effect]:
        return self.take(Received(MEMBERS[peer], message))

    def propose(self, of: Block, view: int = 0) -> list[Effect]:
        primary = FOUR.primary(view)
        return self.hear(Proposal(primary, ballot(Kind.PROPOSE, of, view), of, b"s"), primary)

    def votes(self, kind: Kind, of: Block, senders: tuple[int, ...], view: int = 0) -> list[Effect]:
        found: list[Effect] = []
        for sender in senders:
            found += self.hear(vote(kind, of, sender, view), sender)
        self.effects = found
        return found

    def commit(self, of: Block, view: int = 0) -> None:
        """Order ``of`` by the votes of the others."""
        self.propose(of, view)
        others = tuple(sender for sender in range(4) if sender != self.me)
        self.votes(Kind.PREPARE, of, others, view)
        self.votes(Kind.COMMIT, of, others, view)

    def all(self, kind: type[E]) -> list[E]:
        """The recorded effects of one type."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def sent(self, kind: Kind | None = None) -> list[Message]:
        """Messages sent in the last step; of one kind of vote or proposal when given."""
        messages = [effect.message for effect in self.all(Send)]
        if kind is None:
            return messages
        return [
            m
            for m in messages
            if isinstance(m, Vote | Proposal)
            and isinstance(m.statement, Ballot)
            and m.statement.kind is kind
        ]
