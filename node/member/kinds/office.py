"""The organisation itself as the ledger has it: a finance department is one for its region."""

from __future__ import annotations

from contracts.organisations import covers
from node.ledger.types import Value
from node.member.kinds.kind import Find, Found, StateKind


def _read(_name: str, value: Value) -> Found:
    left = value["left_height"]
    facts = {"kind": value["kind"], "region": value["region"], "left_height": left}
    return Found("member" if left is None else "left", facts)


OFFICE = StateKind("office", "org/", "the department itself: its region; always looked up", _read)


class Region:
    """Whether a side of a notice lies in the region of an office, as the ledger has proved it."""

    def __init__(self, find: Find, office: str) -> None:
        self._find, self._office = find, office

    def __call__(self, side: str) -> bool:
        known = self._find("office", self._office)
        assert known is not None, "an office is proved before anything it follows"
        return ":" not in side and covers(known.facts["region"], side)
