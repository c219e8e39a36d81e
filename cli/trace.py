"""``yibao trace CLAIM``: follow the money of a settlement from the bill to the accounts, as a tree.

Every amount of the settlement is shown with the postings that carry it, and every account with its
balance now; then its month, to the references of both banks. The last lines say whether it adds
up: each transfer sums to zero, and what the payers pay is the bill.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Any

import typer
from rich.tree import Tree

from cli.client import Client, Refused
from cli.exits import Exit
from cli.output import Json, escape, out, print_json, yuan
from cli.session import open_client
from cli.trace_month import follow_month, lines_of


def trace(
    context: typer.Context,
    claim: Annotated[str, typer.Argument(help="Claim id.")],
    as_json: Json = False,
) -> None:
    """Follow the money of a claim from the bill to the accounts. 资金追踪"""
    with open_client(context) as client:
        traced = follow(client, claim)
    if as_json:
        print_json(traced)
    else:
        print_tree(tree_of(traced))
    if not traced["balanced"]:
        raise typer.Exit(int(Exit.NO))


def follow(client: Client, claim: str) -> dict[str, Any]:
    """All calls of a claim that posted, with balances of the accounts they touch.

    A claim that was settled again is followed through its whole chain, first settlement first; of
    a stay that is settled in parts the other parts are named.
    """
    record = client.get(f"/v1/claims/{claim}")["record"]
    chain = _chain(client, claim, record)
    steps: dict[tuple[str, int], dict[str, Any]] = {}
    told: list[dict[str, Any]] = []
    for link in chain:
        for row in _history(client, link):
            # A call that settles anew concerns both claims and is one step.
            steps.setdefault((row["tx_id"], row["call_index"]), _step(row))
            if link == claim:
                told.append(row["receipt"])
    return {
        "claim": claim,
        "state": record["state"],
        "institution": record["institution"],
        "settled": record["settled"],
        "recovery": record.get("recovery"),
        "chain": chain,
        "part": record.get("part"),
        "parts": record.get("parts", []),
        "month": follow_month(client, record, told),
        "payouts": _payouts(client, chain, {claim: record}),
        "later": _paid_later(client, claim, record["settled"] or {}),
        **_with_balances(client, list(steps.values())),
    }


def _chain(client: Client, claim: str, record: dict[str, Any]) -> list[str]:
    """Ids of the settlements that took each other's place, the first one first."""
    chain, told = [claim], record
    while before := told.get("replaces"):
        chain.insert(0, before)
        told = client.get(f"/v1/claims/{before}")["record"]
    told = record
    while after := told.get("replaced_by"):
        chain.append(after)
        told = client.get(f"/v1/claims/{after}")["record"]
    return chain


def _payouts(
    client: Client, chain: list[str], known: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """What reversals brought into closed accounts, and how it was paid out."""
    found: list[dict[str, Any]] = []
    for link in chain:
        told = known.get(link) or client.get(f"/v1/claims/{link}")["record"]
        if reversal := told.get("reversal"):
            found += client.get(f"/v1/claims/{reversal}")["record"].get("payouts", [])
    return found


def _paid_later(client: Client, claim: str, settled: dict[str, Any]) -> list[dict[str, Any]]:
    """What commercial products owe the patient for the bill, with their orders to banks."""
    found = []
    for number, part in enumerate(settled.get("covers", ()), start=1):
        if part["pays"] != "later" or not int(part["amount_fen"]):
            continue
        name = f"{claim}.{number}"
        try:
            told = client.get(f"/v1/cover/payments/{name}")["record"]
        except Refused as refusal:
            if not refusal.is_withheld:
                raise
            told = {"payment": name, "withheld": True}
        found.append({**told, "insurer": part["insurer"]})
    return found


def _history(client: Client, claim: str) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        page = client.get(f"/v1/claims/{claim}/history", after=after or None)
        calls += page["calls"]
        after = page["next"]
    return calls


def _with_balances(client: Client, steps: list[dict[str, Any]]) -> dict[str, Any]:
    accounts = sorted({leg["account"] for step in steps for leg in step["postings"]})
    return {
        "steps": steps,
        "balances": {account: _balances(client, account) for account in accounts},
        "balanced": all(step["balanced"] for step in steps),
    }


def _step(row: dict[str, Any]) -> dict[str, Any]:
    receipt = row["receipt"]
    sums: dict[str, int] = defaultdict(int)
    for leg in receipt["postings"]:
        sums[leg["transfer_id"]] += int(leg["amount_fen"])
    return {
        "height": row["at_height"],
        "tx_id": row["tx_id"],
        "call_index": row["call_index"],
        "status": receipt["status"],
        "code": receipt["code"],
        "events": [event["topic"] for event in receipt["events"]],
        "amounts": receipt["amounts"],
        "postings": receipt["postings"],
        "balanced": not any(sums.values()) and _payers_pay_the_bill(receipt["amounts"]),
    }


def _payers_pay_the_bill(amounts: dict[str, Any]) -> bool:
    """Whether the parts of a settlement come to its total; true for calls that settle nothing."""
    if "person_fen" not in amounts:
        return True
    return sum(int(amounts.get(name, 0)) for name in PARTS) == int(amounts["total_fen"])


PARTS = ("funds_fen", "commercial_fen", "hospital_share_fen", "person_fen")
"""Who bears a bill: these four come to its total."""


def _balances(client: Client, account: str) -> dict[str, int] | None:
    """Balances by fund type; None where the reader has no right to the account."""
    try:
        answer = client.get(f"/v1/accounts/{account}")
    except Refused as refusal:
        if not refusal.is_withheld:
            raise
        return None
    return {name: int(amount) for name, amount in answer["balances"].items()}


def tree_of(traced: dict[str, Any]) -> Tree:
    """The trace for people."""
    root = Tree(f"[bold]claim {traced['claim']}[/] {traced['institution']} ({traced['state']})")
    if len(traced["chain"]) > 1:
        root.add(f"settled again 重新结算: {' → '.join(traced['chain'])}")
    if traced["part"] is not None:
        number, parts = traced["part"]["number"], " → ".join(traced["parts"])
        root.add(f"part {number} of a stay that is settled in parts 分次结算: {parts}")
    if (back := traced.get("recovery")) is not None:
        root.add(
            f"recovery 第三人追偿 {back['recovery']} ({back['stage']}): "
            f"{yuan(int(back['recovered_fen']))} of {yuan(int(back['demanded_fen']))} 元"
        )
    for step in traced["steps"]:
        title = ", ".join(step["events"]) or step["code"] or step["status"]
        branch = root.add(
            f"[bold]{title}[/]  height {step['height']}, transaction {step['tx_id'][:16]}…"
        )
        for name, amount in step["amounts"].items():
            if name.endswith("_fen") and amount:
                branch.add(f"{name.removesuffix('_fen')}: {yuan(int(amount))} 元")
        _add_transfers(branch, step["postings"])
    if traced["month"] is not None:
        branch = root.add("[bold]month 月度清算[/]")
        for line in lines_of(traced["month"]):
            branch.add(escape(line))
    for payout in traced["payouts"]:
        _add_payout(root, payout)
    for owed in traced["later"]:
        _add_later(root, owed)
    money = root.add("[bold]accounts now 账户余额[/]")
    for account, balances in traced["balances"].items():
        if balances is None:
            money.add(f"{account}: withheld from this reader 无权查看")
            continue
        text = ", ".join(f"{fund} {yuan(amount)}" for fund, amount in balances.items())
        money.add(f"{account}: {text or '0.00'} 元")
    root.add(
        "[green]every transfer sums to 0.00, the payers pay the bill 借贷平衡[/]"
        if traced["balanced"]
        else "[red]a transfer does not sum to zero, or the payers do not pay the bill 借贷不平[/]"
    )
    return root


def _add_payout(root: Tree, payout: dict[str, Any]) -> None:
    """A payout with its orders to banks and what came back of them."""
    amounts = f"{yuan(int(payout['amount_fen']))} 元, open 待付 {yuan(int(payout['open_fen']))} 元"
    branch = root.add(escape(f"payout 销户退款 {payout['payout']}, {payout['state']}: {amounts}"))
    for order in payout["orders"]:
        words = f"{order['bank']} {order['reference']}: {yuan(int(order['amount_fen']))} 元"
        paid = branch.add(escape(f"payment 支付 {order['payment']}, bank reference {words}"))
        _add_returns(paid, order["returns"])


def _add_returns(branch: Tree, returns: list[dict[str, Any]]) -> None:
    for back in returns:
        words = f"{yuan(int(back['amount_fen']))} 元, {back['reason']}"
        branch.add(
            escape(f"came back 退回流水号 {back['reference']} of {back['value_on']}: {words}")
        )


def _add_later(root: Tree, owed: dict[str, Any]) -> None:
    """What an insurer pays the patient itself, with its orders to banks and what came back."""
    title = f"insurer pays later 商保事后赔付 {owed['payment']}, {owed['insurer']}"
    if owed.get("withheld") is True:
        root.add(escape(f"{title}: withheld from this reader 无权查看"))
        return
    amounts = f"{yuan(int(owed['amount_fen']))} 元, open 待付 {yuan(int(owed['open_fen']))} 元"
    branch = root.add(escape(f"{title}, {owed['stage']}: {amounts}"))
    for order in owed["orders"]:
        words = f"{order['bank']} {order['reference']}: {yuan(int(order['amount_fen']))} 元"
        outcome = order["outcome"] or "on its way 在途"
        paid = branch.add(escape(f"order 指令 {order['order']}, {outcome}, reference {words}"))
        _add_returns(paid, order["returns"])


def print_tree(tree: Tree) -> None:
    """Print a tree whose lines are folded: unfolded, a terminal's width would cut amounts off."""
    out.print(tree, soft_wrap=False, no_wrap=False, overflow="fold")


def _add_transfers(branch: Tree, postings: list[dict[str, Any]]) -> None:
    transfers: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for leg in postings:
        transfers[leg["transfer_id"]].append(leg)
    for transfer, legs in transfers.items():
        node = branch.add(f"transfer {transfer}")
        for leg in legs:
            amount = int(leg["amount_fen"])
            arrow = "→ into" if amount > 0 else "← out of"
            line = f"{arrow} {leg['account']} [{leg['fund_type']}]  {yuan(abs(amount))} 元"
            node.add(escape(line))
