"""How routers of the edge are made, and the parameters that their routes share.

Each parameter has one declared form, so that nothing else reaches a handler.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from contracts.settlement import calendar
from node.api.guard import Access, Guard, GuardedRoute, access_of, guard_of
from node.api.problems import MEDIA_TYPE, Problem

CURSOR = r"^[0-9]{1,15}:[0-9]{1,7}(:[0-9]{1,7})?$"
ID = r"^[A-Za-z0-9._:@-]{1,100}$"
ACCOUNT = r"^[a-z_]{2,20}:[A-Za-z0-9._:@>-]{1,150}$"
DATE = r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}$"
MONTH = r"^[12][0-9]{3}-(0[1-9]|1[0-2])$"
"""Years as contracts take them (``schema.Date``): from each the calendar goes on."""
AREA = r"^[0-9]{6}$"
DEBTOR = r"^([0-9]{6}|insurer:[A-Za-z0-9._:@-]{1,90})$"
DIGEST = r"^[0-9a-f]{64}$"
HEX = r"^([0-9a-f]{2})*$"
BLOCK = r"^([0-9]{1,15}|[0-9a-f]{64})$"
STATE_KEY = r"^[A-Za-z0-9._:@>/ -]{1,200}$"
POLICY = r"^([0-9]{3}|provider)$"
TOPIC = r"^[a-z.-]{1,64}$"
POSITION = r"^[0-9]{1,15}:[0-9]{1,7}$"
WORK_CURSOR = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}:[A-Za-z0-9._:@-]{1,100}$"
"""Each form in words: ``wanted.WORDS``."""

AccessDep = Annotated[Access, Depends(access_of)]
GuardDep = Annotated[Guard, Depends(guard_of)]

TxId = Annotated[str, Path(pattern=DIGEST, description="Transaction id, hexadecimal.")]
CallIndex = Annotated[int, Path(ge=0, le=999, description="Index of the call.")]
Height = Annotated[int, Path(ge=0, le=2**53 - 1)]
ThingId = Annotated[str, Path(pattern=ID)]
AreaCode = Annotated[str, Path(pattern=AREA, description="District code of six digits.")]
Date = Annotated[str | None, Query(pattern=DATE, description="ISO date; today when left out.")]


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}},
    }
    for status, description in {
        400: "The request breaks a rule.",
        401: "Not signed, or not by a key that the ledger knows.",
        403: "No right to it.",
        404: "Nothing there.",
        405: "Not with this method.",
        408: "The body came too slowly.",
        409: "Not for this height or not in this state.",
        410: "Erased after its term.",
        412: "The node is not that far.",
        413: "Body too large.",
        415: "Wrong media type.",
        422: "A parameter or field has another shape.",
        429: "Too many; see Retry-After.",
        431: "Headers or address too long.",
        500: "The node has a fault.",
        503: "Not now; see Retry-After.",
        504: "Admitted, not committed in time.",
    }.items()
}
"""Refusals that any route may answer, for the OpenAPI document."""


def edge_router(tag: str, *, at_height: bool = True) -> APIRouter:
    """A router of guarded routes; with ``at_height`` they take ``min_height``."""
    return APIRouter(
        route_class=GuardedRoute,
        tags=[tag],
        dependencies=[Depends(min_height)] if at_height else None,
        responses=PROBLEMS,
    )


async def min_height(
    min_height: Annotated[
        int | None,
        Query(ge=0, le=10**15 - 1, description="Answer from this height on; waits up to 5 s."),
    ] = None,
) -> None:
    """Declares the parameter that the gate acted on already, for the OpenAPI document."""


async def page_limit(
    request: Request,
    limit: Annotated[int | None, Query(ge=1, le=10_000, description="Rows of the answer.")] = None,
) -> int:
    """Rows that are answered: what was asked for, within the node's cap."""
    guard: Guard = request.app.state.guard
    settings = guard.settings
    if limit is None:
        return settings.page_default
    if limit > settings.page_max:
        raise Problem("read.range", limit=limit, limit_max=settings.page_max)
    return limit


Limit = Annotated[int, Depends(page_limit)]


def cursor_parts(after: str, parts: int) -> tuple[int, ...] | None:
    """A cursor's numbers; None when there is none. Raises ``Problem`` ``read.range``."""
    if not after:
        return None
    numbers = tuple(int(part) for part in after.split(":"))
    if len(numbers) != parts:
        raise Problem("read.range", parts=len(numbers), parts_wanted=parts)
    return numbers


async def cursor_of_calls(
    after: Annotated[
        str, Query(pattern=rf"^$|{CURSOR}", description="Cursor `next` of the answer before.")
    ] = "",
) -> str:
    """The cursor of a list of calls, or of headers: two numbers. Raises ``Problem``."""
    cursor_parts(after, 2)
    return after


After = Annotated[str, Depends(cursor_of_calls)]


def day(access: Access, date: str | None) -> str:
    """The date asked for, or the day of the head. Raises ``Problem`` for one that is none."""
    if date is None:
        return calendar.date_of_ms(access.view.head.time_ms)
    if not calendar.is_date(date):
        raise Problem("request.invalid", where=["query.date: a day of the calendar"])
    return date
