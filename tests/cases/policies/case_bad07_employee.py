"""A web example for employees, outpatient, level 3 (职工 普通门诊).

Source: worked case bad-07 (jiusongjiankang.com).
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    left = remaining(yuan(1800), counter(case, "outpatient_deductible_fen"))
    deductible = capped(left, case["sums"]["in_scope_fen"], "deductible")
    pool = part(above(case["sums"]["in_scope_fen"], deductible), "80%", "outpatient")
    return {
        "payments": [payment("310102", pool, "outpatient")],
        "deductible_fen": deductible,
        "counters": {"outpatient_deductible_fen": deductible},
    }
