"""Shanghai, retired employees, outpatient care of chronic diseases where they live
(上海 职工退休 长期居住 门诊慢性病).

Source: worked case seed-03.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    if case["filing"]["group"] != "long_term":
        return {"payments": [], "refusals": ["filing.required"]}
    basic = part(case["sums"]["in_scope_fen"], "85%", "outpatient")
    return {"payments": [payment("310102", basic, "outpatient")]}
