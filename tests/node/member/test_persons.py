"""Orders to pay persons come out like payments: proved, once, and nothing else comes out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.settlement import bank_order
from contracts.settlement.bank_file import yuan_text
from node.ledger.evidence import ReceiptFacts, StateFacts, verify_evidence
from node.member import orders as module
from node.member.records import Record
from tests.contracts.settlement.cover_world import ACCOUNT as COVER_ACCOUNT
from tests.contracts.settlement.cover_world import INSURER
from tests.contracts.world import ALICE, BANK, BUREAU_CHANGSHA, BUREAU_GUANGZHOU, FINANCE, HOSPITAL
from tests.node.api.real import reader
from tests.node.member import liars
from tests.node.member.desk import FINANCE as FINANCE_HUNAN
from tests.node.member.desk import OTHER_BANK
from tests.node.member.liars import ABOUT_PERSONS, LIARS, Bend, Stale, about, both, lists_also
from tests.node.member.persons import ACCOUNT, OTHER_ACCOUNT, Persons
from tests.node.store.sim_kv import Crash

WRITES_MAX = 30
Told = dict[str, tuple[int, str]]
"""Order -> fen, account in hexadecimal digits."""


class Ledger:
    """Orders of every kind and state; which of them are to come out is known."""

    def __init__(self, folder: Path) -> None:
        desk = self.desk = Persons(folder)
        self.notice = desk.order(111_11)
        first = desk.pay(desk.approve())
        failed = desk.pay(case := desk.approve())
        desk.report("bounce", failed, "B-1", reason="limit")
        again = desk.pay(case, 2, account=OTHER_ACCOUNT)
        foreign = desk.pay(desk.approve(), bank=OTHER_BANK)
        paid = desk.pay(desk.approve())
        desk.report("confirm", paid, "B-2")
        _, owed = desk.bill()
        insured = desk.insurer_pays(owed)
        claim, taken_back = desk.bill()
        withdrawn = desk.insurer_pays(taken_back)
        desk.claims.reverse(claim)
        heir = desk.pay_heir(desk.inherit())
        self.true: Told = {
            first: (126_001, ACCOUNT.hex()),
            again: (210_001, OTHER_ACCOUNT.hex()),
            insured: (desk.shown(insured).amount_fen, COVER_ACCOUNT.hex()),
            heir: (desk.shown(heir).amount_fen, (b"\x01" * 32).hex()),
        }
        self.false = [failed, foreign, paid, withdrawn]

    def taken(self) -> Told:
        """What came out to persons; each file holds one order, and no order is in two."""
        found = [row for content in self.desk.out().values() for row in content]
        assert len({row["order"] for row in found}) == len(found) == len(self.desk.out())
        return {
            row["order"]: (row["amount_fen"], row["account"])
            for row in found if row["order"] != self.notice
        }  # fmt: skip

    def liar(self, name: str) -> Bend:
        """A liar that lists what is not to be paid, too."""
        if name in LIARS:
            return LIARS[name]()
        bend: Bend = getattr(liars, name)
        return both(lists_also(*self.false), bend)


MINE = [bend.__name__ for bend in ABOUT_PERSONS]
ALL_LIARS = sorted([*LIARS, *MINE])


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    made = Ledger(tmp_path_factory.mktemp("ledger"))
    yield made
    made.desk.close()


def test_what_is_to_be_paid_to_persons_comes_out_once(ledger: Ledger, tmp_path: Path) -> None:
    desk = ledger.desk.fresh(tmp_path)
    built = desk.rounds()
    assert ledger.taken() == ledger.true
    rows = {row["order"]: row for content in desk.out().values() for row in content}
    kinds = {row["order"]: row["kind"] for row in rows.values() if row["account"]}
    assert sorted(kinds.values()) == ["cover", "payout", "reimbursement", "reimbursement"]
    for order, kind in kinds.items():
        row = rows[order]
        assert row["payer"] == (INSURER if kind == "cover" else "430100")
        assert (row["payee"], row["payee_bank"], row["notice"]) == (None, BANK, None)
        assert bool(row["due_on"]) == (kind == "reimbursement")
    text = str(rows)
    assert ALICE not in text
    assert "310100" not in str({order: rows[order] for order in kinds}), "no fund"
    before = desk.files("out")
    desk.rounds(2, built)
    desk.rounds(2)
    assert desk.files("out") == before
    assert len(before) == 5
    assert built.status()["open_orders"] == 6, "and what was withdrawn, until the bank says so"


def test_file_and_command_say_the_same(ledger: Ledger, tmp_path: Path) -> None:
    """What ``yibao bank instructions`` lists on a node's word is what is proved here."""
    desk = ledger.desk.fresh(tmp_path)
    desk.rounds()
    rows = {row["order"]: row for content in desk.out().values() for row in content}
    listed: dict[str, Any] = {}
    for kind in module.LISTS:
        reply = desk.world.api.get(f"/v1/banks/{BANK}/orders", reader(BANK), f"kind={kind}")
        listed |= {row["order"]: row for row in reply.json()["records"]}
    *_, withdrawn = ledger.false
    assert listed.pop(withdrawn)["stage"] == "withdrawn", "told, and in no file"
    assert listed.keys() == rows.keys()
    for order, row in listed.items():
        assert row.pop("stage") == "approved"
        del row["at_height"]
        assert row.items() <= rows[order].items()


def test_a_csv_holds_the_account(ledger: Ledger, tmp_path: Path) -> None:
    desk = ledger.desk.fresh(tmp_path)
    desk.format = "csv"
    desk.rounds()
    texts = [path.read_bytes().decode("utf-8-sig") for path in (tmp_path / "out").iterdir()]
    shown = {text.splitlines()[1].split(",")[6] for text in texts}
    assert shown == {"", *(account for _, account in ledger.true.values())}


def test_the_evidence_holds_offline(ledger: Ledger, tmp_path: Path) -> None:
    desk = ledger.desk.fresh(tmp_path)
    built = desk.rounds()
    for name, (fen, account) in ledger.true.items():
        facts = verify_evidence(built.records.evidence("order", name) or b"", desk.world.genesis)
        assert isinstance(facts, StateFacts)
        made = bank_order.BankOrder.decode(facts.value)
        assert (facts.key, made.amount_fen, made.account.hex(), made.stage) == (
            f"bank-order/{BANK}/{name}", fen, account, "approved"
        )  # fmt: skip


def test_who_else_asks_for_an_order_is_refused(ledger: Ledger) -> None:
    desk = ledger.desk
    key = bank_order.key_of(BANK, next(iter(ledger.true)))
    allowed = {
        who: desk.world.api.get("/v1/state/evidence", reader(who, "clerk"), f"key={key}").status
        for who in (BANK, OTHER_BANK, HOSPITAL, INSURER, BUREAU_CHANGSHA, BUREAU_GUANGZHOU,
                    FINANCE, "finance:430000", "centre", "auditor:national")
    }  # fmt: skip
    assert {who for who, status in allowed.items() if status == 200} == {
        BANK, BUREAU_CHANGSHA, FINANCE, FINANCE_HUNAN, "auditor:national"
    }  # fmt: skip
    assert set(allowed.values()) == {200, 403}
    other = f"key={bank_order.key_of(OTHER_BANK, ledger.false[1])}"
    assert desk.world.api.get("/v1/state", reader(BANK), other).status == 403


@pytest.mark.parametrize("name", ALL_LIARS)
def test_one_liar_alone_gets_nothing_false_out(ledger: Ledger, tmp_path: Path, name: str) -> None:
    desk = ledger.desk.fresh(tmp_path, ledger.liar(name))
    built = desk.rounds(3)
    assert ledger.taken().items() <= ledger.true.items()
    (node,) = built.status()["nodes"]
    if name in MINE:
        assert node["state"] == "lies", node
        assert any(line.get("code") for line in desk.logged() if line["level"] == "warning")


@pytest.mark.parametrize("name", ALL_LIARS)
def test_beside_a_liar_an_honest_node_is_enough(ledger: Ledger, tmp_path: Path, name: str) -> None:
    desk = ledger.desk.fresh(tmp_path, ledger.liar(name), None)
    built = desk.rounds(2)
    assert ledger.taken() == ledger.true
    assert built.status()["nodes"][1]["state"] == "agrees"


@pytest.mark.parametrize("number", [0, 2, 3])
def test_what_is_not_to_be_paid_any_more_is_proved_and_does_not_come_out(
    ledger: Ledger, tmp_path: Path, number: int
) -> None:
    """The liar lists it, and all that it proves is true."""
    name = ledger.false[number]
    desk = ledger.desk.fresh(tmp_path, lists_also(name))
    built = desk.rounds(2)
    assert ledger.taken() == ledger.true
    record = built.records.find("order", name)
    assert record is not None
    assert record.state == {0: "returned", 2: "paid", 3: "withdrawn"}[number]
    assert built.status()["nodes"][0]["state"] == "agrees"


def test_an_order_that_nobody_gave_is_a_lie(ledger: Ledger, tmp_path: Path) -> None:
    desk = ledger.desk.fresh(tmp_path, lists_also("430100z-1/made-up"))
    built = desk.rounds()
    (node,) = built.status()["nodes"]
    assert (node["state"], node["code"]) == ("lies", "member.other-subject")
    assert built.records.find("order", "430100z-1/made-up") is None


def test_an_old_proof_is_refused_although_it_was_true(desk: Persons) -> None:
    """The head is new, the proof of the order is from before it was paid."""
    desk.doors[0].bend = about("state/evidence")(Stale())
    order = desk.pay(desk.approve())
    built = desk.rounds()
    desk.report("confirm", order, "R-1")
    desk.rounds(1, built)
    (node,) = built.status()["nodes"]
    assert (node["state"], node["code"]) == ("lies", "member.stale")
    desk.doors[0].bend = None
    desk.rounds(40, built)
    record = built.records.find("order", order)
    assert record is not None
    assert record.state == "paid"


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_nothing_false_ever_comes_out_and_everything_true_once(
    ledger: Ledger, data: st.DataObject
) -> None:
    """Nodes lie in any way, all of them too; the process is killed at any write; the bank's own
    system takes files away. With one honest node everything comes out, once."""
    kinds = data.draw(st.lists(st.sampled_from(["honest", *ALL_LIARS]), min_size=1, max_size=4))
    with TemporaryDirectory() as folder:
        desk = ledger.desk.fresh(
            Path(folder), *(None if kind == "honest" else ledger.liar(kind) for kind in kinds)
        )
        taken: Told = {}
        for _ in range(data.draw(st.integers(0, 4))):
            kv = desk.kv
            setattr(kv, data.draw(st.sampled_from(["crash_before", "crash_after"])),
                    kv.writes + data.draw(st.integers(1, WRITES_MAX)))  # fmt: skip
            try:
                desk.rounds(data.draw(st.integers(1, 3)))
                kv.crash_before = kv.crash_after = None
            except Crash:
                desk.kv = kv.after_crash()
            if data.draw(st.booleans()):
                taken |= take_away(ledger, taken)
        desk.rounds(3)
        taken |= take_away(ledger, taken)
        assert taken.items() <= ledger.true.items(), "something false came out"
        if "honest" in kinds:
            assert taken == ledger.true


def take_away(ledger: Ledger, taken: Told) -> Told:
    """The bank's own system takes what it finds; nothing may come to it twice."""
    found = ledger.taken()
    assert not found.keys() & taken.keys(), "an order came out twice"
    for path in (ledger.desk.folder / "out").iterdir():
        path.unlink()
    return found


# --- Planted bugs ---------------------------------------------------------------------------------


def test_a_member_node_that_believes_the_list_is_found(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a node lists is due: the bug that the tests above look for."""
    real = Record.at

    def believing(kind: str, name: str, state: str, header: Any, facts: Any) -> Record:
        return real(kind, name, "approved" if kind == "order" else state, header, facts)

    monkeypatch.setattr(Record, "at", staticmethod(believing))
    ledger.desk.fresh(tmp_path, lists_also(*ledger.false[2:]))
    ledger.desk.rounds()
    assert not ledger.taken().items() <= ledger.true.items()


# --- A whole life: out, statement, back, out again ------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Persons]:
    made = Persons(tmp_path / "ledger")
    made.fresh(tmp_path / "member")
    yield made
    made.close()


def out(desk: Persons) -> dict[str, dict[str, Any]]:
    return {row["order"]: row for content in desk.out().values() for row in content}


def test_from_the_order_to_the_statement_and_back_again(desk: Persons) -> None:
    case = desk.approve()
    order = desk.pay(case)
    built = desk.open(refresh=100_000)
    desk.rounds(1, built)
    assert out(desk).keys() == {order}
    desk.drop("s.json", [desk.row("R-1", order, amount="1,260.01")])
    desk.rounds(2, built)
    (line,) = desk.result("done", "s.json")["lines"]
    assert (line["outcome"], line["order"]) == ("matched", order)
    record = built.records.find("order", order)
    assert record is not None
    assert (record.state, record.facts["reference"]) == ("paid", "R-1"), "looked up at once"
    assert built.status()["open_orders"] == 0
    receipt = verify_evidence(built.records.evidence("line", "R-1") or b"", desk.world.genesis)
    assert isinstance(receipt, ReceiptFacts)

    back = desk.row("R-2", "R-1", amount="60.01", direction="returned", reason="closed_account")
    desk.drop("t.json", [back])
    desk.rounds(2, built)
    record = built.records.find("order", order)
    assert record is not None
    assert (record.state, record.facts["returned_fen"]) == ("part-back", 6_001)
    assert out(desk).keys() == {order}, "nothing comes out by itself"
    second = desk.pay(case, 2, account=OTHER_ACCOUNT)
    desk.rounds(1, built)
    again = out(desk)[second]
    assert (again["amount_fen"], again["account"]) == (6_001, OTHER_ACCOUNT.hex())
    assert len(desk.out()) == 2
    facts = verify_evidence(built.records.evidence("order", order) or b"", desk.world.genesis)
    assert isinstance(facts, StateFacts)
    assert facts.value[0] == "part-back"


def test_what_could_not_be_paid_is_ordered_again_under_another_name(desk: Persons) -> None:
    payout = desk.inherit()
    first = desk.pay_heir(payout)
    desk.rounds()
    failed = desk.row("R-1", first, direction="returned", reason="name_differs")
    desk.drop("s.json", [failed | {"amount": yuan_text(desk.shown(first).amount_fen)}])
    desk.rounds(2)
    assert desk.result("done", "s.json")["lines"][0]["outcome"] == "matched"
    second = desk.pay_heir(payout, 2)
    built = desk.rounds(2)
    assert out(desk).keys() == {first, second}
    assert out(desk)[second]["account"] == (b"\x02" * 32).hex()
    record = built.records.find("order", first)
    assert record is not None
    assert (record.state, record.facts["reason"]) == ("returned", "name_differs")


def test_an_order_that_was_withdrawn_before_its_file_appeared_does_not_come_out(
    desk: Persons,
) -> None:
    """The process dies between the proof and the file; meanwhile the bill is taken back."""
    claim, payment = desk.bill()
    desk.rounds()
    order = desk.insurer_pays(payment)
    # Writes of the round: the head; three lists; the order, then its list; that it is staged.
    desk.kv.crash_after = desk.kv.writes + 7
    with pytest.raises(Crash):
        desk.rounds()
    desk.kv = desk.kv.after_crash()
    assert desk.files(".staged") != []
    desk.claims.reverse(claim)
    built = desk.rounds(3)
    assert (desk.files("out"), desk.files(".staged")) == ([], [])
    record = built.records.find("order", order)
    assert record is not None
    assert record.state == "withdrawn"
    assert built.status()["open_orders"] == 1, "the bank has not said what became of it"
    # A bank that has paid it all the same (by another channel) says so.
    amount = yuan_text(desk.shown(order).amount_fen)
    desk.drop("s.json", [desk.row("R-1", order, amount=amount)])
    built = desk.rounds(3)
    record = built.records.find("order", order)
    assert record is not None
    assert record.state == "paid"
    assert built.status()["open_orders"] == 0


def test_what_is_withdrawn_after_its_file_appeared_is_told_and_ends_with_the_banks_word(
    desk: Persons,
) -> None:
    claim, payment = desk.bill()
    order = desk.insurer_pays(payment)
    built = desk.rounds()
    assert out(desk).keys() == {order}
    desk.claims.reverse(claim)
    desk.rounds(2, built)
    record = built.records.find("order", order)
    assert record is not None
    assert record.state == "withdrawn"
    assert built.status()["open_orders"] == 1
    row = desk.row("R-1", order, direction="returned", reason="other")
    desk.drop("s.json", [row | {"amount": yuan_text(desk.shown(order).amount_fen)}])
    desk.rounds(3, built)
    assert desk.result("done", "s.json")["lines"][0]["outcome"] == "matched"
    record = built.records.find("order", order)
    assert record is not None
    assert record.state == "returned"
    assert built.status()["open_orders"] == 0
    assert len(desk.out()) == 1


def test_what_was_withdrawn_before_the_bank_saw_it_waits_for_the_banks_word(desk: Persons) -> None:
    """A bank that was away, or works by hand besides, may know the order from elsewhere."""
    desk.rounds()
    claim, payment = desk.bill()
    order = desk.insurer_pays(payment)
    desk.claims.reverse(claim)
    built = desk.rounds(2)
    record = built.records.find("order", order)
    assert record is not None
    assert record.state == "withdrawn"
    assert (desk.out(), built.status()["open_orders"]) == ({}, 1)
    row = desk.row("R-1", order, direction="returned", reason="other")
    desk.drop("s.json", [row | {"amount": yuan_text(desk.shown(order).amount_fen)}])
    built = desk.rounds(3)
    assert desk.result("done", "s.json")["lines"][0]["outcome"] == "matched"
    record = built.records.find("order", order)
    assert record is not None
    assert record.state == "returned"
    assert (desk.out(), built.status()["open_orders"]) == ({}, 0)
