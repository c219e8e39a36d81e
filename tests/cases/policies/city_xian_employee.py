"""Xi'an, employees, inpatient (西安市 职工 住院).

Source: RULES.md section 3.5: 200 / 500 / 1,200, 90 / 85 / 80 %, retired 4 or 5 points more; what
the pool would pay above 400,000 a year goes to the large-amount subsidy at 90 %.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    deductible = min(by_level(case, yuan(200), yuan(500), yuan(1200)), in_scope)
    share = by_level(case, "90%", "85%", "80%")
    if case["person"]["category"] == "retired":
        share = points(share, by_level(case, 4, 4, 5))
    full = part(above(in_scope, deductible), share, "basic")
    basic = capped(full, remaining(yuan(400000), counter(case, "pool_paid_fen")), "year_cap")
    # what the pool would have paid without its cap goes to the large-amount subsidy
    large = part(full - basic, "90%", "large")
    return {
        "payments": [payment("310100", basic, "basic"), payment("330100", large, "large")],
        "deductible_fen": deductible,
        "counters": {"pool_paid_fen": basic},
    }
