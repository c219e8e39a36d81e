"""Beijing, employees, inpatient (北京市 职工 住院).

Source: table of published city rules, RULES.md section 3.5: first stay 1,300, later ones 650;
tiers by level on the in-scope amount, deductible inside the first; above 100,000 the large-amount
fund. Retired people bear 30 % of the copay below 100,000 (their supplement included).
Date: not stated by the source; collected in 2026.
Example only: not legal advice, not the policy in force.
"""

POOL = {
    "3": [(yuan(30000), "85%"), (yuan(40000), "90%"), (yuan(100000), "95%")],
    "2": [(yuan(30000), "87%"), (yuan(40000), "92%"), (yuan(100000), "97%")],
    "1": [(yuan(30000), "90%"), (yuan(40000), "95%"), (yuan(100000), "97%")],
}


def pool_table(case):
    table = POOL[str(max(case["institution"]["level"], 1))]
    if case["person"]["category"] != "retired":
        return table
    better = []
    for upper, share in table:
        push(better, (upper, complement(times(complement(share), "30%"))))
    return better


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    nominal = nth([yuan(1300), yuan(650)], case["visit"]["admission_number"])
    deductible = capped(nominal, in_scope, "deductible")
    pool = bands(in_scope, pool_table(case), deductible, "pool")
    large_share = "90%" if case["person"]["category"] == "retired" else "85%"
    large = bands(in_scope, [(yuan(100000), "0%"), (yuan(500000), large_share)], 0, "large")
    return {
        "payments": [payment("310100", pool, "pool"), payment("330100", large, "large")],
        "deductible_fen": deductible,
    }
