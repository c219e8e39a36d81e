"""A place of care that pays by case: Guangzhou's policy, its groups and its rates, all made up."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from contracts.api import Value
from contracts.runtime import Outcome
from tests.contracts.settlement.claim_world import ClaimWorld, line, make_claim_world, visit
from tests.contracts.world import BUREAU_GUANGZHOU, HOSPITAL, MemoryState, World

CLAIM = "H44010000123-m-1"

POLICY = '''"""Inpatients by DRG or DIP, long stays by bed-day, all else by item."""


def by_day(days):
    first = min(days, 30)
    return multiplied(yuan(300), [ratio(first, 1)], "first_days") + multiplied(
        yuan(250), [ratio(days - first, 1)], "later_days"
    )


def drg(case):
    group = case["group"]
    factors = [group["weight"], get(case["rates"], "coefficient", "1")]
    rate = case["rates"]["drg"]
    base = multiplied(yuan(1), [rate] + factors, "base")
    days, usual = case["visit"]["days"] * 10, group["average_days_e1"]
    if days * 3 < usual:
        short = multiplied(yuan(1), [rate] + factors + [ratio(days, usual)], "short_stay")
        return capped(short, base, "short_stay")
    return base + above(case["bill"]["total_fen"], base * 2, "high_cost")


def dip(case):
    factors = [case["group"]["weight"], case["rates"]["point"]]
    return multiplied(yuan(1), factors + [get(case["rates"], "coefficient", "1")], "points")


def pay(case):
    special = case["group"]["special_fen"]
    system = case["group"]["system"]
    if special > 0:
        return {"standard_fen": step("special", special), "way": system}
    if system == "drg":
        return {"standard_fen": drg(case), "way": "drg"}
    if system == "dip":
        return {"standard_fen": dip(case), "way": "dip"}
    if case["visit"]["care_kind"] == "home_bed" or case["visit"]["days"] > 30:
        return {"standard_fen": by_day(case["visit"]["days"]), "way": "bed_day"}
    return {"standard_fen": case["bill"]["total_fen"], "way": "fee_for_service"}
'''


def rates(
    made: ClaimWorld, stage: str = "estimated", refused: str = "", institution: str = "",
    **values_e6: int,
) -> Outcome:  # fmt: skip
    """Set rates of 2025, of Guangzhou or of one institution."""
    listed: list[Value] = [{"name": name, "value_e6": value} for name, value in values_e6.items()]
    args: dict[str, Value] = {"region": "440100", "year": 2025, "stage": stage, "rates": listed}
    if institution:
        args["institution"] = institution
    if refused:
        return made.world.refused(refused, BUREAU_GUANGZHOU, "provider", "rates", args)
    return made.world.do(BUREAU_GUANGZHOU, "provider", "rates", args)


def groups(made: ClaimWorld, system: str, *rows: tuple[str, int, int, int], **given: Any) -> None:
    """Load rows (code, weight in millionths, average cost, average days in tenths)."""
    fields = ("code", "weight_e6", "average_cost_fen", "average_days_e1")
    args: dict[str, Value] = {
        "region": "440100",
        "system": system,
        "version": "2025",
        "effective_from": "2025-01-01",
        "groups": [dict(zip(fields, row, strict=True)) for row in rows],
    }
    made.world.do(BUREAU_GUANGZHOU, "provider", "groups", args | given)


def deploy(made: ClaimWorld, source: str = POLICY, refused: str = "") -> Outcome:
    """Guangzhou's payment policy of 2025."""
    args = {"region": "440100", "effective_from": "2025-01-01", "source": source}
    if refused:
        return made.world.refused(refused, BUREAU_GUANGZHOU, "provider", "deploy", args)
    outcome = made.world.do(BUREAU_GUANGZHOU, "provider", "deploy", args)
    made.world.next_block()
    return outcome


@cache
def _built() -> World:
    made = make_claim_world()
    rates(made, drg=12_000_000_000, point=1_000_000)
    groups(made, "drg", ("FM11", 1_234_500, 1_450_000, 85))
    groups(made, "dip", ("I20.0", 1_000_000_000, 80_000, 50))
    made.world.next_block()
    deploy(made)
    return made.world


def make_provider_world() -> ClaimWorld:
    """12,000 yuan a weight, 1 yuan a point, both estimated. Built once and copied."""
    built = _built()
    return ClaimWorld(replace(built, state=MemoryState(built.state.entries), made=[]))


def settle(made: ClaimWorld, total_fen: int, days: int = 9, claim: str = CLAIM) -> Outcome:
    """A stay of Alice's that ends today, all of it in scope."""
    admission = {9: "2025-06-01", 2: "2025-06-08", 40: "2025-05-01"}[days]
    given = visit(kind="inpatient", admission=admission)
    lines = [line(1, amount_fen=total_fen, day=admission)]
    return made.settle(claim, lines, given)


def pay(
    made: ClaimWorld, group: dict[str, Value] | None = None, stage: str = "estimated",
    refused: str = "", post: str = "checker", claim: str = CLAIM, sender: str = BUREAU_GUANGZHOU,
) -> Outcome:  # fmt: skip
    """Decide a claim's payment."""
    args = {"claim": claim, "stage": stage}
    attached = None if group is None else {"settlement": group}
    if refused:
        return made.world.refused(
            refused, sender, "provider", "pay", args, attachments=attached, post=post
        )
    return made.world.do(sender, "provider", "pay", args, attachments=attached, post=post)


DRG: dict[str, Value] = {"system": "drg", "code": "FM11"}
DIP: dict[str, Value] = {"system": "dip", "code": "I20.0"}


def coefficient(made: ClaimWorld) -> None:
    """The hospital's own coefficient."""
    rates(made, institution=HOSPITAL, coefficient=980_000)
