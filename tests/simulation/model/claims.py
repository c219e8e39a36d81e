"""What the claim and counter calls of the simulated clients do, written down a second time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.simulation.model.bill import Shares, Split, needs_consent, share, split
from tests.simulation.model.world import ACCOUNT, Claim, Doing, Leg, Local, Person, Verdict

HOME_OF_HOSPITALS = "440000"
"""Both hospitals of the world are in Guangdong."""
HUGE = 10**14
"""Bills from here on meet limits of sizes, which are not the model's business."""
SIZES = frozenset({"funds.amount", "funds.too-large", "counters.too-large",
                   "policy.answer-malformed", "policy.fault"})  # fmt: skip


def register(doing: Doing) -> Verdict:
    """A stay begins."""
    world, name = doing.world, doing.args["claim"]
    known = world.claims.get(name)
    if known is not None and (known.institution, known.registered) == (doing.sender, doing.digest):
        return Verdict()
    reasons: set[str] = set()
    if known is not None:
        reasons.add("claim.duplicate-id")
    if name in world.reversals:
        reasons.add("claim.is-reversal")
    visit = doing.args["visit"]
    if visit["person"] not in world.people:
        reasons.add("enrolment.unknown-person")
    made = Claim(
        doing.sender, visit["person"], visit["care_kind"] == "inpatient",
        bool(doing.content["visit"].get("emergency")), "registered", registered=doing.digest,
    )  # fmt: skip

    def effect() -> None:
        world.claims[name] = made

    return Verdict(reasons, effect=effect)


def _own(doing: Doing) -> tuple[Claim | None, set[str]]:
    """The sender's claim, or why it is not."""
    name = doing.args["claim"]
    if name in doing.world.reversals:
        return None, {"claim.is-reversal"}
    claim = doing.world.claims.get(name)
    if claim is None:
        return None, {"claim.not-found"}
    if claim.institution != doing.sender:
        return None, {"claim.not-yours"}
    return claim, set()


def lines(doing: Doing) -> Verdict:
    """Charge lines under a number."""
    claim, reasons = _own(doing)
    if claim is None:
        return Verdict(reasons)
    number = doing.args["upload"]
    known = claim.uploads.get(number)
    if known is not None:
        return Verdict() if known[0] == doing.digest else Verdict({"claim.duplicate-id"})
    if claim.state not in ("registered", "open"):
        return Verdict({"claim.wrong-state"})

    def effect() -> None:
        claim.uploads[number] = doing.digest, doing.content["lines"]
        claim.state = "open"

    return Verdict(effect=effect)


def withdraw_lines(doing: Doing) -> Verdict:
    """An upload goes."""
    claim, reasons = _own(doing)
    if claim is None:
        return Verdict(reasons)
    if claim.state != "open":
        reasons.add("claim.wrong-state")
    if doing.args["upload"] not in claim.uploads:
        reasons.add("claim.upload-not-found")

    def effect() -> None:
        del claim.uploads[doing.args["upload"]]

    return Verdict(reasons, effect=effect)


def cancel(doing: Doing) -> Verdict:
    """A visit is given up."""
    claim, reasons = _own(doing)
    if claim is None:
        return Verdict(reasons)
    if claim.state not in ("registered", "open"):
        return Verdict({"claim.wrong-state"})

    def effect() -> None:
        claim.state = "reversed"
        claim.uploads.clear()

    return Verdict(effect=effect)


def settle(doing: Doing) -> Verdict:
    """A bill is decided and posted."""
    world, name = doing.world, doing.args["claim"]
    known = world.claims.get(name)
    if known is not None and known.settled is not None:
        same = (known.institution, known.settled) == (doing.sender, doing.digest)
        return Verdict() if same else Verdict({"claim.duplicate-id"})
    verdict, claim, counted = _decide(doing)

    def effect() -> None:
        assert claim is not None, "it is ok"
        claim.state, claim.settled = "settled", doing.digest
        claim.legs, claim.counted = verdict.legs, counted
        claim.uploads.clear()
        world.claims[name] = claim
        _count(world.counted(claim.person), counted, 1)

    verdict.effect = effect
    return verdict


def estimate(doing: Doing) -> Verdict:
    """What a settlement would come to; nothing is kept."""
    verdict, _, _ = _decide(doing)
    verdict.legs = []
    return verdict


def _decide(doing: Doing) -> tuple[Verdict, Claim | None, dict[str, int]]:
    """The verdict, the claim as it would be, and what it adds to the counters."""
    world, args = doing.world, doing.args
    content = doing.content or {}
    clinical, visit = content.get("visit"), args.get("visit")
    claim = world.claims.get(args["claim"])
    reasons: set[str] = set()
    if args["claim"] in world.reversals:
        reasons.add("claim.is-reversal")
    if claim is not None and claim.state not in ("registered", "open"):
        reasons.add("claim.wrong-state")
    if claim is not None and claim.institution != doing.sender:
        reasons.add("claim.not-yours")
    if claim is not None and visit is not None:
        reasons.add("claim.visit-given-twice")
    if claim is None and visit is None:
        return Verdict(reasons | {"claim.not-found"}), None, {}
    if claim is None and clinical is None:
        reasons.add("claim.clinical-missing")
    if claim is None:
        emergency = bool((clinical or {}).get("emergency"))
        inpatient = visit["care_kind"] == "inpatient"
        claim = Claim(doing.sender, visit["person"], inpatient, emergency, "new")
    emergency = claim.emergency if clinical is None else bool(clinical.get("emergency"))
    bill = [row for _, rows in claim.uploads.values() for row in rows] + content.get("lines", [])
    reasons |= _objections(bill, args["total_fen"], emergency)
    person = world.people.get(claim.person)
    if person is None:
        return Verdict(reasons | {"enrolment.unknown-person"}), claim, {}
    sums = split(bill)
    shares = share(
        person, sums, world.counted(person.id), inpatient=claim.inpatient, emergency=emergency
    )
    reasons |= shares.reasons
    account = 0
    if args.get("use_account") and person.has_account:
        left = sums.total - sum(amount for _, amount in shares.payments) - shares.waived
        account = max(0, min(shares.account_limit, left, world.available(person.id)))
    counted = dict(shares.counters)
    if claim.inpatient:
        counted["admissions"] = 1
    verdict = Verdict(
        reasons,
        legs=_legs(doing.sender, person, shares, sums, account),
        amounts=_amounts(shares, sums, account),
    )
    if max([sums.total, *world.counted(person.id).values()]) >= HUGE:
        verdict.may = SIZES
    return verdict, claim, counted


def _objections(bill: list[list[Any]], total_fen: int, emergency: bool) -> set[str]:
    """What is wrong with the lines."""
    reasons: set[str] = set()
    if not bill:
        reasons.add("claim.no-lines")
    if len({row[0] for row in bill}) != len(bill):
        reasons.add("claim.duplicate-line")
    if sum(row[5] for row in bill) != total_fen:
        reasons.add("claim.total-differs")
    if not emergency and any(needs_consent(row) and not row[8] for row in bill):
        reasons.add("claim.consent-missing")
    return reasons


def _legs(institution: str, person: Person, shares: Shares, sums: Split, account: int) -> list[Leg]:
    """Every payer's money on its way to the institution."""
    home = person.area[:2] + "0000"
    payers = [(f"fund:{person.area}", code, amount) for code, amount in shares.payments]
    payers.append((f"person:{person.id}:account", ACCOUNT, account))
    legs: list[Leg] = []
    for payer, code, amount in payers:
        legs += [(payer, code, -amount), (f"payable:{institution}", code, amount)]
        if home != HOME_OF_HOSPITALS:
            pair = f"{home}->{HOME_OF_HOSPITALS}"
            legs += [(f"clearing:{pair}", code, amount), (f"receivable:{pair}", code, -amount)]
    paid = sum(amount for _, amount in shares.payments) + account + shares.waived
    for payer, code, amount in (
        (f"hospital_share:{institution}", "630100", shares.waived),
        (f"patient:{institution}", "cash", sums.total - paid),
    ):
        legs += [(payer, code, -amount), (f"income:{institution}", code, amount)]
    return [leg for leg in legs if leg[2]]


def _amounts(shares: Shares, sums: Split, account: int) -> dict[str, int]:
    funds = sum(amount for _, amount in shares.payments)
    person = sums.total - funds - shares.waived
    told = {
        "total_fen": sums.total, "own_expense_fen": sums.own_expense,
        "over_ceiling_fen": sums.over_ceiling, "first_pay_fen": sums.first_pay,
        "in_scope_fen": sums.in_scope, "funds_fen": funds, "commercial_fen": 0,
        "hospital_share_fen": shares.waived, "person_fen": person, "account_fen": account,
        "credit_fen": 0, "cash_fen": person - account,
    }  # fmt: skip
    for code, amount in shares.payments:
        told[f"fund_{code}_fen"] = told.get(f"fund_{code}_fen", 0) + amount
    return told


def reverse(doing: Doing) -> Verdict:
    """A settlement is taken back, whole."""
    world, reversal = doing.world, doing.args["reversal"]
    claim, reasons = _own(doing)
    if claim is None:
        return Verdict(reasons)
    known = world.reversals.get(reversal)
    if known is not None and known[1] == doing.digest:
        return Verdict()
    if known is not None or reversal in world.claims:
        reasons.add("claim.duplicate-id")
    if claim.state != "settled":
        reasons.add("claim.wrong-state")
    legs = [(account, code, -amount) for account, code, amount in claim.legs]

    def effect() -> None:
        claim.state = "reversed"
        world.reversals[reversal] = doing.args["claim"], doing.digest
        _count(world.counted(claim.person), claim.counted, -1)

    return Verdict(reasons, legs=legs, effect=effect)


def _count(counters: Any, deltas: Mapping[str, int], sign: int) -> None:
    for name, delta in deltas.items():
        counters[name] += sign * delta
        assert counters[name] >= 0, f"counter {name} falls below 0"


# --- Counters of local care -------------------------------------------------------------------


def feed(doing: Doing) -> Verdict:
    """The home bureau tells of care at home, once."""
    world, person = doing.world, doing.args["person"]
    known = world.locals.get(doing.args["local"])
    if person not in world.people:
        return Verdict({"enrolment.unknown-person"})
    if known is not None:
        same = known.digest == doing.digest
        return Verdict() if same else Verdict({"counters.duplicate-local"})
    deltas = doing.content["deltas"]

    def effect() -> None:
        world.locals[doing.args["local"]] = Local(doing.digest, person, deltas)
        _count(world.counted(person), deltas, 1)

    return Verdict(effect=effect)


def unfeed(doing: Doing) -> Verdict:
    """It was reversed at home."""
    world, person = doing.world, doing.args["person"]
    known = world.locals.get(doing.args["local"])
    if person not in world.people:
        return Verdict({"enrolment.unknown-person"})
    if known is None or known.person != person:
        return Verdict({"counters.unknown-local"})
    if known.undone is not None:
        same = known.undone == doing.digest
        return Verdict() if same else Verdict({"counters.already-reversed"})

    def effect() -> None:
        known.undone = doing.digest
        _count(world.counted(person), known.deltas, -1)

    return Verdict(effect=effect)


def open_year(doing: Doing) -> Verdict:
    """Opening balances, once."""
    world, person = doing.world, doing.args["person"]
    if person not in world.people:
        return Verdict({"enrolment.unknown-person"})
    if person in world.openings:
        same = world.openings[person] == doing.digest
        return Verdict() if same else Verdict({"counters.opened"})

    def effect() -> None:
        world.openings[person] = doing.digest
        _count(world.counted(person), doing.content["deltas"], 1)

    return Verdict(effect=effect)


RULES: Mapping[str, Callable[[Doing], Verdict]] = {
    "claim.register": register,
    "claim.lines": lines,
    "claim.withdraw_lines": withdraw_lines,
    "claim.cancel": cancel,
    "claim.settle": settle,
    "claim.estimate": estimate,
    "claim.reverse": reverse,
    "counters.feed": feed,
    "counters.unfeed": unfeed,
    "counters.open": open_year,
}
