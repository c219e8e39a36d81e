"""Meihekou, three layers for a household on minimum living (梅河口 低保).

Source: published: bkwk.cn/article/mhkdbjtzybxbljmjzjdzchms.html.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    """Each layer pays of what the one before it has left."""
    in_scope = case["sums"]["in_scope_fen"]
    basic = part(in_scope, "70%", "basic")
    critical = part(in_scope - basic, "60%", "critical")
    assistance = part(in_scope - basic - critical, "30%", "assistance")
    return {
        "payments": [
            payment("390100", basic, "basic"),
            payment("390200", critical, "critical"),
            payment("610100", assistance, "assistance"),
        ]
    }
