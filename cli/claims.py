"""``yibao claim``: how a claim stands, what happened to it, how it was computed, what it says.

The commands that change a claim are made from the contract's declarations (``cli.calls``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.exits import Exit
from cli.output import Json, fail, out, print_json, print_record, print_table, shown, yuan
from cli.session import open_client
from cli.show import After, ClaimId, Limit, asked, next_page, print_content, record
from contracts.settlement.benefits_text import formula, step_words
from contracts.settlement.terms import FUNDS

app = typer.Typer(no_args_is_help=True)


@app.command("show")
def show(context: typer.Context, claim: ClaimId, as_json: Json = False) -> None:
    """How a claim stands."""
    record(context, "Claim 结算", f"/v1/claims/{claim}", as_json)


@app.command("history")
def history(
    context: typer.Context,
    claim: ClaimId,
    limit: Limit = 50,
    after: After = "",
    as_json: Json = False,
) -> None:
    """Every call that named the claim, also the refused ones."""
    answer = asked(
        context, as_json, f"/v1/claims/{claim}/history", limit=limit, after=after or None
    )
    if answer is None:
        return
    rows = [
        (row["at_height"], row["tx_id"][:16], row["receipt"]["status"], row["receipt"]["code"],
         ", ".join(event["topic"] for event in row["receipt"]["events"]))
        for row in answer["calls"]
    ]  # fmt: skip
    columns = ("height", "transaction", "status", "code", "events")
    print_table("History 经过", columns, rows, footer=next_page(answer))


@app.command("explain")
def explain(context: typer.Context, claim: ClaimId, as_json: Json = False) -> None:
    """Every step of the calculation with formula, amounts and parameter. 计算过程"""
    if (answer := asked(context, as_json, f"/v1/claims/{claim}/explanation")) is None:
        return
    print_explanation(answer["explanation"])


def print_explanation(told: Mapping[str, Any]) -> None:
    """The explanation of a settlement for people."""
    head = ("claim", "person", "area", "scheme", "care", "institution", "visit", "filing",
            "sums", "deductible_fen", "own", "versions")  # fmt: skip
    print_record("Settlement 结算", {name: told[name] for name in head})
    print_table(
        "Who pays 谁来支付",
        ("fund", "payer", "why", "amount 元"),
        [
            (f"{p['fund']} {FUNDS[p['fund']].chinese}", p["payer"], p["why"],
             yuan(int(p["amount_fen"])))
            for p in told["payments"]
        ],
    )  # fmt: skip
    # Rows below are arrays in the order that contracts.settlement.claim_explain writes them.
    print_table(
        "Steps 计算过程",
        ("step", "formula (yuan)"),
        [(" ".join(reversed(step_words(step["code"]))), formula(step)) for step in told["steps"]],
    )
    print_table(
        "Counters of the year 年度累计",
        ("year", "counter", "before", "added", "after"),
        [
            (year, name, *(shown(name, value) for value in (before, added, before + added)))
            for year, name, before, added in told["counters"]
        ],
    )
    print_table(
        "Lines 明细",
        ("line", "code", "class", "asked 元", "approved 元", "funds 元", "reason"),
        [
            (line[0], line[1], line[2], yuan(line[4]), yuan(line[6]), yuan(line[7]), line[13])
            for line in told["lines"]
        ],
    )
    for product in told.get("cover", ()):
        print_cover(product)
    if told["refusals"]:
        print_table(
            "Refused 不予支付",
            ("line", "code", "amount 元"),
            [(line + 1, code, yuan(amount)) for code, line, amount in told["refusals"]],
        )


def print_cover(told: Mapping[str, Any]) -> None:
    """What one commercial product says of the bill."""
    when = {"at_once": "within the settlement 一站式", "later": "later to the patient 事后赔付"}
    title = f"{told['product']}: {yuan(int(told['amount_fen']))} 元, {when[told['pays']]}"
    if told["reason"]:
        title += f" ({told['reason']})"
    rows = [(" ".join(reversed(step_words(step["code"]))), formula(step)) for step in told["steps"]]
    print_table(title, ("step", "formula (yuan)"), rows)


@app.command("content")
def content(
    context: typer.Context,
    claim: ClaimId,
    limit: Limit = 50,
    after: After = "",
    as_json: Json = False,
) -> None:
    """Charge lines, visit and materials of a claim, for those who may see them. Logged. 明细"""
    answer = asked(
        context, as_json, f"/v1/claims/{claim}/attachments", limit=limit, after=after or None
    )
    if answer is not None:
        print_content(answer)


@app.command("statement")
def statement(
    context: typer.Context,
    claim: ClaimId,
    html: Annotated[bool, typer.Option("--html", help="One page of HTML for printing.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file.")] = None,
    as_json: Json = False,
) -> None:
    """The settlement statement on one page. 结算单"""
    form = "html" if html else "text"
    with open_client(context) as client:
        page = client.get_bytes(f"/v1/claims/{claim}/statement", form=form).decode()
    if output is not None:
        try:
            output.write_text(page, encoding="utf-8")
        except OSError as error:
            fail(Exit.LOCAL, f"cannot write {output}: {error.strerror}")
    if as_json:
        place = {"page": page} if output is None else {"file": str(output)}
        print_json({"claim": claim, "form": form, "characters": len(page), **place})
    elif output is None:
        typer.echo(page)
    else:
        out.print(f"{output}: {len(page):,} characters")
