"""A web example for retired employees, outpatient (职工退休 普通门诊).

Source: worked case bad-05 (fudaoke.com).
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    left = remaining(yuan(500), counter(case, "outpatient_deductible_fen"))
    deductible = capped(left, case["sums"]["in_scope_fen"], "deductible")
    pool = part(above(case["sums"]["in_scope_fen"], deductible), "70%", "outpatient")
    return {
        "payments": [payment("310102", pool, "outpatient")],
        "deductible_fen": deductible,
        "counters": {"outpatient_deductible_fen": deductible},
    }
