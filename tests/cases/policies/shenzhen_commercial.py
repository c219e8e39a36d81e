"""A city's commercial supplement on top of insurance elsewhere (惠民保: 惠医保, care in Shenzhen).

Source: worked case xp-05 (ccschy.com). Two deductibles: 10,000 in scope, 12,000 outside.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    inside = above(case["open"]["in_scope_fen"], yuan(10000))
    in_scope = part(inside, "95%", "commercial_in_scope")
    outside = above(case["open"]["out_of_scope_fen"], yuan(12000))
    table = [(yuan(100000), "50%"), (None, "70%")]
    out_of_scope = bands(outside, table, 0, "commercial_out_of_scope")
    return {
        "payments": [
            payment("commercial", in_scope, "commercial_in_scope", "in_scope"),
            payment("commercial", out_of_scope, "commercial_out_of_scope", "out_of_scope"),
        ],
    }
