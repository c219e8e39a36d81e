"""Changes of the validator set as real votes: add, remove, rotate a key.

The bureaus' checkers propose and vote by transactions like everybody else's. A change is proposed
only while the set bears it: liars and those who forgot stay within f of the smaller set.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from consensus import SafetyRecord
from node.ledger.block import Header, ValidatorSet
from node.service.attesting import attest
from node.store.errors import DatabaseDamaged
from tests.simulation.founding import private_of, public_of

if TYPE_CHECKING:
    from tests.simulation.machine import Machine
    from tests.simulation.run import Run

VOTE_AFTER_US = (1_200_000, 4_000_000)
RESTART_AFTER_US = 300_000


class Members:
    """Who may sit in the set, and the votes about it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.count = 0
        self._epoch = 0

    def current(self) -> ValidatorSet:
        """The newest set that any block has named."""
        sets = self.run.judge.votes.sets
        return sets[max(sets)]

    def seated(self) -> list[Machine]:
        """Machines of the current set's members, with the key that has the seat."""
        seats = {str(seat.organisation): bytes(seat.key) for seat in self.current().validators}
        return [m for m in self.run.machines if seats.get(m.organisation) == bytes(m.member)]

    def bad(self) -> int:
        """Members that lie, forgot, or will not come up again."""
        seated = {machine.organisation for machine in self.seated() if self.run.is_sound(machine)}
        return sum(str(s.organisation) not in seated for s in self.current().validators)

    def propose(self, chance: Random) -> None:
        """A change that the set can bear, proposed now and voted on a little later."""
        seats = self.current().validators
        inside = [str(seat.organisation) for seat in seats]
        outside = [
            m.organisation
            for m in self.run.machines
            if m.organisation not in inside and not m.follows
        ]
        kind = chance.randrange(3)
        self.count += 1
        name = f"change-{self.run.options.seed}-{self.count}"
        if kind == 0 and outside:
            who = chance.choice(outside)
            machine = next(m for m in self.run.machines if m.organisation == who)
            key = public_of(who, machine.key_name)
            args = {"id": name, "organisation": who, "key": key}
            self._vote("propose_validator", args, inside, machine.key_name)
        elif kind == 1 and len(seats) > 4 and self.bad() <= (len(seats) - 2) // 3:
            who = chance.choice(inside)
            args = {"id": name, "organisation": who}
            self._vote("propose_validator_removal", args, inside)
        elif kind == 2 and self.run.options.size > 1 and not self.bad():
            who = chance.choice(inside)
            machine = next(m for m in self.run.machines if m.organisation == who)
            if machine.correct and machine.key_name == "validate":
                key = public_of(who, "validate2")
                args = {"id": name, "organisation": who, "key": key}
                self._vote("propose_validator", args, inside, "validate2")

    def _vote(
        self, method: str, args: dict[str, object], inside: list[str], joining: str = ""
    ) -> None:
        """Propose; then everybody votes, and the key ``joining`` attests a block that its node has.

        Twice, because what comes before the proposal is committed is refused.
        """
        run, vote = self.run, {"id": args["id"], "approve": True}
        up = [machine for machine in run.machines if machine.is_up()]
        if not up:
            return
        run.trace.point(f"members.{method}")
        proposal = run.work.of(inside[0], "checker", [("governance", method, args, {})])  # type: ignore[list-item]
        run.work.send(proposal, up)

        def cast() -> None:
            there = [machine for machine in run.machines if machine.is_up()]
            for organisation in inside:
                calls = [("governance", "vote", vote, {})]
                ballot = run.work.of(organisation, "checker", calls)  # type: ignore[arg-type]
                run.work.send(ballot, there[:2])
            if joining:
                self._attest(str(args["id"]), str(args["organisation"]), joining)

        for after_us in VOTE_AFTER_US:
            run.world.after(after_us, cast)

    def _attest(self, name: str, organisation: str, key_name: str) -> None:
        """The joining node shows the newest block that it has, signed by the key that joins."""
        run = self.run
        for machine in run.machines:
            node = machine.node
            if machine.organisation != organisation or node is None or not machine.is_up():
                continue
            height = node.head.height
            try:
                with node.reader.view() as view:
                    header, certificate = view.header(height), view.certificate(height)
            except DatabaseDamaged:
                return  # the operator's command meets a disk that cannot be read
            if header is None or certificate is None:
                return
            private = private_of(organisation, key_name)
            chain = run.founded.genesis.chain
            told = attest(private, chain, organisation, Header.decode(header), certificate)
            parts = {part: told[part] for part in ("header", "certificate", "signature")}
            calls = [("governance", "attest", {"id": name, **parts}, {})]
            up = [one for one in run.machines if one.is_up()]
            run.work.send(run.work.of(organisation, "checker", calls), up[:2])  # type: ignore[arg-type]
            run.trace.point("members.attested")
            return

    def follow(self) -> None:
        """Operators whose key was replaced restart their node with the new one."""
        sets = self.run.judge.votes.sets
        if max(sets) == self._epoch:
            return
        self._epoch = max(sets)
        seats = {str(s.organisation): bytes(s.key) for s in self.current().validators}
        for machine in self.run.machines:
            wanted = seats.get(machine.organisation)
            new = bytes(public_of(machine.organisation, "validate2"))
            if wanted == new and machine.key_name == "validate" and machine.lost is None:
                self.run.world.after(RESTART_AFTER_US, lambda m=machine: self._rotate(m))  # type: ignore[misc]

    def _rotate(self, machine: Machine) -> None:
        if machine.key_name == "validate2":
            return  # two sets in a row had it; a second new record would be two records
        if machine.is_up():
            machine.crash("for its new key")
        machine.key_name = "validate2"
        machine.make_safety(SafetyRecord())
        machine.start()
        self.run.trace.point("members.rotated")
