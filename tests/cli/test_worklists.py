"""A clerk's day: what waits, overdue first; approve, return, refuse; warn of what ends."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cli.output import time_of
from contracts import parameters
from node import worklists
from node.ledger.receipt import Receipt
from tests.cli.screens import Screens
from tests.contracts.settlement.claim_world import (
    BED,
    DAY,
    EMPLOYEE_POLICY,
    ClaimWorld,
    catalogue_rows,
    line,
)
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.world import (
    ALICE,
    BANK,
    BUREAU_CHANGSHA,
    BUREAU_GUANGZHOU,
    BUREAU_HUNAN,
    CENTRE,
    FINANCE,
    HOSPITAL,
)
from tests.node.api.real import NodeWorld

HOLIDAYS = {"off": ["2025-06-12"], "on": ["2025-06-14"]}
"""Thursday is free, the Saturday after it is worked for it."""


@pytest.fixture
def screens(tmp_path: Path) -> Iterator[Screens]:
    """Changsha decides within two working days; it is Tuesday, 10 June 2025."""
    world = NodeWorld(tmp_path / "node")
    speak: Any = world
    enrol(speak)
    world.do(
        CENTRE, "organisations", "set_parameter",
        {"name": "holidays", "region": "000000", "value": HOLIDAYS},
    )  # fmt: skip
    rules = dict(parameters.AREA["filing"].default) | {
        "provisional_days": 30,
        "automatic": ["other"],
    }
    world.do(
        BUREAU_CHANGSHA, "organisations", "set_parameter",
        {"name": "filing", "region": "430100",
         "value": dict(parameters.AREA["filing"].default) | rules},
    )  # fmt: skip
    yield Screens(world)
    worklists.verify(world.node.chain.database)
    worklists.rebuild(world.node.chain.database.kv, world.node.chain.database)
    worklists.verify(world.node.chain.database)
    world.close()


def test_a_parameter_is_told_as_it_is_in_force(screens: Screens) -> None:
    def told(*words: str) -> Any:
        return screens.json(BUREAU_CHANGSHA, "clerk", "org", "parameter", *words)["in_force"]

    assert told("filing", "430100")["provisional_days"] == 30
    assert told("filing", "430102") == told("filing", "430100"), "a district has its city's"
    assert told("filing") == told("filing", "440100") == parameters.AREA["filing"].default
    assert told("holidays", "430100") == HOLIDAYS
    assert told("vote_days") == parameters.NETWORK["vote_days"].default
    own = screens.text(BUREAU_CHANGSHA, "clerk", "org", "parameter", "filing", "430102")
    assert "param/filing/430100" in own
    default = screens.text(BUREAU_CHANGSHA, "clerk", "org", "parameter", "vote_days")
    assert "default" in default


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("filing", "43"), "district code"),
        (("vote_days", "430100"), "the network's"),
        (("filings",), "one of clearing, declaration, filing"),
    ],
)
def test_what_is_no_parameter_is_a_usage_error(
    screens: Screens, words: tuple[str, ...], complaint: str
) -> None:
    said = screens.text(BUREAU_CHANGSHA, "clerk", "org", "parameter", *words, code=2)
    assert complaint in " ".join(said.split())


def file(screens: Screens, filing: str, **given: Any) -> Any:
    args = {"filing": filing, "person": ALICE, "type": "referral", "care_region": "440100",
            "channel": "app"} | given  # fmt: skip
    papers = {"materials": [{"kind": "referral_slip", "sha256": bytes(32)}], "note": "a slip"}
    return screens.world.do(
        BUREAU_CHANGSHA, "filing", "submit", args, attachments={"filing": papers}
    ).answer


def clerk(screens: Screens, *words: object, code: int = 0) -> Any:
    return screens.json(BUREAU_CHANGSHA, "clerk", *words, code=code)


def waiting(screens: Screens, *words: object) -> list[tuple[str, str, int, bool]]:
    rows = clerk(screens, "filing", "queue", *words)["rows"]
    return [(r["filing"], r["due_on"], r["working_days_left"], r["overdue"]) for r in rows]


def test_the_list_is_in_working_days_and_what_is_overdue_comes_first(screens: Screens) -> None:
    file(screens, "430100f2")
    file(screens, "430100f1")
    # Wednesday and Friday: Thursday is a holiday.
    assert waiting(screens) == [
        ("430100f1", "2025-06-13", 2, False), ("430100f2", "2025-06-13", 2, False),
    ]  # fmt: skip
    screens.on("2025-06-13")
    file(screens, "430100f0")
    # Saturday is worked, so Monday is the second day.
    assert waiting(screens)[2] == ("430100f0", "2025-06-16", 2, False)
    screens.on("2025-06-16")
    assert waiting(screens) == [
        ("430100f1", "2025-06-13", -2, True), ("430100f2", "2025-06-13", -2, True),
        ("430100f0", "2025-06-16", 0, False),
    ]  # fmt: skip
    text = screens.text(BUREAU_CHANGSHA, "clerk", "filing", "queue")
    assert text.index("OVERDUE 2") < text.index("2025-06-16 (0)")


def test_a_list_in_pages(screens: Screens) -> None:
    for number in range(5):
        file(screens, f"430100f{number}")
    seen, after = [], ""
    while True:
        page = clerk(screens, "filing", "queue", "--limit", 2, "--after", after)
        seen += [row["filing"] for row in page["rows"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == [f"430100f{number}" for number in range(5)]
    footer = screens.text(BUREAU_CHANGSHA, "clerk", "filing", "queue", "--limit", 2)
    assert "next: --after 2025-06-13:430100f1" in footer
    screens.text(BUREAU_CHANGSHA, "clerk", "filing", "queue", "--after", "x", code=4)


def test_a_decision_takes_it_off_the_list_and_is_made_once(screens: Screens) -> None:
    for number in range(3):
        file(screens, f"430100f{number}")
    told = clerk(screens, "filing", "approve", "430100f0")
    assert told["receipts"][0]["receipt"]["answer"]["status"] == "approved"
    again = screens.text(BUREAU_CHANGSHA, "checker", "filing", "refuse", "430100f0",
                         "--reason", "not_entitled", code=1)  # fmt: skip
    assert "filing.not-pending" in again
    assert "status=approved" in again
    clerk(
        screens, "filing", "return", "430100f1", "--reason", "papers_missing", "--note", "the slip"
    )
    clerk(screens, "filing", "refuse", "430100f2", "--reason", "not_entitled")
    assert waiting(screens) == []
    record = clerk(screens, "filing", "show", "430100f1")["record"]
    assert [v["status"] for v in record["versions"]] == ["pending", "returned"]
    assert record["versions"][1]["reason"] == "papers_missing"
    papers = screens.text(BUREAU_CHANGSHA, "clerk", "filing", "content", "430100f1")
    assert "referral_slip" in papers
    assert "the slip" in papers
    screens.text(BUREAU_CHANGSHA, "clerk", "filing", "refuse", "430100f1",
                 "--reason", "no such", code=2)  # fmt: skip


def test_a_returned_filing_comes_back_when_it_is_answered(screens: Screens) -> None:
    file(screens, "430100f1")
    clerk(screens, "filing", "return", "430100f1", "--reason", "papers_missing")
    screens.on("2025-06-16")
    said = {"type": "referral", "care_region": "440100", "channel": "app"}
    screens.world.do(
        BUREAU_CHANGSHA, "filing", "change", {"filing": "430100f1", "version": 3, **said}
    )
    assert waiting(screens) == [("430100f1", "2025-06-18", 2, False)]


def test_the_list_is_the_insured_places_own(screens: Screens) -> None:
    file(screens, "430100f1")
    assert clerk(screens, "filing", "queue", "430100")["rows"]
    own = screens.json(BUREAU_HUNAN, "clerk", "filing", "queue")
    assert (own["area"], own["rows"]) == ("430000", [])
    assert screens.json(BUREAU_HUNAN, "clerk", "filing", "queue", "430100")["rows"]
    for who, post in ((BUREAU_GUANGZHOU, "clerk"), (HOSPITAL, "clerk"), (FINANCE, "finance"),
                      (BUREAU_CHANGSHA, "operator")):  # fmt: skip
        refused = screens.text(who, post, "filing", "queue", "430100", code=4)
        assert "read.no-right" in refused
    looks = clerk(screens, "person", "looks", ALICE)["looks"]
    assert any(look["route"] == "work_filings" for look in looks)


def test_warnings_are_events_and_each_end_is_told_once(screens: Screens) -> None:
    file(screens, "430100f1", type="other")  # six months
    file(screens, "430100f2", type="posted_elsewhere", on_commitment=True)  # thirty days
    ends = clerk(screens, "filing", "ending")["rows"]
    assert [(r["filing"], r["last_day"], r["cause"], r["told"]) for r in ends] == [
        ("430100f2", "2025-07-10", "lapses", False)
    ]
    assert clerk(screens, "filing", "ending", "--warn") == {"told": ["430100f2"]}
    assert clerk(screens, "filing", "ending", "--warn") == {"told": []}
    assert clerk(screens, "filing", "ending")["rows"][0]["told"] is True
    screens.on("2025-11-20")
    assert clerk(screens, "filing", "ending", "--warn") == {"told": ["430100f1"]}
    history = [
        event
        for height in range(1, screens.world.node.reader.head.height + 1)
        for event in _events(screens, height)
        if event["topic"] in ("filing.expiring", "filing.ended")
    ]
    assert [(e["topic"], e["fields"]["filing"], e["fields"]["last_day"]) for e in history] == [
        ("filing.expiring", "430100f2", "2025-07-10"),
        ("filing.expiring", "430100f1", "2025-12-10"),
    ]
    text = screens.text(BUREAU_CHANGSHA, "clerk", "filing", "ending")
    assert "2025-12-10" in text
    assert "-133" in text, "what lapsed stays to be seen for a year"


def _events(screens: Screens, height: int) -> list[dict[str, Any]]:
    with screens.world.node.reader.view() as view:
        return [
            {"topic": event.topic, "fields": dict(event.fields)}
            for data in view.receipts(height)
            for event in Receipt.decode(data).events
        ]


def test_the_list_of_reimbursements(screens: Screens) -> None:
    speak: Any = screens.world
    counter = ClaimWorld(speak, screens.world.genesis.chain)
    counter.publish("2025.1", "2025-01-01", catalogue_rows())
    counter.deploy("310", EMPLOYEE_POLICY)
    for number in (1, 2):
        screens.world.do(
            BUREAU_CHANGSHA, "reimbursement", "file",
            {
                "reimbursement": f"430100z-{number}", "person": ALICE,
                "place": {"institution": HOSPITAL}, "care_kind": "outpatient", "admission": DAY,
                "discharge": DAY, "total_fen": 100_000 * number, "account": bytes(32),
                "invoices": [{"code": "044001900111", "number": f"{number}",
                              "total_fen": 100_000 * number,
                              "hash": sha256(str(number).encode()).digest()}],
            },
            attachments={"reimbursement": {"visit": {}, "lines": [line(1, BED, 100_000 * number)]}},
        )  # fmt: skip
    rows = clerk(screens, "reimburse", "queue")["rows"]
    assert [(r["reimbursement"], r["stage"], r["working_days_left"]) for r in rows] == [
        ("430100z-1", "filed", 20), ("430100z-2", "filed", 20),
    ]  # fmt: skip
    screens.world.do(
        BUREAU_CHANGSHA, "reimbursement", "ask",
        {"reimbursement": "430100z-2", "papers": ["fee_list"]}, post="clerk",
    )  # fmt: skip
    rows = clerk(screens, "reimburse", "queue")["rows"]
    assert [r["stage"] for r in rows] == ["incomplete", "filed"], "fifteen days come before twenty"
    assert {r["person"] for r in rows} == {ALICE}
    seen = screens.json(FINANCE, "finance", "reimburse", "queue", "430100")["rows"]
    assert {r["person"] for r in seen} == {None}
    assert "withheld" in screens.text(FINANCE, "finance", "reimburse", "queue", "430100")
    screens.world.do(
        BUREAU_CHANGSHA, "reimbursement", "withdraw", {"reimbursement": "430100z-1"}, post="clerk"
    )
    assert len(clerk(screens, "reimburse", "queue")["rows"]) == 1


def test_the_list_of_recoveries(screens: Screens) -> None:
    """Somebody turns out to be liable for two bills: taken up, agreed, demanded, paid in parts."""
    speak: Any = screens.world
    counter = ClaimWorld(speak, screens.world.genesis.chain)
    counter.publish("2025.1", "2025-01-01", catalogue_rows())
    counter.deploy("310", EMPLOYEE_POLICY)
    driver = {"liable": sha256(b"driver").digest(), "papers": []}
    paid = []
    for number in (1, 2):
        claim = f"H44010000123-{number}"
        paid.append(counter.settle(claim, [line(1, BED, 100_000)]).answer["funds_fen"])
        screens.world.do(
            BUREAU_CHANGSHA, "recovery", "register",
            {"recovery": f"430100q{number}", "claim": claim, "grounds": "liable_later"},
            post="clerk", attachments={"person": driver},
        )  # fmt: skip
    funds = paid[0]

    def queue() -> list[tuple[str, str, int | None, bool, int]]:
        rows = clerk(screens, "recovery", "queue")["rows"]
        return [
            (r["recovery"], r["stage"], r["working_days_left"], r["overdue"], int(r["open_fen"]))
            for r in rows
        ]

    def say(method: str, recovery: str, sender: str, post: str, **args: Any) -> None:
        screens.world.do(sender, "recovery", method, {"recovery": recovery, **args}, post=post)

    assert queue() == [
        ("430100q1", "registered", None, False, 0), ("430100q2", "registered", None, False, 0),
    ]  # fmt: skip
    say("agree", "430100q1", BUREAU_CHANGSHA, "checker")
    say("demand", "430100q1", BUREAU_CHANGSHA, "clerk", amount_fen=funds, bank=BANK)
    assert queue() == [
        ("430100q2", "registered", None, False, 0), ("430100q1", "demanded", 30, False, funds),
    ]  # fmt: skip
    say("refuse", "430100q2", BUREAU_CHANGSHA, "checker", reason="not_liable")
    screens.on("2025-09-01")
    come = {"payment": "in-1", "reference": "in-1", "amount_fen": funds - 100}
    say("receive", "430100q1", BANK, "finance", **come)
    ((name, stage, left, overdue, open_fen),) = queue()
    assert (name, stage, overdue, open_fen) == ("430100q1", "demanded", True, 100)
    assert left is not None
    text = screens.text(BUREAU_CHANGSHA, "clerk", "recovery", "queue")
    assert f"OVERDUE {-left} 逾期" in text
    assert "1.00" in text
    refused = screens.text(BUREAU_CHANGSHA, "clerk", "recovery", "queue", "440100", code=4)
    assert "read.no-right" in refused
    come |= {"payment": "in-2", "reference": "in-2", "amount_fen": 100}
    say("receive", "430100q1", BANK, "finance", **come)
    assert queue() == []


CHILD, CARD = "p:440100:child", {"kind": "card", "certificate": "03"}


def test_what_nobody_claimed_goes_back_at_six_by_one_command(screens: Screens) -> None:
    """A child in Guangzhou sends a parent in Changsha money three times; one is claimed."""
    world: Any = screens.world
    enrol(world, CHILD, BUREAU_GUANGZHOU, link=sha256(b"child").digest())
    deposit = {"transfer": "440100d1", "person": CHILD, "amount_fen": 100_000}
    world.do(BUREAU_GUANGZHOU, "funds", "deposit", deposit, post="finance")
    tie = {"owner": CHILD, "person": ALICE, "relation": "parent", "limit_fen": 0,
           "from": DAY, "presence": CARD}  # fmt: skip
    world.do(BUREAU_GUANGZHOU, "family", "authorise", tie, post="clerk")
    for number in range(3):
        sent = {"transfer": f"440100w{number}", "from": CHILD, "to": ALICE,
                "amount_fen": 20_000, "presence": CARD}  # fmt: skip
        world.do(BUREAU_GUANGZHOU, "wallet", "send", sent, post="clerk")
    world.do(CENTRE, "clearing", "open", {"period": DAY[:7]}, post="finance")
    world.do(BUREAU_CHANGSHA, "wallet", "claim", {"transfer": "440100w1"}, post="clerk")

    def guangzhou(*words: object) -> Any:
        return screens.json(BUREAU_GUANGZHOU, "clerk", "wallet", "waiting", *words)

    rows = guangzhou()["rows"]
    assert [(row["transfer"], row["amount_fen"], row["overdue"]) for row in rows] == [
        ("440100w0", 20_000, False), ("440100w2", 20_000, False),
    ]  # fmt: skip
    assert guangzhou("--return") == {"returned": []}, "before six nothing goes back"
    screens.world.clock.ms = int(rows[0]["back_ms"])
    told = screens.text(BUREAU_GUANGZHOU, "clerk", "wallet", "waiting")
    assert "yes" in told
    assert time_of(int(rows[0]["back_ms"])) in told
    assert guangzhou("--return") == {"returned": ["440100w0", "440100w2"]}
    assert guangzhou()["rows"] == []
    told = screens.json(BUREAU_GUANGZHOU, "clerk", "fund", "balance", f"person:{CHILD}:account")
    assert told["balances"] == {"310200": 80_000}
    for who in (BUREAU_CHANGSHA, HOSPITAL):
        refused = screens.text(who, "clerk", "wallet", "waiting", "440100", code=4)
        assert "read.no-right" in refused
