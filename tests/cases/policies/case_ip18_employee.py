"""A flat ratio for employees, level 3 (职工 统一比例).

Source: worked case ip-18, first example (jiusongjiankang.com).
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    deductible = yuan(800)
    basic = part(above(case["sums"]["in_scope_fen"], deductible), "80%", "basic")
    return {"payments": [payment("310100", basic, "basic")], "deductible_fen": deductible}
