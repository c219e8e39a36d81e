"""The composition root: builds everything once and carries values from stage to stage.

* ``opening`` opens and checks the database, makes block 0 in an empty one;
* ``chain`` owns what only the chain thread may touch: execution, state tree, writes;
* ``reader`` shows one committed height at a time to whoever asks;
* ``collector`` sets Python's own collector for such a process;
* ``admission`` is a transaction's way in: decode, cheap checks, signature, pool;
  ``signatures`` checks those on threads, several at once where several wait;
* ``building`` makes this node's own blocks, and runs ahead while votes travel or, alone, its disk
  is waited for;
* ``network`` is the node among its peers, ``exchange`` what is said to them, ``answers`` what is
  given to whom, ``entitlements`` how much of a block that is, ``serving`` reads it from the store;
* ``state_transfer`` takes a snapshot from peers where this node is far behind, ``offers`` gives;
* ``received`` executes blocks that others built, or applies what they changed;
* ``estimates`` tries calls out; ``http`` serves the edge; ``collector`` tunes Python's collector;
* ``node`` puts them together around the consensus driver: ``Node``.

One event loop, one chain thread, two threads that verify signatures. ``Node`` is everything that
the HTTP edge needs (``node.api.ports``) and can be used without it, in process.
"""
