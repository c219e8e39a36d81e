"""Claims: register a visit, take charge lines, settle, reverse (SETTLEMENT.md section 6).

The contract's methods are in ``claim_register``, ``claim_lines``, ``claim_settle`` and
``claim_reverse``; here are its name and what they share: claims by id, and the rule that an id is
unique for good: the same id with the same content returns the first answer, with other content it
is refused.
"""

from __future__ import annotations

from contracts.api import Context, Contract, State, reject
from contracts.settlement.life import START
from contracts.settlement.records import Claim, is_reversal

CONTRACT = Contract("claim", version=1)


def find(state: State, claim_id: str) -> Claim | None:
    """The claim of an id; None when nobody used it. Refuses an id that is a reversal's."""
    value = state.get(f"claim/{claim_id}")
    if value is None:
        return None
    if is_reversal(value):
        reject("claim.is-reversal", claim=claim_id)
    return Claim.decode(value)


def load(ctx: Context, claim_id: str) -> Claim:
    """The claim of the sender's. Refuses with ``claim.not-found`` and ``claim.not-yours``."""
    claim = find(ctx.state, claim_id)
    if claim is None:
        reject("claim.not-found", claim=claim_id)
    if claim.institution != ctx.sender:
        # Whose it is stays unsaid: that somebody was at another hospital is not this one's matter.
        reject("claim.not-yours", claim=claim_id)
    return claim


def put(ctx: Context, claim_id: str, claim: Claim) -> None:
    """Write the claim."""
    ctx.state.put(f"claim/{claim_id}", claim.encode())


def state_of(claim: Claim | None) -> str:
    """The claim's state for the table of ``lifecycle``."""
    return START if claim is None else claim.state


def transfer_id(claim_id: str) -> str:
    """Id of the settlement's transfer; ids of plain transfers have no slash."""
    return f"claim/{claim_id}"
