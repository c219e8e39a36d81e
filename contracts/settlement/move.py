"""Contract ``move``: the insurance of a person goes from one area to another (关系转移接续).

The new area asks, the old one agrees and names its last day, the new one completes: in that one
call the old enrolment ends with all that ends with it (``ending``), the new one begins, the balance
of account and wallet goes over and, where the new area's rule says so, the year's counters go on.
Until then nothing has changed and either side may give it up; nobody is ever insured nowhere or
twice. A stay that was begun is settled by the facts of its admission, by the old area.

What comes for the old account afterwards (a refund, a wallet transfer that nobody claimed) goes on
to the new one (``refunds.payout``), and so does what changes the old counters, where they go on.
Rules: provisional measures of 2021 on transfer of basic medical insurance (医保办发〔2021〕43号);
whether counters go on is the area's parameter ``move``.

State: see ``move_record``.
"""

from __future__ import annotations

from dataclasses import replace

from contracts import parameters
from contracts.api import Answer, Args, Context, Contract, Value, reject
from contracts.organisations import covers, require_competent, require_own_id
from contracts.schema import Bytes, Date, Id, OneOf, Record
from contracts.settlement import (
    account_money,
    calendar,
    counters,
    ending,
    enrolment,
    move_record,
    policy,
    wallet,
)
from contracts.settlement import funds_chart as chart
from contracts.settlement.ending import Ended
from contracts.settlement.enrolment import CLOSED_AHEAD_DAYS, ENROLMENT, Person, area_of
from contracts.settlement.filing_record import load_index
from contracts.settlement.funds_book import Book, Leg, post
from contracts.settlement.life import START
from contracts.settlement.move_record import Move, MoveStage, MoveStep
from contracts.settlement.open_things import Open, listed
from contracts.settlement.records import content_digest, salt_of
from contracts.settlement.refunds import payout
from contracts.settlement.terms import PERSONAL_ACCOUNT

CONTRACT = Contract("move", version=1)

AUDIENCE = "person"
WHY_REFUSED = ("not_insured", "arrears", "not_the_person", "under_investigation", "other")
_CLERKS = ("clerk", "checker")


@CONTRACT.method(
    args={"move": Id(60), "person": Id(60), "to": Id(60), "first_day": Date()},
    attachments={AUDIENCE: Record({"link": Bytes(32)})},
    kinds=("bureau",),
    posts=_CLERKS,
)
def ask(ctx: Context, args: Args) -> Answer:
    """The new area asks for a person; ``to``: the pseudonym there, ``first_day``: of insurance.

    Refuses with ``move.same-area``, ``move.link``, ``move.under-way``, ``move.dates``,
    ``move.duplicate-id``, ``enrolment.exists``, ``enrolment.ended``.
    """
    name = args["move"]
    require_competent(ctx, area_of(args["to"]))
    require_own_id(ctx, name)
    digest = content_digest(ctx, "move.ask", args)
    known = move_record.find(ctx.state, name)
    if known is not None:
        if known.asked != digest:
            reject("move.duplicate-id", move=name)
        return _answer(name, known, MoveStage.ASKED)
    person = enrolment.require_person(ctx.state, args["person"])
    if area_of(args["to"]) == person.area:
        reject("move.same-area", area=person.area)
    if enrolment.load_person(ctx.state, args["to"]) is not None:
        reject("enrolment.exists", person=args["to"])
    attached = ctx.attachments[AUDIENCE]
    if attached.content["link"] != person.link:
        reject("move.link", person=person.id)
    _require_open(person)
    if other := move_record.under_way(ctx.state, person.id):
        reject("move.under-way", move=other)
    today = calendar.date_of_ms(ctx.time_ms)
    earliest, latest = (calendar.add_days(today, n) for n in (-CLOSED_AHEAD_DAYS,
                                                              CLOSED_AHEAD_DAYS))  # fmt: skip
    if not earliest <= args["first_day"] <= latest:
        reject("move.dates", first_day=args["first_day"], earliest=earliest, latest=latest)
    made = Move(
        stage=move_record.follow(START, MoveStep.ASK), person=person.id, to=args["to"],
        first_day=args["first_day"], last_day="", asker=ctx.holder, reason="", account_fen=0,
        wallet_fen=0, carried=(), notice="", asked=digest, last=digest,
        salt=salt_of(ctx, attached.blind, f"move/{name}"),
    )  # fmt: skip
    return _store(ctx, name, made)


@CONTRACT.method(args={"move": Id(60), "last_day": Date()}, kinds=("bureau",), posts=("checker",))
def agree(ctx: Context, args: Args) -> Answer:
    """The old area agrees and names its last day; the answer lists what is open there.

    Refuses with ``move.dates``, ``move.wrong-stage``, ``enrolment.ended``.
    """
    name = args["move"]
    made, digest = _theirs(ctx, "agree", args)
    person = enrolment.require_person(ctx.state, made.person)
    if digest == made.last:
        return _answer(name, made) | _open(ctx, person)
    stage = move_record.follow(made.stage, MoveStep.AGREE)
    _require_open(person)
    earliest = calendar.add_days(made.first_day, -CLOSED_AHEAD_DAYS)
    if not max(earliest, person.birth) <= args["last_day"] < made.first_day:
        reject("move.dates", last_day=args["last_day"], first_day=made.first_day)
    made = replace(made, stage=stage, last_day=args["last_day"], last=digest)
    return _store(ctx, name, made) | _open(ctx, person)


@CONTRACT.method(
    args={"move": Id(60), "reason": OneOf(*WHY_REFUSED)}, kinds=("bureau",), posts=("checker",)
)
def refuse(ctx: Context, args: Args) -> Answer:
    """The old area does not let the person go, with a reason."""
    made, digest = _theirs(ctx, "refuse", args)
    if digest == made.last:
        return _answer(args["move"], made)
    stage = move_record.follow(made.stage, MoveStep.REFUSE)
    made = replace(made, stage=stage, reason=args["reason"], last=digest)
    return _store(ctx, args["move"], made)


@CONTRACT.method(args={"move": Id(60)}, kinds=("bureau",), posts=_CLERKS)
def withdraw(ctx: Context, args: Args) -> Answer:
    """Either side gives it up before it is completed: nothing had changed."""
    made = move_record.load(ctx.state, args["move"])
    if not covers(ctx.sender_region, area_of(made.person)):
        require_competent(ctx, area_of(made.to))
    digest = content_digest(ctx, "move.withdraw", args)
    if digest == made.last:
        return _answer(args["move"], made)
    stage = move_record.follow(made.stage, MoveStep.WITHDRAW)
    return _store(ctx, args["move"], replace(made, stage=stage, last=digest))


@CONTRACT.method(
    args={"move": Id(60)}, attachments={AUDIENCE: ENROLMENT}, kinds=("bureau",), posts=_CLERKS
)
def complete(ctx: Context, args: Args) -> Answer:
    """End the old enrolment and begin the new one, with money and counters, in one call.

    Whoever asked does not complete. Refuses with ``move.same-holder``, ``move.link``,
    ``move.dates``, ``move.wrong-stage``, ``enrolment.*``.
    """
    name = args["move"]
    made = move_record.load(ctx.state, name)
    require_competent(ctx, area_of(made.to))
    digest = content_digest(ctx, "move.complete", args)
    before = enrolment.require_person(ctx.state, made.person)
    if digest == made.last:
        ended = ending.find(ctx.state, before.id)
        assert ended is not None, f"move {name} has ended {before.id}"
        return _answer(name, made) | ended.told()
    stage = move_record.follow(made.stage, MoveStep.COMPLETE)
    if made.asker == ctx.holder:
        reject("move.same-holder", holder=ctx.holder)
    _require_open(before)
    attached = ctx.attachments[AUDIENCE]
    if attached.content["link"] != before.link:
        reject("move.link", person=before.id)
    after = enrolment.new_person(ctx, made.to, attached, digest)
    if after.insured and after.insured[0].from_date < made.first_day:
        # The dates of the insured periods are the person's affair.
        reject("move.dates", first_day=made.first_day, last_day=made.last_day)
    ended = enrolment.end_open(ctx, before, made.last_day, digest)
    enrolment.begin(ctx, after)
    account, spare = _move_money(ctx, name, before, after)
    carried = _carry(ctx, made, before, after)
    notice = account_money.ask_payment(
        ctx, f"move:{name}", before.area, after.area, account + spare
    )
    made = replace(
        made, stage=stage, account_fen=account, wallet_fen=spare, carried=tuple(carried),
        notice=notice, last=digest,
    )  # fmt: skip
    ctx.explain(_told(ctx, made, before, ended, carried), secret=made.salt)
    return _store(ctx, name, made) | ended.told()


def _move_money(ctx: Context, name: str, before: Person, after: Person) -> tuple[int, int]:
    """Balance of account and wallet to where the person is insured now; what moved, fen.

    Where the new insurance has no personal account the balance is paid out to the person.
    """
    book = Book(ctx.state)
    accounts = chart.person_account(before.id), chart.wallet(before.id)
    account, spare = (book.available(one, PERSONAL_ACCOUNT) for one in accounts)
    spare -= wallet.waiting_fen(ctx, before.id) if spare else 0
    legs: list[Leg] = []
    if account and not after.account:
        owed: list[Leg] = [(accounts[0], PERSONAL_ACCOUNT, -account),
                           (chart.owed(before.area), PERSONAL_ACCOUNT, account)]  # fmt: skip
        post(ctx, f"payout/move:{name}", owed, book)
        payout.owe(ctx, payout.name_of(f"move:{name}", 1), before, account)
        account = 0
    targets = chart.person_account(after.id), chart.wallet(after.id)
    for source, into, amount in zip(accounts, targets, (account, spare), strict=True):
        if amount:
            account_money.open_entry(ctx, book, after)
            legs += account_money.legs_between(source, before.area, into, after.area, amount)
    if legs:
        post(ctx, f"move/{name}", legs, book)
    book.save()
    return account, spare


def _carry(ctx: Context, made: Move, before: Person, after: Person) -> dict[str, int]:
    """The counters of the year that go on, by the new area's rule; within one scheme and year."""
    names = parameters.area(ctx.state, "move", after.area)["carry"]
    year = _year(ctx, after, made.first_day)
    if not names or before.scheme != after.scheme or year != _year(ctx, before, made.last_day):
        return {}
    return counters.carry(ctx, before, after, year, names)


def _year(ctx: Context, person: Person, date: str) -> int:
    """Benefit year of a date by the area's policy; the calendar's where it has none."""
    version = policy.in_force(ctx.state, person.area, person.scheme, date, height=ctx.height)
    if version is None:
        return int(date[:4])
    return policy.program_of(ctx.state, version).charged(ctx.spend).benefit_year(date)


def _told(
    ctx: Context, made: Move, before: Person, ended: Ended, carried: dict[str, int]
) -> dict[str, Value]:
    """For both bureaus: what the person had, to be recognised or filed anew at the new place."""
    rows = [row for row in load_index(ctx.state, before.id) if row.filing in ended.filings]
    return {
        "person": made.person,
        "to": made.to,
        "first_day": made.first_day,
        "last_day": made.last_day,
        "filings": [[row.filing, row.type, row.care_region, row.status, row.effective_from]
                    for row in rows],
        "entitlements": [[e.disease, e.from_date, e.to_date] for e in before.entitlements],
        "covers": [cover.product for cover in before.covers],
        "carried": carried,
    }  # fmt: skip


def _open(ctx: Context, person: Person) -> Answer:
    """What is open at the old area: it goes on by the facts of its beginning."""
    names = {"stays": Open.STAYS, "holds": Open.HOLDS, "wallet_transfers": Open.WALLET}
    return {name: list(listed(ctx.state, what, person.id)) for name, what in names.items()}


def _theirs(ctx: Context, method: str, args: Args) -> tuple[Move, bytes]:
    """The move, for the old area, and the call's digest."""
    made = move_record.load(ctx.state, args["move"])
    require_competent(ctx, area_of(made.person))
    return made, content_digest(ctx, f"move.{method}", args)


def _require_open(person: Person) -> None:
    if person.died is not None or person.closed is not None:
        reject("enrolment.ended", person=person.id)


def _store(ctx: Context, name: str, made: Move) -> Answer:
    move_record.put(ctx, name, made)
    ctx.emit(
        f"move.{made.stage.value}", move=name, person=made.person, area=area_of(made.person),
        home_area=area_of(made.to),
    )  # fmt: skip
    return _answer(name, made)


def _answer(name: str, made: Move, stage: MoveStage | None = None) -> Answer:
    told: Answer = {"move": name, "stage": (stage or made.stage).value}
    if stage is None and made.stage is MoveStage.DONE:
        told |= {"moved_fen": made.moved_fen, "carried": list(made.carried), "notice": made.notice}
    return told
