"""Employees' outpatient pool as in Beijing (职工 门诊统筹).

Source: RULES.md section 3.5: 1,800 a year (retired 1,300) shared by all visits, 70 / 85 % up to a
fee base of 20,000, above it 60 / 80 % from the critical-illness fund.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""

BASE_LIMIT = yuan(20000)


def settle(case):
    if case["visit"]["care_kind"] not in ("outpatient", "emergency"):
        return {"payments": [], "refusals": ["care-kind.not-covered"]}
    in_scope = case["sums"]["in_scope_fen"]
    retired = case["person"]["category"] == "retired"
    year_deductible = yuan(1300) if retired else yuan(1800)
    deductible = min(in_scope, remaining(year_deductible, counter(case, "op_deductible_fen")))
    base = in_scope - deductible
    room = remaining(BASE_LIMIT, counter(case, "op_base_fen"))
    counted = capped(base, room, "fee_base")
    pool = part(counted, "85%" if retired else "70%", "outpatient")
    large = part(base - counted, "80%" if retired else "60%", "large")
    return {
        "payments": [payment("310102", pool, "outpatient"), payment("310300", large, "large")],
        "deductible_fen": deductible,
        "counters": {"op_deductible_fen": deductible, "op_base_fen": counted},
    }
