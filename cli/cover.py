"""``yibao cover``: commercial products, who holds them, what they pay of which bill. 商业保险

The commands that change something are made from the contract's declarations (``cli.calls``).
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.output import Json, print_fields, print_record, print_table, shown, yuan
from cli.show import After, ByClaim, Limit, PersonId, asked, next_page, record

app = typer.Typer(no_args_is_help=True)

ProductId = Annotated[
    str, typer.Argument(metavar="PRODUCT", help="For example insurer:example:hmb.")
]


@app.command("product")
def product(context: typer.Context, product_id: ProductId, as_json: Json = False) -> None:
    """A product with its versions and the newest version's rule. 产品"""
    record(context, "Product 产品", f"/v1/cover/products/{product_id}", as_json)


@app.command("holder")
def holder(
    context: typer.Context, product_id: ProductId, person_id: PersonId, as_json: Json = False
) -> None:
    """Whether a person holds a product, and has authorised it. For its insurer, and at home."""
    path = f"/v1/cover/products/{product_id}/holders/{person_id}"
    record(context, "Holder 被保险人", path, as_json)


@app.command("list")
def covers(
    context: typer.Context, person_id: PersonId, claim: ByClaim = None, as_json: Json = False
) -> None:
    """What a person has authorised, in the order of payment. Logged. 授权"""
    answer = asked(context, as_json, f"/v1/persons/{person_id}/covers", claim=claim)
    if answer is None:
        return
    columns = ("product", "insurer", "scope", "to", "has_account")
    rows = [tuple(shown(name, row[name]) for name in columns) for row in answer["covers"]]
    print_table("Authorised 已授权", columns, rows)


@app.command("payments")
def payments(
    context: typer.Context,
    insurer: Annotated[str, typer.Argument(metavar="INSURER", help="For example insurer:one.")],
    limit: Limit = 50,
    after: After = "",
    as_json: Json = False,
) -> None:
    """An insurer's payments, oldest first: paid within settlements, and owed to patients. 赔付"""
    path = f"/v1/cover/insurers/{insurer}/payments"
    answer = asked(context, as_json, path, limit=limit, after=after or None)
    if answer is None:
        return
    print_table(
        "Payments 赔付",
        ("payment", "product", "stage", "person", "amount 元"),
        [
            (p["payment"], p["product"], p["stage"], p["person"] or "", yuan(int(p["amount_fen"])))
            for p in answer["payments"]
        ],
        footer=next_page(answer),
    )


Whose = Annotated[
    str,
    typer.Argument(
        metavar="WHOSE", help="An insurer, or the city (or province) that it owes: 440100."
    ),
]
AREA_DIGITS = 6


def _of_area(whose: str) -> bool:
    return len(whose) == AREA_DIGITS and whose.isdecimal()


@app.command("month")
def month(
    context: typer.Context,
    whose: Whose,
    period: Annotated[str, typer.Argument(metavar="MONTH", help="For example 2025-06.")],
    as_json: Json = False,
) -> None:
    """A month's statements between insurers and places of care, and their notices; of an insurer
    also what it paid patients itself. 商保月度结算单"""
    of_area = _of_area(whose)
    path = f"/v1/areas/{whose}/insurers" if of_area else f"/v1/insurers/{whose}/months"
    if (answer := asked(context, as_json, f"{path}/{period}")) is None:
        return
    found = {} if of_area else answer["record"]
    _statements(f"Statements 结算单 {whose} {period}", answer["records"] if of_area else
                found["statements"])  # fmt: skip
    if direct := found.get("direct"):
        print_table(
            "Paid to patients 直接赔付患者",
            ("product", "paid 元", "came back 退回 元", "given back 返还 元"),
            [
                (row["product"], *(yuan(int(row[f"{how}_fen"])) for how in
                                   ("paid", "returned", "repaid")))
                for row in direct
            ],
        )  # fmt: skip


@app.command("due")
def due(context: typer.Context, whose: Whose, as_json: Json = False) -> None:
    """What insurers owe for settlements, by where it waits, and what is overdue. 商保应收账龄"""
    path = f"/v1/areas/{whose}/insurers" if _of_area(whose) else f"/v1/insurers/{whose}/due"
    if (answer := asked(context, as_json, path)) is None:
        return
    found = answer["record"]
    rows = found.pop("statements")
    sums = {name.removesuffix("_fen"): f"{yuan(int(found[name]))} 元" for name in SUMS if
            name in found}  # fmt: skip
    print_fields(f"Owed 应收 {whose}", sums)
    _statements("Statements that are not paid 未付结算单", rows)


SUMS = ("owed_fen", "not_stated_fen", "stated_fen", "to_be_paid_fen", "overdue_fen")


def _statements(title: str, rows: list[dict[str, Any]]) -> None:
    print_table(
        title,
        ("month", "insurer", "place", "total 元", "stage", "open 元", "due", "overdue days"),
        [
            (r["period"], r["home"], r["care"], yuan(int(r["total_fen"])), r["stage"],
             yuan(int(r["open_fen"])), r["due_on"] or "", r["overdue_working_days"])
            for r in rows
        ],
    )  # fmt: skip


@app.command("payment")
def payment(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="PAYMENT", help="<claim>.<n>, as in the list.")],
    as_json: Json = False,
) -> None:
    """What a product pays of one bill, step by step, and its orders to the bank. 赔付明细"""
    if (answer := asked(context, as_json, f"/v1/cover/payments/{name}")) is None:
        return
    print_record("Payment 赔付", answer["record"])
