"""The index is what the chain says: rebuilt it is the same, changed it is found out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node import indexer
from node.ledger.receipt import Event, Receipt, ReceiptPosting
from node.ledger.transaction import SignedTransaction
from node.ledger.types import Digest
from node.store import keys
from node.store.database import Database
from node.store.errors import DerivedDamaged
from node.store.index import Subject
from tests.node.network import HOSPITAL, Client, make_genesis
from tests.node.store.sim_kv import SimKV

GENESIS, _ = make_genesis()
CLIENT = Client(GENESIS.chain)
TRANSACTION = CLIENT.sign([("claim", "settle", {"claim": "c1", "note": "x"}),
                           ("claim", "settle", {"claim": "c2"})])  # fmt: skip


def receipt(index: int, **changes: object) -> Receipt:
    made = Receipt(
        TRANSACTION.id, index, "ok", "", {}, {"filing": "f9"},
        (Event("claim.settled", {"claim": f"c{index + 1}", "person": "p:1", "hospital": "h:1"}),),
        {}, {}, (ReceiptPosting("t", "person:p:430100:7f3a:account", "310200", -5),
                 ReceiptPosting("t", "fund:430100", "310100", 5),
                 ReceiptPosting("t", "fund:430100", "330100", 0)),
        None, Digest(bytes(32)),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def subjects(receipts: list[Receipt]) -> set[tuple[Subject, str, int]]:
    """What a database with these rows lists, asked for by every name that occurs."""
    kv = SimKV()
    kv.write(indexer.index_rows(7, [TRANSACTION], receipts), sync=True)
    index = Database(kv, diff_heights=1).index
    names = ("c1", "c2", "p:1", "p:430100:7f3a", "f9", "h:1", HOSPITAL, "claim.settled",
             "fund:430100", "person:p:430100:7f3a:account")  # fmt: skip
    return {
        (subject, name, entry.receipt_index)
        for subject in Subject
        for name in names
        for entry in index.calls(subject, name, None, 100)
    }


def test_a_call_is_listed_under_everything_that_it_names() -> None:
    expected = {
        (subject, name, number)
        for number in (0, 1)
        for subject, name in (
            (Subject.CLAIM, f"c{number + 1}"), (Subject.PERSON, "p:1"), (Subject.FILING, "f9"),
            (Subject.PERSON, "p:430100:7f3a"), (Subject.INSTITUTION, "h:1"),
            (Subject.ORGANISATION, HOSPITAL), (Subject.TOPIC, "claim.settled"),
            (Subject.ACCOUNT, "fund:430100"), (Subject.ACCOUNT, "person:p:430100:7f3a:account"),
        )
    }  # fmt: skip
    assert subjects([receipt(0), receipt(1)]) == expected


def test_a_notice_is_listed_under_both_areas_and_those_around_them() -> None:
    told = {"payer_region": "440106", "payee_region": "430000", "insurer": "insurer:x"}
    event = Event("notice.issued", told)
    kv = SimKV()
    rows = indexer.index_rows(7, [TRANSACTION], [receipt(0, events=(event,)), receipt(1)])
    kv.write(rows, sync=True)
    index = Database(kv, diff_heights=1).index

    def places(subject: Subject, name: str) -> list[int]:
        return [entry.receipt_index for entry in index.calls(subject, name, None, 10)]

    for area in ("440106", "440100", "440000", "430000"):
        assert places(Subject.AREA, area) == [0], area
    for area in ("000000", "440107", "430100"):
        assert places(Subject.AREA, area) == [], "nobody's finance department is the country's"
    assert places(Subject.INSTITUTION, "insurer:x") == [0]
    nonsense = Event("notice.issued", {"payer_region": 7, "payee_region": "hospital:H1"})
    made = indexer.index_rows(7, [TRANSACTION], [receipt(0, events=(nonsense,)), receipt(1)])
    assert not any(key.startswith(keys.INDEX + Subject.AREA.value) for key, _ in made)


def test_a_refused_call_is_its_senders_affair_only() -> None:
    refused = receipt(0, status="rejected", code="x", events=(), postings=(), answer={})
    assert {row for row in subjects([refused, receipt(1)]) if row[2] == 0} == {
        (Subject.ORGANISATION, HOSPITAL, 0)
    }


def test_names_that_are_no_ids_are_left_out() -> None:
    odd = receipt(0, answer={"claim": 5, "person": "", "filing": "f" * 2_000}, events=())
    assert {s for s, _, n in subjects([odd, receipt(1)]) if n == 0} == {
        Subject.CLAIM, Subject.ORGANISATION, Subject.ACCOUNT, Subject.PERSON,
    }  # fmt: skip


def test_both_accounts_of_a_person_are_listed_under_the_person() -> None:
    person = "p:430100:account"  # The end of one kind of name is a name like others.
    accounts = (f"person:{person}:account", f"wallet:{person}")
    postings = tuple(ReceiptPosting("t", account, "310200", 1) for account in accounts)
    kv = SimKV()
    for height, posting in enumerate(postings):
        rows = indexer.index_rows(
            height, [TRANSACTION], [receipt(0, postings=(posting,)), receipt(1, postings=())]
        )
        kv.write(rows, sync=True)
    calls = Database(kv, diff_heights=1).index.calls(Subject.PERSON, person, None, 100)
    assert [entry.height for entry in calls] == [0, 1]


def test_one_name_is_no_prefix_of_another() -> None:
    kv = SimKV()
    kv.write(indexer.index_rows(7, [TRANSACTION], [receipt(0), receipt(1)]), sync=True)
    index = Database(kv, diff_heights=1).index
    assert index.calls(Subject.CLAIM, "c", None, 9) == []
    assert index.calls(Subject.ACCOUNT, "fund:4301", None, 9) == []


@pytest.mark.parametrize("damage", ["missing", "changed", "digest", "no digest"])
def test_a_wrong_index_is_found_out(damage: str, tmp_path: Path) -> None:
    kv = SimKV()
    rows = indexer.index_rows(7, [TRANSACTION], [receipt(0), receipt(1)])
    kv.write(rows, sync=True)
    database = Database(kv, diff_heights=1)
    whole: tuple[list[SignedTransaction], list[Receipt]] = (
        [TRANSACTION], [receipt(0), receipt(1)]
    )  # fmt: skip
    indexer.verify_height(database, 7, *whole)
    first = rows[0][0]
    changes = {
        "missing": (first, None), "changed": (first, bytes(36)),
        "digest": (keys.at_height(keys.INDEX_DIGEST, 7), bytes(32)),
        "no digest": (keys.at_height(keys.INDEX_DIGEST, 7), None),
    }  # fmt: skip
    kv.write([changes[damage]], sync=True)
    with pytest.raises(DerivedDamaged, match="build them again"):
        indexer.verify_height(database, 7, *whole)
