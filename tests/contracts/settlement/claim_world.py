"""A world in which claims can be settled: two places, a catalogue, two policies, people.

Guangzhou gives the care and publishes the catalogue; Changsha insures and pays. Everything is made
up and small enough to check by hand. ``ClaimWorld`` speaks like the people at the counter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from contracts.api import Value
from contracts.runtime import Outcome
from contracts.settlement import CONTRACTS
from node.ledger import codec
from tests.contracts.settlement.funds_world import deposit, enrol
from tests.contracts.world import (
    ALICE,
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_HUNAN,
    CHAIN,
    HOSPITAL,
    MemoryState,
    World,
    make_world,
)

BOB = "p:430100:bob"
"""A made-up resident with low income and a personal account of nothing."""

DAY = "2025-06-10"
"""The day on which the world stands at first."""

EMPLOYEE_POLICY = """
def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    inpatient = case["visit"]["care_kind"] == "inpatient"
    used = counter(case, "deductible_fen")
    yearly = yuan(1200)
    if not inpatient:
        yearly = yuan(300)
    deductible = capped(remaining(yearly, used), in_scope, "deductible")
    share = "85%"
    if case["filing"]["type"] == "none":
        share = "65%"
    if case["visit"]["emergency"]:
        share = "85%"
    basic = part(in_scope - deductible, share, "basic")
    room = remaining(yuan(100000), counter(case, "pool_fen"))
    basic = capped(basic, room, "over_cap")
    refusals = []
    if case["filing"]["type"] == "none":
        refusals = ["filing.missing"]
    return {
        "payments": [payment("310100", basic, "basic")],
        "deductible_fen": deductible,
        "counters": {"deductible_fen": deductible, "pool_fen": basic},
        "refusals": refusals,
    }
"""

RESIDENT_POLICY = """
def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    deductible = capped(yuan(1000), in_scope, "deductible")
    basic = part(in_scope - deductible, "60%", "basic")
    left = in_scope - basic
    critical = part(above(left, yuan(10000), "critical_base"), "60%", "critical")
    helped = 0
    if has_identity(case, "low_income"):
        helped = part(left - critical, "70%", "assistance")
    return {
        "payments": [
            payment("390100", basic, "basic"),
            payment("390200", critical, "critical"),
            payment("610100", helped, "assistance"),
        ],
        "deductible_fen": deductible,
        "counters": {"deductible_fen": deductible, "critical_fen": critical},
        "account_limit_fen": 0,
    }
"""

ITEMS: tuple[tuple[str, str, str, list[list[int]], bool], ...] = (
    # code, class, first-pay ratio, ceilings, restricted; the names in the catalogue are made up.
    ("001102000040000", "01", "0%", [], False),
    ("002503020030000", "02", "10%", [], False),
    ("C01010100100000", "02", "20%", [[0, 500_000_000]], False),
    ("XA01AAA0001", "01", "0%", [], True),
    ("ZZ99", "03", "0%", [], False),
)
BED, TEST, IMPLANT, RESTRICTED, COSMETIC = (item[0] for item in ITEMS)


def line(
    number: int,
    code: str = BED,
    amount_fen: int = 10_000,
    *,
    day: str = DAY,
    quantity: int = 1,
    confirmed: int = 0,
    consent: bool = False,
    local: str = "",
) -> list[Value]:
    """A charge line; the unit price follows from amount and quantity."""
    assert amount_fen % quantity == 0
    price_e6 = amount_fen // quantity * 10_000
    return [f"{number}", code, day, price_e6, quantity * 10_000, amount_fen, confirmed,
            "D440100000001", consent, local]  # fmt: skip


def visit(person: str = ALICE, kind: str = "outpatient", **given: Any) -> dict[str, Value]:
    """The public half of a visit; the card was shown at the counter."""
    return {
        "person": person,
        "care_kind": kind,
        "admission": DAY,
        "presence": {"kind": "card", "certificate": "03"},
    } | given


def visit_of_many(person: str, kind: str) -> dict[str, Value]:
    """One of several on the same day; a stay among them is handed on to the next hospital."""
    return visit(person, kind, **({"overlap": "transfer"} if kind == "inpatient" else {}))


def signer(clinical: Mapping[str, Value] | None) -> str:
    """Post of who signs: for an emergency the doctor."""
    return "doctor" if (clinical or {}).get("emergency") else "operator"


@dataclass
class ClaimWorld:
    """What people say to each other at the counter, as calls."""

    world: World
    chain: bytes = CHAIN

    def publish(
        self, version: str, effective_from: str, rows: list[list[Value]], *,
        region: str = "440000", bureau: str = BUREAU_GUANGDONG,
    ) -> None:  # fmt: skip
        """A catalogue from rows, Guangdong's unless told otherwise."""
        part = codec.encode(sorted(rows))
        loaded = self.world.do(bureau, "catalogue", "load_part", {"kind": "items", "part": part})
        self.world.do(
            bureau,
            "catalogue",
            "publish",
            {
                "region": region,
                "version": version,
                "effective_from": effective_from,
                "parts": [loaded.answer["hash"]],
            },
        )

    def publish_home(self) -> None:
        """A catalogue of Hunan's own, in which every item is of class 01."""
        rows = [[*row[:2], "01", "0%", [], False, row[6]] for row in catalogue_rows()]
        self.publish("2025.h", "2025-01-01", rows, region="430000", bureau=BUREAU_HUNAN)

    def deploy(self, scheme: str, source: str, effective_from: str = "2025-01-01") -> None:
        """A policy of Changsha, in force from the next block on."""
        args = {
            "area": "430100",
            "scheme": scheme,
            "effective_from": effective_from,
            "source": source,
        }
        self.world.do(BUREAU_CHANGSHA, "policy", "deploy", args)
        self.world.next_block()

    def file(self, filing: str = "430100f1", person: str = ALICE, **given: Any) -> Outcome:
        """A referral to Guangzhou that the home bureau files."""
        args = {
            "filing": filing,
            "person": person,
            "type": "referral",
            "care_region": "440100",
            "channel": "window",
            "effective_from": DAY,
        }
        outcome = self.world.do(BUREAU_CHANGSHA, "filing", "submit", args | given)
        if outcome.answer.get("status") == "pending":
            approve = {"filing": filing, "version": 2, "decision": "approve"}
            outcome = self.world.do(BUREAU_CHANGSHA, "filing", "decide", approve)
        return outcome

    def settle_args(
        self,
        claim: str,
        lines: list[list[Value]],
        given: Mapping[str, Value] | None,
        total_fen: int | None = None,
        **more: Any,
    ) -> dict[str, Value]:
        """Arguments of ``settle`` and ``estimate``."""
        total = sum(row[5] for row in lines) if total_fen is None else total_fen
        args: dict[str, Value] = {"claim": claim, "discharge": DAY, "total_fen": total}
        if given is not None:
            args["visit"] = dict(given)
        return args | more

    def settle(
        self,
        claim: str = "H44010000123-m-1",
        lines: list[list[Value]] | None = None,
        given: Mapping[str, Value] | None = None,
        *,
        clinical: Mapping[str, Value] | None = None,
        refused: str = "",
        method: str = "settle",
        sender: str = HOSPITAL,
        post: str = "",
        registered: bool = False,
        **more: Any,
    ) -> Outcome:
        """Settle a visit in one call, or a registered one; ``refused`` expects that code."""
        lines = [line(1, BED, 50_000)] if lines is None else lines
        given = None if registered else (visit() if given is None else given)
        args = self.settle_args(claim, lines, given, **more)
        post = post or signer(clinical)
        content = {"visit": None if registered and clinical is None else dict(clinical or {})}
        attachments = {"settlement": content | {"lines": lines}}
        if refused:
            return self.world.refused(
                refused, sender, "claim", method, args, attachments=attachments, post=post
            )
        return self.world.do(sender, "claim", method, args, attachments=attachments, post=post)

    def register(
        self, claim: str, given: Mapping[str, Value], *, refused: str = "", post: str = "",
        clinical: Mapping[str, Value] | None = None, sender: str = HOSPITAL,
    ) -> Outcome:  # fmt: skip
        """Register a stay."""
        post = post or signer(clinical)
        args = {"claim": claim, "visit": dict(given)}
        attachments = {"settlement": {"visit": dict(clinical or {})}}
        if refused:
            return self.world.refused(refused, sender, "claim", "register", args,
                                      attachments=attachments, post=post)  # fmt: skip
        return self.world.do(sender, "claim", "register", args, attachments=attachments, post=post)

    def upload(
        self, claim: str, upload: int, lines: list[list[Value]], *, refused: str = ""
    ) -> Outcome:
        """Upload charge lines."""
        args = {"claim": claim, "upload": upload}
        attachments = {"settlement": {"lines": lines}}
        if refused:
            return self.world.refused(refused, HOSPITAL, "claim", "lines", args,
                                      attachments=attachments, post="operator")  # fmt: skip
        return self.world.do(
            HOSPITAL, "claim", "lines", args, attachments=attachments, post="operator"
        )

    def reverse(
        self, claim: str = "H44010000123-m-1", *, refused: str = "", **given: Any
    ) -> Outcome:
        """Take a settlement back."""
        args = {"claim": claim, "reversal": f"{claim}-r", "reason": "wrong_bill"} | given
        if refused:
            return self.world.refused(refused, HOSPITAL, "claim", "reverse", args, post="operator")
        return self.world.do(HOSPITAL, "claim", "reverse", args, post="operator")


def catalogue_rows() -> list[list[Value]]:
    """The rows of ``ITEMS`` as the catalogue has them."""
    return [
        [code, f"item {code[-4:]}", item_class, first_pay, ceilings, restricted, "other"]
        for code, item_class, first_pay, ceilings, restricted in ITEMS
    ]


def _build() -> ClaimWorld:
    made = ClaimWorld(make_world(CONTRACTS))
    made.publish("2025.1", "2025-01-01", catalogue_rows())
    enrol(made.world)
    deposit(made.world, 50_000)
    enrol(made.world, BOB, scheme="390", category="resident", identity_types=["low_income"],
          account=False, birth="1950-05-05")  # fmt: skip
    made.deploy("310", EMPLOYEE_POLICY)
    made.deploy("390", RESIDENT_POLICY)
    made.file()
    made.file("430100f2", BOB)
    return made


@cache
def _built() -> World:
    return _build().world


def make_claim_world() -> ClaimWorld:
    """Alice, an employee with 500.00 yuan on her account and a filing; Bob, a poor resident.

    The world is built once and copied: deploying a policy runs its whole trial.
    """
    built = _built()
    return ClaimWorld(replace(built, state=MemoryState(built.state.entries), made=[]))
