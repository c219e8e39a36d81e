"""A city of Anhui, residents elsewhere (安徽某市 居民 异地).

Source: RULES.md section 2.5: deductible 20 % of the whole cost, 2,000 to 10,000, then 10 or 20
points less, but at least 40 % of the in-scope amount (保底).
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    if not case["cross_province"]:
        deductible = min(by_level(case, yuan(200), yuan(500), yuan(700)), in_scope)
        basic = part(in_scope - deductible, by_level(case, "85%", "80%", "75%"), "basic")
        return {"payments": [payment("390100", basic, "basic")], "deductible_fen": deductible}
    nominal = part(case["sums"]["total_fen"], "20%", "fifth_of_the_cost")
    deductible = min(max(nominal, yuan(2000)), yuan(10000), in_scope)
    less = -20 if case["filing"]["group"] == "none" else -10
    formula = part(in_scope - deductible, points("70%", less), "formula")
    floor = part(in_scope, "40%", "floor")
    basic = step("basic", max(formula, floor))
    return {"payments": [payment("390100", basic, "basic")], "deductible_fen": deductible}
