"""Refusals, sorted by whose fault they are; each carries a stable code and the compared values.

::

    LedgerError
      CodecError, InvalidKey, InvalidSignature   neutral: only the caller knows who sent the bytes
      InvalidTransaction                         the client's: 4xx, no receipt
      InvalidBlock, InvalidMessage               a peer's: drop it, keep it as evidence
      InvalidProof                               whoever handed over the proof
      InvalidGenesis, KeystoreError              the operator's
      Unavailable                                ours: 503

The neutral ones are caught at the one place that knows the sender and raised again under the
sender's class. A denied claim is not an error, it is a decision; a bug is an ``AssertionError``
and is never caught. Values never hold personal data: they end in logs.
"""

# ruff: noqa: N818  (the names are the design's: what is invalid, not that it is an error)
from __future__ import annotations

from typing import Any


class LedgerError(Exception):
    """Base of all refusals. ``code`` is stable, ``values`` holds what was compared."""

    def __init__(self, code: str, /, **values: Any) -> None:
        super().__init__(code)
        self.code = code
        self.values = values

    def reason(self) -> dict[str, Any]:
        """Its code and values, as values of the error that is raised in its stead."""
        inner = self.values.get("reason")
        code = self.code if inner is None else f"{self.code}: {inner}"
        return {**self.values, "reason": code}

    def __str__(self) -> str:
        if not self.values:
            return self.code
        compared = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"{self.code}({compared})"


class CodecError(LedgerError, ValueError):
    """Bytes that are not canonical, or a value that has no canonical bytes."""


class InvalidKey(LedgerError, ValueError):
    """A public key of an unknown scheme, or one that may not be registered."""


class InvalidSignature(LedgerError, ValueError):
    """A signature that does not verify under the strict rules of SECURITY.md section 2."""


class InvalidTransaction(LedgerError):
    """The client's fault: not admissible, gets no receipt."""


class InvalidBlock(LedgerError):
    """A peer's fault: header, certificate or body is wrong."""


class InvalidMessage(LedgerError):
    """A peer's fault: a message that is not what its type says."""


class InvalidProof(LedgerError):
    """A proof or an evidence file that proves nothing."""


class InvalidGenesis(LedgerError):
    """A genesis file that no network can begin with."""


class KeystoreError(LedgerError):
    """A sealed key that cannot be opened: damaged, wrong passphrase, unacceptable parameters."""


class Unavailable(LedgerError):
    """Ours: the request was right, this node cannot serve it now."""
