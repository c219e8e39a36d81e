"""Reading: each answer with its height, each receipt and state entry with a proof that verifies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.api import render
from node.ledger import codec, merkle
from node.ledger.evidence import ReceiptFacts, StateFacts, verify_evidence
from node.ledger.state_proof import verify_absent, verify_present
from tests.node.api.asgi import Reply
from tests.node.api.conftest import Edge
from tests.node.api.story import CLAIM, FILING, LINES, PERSON, POSTINGS, REIMBURSEMENT
from tests.node.api.test_transactions import check_proven
from tests.node.api.world import HOSPITAL, CallSpec, Reader, reader

HOME = reader("bureau:430100")
CENTRE = reader("centre")


def assert_refused(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.code) == (status, code)


def test_every_answer_says_its_height_and_how_far_behind(edge: Edge) -> None:
    edge.node.behind_blocks = 4
    for path, who in (
        ("/v1/headers", CENTRE),
        (f"/v1/claims/{CLAIM}", HOME),
        ("/v1/status", HOME),
        (f"/v1/persons/{PERSON}", HOME),
        ("/v1/accounts/fund:430100", HOME),
    ):
        reply = edge.api.get(path, who)
        assert (reply.json()["height"], reply.json()["behind_by"]) == (3, 4)
        assert (reply.headers["yibao-height"], reply.headers["yibao-behind-by"]) == ("3", "4")
    refused = edge.api.get(f"/v1/claims/{CLAIM}", reader("bank:icbc"))
    assert refused.headers["yibao-height"] == "3"
    assert edge.api.get("/v1/health").headers["yibao-height"] == "3"


def test_the_whole_status_is_made_for_who_asks_for_it(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer says how far behind the node is; for that its status is not put together."""
    monkeypatch.setattr(edge.node, "status", lambda: pytest.fail("nobody asked for the status"))
    for path, who in (("/v1/headers", CENTRE), (f"/v1/claims/{CLAIM}", HOME)):
        assert edge.api.get(path, who).status == 200
    assert_refused(edge.api.get(f"/v1/claims/{CLAIM}", reader("bank:icbc")), 403, "read.no-right")


def test_min_height_waits_and_then_says_how_far_it_is(edge: Edge) -> None:
    assert edge.api.get("/v1/status", HOME, "min_height=3").status == 200
    late = edge.api.get("/v1/status", HOME, "min_height=4")
    assert_refused(late, 412, "read.height-not-reached")
    assert late.json()["values"] == {"height": 3, "min_height": 4}
    edge.node.later.append(lambda: edge.node.commit([CallSpec()]))
    reply = edge.api.get("/v1/status", HOME, "min_height=4")
    assert (reply.status, reply.json()["height"]) == (200, 4)
    squared = "%C2%B2"  # a digit, and no number
    for wrong in ("-1", "", "1e3", "9" * 16, squared):
        bad = f"min_height={wrong}"
        assert_refused(edge.api.get("/v1/status", HOME, bad), 422, "request.invalid")


def test_headers_in_pages_from_the_newest_down(edge: Edge) -> None:
    first = edge.api.get("/v1/headers", CENTRE, "limit=3").json()
    assert [header["height"] for header in first["headers"]] == [3, 2, 1]
    rest = edge.api.get("/v1/headers", CENTRE, f"limit=3&after={first['next']}").json()
    assert [header["height"] for header in rest["headers"]] == [0]
    assert rest["next"] is None
    hashes = {header["height"]: header["hash"] for header in first["headers"]}
    by_hash = edge.api.get(f"/v1/headers/{hashes[2]}", CENTRE).json()
    assert by_hash == edge.api.get("/v1/headers/2", CENTRE).json()
    assert edge.api.get("/v1/headers/0", CENTRE).json()["certificate"] is None
    for name in ("4", "9" * 15, "00" * 32):
        assert_refused(edge.api.get(f"/v1/headers/{name}", CENTRE), 404, "read.not-found")
    for bad in ("-1", "x", "1" * 17, "0x1"):
        assert_refused(edge.api.get(f"/v1/headers/{bad}", CENTRE), 422, "request.invalid")


def test_receipts_prove_themselves(edge: Edge) -> None:
    tx_id = edge.story.tx_id
    answer = edge.api.get(f"/v1/transactions/{tx_id}/receipts", HOME).json()
    check_proven(edge, answer, [0])
    receipt = edge.api.get(f"/v1/receipts/{tx_id}/0", HOME).json()
    assert receipt["receipts"] == answer["receipts"]
    legs = answer["receipts"][0]["receipt"]["postings"]
    assert [(leg["account"], leg["amount_fen"]) for leg in legs] == [
        (account, amount) for _, account, _, amount in POSTINGS
    ]
    assert_refused(edge.api.get(f"/v1/receipts/{tx_id}/1", HOME), 404, "read.not-found")
    nothing = edge.api.get(f"/v1/transactions/{'0' * 64}", HOME)
    assert_refused(nothing, 404, "read.not-found")


@given(st.integers(1, 40), st.data())
def test_paths_of_many_leaves_are_those_of_each(count: int, data: st.DataObject) -> None:
    hashes = [merkle.leaf_hash(bytes([number])) for number in range(count)]
    index = data.draw(st.integers(0, count - 1))
    levels = render.tree_levels(hashes)
    assert levels[-1] == [merkle.root_of(hashes)]
    assert render.path_of(levels, index) == merkle.inclusion_path(hashes, index)


def test_evidence_of_a_claim_is_checked_without_the_node(edge: Edge) -> None:
    for path in (f"/v1/claims/{CLAIM}/evidence", f"/v1/receipts/{edge.story.tx_id}/0/evidence"):
        plain = verify_evidence(edge.api.get(path, HOME).body, edge.node.genesis)
        assert isinstance(plain, ReceiptFacts)
        assert plain.receipt.tx_id.hex() == edge.story.tx_id
        assert (plain.attachments, plain.explanation) == ({}, None)
        full = verify_evidence(edge.api.get(path, HOME, "full=true").body, edge.node.genesis)
        assert isinstance(full, ReceiptFacts)
        assert codec.decode(full.attachments["settlement"]) == {"lines": LINES}
        assert full.explanation is not None
        assert full.explanation["claim"] == CLAIM
        # A bank's or finance department's right to the claim is none to what is attached.
        who = reader("finance:430100")
        assert edge.api.get(path, who).status == 200
        assert_refused(edge.api.get(path, who, "full=true"), 403, "read.no-right")


@pytest.mark.parametrize("who", ["bureau:440000", "bureau:440100"])
def test_evidence_has_no_explanation_for_who_may_only_see_the_lines(edge: Edge, who: str) -> None:
    """The place of care has the right to the lines, and none to balances and identity."""
    caller = reader(who)
    for path in (f"/v1/claims/{CLAIM}", f"/v1/receipts/{edge.story.tx_id}/0"):
        assert_refused(edge.api.get(f"{path}/explanation", caller), 403, "read.no-right")
        data = edge.api.get(f"{path}/evidence", caller, "full=true").body
        facts = verify_evidence(data, edge.node.genesis)
        assert isinstance(facts, ReceiptFacts)
        assert codec.decode(facts.attachments["settlement"]) == {"lines": LINES}
        assert facts.explanation is None


def test_state_entries_and_absence_with_proofs(edge: Edge) -> None:
    key = f"claim/{CLAIM}"
    answer = edge.api.get("/v1/state", HOME, f"key={key}").json()
    root = bytes.fromhex(answer["header"]["state_root"])
    proof, value = bytes.fromhex(answer["proof"]), bytes.fromhex(answer["bytes"])
    assert answer["present"]
    verify_present(root, key, value, proof)
    absent = edge.api.get("/v1/state", HOME, "key=param/nothing").json()
    assert (absent["present"], absent["value"], absent["bytes"]) == (False, None, None)
    verify_absent(root, "param/nothing", bytes.fromhex(absent["proof"]))
    for name, present in ((key, True), ("param/nothing", False)):
        data = edge.api.get("/v1/state/evidence", HOME, f"key={name}").body
        facts = verify_evidence(data, edge.node.genesis)
        assert isinstance(facts, StateFacts)
        assert (facts.key, facts.present) == (name, present)


def test_a_head_that_moves_is_followed(edge: Edge) -> None:
    edge.node.moves = 2
    assert edge.api.get("/v1/state", HOME, "key=param/block-calls").status == 200
    edge.node.moves = 3
    reply = edge.api.get("/v1/state", HOME, "key=param/block-calls")
    assert_refused(reply, 503, "state.head-moved")
    assert reply.headers["retry-after"] == "1"


def test_what_was_erased_is_withheld_with_its_commitment(edge: Edge) -> None:
    path = f"/v1/claims/{CLAIM}"
    shown = edge.api.get(f"{path}/attachments", HOME).json()["attachments"]
    assert [item["content"] for item in shown] == [{"lines": LINES}]
    explained = edge.api.get(f"{path}/explanation", HOME).json()
    edge.node.attachments.clear()
    erased = edge.api.get(f"{path}/attachments", HOME).json()["attachments"]
    assert erased[0]["withheld"]
    assert (erased[0]["content"], erased[0]["bytes"]) == (None, None)
    assert erased[0]["commitment"] == shown[0]["commitment"]
    for name in ("explanation", "statement"):
        reply = edge.api.get(f"{path}/{name}", HOME)
        assert_refused(reply, 410, "read.withheld")
        assert reply.json()["values"]["commitment"] == explained["commitment"]
    facts = verify_evidence(
        edge.api.get(f"{path}/evidence", HOME, "full=true").body, edge.node.genesis
    )
    assert isinstance(facts, ReceiptFacts)
    assert (facts.attachments, facts.explanation) == ({}, None)


def test_history_in_pages(edge: Edge) -> None:
    path = f"/v1/claims/{CLAIM}/history"
    whole = edge.api.get(path, HOME).json()
    assert [row["at_height"] for row in whole["calls"]] == [1, 2]
    assert whole["next"] is None
    first = edge.api.get(path, HOME, "limit=1").json()
    second = edge.api.get(path, HOME, f"limit=1&after={first['next']}").json()
    assert [first["calls"][0], second["calls"][0]] == whole["calls"]
    claims = edge.api.get(f"/v1/persons/{PERSON}/claims", HOME).json()["claims"]
    assert [claim["claim"] for claim in claims] == [CLAIM]


def test_postings_in_pages_and_balances(edge: Edge) -> None:
    for account, _, _ in {(a, f, n) for _, a, f, n in POSTINGS if a.startswith("payable")}:
        rows = edge.api.get(f"/v1/accounts/{account}/postings", reader(HOSPITAL)).json()
        assert [row["amount_fen"] for row in rows["postings"]] == [8_500]
        assert rows["postings"][0]["tx_id"] == edge.story.tx_id
    balance = edge.api.get("/v1/accounts/fund:430100", HOME).json()
    assert balance["balances"] == {"390100": -8_000}
    path = "/v1/accounts/fund:430100/postings"
    page = edge.api.get(path, HOME, "limit=1").json()
    assert page["next"] == "2:0:0"
    assert edge.api.get(path, HOME, f"after={page['next']}").json()["postings"] == []
    assert_refused(edge.api.get(path, HOME, "after=2:0"), 400, "read.range")
    assert_refused(edge.api.get("/v1/accounts/other:1", HOME), 422, "request.invalid")
    arrow = "/v1/accounts/clearing:430000-%3E440000"
    answer = edge.api.get(arrow, reader("bureau:430000"))
    assert answer.json()["account"] == "clearing:430000->440000"


def test_filings_and_why_none_covers(edge: Edge) -> None:
    path = f"/v1/persons/{PERSON}/filings"
    covered = edge.api.get(path, HOME, "care_region=440100&admission=2025-12-20&date=2025-12-30")
    assert covered.json()["cover"]["filing"] == "f-1"
    missing = edge.api.get(path, HOME, "care_region=510100&date=2025-12-30").json()["cover"]
    assert missing["reason"] == "filing.wrong-place"
    assert missing["why"]["chinese"]
    assert edge.api.get(path, HOME).json()["cover"] is None
    bad = edge.api.get(path, HOME, "care_region=440100&date=2025-02-30")
    assert_refused(bad, 422, "request.invalid")


@pytest.mark.parametrize("form", ["text", "html"])
def test_the_statement(edge: Edge, form: str) -> None:
    reply = edge.api.get(f"/v1/claims/{CLAIM}/statement", HOME, f"form={form}")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith(f"text/{'plain' if form == 'text' else 'html'}")
    page = reply.body.decode()
    assert "结算单" in page
    assert CLAIM in page
    assert "100.00" in page
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_rejection_is_put_into_words(edge: Edge) -> None:
    call = CallSpec("claim", "settle", {"claim": "m-7"}, code="claim.not-found")
    tx_id = edge.node.commit([call]).id.hex()
    shown = edge.api.get(f"/v1/receipts/{tx_id}/0", reader(HOSPITAL)).json()
    receipt = shown["receipts"][0]["receipt"]
    assert (receipt["status"], receipt["code"]) == ("rejected", "claim.not-found")
    assert receipt["reason"]["next"]
    assert receipt["reason"]["chinese"]


def test_readiness_is_red_when_behind(edge: Edge) -> None:
    assert edge.api.get("/v1/ready").status == 200
    for blocks, ms, wanted in ((10, 0, 200), (11, 0, 503), (0, 10_000, 200), (0, 10_001, 503)):
        edge.node.behind_blocks, edge.node.behind_ms = blocks, ms
        reply = edge.api.get("/v1/ready")
        assert (reply.status, reply.json()["ready"]) == (wanted, wanted == 200)
    assert edge.api.get("/v1/health").status == 200


def test_metrics_name_routes_and_nobody(edge: Edge) -> None:
    edge.api.get(f"/v1/persons/{PERSON}", HOME)
    text = edge.api.get("/v1/metrics").body.decode()
    assert 'yibao_api_requests_total{route="person",status="200"} 1.0' in text
    assert "yibao_height" in text
    assert PERSON not in text
    assert "bureau:430100" not in text


def test_status_in_one_sentence_and_details_for_the_operator(edge: Edge) -> None:
    status = edge.api.get("/v1/status", reader("bank:icbc")).json()
    assert status["waiting_for"] == "Waits for a transaction."
    assert "details" not in status
    details = edge.api.get("/v1/status/details", reader("bureau:430000", "operator")).json()
    assert "pool" in details["details"]


def test_below_the_floor_of_a_snapshot_reads_say_where_to_look(edge: Edge) -> None:
    edge.node.floor = 3
    page = edge.api.get("/v1/headers", CENTRE).json()
    assert [header["height"] for header in page["headers"]] == [3, 2]
    assert page["next"] is None
    assert edge.api.get("/v1/headers/2", CENTRE).status == 200, "the snapshot's own header is here"
    assert edge.api.get("/v1/blocks/3", CENTRE).status == 200
    assert edge.api.get("/v1/blocks/0", CENTRE).status == 200
    for path, query in (
        ("/v1/headers/1", ""), ("/v1/blocks/1", ""), ("/v1/blocks/2", ""),
        ("/v1/headers", "after=2:0"), ("/v1/stream", "after=1:0"),
    ):  # fmt: skip
        refused = edge.api.get(path, CENTRE, query)
        assert_refused(refused, 410, "read.below-floor")
        assert refused.json()["values"] == {"floor": 3}


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/claims/{CLAIM}/{part}" for part in ("explanation", "statement", "evidence", "case")
    ]
    + ["/v1/vouchers", "/v1/trial-balance", "/v1/accounts/fund:430100/postings"]
    + ["/v1/areas/430100/claims"],
)  # fmt: skip
def test_what_lies_below_the_floor_is_not_answered_as_if_it_were_nothing(
    edge: Edge, path: str
) -> None:
    """A settlement that the state names, and books that would be open: neither a fault of the node
    nor an answer that passes for the whole."""
    asked = {
        "/v1/vouchers": "region=430100", "/v1/trial-balance": "region=430100",
        "/v1/areas/430100/claims": "scheme=390",
    }  # fmt: skip
    query = asked.get(path, "")
    assert edge.api.get(path, HOME, query).status == 200
    edge.node.floor = 3
    refused = edge.api.get(path, HOME, query)
    assert_refused(refused, 410, "read.below-floor")
    assert refused.json()["values"] == {"floor": 3}


def test_books_go_on_from_the_floor(edge: Edge) -> None:
    edge.node.floor = 2
    vouchers = edge.api.get("/v1/vouchers", HOME, "region=430100&after_height=1")
    assert [one["at_height"] for one in vouchers.json()["vouchers"]] == [2]
    path = "/v1/accounts/fund:430100/postings"
    rows = edge.api.get(path, HOME, "after=1:0:0").json()["postings"]
    assert [row["at_height"] for row in rows] == [2]


@pytest.mark.parametrize(
    ("path", "who"),
    [
        (f"/v1/institutions/{HOSPITAL}/refused?first=2026-01&last=2026-01", reader(HOSPITAL)),
        (f"/v1/institutions/{HOSPITAL}/settlements", reader(HOSPITAL)),
        (f"/v1/institutions/{HOSPITAL}/rows/2026-01", reader(HOSPITAL)),
        (f"/v1/organisations/{HOSPITAL}/changes", reader(HOSPITAL)),
        ("/v1/banks/bank:icbc/orders", reader("bank:icbc")),
    ],
)
def test_a_list_that_is_held_against_another_does_not_begin_at_the_floor(
    edge: Edge, path: str, who: Reader
) -> None:
    """Who compares it would find settlements that the ledger does not have, and pay no order."""
    path, _, query = path.partition("?")
    assert edge.api.get(path, who, query).status == 200
    edge.node.floor = 3
    assert_refused(edge.api.get(path, who, query), 410, "read.below-floor")


def test_a_month_that_began_above_the_floor_is_whole(edge: Edge) -> None:
    edge.node.floor = 3
    path = f"/v1/institutions/{HOSPITAL}/rows/2026-02"
    assert edge.api.get(path, reader(HOSPITAL)).status == 200
    assert (
        edge.api.get("/v1/banks/bank:icbc/orders", reader("bank:icbc"), "after=2:0").status == 200
    )


OF_CALLS = (
    (f"/v1/claims/{CLAIM}/history", HOME, ""),
    (f"/v1/claims/{CLAIM}/attachments", HOME, ""),
    (f"/v1/persons/{PERSON}/claims", HOME, ""),
    (f"/v1/filings/{FILING}/attachments", HOME, ""),
    (f"/v1/reimbursements/{REIMBURSEMENT}/history", HOME, ""),
    ("/v1/areas/430100/claims", HOME, "scheme=390&"),
    (f"/v1/institutions/{HOSPITAL}/settlements", reader(HOSPITAL), ""),
    (f"/v1/institutions/{HOSPITAL}/rows/2026-01", reader(HOSPITAL), ""),
    (f"/v1/institutions/{HOSPITAL}/refused", reader(HOSPITAL), "first=2026-01&last=2026-01&"),
    (f"/v1/organisations/{HOSPITAL}/changes", reader(HOSPITAL), ""),
    ("/v1/banks/bank:icbc/orders", reader("bank:icbc"), ""),
)


@pytest.mark.parametrize(("path", "who", "query"), OF_CALLS)
def test_a_cursor_of_another_list_is_refused(
    edge: Edge, path: str, who: Reader, query: str
) -> None:
    assert edge.api.get(path, who, f"{query}after=1:2").status == 200
    refused = edge.api.get(path, who, f"{query}after=1:2:3")
    assert_refused(refused, 400, "read.range")
    assert refused.json()["values"] == {"parts": 3, "parts_wanted": 2}


@pytest.mark.parametrize("month", ["0000-01", "0999-12", "3000-01", "9999-12"])
def test_months_that_no_calendar_goes_on_from_are_refused(edge: Edge, month: str) -> None:
    of = f"/v1/institutions/{HOSPITAL}"
    for path, query in (
        (f"{of}/batches", f"first={month}&last={month}"), (f"{of}/rows/{month}", ""),
        (f"{of}/refused", f"first={month}&last={month}"), (f"{of}/payments/{month}", ""),
        (f"/v1/declarations/{HOSPITAL}/{month}", ""),
    ):  # fmt: skip
        refused = edge.api.get(path, reader(HOSPITAL), query)
        assert_refused(refused, 422, "request.invalid")


def test_days_that_no_calendar_goes_on_from_are_refused(edge: Edge) -> None:
    path = "/v1/areas/430100/claims"
    assert edge.api.get(path, HOME, "scheme=390&to=2999-12-31").status == 200
    for query in ("scheme=390&to=9999-12-31", "scheme=390&from=0999-12-31&to=3000-01-01"):
        assert_refused(edge.api.get(path, HOME, query), 422, "request.invalid")


def test_what_a_claim_that_is_not_there_is_worth_is_not_told(edge: Edge) -> None:
    assert_refused(edge.api.get("/v1/claims/nothing/payment", CENTRE), 404, "read.not-found")


def test_a_case_whose_first_calls_lie_below_the_floor_is_not_made_up(edge: Edge) -> None:
    """The settlement is held, the registration with the clinical half of the visit is not."""
    edge.node.floor = 2
    assert edge.api.get(f"/v1/claims/{CLAIM}/explanation", HOME).status == 200
    assert_refused(edge.api.get(f"/v1/claims/{CLAIM}/case", HOME), 410, "read.below-floor")


@pytest.mark.parametrize(
    ("path", "query", "where", "route"),
    [
        ("/v1/accounts/fnd:430100", "", "path.account: an account of the chart of accounts",
         "/v1/accounts/{account}"),
        ("/v1/accounts/fund:4301", "", "path.account: an account of the chart of accounts",
         "/v1/accounts/{account}"),
        ("/v1/accounts/clearing:43-%3E440000", "", "path.account: an account of the chart",
         "/v1/accounts/{account}"),
        ("/v1/trial-balance", "region=43", "query.region: a district code of six digits",
         "/v1/trial-balance"),
        ("/v1/trial-balance", "at_height=x", "query.at_height: a whole number",
         "/v1/trial-balance"),
        ("/v1/clearing/2025-6", "", "path.period: a month YYYY-MM, for example",
         "/v1/clearing/{period}"),
    ],
)  # fmt: skip
def test_a_form_that_is_missed_is_told_in_words_and_what_was_sent_is_not(
    edge: Edge, path: str, query: str, where: str, route: str
) -> None:
    refused = edge.api.get(path, CENTRE, query)
    assert_refused(refused, 422, "request.invalid")
    values = refused.json()["values"]
    assert values["where"][0].startswith(where)
    assert values["route"] == route
    sent = (query or path).rpartition("=" if query else "/")[2]
    assert not [text for text in values["where"] if sent in text.split()]
