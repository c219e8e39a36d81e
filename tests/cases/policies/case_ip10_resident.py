"""A province that is not named, 2019, residents, inpatient (全省 居民 住院).

Source: worked cases ip-10 and ip-11 (kidbbs.com). Deductibles add up to at most 2,300 a year, the
fund pays at most 150,000 a year, care without a referral loses 15 points.
Date: rules of 2019.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    nominal = by_level(case, yuan(200), yuan(600), yuan(1200))
    room = remaining(yuan(2300), counter(case, "deductible_fen"))
    deductible = capped(capped(nominal, room, "deductible_year"), case["sums"]["in_scope_fen"])
    share = by_level(case, "85%", "75%", "65%")
    if case["cross_province"] and not case["visit"]["referral"]:
        share = points(share, -15)
    basic = part(above(case["sums"]["in_scope_fen"], deductible), share, "basic")
    left = remaining(yuan(150000), counter(case, "pool_paid_fen"))
    basic = capped(basic, left, "year_cap")
    return {
        "payments": [payment("390100", basic, "basic")],
        "deductible_fen": deductible,
        "counters": {"deductible_fen": deductible, "pool_paid_fen": basic},
    }
