"""What ``yibao member list`` shows of each kind of record: its columns and the words in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cli.output import yuan

Row = dict[str, Any]
Cell = Callable[[Row], object]

NONE = "—"


@dataclass(frozen=True, slots=True)
class Shown:
    """A list: where it is asked for, which records of it are shown, in which columns."""

    path: str
    columns: Sequence[tuple[str, Cell]]
    state: str | None = None

    def rows(self, found: Sequence[Row]) -> list[list[object]]:
        """The table's cells."""
        return [[cell(row) for _, cell in self.columns] for row in found]


def _text(name: str) -> Cell:
    return lambda row: row[name] if row[name] not in (None, "") else NONE


def _money(name: str) -> Cell:
    return lambda row: NONE if row[name] is None else yuan(int(row[name]))


def _total(row: Row) -> object:
    """The bill; a refund that came with a new settlement has no amounts of its own."""
    return yuan(int(row["amounts"]["total_fen"])) if "total_fen" in row["amounts"] else NONE


def _payments(row: Row) -> object:
    """Payments that were ordered: the bank's reference, or how each stands without one."""
    return ", ".join(one["reference"] or f"({one['state']})" for one in row["payments"]) or NONE


def _orders(row: Row) -> object:
    return ", ".join(one["reference"] or one["order"] for one in row["orders"]) or NONE


def _order_note(row: Row) -> object:
    """An order to a person has an account and no notice."""
    return row["reference"] or row.get("notice") or row["account"]


NAME, STATE, HEIGHT = _text("name"), _text("state"), _text("height")
_ORDERS = (
    ("name", NAME), ("state", STATE), ("amount 元", _money("amount_fen")), ("height", HEIGHT),
    ("reference, notice or account", _order_note),
)  # fmt: skip
_LINES = (
    ("name", NAME), ("state", STATE),
    ("amount 元", lambda row: yuan(row["told"]["amount_fen"])), ("height", HEIGHT),
    ("how, cause or order", lambda row: str(row["how"] or row["cause"] or row["order"])),
)  # fmt: skip
_ACCOUNT = (
    ("organisation", NAME), ("state", STATE), ("amount 元", _money("amount_fen")),
    ("height", HEIGHT),
)  # fmt: skip

LISTS: dict[str, Shown] = {
    "orders": Shown("records/order", _ORDERS),
    "withdrawn": Shown("records/order", _ORDERS, state="withdrawn"),
    "lines": Shown("records/line", _LINES),
    "suspense": Shown("records/line", _LINES, state="suspense"),
    "notices": Shown("records/notice", (
        ("notice", NAME), ("side", lambda row: row.get("side") or NONE), ("state", STATE),
        ("payer", _text("payer")), ("payee", _text("payee")),
        ("amount 元", _money("amount_fen")),
        ("open 元", lambda row: yuan(row["open_fen"]) if "open_fen" in row else NONE),
        ("due", _text("due_on")), ("payments", _payments),
    )),
    "payments": Shown("records/payment", (
        ("payment", NAME), ("state", STATE), ("notice", _text("notice")),
        ("amount 元", _money("amount_fen")), ("back 元", _money("returned_fen")),
        ("bank", _text("bank")), ("reference", _text("reference")), ("day", _text("value_on")),
        ("received as", _text("received_reference")),
    )),
    "months": Shown("months", (
        ("month", NAME), ("state", STATE), ("settlements", _text("settlements")),
        ("declared 元", _money("declared_fen")), ("deducted 元", _money("deducted_fen")),
        ("aside 元", _money("aside_fen")), ("confirmed 元", _money("confirmed_fen")),
        ("expected 元", _money("expected_fen")), ("received 元", _money("received_fen")),
        ("open 元", _money("open_fen")), ("pay by", _text("pay_by")), ("payments", _payments),
    )),
    "deductions": Shown("records/deduction", (
        ("deduction", NAME), ("state", STATE), ("month", _text("month")),
        ("settlement", _text("claim")), ("noticed 元", _money("amount_fen")),
        ("decided 元", _money("decided_fen")), ("answer by", _text("due_on")),
    )),
    "settlements": Shown("records/settlement", (
        ("settlement", NAME), ("state", STATE), ("on", _text("on")), ("bill 元", _total),
        ("height", HEIGHT), ("transaction", lambda row: row["tx_id"][:16]),
    )),
    "refunds": Shown("records/refund", (
        ("refund", NAME), ("of", _text("claim")), ("on", _text("on")), ("bill 元", _total),
        ("settled again as", _text("replacement")), ("height", HEIGHT),
    )),
    "declared": Shown("records/declared", (
        ("month", _text("month")), ("settlements", _text("settlements")),
        ("bill 元", _money("total_fen")), ("declared 元", _money("declared_fen")),
        ("height", HEIGHT), ("name", NAME),
    )),
    "covers": Shown("records/cover", (
        ("payment", NAME), ("state", STATE), ("product", _text("product")),
        ("settlement", _text("claim")), ("amount 元", _money("amount_fen")),
        ("open 元", _money("open_fen")), ("person", _text("person")), ("orders", _orders),
    )),
    "statements": Shown("records/statement", (
        ("statement", NAME), ("state", STATE), ("place", _text("place")),
        ("amount 元", _money("amount_fen")),
        ("confirmed by", lambda row: ", ".join(
            side for side in ("insurer", "place") if row[f"confirmed_by_{side}"]
        ) or NONE),
        ("notice", _text("notice")),
    )),
    "owed": Shown("owed", (
        ("month", _text("month")), ("institution", _text("institution")),
        ("product", _text("product")), ("state", STATE), ("payments", _text("payments")),
        ("amount 元", _money("amount_fen")),
    )),
    "unpaid": Shown("records/unpaid", _ACCOUNT),
    "payable": Shown("records/payable", _ACCOUNT),
    "commercial": Shown("records/commercial", _ACCOUNT),
}  # fmt: skip
"""Names of lists."""

KINDS = (
    "order", "line", "notice", "payment", "month", "declared", "deduction", "settlement", "refund",
    "cover", "statement", "insurer-month", "unpaid", "payable", "commercial", "due", "office",
)  # fmt: skip
"""Kinds of records that have a proof (``node.member.records``)."""
