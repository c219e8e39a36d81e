"""Accounts of the fund ledger with their postings."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from starlette.responses import Response

from contracts.api import Rejected
from contracts.regions import is_area
from contracts.settlement import funds_chart
from contracts.settlement.funds_chart import AccountKind
from node.api import chain, parties, schemas
from node.api.guard import Access
from node.api.params import ACCOUNT, CURSOR, AccessDep, Limit, cursor_parts, edge_router
from node.api.ports import PostingRow
from node.api.problems import Problem
from node.api.rights import Right
from node.api.wanted import WORDS

router = edge_router("money")

AccountName = Annotated[
    str, Path(pattern=ACCOUNT, description="Name from the chart of accounts: fund:430100")
]
AfterPosting = Annotated[
    str, Query(pattern=rf"^$|{CURSOR}", description="Cursor `next` of the answer before.")
]


def find_account(access: Access, account: str) -> tuple[AccountKind, str]:
    """Kind and state key of an account that the reader may see; decides. Raises ``Problem``."""
    try:
        kind, key = funds_chart.entry_of(account)
    except Rejected:
        raise _no_account() from None
    areas = funds_chart.owner_of(account).split("->")
    if kind.pattern.endswith(("<area>", "<care>")) and not all(map(is_area, areas)):
        raise _no_account()
    concerned = parties.of_account(access.state, account)
    personal = kind.name in parties.PERSON_ACCOUNTS
    access.check(concerned, f"account/{account}", Right.PERSON if personal else None)
    return kind, key


def _no_account() -> Problem:
    return Problem("request.invalid", where=[f"path.account: {WORDS[ACCOUNT]}"])


@router.get(
    "/v1/accounts/{account}", name="account", responses={200: {"model": schemas.AccountAnswer}}
)
async def account(access: AccessDep, account: AccountName) -> Response:
    """Balances of an account by fund type; an account without postings has none."""
    kind, key = find_account(access, account)
    entry: dict[str, Any] = access.view.state(key) or {}
    return access.answer(
        {
            "account": account,
            "kind": kind.name,
            "english": kind.english,
            "chinese": kind.chinese,
            "balances": entry.get(kind.name, {}),
        }
    )


@router.get(
    "/v1/accounts/{account}/postings",
    name="account_postings",
    responses={200: {"model": schemas.PostingsAnswer}},
)
async def account_postings(
    access: AccessDep, account: AccountName, limit: Limit, after: AfterPosting = ""
) -> Response:
    """Postings on an account, oldest first."""
    cursor_parts(after, 3)
    find_account(access, account)
    chain.check_whole(access.view, after)
    rows = access.view.postings_of(account, after, limit)
    return access.answer(
        {
            "account": account,
            "postings": [_posting(row) for row in rows],
            "next": _cursor(rows[-1]) if len(rows) == limit else None,
        }
    )


def _posting(row: PostingRow) -> dict[str, Any]:
    return {
        "transfer_id": row.transfer_id,
        "account": row.account,
        "fund_type": row.fund_type,
        "amount_fen": row.amount_fen,
        "tx_id": row.tx_id,
        "call_index": row.call_index,
        "at_height": row.height,
    }


def _cursor(row: PostingRow) -> str:
    return f"{row.height}:{row.receipt_index}:{row.posting_index}"
