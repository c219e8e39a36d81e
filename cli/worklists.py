"""The clerks' work lists and what is done with an item: ``yibao filing queue``, ``approve`` ...

A decision names the version that it stands on. The commands read the filing first and decide on
what they have read, so that of two clerks one is told that it was decided already.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.calls import show_submission
from cli.client import CallSpec, Client
from cli.exits import Exit
from cli.output import Json, err, fail, out, print_json, print_table, shown, yuan
from cli.session import open_client
from cli.show import After, Limit, asked, next_page
from contracts.settlement.filing import REASONS, WARNED_AT_ONCE

FilingId = Annotated[str, typer.Argument(metavar="FILING", help="Filing id.")]
Area = Annotated[
    str | None,
    typer.Argument(
        metavar="[AREA]",
        help="Pooling area, six digits; your own when left out. Each has a list of its own: "
        "a province's has nothing of its cities.",
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="One of " + ", ".join(REASONS) + ".")]
Note = Annotated[
    str, typer.Option("--note", help="More for the person; an attachment, never in a block.")
]


def due_words(row: dict[str, Any]) -> str:
    """When something is due, for people."""
    left = row["working_days_left"]
    if left is None:
        return "—"
    if row["overdue"]:
        return f"{row['due_on']} OVERDUE {-left} 逾期"
    return f"{row['due_on']} ({left})"


def _asked(
    context: typer.Context, work: str, area: str | None, limit: int, after: str, as_json: bool
) -> dict[str, Any] | None:
    """A page of a work list; None where it was printed as JSON."""
    query = {"area": area, "limit": limit, "after": after or None}
    return asked(context, as_json, f"/v1/work/{work}", **query)


def queue(
    context: typer.Context,
    area: Area = None,
    limit: Limit = 50,
    after: After = "",
    as_json: Json = False,
) -> None:
    """Filings that wait for your decision, overdue first; in brackets working days. 待办备案"""
    if (answer := _asked(context, "filings", area, limit, after, as_json)) is None:
        return
    print_table(
        f"Filings to decide 待审备案 {answer['area']}, {answer['today']}",
        ("filing", "due (working days)", "person", "type", "care", "from"),
        [
            (row["filing"], due_words(row), row["person"], row["type"],
             " ".join(filter(None, (row["care_region"], row["hospital"]))), row["effective_from"])
            for row in answer["rows"]
        ],
        footer=next_page(answer),
    )  # fmt: skip


def approve(context: typer.Context, filing: FilingId, as_json: Json = False) -> None:
    """Approve a filing that waits. 同意"""
    _decide(context, filing, "approve", "", "", as_json)


def return_(
    context: typer.Context, filing: FilingId, reason: Reason, note: Note = "", as_json: Json = False
) -> None:
    """Send a filing back for papers or a correction, with the reason. 退回"""
    _decide(context, filing, "return", reason, note, as_json)


def refuse(
    context: typer.Context, filing: FilingId, reason: Reason, note: Note = "", as_json: Json = False
) -> None:
    """Refuse a filing, with the reason. 不予备案"""
    _decide(context, filing, "refuse", reason, note, as_json)


def _decide(
    context: typer.Context, filing: str, decision: str, reason: str, note: str, as_json: bool
) -> None:
    if reason and reason not in REASONS:
        fail(Exit.USAGE, f"{reason} is no reason", hint="one of " + ", ".join(REASONS))
    with open_client(context) as client:
        record = client.get(f"/v1/filings/{filing}")["record"]
        args: dict[str, Any] = {
            "filing": filing,
            "version": record["versions"][-1]["number"] + 1,
            "decision": decision,
        }
        if reason:
            args["reason"] = reason
        papers = (("filing", {"note": note}),) if note else ()
        call = CallSpec("filing", "decide", args, f"{filing}/{args['version']}", papers)
        answer = client.submit([call])
    show_submission(answer, as_json)


def ending(
    context: typer.Context,
    area: Area = None,
    within: Annotated[int, typer.Option(help="Days from today on.", min=0, max=366)] = 30,
    warn: Annotated[
        bool, typer.Option("--warn", help="Tell of those not told of: an event for each, signed.")
    ] = False,
    limit: Limit = 50,
    after: After = "",
    as_json: Json = False,
) -> None:
    """Filings that end soon or lapse without their papers, and those that have. 到期提醒"""
    query = {"area": area, "within": within, "limit": limit, "after": after or None}
    with open_client(context) as client:
        if warn:
            _warn_all(client, query, as_json)
            return
        answer = client.get("/v1/work/ending", **query)
    if as_json:
        print_json(answer)
        return
    print_table(
        f"Filings that end 到期备案 {answer['area']}, {answer['today']}",
        ("filing", "last day", "days left", "why", "person", "told"),
        [
            (row["filing"], row["last_day"], row["days_left"], row["cause"], row["person"],
             shown("told", row["told"]))
            for row in answer["rows"]
        ],
        footer=next_page(answer),
    )  # fmt: skip


def _warn_all(client: Client, query: dict[str, Any], as_json: bool) -> None:
    """Warn of everything on the list that was not told, in calls of as many as one may name."""
    names: list[str] = []
    query = query | {"limit": WARNED_AT_ONCE}
    while True:
        answer = client.get("/v1/work/ending", **query)
        names += [row["filing"] for row in answer["rows"] if not row["told"]]
        if not answer["next"]:
            break
        query["after"] = answer["next"]
    told: list[str] = []
    for start in range(0, len(names), WARNED_AT_ONCE):
        part = names[start : start + WARNED_AT_ONCE]
        call = CallSpec("filing", "warn", {"filings": part}, "/".join(part[:1]))
        receipt = client.submit([call])["receipts"][0]["receipt"]
        if receipt["status"] != "ok":
            err.print(f"refused: {receipt['code']} {receipt['values']}", markup=False)
            raise typer.Exit(int(Exit.NO))
        told += receipt["answer"]["told"]
    if as_json:
        print_json({"told": told})
    else:
        out.print(f"{len(told)} told 已提醒: {', '.join(told) or '—'}", markup=False)


def affected(context: typer.Context, filing: FilingId, as_json: Json = False) -> None:
    """Claims and reimbursements that a late filing would change: what to decide again. 补备案"""
    if (answer := asked(context, as_json, f"/v1/filings/{filing}/affected")) is None:
        return
    print_table(
        f"Claims that filing {filing} would change 受影响的结算",
        ("claim", "institution", "stay", "settled as", "would be", "cash 元"),
        [
            (row["claim"], f"{row['institution']} {row['state']}",
             f"{row['admission']} – {row['discharge']}",
             row["reason"] or row["settled_as"] or "—",
             row["would_be"] + ("" if row["in_time"] else " (late)"), yuan(int(row["cash_fen"])))
            for row in answer["claims"]
        ],
    )  # fmt: skip
    if not answer["reimbursements"]:
        return
    print_table(
        f"Reimbursements that filing {filing} would change 受影响的零星报销",
        ("reimbursement", "stage", "stay", "decided as", "would be", "funds 元"),
        [
            (row["reimbursement"], row["stage"], f"{row['admission']} – {row['discharge']}",
             row["reason"] or row["decided_as"] or "—",
             row["would_be"] + ("" if row["in_time"] else " (late)"), yuan(int(row["funds_fen"])))
            for row in answer["reimbursements"]
        ],
    )  # fmt: skip


def reimburse_queue(
    context: typer.Context,
    area: Area = None,
    limit: Limit = 50,
    after: After = "",
    as_json: Json = False,
) -> None:
    """Reimbursements that wait for somebody, overdue first (working days). 待办报销"""
    if (answer := _asked(context, "reimbursements", area, limit, after, as_json)) is None:
        return
    print_table(
        f"Reimbursements 待办零星报销 {answer['area']}, {answer['today']}",
        ("reimbursement", "due (working days)", "stage", "person", "bill 元", "owed 元"),
        [
            (row["reimbursement"], due_words(row), row["stage"], row["person"] or "withheld",
             yuan(int(row["total_fen"])), yuan(int(row["due_fen"])))
            for row in answer["rows"]
        ],
        footer=next_page(answer),
    )  # fmt: skip


def wallet_waiting(
    context: typer.Context,
    area: Area = None,
    give_back: Annotated[
        bool, typer.Option("--return", help="Give back all whose time is over, signed.")
    ] = False,
    limit: Limit = 50,
    after: After = "",
    as_json: Json = False,
) -> None:
    """Wallet transfers that nobody has claimed, by when they go back; daily at six. 待领取转账"""
    query = {"area": area, "limit": limit, "after": after or None}
    with open_client(context) as client:
        if give_back:
            _return_all(client, query, as_json)
            return
        answer = client.get("/v1/work/wallets", **query)
    if as_json:
        print_json(answer)
        return
    print_table(
        f"Not claimed 待领取转账 {answer['area']}, {answer['today']}",
        ("transfer", "goes back", "over", "from", "yuan 元"),
        [
            (row["transfer"], shown("back_ms", row["back_ms"]), shown("overdue", row["overdue"]),
             row["person"], yuan(int(row["amount_fen"])))
            for row in answer["rows"]
        ],
        footer=next_page(answer),
    )  # fmt: skip


def _return_all(client: Client, query: dict[str, Any], as_json: bool) -> None:
    """Give back everything on the list whose time is over."""
    names: list[str] = []
    while True:
        answer = client.get("/v1/work/wallets", **query)
        names += [row["transfer"] for row in answer["rows"] if row["overdue"]]
        if not answer["next"]:
            break
        query["after"] = answer["next"]
    for name in names:
        call = CallSpec("wallet", "give_back", {"transfer": name}, f"back/{name}")
        receipt = client.submit([call])["receipts"][0]["receipt"]
        if receipt["status"] != "ok" and receipt["code"] != "wallet.ended":
            err.print(f"refused: {receipt['code']} {receipt['values']}", markup=False)
            raise typer.Exit(int(Exit.NO))
    if as_json:
        print_json({"returned": names})
    else:
        out.print(f"{len(names)} returned 已退回: {', '.join(names) or '—'}", markup=False)


def recovery_queue(
    context: typer.Context,
    area: Area = None,
    limit: Limit = 50,
    after: After = "",
    as_json: Json = False,
) -> None:
    """Recoveries to go on with: to agree, to demand, then demands by their day. 待办追偿"""
    if (answer := _asked(context, "recoveries", area, limit, after, as_json)) is None:
        return
    print_table(
        f"Recoveries 待办追偿 {answer['area']}, {answer['today']}",
        ("recovery", "due (working days)", "stage", "claim", "demanded 元", "came 元", "open 元"),
        [
            (row["recovery"], due_words(row), row["stage"], row["claim"],
             yuan(int(row["demanded_fen"])), yuan(int(row["recovered_fen"])),
             yuan(int(row["open_fen"])))
            for row in answer["rows"]
        ],
        footer=next_page(answer),
    )  # fmt: skip
