"""Hangzhou, employees, care elsewhere (杭州市 职工 异地), formula B.

Source: RULES.md section 2.5: 20 % first pay outside the province, 10 % elsewhere in it.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def first_share(case):
    if case["filing"]["group"] == "long_term":
        return "0%"
    if case["cross_province"]:
        return "20%"
    return "10%" if outside_area(case) else "0%"


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    first = part(in_scope, first_share(case), "elsewhere_first_pay")
    counted = in_scope - first
    deductible = min(by_level(case, yuan(300), yuan(600), yuan(800)), counted)
    table = [(yuan(20000), "82%"), (yuan(40000), "86%"), (None, "90%")]
    basic = bands(counted, table, deductible, "basic")
    return {"payments": [payment("310100", basic, "basic")], "deductible_fen": deductible}
