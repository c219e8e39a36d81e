"""Drug trace codes (药品追溯码): one pack is sold once in the country.

Each pack of a drug has a code of its own, scanned when it is dispensed. A whole pack can be on one
bill only; a pack that is dispensed in parts (拆零) counts against what it holds. What frees a code
is the return of the goods, never a reversal of money: who settles the same goods again after a
reversal carries the code over. A drug without a code gets a virtual one, issued to an institution
and used once.

Two provinces that bill one pack in the same block are served in the block's order: the first wins,
the other is told so and what kind of institution has sold it, never to whom.

State: ``trace/<digest of the code>``, an array beginning with what it is. A code says which drug
it is; its digest, under a tag, is all that stands on the ledger.
"""

from __future__ import annotations

from contracts import organisations
from contracts.api import Answer, Args, Context, Contract, Value, reject
from contracts.schema import Bool, Id, Int, List, Optional, Record, Text
from contracts.settlement.records import Claim, is_reversal

CONTRACT = Contract("traces", version=1)

AUDIENCE = "settlement"
TRACES_MAX = 1000
VIRTUAL_MAX = 100
"""Virtual codes of one call."""
WORK_OF_TRACE = 120
"""Units of taking one code (``Context.spend``): a digest, a read and a write of the state."""

CODE = Text(8, 100)
"""The national interface gives 100 signs in one place and 30 in another (RULES.md section 6)."""
TRACE = Record(
    {
        "line": Id(30),
        "code": CODE,
        "split": Optional(Bool(), False),
        "quantity_e4": Optional(Int(1, 10**11), 10_000),
        "pack_e4": Optional(Int(1, 10**11), 10_000),
    }
)
"""``line``: the charge line that it was dispensed for. ``split``: a part of a pack; then
``quantity_e4`` was dispensed of the ``pack_e4`` that the pack holds, in the line's unit."""
TRACES = List(TRACE, max=TRACES_MAX)
PARTS = List(Record({"code": CODE, "quantity_e4": Int(1, 10**11)}), max=TRACES_MAX)
"""Parts of split packs that came back: so much of what was dispensed of them, in the line's
unit."""

WHOLE, SPLIT, VIRTUAL = "whole", "split", "virtual"
_VIRTUAL_MARK = "V-"


def take(ctx: Context, traces: list[Args], lines: set[str], claim_id: str, person: str) -> None:
    """Enter the packs of a claim. ``lines``: ids of its charge lines.

    Refuses, by the trace's index, with ``trace.line``, ``trace.doubled``, ``trace.sold``,
    ``trace.split-exceeded``, ``trace.pack-differs``, ``trace.not-issued``.
    """
    ctx.spend(len(traces) * WORK_OF_TRACE)
    whole: set[str] = set()
    for index, trace in enumerate(traces):
        if trace["line"] not in lines:
            reject("trace.line", index=index)
        key = key_of(ctx, trace["code"])
        if not trace["split"]:
            if key in whole:
                reject("trace.doubled", index=index)
            whole.add(key)
        _take(ctx, index, trace, key, claim_id, person)


def _take(ctx: Context, index: int, trace: Args, key: str, claim_id: str, person: str) -> None:
    known = ctx.state.get(key)
    if trace["code"].startswith(_VIRTUAL_MARK) and known is None:
        reject("trace.not-issued", index=index)
    if known is not None and known[0] == VIRTUAL:
        if known[1] != ctx.sender:
            reject("trace.not-issued", index=index)
        known = None
    if trace["split"]:
        _take_part(ctx, index, trace, key, known, claim_id, person)
        return
    if known is not None and not _is_carried(ctx, known, person):
        reject("trace.sold", index=index, by=_kind_of(ctx, known))
    ctx.state.put(key, [WHOLE, claim_id, ctx.sender])


def _take_part(
    ctx: Context, index: int, trace: Args, key: str, known: Value, claim_id: str, person: str
) -> None:
    if known is not None and known[0] == WHOLE and not _is_carried(ctx, known, person):
        reject("trace.sold", index=index, by=_kind_of(ctx, known))
    pack, parts = trace["pack_e4"], []
    if known is not None and known[0] == SPLIT:
        _, told, parts = known
        if told != pack:
            reject("trace.pack-differs", index=index, pack_e4=pack, known_e4=told)
    # What was sold on a bill that was taken back and is settled again is not sold twice.
    parts = [part for part in parts if not _is_carried(ctx, [SPLIT, part[0], part[1]], person)]
    sold = sum(part[2] for part in parts)
    if sold + trace["quantity_e4"] > pack:
        reject(
            "trace.split-exceeded", index=index,
            quantity_e4=trace["quantity_e4"], sold_e4=sold, pack_e4=pack,
        )  # fmt: skip
    ctx.state.put(key, [SPLIT, pack, [*parts, [claim_id, ctx.sender, trace["quantity_e4"]]]])


def _is_carried(ctx: Context, known: Value, person: str) -> bool:
    """Whether the pack was sold here to the same person on a bill that was taken back."""
    _, claim_id, institution = known
    if institution != ctx.sender:
        return False
    value = ctx.state.get(f"claim/{claim_id}")
    if value is None or is_reversal(value):
        return False
    claim = Claim.decode(value)
    return bool(claim.reversal) and claim.person == person


def carry(ctx: Context, traces: list[Args], claim_id: str, to: str, institution: str) -> None:
    """The packs of a settlement go over to the one that takes its place.

    What came back meanwhile is free and stays free: goods move codes, money does not.
    """
    ctx.spend(len(traces) * WORK_OF_TRACE)
    for trace in traces:
        key = key_of(ctx, trace["code"])
        known = ctx.state.get(key)
        if known == [WHOLE, claim_id, institution]:
            ctx.state.put(key, [WHOLE, to, institution])
        elif known is not None and known[0] == SPLIT:
            _, pack, parts = known
            moved = [[to if part[0] == claim_id else part[0], *part[1:]] for part in parts]
            ctx.state.put(key, [SPLIT, pack, moved])


def _kind_of(ctx: Context, known: Value) -> str:
    """Hospital or pharmacy: all that another may know of who sold a pack."""
    found = organisations.load(ctx.state, known[2])
    return "" if found is None else found.kind


@CONTRACT.method(
    args={"claim": Id(64)},
    attachments={
        AUDIENCE: Record(
            {
                "codes": Optional(List(CODE, max=TRACES_MAX, distinct=True), []),
                "parts": Optional(PARTS, []),
            }
        )
    },
    kinds=organisations.INSTITUTIONS,
    posts=("operator", "clerk"),
)
def give_back(ctx: Context, args: Args) -> Answer:
    """The goods of a claim came back: their codes are free, or so much of a split pack.

    Refuses with ``trace.not-of-claim`` what this institution did not sell on this claim, with
    ``trace.part-larger`` more of a split pack than it sold on it, with ``trace.nothing``.
    """
    claim_id = args["claim"]
    content = ctx.attachments[AUDIENCE].content
    codes, parts = content["codes"], content["parts"]
    if not codes and not parts:
        reject("trace.nothing", claim=claim_id)
    free(ctx, codes, claim_id, ctx.sender)
    free_parts(ctx, parts, claim_id, ctx.sender)
    return {"claim": claim_id, "packs": len(codes) + len(parts)}


def free(
    ctx: Context, codes: list[str], claim_id: str, institution: str, *, named: bool = True
) -> None:
    """Free the codes of packs that came back of a claim.

    Refuses with ``trace.not-of-claim`` what the institution did not sell on it; where the codes
    were not ``named`` one by one, those that came back before are passed over.
    """
    ctx.spend(len(codes) * WORK_OF_TRACE)
    freed = 0
    for index, code in enumerate(codes):
        if _free(ctx, key_of(ctx, code), claim_id, institution):
            freed += 1
        elif named:
            reject("trace.not-of-claim", index=index, claim=claim_id)
    if freed:
        ctx.emit("trace.given-back", claim=claim_id, institution=institution, packs=freed)


def _free(ctx: Context, key: str, claim_id: str, institution: str) -> bool:
    known = ctx.state.get(key)
    if known == [WHOLE, claim_id, institution]:
        ctx.state.delete(key)
        return True
    if known is None or known[0] != SPLIT:
        return False
    _, pack, parts = known
    kept = [part for part in parts if part[:2] != [claim_id, institution]]
    if len(kept) == len(parts):
        return False
    if kept:
        ctx.state.put(key, [SPLIT, pack, kept])
    else:
        ctx.state.delete(key)
    return True


def free_parts(ctx: Context, parts: list[Args], claim_id: str, institution: str) -> None:
    """Free so much of split packs as came back of a claim.

    Refuses with ``trace.not-of-claim``, ``trace.part-larger``.
    """
    ctx.spend(len(parts) * WORK_OF_TRACE)
    for index, part in enumerate(parts):
        key = key_of(ctx, part["code"])
        known = ctx.state.get(key) or [None, 0, []]
        rows = known[2] if known[0] == SPLIT else []
        mine = [row for row in rows if row[:2] == [claim_id, institution]]
        if not mine:
            reject("trace.not-of-claim", index=index, claim=claim_id)
        rest = sum(row[2] for row in mine) - part["quantity_e4"]
        if rest < 0:
            reject(
                "trace.part-larger", index=index, quantity_e4=part["quantity_e4"],
                sold_e4=rest + part["quantity_e4"],
            )  # fmt: skip
        kept = [row for row in rows if row[:2] != [claim_id, institution]]
        if rest:
            kept.append([claim_id, institution, rest])
        if kept:
            ctx.state.put(key, [SPLIT, known[1], kept])
        else:
            ctx.state.delete(key)
    if parts:
        ctx.emit("trace.given-back", claim=claim_id, institution=institution, packs=len(parts))


@CONTRACT.method(
    args={"count": Int(1, VIRTUAL_MAX)},
    kinds=organisations.INSTITUTIONS,
    posts=("operator", "clerk"),
)
def issue(ctx: Context, args: Args) -> Answer:
    """Issue virtual codes for drugs that have none (national 3592B); each is used once, here."""
    ctx.spend(args["count"] * WORK_OF_TRACE)
    codes = []
    for number in range(args["count"]):
        seed = ctx.services.encode([ctx.tx_id, ctx.call_index, number])
        code = _VIRTUAL_MARK + ctx.services.digest("yibao/virtual-trace/v1", seed).hex()[:24]
        ctx.state.put(key_of(ctx, code), [VIRTUAL, ctx.sender])
        codes.append(code)
    ctx.emit("trace.issued", institution=ctx.sender, codes=len(codes))
    return {"codes": codes}


def key_of(ctx: Context, code: str) -> str:
    """The state key of a code."""
    return f"trace/{ctx.services.digest('yibao/trace/v1', code.encode()).hex()}"
