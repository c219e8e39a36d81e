"""The contract engine and the domain contracts.

Nothing in here is impure: no clock, chance, socket, disk or event loop, and no import of the other
packages. Digests, canonical bytes and token verification reach a contract through its ``Context``.
"""
