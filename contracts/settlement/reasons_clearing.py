"""Refusals of declarations, audits, clearing periods and their statements.

Rows are appended by whoever adds a code. A code is never given another meaning.
"""

from __future__ import annotations

from contracts.settlement.reason import Reason

ROWS: tuple[Reason, ...] = (
    Reason(
        "declaration.not-found",
        "This institution has not declared this month.",
        "该机构没有申报该月份。",
        "Check institution and month.",
        "请核对机构和月份。",
    ),
    Reason(
        "declaration.wrong-stage",
        "The declaration is not at the stage for this step.",
        "申报单当前阶段不能办理该步骤。",
        "Look at the declaration; what was confirmed is changed by an adjustment only.",
        "请查询申报单阶段;已确认的只能通过后期调整更正。",
    ),
    Reason(
        "clearing.no-period",
        "The country has no clearing period yet.",
        "全国清算期尚未开启。",
        "The centre opens the first period.",
        "由国家中心开启首个清算期。",
    ),
    Reason(
        "clearing.period-not-found",
        "There is no clearing period of this month.",
        "没有该月份的清算期。",
        "Check the month.",
        "请核对月份。",
    ),
    Reason(
        "clearing.wrong-stage",
        "The clearing period is not at the stage for this step.",
        "清算期当前阶段不能办理该步骤。",
        "Look at the period; what was stated goes into a later period.",
        "请查询清算期状态;已出具清分表的只能计入后续清算期。",
    ),
)
