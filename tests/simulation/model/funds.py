"""What the fund calls of the simulated clients do, written down a second time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from tests.simulation.model.world import ACCOUNT, Doing, Leg, Transfer, Verdict, World

AMOUNT_LIMIT = 10**15


def deposit(doing: Doing) -> Verdict:
    """Contributions of a person."""
    world, args = doing.world, doing.args
    again = _again(doing)
    if again is not None:
        return again
    person = world.people.get(args["person"])
    if person is None:
        return Verdict({"enrolment.unknown-person"})
    legs = [
        (f"premium:{person.area}", ACCOUNT, -args["amount_fen"]),
        (f"person:{person.id}:account", ACCOUNT, args["amount_fen"]),
    ]

    def effect() -> None:
        world.opened.add(person.id)
        world.transfers[args["transfer"]] = Transfer(
            doing.sender, doing.digest, "posted", doing.sender, 0, legs
        )

    return Verdict(legs=legs, effect=effect)


def transfer(doing: Doing) -> Verdict:
    """Money moves at once, or is set aside until somebody confirms."""
    world, args = doing.world, doing.args
    again = _again(doing)
    if again is not None:
        return again
    legs = [(p["account"], p["fund_type"], p["amount_fen"]) for p in args["postings"]]
    pending = args.get("phase") == "pending"
    expires_ms = args["expires_ms"] if pending else 0
    reasons = _unsound(legs) | _not_covered(world, legs, pending=pending)
    reasons |= _held(world, legs, doing.time_ms)
    if pending and expires_ms <= doing.time_ms:
        reasons.add("funds.expired")
    confirmer = (args.get("confirmer") if pending else None) or doing.sender
    made = Transfer(
        doing.sender, doing.digest, "pending" if pending else "posted", confirmer, expires_ms, legs
    )

    def effect() -> None:
        for account, _, _ in legs:
            # Who may move what is taken from the receipt, but this holds for everybody.
            assert not account.startswith(("clearing:", "wallet:", "receivable:")), account
        world.transfers[args["transfer"]] = made
        if pending:
            _reserve(world, legs, 1)

    return Verdict(reasons, legs=[] if pending else legs, effect=effect)


def post(doing: Doing) -> Verdict:
    """A pending transfer is confirmed."""
    made, reasons = _pending(doing)
    if made is None:
        return Verdict(reasons)
    if made.status == "posted" and made.expires_ms:
        return Verdict()
    if doing.sender != made.confirmer:
        reasons.add("funds.not-confirmer")
    if doing.time_ms >= made.expires_ms:
        reasons.add("funds.expired")
    reasons |= _held(doing.world, made.legs, doing.time_ms)

    def effect() -> None:
        made.status = "posted"
        _reserve(doing.world, made.legs, -1)

    return Verdict(reasons, legs=list(made.legs), effect=effect)


def void(doing: Doing) -> Verdict:
    """A pending transfer is given up."""
    made, reasons = _pending(doing)
    if made is None:
        return Verdict(reasons)
    if made.status == "voided":
        return Verdict()
    if doing.sender not in (made.sender, made.confirmer):
        reasons.add("funds.not-confirmer")
    return Verdict(reasons, effect=lambda: _give_back(doing.world, made, "voided"))


def lapse(doing: Doing) -> Verdict:
    """Its time is over."""
    made, reasons = _pending(doing)
    if made is None:
        return Verdict(reasons)
    if made.status == "lapsed":
        return Verdict()
    if doing.time_ms < made.expires_ms:
        reasons.add("funds.not-expired")
    return Verdict(reasons, effect=lambda: _give_back(doing.world, made, "lapsed"))


def hold(doing: Doing) -> Verdict:
    """What is owed to an institution is held."""
    args = doing.args
    reasons = {"funds.expired"} if args["until_ms"] <= doing.time_ms else set()

    def effect() -> None:
        doing.world.held[args["institution"]] = args["until_ms"]

    return Verdict(reasons, effect=effect)


def release(doing: Doing) -> Verdict:
    """The hold ends."""
    held, name = doing.world.held, doing.args["institution"]
    reasons = set() if name in held else {"funds.not-held"}

    def effect() -> None:
        del held[name]

    return Verdict(reasons, effect=effect)


def _again(doing: Doing) -> Verdict | None:
    """The verdict on an id that is in use; None for a new one."""
    known = doing.world.transfers.get(doing.args["transfer"])
    if known is None:
        return None
    if known.digest is not None and (known.sender, known.digest) == (doing.sender, doing.digest):
        return Verdict()
    return Verdict({"funds.duplicate-id"})


def _pending(doing: Doing) -> tuple[Transfer | None, set[str]]:
    made = doing.world.transfers.get(doing.args["transfer"])
    if made is None:
        return None, {"funds.transfer-not-found"}
    return made, set() if made.status == "pending" else {"funds.not-pending"}


def _unsound(legs: list[Leg]) -> set[str]:
    reasons: set[str] = set()
    sums: Counter[str] = Counter()
    for _, fund_type, amount in legs:
        sums[fund_type] += amount
        if not amount or abs(amount) >= AMOUNT_LIMIT:
            reasons.add("funds.amount")
    if any(sums.values()):
        reasons.add("funds.unbalanced")
    return reasons


def _not_covered(world: World, legs: list[Leg], *, pending: bool) -> set[str]:
    """Personal accounts must exist and bear what leaves them, leg after leg."""
    reasons: set[str] = set()
    moved: Counter[tuple[str, str]] = Counter()
    for account, fund_type, amount in legs:
        if not account.startswith("person:"):
            continue
        person = account.removeprefix("person:").removesuffix(":account")
        if person not in world.people:
            reasons.add("enrolment.unknown-person")
        if person not in world.opened and not (pending and amount >= 0):
            reasons.add("funds.no-account")
        there = world.balances[account, fund_type] + moved[account, fund_type]
        if fund_type == ACCOUNT:
            there -= world.reserved[person]
        if amount < 0 and -amount > there:
            reasons.add("funds.not-covered")
        if not pending or amount < 0:
            moved[account, fund_type] += amount
    return reasons


def _held(world: World, legs: list[Leg], time_ms: int) -> set[str]:
    for account, _, amount in legs:
        if account.startswith("payable:") and amount < 0:
            until_ms = world.held.get(account.removeprefix("payable:"))
            if until_ms is not None and time_ms < until_ms:
                return {"funds.payable-held"}
    return set()


def _reserve(world: World, legs: list[Leg], sign: int) -> None:
    for account, _, amount in legs:
        if account.startswith("person:") and amount < 0:
            person = account.removeprefix("person:").removesuffix(":account")
            world.reserved[person] -= sign * amount
            assert world.reserved[person] >= 0, "given back twice"


def _give_back(world: World, made: Transfer, status: str) -> None:
    made.status = status
    _reserve(world, made.legs, -1)


RULES: Mapping[str, Callable[[Doing], Verdict]] = {
    "funds.deposit": deposit,
    "funds.transfer": transfer,
    "funds.post": post,
    "funds.void": void,
    "funds.lapse": lapse,
    "funds.hold": hold,
    "funds.release": release,
}
