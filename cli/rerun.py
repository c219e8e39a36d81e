"""``yibao claim rerun``: decide a settled claim again, here and now, by what decided it then.

Everything that went in is still on the ledger, for those who may see it: the charge lines and the
visit in the attachments, the person on the day of discharge, the catalogue of each day of service,
the counters before it and the filing in the explanation, the policy's source under the hash that
the receipt names. It is put together to the same case and adjudicated by the same code, without
the node. With ``--policy`` another source decides: what a new rule would have made of the claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.client import Client
from cli.exits import Exit
from cli.output import Json, fail, out, print_json, print_table, yuan
from cli.policy_source import load_policy
from cli.session import open_client
from cli.show import ClaimId
from contracts.api import Rejected
from contracts.regions import covers, province
from contracts.settlement import calendar, terms
from contracts.settlement.adjudicate import Policy, adjudicate
from contracts.settlement.answer import ADMISSIONS
from contracts.settlement.benefits_text import formula
from contracts.settlement.case import SUMS, Case
from contracts.settlement.catalogue import coverage_of
from contracts.settlement.claim_visit import is_inpatient
from contracts.settlement.cost_split import Coverage
from contracts.settlement.decision import Decision
from contracts.settlement.filing_cover import DEEMED, RESIDES_ELSEWHERE
from contracts.settlement.no_benefit import NoBenefit
from contracts.settlement.policy import SOURCE_TAG
from contracts.settlement.policy_program import HOME, PolicyProgram
from node.ledger.crypto import H

FLAGS = ("emergency", "trauma", "third_party", "referral", "chronic_disease")
EMERGENCIES = ("emergency", "emergency_rescue")
PAGE = 200


class CannotRerun(Exception):  # noqa: N818  (what cannot be done)
    """What went in is not at hand any more; the message says what."""


def rerun(
    context: typer.Context,
    claim: ClaimId,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Another source: what it would have decided.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Decide a settled claim again by what decided it; exit code 1 when it comes out otherwise."""
    try:
        with open_client(context) as client:
            told = client.get(f"/v1/claims/{claim}/explanation")["explanation"]
            program = _program(client, told) if policy is None else load_policy(policy)
            case = case_of(client, told, program)
        decision = adjudicate(case, _entitled(told, case, program))
    except CannotRerun as error:
        fail(Exit.NO, str(error))
    except Rejected as refusal:
        fail(Exit.NO, f"refused: {refusal.code} {refusal.values}")
    rows = compared(told, decision)
    same = all(before == after for _, before, after in rows)
    if as_json:
        columns = [dict(zip(("what", "then", "now"), row, strict=True)) for row in rows]
        print_json({"claim": claim, "same": same, "rows": columns})
    else:
        print_table(f"Decided again 复算 {claim}", ("", "then", "now"), rows)
        out.print("The same to the fen and in every step. 一致" if same else "They differ. 不一致")
    if not same and policy is None:
        raise typer.Exit(int(Exit.NO))


def _entitled(told: Mapping[str, Any], case: Case, program: PolicyProgram) -> Policy:
    """The policy, unless the person had no entitlement at the place (``claim_decide``)."""
    reason = told["filing"]["reason"]
    urgent = case["visit"]["emergency"] or case["visit"]["care_kind"] in EMERGENCIES
    return NoBenefit(program, reason) if reason == RESIDES_ELSEWHERE and not urgent else program


def compared(told: Mapping[str, Any], decision: Decision) -> list[tuple[str, str, str]]:
    """Then and now: every sum, every payer, the deductible, the person's part, every step."""
    rows = [
        (name.removesuffix("_fen"), yuan(told["sums"][name]), yuan(getattr(decision, name)))
        for name in SUMS
    ]
    then = [(p["fund"], p["why"], p["amount_fen"]) for p in told["payments"]]
    now = [(p.fund, p.why, p.amount_fen) for p in decision.payments]
    rows += [
        (f"payment {number + 1}", _payment(then, number), _payment(now, number))
        for number in range(max(len(then), len(now)))
    ]
    rows += [
        ("deductible", yuan(told["deductible_fen"]), yuan(decision.deductible_fen)),
        ("person", yuan(told["own"]["person_fen"]), yuan(decision.person_fen)),
    ]
    steps = [list(told["steps"]), list(decision.steps)]
    rows += [
        (f"step {number + 1}", _step(steps[0], number), _step(steps[1], number))
        for number in range(max(map(len, steps)))
    ]
    return rows


def case_of(client: Client, told: Mapping[str, Any], program: PolicyProgram) -> Case:
    """The case of a settled claim, as ``claim_case`` made it. Raises ``CannotRerun``."""
    if told.get("again"):
        raise CannotRerun("it took another settlement's place: run that one again")
    if "cover" in told["versions"]:
        raise CannotRerun("commercial products answered, too; they are not run here")
    lines, clinical = _content(client, told)
    visit, person_id = told["visit"], told["person"]
    person = client.get(
        f"/v1/persons/{person_id}", date=visit["discharge"], claim=told["claim"]
    )["record"]  # fmt: skip
    institution = client.get(f"/v1/organisations/{told['institution']}")["record"]
    region = told["area"] if program.settlement_mode(told["care"]) == HOME else told["care"]
    counted = _counters(told)
    year = program.benefit_year(visit["discharge"])
    balance = told["account"]["before_fen"] + told["wallet"]["before_fen"]
    return {
        "sums": None,
        "lines": [
            {
                "code": line["code"],
                "service_date": line["service_date"],
                "amount_fen": line["amount_fen"],
                "quantity_e4": line["quantity_e4"],
                "confirmed": line["confirmed"],
                "item": _item(client, told, region, line),
            }
            for line in lines
        ],
        "person": _person(told, person),
        "visit": _visit(told, clinical, counted.get(year, {})),
        "institution": {
            "id": told["institution"],
            "level": institution["dedc_level"],
            "level_code": str(institution["level_code"] or ""),
            "kind": institution["kind"],
            "region": told["care"],
        },
        "filing": _filing(client, told),
        "cross_province": province(told["area"]) != province(told["care"]),
        "channel": told.get("channel", "direct"),
        "counters": counted.get(year, {}),
        "counters_by_year": {str(one): values for one, values in counted.items()},
        "paid": [],
        "use_account": balance > 0,
        "account_balance_fen": balance,
        "family_balance_fen": told["own"]["family_fen"],
        "year": year,
        "parameters": {},
    }


def _person(told: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    admission = told["visit"]["admission"]
    return {
        "age_years": calendar.age_years(record["birth"], admission),
        "age_days": calendar.age_days(record["birth"], admission),
        "category": record["category"],
        "identity_types": list(record["identity_types"]),
        "sex": record["sex"],
        "scheme": told["scheme"],
        "area": told["area"],
    }


def _visit(
    told: Mapping[str, Any], clinical: Mapping[str, Any], counted: Mapping[str, int]
) -> dict[str, Any]:
    visit = told["visit"]
    admissions = counted.get(ADMISSIONS, 0) + 1 if is_inpatient(visit["care_kind"]) else 1
    return {
        **visit,
        **{name: clinical[name] for name in FLAGS},
        "admission_number": admissions,
        "days": calendar.days_between(visit["admission"], visit["discharge"]),
        "part": 1,
        "parts": 1,
        "deductible_paid_fen": 0,
    }


def _program(client: Client, told: Mapping[str, Any]) -> PolicyProgram:
    """The policy that decided, by the hash that the ledger has for its number."""
    version = told["versions"]["policy"]
    path = f"/v1/policies/{version['area']}/{version['scheme']}"
    known = client.get(path, date=told["visit"]["discharge"])["record"]["versions"]
    wanted = next(one["hash"] for one in known if one["number"] == version["number"])
    answer = client.get("/v1/state", key=f"policy-source/{wanted}")
    source = str(answer["value"]["source"])
    if H(SOURCE_TAG, source.encode("utf-8")).hex() != wanted:
        raise CannotRerun(f"the node's source of policy no. {version['number']} has another hash")
    return PolicyProgram(source, answer["value"]["language"])


def _content(
    client: Client, told: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """The claim's charge lines in the order of the explanation, and its newest clinical half."""
    given: dict[str, list[Any]] = {}
    clinical: Mapping[str, Any] | None = None
    after: str | None = ""
    while after is not None:
        page = client.get(
            f"/v1/claims/{told['claim']}/attachments", limit=PAGE, after=after or None
        )
        for item in page["attachments"]:
            if item["withheld"]:
                raise CannotRerun(f"the attachment {item['commitment'][:16]} was erased here")
            given |= {line[0]: line for line in item["content"].get("lines", ())}
            clinical = item["content"].get("visit") or clinical
        after = page["next"]
    lines = []
    for number, code, _, day, asked, *_ in told["lines"]:
        if number not in given:
            raise CannotRerun(f"charge line {number} is in no attachment of the claim")
        line = given[number]
        lines.append(
            {"code": code, "service_date": day, "amount_fen": int(asked),
             "quantity_e4": int(line[4]), "confirmed": int(line[6])}
        )  # fmt: skip
    defaults = dict.fromkeys(FLAGS, False) | {"chronic_disease": ""}
    return lines, defaults | dict(clinical or {})


def _item(
    client: Client, told: Mapping[str, Any], region: str, line: Mapping[str, Any]
) -> Coverage | None:
    """What the catalogue of the day of service says of a line's code."""
    explained = {(row[1], row[3]): row[2] for row in told["lines"]}
    if not explained[line["code"], line["service_date"]]:
        return None  # it was in no catalogue then
    path = f"/v1/catalogues/{region}/items/{line['code']}"
    record = client.get(path, date=line["service_date"])["record"]
    version = (record["catalogue"]["owner"], record["catalogue"]["version"])
    used = {(one["region"], one["version"]) for one in told["versions"]["catalogue"]}
    if version not in used:
        raise CannotRerun(f"catalogue {version[1]} of {version[0]} came after the settlement")
    ceilings = [[one["level"], int(one["price_e6"])] for one in record["ceilings_e6"]]
    return coverage_of([record["class"], record["first_pay"], record["restricted"], ceilings])


def _filing(client: Client, told: Mapping[str, Any]) -> dict[str, Any]:
    """How it was filed. How the filing came is in the filing; who lives elsewhere, at home."""
    filing, elsewhere = told["filing"], False
    channel = "" if filing["type"] == "none" else DEEMED
    if filing["id"]:
        record = client.get(f"/v1/filings/{filing['id']}")["record"]
        channel = record["versions"][filing["version"] - 1]["channel"]
    if covers(told["area"], told["care"]):
        visit = told["visit"]
        asked = {"care_region": told["care"], "admission": visit["admission"],
                 "date": visit["discharge"], "claim": told["claim"]}  # fmt: skip
        answer = client.get(f"/v1/persons/{told['person']}/filings", **asked)
        elsewhere = answer["cover"]["elsewhere"]
    return {
        "type": filing["type"],
        "group": terms.filing_group(filing["type"]),
        "in_time": filing["in_time"],
        "channel": channel,
        "elsewhere": elsewhere,
    }


def _counters(told: Mapping[str, Any]) -> dict[int, dict[str, int]]:
    """Counters before the settlement, by year."""
    found: dict[int, dict[str, int]] = {}
    for year, name, before, _ in told["counters"]:
        found.setdefault(int(year), {})[name] = int(before)
    return {
        year: {name: value for name, value in values.items() if value}
        for year, values in found.items()
    }


def _payment(payments: Sequence[tuple[str, str, int]], number: int) -> str:
    if number >= len(payments):
        return ""
    fund, why, amount = payments[number]
    return f"{fund} {why} {yuan(int(amount))}"


def _step(steps: Sequence[Mapping[str, Any]], number: int) -> str:
    if number >= len(steps):
        return ""
    return f"{steps[number]['code']}: {formula(steps[number])}"
