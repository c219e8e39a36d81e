"""``yibao provider``: payment of institutions by case or day: try a policy, look at results.

``check`` and ``try`` work without a node, with the code that decides on the ledger.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.case_file import CaseFileError, read_document
from cli.exits import Exit
from cli.output import Json, fail, print_json, print_table, yuan
from cli.policy_source import PolicyFile, read_text
from cli.show import ClaimId, asked, record
from contracts.api import Rejected
from contracts.language import LanguageError
from contracts.meter import PolicyError
from contracts.settlement.benefits_text import formula, step_words
from contracts.settlement.case import CaseError
from contracts.settlement.provider.case import normalise
from contracts.settlement.provider.program import WAYS, PaymentProgram

app = typer.Typer(no_args_is_help=True)

PaymentCaseFile = Annotated[Path, typer.Argument(help="A payment case (docs/provider-payment.md).")]


def _compile(path: Path) -> PaymentProgram:
    try:
        return PaymentProgram(read_text(path))
    except LanguageError as error:
        fail(Exit.NO, "\n".join(f"{path}:{complaint}" for complaint in error.diagnostics))


@app.command()
def check(file: PolicyFile, json_: Json = False) -> None:
    """Print what is wrong with a payment policy: file:line:column: rule: message."""
    try:
        PaymentProgram(read_text(file))
        complaints = []
    except LanguageError as error:
        complaints = error.diagnostics
    if json_:
        print_json(
            {
                "file": str(file),
                "ok": not complaints,
                "diagnostics": [
                    {"line": d.line, "column": d.column, "rule": d.rule, "message": d.message}
                    for d in complaints
                ],
            }
        )
    else:
        for complaint in complaints:
            typer.echo(f"{file}:{complaint}")
        if not complaints:
            typer.echo(f"{file}: ok")
    if complaints:
        raise typer.Exit(int(Exit.NO))


@app.command("try")
def try_(policy: PolicyFile, case: PaymentCaseFile, json_: Json = False) -> None:
    """What a case is worth by a policy, offline, with every step. 测算"""
    program = _compile(policy)
    try:
        filled = normalise(read_document(read_text(case)))
        standard, steps = program.pay(filled)
    except (CaseFileError, CaseError) as problem:
        fail(Exit.NO, f"{case}: {problem}", hint="docs/provider-payment.md names every key")
    except (PolicyError, Rejected) as problem:
        fail(Exit.NO, f"{policy}: {problem}")
    bill = filled["bill"]
    paid = max(0, standard.amount_fen - bill["others_fen"])
    told = {
        "way": standard.way,
        "standard_fen": standard.amount_fen,
        "total_fen": bill["total_fen"],
        "funds_fen": bill["funds_fen"],
        "paid_fen": paid,
        "result_fen": paid - bill["funds_fen"],
    }
    if json_:
        print_json({**told, "steps": steps})
        return
    print_table(
        f"Payment 支付 {standard.way} {WAYS[standard.way][1]}",
        ("", "元 yuan"),
        [
            ("病例支付标准 standard", yuan(told["standard_fen"])),
            ("医疗费总额 bill", yuan(told["total_fen"])),
            ("按项目基金应付 funds by item", yuan(told["funds_fen"])),
            ("基金实付 funds pay", yuan(told["paid_fen"])),
            ("机构结余(负为负担) gain, or minus loss", yuan(told["result_fen"])),
        ],
    )
    for step in steps:
        english, chinese = step_words(step["code"])
        typer.echo(f"  {chinese or english}: {formula(step)}")


@app.command()
def show(context: typer.Context, claim: ClaimId, as_json: Json = False) -> None:
    """What a claim is worth to its institution, and its gain or loss. 病例支付"""
    record(context, "Payment 病例支付", f"/v1/claims/{claim}/payment", as_json)


@app.command()
def month(
    context: typer.Context,
    institution: Annotated[str, typer.Argument(help="For example hospital:H43010000123.")],
    of: Annotated[str, typer.Argument(metavar="MONTH", help="Month of discharge, 2025-06.")],
    as_json: Json = False,
) -> None:
    """An institution's month by way of paying: bills, standards, gains and losses. 机构盈亏"""
    answer = asked(context, as_json, f"/v1/institutions/{institution}/payments/{of}")
    if answer is None:
        return
    ways = answer["record"]["ways"]
    print_table(
        f"Payments 支付 {institution} {of}",
        ("way", "cases", "bills 元", "standards 元", "funds pay 元", "gains 元", "losses 元"),
        [
            (way, row["cases"], yuan(row["bills_fen"]), yuan(row["standards_fen"]),
             yuan(row["paid_fen"]), yuan(row["gains_fen"]), yuan(row["losses_fen"]))
            for way, row in ways.items()
        ],
    )  # fmt: skip
