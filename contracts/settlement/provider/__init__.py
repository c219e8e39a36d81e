"""Provider payment (医保支付方式): what the place of care pays its institution for a case.

Apart from the patient's settlement, and after it: the patient's share and what each fund owes by
item were decided by the insured place's policy and never change here (RULES.md section 7). The
place of care's own policy, in the same language with the entry ``pay(case)``, says what the case is
worth; the difference to the bill is the institution's, booked and visible.

* ``program`` the policy compiled, and its words; ``case`` what it is told; ``trial`` before it is
  deployed;
* ``standards`` the tables behind it: groups with weights or points, rates estimated and final;
* ``record`` what is kept of a payment and of an institution's month; ``book`` its postings;
* ``pay`` the methods that a bureau calls, claim by claim, whenever it likes after settlement.

Nothing of this is read by a settlement.
"""
