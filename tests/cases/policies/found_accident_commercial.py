"""A commercial product: one deductible a bill, all above it (住院与意外门诊险).

Source: published: abc006.com/pingce/detail-e6ddf083640be03b.html.
Date: 2020.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    """In scope only: 100 are free of cover at a visit after an accident, 500 in hospital."""
    accident = case["visit"]["care_kind"] == "trauma_outpatient"
    pay = above(case["open"]["in_scope_fen"], yuan(100) if accident else yuan(500), "above")
    room = remaining(yuan(10000), counter(case, "paid_fen"))
    pay = capped(pay, room, "sum_insured")
    return {
        "payments": [payment("commercial", pay, "product", "in_scope")],
        "counters": {"paid_fen": pay},
    }
