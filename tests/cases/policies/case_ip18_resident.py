"""A flat ratio for residents, level 3 (居民).

Source: worked case ip-18, third example (jiusongjiankang.com).
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    deductible = yuan(1300)
    basic = part(above(case["sums"]["in_scope_fen"], deductible), "50%", "basic")
    return {"payments": [payment("390100", basic, "basic")], "deductible_fen": deductible}
