"""A province's own clearing over a real node: from a bed in another city of the same province to
the banks of both cities, and what is passed on of other provinces' money. Then what is found later.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.month_desk import FINANCE_GUANGDONG, FINANCE_GUANGZHOU, FINANCE_HUNAN, JUNE, Desk
from tests.contracts.settlement.claim_world import BED, BOB, EMPLOYEE_POLICY, line, visit
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    CENTRE,
    FINANCE,
    HOSPITAL,
)

BUREAU_SHENZHEN, FINANCE_SHENZHEN = "bureau:440300", "finance:440300"
CAROL = "p:440300:carol"
INSIDE, ACROSS, LATER, AGAIN, FAMILY = (f"H44010000123-m-{n}" for n in range(1, 6))
HELP = 30_000
CARD = {"kind": "card", "certificate": "03"}
JULY = "2025-07"
AUDITOR = ("auditor:national", "audit")


def both_say_yes(desk: Desk, period: str, home: str, care: str, *bureaus: str) -> int:
    """Both confirm by what the command shows them; gives the amount."""
    words = ("clearing", "statement", period, home, care)
    fen = int(desk.screens.json(bureaus[0], "finance", *words)["record"]["total_fen"])
    said = {"period": period, "home": home, "care": care, "amount_fen": fen}
    for bureau in bureaus:
        desk.do(bureau, "clearing", "confirm", said, "finance")
    return fen


def allow(desk: Desk) -> None:
    """Carol's account in Shenzhen pays 300.00 for Alice of Changsha, and so does Bob's there."""
    for owner, bureau, relation in (
        (CAROL, BUREAU_SHENZHEN, "child"), (BOB, BUREAU_CHANGSHA, "spouse")
    ):  # fmt: skip
        number = bureau.removeprefix("bureau:")
        money = {"transfer": f"{number}d-c", "person": owner, "amount_fen": 1_000_000}
        desk.do(bureau, "funds", "deposit", money, "finance")
        tie = {"owner": owner, "person": ALICE, "relation": relation, "limit_fen": HELP,
               "from": "2025-06-01", "presence": CARD}  # fmt: skip
        desk.do(bureau, "family", "authorise", tie, "clerk")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """June to its end; in July a line of June's is struck, and July is cleared between the
    provinces; the two cities have not said yes to theirs."""
    parties = ((BUREAU_SHENZHEN, "bureau", "440300"), (FINANCE_SHENZHEN, "finance", "440300"))
    made = Desk(tmp_path_factory.mktemp("node"), parties)
    speak: Any = made.world
    enrol(speak, CAROL, BUREAU_SHENZHEN)
    enrol(speak, BOB)
    policy = {"area": "440300", "scheme": "310", "effective_from": "2025-01-01",
              "source": EMPLOYEE_POLICY}  # fmt: skip
    made.do(BUREAU_SHENZHEN, "policy", "deploy", policy, "checker")
    made.settle(INSIDE, [line(1, BED, 100_000)], visit(CAROL))
    made.settle(ACROSS, [line(1, BED, 100_000)], visit(ALICE))
    allow(made)
    made.settle(
        FAMILY, [line(1, BED, 300_000)], visit(ALICE), use_account=True, family=[CAROL, BOB]
    )
    made.on("2025-07-01").declare()
    owed = made.confirm()
    made.pay(FINANCE_GUANGZHOU, f"institution:{JUNE}:{HOSPITAL}", owed, "2025-07-01")
    made.on("2025-07-21").do(CENTRE, "clearing", "cut", {"period": JUNE}, "finance")
    inside = both_say_yes(made, JUNE, "440300", "440100", BUREAU_SHENZHEN, BUREAU_GUANGZHOU)
    across = both_say_yes(made, JUNE, "430000", "440000", BUREAU_HUNAN, BUREAU_GUANGDONG)
    made.pay(FINANCE_HUNAN, f"clearing:{JUNE}:430000:440000", across, "2025-07-21")
    for method, area, province, payer in (
        ("levy", "440300", BUREAU_GUANGDONG, FINANCE_SHENZHEN),
        ("levy", "430100", BUREAU_HUNAN, FINANCE),
        ("allot", "440100", BUREAU_GUANGDONG, FINANCE_GUANGDONG),
    ):
        asked = made.do(province, "clearing", method, {"area": area}, "finance")
        fen = int(asked["amount_fen"])
        assert fen == {"440300": inside, "430100": across, "440100": inside + across}[area]
        made.pay(payer, asked["notice"], fen, "2025-07-21")
    made.settle(LATER, [line(1, BED, 50_000, day="2025-07-21")],
                visit(ALICE, admission="2025-07-21"), discharge="2025-07-21")  # fmt: skip
    made.settle(AGAIN, [line(1, BED, 30_000, day="2025-07-21")],
                visit(CAROL, admission="2025-07-21"), discharge="2025-07-21")  # fmt: skip
    struck = {"line": "1", "line_fen": 100_000, "amount_fen": 1_000, "reason": "not_done"}
    made.deduct("440100-d1", ACROSS, [struck])
    made.decide("440100-d1", 1_000)
    made.on("2025-08-01").declare(JULY)
    made.confirm(JULY)
    made.on("2025-08-21").do(CENTRE, "clearing", "cut", {"period": JULY}, "finance")
    across = both_say_yes(made, JULY, "430000", "440000", BUREAU_HUNAN, BUREAU_GUANGDONG)
    made.pay(FINANCE_HUNAN, f"clearing:{JULY}:430000:440000", across, "2025-08-21")
    yield made
    made.close()


def test_from_the_bed_to_the_banks_of_both_cities(desk: Desk) -> None:
    traced = desk.screens.json(*AUDITOR, "trace", INSIDE)
    assert traced["balanced"]
    month = traced["month"]
    assert (month["statement"]["home"], month["statement"]["care"]) == ("440300", "440100")
    assert month["clearing"] is None
    assert month["institution"]["payment"]["reference"] == "R-1"
    assert month["levy"]["payment"]["reference"] == "R-3"
    assert month["allotment"]["payment"]["reference"] == "R-5"
    text = desk.screens.text(*AUDITOR, "trace", INSIDE)
    for words in ("440300 -> 440100, period 2025-06", "上解: remittance:440300:1, paid",
                  "下拨: allotment:440100:1, paid", "R-5 of 2025-07-21"):  # fmt: skip
        assert words in text


def test_across_provinces_every_leg_is_shown_and_the_later_finding_too(desk: Desk) -> None:
    month = desk.screens.json(*AUDITOR, "trace", ACROSS)["month"]
    assert [month[leg]["payment"]["reference"] for leg in ("clearing", "levy", "allotment")] == [
        "R-2", "R-4", "R-5",
    ]  # fmt: skip
    (later,) = month["later"]
    assert (later["what"], later["id"], later["amount_fen"]) == ("deduction", "440100-d1", -1_000)
    assert later["period"] == later["statement"]["period"] == JULY
    assert later["statement"]["adjusted_fen"] == -1_000
    assert later["clearing"]["payment"]["reference"] == "R-6"
    text = desk.screens.text(*AUDITOR, "trace", ACROSS)
    assert "later 后续 deduction 440100-d1, -10.00 元: period 2025-07" in text


def test_what_a_relatives_account_has_paid_is_followed_in_its_own_areas_statement(
    desk: Desk,
) -> None:
    month = desk.screens.json(*AUDITOR, "trace", FAMILY)["month"]
    assert (month["statement"]["home"], month["statement"]["care"]) == ("430000", "440000")
    (part,) = month["relatives"]
    assert (part["area"], int(part["amount_fen"])) == ("440300", HELP)
    assert (part["statement"]["home"], part["statement"]["care"]) == ("440300", "440100")
    assert part["levy"]["payment"]["reference"] == "R-3"
    text = desk.screens.text(*AUDITOR, "trace", FAMILY)
    assert "a relative's account 亲属账户 440300: 300.00 元" in text
    assert desk.screens.json(*AUDITOR, "trace", ACROSS)["month"]["relatives"] == []


def test_a_province_and_its_cities_at_the_screen(desk: Desk) -> None:
    shown = desk.screens.json(BUREAU_GUANGDONG, "finance", "clearing", "province", JUNE, "440000")
    assert (shown["record"]["statements"], shown["record"]["confirmed"]) == (1, 1)
    assert shown["record"]["shown_fen"] > 0
    words = ("clearing", "province", JUNE, "440000")
    assert desk.screens.json(BUREAU_HUNAN, "finance", *words)["record"]["shown"] == []
    assert "440300" in desk.screens.text(BUREAU_SHENZHEN, "finance", *words)
    city = desk.screens.json(BUREAU_GUANGZHOU, "finance", "clearing", "city", "440100")["record"]
    assert [one["notice"] for one in city["allotment"]["notices"]] == ["allotment:440100:1"]
    assert city["allotment"]["due_fen"] > 0, "July's is confirmed and not passed on"
    assert city["levy"] == {"due_fen": 0, "by_fund": {}, "first": None, "last": None,
                            "statements": [], "notices": []}  # fmt: skip
    text = desk.screens.text(BUREAU_GUANGZHOU, "finance", "clearing", "city", "440100")
    assert "下拨" in text
    desk.screens.text(BUREAU_SHENZHEN, "finance", "clearing", "city", "440100", code=4)
    stated = ("clearing", "statement", JUNE, "430000", "440000")
    assert "By city of care" in desk.screens.text(BUREAU_HUNAN, "finance", *stated)


def test_the_books_of_a_city_and_of_its_province_hold_their_own_sides(desk: Desk) -> None:
    """What is levied and allotted stands in two books and is nothing in the country's."""
    for region, kinds in (("440300", {"remittance"}), ("440100", {"allotted"}),
                          ("440000", {"collection", "allotment"})):  # fmt: skip
        words = ("fund", "trial-balance", "--region", region)
        told = desk.screens.json(f"bureau:{region}", "finance", *words)
        found = {row["account"].split(":")[0] for row in told["rows"]}
        assert kinds <= found, (region, found)
        assert told["imbalance_fen"] == 0
    assert "allotment" not in {
        row["account"].split(":")[0]
        for row in desk.screens.json(
            BUREAU_GUANGZHOU, "finance", "fund", "trial-balance", "--region", "440100"
        )["rows"]
    }


@pytest.mark.parametrize(
    ("reference", "statements"),
    [("R-3", ["440300 -> 440100"]), ("R-4", ["430000 -> 440000"]),
     ("R-5", ["440300 -> 440100", "430000 -> 440000"])],
)  # fmt: skip
def test_a_banks_reference_leads_to_the_citys_part_of_statements(
    desk: Desk, reference: str, statements: list[str]
) -> None:
    told = desk.screens.json(*AUDITOR, "bank", "trace", BANK, reference)
    (part,) = told["parts"]
    assert [row["id"] for row in part["rows"]] == statements
    assert part["rows_fen"] == part["total_fen"] == int(told["payment"]["amount_fen"])
    assert part["difference_fen"] == 0
    shown = desk.screens.text(FINANCE_GUANGDONG, "finance", "bank", "trace", BANK, "R-5")
    assert "city's part of statements 下拨 440100" in shown


def test_each_statement_is_in_the_notice_that_names_it(desk: Desk) -> None:
    """July is passed on before the two cities have said yes: theirs waits for another notice."""

    def passed_on(claim: str) -> Any:
        return desk.screens.json(*AUDITOR, "trace", claim)["month"]["allotment"]

    assert passed_on(LATER)["notice"] is None, "confirmed, and in no notice yet"
    asked = desk.do(BUREAU_GUANGDONG, "clearing", "allot", {"area": "440100"}, "finance")
    both_say_yes(desk, JULY, "440300", "440100", BUREAU_SHENZHEN, BUREAU_GUANGZHOU)
    assert passed_on(LATER)["notice"]["notice"] == asked["notice"] == "allotment:440100:2"
    assert passed_on(AGAIN)["notice"] is None
    assert "下拨: no notice yet" in desk.screens.text(*AUDITOR, "trace", AGAIN)
    desk.do(BUREAU_GUANGDONG, "clearing", "allot", {"area": "440100"}, "finance")
    assert passed_on(LATER)["notice"]["notice"] == "allotment:440100:2"
    assert passed_on(AGAIN)["notice"]["notice"] == "allotment:440100:3"
    assert passed_on(INSIDE)["notice"]["notice"] == "allotment:440100:1"
