"""The issue's list of bad input as one table, through the edge of a real node.

Each row names the issue's words. Inadmissible: a problem object with its code and the compared
values, no receipt, and every row of the database as it was. Refused by a contract: a receipt
``rejected`` with its code and the compared values, and of the state only the executed id is new.
Two things are no refusals by design and are compared here too: a transaction that comes twice is
answered as the first time, and a bill without filing is decided by the home policy, with a reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts.settlement.reasons import TABLE
from node.api import ledger_codes, problems
from node.execution.calls import NO_WRITES_DIGEST
from node.ledger import codec
from node.ledger.receipt import Receipt
from tests.contracts.settlement.claim_world import BED, line, visit
from tests.contracts.world import BUREAU_CHANGSHA, HOSPITAL
from tests.node.api.real import OTHER_HOSPITAL, reader
from tests.node.bad_input import rows_care, rows_inadmissible, rows_refused
from tests.node.bad_input.rows_inadmissible import Inadmissible
from tests.node.bad_input.rows_refused import Refused
from tests.node.bad_input.world import FILED_ELSEWHERE, UNFILED, BadWorld, build

ISSUE_WORDS = (
    "wrong signature", "unknown key", "revoked key", "wrong chain", "expired", "valid too long",
    "replayed", "non-canonical", "oversized", "unknown contract or method", "wrong types",
    "negative or fractional money", "unknown code", "unmapped hospital code", "no filing",
    "filing of another place", "suspended person", "institution switch off",
    "suspended institution", "duplicate claim id with other content", "policy that overspends",
    "account not covered", "held payable", "missing or wrong attachment",
    "a reader without a right",
    "flag without its partner", "date out of order", "refund larger than the line",
    "wallet transfer to a stranger", "hold overdrawn", "account against the choice",
    "invoice seen before", "filing decided twice", "gap in a policy's dates",
)  # fmt: skip
"""Every kind of bad input that the issues name."""

IN_TESTS_BELOW = {"replayed", "a reader without a right"}
"""Kinds that are no single submission and have tests of their own in this file."""


REFUSED = (*rows_refused.ROWS, *rows_care.ROWS)


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BadWorld]:
    made = build(tmp_path_factory.mktemp("node"))
    yield made
    made.world.close()


def name_of(row: Inadmissible | Refused) -> str:
    return f"{row.words}: {row.name}"


def test_every_kind_of_bad_input_has_a_row() -> None:
    rows: list[Inadmissible | Refused] = [*rows_inadmissible.ROWS, *REFUSED]
    assert {row.words for row in rows} | IN_TESTS_BELOW == set(ISSUE_WORDS)
    assert len({name_of(row) for row in rows}) == len(rows)


@pytest.mark.parametrize("row", rows_inadmissible.ROWS, ids=name_of)
def test_inadmissible(bad: BadWorld, row: Inadmissible) -> None:
    wire = row.attempt(bad)
    before, height, root = bad.everything(), bad.height, bad.world.node.reader.head.state_root
    reply = bad.send(wire)
    problem = reply.json()
    assert (reply.status, problem["code"]) == (row.status, row.code), problem
    assert reply.headers["content-type"] == "application/problem+json"
    assert row.values <= problem["values"].keys(), problem
    known = ledger_codes.TABLE.get(row.code) or problems.TABLE[row.code]
    assert (problem["next"], problem["next_zh"]) == (known.next_step, known.next_step_zh)
    assert "receipts" not in problem
    assert (bad.height, bad.world.node.reader.head.state_root) == (height, root)
    assert bad.everything() == before, "something was written"


@pytest.mark.parametrize("row", REFUSED, ids=name_of)
def test_refused(bad: BadWorld, row: Refused) -> None:
    transaction = row.attempt(bad)
    before, height = bad.state(), bad.height
    reply = bad.send(transaction.encode())
    assert reply.status == 200, reply.body
    [shown] = reply.json()["receipts"]
    receipt = Receipt.decode(bytes.fromhex(shown["bytes"]))
    assert (receipt.status, receipt.code) == ("rejected", row.code), shown["receipt"]
    assert receipt.values.keys() >= row.values, receipt.values
    reason = shown["receipt"]["reason"]
    assert reason["next"] == TABLE[row.code].next_step
    assert_nothing_but_the_receipt(receipt)
    assert bad.height == height + 1
    assert bad.state() == before, "the state changed"
    assert_only_executed_ids(bad, height + 1)
    assert bad.index_kinds(height + 1) == {b"o"}, "a refusal is listed under its sender only"


def assert_nothing_but_the_receipt(receipt: Receipt) -> None:
    left: list[Any] = [
        receipt.answer, receipt.events, receipt.amounts, receipt.versions, receipt.postings,
        receipt.explanation,
    ]  # fmt: skip
    assert not any(left), left
    assert receipt.writes_digest == NO_WRITES_DIGEST


def assert_only_executed_ids(bad: BadWorld, height: int) -> None:
    """The state diff of a height has executed ids and nothing else."""
    with bad.world.node.reader.view() as view:
        diff = view.diff(height)
    assert diff is not None
    written = [key for key, _ in codec.decode(diff)]
    assert written, "the transaction is executed once for good"
    assert all(key.startswith("tx/") for key in written), written


def test_the_checks_see_a_payment(bad: BadWorld) -> None:
    """A settlement that goes through is no refusal to any of the checks above."""
    before, whole = bad.state(), bad.everything()
    reply = bad.send(bad.settlement("H44010000123-seen-1").encode())
    receipt = Receipt.decode(bytes.fromhex(reply.json()["receipts"][0]["bytes"]))
    assert (bad.state() != before, bad.everything() != whole) == (True, True)
    assert bad.index_kinds(bad.height) > {b"o"}
    with pytest.raises(AssertionError):
        assert_nothing_but_the_receipt(receipt)
    with pytest.raises(AssertionError):
        assert_only_executed_ids(bad, bad.height)


# --- What is no refusal, and what is asked instead of sent ----------------------------------------


def test_replayed(bad: BadWorld) -> None:
    """The same bytes again: the first receipt, no block, no second payment."""
    wire = bad.settlement("H44010000123-replayed-1").encode()
    first = bad.send(wire)
    before = bad.everything()
    again = bad.send(wire)
    assert (first.status, again.status) == (200, 200)
    assert again.json()["receipts"] == first.json()["receipts"]
    assert bad.everything() == before


def test_replayed_with_a_new_signature(bad: BadWorld) -> None:
    """The same claim in a new transaction of the same content: the first answer, nothing posted."""
    assert bad.send(bad.settlement("H44010000123-replayed-2").encode()).status == 200
    before = bad.state()
    lines = [line(1, BED, 50_000)]
    args = bad.claims.settle_args("H44010000123-replayed-2", lines, visit())
    # A client that repeats its blinds repeats its commitments; only the term is another.
    bad.world.count -= 1
    bad.world.clock.ms += 1
    again = bad.world.call(
        HOSPITAL, "claim", "settle", args, {"settlement": {"visit": {}, "lines": lines}}, "operator"
    )
    assert again.status == "ok"
    assert again.reply["receipts"][0]["receipt"]["postings"] == []
    assert bad.state() == before


def test_an_attachment_that_comes_later_makes_the_same_transaction_whole(bad: BadWorld) -> None:
    """A missing attachment is the fault of the copy, not of the id."""
    transaction = bad.settlement("H44010000123-later-1")
    wire = transaction.encode()
    body, signature, _ = codec.decode(wire)
    assert bad.send(codec.encode([body, signature, []])).status == 400
    assert bad.send(wire).json()["receipts"][0]["receipt"]["status"] == "ok"


@pytest.mark.parametrize(
    ("claim", "person", "reason"),
    [
        ("H44010000123-unfiled-1", UNFILED, "filing.none-filed"),
        ("H44010000123-elsewhere-1", FILED_ELSEWHERE, "filing.wrong-place"),
    ],
)
def test_without_a_filing_the_home_policy_decides_and_the_reason_is_kept(
    bad: BadWorld, claim: str, person: str, reason: str
) -> None:
    """This home place pays 65 % instead of 85 %; the patient leaves, the receipt says why."""
    reply = bad.send(bad.settlement(claim, given=visit(person)).encode()).json()
    receipt = reply["receipts"][0]["receipt"]
    assert (receipt["status"], receipt["versions"]["filing"]["reason"]) == ("ok", reason)
    assert reason in TABLE
    assert receipt["amounts"]["funds_fen"] == (50_000 - 30_000) * 65 // 100


def test_an_unknown_code_that_the_patient_agreed_to_is_own_expense(bad: BadWorld) -> None:
    lines = [line(1, "NOT-IN-ANY-CATALOGUE", 50_000, consent=True)]
    reply = bad.send(bad.settlement("H44010000123-agreed-1", lines).encode()).json()
    amounts = reply["receipts"][0]["receipt"]["amounts"]
    assert (amounts["own_expense_fen"], amounts["funds_fen"]) == (50_000, 0)
    why = bad.world.api.get(
        "/v1/claims/H44010000123-agreed-1/explanation", reader(HOSPITAL, "operator")
    ).json()
    assert [code for code, _, _ in why["explanation"]["refusals"]] == ["line.not-in-catalogue"]


SETTLED = "/v1/claims/H44010000123-settled-1"
NO_RIGHT = (403, "read.no-right")


@pytest.mark.parametrize(
    ("path", "who", "refused"),
    [
        (SETTLED, None, (401, "signature.missing")),
        (
            SETTLED,
            reader(HOSPITAL, "nobody"),
            (401, "signature.unknown-key"),
        ),
        (SETTLED, reader(OTHER_HOSPITAL, "operator"), NO_RIGHT),
        (SETTLED, reader("bank:icbc"), NO_RIGHT),
        (SETTLED + "/attachments", reader("finance:430100"), NO_RIGHT),
        (
            SETTLED + "/explanation",
            reader(OTHER_HOSPITAL, "operator"),
            NO_RIGHT,
        ),
        ("/v1/persons/p:430100:alice", reader(HOSPITAL, "operator"), NO_RIGHT),
        ("/v1/persons/p:430100:alice/account", reader("bureau:440100"), NO_RIGHT),
        ("/v1/accounts/fund:430100", reader(HOSPITAL, "operator"), NO_RIGHT),
        ("/v1/filings/430100f1", reader(OTHER_HOSPITAL, "operator"), NO_RIGHT),
        ("/v1/claims/no-such-claim", reader(HOSPITAL, "operator"), NO_RIGHT),
    ],
)
def test_a_reader_without_a_right(
    bad: BadWorld, path: str, who: Any, refused: tuple[int, str]
) -> None:
    """Denied with a code and nothing of the thing; whether it exists is not told either."""
    before = bad.everything()
    reply = bad.world.api.get(path, who)
    assert (reply.status, reply.code) == refused, reply.body
    assert problems.TABLE[reply.code].next_step == reply.json()["next"]
    assert b"total_fen" not in reply.body
    assert b"430100:alice" not in reply.body
    assert bad.everything() == before
    entitled = bad.world.api.get(SETTLED, reader(BUREAU_CHANGSHA))
    assert entitled.status == 200
