"""Who without a seat may follow, and how much of each block its office entitles it to.

Computed from the ledger, like the rights to read (``node.api.rights``), and asked for each request:
an office that ends, ends here with the block that says so.

==============================================  =================================================
organisation                                    share
==============================================  =================================================
with a seat among the validators                content: it executes
auditor, regulator of the whole country         content: all places of care are its business
other auditors and regulators, the centre,      changes: the state can only be checked whole, what
a province's bureau without a seat              is attached to others' cases is not its business
all others                                      nothing: they read through a bureau's node
==============================================  =================================================
"""

from __future__ import annotations

from contracts.api import State
from contracts.organisations import load
from node.api.rights import COUNTRY, OVERSEERS
from node.ledger.block import ValidatorSet
from node.p2p.payloads import Share


def share_of(state: State, validators: ValidatorSet, organisation: str) -> Share:
    """How much of a block goes to the organisation's node, as of this state."""
    if validators.index_of(organisation) is not None:
        return Share.CONTENT
    found = load(state, organisation)
    if found is None or found.left_height is not None:
        return Share.NOTHING
    if found.kind in OVERSEERS:
        return Share.CONTENT if found.region == COUNTRY else Share.CHANGES
    if found.kind == "centre" or (found.kind == "bureau" and found.region[2:] == "0000"):
        return Share.CHANGES
    return Share.NOTHING
