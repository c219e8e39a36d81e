"""The month: a hospital declares, its bureau audits, provinces clear, finance pays, banks confirm.

In the order in which money meets them (SETTLEMENT.md section 7, RULES.md section 4):

* ``declaration`` the hospital's month, row by row against the ledger, closed by its totals;
* ``audit`` deductions with notice, statement of the hospital and decision by a second person;
* ``confirmation`` what the bureau confirms: it enters the national statement and is owed;
* ``period`` and ``statement`` the country's month, gross, pair by pair, confirmed by both sides;
* ``stated`` what enters those statements: confirmed months, findings, money of wallets;
* ``notice`` who owes whom until when; ``payment`` maker, checker, bank, and what comes back;
* ``advance`` and ``prepayment`` money that is there before the bill;
* ``standing`` where a claim stands in all this: computed when looked at, so that closing a month
  writes one record and not a million.

A settlement pays nothing for any of it: a claim's record names its declaration only once it is
declared.
"""
