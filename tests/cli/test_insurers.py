"""An insurer's money at the desk: its month, what is due, its orders and its bank's statement; and
``yibao trace`` to both banks' references."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.month_desk import FINANCE_GUANGDONG, JUNE, Desk, insure
from tests.contracts.settlement.claim_world import BED, line
from tests.contracts.settlement.cover_world import (
    INSURER,
    LATER_PRODUCT,
    PRODUCT,
)
from tests.contracts.world import (
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    CENTRE,
    HOSPITAL,
)

PLACE = "440100"
CLAIM = "H44010000123-m-1"
NOTICE = f"cover:{JUNE}:{INSURER}:{PLACE}"
PAYMENT = f"{INSURER}:1"
LATER = f"{CLAIM}.2"
OTHER = "insurer:taibao"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One bill of 1,000.00: a product pays a tenth of the rest at once, another one later."""
    made = Desk(tmp_path_factory.mktemp("node"), parties=[(OTHER, "insurer", "440000")])
    insure(made)
    made.settle(CLAIM, [line(1, BED, 100_000)])
    made.on("2025-07-01").declare()
    made.confirm()
    yield made
    made.close()


def screen(desk: Desk, who: str, *words: Any, post: str = "finance", **more: Any) -> Any:
    return desk.screens.json(who, post, *words, **more)


def paid_fen(desk: Desk) -> int:
    rows = screen(desk, INSURER, "cover", "payments", INSURER)["payments"]
    return int(rows[0]["amount_fen"])


def test_what_is_confirmed_is_stated_and_waits(desk: Desk) -> None:
    due = screen(desk, INSURER, "cover", "due", INSURER)["record"]
    fen = paid_fen(desk)
    assert {name: int(due[name]) for name in ("owed_fen", "stated_fen", "not_stated_fen")} == {
        "owed_fen": fen, "stated_fen": fen, "not_stated_fen": 0
    }  # fmt: skip
    (row,) = due["statements"]
    assert (row["period"], row["home"], row["care"], row["stage"]) == (
        JUNE, INSURER, PLACE, "collecting"
    )  # fmt: skip
    stated = screen(desk, INSURER, "clearing", "statement", JUNE, INSURER, PLACE)["record"]
    assert stated["rows"] == [
        {"product": PRODUCT, "how": "paid", "fund_type": "commercial", "amount_fen": fen}
    ]
    declared = screen(desk, HOSPITAL, "declaration", "show", HOSPITAL, JUNE)["record"]
    assert [int(row["amount_fen"]) for row in declared["owed_by_insurers"]] == [fen]


def test_the_month_is_confirmed_asked_for_and_paid(desk: Desk, tmp_path: Path) -> None:
    fen = paid_fen(desk)
    desk.on("2025-07-21").do(CENTRE, "clearing", "cut", {"period": JUNE}, "finance")
    said = {"period": JUNE, "home": INSURER, "care": PLACE, "amount_fen": fen}
    assert desk.do(INSURER, "clearing", "confirm", said, "finance")["notice"] == NOTICE
    desk.on("2025-08-06")
    order = {"payment": PAYMENT, "notice": NOTICE, "amount_fen": fen, "bank": BANK}
    desk.do(INSURER, "payment", "order", order, "finance")
    due = screen(desk, BUREAU_GUANGZHOU, "cover", "due", PLACE)["record"]
    assert int(due["to_be_paid_fen"]) == int(due["overdue_fen"]) == fen
    assert due["statements"][0]["overdue_working_days"] == 2
    desk.do(INSURER, "payment", "approve", {"payment": PAYMENT}, "checker")
    orders = tmp_path / "orders.json"
    assert screen(desk, BANK, "bank", "instructions", "--out", orders)["orders"] == 1
    lines = tmp_path / "lines.csv"
    lines.write_text(
        "reference,order,direction,amount,value_on,reason\n"
        f"R-1,{PAYMENT},out,{fen // 100}.{fen % 100:02d},2025-08-05,\n",
        encoding="utf-8",
    )
    screen(desk, BANK, "bank", "statement", lines)
    month = screen(desk, INSURER, "cover", "month", INSURER, JUNE)["record"]
    assert [(r["stage"], int(r["open_fen"])) for r in month["statements"]] == [("paid", 0)]
    assert screen(desk, INSURER, "cover", "due", INSURER)["record"]["statements"] == []


def test_trace_follows_it_to_the_banks_reference(desk: Desk) -> None:
    told = screen(desk, BUREAU_GUANGDONG, "trace", CLAIM, post="checker")
    (insurer,) = told["month"]["insurers"]
    assert insurer["paid"]["payment"]["reference"] == "R-1"
    text = desk.screens.text(BUREAU_GUANGDONG, "checker", "trace", CLAIM)
    for shown in (f"{INSURER} -> {PLACE}", "insurer paid", NOTICE, "R-1 of 2025-08-05"):
        assert shown in text


def test_the_banks_reference_leads_back_to_the_settlement(desk: Desk) -> None:
    told = screen(desk, "auditor:national", "bank", "trace", BANK, "R-1", post="audit")
    (part,) = told["parts"]
    (row,) = part["rows"]
    assert (part["home"], part["care"], row["id"]) == (INSURER, PLACE, CLAIM)
    assert part["rows_fen"] == part["total_fen"] == paid_fen(desk)
    assert part["difference_fen"] == 0


def test_who_sees_an_insurers_month(desk: Desk) -> None:
    for words in (
        ("cover", "month", INSURER, JUNE), ("cover", "due", INSURER),
        ("cover", "month", PLACE, JUNE), ("cover", "due", PLACE),
        ("clearing", "statement", JUNE, INSURER, PLACE), ("payment", "notice", NOTICE),
    ):  # fmt: skip
        screen(desk, CENTRE, *words)
        for who in (OTHER, HOSPITAL, BUREAU_CHANGSHA, FINANCE_GUANGDONG):
            own = who == FINANCE_GUANGDONG and words[2] != INSURER
            desk.screens.text(who, "finance", *words, code=0 if own else 4)
        mine = INSURER if INSURER in (words[2], *words[3:]) or NOTICE in words else ""
        if mine:
            screen(desk, INSURER, *words)


def test_what_is_paid_later_comes_back_and_is_ordered_again(desk: Desk, tmp_path: Path) -> None:
    pay = {"payment": LATER, "order": "o-1", "bank": BANK}
    desk.do(INSURER, "cover", "pay", pay, "finance")
    file = tmp_path / "orders.json"
    assert screen(desk, BANK, "bank", "instructions", "--out", file)["orders"] == 1
    assert f"cover/{LATER}/o-1" in file.read_text(encoding="utf-8")
    made = screen(desk, INSURER, "cover", "payment", LATER)["record"]
    fen = int(made["amount_fen"])
    lines = tmp_path / "lines.csv"
    lines.write_text(
        "reference,order,direction,amount,value_on,reason\n"
        f"L-1,cover/{LATER}/o-1,out,{fen / 100:.2f},2025-08-06,\n"
        "L-2,L-1,returned,1.00,2025-08-06,limit\n",
        encoding="utf-8",
    )
    screen(desk, BANK, "bank", "statement", lines)
    made = screen(desk, INSURER, "cover", "payment", LATER)["record"]
    assert (made["stage"], int(made["open_fen"])) == ("returned", 100)
    (order,) = made["orders"]
    assert [back["reference"] for back in order["returns"]] == ["L-2"]
    for reference, role in (("L-1", "paid"), ("L-2", "came-back")):
        told = screen(desk, BANK, "bank", "trace", BANK, reference)
        assert (told["reference_is"], told["to_person"]["case"]) == (role, LATER)
        assert (told["to_person"]["stage"], told["to_person"]["returned_fen"]) == ("part-back", 100)
        assert "account" not in told["to_person"]
    assert LATER in desk.screens.text(BANK, "finance", "bank", "trace", BANK, "L-1")
    told = screen(desk, CENTRE, "bank", "trace", BANK, "L-1", post="checker")
    assert told["to_person"] is None, "not the centre's business"
    desk.do(INSURER, "cover", "pay", pay | {"order": "o-2"}, "finance")
    for who, post in ((INSURER, "finance"), (BUREAU_CHANGSHA, "checker")):
        text = desk.screens.text(who, post, "trace", CLAIM)
        for shown in (
            f"insurer pays later 商保事后赔付 {LATER}",
            "o-1, paid, reference",
            "L-1",
            "came back 退回流水号 L-2",
            "o-2, on its way",
            "open 待付 1.00",
        ):
            assert shown in text, who
    told = desk.screens.text(HOSPITAL, "finance", "trace", CLAIM)
    assert f"{LATER}, {INSURER}: withheld" in told
    text = desk.screens.text(INSURER, "finance", "cover", "month", INSURER, "2025-08")
    for shown in (LATER_PRODUCT, f"{fen / 100:.2f}", "-1.00"):
        assert shown in text
    account = screen(desk, INSURER, "fund", "balance", f"benefit:{INSURER}")["balances"]
    assert int(account["commercial"]) == 100 - fen


def test_what_was_withdrawn_is_in_no_file_and_is_told_until_the_bank_says_so(
    desk: Desk, tmp_path: Path
) -> None:
    """The bill is taken back before the bank has looked."""
    claim = f"{CLAIM}9"
    desk.settle(claim, [line(1, BED, 100_000)])
    payment, order = f"{claim}.2", f"cover/{claim}.2/o-1"
    pay = {"payment": payment, "order": "o-1", "bank": BANK}
    desk.do(INSURER, "cover", "pay", pay, "finance")
    fen = int(screen(desk, INSURER, "cover", "payment", payment)["record"]["amount_fen"])
    taken_back = {"claim": claim, "reversal": f"{claim}-r", "reason": "wrong_bill"}
    desk.do(HOSPITAL, "claim", "reverse", taken_back, "clerk")
    file, lines = tmp_path / "orders.json", tmp_path / "lines.csv"
    assert screen(desk, BANK, "bank", "instructions", "--out", file)["withdrawn"] == [order]
    assert order not in file.read_text(encoding="utf-8")
    text = desk.screens.text(BANK, "finance", "bank", "instructions", "--out", file)
    assert "Withdrawn, not in the file" in text
    assert "已撤回" in text
    assert "returned with reason other" in text
    lines.write_text(
        "reference,order,direction,amount,value_on,reason\n"
        f"W-1,{order},returned,{fen / 100:.2f},2025-08-06,other\n",
        encoding="utf-8",
    )
    screen(desk, BANK, "bank", "statement", lines)
    assert screen(desk, BANK, "bank", "instructions", "--out", file)["withdrawn"] == []
    assert screen(desk, INSURER, "cover", "payment", payment)["record"]["stage"] == "cancelled"
