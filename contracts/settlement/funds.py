"""Funds: deposits to personal accounts, transfers in one or two phases, holds on payables.

Settlements post through ``funds_book`` inside their own call. This contract is for money that
moves beside them: a bureau fills its funds and its people's accounts, pays an institution through
a bank, and takes back what did not arrive. A transfer balances for each fund type, has a client's
id that is unique for good, and is never edited: a mistake is corrected by a counter-entry.

A pending transfer sets covered money aside until its confirmer posts or voids it. When its time is
over nobody has to wake up: it can no longer be posted, and anyone may call ``lapse``, which gives
the money back (ARCHITECTURE.md section 3, Time).
"""

from __future__ import annotations

from typing import Any

from contracts import organisations
from contracts.api import Answer, Args, Context, Contract, State, reject
from contracts.regions import is_area
from contracts.schema import IDENTIFIER, Fen, Id, Int, List, OneOf, Optional, Record, Text
from contracts.settlement import account_money, enrolment
from contracts.settlement import funds_chart as chart
from contracts.settlement.clearing import account_record
from contracts.settlement.funds_book import (
    AMOUNT_LIMIT,
    Book,
    Leg,
    balance,
    check_balanced,
    post,
)
from contracts.settlement.funds_chart import Mover
from contracts.settlement.records import Transfer, content_digest
from contracts.settlement.terms import PERSONAL_ACCOUNT

CONTRACT = Contract("funds", version=1)

POSTED, PENDING, VOIDED, LAPSED = "posted", "pending", "voided", "lapsed"

_ACCOUNT = Text(1, 120)
_REFERENCE = Optional(Text(0, 100, IDENTIFIER + "/"), "")
"""Number of a voucher or name of a thing (``claim/m-1``). No free text: the body of a transaction
stays for good, and a sentence about a person's money would one day name the person."""
_LEG = Record(
    {
        "account": _ACCOUNT,
        "fund_type": Id(24),
        "amount_fen": Int(-AMOUNT_LIMIT, AMOUNT_LIMIT, "fen"),
    }
)


@CONTRACT.method(
    args={
        "transfer": Id(64),
        "person": Id(64),
        "amount_fen": Fen(1),
        "reference": _REFERENCE,
    },
    kinds=("bureau",),
    posts=("finance", "clerk"),
)
def deposit(ctx: Context, args: Args) -> Answer:
    """Credit a personal account with its owner's contributions; the first one opens it.

    Refuses with ``enrolment.unknown-person``, ``sender.not-competent``, ``funds.duplicate-id``.
    """
    answer = {"transfer": args["transfer"], "status": POSTED}
    organisations.require_own_id(ctx, args["transfer"])
    digest = content_digest(ctx, "deposit", args)
    if _is_repeated(ctx, args["transfer"], digest):
        return answer
    person = enrolment.require_person(ctx.state, args["person"])
    organisations.require_competent(ctx, person.area)
    book = Book(ctx.state)
    account = chart.person_account(person.id)
    account_money.open_entry(ctx, book, person)
    legs: list[Leg] = [
        (chart.premium(person.area), PERSONAL_ACCOUNT, -args["amount_fen"]),
        (account, PERSONAL_ACCOUNT, args["amount_fen"]),
    ]
    post(ctx, args["transfer"], legs, book)
    book.save()
    _put(ctx, args["transfer"], _made(ctx, "deposit", POSTED, args, digest, legs))
    ctx.emit("funds.posted", transfer=args["transfer"], kind="deposit")
    return answer


@CONTRACT.method(
    args={
        "transfer": Id(64),
        "kind": OneOf("contribution", "payment", "refund", "correction"),
        "reference": _REFERENCE,
        "postings": List(_LEG, max=64, min=2),
        "phase": Optional(OneOf("single", "pending"), "single"),
        "confirmer": Optional(Id(64), None),
        "expires_ms": Optional(Int(0), 0),
    },
    posts=("finance",),
)
def transfer(ctx: Context, args: Args) -> Answer:
    """Move money between accounts, at once or, with phase ``pending``, when it is confirmed.

    The sender must be entitled to every account that money leaves, and the bureau that keeps an
    account must send or confirm what comes into it. ``confirmer`` is the organisation that may
    post a pending transfer, the sender itself when not given (then another holder than the one who
    made it). Refuses with codes ``funds.*``.
    """
    pending = args["phase"] == PENDING
    answer = {"transfer": args["transfer"], "status": PENDING if pending else POSTED}
    organisations.require_own_id(ctx, args["transfer"])
    digest = content_digest(ctx, "transfer", args)
    if _is_repeated(ctx, args["transfer"], digest):
        return answer
    legs: list[Leg] = [(p["account"], p["fund_type"], p["amount_fen"]) for p in args["postings"]]
    for _, fund_type, _ in legs:
        if fund_type not in chart.FUND_TYPES:
            reject("funds.unknown-fund-type", fund_type=fund_type)
    check_balanced(legs)
    confirmer = args["confirmer"] if pending else None
    for account, _, amount in legs:
        _check_leg(ctx, account, amount, confirmer or "")
    _check_declared(ctx.state, legs)
    made = _made(ctx, args["kind"], answer["status"], args, digest, legs)
    if pending:
        if args["expires_ms"] <= ctx.time_ms:
            reject("funds.expired", expires_ms=args["expires_ms"], time_ms=ctx.time_ms)
        book = Book(ctx.state)
        book.reserve(legs, 1)
        book.save()
    else:
        post(ctx, args["transfer"], legs)
        _note_payables(ctx.state, legs)
    _put(ctx, args["transfer"], made)
    ctx.emit(f"funds.{answer['status']}", transfer=args["transfer"], kind=args["kind"])
    return answer


@CONTRACT.method(args={"transfer": Id(64)}, posts=("finance", "checker"), name="post")
def post_pending(ctx: Context, args: Args) -> Answer:
    """Carry out a pending transfer: its confirmer says that the money moves."""
    made = _load(ctx, args["transfer"])
    if made.status == POSTED and made.expires_ms:
        return {"transfer": args["transfer"], "status": POSTED}
    _check_pending(args["transfer"], made)
    _check_confirmer(ctx, made)
    if ctx.time_ms >= made.expires_ms:
        reject("funds.expired", expires_ms=made.expires_ms, time_ms=ctx.time_ms)
    for account, _, amount in made.legs:
        _check_held(ctx, account, amount)
    _check_declared(ctx.state, list(made.legs))
    book = Book(ctx.state)
    book.reserve(made.legs, -1)
    post(ctx, args["transfer"], list(made.legs), book)
    book.save()
    _note_payables(ctx.state, list(made.legs))
    return _finish(ctx, args["transfer"], made, POSTED)


@CONTRACT.method(args={"transfer": Id(64)}, posts=("finance", "checker"))
def void(ctx: Context, args: Args) -> Answer:
    """Give a pending transfer up: its maker or its confirmer says that no money moves."""
    made = _load(ctx, args["transfer"])
    if made.status == VOIDED:
        return {"transfer": args["transfer"], "status": VOIDED}
    _check_pending(args["transfer"], made)
    if ctx.sender not in (made.sender, made.confirmer):
        reject("funds.not-confirmer", sender=ctx.sender, confirmer=made.confirmer)
    _give_back(ctx, made)
    return _finish(ctx, args["transfer"], made, VOIDED)


@CONTRACT.method(args={"transfer": Id(64)})
def lapse(ctx: Context, args: Args) -> Answer:
    """Give back the money of a pending transfer whose time is over. Anyone may call it."""
    made = _load(ctx, args["transfer"])
    if made.status == LAPSED:
        return {"transfer": args["transfer"], "status": LAPSED}
    _check_pending(args["transfer"], made)
    if ctx.time_ms < made.expires_ms:
        reject("funds.not-expired", expires_ms=made.expires_ms, time_ms=ctx.time_ms)
    _give_back(ctx, made)
    return _finish(ctx, args["transfer"], made, LAPSED)


@CONTRACT.method(
    args={"institution": Id(64), "reason": Text(1, 200), "until_ms": Int(1)},
    kinds=("bureau",),
    posts=("finance", "audit"),
)
def hold(ctx: Context, args: Args) -> Answer:
    """Hold what is owed to an institution, with a reason and an end. Settlement goes on.

    Only payables can be held; accounts of persons never are (SETTLEMENT.md section 7).
    """
    _require_care_bureau(ctx, args["institution"])
    if args["until_ms"] <= ctx.time_ms:
        reject("funds.expired", expires_ms=args["until_ms"], time_ms=ctx.time_ms)
    book = Book(ctx.state)
    _, key = chart.entry_of(chart.payable(args["institution"]))
    book.touch(key)["hold"] = [args["until_ms"], args["reason"], ctx.sender]
    book.save()
    ctx.emit("funds.held", institution=args["institution"], until_ms=args["until_ms"])
    return {"institution": args["institution"], "until_ms": args["until_ms"]}


@CONTRACT.method(
    args={"institution": Id(64)},
    kinds=("bureau",),
    posts=("finance", "audit"),
)
def release(ctx: Context, args: Args) -> Answer:
    """End a hold before its time."""
    _require_care_bureau(ctx, args["institution"])
    book = Book(ctx.state)
    _, key = chart.entry_of(chart.payable(args["institution"]))
    if book.touch(key).pop("hold", None) is None:
        reject("funds.not-held", institution=args["institution"])
    book.save()
    ctx.emit("funds.released", institution=args["institution"])
    return {"institution": args["institution"]}


def _require_care_bureau(ctx: Context, institution: str) -> None:
    found = organisations.load(ctx.state, institution)
    if found is None:
        reject("funds.unknown-account", account=chart.payable(institution))
    organisations.require_competent(ctx, found.region)


_OWNER_KINDS = {
    "bank": ("bank",),
    "payable": organisations.INSTITUTIONS,
    "patient": organisations.INSTITUTIONS,
    "income": organisations.INSTITUTIONS,
}
"""Kinds of organisations that an account in an organisation's name can belong to."""


def _check_leg(ctx: Context, account: str, amount_fen: int, confirmer: str) -> None:
    """The account exists, and whoever answers for it has a word in the transfer.

    Money out needs the sender's own right. Money into the books of a bureau (funds, accounts of
    persons, payables) is a debt that somebody will be asked for, so it needs the bureau's word too:
    as the sender, or as the ``confirmer`` of a pending transfer (empty: nobody confirms).
    """
    kind, _ = chart.entry_of(account)
    owner = chart.owner_of(account)
    if kind.mover is Mover.CONTRACT:
        reject("funds.contract-only", account=account)
    if kind.mover is Mover.HOME_BUREAU:
        is_person = kind.name == "person"
        area = enrolment.require_person(ctx.state, owner).area if is_person else owner
        if not is_area(area):
            reject("funds.unknown-account", account=account)
        _check_bureau(ctx, account, area, amount_fen, confirmer)
        return
    found = organisations.load(ctx.state, owner)
    if found is None or found.kind not in _OWNER_KINDS[kind.name]:
        reject("funds.unknown-account", account=account)
    if kind.mover is Mover.CARE_BUREAU:
        _check_bureau(ctx, account, found.region, amount_fen, confirmer)
        _check_held(ctx, account, amount_fen)
    elif ctx.sender != owner and (amount_fen < 0 or found.kind in organisations.INSTITUTIONS):
        # What patients paid an institution is its own record, not a place to send money to.
        reject("funds.not-owner", account=account, sender=ctx.sender)


def _check_bureau(ctx: Context, account: str, region: str, amount_fen: int, confirmer: str) -> None:
    """The bureau of the region sends the transfer or, where money comes in, confirms it."""
    if amount_fen < 0:
        organisations.require_competent(ctx, region)
        return
    if ctx.sender_kind == "bureau" and organisations.covers(ctx.sender_region, region):
        return
    found = organisations.load(ctx.state, confirmer) if confirmer else None
    if found is None or found.kind != "bureau" or not organisations.covers(found.region, region):
        reject("funds.needs-bureau", account=account, region=region)


def _check_held(ctx: Context, account: str, amount_fen: int) -> None:
    """Refuses with ``funds.payable-held`` money leaving a payable that is held now."""
    kind, key = chart.entry_of(account)
    if kind.name != "payable" or amount_fen >= 0:
        return
    held: list[Any] | None = (ctx.state.get(key) or {}).get("hold")
    if held is not None and ctx.time_ms < held[0]:
        reject("funds.payable-held", account=account, until_ms=held[0], reason=held[1])


def _check_declared(state: State, legs: list[Leg]) -> None:
    """Refuses with ``funds.declared`` money out of a payable that a declared month will pay.

    What is in a declaration is paid by its notice, and by nothing else: once. What was paid ahead
    of a declaration, or is owed back, is no room for more; what came beside the months is.
    """
    sums: dict[tuple[str, str], int] = {}
    for account, fund_type, amount in legs:
        if account.startswith("payable:"):
            sums[account, fund_type] = sums.get((account, fund_type), 0) + amount
    for (account, fund_type), amount in sums.items():
        found = account_record.find(state, chart.owner_of(account))
        declared = found.declared.get(fund_type, 0) - found.due.get(fund_type, 0)
        left = balance(state, account, fund_type) - declared
        if amount < 0 < declared and left + amount < 0:
            reject(
                "funds.declared", account=account, fund_type=fund_type, asked_fen=-amount,
                undeclared_fen=left,
            )  # fmt: skip


def _note_payables(state: State, legs: list[Leg]) -> None:
    """What is moved beside the months is no month's money: the next notice evens it out.

    What comes to a payable pays what its institution owes (a refund, a finding after it was paid),
    and what is more is paid with the notice. What leaves it is paid ahead, and set off: the notice
    is of declared settlements, paid already or not.
    """
    payables: dict[str, dict[str, int]] = {}
    for account, fund, fen in legs:
        if account.startswith("payable:"):
            sums = payables.setdefault(chart.owner_of(account), {})
            sums[fund] = sums.get(fund, 0) + fen
    for institution, sums in payables.items():
        account_record.owe_more(state, institution, sums)


def _is_repeated(ctx: Context, transfer_id: str, digest: bytes) -> bool:
    """Whether this very transfer was made before. Refuses another one under the same id."""
    known = ctx.state.get(f"transfer/{transfer_id}")
    if known is None:
        return False
    made = Transfer.decode(known)
    if made.digest != digest:
        reject("funds.duplicate-id", transfer=transfer_id)
    return True


def _made(
    ctx: Context, kind: str, status: str, args: Args, digest: bytes, legs: list[Leg]
) -> Transfer:
    return Transfer(
        kind=kind,
        status=status,
        reference=args["reference"],
        sender=ctx.sender,
        holder=ctx.holder,
        confirmer=args.get("confirmer") or ctx.sender,
        cause=ctx.tx_id,
        digest=digest,
        expires_ms=args["expires_ms"] if status == PENDING else 0,
        legs=tuple(legs),
    )


def _load(ctx: Context, transfer_id: str) -> Transfer:
    known = ctx.state.get(f"transfer/{transfer_id}")
    if known is None:
        reject("funds.transfer-not-found", transfer=transfer_id)
    return Transfer.decode(known)


def _put(ctx: Context, transfer_id: str, made: Transfer) -> None:
    ctx.state.put(f"transfer/{transfer_id}", made.encode())


def _check_pending(transfer_id: str, made: Transfer) -> None:
    if made.status != PENDING:
        reject("funds.not-pending", transfer=transfer_id, status=made.status)


def _check_confirmer(ctx: Context, made: Transfer) -> None:
    if ctx.sender != made.confirmer:
        reject("funds.not-confirmer", sender=ctx.sender, confirmer=made.confirmer)
    if made.confirmer == made.sender and made.holder == ctx.holder:
        reject("funds.same-holder", holder=ctx.holder)


def _give_back(ctx: Context, made: Transfer) -> None:
    book = Book(ctx.state)
    book.reserve(made.legs, -1)
    book.save()


def _finish(ctx: Context, transfer_id: str, made: Transfer, status: str) -> Answer:
    _put(ctx, transfer_id, made.with_status(status))
    ctx.emit(f"funds.{status}", transfer=transfer_id, kind=made.kind)
    return {"transfer": transfer_id, "status": status}
