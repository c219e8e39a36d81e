"""Henan, care in Beijing (河南 异地住院).

Source: worked case seed-02; the scheme is not stated.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    basic = part(case["sums"]["in_scope_fen"], "70%", "basic")
    return {"payments": [payment("310100", basic, "basic")]}
