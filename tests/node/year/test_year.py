"""A tiny year: one object, nothing left open, the same end however it is cut and started again."""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.runtime import Runtime
from contracts.settlement import CONTRACTS
from contracts.settlement.calendar import start_of_day_ms
from node.benchmark import machine
from node.benchmark.workload import Batch, Planned, Signer
from node.config import load
from node.ledger import crypto, keystore
from node.ledger.genesis import Genesis
from node.ledger.receipt import Receipt, ReceiptPosting
from node.service.opening import OpenOptions, open_ledger
from node.store.database import Database
from node.year import __main__ as command
from node.year import bills, calendar, cases, charts, closing, later, outages, people
from node.year.days import Days
from node.year.journal import Journal
from node.year.ledger import YearBroken, YearLedger
from node.year.look import write_desk
from node.year.node_process import OPEN
from node.year.people import People
from node.year.places import Places, Scale
from node.year.prepaid import Prepaid
from node.year.report import page
from node.year.run import Outcome, Plan, Progress, simulate
from node.year.summary import memory_growth, middle, summary
from node.year.sums import Sums
from node.year.waves import CARE, FILE, LATER, Waves

TINY = Plan(claims=90, persons=60, scale=Scale(cities=1, hospitals=1, pharmacies=1, provinces=3))


def live(folder: Path, progress: Progress = lambda *_: None, plan: Plan = TINY) -> Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outages, "SHARE", 0.05)  # so few visits meet none otherwise
        patch.setattr(people, "COVERED", 128)  # and so few people
        patch.setattr(people, "COVERED_LATER", 200)
        patch.setattr(later, "BOUNCED", 0.2)
        patch.setattr(later, "CAME_BACK", 0.4)
        patch.setattr(cases, "EVERY", 2)  # one of three provinces by DRG, one by points
        return simulate(plan, folder, progress)


def receipts_of(lived: tuple[Outcome, Path]) -> Iterator[Receipt]:
    """All receipts of a year's ledger."""
    outcome, folder = lived
    database = Database.open(folder / "data" / "ledger.db", diff_heights=10)
    try:
        for height in range(outcome.blocks + 1):
            for leaf in database.blocks.receipts(height):
                yield Receipt.decode_trusted(leaf)
    finally:
        database.close()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    folder = tmp_path_factory.mktemp("year")
    told: list[tuple[str, int, int]] = []
    outcome = live(folder, lambda *words: told.append(words))
    assert told[-1][1] == told[-1][2] == TINY.claims
    return outcome, folder


def test_the_year_ends_with_nothing_open(lived: tuple[Outcome, Path]) -> None:
    outcome, _ = lived
    told = summary(outcome)
    assert told["claims"] == TINY.claims
    assert told["regions"] == 3
    assert told["periods"] == 12
    assert told["bills_fen"] > told["funds_fen"] > 0
    assert told["imbalance_fen"] == 0
    assert told["accounts_differing"] == 0
    assert told["refused"] == {}
    assert told["postings"] > 8 * TINY.claims
    assert told["payments"] > 0
    assert told["pairs"]
    # Every period is paid: what is open was settled after the year, when stays ended.
    later = {month: fen for month, fen in outcome.journal.unpaid.items() if fen}
    assert set(later) <= {"2026-01"}
    assert sum(pair["owed_fen"] for pair in told["pairs"]) == sum(later.values())
    assert told["days_to_money"]["settlements"] == sum(outcome.journal.to_money.values()) > 0
    assert {fund["fund"] for fund in told["funds"]} >= {"310100", "390100"}
    assert told["unexplained_fen"] == 0
    assert told["paid_by_case"] > 0
    assert told["prepaid_fen"] > told["prepaid_set_off_fen"] >= 0
    assert min(told["cut_off"].values()) > 0
    for colours in outcome.journal.colours.values():
        assert set(colours.values()) <= {"green", "yellow", "red"}
        assert len(colours) <= 3 * 2, "one for each pair of provinces"
    assert outcome.journal.colours.keys() >= {"2025-06"}
    json.dumps(told)


def test_a_year_that_is_kept_can_be_looked_at(lived: tuple[Outcome, Path], tmp_path: Path) -> None:
    """By a node without a key, and by the country's auditor."""
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "genesis.json").write_bytes((lived[1] / "genesis.json").read_bytes())
    commands = write_desk(folder)
    config = load(folder / "node.toml")
    assert (config.node.organisation, config.node.key) == ("auditor:national", None)
    assert config.node.genesis == folder / "genesis.json"
    assert config.node.data_dir == folder / "data"
    key = folder / "auditor.key"
    assert key.stat().st_mode & 0o077 == 0, "others may not read a key file"
    seed = keystore.open_sealed(key.read_bytes(), (folder / "passphrase").read_text())
    public = crypto.public_key(crypto.private_key(seed))
    (auditor,) = [
        row
        for row in Genesis.parse((folder / "genesis.json").read_bytes()).organisations
        if row["id"] == "auditor:national"
    ]
    assert [item["key"] for item in auditor["keys"]] == [public]
    assert str(config.node.genesis.parent / "node.toml") in commands[0]


def test_what_is_confirmed_for_cities_is_levied_and_passed_on(lived: tuple[Outcome, Path]) -> None:
    """Twelve closed months leave nothing between a province and its cities; the notices are of what
    flowed between the provinces, once as a city's debt and once as a city's claim."""
    outcome, _ = lived
    cities = summary(outcome)["cities"]
    assert [city["area"] for city in cities] == ["110100", "120100", "130100"]
    assert all(city["levied_open_fen"] == 0 == city["allotted_open_fen"] for city in cities)
    for kind in outcome.journal.cities.values():
        assert all(counted["asked"] == counted["paid"] > 0 for counted in kind.values())
    cleared = sum(
        event.fields["amount_fen"]
        for receipt in receipts_of(lived)
        for event in receipt.events
        if event.topic == "payment.paid" and event.fields["notice"].startswith("clearing:")
    )
    for name in ("levied_fen", "allotted_fen"):
        assert sum(city[name] for city in cities) == cleared > 0


def test_bills_and_payments_are_those_of_all_settlements(lived: tuple[Outcome, Path]) -> None:
    bills = funds = 0
    for receipt in receipts_of(lived):
        topics = [event.topic for event in receipt.events]
        if "claim.settled" in topics or "claim.reversed" in topics:
            bills += receipt.amounts["total_fen"]
            # Each fund by its number; commercial cover has none.
            funds += sum(
                fen for name, fen in receipt.amounts.items() if re.fullmatch(r"fund_\d+_fen", name)
            )
    told = summary(lived[0])
    assert (told["bills_fen"], told["funds_fen"]) == (bills, funds)


def test_the_final_run_books_what_the_final_rate_changes(lived: tuple[Outcome, Path]) -> None:
    outcome, _ = lived
    told, journal = summary(outcome), outcome.journal
    assert told["final_run"]["stays"] == told["paid_by_case"] > 0
    assert told["final_run"]["above_fen"] + told["final_run"]["below_fen"] > 0
    assert {rate["system"] for rate in told["final_rates"]} == {"drg", "dip"}
    for rate in told["final_rates"]:
        assert abs(rate["final_e6"] - rate["estimated_e6"]) * 20 <= rate["estimated_e6"]
    assert sum(rate["stays"] for rate in told["final_rates"]) == told["paid_by_case"]
    rows = (*journal.by_case.values(), journal.final)
    budgets = sum(sum(funds.values()) for funds in outcome.sums.of_kind("budget").values())
    assert -budgets == sum(above - below for _, above, below in rows)
    newest: dict[str, dict[str, int]] = {"estimated": {}, "final": {}}
    for receipt in receipts_of(lived):
        if any(event.topic == "provider.paid" for event in receipt.events):
            newest[receipt.answer["stage"]][receipt.answer["claim"]] = receipt.answer["result_fen"]
    assert newest["final"].keys() == newest["estimated"].keys()
    assert newest["final"] != newest["estimated"]
    assert -budgets == sum(newest["final"].values()), "the final run is what counts"


def test_what_insurers_owe_is_asked_for_by_notice_and_paid(lived: tuple[Outcome, Path]) -> None:
    outcome, _ = lived
    told = summary(outcome)["commercial"]
    assert told["persons"] > 0
    assert told["settlements"] > 0
    assert told["paid_fen"] == told["received_fen"] + told["owed_fen"] > 0
    noticed, paid = (
        sum(
            event.fields["amount_fen"]
            for receipt in receipts_of(lived)
            for event in receipt.events
            if event.topic == topic and event.fields["notice"].startswith("cover:")
        )
        for topic in ("notice.issued", "payment.paid")
    )
    assert told["received_fen"] == noticed == paid > 0
    assert told["notices"] > 3
    # What is left was settled after the last month, when stays ended.
    assert told["owed_fen"] <= sum(outcome.journal.unpaid.values())


def test_what_products_pay_later_reaches_patients(lived: tuple[Outcome, Path]) -> None:
    """Each payment from its last word: with the patient, given back, or never ordered."""
    told = summary(lived[0])["commercial"]["later"]
    last: dict[str, str] = {}
    owed = 0
    for receipt in receipts_of(lived):
        for event in receipt.events:
            topic, _, stage = event.topic.partition(".")
            if topic == "cover" and "payment" in event.fields and stage != "ordered":
                last[event.fields["payment"]] = stage
        if any(event.topic == "cover.paid" for event in receipt.events):
            owed += receipt.answer["open_fen"]
    assert owed == 0, "paid is paid whole"
    assert set(last.values()) <= {"paid", "cancelled", "repaid", "settled"}
    assert sum(stage == "paid" for stage in last.values()) > 0
    assert told["orders"] > told["payments"] > 0
    assert told["bounced_or_came_back"] > 0
    assert told["paid_fen"] == told["standing_fen"] + told["back_fen"]
    assert told["back_fen"] > 0


def test_what_the_node_does_not_take_ends_the_year_with_its_reason(tmp_path: Path) -> None:
    places = Places(Scale(cities=1, hospitals=1, pharmacies=1, provinces=1))
    period = Planned("clearing", "open", {"period": "2025-01"})
    batch = Batch(Signer.of("centre", "finance"), [period])
    start_ms = start_of_day_ms("2025-01-01")
    read: list[int] = []
    ledger = YearLedger(tmp_path, places, start_ms, lambda height, _: read.append(height), OPEN)
    with ledger:
        ledger.do([batch])
        assert read == [1]
        assert ledger.state(["period/2025-01", "period/2025-02"])[1] is None
        ledger._chain = bytes(32)
        with pytest.raises(YearBroken, match=r"transaction\.wrong-chain"):
            ledger.do([batch])
    assert ledger._process.exitcode == 0, "it has stopped in order all the same"


def test_the_same_seed_gives_the_same_year(lived: tuple[Outcome, Path], tmp_path: Path) -> None:
    """How calls fall into blocks depends on the machine; what they come to does not."""

    def without_the_machine(outcome: Outcome) -> dict[str, Any]:
        told = summary(outcome)
        for measured in (
            "seconds", "cpu_seconds", "node_cpu_seconds", "setup_seconds", "blocks",
            "memory_growth_percent",
        ):  # fmt: skip
            del told[measured]
        told["by_month"] = [(month["claims"], month["remembered"]) for month in told["by_month"]]
        return told

    again = live(tmp_path)
    assert without_the_machine(again) == without_the_machine(lived[0])
    assert again.sums.balances == lived[0].sums.balances


def test_what_the_actors_remember_does_not_grow_with_the_year(
    lived: tuple[Outcome, Path],
) -> None:
    """Counted, not weighed: things of the newest months, and none of those before."""
    months = lived[0].by_month
    settled = [0, 0, *(month["claims"] for month in months)]
    for number, month in enumerate(months):
        # At most a row, a day and a stay of each settlement of a month that is not paid yet, and
        # one thing for each of three institutions and six pairs; papers come with the months too.
        newest = settled[number + 2] - settled[number]
        assert 0 < month["remembered"] <= 3 * newest + 3 + 6, month
    assert months[-1]["remembered"] < TINY.claims / 3


def test_what_the_node_holds_is_bounded_and_changes_nothing(
    lived: tuple[Outcome, Path], tmp_path: Path
) -> None:
    """Caches as small as this are full in January, while the state goes on growing."""
    small = replace(OPEN, tree_cache_bytes=20_000, state_cache_bytes=20_000)
    outcome = live(tmp_path, plan=replace(TINY, opened=small))
    assert outcome.sums.balances == lived[0].sums.balances
    block = 200_000  # bytes of entries that one of these blocks writes at most
    for month, roomy in zip(outcome.by_month, lived[0].by_month, strict=True):
        # The older generation takes half of it, the younger one up to the other half.
        assert 10_000 <= month["tree_bytes"] <= 20_000 + 2_000 < roomy["tree_bytes"]
        assert month["state_bytes"] <= 20_000 + block
    held = [month["tree_bytes"] for month in lived[0].by_month]
    assert held[-1] > 2 * held[0], "the state grew meanwhile"
    assert lived[0].by_month[-1]["state_bytes"] > 2 * (20_000 + block)
    assert 0 < outcome.by_month[-1]["objects"] < lived[0].by_month[-1]["objects"]


@pytest.mark.parametrize(
    ("months", "percent"),
    [([], 0.0), ([(90, 10)] * 2, 0.0), ([(50, 10), (90, 10), (95, 10), (94, 11)], 5.0),
     ([(90, 10)] * 12 + [(900, 10)], 0.0), ([(300, 10), (90, 10), (80, 5)], -15.0)],
)  # fmt: skip
def test_memory_grows_by_what_is_held_after_the_second_month(
    months: list[tuple[int, int]], percent: float
) -> None:
    held = [{"memory_mb": node, "actors_mb": actors} for node, actors in months]
    assert memory_growth(held) == percent


def test_any_prefix_sums_to_zero_and_the_chain_opens_at_its_end(
    lived: tuple[Outcome, Path],
) -> None:
    outcome, folder = lived
    genesis = (folder / "genesis.json").read_bytes()
    options = OpenOptions(diff_heights=10, check_heights=10, tree_depth=16, index=False)
    ledger = open_ledger(folder / "data", genesis, Runtime(CONTRACTS).registry, options)
    try:
        assert ledger.parent.header.height == outcome.blocks
        sums = Sums()
        for height in range(outcome.blocks + 1):
            for leaf in ledger.database.blocks.receipts(height):
                sums.read(Receipt.decode_trusted(leaf))
            assert sums.imbalance() == 0, height
        assert sums.balances == outcome.sums.balances
    finally:
        ledger.database.close()


def test_the_page_is_one_file_and_says_what_came_out(lived: tuple[Outcome, Path]) -> None:
    text = page(lived[0])
    assert not re.search(r"(src|href)=|url\(|@import|<script", text), "nothing from outside"
    for words in (
        "省际资金流向", "预付金使用", "账龄", "从出院到回款", "基金收支", "上解", "下拨",
        "清算 final", "周转金", "商业保险", "内存", "平 balanced",
    ):  # fmt: skip
        assert words in text
    assert text.count("<svg") == 11 == text.count("</svg>")
    assert "nan" not in text.lower().replace("finance", "")


def test_the_command_prints_one_object(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    lived: tuple[Outcome, Path],
) -> None:  # fmt: skip
    def told(plan: Plan, _folder: Path, progress: Any) -> Outcome:
        progress("2025-01-01", 0, plan.claims)
        return lived[0]

    monkeypatch.setattr(command, "simulate", told)
    monkeypatch.setattr(command, "tune_collector", lambda: None)
    monkeypatch.setattr(command, "keep_large_apart", lambda: None)
    monkeypatch.setattr(machine, "measure_apart", lambda: {"near": 1.0, "far": 2.0})
    html = tmp_path / "year.html"
    monkeypatch.setattr(sys, "argv", ["year", "--claims", "60", "--json", "--html", str(html)])
    assert command.main() == 0
    found = json.loads(capsys.readouterr().out)
    assert found.keys() >= {"claims", "regions", "periods", "imbalance_fen", "seconds"}
    for when in ("yardstick_ms", "yardstick_ms_after"):
        assert found["machine"][when] == {"near": 1.0, "far": 2.0}
    assert html.read_text(encoding="utf-8").startswith("<!doctype html>")
    lived[0].sums.refused["planted"] += 1
    try:
        assert command.main() == 1, "what was refused is told by the exit code"
    finally:
        del lived[0].sums.refused["planted"]


def receipt(*amounts: int) -> Receipt:
    legs = tuple(
        ReceiptPosting("t", f"fund:{n}0000", "310100", fen) for n, fen in enumerate(amounts, 11)
    )
    return Receipt(
        tx_id=bytes(32), call_index=0, status="ok", code="", values={}, answer={}, events=(),
        amounts={}, versions={}, postings=legs, explanation=None, writes_digest=bytes(32),
    )  # fmt: skip


def test_a_planted_fen_is_found() -> None:
    sums = Sums()
    sums.read(receipt(-5, 5))
    assert sums.imbalance() == 0
    sums.read(receipt(-5, 6))
    assert sums.imbalance() == 1


@given(st.integers(0, 100_000))
def test_visits_are_spread_over_the_days_to_the_last_one(count: int) -> None:
    days = calendar.days_of(calendar.YEAR)
    spread = calendar.spread(count, days)
    assert sum(spread) == count
    assert min(spread) >= 0
    assert len(days) == 365


def test_there_is_less_care_on_days_of_rest() -> None:
    assert calendar.weight_of("2025-01-29") < calendar.weight_of("2025-10-01")
    assert calendar.weight_of("2025-10-01") < calendar.weight_of("2025-06-07")
    assert calendar.weight_of("2025-06-07") < calendar.weight_of("2025-01-26") == 1, "worked"


def test_a_prepayment_is_set_off_as_far_as_it_was_paid_and_is_owed() -> None:
    places = Places(Scale(cities=1, hospitals=3, pharmacies=1, provinces=1))
    first, second, third = (each for each in places.hospitals["110000"])
    state: dict[str, Any] = {
        f"payable/{first}": {"payable": {"310100": 10**9}},
        f"payable/{second}": {"payable": {"310100": 7}},
        f"prepayment/{first}": {"prepayment": {"310100": -(10**9)}},
        f"prepayment/{second}": {"prepayment": {"310100": -(10**9)}},
        f"payable/{third}": {"payable": {"310100": 10**9}},
    }
    made = Prepaid(places, 120_000, lambda keys: [state.get(key) for key in keys])
    granted, offset, nothing = Waves(), Waves(), Waves()
    made.add(granted, "2025-03")
    made.add(offset, "2025-09")
    made.add(nothing, "2025-12")

    def calls(waves: Waves) -> list[tuple[str, Any, Any]]:
        return [
            (call.method, call.args["institution"], call.args["amount_fen"])
            for step in waves.steps for some in step.values() for call in some
        ]  # fmt: skip

    given = 120_000 // 12 * 15_000 // 3
    assert calls(granted) == [("grant", each, given) for each in (first, second, third)]
    assert calls(offset) == [("offset", first, -(-given // 3)), ("offset", second, 7)]
    assert calls(nothing) == []


def test_who_travels_files_the_day_before() -> None:
    """Tomorrow's filings are of today's last wave, and tomorrow nobody's care waits for any."""
    places = Places(Scale(cities=1, hospitals=2, pharmacies=1, provinces=3))
    made = Days(People(places, 600, 1), Journal(), 36_500, 1, lambda *_: None)
    today = made.waves("2025-03-03")
    expected = {key: list(calls) for key, calls in today.steps[FILE].items()}
    made.prepare("2025-03-04")
    made.file_ahead("2025-03-04", today)
    assert {key: list(calls) for key, calls in today.steps[FILE].items()} == expected
    filed = [call for calls in today.steps[LATER].values() for call in calls]
    people = {call.args["person"] for call in filed if call.method == "submit"}
    tomorrow = made.waves("2025-03-04")
    assert not tomorrow.steps[FILE]
    treated = {
        visit["person"]
        for calls in tomorrow.steps[CARE].values()
        for call in calls
        if isinstance(visit := call.args.get("visit"), dict)
    }
    assert people
    assert people <= treated


def test_months_close_on_working_days() -> None:
    worked = filter(calendar.WORKDAYS.is_working_day, calendar.days_of(calendar.YEAR))
    cuts = [day for day in worked if closing._is_cut(day)]
    assert len(cuts) == 12
    assert {"2025-06-23", "2025-01-21"} <= set(cuts), "the 21st of June is a Saturday"
    assert closing._month_before("2025-01-21") == "2024-12"


@given(st.integers(0, 10**6))
def test_bills_add_up_and_nobody_travels_home(number: int) -> None:
    dice = random.Random(number)
    kind = bills.kind_of(dice)
    total = bills.total_of(kind, dice)
    lines = bills.lines_of(kind, total, "2025-06-10", dice)
    assert sum(line[5] for line in lines) == total
    person = People(Places(Scale()), 10, number).of(number)
    assert person.care[:2] != person.area[:2]


@pytest.mark.parametrize(("asked", "unexplained"), [(500, 0), (501, 1), (0, 0)])
def test_a_notice_of_an_insurer_that_no_month_explains_is_told(
    asked: int, unexplained: int
) -> None:
    """Two institutions of a place, one payment and one refund; another place is another notice."""
    journal, insurer = Journal(), "insurer:C11"
    for name, fen in (("hospital:a", 700), ("hospital:b", -200)):
        journal.months["2025-06"][name].covers[insurer] = fen
        told = {"month": "2025-06", "institution": name, "owed_fen": 0, "care": "440100"}
        journal.confirmed(told, receipt())
    notice = {"notice": "cover:2025-06:x", "kind": "cover", "insurer": insurer,
              "payee_region": "440100", "amount_fen": asked}  # fmt: skip
    if asked:
        journal.notice(notice, receipt())
        journal.notice(notice | {"kind": "cover-return", "payer_region": "440200",
                                 "amount_fen": 3}, receipt())  # fmt: skip
        unexplained += 3
    assert journal.unexplained_fen == unexplained
    assert journal.to_state == ({} if asked else {(insurer, "440100"): 500})


def test_a_median_is_the_middle() -> None:
    assert middle({}) is None
    assert middle({3: 1, 5: 1, 9: 3}) == 9
    assert middle({3: 2, 5: 1}) == 3


@given(st.floats(0.001, 1e12))
def test_an_axis_ends_at_a_round_number_above(value: float) -> None:
    top = charts.nice_top(value)
    assert value <= top <= 10 * value


def test_charts_name_every_mark_and_escape_texts() -> None:
    made = charts.columns("a<b", ["x"], [("s&t", "red", [2.0])], "u")
    assert "a&lt;b" in made
    assert "<title>x s&amp;t: 2 u</title>" in made
    assert charts.bands("f", [("<a>", "b", 1.0)], "u").count("&lt;a&gt;") == 3
    assert charts.bands("f", [], "u").startswith("<svg")
    assert charts.columns("f", [], [], "u").endswith("</svg>")
