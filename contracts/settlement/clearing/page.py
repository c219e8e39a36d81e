"""The page ``docs/clearing.md``: the month's stages and calls, from the tables.

``YIBAO_REWRITE=1 pytest tests/contracts/settlement/test_clearing_page.py`` writes it anew.
"""

from __future__ import annotations

from contracts import parameters
from contracts.settlement.claim_page import methods_of
from contracts.settlement.clearing import (
    audit_record,
    declaration_record,
    objection_record,
    payment_record,
    period_record,
)

_INTRODUCTION = """# The month: declaration, audit, clearing, payment

Generated from the tables in `contracts/settlement/clearing`;
`YIBAO_REWRITE=1 pytest tests/contracts/settlement/test_clearing_page.py` writes it anew.

A settlement has posted who owes whom (docs/claims.md). A month later people look at it together:

1. The institution declares its month, row by row against the ledger, and closes it by its totals
   (`declaration.declare`, `close`). `yibao declaration reconcile` names the exact settlements on
   which its own list (3202) and the ledger differ, before it declares. The country's cut takes no
   more rows; a month that was begun is closed after it all the same, and is confirmed into the
   period that collects then.
2. The bureau of the place of care audits: deductions with notice, statement and decision
   (`audit.*`), settlements set aside (`declaration.set_aside`), then `declaration.audit` by one
   person and `declaration.confirm` by another. In that call the amount is owed to the institution
   (notice `institution:<month>:<institution>`) and enters the statement of the two provinces.
3. The centre cuts the period (`clearing.cut`): statements no longer change, the next period
   collects. Both provinces confirm by the amount (`clearing.confirm`); with the second word the
   notice is issued (`clearing:<period>:<home>:<care>`, or `netting:...`: two provinces net where
   both say so when the later of their two statements has its second word). Care in another city of
   one's own province has a statement between the two cities, which both confirm. What people have
   sent to relatives' wallets in another area (医保钱包) is owed by the same statements
   (`wallets_fen`).
   A province asks its cities for what their funds owe elsewhere, in other provinces and in its own
   (上解, `clearing.levy`), and passes on to a city what its institutions were paid for others
   (下拨, `clearing.allot`); `yibao clearing city` shows both, `yibao clearing province` a
   province's own statements. The country's closing waits for no city.
   Whoever does not agree objects (异议) before its day for confirming is over, row by row
   (`objection.lodge`). The other side answers within working days: the amount moves into the
   period that collects, or a later deduction puts it right, or it stands by the statement; then
   the centre (between cities their province) decides. Nobody confirms meanwhile. Of a settlement
   that a relative's account elsewhere has helped to pay each area objects to its own part.
   What commercial products paid within settlements is owed to the place of care, which paid the
   institutions: one statement for each insurer and place, by product, payments and refunds each
   for itself (商保结算单, `yibao cover month`). It is the same statement with another debtor:
   final with the cut, confirmed by the insurer (`clearing.confirm`, `home` its id), or objected
   to. Its word issues the notice of collection (收款通知, `cover:<period>:<insurer>:<place>`);
   where it says nothing until its day is over, the place of care's word does. Where more was
   refunded than paid the place pays the insurer. The country's closing waits for no insurer;
   `yibao cover due` shows what is open, and how late.
4. The finance department pays, or the insurer: `payment.order` by one person,
   `payment.approve` by another,
   `payment.confirm` or `payment.bounce` by the bank. Only the bank's confirmation moves money.
   Money that comes back after it, whole or in part, is a return of its payment
   (`payment.send_back`): that much of the notice is open again, due as before, and the next
   payment is of what is open. The payee's bank may give its own reference of what it received
   (`payment.receive`). What was confirmed stands; an advance or a prepayment that asks for the
   wrong amount is taken back before it is paid (`advance.withdraw`, `prepayment.withdraw`).
5. The centre closes the period once every statement is confirmed and paid (`clearing.close`).

What is found later, by an audit or because a settlement is taken back, lands in the period that
collects then, and names the period that it came from. `yibao trace CLAIM` follows a settlement
through all of it, to the references of both banks.
"""

_SECTIONS = (
    ("Declaration", declaration_record.mermaid(), ("declaration",)),
    ("Deductions", audit_record.mermaid(), ("audit",)),
    ("Periods", period_record.mermaid(), ("clearing",)),
    ("Objections", objection_record.mermaid(), ("objection",)),
    ("Payments", payment_record.mermaid(), ("payment",)),
    ("Advances and prepayments", "", ("advance", "prepayment")),
)


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for title, diagram, contracts in _SECTIONS:
        picture = f"```mermaid\n{diagram}```\n\n" if diagram else ""
        calls = "\n".join(methods_of(contract) for contract in contracts)
        parts.append(f"## {title}\n\n{picture}{calls}")
    rows = "\n".join(
        f"| `{name}` | {parameters.AREA[name].authority} | {parameters.AREA[name].meaning} |"
        for name in ("clearing", "declaration", "netting", "holidays")
    )
    parts.append(f"## Parameters\n\n| name | set by | what it says |\n|---|---|---|\n{rows}\n")
    return "\n".join(parts)
