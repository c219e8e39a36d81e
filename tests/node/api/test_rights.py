"""The matrix of route and role: who may read what, against sets that were written down by hand.

The expectations below are lists of organisations for one story (home 430100, care 440100, one
hospital), not the rules of ``node.api.rights`` written again.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.routing import Route

from contracts import organisations
from contracts.api import State
from contracts.settlement.clearing.notice_record import Notice
from contracts.settlement.cover_record import CoverPayment, Order
from contracts.settlement.records import Transfer
from node.api import guard, rights
from node.api.app import api_routes, check_declared
from node.api.guard import GuardedRoute
from node.api.params import edge_router
from node.api.proofs import KEYS
from node.api.rights import Right
from node.api.settings import ApiSettings
from node.ledger.codec import decode
from tests.node.api import world
from tests.node.api.conftest import Edge, make_edge
from tests.node.api.story import (
    AN_INSURERS_ORDER,
    AN_ORDER,
    CLAIM,
    DEDUCTION,
    FILING,
    INSURER,
    MONTH,
    MOVE,
    NEWBORN,
    NOTICE,
    OBJECTION,
    PAID,
    PAYMENT,
    PERSON,
    PRODUCT,
    RECOVERY,
    REIMBURSEMENT,
)
from tests.node.api.world import HOSPITAL, ORGANISATIONS, OTHER_HOSPITAL, POSTS, reader

ALL = frozenset(row[0] for row in ORGANISATIONS)
HOME = {"bureau:430000", "bureau:430100"}
CARE = {"bureau:440000", "bureau:440100"}
WATCHERS = {"auditor:national", "auditor:430000", "regulator:440000"}
COUNTRYWIDE = {"centre", "auditor:national"}
"""Party to everything, also to what is of no area: banks and insurers."""
BUSINESS = frozenset(POSTS) - {"operator"}
CASES = frozenset({"clerk", "checker", "doctor", "audit"})

ESTIMATING = frozenset({"clerk", "checker", "doctor", "finance"})
AT_COUNTERS = (BUSINESS, CASES, ESTIMATING)
"""Sets of posts that at an institution's counter also have the operator (经办人)."""
COUNTERS = {row[0] for row in ORGANISATIONS if row[1] in ("hospital", "pharmacy")}

OF_CLAIM = HOME | CARE | WATCHERS | {"centre", HOSPITAL, "finance:430100"}
SEE_PATIENT = HOME | WATCHERS | {HOSPITAL}
SEE_LINES = SEE_PATIENT | CARE
SEE_PERSON = HOME | {"auditor:national", "auditor:430000"}
OF_ORDER = {"bank:icbc", "auditor:national", "auditor:430000"}
OF_COVER = SEE_PERSON | {INSURER, "centre", "finance:430100"}
SEE_ALL_BLOCKS = {
    "centre", "bureau:430000", "bureau:440000", "bureau:510000", "auditor:national"
}  # fmt: skip
MAY_ESTIMATE = {row[0] for row in ORGANISATIONS if row[1] in ("bureau", "hospital", "pharmacy")}

OF_INSTITUTION = CARE | {HOSPITAL, "centre", "auditor:national", "regulator:440000"}
OF_PAIR = {
    "bureau:430000", "bureau:440000", "centre", "auditor:national", "auditor:430000",
    "regulator:440000",
}  # fmt: skip

Allowed = tuple[frozenset[str] | set[str], frozenset[str]]
"""(organisations, posts)."""

ANYBODY: Allowed = (ALL, frozenset(POSTS))
EXPECTED: dict[str, Allowed] = {
    "genesis_file": ANYBODY,
    "status": ANYBODY,
    "openapi": ANYBODY,
    "headers": ANYBODY,
    "header": ANYBODY,
    "stream": ANYBODY,
    "trail": ANYBODY,
    "organisation": ANYBODY,
    "organisation_changes": ({HOSPITAL} | COUNTRYWIDE, BUSINESS),
    "validators": ANYBODY,
    "parameter": ANYBODY,
    "status_details": ({"bureau:430000"}, frozenset({"operator"})),
    "access_log_root": ({"bureau:430000"}, frozenset({"operator"})),
    "attestation": ({"bureau:430000"}, frozenset({"operator"})),
    "accusations": ({"bureau:430000"}, frozenset({"operator"})),
    "divergences": ({"bureau:430000"}, frozenset({"operator"})),
    "estimate": (MAY_ESTIMATE, ESTIMATING),
    "block": (SEE_ALL_BLOCKS, BUSINESS),
    "transaction": (OF_CLAIM, BUSINESS),
    "receipts": (OF_CLAIM, BUSINESS),
    "receipt": (OF_CLAIM, BUSINESS),
    "receipt_evidence": (OF_CLAIM, BUSINESS),
    "receipt_explanation": (SEE_PATIENT, CASES),
    "receipt_attachments": (SEE_LINES, CASES),
    "claim": (OF_CLAIM, BUSINESS),
    "claim_history": (OF_CLAIM, BUSINESS),
    "claim_evidence": (OF_CLAIM, BUSINESS),
    "claim_payment": (OF_CLAIM, BUSINESS),
    "claim_explanation": (SEE_PATIENT, CASES),
    "claim_statement": (SEE_PATIENT, CASES),
    "claim_attachments": (SEE_LINES, CASES),
    "claim_case": (SEE_PATIENT, CASES),
    "area_claims": (SEE_PERSON, CASES),
    "filing": (SEE_PERSON, CASES),
    "filing_attachments": (SEE_PERSON, CASES),
    "filing_affected": (SEE_PERSON, CASES),
    "reimbursement": (SEE_PERSON, CASES),
    "reimbursement_history": (SEE_PERSON, CASES),
    "work_filings": (SEE_PERSON, CASES),
    "work_ending": (SEE_PERSON, CASES),
    "work_wallets": (SEE_PERSON, CASES),
    "work_reimbursements": (
        HOME | {"centre", "finance:430100", "auditor:national", "auditor:430000"},
        BUSINESS,
    ),
    "person": (SEE_PERSON, CASES),
    "person_claims": (SEE_PERSON, CASES),
    "person_filings": (SEE_PERSON, CASES),
    "person_account": (SEE_PERSON, CASES),
    "person_counters": (SEE_PERSON, CASES),
    "person_reprice": (SEE_PERSON, CASES),
    "person_stays": (SEE_PERSON, CASES),
    "person_looks": (HOME, CASES),
    "person_covers": (SEE_PERSON, CASES),
    "person_ending": (SEE_PERSON, CASES),
    "newborn": (SEE_PERSON, CASES),
    "recovery": (OF_CLAIM, BUSINESS),
    "work_recoveries": (
        HOME | {"centre", "finance:430100", "auditor:national", "auditor:430000"},
        BUSINESS,
    ),
    "move": (SEE_PERSON | {"bureau:510000", "auditor:510000"}, CASES),
    "cover_product": ANYBODY,
    "cover_holder": (SEE_PERSON, CASES),
    "cover_payment": (OF_COVER, BUSINESS),
    "insurer_month": ({INSURER} | COUNTRYWIDE, BUSINESS),
    "insurer_due": ({INSURER} | COUNTRYWIDE, BUSINESS),
    "area_insurers": (OF_INSTITUTION - {HOSPITAL}, BUSINESS),
    "area_insurers_month": (OF_INSTITUTION - {HOSPITAL}, BUSINESS),
    "cover_payments": ({INSURER} | COUNTRYWIDE, BUSINESS),
    "account": (
        HOME | {"centre", "finance:430100", "auditor:national", "auditor:430000"},
        BUSINESS,
    ),
    "account_postings": (
        HOME | {"centre", "finance:430100", "auditor:national", "auditor:430000"},
        BUSINESS,
    ),
    "institution_settlements": (
        CARE | {"centre", "auditor:national", "regulator:440000", HOSPITAL},
        BUSINESS,
    ),
    "bank_orders": ({"bank:icbc"} | COUNTRYWIDE, BUSINESS),
    "bank_suspense": ({"bank:icbc"} | COUNTRYWIDE, BUSINESS),
    "trial_balance": (
        HOME | {"centre", "finance:430100", "auditor:national", "auditor:430000"},
        BUSINESS,
    ),
    "vouchers": (
        HOME | {"centre", "finance:430100", "auditor:national", "auditor:430000"},
        BUSINESS,
    ),
    "institution_payments": (
        CARE | {HOSPITAL, "centre", "auditor:national", "regulator:440000"},
        BUSINESS,
    ),
    "institution_rows": (OF_INSTITUTION, BUSINESS),
    "institution_batches": (OF_INSTITUTION, BUSINESS),
    "area_ageing": (OF_INSTITUTION - {HOSPITAL}, BUSINESS),
    "institution_refused": (OF_INSTITUTION - {"centre"}, CASES),
    "institution_ageing": (OF_INSTITUTION, BUSINESS),
    "declaration": (OF_INSTITUTION, BUSINESS),
    "deduction": (OF_CLAIM, BUSINESS),
    "clearing": ANYBODY,
    "clearing_objections": (OF_PAIR, BUSINESS),
    "objection": (OF_PAIR, BUSINESS),
    "province_clearing": ANYBODY,
    "area_remittances": (
        HOME | {"centre", "finance:430100", "auditor:national", "auditor:430000"},
        BUSINESS,
    ),
    "clearing_statement": (OF_PAIR, BUSINESS),
    "advance": (OF_PAIR, BUSINESS),
    "notice": (OF_PAIR | {"bank:icbc"}, BUSINESS),
    "payment": (OF_PAIR | {"finance:430100", "bank:icbc"}, BUSINESS),
    "state": (SEE_PATIENT, CASES),
    "state_evidence": (SEE_PATIENT, CASES),
}
"""Who gets an answer from each signed route in the story. What is public is not repeated below."""

OWN = {"cover_holder": INSURER}
"""Of a route about persons: whose own business it is as well, at any business post."""

ABSENT = {"policy": 404, "catalogue": 404, "catalogue_item": 404}
"""Open to all, and the story has none."""

UNSIGNED = {"health", "ready", "metrics", "genesis"}

ESTIMATE_BODY = b'{"contract":"claim","method":"settle","args":{}}'

MANY = ApiSettings(address_rate=10**6, address_burst=10**6, key_rate=10**6, key_burst=10**6)


def request_of(name: str, edge: Edge) -> tuple[str, str]:
    """Path and query that ask a route for the story."""
    tx = edge.story.tx_id
    paths = {
        "genesis_file": "/v1/genesis/file",
        "status": "/v1/status",
        "status_details": "/v1/status/details",
        "access_log_root": "/v1/access-log/2026-01-01/root",
        "attestation": "/v1/attestation",
        "accusations": "/v1/accusations",
        "divergences": "/v1/divergences",
        "openapi": "/v1/openapi.json",
        "estimate": "/v1/estimate",
        "headers": "/v1/headers",
        "header": "/v1/headers/2",
        "block": "/v1/blocks/2",
        "transaction": f"/v1/transactions/{tx}",
        "receipts": f"/v1/transactions/{tx}/receipts",
        "receipt": f"/v1/receipts/{tx}/0",
        "receipt_evidence": f"/v1/receipts/{tx}/0/evidence",
        "receipt_explanation": f"/v1/receipts/{tx}/0/explanation",
        "receipt_attachments": f"/v1/receipts/{tx}/0/attachments",
        "claim": f"/v1/claims/{CLAIM}",
        "claim_history": f"/v1/claims/{CLAIM}/history",
        "claim_evidence": f"/v1/claims/{CLAIM}/evidence",
        "claim_payment": f"/v1/claims/{CLAIM}/payment",
        "claim_explanation": f"/v1/claims/{CLAIM}/explanation",
        "claim_statement": f"/v1/claims/{CLAIM}/statement",
        "claim_attachments": f"/v1/claims/{CLAIM}/attachments",
        "filing": f"/v1/filings/{FILING}",
        "filing_attachments": f"/v1/filings/{FILING}/attachments",
        "filing_affected": f"/v1/filings/{FILING}/affected",
        "reimbursement": f"/v1/reimbursements/{REIMBURSEMENT}",
        "reimbursement_history": f"/v1/reimbursements/{REIMBURSEMENT}/history",
        "work_filings": "/v1/work/filings",
        "institution_settlements": f"/v1/institutions/{HOSPITAL}/settlements",
        "work_ending": "/v1/work/ending",
        "work_wallets": "/v1/work/wallets",
        "work_reimbursements": "/v1/work/reimbursements",
        "work_recoveries": "/v1/work/recoveries",
        "person": f"/v1/persons/{PERSON}",
        "person_claims": f"/v1/persons/{PERSON}/claims",
        "person_filings": f"/v1/persons/{PERSON}/filings",
        "person_account": f"/v1/persons/{PERSON}/account",
        "person_counters": f"/v1/persons/{PERSON}/counters/2026",
        "person_reprice": f"/v1/persons/{PERSON}/reprice/2026",
        "person_stays": f"/v1/persons/{PERSON}/stays",
        "person_looks": f"/v1/persons/{PERSON}/looks",
        "claim_case": f"/v1/claims/{CLAIM}/case",
        "area_claims": "/v1/areas/430100/claims",
        "person_covers": f"/v1/persons/{PERSON}/covers",
        "person_ending": f"/v1/persons/{PERSON}/ending",
        "newborn": f"/v1/newborns/{NEWBORN}",
        "move": f"/v1/moves/{MOVE}",
        "recovery": f"/v1/recoveries/{RECOVERY}",
        "cover_product": f"/v1/cover/products/{PRODUCT}",
        "cover_holder": f"/v1/cover/products/{PRODUCT}/holders/{PERSON}",
        "cover_payment": f"/v1/cover/payments/{PAYMENT}",
        "cover_payments": f"/v1/cover/insurers/{INSURER}/payments",
        "insurer_month": f"/v1/insurers/{INSURER}/months/{MONTH}",
        "insurer_due": f"/v1/insurers/{INSURER}/due",
        "area_insurers": "/v1/areas/440100/insurers",
        "area_insurers_month": f"/v1/areas/440100/insurers/{MONTH}",
        "account": "/v1/accounts/fund:430100",
        "account_postings": "/v1/accounts/fund:430100/postings",
        "bank_orders": "/v1/banks/bank:icbc/orders",
        "bank_suspense": "/v1/banks/bank:icbc/suspense",
        "trial_balance": "/v1/trial-balance",
        "vouchers": "/v1/vouchers",
        "institution_payments": f"/v1/institutions/{HOSPITAL}/payments/2026-01",
        "institution_batches": f"/v1/institutions/{HOSPITAL}/batches",
        "institution_refused": f"/v1/institutions/{HOSPITAL}/refused",
        "institution_rows": f"/v1/institutions/{HOSPITAL}/rows/{MONTH}",
        "area_ageing": "/v1/areas/440100/ageing",
        "institution_ageing": f"/v1/institutions/{HOSPITAL}/ageing",
        "declaration": f"/v1/declarations/{HOSPITAL}/{MONTH}",
        "deduction": f"/v1/deductions/{DEDUCTION}",
        "clearing": f"/v1/clearing/{MONTH}",
        "clearing_objections": f"/v1/clearing/{MONTH}/430000/440000/objections",
        "objection": f"/v1/objections/{OBJECTION}",
        "province_clearing": f"/v1/provinces/440000/clearing/{MONTH}",
        "area_remittances": "/v1/areas/430100/remittances",
        "clearing_statement": f"/v1/clearing/{MONTH}/430000/440000",
        "advance": "/v1/advances/430000/440000",
        "notice": f"/v1/notices/{NOTICE}",
        "payment": f"/v1/payments/{PAID}",
        "state": "/v1/state",
        "state_evidence": "/v1/state/evidence",
        "organisation": f"/v1/organisations/{HOSPITAL}",
        "organisation_changes": f"/v1/organisations/{HOSPITAL}/changes",
        "validators": "/v1/validators",
        "parameter": "/v1/parameters/block-calls",
        "policy": "/v1/policies/430100/390",
        "catalogue": "/v1/catalogues/440100",
        "catalogue_item": "/v1/catalogues/440100/items/XJ01",
        "stream": "/v1/stream",
        "trail": "/v1/trail",
    }
    query = f"key=claim/{CLAIM}" if name.startswith("state") and "status" not in name else ""
    if name.startswith("work_"):
        query = "area=430100"
    if name in ("trial_balance", "vouchers"):
        query = "region=430100"
    if name == "area_claims":
        query = "scheme=390"
    if name in ("institution_batches", "institution_refused"):
        query = "first=2025-01&last=2025-12"
    return paths[name], query


def ask(edge: Edge, name: str, organisation: str, post: str) -> tuple[int, str]:
    """Status and problem code (empty for an answer)."""
    path, query = request_of(name, edge)
    who = reader(organisation, post)
    if name == "estimate":
        reply = edge.api.post(path, ESTIMATE_BODY, "application/json", who, query)
    else:
        reply = edge.api.get(path, who, query, hang_up_after=2)
    return reply.status, "" if reply.status < 400 else reply.code


def test_every_route_is_in_the_table_and_in_the_matrix(edge: Edge) -> None:
    names = {route.name for route in api_routes(edge.api.app)}
    assert names == set(rights.ROUTES)
    assert names == set(EXPECTED) | set(ABSENT) | UNSIGNED | {"submit"}
    cases = len(EXPECTED) * len(ORGANISATIONS) * len(POSTS)
    assert cases >= 300, cases


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_matrix_of_route_and_role(tmp_path: Path, name: str) -> None:
    edge = make_edge(tmp_path, MANY)
    organisations, posts = EXPECTED[name]
    wrong = []
    for organisation in sorted(ALL):
        for post in POSTS:
            at_counter = organisation in COUNTERS and post == "operator" and posts in AT_COUNTERS
            own = OWN.get(name) == organisation and post in BUSINESS
            allowed = own or (organisation in organisations and (post in posts or at_counter))
            wanted = (200, "") if allowed else (403, "read.no-right")
            if (found := ask(edge, name, organisation, post)) != wanted:
                wrong.append((organisation, post, found, wanted))
    assert not wrong, wrong


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_reference_data_is_open_to_all_and_absent_here(edge: Edge, name: str) -> None:
    for organisation in sorted(ALL):
        assert ask(edge, name, organisation, "operator") == (404, "read.not-found")


@pytest.mark.parametrize("name", sorted(set(EXPECTED) | set(ABSENT)))
def test_unsigned_requests_are_refused(edge: Edge, name: str) -> None:
    path, query = request_of(name, edge)
    if name == "estimate":
        reply = edge.api.post(path, ESTIMATE_BODY, "application/json")
    else:
        reply = edge.api.get(path, None, query)
    assert (reply.status, reply.code) == (401, "signature.missing")


@pytest.mark.parametrize("name", sorted(UNSIGNED))
def test_open_routes_answer_unsigned(edge: Edge, name: str) -> None:
    assert edge.api.get(f"/v1/{name}").status == 200


@pytest.mark.parametrize("name", sorted(set(EXPECTED) | set(ABSENT)))
def test_keys_for_other_purposes_do_not_read(edge: Edge, name: str) -> None:
    """A validator's own key signs votes and nothing else."""
    path, query = request_of(name, edge)
    who = reader(world.OPERATOR, "validate")
    if name == "estimate":
        reply = edge.api.post(path, ESTIMATE_BODY, "application/json", who)
    else:
        reply = edge.api.get(path, who, query)
    assert (reply.status, reply.code) == (401, "signature.unknown-key")


def test_a_read_key_reads_and_does_not_estimate(edge: Edge) -> None:
    who = reader(HOSPITAL, "reader")
    assert edge.api.get(f"/v1/claims/{CLAIM}", who).status == 200
    reply = edge.api.post("/v1/estimate", ESTIMATE_BODY, "application/json", who)
    assert (reply.status, reply.code) == (403, "read.no-right")


def test_a_route_without_a_right_cannot_be_built() -> None:
    router = edge_router("test")
    with pytest.raises(AssertionError, match="declares no right"):
        router.get("/v1/secret", name="secret")(lambda: None)


def test_a_route_around_the_gate_is_found() -> None:
    app = FastAPI(routes=[Route("/v1/secret", lambda request: None)], openapi_url=None)
    with pytest.raises(AssertionError, match="not guarded"):
        check_declared(app)


def test_an_answer_that_nobody_decided_on_is_not_sent(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted bug: the route of a claim forgets to ask for the right."""
    from node.api.guard import Access

    monkeypatch.setattr(Access, "check", lambda *_, **__: None)
    reply = edge.api.get(f"/v1/claims/{CLAIM}", reader(HOSPITAL), may_fault=True)
    assert (reply.status, reply.code) == (500, "node.failed")
    assert edge.api.faults[0][0] == "AssertionError"


def test_absent_and_foreign_look_alike_where_ids_can_be_guessed(edge: Edge) -> None:
    for path in ("/v1/claims/{}", "/v1/persons/{}", "/v1/filings/{}"):
        there = {"claims": CLAIM, "persons": PERSON, "filings": FILING}[path.split("/")[2]]
        foreign = edge.api.get(path.format(there), reader(OTHER_HOSPITAL))
        absent = edge.api.get(path.format("nothing-1"), reader(OTHER_HOSPITAL))
        assert foreign.status == absent.status == 403
        assert foreign.body == absent.body
        assert edge.api.get(path.format("nothing-1"), reader("centre")).status in (403, 404)


def test_overseers_learn_that_there_is_nothing(edge: Edge) -> None:
    reply = edge.api.get("/v1/claims/nothing-1", reader("auditor:national", "audit"))
    assert (reply.status, reply.code) == (404, "read.not-found")


def test_an_institution_sees_a_person_only_through_its_own_claim(edge: Edge) -> None:
    path = f"/v1/persons/{PERSON}"
    assert edge.api.get(path, reader(HOSPITAL)).status == 403
    assert edge.api.get(path, reader(HOSPITAL), f"claim={CLAIM}").status == 200
    assert edge.api.get(path, reader(OTHER_HOSPITAL), f"claim={CLAIM}").status == 403
    assert edge.api.get(path, reader(HOSPITAL), "claim=nothing-1").status == 403
    other = "/v1/persons/p:430100:0000"
    assert edge.api.get(other, reader(HOSPITAL), f"claim={CLAIM}").status == 403


def test_amounts_without_the_person(edge: Edge) -> None:
    record = edge.api.get(f"/v1/claims/{CLAIM}", reader("finance:430100")).json()["record"]
    assert record["person"] is None
    assert record["withheld"] == ["person"]
    assert PERSON not in str(record)
    shown = edge.api.get(f"/v1/claims/{CLAIM}", reader("bureau:430100")).json()["record"]
    assert shown["person"] == PERSON
    assert shown["settled"]["total_fen"] == 100_00


def test_of_a_batch_each_reader_sees_its_own_calls(edge: Edge) -> None:
    """One transaction of a hospital has claims of two home areas."""
    calls = [
        replace(
            world.CallSpec("claim", "settle", {"claim": "m-2"}), events=(("e", {"area": area}),)
        )
        for area in ("430100", "510100")
    ]
    tx_id = edge.node.commit(calls).id.hex()
    path = f"/v1/transactions/{tx_id}"
    for organisation, own in (("bureau:430100", 0), ("bureau:510000", 1)):
        shown = edge.api.get(path, reader(organisation)).json()["transaction"]
        assert [call["args"] is not None for call in shown["calls"]] == [own == 0, own == 1]
        assert shown["body"] is None
        receipts = edge.api.get(f"{path}/receipts", reader(organisation)).json()["receipts"]
        assert [one["receipt"]["call_index"] for one in receipts] == [own]
        other = edge.api.get(f"/v1/receipts/{tx_id}/{1 - own}", reader(organisation))
        assert other.code == "read.no-right"
        whole = edge.api.get(f"/v1/receipts/{tx_id}/{own}/evidence", reader(organisation))
        assert whole.code == "read.no-right"
    shown = edge.api.get(path, reader(HOSPITAL)).json()["transaction"]
    assert shown["body"] is not None
    assert all(call["args"] is not None for call in shown["calls"])


OF_AREA = HOME | {"centre", "finance:430100", "auditor:national", "auditor:430000"}
OF_PLACE = CARE | {"centre", "auditor:national", "regulator:440000"}
STATEMENT = "430000/440000"
OF_STATE: dict[str, frozenset[str] | set[str]] = {
    "org/bank:icbc": ALL,
    "param/block-calls": ALL,
    f"claim/{CLAIM}": SEE_PATIENT,
    "claim/nothing": set(),
    f"claim-lines/{CLAIM}/1": SEE_LINES,
    f"objected/{CLAIM}": SEE_PATIENT,
    f"objected/{CLAIM}/{INSURER}": SEE_PATIENT,
    f"person/{PERSON}": SEE_PERSON,
    "person/p:430100:nobody": set(),
    f"account/{PERSON}": SEE_PERSON,
    f"counter/{PERSON}/430100/390/2026": SEE_PERSON,
    f"filings/{PERSON}": SEE_PERSON,
    f"filing/{FILING}": SEE_PERSON,
    "filing/nothing": set(),
    f"reimbursement/{REIMBURSEMENT}": SEE_PERSON,
    "reimbursement/nothing": set(),
    f"reimbursement-lines/{REIMBURSEMENT}": SEE_PERSON,
    f"cover-payment/{PAYMENT}": SEE_PERSON | {INSURER},
    "cover-payment/nothing": set(),
    f"bank-order/bank:icbc/{AN_ORDER}": OF_ORDER | HOME | {"finance:430100"},
    f"bank-order/bank:icbc/{AN_INSURERS_ORDER}": (OF_ORDER | {INSURER}) - {"auditor:430000"},
    "bank-order/bank:icbc/nothing/1": {"bank:icbc", "auditor:national"},
    "bank-order/bank:icbc": {"bank:icbc", "auditor:national"},
    f"bank-order/bank:other/{AN_ORDER}": {"bank:other", "auditor:national"},
    **dict.fromkeys(("fund/430100", "remittance/430100", "levy/430100"), OF_AREA),
    **dict.fromkeys(("allot/440100", "allotment/440100"), OF_PLACE),
    **{
        f"{kind}/{HOSPITAL}{rest}": OF_INSTITUTION
        for kind, rest in (
            ("payable", ""), ("prepayment", ""), ("prepayment-asked", ""), ("mapping", ""),
            ("mapping-version", "/1"), ("mapping-page", "/1/0"), ("institution-account", ""),
            ("declaration", f"/{MONTH}"),
        )
    },
    f"payable/{OTHER_HOSPITAL}": (OF_INSTITUTION - {HOSPITAL}) | {OTHER_HOSPITAL},
    f"commercial/{INSURER}": {INSURER} | COUNTRYWIDE,
    "bank/bank:icbc": {"bank:icbc"} | COUNTRYWIDE,
    "bank-line/bank:icbc/R-1": {"bank:icbc"} | COUNTRYWIDE,
    "bank-reference/bank:icbc/R-1": {"bank:icbc"} | COUNTRYWIDE,
    "looks/bureau:430100/2026-01-01": ALL,
    f"clearing/{STATEMENT}": OF_PAIR,
    f"advance/{STATEMENT}": OF_PAIR,
    f"statement/{MONTH}/{STATEMENT}": OF_PAIR,
    f"statement/{MONTH}/{INSURER}/440100": OF_PLACE | {INSURER},
    f"objection-of/{MONTH}/{STATEMENT}/0": OF_PAIR,
    f"objection/{OBJECTION}": OF_PAIR,
    "objection/nothing": COUNTRYWIDE,
    f"cover-month/{INSURER}/{MONTH}": {INSURER} | COUNTRYWIDE,
    f"cover-month/440100/{MONTH}": OF_PLACE,
    f"cover-due/{INSURER}": {INSURER} | COUNTRYWIDE,
    "cover-due/440100": OF_PLACE,
    f"deduction/{DEDUCTION}": OF_CLAIM,
    "deduction/nothing": COUNTRYWIDE,
    f"notice/{NOTICE}": OF_PAIR | {"bank:icbc"},
    "notice/of-an-insurer": OF_PLACE | {INSURER},
    "notice/nothing": COUNTRYWIDE,
    f"payment/{PAID}": OF_PAIR | {"bank:icbc", "finance:430100"},
    "payment/nothing": COUNTRYWIDE,
    "transfer/t-1": OF_INSTITUTION | {"bank:icbc", "bank:other", "finance:510000"},
    "transfer/nothing": COUNTRYWIDE,
    "link/00": set(),
    "whatever/1": set(),
}  # fmt: skip
"""By state key: who may see the entry and its absence, with post clerk."""


def test_rights_to_state_entries_follow_what_the_key_names(tmp_path: Path) -> None:
    edge = make_edge(tmp_path, MANY)
    with edge.node.view() as view:
        notice = Notice.decode(view.state(f"notice/{NOTICE}"))
    transfer = Transfer(
        kind="payment", status="pending", reference="", sender="bank:other", holder="s:1",
        confirmer="finance:510000", cause=bytes(32), digest=bytes(32), expires_ms=1,
        legs=(("bank:bank:icbc", "390100", -5), (f"payable:{HOSPITAL}", "390100", 5)),
    )  # fmt: skip
    of_insurer = replace(notice, payer=INSURER, payee="440100", payment="", out=(), into=())
    edge.node.commit(
        [world.CallSpec()],
        writes={"transfer/t-1": transfer.encode(), "notice/of-an-insurer": of_insurer.encode()},
    )
    found = {
        key: {
            organisation
            for organisation in ALL
            if edge.api.get("/v1/state", reader(organisation, "clerk"), f"key={key}").status == 200
        }
        for key in OF_STATE
    }
    assert found == {key: set(allowed) for key, allowed in OF_STATE.items()}


def test_every_kind_of_state_entry_that_is_shown_is_in_the_matrix() -> None:
    judged = {key.partition("/")[0] for key in OF_STATE}
    assert {first for first, (right, _) in KEYS.items() if right is not Right.CHAIN} <= judged
    public = {first for first, (right, _) in KEYS.items() if right is Right.CHAIN}
    assert public == {
        "org", "org-key", "org-keys", "endpoint", "successor", "validators", "param", "vote",
        "accusation", "accusations", "contracts", "policy", "policy-source", "cover-product",
        "catalogue", "catalogue-version", "catalogue-page", "catalogue-meta", "catalogue-part",
        "tx", "looks", "period", "period-pair", "province-period", "province-pair",
    }  # fmt: skip


@pytest.mark.parametrize("key", [AN_ORDER, AN_INSURERS_ORDER])
def test_a_banks_machine_keeper_does_not_see_whom_it_pays(edge: Edge, key: str) -> None:
    for path in ("/v1/state", "/v1/state/evidence"):
        query = f"key=bank-order/bank:icbc/{key}"
        assert edge.api.get(path, reader("bank:icbc", "operator"), query).status == 403
        assert edge.api.get(path, reader("bank:icbc", "finance"), query).status == 200
        assert edge.api.get(path, reader("bank:other", "finance"), query).code == "read.no-right"


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        ("payment", {"bank:icbc"} | COUNTRYWIDE),
        ("reimbursement", {"bank:icbc", "auditor:national"}),
        ("payout", {"bank:icbc", "auditor:national"}),
        ("cover", {"bank:icbc", "auditor:national"}),
    ],
)
def test_who_sees_the_list_of_a_banks_orders(tmp_path: Path, kind: str, allowed: set[str]) -> None:
    edge = make_edge(tmp_path, MANY)
    path, query = "/v1/banks/bank:icbc/orders", f"kind={kind}"
    found = {org for org in ALL if edge.api.get(path, reader(org, "finance"), query).status == 200}
    assert found == allowed


@pytest.mark.parametrize("path", ["", "/postings"])
@pytest.mark.parametrize(
    ("account", "owner"),
    [("bank:bank:icbc", "bank:icbc"), ("credit:bank:icbc", "bank:icbc"),
     (f"commercial:{INSURER}", INSURER), (f"benefit:{INSURER}", INSURER)],
)  # fmt: skip
def test_who_audits_the_country_follows_money_into_banks_and_insurers(
    edge: Edge, account: str, owner: str, path: str
) -> None:
    """Their accounts are of no area, and end every payment."""
    url = f"/v1/accounts/{account}{path}"
    found = {org for org in ALL if edge.api.get(url, reader(org, "finance")).status == 200}
    assert found == {owner} | COUNTRYWIDE


def test_every_right_is_used_and_described() -> None:
    assert set(rights.ROUTES.values()) | {right for right, _ in KEYS.values()} == set(Right)
    assert all(issubclass(GuardedRoute, object) and right.value for right in Right)


def test_a_banks_successor_may_read_what_its_predecessor_might(tmp_path: Path) -> None:
    edge = make_edge(tmp_path, MANY)
    keys = (f"bank-order/bank:icbc/{AN_ORDER}", f"payment/{PAID}")

    def seen() -> list[int]:
        who = reader("bank:other", "finance")
        return [edge.api.get("/v1/state", who, f"key={key}").status for key in keys]

    assert seen() == [403, 403]
    edge.node.commit([world.CallSpec()], writes={"successor/bank:icbc": "bank:other"})
    assert seen() == [200, 200]


def test_only_banks_are_looked_up_for_their_successor(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[str] = set()

    def speaks_for(state: State, org_id: str, bank: str) -> bool:
        asked.add(bank)
        return organisations.speaks_for(state, org_id, bank)

    monkeypatch.setattr(guard, "speaks_for", speaks_for)
    who = reader("bank:other", "finance")
    for path in (f"/v1/claims/{CLAIM}", f"/v1/payments/{PAID}"):
        assert edge.api.get(path, who).status == 403
    assert asked == {"bank:icbc"}


def test_a_banks_successor_sees_its_predecessors_order_of_an_insurers_payment(
    tmp_path: Path,
) -> None:
    edge = make_edge(tmp_path, MANY)
    key = f"cover-payment/{PAYMENT}"
    rows = (("commercial", 7_00),)
    orders = tuple(
        Order(name, f"bank:{bank}", "s:1", "other", "R", rows)
        for name, bank in (("o-1", "icbc"), ("o-2", "other"))
    )
    paid = replace(CoverPayment.decode(decode(edge.node.state[key])), orders=orders)
    edge.node.commit([world.CallSpec()], writes={key: paid.encode()})

    def seen() -> list[str]:
        told = edge.api.get(f"/v1/cover/payments/{PAYMENT}", reader("bank:other", "finance"))
        return [order["order"] for order in told.json()["record"]["orders"]]

    assert seen() == ["o-2"]
    edge.node.commit([world.CallSpec()], writes={"successor/bank:icbc": "bank:other"})
    assert seen() == ["o-1", "o-2"]
