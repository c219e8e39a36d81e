"""A bank's statement brings money back, whole or in part: booked by itself, and everybody who looks
sees what is open again, until it is paid once more."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.cli.month_desk import FINANCE_GUANGZHOU, FINANCE_HUNAN, JUNE, Desk
from tests.contracts.settlement.claim_world import BED, line
from tests.contracts.settlement.funds_world import deposit
from tests.contracts.settlement.test_reimbursement import AFTER_PAYMENT_AT_HOME
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    CENTRE,
    FINANCE,
    HOSPITAL,
)

AUDITOR = "auditor:national"
ONE = "H44010000123-m-1"
FUND, PART = 59_500, 9_500
NOTICE = f"institution:{JUNE}:{HOSPITAL}"
CLEARING = f"clearing:{JUNE}:430000:440000"
PAID_ON, BACK_ON, LATE = "2025-07-02", "2025-07-08", "2025-10-15"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "node")
    yield made
    made.close()


def statement(desk: Desk, folder: Path, *rows: dict[str, str], code: int = 0) -> Any:
    """The bank's clerk hands a statement in; gives (outcome, why) of its lines."""
    path = folder / "statement.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, ("reference", "order", "direction", "amount", "value_on", "reason")
        )
        writer.writeheader()
        writer.writerows(rows)
    told = desk.screens.json(BANK, "clerk", "bank", "statement", path, code=code)
    return [(row["outcome"], row["why"]) for row in told["lines"]]


def back(reference: str, order: str, amount: str) -> dict[str, str]:
    return {"reference": reference, "order": order, "direction": "returned", "amount": amount,
            "value_on": BACK_ON, "reason": "limit"}  # fmt: skip


def waiting(desk: Desk) -> list[str]:
    told = desk.screens.json(BANK, "clerk", "bank", "suspense")["records"]
    return [row["reference"] for row in told]


def test_a_part_of_a_months_money_comes_back_and_is_paid_again(desk: Desk, tmp_path: Path) -> None:
    desk.settle(ONE, [line(1, BED, 100_000)])
    desk.on("2025-07-01").declare()
    desk.confirm()
    desk.do(CENTRE, "clearing", "cut", {"period": JUNE}, "finance")
    for bureau in (BUREAU_HUNAN, BUREAU_GUANGDONG):
        word = {"period": JUNE, "home": "430000", "care": "440000", "amount_fen": FUND}
        desk.do(bureau, "clearing", "confirm", word, "finance")
    desk.on(PAID_ON)
    first = desk.pay(FINANCE_GUANGZHOU, NOTICE, FUND, PAID_ON)
    desk.pay(FINANCE_HUNAN, CLEARING, FUND, PAID_ON)
    desk.on(BACK_ON)
    lines = (back("B-1", first, "95.00"), back("B-2", first, "500.01"))
    told = statement(desk, tmp_path, *lines)
    assert told == [("matched", ""), ("suspense", "above-payment")]
    assert statement(desk, tmp_path, *lines) == told, "the same file twice changes nothing"
    assert waiting(desk) == ["B-2"], "what fits no payment waits, and nothing else"

    late = desk.on(LATE).do(HOSPITAL, "payment", "remind", {"notice": NOTICE}, "clerk")
    assert late["working_days"] > 0
    look = desk.screens
    notice = look.json(FINANCE_GUANGZHOU, "finance", "payment", "notice", NOTICE)
    due = notice["record"]
    assert (due["stage"], due["open_fen"], due["paid_fen"]) == ("issued", PART, FUND - PART)
    assert due["open_by_fund"] == {"310100": PART}
    assert due["overdue_working_days"] > 0
    aged = look.json(BUREAU_GUANGZHOU, "finance", "declaration", "ageing", "440100")
    (row,) = aged["institutions"]
    assert (row["payable_fen"], row["to_be_paid_fen"], row["overdue_fen"]) == (PART, PART, PART)
    failed = desk.order(FINANCE_GUANGZHOU, NOTICE, PART)
    assert statement(desk, tmp_path, back("B-3", failed, "95.00")) == [("matched", "")]
    (month,) = look.json(
        HOSPITAL, "finance", "fund", "batches", HOSPITAL, "--from", JUNE, "--to", JUNE
    )["records"]
    assert (month["expected_fen"], month["received_fen"], month["open_fen"]) == (
        FUND, FUND - PART, PART,
    )  # fmt: skip
    # What has arrived is the first payment's, not that of the order that never moved anything.
    arrived = (month["received_on"], month["bank_reference"], month["payment"])
    assert arrived == (PAID_ON, "R-1", failed)
    text = look.text(AUDITOR, "audit", "trace", ONE)
    for words in (
        f"payment 付款单 {first}, part-back, 595.00 元",
        f"came back 退回流水号 {BANK} B-1 of {BACK_ON}: 95.00 元, limit",
        "paid 已付 500.00 元, open again 待付 95.00 元, overdue 逾期",
    ):  # fmt: skip
        assert words in " ".join(text.split()), text

    second = desk.order(FINANCE_GUANGZHOU, NOTICE, PART)
    orders = look.json(BANK, "clerk", "bank", "instructions", "--out", tmp_path / "orders.csv")
    assert (orders["orders"], orders["amount_fen"]) == (1, PART)
    paid = {"reference": "R-9", "order": second, "direction": "out", "amount": "95.00",
            "value_on": LATE, "reason": ""}  # fmt: skip
    assert statement(desk, tmp_path, paid) == [("matched", "")]
    aged = look.json(BUREAU_GUANGZHOU, "finance", "declaration", "ageing", "440100")
    assert aged["totals"]["payable_fen"] == 0
    record = look.json(FINANCE_GUANGZHOU, "finance", "payment", "show", second)["record"]
    assert (record["previous"], record["amount_fen"]) == (failed, PART)
    books = look.json(AUDITOR, "audit", "fund", "trial-balance")
    assert books["imbalance_fen"] == 0
    # The city's own vouchers: each payment and return against its bank, balanced.
    out = tmp_path / "v.csv"
    told = look.json(BUREAU_GUANGZHOU, "finance", "fund", "vouchers", "--out", out,
                     "--region", "440100", "--by", "transfer")  # fmt: skip
    assert told["open_fen"] == 0
    with out.open(encoding="utf-8-sig", newline="") as file:
        at_bank = [row[10:] for row in csv.reader(file) if row[8] == f"bank:{BANK}"]
    assert at_bank == [["", "595.00"], ["95.00", ""], ["", "95.00"]]


def test_a_reimbursement_that_came_back_is_paid_to_another_account(
    desk: Desk, tmp_path: Path
) -> None:
    desk.claims.deploy("310", AFTER_PAYMENT_AT_HOME, "2025-02-01")
    desk.claims.publish_home()
    name, account = "430100z-1", sha256(b"an account").digest()
    paper = {"code": "044001900111", "number": "10001", "total_fen": 300_000, "hash": account}
    stay = {"care_kind": "inpatient", "admission": "2025-05-02", "discharge": "2025-05-09"}
    filed = {
        "reimbursement": name, "person": ALICE, "total_fen": 300_000, "invoices": [paper],
        "place": {"region": "510100", "level": 2, "kind": "hospital"}, "account": account, **stay,
    }  # fmt: skip
    bill = {"visit": {}, "lines": [line(1, BED, 300_000, day="2025-05-02")]}
    desk.do(BUREAU_CHANGSHA, "reimbursement", "file", filed, "clerk",
            attachments={"reimbursement": bill})  # fmt: skip
    told = {"reimbursement": name}
    desk.do(BUREAU_CHANGSHA, "reimbursement", "review", told | {"advice": "approve"}, "clerk")
    decision = told | {"decision": "approve"}
    due = desk.do(BUREAU_CHANGSHA, "reimbursement", "decide", decision, "checker")["due_fen"]
    yuan = f"{int(due) / 100:.2f}"
    order = told | {"payment": "pay-1", "bank": BANK}
    desk.do(FINANCE, "reimbursement", "pay", order, "finance")
    desk.on(BACK_ON)
    out = {"reference": "R-1", "order": f"{name}/pay-1", "direction": "out", "amount": yuan,
           "value_on": BACK_ON, "reason": ""}  # fmt: skip
    assert statement(desk, tmp_path, out) == [("matched", "")]
    came = back("B-1", f"{name}/pay-1", yuan) | {"reason": "closed_account"}
    assert statement(desk, tmp_path, came) == [("matched", "")]
    assert waiting(desk) == []

    look = desk.screens
    (row,) = look.json(BUREAU_CHANGSHA, "clerk", "reimburse", "queue")["rows"]
    assert (row["stage"], row["due_fen"]) == ("returned", int(due))
    record = look.json(BUREAU_CHANGSHA, "clerk", "reimburse", "show", name)["record"]
    assert record["paid_fen"] == 0
    assert [b["reason"] for b in record["orders"][0]["returns"]] == ["closed_account"]
    again = order | {"payment": "pay-2"}
    desk.refused("reimbursement.account-failed", FINANCE, "reimbursement", "pay", again, "finance")
    other = again | {"account": sha256(b"another").digest()}
    desk.do(FINANCE, "reimbursement", "pay", other, "finance")
    instructed = look.json(BANK, "clerk", "bank", "instructions", "--out", tmp_path / "o.json")
    assert (instructed["orders"], instructed["amount_fen"]) == (1, int(due))
    paid = out | {"reference": "R-2", "order": f"{name}/pay-2"}
    assert statement(desk, tmp_path, paid) == [("matched", "")]
    assert look.json(BUREAU_CHANGSHA, "clerk", "reimburse", "queue")["rows"] == []


def test_a_payout_is_instructed_paid_and_comes_back(desk: Desk, tmp_path: Path) -> None:
    speak: Any = desk.world
    deposit(speak, 50_000)
    desk.settle(ONE, [line(1, BED, 100_000, quantity=2)], use_account=True)
    closing = {"person": ALICE, "revision": 2}
    content = {"person": {"last_day": "2025-06-10", "cause": "death"}}
    desk.do(BUREAU_CHANGSHA, "enrolment", "close", closing, "clerk", attachments=content)
    desk.on(BACK_ON).claims.reverse(ONE)
    name = f"{ONE}-r:1"
    account = {"payout": name, "account": bytes(32), "receiver": "child"}
    desk.do(BUREAU_CHANGSHA, "payout", "name", account, "clerk")
    order = {"payout": name, "payment": "430100pay1", "bank": BANK}
    desk.do(BUREAU_CHANGSHA, "payout", "pay", order, "finance")
    look = desk.screens
    told = look.json(BANK, "clerk", "bank", "instructions", "--out", tmp_path / "o.csv")
    with (tmp_path / "o.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["order"], row["kind"]) == (f"payout/{name}/430100pay1", "payout")
    paid = {"reference": "R-1", "order": row["order"], "direction": "out", "amount": row["amount"],
            "value_on": BACK_ON, "reason": ""}  # fmt: skip
    assert statement(desk, tmp_path, paid) == [("matched", "")]
    assert statement(desk, tmp_path, back("B-1", row["order"], "1.00")) == [("matched", "")]
    assert waiting(desk) == []
    assert told["amount_fen"] > 100
    text = " ".join(look.text(AUDITOR, "audit", "trace", ONE).split())
    assert f"payout 销户退款 {name}, due:" in text
    assert "open 待付 1.00 元" in text
    assert f"came back 退回流水号 B-1 of {BACK_ON}: 1.00 元, limit" in text
