"""Work lists say what the state says: kept up by blocks, or made anew, they are the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.settlement import calendar
from contracts.settlement.filing_record import (
    APPROVED,
    CANCELLED,
    PENDING,
    REFUSED,
    Filing,
    Version,
)
from contracts.settlement.records import Visit
from contracts.settlement.recovery_record import Recovery, RecoveryStage
from contracts.settlement.reimbursement_record import Place, Reimbursement, Stage
from contracts.settlement.wallet import CLAIMED, RETURNED, WAITING
from node import worklists
from node.ledger.codec import encode
from node.store.database import Database
from node.store.errors import DerivedDamaged
from node.store.state import state_rows
from node.store.work import WorkList, WorkRow, key_of
from tests.node.store.sim_kv import SimKV

AREA, NEXT_AREA = "430100", "430200"
DAYS = [f"2025-06-{day:02d}" for day in range(1, 29)]
Entry = Filing | tuple[str, Reimbursement | Recovery | list[Any]]
"""A filing, or the id of another thing with it."""


def version(number: int, **given: object) -> Version:
    made = Version(
        number=number, status=APPROVED, type="other", care_region="440100", hospital="",
        effective_from="2025-06-01", valid_to=None, submitted_ms=0, submitted_on="2025-06-01",
        channel="app", provisional_until=None, decide_by=None, by="bureau:430100", holder="s:1",
        reason="", digest=bytes(32),
    )  # fmt: skip
    return replace(made, **given)  # type: ignore[arg-type]


def filing(name: str, *versions: Version, area: str = AREA, warned: str = "") -> Filing:
    return Filing(name, "p:430100:a", area, versions, bytes(32), warned)


def pending(day: str) -> Version:
    return version(1, status=PENDING, decide_by=day)


def reimbursement(stage: Stage, due_on: str, area: str = AREA) -> Reimbursement:
    return Reimbursement(
        stage=stage, person="p:430100:a", area=area, scheme="310", agent="",
        place=Place("", "510100", 2, "hospital"),
        visit=Visit("inpatient", "2025-05-01", "2025-05-09", False, False, False, False, ""),
        total_fen=1, invoices=(("1", "2"),), account=bytes(32), filed_on="2025-05-10",
        due_on=due_on, asked=False, reviewer="", advice="", reason="", decider="", payments=(),
        counters=(), orders=(), digest=bytes(32), last=bytes(32), salt=bytes(32),
    )  # fmt: skip


def recovery(stage: RecoveryStage, due_on: str) -> Recovery:
    return Recovery(
        stage=stage, claim="c1", grounds="not_paid", liable=bytes(32), registrar="s:1",
        paid_first=True, demanded_fen=9, due_on=due_on, bank="", parts=(), reason="", restored=(),
        digest=bytes(32), last=bytes(32), salt=bytes(32),
    )  # fmt: skip


class Store:
    """State and lists in one store, written as the node writes a block."""

    def __init__(self) -> None:
        self.kv = SimKV()
        self.database = Database(self.kv, diff_heights=1)
        worklists.rebuild(self.kv, self.database)

    def block(self, *entries: Entry) -> None:
        writes: dict[str, bytes | None] = {"claim/c1": encode([1])}
        for entry in entries:
            if isinstance(entry, Filing):
                writes[f"filing/{entry.id}"] = encode(entry.encode())
            elif isinstance(entry[1], Reimbursement):
                writes[f"reimbursement/{entry[0]}"] = encode(entry[1].encode())
            elif isinstance(entry[1], Recovery):
                writes[f"recovery/{entry[0]}"] = encode(entry[1].encode())
            else:
                writes[f"wallet-transfer/{entry[0]}"] = encode(entry[1])
        rows = worklists.changes(writes, self.database.state.get)
        self.kv.write([*rows, *state_rows(writes)], sync=True)

    def names(self, work: WorkList, area: str = AREA, first: str = "1000-01-01") -> list[str]:
        rows = self.database.work.items(work, area, first, None, 1_000)
        return [row.name for row in rows]


versions = st.builds(
    version, st.just(1), status=st.sampled_from([APPROVED, PENDING, CANCELLED, REFUSED]),
    valid_to=st.none() | st.sampled_from(DAYS), decide_by=st.sampled_from(DAYS),
    provisional_until=st.none() | st.sampled_from(DAYS),
)  # fmt: skip
filings = st.builds(
    lambda n, made, area, warned: filing(f"f{n}", *made, area=area, warned=warned),
    st.integers(1, 5), st.lists(versions, min_size=1, max_size=3),
    st.sampled_from([AREA, NEXT_AREA]), st.just("") | st.sampled_from(DAYS),
)  # fmt: skip
reimbursements = st.builds(
    lambda n, stage, due: (f"z{n}", reimbursement(stage, due)),
    st.integers(1, 3), st.sampled_from(Stage), st.just("") | st.sampled_from(DAYS),
)  # fmt: skip


def sent(status: str, day: str, area: str = AREA) -> list[Any]:
    """A wallet transfer that goes back at six of a day."""
    back_ms = calendar.start_of_day_ms(day) + 6 * 3_600_000
    return [f"p:{area}:giver", "p:440100:receiver", 100, status, back_ms, bytes(32), bytes(32)]


transfers = st.builds(
    lambda n, status, day, area: (f"w{n}", sent(status, day, area)),
    st.integers(1, 3), st.sampled_from([WAITING, CLAIMED, RETURNED]), st.sampled_from(DAYS),
    st.sampled_from([AREA, NEXT_AREA]),
)  # fmt: skip


recoveries = st.builds(
    lambda area, n, stage, due: (f"{area}q{n}", recovery(stage, due)),
    st.sampled_from([AREA, NEXT_AREA]), st.integers(1, 3), st.sampled_from(RecoveryStage),
    st.just("") | st.sampled_from(DAYS),
)  # fmt: skip


@given(
    st.lists(st.lists(filings | reimbursements | transfers | recoveries, max_size=4), max_size=6)
)
def test_kept_up_by_blocks_or_made_from_the_state_they_are_the_same(
    blocks: list[list[Entry]],
) -> None:
    store = Store()
    for entries in blocks:
        store.block(*entries)
        worklists.verify(store.database)
    kept = list(store.database.work.all())
    worklists.rebuild(store.kv, store.database)
    assert list(store.database.work.all()) == kept


def test_what_is_due_first_comes_first_and_areas_are_apart() -> None:
    store = Store()
    store.block(
        filing("f1", pending("2025-06-20")), filing("f3", pending("2025-06-11")),
        filing("f2", pending("2025-06-11")), filing("f4", pending("2025-06-10"), area=NEXT_AREA),
        ("z1", reimbursement(Stage.FILED, "2025-06-12")),
    )  # fmt: skip
    assert store.names(WorkList.FILINGS) == ["f2", "f3", "f1"]
    assert store.names(WorkList.FILINGS, first="2025-06-12") == ["f1"]
    assert store.names(WorkList.FILINGS, NEXT_AREA) == ["f4"]
    assert store.names(WorkList.REIMBURSEMENTS) == ["z1"]
    late = sent(WAITING, "2025-06-12")
    store.block(("w2", late), ("w1", late), ("w3", sent(WAITING, "2025-06-11")))
    store.block(("w4", sent(CLAIMED, "2025-06-11")))
    assert store.names(WorkList.WALLETS) == ["w3", "w1", "w2"]
    store.block(("w1", sent(RETURNED, "2025-06-12")))
    assert store.names(WorkList.WALLETS) == ["w3", "w2"]
    behind = store.database.work.items(
        WorkList.FILINGS, AREA, "1000-01-01", ("2025-06-11", "f2"), 1
    )
    assert behind == [WorkRow("2025-06-11", "f3", "pending")]


def test_a_recovery_is_on_the_list_of_the_bureau_that_took_it_up_until_its_end() -> None:
    store = Store()
    store.block(
        ("430100q1", recovery(RecoveryStage.DEMANDED, "2025-06-20")),
        ("430100q2", recovery(RecoveryStage.REGISTERED, "")),
        ("430100q3", recovery(RecoveryStage.DEMANDED, "2025-06-11")),
        ("430200q1", recovery(RecoveryStage.AGREED, "")),
        ("430100q4", recovery(RecoveryStage.CLOSED, "")),
    )
    assert store.names(WorkList.RECOVERIES) == ["430100q2", "430100q3", "430100q1"]
    assert store.names(WorkList.RECOVERIES, NEXT_AREA) == ["430200q1"]
    store.block(
        ("430100q1", recovery(RecoveryStage.RECOVERED, "2025-06-20")),
        ("430100q2", recovery(RecoveryStage.WITHDRAWN, "")),
        ("430100q3", recovery(RecoveryStage.DEMANDED, "2025-07-11")),
        ("430200q1", recovery(RecoveryStage.REFUSED, "")),
    )
    ((key, note),) = store.database.work.all()
    assert key == key_of(WorkList.RECOVERIES, AREA, "2025-07-11", "430100q3")
    assert note == b"demanded"


def test_an_institution_is_in_the_lists_of_all_that_it_lies_in() -> None:
    """Also where it is admitted anew elsewhere; a bureau is in none."""
    store = Store()

    def admit(org_id: str, region: str) -> None:
        writes: dict[str, bytes | None] = {f"org/{org_id}": encode({"region": region})}
        rows = worklists.changes(writes, store.database.state.get)
        store.kv.write([*rows, *state_rows(writes)], sync=True)
        worklists.verify(store.database)

    for org_id, region in (
        ("hospital:H1", "440106"), ("pharmacy:P1", "440100"), ("hospital:H2", "440000"),
        ("bureau:440100", "440100"),
    ):  # fmt: skip
        admit(org_id, region)
    names = {area: store.names(WorkList.INSTITUTIONS, area) for area in
             ("440106", "440100", "440000", "430000", "000000")}  # fmt: skip
    assert names == {
        "440106": ["hospital:H1"], "440100": ["hospital:H1", "pharmacy:P1"],
        "440000": ["hospital:H1", "hospital:H2", "pharmacy:P1"], "430000": [],
        "000000": ["hospital:H1", "hospital:H2", "pharmacy:P1"],
    }  # fmt: skip
    admit("hospital:H1", "440300")
    assert store.names(WorkList.INSTITUTIONS, "440100") == ["pharmacy:P1"]
    assert store.names(WorkList.INSTITUTIONS, "440300") == ["hospital:H1"]
    kept = list(store.database.work.all())
    worklists.rebuild(store.kv, store.database)
    assert list(store.database.work.all()) == kept


def test_what_is_done_is_gone() -> None:
    store = Store()
    waiting = pending("2025-06-11")
    store.block(filing("f1", waiting), ("z1", reimbursement(Stage.FILED, "2025-06-12")))
    store.block(
        filing("f1", waiting, version(2, valid_to="2025-12-01")),
        ("z1", reimbursement(Stage.PAID, "")),
    )
    assert store.names(WorkList.FILINGS) == store.names(WorkList.REIMBURSEMENTS) == []
    assert store.names(WorkList.ENDING) == ["f1"]
    over = version(3, status=CANCELLED)
    store.block(filing("f1", waiting, version(2, valid_to="2025-12-01"), over))
    assert list(store.database.work.all()) == []


def test_a_change_that_waits_leaves_the_end_of_what_stands() -> None:
    store = Store()
    store.block(
        filing(
            "f1", version(1, valid_to="2025-12-01", provisional_until="2025-06-30"),
            version(2, status=PENDING, decide_by="2025-06-12", valid_to="2026-06-01"),
        )
    )  # fmt: skip
    (row,) = store.database.work.items(WorkList.ENDING, AREA, "1000-01-01", None, 9)
    assert row == WorkRow("2025-06-30", "f1", "lapses")
    assert store.names(WorkList.FILINGS) == ["f1"]


@pytest.mark.parametrize(
    "damage", ["missing", "invented", "another note", "not whole", "of another program"]
)
def test_lists_that_are_not_the_states_are_found_out(damage: str) -> None:
    store = Store()
    store.block(filing("f1", pending("2025-06-11")))
    worklists.verify(store.database)
    row = key_of(WorkList.FILINGS, AREA, "2025-06-11", "f1")
    change = {
        "missing": (row, None),
        "invented": (key_of(WorkList.FILINGS, AREA, "2025-06-11", "f9"), b"pending"),
        "another note": (row, b"x"),
        "not whole": (b"mwork-lists", None),
        "of another program": (b"mwork-lists", b"1"),
    }[damage]
    store.kv.write([change], sync=True)
    why = "made by other rules" if change[0] == b"mwork-lists" else "[12] rows of the work lists"
    with pytest.raises(DerivedDamaged, match=rf"({why}).*yibao node reindex"):
        worklists.verify(store.database)
    worklists.rebuild(store.kv, store.database)
    worklists.verify(store.database)
