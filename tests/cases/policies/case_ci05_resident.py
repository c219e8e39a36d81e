"""A city that is not named, critical illness in eight bands (居民 大病保险 分段).

Source: worked case ci-05 (51dongshi.net); basic is given as paid. The bands run on what is left
after the deductible.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    self_pay = step("in_scope_self", case["open"]["in_scope_fen"])
    base = above(self_pay, yuan(20000), "critical_base")
    table = [
        (yuan(20000), "30%"), (yuan(50000), "40%"), (yuan(100000), "50%"), (yuan(200000), "60%"),
        (yuan(300000), "65%"), (yuan(400000), "70%"), (yuan(500000), "75%"), (None, "80%"),
    ]
    critical = bands(base, table, 0, "critical")
    return {"payments": [payment("390200", critical, "critical")]}
