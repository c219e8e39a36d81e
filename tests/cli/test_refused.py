"""What audits refuse of a hospital's lines, by department and line, over a real node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.month_desk import JUNE, Desk
from tests.contracts.settlement.claim_world import BED, line
from tests.contracts.world import BUREAU_CHANGSHA, BUREAU_GUANGZHOU, HOSPITAL
from tests.node.api.real import OTHER_HOSPITAL

ONE, TWO = "H44010000123-m-1", "H44010000123-m-2"
BONES, HEART = "A03.11", "A03.04"
FULL, LESS, UNTOLD, OPEN = (f"440100-d{n}" for n in range(1, 5))
WORDS = ("audit", "refused", HOSPITAL, "--from", JUNE, "--to", JUNE)


def struck(number: int, fen: int, reason: str = "not_done") -> dict[str, Any]:
    return {"line": f"{number}", "line_fen": 30_000, "amount_fen": fen, "reason": reason}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Two bills of three lines, the last of which names no department; four deductions."""
    made = Desk(tmp_path_factory.mktemp("node"))
    for name in (ONE, TWO):
        bill = [[*line(1, BED, 30_000), BONES], [*line(2, BED, 30_000), HEART],
                line(3, BED, 30_000)]  # fmt: skip
        made.settle(name, bill)
    made.on("2025-07-01").declare()
    made.deduct(FULL, ONE, [struck(1, 700), struck(3, 300, "other")])
    made.decide(FULL, 1_000)
    made.deduct(LESS, ONE, [struck(1, 400), struck(2, 500)])
    upheld = [{"line": "1", "amount_fen": 0}, {"line": "2", "amount_fen": 250}]
    made.decide(LESS, 250, attachments={"audit": {"lines": upheld}})
    made.deduct(UNTOLD, TWO, [struck(1, 90), struck(2, 10)])
    made.decide(UNTOLD, 60)
    made.deduct(OPEN, TWO, [struck(2, 5_000)])
    yield made
    made.close()


def test_every_fen_refused_has_a_line_and_a_department(desk: Desk) -> None:
    told = desk.screens.json(HOSPITAL, "clerk", *WORDS)
    assert [one["deduction"] for one in told["deductions"]] == [FULL, LESS, UNTOLD, OPEN]
    assert told["refused_fen"] == 1_000 + 250 + 60
    assert (told["not_by_line_fen"], told["waiting_fen"]) == (60, 5_000)
    assert told["by_department"] == [
        {"department": BONES, "lines": 3, "noticed_fen": 1_190, "refused_fen": 700},
        {"department": None, "lines": 1, "noticed_fen": 300, "refused_fen": 300},
        {"department": HEART, "lines": 3, "noticed_fen": 5_510, "refused_fen": 250},
    ]
    by_line = sum(row["refused_fen"] for row in told["by_department"])
    assert by_line + told["not_by_line_fen"] == told["refused_fen"]
    assert {row["reason"]: row["refused_fen"] for row in told["by_reason"]} == {
        "not_done": 950, "other": 300,
    }  # fmt: skip
    less = told["deductions"][1]["lines"]
    assert [(one["department"], one["refused_fen"]) for one in less] == [(BONES, 0), (HEART, 250)]
    assert {one["refused_fen"] for one in told["deductions"][2]["lines"]} == {None}


def test_people_read_it(desk: Desk) -> None:
    text = desk.screens.text(HOSPITAL, "clerk", *WORDS)
    for words in (BONES, "7.00", "not told 未填", "refused in all 扣款合计: 13.10",
                  "not told by line: 0.60", "noticed"):  # fmt: skip
        assert words in text


def test_who_may_see_a_line_may_see_this(desk: Desk) -> None:
    assert desk.screens.json(BUREAU_GUANGZHOU, "audit", *WORDS)["refused_fen"] == 1_310
    for organisation, post in (
        (HOSPITAL, "finance"), (OTHER_HOSPITAL, "clerk"), (BUREAU_CHANGSHA, "clerk")
    ):  # fmt: skip
        desk.screens.text(organisation, post, *WORDS, code=4)


def test_other_months_and_backwards(desk: Desk) -> None:
    july = ("audit", "refused", HOSPITAL, "--from", "2025-07", "--to", "2025-07")
    assert desk.screens.json(HOSPITAL, "clerk", *july)["deductions"] == []
    backwards = ("audit", "refused", HOSPITAL, "--from", "2025-07", "--to", JUNE)
    desk.screens.text(HOSPITAL, "clerk", *backwards, code=4)


def test_the_pages_are_the_whole(desk: Desk) -> None:
    """One notice a page, and no deduction is lost or shown twice between two pages."""
    path, found = f"/v1/institutions/{HOSPITAL}/refused", []
    after: str | None = ""
    with desk.screens.client(HOSPITAL, "clerk") as client:
        while after is not None:
            page = client.get(path, first=JUNE, last=JUNE, limit=1, after=after or None)
            found += [one["deduction"] for one in page["records"]]
            after = page["next"]
    assert found == [FULL, LESS, UNTOLD, OPEN]


def test_a_department_decides_nothing(desk: Desk) -> None:
    """The second bill is the first one's lines over again; without departments it is the same."""
    plain = "H44010000123-m-3"
    desk.on("2025-07-01").settle(plain, [line(n, BED, 30_000) for n in (1, 2, 3)])
    with desk.screens.client(HOSPITAL, "finance") as client:
        bare, dressed = (
            client.get(f"/v1/claims/{name}")["record"]["settled"] for name in (plain, TWO)
        )
    assert bare["payments"] == dressed["payments"]
    assert bare["total_fen"] == dressed["total_fen"]


def test_an_erased_line_is_withheld_and_the_sum_stays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from node.api import explorer

    shown = explorer.attachments_of

    def erased(*given: Any) -> list[dict[str, Any]]:
        return [
            one | {"withheld": True, "content": None, "bytes": None, "blind": None}
            for one in shown(*given)
        ]

    monkeypatch.setattr(explorer, "attachments_of", erased)
    told = desk.screens.json(HOSPITAL, "clerk", *WORDS)
    assert told["refused_fen"] == told["not_by_line_fen"] == 1_310
    assert all(one["withheld"] for one in told["deductions"])
