"""Lanzhou, employees, ordinary outpatient care at level 2 (兰州 职工 门诊).

Source: published: shebaodata.com/zhishi/yiliao/331285_2.html.
Date: 2023.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    """The deductible is counted over the year; the source prints the share at level 2."""
    left = remaining(yuan(200), counter(case, "outpatient_deductible_fen"))
    deductible = capped(left, case["sums"]["in_scope_fen"], "deductible")
    share = "65%" if case["person"]["category"] == "retired" else "60%"
    pool = part(above(case["sums"]["in_scope_fen"], deductible), share, "outpatient")
    return {
        "payments": [payment("310102", pool, "outpatient")],
        "deductible_fen": deductible,
        "counters": {"outpatient_deductible_fen": deductible},
    }
