"""Ageing of all institutions of an area: where the money waits, how long, and that it adds up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.ageing import SUMS
from node.api.ageing import BANDS, band_names, band_of
from tests.cli.month_desk import FINANCE_GUANGZHOU, JUNE, Desk
from tests.contracts.settlement.claim_world import BED, line, visit
from tests.contracts.world import (
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    CENTRE,
    HOSPITAL,
)
from tests.node.api.real import OTHER_HOSPITAL

AUDITOR = "auditor:national"
ONE, TWO, ELSEWHERE = "H44010000123-m-1", "H44010000123-m-2", "H44010000999-m-1"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One hospital's June is confirmed and not paid, one settlement was set aside; another hospital
    has declared nothing. It is 15 September."""
    made = Desk(tmp_path_factory.mktemp("node"))
    made.settle(ONE, [line(1, BED, 100_000)])
    made.settle(TWO, [line(1, BED, 50_000)])
    made.claims.settle(ELSEWHERE, [line(1, BED, 20_000)], visit(), sender=OTHER_HOSPITAL)
    made.on("2025-07-01").declare()
    aside = {"institution": HOSPITAL, "month": JUNE,
             "claims": [{"claim": TWO, "reason": "papers_missing"}]}  # fmt: skip
    made.do(BUREAU_GUANGZHOU, "declaration", "set_aside", aside, "audit")
    made.confirm()
    made.on("2025-09-15").settle("H44010000123-m-3", [line(1, BED, 10_000)])
    yield made
    made.close()


def report(desk: Desk, area: str = "440100", who: str = BUREAU_GUANGZHOU) -> Any:
    return desk.screens.json(who, "finance", "declaration", "ageing", area)


def test_the_bureau_sees_every_institution_and_the_totals_add_up(desk: Desk) -> None:
    told = report(desk)
    rows = {row["institution"]: row for row in told["institutions"]}
    assert set(rows) == {HOSPITAL, OTHER_HOSPITAL}
    mine, theirs = rows[HOSPITAL], rows[OTHER_HOSPITAL]
    assert (theirs["payable_fen"], theirs["undeclared_fen"]) == (17_000, 17_000)
    assert mine["to_be_paid_fen"] == 59_500
    assert (mine["rolled_claims"], mine["rolled_fen"]) == (1, 42_500)
    (rolled,) = mine["rolled"]
    assert (rolled["month"], rolled["claims"], rolled["amount_fen"]) == (JUNE, 1, 42_500)
    assert 50 < rolled["working_days_since_month"] <= 60, "from the end of June to 15 September"
    assert mine["rolled_bands_fen"] == {"to_20": 0, "to_60": 42_500, "to_120": 0, "above_120": 0}
    assert mine["undeclared_fen"] == 42_500 + 8_500, "what was set aside is to be declared again"
    for row in rows.values():
        waits = ("undeclared_fen", "in_audit_fen", "to_be_paid_fen")
        assert row["payable_fen"] == sum(row[name] for name in waits)
    assert mine["overdue_working_days"] > 20, "due on 29 July"
    assert mine["bands_fen"] == {"to_20": 0, "to_60": 59_500, "to_120": 0, "above_120": 0}
    totals = told["totals"]
    assert totals["institutions"] == 2
    assert totals["overdue_institutions"] == 1
    for name in SUMS:
        assert totals[name] == sum(row[name] for row in rows.values()), name
    assert totals["overdue_fen"] == 59_500
    assert totals["rolled"] == mine["rolled"], "the other hospital has none"
    assert totals["rolled_bands_fen"] == mine["rolled_bands_fen"]


def test_it_agrees_with_the_institutions_own_and_with_its_account(desk: Desk) -> None:
    with desk.screens.client(HOSPITAL, "finance") as client:
        own = client.get(f"/v1/institutions/{HOSPITAL}/ageing")["record"]
        account = client.get(f"/v1/accounts/payable:{HOSPITAL}")["balances"]
    (mine,) = [r for r in report(desk)["institutions"] if r["institution"] == HOSPITAL]
    assert mine["payable_fen"] == int(own["payable_fen"]) == sum(map(int, account.values()))
    assert mine["undeclared_fen"] == int(own["undeclared_fen"])


def test_a_province_sees_its_cities_and_others_do_not(desk: Desk) -> None:
    assert report(desk, "440000", BUREAU_GUANGDONG) | {"area": ""} == report(desk) | {"area": ""}
    country = desk.screens.json(AUDITOR, "audit", "declaration", "ageing", "000000")["totals"]
    assert country == report(desk)["totals"], "no area's report is empty because it is wide"
    desk.screens.text(BUREAU_GUANGDONG, "finance", "declaration", "ageing", "000000", code=4)
    words = ("declaration", "ageing", "440100")
    for who in (BUREAU_CHANGSHA, HOSPITAL):
        desk.screens.text(who, "finance", *words, code=4)
    text = desk.screens.text(BUREAU_GUANGZHOU, "finance", *words)
    for shown in (HOSPITAL, OTHER_HOSPITAL, "595.00", "to 60", "Rolled on unconfirmed", "425.00"):
        assert shown in text


def test_what_is_paid_waits_no_more(desk: Desk) -> None:
    desk.pay(FINANCE_GUANGZHOU, f"institution:{JUNE}:{HOSPITAL}", 59_500, "2025-09-15")
    totals = report(desk)["totals"]
    assert totals["to_be_paid_fen"] == totals["overdue_fen"] == sum(totals["bands_fen"].values())
    assert totals["to_be_paid_fen"] == 0
    assert totals["payable_fen"] == totals["undeclared_fen"] > 0


def test_what_is_declared_again_rolls_no_more(desk: Desk) -> None:
    row = {"settlement": TWO, "total_fen": 50_000, "funds_fen": 42_500, "accounts_fen": 0}
    desk.do(HOSPITAL, "declaration", "declare", {"month": "2025-07", "rows": [row]}, "finance")
    assert report(desk)["totals"]["rolled"] == []
    own = desk.screens.json(HOSPITAL, "finance", "declaration", "ageing", HOSPITAL)
    assert own["record"]["rolled"] == []


@given(st.integers(0, 10_000))
def test_every_day_is_in_one_band(days: int) -> None:
    edges = (-1, *BANDS, 10**9)
    (place,) = [n for n in range(len(edges) - 1) if edges[n] < days <= edges[n + 1]]
    assert band_of(days) == band_names()[place]


def test_what_was_set_off_against_a_notice_is_not_owed_beside_it(desk: Desk) -> None:
    """A finding on June lowers July's notice: what waits adds up before and after."""
    struck = {"line": "1", "line_fen": 100_000, "amount_fen": 700, "reason": "not_done"}
    desk.deduct("440100-d1", ONE, [struck])
    desk.decide("440100-d1", 700)
    total = {"scheme": "310", "clearing_type": "310112", "agency": "430100", "settlements": 1,
             "total_fen": 50_000, "funds_fen": 42_500, "accounts_fen": 0}  # fmt: skip
    closing = {"month": "2025-07", "totals": [total]}
    desk.do(HOSPITAL, "declaration", "close", closing, "finance")

    def waits() -> list[int]:
        totals = report(desk)["totals"]
        (mine,) = [row for row in report(desk)["institutions"] if row["institution"] == HOSPITAL]
        parts = ("undeclared_fen", "in_audit_fen", "to_be_paid_fen", "due_next_fen")
        assert mine["payable_fen"] == sum(mine[name] for name in parts)
        assert totals["payable_fen"] == sum(totals[name] for name in parts)
        return [mine[name] for name in parts[1:]]

    assert waits() == [42_500, 0, -700]
    desk.do(CENTRE, "clearing", "cut", {"period": JUNE}, "finance")
    desk.confirm("2025-07")
    assert waits() == [0, 42_500 - 700, 0]
    own = desk.screens.json(HOSPITAL, "finance", "declaration", "ageing", HOSPITAL)["record"]
    assert [int(month["owed_fen"]) for month in own["months"]] == [42_500 - 700]
