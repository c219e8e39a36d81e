"""Settled claims as cases: what a policy was told, so that a bureau can try another one on them.

The ledger keeps no case; it is put together again from what the settlement left: the explanation
(sums, translated codes, counters before, filing), the attachments of the claim's calls (quantities,
confirmations, the clinical half of the visit), the person's record on the day that decided, and the
catalogue by service date. ``yibao policy diff`` decides such cases by two policies.

A case is as exact as what is still there: an institution's level is that of today, and a catalogue
that was corrected since is the corrected one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from contracts import organisations
from contracts.regions import covers
from contracts.settlement import calendar, catalogue, enrolment, filing_record
from contracts.settlement.claim_case import Facts, case_of
from contracts.settlement.claim_explain import LINE_FIELDS
from contracts.settlement.claim_own import OwnMeans
from contracts.settlement.claim_shapes import AUDIENCE
from contracts.settlement.cost_split import Coverage
from contracts.settlement.filing_cover import RESIDES_ELSEWHERE, Cover
from contracts.settlement.no_benefit import THIRD_PARTY, was_applied
from contracts.settlement.records import Claim, Reversal, Settled, Visit
from contracts.settlement.terms import SCHEMES
from node.api import chain, explorer, schemas
from node.api.claims import find_claim, settlement_of
from node.api.guard import Access
from node.api.params import DATE, AccessDep, After, AreaCode, Limit, ThingId, day, edge_router
from node.api.parties import Parties
from node.api.problems import Problem
from node.ledger import codec
from node.ledger.receipt import OK, Receipt
from node.ledger.transaction import Call

router = edge_router("cases")

CALLS_OF_A_CLAIM = 1_000
"""More calls than a claim can have."""
TELL_LINES = ("register", "lines", "settle")
"""Methods whose attachment holds the visit or charge lines."""
_POSITION = {name: place for place, name in enumerate(LINE_FIELDS)}

Scheme = Annotated[
    str, Query(pattern="^(" + "|".join(SCHEMES) + ")$", description="310 employee, 390 resident.")
]


@router.get(
    "/v1/areas/{area}/claims",
    name="area_claims",
    responses={200: {"model": schemas.AreaClaimsAnswer}},
)
async def area_claims(
    access: AccessDep,
    area: AreaCode,
    scheme: Scheme,
    limit: Limit,
    after: After,
    from_day: Annotated[str | None, Query(alias="from", pattern=DATE)] = None,
    to_day: Annotated[str | None, Query(alias="to", pattern=DATE)] = None,
) -> Response:
    """Claims of an area's insured that were settled in a period, oldest first, by id only.

    Those that were taken back since are not among them, nor are parts of a stay, nor what no policy
    was asked about because its area keeps no entitlement at home for who lives elsewhere. `from`
    and `to` are days of settlement.
    """
    access.check(Parties(home_regions=frozenset({area})), f"area/{area}")
    first, last = day(access, from_day), day(access, to_day)
    start = calendar.start_of_day_ms(first)
    end = calendar.start_of_day_ms(calendar.add_days(last, 1))
    chain.check_whole_from(access.view, start)
    cursor = after or f"{_height_before(access, start)}:{2**31 - 1}"
    named = access.view.calls_of("topic", "claim.settled", cursor, limit)
    rows, following = chain.affordable(access.view, named, limit)
    found: list[str] = []
    for row in rows:
        receipt = chain.row_receipt(access.view, row)
        for event in receipt.events:
            if event.topic != "claim.settled" or not covers(area, str(event.fields["area"])):
                continue
            value = find_claim(access, str(event.fields["claim"]))
            settled = None if isinstance(value, Reversal) else value.settled
            if settled is None or isinstance(value, Reversal) or value.reversal:
                continue
            if settled.part is not None:
                continue  # the stay was decided, not this bill: it is no case of its own
            if value.scheme != scheme:
                continue
            if settled.time_ms >= end:
                following = None
            elif settled.time_ms >= start and not _keeps_no_entitlement(access, receipt):
                found.append(str(event.fields["claim"]))
    return access.answer({"claims": found, "next": following})


def _keeps_no_entitlement(access: Access, receipt: Receipt) -> bool:
    """Whether no policy was asked about a settlement of care at home: a case does not say so.
    What was erased is told apart when its case is asked for."""
    kept = None if receipt.explanation is None else access.view.attachment(receipt.explanation)
    return kept is not None and was_applied(
        codec.decode_trusted(kept.content), RESIDES_ELSEWHERE
    )  # fmt: skip


def _height_before(access: Access, time_ms: int) -> int:
    """The last height whose block is older than a time; found by halving."""
    low, high = max(0, access.view.floor - 1), access.view.head.height + 1
    while high - low > 1:
        middle = (low + high) // 2
        if chain.time_of(access.view, middle) < time_ms:
            low = middle
        else:
            high = middle
    return low


@router.get(
    "/v1/claims/{claim}/case", name="claim_case", responses={200: {"model": schemas.CaseAnswer}}
)
async def claim_case(access: AccessDep, claim: ThingId) -> Response:
    """What the policy was told of a settled claim, as a case file (docs/case.schema.json)."""
    found, located, call_index = settlement_of(access, claim)
    assert found.settled is not None, f"claim {claim} was found settled"
    told = explorer.explanation_of(access, located, call_index)["explanation"]
    return access.answer({"case": case_document(access, claim, found, found.settled, told)})


def case_document(
    access: Access, claim_id: str, claim: Claim, settled: Settled, told: Mapping[str, Any]
) -> dict[str, Any]:
    """The case of a settled claim. Raises ``Problem`` ``read.withheld`` where parts were erased,
    ``read.below-floor`` where a snapshot passed over them."""
    origin = claim_id if settled.again is None else settled.again.origin
    clinical, given = _content(access, origin)
    _check_told(access, clinical, given, told)
    visit = _visit(claim, clinical or {}, told)
    person = enrolment.load_person(access.state, claim.person)
    institution = organisations.load(access.state, claim.institution)
    assert person is not None, f"claim {claim_id} is of nobody"
    assert institution is not None, f"claim {claim_id} is from nowhere"
    by_year: dict[str, dict[str, int]] = {}
    for year, name, before, _ in told["counters"]:
        by_year.setdefault(str(year), {})[name] = before
    year = max((int(one) for one in by_year), default=int(visit.discharge[:4]))
    returned = {} if settled.again is None else {n: q for n, q, _ in settled.again.returned}
    rows = [_row(line, given, returned) for line in told["lines"]]
    own = told["own"]
    means = OwnMeans(
        own["account_fen"] > 0, told["account"]["before_fen"], told["wallet"]["before_fen"]
    )
    case = case_of(
        Facts(institution, replace(person, area=claim.area), visit, _cover(access, told), means),
        rows,
        _coverage(access, claim, told, rows),
        year=year,
        counted=by_year.get(str(year), {}),
        counted_by_year=by_year,
        channel=told.get("channel", "direct"),
    )
    items: dict[str, Any] = {}
    lines = [_line(line, items) for line in case["lines"]]
    del case["sums"]
    return case | {"id": claim_id, "lines": lines, "catalogue": items}


def attached_to(
    access: Access, claim_id: str, contract: str, methods: tuple[str, ...], audience: str
) -> Iterator[tuple[Call, dict[str, Any]]]:
    """Attachments for an audience of a claim's calls of these methods, oldest first, with the
    call; an erased one is withheld (``explorer.attachments_of``). What was refused has decided
    nothing and is left out."""
    for row in access.view.calls_of("claim", claim_id, "", CALLS_OF_A_CLAIM):
        located = chain.locate(access.view, row.tx_id)
        assert located is not None, f"the index names {row.tx_id.hex()} that is not stored"
        call = located.transaction.body.calls[row.call_index]
        carried_out = located.receipts[row.call_index].status == OK
        if carried_out and call.contract == contract and call.method in methods:
            for attached in explorer.attachments_of(access, located, row.call_index):
                if attached["audience"] == audience:
                    yield call, attached


def _content(
    access: Access, claim_id: str
) -> tuple[Mapping[str, Any] | None, dict[str, list[Any]]]:
    """The clinical half that was told last, None where none was, and charge lines by number."""
    clinical: Mapping[str, Any] | None = None
    lines: dict[str, list[Any]] = {}
    for _, attached in attached_to(access, claim_id, "claim", TELL_LINES, AUDIENCE):
        if attached["withheld"]:
            raise Problem("read.withheld", commitment=attached["commitment"])
        content = attached["content"]
        if content.get("visit") is not None:
            clinical = content["visit"] or clinical or {}
        lines.update({line[0]: line for line in content.get("lines") or ()})
    return clinical, lines


def _check_told(
    access: Access,
    clinical: Mapping[str, Any] | None,
    given: Mapping[str, list[Any]],
    told: Mapping[str, Any],
) -> None:
    """Raises ``Problem`` ``read.below-floor`` where the visit or a line was told in a block that a
    snapshot passed over: without them it would be the case of another bill."""
    missing = any(line[_POSITION["line"]] not in given for line in told["lines"])
    if access.view.floor > 0 and (clinical is None or missing):
        raise Problem("read.below-floor", floor=access.view.floor)


def _visit(claim: Claim, clinical: Mapping[str, Any], told: Mapping[str, Any]) -> Visit:
    liable = clinical.get("third_party", False)
    return Visit(
        care_kind=claim.visit.care_kind,
        admission=claim.visit.admission,
        discharge=claim.visit.discharge,
        emergency=clinical.get("emergency", False),
        trauma=clinical.get("trauma", False),
        third_party=bool(liable) and was_applied(told, THIRD_PARTY),
        referral=clinical.get("referral", False),
        chronic_disease=clinical.get("chronic_disease", ""),
        maternity=clinical.get("maternity") or "",
        newborn=claim.visit.newborn,
    )


def _cover(access: Access, told: Mapping[str, Any]) -> Cover:
    """The filing that the settlement was bound to."""
    filing = told["filing"]
    known = filing_record.load_filing(access.state, filing["id"]) if filing["id"] else None
    versions = () if known is None else known.versions
    channel = next((v.channel for v in versions if v.number == filing["version"]), "")
    return Cover(
        type=filing["type"],
        filing=filing["id"],
        version=filing["version"],
        in_time=filing["in_time"],
        elsewhere=filing.get("elsewhere", filing["reason"] == RESIDES_ELSEWHERE),
        channel=channel,
        reason=filing["reason"],
    )


def _row(line: list[Any], given: Mapping[str, list[Any]], returned: Mapping[str, int]) -> list[Any]:
    """A row as ``claim_lines`` makes it; the code is the national one, translated already."""
    number = line[_POSITION["line"]]
    source = given.get(number)
    quantity = 10_000 if source is None else source[4] - returned.get(number, 0)
    return [
        number,
        line[_POSITION["code"]],
        line[_POSITION["service_date"]],
        line[_POSITION["asked_fen"]],
        max(1, quantity),
        0 if source is None else source[6],
        True,
    ]


def _coverage(
    access: Access, claim: Claim, told: Mapping[str, Any], rows: list[list[Any]]
) -> list[Coverage | None]:
    """What the catalogue that the settlement was bound to says of each row."""
    regions = [version["region"] for version in told["versions"]["catalogue"]]
    at_care = not regions or covers(regions[0], claim.care)
    reader = catalogue.reader(access.state, claim.care if at_care else claim.area)
    found = [reader.find(row[1], row[2]) for row in rows]
    return [None if item is None else item.coverage for item in found]


def _line(line: Mapping[str, Any], items: dict[str, Any]) -> dict[str, Any]:
    """A line of a case file; its catalogue entry goes into ``items``, or where two days differ
    beside the line (then without ceilings)."""
    item: Coverage | None = line["item"]
    plain = {name: value for name, value in line.items() if name != "item"}
    if item is None:
        return plain
    entry = {
        "class": item.item_class,
        "first_pay": item.first_pay,
        "restricted": item.restricted,
        "ceilings_e6": {str(level): price for level, price in (item.ceilings_e6 or {}).items()},
    }
    if items.setdefault(line["code"], entry) != entry:
        return plain | {"class": item.item_class, "first_pay": item.first_pay}
    return plain
