"""The one way in which a member node follows things: listed, proved, kept, looked up again.

A node lists what changed for the organisation, and at which height (``node.api.changes``).
What is newer than what is known is proved at that node, by state or by receipt (``kinds``), and
kept with its evidence. A node that lists what it cannot prove gets no further with its list; what
one leaves out the others name, and what a proof names is proved though all leave it out. What is
still open is looked up again from time to time, at whichever node proves it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from node.ledger.errors import InvalidProof
from node.ledger.types import DIGEST_BYTES
from node.member import rows
from node.member.errors import Declined
from node.member.kinds.kind import Following, Found, Name, ReceiptKind, StateKind
from node.member.nodes import LOOKS_MAX, Nodes, in_turn
from node.member.records import Record, Records
from node.member.remote import Remote, height_of, rows_of, text_of
from node.store.kv import KV, Operation

PAGE: Final = 200
PAGES_MAX: Final = 20
"""Pages of one node's list in one round."""
PLACE_LAST: Final = 9_999_999
"""Behind every call of a height."""
NAME_CHARS_MAX: Final = 120
CALL_MAX: Final = 999


@dataclass(frozen=True, slots=True)
class Hint:
    """A row of a node's list: that there is a thing, changed at a height by a call."""

    kind: str
    name: str
    height: int
    tx_id: bytes
    call: int

    @classmethod
    def of(cls, row: Any) -> Hint:
        """From JSON. Raises ``InvalidProof``."""
        tx_id, call = text_of(row, "tx_id", 2 * DIGEST_BYTES), row.get("call_index")
        if type(call) is not int or not 0 <= call <= CALL_MAX:
            raise InvalidProof("member.answer-shape", field="call_index")
        try:
            place = bytes.fromhex(tx_id)
        except ValueError:
            raise InvalidProof("member.answer-shape", field="tx_id") from None
        return cls(
            text_of(row, "kind", 20), text_of(row, "name", NAME_CHARS_MAX),
            height_of(row, "at_height"), place, call,
        )  # fmt: skip


def rows_behind(
    kv: KV, nodes: Nodes, remote: Remote, what: str, path: str, field: str, **query: object
) -> Iterator[Any]:
    """The rows of a node's list behind what was looked at, until its turn is over; a page counts as
    looked at once more is asked for than its last row.

    A node that passed over blocks by a snapshot lists what is newer: the rest is for the others.
    """
    place = rows.named(rows.CURSOR, remote.address, what)
    after = rows.read(kv, place) or ""
    for _ in range(PAGES_MAX):
        try:
            answer = remote.get_json(path, limit=PAGE, after=after, **query)
        except Declined as refusal:
            if refusal.code != "read.below-floor":
                raise
            floor = height_of(refusal.values, "floor")
            nodes.begins_late(remote, floor)
            after = f"{max(0, floor - 1)}:{PLACE_LAST}"
            continue
        for row in rows_of(answer, field):
            if remote.turn_is_over:
                return
            yield row
        end = answer.get("next") is None
        height = height_of(answer, "height")
        after = f"{height}:{PLACE_LAST}" if end else text_of(answer, "next", 30)
        kv.write([(place, rows.pack(after))], sync=True)
        if end:
            return


class Followed:
    """Follows all things of an organisation's kinds."""

    def __init__(
        self, kv: KV, nodes: Nodes, records: Records, organisation: str, following: Following
    ) -> None:
        self._kv, self._nodes, self._records = kv, nodes, records
        self._organisation, self._always = organisation, following.always
        self._own = {kind for kind, _ in following.always}
        self._kinds: Mapping[str, StateKind | ReceiptKind] = {
            kind.name: kind for kind in following.kinds
        }

    def collect(self, remote: Remote) -> None:
        """Prove what a node lists and is newer than what is known."""
        for kind, name in self._always:
            if self._records.find(kind, name) is None:
                self.refresh(remote, kind, name)
        path = f"/v1/organisations/{self._organisation}/changes"
        for row in rows_behind(self._kv, self._nodes, remote, "changes", path, "changes"):
            self._listed(remote, Hint.of(row))

    def look_again(self, due: bool, turn: int) -> None:
        """Prove what proofs have named, and where it is due some of what is open."""
        names = list(self._named(rows.SOON))[:LOOKS_MAX]
        if due:
            names += in_turn(list(self._named(rows.WATCH)), turn)
        for kind, name in names:
            self._nodes.first(partial(self.refresh, kind=kind, name=name))

    def open(self) -> dict[str, int]:
        """How many things of each kind are open."""
        found: dict[str, int] = {}
        for kind, _ in self._named(rows.WATCH):
            found[kind] = found.get(kind, 0) + 1
        return found

    def refresh(self, remote: Remote, kind: str, name: str, *, least: int = 0) -> bool:
        """Prove how a thing of the state stands, not below a height. Raises ``InvalidProof``."""
        known = self._kinds[kind]
        assert isinstance(known, StateKind), "a receipt stays as it is"
        facts, data = self._nodes.prove_state(remote, known.prefix + name, least=least)
        if facts.present:
            found = _read(partial(known.read, name, facts.value), key=facts.key)
        elif known.absent is None:
            raise InvalidProof("member.other-subject", wanted=facts.key)
        else:
            found = known.absent
        for needed in found.needs:
            if self._records.find(*needed) is None:
                self.refresh(remote, *needed)
        self._keep(Record.at(kind, name, found.state, facts.header, found.facts), found, data)
        return True

    def _listed(self, remote: Remote, hint: Hint) -> None:
        kind = self._kinds.get(hint.kind)
        if kind is None or hint.kind in self._own:
            return  # a newer node lists more than this build follows; nobody lists what is our own
        known = self._records.find(hint.kind, hint.name)
        if known is not None and known.height >= hint.height:
            return
        if isinstance(kind, StateKind):
            # A proof below the height that is listed would leave the thing news for ever.
            self.refresh(remote, hint.kind, hint.name, least=hint.height)
            return
        try:
            facts, data = self._nodes.prove_receipt(remote, hint.tx_id, hint.call)
        except Declined as refusal:
            if refusal.code == "read.no-right":
                return  # others' calls stand in the same transaction
            raise
        if facts.header.height != hint.height:
            raise InvalidProof("member.stale", height=facts.header.height, listed=hint.height)
        found = _read(partial(kind.read, hint.name, facts), tx_id=hint.tx_id.hex())
        self._keep(Record.at(kind.name, hint.name, found.state, facts.header, found.facts),
                   found, data)  # fmt: skip

    def _keep(self, record: Record, found: Found, evidence: bytes) -> None:
        me: Name = (record.kind, record.name)
        batch: list[Operation] = self._records.put(record, evidence)
        if batch:
            is_open = found.is_open or me in self._always
            batch.append((rows.named(rows.WATCH, *me), b"" if is_open else None))
            batch += [
                (rows.named(rows.SOON, *named), b"")
                for named in found.names
                if self._records.find(*named) is None
            ]
        self._kv.write([*batch, (rows.named(rows.SOON, *me), None)], sync=True)

    def _named(self, row: bytes) -> Iterator[Name]:
        for key, _ in self._kv.iterate(row, row + b"\xff" * 9):
            kind, _, name = key[len(row) :].decode().partition("\0")
            yield kind, name


def _read(read: Callable[[], Found], **what: str) -> Found:
    """What a certified form says. Raises ``InvalidProof`` for one that this build does not know."""
    try:
        return read()
    except (TypeError, ValueError, LookupError, AttributeError):
        raise InvalidProof("member.unknown-form", **what) from None
