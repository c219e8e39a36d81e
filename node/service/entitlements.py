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

Who had a seat is owed every block up to the one that took it, content and all, whatever its office:
a validator that was away would otherwise never learn that it is one no more.
"""

from __future__ import annotations

from collections.abc import Iterable

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


def owed_until(epochs: Iterable[tuple[int, int, ValidatorSet]], organisation: str) -> int:
    """The height of the block that took the organisation's last seat, 0 where it never had one.
    ``epochs``: number, first height and set of each. Who has a seat now is not asked about."""
    until, had_seat = 0, False
    for _, first, validators in epochs:
        has_seat = validators.index_of(organisation) is not None
        if had_seat and not has_seat:
            until = first - 1
        had_seat = has_seat
    return until
