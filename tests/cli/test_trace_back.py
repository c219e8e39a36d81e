"""From a bank's reference back to what it paid: every row, to the fen of what was confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cli.trace_back import ROLES, role_of
from tests.cli.month_desk import FINANCE_GUANGZHOU, FINANCE_HUNAN, JUNE, Desk
from tests.contracts.settlement.claim_world import BED, line
from tests.contracts.world import (
    BANK,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    CENTRE,
    HOSPITAL,
)

AUDITOR = "auditor:national"
ONE, TWO, BACK, NEXT = (f"H44010000123-m-{n}" for n in range(1, 5))
JULY = "2025-07"
IN_MONTH, LATER = "440100-d1", "440100-d2"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """June with a bill taken back and a deduction before it was confirmed; July with a bill and
    with what was found on June. Each month is paid by the city and by the home province."""
    made = Desk(tmp_path_factory.mktemp("node"))
    for name in (ONE, TWO, BACK):
        made.settle(name, [line(1, BED, 100_000)])
    taken = {"claim": BACK, "reversal": f"{BACK}-r", "reason": "wrong_bill"}
    made.do(HOSPITAL, "claim", "reverse", taken, "clerk")
    made.on("2025-07-01").declare()
    struck = {"line": "1", "line_fen": 100_000, "reason": "not_done"}
    made.deduct(IN_MONTH, ONE, [struck | {"amount_fen": 1_000}])
    made.decide(IN_MONTH, 1_000)
    _pay(made, JUNE, "2025-07-21")
    made.deduct(LATER, TWO, [struck | {"amount_fen": 700}])
    made.decide(LATER, 700)
    made.settle(NEXT, [line(1, BED, 50_000)])
    made.on("2025-08-01").declare(JULY)
    _pay(made, JULY, "2025-08-21")
    yield made
    made.close()


def _pay(made: Desk, period: str, on: str) -> None:
    """References R-1 and R-2 for June, R-3 and R-4 for July."""
    made.confirm(period)
    made.on(on).do(CENTRE, "clearing", "cut", {"period": period}, "finance")
    pair = {"period": period, "home": "430000", "care": "440000"}
    path = f"/v1/clearing/{period}/430000/440000"
    with made.screens.client(AUDITOR, "audit") as client:
        fen = int(client.get(path)["record"]["total_fen"])
    for bureau in (BUREAU_HUNAN, BUREAU_GUANGDONG):
        made.do(bureau, "clearing", "confirm", pair | {"amount_fen": fen}, "finance")
    for payer, notice in (
        (FINANCE_GUANGZHOU, f"institution:{period}:{HOSPITAL}"),
        (FINANCE_HUNAN, f"clearing:{period}:430000:440000"),
    ):
        with made.screens.client(AUDITOR, "audit") as client:
            owed = int(client.get(f"/v1/notices/{notice}")["record"]["amount_fen"])
        made.pay(payer, notice, owed, on)


def trace(desk: Desk, reference: str, bank: str = BANK) -> Any:
    return desk.screens.json(AUDITOR, "audit", "bank", "trace", bank, reference)


def rows(part: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(row["what"], row["id"], row["amount_fen"]) for row in part["rows"]]


JUNE_ROWS = [
    ("settlement", ONE, 59_500), ("settlement", TWO, 85_000), ("settlement", BACK, 85_000),
    ("reversal", f"{BACK}-r", -85_000), ("deduction", IN_MONTH, -1_000),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "kind"), [("R-1", "institution"), ("R-2", "clearing")])
def test_a_months_money_is_its_settlements(desk: Desk, reference: str, kind: str) -> None:
    told = trace(desk, reference)
    assert told["notice"]["kind"] == kind
    (part,) = told["parts"]
    assert rows(part) == JUNE_ROWS
    paid = sum(fen for _, _, fen in JUNE_ROWS)
    assert (part["rows_fen"], part["total_fen"], part["difference_fen"]) == (paid, paid, 0)
    assert int(told["payment"]["amount_fen"]) == paid


def test_what_was_found_later_is_in_the_period_that_it_went_into(desk: Desk) -> None:
    told = trace(desk, "R-4")
    (part,) = told["parts"]
    assert [(what, name) for what, name, _ in rows(part)] == [
        ("deduction", LATER), ("settlement", NEXT),
    ]  # fmt: skip
    assert (part["difference_fen"], part["rows_fen"]) == (0, int(told["payment"]["amount_fen"]))
    # The city's own month is the settlement; the finding lowers its notice.
    told = trace(desk, "R-3")
    (part,) = told["parts"]
    assert [name for _, name, _ in rows(part)] == [NEXT]
    assert part["difference_fen"] == 0
    assert int(told["notice"]["amount_fen"]) == part["rows_fen"] - 700
    assert part["carried_fen"] == -700
    text = desk.screens.text(AUDITOR, "audit", "bank", "trace", BANK, "R-3")
    assert "carried 结转 -7.00 (fund batches), notice 418.00" in " ".join(text.split())


def test_the_way_back_meets_the_way_there(desk: Desk) -> None:
    text = desk.screens.text(AUDITOR, "audit", "trace", ONE)
    for reference in ("R-1", "R-2"):
        assert f"{BANK} {reference} of" in " ".join(text.split())
        shown = desk.screens.text(AUDITOR, "audit", "bank", "trace", BANK, reference)
        assert ONE in shown.replace("\n", "")
        assert "difference 差额 0.00" in shown
        labels = [row.split("│")[1].strip() for row in shown.split("\n") if row.count("│") == 3]
        assert len(set(labels)) == len(labels), "the notice and its amount have names of their own"


@pytest.mark.parametrize(
    ("stage", "reference", "role"),
    [("paid", "R-1", "paid"), ("returned", "R-1", "not-paid"), ("paid", "R-2", "received"),
     ("part-back", "R-3", "came-back"), ("part-back", "R-1", "paid")],
)  # fmt: skip
def test_a_reference_is_of_one_movement(stage: str, reference: str, role: str) -> None:
    payment = {"stage": stage, "reference": "R-1", "received_reference": "R-2",
               "returns": [{"reference": "R-3"}]}  # fmt: skip
    assert role_of(payment, reference) == role
    assert role in ROLES


def test_what_the_payees_bank_says_leads_back_too(desk: Desk) -> None:
    told = {"payment": f"{FINANCE_HUNAN}:2", "reference": "IN-2", "value_on": "2025-07-21"}
    with desk.screens.client(AUDITOR, "audit") as client:
        paid = client.get(f"/v1/payments/{told['payment']}")["record"]
    told["amount_fen"] = int(paid["amount_fen"])
    desk.do(BANK, "payment", "receive", told, "operator")
    found = trace(desk, "IN-2")
    assert (found["reference_is"], found["order"]) == ("received", told["payment"])
    assert found["parts"] == trace(desk, "R-2")["parts"]


def test_a_reference_that_no_bank_gave_is_told(desk: Desk) -> None:
    told = desk.screens.run(AUDITOR, "audit", "bank", "trace", BANK, "R-99")
    assert told.exit_code == 1
    assert f"{BANK} has reported no movement R-99" in " ".join(told.output.split())


def test_who_is_party_to_the_payment_may_ask_and_others_not(desk: Desk) -> None:
    told = desk.screens.json(FINANCE_HUNAN, "finance", "bank", "trace", BANK, "R-2")
    assert told["notice"]["notice"] == f"clearing:{JUNE}:430000:440000"
    assert told["parts"][0]["withheld"] is True, "institutions' months are the place of care's"
    text = desk.screens.text(FINANCE_HUNAN, "finance", "bank", "trace", BANK, "R-2")
    assert "withheld from this reader" in text
    told = desk.screens.json(BUREAU_GUANGDONG, "finance", "bank", "trace", BANK, "R-2")
    assert rows(told["parts"][0]) == JUNE_ROWS
    desk.screens.text(BUREAU_GUANGZHOU, "finance", "bank", "trace", BANK, "R-99", code=4)


def test_a_posting_that_no_row_explains_is_a_difference(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted fen: the node's list of postings lacks one, the statement does not."""
    from cli import trace_back

    whole = trace_back.postings_of

    def lacking(client: Any, account: str) -> Iterator[dict[str, Any]]:
        return (leg for leg in whole(client, account) if leg["transfer_id"] != f"claim/{TWO}")

    monkeypatch.setattr(trace_back, "postings_of", lacking)
    told = desk.screens.run(AUDITOR, "audit", "bank", "trace", BANK, "R-2")
    assert told.exit_code == 1
    assert "difference 差额 850.00" in told.output


def test_a_month_of_less_than_nothing_waits_for_no_notice(desk: Desk) -> None:
    """July's bill is taken back: August has its refund alone, and no notice will ever be of it."""
    for method, post in (("ask_consent", "clerk"), ("give_consent", "checker")):
        said = {"claim": NEXT, "side": "care", "amount_fen": 50_000}
        desk.do(BUREAU_GUANGZHOU, "claim", method, said, post)
    taken = {"claim": NEXT, "reversal": f"{NEXT}-r", "reason": "wrong_bill"}
    desk.do(HOSPITAL, "claim", "reverse", taken, "clerk")
    desk.on("2025-09-01").declare("2025-08")
    waits = f"later 后续 reversal {NEXT}-r: not confirmed yet 未确认"
    assert waits in desk.screens.text(AUDITOR, "audit", "trace", NEXT)
    assert desk.confirm("2025-08") == -42_500
    text = desk.screens.text(AUDITOR, "audit", "trace", NEXT)
    assert "nothing due, set off against its next notice" in text
    assert "no notice yet 尚无通知书" in text, "the provinces have not confirmed August"
