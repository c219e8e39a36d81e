"""The one place where contract code runs: ``Runtime.call(ctx, contract, method, args) -> Outcome``.

What a method declared is checked before it runs: who may call, the shape of the arguments, which
attachments must be there and their shape. What it leaves is checked after: every transfer sums to
zero, sizes are within bounds. A refusal is an ``Outcome`` with a code and the compared values, and
the caller drops whatever the call wrote. Any other exception is a bug of ours and passes through:
it must never look like a refused claim (STYLE.md section 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from contracts.api import (
    Answer,
    Attachment,
    Context,
    Contract,
    Method,
    Posting,
    Rejected,
    Value,
    reject,
)
from contracts.meter import PolicyError
from contracts.quick import quick
from contracts.registry import Registry
from contracts.schema import INT_MAX, INT_MIN, ShapeError

EVENTS_MAX = 64
"""Events of one call."""
POSTINGS_MAX = 512
"""Postings of one call: a clearing of 31 provinces, two schemes and eight funds fits."""
ITEMS_MAX = 4096
"""Values in answer, events, amounts and versions together."""
TEXT_MAX = 4096
"""Characters or bytes of one value there."""
DEPTH_MAX = 12
"""Nesting there; the canonical encoding allows 16 for the whole receipt."""


@quick(frozen=True, slots=True)
class Outcome:
    """What one call came to. A rejected one has a code and values, and nothing else."""

    status: str
    """``ok`` or ``rejected``."""
    code: str = ""
    """Reason code of a rejection (contracts/settlement/reasons.py)."""
    values: dict[str, Value] = field(default_factory=dict)
    """The compared values of a rejection."""
    answer: Answer = field(default_factory=dict)
    events: list[tuple[str, dict[str, Value]]] = field(default_factory=list)
    amounts: dict[str, int] = field(default_factory=dict)
    versions: dict[str, Value] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    explanation: dict[str, Value] | None = None

    @property
    def ok(self) -> bool:
        """Whether the call's writes stay."""
        return self.status == "ok"


class Runtime:
    """Runs calls against the contracts of this build. Holds no state of any call."""

    def __init__(self, contracts: Iterable[Contract] | Registry) -> None:
        self.registry = contracts if isinstance(contracts, Registry) else Registry(contracts)

    def call(self, ctx: Context, contract: str, method: str, args: Value) -> Outcome:
        """Run one call. The caller keeps what it wrote to ``ctx.state`` only if the outcome is ok.

        Raises ``VersionMissing`` when this build lacks the version in force, ``AssertionError`` and
        whatever else a bug raises.
        """
        try:
            declared = self._find(ctx, contract, method)
            _check_sender(ctx, declared)
            checked = _check_args(declared, args)
            _check_attachments(ctx, declared)
            answer = declared.function(ctx, checked)
        except Rejected as refusal:
            return _refused(refusal.code, refusal.values)
        except PolicyError as refusal:
            return _refused(refusal.code, refusal.values)
        _check_postings(ctx.postings)
        _check_sizes(ctx, answer)
        return Outcome(
            status="ok",
            answer=answer,
            events=ctx.events,
            amounts=ctx.amounts,
            versions=ctx.versions,
            postings=ctx.postings,
            explanation=ctx.explanation,
        )

    def _find(self, ctx: Context, contract: str, method: str) -> Method:
        found = self.registry.in_force(ctx.state, contract, ctx.height)
        if found is None:
            reject("call.unknown-contract", contract=contract[:64])
        declared = found.methods.get(method)
        if declared is None:
            reject("call.unknown-method", contract=contract, method=method[:64])
        return declared


def _check_sender(ctx: Context, method: Method) -> None:
    if method.kinds and ctx.sender_kind not in method.kinds:
        reject("sender.kind", kind=ctx.sender_kind, allowed=sorted(method.kinds))
    if method.posts and ctx.post not in method.posts:
        reject("sender.post", post=ctx.post, allowed=sorted(method.posts))


def _check_args(method: Method, args: Value) -> dict[str, Any]:
    try:
        checked: dict[str, Any] = method.check_args(args)
    except ShapeError as error:
        reject("args.shape", path=error.path, expected=error.expected, found=error.found_exact())
    return checked


def _check_attachments(ctx: Context, method: Method) -> None:
    rules, given = method.attachments, ctx.attachments
    if not rules and not given:
        return
    if not method.required <= given.keys() <= rules.keys():
        unexpected = sorted(given.keys() - rules.keys())
        reject(
            "args.attachment",
            missing=sorted(method.required - given.keys()),
            unexpected=[audience[:64] for audience in unexpected],
            allowed=sorted(rules),
        )
    checked = {}
    for audience, attachment in given.items():
        check = rules[audience].check
        if check is None:
            checked[audience] = attachment
            continue
        try:
            content = check(attachment.content)
        except ShapeError as error:
            path = f"attachments.{audience}" + ("." * bool(error.path)) + error.path
            # what was found is described and not repeated: attachments are about persons
            reject("args.shape", path=path, expected=error.expected, found=error.found_public())
        checked[audience] = Attachment(audience, content, attachment.commitment, attachment.blind)
    ctx.attachments = checked


def _refused(code: str, values: Mapping[str, Value]) -> Outcome:
    """A refusal is a receipt too: what it compared is held to the same bounds."""
    compared = dict(values)
    _check_plain([compared])
    return Outcome("rejected", code, compared)


def _check_postings(postings: list[Posting]) -> None:
    """Money is neither made nor lost, whatever the contract meant to do."""
    assert len(postings) <= POSTINGS_MAX, f"{len(postings)} postings in one call"
    sums: dict[str, int] = {}
    for posting in postings:
        amount = posting.amount_fen
        assert type(amount) is int, f"posting of {amount!r}"
        assert INT_MIN <= amount <= INT_MAX, f"posting of {amount}"
        sums[posting.transfer] = sums.get(posting.transfer, 0) + amount
    for transfer, total in sums.items():
        assert total == 0, f"the postings of transfer {transfer} sum to {total} fen"


def _check_sizes(ctx: Context, answer: Answer) -> None:
    assert type(answer) is dict, f"a method answered {type(answer).__name__}"
    assert len(ctx.events) <= EVENTS_MAX, f"{len(ctx.events)} events in one call"
    _check_plain([answer, ctx.amounts, ctx.versions, *(fields for _, fields in ctx.events)])


def _check_plain(parts: Sequence[Value]) -> None:
    """AssertionError when what goes into a receipt is too large, too deep or not plain.

    What passes has a canonical encoding, so the receipt is written without another look. One level
    of containers after the other, because a call for each value would cost more than the look.
    """
    room, level = ITEMS_MAX, parts
    for _ in range(DEPTH_MAX):
        below: list[Value] = []
        for container in level:
            room -= 1 + len(container)
            items = container
            if type(container) is dict:
                assert _are_texts(map(type, container)), "a key in a receipt is no text"
                items = container.values()
            for item in items:
                kind = type(item)
                if kind is int:
                    assert INT_MIN <= item <= INT_MAX, f"{item} in a receipt"
                elif kind is str or kind is bytes:
                    assert len(item) <= TEXT_MAX, f"text of {len(item)} in a receipt"
                elif kind is dict or kind is list or kind is tuple:
                    below.append(item)
                else:
                    assert kind is bool or item is None, f"{kind.__name__} in a receipt"
        assert room >= 0, f"more than {ITEMS_MAX} values in a receipt"
        if not below:
            return
        level = below
    raise AssertionError(f"a receipt value nests deeper than {DEPTH_MAX}")


_are_texts = frozenset({str}).issuperset
