"""What comes back of a bill's lines: goods by quantity, or money alone for a price that was wrong.

A return is told for a line: how much of it comes back, how much money that is, whether the goods
themselves are there again. The rest of a line costs what its price says; where money alone came
back before, the rest is in proportion. Nothing comes back that is not there.
"""

from __future__ import annotations

from typing import Any

from contracts.api import Args, Context, reject
from contracts.schema import Bool, Fen, Id, Int, List, Optional, Record
from contracts.settlement import traces
from contracts.settlement.claim_lines import Rows
from contracts.settlement.money import divide_half_up, line_amount
from contracts.settlement.refunds.original import Original
from contracts.settlement.traces import CODE, PARTS

LINES_MAX = 1000

RETURNS = List(
    Record(
        {
            "line": Id(30),
            "quantity_e4": Optional(Int(0, 10**11, "e-4"), 0),
            "amount_fen": Fen(),
            "goods": Optional(Bool(), False),
            "codes": Optional(List(CODE, max=traces.TRACES_MAX, distinct=True), []),
            "parts": Optional(PARTS, []),
        }
    ),
    min=1,
    max=LINES_MAX,
)
"""``quantity_e4``: what comes back, nothing where a price was wrong and the goods stay.
``amount_fen``: its money. ``goods``: they are at the institution again. ``codes``: trace codes of
the packs that came back; not needed where all of the line does. ``parts``: of split packs, how much
of each came back; a split pack among ``codes`` comes back with all that was dispensed of it."""

Returned = tuple[tuple[str, int, int], ...]
"""(line, quantity e-4, fen) that came back so far, ascending by line."""


def rest_of(rows: Rows, returned: Returned) -> Rows:
    """The rows less what came back of them; a row of which nothing is left is gone."""
    if not returned:
        return rows
    back = {line: (quantity, fen) for line, quantity, fen in returned}
    rest = []
    for row in rows:
        quantity, fen = back.get(row[0], (0, 0))
        if quantity < row[4]:
            rest.append([*row[:3], row[3] - fen, row[4] - quantity, *row[5:]])
    return rest


def take(original: Original, returned: Returned, given: list[Args]) -> Returned:
    """What has come back in all once ``given`` has, too.

    Refuses with ``refund.line``, ``refund.line-doubled``, ``refund.nothing``, ``refund.goods``,
    ``refund.larger-than-line``, ``refund.line-amount``; by index, with the values.
    """
    left = {row[0]: row for row in rest_of(original.rows, returned)}
    prices = {line[0]: line[3] for line in original.lines}
    back = {line: (quantity, fen) for line, quantity, fen in returned}
    if len({one["line"] for one in given}) != len(given):
        reject("refund.line-doubled", returns=len(given))
    for index, one in enumerate(given):
        row = left.get(one["line"])
        if row is None:
            reject("refund.line", index=index, line=one["line"])
        _check(index, one, row, prices[one["line"]])
        quantity, fen = back.get(one["line"], (0, 0))
        back[one["line"]] = (quantity + one["quantity_e4"], fen + one["amount_fen"])
    return tuple((line, *back[line]) for line in sorted(back))


def _check(index: int, one: Args, row: list[Any], price_e6: int) -> None:
    """Whether this much may come back of what is left of a line."""
    quantity, fen = one["quantity_e4"], one["amount_fen"]
    left_fen, left_e4 = row[3], row[4]
    if not quantity and not fen:
        reject("refund.nothing", index=index)
    if one["goods"] and not quantity:
        reject("refund.goods", index=index, quantity_e4=quantity)
    if quantity > left_e4 or fen > left_fen:
        reject(
            "refund.larger-than-line", index=index, quantity_e4=quantity, left_e4=left_e4,
            amount_fen=fen, left_fen=left_fen,
        )  # fmt: skip
    if quantity and fen != (due := left_fen - rest_fen(left_fen, left_e4, quantity, price_e6)):
        reject(
            "refund.line-amount", index=index, amount_fen=fen, computed_fen=due,
            quantity_e4=quantity, left_e4=left_e4,
        )  # fmt: skip


def rest_fen(left_fen: int, left_e4: int, quantity_e4: int, price_e6: int) -> int:
    """What the rest of a line costs once a quantity of it came back."""
    rest_e4 = left_e4 - quantity_e4
    if left_fen == line_amount(price_e6, left_e4):
        return line_amount(price_e6, rest_e4)
    return divide_half_up(left_fen * rest_e4, left_e4)


def free_packs(
    ctx: Context, original: Original, given: list[Args], after: Rows, claim_id: str, sender: str
) -> None:
    """Free the codes of the goods that came back; of money that comes back no code goes free.

    ``after``: the rows that are left. Refuses with ``refund.goods`` codes of goods that stay, with
    ``refund.codes-missing`` a part of a line whose packs have codes and are not named, with
    ``trace.not-of-claim`` and ``trace.part-larger`` others.
    """
    left = {row[0] for row in after}
    for index, one in enumerate(given):
        known = [trace["code"] for trace in original.traces if trace["line"] == one["line"]]
        codes, parts = one["codes"], one["parts"]
        named = len(codes) + len(parts)
        if not one["goods"]:
            if named:
                reject("refund.goods", index=index, codes=named)
            continue
        if not named and known:
            if one["line"] in left:
                reject("refund.codes-missing", index=index, packs=len(known))
            codes = known
        if unknown := {*codes, *(part["code"] for part in parts)} - set(known):
            reject("trace.not-of-claim", index=index, claim=claim_id, codes=len(unknown))
        traces.free_parts(ctx, parts, claim_id, sender)
        traces.free(ctx, codes, claim_id, sender, named=bool(named))
