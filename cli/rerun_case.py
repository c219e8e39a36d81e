"""What decided a settlement, put together again outside the node: the case, the policy, products.

The explanation says what was found: sums, counters before, filing, versions. What went in beside
it is read from the calls that were carried out (charge lines, the clinical half of the visit), the
person's record on the day of discharge and the catalogue of each day of service. A claim that took
another's place is decided on the first one's lines, less what came back of them since, and its
person's payers gave at most what they had given before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cli.client import Client
from cli.refunds import calls_of
from contracts.regions import covers, province
from contracts.settlement import calendar, terms
from contracts.settlement.adjudicate import Policy
from contracts.settlement.answer import ADMISSIONS
from contracts.settlement.case import Case
from contracts.settlement.catalogue import coverage_of
from contracts.settlement.claim_case import AFTER_PAYMENT, DIRECT
from contracts.settlement.claim_visit import is_inpatient
from contracts.settlement.cost_split import Coverage
from contracts.settlement.filing_cover import DEEMED, RESIDES_ELSEWHERE
from contracts.settlement.no_benefit import THIRD_PARTY, NoBenefit, was_applied
from contracts.settlement.policy import SOURCE_TAG
from contracts.settlement.policy_program import HOME, PolicyProgram
from node.ledger.codec import decode
from node.ledger.crypto import H

WORDS = ("chronic_disease", "maternity")
FLAGS = ("emergency", "trauma", "third_party", "referral", "chronic_disease", "maternity")
EMERGENCIES = ("emergency", "emergency_rescue")


class CannotRerun(Exception):  # noqa: N818  (what cannot be done)
    """What went in is not at hand any more; the message says what."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the institution or the insured place handed in, beside what the ledger knows."""

    lines: Mapping[str, list[Any]]
    """Charge lines by number, ten fields each."""
    clinical: Mapping[str, Any]
    institution: Mapping[str, Any]
    """Id, level, level code and kind, as a case has them."""
    returned: Mapping[str, int] = field(default_factory=dict)
    """Quantity e-4 that came back of a line since."""
    use_account: bool = False
    account_fen: int = 0
    family_fen: int = 0


def of_claim(client: Client, told: Mapping[str, Any]) -> Given:
    """What a claim was settled on. Ends the command where a call is withheld."""
    lines: dict[str, list[Any]] = {}
    clinical: Mapping[str, Any] = {}
    use_account = False
    for call in calls_of(client, told["claim"]):
        args, content = decode(call["args"]), decode(call["content"]) if "content" in call else {}
        lines |= {line[0]: line for line in content.get("lines") or ()}
        clinical = content.get("visit") or clinical
        use_account = bool(args.get("use_account", use_account))
    account, family = _means(client, told)
    found = client.get(f"/v1/organisations/{told['institution']}")["record"]
    institution = {
        "id": told["institution"],
        "level": found["dedc_level"],
        "level_code": str(found["level_code"] or ""),
        "kind": found["kind"],
    }
    return Given(lines, clinical, institution, _returned(client, told["claim"]),
                 use_account, account, family)  # fmt: skip


def _means(client: Client, told: Mapping[str, Any]) -> tuple[int, int]:
    """What the person's account and relatives' could give: what stood there, or what they gave."""
    if not told.get("again"):
        own = told["account"]["before_fen"] + told["wallet"]["before_fen"]
        return own, told["own"]["family_fen"]
    before = client.get(f"/v1/claims/{told['again']['replaces']}/explanation")["explanation"]
    if before["person"] != told["person"]:
        return 0, 0
    own = before["own"]
    return own["account_fen"] - own["family_fen"], own["family_fen"]


def _returned(client: Client, claim: str) -> dict[str, int]:
    """What came back of each line, over all refunds between the first settlement and this one."""
    back: dict[str, int] = {}
    record = client.get(f"/v1/claims/{claim}")["record"]
    while record.get("replaces"):
        replaced = record["replaces"]
        for row in history(client, f"/v1/claims/{replaced}/history"):
            call = call_of(client, row)
            asked = (call["contract"], call["method"], (call["args"] or {}).get("claim"))
            if asked != ("claim", "refund", replaced):
                continue  # the history also has the call that made the replaced one
            for one in content_of(client, row)["returns"]:
                back[one["line"]] = back.get(one["line"], 0) + one.get("quantity_e4", 0)
        record = client.get(f"/v1/claims/{replaced}")["record"]
    return back


def of_reimbursement(client: Client, name: str) -> tuple[dict[str, Any], Given]:
    """The explanation of a reimbursement and what it was decided on. Raises ``CannotRerun``."""
    record = client.get(f"/v1/reimbursements/{name}")["record"]
    told, content = None, {}
    for row in history(client, f"/v1/reimbursements/{name}/history"):
        method = call_of(client, row)["method"]
        if method == "file":
            content = content_of(client, row)
        elif method in ("decide", "again") and row["receipt"]["explanation"] is not None:
            place = f"/v1/receipts/{row['tx_id']}/{row['call_index']}/explanation"
            told = client.get(place)["explanation"]
    if told is None:
        raise CannotRerun(f"reimbursement {name} is {record['stage']}: no policy has decided it")
    place = record["place"]
    level_code = ""
    if place["institution"]:
        found = client.get(f"/v1/organisations/{place['institution']}")["record"]
        level_code = str(found["level_code"] or "")
    institution = {"id": place["institution"], "level": place["level"], "level_code": level_code,
                   "kind": place["kind"]}  # fmt: skip
    lines = {line[0]: line for line in content["lines"]}
    return told, Given(lines, content["visit"], institution)


def history(client: Client, path: str) -> list[dict[str, Any]]:
    """All calls of a history that were carried out, oldest first."""
    rows: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        page = client.get(path, after=after or None)
        rows += [row for row in page["calls"] if row["receipt"]["status"] == "ok"]
        after = page["next"]
    return rows


def call_of(client: Client, row: Mapping[str, Any]) -> dict[str, Any]:
    """The call of a row of a history."""
    told = client.get(f"/v1/transactions/{row['tx_id']}")["transaction"]
    call: dict[str, Any] = told["calls"][row["call_index"]]
    return call


def content_of(client: Client, row: Mapping[str, Any]) -> dict[str, Any]:
    """What was attached to a call first. Raises ``CannotRerun``."""
    place = f"/v1/receipts/{row['tx_id']}/{row['call_index']}/attachments"
    kept = client.get(place)["attachments"][0]
    if kept["withheld"]:
        raise CannotRerun(
            f"the attachment {kept['commitment'][:16]} is withheld or was erased here"
        )
    content = decode(bytes.fromhex(kept["bytes"]))
    assert isinstance(content, dict), "contents of claims and reimbursements are records"
    return content


def source_of(client: Client, wanted: str, what: str) -> PolicyProgram:
    """The source under a hash, compared with it. Raises ``CannotRerun``."""
    answer = client.get("/v1/state", key=f"policy-source/{wanted}")
    source = str(answer["value"]["source"])
    if H(SOURCE_TAG, source.encode("utf-8")).hex() != wanted:
        raise CannotRerun(f"the node's source of {what} has another hash")
    return PolicyProgram(source, answer["value"]["language"])


def policy_of(client: Client, told: Mapping[str, Any]) -> PolicyProgram:
    """The policy that decided, by the hash that the ledger has for its number."""
    version = told["versions"]["policy"]
    path = f"/v1/policies/{version['area']}/{version['scheme']}"
    known = client.get(path, date=told["visit"]["discharge"])["record"]["versions"]
    wanted = next(one["hash"] for one in known if one["number"] == version["number"])
    return source_of(client, wanted, f"policy no. {version['number']}")


def entitled(told: Mapping[str, Any], case: Case, program: PolicyProgram) -> Policy:
    """The policy, unless another is liable or nothing is owed at the place (``claim_decide``)."""
    if case["visit"]["third_party"]:
        return NoBenefit(program, THIRD_PARTY)
    reason = told["filing"]["reason"]
    urgent = case["visit"]["emergency"] or case["visit"]["care_kind"] in EMERGENCIES
    return NoBenefit(program, reason) if reason == RESIDES_ELSEWHERE and not urgent else program


def case_of(client: Client, told: Mapping[str, Any], given: Given, program: PolicyProgram) -> Case:
    """The case of a settlement, as ``claim_case`` made it. Raises ``CannotRerun``."""
    if told.get("part"):
        raise CannotRerun("it is a part of a stay: the parts before it have decided it, too")
    visit, channel = told["visit"], told.get("channel", DIRECT)
    by_claim = {} if channel == AFTER_PAYMENT else {"claim": told["claim"]}
    person = client.get(f"/v1/persons/{told['person']}", date=visit["discharge"], **by_claim)
    mode = program.settlement_mode(told["care"], channel)
    region = told["area"] if mode == HOME else told["care"]
    counted = _counters(told)
    year = program.benefit_year(visit["discharge"])
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
            for line in _lines(told, given)
        ],
        "person": _person(told, person["record"]),
        "visit": _visit(told, given.clinical, counted.get(year, {})),
        "institution": {**given.institution, "region": told["care"]},
        "filing": _filing(client, told, by_claim),
        "cross_province": province(told["area"]) != province(told["care"]),
        "channel": channel,
        "counters": counted.get(year, {}),
        "counters_by_year": {str(one): values for one, values in counted.items()},
        "paid": [],
        "use_account": given.use_account,
        "account_balance_fen": given.account_fen,
        "family_balance_fen": given.family_fen,
        "year": year,
        "parameters": {},
    }


def _lines(told: Mapping[str, Any], given: Given) -> list[dict[str, Any]]:
    """The charge lines in the order of the explanation."""
    lines = []
    for number, code, _, day, asked, *_ in told["lines"]:
        if number not in given.lines:
            raise CannotRerun(f"charge line {number} is in no call of the claim")
        line = given.lines[number]
        lines.append(
            {"code": code, "service_date": day, "amount_fen": int(asked),
             "quantity_e4": int(line[4]) - given.returned.get(number, 0),
             "confirmed": int(line[6])}
        )  # fmt: skip
    return lines


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
    flags = {name: clinical.get(name) or ("" if name in WORDS else False)
             for name in FLAGS}  # fmt: skip
    flags["third_party"] = flags["third_party"] and was_applied(told, THIRD_PARTY)
    return {
        **visit,
        **flags,
        "admission_number": admissions,
        "days": calendar.days_between(visit["admission"], visit["discharge"]),
        "part": 1,
        "parts": 1,
        "deductible_paid_fen": 0,
    }


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


def _filing(client: Client, told: Mapping[str, Any], by_claim: Mapping[str, str]) -> dict[str, Any]:
    """How it was filed. How the filing came is in the filing; who lives elsewhere, at home."""
    filing, elsewhere = told["filing"], False
    channel = "" if filing["type"] == "none" else DEEMED
    if filing["id"]:
        record = client.get(f"/v1/filings/{filing['id']}")["record"]
        channel = record["versions"][filing["version"] - 1]["channel"]
    if covers(told["area"], told["care"]):
        visit = told["visit"]
        asked = {"care_region": told["care"], "admission": visit["admission"],
                 "date": visit["discharge"], **by_claim}  # fmt: skip
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
