"""The node's HTTP edge: signed transactions come in, entitled reads go out, each with its proof.

What is where:

* ``app`` builds the application: one visible list of middleware, one list of routers;
* ``ports`` says what the edge needs from the process around it; ``node.service`` passes it in;
* ``limits`` counts bytes, requests and streams before anything is parsed;
* ``auth`` checks the request signature and finds the reader on the ledger; ``rights`` holds the
  one table of route and right and decides; ``parties`` says whom a receipt concerns;
  ``access_log`` keeps every look at a person's data;
* ``problems`` has every refusal of this edge with its code, sentence and what to do next;
* ``transactions`` is the way in; ``explorer``, ``claims``, ``people``, ``references``, ``stream``
  and ``operations`` answer; ``render`` and ``schemas`` give answers their shape.

pydantic and FastAPI are known here and nowhere else.
"""
