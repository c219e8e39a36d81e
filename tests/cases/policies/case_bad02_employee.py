"""A web example for employees elsewhere, level 3 (职工 异地住院).

Source: worked case bad-02 (jiusongjiankang.com).
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    deductible = yuan(800)
    covered = above(case["sums"]["in_scope_fen"], deductible, "reimbursable")
    basic = part(covered, "83%", "basic")
    return {"payments": [payment("310100", basic, "basic")], "deductible_fen": deductible}
