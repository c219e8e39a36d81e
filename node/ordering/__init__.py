"""Ordering: the consensus core's hands.

* ``wire`` writes consensus messages and the safety record as canonical bytes and reads them back;
* ``wal`` keeps ``safety.dat``, the one file that says what this node's key has bound itself to;
* ``driver`` carries out the effects of ``consensus.Replica.step`` in their order.

The core decides, these files do. At n = 1 there is no network and the same effects run.
"""
