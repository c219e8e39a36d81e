"""What an organisation is party to, by what changed: the list that its member node goes along.

The list says only what there is and since when; a member node has each thing proved, and a thing
that changed again is listed again. It goes along the organisation's own rows of the index, so a
page costs nothing for what concerns others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.responses import Response

from contracts import organisations
from contracts.organisations import INSTITUTIONS
from contracts.regions import covers
from node.api import chain, schemas
from node.api.guard import Access
from node.api.params import AccessDep, After, Limit, ThingId, edge_router
from node.api.parties import Parties
from node.api.ports import CallRow

router = edge_router("organisations")

NAMED = ("institution", "insurer")
AREAS = ("payer_region", "payee_region")
"""Fields of events that name whom a change is listed for, as the index has them."""

SETTLED = "claim.settled"
TOPICS: Mapping[str, tuple[str, str]] = {
    SETTLED: ("settlement", "claim"),
    "claim.reversed": ("refund", "reversal"),
    "declaration.rows": ("declared", "month"),
}
"""Topics of events that are proved by the receipt of their call: kind, field with the name."""

STEPS: Mapping[str, tuple[str, str]] = {
    "declaration": ("month", "month"),
    "deduction": ("deduction", "deduction"),
    "notice": ("notice", "notice"),
    "payment": ("payment", "payment"),
    "cover": ("cover", "payment"),
}
"""First words of topics that tell a step of something that the state keeps: kind, field."""


@router.get(
    "/v1/organisations/{organisation}/changes",
    name="organisation_changes",
    responses={200: {"model": schemas.ChangesAnswer}},
)
async def organisation_changes(
    access: AccessDep, organisation: ThingId, limit: Limit, after: After
) -> Response:
    """What a hospital, pharmacy, insurer or finance department is party to, by what changed.

    Kinds: settlement, refund, declared, month, deduction, notice, payment, cover; ``tx_id`` and
    ``call_index`` name the receipt of the change. A page may have fewer rows than were asked for,
    also none, and go on behind ``next``.
    """
    access.check(Parties(organisations=frozenset({organisation})), f"changes/{organisation}")
    chain.check_whole(access.view, after)
    found = organisations.load(access.state, organisation)
    listed: tuple[str, str] | None = None
    if found is not None and found.kind in (*INSTITUTIONS, "insurer"):
        listed = "institution", organisation
    elif found is not None and found.kind == "finance":
        listed = "area", found.region
    rows = access.view.calls_of(*listed, after, limit) if listed else ()
    shown, following = chain.affordable(access.view, rows, limit)
    changes = [
        {"kind": kind, "name": name, "at_height": row.height, "tx_id": row.tx_id,
         "call_index": row.call_index}
        for row in shown
        for kind, name in dict.fromkeys(_changed(access, row, *(listed or ("", ""))))
    ]  # fmt: skip
    return access.answer({"organisation": organisation, "changes": changes, "next": following})


def _changed(access: Access, row: CallRow, by: str, subject: str) -> Iterator[tuple[str, str]]:
    """(kind, name) of what a call changed for an organisation, or for the areas of a region."""
    events = chain.row_receipt(access.view, row).events
    for event in events:
        if by == "area":
            mine = any(
                covers(subject, str(event.fields[name])) for name in AREAS if name in event.fields
            )
        else:
            mine = any(event.fields.get(name) == subject for name in NAMED)
        for kind, name in _things(event.topic, event.fields, row) if mine else ():
            yield kind, name
            # The event of a settlement names no insurer; what a product pays of it names the claim.
            claim = name.rpartition(".")[0]
            if kind == "cover" and any(
                told.topic == SETTLED and told.fields["claim"] == claim for told in events
            ):
                yield "settlement", claim


def _things(topic: str, fields: Mapping[str, Any], row: CallRow) -> Iterator[tuple[str, str]]:
    """(kind, name) of what an event tells of."""
    for told in (TOPICS.get(topic), STEPS.get(topic.partition(".")[0])):
        if told is not None and told[1] in fields:
            kind, name = told[0], str(fields[told[1]])
            if kind == "declared":  # in many calls, each a thing of its own
                name = f"{name}.{row.tx_id.hex()}.{row.call_index}"
            yield kind, name
