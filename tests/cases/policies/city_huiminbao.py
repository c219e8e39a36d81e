"""A city's commercial cover (惠民保) with two deductibles.

Source: RULES.md section 3.7, case xp-05: 10,000 a year in scope (80 % above), 12,000 a year of
own expense (60 % above).
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""


def settle(case):
    inside = case["open"]["in_scope_fen"]
    outside = case["sums"]["own_expense_fen"]
    in_before = counter(case, "hmb_in_fen")
    out_before = counter(case, "hmb_out_fen")
    in_pay = bands(in_before + inside, [(yuan(10000), "0%"), (None, "80%")], in_before, "inside")
    out_pay = bands(out_before + outside, [(yuan(12000), "0%"), (None, "60%")], out_before, "outside")
    return {
        "payments": [
            payment("commercial", in_pay, "inside", "in_scope"),
            payment("commercial", out_pay, "outside", "out_of_scope"),
        ],
        "counters": {"hmb_in_fen": inside, "hmb_out_fen": outside},
    }
