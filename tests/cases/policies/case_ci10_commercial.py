"""A commercial supplement with a deductible in scope and one outside (惠民保 分项免赔).

Source: worked case ci-10 (m.cameronpac.com); basic insurance is given as paid.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    inside = part(above(case["open"]["in_scope_fen"], yuan(10000)), "100%", "commercial_in_scope")
    outside = above(case["sums"]["own_expense_fen"], yuan(20000))
    outside = part(outside, "80%", "commercial_out_of_scope")
    return {
        "payments": [
            payment("commercial", inside, "commercial_in_scope", "in_scope"),
            payment("commercial", outside, "commercial_out_of_scope", "out_of_scope"),
        ],
    }
