"""Exit codes of every command; scripts may rely on them."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Why a command ended."""

    OK = 0
    """Done."""
    NO = 1
    """Carried out, and the answer is no: a proof fails, a policy has faults, a claim is refused."""
    USAGE = 2
    """The words of the call are off; the message says how to put it."""
    UNREACHABLE = 3
    """The node does not answer."""
    REFUSED = 4
    """The node refuses the request (4xx): the message carries its stable code."""
    UNAVAILABLE = 5
    """The node cannot do it now (503, 429): try again later."""
    LOCAL = 6
    """Something on this machine is missing or unusable: a file, a key, a passphrase."""


MEANING = {
    Exit.OK: "done",
    Exit.NO: "carried out; the answer is no (proof fails, policy has faults, claim refused)",
    Exit.USAGE: "usage error",
    Exit.UNREACHABLE: "the node does not answer",
    Exit.REFUSED: "the node refuses the request; the message carries its stable code",
    Exit.UNAVAILABLE: "the node cannot do it now; try again later",
    Exit.LOCAL: "a file, key or passphrase on this machine is missing or unusable",
}
