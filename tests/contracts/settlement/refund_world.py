"""What tests of refunds share: the calls of a claim given again, and resettling by them."""

from __future__ import annotations

from typing import Any

from contracts.api import Value
from contracts.runtime import Outcome
from node.ledger import codec
from tests.contracts.settlement.claim_world import ClaimWorld
from tests.contracts.world import HOSPITAL, salt_of

FIRST = "H44010000123-m-1"
AUDIENCE = "settlement"


def calls_of(counter: ClaimWorld, claim: str = FIRST) -> list[dict[str, Value]]:
    """The calls that made a claim, as they were handed in; withdrawn uploads are left out."""
    calls: list[dict[str, Value]] = []
    for name, args, attachments in counter.world.made:
        method = name.removeprefix("claim.")
        if args.get("claim") != claim:
            continue
        if method == "withdraw_lines":
            calls = [c for c in calls if c.get("upload") != args["upload"]]
        if method in ("register", "lines", "settle"):
            call: dict[str, Value] = {"method": method, "args": codec.encode(args)}
            if AUDIENCE in attachments:
                content = codec.encode(attachments[AUDIENCE])
                call |= {"blind": salt_of(AUDIENCE), "content": content}
            calls.append(call | ({"upload": args["upload"]} if method == "lines" else {}))
    return [{k: v for k, v in call.items() if k != "upload"} for call in calls]


def resettle(
    counter: ClaimWorld,
    claim: str = FIRST,
    *,
    origin: str = "",
    refused: str = "",
    sender: str = HOSPITAL,
    post: str = "operator",
    calls: list[dict[str, Value]] | None = None,
    **given: Any,
) -> Outcome:
    """Have a claim decided again; ``origin``: the first of its chain, where that is another."""
    args = {
        "claim": claim,
        "reversal": f"{claim}-r",
        "replacement": f"{claim}-n",
        "reason": "late_filing",
    } | given
    content = {"calls": calls_of(counter, origin or claim) if calls is None else calls}
    more: dict[str, Any] = {"attachments": {AUDIENCE: content}, "post": post}
    if refused:
        return counter.world.refused(refused, sender, "claim", "resettle", args, **more)
    return counter.world.do(sender, "claim", "resettle", args, **more)


def back(number: int, amount_fen: int, quantity: int = 1, **given: Any) -> dict[str, Value]:
    """So much of a line comes back, the goods with it unless told otherwise."""
    made = {"line": f"{number}", "quantity_e4": quantity * 10_000, "amount_fen": amount_fen}
    return made | {"goods": quantity > 0} | given


def refund(
    counter: ClaimWorld,
    returns: list[dict[str, Value]],
    claim: str = FIRST,
    *,
    origin: str = "",
    refused: str = "",
    sender: str = HOSPITAL,
    post: str = "operator",
    **given: Any,
) -> Outcome:
    """Give lines of a claim back."""
    args = {
        "claim": claim,
        "reversal": f"{claim}-r",
        "replacement": f"{claim}-n",
        "amount_fen": sum(int(one["amount_fen"]) for one in returns),
    } | given
    content = {"calls": calls_of(counter, origin or claim), "returns": returns}
    more: dict[str, Any] = {"attachments": {AUDIENCE: content}, "post": post}
    if refused:
        return counter.world.refused(refused, sender, "claim", "refund", args, **more)
    return counter.world.do(sender, "claim", "refund", args, **more)
