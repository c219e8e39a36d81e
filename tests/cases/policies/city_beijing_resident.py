"""Beijing, residents, inpatient and critical illness (北京市 居民 住院、大病).

Source: RULES.md section 3.5: 300 / 800 / 1,300, at most 250,000 a year; critical illness above
30,404 a year, up to 50,000 60 %, then 70 %; in need half the threshold and 5 points more.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""

CAP = yuan(250000)


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    full = by_level(case, yuan(300), yuan(800), yuan(1300))
    deductible = capped(full, in_scope, "deductible")
    basic = part(above(in_scope, deductible), by_level(case, "80%", "78%", "75%"), "basic")
    basic = capped(basic, remaining(CAP, counter(case, "pool_paid_fen")), "year_cap")

    poor = has_identity(case, "minimum_living", "extreme_poverty", "low_income")
    threshold = yuan(15202) if poor else yuan(30404)
    table = [(yuan(50000), "65%"), (None, "75%")] if poor else [(yuan(50000), "60%"), (None, "70%")]
    own = step("critical_base", in_scope - basic)
    before = counter(case, "critical_base_fen")
    critical = bands(above(before + own, threshold), table, above(before, threshold), "critical")
    return {
        "payments": [payment("390100", basic, "basic"), payment("390200", critical, "critical")],
        "deductible_fen": deductible,
        "counters": {"pool_paid_fen": basic, "critical_base_fen": own},
    }
