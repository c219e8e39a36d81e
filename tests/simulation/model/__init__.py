"""The reference model: decides every committed call again, without a line of the contracts' code.

It is told blocks (header, transactions with their attachments, receipts), keeps plain dicts, and
says of each call what must have come of it: ok or refused with which code, the four sums, who pays
what, every posting, what goes to and from accounts and counters. Receipts are held against that,
and so is the state, after each block where it was touched and as a whole at the end.

============== ==================================================================================
``facts.py``   the world as plain values: who is who, catalogue, whose policy is which
``rules.py``   the catalogue's split and the home policies by hand, in exact fractions
``book.py``    accounts: legs, what is covered, what is set aside
``claims.py``  ``claim.*``; ``funds.py`` ``funds.*``; ``people.py`` ``counters.*``, ``filing.*``
``model.py``   the stream: ids, expiry, chain, receipts, state; the ``Observer`` of the simulator
============== ==================================================================================

It knows formats (arguments, receipts, keys of the state) and rules as SETTLEMENT.md tells them. It
imports nothing of ``contracts`` and ``node.execution``; ``test_model`` looks. What it does not
know, it counts in ``Model.not_judged`` and accepts only if no money moved by it.
"""

from __future__ import annotations

from tests.simulation import observers
from tests.simulation.model.model import Model

if Model not in observers.MAKERS:
    observers.MAKERS.append(Model)

__all__ = ["Model"]
