"""Yantai, Shandong, employees, inpatient (烟台 职工 住院).

Source: worked case ip-18, second example (jiusongjiankang.com). Bands by level, the deductible
inside the first band, retired people 5 points more.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    deductible = capped(by_level(case, yuan(200), yuan(500), yuan(800)), in_scope, "deductible")
    low, middle, high = by_level(
        case, ("90%", "90%", "90%"), ("85%", "85%", "90%"), ("80%", "85%", "90%")
    )
    bonus = 0
    if case["person"]["category"] == "retired":
        bonus = 5
    table = [
        (yuan(5000), points(low, bonus)),
        (yuan(10000), points(middle, bonus)),
        (None, points(high, bonus)),
    ]
    basic = bands(in_scope, table, deductible, "basic")
    return {
        "payments": [payment("310100", basic, "basic")],
        "deductible_fen": deductible,
        "counters": {"deductible_fen": deductible, "pool_paid_fen": basic},
    }
