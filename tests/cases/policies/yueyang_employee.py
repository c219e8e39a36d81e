"""Yueyang, Hunan, retired employees, chronic disease elsewhere (岳阳 职工 门诊慢特病 冠心病).

Source: worked case xp-03 (press, after the region's bureau); the 85% is inferred from the printed
figures.
Date: a report of 16 December, its year not stated; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    if case["visit"]["care_kind"] != "chronic":
        return {"payments": [], "refusals": ["care-kind.not-covered"]}
    basic = part(case["sums"]["in_scope_fen"], "85%", "chronic")
    return {"payments": [payment("310100", basic, "chronic")]}
