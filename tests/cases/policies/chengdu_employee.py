"""Chengdu, Sichuan, employees, inpatient (成都 职工 住院).

Source: worked case ip-06 (xiangrikui.com). The deductible is a share of the average wage, the
ratio a formula of age.
Date: the page is of 2012-12-04.
Example only: not legal advice, not the policy in force.
"""

AVERAGE_WAGE = 8084


def settle(case):
    wage_share = by_level(case, "5%", "8%", "10%")
    deductible = part(yuan(AVERAGE_WAGE), wage_share, "deductible")
    share = ratio(750 + case["person"]["age_years"] * 2, 1000)
    basic = part(above(case["sums"]["in_scope_fen"], deductible), share, "basic")
    return {"payments": [payment("310100", basic, "basic")], "deductible_fen": deductible}
