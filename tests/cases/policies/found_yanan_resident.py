"""Yan'an, residents in hospital, elsewhere 10 or 20 points less (延安 居民 异地).

Source: published: m.jiusongjiankang.com/health/news/4654224.html (health-content site, not an authority).
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    deductible = capped(by_level(case, yuan(400), yuan(800), yuan(1100)), in_scope, "deductible")
    less = 0
    if case["cross_province"]:
        less = -20 if case["filing"]["group"] == "none" else -10
    basic = part(above(in_scope, deductible), points("80%", less), "basic")
    return {"payments": [payment("390100", basic, "basic")], "deductible_fen": deductible}
