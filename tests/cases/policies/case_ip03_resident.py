"""A city that is not named, elderly residents, inpatient and critical illness (居民 老年 住院+大病).

Source: worked case ip-03 (ardmore-hotel.com). The table is printed as the person's share; the
deductible is carved out of the first band, and critical illness starts from deductible + share.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    deductible = capped(yuan(900), in_scope, "deductible")
    table = [(yuan(20000), "32%"), (yuan(40000), "27%"), (None, "22%")]
    copay = bands(in_scope, table, deductible, "ratio_copay")
    basic = step("basic", in_scope - deductible - copay)
    base = step("critical_base", deductible + copay)
    critical = part(above(base, yuan(20000)), "50%", "critical")
    return {
        "payments": [payment("390100", basic, "basic"), payment("390200", critical, "critical")],
        "deductible_fen": deductible,
        "counters": {"deductible_fen": deductible, "critical_base_fen": base},
    }
