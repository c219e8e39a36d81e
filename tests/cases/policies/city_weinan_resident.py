"""Weinan, residents, inpatient and critical illness (渭南市 居民 住院、大病).

Source: RULES.md section 3.5: 200 / 500 / 1,000, 90 / 80 / 65 %, 130,000 a year; critical illness
10,000-30,000 60 %, -100,000 70 %, above 80 %, at most 300,000 a year.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""

CRITICAL = [(yuan(10000), "0%"), (yuan(30000), "60%"), (yuan(100000), "70%"), (None, "80%")]


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    deductible = min(by_level(case, yuan(200), yuan(500), yuan(1000)), in_scope)
    basic = part(above(in_scope, deductible), by_level(case, "90%", "80%", "65%"), "basic")
    basic = capped(basic, remaining(yuan(130000), counter(case, "pool_paid_fen")), "year_cap")
    before = counter(case, "critical_base_fen")
    own = step("critical_base", in_scope - basic)
    critical = bands(before + own, CRITICAL, before, "critical")
    room = remaining(yuan(300000), counter(case, "critical_paid_fen"))
    critical = capped(critical, room, "critical_cap")
    return {
        "payments": [payment("390100", basic, "basic"), payment("390200", critical, "critical")],
        "deductible_fen": deductible,
        "counters": {
            "pool_paid_fen": basic,
            "critical_base_fen": own,
            "critical_paid_fen": critical,
        },
    }
