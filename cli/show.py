"""Commands that look: status, blocks, transactions, claims, persons, filings, money, policies.

Each asks one or a few routes of the node and prints a table, or with ``--json`` the answer as it
came (amounts in fen, digests in hexadecimal).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.calls import show_receipt, show_submission, shown
from cli.exits import Exit
from cli.output import Json, fail, out, print_fields, print_json, print_table, time_of, yuan
from cli.session import open_client

claim = typer.Typer(no_args_is_help=True, help="Claims: register, settle, reverse, look. 结算")
person = typer.Typer(no_args_is_help=True, help="Insured persons: enrol, look. 参保人")
filing = typer.Typer(no_args_is_help=True, help="Filings for care elsewhere. 备案")
fund = typer.Typer(no_args_is_help=True, help="Funds and accounts: balances, postings. 基金")
org = typer.Typer(no_args_is_help=True, help="Organisations, keys, votes, parameters. 机构")
catalogue = typer.Typer(no_args_is_help=True, help="Catalogues of places of care. 目录")
tx = typer.Typer(no_args_is_help=True, help="Transactions. 交易")
block = typer.Typer(no_args_is_help=True, help="Blocks and headers. 区块")

ClaimId = Annotated[str, typer.Argument(metavar="CLAIM", help="Claim id.")]
PersonId = Annotated[str, typer.Argument(metavar="PERSON", help="Pseudonym of the person.")]
Limit = Annotated[int, typer.Option(help="Rows at the most.", min=1, max=10_000)]
After = Annotated[str, typer.Option(help="Cursor `next` of the page before.")]
On = Annotated[str | None, typer.Option("--on", help="Date YYYY-MM-DD; today when left out.")]


def record(context: typer.Context, title: str, path: str, as_json: bool, **query: Any) -> None:
    """Fetch one record and print it."""
    with open_client(context) as client:
        answer = client.get(path, **query)
    if as_json:
        print_json(answer)
        return
    fields = dict(answer.get("record") or {k: v for k, v in answer.items() if k != "behind_by"})
    print_fields(title, {name: shown(name, value) for name, value in fields.items()})


# --- The node and the chain --------------------------------------------------------------------


def status(context: typer.Context, as_json: Json = False) -> None:
    """What the node is doing and what it waits for. 节点状态"""
    with open_client(context) as client:
        answer = client.get("/v1/status")
    if as_json:
        print_json(answer)
    else:
        print_fields("Node 节点", answer)
    if not answer["ready"]:
        raise typer.Exit(int(Exit.NO))


@block.command("show")
def block_show(
    context: typer.Context,
    which: Annotated[str, typer.Argument(help="Height or hash.")],
    header_only: Annotated[bool, typer.Option("--header", help="Header and certificate.")] = False,
    as_json: Json = False,
) -> None:
    """A block with its transactions and receipts."""
    route = "headers" if header_only else "blocks"
    with open_client(context) as client:
        answer = client.get(f"/v1/{route}/{which}")
    if as_json:
        print_json(answer)
        return
    header = answer["header"]
    print_fields("Block 区块", {k: v for k, v in header.items() if k != "bytes"})
    if header_only:
        return
    rows = [
        (transaction["tx_id"][:16], transaction["sender"], call["contract"], call["method"])
        for transaction in answer["transactions"]
        for call in transaction["calls"]
    ]
    print_table("Calls 调用", ("transaction", "sender", "contract", "method"), rows)


@block.command("list")
def block_list(
    context: typer.Context, limit: Limit = 20, after: After = "", as_json: Json = False
) -> None:
    """Headers of the chain, oldest first."""
    with open_client(context) as client:
        answer = client.get("/v1/headers", limit=limit, after=after or None)
    if as_json:
        print_json(answer)
        return
    print_table(
        "Headers 区块头",
        ("height", "hash", "proposer", "transactions", "receipts", "state root"),
        [
            (h["height"], h["hash"][:16], h["proposer"], h["tx_count"], h["receipts_count"],
             h["state_root"][:16])
            for h in answer["headers"]
        ],
        footer=f"next: --after {answer['next']}" if answer["next"] else "",
    )  # fmt: skip


@tx.command("show")
def tx_show(context: typer.Context, tx_id: str, as_json: Json = False) -> None:
    """A transaction and its receipts with their proofs."""
    with open_client(context) as client:
        answer = client.get(f"/v1/transactions/{tx_id}")
        receipts = client.get(f"/v1/transactions/{tx_id}/receipts")
    if as_json:
        print_json({**answer, "receipts": receipts})
        return
    transaction = answer["transaction"]
    print_fields(
        "Transaction 交易",
        {
            "id": transaction["tx_id"],
            "sender": transaction["sender"],
            "height": answer["at_height"],
        },
    )
    for item in receipts["receipts"]:
        show_receipt(item["receipt"])


@tx.command("submit")
def tx_submit(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Canonical bytes of a signed transaction.")],
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for the block.")] = False,
    as_json: Json = False,
) -> None:
    """Hand in a transaction that was signed elsewhere."""
    try:
        wire = file.read_bytes()
    except OSError as error:
        fail(Exit.LOCAL, f"cannot read {file}: {error.strerror}")
    with open_client(context, signed=False) as client:
        answer = client.submit_wire(wire, wait=not no_wait)
    show_submission(answer, as_json)


# --- Claims ------------------------------------------------------------------------------------


@claim.command("show")
def claim_show(context: typer.Context, claim_id: ClaimId, as_json: Json = False) -> None:
    """How a claim stands."""
    record(context, "Claim 结算", f"/v1/claims/{claim_id}", as_json)


@claim.command("history")
def claim_history(context: typer.Context, claim_id: ClaimId, as_json: Json = False) -> None:
    """Every call that named the claim, also the refused ones."""
    with open_client(context) as client:
        answer = client.get(f"/v1/claims/{claim_id}/history")
    if as_json:
        print_json(answer)
        return
    rows = [
        (row["at_height"], row["tx_id"][:16], row["receipt"]["status"], row["receipt"]["code"],
         ", ".join(event["topic"] for event in row["receipt"]["events"]))
        for row in answer["calls"]
    ]  # fmt: skip
    print_table("History 经过", ("height", "transaction", "status", "code", "events"), rows)


@claim.command("explain")
def claim_explain(context: typer.Context, claim_id: ClaimId, as_json: Json = False) -> None:
    """Every step of the calculation with formula, amounts and parameter. 计算过程"""
    with open_client(context) as client:
        answer = client.get(f"/v1/claims/{claim_id}/explanation")
    if as_json:
        print_json(answer)
        return
    out.print_json(json.dumps(answer["explanation"], ensure_ascii=False))


@claim.command("statement")
def claim_statement(
    context: typer.Context,
    claim_id: ClaimId,
    html: Annotated[bool, typer.Option("--html", help="One page of HTML for printing.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file.")] = None,
) -> None:
    """The settlement statement on one page. 结算单"""
    form = "html" if html else "text"
    with open_client(context) as client:
        page = client.get_bytes(f"/v1/claims/{claim_id}/statement", form=form).decode()
    if output is None:
        typer.echo(page)
        return
    try:
        output.write_text(page, encoding="utf-8")
    except OSError as error:
        fail(Exit.LOCAL, f"cannot write {output}: {error.strerror}")
    out.print(f"{output}: {len(page):,} characters")


# --- Persons and filings -----------------------------------------------------------------------


@person.command("show")
def person_show(context: typer.Context, person_id: PersonId, as_json: Json = False) -> None:
    """A person's enrolment, for the home bureau."""
    record(context, "Person 参保人", f"/v1/persons/{person_id}", as_json)


@person.command("account")
def person_account(context: typer.Context, person_id: PersonId, as_json: Json = False) -> None:
    """Balance of a person's own account. 个人账户"""
    record(context, "Account 个人账户", f"/v1/persons/{person_id}/account", as_json)


@person.command("claims")
def person_claims(
    context: typer.Context,
    person_id: PersonId,
    limit: Limit = 50,
    after: After = "",
    as_json: Json = False,
) -> None:
    """A person's claims, oldest first."""
    with open_client(context) as client:
        answer = client.get(f"/v1/persons/{person_id}/claims", limit=limit, after=after or None)
    if as_json:
        print_json(answer)
        return
    rows = []
    for row in answer["claims"]:
        settled = row.get("settled") or {}
        rows.append(
            (row["claim"], row["state"], row["institution"], row["admission"],
             yuan(int(settled["total_fen"])) if settled else "",
             yuan(int(settled["cash_fen"])) if settled else "")
        )  # fmt: skip
    print_table(
        "Claims 结算记录",
        ("claim", "state", "institution", "admission", "total 元", "cash 元"),
        rows,
    )


@person.command("looks")
def person_looks(context: typer.Context, person_id: PersonId, as_json: Json = False) -> None:
    """Who has looked at this person's data on this node. 查询记录"""
    with open_client(context) as client:
        answer = client.get(f"/v1/persons/{person_id}/looks")
    if as_json:
        print_json(answer)
        return
    print_table(
        "Looks 查询记录",
        ("when 时间", "organisation 机构", "post 岗位", "holder 人员", "what 内容"),
        [
            (time_of(look["time_ms"]), look["organisation"], look["post"], look["holder"],
             look["route"])
            for look in answer["looks"]
        ],
    )  # fmt: skip


@filing.command("show")
def filing_show(context: typer.Context, filing_id: str, as_json: Json = False) -> None:
    """A filing as it stands."""
    record(context, "Filing 备案", f"/v1/filings/{filing_id}", as_json)


@filing.command("list")
def filing_list(context: typer.Context, person_id: PersonId, as_json: Json = False) -> None:
    """A person's filings."""
    with open_client(context) as client:
        answer = client.get(f"/v1/persons/{person_id}/filings")
    if as_json:
        print_json(answer)
        return
    for number, found in enumerate(answer["filings"]):
        fields = {name: shown(name, value) for name, value in found.items()}
        print_fields(f"Filing 备案 {number + 1}", fields)


# --- Money, organisations, policies, catalogues ------------------------------------------------


@fund.command("balance")
def fund_balance(context: typer.Context, account: str, as_json: Json = False) -> None:
    """Balances of an account by fund type, for example fund:430100. 余额"""
    with open_client(context) as client:
        answer = client.get(f"/v1/accounts/{account}")
    if as_json:
        print_json(answer)
        return
    print_table(
        f"{answer['account']}  {answer['chinese']} {answer['english']}",
        ("fund", "balance 元"),
        [(name, yuan(int(amount))) for name, amount in answer["balances"].items()],
    )


@fund.command("postings")
def fund_postings(
    context: typer.Context,
    account: str,
    limit: Limit = 50,
    after: After = "",
    as_json: Json = False,
) -> None:
    """Postings on an account, oldest first. 明细账"""
    with open_client(context) as client:
        answer = client.get(f"/v1/accounts/{account}/postings", limit=limit, after=after or None)
    if as_json:
        print_json(answer)
        return
    print_table(
        f"Postings 分录 {account}",
        ("height", "transfer", "fund", "amount 元"),
        [
            (p["at_height"], p["transfer_id"], p["fund_type"], yuan(int(p["amount_fen"])))
            for p in answer["postings"]
        ],
        footer=f"next: --after {answer['next']}" if answer["next"] else "",
    )


@org.command("show")
def org_show(context: typer.Context, organisation: str, as_json: Json = False) -> None:
    """An organisation with its keys."""
    record(context, "Organisation 机构", f"/v1/organisations/{organisation}", as_json)


@org.command("validators")
def org_validators(context: typer.Context, as_json: Json = False) -> None:
    """The bureaus that order the next block."""
    with open_client(context) as client:
        answer = client.get("/v1/validators")
    if as_json:
        print_json(answer)
        return
    rows = [tuple(member.values()) for member in answer["validators"]]
    print_table("Validators 验证节点", ("organisation", "key"), rows)


@catalogue.command("show")
def catalogue_show(context: typer.Context, area: str, on: On = None, as_json: Json = False) -> None:
    """The catalogue version in force in an area on a date."""
    record(context, "Catalogue 目录", f"/v1/catalogues/{area}", as_json, date=on)


@catalogue.command("item")
def catalogue_item(
    context: typer.Context, area: str, code: str, on: On = None, as_json: Json = False
) -> None:
    """One code of a catalogue: class, first-pay ratio, ceilings."""
    record(context, "Item 目录项", f"/v1/catalogues/{area}/items/{code}", as_json, date=on)


def policy_show(
    context: typer.Context, area: str, scheme: str, on: On = None, as_json: Json = False
) -> None:
    """The policy version in force in an area for a scheme (310, 390) on a date."""
    record(context, "Policy 政策", f"/v1/policies/{area}/{scheme}", as_json, date=on)
