"""A settled claim decided again outside the node: the same, or why it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.screens import Screens
from tests.scenes.country import (
    BED,
    BUREAU_CHANGSHA,
    DRUG,
    EXAMINATION,
    GUANGZHOU,
    HOSPITAL,
    Country,
)


@pytest.fixture
def country(tmp_path: Path) -> Iterator[Country]:
    made = Country(tmp_path / "node")
    yield made
    made.close()


def stay(country: Country, name: str = "patient") -> str:
    """A stay with an upload that was withdrawn, paid partly from the account."""
    person = country.enrol(name)
    country.deposit(person, "300.00")
    country.on("2025-03-03")
    country.file(person, "referral", GUANGZHOU)
    claim = country.admit(person, referral=True)
    wrong = country.lines((DRUG, "9999.00"))
    wrong[0][0] = "77"
    for upload, rows in ((1, wrong), (2, country.lines((EXAMINATION, "1234.56")))):
        country.say(HOSPITAL, "claim", "lines", {"claim": claim, "upload": upload},
                    {"settlement": {"lines": rows}})  # fmt: skip
    country.say(HOSPITAL, "claim", "withdraw_lines", {"claim": claim, "upload": 1})
    country.on("2025-03-06")
    rows = country.lines((BED, "0.01"), (DRUG, "3333.33"))
    for number, row in enumerate(rows):
        row[0] = f"{number + 10}"
    args = {"claim": claim, "discharge": country.today, "total_fen": 456_790, "use_account": True}
    country.say(HOSPITAL, "claim", "settle", args, {"settlement": {"lines": rows}})
    return claim


def rerun(country: Country, claim: str, *words: object, code: int = 0) -> Any:
    return Screens(country.world).json(
        BUREAU_CHANGSHA, "clerk", "claim", "rerun", claim, *words, code=code
    )


def test_two_stays_come_out_as_they_did_also_after_the_rules_changed(country: Country) -> None:
    first = stay(country)
    person = country.claim(BUREAU_CHANGSHA, first)["person"]
    country.on("2025-04-01")
    second = country.admit(person)
    country.on("2025-04-03")
    country.discharge(second, (DRUG, "2000.00"))
    country.deploy(
        "310",
        'def settle(case):\n    return {"payments": []}\n',
        "2025-01-01",
    )
    for claim in (first, second):
        told = rerun(country, claim)
        assert told["same"] is True
        assert any(row["what"].startswith("step") for row in told["rows"])


def test_another_source_is_told_apart_and_is_no_failure(country: Country, tmp_path: Path) -> None:
    claim = stay(country)
    source = tmp_path / "nothing.py"
    source.write_text('def settle(case):\n    return {"payments": []}\n', encoding="utf-8")
    told = rerun(country, claim, "--policy", source)
    assert told["same"] is False
    assert {row["what"]: row["now"] for row in told["rows"]}["person"] == "4,567.90"


def test_what_was_erased_cannot_be_run_again(country: Country) -> None:
    claim = stay(country)
    path = f"/v1/claims/{claim}/attachments"
    for item in country.look(BUREAU_CHANGSHA, path)["attachments"]:
        country.world.node.chain.database.erase_attachment(bytes.fromhex(item["commitment"]))
    country.world.node.reader.publish()
    screens = Screens(country.world)
    text = screens.text(BUREAU_CHANGSHA, "clerk", "claim", "rerun", claim, code=1)
    assert "was erased here" in text
