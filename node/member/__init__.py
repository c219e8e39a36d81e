"""A member node (成员节点): a bank's or hospital's own small process, which trusts no other node.

It knows the genesis and the addresses of several bureaus' nodes. Whatever they say is held against
headers that a quorum of the bureaus certified, along the ends of the epochs from genesis or from a
checkpoint; a node that lies, lags or is silent is named and another one asked.

    chain      verified headers, durable: what is certified, and by whom
    remote     one untrusted node: signed requests, answers within bounds
    rows       the table of rows in its store
    records    what the organisation is party to, each with the evidence that proved it
    orders     a bank's orders; settlements: an institution's bills
    outbox     instruction files: each appears once
    inbox      statements: matched on the ledger, followed until proved
    loop       one round after the other; service reads for ``yibao member``

It orders nothing, executes nothing and holds no state of the ledger.
"""
