"""Dandong, Liaoning, employees, outpatient pool (丹东 职工 门诊统筹).

Source: worked case op-01 (86lsw.com). (total - first pay - own expense - over ceiling -
deductible) x ratio; the deductible counts once a year; the personal account may pay whatever is
left to the person.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    left = remaining(yuan(300), counter(case, "outpatient_deductible_fen"))
    deductible = capped(left, case["sums"]["in_scope_fen"], "deductible")
    share = by_level(case, "65%", "60%", "55%")
    basic = part(above(case["sums"]["in_scope_fen"], deductible), share, "outpatient")
    return {
        "payments": [payment("310102", basic, "outpatient")],
        "deductible_fen": deductible,
        "counters": {"outpatient_deductible_fen": deductible},
        "account_limit_fen": case["sums"]["total_fen"] - basic,
    }
