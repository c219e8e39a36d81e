"""Dalian, one drug of class A and one of class B (大连 甲乙类).

Source: published: readke.com/c/3220117.html.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    """The source only says that the deductible is reached: its 300 here is made up."""
    left = remaining(yuan(300), counter(case, "outpatient_deductible_fen"))
    deductible = capped(left, case["sums"]["in_scope_fen"], "deductible")
    pool = part(above(case["sums"]["in_scope_fen"], deductible), "80%", "outpatient")
    return {
        "payments": [payment("310102", pool, "outpatient")],
        "deductible_fen": deductible,
        "counters": {"outpatient_deductible_fen": deductible},
    }
