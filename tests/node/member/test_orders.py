"""A bank's orders come out verified, once, whatever nodes say and whenever it is killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.ledger.evidence import StateFacts, verify_evidence
from node.member import outbox
from node.member.nodes import LOOKS_MAX, in_turn
from node.member.remote import TURN_S_MAX
from node.store.kv import Operation
from tests.contracts.world import BANK
from tests.node.api.real import reader
from tests.node.member.desk import OTHER_BANK, Desk, Door
from tests.node.member.liars import LIARS, Stale, about, declines, leaves_orders_out
from tests.node.store.sim_kv import Crash, SimKV

WRITES_MAX = 30


class Orders:
    """A ledger with orders of every kind; which of them are to come out is known."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        desk = self.desk
        self.true = {desk.order(111_11): 111_11, desk.order(222_22): 222_22}
        desk.order(333_33, bank=OTHER_BANK)
        desk.order(444_44, approved=False)
        told = {"payment": desk.order(555_55), "amount_fen": 555_55, "reference": "R-5",
                "value_on": desk.today}  # fmt: skip
        desk.world.do(BANK, "payment", "confirm", told, post="operator")

    def shown(self) -> dict[str, int]:
        """What came out; each file holds one order, and no order is in two."""
        orders = [row for content in self.desk.out().values() for row in content]
        assert len({row["order"] for row in orders}) == len(orders) == len(self.desk.out())
        return {row["order"]: row["amount_fen"] for row in orders}


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orders]:
    made = Orders(tmp_path_factory.mktemp("ledger"))
    yield made
    made.desk.close()


def test_what_is_approved_for_this_bank_comes_out_once(orders: Orders, tmp_path: Path) -> None:
    desk = orders.desk.fresh(tmp_path)
    built = desk.rounds()
    assert orders.shown() == orders.true
    row = next(iter(desk.out().values()))[0]
    assert (row["payer"], row["kind"], row["payee_bank"]) == ("430000", "advance", BANK)
    assert row["by_fund_fen"]
    assert row["due_on"]
    assert row["account"] is None
    before = desk.files("out")
    desk.rounds(2, built)
    desk.rounds(2)
    assert desk.files("out") == before
    status = built.status()
    assert (status["agree"], status["open_orders"]) == (1, 2)


def test_a_csv_is_what_the_command_line_writes(orders: Orders, tmp_path: Path) -> None:
    desk = orders.desk.fresh(tmp_path)
    desk.format = "csv"
    desk.rounds()
    texts = [path.read_bytes().decode("utf-8-sig") for path in (tmp_path / "out").iterdir()]
    assert sorted(text.splitlines()[1].split(",")[2] for text in texts) == ["111.11", "222.22"]
    assert {text.splitlines()[0] for text in texts} == {
        "order,kind,amount,payer,payee,payee_bank,account,due_on,notice"
    }


def test_the_evidence_of_an_order_holds_offline(orders: Orders, tmp_path: Path) -> None:
    desk = orders.desk.fresh(tmp_path)
    built = desk.rounds()
    for record in built.records.listed("order"):
        data = built.records.evidence("order", record.name)
        facts = verify_evidence(data or b"", desk.world.genesis)
        assert isinstance(facts, StateFacts)
        assert (facts.key, facts.header.hash) == (f"payment/{record.name}", record.block)
        assert facts.value[2] == record.facts["amount_fen"]
    assert {record.name for record in built.records.listed("order")} == set(orders.true)


@pytest.mark.parametrize("name", sorted(LIARS))
def test_one_liar_alone_gets_nothing_false_out_and_is_named(
    orders: Orders, tmp_path: Path, name: str
) -> None:
    desk = orders.desk.fresh(tmp_path, LIARS[name]())
    built = desk.rounds(3)
    assert orders.shown().items() <= orders.true.items()
    (node,) = built.status()["nodes"]
    harmless = name in ("stale", "leaves_orders_out", "lists_too_early")
    assert (node["state"] == "agrees") == harmless, node
    if not harmless:
        named = [line for line in desk.logged() if line.get("peer") == node["address"]]
        assert any(line["code"] for line in named if line["level"] == "warning")


@pytest.mark.parametrize("name", sorted(LIARS))
def test_beside_a_liar_an_honest_node_is_enough(orders: Orders, tmp_path: Path, name: str) -> None:
    desk = orders.desk.fresh(tmp_path, LIARS[name](), None)
    built = desk.rounds(2)
    assert orders.shown() == orders.true
    assert built.status()["nodes"][1]["state"] == "agrees"


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_nothing_false_ever_comes_out_and_everything_true_once(
    orders: Orders, data: st.DataObject
) -> None:
    """Nodes lie in any way, all of them too; the process is killed at any write; the bank's own
    system takes files away. With one honest node everything comes out, once."""
    kinds = data.draw(st.lists(st.sampled_from(["honest", *sorted(LIARS)]), min_size=1, max_size=4))
    with TemporaryDirectory() as folder:
        desk = orders.desk.fresh(
            Path(folder), *(None if kind == "honest" else LIARS[kind]() for kind in kinds)
        )
        taken: dict[str, int] = {}
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
                taken |= take_away(orders, taken)
        built = desk.rounds(3)
        found = taken | take_away(orders, taken)
        assert found.items() <= orders.true.items(), "something false came out"
        if "honest" in kinds:
            assert found == orders.true
            assert built.status()["nodes"][kinds.index("honest")]["state"] == "agrees"


def take_away(orders: Orders, taken: dict[str, int]) -> dict[str, int]:
    """The bank's own system takes what it finds; nothing may come to it twice."""
    found = orders.shown()
    assert not found.keys() & taken.keys(), "an order came out twice"
    for path in (orders.desk.folder / "out").iterdir():
        path.unlink()
    return found


class Platter:
    """``os`` over a folder of which a power cut takes what nobody has synced: the content of a file
    that was written, and the names in a folder that has changed."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.unsynced: set[Path] = set()
        self.folder = folder
        self.appeared: list[str] = []
        patch.setattr(outbox, "os", self)
        for name in ("rename", "replace"):
            patch.setattr(Path, name, self._moving(getattr(Path, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            self.unsynced |= {path, path.parent}
        return os.open(path, flags, mode)

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)
        self.unsynced.discard(Path(f"/proc/self/fd/{descriptor}").resolve())

    def _moving(self, move: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def moved(source: Path, target: Path) -> Path:
            if self.folder in target.parents:
                assert source not in self.unsynced, "a name for what may not be there"
                self.unsynced |= {source.parent, target.parent}
                self.appeared.append(target.parent.name)
            return move(source, target)

        return moved


def test_what_the_database_says_came_out_is_on_the_disk(
    orders: Orders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that a power cut takes after that is an order that is never paid."""
    desk = orders.desk.fresh(tmp_path.resolve())
    platter = Platter(desk.folder, monkeypatch)
    write = desk.kv.write

    def checked(batch: Sequence[Operation], *, sync: bool) -> None:
        assert not platter.unsynced, f"the power takes {platter.unsynced}"
        write(batch, sync=sync)

    monkeypatch.setattr(desk.kv, "write", checked)
    desk.rounds()
    assert orders.shown() == orders.true
    assert sorted(platter.appeared) == [".staged", ".staged", "out", "out"]


@pytest.mark.parametrize("when", ["crash_before", "crash_after"])
@pytest.mark.parametrize("number", range(1, 13))
def test_killed_at_each_write_each_order_comes_out_once(
    orders: Orders, tmp_path: Path, when: str, number: int
) -> None:
    desk = orders.desk.fresh(tmp_path)
    setattr(desk.kv, when, number)
    try:
        desk.rounds()
    except Crash:
        desk.kv = desk.kv.after_crash()
    (tmp_path / "out").mkdir(parents=True, exist_ok=True)
    taken = take_away(orders, {})
    desk.kv.crash_before = desk.kv.crash_after = None
    desk.rounds(2)
    assert taken | take_away(orders, taken) == orders.true


@pytest.mark.parametrize("when", ["crash_before", "crash_after"])
@pytest.mark.parametrize("back", [0, 1])
def test_an_order_that_was_paid_by_hand_meanwhile_does_not_come_out(
    orders: Orders, tmp_path: Path, when: str, back: int
) -> None:
    """The process dies before the file has appeared, staged or not, and is away for a day."""
    desk = orders.desk.fresh(tmp_path)
    desk.rounds()
    fen = 10_000 + desk.orders
    order = desk.order(fen)
    desk.kv.crash_before = desk.kv.crash_after = None
    # Writes of the round: the head, the order, how far the list was looked at, that it is staged.
    setattr(desk.kv, when, desk.kv.writes + 3 + back)
    with pytest.raises(Crash):
        desk.rounds()
    desk.kv = desk.kv.after_crash()
    names = {row["order"] for content in desk.out().values() for row in content}
    assert order not in names
    told = {"payment": order, "amount_fen": fen, "reference": f"BY-HAND-{fen}",
            "value_on": desk.today}  # fmt: skip
    desk.world.do(BANK, "payment", "confirm", told, post="operator")
    built = desk.rounds(3)
    names = {row["order"] for content in desk.out().values() for row in content}
    assert order not in names
    assert desk.files(".staged") == []
    record = built.records.find("order", order)
    assert record is not None
    assert record.state == "paid"


def test_records_are_looked_up_again_in_turn() -> None:
    names = [f"{number}" for number in range(2 * LOOKS_MAX + 5)]
    seen = [in_turn(names, turn) for turn in range(3)]
    assert [name for part in seen for name in part] == names
    assert in_turn(names, 3) == seen[0]
    assert max(map(len, seen)) == LOOKS_MAX
    assert in_turn([], 7) == []


def test_a_node_that_lags_is_told_apart_and_not_asked(orders: Orders, tmp_path: Path) -> None:
    desk = orders.desk.fresh(tmp_path, about("/v1/trail")(Stale()), None)
    built = desk.rounds()
    more = desk.order(666_66)
    orders.true[more] = 666_66
    desk.rounds(1, built)
    desk.rounds(1, built)
    first, second = built.status()["nodes"]
    assert (first["state"], second["state"]) == ("behind", "agrees")
    assert first["behind_by"] == desk.world.node.head.height - first["height"] > 0
    asked = len(desk.doors[0].asked)
    desk.rounds(1, built)
    assert set(desk.doors[0].asked[asked:]) == {"/v1/trail"}, "a node that lags proves nothing"
    assert orders.shown() == orders.true


def test_a_stale_state_is_refused_although_it_was_true(orders: Orders, tmp_path: Path) -> None:
    """The head is new, the proof of the order old: before the bank had reported."""
    desk = orders.desk.fresh(tmp_path, about("state/evidence")(Stale()))
    built = desk.rounds()
    name = next(iter(orders.true))
    desk.world.clock.ms += 60_000
    desk.order(777_77, approved=False)
    desk.rounds(1, built)
    (node,) = built.status()["nodes"]
    assert (node["state"], node["code"]) == ("lies", "member.stale")
    record = built.records.find("order", name)
    assert record is not None
    assert record.state == "approved"


def test_a_node_that_goes_wrong_is_left_alone_for_longer_and_longer(
    orders: Orders, tmp_path: Path
) -> None:
    desk = orders.desk.fresh(tmp_path, declines, None)
    built = desk.rounds(64)
    assert len(desk.doors[0].asked) == 7, "in rounds 1, 2, 4, 8, 16, 32 and 64"
    desk.doors[0].bend = None
    desk.rounds(40, built)
    assert built.status()["nodes"][0]["state"] == "agrees"


def test_a_node_that_lies_now_and_then_stays_named_and_is_asked_less(
    orders: Orders, tmp_path: Path
) -> None:
    """Its heads are good, its proofs are not: between two lies it looks like any other."""
    desk = orders.desk.fresh(tmp_path, None)
    built = desk.open(refresh=4)
    desk.rounds(4, built)
    desk.doors[0].bend = about("state/evidence")(LIARS["truncates"]())
    desk.rounds(1, built)
    for _ in range(60):
        desk.rounds(1, built)
        (node,) = built.status()["nodes"]
        assert node["state"] == "lies"
    assert 2 <= node["lies"] <= 6, "of the 15 rounds in which it is asked for proofs"
    desk.doors[0].bend = None
    desk.rounds(70, built)
    assert built.status()["nodes"][0]["state"] == "agrees"


def test_an_order_that_one_node_leaves_out_is_named_by_another(
    orders: Orders, tmp_path: Path
) -> None:
    desk = orders.desk.fresh(tmp_path, leaves_orders_out, leaves_orders_out, None)
    desk.rounds()
    assert orders.shown() == orders.true


def test_an_order_that_was_listed_too_early_comes_out_when_it_is_approved(
    orders: Orders, tmp_path: Path
) -> None:
    """Else a liar could hold an order back by naming it before its time."""
    desk = orders.desk.fresh(tmp_path, LIARS["lists_too_early"](), None)
    built = desk.rounds(2)
    early = "finance:430000:4"
    record = built.records.find("order", early)
    assert record is not None
    assert record.state == "made"
    assert early not in orders.shown()
    desk.world.do("finance:430000", "payment", "approve", {"payment": early}, post="checker")
    orders.true[early] = 444_44
    desk.rounds(2, built)
    assert orders.shown() == orders.true


def test_the_database_alone_says_what_came_out(orders: Orders, tmp_path: Path) -> None:
    desk = orders.desk.fresh(tmp_path)
    desk.rounds()
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    desk.rounds(2)
    assert desk.files("out") == []
    desk.kv = SimKV()
    desk.rounds()
    assert orders.shown() == orders.true, "a database that was lost knows nothing (LIMITATIONS)"


def test_the_order_of_a_part_that_came_back_is_of_that_part(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "ledger")
    first = desk.order(1_000_00)
    told = {"payment": first, "amount_fen": 1_000_00, "reference": "R-1", "value_on": desk.today}
    desk.world.do(BANK, "payment", "confirm", told, post="operator")
    back = told | {"reference": "B-1", "amount_fen": 250_00, "reason": "limit"}
    desk.world.do(BANK, "payment", "send_back", back, post="operator")
    notice = desk.payment(first)[1]
    part = f"{first}-part"
    order = {"payment": part, "notice": notice, "amount_fen": 250_00, "bank": BANK}
    desk.world.do("finance:430000", "payment", "order", order, post="finance")
    desk.world.do("finance:430000", "payment", "approve", {"payment": part}, post="checker")
    desk.fresh(tmp_path / "member").rounds()
    (row,) = [row for content in desk.out().values() for row in content]
    assert (row["order"], row["amount_fen"]) == (part, 250_00)
    assert row["by_fund_fen"] == {"310101": 250_00}
    (listed,) = desk.world.api.get(f"/v1/banks/{BANK}/orders", reader(BANK)).json()["records"]
    assert {name: listed[name] for name in listed if name in row} == {
        name: row[name] for name in row if name in listed
    }, "a bank without a member node is told the same"
    desk.close()


def test_a_node_that_took_a_snapshot_names_what_is_newer_and_says_so(tmp_path: Path) -> None:
    """What was approved in blocks that it passed over is named by others, or by nobody: the log
    has the height."""
    desk = Desk(tmp_path / "ledger")
    older = desk.order(1_000)
    floor = desk.world.node.head.height + 1
    newer = desk.order(2_000)
    desk.world.node.reader._newest.floor = floor
    desk.fresh(tmp_path / "member")
    built = desk.rounds(2)
    assert {row["order"] for content in desk.out().values() for row in content} == {newer}
    (node,) = built.status()["nodes"]
    assert node["state"] == "agrees"
    begun = [line for line in desk.logged() if line["event"] == "member.list-begins"]
    assert {(line["height"], line["code"]) for line in begun} == {(floor, "read.below-floor")}
    desk.world.node.reader._newest.floor = 0
    desk.doors = [Door(desk.world), Door(desk.world)]
    desk.rounds(1)
    found = {row["order"] for content in desk.out().values() for row in content}
    assert found == {older, newer}, "the second node has all blocks"
    desk.close()


def test_a_slow_node_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    """What it says is true, a proof each quarter of its turn: the next node has its turn as well in
    the same round, and what is left at the slow one is not lost."""
    desk = Desk(tmp_path)
    try:
        names = {desk.order(fen) for fen in range(1_000, 1_009)}

        def slow(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
            desk.world.clock.ms += TURN_S_MAX * 250
            return answer

        desk.doors = [Door(desk.world, about("state/evidence")(slow)), Door(desk.world)]
        built = desk.rounds()
        asked, rest = (sum("evidence" in path for path in door.asked) for door in desk.doors)
        assert asked <= 5
        assert rest > asked
        assert {row["order"] for content in desk.out().values() for row in content} == names
        assert built.status()["nodes"][0]["state"] == "agrees"
        alone = desk.fresh(tmp_path / "alone", about("state/evidence")(slow)).rounds(5)
        assert alone.status()["open_orders"] == len(names)
    finally:
        desk.close()
