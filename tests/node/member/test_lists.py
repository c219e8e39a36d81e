"""What ``yibao member list``, ``month`` and ``proof`` show of what was proved, all nodes off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.member_account import agrees, compare
from cli.member_lists import KINDS, LISTS
from node.member import records as member_records
from node.member.build import Built
from node.member.errors import MemberRefused
from node.member.service import ReadService
from tests.cli.running import yibao
from tests.contracts.settlement.cover_world import INSURER
from tests.node.member.parties import (
    BACK,
    CAME_BACK,
    DECIDED,
    FINANCE_GUANGZHOU,
    FUNDS,
    HOSPITAL,
    JUNE,
    MONTH_NOTICE,
    ONE,
    OWED,
    REFUND,
    TWO,
    Story,
    hides,
)
from tests.node.member.test_insurer import Covers

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    made = Story(tmp_path_factory.mktemp("ledger"))
    yield made
    made.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Built], Path]]:
    """Serves what a member node knows; gives its configuration."""
    running: list[ReadService] = []

    def start(built: Built) -> Path:
        folder = tmp_path / str(len(running))
        (folder / "data").mkdir(parents=True)
        config = folder / "member.toml"
        config.write_text(
            f"""[member]
organisation = "hospital:x"
genesis = "genesis.json"
chain = "{"0" * 64}"
data_dir = "data"
key = "clerk.key"

[nodes]
addresses = ["http://127.0.0.1:1"]
""",
            encoding="utf-8",
        )
        service = ReadService(folder / "data", 0, built.records, built.status)
        service.start()
        running.append(service)
        return config

    yield start
    for service in running:
        service.close()


def listed(config: Path, what: str) -> list[dict[str, Any]]:
    done = yibao("member", "list", config, what, "--json")
    assert done.exit_code == 0, done.output
    rows: list[dict[str, Any]] = json.loads(done.output)["records"]
    assert yibao("member", "list", config, what).exit_code == 0, "people can read it as well"
    return rows


def test_a_hospital(story: Story, serve: Ask, tmp_path: Path) -> None:
    built = story.at(HOSPITAL).rounds(2)
    config = serve(built)
    found = {what: listed(config, what) for what in LISTS}
    june = found["months"][0]
    assert (june["name"], june["expected_fen"], june["open_fen"]) == (JUNE, OWED, CAME_BACK)
    assert [row["name"] for row in found["settlements"]][:3] == [ONE, TWO, BACK]
    assert [row["name"] for row in found["refunds"]] == [REFUND]
    assert [row["name"] for row in found["notices"]] == [MONTH_NOTICE]
    assert DECIDED in [row["name"] for row in found["deductions"]]
    assert (found["covers"], found["owed"], found["orders"]) == ([], [], [])
    text = yibao("member", "list", config, "months").output
    assert "R-1" in text
    out = tmp_path / "file.evidence"
    for kind, name in (("month", JUNE), ("payment", story.first), ("notice", MONTH_NOTICE)):
        assert yibao("member", "proof", config, kind, name, "-o", out).exit_code == 0
        genesis = tmp_path / "genesis.json"
        genesis.write_bytes(story.month.world.genesis_bytes)
        done = yibao("proof", "verify", out, "--genesis", genesis, "--json")
        assert done.exit_code == 0, done.output
    assert yibao("member", "status", config).exit_code == 0


def test_a_month_is_reconciled_row_by_row(story: Story, serve: Ask) -> None:
    config = serve(story.at(HOSPITAL).rounds(2))
    done = yibao("member", "month", config, JUNE, "--json")
    assert done.exit_code == 0
    month = json.loads(done.output)
    assert sum(row["funds_fen"] + row["accounts_fen"] for row in month["rows"]) == FUNDS
    text = yibao("member", "month", config, JUNE).output
    for word in ("4 of 4, agree: yes", "60.00", REFUND, DECIDED, story.first, "R-1"):
        assert word in text, word
    missing = yibao("member", "month", config, "2024-01")
    assert (missing.exit_code, "member.not-found" in missing.output) == (4, True)


def test_a_month_whose_rows_are_not_all_proved_is_no(story: Story, serve: Ask) -> None:
    """A member node that began at a checkpoint has not seen the calls before it."""
    config = serve(story.at(HOSPITAL, hides("declared")).rounds(2))
    done = yibao("member", "month", config, JUNE)
    assert (done.exit_code, "0 of 4, agree: no" in done.output) == (1, True)


def statement(folder: Path, *rows: tuple[str, str, str, str]) -> Path:
    """A bank account's statement: reference, direction, yuan, day."""
    path = folder / "account.json"
    names = ("reference", "direction", "amount", "value_on")
    path.write_text(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
    return path


CAME = ("R-1", "in", "760.00", "2025-07-02")
WENT_BACK = ("B-1", "returned", "60.00", "2025-07-03")


def test_a_bank_account_that_agrees(story: Story, serve: Ask, tmp_path: Path) -> None:
    config = serve(story.at(HOSPITAL).rounds(2))
    file = statement(tmp_path, CAME, WENT_BACK)
    done = yibao("member", "account", config, file, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert [(row["outcome"], row["payment"], row["notice"]) for row in found["lines"]] == [
        ("matched", story.first, MONTH_NOTICE)
    ] * 2
    assert yibao("member", "account", config, file).exit_code == 0
    paid = serve(story.at(FINANCE_GUANGZHOU).rounds(2))
    out = statement(tmp_path, ("R-1", "out", "760.00", "2025-07-02"), WENT_BACK)
    assert yibao("member", "account", paid, out).exit_code == 0
    shouted = out.rename(tmp_path / "ACCOUNT.JSON")
    assert yibao("member", "account", paid, shouted).exit_code == 0


@pytest.mark.parametrize(
    ("rows", "outcomes", "missing"),
    [
        ([CAME], ["matched"], 0),
        ([WENT_BACK], ["matched"], 0),
        ([("R-1", "in", "759.00", "2025-07-02"), WENT_BACK], ["amount-differs", "matched"], 0),
        ([("R-1", "out", "760.00", "2025-07-02")], ["unknown"], 1),
        ([CAME, CAME, WENT_BACK], ["matched", "unknown", "matched"], 0),
        ([("X-1", "in", "760.00", "2025-07-01"), WENT_BACK], ["unknown", "matched"], 1),
        ([("X-1", "in", "1.00", "2025-07-01"), ("X-2", "in", "1.00", "2025-07-31")],
         ["unknown", "unknown"], 2),
        ([], [], 0),
    ],
)  # fmt: skip
def test_a_bank_account_that_differs(
    story: Story, serve: Ask, tmp_path: Path, rows: Any, outcomes: list[str], missing: int
) -> None:
    config = serve(story.at(HOSPITAL).rounds(2))
    done = yibao("member", "account", config, statement(tmp_path, *rows), "--json")
    found = json.loads(done.output)
    assert [row["outcome"] for row in found["lines"]] == outcomes
    assert len(found["missing"]) == missing
    assert done.exit_code == int(
        missing > 0 or set(outcomes) > {"matched"} or "unknown" in outcomes
    )


def test_what_is_no_statement_is_told(story: Story, serve: Ask, tmp_path: Path) -> None:
    config = serve(story.at(HOSPITAL).rounds(1))
    path = tmp_path / "account.csv"
    assert yibao("member", "account", config, path).exit_code == 6
    path.write_text("reference,amount\nR-1,much\n", encoding="utf-8")
    done = yibao("member", "account", config, path)
    assert (done.exit_code, "row 1" in done.output) == (6, True)


def test_a_finance_department(story: Story, serve: Ask) -> None:
    config = serve(story.at(FINANCE_GUANGZHOU).rounds(2))
    (notice,) = listed(config, "notices")
    assert (notice["side"], notice["open_fen"], notice["state"]) == ("pay", CAME_BACK, "paying")
    assert len(listed(config, "payments")) == 2
    text = yibao("member", "list", config, "notices").output
    assert "60.00" in text
    assert "R-1, (approved)" in text


def test_an_insurer(serve: Ask, tmp_path: Path) -> None:
    covers = Covers(tmp_path)
    config = serve(covers.at().rounds(2))
    assert [row["state"] for row in listed(config, "covers")] == ["settled", "due"]
    assert [row["institution"] for row in listed(config, "owed")] == [HOSPITAL, HOSPITAL]
    (account,) = listed(config, "commercial")
    assert (account["name"], account["amount_fen"] < 0) == (INSURER, True)
    assert listed(config, "settlements")
    covers.world.close()


@pytest.mark.parametrize("organisation", [HOSPITAL, FINANCE_GUANGZHOU, INSURER])
def test_a_folder_for_files_is_a_banks(story: Story, organisation: str) -> None:
    desk = story.at(organisation)
    with pytest.raises(MemberRefused, match=r"bank\.folder"):
        desk.open(folder=desk.folder)


def test_who_follows_headers_only_follows_them(story: Story) -> None:
    built = story.at("auditor:national").rounds()
    status = built.status()
    assert (status["agree"], status["open"]) == (1, {})
    assert status["height"] == story.month.world.node.head.height


def test_the_command_line_names_every_kind() -> None:
    assert set(KINDS) == set(member_records.KINDS)


def test_what_a_bank_has_paid_short_is_one_line_of_its_statement() -> None:
    day = "2025-07-21"
    payment = {
        "payment": "finance:430000:2", "state": "part-back", "reference": "B1", "value_on": day,
        "received_reference": "", "received_on": "", "amount_fen": 144_500,
        "returns": [
            {"reference": "B1:rest", "amount_fen": 2, "value_on": day},
            {"reference": "B3", "amount_fen": 4_500, "value_on": day},
        ],
    }  # fmt: skip
    notice = {"name": "clearing:2025-06:430000:440000", "side": "pay", "payments": [payment]}
    line = {"order": "", "value_on": day}
    lines = [
        line | {"reference": "B1", "direction": "out", "amount_fen": 144_498},
        line | {"reference": "B3", "direction": "returned", "amount_fen": 4_500},
    ]
    assert agrees(compare(lines, [notice]))
    assert not agrees(compare([lines[0] | {"amount_fen": 144_500}, lines[1]], [notice]))
