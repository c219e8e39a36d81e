"""A city that is not named, employees, inpatient and large amounts (职工 住院+大额医疗补助).

Source: worked case ip-05 (yzzsnet.com). The pool covers 80,000 of in-scope cost a year (a cap on
the cost); what is above goes to the large-amount subsidy, which pays at most 220,000.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    room = remaining(yuan(80000), counter(case, "pool_base_fen"))
    pool_base = capped(in_scope, room, "pool_base")
    deductible = capped(yuan(500), pool_base, "deductible")
    pool = part(above(pool_base, deductible), "85%", "basic")
    large_base = above(in_scope, pool_base, "large_base")
    left = remaining(yuan(220000), counter(case, "large_paid_fen"))
    large = capped(part(large_base, "90%", "large"), left, "large_cap")
    return {
        "payments": [payment("310100", pool, "basic"), payment("330100", large, "large")],
        "deductible_fen": deductible,
        "counters": {"pool_base_fen": pool_base, "large_paid_fen": large},
    }
