"""Shandong, employees, care in Shanghai (山东 职工 异地住院).

Source: worked case seed-01.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    deductible = yuan(1000)
    basic = part(above(case["sums"]["in_scope_fen"], deductible), "80%", "basic")
    return {"payments": [payment("310100", basic, "basic")], "deductible_fen": deductible}
