"""The books at a height: what went into and out of every account, summed from the postings.

Not read from the balances: every posting of every receipt up to the height is added up, so the
trial balance is a check of the state and not a copy of it. What was summed once is remembered, and
a later height goes on from there. Accounts of persons are summed by the area that insures them:
an accountant needs the total, and nobody is named.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from dataclasses import dataclass, field

from contracts import organisations
from contracts.api import State
from contracts.regions import COUNTRY, covers, is_area, province
from contracts.settlement import enrolment
from contracts.settlement.funds_chart import owner_of
from node.api.ports import View
from node.api.problems import Problem
from node.ledger.receipt import Receipt

Key = tuple[str, str]
"""(account, fund type)."""
Sums = dict[Key, list[int]]
"""Key -> [into the account, out of it]; fen, neither negative."""

KEPT_MAX = 8
"""Heights whose sums are remembered."""
HEIGHTS_AT_ONCE = 8
"""Blocks that are summed before other requests have their turn: some 20 ms of full ones."""
AREAS_MAX = 200_000


@dataclass(slots=True)
class Books:
    """Sums at the heights that were asked for lately. One for each application."""

    _kept: dict[int, Sums] = field(default_factory=dict)
    _areas: dict[str, str] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def at(self, view: View, state: State, height: int) -> Sums:
        """All sums up to and with a height that the view has.

        Raises ``Problem`` ``read.below-floor`` where a snapshot has passed over blocks.
        """
        if view.floor > 0:
            raise Problem("read.below-floor", floor=view.floor)
        async with self._lock:
            known = sorted(self._kept)
            place = bisect_right(known, height)
            first = known[place - 1] if place else -1
            sums = {key: list(row) for key, row in self._kept.get(first, {}).items()}
            for number, at in enumerate(range(first + 1, height + 1)):
                self._add(sums, view, state, at)
                if number % HEIGHTS_AT_ONCE == HEIGHTS_AT_ONCE - 1:
                    await asyncio.sleep(0)
            self._kept.pop(height, None)
            self._kept[height] = sums
            if len(self._kept) > KEPT_MAX:
                del self._kept[next(iter(self._kept))]
            return sums

    def _add(self, sums: Sums, view: View, state: State, height: int) -> None:
        for leaf in view.receipts(height):
            for leg in Receipt.decode_trusted(leaf).postings:
                key = (self.shown(state, leg.account), leg.fund_type)
                row = sums.get(key)
                if row is None:
                    row = sums[key] = [0, 0]
                if leg.amount_fen > 0:
                    row[0] += leg.amount_fen
                else:
                    row[1] -= leg.amount_fen

    def shown(self, state: State, account: str) -> str:
        """The account's name in the books: ``person:<area>`` for all people of an area."""
        if not account.startswith(("person:", "wallet:")):
            return account
        kind = account.partition(":")[0]
        person = owner_of(account)
        area = self._areas.get(person)
        if area is None:
            found = enrolment.load_person(state, person)
            area = "" if found is None else found.area
            if len(self._areas) >= AREAS_MAX:
                self._areas.clear()
            self._areas[person] = area
        return f"{kind}:{area}"


def is_of(state: State, account: str, region: str) -> bool:
    """Whether an account (as the books show it) is in a region's books.

    Between two provinces each keeps its own side; banks and their credit are the country's.
    """
    kind, _, rest = account.partition(":")
    if region == COUNTRY:
        return True
    if "->" in rest:
        home, _, care = rest.partition("->")
        return covers(region, care if kind in ("receivable", "advance") else home)
    if is_area(rest):
        # What a city remits stands in its own books and, as collection, in its province's; what it
        # is allotted in its province's and, as allotted, in its own.
        return covers(region, province(rest) if kind in ("collection", "allotment") else rest)
    if kind in ("bank", "credit"):
        return False
    found = organisations.load(state, rest)
    return found is not None and covers(region, found.region)
