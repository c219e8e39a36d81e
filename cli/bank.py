"""``yibao bank``: a bank's instructions out, its statements in, what waits in suspense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.bank_file import BankFileError, read_statement, write_instructions
from cli.client import CallSpec, Client, Refused, compared_text
from cli.exits import Exit
from cli.output import Json, err, escape, fail, out, print_json, print_table, yuan
from cli.session import open_client
from contracts.settlement import bank_order
from contracts.settlement.bank_order import OrderStage

app = typer.Typer(no_args_is_help=True)

NEXT_STEPS = {
    "no-order": "Find its order and resolve it as matched, or say sent_back or not_ours.",
    "unasked": "Find its payment and resolve it as matched, or say sent_back or not_ours.",
    "amount-differs": "Compare with the instruction file; this line has moved nothing. If that "
    "much was moved, resolve it as other_amount: what is missing of the order is then open again.",
    "paid-twice": "The order was paid, or received, before under another reference (payment show): "
    "what moved twice goes back, resolve it as sent_back.",
    "not-approved": "Nobody has told this bank to pay it: ask the payer before anything moves.",
    "above-payment": "More came back than was paid: find what the rest belongs to.",
    "not-paid-yet": "The payer's bank has not confirmed: resolve it as matched afterwards.",
}
"""What to do about a line in suspense, by why it waits; ``yibao bank resolve`` ends it."""

WITHDRAWN = (
    "Pay it no more. Hand in how it stands: out if it was paid, else returned with reason other."
)

LINES_AT_ONCE = 50
PAGE = 200


@app.command()
def instructions(
    context: typer.Context,
    to_file: Annotated[Path, typer.Option("--out", help="File to write: .csv or .json.")],
    as_json: Json = False,
) -> None:
    """Write the orders that this bank was given and has not reported on. 付款指令

    Tells besides which orders were withdrawn: they are not in the file and to be paid no more.
    A node that took a snapshot has orders from a height on: then it is told which.
    """
    if to_file.suffix not in (".csv", ".json"):
        fail(Exit.USAGE, "--out names a .csv or .json file")
    with open_client(context) as client:
        floor, listed = _orders(client, _me(client))
        orders, withdrawn = _by_stage(listed)
    count = write_instructions(to_file, orders)
    total = sum(int(order["amount_fen"]) for order in orders)
    if as_json:
        print_json(
            {"file": str(to_file), "orders": count, "amount_fen": total, "withdrawn": withdrawn,
             "from_height": floor}
        )  # fmt: skip
        return
    typer.echo(f"{to_file}: {count} orders, {yuan(total)}")
    if withdrawn:
        out.print(escape(f"Withdrawn, not in the file 已撤回: {', '.join(withdrawn)}. {WITHDRAWN}"))


@app.command()
def statement(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV or JSON, columns in docs/books.md.")],
    as_json: Json = False,
) -> None:
    """Hand in a statement: each line matches an order, waits in suspense, or is refused.

    Exit 1 when a line was refused. Handing it in again changes nothing. 对账单
    """
    try:
        lines = read_statement(file)
    except (BankFileError, OSError) as problem:
        fail(Exit.LOCAL, str(problem), hint="correct the row; docs/books.md has the columns")
    results = []
    with open_client(context) as client:
        for start in range(0, len(lines), LINES_AT_ONCE):
            results += _hand_in(client, lines[start : start + LINES_AT_ONCE])
    counts = Counter(row["outcome"] for row in results)
    if as_json:
        print_json({"lines": results, "counts": dict(counts)})
    else:
        print_table(
            f"Statement 流水 {file}",
            ("reference", "order", "amount 元", "outcome", "why"),
            [
                (row["reference"], row["order"], yuan(row["amount_fen"]), row["outcome"],
                 row["why"])
                for row in results
            ],
            footer=", ".join(f"{name}: {count}" for name, count in sorted(counts.items())),
        )  # fmt: skip
        for step in dict.fromkeys(f"{row['why']}: {row['next']}" for row in results if row["next"]):
            out.print(escape(step), soft_wrap=True)
    if counts["refused"]:
        raise typer.Exit(int(Exit.NO))


@app.command()
def suspense(
    context: typer.Context,
    settled: Annotated[bool, typer.Option("--all", help="Also what is resolved.")] = False,
    as_json: Json = False,
) -> None:
    """Lines that fit no order and wait. 挂账清单"""
    with open_client(context) as client:
        path = f"/v1/banks/{_me(client)}/suspense"
        query = {"settled": "true" if settled else "false"}
        answer = client.get(path, **query)
        while answer["next"] is not None:
            more = client.get(path, **query, after=answer["next"])
            answer = {**more, "records": answer["records"] + more["records"]}
    if as_json:
        print_json(answer)
        return
    print_table(
        "Suspense 挂账",
        ("reference", "direction", "order", "amount 元", "day", "why"),
        [
            (row["reference"], row["direction"], row["order"] or "",
             yuan(int(row["amount_fen"])), row["value_on"], row["how"] or row["cause"])
            for row in answer["records"]
        ],
    )  # fmt: skip
    for why in dict.fromkeys(row["cause"] for row in answer["records"] if not row["how"]):
        out.print(escape(f"{why}: {NEXT_STEPS.get(why, '')}"), soft_wrap=True)


def _me(client: Client) -> str:
    assert client.identity is not None, "these commands sign"
    return str(client.identity.organisation)


def _orders(client: Client, bank: str) -> tuple[int, list[dict[str, Any]]]:
    """Orders of all kinds, and the height that they begin at: 0 for all that there are."""
    kinds = ("payment", *bank_order.KINDS)
    try:
        return 0, [order for kind in kinds for order in _of_kind(client, bank, kind, None)]
    except Refused as refusal:
        if refusal.code != "read.below-floor":
            raise
        floor = int(refusal.problem["values"]["floor"])
    err.print(
        f"This node took a snapshot and has no blocks below height {floor}: orders that were given "
        "before are not listed. Ask another node for them. 此高度以前的指令请改查其他节点。"
    )
    behind = f"{floor - 1}:0"
    return floor, [order for kind in kinds for order in _of_kind(client, bank, kind, behind)]


def _of_kind(client: Client, bank: str, kind: str, after: str | None) -> Iterator[dict[str, Any]]:
    while True:
        page = client.get(f"/v1/banks/{bank}/orders", kind=kind, limit=PAGE, after=after)
        yield from page["records"]
        after = page["next"]
        if after is None:
            return


def _by_stage(listed: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """The orders to pay, as instructions have them; names of those that were withdrawn."""
    orders: list[dict[str, Any]] = []
    withdrawn: list[str] = []
    for order in listed:
        if order.pop("stage") == OrderStage.WITHDRAWN.value:
            withdrawn.append(order["order"])
        else:
            orders.append(order)
    return orders, withdrawn


def _hand_in(client: Client, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    calls = [CallSpec("bank", "line", line, f"line {line['reference']}") for line in lines]
    answer = client.submit(calls)
    results = []
    for line, row in zip(lines, answer["receipts"], strict=True):
        receipt = row["receipt"]
        if receipt["status"] == "ok":
            outcome, why = receipt["answer"]["outcome"], receipt["answer"]["cause"]
        else:
            outcome, why = "refused", receipt["code"]
        results.append(
            {"reference": line["reference"], "order": line["order"],
             "amount_fen": line["amount_fen"], "outcome": outcome, "why": why,
             "next": _next_step(outcome, why, receipt)}
        )  # fmt: skip
    return results


def _next_step(outcome: str, why: str, receipt: dict[str, Any]) -> str:
    """What the bank's people do about a line; nothing about one that matched."""
    if outcome == "refused":
        reason = receipt["reason"] or {}
        compared = compared_text(receipt["values"])
        return f"{reason.get('next', '')} {reason.get('next_zh', '')} ({compared})"
    return NEXT_STEPS.get(why, "")
