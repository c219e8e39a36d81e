"""Commands of the month: declarations, audits, periods and statements, notices and payments.

The calls come from the contracts' own declarations (``calls``); what is here looks.
"""

from __future__ import annotations

import typer

declaration = typer.Typer(
    no_args_is_help=True, help="Declared months of institutions and their confirmation. 申报"
)
audit = typer.Typer(no_args_is_help=True, help="Deductions: notice, answer, decision. 审核扣款")
clearing = typer.Typer(no_args_is_help=True, help="Clearing between provinces. 跨省清算")
payment = typer.Typer(no_args_is_help=True, help="Payments of notices, what banks report. 拨付")
advance = typer.Typer(no_args_is_help=True, help="Advances between provinces. 跨省预付金")
prepayment = typer.Typer(no_args_is_help=True, help="Prepayments to institutions. 医疗机构预付金")

GROUPS = {
    "declaration": declaration,
    "audit": audit,
    "clearing": clearing,
    "payment": payment,
    "advance": advance,
    "prepayment": prepayment,
}
"""Command groups by name; each carries the calls of the contract of its name."""
