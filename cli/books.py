"""``yibao fund trial-balance``, ``statement`` and ``vouchers``: what accountants ask.

Days are those of UTC+8; a day's blocks are found by asking for headers, a dozen at the most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.account_scheme import MOVED, OWN_TABLE, Entry, Scheme, SchemeError
from cli.client import Client, Refused
from cli.exits import Exit
from cli.output import Json, busy, fail, print_json, print_table, time_of, yuan
from cli.session import open_client
from cli.show import Account, asked
from cli.voucher_file import write_csv, write_xlsx
from contracts.settlement.calendar import date_of_ms, is_date, start_of_day_ms

Region = Annotated[
    str, typer.Option("--region", help="Area whose books are shown; left out: the country.")
]
FromDay = Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")]
ToDay = Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD.")]
PAGE = 500
"""Rows of one answer: as many as a node gives."""
DAY_MS = 86_400_000
BATCH_SUMS = (
    "declared_fen", "commercial_fen", "deducted_fen", "aside_fen", "confirmed_fen", "carried_fen",
    "expected_fen", "received_fen", "open_fen",
)  # fmt: skip
"""Sums of a month in the order in which one comes of the other."""


def trial_balance(
    context: typer.Context,
    region: Region = "000000",
    height: Annotated[int | None, typer.Option(help="Height; the newest when left out.")] = None,
    day: Annotated[str, typer.Option("--on", help="End of a day instead of a height.")] = "",
    as_json: Json = False,
) -> None:
    """Trial balance at any height, from the postings; exit 1 if it is open. 试算平衡"""
    if day and height is not None:
        fail(Exit.USAGE, "--height and --on name the same thing twice", hint="give one of them")
    if day:
        with open_client(context) as client:
            height = last_height_of(client, day)
    answer = asked(context, as_json, "/v1/trial-balance", region=region, at_height=height)
    if answer is None:
        return
    print_table(
        f"Trial balance 试算平衡表 {answer['region']}, height {answer['at_height']}, "
        f"{time_of(answer['time_ms'])}",
        ("account 科目", "fund 基金", "in 贷 元", "out 借 元", "balance 余额 元"),
        [
            (row["account"], row["fund_type"], yuan(int(row["in_fen"])), yuan(int(row["out_fen"])),
             yuan(int(row["balance_fen"])))
            for row in answer["rows"]
        ],
        footer=f"imbalance of the whole ledger 全账不平: {yuan(int(answer['imbalance_fen']))}",
    )  # fmt: skip
    if int(answer["imbalance_fen"]):
        raise typer.Exit(int(Exit.NO))


def statement(
    context: typer.Context,
    account: Account,
    first: FromDay = "",
    last: ToDay = "",
    as_json: Json = False,
) -> None:
    """An account over a time: opening balance, every posting, closing balance. 对账单"""
    check_order(first, last)
    with open_client(context) as client, busy("postings 明细", quiet=as_json) as words:
        low = 0 if not first else height_before(client, first) + 1
        high = client.get("/v1/status")["height"] if not last else last_height_of(client, last)
        opening: dict[str, int] = {}
        rows: list[dict[str, Any]] = []
        running: dict[str, int] = {}
        for number, posting in enumerate(postings_of(client, account), start=1):
            if posting["at_height"] > high:
                break
            if number % PAGE == 0:
                words(f"postings 明细 {number:,}, height {posting['at_height']:,} of {high:,}")
            fund, amount = posting["fund_type"], int(posting["amount_fen"])
            if posting["at_height"] < low:
                opening[fund] = opening.get(fund, 0) + amount
            else:
                running[fund] = running.get(fund, opening.get(fund, 0)) + amount
                rows.append({**posting, "balance_fen": running[fund]})
    closing = {**opening, **running}
    told = {
        "account": account,
        "from_height": low,
        "to_height": high,
        "opening_fen": opening,
        "postings": rows,
        "closing_fen": closing,
    }
    if as_json:
        print_json(told)
        return
    print_table(
        f"Statement 对账单 {account}, heights {low} to {high}",
        ("height", "transfer", "fund", "amount 元", "balance 元"),
        [
            ("", "opening 期初", fund, "", yuan(fen)) for fund, fen in sorted(opening.items())
        ]
        + [
            (row["at_height"], row["transfer_id"], row["fund_type"], yuan(int(row["amount_fen"])),
             yuan(row["balance_fen"]))
            for row in rows
        ]
        + [
            ("", "closing 期末", fund, "", yuan(fen))
            for fund, fen in sorted(closing.items())
        ],
    )  # fmt: skip


def batches(
    context: typer.Context,
    institution: Annotated[str, typer.Argument(help="For example hospital:H43010000123.")],
    first: Annotated[str, typer.Option("--from", help="First month, 2025-01.")],
    last: Annotated[str, typer.Option("--to", help="Last month, 2025-12.")],
    as_json: Json = False,
) -> None:
    """What an institution's months were worth, and what has arrived: expected against received.

    应收与实收
    """
    path = f"/v1/institutions/{institution}/batches"
    answer = asked(context, as_json, path, first=first, last=last)
    if answer is None:
        return
    print_table(
        f"Batches 批次 {institution}",
        ("month", *(f"{name.removesuffix('_fen')} 元" for name in BATCH_SUMS), "on", "bank"),
        [
            (row["month"],
             *("" if row[name] is None else yuan(int(row[name])) for name in BATCH_SUMS),
             row["received_on"] or row["due_on"] or row["stage"] or "",
             row["bank_reference"] or "")
            for row in answer["records"]
        ],
        footer="declared + commercial - deducted - aside = confirmed 确认, "
        "confirmed + carried 结转 = expected 应收",
    )  # fmt: skip


def vouchers(
    context: typer.Context,
    to_file: Annotated[Path, typer.Option("--out", help="File to write: .csv or .xlsx.")],
    region: Region = "000000",
    first: FromDay = "",
    last: ToDay = "",
    scheme: Annotated[
        Path | None, typer.Option(help="Table of accounts; the installed one when left out.")
    ] = None,
    by: Annotated[str, typer.Option(help="One voucher a day, or a transfer.")] = "day",
    as_json: Json = False,
) -> None:
    """Export vouchers in an accounting scheme, as CSV or XLSX. 记账凭证"""
    if to_file.suffix not in (".csv", ".xlsx") or by not in ("day", "transfer"):
        fail(Exit.USAGE, "--out names a .csv or .xlsx file, --by is day or transfer")
    check_order(first, last)
    try:
        table = Scheme.read(scheme or OWN_TABLE)
    except (SchemeError, OSError) as problem:
        hint = "copy the installed table (cli/account_scheme.json) and change that"
        fail(Exit.LOCAL, str(problem), hint=hint)
    made = _Export(table, by)
    with open_client(context) as client, busy("vouchers 凭证", quiet=as_json) as words:
        low = 0 if not first else height_before(client, first)
        high = client.get("/v1/status")["height"] if not last else last_height_of(client, last)
        entries = made.entries(_vouchers(client, region, low, high, words))
        lines = _written(to_file, entries)
    told = {
        "file": str(to_file),
        "region": region,
        "from_height": low + 1,
        "to_height": high,
        "vouchers": made.vouchers,
        "lines": lines,
        "debit_fen": made.debit_fen,
        "credit_fen": made.credit_fen,
        "open_fen": made.debit_fen - made.credit_fen,
    }
    if as_json:
        print_json(told)
    else:
        typer.echo(
            f"{to_file}: {made.vouchers} vouchers, {lines} lines, debit 借 {yuan(made.debit_fen)}, "
            f"credit 贷 {yuan(made.credit_fen)}"
        )


@dataclass(slots=True)
class _Export:
    """Vouchers to entries, and their totals."""

    table: Scheme
    by: str
    vouchers: int = 0
    debit_fen: int = 0
    credit_fen: int = 0
    _day: str = ""
    _sums: dict[tuple[str, bool, str, str], int] = field(default_factory=dict)

    def entries(self, vouchers: Iterator[dict[str, Any]]) -> Iterator[Entry]:
        """In the order of the chain; a day's voucher when the day is over."""
        height = 0
        for voucher in vouchers:
            day = date_of_ms(voucher["time_ms"])
            if self.by == "day":
                if day != self._day:
                    yield from self._close(height)
                    self._day = day
                moved = voucher["transfer_id"].startswith(MOVED)
                for leg in voucher["legs"]:
                    key = (voucher["call"], moved, leg["account"], leg["fund_type"])
                    self._sums[key] = self._sums.get(key, 0) + int(leg["amount_fen"])
            else:
                legs = [
                    (leg["account"], leg["fund_type"], int(leg["amount_fen"]))
                    for leg in voucher["legs"]
                ]
                transfer = voucher["transfer_id"]
                yield from self._made(
                    legs, day, voucher["at_height"], voucher["call"], transfer,
                    transfer.startswith(MOVED),
                )  # fmt: skip
            height = voucher["at_height"]
        yield from self._close(height)

    def _close(self, height: int) -> Iterator[Entry]:
        """One voucher a day and kind of call, all its legs added up; what moved apart."""
        for kind in sorted({(call, moved) for call, moved, _, _ in self._sums}):
            legs = [
                (account, fund, amount)
                for (*of, account, fund), amount in sorted(self._sums.items())
                if tuple(of) == kind and amount
            ]
            if legs:
                yield from self._made(legs, self._day, height, kind[0], "", kind[1])
        self._sums.clear()

    def _made(
        self, legs: list[tuple[str, str, int]], day: str, height: int, call: str, transfer: str,
        moved: bool,
    ) -> Iterator[Entry]:  # fmt: skip
        self.vouchers += 1
        number = f"{day.replace('-', '')}-{self.vouchers:06d}"
        for entry in self.table.entries(
            number, legs, day=day, height=height, call=call, transfer=transfer, moved=moved
        ):
            self.debit_fen += entry.debit_fen
            self.credit_fen += entry.credit_fen
            yield entry


def _written(to_file: Path, entries: Iterator[Entry]) -> int:
    """Write the file, whole or not at all; ends the command where it cannot be written."""
    part = to_file.with_name(f"{to_file.name}.part")
    write = write_csv if to_file.suffix == ".csv" else write_xlsx
    try:
        part.touch()  # before anything is asked of the node
        lines = write(part, entries)
        part.replace(to_file)
    except OSError as problem:
        fail(Exit.LOCAL, f"cannot write {to_file}: {problem.strerror or problem}")
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return lines


def postings_of(client: Client, account: str) -> Iterator[dict[str, Any]]:
    """All postings on an account, oldest first."""
    after = None
    while True:
        page = client.get(f"/v1/accounts/{account}/postings", limit=PAGE, after=after)
        yield from page["postings"]
        after = page["next"]
        if after is None:
            return


def _vouchers(
    client: Client, region: str, low: int, high: int, words: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Vouchers of the heights ``low + 1`` to ``high``; ``words`` is told how far they are."""
    after: int | None = low
    while after is not None and after < high:
        words(f"vouchers 凭证, height {after:,} of {high:,}")
        page = client.get("/v1/vouchers", region=region, after_height=after, limit=PAGE)
        for voucher in page["vouchers"]:
            if voucher["at_height"] > high:
                return
            yield voucher
        after = page["next"]


def last_height_of(client: Client, day: str) -> int:
    """The last block whose time lies before the end of a day in UTC+8. Ends the command where the
    text is no day."""
    return _last_before(client, _start_ms(day) + DAY_MS)


def height_before(client: Client, day: str) -> int:
    """The last block whose time lies before a day begins in UTC+8; 0 where there is none. Ends the
    command where the text is no day."""
    return _last_before(client, _start_ms(day))


def _start_ms(day: str) -> int:
    if not is_date(day):
        fail(Exit.USAGE, f"{day} is not a day of the calendar", hint="YYYY-MM-DD: 2025-06-30")
    return start_of_day_ms(day)


def _last_before(client: Client, end_ms: int) -> int:
    low, high = 0, int(client.get("/v1/status")["height"])
    while low < high:
        middle = (low + high + 1) // 2
        try:
            earlier = _time_ms(client, middle) < end_ms
        except Refused as refusal:
            if refusal.code != "read.below-floor":
                raise
            # A snapshot came with the header of its own height and with none below it.
            middle = int(refusal.problem["values"]["floor"]) - 1
            earlier = _time_ms(client, middle) < end_ms
            if not earlier:
                raise
        if earlier:
            low = middle
        else:
            high = middle - 1
    return low


def _time_ms(client: Client, height: int) -> int:
    return int(client.get(f"/v1/headers/{height}")["header"]["time_ms"])


def check_order(first: str, last: str) -> None:
    """End the command where two days, each left out or given, are none or the wrong way round."""
    for day in filter(None, (first, last)):
        _start_ms(day)
    if first and last and first > last:
        fail(Exit.USAGE, f"--from {first} is after --to {last}", hint="exchange the two days")
