"""What care as it happens refuses: flags, dates, refunds, wallets, holds, papers, filings."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from node.ledger.transaction import SignedTransaction
from tests.contracts.settlement.claim_world import BED, DAY, line, visit
from tests.contracts.world import ALICE, BANK, BUREAU_CHANGSHA, HOSPITAL
from tests.node.bad_input.rows_refused import Refused, row
from tests.node.bad_input.world import FILED_ELSEWHERE, BadWorld, encoded

CARD = {"kind": "card", "certificate": "03"}
MONTH_MS = 30 * 86_400_000


def flagged(**clinical: Any) -> Callable[[BadWorld], SignedTransaction]:
    """A visit with these flags and no others."""
    return lambda bad: bad.settlement("H44010000123-c-flag", clinical=clinical)


def dated(admission: str, discharge: str) -> Callable[[BadWorld], SignedTransaction]:
    """A visit whose days are out of order."""
    return lambda bad: bad.settlement(
        "H44010000123-c-date", given=visit(admission=admission), discharge=discharge
    )


def filed_backwards(bad: BadWorld) -> SignedTransaction:
    args = {"filing": "430100c1", "person": FILED_ELSEWHERE, "type": "referral",
            "care_region": "440100", "channel": "window", "effective_from": "2025-06-10",
            "valid_to": "2025-06-01"}  # fmt: skip
    return bad.make(BUREAU_CHANGSHA, "filing", "submit", args, post="clerk")


def refund(quantity_e4: int, amount_fen: int) -> Callable[[BadWorld], SignedTransaction]:
    """So much of a line of 500.00 comes back, one piece of one."""

    def attempt(bad: BadWorld) -> SignedTransaction:
        claim = f"H44010000123-c-refund-{quantity_e4}-{amount_fen}"
        first = bad.settlement(claim)
        assert bad.send(first.encode()).json()["receipts"][0]["receipt"]["status"] == "ok"
        (attached,), (call,) = first.attachments, first.body.calls
        given = {"method": "settle", "args": encoded(call.args), "blind": attached.blind,
                 "content": attached.content}  # fmt: skip
        back = {"line": "1", "quantity_e4": quantity_e4, "amount_fen": amount_fen, "goods": True}
        args = {"claim": claim, "reversal": f"{claim}-r", "replacement": f"{claim}-n",
                "amount_fen": amount_fen}  # fmt: skip
        content = {"settlement": {"calls": [given], "returns": [back]}}
        return bad.make(HOSPITAL, "claim", "refund", args, content, "operator")

    return attempt


def to_a_stranger(bad: BadWorld) -> SignedTransaction:
    args = {"transfer": "430100c2", "from": ALICE, "to": FILED_ELSEWHERE, "amount_fen": 1_000,
            "presence": CARD}  # fmt: skip
    return bad.make(BUREAU_CHANGSHA, "wallet", "send", args, post="clerk")


def held(bad: BadWorld, name: str) -> str:
    """A hold of 10.00 that the bank has granted."""
    args = {"hold": f"{BANK}:{name}", "token": sha256(name.encode()).digest(), "person": ALICE,
            "institution": HOSPITAL, "amount_fen": 1_000,
            "until_ms": bad.world.clock.ms + MONTH_MS}  # fmt: skip
    bad.world.do(BANK, "credit", "grant", args, post="operator")
    return f"{BANK}:{name}"


def drawn_twice(bad: BadWorld) -> SignedTransaction:
    hold = held(bad, "c-1")
    first = bad.settlement("H44010000123-c-hold-1", credit=hold)
    assert bad.send(first.encode()).json()["receipts"][0]["receipt"]["status"] == "ok"
    return bad.settlement("H44010000123-c-hold-2", credit=hold)


def drawn_by_another(bad: BadWorld) -> SignedTransaction:
    given = visit(FILED_ELSEWHERE)
    return bad.settlement("H44010000123-c-hold-3", given=given, credit=held(bad, "c-2"))


def against_the_choice(bad: BadWorld) -> SignedTransaction:
    return bad.settlement("H44010000123-c-choice", family=["p:440100:child"], use_account=False)


def paper(number: str, fen: int = 50_000, what: str = "") -> dict[str, Any]:
    digest = sha256(f"{number}{what}".encode()).digest()
    return {"code": "044001", "number": number, "total_fen": fen, "hash": digest}


def invoiced(bad: BadWorld, number: str) -> None:
    """A claim that an invoice was printed for."""
    made = bad.settlement(f"H44010000123-c-paper-{number}", invoices=[paper(number)])
    assert bad.send(made.encode()).json()["receipts"][0]["receipt"]["status"] == "ok"


def seen_before(bad: BadWorld) -> SignedTransaction:
    invoiced(bad, "00000001")
    return bad.settlement("H44010000123-c-paper-2", invoices=[paper("00000001")])


def altered(bad: BadWorld) -> SignedTransaction:
    """The same number at the home bureau, with a digit more."""
    invoiced(bad, "00000003")
    lines = [line(1, BED, 500_000, day="2025-06-01")]
    args = {"reimbursement": "430100c3", "person": ALICE,
            "place": {"region": "440100", "level": 3}, "care_kind": "outpatient",
            "admission": "2025-06-01", "discharge": "2025-06-01", "total_fen": 500_000,
            "invoices": [paper("00000003", 500_000, "a digit more")],
            "account": bytes(32)}  # fmt: skip
    content = {"reimbursement": {"visit": {}, "lines": lines}}
    return bad.make(BUREAU_CHANGSHA, "reimbursement", "file", args, content, "clerk")


def decided_twice(bad: BadWorld) -> SignedTransaction:
    args = {"filing": "430100f1", "version": 3, "decision": "refuse", "reason": "not_entitled"}
    return bad.make(BUREAU_CHANGSHA, "filing", "decide", args)


def in_a_gap(bad: BadWorld) -> SignedTransaction:
    """The policy begins with 2025, the stay ends a day before."""
    lines = [line(1, BED, 50_000, day="2024-12-31")]
    given = visit(admission="2024-12-31")
    return bad.settlement("H44010000123-c-gap", lines, given, discharge="2024-12-31")


ROWS = (
    row("flag without its partner", "trauma and nobody says who is liable", flagged(trauma=True),
        "claim.flag-missing", "flag", "needed_by"),
    row("flag without its partner", "liable for no injury", flagged(third_party=True),
        "claim.flag-alone", "flag", "partner"),
    row("date out of order", "discharged before admission", dated(DAY, "2025-06-09"),
        "claim.dates", "admission", "discharge"),
    row("date out of order", "tomorrow's visit", dated("2025-06-11", "2025-06-11"),
        "claim.dates", "admission", "discharge"),
    row("date out of order", "a filing that ends before it begins", filed_backwards,
        "filing.validity", "valid_to", "earliest", "latest"),
    row("refund larger than the line", "more pieces", refund(20_000, 50_000),
        "refund.larger-than-line", "quantity_e4", "left_e4", "amount_fen", "left_fen"),
    row("refund larger than the line", "more money", refund(10_000, 50_001),
        "refund.larger-than-line", "quantity_e4", "left_e4", "amount_fen", "left_fen"),
    row("wallet transfer to a stranger", "in the same city", to_a_stranger, "wallet.stranger",
        "person", "date"),
    row("hold overdrawn", "a second bill", drawn_twice, "credit.ended", "status"),
    row("hold overdrawn", "another person's bill", drawn_by_another, "credit.other", "hold"),
    row("account against the choice", "a relative's without a yes", against_the_choice,
        "claim.account-not-chosen", "owners"),
    row("invoice seen before", "on another bill", seen_before, "invoice.used", "invoice",
        "used_as"),
    row("invoice seen before", "with another amount, in another province", altered,
        "invoice.altered", "given_fen", "first_fen", "same_hash"),
    row("filing decided twice", "approved and now refused", decided_twice, "filing.not-pending",
        "filing", "status"),
    row("gap in a policy's dates", "before its first day", in_a_gap, "policy.none-in-force",
        "area", "scheme", "date"),
)  # fmt: skip
"""Overlapping stays have rows beside the code that refuses them (``test_stays``)."""

__all__ = ["ROWS", "Refused"]
