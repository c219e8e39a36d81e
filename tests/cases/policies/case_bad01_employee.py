"""A web calculator's table for employees, level 3 (职工 住院).

Source: worked case bad-01 (jiusongjiankang.com). The deductible of 1,000 is the whole first band.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    deductible = capped(yuan(1000), in_scope, "deductible")
    table = [(yuan(1000), "50%"), (yuan(5000), "60%"), (yuan(10000), "70%"), (None, "80%")]
    basic = bands(in_scope, table, deductible, "basic")
    return {"payments": [payment("310100", basic, "basic")], "deductible_fen": deductible}
