"""Contract ``credit``: a bank's credit line stands in for a deposit (信用就医).

The bank grants a hold for a patient's stay at an institution, known to the ledger by a token and an
amount and nothing else of the bank's. The settlement draws against the cash part only, gives the
rest of the hold free in the same call, and the institution has its money from the bank. What the
patient pays back to the bank is told for the record. A refund after a reversal goes back the way it
came: to the bank, which owes the patient what was repaid already. What a bank has promised is its
successor's once it has left the network (``organisations.speaks_for``).

State: ``credit/<hold>``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from contracts import organisations
from contracts.api import Answer, Args, Context, Contract, Value, reject
from contracts.schema import Bytes, Fen, Id, Int
from contracts.settlement import funds_chart as chart
from contracts.settlement import open_things
from contracts.settlement.enrolment import require_person
from contracts.settlement.funds_book import Book, Leg, post
from contracts.settlement.open_things import Open
from contracts.settlement.records import content_digest, salt_of

CONTRACT = Contract("credit", version=1)

HELD, DRAWN, RELEASED = "held", "drawn", "released"
_POSTS = ("finance", "clerk", "operator")


@dataclass(frozen=True, slots=True)
class Hold:
    """A bank's promise for one stay."""

    bank: str
    token: bytes
    """The bank's own name of the credit line, 32 bytes."""
    person: str
    institution: str
    amount_fen: int
    status: str
    until_ms: int
    drawn_fen: int
    refunded_fen: int
    repaid_fen: int
    digest: bytes
    salt: bytes

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [getattr(self, name) for name in _FIELDS]

    @property
    def owed_fen(self) -> int:
        """What the patient owes the bank; below 0 what the bank owes the patient."""
        return self.drawn_fen - self.refunded_fen - self.repaid_fen


_FIELDS = tuple(Hold.__dataclass_fields__)


@CONTRACT.method(
    args={
        "hold": Id(60),
        "token": Bytes(32),
        "person": Id(60),
        "institution": Id(64),
        "amount_fen": Fen(1),
        "until_ms": Int(0),
    },
    kinds=("bank",),
    posts=_POSTS,
)
def grant(ctx: Context, args: Args) -> Answer:
    """Hold an amount for a patient at an institution, until a time.

    Refuses with ``credit.duplicate-id``, ``credit.institution``, ``credit.late``.
    """
    name = args["hold"]
    digest = content_digest(ctx, "credit.grant", args)
    value = ctx.state.get(_key(name))
    if value is not None:
        known = Hold(*value)
        if known.digest != digest or known.bank != ctx.sender:
            reject("credit.duplicate-id", hold=name)
        return _answer(name, known)
    organisations.require_own_id(ctx, name)
    person = require_person(ctx.state, args["person"])
    institution = organisations.load(ctx.state, args["institution"])
    if institution is None or institution.kind not in organisations.INSTITUTIONS:
        reject("credit.institution", institution=args["institution"])
    if args["until_ms"] <= ctx.time_ms:
        reject("credit.late", until_ms=args["until_ms"], time_ms=ctx.time_ms)
    made = Hold(
        bank=ctx.sender, token=args["token"], person=person.id, institution=institution.id,
        amount_fen=args["amount_fen"], status=HELD, until_ms=args["until_ms"], drawn_fen=0,
        refunded_fen=0, repaid_fen=0, digest=digest, salt=salt_of(ctx, person.salt, _key(name)),
    )  # fmt: skip
    post(ctx, f"credit/{name}", _move(made.bank, made.amount_fen))
    open_things.enter(ctx, Open.HOLDS, person.id, person.salt, name)
    return _store(ctx, name, made, "granted")


@CONTRACT.method(args={"hold": Id(60)}, kinds=("bank", "hospital", "pharmacy"), posts=_POSTS)
def release(ctx: Context, args: Args) -> Answer:
    """Give a hold free that was not drawn: the institution at any time, the bank when it is over.

    Refuses with ``credit.not-found``, ``credit.ended``, ``credit.early``.
    """
    name = args["hold"]
    made = _load(ctx, name)
    of_bank = organisations.speaks_for(ctx.state, ctx.sender, made.bank)
    if not of_bank and ctx.sender != made.institution:
        reject("credit.not-found", hold=name)
    if made.status == RELEASED:
        return _answer(name, made)
    if made.status != HELD:
        reject("credit.ended", hold=name, status=made.status)
    if of_bank and ctx.time_ms < made.until_ms:
        # The patient is in a bed that was given without a deposit.
        reject("credit.early", until_ms=made.until_ms, time_ms=ctx.time_ms)
    post(ctx, f"credit/{name}/release", _move(made.bank, -made.amount_fen))
    open_things.leave(ctx, Open.HOLDS, made.person, name)
    return _store(ctx, name, replace(made, status=RELEASED), "released")


@CONTRACT.method(args={"hold": Id(60), "repaid_fen": Fen(1)}, kinds=("bank",), posts=_POSTS)
def repaid(ctx: Context, args: Args) -> Answer:
    """The bank tells how much the patient has paid back in all; it never falls.

    Refuses with ``credit.not-found``, ``credit.repaid``.
    """
    name = args["hold"]
    made = _load(ctx, name)
    if not organisations.speaks_for(ctx.state, ctx.sender, made.bank):
        reject("credit.not-found", hold=name)
    if not made.repaid_fen <= args["repaid_fen"] <= made.drawn_fen:
        reject(
            "credit.repaid", repaid_fen=args["repaid_fen"], before_fen=made.repaid_fen,
            drawn_fen=made.drawn_fen,
        )  # fmt: skip
    return _store(ctx, name, replace(made, repaid_fen=args["repaid_fen"]), "repaid")


def require_open(ctx: Context, name: str, person: str, institution: str) -> Hold:
    """The hold, if it may be drawn for this person here and now.

    Refuses with ``credit.not-found``, ``credit.other``, ``credit.ended``, ``credit.over``.
    """
    made = _load(ctx, name)
    if (made.person, made.institution) != (person, institution):
        reject("credit.other", hold=name)
    if made.status != HELD:
        reject("credit.ended", hold=name, status=made.status)
    if ctx.time_ms >= made.until_ms:
        reject("credit.over", hold=name, until_ms=made.until_ms, time_ms=ctx.time_ms)
    return made


def draw(ctx: Context, name: str, amount_fen: int, book: Book) -> None:
    """A settlement has drawn ``amount_fen``: the rest of the hold is free. Its legs are posted by
    the settlement itself."""
    made = _load(ctx, name)
    rest = made.amount_fen - amount_fen
    assert rest >= 0, "more was drawn than was held"
    if rest:
        post(ctx, f"credit/{name}/release", _move(made.bank, -rest), book)
    open_things.leave(ctx, Open.HOLDS, made.person, name)
    _store(ctx, name, replace(made, status=DRAWN, drawn_fen=amount_fen), "drawn")


def refund(ctx: Context, name: str, amount_fen: int, book: Book) -> None:
    """A reversal has put what was drawn back into the hold, which is over: it goes to the bank."""
    made = _load(ctx, name)
    if amount_fen:
        post(ctx, f"credit/{name}/refund", _move(made.bank, -amount_fen), book)
    _store(ctx, name, replace(made, refunded_fen=made.refunded_fen + amount_fen), "refunded")


def _move(bank: str, amount_fen: int) -> list[Leg]:
    """Out of the bank into credit that may be drawn; a negative amount the other way."""
    return [
        (chart.bank(bank), chart.CASH, -amount_fen), (chart.credit(bank), chart.CASH, amount_fen),
    ]  # fmt: skip


def _load(ctx: Context, name: str) -> Hold:
    value = ctx.state.get(_key(name))
    if value is None:
        reject("credit.not-found", hold=name)
    return Hold(*value)


def _store(ctx: Context, name: str, made: Hold, what: str) -> Answer:
    ctx.state.put(_key(name), made.encode())
    ctx.emit(f"credit.{what}", hold=name, bank=made.bank, institution=made.institution)
    return _answer(name, made)


def _answer(name: str, made: Hold) -> Answer:
    return {
        "hold": name, "status": made.status, "amount_fen": made.amount_fen,
        "drawn_fen": made.drawn_fen, "owed_fen": made.owed_fen,
    }  # fmt: skip


def _key(name: str) -> str:
    return f"credit/{name}"
