"""The life of a claim as a table: state and action give the next state, an empty cell refuses.

``registered -> open -> settled -> declared -> audited -> cleared``, with ``reversed`` and
``disputed`` (SETTLEMENT.md section 6). The table is the only place that knows which step may
follow which; the diagram in the documents is made from it. Actions that no contract of today
carries out are in the table all the same: it is the agreement that clearing and disputes build on.
"""

from __future__ import annotations

from enum import StrEnum

from contracts.settlement.life import START, Life


class ClaimState(StrEnum):
    """Where a claim stands."""

    REGISTERED = "registered"
    """The visit is known, the person was present; no charge line yet."""
    OPEN = "open"
    """Charge lines come and go."""
    SETTLED = "settled"
    """Decided, posted, the patient may leave."""
    DECLARED = "declared"
    """In the institution's monthly declaration to the bureau of the place of care."""
    AUDITED = "audited"
    """That bureau has confirmed what it will pay for. Like ``cleared`` it is the state of the
    claim's month and is not written on the claim: ``clearing.standing`` tells it."""
    CLEARED = "cleared"
    """In a closed clearing period between the two places."""
    REVERSED = "reversed"
    """Taken back by a counter-entry; final."""
    DISPUTED = "disputed"
    """Somebody with a right has objected; neither declared nor cleared until decided."""


class Action(StrEnum):
    """What can happen to a claim."""

    REGISTER = "register"
    LINES = "lines"
    WITHDRAW = "withdraw"
    ORDER = "order"
    """A test at another institution, as a part of the stay."""
    CANCEL = "cancel"
    SETTLE = "settle"
    DECLARE = "declare"
    SET_ASIDE = "set-aside"
    AUDIT = "audit"
    CLEAR = "clear"
    REVERSE = "reverse"
    DISPUTE = "dispute"
    DISMISS = "dismiss"


_S = ClaimState
_A = Action
TABLE: dict[tuple[str, Action], ClaimState] = {
    (START, _A.REGISTER): _S.REGISTERED,
    # An outpatient visit registers and settles in one call: its lines come with the settlement.
    (START, _A.SETTLE): _S.SETTLED,
    (_S.REGISTERED, _A.LINES): _S.OPEN,
    (_S.REGISTERED, _A.ORDER): _S.REGISTERED,
    (_S.REGISTERED, _A.SETTLE): _S.SETTLED,
    (_S.REGISTERED, _A.CANCEL): _S.REVERSED,
    (_S.OPEN, _A.LINES): _S.OPEN,
    (_S.OPEN, _A.WITHDRAW): _S.OPEN,
    (_S.OPEN, _A.ORDER): _S.OPEN,
    (_S.OPEN, _A.SETTLE): _S.SETTLED,
    (_S.OPEN, _A.CANCEL): _S.REVERSED,
    (_S.SETTLED, _A.REVERSE): _S.REVERSED,
    (_S.SETTLED, _A.DECLARE): _S.DECLARED,
    (_S.SETTLED, _A.DISPUTE): _S.DISPUTED,
    # Not confirmed this month: it rolls on and is declared again.
    (_S.DECLARED, _A.SET_ASIDE): _S.SETTLED,
    (_S.DECLARED, _A.AUDIT): _S.AUDITED,
    (_S.AUDITED, _A.CLEAR): _S.CLEARED,
    # Once it is declared a claim is taken back with the bureaus' consents (refunds.consent).
    (_S.DECLARED, _A.REVERSE): _S.REVERSED,
    (_S.AUDITED, _A.REVERSE): _S.REVERSED,
    (_S.CLEARED, _A.REVERSE): _S.REVERSED,
    (_S.DISPUTED, _A.DISMISS): _S.SETTLED,
    (_S.DISPUTED, _A.REVERSE): _S.REVERSED,
}
"""(state, action) -> next state. What is missing is refused.

After declaration a reversal needs the consent of the bureau of the place of care, after clearing
of both: ``refunds.consent`` is the one rule.
"""


_LIFE = Life(TABLE, ClaimState, "claim.wrong-state")
follow = _LIFE.follow
mermaid = _LIFE.mermaid
