"""Nothing that says what somebody suffers from, was given or is like leaves the attachments.

Planted words go in wherever a hospital or a bureau could write them; then everything that becomes
public to the parties for good (receipts: answers, events, amounts, versions, postings, refusals) is
searched for them, byte by byte. The explanation is an attachment itself, and only that.
"""

from __future__ import annotations

from typing import Any

import pytest

from contracts.runtime import Outcome
from contracts.settlement.statement import build, render_html, render_text
from node.ledger import codec
from tests.contracts.settlement.claim_world import (
    ClaimWorld,
    catalogue_rows,
    line,
    make_claim_world,
    visit,
)
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.world import BUREAU_GUANGZHOU, HOSPITAL

CODE, DIAGNOSIS, DISEASE = "XCANARYCODE01", "CANARY-C34.900", "canarydisease"
PRACTITIONER, LINE_NUMBER, LOCAL = "D-CANARY-DOCTOR", "77001122", "CANARY-LOCAL"
IDENTITY, BIRTH = "canary_identity", "1931-03-17"
PLANTED = (
    CODE, DIAGNOSIS, DISEASE, PRACTITIONER, LINE_NUMBER, LOCAL, IDENTITY, BIRTH, "veteran_cadre",
)  # fmt: skip
PERSON = "p:430100:9c"


def canary_line(**changes: Any) -> list[Any]:
    row = line(1, CODE, 12_345, consent=True)
    row[0], row[7] = LINE_NUMBER, PRACTITIONER
    for index, value in changes.items():
        row[int(index[1:])] = value
    return row


CLINICAL = {"diagnoses": [DIAGNOSIS], "chronic_disease": DISEASE, "trauma": True,
            "third_party": True}  # fmt: skip


@pytest.fixture
def counter() -> ClaimWorld:
    """A world in which the planted code is covered and the planted person insured."""
    made = make_claim_world()
    row = [CODE, "canary item", "02", "10%", [], False, "other"]
    made.publish("2025.9", "2025-06-01", [*catalogue_rows(), row])
    enrol(made.world, PERSON, birth=BIRTH, category="veteran_cadre", identity_types=[IDENTITY],
          sex="male")  # fmt: skip
    return made


def public_bytes(outcome: Outcome) -> bytes:
    """Everything of an outcome that stands in its receipt."""
    postings = [[p.transfer, p.account, p.fund_type, p.amount_fen] for p in outcome.postings]
    events = [[topic, fields] for topic, fields in outcome.events]
    parts = [outcome.code, outcome.values, outcome.answer, outcome.amounts, outcome.versions]
    return bytes(codec.encode([*parts, events, postings]))


def assert_silent(outcome: Outcome, allowed: tuple[str, ...] = ()) -> None:
    public = public_bytes(outcome)
    for word in PLANTED:
        assert word in allowed or word.encode() not in public, f"{word} in {public!r}"


def test_the_search_finds_what_is_there(counter: ClaimWorld) -> None:
    outcome = counter.settle(lines=[canary_line()], given=visit(PERSON), clinical=CLINICAL)
    assert outcome.explanation is not None
    explained = codec.encode(outcome.explanation)
    assert CODE.encode() in explained
    assert LINE_NUMBER.encode() in explained
    with pytest.raises(AssertionError):
        assert_silent(Outcome("rejected", "claim.line-date", {"code": CODE}))


def test_settled_estimated_and_reversed(counter: ClaimWorld) -> None:
    for method in ("estimate", "settle"):
        assert_silent(
            counter.settle(
                lines=[canary_line()], given=visit(PERSON), clinical=CLINICAL, method=method
            )
        )
    assert_silent(counter.reverse())


def test_registered_uploaded_and_settled(counter: ClaimWorld) -> None:
    assert_silent(
        counter.register("H44010000123-s-1", visit(PERSON, "inpatient"), clinical=CLINICAL)
    )
    assert_silent(counter.upload("H44010000123-s-1", 1, [canary_line()]))
    assert_silent(counter.settle("H44010000123-s-1", [], registered=True, total_fen=12_345))
    left = [key for key, value in counter.world.state.entries.items()
            if DISEASE.encode() in value or DIAGNOSIS.encode() in value]  # fmt: skip
    assert left == []


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("claim.line-date", {"f2": "2025-06-09"}),
        ("claim.line-amount", {"f5": 1, "f4": 10_000}),
        ("claim.line-unmapped", {"f1": "", "f9": LOCAL}),
        ("claim.consent-missing", {"f1": CODE + "X", "f8": False}),
        ("args.shape", {"f1": CODE * 9}),
        ("args.shape", {"f2": DIAGNOSIS}),
        ("args.shape", {"f7": "name of a doctor " + PRACTITIONER}),
    ],
)
def test_refused_lines(counter: ClaimWorld, code: str, changes: dict[str, Any]) -> None:
    row = canary_line(**changes)
    total = row[5] if isinstance(row[5], int) else 0
    assert_silent(
        counter.settle(
            lines=[row], given=visit(PERSON), clinical=CLINICAL, refused=code, total_fen=total
        )
    )


def test_refused_visits(counter: ClaimWorld) -> None:
    lines = [canary_line()]
    chronic = visit(PERSON, "chronic")
    assert_silent(
        counter.settle(lines=lines, given=chronic, clinical=CLINICAL, refused="claim.switch-off")
    )
    wrong = CLINICAL | {"diagnoses": [DIAGNOSIS * 50]}
    assert_silent(counter.settle(lines=lines, given=visit(PERSON), clinical=wrong,
                                 refused="args.shape"))  # fmt: skip
    extra = CLINICAL | {DIAGNOSIS: True}
    assert_silent(counter.settle(lines=lines, given=visit(PERSON), clinical=extra,
                                 refused="args.shape"))  # fmt: skip
    doubled = [canary_line(), canary_line()]
    assert_silent(counter.settle(lines=doubled, given=visit(PERSON), clinical=CLINICAL,
                                 refused="claim.duplicate-line"))  # fmt: skip
    args = {"organisation": HOSPITAL, "from": "2025-06-01", "reason": "audit"}
    counter.world.do(BUREAU_GUANGZHOU, "organisations", "suspend", args)
    assert_silent(counter.settle(lines=lines, given=visit(PERSON), clinical=CLINICAL,
                                 refused="claim.institution-suspended"))  # fmt: skip


def test_the_statement_names_sums_and_no_attribute(counter: ClaimWorld) -> None:
    outcome = counter.settle(lines=[canary_line()], given=visit(PERSON), clinical=CLINICAL)
    assert outcome.explanation is not None
    page = build(outcome.explanation, receipt_digest=b"\x01" * 32)
    for printed in (render_text(page), render_html(page)):
        assert PERSON in printed
        for word in PLANTED:
            assert word not in printed
