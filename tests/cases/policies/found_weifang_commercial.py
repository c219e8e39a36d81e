"""Weifang, commercial cover in three parts, drugs by list (潍坊惠民保).

Source: published: jingyanla.com/a/13/100OA3052022.html.
Date: 2022.
Example only: not legal advice, not the policy in force.
"""

LISTED = ["drug-on-the-list"]
ELSEWHERE = ["cancer-drug-from-outside"]


def of(case, codes):
    amount = 0
    for line in case["lines"]:
        if line["code"] in codes:
            amount += line["own_expense_fen"]
    return amount


def settle(case):
    """18,000 is free of cover in scope, 20,000 of listed drugs, 10,000 of drugs from outside."""
    table = [(yuan(18000), "0%"), (yuan(100000), "65%"), (None, "80%")]
    inside = bands(case["open"]["in_scope_fen"], table, 0, "inside")
    listed = part(above(of(case, LISTED), yuan(20000)), "60%", "listed")
    outside = part(above(of(case, ELSEWHERE), yuan(10000)), "80%", "from_outside")
    return {
        "payments": [
            payment("commercial", inside, "inside", "in_scope"),
            payment("commercial", listed, "listed", "out_of_scope"),
            payment("commercial", outside, "from_outside", "out_of_scope"),
        ]
    }
