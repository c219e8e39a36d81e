"""Jiangyin, Jiangsu, medical assistance after basic and critical illness (江阴 医疗救助).

Source: worked case ci-03 (husay.cn); the earlier layers are given as paid.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    left = remaining(yuan(300000), counter(case, "assistance_fen"))
    assistance = capped(part(case["open"]["in_scope_fen"], "70%", "assistance"), left, "year_cap")
    return {
        "payments": [payment("610100", assistance, "assistance")],
        "counters": {"assistance_fen": assistance},
    }
