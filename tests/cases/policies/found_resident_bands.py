"""A city not named, residents, a printed table of what is paid (城镇居民 三级医院 分段支付表).

Source: published: m.yzwku.com/doc/356336.html.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    nominal = nth([yuan(400), yuan(280), yuan(200)], case["visit"]["admission_number"])
    deductible = capped(nominal, in_scope, "deductible")
    table = [(yuan(10000), "80%"), (yuan(30000), "85%"), (None, "90%")]
    basic = bands(in_scope, table, deductible, "bands")
    basic = capped(basic, remaining(yuan(60000), counter(case, "pool_paid_fen")), "year_cap")
    return {
        "payments": [payment("390100", basic, "basic")],
        "deductible_fen": deductible,
        "counters": {"pool_paid_fen": basic},
    }
