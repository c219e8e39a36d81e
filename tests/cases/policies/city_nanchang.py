"""Nanchang, employees and residents, inpatient (南昌市 职工、居民 住院).

Source: RULES.md section 3.5: deductibles and ratios by level; employees 100,000 + 400,000 a year.
Not in the source, so assumed: the large-amount subsidy pays at the pool's ratio what the pool's
cap cuts off; residents have no cap; care elsewhere is paid as at home.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""

POOL_CAP = yuan(100000)
LARGE_CAP = yuan(400000)


def settle(case):
    if case["visit"]["care_kind"] != "inpatient":
        return {"payments": [], "refusals": ["care-kind.not-covered"]}
    in_scope = case["sums"]["in_scope_fen"]
    if case["person"]["scheme"] == "390":
        nominal = by_level(case, yuan(100), yuan(400), yuan(600))
        deductible = capped(nominal, in_scope, "deductible")
        share = by_level(case, "90%", "80%", "60%")
        basic = part(above(in_scope, deductible), share, "basic")
        return {"payments": [payment("390100", basic, "basic")], "deductible_fen": deductible}

    nominal = by_level(case, yuan(200), yuan(500), yuan(800))
    deductible = capped(nominal, in_scope, "deductible")
    due = part(above(in_scope, deductible), by_level(case, "95%", "90%", "85%"), "due")
    pool = capped(due, remaining(POOL_CAP, counter(case, "pool_paid_fen")), "pool_cap")
    large = capped(due - pool, remaining(LARGE_CAP, counter(case, "large_paid_fen")), "large_cap")
    return {
        "payments": [payment("310100", pool, "basic"), payment("330100", large, "large")],
        "deductible_fen": deductible,
        "counters": {"pool_paid_fen": pool, "large_paid_fen": large},
    }
