"""Yangzhou, Jiangsu, retired employees, outpatient pool, level 2 (扬州 职工退休 门诊统筹).

Source: worked case op-03 (yangzhou.iwelife.cn).
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    left = remaining(yuan(500), counter(case, "outpatient_deductible_fen"))
    deductible = capped(left, case["sums"]["in_scope_fen"], "deductible")
    basic = part(above(case["sums"]["in_scope_fen"], deductible), "75%", "outpatient")
    return {
        "payments": [payment("310102", basic, "outpatient")],
        "deductible_fen": deductible,
        "counters": {"outpatient_deductible_fen": deductible},
    }
