"""The vocabulary of a contract's author: ``Contract``, ``Context``, ``reject`` and ``emit``.

A system contract is a module with one ``Contract``; its methods are plain functions
``method(ctx, args) -> answer`` that declare what they take and who may call them::

    CONTRACT = Contract("claim", version=1)

    @CONTRACT.method(
        args={"claim": Id(), "total_fen": Fen()},
        attachments={"lines": Record({...})},
        kinds=("hospital", "pharmacy"),
        posts=("clerk",),
    )
    def settle(ctx: Context, args: Args) -> Answer: ...

Everything that a method may know of the world is in its
``Context``; everything that it may do to the world goes through ``ctx.state``, ``ctx.emit`` and
the record-keeping methods below. A method that calls ``reject`` leaves nothing but its receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol, TypeVar

from contracts.quick import quick
from contracts.schema import Check, Optional, Record, Shape, compile_shape

Value = Any
"""A plain value: None, bool, int, str, bytes, list and dict with text keys."""

Args = dict[str, Any]
"""Arguments of a call after its shape was checked: every declared key is present."""

Answer = dict[str, Any]


T = TypeVar("T")


class State(Protocol):
    """Keyed state of the ledger, without iteration.

    ``get`` returns a fresh value: changing it changes nothing until it is put. ``put`` encodes at
    once. Keys are ASCII text of at most 200 characters.
    """

    def get(self, key: str) -> Value | None: ...

    def read(self, key: str, build: Callable[[Value], T]) -> T | None:
        """``build`` of the value, None where there is none; for what all claims of a place ask.

        What it made may be remembered by the value's bytes: ``build`` is a function of a module
        and looks at nothing else, and nobody changes what it gives.
        """
        ...

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
    """Refuse the call. Raises ``Rejected``; ``values`` are what was compared, nothing personal."""
    raise Rejected(code, values)


@quick(frozen=True, slots=True)
class Attachment:
    """An attachment of the call whose commitment was already checked against the body."""

    audience: str
    content: Value
    """The decoded content; its shape is checked by the method's declaration."""
    commitment: bytes
    blind: bytes
    """32 bytes chosen by the client; salts of state values about persons come from here."""


@quick(frozen=True, slots=True)
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

    def read_header(self, header: bytes) -> Mapping[str, Value]:
        """``chain``, ``height``, ``epoch`` and ``block`` (its hash) of a block's header; raises
        ``ValueError`` for bytes that are none. Proves nothing by itself."""

    def check_certificate(
        self, header: bytes, certificate: bytes, members: Sequence[tuple[str, bytes]]
    ) -> None:
        """Raises ``ValueError`` unless a quorum of the members (organisation, validate key) made
        the block of this header final."""

    def convict(
        self, evidence: bytes, members_of: Callable[[int], Sequence[tuple[str, bytes]] | None]
    ) -> Mapping[str, Value]:
        """What a proof that members lied says, when it holds: ``kind``, ``epoch``, ``view``,
        ``height`` and ``culprits``, organisations. Raises ``ValueError`` for one that proves
        nothing. ``members_of``: the set of an epoch."""


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
    sender_kind: str
    """Kind of that organisation at this height: bureau, finance, hospital, pharmacy ..."""
    sender_region: str
    """Its district code, six digits."""
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
    secret: bytes = b""
    work: int = 0
    """What the call has cost beyond being a call, in units of the policies' meter
    (``contracts.meter``, about a quarter of a microsecond each). A block has room for so much work
    (``node.execution.blocks``), so whoever loops over much, or runs a policy, says so."""

    def spend(self, units: int) -> None:
        """Tell of work, before or after it is done. Counts also when the call is refused."""
        self.work += units

    def emit(self, topic: str, **fields: Value) -> None:
        """Record an event in the receipt. Fields are public to all who may see the receipt."""
        self.events.append((topic, fields))

    def explain(self, explanation: dict[str, Value], secret: bytes = b"") -> None:
        """Set the call's explanation: kept as an attachment, bound by the receipt's commitment.

        ``secret``: 32 bytes that nobody outside knows, for the blind of a call that has no
        attachment of its own to take one from.
        """
        self.explanation, self.secret = explanation, secret


Function = Callable[[Context, Args], Answer]


@dataclass(frozen=True, slots=True)
class AttachmentRule:
    """What one audience's attachment of a method must look like."""

    shape: Shape | None
    """``None``: any content."""
    required: bool
    check: Check | None
    """The compiled shape."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a system contract: its function and all that is checked before it runs."""

    contract: str
    name: str
    function: Function
    args: Record
    check_args: Check
    attachments: Mapping[str, AttachmentRule]
    """By audience."""
    required: frozenset[str]
    """Audiences without which a call is refused."""
    kinds: frozenset[str]
    """Kinds of organisations that may call; empty: any."""
    posts: frozenset[str]
    """Posts of the signing key that may call; empty: any."""

    @property
    def summary(self) -> str:
        """First paragraph of the function's docstring, on one line."""
        return " ".join((self.function.__doc__ or "").strip().split("\n\n")[0].split())

    def describe(self) -> dict[str, Any]:
        """The declaration as plain data, for documentation and the command line."""
        return {
            "contract": self.contract,
            "method": self.name,
            "summary": self.summary,
            "kinds": sorted(self.kinds),
            "posts": sorted(self.posts),
            "args": self.args.describe()["fields"],
            "attachments": {
                audience: {
                    "required": rule.required,
                    "shape": rule.shape.describe() if rule.shape else {"type": "any"},
                }
                for audience, rule in self.attachments.items()
            },
        }


class Contract:
    """One version of a system contract: a name and its methods, filled by ``method``."""

    def __init__(self, name: str, version: int = 1) -> None:
        self.name = name
        self.version = version
        self.methods: dict[str, Method] = {}

    def method(
        self,
        *,
        args: Mapping[str, Shape] | Record,
        attachments: Mapping[str, Shape | None] | None = None,
        kinds: tuple[str, ...] = (),
        posts: tuple[str, ...] = (),
        name: str = "",
    ) -> Callable[[Function], Function]:
        """Declare the decorated function as a method; the function itself stays as it is.

        ``args``: shapes by name. ``attachments``: shapes by audience; ``Optional(shape)`` may be
        absent, ``None`` may hold anything, all others must be there. ``kinds`` and ``posts``: who
        may call; empty means anyone. ``name``: when it differs from the function's.
        """
        record = args if isinstance(args, Record) else Record(dict(args))
        rules = {a: _attachment_rule(s) for a, s in (attachments or {}).items()}

        def declare(function: Function) -> Function:
            called = name or function.__name__
            assert called not in self.methods, f"{self.name}.{called} is declared twice"
            self.methods[called] = Method(
                contract=self.name,
                name=called,
                function=function,
                args=record,
                check_args=compile_shape(record),
                attachments=rules,
                required=frozenset(a for a, rule in rules.items() if rule.required),
                kinds=frozenset(kinds),
                posts=frozenset(posts),
            )
            return function

        return declare

    def __repr__(self) -> str:
        return f"Contract({self.name!r}, version={self.version})"


def _attachment_rule(shape: Shape | None) -> AttachmentRule:
    if shape is None:
        return AttachmentRule(None, required=True, check=None)
    optional = isinstance(shape, Optional)
    inner = shape.of if isinstance(shape, Optional) else shape
    return AttachmentRule(inner, required=not optional, check=compile_shape(inner))
