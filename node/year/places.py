"""The country's places: provinces with their weight, cities, institutions, and the genesis file.

Weights are round numbers of the right order (people in millions; where people go for care is
centred on a few provinces); they shape the flows and are no statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contracts.settlement import CONTRACTS
from node.benchmark.workload import PROVINCES, VALIDATOR, Signer
from node.ledger import crypto
from node.ledger.genesis import Genesis, make_content
from node.ledger.types import Key

NAMES: dict[str, str] = dict(
    zip(
        PROVINCES,
        (
            "北京", "天津", "河北", "山西", "内蒙古", "辽宁", "吉林", "黑龙江", "上海", "江苏",
            "浙江", "安徽", "福建", "江西", "山东", "河南", "湖北", "湖南", "广东", "广西", "海南",
            "重庆", "四川", "贵州", "云南", "西藏", "陕西", "甘肃", "青海", "宁夏", "新疆",
        ),
        strict=True,
    )
)  # fmt: skip

INSURED: dict[str, int] = dict(
    zip(
        PROVINCES,
        (22, 14, 74, 35, 24, 42, 23, 31, 25, 85, 66, 61, 42, 45, 102, 99, 58, 66, 127, 50, 10, 32,
         84, 39, 47, 4, 40, 25, 6, 7, 26),
        strict=True,
    )
)  # fmt: skip
"""Millions of people, rounded: how many of the insured are at home there."""

CARE: dict[str, int] = dict(
    zip(
        PROVINCES,
        (150, 40, 30, 12, 10, 25, 15, 12, 170, 120, 110, 25, 25, 15, 60, 30, 45, 35, 130, 15, 15,
         35, 60, 10, 15, 1, 30, 8, 3, 5, 10),
        strict=True,
    )
)  # fmt: skip
"""How much a province draws patients from elsewhere, in no unit."""

CENTRE = "centre"
AUDITOR = "auditor:national"
CHRONIC_DISEASE = "M03900"
"""Hypertension, the commonest of the ten diseases settled across provinces."""
BUREAU_POSTS = ("clerk", "checker", "finance", "audit")
FINANCE_POSTS = ("finance", "checker")


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the country is."""

    cities: int = 3
    """Pooling areas of each province."""
    hospitals: int = 5
    pharmacies: int = 3
    """Institutions of each province."""
    provinces: int = 31
    """All of them; fewer for a trial."""


class Places:
    """Every organisation, by province."""

    def __init__(self, scale: Scale) -> None:
        self.provinces = provinces = PROVINCES[: scale.provinces]
        self.areas = {p: [f"{p[:2]}{n + 1:02d}00" for n in range(scale.cities)] for p in provinces}
        self.hospitals = {p: self._named(p, "hospital:H", scale.hospitals) for p in provinces}
        self.pharmacies = {p: self._named(p, "pharmacy:P", scale.pharmacies) for p in provinces}
        self.region: dict[str, str] = {}
        for kind in (self.hospitals, self.pharmacies):
            for province, named in kind.items():
                for number, institution in enumerate(named):
                    self.region[institution] = self.areas[province][number % scale.cities]

    def _named(self, province: str, kind: str, count: int) -> list[str]:
        areas = self.areas[province]
        return [f"{kind}{areas[n % len(areas)]}{n + 1:05d}" for n in range(count)]

    def bank(self, province: str) -> str:
        """The bank of a province's accounts."""
        return f"bank:{province[:2]}"

    def insurer(self, province: str) -> str:
        """The insurer whose products people of a province hold."""
        return insurer_of(province)

    def bank_of(self, payer: str) -> str:
        """The bank of a bureau, a finance department or an insurer."""
        return self.bank(payer.rpartition(":")[2].removeprefix("C"))

    def organisations(self) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
        """(record of the genesis file without keys, posts that hold keys)."""
        rows: list[tuple[dict[str, Any], tuple[str, ...]]] = [
            ({"id": CENTRE, "kind": "centre", "region": "000000"}, ("clerk", "checker", "finance")),
            ({"id": AUDITOR, "kind": "auditor", "region": "000000"}, ("audit",)),
        ]
        for province in self.provinces:
            rows.append((_org(f"bureau:{province}", "bureau", province), BUREAU_POSTS))
            rows.append((_org(f"finance:{province}", "finance", province), FINANCE_POSTS))
            rows.append((_org(self.bank(province), "bank", "000000"), ("operator", "finance")))
            insurer = _org(self.insurer(province), "insurer", "000000")
            rows.append((insurer, ("clerk", "checker", "finance")))
            rows += [
                (_org(f"bureau:{area}", "bureau", area), BUREAU_POSTS)
                for area in self.areas[province]
            ]
            for institution in self.hospitals[province]:
                record = _org(institution, "hospital", self.region[institution])
                switches = [f"chronic:{CHRONIC_DISEASE}", "inpatient", "outpatient"]
                rows.append(({**record, "level_code": 9, "dedc_level": 3, "switches": switches},
                             ("clerk", "doctor", "finance")))  # fmt: skip
            for institution in self.pharmacies[province]:
                record = _org(institution, "pharmacy", self.region[institution])
                rows.append(({**record, "switches": ["pharmacy"]}, ("clerk", "finance")))
        return rows


def insurer_of(area: str) -> str:
    """The insurer of an area's province."""
    return f"insurer:C{area[:2]}"


def _org(name: str, kind: str, region: str) -> dict[str, Any]:
    return {"id": name, "kind": kind, "region": region}


def genesis_of(places: Places, time_ms: int) -> bytes:
    """The genesis file: every organisation and its keys, one validator."""
    roles: dict[Key, crypto.PrivateKey] = {}
    organisations = []
    for record, posts in places.organisations():
        keys = []
        for post in (*posts, *(("validate",) if record["id"] == VALIDATOR else ())):
            signer = Signer.of(record["id"], post)
            roles[signer.key] = signer.private
            validates = post == "validate"
            keys.append(
                {
                    "key": signer.key,
                    "purposes": ["validate"] if validates else ["read", "sign"],
                    "holder": f"staff:{record['id']}:{post}",
                    "post": "operator" if validates else post,
                }
            )
        organisations.append({**record, "keys": keys})
    content = make_content(
        time_ms=time_ms,
        parameters={},
        contracts={contract.name: contract.version for contract in CONTRACTS},
        organisations=sorted(organisations, key=lambda row: str(row["id"])),
        validators=[(VALIDATOR, Signer.of(VALIDATOR, "validate").key)],
    )
    genesis = Genesis.from_content(content)
    return genesis.render(genesis.prove_keys(roles))
