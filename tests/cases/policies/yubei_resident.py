"""Yubei, Chongqing, residents, level 2, with medical assistance and its tilt (渝北 居民一档 救助).

Source: worked case ci-01 (ybq.gov.cn, the district's own page).
Date: the page is of 2023-10-30.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    deductible = capped(by_level(case, yuan(100), yuan(300), yuan(800)), in_scope, "deductible")
    basic = part(above(in_scope, deductible), by_level(case, "80%", "70%", "50%"), "basic")
    payments = [payment("390100", basic, "basic")]
    if has_identity(case, "low_income", "minimum_living", "extreme_poverty"):
        assistance = part(in_scope - basic, "70%", "assistance")
        self_pay = step("in_scope_self", in_scope - basic - assistance)
        tilt = capped(part(above(self_pay, yuan(3000)), "60%", "tilt"), yuan(20000), "tilt_cap")
        payments = payments + [payment("610100", assistance, "assistance")]
        payments = payments + [payment("610100", tilt, "tilt")]
    return {"payments": payments, "deductible_fen": deductible}
