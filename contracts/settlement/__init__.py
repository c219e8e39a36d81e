"""The domain: who is insured where, what was done, what it costs, who pays (SETTLEMENT.md).

Where to look, in the order in which a claim meets it:

* ``enrolment`` who is insured; ``presence`` that the person is there; ``filing`` care elsewhere;
* ``catalogue`` what the place of care pays for; ``policy`` what the insured place decides;
  ``counters`` what the year has used up;
* ``claim`` and its ``claim_*`` modules: register, lines, settle, reverse;
* ``adjudicate`` the decision, pure; ``benefits`` the words of a policy; ``statement`` the printout;
* ``funds`` and its ``funds_*`` modules: accounts and postings;
* ``lifecycle``, ``records``, ``reasons``, ``terms``: the tables everything shares.

``CONTRACTS`` (see ``system``) is all that the node's runtime needs to know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contracts.settlement.system import CONTRACTS

__all__ = ["CONTRACTS"]


def __getattr__(name: str) -> Any:
    """``CONTRACTS`` when it is asked for: no module of the package waits for all others."""
    if name != "CONTRACTS":
        raise AttributeError(name)
    from contracts.settlement.system import CONTRACTS

    return CONTRACTS
