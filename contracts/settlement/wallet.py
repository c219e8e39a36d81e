"""Contract ``wallet``: money between near relatives' accounts, also across provinces (医保钱包).

Money leaves the sender's personal account and waits; the receiver's bureau claims it into the
wallet, from which care is paid like from the own account. What is not claimed by six in the morning
after goes back by a call that anyone may make. The published limits are parameters of the network:
three transfers a day, 2,000 yuan each, none between ten at night and six (RULES.md section 3.7).

What is claimed in another area that area's agency owes to care from then on, so the sender's owes
it as much: it enters the statement of the two (``clearing.stated``) like care that it pays for.

State: ``wallet-transfer/<id>``; ``wallet-day/<sender>``: [date, transfers of that day], salt. The
money stands on ``wallet:<person>``: of the sender while it waits, of the receiver afterwards.
"""

from __future__ import annotations

from contracts.api import Answer, Args, Context, Contract, Value, reject
from contracts.organisations import require_competent, require_own_id
from contracts.parameters import network
from contracts.regions import province
from contracts.schema import Fen, Id
from contracts.settlement import account_money, calendar, family, open_things
from contracts.settlement import funds_chart as chart
from contracts.settlement.claim_shapes import PRESENCE
from contracts.settlement.claim_visit import check_presence
from contracts.settlement.clearing.stated import Origin, into_statements
from contracts.settlement.enrolment import Person, area_of, person_status, require_person
from contracts.settlement.enrolment_record import CLOSED, DEAD
from contracts.settlement.funds_book import Book, Leg, post
from contracts.settlement.open_things import Open
from contracts.settlement.records import content_digest, salt_of
from contracts.settlement.refunds import payout
from contracts.settlement.terms import PERSONAL_ACCOUNT

CONTRACT = Contract("wallet", version=1)

WAITING, CLAIMED, RETURNED = "waiting", "claimed", "returned"
_HOUR_MS = 3_600_000
_POSTS = ("clerk", "checker", "operator")


@CONTRACT.method(
    args={
        "transfer": Id(60),
        "from": Id(60),
        "to": Id(60),
        "amount_fen": Fen(1),
        "presence": PRESENCE,
    },
    kinds=("bureau",),
    posts=_POSTS,
)
def send(ctx: Context, args: Args) -> Answer:
    """Send money to a near relative: it leaves the sender's account and waits to be claimed.

    Refuses with ``wallet.stranger``, ``wallet.night``, ``wallet.amount``,
    ``wallet.too-many-today``, ``funds.not-covered``, ``presence.*``.
    """
    name = args["transfer"]
    digest = content_digest(ctx, "wallet.send", args)
    known = ctx.state.get(_key(name))
    if known is not None:
        if known[5] != digest:
            reject("funds.duplicate-id", transfer=name)
        return _answer(name, known)
    require_competent(ctx, area_of(args["from"]))
    require_own_id(ctx, name)
    sender = require_person(ctx.state, args["from"])
    receiver = require_person(ctx.state, args["to"])
    _check_living(ctx, receiver)
    check_presence(ctx, args["presence"], sender)
    today = calendar.date_of_ms(ctx.time_ms)
    _check_related(ctx, sender.id, receiver.id, today)
    rules = network(ctx.state, "wallet")
    hour = (ctx.time_ms - calendar.start_of_day_ms(today)) // _HOUR_MS
    if not rules["from_hour"] <= hour < rules["to_hour"]:
        reject("wallet.night", hour=hour, opens=rules["from_hour"], closes=rules["to_hour"])
    if args["amount_fen"] > rules["amount_fen"]:
        reject("wallet.amount", amount_fen=args["amount_fen"], limit_fen=rules["amount_fen"])
    _count_today(ctx, sender, today, rules["a_day"])
    post(
        ctx, _transfer(name),
        [
            (chart.person_account(sender.id), PERSONAL_ACCOUNT, -args["amount_fen"]),
            (chart.wallet(sender.id), PERSONAL_ACCOUNT, args["amount_fen"]),
        ],
    )  # fmt: skip
    # Six in the morning of the next day, when transfers open again.
    back_ms = calendar.start_of_day_ms(calendar.add_days(today, 1)) + rules["from_hour"] * _HOUR_MS
    made = [sender.id, receiver.id, args["amount_fen"], WAITING, back_ms, digest,
            salt_of(ctx, sender.salt, _key(name))]  # fmt: skip
    return _store(ctx, name, made)


@CONTRACT.method(args={"transfer": Id(60)}, kinds=("bureau",), posts=_POSTS)
def claim(ctx: Context, args: Args) -> Answer:
    """The receiver takes the money into the wallet; the bureau of the receiver enters it.

    Refuses with ``wallet.not-found``, ``wallet.ended``, ``wallet.late``, and between two areas with
    ``clearing.no-period`` before the country's first period.
    """
    name = args["transfer"]
    made = _load(ctx, name)
    giver, receiver, amount, status, back_ms, *_ = made
    require_competent(ctx, area_of(receiver))
    if status == CLAIMED:
        return _answer(name, made)
    _require_waiting(name, status)
    if ctx.time_ms >= back_ms:
        reject("wallet.late", until_ms=back_ms, time_ms=ctx.time_ms)
    person = require_person(ctx.state, receiver)
    _check_living(ctx, person)
    book = Book(ctx.state)
    account_money.open_entry(ctx, book, person)
    home, there = province(area_of(giver)), province(person.area)
    legs: list[Leg] = [(chart.wallet(giver), PERSONAL_ACCOUNT, -amount)]
    if home != there:
        # The receiver's province will pay with it.
        legs.append((chart.clearing(home, there), PERSONAL_ACCOUNT, amount))
        legs.append((chart.receivable(home, there), PERSONAL_ACCOUNT, -amount))
    legs.append((chart.wallet(receiver), PERSONAL_ACCOUNT, amount))
    post(ctx, f"{_transfer(name)}/claim", legs, book)
    book.save()
    _state_debt(ctx, require_person(ctx.state, giver), person, amount)
    return _store(ctx, name, [*made[:3], CLAIMED, *made[4:]])


def _state_debt(ctx: Context, giver: Person, receiver: Person, amount_fen: int) -> None:
    """What the sender's area owes the receiver's enters their statement."""
    if giver.area != receiver.area:
        cells = {f"{giver.area}/{giver.scheme}/{PERSONAL_ACCOUNT}": amount_fen}
        into_statements(ctx, receiver.area, cells, origin=Origin.WALLET)


@CONTRACT.method(args={"transfer": Id(60)})
def give_back(ctx: Context, args: Args) -> Answer:
    """Nobody claimed it in time: the money returns to the sender's account. Anyone may call it.

    Refuses with ``wallet.not-found``, ``wallet.ended``, ``wallet.early``.
    """
    name = args["transfer"]
    made = _load(ctx, name)
    giver, _, amount, status, back_ms, *_ = made
    if status == RETURNED:
        return _answer(name, made)
    _require_waiting(name, status)
    if ctx.time_ms < back_ms:
        reject("wallet.early", from_ms=back_ms, time_ms=ctx.time_ms)
    book = Book(ctx.state)
    account = chart.person_account(giver)
    legs: list[Leg] = [
        (chart.wallet(giver), PERSONAL_ACCOUNT, -amount), (account, PERSONAL_ACCOUNT, amount),
    ]  # fmt: skip
    post(ctx, f"{_transfer(name)}/return", legs, book)
    # Of somebody who has died or moved meanwhile it does not stay there.
    payout.divert(ctx, f"wallet:{name}", {account: amount}, book)
    book.save()
    return _store(ctx, name, [*made[:3], RETURNED, *made[4:]])


def waiting_fen(ctx: Context, person: str) -> int:
    """What a person has sent and nobody has claimed: it stands in the wallet and is spoken for."""
    value = ctx.state.get(_day_key(person))
    return 0 if value is None else int(value[2])


def _check_living(ctx: Context, person: Person) -> None:
    if person_status(person, calendar.date_of_ms(ctx.time_ms)) in (DEAD, CLOSED):
        reject("enrolment.ended", person=person.id)


def _check_related(ctx: Context, sender: str, receiver: str, today: str) -> None:
    """Either may have named the other."""
    for owner, relative in ((sender, receiver), (receiver, sender)):
        tie = family.find(ctx.state, owner, relative)
        if tie is not None and tie.holds_on(today):
            return
    reject("wallet.stranger", person=receiver, date=today)


def _count_today(ctx: Context, sender: Person, today: str, most: int) -> None:
    key = _day_key(sender.id)
    value = ctx.state.get(key)
    count = value[1] if value is not None and value[0] == today else 0
    if count >= most:
        reject("wallet.too-many-today", date=today, transfers=count, limit=most)
    waiting = 0 if value is None else value[2]
    ctx.state.put(key, [today, count + 1, waiting, salt_of(ctx, sender.salt, key)])


def _load(ctx: Context, name: str) -> list[Value]:
    found: list[Value] | None = ctx.state.get(_key(name))
    if found is None:
        reject("wallet.not-found", transfer=name)
    return found


def _require_waiting(name: str, status: str) -> None:
    if status != WAITING:
        reject("wallet.ended", transfer=name, status=status)


def _store(ctx: Context, name: str, made: list[Value]) -> Answer:
    """Write the transfer, and keep count of what waits in the sender's wallet."""
    ctx.state.put(_key(name), made)
    key = _day_key(made[0])
    date, count, waiting, salt = ctx.state.get(key) or ["", 0, 0, made[6]]
    moved = made[2] if made[3] == WAITING else -made[2]
    ctx.state.put(key, [date, count, waiting + moved, salt])
    if made[3] == WAITING:
        open_things.enter(ctx, Open.WALLET, made[0], made[6], name)
    else:
        open_things.leave(ctx, Open.WALLET, made[0], name)
    ctx.emit(f"wallet.{made[3]}", transfer=name, person=made[1], owner=made[0])
    return _answer(name, made)


def _answer(name: str, made: list[Value]) -> Answer:
    return {"transfer": name, "status": made[3], "amount_fen": made[2], "until_ms": made[4]}


def _transfer(name: str) -> str:
    """Its name among transfers; ids of plain ones have no slash."""
    return f"wallet/{name}"


def _key(name: str) -> str:
    return f"wallet-transfer/{name}"


def _day_key(person: str) -> str:
    return f"wallet-day/{person}"
