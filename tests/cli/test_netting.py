"""Two provinces that net: what a month's care costs is set off against money sent to a wallet, and
every screen says what is paid, and of what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.month_desk import FINANCE_HUNAN, JUNE, Desk
from tests.contracts.settlement.claim_world import BED, line
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGDONG,
    BUREAU_HUNAN,
    CENTRE,
)

BUREAU_SHENZHEN, CAROL = "bureau:440300", "p:440300:carol"
ONE = "H44010000123-m-1"
AUDITOR = ("auditor:national", "audit")
CARD = {"kind": "card", "certificate": "03"}
OWES, BACK = 59_500, 7_000
HUNAN, GUANGDONG = "430000", "440000"
BUREAUS = (BUREAU_HUNAN, BUREAU_GUANGDONG)
NOTICE = f"netting:{JUNE}:{HUNAN}:{GUANGDONG}"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """June: Alice of Changsha is treated in Guangzhou, and has 70.00 from Carol of Shenzhen."""
    made = Desk(tmp_path / "node", ((BUREAU_SHENZHEN, "bureau", "440300"),))
    speak: Any = made.world
    enrol(speak, CAROL, BUREAU_SHENZHEN)
    for bureau, region, other in (
        (BUREAU_HUNAN, HUNAN, GUANGDONG), (BUREAU_GUANGDONG, GUANGDONG, HUNAN)
    ):  # fmt: skip
        agreed = {"name": "netting", "region": region, "value": {"with": [other]}}
        made.do(bureau, "organisations", "set_parameter", agreed, "checker")
    money = {"transfer": "440300d-c", "person": CAROL, "amount_fen": 100_000}
    made.do(BUREAU_SHENZHEN, "funds", "deposit", money, "finance")
    tie = {"owner": CAROL, "person": ALICE, "relation": "child", "limit_fen": 0,
           "from": "2025-06-01", "presence": CARD}  # fmt: skip
    made.do(BUREAU_SHENZHEN, "family", "authorise", tie, "clerk")
    sent = {"transfer": "440300w-1", "from": CAROL, "to": ALICE, "presence": CARD,
            "amount_fen": BACK}  # fmt: skip
    made.do(BUREAU_SHENZHEN, "wallet", "send", sent, "clerk")
    made.do(BUREAU_CHANGSHA, "wallet", "claim", {"transfer": "440300w-1"}, "clerk")
    made.settle(ONE, [line(1, BED, 100_000)])
    made.on("2025-07-01").declare()
    made.confirm()
    yield made.on("2025-07-21")
    made.close()


def say_yes(desk: Desk, home: str, care: str, fen: int) -> None:
    for bureau in BUREAUS:
        said = {"period": JUNE, "home": home, "care": care, "amount_fen": fen}
        desk.do(bureau, "clearing", "confirm", said, "finance")


def test_what_is_set_off_is_told_wherever_less_is_paid_than_is_owed(desk: Desk) -> None:
    desk.do(CENTRE, "clearing", "cut", {"period": JUNE}, "finance")
    say_yes(desk, HUNAN, GUANGDONG, OWES)
    assert "跨省清算付款: no notice yet" in desk.screens.text(*AUDITOR, "trace", ONE)
    say_yes(desk, GUANGDONG, HUNAN, BACK)
    shown = desk.screens.text(*AUDITOR, "clearing", "show", JUNE)
    assert shown.count("net 轧差 525.00") == 2, "one notice of both directions"
    desk.pay(FINANCE_HUNAN, NOTICE, OWES - BACK, "2025-07-21")
    text = desk.screens.text(*AUDITOR, "trace", ONE)
    assert f"{HUNAN} -> {GUANGDONG}, period {JUNE}, 595.00 元" in text
    assert "set off against the other direction 轧差: 525.00 元 to pay" in text
    told = desk.screens.json(*AUDITOR, "bank", "trace", BANK, "R-1")
    assert [part["difference_fen"] for part in told["parts"]] == [0, 0]
    text = desk.screens.text(*AUDITOR, "bank", "trace", BANK, "R-1")
    assert "set off 轧差: 595.00 - 70.00 = notice 525.00" in text
    withheld = desk.screens.text(FINANCE_HUNAN, "finance", "bank", "trace", BANK, "R-1")
    assert "withheld" in withheld
    assert "轧差" not in withheld


def test_a_statement_that_comes_to_nothing_waits_for_no_notice(desk: Desk) -> None:
    """All that the fund has paid is taken off before the cut; the provinces net no more."""
    struck = {"line": "1", "line_fen": 100_000, "amount_fen": OWES, "reason": "not_done"}
    for bureau, region in ((BUREAU_HUNAN, HUNAN), (BUREAU_GUANGDONG, GUANGDONG)):
        apart = {"name": "netting", "region": region, "value": {"with": []}}
        desk.do(bureau, "organisations", "set_parameter", apart, "checker")
    desk.deduct("440100-d1", ONE, [struck])
    desk.decide("440100-d1", OWES)
    desk.do(CENTRE, "clearing", "cut", {"period": JUNE}, "finance")
    assert "跨省清算付款: no notice yet" in desk.screens.text(*AUDITOR, "trace", ONE)
    say_yes(desk, HUNAN, GUANGDONG, 0)
    text = desk.screens.text(*AUDITOR, "trace", ONE)
    assert f"{HUNAN} -> {GUANGDONG}, period {JUNE}, 0.00 元" in text
    assert "跨省清算付款: it came to nothing" in text
