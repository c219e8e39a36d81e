"""``yibao trace``: a settlement that does not add up is shown as one that does not."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from cli.client import Refused
from cli.output import out
from cli.trace import follow, print_tree, tree_of
from tests.cli.month_desk import Desk
from tests.contracts.settlement.claim_world import BED, line
from tests.contracts.world import HOSPITAL

TRANSFER = "claim/C-1"
SETTLED: dict[str, Any] = {
    "status": "ok", "code": "", "events": [{"topic": "claim.settled", "fields": {}}],
    "amounts": {"total_fen": 1000, "funds_fen": 700, "person_fen": 300, "commercial_fen": 0,
                "hospital_share_fen": 0},
    "postings": [
        {"transfer_id": TRANSFER, "account": account, "fund_type": "310100", "amount_fen": amount}
        for account, amount in (("fund:430100", -700), ("payable:hospital:H1", 700))
    ],
}  # fmt: skip


class Ledger:
    """A node with one claim whose history has two pages."""

    def __init__(self, receipt: dict[str, Any]) -> None:
        registered = {**SETTLED, "amounts": {}, "postings": [],
                      "events": [{"topic": "claim.registered", "fields": {}}]}  # fmt: skip
        self.pages = {None: (registered, "1:0"), "1:0": (receipt, None)}

    def get(self, path: str, **query: Any) -> Any:
        if path.endswith("/history"):
            receipt, after = self.pages[query["after"]]
            index = len(receipt["postings"])  # two calls of one transaction
            row = {"at_height": 4, "tx_id": "ab" * 32, "call_index": index, "receipt": receipt}
            return {"calls": [row], "next": after}
        if path.startswith("/v1/accounts/payable"):
            raise Refused(403, {"code": "read.no-right"})
        if path.startswith("/v1/accounts/"):
            return {"balances": {"310100": "4300"}}
        record = {"state": "settled", "institution": "hospital:H1", "settled": {}}
        return {"record": record}


def traced(receipt: dict[str, Any]) -> dict[str, Any]:
    return follow(Ledger(receipt), "C-1")  # type: ignore[arg-type]


def test_all_pages_all_postings_and_the_balances_that_the_reader_may_see() -> None:
    found = traced(SETTLED)
    assert found["balanced"] is True
    assert [step["events"] for step in found["steps"]] == [["claim.registered"], ["claim.settled"]]
    assert found["balances"] == {"fund:430100": {"310100": 4300}, "payable:hospital:H1": None}


@pytest.mark.parametrize(("status", "code"), [(503, "node.behind"), (429, "limit.key"), (500, "x")])
@pytest.mark.parametrize("path", ["/v1/accounts/", "/v1/declarations/", "/v1/cover/payments/"])
def test_a_node_that_cannot_answer_withholds_nothing(path: str, status: int, code: str) -> None:
    """An auditor must not read a busy node as a missing right."""
    settled = {"covers": [{"pays": "later", "amount_fen": 1, "insurer": "insurer:one"}]}
    declared = {"month": "2025-06", "statement": None, "deducted": []}

    class Busy(Ledger):
        refused = Refused(403, {"code": "read.no-right"})

        def get(self, asked: str, **query: Any) -> Any:
            if asked.startswith(path):
                raise self.refused
            told = super().get(asked, **query)
            if asked == "/v1/claims/C-1":
                told["record"] |= {"settled": settled, "declared": declared, "area": "430100"}
            return told

    node: Any = Busy(SETTLED)
    assert follow(node, "C-1")["claim"] == "C-1"
    node.refused = Refused(status, {"code": code})
    with pytest.raises(Refused) as refused:
        follow(node, "C-1")
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("place", "amount"),
    [(("postings", 0, "amount_fen"), -699), (("amounts", "funds_fen"), 701),
     (("amounts", "total_fen"), 1001), (("amounts", "commercial_fen"), 1)],
)  # fmt: skip
def test_a_planted_fen_is_found(place: tuple[Any, ...], amount: int) -> None:
    receipt = copy.deepcopy(SETTLED)
    inner: Any = receipt
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = amount
    found = traced(receipt)
    assert found["balanced"] is False
    with out.capture() as shown:
        out.print(tree_of(found))
    assert "does not sum to zero" in shown.get()


def test_the_tree_tells_every_posting_with_its_direction() -> None:
    with out.capture() as shown:
        out.print(tree_of(traced(SETTLED)))
    text = shown.get()
    for words in (
        "← out of fund:430100 [310100]  7.00 元", "→ into payable:hospital:H1 [310100]  7.00 元",
        "claim.settled", "total: 10.00 元", "withheld from this reader",
        "fund:430100: 310100 43.00", "every transfer sums to 0.00",
    ):  # fmt: skip
        assert words in text


def test_a_narrow_terminal_folds_and_loses_no_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account with many funds has a line longer than the terminal; its last amount counts."""
    found = traced(SETTLED)
    found["balances"]["payable:hospital:H1"] = {f"39{n:04}": 164_000 + n for n in range(9)}
    monkeypatch.setattr(out, "width", 40)
    with out.capture() as shown:
        print_tree(tree_of(found))
    text = "".join(line.lstrip("│├└─ ").strip() for line in shown.get().splitlines())
    for n in range(9):
        assert f"1,640.0{n}" in text, shown.get()


def test_what_was_taken_back_before_it_was_cleared_has_no_statement(tmp_path: Path) -> None:
    """There is none for the pair: nobody is told that it is withheld who may see all."""
    desk = Desk(tmp_path)
    try:
        name = desk.settle("H44010000123-m-1", [line(1, BED, 100_000)])
        taken = {"claim": name, "reversal": f"{name}-r", "reason": "wrong_bill"}
        desk.do(HOSPITAL, "claim", "reverse", taken, "clerk")
        desk.on("2025-07-01").declare()
        desk.confirm()
        text = desk.screens.text("auditor:national", "audit", "trace", name)
        told = desk.screens.json("auditor:national", "audit", "trace", name)["month"]
    finally:
        desk.close()
    assert "withheld" not in text
    assert "430000 -> 440000, period 2025-06: nothing to clear" in " ".join(text.split())
    assert told["statement"]["absent"] is True
