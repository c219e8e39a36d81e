"""Trial balance and vouchers: what an accountant asks, for a region or the country."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from contracts.regions import COUNTRY
from contracts.settlement.funds_chart import CHART
from node.api import chain, rights, schemas
from node.api.guard import Access
from node.api.ledger_books import Books, Sums, is_of
from node.api.params import AREA, AccessDep, Limit, edge_router
from node.api.parties import Parties
from node.api.problems import Problem
from node.ledger.block import Header
from node.ledger.receipt import Receipt, ReceiptPosting

router = edge_router("money")

Region = Annotated[
    str,
    Query(pattern=AREA, description="Area whose books are shown; 000000: the country's."),
]
AtHeight = Annotated[
    int | None, Query(ge=0, le=10**15 - 1, description="Height; the newest when left out.")
]
AfterHeight = Annotated[
    int, Query(ge=0, le=10**15 - 1, description="Vouchers of the heights behind this one.")
]

ELSEWHERE = "elsewhere"
"""Kind of the account on which a region's vouchers have what other areas book."""

HEIGHTS_OF_A_PAGE = 64
"""Blocks that one page of vouchers reads at the most."""


def _check_region(access: Access, region: str) -> None:
    """The books of a region are for whoever is party to all of it; the country's for overseers."""
    if region == COUNTRY:
        if not rights.oversees_country(access.caller):
            raise Problem("read.no-right")
        region = access.caller.region
    access.check(Parties(home_regions=frozenset({region})), f"books/{region}")


def _books(request: Request) -> Books:
    books: Books = request.app.state.books
    return books


@router.get(
    "/v1/trial-balance",
    name="trial_balance",
    responses={200: {"model": schemas.TrialBalanceAnswer}},
)
async def trial_balance(
    request: Request, access: AccessDep, region: Region = COUNTRY, at_height: AtHeight = None
) -> Response:
    """What went into and out of every account up to a height, from the postings themselves.

    ``imbalance_fen`` is that of the whole country at this height, whatever region is shown: the sum
    over fund types of what postings leave open. It is 0.
    """
    _check_region(access, region)
    head = access.view.head.height
    height = head if at_height is None else at_height
    if height > head:
        raise Problem("read.not-found", height=head)
    sums = await _books(request).at(access.view, access.state, height)
    rows: list[dict[str, Any]] = [
        {
            "account": account,
            "kind": account.partition(":")[0],
            "english": CHART[account.partition(":")[0]].english,
            "chinese": CHART[account.partition(":")[0]].chinese,
            "fund_type": fund,
            "in_fen": into,
            "out_fen": out,
            "balance_fen": into - out,
        }
        for (account, fund), (into, out) in sorted(sums.items())
        if is_of(access.state, account, region)
    ]
    open_fen: dict[str, int] = {}
    for row in rows:
        open_fen[row["fund_type"]] = open_fen.get(row["fund_type"], 0) + row["balance_fen"]
    return access.answer(
        {
            "region": region,
            "at_height": height,
            "time_ms": _time_ms(access, height),
            "rows": rows,
            "by_fund_fen": open_fen,
            "imbalance_fen": imbalance(sums),
        }
    )


def imbalance(sums: Sums) -> int:
    """What the postings leave open, summed over fund types without sign: 0."""
    funds: dict[str, int] = {}
    for (_, fund), (into, out) in sums.items():
        funds[fund] = funds.get(fund, 0) + into - out
    return sum(abs(open_fen) for open_fen in funds.values())


@router.get("/v1/vouchers", name="vouchers", responses={200: {"model": schemas.VouchersAnswer}})
async def vouchers(
    request: Request,
    access: AccessDep,
    limit: Limit,
    region: Region = COUNTRY,
    after_height: AfterHeight = 0,
) -> Response:
    """Transfers that touch a region's books, each with its legs there, height by height.

    What a transfer leaves open there stands against the bank that paid or received it, and where
    none did against ``elsewhere:<region>``: so every voucher balances for each fund. A height is
    answered whole; ``next`` is the height to go on behind, null at the newest.
    """
    _check_region(access, region)
    chain.check_whole(access.view, str(after_height))
    head = access.view.head.height
    books = _books(request)
    listed: list[dict[str, Any]] = []
    height = min(after_height, head)
    last = min(head, height + HEIGHTS_OF_A_PAGE)
    while height < last and len(listed) < limit:
        height += 1
        listed += _of_height(access, books, region, height)
        await asyncio.sleep(0)  # others have their turn between two blocks
    return access.answer(
        {"region": region, "vouchers": listed, "next": None if height >= head else height}
    )


def _closing(
    legs: list[dict[str, Any]], outside: list[ReceiptPosting], region: str
) -> list[dict[str, Any]]:
    """A leg for each fund type that a region's legs of a transfer leave open.

    Banks keep one account for everybody, so their legs are in no region's books: a payment's own
    is the one that balances the fund. What another area or province books is one account here.
    """
    sums: dict[str, int] = {}
    for leg in legs:
        sums[leg["fund_type"]] = sums.get(leg["fund_type"], 0) + leg["amount_fen"]
    found = []
    for fund, fen in sums.items():
        banks = [
            leg.account
            for leg in outside
            if (leg.fund_type, leg.amount_fen) == (fund, -fen) and leg.account.startswith("bank:")
        ]
        if fen:
            account = banks[0] if banks else f"{ELSEWHERE}:{region}"
            found.append({"account": account, "fund_type": fund, "amount_fen": -fen})
    return found


def _of_height(access: Access, books: Books, region: str, height: int) -> list[dict[str, Any]]:
    state = access.state
    found: list[dict[str, Any]] = []
    for leaf in access.view.receipts(height):
        receipt = Receipt.decode_trusted(leaf)
        by_transfer: dict[str, list[dict[str, Any]]] = {}
        outside: dict[str, list[ReceiptPosting]] = {}
        for leg in receipt.postings:
            account = books.shown(state, leg.account)
            if is_of(state, account, region):
                by_transfer.setdefault(leg.transfer_id, []).append(
                    {"account": account, "fund_type": leg.fund_type, "amount_fen": leg.amount_fen}
                )
            else:
                outside.setdefault(leg.transfer_id, []).append(leg)
        for transfer, legs in by_transfer.items():
            legs += _closing(legs, outside.get(transfer, []), region)
        if not by_transfer:
            continue
        located = chain.locate(access.view, receipt.tx_id)
        assert located is not None, "a receipt has its transaction"
        call = located.transaction.body.calls[receipt.call_index]
        found += [
            {
                "transfer_id": transfer,
                "at_height": height,
                "time_ms": _time_ms(access, height),
                "tx_id": receipt.tx_id,
                "call_index": receipt.call_index,
                "call": f"{call.contract}.{call.method}",
                "legs": legs,
            }
            for transfer, legs in by_transfer.items()
        ]
    return found


def _time_ms(access: Access, height: int) -> int:
    data = access.view.header(height)
    assert data is not None, "the head is not below this height"
    return Header.decode(data).time_ms
