"""Yantai, residents, critical illness after the basic layer (烟台市 居民 大病).

Source: RULES.md section 3.5: above 16,000 a year 60 / 65 / 70 / 75 % at 100 / 200 / 300 thousand,
at most 400,000 a year.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""

TABLE = [
    (yuan(16000), "0%"),
    (yuan(100000), "60%"),
    (yuan(200000), "65%"),
    (yuan(300000), "70%"),
    (None, "75%"),
]


def settle(case):
    base = case["open"]["in_scope_fen"]
    before = counter(case, "critical_base_fen")
    critical = bands(before + base, TABLE, before, "critical")
    room = remaining(yuan(400000), counter(case, "critical_paid_fen"))
    critical = capped(critical, room, "critical_cap")
    return {
        "payments": [payment("390200", critical, "critical")],
        "counters": {"critical_base_fen": base, "critical_paid_fen": critical},
    }
