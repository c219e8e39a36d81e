"""Errors of the consensus core, sorted by whose fault they are.

* ``PeerError``: a peer sent something that no correct replica sends. The message is dropped and
  nothing changes; the replica turns it into an effect ``Refused``.
* ``DriverError``: the code around the core broke its contract (``effects.py``). It is raised to the
  caller and nothing has changed.
* ``UnsafeStatement``: somebody asked for a signature that the safety record forbids. In the core
  this is a bug; in the driver's second check it stops the signature from leaving.

A transition that ``phases.py`` does not list is an ``AssertionError``: a bug of the core itself.
"""

from __future__ import annotations


class ConsensusError(Exception):
    """Root of the family; ``compared`` holds the values that did not fit."""

    def __init__(self, sentence: str, **compared: object) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.compared = compared

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.compared.items())
        return f"{self.sentence} ({values})" if values else self.sentence


class PeerError(ConsensusError):
    """The sender's fault: drop the message, keep the evidence, change nothing."""


class DriverError(ConsensusError):
    """The caller's fault: an event that the contract of ``effects.py`` does not allow."""


class UnsafeStatement(ConsensusError):  # noqa: N818  (it names the statement, not only the error)
    """A signature that the safety record forbids."""
