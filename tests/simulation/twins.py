"""Twins: two whole copies of a member with one key, and the network split anew in every round.

A scenario is a table: for each round a leader and the sets into which the processes fall (Bano et
al., OPODIS 2021). Both twins run the unmodified core and believe in themselves, so equivocation,
double votes and amnesia come about without anybody writing them down. A round is a view: what a
process sends in it reaches those of its own set; wishes alone get through everywhere, as the
synchroniser that the method presupposes. One height may be proposed in each round, then its leader
is cut off. After the last round all is well, and everything submitted must be ordered.

Scenarios have numbers. ``ENUMERATED`` of them are all tables of two rounds of four members with one
twin, up to the names of processes; those above are drawn: three to seven rounds, up to three sets,
every fourth with seven members and two twins.

They run on the bare core (``tests.consensus.harness``): many more of them an hour than with whole
nodes, whose own Twins are strategy S7.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from consensus.errors import ConsensusError
from consensus.messages import Block, Kind, Message, Proposal, Vote, Wish
from consensus.quorum import MemberId, ValidatorSet
from tests.consensus.adversary import Liar
from tests.consensus.checker import Violation
from tests.consensus.harness import Node, Options, World
from tests.consensus.process import Content
from tests.simulation.rng import stream

ROUNDS_MAX = 7
TWO_SETS = 16
"""Ways in which five processes fall into at most two sets."""
ENUMERATED = (4 * TWO_SETS) ** 2
SETTLE_MS = 30_000


@dataclass(frozen=True)
class Scenario:
    """One table."""

    number: int
    members: int
    twins: int
    """Members 0 to ``twins`` - 1 have two processes; the second ones come after all members."""
    leaders: tuple[int, ...]
    """By round: the member that leads."""
    sides: tuple[tuple[int, ...], ...]
    """By round: the set in which each process is."""
    late: tuple[tuple[int, ...], ...]
    """The same for COMMITs, which half of the drawn scenarios split in their own way: a block is
    then prepared by many and decided by few."""

    def tell(self) -> str:
        """For people."""
        rounds = zip(self.leaders, self.sides, strict=True)
        said = " ".join(f"{leader}:{''.join(map(str, sides))}" for leader, sides in rounds)
        late = " ".join("".join(map(str, sides)) for sides in self.late)
        return f"n={self.members} twins={self.twins} {said} COMMITs {late}"


def scenario(number: int) -> Scenario:
    """The scenario with this number."""
    if number < ENUMERATED:
        rounds, rest = [], number
        for _ in range(2):
            rest, place = divmod(rest, 4 * TWO_SETS)
            leader, split = divmod(place, TWO_SETS)
            rounds.append((leader, (0, *((split >> bit) & 1 for bit in range(4)))))
        leaders, sides = zip(*rounds, strict=True)
        return Scenario(number, 4, 1, leaders, sides, sides)
    chance = stream(number, "twins")
    members, twins = (7, 2) if number % 4 == 0 else (4, 1)
    sets = chance.choice((2, 2, 3))
    count = chance.randint(3, ROUNDS_MAX)

    def split() -> tuple[tuple[int, ...], ...]:
        processes = range(members + twins)
        return tuple(tuple(chance.randrange(sets) for _ in processes) for _ in range(count))

    leaders = tuple(
        chance.randrange(twins) if chance.randrange(2) else chance.randrange(members)
        for _ in range(count)
    )
    sides = split()
    return Scenario(
        number, members, twins, leaders, sides, split() if chance.randrange(2) else sides
    )


@dataclass(frozen=True)
class LedSet(ValidatorSet):
    """A set whose first primaries are those of the scenario."""

    leaders: tuple[int, ...] = ()

    def primary(self, view: int) -> int:
        return self.leaders[view] if view < len(self.leaders) else view % self.size


class TwinsWorld(World):
    """A scenario on the bare core."""

    def __init__(self, told: Scenario) -> None:
        super().__init__(told.number, Options(n=told.members, base_ms=60, delay_ms=2))
        self.told = told
        members = self.first.members
        self.first = LedSet(0, members, leaders=told.leaders)
        self.checker.sets[0] = self.first
        liars = members[: told.twins]
        self.checker.correct.difference_update(liars)
        for member in liars:
            self.nodes[member] = Liar(self, member)
        self.all = [*self.nodes.values(), *(Liar(self, member) for member in liars)]
        self.heights: dict[tuple[int, int], int] = {}
        """The height that a process proposed in a round."""

    # --- The table ----------------------------------------------------------------------------

    def _view(self, node: Node) -> int:
        return 0 if node.replica is None else node.replica.state.view

    def _reaches(self, sender: int, receiver: int, message: Message) -> bool:
        if not self.in_chaos or isinstance(message, Wish):
            return True
        view = self._view(self.all[sender])
        if view >= len(self.told.sides):
            return True
        if isinstance(message, Proposal):
            height = message.statement.height
            if self.heights.setdefault((sender, view), height) != height:
                return False
        commit = isinstance(message, Vote) and message.statement.kind is Kind.COMMIT
        side = self.told.late[view] if commit else self.told.sides[view]
        return side[sender] == side[receiver]

    def send(self, sender: Node, to: MemberId | None, message: Message) -> None:
        number = self.all.index(sender)
        members = self.first.members if to is None else (to,)
        for receiver, process in enumerate(self.all):
            if process.member == sender.member or process.member not in members:
                continue
            if self._reaches(number, receiver, message):
                delay = self.rng.randrange(1, 4)
                self.later(delay, lambda at=process: at.receive(sender.member, message))  # type: ignore[misc]

    def make_block(self, node: Node, parent: Block, transactions: tuple[object, ...]) -> Content:
        """Twins at the same moment make different blocks of the same transactions."""
        if node not in self.nodes.values():
            transactions = transactions[::-1]
        return super().make_block(node, parent, transactions)

    def start(self) -> None:
        for node in self.all:
            node.start()

    def submit(self, transaction: object) -> None:
        self.submitted.append(transaction)
        for node in self.all:
            node.submit(transaction)

    def on_alarm(self, node: Node, code: str, sentence: str) -> None:
        if node.member in self.checker.correct:
            super().on_alarm(node, code, sentence)

    # --- The story ----------------------------------------------------------------------------

    def play(self) -> None:
        """Raises ``Violation`` when anything that must hold does not."""
        self.start()
        for name in range(3):
            self.submit(f"t{name}")
        rounds = len(self.told.sides)
        for extra in range(rounds):
            self.later(40 + 90 * extra, lambda extra=extra: self.submit(f"u{extra}"))  # type: ignore[misc]

        def over() -> bool:
            return all(self._view(node) >= rounds for node in self.correct_nodes())

        self.run(rounds * 3_000, over)
        self.heal(SETTLE_MS)


def run_scenario(number: int) -> TwinsWorld:
    """Play a scenario; the world that is left. Raises ``Violation``."""
    world = TwinsWorld(scenario(number))
    world.play()
    return world


def campaign(first: int, last: int) -> int:
    """Many scenarios; prints failures as they come and sums at the end. 1 when one failed."""
    failed, events, blocks = 0, 0, 0
    seen: Counter[str] = Counter()
    for number in range(first, last):
        try:
            world = run_scenario(number)
        except (Violation, ConsensusError, AssertionError) as error:
            failed += 1
            print(f"scenario {number} ({scenario(number).tell()}): {error}", flush=True)
            continue
        events += world.events
        blocks += max(world.checker.chain)
        seen.update(world.checker.seen)
    print(
        f"{last - first} scenarios, {failed} failed, {events} events, {blocks} blocks, "
        f"{dict(sorted(seen.items()))}"
    )
    return 1 if failed else 0
