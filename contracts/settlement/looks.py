"""Contract ``looks``: each node's record of who looked at persons' data, anchored once a day.

The looks themselves stay in the node's own append-only log (who, what, when: personal data too).
The ledger gets one root for each day, over all looks of that day in their order (RFC 6962). After
that nobody, not the operator either, can take a look out of the log unnoticed: the person's bureau
and the auditors compare the log that they are shown with the root.

State: ``looks/<organisation>/<day>`` = ``[count, root]``, written once.
"""

from __future__ import annotations

from contracts.api import Answer, Args, Context, Contract, State, reject
from contracts.schema import Bytes, Date, Int
from contracts.settlement import calendar

CONTRACT = Contract("looks", version=1)

COUNT_MAX = 10**9
"""Looks of one day at one node."""


@CONTRACT.method(
    args={"day": Date(), "count": Int(0, COUNT_MAX), "root": Bytes(32)}, posts=("operator",)
)
def publish(ctx: Context, args: Args) -> Answer:
    """Anchor a day that is over: the root of the own node's looks, in UTC+8.

    Refuses with ``looks.day-not-over`` and, when the day has another root, ``looks.differs``.
    """
    today = calendar.date_of_ms(ctx.time_ms)
    if args["day"] >= today:
        reject("looks.day-not-over", day=args["day"], today=today)
    known = root_of(ctx.state, ctx.sender, args["day"])
    if known is not None and known != (args["count"], args["root"]):
        reject("looks.differs", day=args["day"], count=args["count"], published=known[0])
    if known is None:
        ctx.state.put(key_of(ctx.sender, args["day"]), [args["count"], args["root"]])
        ctx.emit("looks.published", organisation=ctx.sender, day=args["day"], count=args["count"])
    return {"day": args["day"], "count": args["count"]}


def root_of(state: State, organisation: str, day: str) -> tuple[int, bytes] | None:
    """Count and root that an organisation anchored for a day; None before it did."""
    value = state.get(key_of(organisation, day))
    return None if value is None else (value[0], value[1])


def key_of(organisation: str, day: str) -> str:
    """State key of a day of an organisation's node."""
    return f"looks/{organisation}/{day}"
