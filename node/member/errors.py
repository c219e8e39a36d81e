"""What can go wrong with others: a node that is silent, declines or lies, a chain that forks.

A lie is an ``InvalidProof`` of the ledger's vocabulary or of this package (codes ``member.*``): its
sender is named and another one asked. Only a fork ends the process: then a quorum has signed two
histories, and no proof says which one the country goes on with.
"""

# ruff: noqa: N818  (the names say what happened)
from __future__ import annotations

from typing import Any

from node.ledger.errors import LedgerError


class Silent(Exception):
    """A node does not answer, or not in time."""

    def __init__(self, reason: object) -> None:
        super().__init__(str(reason))
        self.code = "member.silent"


class Declined(Exception):
    """A node answers with a problem object (RFC 9457)."""

    def __init__(self, status: int, code: str, values: dict[str, Any]) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.values = values


class Forked(LedgerError):
    """Two certified headers that cannot both be of one chain; its values name them."""


class StatementRefused(LedgerError):
    """A file of the bank's own system is no statement; nothing of it was handed in."""


class MemberRefused(Exception):
    """The configuration or the database cannot be used; the message says what to do."""
