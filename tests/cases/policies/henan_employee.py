"""Henan, care in Beijing (河南 异地住院). Source: worked case seed-02; the scheme is not stated.

Example only: figures of a published case, not the policy in force.
"""


def settle(case):
    basic = part(case["sums"]["in_scope_fen"], "70%", "basic")
    return {"payments": [payment("310100", basic, "basic")]}
