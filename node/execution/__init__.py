"""Execution: (block, state) -> receipts, writes, roots. The same on every node, or the node stops.

* ``state`` has the committed state, a block's overlay on it and a call's overlay on that;
* ``calls`` runs one call all-or-nothing and makes its receipt;
* ``blocks`` admits transactions, runs and seals, executes received blocks, estimates;
* ``proposing`` makes a block of this node's own, at once or ahead of its parent's commit;
* ``genesis`` makes block 0;
* ``services`` is what the node lends to contracts;
* ``divergence`` names the first transaction and key in which two results differ.

Nothing here knows which engine ordered the block, and nothing here writes to disk: a result is a
value, and only the service puts a committed one into the store.
"""
