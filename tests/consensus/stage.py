"""A stage on which a narrator directs replicas: every message lies on the table until it is played.

Scenarios are text (``scenarios/*.txt``): sentences that tell the story (``#``), commands, and below
each command what the replicas did, indented. ``YIBAO_REWRITE=1 pytest`` writes the answers anew; a
human reads the diff. In the manner of etcd raft's ``testdata`` (STYLE.md, habit 11).

========================================== =====================================================
``members a b c d [quorum]``               a new chain; the first named is primary of view 0
``build a X [invalid] [final=a,b,c]``      a orders block X (bad content; the next epoch's members)
``late X at b,c``                          the clocks of b and c do not like X when it is proposed
``deliver [KIND] [from a,b] [to c,d]``     play what lies on the table, in order, and what it causes
                                           stays on the table
``drop [KIND] [from a,b] [to c,d]``        lose it
``settle``                                 play everything until the table is empty (no STATUS)
``wait MS [a,b]``                          the clock of all, or of these only, goes on
``status``                                 everybody's STATUS is played, and what it causes
``crash a`` / ``restart a``                restart from the disk
``crash a after Persist|Sign|Commit``      the next time a does that, it falls
``wipe a`` ``backup a`` ``restore a``      its record is lost; its disk is copied, and put back
``withhold X from a,b``                    the content of block X does not reach them
``pending a,b|none``                       something waits to be ordered there
``lie d PREPARE v h X to a,b``             Byzantine: sign anything (COMMIT, PRE-PREPARE too)
``lie d VIEW-CHANGE v to a,b``             a view change that hides what was prepared
``lie d INVENT v X to a,b``                a view change that reports X as prepared
``lie d NEW-VIEW v a,b,c to x,y``          a NEW-VIEW of chosen view changes that d holds
``fetch a from b``                         a's open request is answered by b
``show``                                   where everybody is
========================================== =====================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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
)
from consensus.events import (
    Built,
    Event,
    Executed,
    Fetched,
    Pending,
    Received,
    Signed,
    Start,
    Tick,
    Verdict,
)
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
    Statement,
    Status,
    ViewChange,
    Vote,
    WishStatement,
)
from consensus.pacemaker import Timing
from consensus.quorum import MemberId, ValidatorSet
from consensus.replica import Replica
from consensus.safety import SafetyRecord, check_statement
from tests.consensus.checker import Checker, seal, verify
from tests.consensus.process import GENESIS

TIMING = Timing(base_ms=1_000, cap_ms=8_000, status_ms=100, idle_status_ms=100, answer_gap_ms=0)

KINDS = {kind.value: kind for kind in Kind}


class Fallen(Exception):  # noqa: N818  (a word of the stage)
    """The actor crashed in the middle of its effects."""


class Actor:
    """One replica with its disk, whose driver answers every question at once."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage = stage
        self.name = name
        self.member = MemberId(name.encode())
        self.record: SafetyRecord | None = SafetyRecord()
        self.chain: list[tuple[Block, Certificate | None]] = [(GENESIS, None)]
        self.replica: Replica | None = None
        self.clock = 0
        self.falls_after = ""
        self.asked: list[Execute] = []
        self.fetch: Fetch | None = None
        self.build: Build | None = None

    @property
    def live(self) -> Replica:
        assert self.replica is not None, f"{self.name} is down"
        return self.replica

    @property
    def head(self) -> Block:
        return self.chain[-1][0]

    def start(self) -> None:
        self.replica = Replica((self.member,), TIMING)
        self.asked, self.fetch, self.build = [], None, None
        head, certificate = self.chain[-1]
        epoch = head.epoch + head.epoch_final
        base = next(b for b, _ in reversed(self.chain) if b.epoch < epoch or b.height == 0)
        self.take(Start(head, certificate, self.stage.sets[epoch], base, self.record))

    def take(self, event: Event) -> None:
        """Step, carry out the effects, answer the questions; tell the narrator."""
        questions: list[Event] = [event]
        while questions and self.replica is not None:
            try:
                for effect in self.replica.step(questions.pop(0), self.clock):
                    questions += self.carry_out(effect)
            except Fallen:
                self.replica = None
                self.stage.say(f"{self.name} falls")

    def carry_out(self, effect: Effect) -> list[Event]:
        stage = self.stage
        answers: list[Event] = []
        match effect:
            case Persist(record):
                self.record = record
            case Sign(statement, member):
                assert self.record is not None
                check_statement(self.record, statement)
                stage.checker.on_signed(member, statement)
                stage.say(f"{self.name} {tell(statement, stage)}")
                answers = [Signed(statement, seal(member, statement))]
            case Send(to, message):
                stage.put(self, to, message)
            case Execute(block):
                answers = self.execute(effect) if block.id not in self.hidden() else []
                self.asked += [] if answers else [effect]
            case Commit(block, certificate):
                following = stage.following.get(block.id)
                stage.checker.on_commit(self.member, self.head, block, certificate, following)
                self.chain.append((block, certificate))
                by = ",".join(stage.name_of(block.epoch, i) for i in certificate.signers())
                stage.say(f"{self.name} commits h{block.height} {block.id.decode()} "
                          f"(view {certificate.view}: {by})")  # fmt: skip
            case Fetch(peer, first, last):
                self.fetch = effect
                stage.say(f"{self.name} asks {peer.decode()} for {first}..{last}")
            case Accuse(evidence):
                names = ",".join(stage.name_of(evidence.epoch, i) for i in evidence.culprits)
                stage.checker.on_accused(evidence.culprits, evidence.epoch)
                stage.say(f"{self.name} accuses {names}: {evidence.kind}")
            case Refused(peer, reason):
                stage.say(f"{self.name} refuses {peer.decode()}: {reason}")
            case Alarm(code):
                stage.say(f"{self.name} raises an alarm: {code}")
            case Build():
                self.build = effect
        if self.falls_after == type(effect).__name__:
            self.falls_after = ""
            raise Fallen
        return answers

    def hidden(self) -> set[BlockId]:
        return self.stage.withheld.get(self.name, set())

    def execute(self, asked: Execute) -> list[Event]:
        block, stage = asked.block.id, self.stage
        verdict = Verdict.VALID
        if block in stage.invalid:
            verdict = Verdict.INVALID
        elif asked.fresh and block in stage.late.get(self.name, set()):
            verdict = Verdict.UNTIMELY
        following = stage.following.get(block) if verdict is not Verdict.INVALID else None
        return [Executed(block, verdict, following)]


class Stage:
    """The table, the actors, and what the narrator writes down."""

    def __init__(self) -> None:
        self.actors: dict[str, Actor] = {}
        self.table: list[tuple[str, str, Message]] = []
        self.sets: dict[int, ValidatorSet] = {}
        self.following: dict[BlockId, ValidatorSet] = {}
        self.blocks: dict[BlockId, Block] = {}
        self.invalid: set[BlockId] = set()
        self.late: dict[str, set[BlockId]] = {}
        self.withheld: dict[str, set[BlockId]] = {}
        self.said: list[str] = []
        self.backups: dict[str, tuple[SafetyRecord | None, list[tuple[Block, Certificate | None]]]]
        self.backups = {}

    def say(self, line: str) -> None:
        self.said.append(line)

    def name_of(self, epoch: int, index: int) -> str:
        return self.sets[epoch].members[index].decode()

    def put(self, sender: Actor, to: MemberId | None, message: Message) -> None:
        members = sender.live.state.validators.members if to is None else (to,)
        for member in members:
            if member != sender.member:
                self.table.append((sender.name, member.decode(), message))

    def play(self, sender: str, to: str, message: Message) -> None:
        actor = self.actors[to]
        if actor.replica is None:
            return
        validators = actor.replica.state.validators
        statement = getattr(message, "statement", None)
        if statement is not None and statement.epoch == validators.epoch:
            verify(message, validators)
        actor.take(Received(MemberId(sender.encode()), message))

    def run(self, line: str) -> list[str]:
        """Carry out one command; what was done, line by line."""
        self.said = []
        command, *words = line.split()
        act: Callable[..., None] = getattr(self, "do_" + command)
        act(*words)
        return self.said

    # --- commands ----------------------------------------------------------------------------

    def do_members(self, *names: str) -> None:
        members = ValidatorSet(0, tuple(MemberId(name.encode()) for name in names))
        self.sets = {0: members}
        self.checker = Checker(GENESIS, members)
        self.checker.correct.update(members.members)
        self.actors = {name: Actor(self, name) for name in names}
        for actor in self.actors.values():
            actor.start()

    def do_follower(self, name: str) -> None:
        self.actors[name] = Actor(self, name)
        self.checker.correct.add(self.actors[name].member)
        self.actors[name].start()

    def do_liar(self, name: str) -> None:
        self.checker.correct.discard(MemberId(name.encode()))

    def do_build(self, name: str, title: str, *traits: str) -> None:
        actor = self.actors[name]
        state = actor.live.state
        following = None
        for trait in traits:
            if trait.startswith("final="):
                names = trait.removeprefix("final=").split(",")
                members = tuple(MemberId(member.encode()) for member in names)
                following = ValidatorSet(state.validators.epoch + 1, members)
        block = Block(
            BlockId(title.encode()), actor.head.id, actor.head.height + 1,
            state.validators.epoch, following is not None,
        )  # fmt: skip
        self.blocks[block.id] = block
        if following is not None:
            self.following[block.id] = following
            self.sets[following.epoch] = following
        if "invalid" in traits:
            self.invalid.add(block.id)
        if "unsent" not in traits:
            assert actor.build is not None, f"{name} may not build"
            actor.take(Built(actor.build.view, block, following))

    def _select(self, words: tuple[str, ...]) -> list[tuple[str, str, Message]]:
        rest = list(words)
        senders = receivers = kind = None
        while rest:
            word = rest.pop(0)
            if word == "from":
                senders = rest.pop(0).split(",")
            elif word == "to":
                receivers = rest.pop(0).split(",")
            else:
                kind = word
        return [
            item
            for item in self.table
            if (kind is None or kind_of(item[2]) == kind)
            and (senders is None or item[0] in senders)
            and (receivers is None or item[1] in receivers)
        ]

    def do_deliver(self, *words: str) -> None:
        chosen = self._select(words)
        self.table = [item for item in self.table if item not in chosen]
        for item in chosen:
            self.play(*item)

    def do_drop(self, *words: str) -> None:
        chosen = self._select(words)
        self.table = [item for item in self.table if item not in chosen]

    def do_settle(self) -> None:
        while self.table:
            item = self.table.pop(0)
            if not isinstance(item[2], Status):
                self.play(*item)

    def do_wait(self, ms: str, names: str = "") -> None:
        chosen = names.split(",") if names else list(self.actors)
        for name in chosen:
            actor = self.actors[name]
            actor.clock += int(ms)
            actor.take(Tick())
        self.table = [item for item in self.table if not isinstance(item[2], Status)]

    def do_status(self) -> None:
        for actor in self.actors.values():
            actor.clock += TIMING.status_ms
            actor.take(Tick())
        while self.table:
            self.play(*self.table.pop(0))

    def do_crash(self, name: str, after: str = "", effect: str = "") -> None:
        actor = self.actors[name]
        if after:
            actor.falls_after = effect
        else:
            actor.replica = None
            actor.falls_after = ""

    def do_restart(self, name: str) -> None:
        self.actors[name].start()

    def do_backup(self, name: str) -> None:
        actor = self.actors[name]
        self.backups[name] = (actor.record, list(actor.chain))

    def do_restore(self, name: str) -> None:
        actor = self.actors[name]
        actor.record, actor.chain = self.backups[name]

    def do_wipe(self, name: str) -> None:
        self.actors[name].record = None

    def do_withhold(self, title: str, _: str, names: str) -> None:
        for name in names.split(","):
            self.withheld.setdefault(name, set()).add(BlockId(title.encode()))

    def do_late(self, title: str, _: str, names: str) -> None:
        for name in names.split(","):
            self.late.setdefault(name, set()).add(BlockId(title.encode()))

    def do_pending(self, names: str) -> None:
        for actor in self.actors.values():
            if actor.replica is not None:
                waits = actor.name in names.split(",")
                actor.take(Pending(actor.clock if waits else None))

    def do_lie(self, name: str, kind: str, *words: str) -> None:
        receivers = words[-1].split(",")
        said = words[: words.index("to")]
        actor = self.actors[name]
        if kind == "INVENT":
            message: Message = self._invent(actor, int(said[0]), BlockId(said[1].encode()))
        else:
            message = self._lie(actor, KINDS[kind], said)
        for receiver in receivers:
            self.table.append((name, receiver, message))

    def _lie(self, actor: Actor, kind: Kind, words: tuple[str, ...]) -> Message:
        state, member = actor.live.state, actor.member
        me = state.validators.members.index(member)
        epoch, view = state.validators.epoch, int(words[0])
        if kind is Kind.VIEW_CHANGE:
            change = Change(epoch, view, state.epoch_base.height, state.epoch_base.id, None)
            return ViewChange(me, change, ChangeProof(None, None, None), seal(member, change))
        if kind is Kind.NEW_VIEW:
            held = {self.name_of(epoch, i): c for i, c in state.changes.of(view).items()}
            chosen = sorted((held[w] for w in words[1].split(",")), key=lambda c: c.sender)
            named = tuple((change.sender, change.statement) for change in chosen)
            said = NewViewStatement(epoch, view, named)
            return NewView(me, said, tuple(chosen), seal(member, said))
        ballot = Ballot(kind, epoch, view, int(words[1]), BlockId(words[2].encode()))
        if kind is Kind.PROPOSE:
            return Proposal(me, ballot, self.blocks[ballot.block], seal(member, ballot))
        self.checker.on_signed(member, ballot)
        return Vote(me, ballot, seal(member, ballot))

    def _invent(self, actor: Actor, view: int, title: BlockId) -> ViewChange:
        """A view change with a certificate that its sender signed alone, as often as needed."""
        state, member = actor.live.state, actor.member
        me, block = state.validators.members.index(member), self.blocks[title]
        ballot = Ballot(Kind.PREPARE, block.epoch, view - 1, block.height, block.id)
        alone = Certificate(
            ballot.kind, ballot.epoch, ballot.view, ballot.height, ballot.block,
            ((me, seal(member, ballot)),) * state.validators.quorum,
        )  # fmt: skip
        base = state.epoch_base
        change = Change(block.epoch, view, base.height, base.id, ballot)
        return ViewChange(me, change, ChangeProof(None, block, alone), seal(member, change))

    def do_fetch(self, name: str, _: str, peer: str) -> None:
        actor, server = self.actors[name], self.actors[peer]
        assert actor.fetch is not None
        asked = replace(actor.fetch)
        blocks = [
            Decided(block, certificate)
            for block, certificate in server.chain[asked.first : asked.last + 1]
            if certificate is not None
        ]
        actor.take(Fetched(asked.peer, tuple(blocks)))

    def do_show(self) -> None:
        for actor in self.actors.values():
            if actor.replica is None:
                self.say(f"{actor.name} is down at h{actor.head.height}")
                continue
            state = actor.replica.state
            self.say(f"{actor.name} {state.phase.name} above h{state.head.height} "
                     f"{state.head.id.decode()}, view {state.view}")  # fmt: skip


def kind_of(message: Message) -> str:
    """The word for a message in a scenario."""
    if isinstance(message, Status | Decided):
        return type(message).__name__.upper()
    return message.statement.kind.value


def tell(statement: Statement, stage: Stage) -> str:
    """A statement in words."""
    match statement:
        case Ballot(kind, _, view, height, block):
            return f"{kind.value} v{view} h{height} {block.decode()}"
        case WishStatement(_, view):
            return f"WISH v{view}"
        case Change(_, view, base, _, prepared):
            bound = "nothing prepared"
            if prepared is not None:
                bound = f"prepared {prepared.block.decode()} in v{prepared.view}"
            return f"VIEW-CHANGE v{view} on h{base}, {bound}"
        case NewViewStatement(epoch, view, choices):
            names = ",".join(stage.name_of(epoch, sender) for sender, _ in choices)
            return f"NEW-VIEW v{view} of {names}"
