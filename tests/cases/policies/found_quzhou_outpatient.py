"""Quzhou, retired employees, outpatient care (衢州 退休 门诊).

Source: published: 24qzars.icu/874259312.html.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    left = remaining(yuan(200), counter(case, "outpatient_deductible_fen"))
    deductible = capped(left, in_scope, "deductible")
    pool = part(above(in_scope, deductible), by_level(case, "65%", "65%", "55%"), "ratio")
    pool = capped(pool, remaining(yuan(1500), counter(case, "outpatient_paid_fen")), "year_cap")
    return {
        "payments": [payment("310102", pool, "outpatient")],
        "deductible_fen": deductible,
        "counters": {"outpatient_deductible_fen": deductible, "outpatient_paid_fen": pool},
    }
