"""What products pay later: the insurer orders, its bank pays the patient, some of it comes back.

Told by the ledger's events, so that an insurer pays what the ledger says it owes. What a payment
meets is drawn by its own name: the order in which blocks take calls changes nothing. A payment is
forgotten once nothing can happen to it any more.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from node.benchmark.workload import Planned
from node.ledger.crypto import H
from node.ledger.receipt import OK, Receipt
from node.ledger.types import Value
from node.year.calendar import WORKDAYS
from node.year.places import Places
from node.year.waves import AFTERWARDS, CARE, Waves

BOUNCED = 0.05
"""Of the orders the bank cannot carry out."""
CAME_BACK = 0.05
"""Of what was paid comes back afterwards, a third of it in part."""
REMEMBERED = 7
"""Working days after which nobody takes a bill back any more: that happens within its week."""


@dataclass(slots=True)
class _Owed:
    """What an insurer owes a patient."""

    insurer: str
    dice: random.Random
    stage: str = "due"
    tries: int = 0
    fen: int = 0
    """Of the order that was given last."""


class LaterPayments:
    """Insurers' payments to patients, one after the other."""

    def __init__(self, places: Places, seed: int) -> None:
        self._places = places
        self._seed = seed
        self._owed: dict[str, _Owed] = {}
        self._fresh: set[str] = set()
        """Payments that arose, or are to be given back, since the last working day."""
        self._steps: dict[str, list[tuple[str, str]]] = defaultdict(list)
        """Day -> (payment, what happens to it)."""

    @property
    def open(self) -> int:
        """What is still to come."""
        return sum(map(len, self._steps.values())) + len(self._fresh)

    @property
    def held(self) -> int:
        """How many things are remembered."""
        return self.open + len(self._owed)

    def read(self, receipt: Receipt) -> None:
        """Take note of what became of a payment."""
        if receipt.status != OK:
            return
        for event in receipt.events:
            topic, _, stage = event.topic.partition(".")
            if topic == "cover" and "payment" in event.fields:
                self._told(stage, event.fields)

    def _told(self, stage: str, fields: dict[str, Any]) -> None:
        name = fields["payment"]
        if stage == "due":
            dice = random.Random(f"{self._seed}/later/{name}")  # noqa: S311  (dice, no secret)
            self._owed[name] = _Owed(fields["insurer"], dice)
            self._fresh.add(name)
        owed = self._owed.get(name)
        if owed is None:
            return  # paid within a settlement
        if stage == "ordered":
            owed.fen = fields["amount_fen"]
        else:
            owed.stage = stage
        if stage == "repayable":
            self._fresh.add(name)

    def add(self, waves: Waves, day: str) -> None:
        """The steps of a working day."""
        for name in sorted(self._fresh):
            step = "pay" if self._owed[name].stage == "due" else "give_back"
            self._later(day, 1 if step == "pay" else 3, name, step)
            self._later(day, REMEMBERED, name, "forget")
        self._fresh.clear()
        for name, step in self._steps.pop(day, ()):
            owed = self._owed.get(name)
            if owed is not None:
                getattr(self, f"_{step}")(waves, day, name, owed)

    def _later(self, day: str, days: int, name: str, step: str) -> None:
        self._steps[WORKDAYS.add_working_days(day, days)].append((name, step))

    def _pay(self, waves: Waves, day: str, name: str, owed: _Owed) -> None:
        if owed.stage not in ("due", "returned"):
            return
        owed.tries += 1
        args: dict[str, Value] = {**self._named(name, owed), "bank": self._bank(owed)}
        if owed.tries > 1:
            args["account"] = H("yibao/year-token/v1", args["order"].encode())
        waves.add(CARE, owed.insurer, "finance", Planned("cover", "pay", args))
        self._later(day, 1, name, "report")

    def _report(self, waves: Waves, day: str, name: str, owed: _Owed) -> None:
        if owed.dice.random() < BOUNCED:
            self._say(waves, "bounce", name, owed, reason="closed_account")
            self._later(day, 2, name, "pay")
            return
        self._say(waves, "confirm", name, owed)
        if owed.dice.random() < CAME_BACK:
            self._later(day, 1 + owed.dice.randrange(4), name, "come_back")

    def _come_back(self, waves: Waves, day: str, name: str, owed: _Owed) -> None:
        if owed.stage not in ("paid", "repayable"):
            return
        fen = owed.fen // 3 or 1 if owed.dice.random() < 1 / 3 else owed.fen
        more: dict[str, Value] = {"amount_fen": fen, "value_on": day, "reason": "closed_account"}
        self._say(waves, "came_back", name, owed, **more)
        self._later(day, 2, name, "pay")
        self._later(day, REMEMBERED, name, "forget")

    def _give_back(self, waves: Waves, _day: str, name: str, owed: _Owed) -> None:
        if owed.stage == "repayable":
            self._say(waves, "repaid", name, owed)

    def _forget(self, _waves: Waves, day: str, name: str, owed: _Owed) -> None:
        if owed.stage in ("paid", "cancelled", "repaid"):
            del self._owed[name]
        else:
            self._later(day, REMEMBERED, name, "forget")

    def _say(self, waves: Waves, method: str, name: str, owed: _Owed, **more: Value) -> None:
        """What the bank reports of the newest order; each word has a reference of its own."""
        reference = f"{name}.{owed.tries}.{method}"
        args = {**self._named(name, owed), "reference": reference, **more}
        waves.add(AFTERWARDS, self._bank(owed), "operator", Planned("cover", method, args))

    def _named(self, name: str, owed: _Owed) -> dict[str, Any]:
        return {"payment": name, "order": f"{name}-{owed.tries}"}

    def _bank(self, owed: _Owed) -> str:
        return self._places.bank_of(owed.insurer)
