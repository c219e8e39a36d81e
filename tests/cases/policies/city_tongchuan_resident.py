"""Tongchuan, residents, care in another province (铜川市 居民 跨省), formula C.

Source: RULES.md section 2.5: the ratio times 0.9 with a temporary filing, 0.8 without one.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    share = by_level(case, "85%", "75%", "65%")
    if case["cross_province"]:
        if case["filing"]["group"] == "temporary":
            share = times(share, "0.9")
        elif case["filing"]["group"] == "none":
            share = times(share, "0.8")
    deductible = min(by_level(case, yuan(200), yuan(500), yuan(1500)), in_scope)
    basic = part(in_scope - deductible, share, "basic")
    return {"payments": [payment("390100", basic, "basic")], "deductible_fen": deductible}
