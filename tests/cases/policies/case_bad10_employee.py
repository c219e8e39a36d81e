"""A table that circulates on the web, care elsewhere, level 3 (转外地住院).

Source: worked case bad-10 (jiusongjiankang.com).
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    deductible = capped(yuan(1700), in_scope, "deductible")
    table = [(yuan(3000), "88%"), (yuan(5000), "90%"), (yuan(10000), "92%"), (None, "95%")]
    basic = bands(in_scope, table, deductible, "basic")
    return {"payments": [payment("310100", basic, "basic")], "deductible_fen": deductible}
