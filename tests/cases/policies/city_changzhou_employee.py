"""Changzhou, employees, care in another province (常州市 职工 跨省), formula A.

Source: RULES.md section 2.5: 10 percentage points less with a filing or an emergency, 20 without.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    deductible = min(by_level(case, yuan(300), yuan(600), yuan(1000)), in_scope)
    less = 0
    if case["cross_province"]:
        if case["filing"]["group"] == "long_term":
            less = 0
        elif case["filing"]["group"] == "temporary" or case["visit"]["emergency"]:
            less = 10
        else:
            less = 20
    basic = part(above(in_scope, deductible), points("90%", -less), "basic")
    return {"payments": [payment("310100", basic, "basic")], "deductible_fen": deductible}
