"""Policies of real places say where they are from, of when, and that nobody may rely on them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from contracts.settlement.policy_program import PolicyProgram
from contracts.settlement.policy_trial import try_policy

POLICIES = sorted((Path(__file__).resolve().parents[2] / "cases" / "policies").glob("*.py"))
MARK = "Example only: not legal advice, not the policy in force."
REAL: dict[str, tuple[str, str]] = {
    "city_beijing_employee": ("110000", "310"),
    "city_beijing_resident": ("110000", "390"),
    "city_xian_employee": ("610100", "310"),
    "city_weinan_resident": ("610500", "390"),
    "city_tongchuan_resident": ("610200", "390"),
    "city_changzhou_employee": ("320400", "310"),
    "city_hangzhou_employee": ("330100", "310"),
    "chengdu_employee": ("510100", "310"),
    "changsha_resident": ("430100", "390"),
    "ningbo_resident": ("330200", "390"),
    "yantai_employee": ("370600", "310"),
    "zhenjiang_employee": ("321100", "310"),
    "dandong_employee": ("210600", "310"),
    "yubei_resident": ("500112", "390"),
}
"""Real places and schemes: the district code, 310 employees or 390 residents."""


def told(path: Path) -> dict[str, str]:
    """What a source's docstring says: title, source, date and the rest of its lines."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    title, _, rest = text.partition("\n\n")
    found = re.fullmatch(
        r"Source: (?P<source>.+?)\.?\nDate: (?P<date>.+?)\.\n(?P<mark>.+)", rest, re.DOTALL
    )
    assert found is not None, f"{path.name}: Source:, Date: and the mark, each on its own line"
    return found.groupdict() | {"title": title}


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_each_says_source_and_date_and_is_marked(path: Path) -> None:
    said = told(path)
    assert said["mark"] == MARK
    assert re.search(r"worked cases? [a-z]+-?\d\d|RULES\.md section \d|published", said["source"])
    assert re.search(r"\b20[0-9]{2}\b", said["date"]), "the year that it is of, or was collected in"
    assert any("\u4e00" <= sign <= "\u9fff" for sign in said["title"]), "the place in Chinese"


def test_a_source_without_date_or_mark_is_found(tmp_path: Path) -> None:
    good = POLICIES[0].read_text("utf-8")
    for missing in ("\nDate: ", "\nSource: "):
        spoilt = tmp_path / "spoilt.py"
        spoilt.write_text(good.replace(missing, "\n"), "utf-8")
        with pytest.raises(AssertionError, match="each on its own line"):
            told(spoilt)


@pytest.mark.parametrize("name", REAL)
def test_real_places_can_be_deployed_where_they_belong(name: str) -> None:
    path = next(path for path in POLICIES if path.stem == name)
    area, scheme = REAL[name]
    assert try_policy(PolicyProgram(path.read_text("utf-8")), scheme, area) > 0


def test_there_are_more_than_six_places_and_both_schemes() -> None:
    assert len(set(REAL.values())) == len(REAL) >= 6
    assert {scheme for _, scheme in REAL.values()} == {"310", "390"}
