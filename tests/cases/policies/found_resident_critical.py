"""A city not named, residents' critical illness (居民 大病保险 分段).

Source: published: idiamond.net/wsbs/sb/ynbx/cjwt/202403/t20240304_3495336.shtml.
Date: 2024-03-04.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    table = [(yuan(30000), "60%"), (yuan(100000), "65%"), (None, "75%")]
    before = counter(case, "critical_base_fen")
    base = case["open"]["in_scope_fen"]
    critical = bands(before + base, table, max(before, yuan(12000)), "critical")
    return {
        "payments": [payment("390200", critical, "critical")],
        "counters": {"critical_base_fen": base},
    }
