"""From postings to the entries of an accounting scheme, by a table that an accountant can change.

The table (``account_scheme.json``) names for each kind of account the scheme's account that money
into it and money out of it stand on. Our sign convention makes the side: into an account is its
credit (贷), out of it its debit (借); as the postings of a transfer sum to zero for each fund, so
does each voucher. What a call gives back is booked in red (红字): where the account's row names the
call, money into it stands on the other side, negative, so that an expense taken back is no income.
What goes with a person whose insurance moves is neither an expense nor taken back (``moved``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.settlement.funds_chart import CHART

ELSEWHERE = "elsewhere"
"""What other areas book, on the vouchers of one region (``/v1/vouchers``); no account of the
ledger."""

MOVED = "move/"
"""Begins the ids of transfers between the accounts that a person has at two places of insurance."""

OWN_TABLE = Path(__file__).parent / "account_scheme.json"


class SchemeError(ValueError):
    """The table of accounts is none, or does not know a kind of account."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a voucher. Amounts in fen; a red entry's is negative."""

    voucher: str
    day: str
    height: int
    call: str
    transfer: str
    book: str
    """The fund as an accounting entity of its own (按险种分别建账)."""
    code: str
    name: str
    detail: str
    """The ledger's account."""
    fund_type: str
    debit_fen: int
    credit_fen: int


@dataclass(frozen=True, slots=True)
class Row:
    """What a kind of account is in the scheme."""

    into: tuple[str, str]
    out_of: tuple[str, str]
    red: frozenset[str]
    """Calls whose money into the account takes back what had gone out of it."""
    moved: tuple[tuple[str, str], tuple[str, str]] | None
    """Accounts for what comes and goes with a person whose insurance moves, where the row has
    some."""


class Scheme:
    """A table of accounts, checked."""

    def __init__(self, books: Sequence[tuple[str, str]], rows: Mapping[str, Row]) -> None:
        self._books = books
        self._rows = rows

    @classmethod
    def read(cls, path: Path) -> Scheme:
        """Raises ``SchemeError`` with what is wrong, ``OSError``."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            books = [(str(row["funds"]), str(row["name"])) for row in document["books"]]
            rows = {str(row["kind"]): _row(row) for row in document["rows"]}
        except (ValueError, KeyError, TypeError) as problem:
            raise SchemeError(f"{path} is not a table of accounts: {problem!r}") from None
        missing = sorted({*CHART, ELSEWHERE} - rows.keys())
        if missing:
            raise SchemeError(f"{path} has no row for accounts of the kind {', '.join(missing)}")
        if not any(funds == "" for funds, _ in books):
            raise SchemeError(f"{path} has no book for all other funds (funds: empty)")
        return cls(books, rows)

    def book_of(self, fund_type: str) -> str:
        """The accounting entity of a fund type: the longest beginning that fits."""
        fits = [(funds, name) for funds, name in self._books if fund_type.startswith(funds)]
        return max(fits, key=lambda pair: len(pair[0]))[1]

    def entries(
        self, voucher: str, legs: Iterable[tuple[str, str, int]], *, day: str, height: int,
        call: str, transfer: str, moved: bool = False,
    ) -> Iterator[Entry]:  # fmt: skip
        """The lines of a voucher from (account, fund type, fen); ``moved``: of such transfers."""
        for account, fund_type, amount in legs:
            row = self._rows[account.partition(":")[0]]
            own = row.moved if moved else None
            red = own is None and amount > 0 and call in row.red
            into = amount > 0 and not red
            code, name = (own or (row.into, row.out_of))[0 if into else 1]
            value = -abs(amount) if red else abs(amount)
            yield Entry(
                voucher, day, height, call, transfer, self.book_of(fund_type), code, name, account,
                fund_type, 0 if into else value, value if into else 0,
            )  # fmt: skip


def _row(row: Mapping[str, Any]) -> Row:
    moved = row.get("moved")
    return Row(
        *_sides(row),
        frozenset(map(str, row.get("red", []))),
        None if moved is None else _sides(moved),
    )


def _sides(row: Mapping[str, Any]) -> tuple[tuple[str, str], tuple[str, str]]:
    """The scheme's accounts, number and name, for money into and out of a kind of account."""
    (into_code, into_name), (out_code, out_name) = row["into"], row["out_of"]
    return (str(into_code), str(into_name)), (str(out_code), str(out_name))
