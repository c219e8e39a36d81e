"""What the payment of a notice does beside its postings, by kind of notice.

A function is told the notice once it is paid, or once its money came back, in the same call, and
what of it was paid or came back, by fund: after a return that may be a part. Kinds that are not
here have no effect but their postings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from contracts.api import Context
from contracts.settlement.clearing.advance import paid_advance, unpaid_advance
from contracts.settlement.clearing.confirmation import paid_institution, unpaid_institution
from contracts.settlement.clearing.insurers import paid_cover, unpaid_cover
from contracts.settlement.clearing.notice_record import Kind, Notice
from contracts.settlement.clearing.prepayment import given_back, not_given_back
from contracts.settlement.clearing.statement import paid_statements, unpaid_statements

Effect = Callable[[Context, str, Notice, Mapping[str, int]], None]

AFTER_PAID: Mapping[Kind, Effect] = MappingProxyType(
    {
        Kind.INSTITUTION: paid_institution,
        Kind.CLEARING: paid_statements,
        Kind.NETTING: paid_statements,
        Kind.ADVANCE: paid_advance,
        Kind.ADVANCE_RETURN: paid_advance,
        Kind.PREPAYMENT_RETURN: given_back,
        Kind.COVER: paid_cover,
        Kind.COVER_RETURN: paid_cover,
    }
)
"""Effects by kind of notice."""

AFTER_SENT_BACK: Mapping[Kind, Effect] = MappingProxyType(
    {
        Kind.INSTITUTION: unpaid_institution,
        Kind.CLEARING: unpaid_statements,
        Kind.NETTING: unpaid_statements,
        Kind.ADVANCE: unpaid_advance,
        Kind.ADVANCE_RETURN: unpaid_advance,
        Kind.PREPAYMENT_RETURN: not_given_back,
        Kind.COVER: unpaid_cover,
        Kind.COVER_RETURN: unpaid_cover,
    }
)
"""What the return of a paid notice's money does, by the same kinds: the effect undone."""
