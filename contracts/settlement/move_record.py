"""What is kept of a transfer of insurance (关系转移), and its life as a table.

``move/<id>`` is one array, ``moving/<person>`` the id of the one that is under way, and
``moved/<person>`` says where a person's insurance has gone: what comes for the old account
afterwards goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contracts.api import Context, State, Value, reject
from contracts.settlement.enrolment_record import Person, require_person
from contracts.settlement.life import START, Life
from contracts.settlement.records import salt_of

MOVES_MAX = 30
"""Moves of one human being that are followed."""


class MoveStage(StrEnum):
    """Where a transfer of insurance stands."""

    ASKED = "asked"
    """The new area asks the old one to let the person go."""
    AGREED = "agreed"
    """The old area has named its last day; nothing has changed yet."""
    DONE = "done"
    """Ended there and begun here in one call; final."""
    REFUSED = "refused"
    """The old area does not let go, with a reason; final."""
    WITHDRAWN = "withdrawn"
    """Given up by either side; final."""


class MoveStep(StrEnum):
    """What can happen to a transfer of insurance."""

    ASK = "ask"
    AGREE = "agree"
    COMPLETE = "complete"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


_S, _A = MoveStage, MoveStep
TABLE: dict[tuple[str, MoveStep], MoveStage] = {
    (START, _A.ASK): _S.ASKED,
    (_S.ASKED, _A.AGREE): _S.AGREED,
    (_S.ASKED, _A.REFUSE): _S.REFUSED,
    (_S.ASKED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.AGREED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.AGREED, _A.COMPLETE): _S.DONE,
}
"""(stage, step) -> next stage. What is missing is refused."""

_LIFE = Life(TABLE, MoveStage, "move.wrong-stage", ("stage", "step"))
follow = _LIFE.follow
mermaid = _LIFE.mermaid

UNDER_WAY = (MoveStage.ASKED, MoveStage.AGREED)


@dataclass(frozen=True, slots=True)
class Move:
    """One transfer of insurance."""

    stage: MoveStage
    person: str
    """Pseudonym at the old area."""
    to: str
    """Pseudonym at the new area."""
    first_day: str
    """First day of the new insurance."""
    last_day: str
    """Last day of the old one; empty until the old area has agreed."""
    asker: str
    """Holder who asked; another one completes."""
    reason: str
    """Why it was refused."""
    account_fen: int
    """What moved from account to account."""
    wallet_fen: int
    carried: tuple[str, ...]
    """Counters of the benefit year that go on."""
    notice: str
    """The notice by which the old area pays the new one; empty where nothing was to be paid."""
    asked: bytes
    """Digest of the call that asked, for retries."""
    last: bytes
    """Of the last call that changed it."""
    salt: bytes

    @property
    def moved_fen(self) -> int:
        """What moved in all."""
        return self.account_fen + self.wallet_fen

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [
            self.stage.value, self.person, self.to, self.first_day, self.last_day, self.asker,
            self.reason, self.account_fen, self.wallet_fen, list(self.carried), self.notice,
            self.asked, self.last, self.salt,
        ]  # fmt: skip


def find(state: State, name: str) -> Move | None:
    """The move of an id; None where there is none."""
    value = state.get(f"move/{name}")
    if value is None:
        return None
    (stage, person, to, first, last_day, asker, reason, account, spare, carried, notice, asked,
     last, salt) = value  # fmt: skip
    return Move(
        MoveStage(stage), person, to, first, last_day, asker, reason, account, spare,
        tuple(carried), notice, asked, last, salt,
    )  # fmt: skip


def load(state: State, name: str) -> Move:
    """The move. Refuses with ``move.not-found``."""
    found = find(state, name)
    if found is None:
        reject("move.not-found", move=name)
    return found


def put(ctx: Context, name: str, made: Move) -> None:
    """Write it, and what says that the person is under way, or where the person has gone."""
    ctx.state.put(f"move/{name}", made.encode())
    key = f"moving/{made.person}"
    if made.stage in UNDER_WAY:
        ctx.state.put(key, [name, salt_of(ctx, made.salt, key)])
        return
    ctx.state.delete(key)
    if made.stage is MoveStage.DONE:
        key = f"moved/{made.person}"
        ctx.state.put(key, [made.to, name, salt_of(ctx, made.salt, key)])


def under_way(state: State, person: str) -> str:
    """The move that a person is in the middle of; empty where there is none."""
    value = state.get(f"moving/{person}")
    return "" if value is None else str(value[0])


def move_of(state: State, person: str) -> str:
    """The move by which a person's insurance has gone elsewhere, or is about to; else empty."""
    value = state.get(f"moved/{person}")
    return under_way(state, person) if value is None else str(value[1])


def last_of(state: State, person: Person) -> Person:
    """Who the person is after all moves; the same one where there was none."""
    for _ in range(MOVES_MAX):
        value = state.get(f"moved/{person.id}")
        if value is None:
            break
        person = require_person(state, value[0])
    return person
