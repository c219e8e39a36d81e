"""What a contract refuses: ordered, a receipt ``rejected`` with its code, nothing else written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contracts.organisations import own_prefix
from node.ledger.transaction import Call, SignedTransaction
from tests.contracts.settlement.claim_world import BED, COSMETIC, DAY, line, visit
from tests.contracts.world import (
    ALICE,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    HOSPITAL,
    PHARMACY,
)
from tests.node.bad_input.world import (
    OTHER_HOSPITAL,
    SLIPPING,
    SLIPS_AT_FEN,
    STRICT_ELSEWHERE,
    STRICT_UNFILED,
    SUSPENDED,
    BadWorld,
    encoded,
)


@dataclass(frozen=True)
class Refused:
    """A row: the issue's words, the transaction, the receipt's code and compared values."""

    words: str
    name: str
    attempt: Callable[[BadWorld], SignedTransaction]
    code: str
    values: frozenset[str]


def row(
    words: str, name: str, attempt: Callable[[BadWorld], SignedTransaction], code: str, *values: str
) -> Refused:
    return Refused(words, name, attempt, code, frozenset(values))


# --- The call -------------------------------------------------------------------------------------


def unknown_contract(bad: BadWorld) -> SignedTransaction:
    return bad.make(HOSPITAL, "claims", "settle", {})


def unknown_method(bad: BadWorld) -> SignedTransaction:
    return bad.make(HOSPITAL, "claim", "pay", {})


def args_of(change: dict[str, Any], drop: str = "") -> Callable[[BadWorld], SignedTransaction]:
    """A settlement with one argument changed, added or left out."""

    def attempt(bad: BadWorld) -> SignedTransaction:
        lines = [line(1, BED, 50_000)]
        args = bad.claims.settle_args("H44010000123-r-args", lines, visit()) | change
        args.pop(drop, None)
        content = {"settlement": {"visit": {}, "lines": lines}}
        return bad.make(HOSPITAL, "claim", "settle", args, content, "operator")

    return attempt


def line_of(**change: Any) -> Callable[[BadWorld], SignedTransaction]:
    """A settlement whose one line has another value in a column (``f0`` to ``f9``)."""

    def attempt(bad: BadWorld) -> SignedTransaction:
        changed = line(1, BED, 50_000)
        for column, value in change.items():
            changed[int(column[1:])] = value
        return bad.settlement("H44010000123-r-line", [changed], total_fen=50_000)

    return attempt


def wrong_sum(bad: BadWorld) -> SignedTransaction:
    return bad.settlement("H44010000123-r-sum", total_fen=50_001)


def unknown_code(bad: BadWorld) -> SignedTransaction:
    return bad.settlement("H44010000123-r-code", [line(1, "NOT-IN-ANY-CATALOGUE", 50_000)])


def own_expense_code(bad: BadWorld) -> SignedTransaction:
    return bad.settlement("H44010000123-r-code3", [line(1, COSMETIC, 50_000)])


def unmapped_code(bad: BadWorld) -> SignedTransaction:
    return bad.settlement("H44010000123-r-local", [line(1, "", 50_000, local="own-7")])


def unknown_fund(bad: BadWorld) -> SignedTransaction:
    legs = [
        {"account": "premium:430100", "fund_type": "999999", "amount_fen": -100},
        {"account": "fund:430100", "fund_type": "999999", "amount_fen": 100},
    ]
    return transfer(bad, "430100r-fund", legs)


def transfer(
    bad: BadWorld, name: str, legs: list[dict[str, Any]], sender: str = BUREAU_CHANGSHA
) -> SignedTransaction:
    args = {"transfer": name, "kind": "correction", "postings": legs}
    return bad.make(sender, "funds", "transfer", args, post="finance")


def negative_deposit(bad: BadWorld) -> SignedTransaction:
    args = {"transfer": "430100r-neg", "person": ALICE, "amount_fen": -1}
    return bad.make(BUREAU_CHANGSHA, "funds", "deposit", args, post="finance")


def deposit_as_text(bad: BadWorld) -> SignedTransaction:
    args = {"transfer": "430100r-text", "person": ALICE, "amount_fen": "100.25"}
    return bad.make(BUREAU_CHANGSHA, "funds", "deposit", args, post="finance")


def money_from_nothing(bad: BadWorld) -> SignedTransaction:
    legs = [
        {"account": "premium:430100", "fund_type": "310100", "amount_fen": -100},
        {"account": "fund:430100", "fund_type": "310100", "amount_fen": 101},
    ]
    return transfer(bad, "430100r-unbalanced", legs)


# --- Filing and person ----------------------------------------------------------------------------


def no_filing(bad: BadWorld) -> SignedTransaction:
    return bad.settlement("H44010000123-r-nofiling", given=visit(STRICT_UNFILED))


def filed_elsewhere(bad: BadWorld) -> SignedTransaction:
    return bad.settlement("H44010000123-r-elsewhere", given=visit(STRICT_ELSEWHERE))


def suspended_person(bad: BadWorld) -> SignedTransaction:
    bad.world.do(
        BUREAU_CHANGSHA, "enrolment", "suspend",
        {"person": SUSPENDED, "revision": 2, "from": "2025-06-01", "to": "2025-06-30"},
        attachments={"person": {"reason": "lent the card"}},
    )  # fmt: skip
    return bad.settlement("H44010000123-r-suspended", given=visit(SUSPENDED))


def unknown_person(bad: BadWorld) -> SignedTransaction:
    return bad.settlement("H44010000123-r-nobody", given=visit("p:430100:nobody"))


def without_entitlement(bad: BadWorld) -> SignedTransaction:
    args = {"institution": HOSPITAL, "switch": "chronic:gout", "on": True}
    bad.world.do(BUREAU_GUANGZHOU, "organisations", "set_switch", args)
    return bad.settlement(
        "H44010000123-r-chronic", given=visit(kind="chronic"), clinical={"chronic_disease": "gout"}
    )


# --- Institution ----------------------------------------------------------------------------------


def switch_off(bad: BadWorld) -> SignedTransaction:
    args = {"institution": HOSPITAL, "switch": "inpatient", "on": False}
    bad.world.do(BUREAU_GUANGZHOU, "organisations", "set_switch", args)
    return bad.settlement("H44010000123-r-switch", given=visit(kind="inpatient"))


def suspended_institution(bad: BadWorld) -> SignedTransaction:
    args = {"organisation": OTHER_HOSPITAL, "from": "2025-06-01", "reason": "false bills"}
    bad.world.do(BUREAU_GUANGZHOU, "organisations", "suspend", args)
    return bad.settlement(f"{own_prefix(OTHER_HOSPITAL)}-r", sender=OTHER_HOSPITAL)


def not_an_institution(bad: BadWorld) -> SignedTransaction:
    args = bad.claims.settle_args("H44010000123-r-kind", [line(1)], visit())
    return bad.make(BUREAU_HUNAN, "claim", "settle", args, {"settlement": {"lines": [line(1)]}})


def wrong_post(bad: BadWorld) -> SignedTransaction:
    source = "def settle(case):\n    return {'payments': []}\n"
    args = {"area": "430100", "scheme": "310", "effective_from": DAY, "source": source}
    return bad.make(BUREAU_CHANGSHA, "policy", "deploy", args, post="clerk")


# --- Money ----------------------------------------------------------------------------------------


def other_content(bad: BadWorld) -> SignedTransaction:
    return bad.settlement("H44010000123-settled-1", [line(1, BED, 60_000)])


def other_institution(bad: BadWorld) -> SignedTransaction:
    args = {"institution": PHARMACY, "switch": "outpatient", "on": True}
    bad.world.do(BUREAU_GUANGZHOU, "organisations", "set_switch", args)
    return bad.settlement("H44010000123-settled-1", sender=PHARMACY)


def overspending_source(bad: BadWorld) -> SignedTransaction:
    source = 'def settle(case):\n    return {"payments": [payment("310100", yuan(50))]}\n'
    args = {"area": "430100", "scheme": "310", "effective_from": DAY, "source": source}
    return bad.make(BUREAU_CHANGSHA, "policy", "deploy", args)


def overspending_bill(bad: BadWorld) -> SignedTransaction:
    """The policy survived the trial; its fault shows on one bill, and is refused there."""
    good = bad.settlement(
        "H44010000123-r-slips-not", [line(1, BED, SLIPS_AT_FEN - 1)], visit(SLIPPING)
    )
    assert bad.send(good.encode()).json()["receipts"][0]["receipt"]["status"] == "ok"
    return bad.settlement("H44010000123-r-slips", [line(1, BED, SLIPS_AT_FEN)], visit(SLIPPING))


def uncovered_account(bad: BadWorld) -> SignedTransaction:
    legs = [
        {"account": f"person:{ALICE}:account", "fund_type": "310200", "amount_fen": -99_999_900},
        {"account": "premium:430100", "fund_type": "310200", "amount_fen": 99_999_900},
    ]
    return transfer(bad, "430100r-uncovered", legs)


def held_payable(bad: BadWorld) -> SignedTransaction:
    until = {"institution": HOSPITAL, "reason": "audit", "until_ms": bad.world.clock.ms + 10**6}
    bad.world.do(BUREAU_GUANGZHOU, "funds", "hold", until, post="audit")
    legs = [
        {"account": f"payable:{HOSPITAL}", "fund_type": "310100", "amount_fen": -100},
        {"account": "bank:bank:icbc", "fund_type": "310100", "amount_fen": 100},
    ]
    return transfer(bad, "440100r-held", legs, BUREAU_GUANGZHOU)


# --- Attachments ----------------------------------------------------------------------------------


def no_attachment(bad: BadWorld) -> SignedTransaction:
    args = {"claim": "H44010000123-r-none", "visit": visit()}
    return bad.make(HOSPITAL, "claim", "register", args, None, "operator")


def other_audience(bad: BadWorld) -> SignedTransaction:
    args = {"claim": "H44010000123-r-audience", "visit": visit()}
    return bad.make(HOSPITAL, "claim", "register", args, {"everybody": {"visit": {}}}, "operator")


def attachment_encoding(bad: BadWorld) -> SignedTransaction:
    calls = (Call("claim", "register", {"claim": "H44010000123-r-enc", "visit": visit()}, (0,)),)
    return bad.sign(calls=calls, contents=(b"\xcc\x05",))


def attachment_schema(bad: BadWorld) -> SignedTransaction:
    calls = (Call("claim", "register", {"claim": "H44010000123-r-schema", "visit": visit()}, (0,)),)
    return bad.sign(calls=calls, contents=(encoded({"visit": {"diagnoses": "C34"}}),))


SHAPE = ("path", "expected", "found")
MALFORMED = "args.shape"

ROWS: tuple[Refused, ...] = (
    row("unknown contract or method", "contract", unknown_contract, "call.unknown-contract",
        "contract"),
    row("unknown contract or method", "method", unknown_method, "call.unknown-method",
        "contract", "method"),
    row("wrong types", "text for a number", args_of({"total_fen": "50000"}), MALFORMED, *SHAPE),
    row("wrong types", "bool for a number", args_of({"total_fen": True}), MALFORMED, *SHAPE),
    row("wrong types", "a date that is none", args_of({"discharge": "2025-02-30"}), MALFORMED,
        *SHAPE),
    row("wrong types", "an argument too many", args_of({"name": "somebody"}), MALFORMED, *SHAPE),
    row("wrong types", "an argument left out", args_of({}, "discharge"), MALFORMED, *SHAPE),
    row("wrong types", "a line of nine fields", line_of(f9=[]), MALFORMED, *SHAPE),
    row("negative or fractional money", "negative total", args_of({"total_fen": -1}), MALFORMED,
        *SHAPE),
    row("negative or fractional money", "negative line", line_of(f5=-1), MALFORMED, *SHAPE),
    row("negative or fractional money", "line in yuan as text", line_of(f5="500.25"), MALFORMED,
        *SHAPE),
    row("negative or fractional money", "negative deposit", negative_deposit, MALFORMED, *SHAPE),
    row("negative or fractional money", "deposit as text", deposit_as_text, MALFORMED, *SHAPE),
    row("negative or fractional money", "more than there is", args_of({"total_fen": 10**16}),
        MALFORMED, *SHAPE),
    row("negative or fractional money", "not the sum of the lines", wrong_sum,
        "claim.total-differs", "total_fen", "lines_fen"),
    row("negative or fractional money", "not price times quantity", line_of(f4=20_000),
        "claim.line-amount", "index"),
    row("negative or fractional money", "out of nothing", money_from_nothing, "funds.unbalanced",
        "fund_type", "sum_fen"),
    row("unknown code", "in no catalogue and no consent", unknown_code, "claim.consent-missing",
        "index"),
    row("unknown code", "class C and no consent", own_expense_code, "claim.consent-missing",
        "index"),
    row("unknown code", "of a fund", unknown_fund, "funds.unknown-fund-type", "fund_type"),
    row("unmapped hospital code", "no mapping", unmapped_code, "claim.line-unmapped", "index"),
    row("no filing", "the home policy wants one", no_filing, "policy.refuses",
        "fault", "line", "column"),
    row("filing of another place", "the home policy wants one here", filed_elsewhere,
        "policy.refuses", "fault", "line", "column"),
    row("suspended person", "this month", suspended_person, "enrolment.suspended",
        "person", "date", "until"),
    row("suspended person", "nobody of this name", unknown_person, "enrolment.unknown-person",
        "person"),
    row("suspended person", "not recognised for the disease", without_entitlement,
        "claim.not-entitled", "person", "care_kind", "date"),
    row("institution switch off", "inpatient", switch_off, "claim.switch-off",
        "institution", "switch"),
    row("suspended institution", "since June", suspended_institution,
        "claim.institution-suspended", "institution", "until", "reason"),
    row("suspended institution", "none at all", not_an_institution, "sender.kind",
        "kind", "allowed"),
    row("unknown key", "a post that may not", wrong_post, "sender.post", "post", "allowed"),
    row("duplicate claim id with other content", "other lines", other_content,
        "claim.duplicate-id", "claim"),
    row("duplicate claim id with other content", "another institution", other_institution,
        "sender.foreign-id", "id", "expected"),
    row("policy that overspends", "at deploy", overspending_source, "policy.trial-failed",
        "sample", "failed", "failed_amount_fen", "failed_open_fen", "total_fen"),
    row("policy that overspends", "slips through to a bill", overspending_bill,
        "policy.overspends", "fund", "amount_fen", "open_fen", "base", "why"),
    row("account not covered", "personal account", uncovered_account, "funds.not-covered",
        "account", "asked_fen", "available_fen"),
    row("held payable", "until the audit ends", held_payable, "funds.payable-held",
        "account", "until_ms", "reason"),
    row("missing or wrong attachment", "none", no_attachment, "args.attachment",
        "missing", "unexpected", "allowed"),
    row("missing or wrong attachment", "for another audience", other_audience, "args.attachment",
        "missing", "unexpected", "allowed"),
    row("missing or wrong attachment", "not canonical", attachment_encoding,
        "args.attachment-encoding", "reason"),
    row("missing or wrong attachment", "another schema", attachment_schema, MALFORMED, *SHAPE),
)  # fmt: skip
