"""Contract ``accusation``: proofs that a validator lied, on the ledger for everybody to act on.

Any bureau hands in the two things that its node heard and that no correct validator signs both
(kinds E1 to E6, ``consensus/evidence.py``); the contract checks them and keeps one for each slot.
What follows is the bureaus' to decide: an alarm and a vote, never an automatic exclusion.

State: ``accusation/<kind>/<epoch>/<view>/<height>/<n>``, n from 0 for each accused validator, and
``accusations``, how many there are in all.
"""

from __future__ import annotations

from contracts.api import Answer, Args, Context, Contract, reject
from contracts.schema import Bytes
from contracts.validator_set import SET_MAX, VALIDATING, WORK_OF_SIGNATURE, members_of

CONTRACT = Contract("accusation", version=1)

EVIDENCE_BYTES_MAX = 65_536
"""Two certificates of 63 validators take about 6,000 bytes, two NEW-VIEWs about 10,000."""
SIGNATURES_MAX = 2 * SET_MAX


@CONTRACT.method(
    args={"evidence": Bytes(1, EVIDENCE_BYTES_MAX)}, kinds=VALIDATING, posts=("checker", "operator")
)
def report(ctx: Context, args: Args) -> Answer:
    """Put a proof that a validator lied on the ledger; the first one of a slot stays.

    Refuses with ``accusation.unproven`` what proves nothing and with ``accusation.known`` what was
    reported already.
    """
    ctx.spend(WORK_OF_SIGNATURE * SIGNATURES_MAX)
    try:
        proved = ctx.services.convict(
            args["evidence"], lambda epoch: members_of(ctx.state, epoch)
        )  # fmt: skip
    except ValueError:
        reject("accusation.unproven", bytes=len(args["evidence"]))
    slot = f"{proved['kind']}/{proved['epoch']}/{proved['view']}/{proved['height']}"
    number, culprits = 0, proved["culprits"]
    while (known := ctx.state.get(f"accusation/{slot}/{number}")) is not None:
        if known["culprits"] == culprits:
            reject("accusation.known", slot=slot, since_height=known["reported_height"])
        number += 1
    ctx.state.put(
        f"accusation/{slot}/{number}",
        {
            "kind": proved["kind"],
            "epoch": proved["epoch"],
            "view": proved["view"],
            "height": proved["height"],
            "culprits": culprits,
            "evidence": ctx.services.digest("yibao/accusation/v1", args["evidence"]),
            "reported_by": ctx.sender,
            "reported_height": ctx.height,
        },
    )
    count = (ctx.state.get("accusations") or 0) + 1
    ctx.state.put("accusations", count)
    ctx.emit("accusation.reported", slot=slot, kind=proved["kind"], culprits=culprits)
    return {"slot": slot, "kind": proved["kind"], "culprits": culprits, "number": count}
