"""Clients: hospitals, bureaus and banks that send what real ones send, and now and then nonsense.

Calls come from the mischief of ``tests.node.conservation_world`` (settlements, stays, reversals,
filings, deposits, transfers in two phases, repeats), a few to a transaction. They are signed here
and handed to nodes the way an HTTP edge does: ``submit``, then ``wait``. What clients are told is
kept: a transaction that was said to be committed is there for good, one that was refused for good
never comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from contracts.api import Value
from node.ledger.errors import InvalidTransaction, LedgerError, Unavailable
from node.ledger.transaction import SignedTransaction
from node.service.node import Node
from node.store.errors import DatabaseDamaged
from tests.contracts.world import BANK, BUREAU_GUANGDONG, FINANCE
from tests.node.conservation_world import HOMES, HOSPITALS, Mischief, Planned, signing_post
from tests.simulation.founding import ChainSigner
from tests.simulation.loop import CLIENT
from tests.simulation.machine import Machine, wall_now_ms
from tests.simulation.verdict import Violation

if TYPE_CHECKING:
    from tests.simulation.run import Run

CANARY = "PT-CANARY-310519"
"""A made-up mark that stands where a patient's data would, only in attachments."""
WAIT_S = 30.0
CLOCKS_MS = 10_000
"""What is over so soon is over already on some machine's clock."""
FOR_GOOD = frozenset({"transaction.expired"})
"""Refusals of a transaction that was accepted and is waited for, after which it never comes."""


@dataclass
class Sent:
    """A transaction as its client knows it."""

    transaction: SignedTransaction
    sound: bool
    """It should be committed, unless its time runs out."""
    acks: set[int] = field(default_factory=set)
    """Machines that said that it is committed."""
    codes: list[str] = field(default_factory=list)
    custody: dict[int, int] = field(default_factory=dict)
    """Machines that took it in, and the life in which they did: they owe it while that lasts."""

    @property
    def valid_until_ms(self) -> int:
        return self.transaction.body.valid_until_ms


class _Calls(Mischief):
    """``Mischief`` with few calls to a transaction, and stays that are settled whole."""

    IN_PARTS = False

    def plan(self) -> tuple[str, str, list[Planned]]:
        """Sender, post and calls."""
        chance = self.chance
        if chance.random() < 0.7:
            self.sender = chance.choice(HOSPITALS)
            post, makers = "operator", self._at_hospital
        else:
            self.sender = chance.choice((*HOMES.values(), BUREAU_GUANGDONG, BANK, FINANCE))
            post, makers = chance.choice(
                (("finance", self._at_finance), ("finance", self._at_finance),
                 ("clerk", self._at_bureau), ("checker", self._at_checker))
            )  # fmt: skip
        weights = [weight for weight, _ in makers]
        count = chance.choice((1, 1, 1, 1, 2, 3))
        calls = [make() for make in chance.choices([m for _, m in makers], weights, k=count)]
        return self.sender, signing_post(post, calls), calls

    def _clinical(self) -> dict[str, Value]:
        return {"emergency": self.chance.random() < 0.1, "diagnoses": [CANARY]}


class Work:
    """All clients of one run."""

    def __init__(self, run: Run, chance: Random) -> None:
        self.run = run
        self.chance = chance
        self.signer = ChainSigner(run.founded.genesis.chain)
        self.calls = _Calls(chance.getrandbits(32), self.signer)  # type: ignore[arg-type]
        self.sent: dict[bytes, Sent] = {}
        self.garbage = 0

    # --- Making -------------------------------------------------------------------------------

    def make(self, *, valid_ms: int = 3_600_000) -> Sent:
        """A sound transaction of some client."""
        now_ms = wall_now_ms(self.run.world)
        self.calls.now_ms = now_ms
        sender, post, calls = self.calls.plan()
        return self._keep(self.signer.sign(sender, post, calls, now_ms, valid_ms), sound=True)

    def of(self, sender: str, post: str, calls: list[Planned]) -> Sent:
        """A transaction of these calls."""
        now_ms = wall_now_ms(self.run.world)
        return self._keep(self.signer.sign(sender, post, calls, now_ms), sound=True)

    def _keep(self, transaction: SignedTransaction, *, sound: bool) -> Sent:
        made = self.sent.setdefault(transaction.id, Sent(transaction, sound))
        self.run.judge.submitted[transaction.id] = transaction
        return made

    # --- Sending ------------------------------------------------------------------------------

    def act(self) -> None:
        """One client does something."""
        chance = self.chance
        up = [machine for machine in self.run.machines if machine.is_up()]
        if not up:
            return
        kind = chance.randrange(100)
        if kind < 6:
            self._send_garbage(chance.choice(up))
        elif kind < 12 and self.sent:
            # A retry: the same transaction, perhaps to another node.
            self.send(chance.choice(list(self.sent.values())), [chance.choice(up)])
        elif kind < 16:
            self.send(self.make(valid_ms=chance.randrange(200, 4_000)), [chance.choice(up)])
        elif kind < 20:
            self.send(self.make(), up)
        else:
            self.send(self.make(), [chance.choice(up)])

    def burst(self, count: int) -> None:
        """Many at once, to one node."""
        up = [machine for machine in self.run.machines if machine.is_up()]
        if up:
            target = self.chance.choice(up)
            for _ in range(count):
                self.send(self.make(), [target])

    def send(self, sent: Sent, to: list[Machine]) -> None:
        """Hand it to these nodes and wait for what they say."""
        for machine in to:
            loop, node = machine.loop, machine.node
            if loop is not None and node is not None:
                loop.create_task(self._submit(machine, sent), name=CLIENT)

    async def _submit(self, machine: Machine, sent: Sent) -> None:
        node, tx_id = machine.node, sent.transaction.id
        if node is None:
            return
        run = self.run
        waits = False
        machine.submitted += 1
        try:
            accepted = await node.submit(sent.transaction.encode())
            waits = True
            sent.custody[machine.number] = machine.life
            committed = accepted.committed or await node.wait(tx_id, WAIT_S)
        except InvalidTransaction as error:
            sent.codes.append(error.code)
            sent.custody.pop(machine.number, None)
            run.trace.note(machine.number, "client", error.code)
            if machine.correct and waits and error.code in FOR_GOOD:
                if tx_id in run.judge.committed:
                    raise Violation("I27", f"told {error.code} of a committed one") from error
                run.judge.refused_for_good[tx_id] = error.code
                run.trace.point(f"client.{error.code}")
            return
        except DatabaseDamaged:
            self._unread(machine)  # 500 for this client, which knows nothing then
            return
        except Unavailable as error:
            run.trace.note(machine.number, "client", error.code)
            run.trace.point(f"client.{error.code}")
            return
        if committed and machine.correct:
            sent.acks.add(machine.number)
            if tx_id not in run.judge.committed:
                raise Violation("I16", f"m{machine.number} says committed: {tx_id.hex()[:8]}")
            self._check_shown(machine, node, tx_id)

    def _send_garbage(self, machine: Machine) -> None:
        self.garbage += 1
        good = self.make().transaction
        data = bytearray(good.encode())
        chance = self.chance
        if chance.randrange(2):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        else:
            del data[chance.randrange(len(data)) :]
        loop = machine.loop
        assert loop is not None, "it is up"
        loop.create_task(self._submit_bytes(machine, bytes(data)), name=CLIENT)

    async def _submit_bytes(self, machine: Machine, data: bytes) -> None:
        node = machine.node
        if node is None:
            return
        try:
            accepted = await node.submit(data)
        except LedgerError as error:
            self.run.trace.note(machine.number, "garbage", error.code)
            self.run.trace.point("client.garbage-refused")
        except DatabaseDamaged:
            self._unread(machine)
        else:
            # A flipped bit in an attachment's blind is found; in nothing else may it go unseen.
            if accepted.tx_id not in self.sent:
                raise Violation("I4", f"m{machine.number} takes what nobody signed")

    def _check_shown(self, machine: Machine, node: Node, tx_id: bytes) -> None:
        try:
            shown = node.reader.has_transaction(tx_id)
        except DatabaseDamaged:
            self._unread(machine)
            return
        if not shown:
            raise Violation("I26", f"m{machine.number} does not show what it committed")

    def _unread(self, machine: Machine) -> None:
        if machine.may_fail is None:
            raise Violation("BUG", f"m{machine.number} cannot read, and nothing is wrong with it")
        self.run.trace.point("client.not-read")

    # --- At the end ---------------------------------------------------------------------------

    def release(self, machine: Machine) -> None:
        """A node whose clock jumped may take what it holds for expired: custody is promised only
        by clocks that are about right (SIMULATION.md section 2)."""
        for sent in self.sent.values():
            sent.custody.pop(machine.number, None)

    def owed(self, machines: list[Machine]) -> list[bytes]:
        """Transactions in custody of these nodes that are not committed: those that wait there, and
        those that they have taken in from a client and said nothing of since."""
        waiting: dict[bytes, None] = {}
        lives = {one.number: one.life for one in machines if one.correct and one.is_up()}
        if "clock-jump" in self.run.options.families:
            lives = {}  # whose clock was an hour ahead has let go of what seemed to be over
        soon_ms = wall_now_ms(self.run.world) + CLOCKS_MS
        for tx_id, sent in self.sent.items():
            kept = any(lives.get(number) == life for number, life in sent.custody.items())
            if kept and sent.valid_until_ms > soon_ms and tx_id not in self.run.judge.committed:
                waiting[tx_id] = None
        for machine in machines:
            if machine.node is not None and machine.correct:
                for one in machine.node._pool.waiting():
                    if one.tx_id not in self.run.judge.committed:
                        waiting[one.tx_id] = None
        return list(waiting)


__all__ = ["CANARY", "Sent", "Work"]
