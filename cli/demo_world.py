"""The demo's set-up and settlements as signed calls: who signs what, in which order.

Everything that a real network does goes over the node's API: provinces admit their pooling areas
and hospitals, areas deploy their policies and enrol people, places of care publish catalogues,
people file, hospitals register, upload lines and settle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cli import demo_cases
from cli.client import CallSpec
from cli.demo_cases import CHRONIC_DISEASE, DemoCase
from cli.identity import Identity
from cli.network import Network, holder_of
from contracts.organisations import own_prefix
from node.ledger import crypto
from node.ledger.codec import encode
from node.ledger.crypto import H

POLICY_FROM = "2020-01-01"
FILING_TYPES = [
    "retired_elsewhere", "living_elsewhere", "posted_elsewhere", "referral", "emergency", "other",
]  # fmt: skip
FILING_RULES: dict[str, Any] = {
    "automatic": FILING_TYPES,
    "decide_within": 2,
    "validity_months": dict.fromkeys(FILING_TYPES[:3], 0) | dict.fromkeys(FILING_TYPES[3:], 6),
    "retroactive_days": dict.fromkeys(FILING_TYPES, 30),
    "provisional_days": 30,
    "change_after_months": 0,
    "no_filing_regions": {},
    "entitled_at_home": True,
}
FUND_OF_SCHEME = {"310": "310100", "390": "390100"}
OPENING_FEN = 50_000_000_00
STAY_DAYS = 4


@dataclass(frozen=True, slots=True)
class SignedCalls:
    """Calls of one organisation's key, for one transaction."""

    identity: Identity
    calls: list[CallSpec]
    title: str


def province_of(area: str) -> str:
    """The province that an area belongs to: its first two digits."""
    return area[:2] + "0000"


def hospital_id(care: str, level: int) -> str:
    """Made-up institution of a place of care: H, district, five digits."""
    return f"hospital:H{care}0000{level}"


def bureau_of(area: str) -> str:
    """The bureau of a pooling area."""
    return f"bureau:{area}"


class DemoWorld:
    """The cases on one network; hands out the transactions in their order."""

    def __init__(self, network: Network, cases: list[DemoCase], today: date) -> None:
        self.network = network
        self.cases = cases
        self.today = today

    def setup(self) -> Iterator[SignedCalls]:
        """Everything before the first patient: admissions, rules, catalogues, people, filings."""
        yield from self._admissions()
        yield from self._catalogues()
        for demo in self.cases:
            yield from self._home(demo)

    def settlements(self, demo: DemoCase) -> Iterator[SignedCalls]:
        """The hospital's transactions of one case; the last one settles."""
        hospital = self.network.identity(hospital_id(demo.care, demo.level), "clerk")
        lines = self._lines(demo)
        visit = {
            "person": demo.person,
            "care_kind": demo.case["visit"]["care_kind"],
            "admission": self._admission(demo),
            "presence": {"kind": "card", "certificate": "03"},
        }
        chronic = CHRONIC_DISEASE if visit["care_kind"] == "chronic" else ""
        clinical = {
            "referral": self._filing_type(demo) == "referral",
            "chronic_disease": chronic,
            "diagnoses": ["demo diagnosis"],
        }
        bill = {
            "claim": self.claim_id(demo),
            "discharge": self.today.isoformat(),
            "total_fen": sum(line[5] for line in lines),
            "use_account": demo.case["use_account"],
        }
        claim = self.claim_id(demo)
        if not demo.inpatient:
            settle = self._claim("settle", {**bill, "visit": visit},
                                 {"visit": clinical, "lines": lines}, claim)  # fmt: skip
            yield SignedCalls(hospital, [settle], f"{demo.id}: settle")
            return
        stay = [
            self._claim("register", {"claim": claim, "visit": visit}, {"visit": clinical}, claim),
            self._claim("lines", {"claim": claim, "upload": 1}, {"lines": lines}, f"{claim}/1"),
        ]
        yield SignedCalls(hospital, stay, f"{demo.id}: register and charge lines")
        yield SignedCalls(
            hospital, [CallSpec("claim", "settle", bill, claim)], f"{demo.id}: settle"
        )

    @staticmethod
    def claim_id(demo: DemoCase) -> str:
        """The hospital's own id of the claim; it begins with the hospital's code."""
        return f"{own_prefix(hospital_id(demo.care, demo.level))}-{demo.id}"

    # --- Organisations ------------------------------------------------------------------------

    def _admissions(self) -> Iterator[SignedCalls]:
        wanted: dict[str, dict[str, Any]] = {}
        for demo in self.cases:
            if demo.area != province_of(demo.area):
                wanted[bureau_of(demo.area)] = {"kind": "bureau", "region": demo.area}
            level = demo.level
            wanted[hospital_id(demo.care, level)] = {
                "kind": "hospital",
                "region": demo.care,
                "level_code": 3 * level,
                "dedc_level": level,
                "switches": [f"chronic:{CHRONIC_DISEASE}", "inpatient", "outpatient"],
            }
        for organisation, record in sorted(wanted.items()):
            province = bureau_of(province_of(record["region"]))
            posts = ("checker", "clerk", "finance") if record["kind"] == "bureau" else ("clerk",)
            args = {"organisation": organisation, **record, "keys": self._keys(organisation, posts)}
            call = CallSpec("organisations", "admit", args, organisation)
            checker = self.network.identity(province, "checker")
            yield SignedCalls(checker, [call], f"admit {organisation}")

    def _keys(self, organisation: str, posts: tuple[str, ...]) -> list[dict[str, Any]]:
        keys = []
        for post in posts:
            identity = self.network.add_identity(organisation, post)
            purposes = ["read", "sign"]
            proof = crypto.prove_possession(
                identity.private, self.network.chain, organisation, purposes
            )
            keys.append(
                {
                    "key": identity.key,
                    "purposes": purposes,
                    "holder": holder_of(organisation, post),
                    "post": post,
                    "proof": proof,
                }
            )
        return keys

    # --- Places of care -----------------------------------------------------------------------

    def _catalogues(self) -> Iterator[SignedCalls]:
        for care in sorted({demo.care for demo in self.cases}):
            ratios = {r for d in self.cases if d.care == care for r in demo_cases.ratios_of(d)}
            part = encode(demo_cases.catalogue_rows(ratios))
            digest = H("yibao/catalogue-part/v1", b"items\0" + part)
            checker = self.network.identity(bureau_of(province_of(care)), "checker")
            load = CallSpec("catalogue", "load_part", {"kind": "items", "part": part}, care)
            args = {
                "region": care,
                "version": "demo-1",
                "effective_from": POLICY_FROM,
                "parts": [digest],
            }
            publish = CallSpec("catalogue", "publish", args, f"{care}/demo-1")
            yield SignedCalls(checker, [load, publish], f"catalogue of {care}")

    # --- Home places --------------------------------------------------------------------------

    def _home(self, demo: DemoCase) -> Iterator[SignedCalls]:
        area = demo.area
        bureau = bureau_of(area)
        checker = self.network.identity(bureau, "checker")
        deploy = {
            "area": area,
            "scheme": demo.scheme,
            "effective_from": POLICY_FROM,
            "source": demo.policy_source,
            "note": f"published case {demo.id}",
        }
        rules = {"name": "filing", "region": area, "value": FILING_RULES}
        yield SignedCalls(
            checker,
            [
                CallSpec("policy", "deploy", deploy, f"{area}/{demo.scheme}"),
                CallSpec("organisations", "set_parameter", rules, f"{area}/filing"),
            ],
            f"policy of {area}",
        )
        fund = FUND_OF_SCHEME[demo.scheme]
        contribution = {
            "transfer": f"{area}-open",
            "kind": "contribution",
            "postings": [
                {"account": f"premium:{area}", "fund_type": fund, "amount_fen": -OPENING_FEN},
                {"account": f"fund:{area}", "fund_type": fund, "amount_fen": OPENING_FEN},
            ],
        }
        yield SignedCalls(
            self.network.identity(bureau, "finance"),
            [CallSpec("funds", "transfer", contribution, f"{area}-open")],
            f"contributions of {area}",
        )
        clerk = self.network.identity(bureau, "clerk")
        yield SignedCalls(clerk, list(self._person(demo)), f"enrol and file {demo.person}")

    def _person(self, demo: DemoCase) -> Iterator[CallSpec]:
        person = demo.case["person"]
        born = self._birth(demo)
        start = max(born.isoformat(), "2015-01-01")
        content = {
            "link": H("yibao/demo-link/v1", demo.person.encode()),
            "scheme": demo.scheme,
            "sex": person["sex"] if person["sex"] != "unknown" else "female",
            "birth": born.isoformat(),
            "insured": [{"from": start, "status": "insured"}],
            "account": demo.scheme == "310",
            "from": start,
            "category": person["category"],
            "identity_types": person["identity_types"],
        }
        if demo.case["visit"]["care_kind"] == "chronic":
            content["entitlements"] = [{"disease": CHRONIC_DISEASE, "from": start}]
        yield CallSpec(
            "enrolment", "enrol", {"person": demo.person}, demo.person, (("person", content),)
        )
        if balance := demo.case["account_balance_fen"]:
            deposit = {
                "transfer": f"{demo.area}-deposit-{demo.id}",
                "person": demo.person,
                "amount_fen": balance,
            }
            yield CallSpec("funds", "deposit", deposit, f"{demo.area}-deposit-{demo.id}")
        filing = {
            "filing": f"{demo.area}-{demo.id}",
            "person": demo.person,
            "type": self._filing_type(demo),
            "care_region": demo.care,
            "effective_from": (self.today - timedelta(days=STAY_DAYS + 3)).isoformat(),
            "channel": "app",
        }
        yield CallSpec("filing", "submit", filing, f"{demo.area}-{demo.id}")

    @staticmethod
    def _filing_type(demo: DemoCase) -> str:
        kind = str(demo.case["filing"]["type"])
        if kind != "none":
            return kind
        # The source treats at home; here the patient travels with what keeps the local ratio.
        return "referral" if demo.inpatient else "living_elsewhere"

    def _birth(self, demo: DemoCase) -> date:
        if demo.age_years == 0:
            days = demo.case["person"]["age_days"] or 12
            return self.today - timedelta(days=max(int(days), STAY_DAYS))
        return date(self.today.year - demo.age_years - 1, 12, 31)

    # --- Care ---------------------------------------------------------------------------------

    def _admission(self, demo: DemoCase) -> str:
        days = STAY_DAYS if demo.inpatient else 0
        return (self.today - timedelta(days=days)).isoformat()

    def _lines(self, demo: DemoCase) -> list[list[Any]]:
        day = self.today.isoformat()
        return [
            [f"{number}", code, day, amount * 10_000, 10_000, amount, 0, "practitioner:demo",
             code == demo_cases.OWN, ""]
            for number, (code, amount) in enumerate(demo_cases.charge_lines(demo), start=1)
        ]  # fmt: skip

    @staticmethod
    def _claim(method: str, args: dict[str, Any], content: dict[str, Any], name: str) -> CallSpec:
        return CallSpec("claim", method, args, name, (("settlement", content),))
