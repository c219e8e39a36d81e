"""``yibao newborn|move|estate|recovery`` and ``yibao person ending``: births, moves, deaths.

The commands that change something are made from the contracts' declarations (``cli.calls``).
"""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output import Json, out, print_record, print_table, yuan
from cli.show import ByClaim, PersonId, asked, record

newborn = typer.Typer(no_args_is_help=True)
move = typer.Typer(no_args_is_help=True)
recovery = typer.Typer(no_args_is_help=True)

MoveId = Annotated[str, typer.Argument(metavar="MOVE", help="Id of the transfer.")]
RecoveryId = Annotated[str, typer.Argument(metavar="RECOVERY", help="Id of the recovery.")]
ChildId = Annotated[str, typer.Argument(metavar="CHILD", help="Pseudonym of the newborn.")]


@newborn.command("show")
def show_newborn(context: typer.Context, child_id: ChildId, as_json: Json = False) -> None:
    """A newborn's registration, and what was settled under the mother. Logged. 新生儿登记"""
    record(context, "Newborn 新生儿", f"/v1/newborns/{child_id}", as_json)


@move.command("show")
def show_move(context: typer.Context, move_id: MoveId, as_json: Json = False) -> None:
    """Where a transfer of insurance stands, and what moved. Logged. 关系转移"""
    record(context, "Move 转移", f"/v1/moves/{move_id}", as_json)


@recovery.command("show")
def show_recovery(context: typer.Context, recovery_id: RecoveryId, as_json: Json = False) -> None:
    """Where a recovery stands: demand, what came, which funds have it. 追偿"""
    if (answer := asked(context, as_json, f"/v1/recoveries/{recovery_id}")) is None:
        return
    told = answer["record"]
    parts = told.pop("parts")
    print_record("Recovery 追偿", told)
    print_table(
        "Paid by the liable party 已到账",
        ("payment", "amount 元", "funds", "reference", "given back"),
        [(one["payment"], yuan(int(one["amount_fen"])),
          ", ".join(f"{fund} {yuan(int(fen))}" for fund, fen in one["by_fund"]),
          one["reference"], "yes" if one["given_back"] else "") for one in parts],
    )  # fmt: skip


def ending(
    context: typer.Context, person_id: PersonId, claim: ByClaim = None, as_json: Json = False
) -> None:
    """How an enrolment ended: what ended with it, what is open, heirs. Logged. 参保终止"""
    path = f"/v1/persons/{person_id}/ending"
    if (answer := asked(context, as_json, path, claim=claim)) is None:
        return
    ended, heirs = answer["record"]["ended"], answer["record"]["estate"]
    if ended is None:
        out.print("The enrolment stands. 参保关系有效")
        return
    print_record("Ended 终止", ended)
    if heirs is None:
        return
    print_table(
        f"Heirs 继承人, revision {heirs['revision']}",
        ("heir", "relation", "share"),
        [(one["heir"][:16], one["relation"], f"{one['share_e4'] / 100:.2f} %")
         for one in heirs["heirs"]],
    )  # fmt: skip
    print_table(
        "Payouts 付款",
        ("payout", "state", "amount 元", "bank", "reference"),
        [(one["payout"], one["state"], yuan(int(one["amount_fen"])), one["bank"] or "",
          one["reference"] or "") for one in heirs["payouts"]],
    )  # fmt: skip
