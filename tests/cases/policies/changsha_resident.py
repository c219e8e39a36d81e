"""Changsha, Hunan, residents, inpatient (长沙 居民 住院 新生儿).

Source: worked case ip-14 (wyx.cc).
Date: the page is of 2024.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    deductible = capped(by_level(case, yuan(200), yuan(800), yuan(1200)), case["sums"]["in_scope_fen"])
    share = by_level(case, "85%", "80%", "70%")
    basic = part(above(case["sums"]["in_scope_fen"], deductible), share, "basic")
    return {
        "payments": [payment("390100", basic, "basic")],
        "deductible_fen": deductible,
        "counters": {"deductible_fen": deductible},
    }
