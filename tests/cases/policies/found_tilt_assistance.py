"""Tilted assistance above 3,500, after three layers (重庆某区 倾斜救助).

Source: published: a district bureau's page of questions and answers (重庆), stored without its address.
Date: 2024-05-28.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    poor = has_identity(case, "extreme_poverty", "minimum_living", "registered_poor")
    left = step("in_scope_self", case["open"]["in_scope_fen"])
    tilt = part(above(left, yuan(3500)), "70%" if poor else "60%", "tilt")
    tilt = capped(tilt, remaining(yuan(20000), counter(case, "tilt_fen")), "tilt_cap")
    return {"payments": [payment("610100", tilt, "tilt")], "counters": {"tilt_fen": tilt}}
