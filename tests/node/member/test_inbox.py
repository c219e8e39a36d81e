"""Statements go in, are matched on the ledger, and each line has its proved end, once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.ledger.evidence import ReceiptFacts, StateFacts, verify_evidence
from node.member import inbox, rows
from node.member.build import Built
from tests.contracts.world import BANK, BUREAU_HUNAN, CENTRE, secret_of
from tests.node.member.desk import OTHER_BANK, Desk
from tests.node.member.liars import LIARS, about, content
from tests.node.store.sim_kv import Crash, SimKV

OK_ROW = {"reference": "R", "order": "", "direction": "out", "amount": "1.00",
          "value_on": "2025-06-10", "reason": ""}  # fmt: skip


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("ledger"))
    desk.order(approved=False)  # nothing can be proved before the first certified block
    yield desk
    desk.close()


class Counter:
    """References that no other test uses: the ledger is one for all."""

    number = 0

    @classmethod
    def next(cls) -> str:
        cls.number += 1
        return f"R-{cls.number}"


def line_of(desk: Desk, reference: str, bank: str = BANK) -> list[Any] | None:
    """The line as the state has it."""
    with desk.world.node.reader.view() as view:
        value: list[Any] | None = view.state(f"bank-line/{bank}/{reference}")
    return value


def height(desk: Desk) -> int:
    return desk.world.node.head.height


def test_a_line_that_fits_confirms_its_order_and_is_proved(ledger: Desk, tmp_path: Path) -> None:
    desk = ledger.fresh(tmp_path)
    order, reference = desk.order(), Counter.next()
    built = desk.rounds()
    desk.drop("s.json", [desk.row(reference, order)])
    desk.rounds(2, built)
    assert (desk.files("in"), desk.files("done")) == ([], ["s.json", "s.json.result.json"])
    result = desk.result("done", "s.json")
    (line,) = result["lines"]
    assert (line["outcome"], line["reference"], line["code"]) == ("matched", reference, "")
    assert desk.payment(order)[0] == "paid"
    assert desk.payment(order)[8] == reference

    record = built.records.find("order", order)
    assert record is not None
    assert (record.state, record.facts["reference"]) == ("paid", reference)
    facts = verify_evidence(built.records.evidence("order", order) or b"", desk.world.genesis)
    assert isinstance(facts, StateFacts)
    assert facts.value == desk.payment(order)
    receipt = verify_evidence(built.records.evidence("line", reference) or b"", desk.world.genesis)
    assert isinstance(receipt, ReceiptFacts)
    assert receipt.receipt.tx_id.hex() == line["tx_id"]
    assert receipt.header.hash.hex() == line["block"]
    assert built.status()["open_orders"] == 0


def test_an_order_is_looked_up_again_as_soon_as_its_line_is_proved(
    ledger: Desk, tmp_path: Path
) -> None:
    desk = ledger.fresh(tmp_path)
    order, reference = desk.order(), Counter.next()
    built = desk.open(refresh=100_000)
    desk.rounds(1, built)
    desk.drop("s.json", [desk.row(reference, order)])
    desk.rounds(2, built)
    record = built.records.find("order", order)
    assert record is not None
    assert (record.state, record.facts["reference"]) == ("paid", reference)


def test_the_payees_bank_gives_its_own_reference(ledger: Desk, tmp_path: Path) -> None:
    desk = ledger.fresh(tmp_path / "payer")
    order, paid, received = desk.order(payee_bank=OTHER_BANK), Counter.next(), Counter.next()
    desk.drop("out.json", [desk.row(paid, order)])
    desk.rounds(3)
    desk.fresh(tmp_path / "payee").organisation = OTHER_BANK
    try:
        desk.drop("in.json", [desk.row(received, order, direction="in")])
        built = desk.rounds(3)
    finally:
        desk.organisation = BANK
    record = built.records.find("order", order)
    assert record is not None
    assert (record.facts["reference"], record.facts["received_reference"]) == (paid, received)
    assert desk.out() == {}, "the payee's bank has nothing to pay"


def test_the_same_statement_twice_changes_nothing(ledger: Desk, tmp_path: Path) -> None:
    desk = ledger.fresh(tmp_path)
    order, reference = desk.order(), Counter.next()
    rows = [desk.row(reference, order), desk.row(Counter.next(), "", amount="3.00")]
    desk.drop("s.json", rows)
    built = desk.rounds(3)
    before = height(desk)
    desk.drop("s.json", rows)
    desk.rounds(3, built)
    desk.drop("other-name.json", [*rows, *rows])
    desk.rounds(3)
    assert height(desk) == before, "nothing was handed in"
    assert len(desk.files("done")) == 6, "each file has its result"
    first = desk.result("done", "s.json")["lines"]
    again = desk.result("done", "other-name.json")["lines"]
    for number, line in enumerate(again):
        assert line | {"row": 0} == first[number % 2] | {"row": 0}


def test_an_older_database_learns_from_the_same_statements_again(
    ledger: Desk, tmp_path: Path
) -> None:
    """A backup: what was reported since does not come out again, what was not does (LIMITATIONS),
    and what waits in suspense is known again when its statement comes again."""
    desk = ledger.fresh(tmp_path)
    desk.rounds(2)
    older = SimKV(dict(desk.kv.iterate(b"", b"\xff" * 9)))
    paid, open_, waits = desk.order(), desk.order(), Counter.next()
    built = desk.rounds(2)
    rows = [desk.row(Counter.next(), paid), desk.row(waits, "", amount="3.00")]
    desk.drop("s.json", rows)
    desk.rounds(3, built)
    for path in (tmp_path / "out").iterdir():
        path.unlink()  # the bank's own system took it
    before = height(desk)
    desk.kv = older
    desk.world.clock.ms += 60_000  # so that the statement makes another transaction
    built = desk.rounds(3)
    assert [one["order"] for file in desk.out().values() for one in file] == [open_]
    assert waits not in built._lines.suspended()
    desk.drop("s.json", rows)
    desk.rounds(3, built)
    assert waits in built._lines.suspended()
    assert height(desk) == before + 1, "the statement was handed in, and changed nothing"
    outcomes = [line["outcome"] for line in desk.result("done", "s.json")["lines"]]
    assert outcomes == ["matched", "suspense"]


def test_what_fits_nothing_waits_and_is_listed_until_it_is_resolved(
    ledger: Desk, tmp_path: Path
) -> None:
    desk = ledger.fresh(tmp_path)
    order, other, none = desk.order(), Counter.next(), Counter.next()
    rows = [desk.row(other, order, amount="1.00"), desk.row(none, "", direction="in")]
    desk.drop("s.json", rows)
    built = desk.rounds(3)
    lines = desk.result("done", "s.json")["lines"]
    told = [(line["outcome"], line["code"]) for line in lines]
    assert told == [("suspense", "amount-differs"), ("suspense", "unasked")]
    assert desk.payment(order)[0] == "approved", "nothing has moved"
    assert built.status()["suspense"] == 2
    listed = [r.name for r in built.records.listed("line") if r.state == "suspense"]
    assert listed == sorted([other, none])
    said = {"reference": none, "how": "not_ours", "order": ""}
    desk.world.do(BANK, "bank", "resolve", said, post="clerk")
    desk.rounds(1, built)
    assert built.status()["suspense"] == 1
    record = built.records.find("line", none)
    assert record is not None
    assert (record.state, record.facts["how"]) == ("resolved", "not_ours")
    facts = verify_evidence(built.records.evidence("line", none) or b"", desk.world.genesis)
    assert isinstance(facts, StateFacts)
    assert facts.value == line_of(desk, none)


def test_an_order_that_could_not_be_paid_is_returned(ledger: Desk, tmp_path: Path) -> None:
    desk = ledger.fresh(tmp_path)
    order = desk.order()
    row = desk.row(Counter.next(), order, direction="returned", reason="closed_account")
    desk.drop("s.json", [row])
    built = desk.rounds(3)
    assert desk.payment(order)[0] == "returned"
    record = built.records.find("order", order)
    assert record is not None
    assert record.state == "returned"


def test_lines_that_the_ledger_refuses_say_why_with_what_was_compared(
    ledger: Desk, tmp_path: Path
) -> None:
    desk = ledger.fresh(tmp_path)
    order, foreign, reference = desk.order(), desk.order(bank=OTHER_BANK), Counter.next()
    state = desk.payment(foreign)
    desk.drop("foreign.json", [desk.row(Counter.next(), foreign)])
    desk.drop("late.json", [desk.row(Counter.next(), order, value_on="2999-01-01")])
    desk.drop("good.json", [desk.row(reference, order)])
    built = desk.rounds(3)
    (line,) = desk.result("refused", "foreign.json")["lines"]
    assert (line["outcome"], line["code"]) == ("refused", "bank.foreign-order")
    assert line["values"] == {"order": foreign, "bank": BANK}
    assert desk.payment(foreign) == state
    (line,) = desk.result("refused", "late.json")["lines"]
    assert line["code"] == "payment.value-day"
    assert line["values"] == {"value_on": "2999-01-01", "today": desk.today}

    before = height(desk)
    desk.drop("differs.json", [desk.row(reference, order, amount="2.00")])
    desk.rounds(3, built)
    (line,) = desk.result("refused", "differs.json")["lines"]
    assert (line["code"], line["values"]["known_fen"]) == ("bank.line-differs", 1_234_567)
    assert line["values"]["amount_fen"] == 200
    assert height(desk) == before


def test_a_file_whose_line_was_refused_may_come_again(ledger: Desk, tmp_path: Path) -> None:
    desk = ledger.fresh(tmp_path)
    order, reference = desk.order(approved=False), Counter.next()
    rows = [desk.row(reference, f"{order}-not-there"), desk.row(Counter.next(), "")]
    desk.drop("s.json", rows)
    built = desk.rounds(3)
    assert [line["outcome"] for line in desk.result("done", "s.json")["lines"]] == [
        "refused", "suspense",
    ]  # fmt: skip
    before = height(desk)
    desk.drop("s.json", rows)
    desk.rounds(3, built)
    assert height(desk) == before + 1, "only the refused line was handed in again"
    assert len(desk.files("done")) == 4


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.csv", b"\x00\xff\xfe garbage", "member.statement"),
        ("b.json", b"{not json", "member.statement"),
        ("c.json", b'{"a": 1}', "member.statement"),
        ("d.json", b"[" * 100_000, "member.statement"),
        ("e.csv", b"hello\nworld\n", "member.statement"),
        ("f.json", json.dumps([OK_ROW | {"amount": "1.234"}]).encode(), "member.statement"),
        ("g.json", json.dumps([OK_ROW | {"reference": "x" * 61}]).encode(), "member.statement"),
        ("h.json", json.dumps([OK_ROW | {"order": "\u4e2d"}]).encode(), "member.statement"),
        ("i.json", json.dumps([OK_ROW | {"reference": ""}]).encode(), "member.statement"),
        ("j.json", json.dumps([OK_ROW | {"more": "x"}]).encode(), "member.statement"),
        ("k.csv", b"x" * (inbox.STATEMENT_BYTES_MAX + 1), "member.statement-too-large"),
    ],
)
def test_a_file_that_is_no_statement_is_refused_whole(
    ledger: Desk, tmp_path: Path, name: str, data: bytes, code: str
) -> None:
    desk = ledger.fresh(tmp_path)
    before = height(desk)
    (tmp_path / "in").mkdir(parents=True)
    (tmp_path / "in" / name).write_bytes(data)
    desk.rounds(3)
    result = desk.result("refused", name)
    assert (result["code"], result["lines"]) == (code, [])
    assert result["values"], "what was compared is told"
    assert desk.files("in") == []
    assert height(desk) == before
    assert desk.doors[0].submitted == []


def test_a_statement_without_lines_is_done(ledger: Desk, tmp_path: Path) -> None:
    desk = ledger.fresh(tmp_path)
    desk.drop("quiet.json", [])
    desk.rounds(3)
    assert desk.result("done", "quiet.json")["lines"] == []


def test_only_whole_regular_files_are_taken(ledger: Desk, tmp_path: Path) -> None:
    desk = ledger.fresh(tmp_path)
    row = desk.row(Counter.next(), "")
    path = desk.drop("growing.json", [row])
    built = desk.rounds()
    path.write_text("[", encoding="utf-8")
    desk.rounds(1, built)
    assert desk.files("in") == ["growing.json"], "it changed since the round before"
    (tmp_path / "in" / "link.json").symlink_to(path)
    (tmp_path / "in" / "folder.json").mkdir()
    desk.drop(".hidden.json", [row])
    desk.drop("half.json.part", [row])
    desk.drop("growing.json", [row])
    desk.rounds(3, built)
    left = ["link.json", ".hidden.json", "folder.json", "half.json.part"]
    assert desk.files("in") == sorted(left)
    assert desk.files("done") == ["growing.json", "growing.json.result.json"]


def test_a_file_is_taken_whatever_the_case_of_its_ending_and_what_is_none_is_told(
    ledger: Desk, tmp_path: Path
) -> None:
    desk = ledger.fresh(tmp_path)
    built = desk.rounds()
    desk.drop("BANK.JSON", [])
    (desk.folder / "in" / "folder.csv").mkdir()
    (desk.folder / "in" / "elsewhere.csv").symlink_to(tmp_path / "in" / "BANK.JSON")
    desk.rounds(2, built)
    assert desk.files("done") == ["BANK.JSON", "BANK.JSON.result.json"]
    assert built.status()["statements_waiting"] == {
        "folder.csv": "member.file-barred", "elsewhere.csv": "member.file-barred",
    }  # fmt: skip


def test_many_lines_go_in_small_transactions(ledger: Desk, tmp_path: Path) -> None:
    desk = ledger.fresh(tmp_path)
    rows = [desk.row(Counter.next(), "") for _ in range(2 * inbox.LINES_AT_ONCE + 5)]
    before = height(desk)
    desk.drop("s.json", rows)
    desk.rounds(3)
    assert height(desk) == before + 3
    lines = desk.result("done", "s.json")["lines"]
    assert [line["reference"] for line in lines] == [row["reference"] for row in rows]
    assert {line["outcome"] for line in lines} == {"suspense"}


# --- Nodes that lie, and crashes --------------------------------------------------------------


class Swallows(httpx.BaseTransport):
    """Says that it has committed what it never handed on."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner, self.asked, self.submitted = inner, [], []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json={"status": "committed"})
        return self.inner.handle_request(request)


def test_a_node_that_swallows_what_it_is_given_is_passed_over(ledger: Desk, tmp_path: Path) -> None:
    desk = ledger.fresh(tmp_path, None, None)
    door: Any = Swallows(desk.doors[0])
    honest, desk.doors = desk.doors[1], [door]
    order, reference = desk.order(), Counter.next()
    desk.drop("s.json", [desk.row(reference, order)])
    built = desk.rounds(3)
    assert desk.files("in") == ["s.json"], "nothing is proved"
    assert built.status()["statements_waiting"] == {"s.json": "read.not-found"}
    assert desk.payment(order)[0] == "approved"
    desk.doors = [door, honest]
    desk.rounds(3)
    assert desk.result("done", "s.json")["lines"][0]["outcome"] == "matched"


@pytest.mark.parametrize("days", [2, 365])
def test_a_clock_that_was_ahead_holds_no_statement_up(
    ledger: Desk, tmp_path: Path, days: int
) -> None:
    """What was signed by it may be ordered days from now only: it is signed anew."""
    desk = ledger.fresh(tmp_path, None)
    order, reference = desk.order(), Counter.next()
    desk.drop("s.json", [desk.row(reference, order)])
    desk.ahead_ms = days * 24 * 3_600_000
    desk.rounds(3)
    assert desk.files("in") == ["s.json"]
    desk.ahead_ms = 0
    desk.rounds(3)
    assert desk.result("done", "s.json")["lines"][0]["outcome"] == "matched"


def test_a_node_that_is_asked_too_much_has_done_nothing_wrong(ledger: Desk, tmp_path: Path) -> None:
    @about("/v1/receipts/")
    def busy(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        left[0] -= 1
        if left[0] < 0:
            return httpx.Response(429, json={"code": "limit.key", "values": {}})
        return answer

    left = [inbox.LINES_AT_ONCE + 3]
    desk = ledger.fresh(tmp_path, busy)
    desk.drop("s.json", [desk.row(Counter.next(), "") for _ in range(inbox.LINES_AT_ONCE + 5)])
    built = desk.rounds(3)
    assert built.status()["statements_waiting"] == {"s.json": "limit.key"}
    assert built.status()["nodes"][0]["state"] == "agrees"
    left[0] = 100
    desk.rounds(1, built)
    assert desk.files("in") == []


@about("/v1/receipts/")
def another_receipt(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    """The true receipt of another line."""
    KEPT.append(answer.content)
    return content(answer, KEPT[0])


KEPT: list[bytes] = []


def test_a_true_receipt_of_another_line_proves_nothing(ledger: Desk, tmp_path: Path) -> None:
    KEPT.clear()
    desk = ledger.fresh(tmp_path, another_receipt)
    desk.drop("a.json", [desk.row(Counter.next(), "")])
    built = desk.rounds(3)
    assert desk.files("done") == ["a.json", "a.json.result.json"]
    desk.drop("b.json", [desk.row(Counter.next(), "")])
    desk.rounds(3, built)
    assert desk.files("in") == ["b.json"]
    assert built.status()["nodes"][0]["code"] == "member.other-subject"


@pytest.mark.parametrize("name", sorted(LIARS))
def test_with_a_liar_first_the_statement_comes_through_the_next(
    ledger: Desk, tmp_path: Path, name: str
) -> None:
    desk = ledger.fresh(tmp_path, LIARS[name](), None)
    order, reference = desk.order(), Counter.next()
    desk.drop("s.json", [desk.row(reference, order)])
    desk.rounds(6)
    assert desk.result("done", "s.json")["lines"][0]["outcome"] == "matched"
    assert desk.payment(order)[8] == reference


def settle_after_crashes(desk: Desk, rows: list[dict[str, str]]) -> Built:
    desk.kv.crash_before = desk.kv.crash_after = None
    desk.world.clock.ms += 60_000  # a transaction that is made anew is another one
    built = desk.rounds(4)
    assert desk.files("in") == []
    results = [name for name in desk.files("done") if name.endswith(".result.json")]
    assert results == ["s.json.result.json"], "one file, one result"
    assert [line["outcome"] for line in desk.result("done", "s.json")["lines"]] == [
        "matched", "suspense",
    ]  # fmt: skip
    assert len(set(desk.doors[0].submitted)) == 1, "one transaction, however often it was sent"
    for row in rows:
        assert line_of(desk, row["reference"]) is not None
    return built


@pytest.mark.parametrize("when", ["crash_before", "crash_after"])
@pytest.mark.parametrize("number", range(1, 9))
def test_killed_at_each_write_a_statement_is_handed_in_once(
    ledger: Desk, tmp_path: Path, when: str, number: int
) -> None:
    desk = ledger.fresh(tmp_path)
    order = desk.order()
    built = desk.rounds()
    rows = [desk.row(Counter.next(), order), desk.row(Counter.next(), "")]
    desk.drop("s.json", rows)
    setattr(desk.kv, when, desk.kv.writes + number)
    try:
        desk.rounds(4, built)
    except Crash:
        desk.kv = desk.kv.after_crash()
    built = settle_after_crashes(desk, rows)
    record = built.records.find("order", order)
    assert record is not None
    assert record.state == "paid"


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_killed_between_any_two_steps_of_files_and_rows(
    ledger: Desk, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Every rename and every write of a row is a place where the process may end."""
    desk = ledger.fresh(tmp_path_factory.mktemp("exchange"))
    steps = [0]
    dies_at = data.draw(st.lists(st.integers(1, 25), min_size=1, max_size=3))

    def step() -> None:
        steps[0] += 1
        if dies_at and steps[0] == dies_at[0]:
            dies_at.pop(0)
            steps[0] = 0
            raise Crash

    order = _fast_order(desk)
    rows = [desk.row(Counter.next(), order, amount="0.01"), desk.row(Counter.next(), "")]
    desk.drop("s.json", rows)
    rename, replace = Path.rename, Path.replace
    with pytest.MonkeyPatch.context() as patch:

        def dying(act: Any) -> Any:
            def done(path: Path, target: Any) -> Any:
                step()
                found = act(path, target)
                step()
                return found

            return done

        patch.setattr(Path, "rename", dying(rename))
        patch.setattr(Path, "replace", dying(replace))
        for _ in range(4):
            try:
                desk.rounds(3)
            except Crash:
                desk.kv = desk.kv.after_crash()
    settle_after_crashes(desk, rows)
    assert sum(row["order"] == order for c in desk.out().values() for row in c) == 1


def _fast_order(desk: Desk) -> str:
    """Many orders are needed and a pair has one advance: the same pair's quota grows by a fen."""
    number = getattr(_fast_order, "quota", 0) + 1
    _fast_order.quota = number  # type: ignore[attr-defined]
    quota = {"home": "430000", "care": "410000", "scheme": "310", "quota_fen": number}
    made = desk.world.do(CENTRE, "advance", "set_quota", quota, post="finance")
    payment = f"finance:430000:f{number}"
    order = {"payment": payment, "notice": made.answer["notice"], "amount_fen": 1, "bank": BANK}
    desk.world.do("finance:430000", "payment", "order", order, post="finance")
    desk.world.do("finance:430000", "payment", "approve", {"payment": payment}, post="checker")
    return payment


def test_a_key_that_may_not_report_leaves_the_statement_and_says_why(
    ledger: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = ledger.fresh(tmp_path)
    monkeypatch.setattr(
        "tests.node.member.desk.secret_of", lambda org, _post: secret_of(org, "stranger")
    )
    desk.drop("s.json", [desk.row(Counter.next(), "")])
    built = desk.rounds(4)
    assert desk.files("in") == ["s.json"]
    (node,) = built.status()["nodes"]
    assert (node["state"], node["code"]) == ("declines", "signature.unknown-key")


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ("ab" * 32, "member.other-network"),
        ("AB", "signature.wrong"),
        (7, "signature.wrong"),
        (None, "signature.wrong"),
    ],
)
def test_a_node_of_another_network_is_not_taken_for_a_wrong_signature(
    ledger: Desk, tmp_path: Path, named: object, code: str
) -> None:
    def elsewhere(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if request.url.path != "/v1/genesis":
            return httpx.Response(401, json={"code": "signature.wrong", "values": {}})
        return answer if named is None else httpx.Response(200, json={"chain": named})

    desk = ledger.fresh(tmp_path, elsewhere)
    (node,) = desk.rounds(1).status()["nodes"]
    assert (node["state"], node["code"]) == ("declines", code)


def test_a_name_that_cannot_be_printed_is_told_and_left(ledger: Desk, tmp_path: Path) -> None:
    desk = ledger.fresh(tmp_path)
    built = desk.rounds()
    bad = os.fsencode(tmp_path / "in") + b"/\xff\n.json"
    with open(bad, "wb") as file:
        file.write(b"[]")
    desk.rounds(2, built)
    assert list(built.status()["statements_waiting"].values()) == ["member.file-name"]


def test_a_successor_reports_what_another_bank_was_given_and_follows_only_its_own(
    tmp_path: Path,
) -> None:
    """The bank that was given the order has left; the order comes out in no file of the other."""
    desk = Desk(tmp_path / "ledger")
    order = desk.order(bank=OTHER_BANK)
    for method, args in (
        ("propose_removal", {"organisation": OTHER_BANK}),
        ("propose_successor", {"organisation": OTHER_BANK, "successor": BANK}),
    ):
        desk.world.do(BUREAU_HUNAN, "governance", method, {"id": method, **args}, post="checker")
        vote = {"id": method, "approve": True}
        desk.world.do(BUREAU_HUNAN, "governance", "vote", vote, post="checker")
    built = desk.rounds()
    desk.drop("s.json", [desk.row("R-succ", order)])
    desk.rounds(4, built)
    (line,) = desk.result("done", "s.json")["lines"]
    assert (line["outcome"], desk.payment(order)[0]) == ("matched", "paid")
    assert desk.files("out") == []
    (node,) = built.status()["nodes"]
    assert (node["state"], node["lies"]) == ("agrees", 0)
    assert list(rows.all_of(desk.kv, rows.LOOK)) == []
    desk.close()
