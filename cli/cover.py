"""``yibao cover``: commercial products, who holds them, what they pay of which bill. 商业保险

The commands that change something are made from the contract's declarations (``cli.calls``).
"""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output import Json, print_record, print_table, shown, yuan
from cli.show import After, ByClaim, Limit, PersonId, asked, next_page, record

app = typer.Typer(no_args_is_help=True, help="Commercial cover: products, consents. 商业保险")

ProductId = Annotated[str, typer.Argument(metavar="PRODUCT", help="For example insurer:one:hmb.")]


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
            (p["payment"], p["product"], p["stage"], p["person"], yuan(int(p["amount_fen"])))
            for p in answer["payments"]
        ],
        footer=next_page(answer),
    )


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
