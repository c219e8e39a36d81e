"""A year of the country on one node: 31 provinces, made-up people, real contracts.

    places    provinces and their weight, cities, institutions, banks; the genesis file
    people    who is insured where and travels where; what the insured places pay (policies)
    bills     what care costs, by kind
    days      what happens on a day: filings, stays, visits, reversals, reimbursements
    ledger    the node under a clock that the year moves; every receipt is read back
    sums      what all postings come to: pairs, funds, what is left open (nothing)
    report    one page with charts (``charts``), one JSON object

``python -m node.year`` (``scripts/simulate_year``) runs it. Transactions are signed, admitted,
ordered by a validator alone, executed and written as on any node; only the clock is the year's own.
"""
