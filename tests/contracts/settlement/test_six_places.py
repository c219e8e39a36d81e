"""The engine against the second adjudicator over six real places, and the judge itself judged."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest

from contracts.settlement.policy_program import PolicyProgram
from tests.contracts.settlement import six_places

SLIPS = (
    ("city_beijing_employee", '(yuan(40000), "90%")', '(yuan(40001), "90%")'),
    ("city_beijing_employee", "[yuan(1300), yuan(650)]", "[yuan(1300), yuan(1300)]"),
    ("city_beijing_resident", "above(before, threshold)", "before"),
    ("city_beijing_resident", '(yuan(50000), "65%")', '(yuan(50000), "64%")'),
    ("city_xian_employee", "by_level(case, 4, 4, 5)", "by_level(case, 4, 4, 4)"),
    ("city_xian_employee", "part(full - basic", "part(in_scope - basic"),
    ("city_weinan_resident", '(None, "80%")', '(None, "75%")'),
    ("city_weinan_resident", "yuan(130000)", "yuan(135000)"),
    ("city_hangzhou_employee", 'return "10%" if', 'return "0%" if'),
    ("city_hangzhou_employee", "bands(counted, table,", "bands(in_scope, table,"),
    ("city_outpatient_pool", '"op_base_fen": counted', '"op_base_fen": base'),
    ("city_outpatient_pool", "base - counted", "base - pool"),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_no_figure_differs_over_six_places(seed: int) -> None:
    assert list(six_places.differences(Random(seed), 2_500)) == []


@pytest.mark.parametrize(("policy", "said", "slip"), SLIPS)
def test_a_slip_planted_in_a_place_is_found(policy: str, said: str, slip: str) -> None:
    text = (six_places.POLICIES / f"{policy}.py").read_text("utf-8")
    assert text.count(said) == 1, f"{policy} no longer says {said}"
    planted = six_places.sources() | {policy: PolicyProgram(text.replace(said, slip))}
    found = list(islice(six_places.differences(Random(7), 10_000, planted), 1))
    assert [place.policy for place, *_ in found] == [policy]
