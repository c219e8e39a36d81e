"""Zhenjiang, Jiangsu, active employees, outpatient pool and critical illness (镇江 职工 门诊+大病).

Source: worked case op-05 (qebk.com). The limit of 10,000 is on the cost above the deductible;
what is above the limit, the deductible and the person's share together are the base of critical
illness.
Date: rules of 2023.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    left = remaining(yuan(800), counter(case, "outpatient_deductible_fen"))
    deductible = capped(left, in_scope, "deductible")
    room = remaining(yuan(10000), counter(case, "outpatient_base_fen"))
    base = capped(above(in_scope, deductible), room, "outpatient_base")
    pool = part(base, "60%", "outpatient")
    share = step("outpatient_self", base - pool)
    over = step("over_limit", in_scope - deductible - base)
    critical_base = step("critical_base", deductible + share + over)
    before = counter(case, "critical_base_fen")
    paid_for = bands(before + critical_base, [(yuan(6000), "0%"), (None, "60%")], before, "critical")
    return {
        "payments": [payment("310102", pool, "outpatient"), payment("310300", paid_for, "critical")],
        "deductible_fen": deductible,
        "counters": {
            "outpatient_deductible_fen": deductible,
            "outpatient_base_fen": base,
            "critical_base_fen": critical_base,
        },
    }
