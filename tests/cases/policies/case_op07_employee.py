"""A place that is not named, employees, pharmacy under the outpatient pool (职工 药店门诊统筹).

Source: worked case op-07 (jiusongjiankang.com). Ratio and yearly cap differ for the retired.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    retired = case["person"]["category"] == "retired"
    share = "80%" if retired else "75%"
    cap = yuan(2500) if retired else yuan(2000)
    left = remaining(yuan(200), counter(case, "outpatient_deductible_fen"))
    deductible = capped(left, case["sums"]["in_scope_fen"], "deductible")
    pool = part(above(case["sums"]["in_scope_fen"], deductible), share, "outpatient")
    pool = capped(pool, remaining(cap, counter(case, "outpatient_paid_fen")), "year_cap")
    return {
        "payments": [payment("310102", pool, "outpatient")],
        "deductible_fen": deductible,
        "counters": {"outpatient_deductible_fen": deductible, "outpatient_paid_fen": pool},
    }
