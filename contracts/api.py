"""The vocabulary of a contract's author: ``Context``, ``State``, ``reject`` and ``emit``.

A system contract is a module with one ``Contract``; its methods are plain functions
``method(ctx, args) -> answer``. Everything that a method may know of the world is in its
``Context``; everything that it may do to the world goes through ``ctx.state``, ``ctx.emit`` and
the record-keeping methods below. A method that calls ``reject`` leaves nothing but its receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

Value = Any
"""A plain value: None, bool, int, str, bytes, list and dict with text keys."""

Args = dict[str, Any]
"""Arguments of a call after its shape was checked: every declared key is present."""

Answer = dict[str, Any]


class State(Protocol):
    """Keyed state of the ledger, without iteration.

    ``get`` returns a fresh value: changing it changes nothing until it is put. ``put`` encodes at
    once. Keys are ASCII text of at most 200 characters.
    """

    def get(self, key: str) -> Value | None: ...

    def put(self, key: str, value: Value) -> None: ...

    def delete(self, key: str) -> None: ...


class Rejected(Exception):  # noqa: N818  (the receipt's own word for the outcome)
    """A contract refuses a call: a stable code and the values that were compared."""

    def __init__(self, code: str, values: Mapping[str, Value]) -> None:
        super().__init__(code)
        self.code = code
        self.values = dict(values)

    def __str__(self) -> str:
        compared = ", ".join(f"{k}={v!r}" for k, v in self.values.items())
        return f"{self.code}({compared})"


def reject(code: str, **values: Value) -> NoReturn:
    """Refuse the call. Raises ``Rejected``; ``values`` are what was compared, never personal data."""
    raise Rejected(code, values)


@dataclass(frozen=True, slots=True)
class Attachment:
    """An attachment of the call whose commitment was already checked against the body."""

    audience: str
    content: Value
    """The decoded content; its shape is checked by the method's declaration."""
    commitment: bytes
    blind: bytes
    """32 bytes chosen by the client; salts of state values about persons come from here."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One leg of a transfer. The legs of a transfer sum to zero."""

    transfer: str
    account: str
    """Name from the chart of accounts, for example ``fund:430100`` (SETTLEMENT.md section 7)."""
    fund_type: str
    amount_fen: int
    """Positive: into the account. Negative: out of it."""


class Services(Protocol):
    """What the node lends to contracts: pure functions that need a library."""

    def digest(self, tag: str, data: bytes) -> bytes:
        """``H(tag, data)`` of ARCHITECTURE.md section 3; 32 bytes."""

    def encode(self, value: Value) -> bytes:
        """Canonical bytes of a plain value."""

    def decode(self, data: bytes) -> Value:
        """Value of canonical bytes; raises ``ValueError`` when they are not canonical."""

    def verify(self, key: bytes, context: str, message: bytes, signature: bytes) -> None:
        """Raises ``ValueError`` unless ``signature`` is ``key``'s over the context and message."""

    def check_key(self, key: bytes) -> None:
        """Raises ``ValueError`` unless ``key`` is a scheme byte and a point of prime order."""


@dataclass(slots=True)
class Context:
    """One call's view of the world. Built by the node for each call, used once."""

    state: State
    services: Services
    chain: bytes
    height: int
    """Height of the block that carries the call."""
    time_ms: int
    """The block's time, milliseconds since 1970 UTC. There is no other clock."""
    sender: str
    """Organisation id whose key signed the transaction."""
    key: bytes
    holder: str
    """Pseudonym of the staff member who holds the key."""
    post: str
    """clerk, checker, finance, audit, doctor or operator."""
    tx_id: bytes
    call_index: int
    attachments: Mapping[str, Attachment] = field(default_factory=dict)
    """By audience, at most four."""

    events: list[tuple[str, dict[str, Value]]] = field(default_factory=list)
    amounts: dict[str, int] = field(default_factory=dict)
    versions: dict[str, Value] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    explanation: dict[str, Value] | None = None

    def emit(self, topic: str, **fields: Value) -> None:
        """Record an event in the receipt. Fields are public to all who may see the receipt."""
        self.events.append((topic, fields))

    def explain(self, explanation: dict[str, Value]) -> None:
        """Set the call's explanation: kept as an attachment, bound by the receipt's commitment."""
        self.explanation = explanation


Method = Callable[[Context, Args], Answer]
