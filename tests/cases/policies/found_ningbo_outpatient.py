"""Ningbo, outpatient care, at most 3,000 of costs a year (宁波 门诊 费用封顶).

Source: published: m.nb.bendibao.com/live/46100.shtm.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    room = remaining(yuan(3000), counter(case, "outpatient_base_fen"))
    base = capped(case["sums"]["in_scope_fen"], room, "year_base")
    pool = part(base, "60%", "outpatient")
    return {
        "payments": [payment("390102", pool, "outpatient")],
        "counters": {"outpatient_base_fen": base},
    }


def first_pay(case, line):
    """A class B drug costs 1 % first in a community hospital, whatever the catalogue says."""
    return "1%" if line["class"] == "02" and case["institution"]["kind"] == "community" else None
