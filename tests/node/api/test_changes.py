"""What a call changed for an organisation: of a call that several are named in, each its own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from node.api.changes import _changed
from node.api.guard import Access
from node.api.ports import CallRow
from node.ledger.receipt import Event, Receipt
from node.ledger.types import Digest

TX = bytes(range(32))
MINE, OTHER = "hospital:H1", "hospital:H2"


def changed(by: str, subject: str, *events: tuple[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Of one call with these events."""
    receipt = Receipt(
        Digest(TX), 3, "ok", "", {}, {}, tuple(Event(topic, fields) for topic, fields in events),
        {}, {}, (), None, Digest(bytes(32)),
    )  # fmt: skip
    view = SimpleNamespace(receipts=lambda height: {7: [b"", receipt.encode()]}[height])
    access = cast(Access, SimpleNamespace(view=view))
    return list(_changed(access, CallRow(7, 1, TX, 3), by, subject))


def test_each_institution_is_told_its_own() -> None:
    events = (
        ("claim.settled", {"claim": "c1", "institution": MINE}),
        ("claim.settled", {"claim": "c2", "institution": OTHER}),
        ("claim.resettled", {"claim": "c1", "institution": MINE}),
        ("claim.reversed", {"claim": "c0", "reversal": "r0", "institution": OTHER}),
    )
    assert changed("institution", MINE, *events) == [("settlement", "c1")]
    assert changed("institution", OTHER, *events) == [("settlement", "c2"), ("refund", "r0")]
    assert changed("institution", "hospital:H", *events) == []


def test_a_declaration_tells_of_its_call_and_of_its_month() -> None:
    rows = ("declaration.rows", {"month": "2025-06", "institution": MINE, "rows": 2})
    assert changed("institution", MINE, rows) == [
        ("declared", f"2025-06.{TX.hex()}.3"), ("month", "2025-06")
    ]  # fmt: skip


def test_an_insurer_is_told_settlements_of_which_its_own_product_pays() -> None:
    """A bill is decided again for another person: the old insurer hears of the old bill alone."""
    events = (
        ("cover.cancelled", {"payment": "c1.1", "insurer": "insurer:a"}),
        ("cover.settled", {"payment": "c2.1", "insurer": "insurer:b"}),
        ("claim.settled", {"claim": "c2", "institution": MINE}),
        ("cover.authorised", {"product": "p", "insurer": "insurer:b"}),
    )
    assert changed("institution", "insurer:a", *events) == [("cover", "c1.1")]
    assert changed("institution", "insurer:b", *events) == [("cover", "c2.1"), ("settlement", "c2")]


def test_an_area_is_told_notices_and_payments_within_it() -> None:
    across = {"payer_region": "430100", "payee_region": "440000"}
    inside = {"payer_region": "440106", "institution": MINE}
    events = (
        ("notice.issued", {"notice": "n1", **across}),
        ("payment.made", {"payment": "p1", "notice": "n1", **across}),
        ("notice.paid", {"notice": "n2", **inside}),
        ("deduction.noticed", {"deduction": "d", "institution": MINE, "area": "440100"}),
    )
    told = {
        "430000": {"n1", "p1"}, "430100": {"n1", "p1"}, "430102": set(),
        "440000": {"n1", "p1", "n2"}, "440100": {"n2"}, "510000": set(),
    }  # fmt: skip
    for region, names in told.items():
        assert {name for _, name in changed("area", region, *events)} == names, region
