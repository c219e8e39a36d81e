"""Mianyang, commercial cover that counts half of the first pay (绵阳惠绵保).

Source: published: yzzsnet.com/news/184582.html.
Date: 2022-09-21.
Example only: not legal advice, not the policy in force.
"""

DRUGS = ["listed-cancer-drug"]


def settle(case):
    drugs = 0
    for line in case["lines"]:
        if line["code"] in DRUGS:
            drugs += line["own_expense_fen"]
    base = case["open"]["in_scope_fen"] + part(case["sums"]["first_pay_fen"], "50%", "half_first_pay")
    inside = part(above(base, yuan(15000)), "70%", "inside")
    outside = part(above(case["sums"]["own_expense_fen"] - drugs, yuan(20000)), "40%", "outside")
    return {
        "payments": [
            payment("commercial", inside, "inside", "total"),
            payment("commercial", outside, "outside", "out_of_scope"),
            payment("commercial", part(drugs, "70%", "drugs"), "drugs", "out_of_scope"),
        ]
    }
