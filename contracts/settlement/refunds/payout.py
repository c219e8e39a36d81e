"""Contract ``payout``: money of an account that is closed goes to the person or the heirs.

An account that was closed, by death or by a move of the insurance, must not fill again: nobody
would look into it. What a refund brings there is moved on at once to what the area owes (``owed``),
and a payout waits for the home bureau to name a bank account: the person's own, or an heir's with
the relation. A second person orders, the bank confirms or sends it back with a reason. Money that
comes back after it was confirmed, whole or in part, is owed again, and an account is named anew.
What a dead person's account held is divided among heirs by ``estate`` and paid out in the same way.

State: ``payout/<cause>:<number>``, numbers from 1. The cause is a reversal's id, or ``estate:``,
``move:`` or ``wallet:`` with the id of what brought the money: no client's id begins like that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from contracts import organisations
from contracts.api import Answer, Args, Context, Contract, State, Value, reject
from contracts.organisations import covers, require_competent, require_own_id
from contracts.schema import IDENTIFIER, Bytes, Date, Fen, Id, OneOf, Text
from contracts.settlement import (
    account_money,
    bank_order,
    calendar,
    enrolment,
    estate_record,
    move_record,
)
from contracts.settlement import funds_chart as chart
from contracts.settlement.enrolment import Person, person_status
from contracts.settlement.enrolment_record import CLOSED
from contracts.settlement.funds_book import Book, Leg, counter_entry, post
from contracts.settlement.life import START, Life
from contracts.settlement.records import content_digest, salt_of
from contracts.settlement.reimbursement_record import PAID
from contracts.settlement.returns import (
    WHY_BACK,
    Returned,
    decode,
    make_return,
    returned_fen,
    take_reference,
    told_before,
)
from contracts.settlement.terms import PERSONAL_ACCOUNT

CONTRACT = Contract("payout", version=1)

RECEIVERS = ("person", "spouse", "parent", "child", "other_heir")
"""Whose the bank account is: the person's, or of an heir by relation."""
ORDERS_MAX = 20
"""Orders of one payout that banks have carried out."""


class PayoutState(StrEnum):
    """Where a payout stands."""

    DUE = "due"
    """Money has nowhere to go yet, or came back from where it was sent."""
    NAMED = "named"
    """A bank account is known."""
    PAYING = "paying"
    """With the bank."""
    PAID = "paid"
    """The bank has paid, with its reference; final unless money comes back."""


class PayoutStep(StrEnum):
    """What can happen to a payout."""

    OWE = "owe"
    NAME = "name"
    PAY = "pay"
    CONFIRM = "confirm"
    CONFIRM_PART = "confirm-part"
    """The bank has paid, and of an earlier order something came back meanwhile."""
    BOUNCE = "bounce"
    COME_BACK = "come-back"
    """Money of an order that the bank had confirmed came back, whole or in part."""


_S, _A = PayoutState, PayoutStep
TABLE: dict[tuple[str, PayoutStep], PayoutState] = {
    (START, _A.OWE): _S.DUE,
    (_S.DUE, _A.NAME): _S.NAMED,
    (_S.NAMED, _A.NAME): _S.NAMED,
    (_S.NAMED, _A.PAY): _S.PAYING,
    (_S.PAYING, _A.CONFIRM): _S.PAID,
    (_S.PAYING, _A.CONFIRM_PART): _S.DUE,
    (_S.PAYING, _A.BOUNCE): _S.DUE,
    (_S.PAID, _A.COME_BACK): _S.DUE,
    # Of an earlier order.
    (_S.DUE, _A.COME_BACK): _S.DUE,
    (_S.NAMED, _A.COME_BACK): _S.NAMED,
    (_S.PAYING, _A.COME_BACK): _S.PAYING,
}
"""(state, step) -> next state. What is missing is refused."""

_LIFE = Life(TABLE, PayoutState, "payout.wrong-state", ("state", "step"))
mermaid = _LIFE.mermaid


@dataclass(frozen=True, slots=True)
class Paid:
    """An order that the bank has carried out."""

    payment: str
    bank: str
    amount_fen: int
    reference: str
    returns: tuple[Returned, ...] = ()

    @property
    def standing_fen(self) -> int:
        """What did not come back of it."""
        return self.amount_fen - returned_fen(self.returns)

    def encode(self) -> Value:
        """As the state has it."""
        returns = [back.encode() for back in self.returns]
        return [self.payment, self.bank, self.amount_fen, self.reference, returns]


@dataclass(frozen=True, slots=True)
class Payout:
    """Money for somebody whose account is closed."""

    state: PayoutState
    person: str
    area: str
    amount_fen: int
    """What is paid out in all."""
    account: bytes
    """Token of a bank account, 32 bytes; the bank knows what it stands for."""
    receiver: str
    """A word of ``RECEIVERS``; empty while none is named."""
    namer: str
    """Holder who named it; another one pays."""
    payment: str
    """The order that is on its way or was paid."""
    bank: str
    reference: str
    """The bank's, of the last report."""
    last: bytes
    """Of the last call that changed it, for retries."""
    salt: bytes
    heir: bytes = b""
    """The heir whose share it is (``estate``); empty where no heir is on record for it."""
    ordered_fen: int = 0
    """Of the order that is on its way."""
    paid: tuple[Paid, ...] = ()
    """Orders that banks have carried out, oldest first."""

    @property
    def open_fen(self) -> int:
        """What is still to be paid, or is again; money on its way counts as open."""
        return self.amount_fen - sum(order.standing_fen for order in self.paid)

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [
            self.state.value, self.person, self.area, self.amount_fen, self.account,
            self.receiver, self.namer, self.payment, self.bank, self.reference, self.last,
            self.salt, self.heir, self.ordered_fen, [order.encode() for order in self.paid],
        ]  # fmt: skip

    @classmethod
    def decode(cls, value: Value) -> Payout:
        """From the state's value."""
        state, *fields, paid = value
        orders = tuple(
            Paid(payment, bank, fen, reference, decode(returns))
            for payment, bank, fen, reference, returns in paid
        )
        return replace(cls(PayoutState(state), *fields), paid=orders)


def find(state: State, name: str) -> Payout | None:
    """The payout of an id; None where there is none."""
    value = state.get(_key(name))
    return None if value is None else Payout.decode(value)


def name_of(reversal: str, number: int) -> str:
    """Id of a payout: a reversal has one for each closed account."""
    return f"{reversal}:{number}"


def divert(ctx: Context, reversal: str, came: Mapping[str, int], book: Book) -> None:
    """Move on what came into accounts that are closed. ``came``: fen by account.

    To the account that the person has where the insurance has moved (transfer ``move/<reversal>``,
    as by ``move``); else the area owes it (``payout/<reversal>``), and a payout waits.
    """
    today = calendar.date_of_ms(ctx.time_ms)
    owed: list[Leg] = []
    moved: list[Leg] = []
    number = 0
    for account, amount in came.items():
        kind, _ = chart.entry_of(account)
        if amount <= 0 or kind.entry != "account/<person>":
            continue
        person = enrolment.require_person(ctx.state, chart.owner_of(account))
        if person.died is None and person_status(person, today) != CLOSED:
            continue
        number += 1
        name, now = name_of(reversal, number), move_record.last_of(ctx.state, person)
        goes_on = now.id != person.id and now.died is None and now.account
        if goes_on and person_status(now, today) != CLOSED:
            account_money.open_entry(ctx, book, now)
            into = chart.person_account(now.id)
            moved += account_money.legs_between(account, person.area, into, now.area, amount)
            account_money.ask_payment(ctx, name, person.area, now.area, amount)
            continue
        owed.append((account, PERSONAL_ACCOUNT, -amount))
        owed.append((chart.owed(person.area), PERSONAL_ACCOUNT, amount))
        owe(ctx, name, person, amount)
    for transfer, legs in ((f"payout/{reversal}", owed), (f"move/{reversal}", moved)):
        if legs:
            post(ctx, transfer, legs, book)


def owe(ctx: Context, name: str, person: Person, amount_fen: int, heir: bytes = b"") -> None:
    """A new payout: the area owes the money, and a bank account is to be named."""
    assert find(ctx.state, name) is None, f"payout {name} is owed twice"
    state = _LIFE.follow(START, _A.OWE)
    salt = salt_of(ctx, person.salt, _key(name))
    made = Payout(
        state, person.id, person.area, amount_fen, b"", "", "", "", "", "", b"", salt, heir
    )
    _store(ctx, name, made)


def net_into(legs: list[Leg]) -> dict[str, int]:
    """What legs bring into each account that belongs to a person."""
    came: dict[str, int] = {}
    for account, fund_type, amount in legs:
        if fund_type == PERSONAL_ACCOUNT and account.startswith(("person:", "wallet:")):
            came[account] = came.get(account, 0) + amount
    return came


@CONTRACT.method(
    args={"payout": Id(80), "account": Bytes(32), "receiver": OneOf(*RECEIVERS)},
    kinds=("bureau",),
    posts=("clerk", "checker"),
    name="name",
)
def name_account(ctx: Context, args: Args) -> Answer:
    """Name the bank account that the money goes to: the person's, or an heir's after a death.

    Refuses with ``payout.receiver``, ``payout.wrong-state``.
    """
    made, digest, told = _begin(ctx, "name", args)
    require_competent(ctx, made.area)
    if told is not None:
        return told
    state = _LIFE.follow(made.state, _A.NAME)
    # Who has moved may have died since: under the pseudonym of the place of insurance.
    person = move_record.last_of(ctx.state, enrolment.require_person(ctx.state, made.person))
    if (person.died is None) != (args["receiver"] == "person"):
        reject("payout.receiver", receiver=args["receiver"], died=person.died is not None)
    heirs = estate_record.heirs_of(ctx.state, person.id)
    allowed = {h.relation for h in heirs if not made.heir or h.heir == made.heir}
    if heirs and args["receiver"] not in allowed:
        reject("payout.receiver", receiver=args["receiver"], allowed=sorted(allowed))
    named = replace(
        made, state=state, account=args["account"], receiver=args["receiver"], namer=ctx.holder,
        last=digest,
    )  # fmt: skip
    return _store(ctx, args["payout"], named)


@CONTRACT.method(
    args={"payout": Id(80), "payment": Id(64), "bank": Id(64)},
    kinds=("bureau", "finance"),
    posts=("finance",),
)
def pay(ctx: Context, args: Args) -> Answer:
    """Order the bank to pay what is open. Whoever named the account does not order.

    Refuses with ``payout.same-holder``, ``payout.bank``, ``payout.wrong-state``,
    ``payout.payment-id``, ``payout.too-many``, ``bank.order-name``.
    """
    made, digest, told = _begin(ctx, "pay", args)
    if ctx.sender_kind == "bureau":
        require_competent(ctx, made.area)
    elif not covers(ctx.sender_region, made.area):
        reject("sender.not-competent", competence=ctx.sender_region, region=made.area)
    if told is not None:
        return told
    require_own_id(ctx, args["payment"])
    state = _LIFE.follow(made.state, _A.PAY)
    if made.namer == ctx.holder:
        reject("payout.same-holder", holder=ctx.holder)
    if not organisations.takes_part(ctx.state, args["bank"], "bank"):
        reject("payout.bank", bank=args["bank"])
    used = {made.payment, *(order.payment for order in made.paid)}
    # An order that came back before it was paid is remembered by its bank's entry alone.
    given = bank_order.find(ctx.state, args["bank"], _order_name(args))
    if args["payment"] in used or given is not None:
        reject("payout.payment-id", payout=args["payout"], payment=args["payment"])
    if len(made.paid) >= ORDERS_MAX:
        reject("payout.too-many", payout=args["payout"], limit=ORDERS_MAX)
    ordered = replace(
        made, state=state, payment=args["payment"], bank=args["bank"], last=digest,
        ordered_fen=made.open_fen,
    )  # fmt: skip
    # Told once for each order: from it the bank's list of orders is made.
    ctx.emit(
        "payout.ordered", payout=args["payout"], payment=args["payment"], bank=args["bank"],
        area=made.area, amount_fen=made.open_fen,
    )  # fmt: skip
    bank_order.give(
        ctx, ordered.bank, _order_name(args), amount_fen=ordered.ordered_fen, payer=made.area,
        account=made.account, due_on="", secret=made.salt,
    )  # fmt: skip
    return _store(ctx, args["payout"], ordered)


_REPORT = {"payout": Id(80), "payment": Id(64), "reference": Text(1, 60, IDENTIFIER)}
_BANK_POSTS = ("finance", "operator", "clerk")


@CONTRACT.method(args=_REPORT, kinds=("bank",), posts=_BANK_POSTS)
def confirm(ctx: Context, args: Args) -> Answer:
    """The bank has paid, with its reference. Told twice, it is the same payment."""
    made, digest, told = _begin(ctx, "confirm", args)
    _require_order(ctx, made, args)
    if told is not None:
        return told
    take_reference(ctx, _order_name(args), args["reference"])
    order = Paid(made.payment, made.bank, made.ordered_fen, args["reference"])
    _tell_bank(ctx, args, order)
    paid = replace(made, reference=args["reference"], paid=(*made.paid, order), ordered_fen=0)
    state = _LIFE.follow(made.state, _A.CONFIRM_PART if paid.open_fen else _A.CONFIRM)
    post(ctx, f"payout/{args['payout']}/{made.payment}", _legs(made, order, order.amount_fen))
    paid = replace(paid, state=state, last=digest)
    return _store(ctx, args["payout"], _nameless(paid) if state is _S.DUE else paid)


@CONTRACT.method(args=_REPORT | {"reason": OneOf(*WHY_BACK)}, kinds=("bank",), posts=_BANK_POSTS)
def bounce(ctx: Context, args: Args) -> Answer:
    """The bank could not pay, and why: another account is named. Nothing has moved."""
    made, digest, told = _begin(ctx, "bounce", args)
    _require_order(ctx, made, args)
    if told is not None:
        return told
    state = _LIFE.follow(made.state, _A.BOUNCE)
    take_reference(ctx, _order_name(args), args["reference"])
    bank_order.report(
        ctx, made.bank, _order_name(args), outcome=args["reason"], reference=args["reference"]
    )
    back = replace(made, state=state, reference=args["reference"], last=digest, ordered_fen=0)
    return _store(ctx, args["payout"], _nameless(back))


@CONTRACT.method(
    args=_REPORT | {"amount_fen": Fen(1), "value_on": Date(), "reason": OneOf(*WHY_BACK)},
    kinds=("bank",),
    posts=_BANK_POSTS,
)
def came_back(ctx: Context, args: Args) -> Answer:
    """Money that the bank had paid came back, whole or in part, and why: it is owed again.

    An account is named anew. Refuses with ``payout.not-your-order``, ``payment.not-paid``,
    ``payment.return-above``, ``payment.reference-used``, ``payment.reported-otherwise``,
    ``payment.value-day``, ``payment.too-many-returns``.
    """
    name = args["payout"]
    made, _, _ = _begin(ctx, "came_back", args)
    order = paid_order(ctx, made, args["payment"])
    if order is None:
        _require_order(ctx, made, args)
        reject("payment.not-paid", payment=args["payment"], outcome=made.state.value)
    which = _order_name(args)
    if told_before(which, order.returns, args):
        return _answer(name, made)
    back = make_return(ctx, which, [order.amount_fen], order.returns, args)
    state = _LIFE.follow(made.state, _A.COME_BACK)
    number = len(order.returns) + 1
    legs = counter_entry(_legs(made, order, back.amount_fen))
    post(ctx, f"payout/{name}/{order.payment}/back/{number}", legs)
    returned = replace(order, returns=(*order.returns, back))
    _tell_bank(ctx, args, returned)
    paid = tuple(returned if each.payment == order.payment else each for each in made.paid)
    owes = replace(made, state=state, paid=paid)
    return _store(ctx, name, _nameless(owes) if made.state is _S.PAID else owes)


def paid_order(ctx: Context, made: Payout, payment: str) -> Paid | None:
    """The order of this id that the bank has carried out; None where it has not."""
    return next((p for p in made.paid if p.payment == payment and _is_told_by(ctx, p.bank)), None)


def is_ordered(ctx: Context, made: Payout, payment: str) -> bool:
    """Whether the payout's newest order has this id and is the bank's to report."""
    return made.payment == payment and _is_told_by(ctx, made.bank)


def _is_told_by(ctx: Context, bank: str) -> bool:
    return organisations.speaks_for(ctx.state, ctx.sender, bank)


def _order_name(args: Args) -> str:
    """The order's name among all that its bank is told to pay."""
    return bank_order.name_of(bank_order.PAYOUT, args["payout"], args["payment"])


def _tell_bank(ctx: Context, args: Args, order: Paid) -> None:
    """The order as its bank sees it stands as it does here."""
    bank_order.report(
        ctx, order.bank, _order_name(args), outcome=PAID, reference=order.reference,
        standing_fen=order.standing_fen,
    )  # fmt: skip


def _legs(made: Payout, order: Paid, amount_fen: int) -> list[Leg]:
    """The postings that pay so much."""
    return [
        (chart.owed(made.area), PERSONAL_ACCOUNT, -amount_fen),
        (chart.bank(order.bank), PERSONAL_ACCOUNT, amount_fen),
    ]


def _nameless(made: Payout) -> Payout:
    """Without the bank account that would not do: one is to be named again."""
    return replace(made, account=b"", receiver="", namer="")


def _begin(ctx: Context, method: str, args: Args) -> tuple[Payout, bytes, Answer | None]:
    """The payout, the call's digest and, where this very call was the last, its answer."""
    made = find(ctx.state, args["payout"])
    if made is None:
        reject("payout.not-found", payout=args["payout"])
    digest = content_digest(ctx, f"payout.{method}", args)
    told = _answer(args["payout"], made) if digest == made.last else None
    return made, digest, told


def _require_order(ctx: Context, made: Payout, args: Args) -> None:
    if not is_ordered(ctx, made, args["payment"]):
        reject("payout.not-your-order", payment=args["payment"], bank=ctx.sender)


def _store(ctx: Context, name: str, made: Payout) -> Answer:
    ctx.state.put(_key(name), made.encode())
    ctx.emit(
        f"payout.{made.state.value}", payout=name, person=made.person, area=made.area,
        amount_fen=made.amount_fen, open_fen=made.open_fen,
    )  # fmt: skip
    return _answer(name, made)


def _answer(name: str, made: Payout) -> Answer:
    return {
        "payout": name, "state": made.state.value, "amount_fen": made.amount_fen,
        "open_fen": made.open_fen,
    }  # fmt: skip


def _key(name: str) -> str:
    return f"payout/{name}"
