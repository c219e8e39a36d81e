"""A made-up city, employees, inpatient, level 3 (职工在职 住院).

Source: worked case ip-21 (alkdhj.cn). The yearly cap of 200,000 limits the fund's payment.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    deductible = yuan(900)
    basic = part(above(case["sums"]["in_scope_fen"], deductible), "80%", "basic")
    basic = capped(basic, remaining(yuan(200000), counter(case, "pool_paid_fen")), "year_cap")
    return {
        "payments": [payment("310100", basic, "basic")],
        "deductible_fen": deductible,
        "counters": {"pool_paid_fen": basic},
    }
