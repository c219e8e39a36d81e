"""The calls of a settlement given again: its lines, its visit and its packs, held to their digests.

The ledger's state keeps no charge line of a settled claim, only digests of the calls that brought
them. Whoever has a claim decided again attaches those calls as they were, arguments, blinds and
contents byte for byte; nothing that decides can be told otherwise the second time. The chain of
resettlements goes back to the first settlement: later ones keep what came back of its lines.
"""

from __future__ import annotations

from typing import Any

from contracts.api import Args, Context, Value, reject
from contracts.organisations import Organisation
from contracts.quick import quick
from contracts.schema import Bytes, List, OneOf, Optional, Record, ShapeError
from contracts.settlement.claim import CONTRACT
from contracts.settlement.claim_lines import (
    UPLOADS_MAX,
    WORK_OF_KEPT_ROW,
    Rows,
    digest_of_uploads,
    take_in,
)
from contracts.settlement.claim_settle import NOTHING_ATTACHED
from contracts.settlement.claim_shapes import AUDIENCE
from contracts.settlement.claim_visit import visit_of
from contracts.settlement.records import Again, Claim, Settled, Visit, digest_of

CONTENT_BYTES_MAX = 256 * 1024
"""An attachment is no longer, so no content of one is."""
ARGS_BYTES_MAX = 16 * 1024

CALLS = List(
    Record(
        {
            "method": OneOf("register", "lines", "settle"),
            "args": Bytes(1, ARGS_BYTES_MAX),
            "blind": Optional(Bytes(32)),
            "content": Optional(Bytes(1, CONTENT_BYTES_MAX)),
        }
    ),
    min=1,
    max=UPLOADS_MAX + 2,
)
"""The calls that made the settlement, oldest first: arguments and attachment as canonical bytes,
``blind`` as it was. Uploads that were withdrawn are left out."""


MORE_AUDIENCES = tuple(f"{AUDIENCE}-{number}" for number in (2, 3, 4))
MORE_CALLS = {name: Optional(Record({"calls": CALLS})) for name in MORE_AUDIENCES}
"""Where the calls of a long stay go on: one attachment has no room for them all."""


def calls_given(ctx: Context) -> list[Args]:
    """The calls of all attachments, in the order of their audiences."""
    given = (ctx.attachments.get(name) for name in (AUDIENCE, *MORE_AUDIENCES))
    return [call for one in given if one is not None for call in one.content["calls"]]


@quick(frozen=True, slots=True)
class Original:
    """What a settlement was decided on, as its institution told it then."""

    visit: Visit
    use_account: bool
    rows: Rows
    """Of the first settlement of the chain; what came back since is not taken off."""
    lines: list[list[Any]]
    """The charge lines of the rows, as they were sent."""
    traces: list[Args]


@quick(frozen=True, slots=True)
class _Told:
    """One call given again, its arguments and content in their declared shape."""

    method: str
    digest: bytes
    args: Args
    content: Args | None


def again_of(claim_id: str, settled: Settled) -> Again:
    """Where the lines of a settlement come from: from itself, unless it took another's place."""
    if settled.again is not None:
        return settled.again
    return Again("", claim_id, settled.digest, settled.uploads, ())


def match(
    ctx: Context, again: Again, claim: Claim, institution: Organisation, calls: list[Args]
) -> Original:
    """The original of a settlement, from its calls.

    Refuses with ``resettle.content`` where the calls are not, byte for byte, those that the ledger
    has digests of.
    """
    told = [_read(ctx, index, call) for index, call in enumerate(calls)]
    settle = _only(told, "settle")
    if settle is None or settle.digest != again.settle:
        reject("resettle.content", what="settle")
    register = _only(told, "register")
    if (b"" if register is None else register.digest) != claim.registered:
        reject("resettle.content", what="register")
    uploads = [one for one in told if one.method == "lines"]
    if digest_of_uploads(ctx, [one.digest for one in uploads]) != again.uploads:
        reject("resettle.content", what="lines", uploads=len(uploads))
    content = NOTHING_ATTACHED if settle.content is None else settle.content
    lines = [line for one in uploads for line in (one.content or {})["lines"]] + content["lines"]
    ctx.spend(len(lines) * WORK_OF_KEPT_ROW)
    return Original(
        visit=_visit(settle, register),
        use_account=settle.args["use_account"],
        rows=take_in(ctx, institution, lines),
        lines=lines,
        traces=content["traces"],
    )


def _read(ctx: Context, index: int, call: Args) -> _Told:
    """A call in its declared shape, with the digest that the ledger made of it."""
    method = CONTRACT.methods[call["method"]]
    rule = method.attachments[AUDIENCE]
    assert rule.check is not None, "attachments of claims have a shape"
    commitments: list[Value] = []
    content = None
    try:
        args = method.check_args(ctx.services.decode(call["args"]))
        if call["content"] is not None:
            content = rule.check(ctx.services.decode(call["content"]))
            given = (call["blind"] or b"") + call["content"]
            commitments = [[AUDIENCE, ctx.services.digest("yibao/attachment/v1", given)]]
    except (ValueError, ShapeError):
        reject("resettle.content", what=call["method"], index=index)
    return _Told(call["method"], digest_of(ctx, call["method"], args, commitments), args, content)


def _only(told: list[_Told], method: str) -> _Told | None:
    found = [one for one in told if one.method == method]
    if len(found) > 1:
        reject("resettle.content", what=method)
    return found[0] if found else None


def _visit(settle: _Told, register: _Told | None) -> Visit:
    """The visit; its clinical half is the newest that was told."""
    newest = None if settle.content is None else settle.content["visit"]
    public = settle.args["visit"]
    if public is None:
        assert register is not None, "a claim is registered, or settled with its visit"
        public = register.args["visit"]
        if newest is None:
            newest = (register.content or {})["visit"]
    assert newest is not None, "a visit that is settled at once has its clinical half"
    return visit_of(public, newest, settle.args["discharge"])
