"""What each kind of organisation follows: one file for each kind of thing, one table for all.

====================  ==============================================================================
organisation          kinds
====================  ==============================================================================
hospital, pharmacy    settlement, refund, declared, month, deduction, notice, payment; unpaid,
                      payable: what it is owed in all
finance department    notice, payment; office: its region
insurer               cover, settlement, statement, insurer-month, notice, payment; due: months with
                      statements that are not paid, commercial: what it owes in all
bank                  order, notice (``node.member.orders``), line (``node.member.lines``)
====================  ==============================================================================
"""

from __future__ import annotations

from node.member.kinds import account, statement
from node.member.kinds.cover import covered, covers
from node.member.kinds.deduction import deductions
from node.member.kinds.kind import Find, Following, Kind
from node.member.kinds.month import declared, months
from node.member.kinds.notice import notices
from node.member.kinds.office import OFFICE, Region
from node.member.kinds.payment import PAYMENTS
from node.member.kinds.settlement import refunds, settlements

__all__ = ["following"]


def following(organisation: str, find: Find) -> Following | None:
    """What an organisation's member node follows; None where that is headers only.

    Its kind is the first word of its id, as the ledger has it.
    """
    me = organisation
    kinds: tuple[Kind, ...]
    match me.partition(":")[0]:
        case "hospital" | "pharmacy":
            kinds = (
                settlements(me), refunds(me), declared(me), months(me), deductions(me),
                notices(me.__eq__), PAYMENTS, account.unpaid(find), account.balance("payable"),
            )  # fmt: skip
            return Following(kinds, always=(("unpaid", me), ("payable", me)))
        case "finance":
            kinds = (OFFICE, notices(Region(find, me)), PAYMENTS)
            return Following(kinds, always=(("office", me),))
        case "insurer":
            kinds = (
                covers(me), covered(me), statement.statements(me), statement.insurer_months(me),
                notices(me.__eq__), PAYMENTS, statement.due(me), account.balance("commercial"),
            )  # fmt: skip
            return Following(kinds, always=(("due", me), ("commercial", me)))
    return None
