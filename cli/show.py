"""Commands that look: status, blocks, transactions, persons, filings, money, policies.

Each asks one or a few routes of the node and prints a table, or with ``--json`` the answer as it
came (amounts in fen, digests in hexadecimal).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.calls import show_receipt, show_submission
from cli.client import CallSpec
from cli.exits import Exit
from cli.output import (
    Json,
    decimal,
    fail,
    out,
    print_fields,
    print_json,
    print_record,
    print_table,
    shown,
    time_of,
    yuan,
)
from cli.session import open_client

person = typer.Typer(no_args_is_help=True)
filing = typer.Typer(no_args_is_help=True)
fund = typer.Typer(no_args_is_help=True)
org = typer.Typer(no_args_is_help=True)
catalogue = typer.Typer(no_args_is_help=True)
looks = typer.Typer(no_args_is_help=True)
tx = typer.Typer(no_args_is_help=True)
block = typer.Typer(no_args_is_help=True)

ClaimId = Annotated[str, typer.Argument(metavar="CLAIM", help="Claim id.")]
PersonId = Annotated[str, typer.Argument(metavar="PERSON", help="Pseudonym of the person.")]
Limit = Annotated[int, typer.Option(help="Rows at the most.", min=1, max=10_000)]
After = Annotated[str, typer.Option(help="Cursor `next` of the page before.")]
On = Annotated[str | None, typer.Option("--on", help="Date YYYY-MM-DD; today when left out.")]
Account = Annotated[str, typer.Argument(help="For example fund:430100 or clearing:430000->440000.")]
Area = Annotated[str, typer.Argument(help="Pooling area, six digits.")]
ByClaim = Annotated[
    str | None,
    typer.Option("--claim", help="Claim that is the reason: what an institution looks by."),
]


def asked(context: typer.Context, as_json: bool, path: str, **query: Any) -> dict[str, Any] | None:
    """What a route answers, for printing to people; None where it was printed as JSON already."""
    with open_client(context) as client:
        answer: dict[str, Any] = client.get(path, **query)
    if not as_json:
        return answer
    print_json(answer)
    return None


def record(context: typer.Context, title: str, path: str, as_json: bool, **query: Any) -> None:
    """Fetch one record and print it."""
    if (answer := asked(context, as_json, path, **query)) is None:
        return
    print_record(title, answer.get("record") or {k: answer[k] for k in answer if k != "behind_by"})


def print_content(answer: dict[str, Any]) -> None:
    """Attachments as a route lists them."""
    for item in answer["attachments"]:
        title = f"{item['audience']}  {item['commitment'][:16]}"
        if item["withheld"]:
            out.print(f"{title}: withheld from this reader 无权查看")
        elif isinstance(item["content"], dict):
            content = dict(item["content"])
            if _are_charge_lines(content.get("lines")):
                _print_lines(title, content.pop("lines"))
            if content:
                print_record(title, content)
        else:
            out.print(f"{title}: {shown('', item['content'])}", markup=False)
    if footer := next_page(answer):
        out.print(footer)


def _are_charge_lines(found: Any) -> bool:
    """Rows as ``claim_shapes.LINE_FIELDS`` has them; the last field may be left out."""
    rows = found if isinstance(found, list) else []
    return bool(rows) and all(isinstance(row, list) and len(row) in (10, 11) for row in rows)


def _print_lines(title: str, lines: list[list[Any]]) -> None:
    """Charge lines; the rest of their fields is in ``--json``."""
    print_table(
        f"{title}  Lines 明细",
        ("line", "code", "service date", "price 元", "quantity", "amount 元"),
        [
            (number, code or local[0], day, decimal(price_e6, 6, least=2),
             decimal(quantity_e4, 4), yuan(amount_fen))
            for number, code, day, price_e6, quantity_e4, amount_fen, _, _, _, *local in lines
        ],
    )  # fmt: skip


def next_page(answer: dict[str, Any]) -> str:
    """How to go on with a list that has more rows than were asked for."""
    return f"next: --after {answer['next']}" if answer.get("next") else ""


# --- The node and the chain --------------------------------------------------------------------


def status(
    context: typer.Context,
    details: Annotated[
        bool, typer.Option("--details", help="With pool, peers and disk: for the node's operator.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What the node is doing and what it waits for; exit code 1 when it is not ready. 节点状态"""
    with open_client(context) as client:
        answer = client.get("/v1/status/details" if details else "/v1/status")
    if as_json:
        print_json(answer)
    else:
        # The sentence says for people what the fields of `waiting` say for programs.
        print_record("Node 节点", {k: v for k, v in answer.items() if k != "waiting"})
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
    print_record("Block 区块", {k: v for k, v in header.items() if k != "bytes"})
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
    """Headers of the chain, newest first."""
    if (answer := asked(context, as_json, "/v1/headers", limit=limit, after=after or None)) is None:
        return
    print_table(
        "Headers 区块头",
        ("height", "hash", "proposer", "transactions", "receipts", "state root"),
        [
            (h["height"], h["hash"][:16], h["proposer"], h["tx_count"], h["receipts_count"],
             h["state_root"][:16])
            for h in answer["headers"]
        ],
        footer=next_page(answer),
    )  # fmt: skip


@tx.command("show")
def tx_show(
    context: typer.Context,
    tx_id: Annotated[str, typer.Argument(metavar="TRANSACTION", help="Id, 64 hexadecimal digits.")],
    as_json: Json = False,
) -> None:
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


# --- Persons and filings -----------------------------------------------------------------------


@person.command("show")
def person_show(
    context: typer.Context,
    person_id: PersonId,
    on: On = None,
    claim: ByClaim = None,
    as_json: Json = False,
) -> None:
    """A person's enrolment on a date. Logged."""
    path = f"/v1/persons/{person_id}"
    record(context, "Person 参保人", path, as_json, date=on, claim=claim)


@person.command("account")
def person_account(
    context: typer.Context, person_id: PersonId, claim: ByClaim = None, as_json: Json = False
) -> None:
    """Balances of a person's own account and wallet. Logged. 个人账户"""
    record(context, "Account 个人账户", f"/v1/persons/{person_id}/account", as_json, claim=claim)


@person.command("used")
def person_used(
    context: typer.Context,
    person_id: PersonId,
    year: Annotated[int, typer.Argument(help="Benefit year.")],
    claim: ByClaim = None,
    as_json: Json = False,
) -> None:
    """What the person used up in a benefit year: deductible, caps. Logged. 年度累计"""
    path = f"/v1/persons/{person_id}/counters/{year}"
    record(context, "Counters 年度累计", path, as_json, claim=claim)


@person.command("stays")
def person_stays(
    context: typer.Context, person_id: PersonId, claim: ByClaim = None, as_json: Json = False
) -> None:
    """Where the person has been in hospital, part by part. Logged. 住院记录"""
    answer = asked(context, as_json, f"/v1/persons/{person_id}/stays", claim=claim)
    if answer is None:
        return
    rows = [
        (row["stay"], row["institution"], row["admission"], row["discharge"] or "goes on 在院",
         row["overlap"] or "", " → ".join(row["parts"]))
        for row in answer["record"]["stays"]
    ]  # fmt: skip
    columns = ("stay", "institution", "admitted", "discharged", "overlap", "parts")
    print_table("Stays 住院", columns, rows)


@person.command("claims")
def person_claims(
    context: typer.Context,
    person_id: PersonId,
    limit: Limit = 50,
    after: After = "",
    claim: ByClaim = None,
    as_json: Json = False,
) -> None:
    """A person's claims, oldest first. Logged."""
    with open_client(context) as client:
        answer = client.get(
            f"/v1/persons/{person_id}/claims", limit=limit, after=after or None, claim=claim
        )
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
        footer=next_page(answer),
    )


@person.command("looks")
def person_looks(context: typer.Context, person_id: PersonId, as_json: Json = False) -> None:
    """Who has looked at this person's data on this node. 查询记录"""
    if (answer := asked(context, as_json, f"/v1/persons/{person_id}/looks")) is None:
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
def filing_show(
    context: typer.Context,
    filing_id: Annotated[str, typer.Argument(metavar="FILING", help="Filing id.")],
    as_json: Json = False,
) -> None:
    """A filing with all its versions. Logged."""
    record(context, "Filing 备案", f"/v1/filings/{filing_id}", as_json)


@filing.command("list")
def filing_list(context: typer.Context, person_id: PersonId, as_json: Json = False) -> None:
    """A person's filings. Logged."""
    if (answer := asked(context, as_json, f"/v1/persons/{person_id}/filings")) is None:
        return
    if not answer["filings"]:
        out.print("Filings 备案: none 无")
    for number, found in enumerate(answer["filings"]):
        fields = {name: shown(name, value) for name, value in found.items()}
        print_fields(f"Filing 备案 {number + 1}", fields)


@filing.command("content")
def filing_content(
    context: typer.Context,
    filing_id: Annotated[str, typer.Argument(metavar="FILING", help="Filing id.")],
    limit: Limit = 50,
    after: After = "",
    as_json: Json = False,
) -> None:
    """The papers of a filing by kind and hash, and notes to it. Logged. 备案材料"""
    path = f"/v1/filings/{filing_id}/attachments"
    if (answer := asked(context, as_json, path, limit=limit, after=after or None)) is not None:
        print_content(answer)


# --- Money, organisations, policies, catalogues ------------------------------------------------


@fund.command("balance")
def fund_balance(context: typer.Context, account: Account, as_json: Json = False) -> None:
    """Balances of an account by fund type, for example fund:430100; exit code 1 when nothing was
    ever posted on it. 余额"""
    with open_client(context) as client:
        answer = client.get(f"/v1/accounts/{account}")
    if as_json:
        print_json(answer)
    else:
        print_table(
            f"{answer['account']}  {answer['chinese']} {answer['english']}",
            ("fund", "balance 元"),
            [(name, yuan(int(amount))) for name, amount in answer["balances"].items()],
        )
    if not answer["balances"]:
        raise typer.Exit(int(Exit.NO))


@fund.command("postings")
def fund_postings(
    context: typer.Context,
    account: Account,
    limit: Limit = 50,
    after: After = "",
    as_json: Json = False,
) -> None:
    """Postings on an account, oldest first. 明细账"""
    answer = asked(
        context, as_json, f"/v1/accounts/{account}/postings", limit=limit, after=after or None
    )
    if answer is None:
        return
    print_table(
        f"Postings 分录 {account}",
        ("height", "transfer", "fund", "amount 元"),
        [
            (p["at_height"], p["transfer_id"], p["fund_type"], yuan(int(p["amount_fen"])))
            for p in answer["postings"]
        ],
        footer=next_page(answer),
    )


@org.command("show")
def org_show(
    context: typer.Context,
    organisation: Annotated[
        str, typer.Argument(metavar="ORGANISATION", help="For example bureau:430000.")
    ],
    as_json: Json = False,
) -> None:
    """An organisation with its keys."""
    record(context, "Organisation 机构", f"/v1/organisations/{organisation}", as_json)


@org.command("validators")
def org_validators(context: typer.Context, as_json: Json = False) -> None:
    """The bureaus that order the next block."""
    if (answer := asked(context, as_json, "/v1/validators")) is None:
        return
    rows = [tuple(member.values()) for member in answer["validators"]]
    print_table("Validators 验证节点", ("organisation", "key"), rows)


@catalogue.command("show")
def catalogue_show(
    context: typer.Context, area: Area, on: On = None, as_json: Json = False
) -> None:
    """The catalogue version in force in an area on a date."""
    record(context, "Catalogue 目录", f"/v1/catalogues/{area}", as_json, date=on)


@catalogue.command("item")
def catalogue_item(
    context: typer.Context,
    area: Area,
    code: Annotated[str, typer.Argument(help="National code of the item.")],
    on: On = None,
    as_json: Json = False,
) -> None:
    """One code of a catalogue: class, first-pay ratio, ceilings."""
    record(context, "Item 目录项", f"/v1/catalogues/{area}/items/{code}", as_json, date=on)


def policy_show(
    context: typer.Context,
    area: Area,
    scheme: Annotated[str, typer.Argument(help="310 employees, 390 residents.")],
    on: On = None,
    as_json: Json = False,
) -> None:
    """The policy version in force in an area for a scheme on a date, with its source."""
    record(context, "Policy 政策", f"/v1/policies/{area}/{scheme}", as_json, date=on)


@looks.command("anchor")
def looks_anchor(
    context: typer.Context,
    day: Annotated[str, typer.Argument(help="Day in UTC+8 that is over, YYYY-MM-DD.")],
    as_json: Json = False,
) -> None:
    """Put the root of the node's looks of a day on the ledger (post operator)."""
    with open_client(context) as client:
        found = client.get(f"/v1/access-log/{day}/root")
        args = {"day": day, "count": found["count"], "root": bytes.fromhex(found["root"])}
        answer = client.submit([CallSpec("looks", "publish", args, f"looks/{day}")])
    show_submission(answer, as_json)
