"""Ningbo, Zhejiang, adult residents, inpatient (宁波 居民 成年 住院).

Source: worked case ip-02 (jwbk.com, a copy of the city's own). The yearly cap of 300,000 limits
the in-scope cost, not the fund's payment.
Date: rules of 2023.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    room = remaining(yuan(300000), counter(case, "in_scope_fen"))
    in_scope = capped(case["sums"]["in_scope_fen"], room, "in_scope_cap")
    deductible = capped(yuan(1200), in_scope, "deductible")
    covered = above(in_scope, deductible)
    basic = part(covered, "70%", "basic")
    step("ratio_copay", covered - basic)
    return {
        "payments": [payment("390100", basic, "basic")],
        "deductible_fen": deductible,
        "counters": {"in_scope_fen": in_scope, "deductible_fen": deductible},
    }
