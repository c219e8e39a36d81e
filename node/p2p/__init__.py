"""Nodes talk to nodes: sockets, TLS, frames and queues. Nothing here decides anything.

* ``frames``   length, type, body; a bound for each type
* ``tls``      TLS 1.3 both ways; a peer is known by the pin of its key on the ledger
* ``hello``    the signed greeting after which a peer counts as up
* ``queues``   what waits to be sent to one peer: bounded, votes first
* ``link``     one connection: handshake, reader, writer
* ``peers``    all of them: dial, accept, one connection for each peer, again and again
* ``payloads`` what the frames carry beside consensus messages: blocks, requests for them

What a peer sends is decoded and bounded here and in ``node.ordering.wire``; what it means is the
business of ``node.service.network``. A connection can be lost at any moment and nothing rests on
it: STATUS repeats whatever is still of use.
"""
