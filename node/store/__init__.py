"""What the node keeps on disk: one LevelDB folder, one synced write batch for each height.

* ``kv`` is the protocol of the store, ``leveldb`` the one file that knows plyvel;
* ``keys`` is the table of all rows;
* ``blocks``, ``attachments``, ``state`` and ``index`` read and lay out their own rows;
* ``database`` opens the folder, writes a height as one batch and checks the whole at start;
* ``checks`` compares what is stored with the digests that it was stored with;
* ``errors`` says what can be wrong and what to do.

There is no moment at which a crash leaves two parts of a height apart: header, body, attachments,
certificate, receipts, state, diff, bucket roots, index rows and the head are one batch.
"""
