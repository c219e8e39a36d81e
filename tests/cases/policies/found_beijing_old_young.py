"""Beijing, the elderly and children before the merger of schemes (北京 一老一小).

Source: published: qiyebaizhang.gzzwz.com.cn/z/52938.html.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    first = case["visit"]["admission_number"] == 1
    if case["person"]["category"] == "elderly":
        nominal, share, cap = yuan(1300) if first else yuan(650), "60%", yuan(150000)
    else:
        nominal, share, cap = yuan(650), "70%", yuan(170000)
    deductible = capped(nominal, in_scope, "deductible")
    basic = part(above(in_scope, deductible), share, "basic")
    basic = capped(basic, remaining(cap, counter(case, "pool_paid_fen")), "year_cap")
    return {
        "payments": [payment("390100", basic, "basic")],
        "deductible_fen": deductible,
        "counters": {"pool_paid_fen": basic},
    }
