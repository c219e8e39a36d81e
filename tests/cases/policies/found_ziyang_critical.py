"""Ziyang, critical illness of the rural scheme (资阳 新农合大病保险).

Source: published: xuexi.huize.com/study/detail-253442.html.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    """The bands are of the amount with its deductible of 8,000 in it."""
    table = [(yuan(50000), "50%"), (yuan(100000), "60%"), (None, "70%")]
    critical = bands(case["open"]["in_scope_fen"], table, yuan(8000), "critical")
    return {"payments": [payment("390200", critical, "critical")]}
