"""Medical assistance in three groups with tilt (医疗救助、倾斜救助), after the insurance layers.

Source: RULES.md section 3.5, Suqian and Yubei: 100 / 80 / 70 %, the third group above 3,000, at
most 100,000 a year; then 60 % of what is left above 3,000, at most 20,000 a year.
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def group(case):
    if has_identity(case, "extreme_poverty", "no_support"):
        return (0, "100%")
    if has_identity(case, "minimum_living"):
        return (0, "80%")
    if has_identity(case, "low_income", "illness_poverty"):
        return (yuan(3000), "70%")
    return None


def settle(case):
    mine = group(case)
    if mine is None:
        return {"payments": [], "refusals": ["assistance.not-entitled"]}
    threshold, share = mine
    open_fen = case["open"]["in_scope_fen"]
    room = remaining(yuan(100000), counter(case, "assistance_paid_fen"))
    help_fen = capped(part(above(open_fen, threshold), share, "assistance"), room, "cap")
    rest = open_fen - help_fen
    tilt_room = remaining(yuan(20000), counter(case, "tilt_paid_fen"))
    tilt = capped(part(above(rest, yuan(3000)), "60%", "tilt"), tilt_room, "tilt_cap")
    return {
        "payments": [payment("610100", help_fen, "assistance"), payment("610100", tilt, "tilt")],
        "counters": {"assistance_paid_fen": help_fen, "tilt_paid_fen": tilt},
    }
