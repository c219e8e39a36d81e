"""The settlement statement: one page that adds up, as text and as HTML."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from contracts.settlement.money import format_yuan
from contracts.settlement.statement import WIDTH, Statement, build, render_html, render_text
from tests.contracts.settlement.claim_world import (
    BED,
    BOB,
    COSMETIC,
    TEST,
    ClaimWorld,
    line,
    make_claim_world,
    visit,
)

DIGEST = bytes(range(32))


def columns(text: str) -> int:
    return sum(2 if ord(sign) >= 0x2E80 else 1 for sign in text)


def statement(counter: ClaimWorld, state: str = "settled", **given: object) -> Statement:
    lines = [line(1, BED, 2_000_000), line(2, TEST, 10_001), line(3, COSMETIC, 700, consent=True)]
    outcome = counter.settle(lines=lines, given=visit(kind="inpatient"), use_account=True)
    assert outcome.explanation is not None
    return build(outcome.explanation | given, receipt_digest=DIGEST, state=state)


@pytest.fixture
def counter() -> ClaimWorld:
    """A hospital with Alice in front of the counter."""
    return make_claim_world()


def test_the_page_says_who_pays_what_and_why(counter: ClaimWorld) -> None:
    text = render_text(statement(counter))
    for expected in (
        "医疗保障异地就医结算单  Settlement statement",
        "H44010000123-m-1",
        "全自费 own expense",
        "7.00",
        "医疗费总额 total",
        "20,107.01",
        "职工基本医保统筹基金 employee pooled fund",
        "18,890.01 × 85% = 16,056.51",
        "个人账户 account",
        "500.00",
        "起付线 deductible",
        "bureau:430100",
        "12393",
        "430100/310 no. 1 from 2025-01-01",
        "440000 2025.1",
        "异地转诊 referral 430100f1",
        "丙类自费 class C, own expense",
        "0001 0203 0405 0607 0809 0a0b 0c0d 0e0f",
    ):
        assert expected in text, expected


def test_a_page_that_was_taken_back_says_what_went_back(counter: ClaimWorld) -> None:
    settled = counter.settle(use_account=True, lines=[line(1, BED, 130_000)])
    assert settled.explanation is not None
    for state, replaced_by, told in (
        ("reversed", "", True), ("reversed", "H44010000123-m-1-n", False), ("settled", "", False),
    ):  # fmt: skip
        page = build(settled.explanation, receipt_digest=bytes(32), state=state,
                     replaced_by=replaced_by)  # fmt: skip
        text = render_text(page)
        assert ("退费合计" in text) is told
        assert ("1,300.00" in text.partition("退费")[2]) is told
        assert (replaced_by in text) is True


def test_the_amounts_on_the_page_add_up(counter: ClaimWorld) -> None:
    page = statement(counter)
    split, payers = page.sections[1], page.sections[2]

    def fen(value: str) -> int:
        return int(value.replace(",", "").replace(".", ""))

    *parts, total = [fen(row.value) for row in split.rows]
    assert sum(parts) == total == 2_010_701
    *shares, person = [fen(row.value) for row in payers.rows]
    fund, paid, account, cash = shares
    assert fund == paid
    assert account + cash == person
    assert paid + person == total


def test_no_line_is_wider_than_the_page(counter: ClaimWorld) -> None:
    text = render_text(statement(counter))
    assert max(columns(row) for row in text.splitlines()) <= WIDTH
    assert text.count("\n") < 75


def test_a_long_formula_is_broken_at_blanks(counter: ClaimWorld) -> None:
    bands = [[0, 100_000, "50%"], [100_000, 500_000, "60%"], [500_000, 9_000_000, "70.5%"]]
    step = {"code": "basic", "op": "bands", "amounts_fen": [9_000_000], "parameter": bands,
            "result_fen": 6_282_500, "year": 2025}  # fmt: skip
    text = render_text(statement(counter, steps=[step]))
    assert max(columns(row) for row in text.splitlines()) <= WIDTH
    assert "× 70.5%" in text


class Balanced(HTMLParser):
    """Counts tags, and fails on one that is not closed in its place."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_html_is_one_page_that_loads_nothing(counter: ClaimWorld) -> None:
    page = statement(counter)
    html = render_html(page)
    parsed = Balanced()
    parsed.feed(html)
    assert parsed.open == []
    assert "@page { size: A4" in html
    assert not re.search(r"src=|href=|<script|@import|url\(", html)
    told = "".join(parsed.text)
    for section in page.sections:
        for row in section.rows:
            assert row.label in told
            assert row.value in told
            assert row.note in told


def test_the_deductible_stands_beside_what_it_is_taken_from(counter: ClaimWorld) -> None:
    outcome = counter.settle(lines=[line(1, BED, 2_000_000)], given=visit(kind="inpatient"))
    explained = outcome.explanation
    assert explained is not None
    assert explained["deductible_fen"] > 0
    in_scope = build(explained, receipt_digest=DIGEST).sections[1].rows[3]
    assert in_scope.note.endswith(format_yuan(explained["deductible_fen"]))
    none = build(explained | {"deductible_fen": 0}, receipt_digest=DIGEST).sections[1].rows[3]
    assert none.note == ""


@pytest.fixture
def dear(counter: ClaimWorld) -> Callable[[int], str]:
    """HTML of a resident's settlement in several layers, with so many steps."""
    outcome = counter.settle(lines=[line(1, BED, 10_000_000)], given=visit(BOB, "inpatient"))
    assert outcome.explanation is not None
    explained = outcome.explanation
    step = {"code": "tilt", "op": "part", "amounts_fen": [156_300], "parameter": "60%",
            "result_fen": 93_780, "year": 2025}  # fmt: skip

    def page(steps: int) -> str:
        return render_html(build(explained | {"steps": [step] * steps}, receipt_digest=DIGEST))

    return page


def test_the_printed_page_has_room_for_the_steps_of_a_long_policy(
    dear: Callable[[int], str],
) -> None:
    """Chromium 156 was seen to fit 46 lines under 8 titles on the sheet."""
    html = dear(20)
    pairs = [part.partition("</div>")[0] for part in html.split('<div class="two">')[1:]]
    halves = sum(part.count("<tr") for part in pairs)
    assert halves >= 14, "the short rows stand in two columns"
    assert html.count("<tr") - halves // 2 <= 46
    assert html.count("<h2>") <= 8


BROWSER = os.environ.get("YIBAO_BROWSER")


@pytest.mark.skipif(BROWSER is None, reason="YIBAO_BROWSER=chromium prints it with a browser")
def test_a_browser_prints_it_on_one_sheet(dear: Callable[[int], str], tmp_path: Path) -> None:
    assert BROWSER is not None
    page, printed = tmp_path / "page.html", tmp_path / "page.pdf"
    for steps, sheets in ((20, 1), (60, 2)):
        page.write_text(dear(steps), encoding="utf-8")
        subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
             "--no-pdf-header-footer", f"--print-to-pdf={printed}", page.as_uri()],
            check=True, capture_output=True,
        )  # fmt: skip
        assert len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) == sheets


def test_what_others_wrote_cannot_become_markup(counter: ClaimWorld) -> None:
    html = render_html(statement(counter, claim="<script>alert(1)</script>"))
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("state", "words"),
    [("reversed", "已撤销 REVERSED"), ("estimate", "预结算 ESTIMATE, nothing was posted")],
)
def test_a_page_that_is_no_settlement_says_so(counter: ClaimWorld, state: str, words: str) -> None:
    page = statement(counter, state)
    assert words in render_text(page)
    row = next(row for row in page.sections[0].rows if row.value == words)
    assert row.strong


def test_a_stay_and_a_feed_are_dated_and_an_empty_section_is_left_out(counter: ClaimWorld) -> None:
    stay = {"care_kind": "inpatient", "admission": "2025-06-01", "discharge": "2025-06-10"}
    page = statement(counter, visit=stay, counters_as_of_ms=1_748_700_000_000, refusals=[])
    text, html = render_text(page), render_html(page)
    assert "2025-06-01 – 2025-06-10" in text
    assert "local care counted until" in text
    assert "2025-05-31" in text
    for printed in (text, html):
        assert "What no fund pays" not in printed


def test_layers_of_a_resident_are_all_named(counter: ClaimWorld) -> None:
    outcome = counter.settle(lines=[line(1, BED, 10_000_000)], given=visit(BOB, "inpatient"))
    assert outcome.explanation is not None
    text = render_text(build(outcome.explanation, receipt_digest=DIGEST))
    for expected in (
        "城乡居民基本医保基金",
        "城乡居民大病保险基金",
        "医疗救助基金",
        "个人现金 cash",
    ):
        assert expected in text
    assert "account balance" not in text
