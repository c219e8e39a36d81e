"""Chengdu style, employees, inpatient (成都式 职工 住院, 年龄公式).

Source: published form of the rule: ratio of the level, from 50 years on 2 points for each decade,
at most 10.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    deductible = min(by_level(case, yuan(200), yuan(400), yuan(800)), in_scope)
    age = case["person"]["age_years"]
    if age is None:
        fail("age-missing")
    bonus = 0
    if age >= 50:
        bonus = min(2 * (age // 10 - 4), 10)
    share = points(by_level(case, "92%", "90%", "85%"), bonus)
    basic = part(above(in_scope, deductible), share, "basic")
    return {"payments": [payment("310100", basic, "basic")], "deductible_fen": deductible}
