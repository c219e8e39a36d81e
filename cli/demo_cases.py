"""Which published cases the demo settles, and how a case file becomes charge lines and persons.

The cases and their policies are the ones that the tests run (``tests/cases``): figures that
bureaus, hospitals and the press published, with the answer that their own policy gives. A case
tells sums, not bills; charge lines are made up here to exactly these sums, and a place that the
source does not name gets a made-up area code 99xxxx.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.settlement import case as cases
from contracts.settlement.case_expected import Expectation, read_expected

CASES_FOLDER = Path(__file__).resolve().parent.parent / "tests" / "cases"

SHANGHAI, GUANGZHOU = "310000", "440100"
"""The two places of care, each with a catalogue of its own."""

CHOSEN: tuple[tuple[str, str, str], ...] = (
    ("seed-01", "370000", SHANGHAI),
    ("seed-02", "410000", GUANGZHOU),
    ("seed-03", "310000", GUANGZHOU),
    ("xp-03", "430600", GUANGZHOU),
    ("ip-02", "330200", SHANGHAI),
    ("ip-03", "990100", SHANGHAI),
    ("ip-06", "510100", SHANGHAI),
    ("ip-10", "990200", GUANGZHOU),
    ("ip-14", "430100", GUANGZHOU),
    ("op-01", "210600", SHANGHAI),
    ("op-03", "321000", SHANGHAI),
    ("ci-01", "500112", GUANGZHOU),
)
"""(case, home area, place of care). 990100 and 990200 are made up: these sources name no city."""

PLACES = {
    "210600": "丹东 Dandong",
    "310000": "上海 Shanghai",
    "321000": "扬州 Yangzhou",
    "330200": "宁波 Ningbo",
    "370000": "山东 Shandong",
    "410000": "河南 Henan",
    "430100": "长沙 Changsha",
    "430600": "岳阳 Yueyang",
    "440100": "广州 Guangzhou",
    "500112": "重庆渝北 Yubei",
    "510100": "成都 Chengdu",
    "990100": "未具名甲 unnamed A",
    "990200": "未具名乙 unnamed B",
}

OWN = "XDEMO000000000000000C01"
CLASS_A = ("XDEMO000000000000000A01", "XDEMO000000000000000A02", "XDEMO000000000000000A03")
CHRONIC_DISEASE = "hypertension"

_AGES = {"newborn": 0, "retired": 66, "elderly": 70, "student": 20}


class DemoDataError(Exception):
    """The case files are not where a clone of the repository has them."""


@dataclass(frozen=True, slots=True)
class DemoCase:
    """A published case, ready to be settled."""

    id: str
    area: str
    care: str
    title: str
    """What the source calls it."""
    policy_source: str
    case: dict[str, Any]
    """Normalised: every key is present."""
    catalogue: dict[str, dict[str, str]]
    """The case's own items by code; empty where the case tells sums only."""
    expected: tuple[Expectation, ...]

    @property
    def person(self) -> str:
        """Pseudonym, made up."""
        return f"p:{self.area}:{self.id.replace('-', '')}"

    @property
    def scheme(self) -> str:
        return str(self.case["person"]["scheme"])

    @property
    def level(self) -> int:
        return int(self.case["institution"]["level"] or 3)

    @property
    def inpatient(self) -> bool:
        return str(self.case["visit"]["care_kind"]) == "inpatient"

    @property
    def age_years(self) -> int:
        """Age that the case states, or a likely one."""
        known = self.case["person"]["age_years"]
        return _AGES.get(self.case["person"]["category"], 40) if known is None else int(known)


def load_cases(count: int) -> list[DemoCase]:
    """The first ``count`` chosen cases. Raises ``DemoDataError``."""
    return [_load(case_id, area, care) for case_id, area, care in CHOSEN[:count]]


def _load(case_id: str, area: str, care: str) -> DemoCase:
    path = CASES_FOLDER / f"{case_id}.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        source = (CASES_FOLDER / document["policy"]).read_text(encoding="utf-8")
    except OSError as error:
        raise DemoDataError(
            f"{error.filename} is not there: run the demo from a clone of the repository"
        ) from None
    title = document["note"].partition(": ")[2].partition(". Source")[0]
    return DemoCase(
        case_id,
        area,
        care,
        title,
        source,
        cases.normalise(document),
        document.get("catalogue", {}),
        read_expected(document),
    )


# --- Charge lines ---------------------------------------------------------------------------------


def ratio_code(ratio: str) -> str:
    """Catalogue code of the class-B item with this first-pay ratio, made up: ``3%`` -> ...B0300."""
    whole, _, fraction = ratio.rstrip("%").partition(".")
    return f"XDEMO00000000000000B{int(whole):03d}{fraction.ljust(2, '0')[:2]}"


def catalogue_rows(ratios: set[str]) -> list[list[Any]]:
    """Rows of a demo catalogue, ascending by code: three class-A items, class B by ratio, class C.

    Columns: code, name, class, first-pay ratio, ceilings, restricted, kind.
    """
    names = ("床位费 bed (demo)", "检查 examination (demo)", "甲类药品 class A drug (demo)")
    rows: list[list[Any]] = [
        [code, name, "01", "0%", [], False, "western"]
        for code, name in zip(CLASS_A, names, strict=True)
    ]
    rows.append([OWN, "丙类药品 class C drug (demo)", "03", "100%", [], False, "western"])
    rows += [
        [
            ratio_code(ratio),
            f"乙类药品 class B drug {ratio} (demo)",
            "02",
            ratio,
            [],
            False,
            "western",
        ]
        for ratio in ratios
    ]
    return sorted(rows)


def first_pay_ratio(in_scope_fen: int, first_pay_fen: int) -> str:
    """A usual ratio whose class-B line leaves the in-scope sum room for its paid part."""
    for percent in (10, 20, 50):
        bill_fen = first_pay_fen * 100 // percent
        if bill_fen * percent == first_pay_fen * 100 and bill_fen - first_pay_fen <= in_scope_fen:
            return f"{percent}%"
    return "100%"


def charge_lines(demo: DemoCase) -> list[tuple[str, int]]:
    """Made-up charge lines (code, fen) whose split is exactly the case's sums."""
    given = demo.case["lines"]
    if given:
        return [(_code_of(demo, line["code"]), int(line["amount_fen"])) for line in given]
    sums = demo.case["sums"]
    lines: list[tuple[str, int]] = []
    in_scope = int(sums["in_scope_fen"])
    if sums["own_expense_fen"]:
        lines.append((OWN, int(sums["own_expense_fen"])))
    if first_pay := int(sums["first_pay_fen"]):
        ratio = first_pay_ratio(in_scope, first_pay)
        percent = int(ratio.rstrip("%"))
        bill = first_pay * 100 // percent
        lines.append((ratio_code(ratio), bill))
        in_scope -= bill - first_pay
    # Bed, examinations, drugs: a tenth, three tenths, the rest.
    parts = [in_scope // 10, in_scope * 3 // 10]
    parts.append(in_scope - sum(parts))
    lines += [(code, part) for code, part in zip(CLASS_A, parts, strict=True) if part]
    return lines


def ratios_of(demo: DemoCase) -> set[str]:
    """First-pay ratios that the case's class-B lines need in the catalogue."""
    given = [item["first_pay"] for item in demo.catalogue.values() if item["class"] == "02"]
    sums = demo.case["sums"]
    if not demo.case["lines"] and sums["first_pay_fen"]:
        given.append(first_pay_ratio(sums["in_scope_fen"], sums["first_pay_fen"]))
    return set(given)


def _code_of(demo: DemoCase, code: str) -> str:
    item = demo.catalogue[code]
    if item["class"] == "03":
        return OWN
    return CLASS_A[2] if item["class"] == "01" else ratio_code(item["first_pay"])


def figure(meaning: str, answer: dict[str, Any]) -> int | None:
    """An expected figure as receipt and explanation carry it; None when neither does.

    ``answer`` holds ``amounts`` of the receipt and the ``explanation``; ``meaning`` is what
    ``contracts.settlement.case_expected.read_figure`` understands.
    """
    amounts, explanation = answer["amounts"], answer["explanation"]
    word, _, name = meaning.partition(" ")
    if not name and word in amounts:
        return int(amounts[word])
    if meaning == "account_left":
        return int(explanation["account"]["after_fen"])
    if word == "fund":
        return int(amounts.get(f"fund_{name}_fen", 0))
    if word == "why":
        return sum(int(p["amount_fen"]) for p in explanation["payments"] if p["why"] == name)
    if word == "step":
        found = [step["result_fen"] for step in explanation["steps"] if step["code"] == name]
        return int(found[-1]) if found else None
    return None
