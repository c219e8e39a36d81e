"""The country of the scenes: three provinces on one real node, and what people say at a counter.

Hunan with Changsha insures, Guangdong with Guangzhou and Sichuan with Chengdu give care. The node's
clock stands where the story is. Amounts go in and come out in yuan, as text with two decimals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from contracts.api import Value
from contracts.settlement.calendar import start_of_day_ms
from node.ledger import codec
from tests.contracts.world import (
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    HOSPITAL,
    ORGANISATIONS,
    PHARMACY,
)
from tests.node.api.real import Clock, NodeWorld, Outcome, reader

CHANGSHA, GUANGZHOU, CHENGDU = "430100", "440100", "510100"
BUREAU_SICHUAN, BUREAU_CHENGDU = "bureau:510000", "bureau:510100"
CHENGDU_HOSPITAL = "hospital:H51010000001"
CHANGSHA_HOSPITAL = "hospital:H43010000001"
FINANCE_HUNAN, FINANCE_GUANGDONG = "finance:430000", "finance:440000"
PARTIES = (
    *ORGANISATIONS,
    (FINANCE_HUNAN, "finance", "430000"),
    (FINANCE_GUANGDONG, "finance", "440000"),
    (BUREAU_SICHUAN, "bureau", "510000"),
    (BUREAU_CHENGDU, "bureau", CHENGDU),
    (CHENGDU_HOSPITAL, "hospital", CHENGDU),
    (CHANGSHA_HOSPITAL, "hospital", CHANGSHA),
)
DIABETES = "diabetes"
SWITCHES = ("inpatient", "outpatient", f"chronic:{DIABETES}")

EMPLOYEES = """
LOCAL = "90%"


def less(case):
    if case["visit"]["emergency"]:
        return 10
    group = case["filing"]["group"]
    if group == "long_term" or not outside_area(case):
        return 0
    if case["filing"]["type"] in ("referral", "emergency"):
        return 10
    return 20


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    kind = case["visit"]["care_kind"]
    retired = case["person"]["category"] == "retired"
    if kind in ("outpatient", "chronic", "pharmacy"):
        share = "85%" if retired or kind == "chronic" else "70%"
        paid = part(in_scope, points(share, -less(case)), "outpatient")
        return {"payments": [payment("310100", paid, "outpatient")]}
    deductible = capped(nth([yuan(1000), yuan(500)], case["visit"]["admission_number"]), in_scope)
    basic = part(above(in_scope, deductible), points(LOCAL, -less(case)), "basic")
    return {
        "payments": [payment("310100", basic, "basic")],
        "deductible_fen": deductible,
        "counters": {"deductible_fen": deductible},
    }
"""
"""Inpatient 90 % above 1,000 (then 500); outpatient 70 %, retired and chronic 85 %; elsewhere 10
points less with a referral or in an emergency, 20 with any other filing or none."""

RESIDENTS = """
def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    share = "80%"
    if outside_area(case) and case["filing"]["group"] != "long_term":
        share = "70%"
        if case["filing"]["type"] == "none" and not case["visit"]["emergency"]:
            share = "60%"
    basic = part(in_scope, share, "basic")
    left = in_scope - basic
    critical = part(above(left, yuan(15000)), "60%", "critical")
    payments = [payment("390100", basic, "basic"), payment("390200", critical, "critical")]
    return {"payments": payments}
"""
"""80 %, elsewhere 70 %, without a filing 60 %; critical illness 60 % of what exceeds 15,000."""

FILING_RULES: dict[str, Any] = {
    "automatic": ["retired_elsewhere", "living_elsewhere", "referral", "emergency", "other"],
    "decide_within": 2,
    "validity_months": {"living_elsewhere": 0, "retired_elsewhere": 0, "posted_elsewhere": 0,
                        "referral": 6, "emergency": 6, "other": 6},
    "retroactive_days": {"living_elsewhere": 30, "retired_elsewhere": 30, "posted_elsewhere": 30,
                         "referral": 30, "emergency": 30, "other": 30},
    "provisional_days": 30,
    "change_after_months": 0,
    "no_filing_regions": {},
    "entitled_at_home": True,
}  # fmt: skip

BED, DRUG, EXAMINATION, COSMETIC = "001102000040000", "XA01AAA0001", "002503020030000", "ZZ99"
_ITEMS = (
    (BED, "01", "0%"), (EXAMINATION, "01", "0%"), (DRUG, "01", "0%"), (COSMETIC, "03", "100%"),
)  # fmt: skip


def fen(yuan: str) -> int:
    """Fen of an amount written in yuan."""
    whole, _, part = yuan.replace(",", "").partition(".")
    return int(whole) * 100 + int((part or "0").ljust(2, "0"))


def yuan(amount_fen: int) -> str:
    """As people read it."""
    return f"{amount_fen // 100:,}.{amount_fen % 100:02d}"


@dataclass
class Bill:
    """What a settlement came to, in yuan."""

    claim: str
    outcome: Outcome

    @property
    def amounts(self) -> dict[str, int]:
        """The receipt's amounts, in fen."""
        return dict(self._receipt[7])

    @property
    def versions(self) -> dict[str, Any]:
        """What decided: policy, catalogue, filing."""
        return dict(self._receipt[8])

    @property
    def _receipt(self) -> list[Any]:
        return list(codec.decode(bytes.fromhex(self.outcome.reply["receipts"][0]["bytes"])))

    def __getattr__(self, name: str) -> str:
        return yuan(self.amounts.get(f"{name}_fen", 0))


class Country:
    """One node of the Hunan bureau; everybody else asks and signs through it."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.persons: list[str] = []
        self.books: list[tuple[str, str]] = []
        """(who reads it, account) of payers beside the home's, where a scene has some."""
        self.number = 0
        self.clock.ms = 0
        self.on("2025-01-06")
        self.world = NodeWorld(folder, self.clock, parties=PARTIES, switches=SWITCHES)
        self._publish(BUREAU_GUANGDONG, "440000")
        self._publish(BUREAU_SICHUAN, "510000")
        self._publish(BUREAU_HUNAN, "430000")
        for scheme, source in (("310", EMPLOYEES), ("390", RESIDENTS)):
            self.deploy(scheme, source, "2025-01-01")
        self.world.do(
            BUREAU_CHANGSHA, "organisations", "set_parameter",
            {"name": "filing", "region": CHANGSHA, "value": FILING_RULES},
        )  # fmt: skip

    def close(self) -> None:
        self.world.close()

    # --- Time ---------------------------------------------------------------------------------

    def on(self, date: str, hour: int = 12) -> None:
        """The story goes on at this hour of this day, China time."""
        moved = start_of_day_ms(date) + hour * 3_600_000
        assert moved > self.clock.ms, "a story does not go back"
        self.clock.ms, self.today = moved, date

    # --- Rules and people ---------------------------------------------------------------------

    def _publish(self, bureau: str, region: str) -> None:
        rows = sorted(
            [code, f"item {code[-4:]}", item_class, ratio, [], False, "other"]
            for code, item_class, ratio in _ITEMS
        )
        part = codec.encode(rows)
        loaded = self.world.do(bureau, "catalogue", "load_part", {"kind": "items", "part": part})
        self.world.do(
            bureau, "catalogue", "publish",
            {"region": region, "version": "2025.1", "effective_from": "2025-01-01",
             "parts": [loaded.answer["hash"]]},
        )  # fmt: skip

    def deploy(self, scheme: str, source: str, effective_from: str) -> None:
        """Changsha puts a policy in force."""
        args = {"area": CHANGSHA, "scheme": scheme, "effective_from": effective_from,
                "source": source}  # fmt: skip
        self.world.do(BUREAU_CHANGSHA, "policy", "deploy", args)

    def enrol(self, name: str, *, area: str = CHANGSHA, refused: str = "", **given: Any) -> str:
        """A person is enrolled at home. Returns the pseudonym."""
        person = f"p:{area}:{name}"
        content: dict[str, Value] = {
            "link": sha256((given.pop("same_as", "") or person).encode()).digest(),
            "scheme": "310", "sex": "female", "birth": "1980-02-29",
            "insured": [{"from": "2010-01-01", "status": "insured"}], "account": True,
            "from": "2010-01-01", "category": "active", "identity_types": [],
        }  # fmt: skip
        self.say(f"bureau:{area}", "enrolment", "enrol", {"person": person},
                 {"person": content | given}, post="checker", refused=refused)  # fmt: skip
        if not refused and area == CHANGSHA:
            self.persons.append(person)
        return person

    def deposit(self, person: str, amount: str) -> None:
        """Money comes onto a personal account."""
        self.number += 1
        area = person.split(":")[1]
        args = {"transfer": f"{area}d{self.number}", "person": person, "amount_fen": fen(amount)}
        self.say(f"bureau:{area}", "funds", "deposit", args, post="finance")

    def file(
        self, person: str, kind: str, care: str, *, effective_from: str = "", **given: Any
    ) -> Outcome:
        """A filing (备案) at the home bureau's window or in the app."""
        self.number += 1
        area = person.split(":")[1]
        args = {
            "filing": f"{area}f{self.number}", "person": person, "type": kind, "care_region": care,
            "channel": "app", "effective_from": effective_from or self.today,
        }  # fmt: skip
        return self.say(f"bureau:{area}", "filing", "submit", args | given, post="clerk")

    # --- The counter --------------------------------------------------------------------------

    def lines(self, *items: tuple[str, str], day: str = "") -> list[list[Value]]:
        """Charge lines from (code, yuan)."""
        return [
            [f"{number}", code, day or self.today, fen(amount) * 10_000, 10_000, fen(amount), 0,
             "D440100000001", code == COSMETIC, ""]
            for number, (code, amount) in enumerate(items, start=1)
        ]  # fmt: skip

    def claim_id(self, hospital: str) -> str:
        self.number += 1
        return f"{hospital.partition(':')[2]}-s-{self.number}"

    def admit(
        self, person: str, hospital: str = HOSPITAL, kind: str = "inpatient", *,
        post: str = "operator", presence: Mapping[str, Value] | None = None, refused: str = "",
        **clinical: Any,
    ) -> str:  # fmt: skip
        """Somebody is admitted and the stay registered. Returns the claim's id."""
        claim = self.claim_id(hospital)
        visit = self._visit(person, kind, presence)
        self.say(hospital, "claim", "register", {"claim": claim, "visit": visit},
                 {"settlement": {"visit": clinical}}, post=post, refused=refused)  # fmt: skip
        return claim

    def discharge(self, claim: str, *items: tuple[str, str], day: str = "", **given: Any) -> Bill:
        """The stay's lines and its settlement. ``day``: last day of the stay, today if left out."""
        hospital = self._hospital_of(claim)
        rows = self.lines(*items, day=day)
        refused = given.pop("refused", "")
        args = {"claim": claim, "discharge": day or self.today,
                "total_fen": sum(row[5] for row in rows)}  # fmt: skip
        outcome = self.say(hospital, "claim", "settle", args | given,
                           {"settlement": {"lines": rows}}, refused=refused)  # fmt: skip
        return Bill(claim, outcome)

    def visit(
        self, person: str, *items: tuple[str, str], hospital: str = HOSPITAL,
        kind: str = "outpatient", clinical: Mapping[str, Value] | None = None, refused: str = "",
        **given: Any,
    ) -> Bill:  # fmt: skip
        """An outpatient visit, settled in one call."""
        claim = self.claim_id(hospital)
        rows = self.lines(*items)
        args = {"claim": claim, "visit": self._visit(person, kind, None), "discharge": self.today,
                "total_fen": sum(row[5] for row in rows)}  # fmt: skip
        content = {"visit": dict(clinical or {}), "lines": rows}
        outcome = self.say(hospital, "claim", "settle", args | given, {"settlement": content},
                           refused=refused)  # fmt: skip
        return Bill(claim, outcome)

    def reverse(self, claim: str, reason: str) -> Outcome:
        """A settlement is taken back by the hospital."""
        args = {"claim": claim, "reversal": f"{claim}-r", "reason": reason}
        return self.say(self._hospital_of(claim), "claim", "reverse", args)

    def say(
        self, who: str, contract: str, method: str, args: Mapping[str, Value],
        attachments: Mapping[str, Value] | None = None, *, post: str = "operator",
        refused: str = "",
    ) -> Outcome:  # fmt: skip
        """A signed call over HTTP; ``refused`` expects that code."""
        if refused:
            return self.world.refused(refused, who, contract, method, args,
                                      attachments=attachments, post=post)  # fmt: skip
        return self.world.do(who, contract, method, args, attachments=attachments, post=post)

    def send_again(
        self, who: str, contract: str, method: str, args: Mapping[str, Value],
        attachments: Mapping[str, Value] | None = None, *, post: str = "operator",
    ) -> Outcome:  # fmt: skip
        """The call before, byte for byte, as the queue of a client repeats it."""
        self.world.count -= 1
        return self.say(who, contract, method, args, attachments, post=post)

    # --- Looking ------------------------------------------------------------------------------

    def look(self, who: str, path: str, *, post: str = "clerk", query: str = "") -> Any:
        """A signed read that must be allowed. Returns the JSON answer."""
        reply = self.world.api.get(path, reader(who, post), query)
        assert reply.status == 200, (path, reply.body)
        return reply.json()

    def denied(self, who: str, path: str, *, post: str = "clerk") -> str:
        """A signed read that must be denied. Returns the code."""
        reply = self.world.api.get(path, reader(who, post))
        assert reply.status in (403, 404), (path, reply.status, reply.body)
        return reply.code

    def claim(self, who: str, claim: str) -> dict[str, Any]:
        """A claim as one of its parties reads it."""
        record: dict[str, Any] = self.look(who, f"/v1/claims/{claim}")["record"]
        return record

    def check_books(self) -> None:
        """Whatever happened, every fen that left an account of the home came to an institution."""
        assert not self.world.faults, self.world.faults
        owed = [f"payable:{h}" for h in (HOSPITAL, CHENGDU_HOSPITAL, CHANGSHA_HOSPITAL)]
        paid = [f"fund:{CHANGSHA}", f"premium:{CHANGSHA}"]
        paid += [f"person:{person}:account" for person in self.persons]
        total = sum(sum(self.balances(account).values()) for account in owed + paid)
        for party, account in self.books:
            total += sum(self.look(party, f"/v1/accounts/{account}")["balances"].values())
        assert total == 0, f"{total} fen are missing"

    def balances(self, account: str) -> dict[str, int]:
        """Of an account by fund type, as its own party reads it."""
        party = BUREAU_CHANGSHA
        if account.startswith("payable:"):
            party = account.partition(":")[2]
        balances: dict[str, int] = self.look(party, f"/v1/accounts/{account}")["balances"]
        return balances

    @staticmethod
    def _hospital_of(claim: str) -> str:
        code = claim.partition("-")[0]
        return f"{'pharmacy' if code.startswith('P') else 'hospital'}:{code}"

    def _visit(
        self, person: str, kind: str, presence: Mapping[str, Value] | None
    ) -> dict[str, Value]:
        shown = {"kind": "card", "certificate": "03"} if presence is None else dict(presence)
        return {"person": person, "care_kind": kind, "admission": self.today, "presence": shown}


__all__ = [
    "BED", "BUREAU_CHANGSHA", "BUREAU_GUANGZHOU", "BUREAU_HUNAN", "CHANGSHA", "CHENGDU",
    "CHENGDU_HOSPITAL", "COSMETIC", "DIABETES", "DRUG", "EXAMINATION", "GUANGZHOU", "HOSPITAL",
    "PHARMACY", "Bill", "Country", "Sequence", "fen", "yuan",
]  # fmt: skip
