"""Commands of the month: declarations, audits, periods and statements, notices and payments.

The calls come from the contracts' own declarations (``calls``); what is here looks.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.ageing import ageing
from cli.output import Json, print_record, print_table, shown, yuan
from cli.prepare import prepare
from cli.reconcile import reconcile, rows
from cli.refused import refused
from cli.show import asked, record

declaration = typer.Typer(no_args_is_help=True)
audit = typer.Typer(no_args_is_help=True)
clearing = typer.Typer(no_args_is_help=True)
payment = typer.Typer(no_args_is_help=True)
advance = typer.Typer(no_args_is_help=True)
objection = typer.Typer(no_args_is_help=True)

Institution = Annotated[
    str, typer.Argument(metavar="INSTITUTION", help="For example hospital:H44010000123.")
]
MonthName = Annotated[str, typer.Argument(metavar="MONTH", help="For example 2025-06.")]
Home = Annotated[
    str, typer.Argument(help="Province (or city) of insurance, six digits; or an insurer's id.")
]
Care = Annotated[str, typer.Argument(help="Province (or city) of care, six digits.")]
Province = Annotated[str, typer.Argument(metavar="PROVINCE", help="Six digits: 440000.")]
City = Annotated[str, typer.Argument(metavar="CITY", help="Six digits: 440100.")]

declaration.command("reconcile")(reconcile)
declaration.command("prepare")(prepare)
declaration.command("rows")(rows)
declaration.command("ageing")(ageing)
audit.command("refused")(refused)


@declaration.command("show")
def declaration_show(
    context: typer.Context, institution: Institution, month: MonthName, as_json: Json = False
) -> None:
    """An institution's declared month: totals as in 3201, what is owed, how it stands. 申报单"""
    path = f"/v1/declarations/{institution}/{month}"
    record(context, "Declaration 申报单", path, as_json)


@audit.command("show")
def audit_show(
    context: typer.Context,
    deduction: Annotated[str, typer.Argument(metavar="DEDUCTION", help="Its id.")],
    as_json: Json = False,
) -> None:
    """A deduction: notice, answer, decision, by fund, and where it landed. 扣款"""
    record(context, "Deduction 扣款", f"/v1/deductions/{deduction}", as_json)


@clearing.command("show")
def clearing_show(context: typer.Context, period: MonthName, as_json: Json = False) -> None:
    """A national period: its stage and the statements that concern you. 清算期"""
    if (answer := asked(context, as_json, f"/v1/clearing/{period}")) is None:
        return
    found = answer["record"]
    rows = found.pop("shown")
    print_record(f"Period 清算期 {period}", found)
    print_table(
        "Statements 清分表",
        ("home", "care", "total 元", "adjusted 元", "home said", "care said", "paid",
         "to pay 元", "advance"),
        [
            (r["home"], r["care"], yuan(int(r["total_fen"])), yuan(int(r["adjusted_fen"])),
             r["confirmed_by_home"] or "", r["confirmed_by_care"] or "", shown("", r["paid"]),
             _to_pay(r), r["advance"])
            for r in rows
        ],
    )  # fmt: skip


def _to_pay(row: dict[str, Any]) -> str:
    """What is open of a statement's notice: below zero the place of care pays it; ``net`` where the
    notice is of both directions, which have it in common."""
    if row["open_fen"] is None:
        return ""
    if str(row["notice"]).startswith("netting:"):
        return f"net 轧差 {yuan(int(row['open_fen']))}"
    return yuan(int(row["open_fen"]) * (-1 if int(row["total_fen"]) < 0 else 1))


@clearing.command("province")
def clearing_province(
    context: typer.Context, period: MonthName, area: Province, as_json: Json = False
) -> None:
    """A province's own clearing: what its cities owe each other for a period. 省内清算"""
    if (answer := asked(context, as_json, f"/v1/provinces/{area}/clearing/{period}")) is None:
        return
    found = answer["record"]
    rows = found.pop("shown")
    print_record(f"Province 省内清算 {area} {period}", found)
    print_table(
        "Statements 清分表",
        ("home", "care", "total 元", "adjusted 元", "home said", "care said"),
        [
            (r["home"], r["care"], yuan(int(r["total_fen"])), yuan(int(r["adjusted_fen"])),
             r["confirmed_by_home"] or "", r["confirmed_by_care"] or "")
            for r in rows
        ],
    )  # fmt: skip


@clearing.command("city")
def clearing_city(context: typer.Context, area: City, as_json: Json = False) -> None:
    """A city and its province: what it pays up, what is passed on to it. 上解与下拨"""
    if (answer := asked(context, as_json, f"/v1/areas/{area}/remittances")) is None:
        return
    found = answer["record"]
    for name, title in (("levy", "Levied 上解"), ("allotment", "Allotted 下拨")):
        side = found[name]
        print_table(
            f"{title} {area}",
            ("notice", "periods", "amount 元", "open 元", "stage", "due", "payment"),
            [
                (n["notice"], f"{n['first']} to {n['last']}", yuan(int(n["amount_fen"])),
                 yuan(int(n["open_fen"])), n["stage"], n["due_on"], n["payment"] or "")
                for n in side["notices"]
            ],
            footer=f"confirmed and in no notice yet 待通知: {yuan(int(side['due_fen']))}",
        )  # fmt: skip


@clearing.command("statement")
def clearing_statement(
    context: typer.Context, period: MonthName, home: Home, care: Care, as_json: Json = False
) -> None:
    """What one province, or city, owes another for a period: by area, scheme, fund; or what an
    insurer owes a place of care, by product. 清分表"""
    if (answer := asked(context, as_json, f"/v1/clearing/{period}/{home}/{care}")) is None:
        return
    found = answer["record"]
    rows, places = found.pop("rows"), found.pop("places")
    print_record(f"Statement 清分表 {period}", found)
    words = ("area", "scheme") if ":" not in home else ("product", "how")
    print_table(
        "By fund 按基金" if ":" not in home else "By product 按产品",
        (*words, "fund", "yuan 元"),
        [(*(r[w] for w in words), r["fund_type"], yuan(int(r["amount_fen"]))) for r in rows],
    )
    if places:
        print_table(
            "By city of care 按就医地市",
            ("city", "fund", "yuan 元"),
            [(r["place"], r["fund_type"], yuan(int(r["amount_fen"]))) for r in places],
        )


@objection.command("show")
def objection_show(
    context: typer.Context,
    objection_id: Annotated[str, typer.Argument(metavar="OBJECTION", help="Its id.")],
    as_json: Json = False,
) -> None:
    """An objection: its rows, whose turn it is until when, what became of it. 异议"""
    record(context, "Objection 异议", f"/v1/objections/{objection_id}", as_json)


@objection.command("list")
def objection_list(
    context: typer.Context, period: MonthName, home: Home, care: Care, as_json: Json = False
) -> None:
    """Objections to a statement, oldest first. 异议清单"""
    path = f"/v1/clearing/{period}/{home}/{care}/objections"
    if (answer := asked(context, as_json, path)) is None:
        return
    print_table(
        f"Objections 异议 {period} {home} -> {care}",
        ("objection", "by", "amount 元", "stage", "due", "moved to"),
        [
            (o["objection"], o["lodged_by"], yuan(int(o["amount_fen"])), o["stage"], o["due_on"],
             o["to_period"] or "")
            for o in answer["records"]
        ],
    )  # fmt: skip


@advance.command("show")
def advance_show(context: typer.Context, home: Home, care: Care, as_json: Json = False) -> None:
    """The advance of two provinces: quota, held, this month's use and its colour. 预付金"""
    record(context, "Advance 预付金", f"/v1/advances/{home}/{care}", as_json)


@payment.command("notice")
def payment_notice(
    context: typer.Context,
    notice: Annotated[
        str, typer.Argument(metavar="NOTICE", help="For example clearing:2025-06:430000:440000.")
    ],
    as_json: Json = False,
) -> None:
    """A notice of payment: who owes whom, by fund, until when, how late. 付款通知书"""
    record(context, "Notice 付款通知书", f"/v1/notices/{notice}", as_json)


@payment.command("show")
def payment_show(
    context: typer.Context,
    payment_id: Annotated[str, typer.Argument(metavar="PAYMENT", help="Its id.")],
    as_json: Json = False,
) -> None:
    """How a payment stands: maker, checker, bank and its reference. 付款单"""
    record(context, "Payment 付款单", f"/v1/payments/{payment_id}", as_json)
