"""What a kind of thing is: how it is proved, what its proof says, when it is over.

A node's list only says that there is a thing and since when. A thing of the ledger's state is
proved by its entry and looked up again while it is open; what happened once is proved by the
receipt of the call that did it, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from node.ledger.errors import InvalidProof
from node.ledger.evidence import ReceiptFacts
from node.ledger.types import Value
from node.member.records import Record

Name = tuple[str, str]
"""Kind and name of a thing."""

Find = Callable[[str, str], Record | None]
"""What is known of a thing, by kind and name."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a proof says of a thing."""

    state: str
    """Where it stands: a stage, or a word for what happened."""
    facts: Mapping[str, Any]
    """Plain values, amounts in fen."""
    is_open: bool = False
    """Whether it is looked up again although no node lists it."""
    needs: tuple[Name, ...] = ()
    """What says that this one is the organisation's: proved before it is kept."""
    names: tuple[Name, ...] = ()
    """What there is besides, by this proof: proved soon, whether nodes list it or not."""


@dataclass(frozen=True, slots=True)
class StateKind:
    """A kind that the ledger's state keeps."""

    name: str
    prefix: str
    """Of the state key; the thing's name follows."""
    what: str
    """For the page: what a thing of this kind is."""
    read: Callable[[str, Value], Found]
    """From a name and the entry's value. Raises ``InvalidProof`` for what is not the
    organisation's, ``TypeError`` or ``ValueError`` for a form that this build does not know."""
    absent: Found | None = None
    """What it is that there is no entry; None where whoever names it lies."""


@dataclass(frozen=True, slots=True)
class ReceiptKind:
    """A kind that is proved by the receipt of one call.

    The evidence holds the whole transaction. Where a call in it is the business of others alone, a
    node rightly declines: then the thing is not known here, and nothing else is held up by that.
    """

    name: str
    what: str
    """For the page: what a thing of this kind is."""
    read: Callable[[str, ReceiptFacts], Found]
    """Raises ``InvalidProof`` where the receipt is of something else."""


Kind = StateKind | ReceiptKind


@dataclass(frozen=True, slots=True)
class Following:
    """What a member node of one kind of organisation follows."""

    kinds: tuple[Kind, ...] = ()
    always: tuple[Name, ...] = field(default=())
    """Things that nobody has to name; proved before anything else, and again for ever. Others of
    their kinds are other organisations' business."""


def not_party(kind: str, name: str, **values: Any) -> InvalidProof:
    """A thing that exists and is another one's: it does not belong into this list."""
    return InvalidProof("member.not-party", kind=kind, name=name, **values)


def other_subject(kind: str, name: str) -> InvalidProof:
    """A proof of something else than was asked for."""
    return InvalidProof("member.other-subject", wanted=f"{kind} {name}")
