"""``yibao claim resettle|refund``: settle a claim again, without writing its calls down.

The calls of the first settlement are read from the node, as they were handed in, and attached: the
contract holds them to the digests that the ledger has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli.calls import describe_call, from_json, show_receipt
from cli.client import CallSpec, Client
from cli.exits import Exit
from cli.output import Json, fail, out, print_json, print_table, yuan
from cli.session import open_client
from contracts.organisations import own_prefix
from contracts.settlement.claim import CONTRACT
from contracts.settlement.claim_shapes import AUDIENCE, WHY_TAKEN_BACK
from contracts.settlement.money import MoneyError, parse_yuan
from contracts.settlement.refunds.original import MORE_AUDIENCES
from contracts.settlement.terms import FUNDS
from node.ledger.codec import encode
from node.ledger.crypto import H
from node.ledger.types import ATTACHMENT_BYTES_MAX

_QUANTITY_TEXT = re.compile(r"(?=[0-9.])(?P<whole>[0-9]{0,11})(\.(?P<e4>[0-9]{1,4}))?")
"""A number of Python would take 1e9, １ and 1.0000000000000000000000000001 as well."""

MADE_BY = ("register", "lines", "settle")
"""Methods whose calls make a settlement."""

Claim = Annotated[str, typer.Argument(help="Claim id.")]
ReversalId = Annotated[
    str, typer.Option("--reversal", help="New id, of the entry that takes the claim back.")
]
ReplacementId = Annotated[
    str, typer.Option("--replacement", help="New id, of the settlement in its place.")
]
Describe = Annotated[bool, typer.Option("--describe", help="Show what the call holds, and end.")]
Reason = Annotated[str, typer.Option("--reason", help=f"One of {', '.join(WHY_TAKEN_BACK)}.")]
Newborn = Annotated[
    str | None,
    typer.Option("--newborn", help="Whom a bill was for that was settled under the mother."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Ask what would become of it; write nothing.")
]


def resettle(
    context: typer.Context,
    claim: Claim = "",
    reversal: ReversalId = "",
    replacement: ReplacementId = "",
    reason: Reason = "late_filing",
    newborn: Newborn = None,
    dry_run: DryRun = False,
    describe: Describe = False,
    as_json: Json = False,
) -> None:
    """Decide a settled claim again on what is known now; the difference moves. 重新结算"""
    if describe:
        describe_call(CONTRACT.methods["resettle"], as_json)
        return
    _require(claim, reversal, replacement)
    args = {"claim": claim, "reversal": reversal, "replacement": replacement, "reason": reason}
    if newborn is not None:
        args["newborn"] = newborn
    with open_client(context) as client:
        content = {"calls": calls_of(client, claim)}
        carry_out(client, "resettle", args, content, dry_run=dry_run, as_json=as_json)


Lines = Annotated[
    list[str] | None,
    typer.Option("--line", help="LINE:QUANTITY:YUAN, goods that came back; may be repeated."),
]
Unused = Annotated[
    list[str] | None,
    typer.Option("--unused", help="LINE:QUANTITY:YUAN, a quantity without goods; repeated."),
]
Charges = Annotated[
    list[str] | None,
    typer.Option("--charge", help="LINE:YUAN, money alone of a price that was wrong; repeated."),
]
Codes = Annotated[
    list[str] | None,
    typer.Option("--code", help="LINE:CODE, trace code of a pack that came back; repeated."),
]
Parts = Annotated[
    list[str] | None,
    typer.Option("--part", help="LINE:CODE:QUANTITY, so much of a split pack; repeated."),
]


def refund(
    context: typer.Context,
    claim: Claim = "",
    reversal: ReversalId = "",
    replacement: ReplacementId = "",
    line: Lines = None,
    unused: Unused = None,
    charge: Charges = None,
    code: Codes = None,
    part: Parts = None,
    dry_run: DryRun = False,
    describe: Describe = False,
    as_json: Json = False,
) -> None:
    """Give lines back, whole or in part; the rest is settled anew. 退费"""
    if describe:
        describe_call(CONTRACT.methods["refund"], as_json)
        return
    _require(claim, reversal, replacement)
    try:
        returns = returns_of(line or [], unused or [], charge or [], code or [], part or [])
    except ValueError as error:
        fail(Exit.USAGE, str(error))
    args = {
        "claim": claim,
        "reversal": reversal,
        "replacement": replacement,
        "amount_fen": sum(one["amount_fen"] for one in returns),
    }
    with open_client(context) as client:
        content = {"calls": calls_of(client, claim), "returns": returns}
        carry_out(client, "refund", args, content, dry_run=dry_run, as_json=as_json)


def reprice_list(
    context: typer.Context,
    person: Annotated[str, typer.Argument(help="Pseudonym of the person.")],
    year: Annotated[int, typer.Argument(help="Benefit year.")],
    claim: Annotated[
        str | None, typer.Option("--claim", help="For institutions: the claim that concerns you.")
    ] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Ask what each would come to now.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Settlements whose counters were put right afterwards, with amounts. 待重新核定清单"""
    with open_client(context) as client:
        path = f"/v1/persons/{person}/reprice/{year}"
        rows = client.get(path, claim=claim)["record"]["listed"]
        if estimate:
            for row in rows:
                if "total_fen" in row:
                    row["estimate"] = _estimate(client, row["claim"])
    if as_json:
        print_json({"person": person, "year": year, "listed": rows})
        return
    print_table(
        "To be looked at 待重新核定",
        ("claim", "cause", "bill 元", "funds 元", "person 元", "person then 元"),
        [
            (
                row["claim"],
                row["cause"],
                *(yuan(int(row[f"{n}_fen"])) if f"{n}_fen" in row else "" for n in _SHOWN),
                _then(row.get("estimate")),
            )
            for row in rows
        ],
    )


_SHOWN = ("total", "funds", "person")


def _estimate(client: Client, claim: str) -> dict[str, Any]:
    """What settling a claim again would come to: its answer, or the code of its refusal."""
    assert client.identity is not None, "an estimate is asked for with a signing key"
    prefix = own_prefix(client.identity.organisation)
    args = {"claim": claim, "reversal": f"{prefix}-estimate-r",
            "replacement": f"{prefix}-estimate-n", "reason": "late_counters"}  # fmt: skip
    content = {"calls": calls_of(client, claim)}
    receipt = client.estimate(spec_of("resettle", args, content))["receipt"]
    if receipt["status"] != "ok":
        return {"code": receipt["code"]}
    names = ("funds_fen", "person_fen", "paid_back_fen", "owed_fen")
    return {name: int(receipt["answer"][name]) for name in names}


def _then(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None:
        return ""
    return str(estimate["code"]) if "code" in estimate else yuan(estimate["person_fen"])


def returns_of(
    goods: list[str], unused: list[str], charges: list[str], codes: list[str], parts: list[str]
) -> list[dict[str, Any]]:
    """What comes back, from the words of the command line. Raises ``ValueError``."""
    returns: dict[str, dict[str, Any]] = {}
    for words, back in ((goods, True), (unused, False)):
        for word in words:
            number, quantity, amount = _parts(word, "LINE:QUANTITY:YUAN")
            returns[number] = _return(number, amount) | {"goods": back}
            returns[number]["quantity_e4"] = _quantity(word, quantity)
    for word in charges:
        number, amount = _parts(word, "LINE:YUAN")
        returns[number] = _return(number, amount)
    for word in codes:
        number, _, code = word.partition(":")
        if number not in returns:
            raise ValueError(f"--code {word}: no --line of this number")
        returns[number].setdefault("codes", []).append(code)
    for word in parts:
        number, _, rest = word.partition(":")
        code, _, quantity = rest.rpartition(":")
        if number not in returns or not code:
            raise ValueError(f"--part {word}: want LINE:CODE:QUANTITY, and a --line of this number")
        some = {"code": code, "quantity_e4": _quantity(word, quantity)}
        returns[number].setdefault("parts", []).append(some)
    if not returns:
        raise ValueError("nothing comes back: give --line, --unused or --charge")
    if len(returns) != len(goods) + len(unused) + len(charges):
        raise ValueError("a line is given twice: give each line once")
    return list(returns.values())


def _return(number: str, amount: str) -> dict[str, Any]:
    try:
        return {"line": number, "amount_fen": parse_yuan(amount)}
    except MoneyError as error:
        raise ValueError(f"line {number}: {error}") from None


def _quantity(word: str, quantity: str) -> int:
    found = _QUANTITY_TEXT.fullmatch(quantity)
    quantity_e4 = int((found["whole"] or "0") + (found["e4"] or "").ljust(4, "0")) if found else 0
    if quantity_e4 == 0:
        raise ValueError(f"{word}: a quantity is above 0 and has at most four decimals")
    return quantity_e4


def _parts(word: str, wanted: str) -> list[str]:
    count = wanted.count(":")
    parts = word.rsplit(":", count)
    if len(parts) != count + 1:
        raise ValueError(f"{word}: want {wanted}, with the colon of ASCII")
    return parts


def _require(claim: str, reversal: str, replacement: str) -> None:
    """Ends the command where an id is missing."""
    named = {"CLAIM": claim, "--reversal": reversal, "--replacement": replacement}
    missing = [name for name, value in named.items() if not value]
    if missing:
        fail(Exit.USAGE, f"{', '.join(missing)} must be given", hint="ids are yours and new")


def calls_of(client: Client, claim: str) -> list[dict[str, Any]]:
    """The calls that made the first settlement of a claim's chain, oldest first.

    Uploads that were withdrawn are left out. Ends the command where this reader may not see them.
    """
    record = client.get(f"/v1/claims/{claim}")["record"]
    origin = record.get("origin") or claim
    found: list[tuple[int, dict[str, Any]]] = []
    after: str | None = ""
    while after is not None:
        page = client.get(f"/v1/claims/{origin}/history", after=after or None)
        for row in page["calls"]:
            if row["receipt"]["status"] != "ok":
                continue
            call = _call(client, row, origin)
            if call is None:
                continue
            upload = call.pop("upload")
            if call["method"] == "withdraw_lines":
                found = [one for one in found if one[0] != upload]
            else:
                found.append((upload, call))
        after = page["next"]
    return [call for _, call in found]


def _call(client: Client, row: Mapping[str, Any], claim: str) -> dict[str, Any] | None:
    """One call as the contract takes it; None for one that does not make the settlement."""
    told = client.get(f"/v1/transactions/{row['tx_id']}")["transaction"]
    call = told["calls"][row["call_index"]]
    name = call["method"]
    if call["contract"] != "claim" or name not in (*MADE_BY, "withdraw_lines"):
        return None
    if (call["args"] or {}).get("claim") != claim:
        return None
    shape = {"type": "record", "fields": CONTRACT.methods[name].describe()["args"]}
    args = from_json(call["args"], shape, "args")
    made: dict[str, Any] = {"method": name, "args": encode(args), "upload": args.get("upload", 0)}
    if name in MADE_BY and call["attachments"]:
        place = f"/v1/receipts/{row['tx_id']}/{row['call_index']}/attachments"
        (kept,) = client.get(place)["attachments"]
        if kept["withheld"]:
            fail(Exit.NO, f"the {name} call of {claim} is withheld from this reader or erased")
        made |= {"blind": bytes.fromhex(kept["blind"]), "content": bytes.fromhex(kept["bytes"])}
    return made


def carry_out(
    client: Client, method: str, args: dict[str, Any], content: dict[str, Any], *,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Hand the call in, or ask what would become of it, and show the difference."""
    spec = spec_of(method, args, content)
    answer = client.estimate(spec) if dry_run else client.submit([spec])
    receipt = answer["receipt"] if dry_run else answer["receipts"][0]["receipt"]
    if as_json:
        print_json(answer)
    else:
        rest = {name: told for name, told in receipt["answer"].items() if name != "differences"}
        title = "Estimate 测算; nothing is written" if dry_run else "Receipt 回执"
        show_receipt({**receipt, "answer": rest}, title)
        print_difference(receipt["answer"])
    if receipt["status"] != "ok":
        raise typer.Exit(int(Exit.NO))


def spec_of(method: str, args: dict[str, Any], content: dict[str, Any]) -> CallSpec:
    """The call, the claim's first calls spread over as many attachments as they need.

    Ends the command where four are not enough.
    """
    parts: list[dict[str, Any]] = [content | {"calls": []}]
    room = ATTACHMENT_BYTES_MAX - len(encode(parts[0])) - _MARGIN
    for call in content["calls"]:
        size = len(encode(call))
        if size > room and parts[-1]["calls"]:
            parts.append({"calls": []})
            room = ATTACHMENT_BYTES_MAX - _MARGIN
        parts[-1]["calls"].append(call)
        room -= size
    audiences = (AUDIENCE, *MORE_AUDIENCES)
    if len(parts) > len(audiences):
        fail(Exit.NO, f"the claim's calls need {len(parts)} attachments; a call has 4 at most")
    client_id = H("yibao/client-call/v1", encode(["claim", method, args])).hex()
    return CallSpec("claim", method, args, client_id, tuple(zip(audiences, parts, strict=False)))


_MARGIN = 64
"""Bytes around the calls of an attachment."""


def print_difference(answer: Mapping[str, Any]) -> None:
    """Who pays less and who pays more."""
    rows = answer.get("differences")
    if not rows:
        return
    print_table(
        "Difference 差额",
        ("payer", "before 元", "after 元", "difference 元"),
        [
            (
                f"{row['payer']} {_named(row['name'])}".strip(),
                *(yuan(int(row[f"{when}_fen"])) for when in ("before", "after")),
                yuan(int(row["after_fen"]) - int(row["before_fen"])),
            )
            for row in rows
        ],
    )
    out.print(
        f"paid back to the person 退还个人 {yuan(int(answer['paid_back_fen']))} 元, "
        f"owed by the person 个人补缴 {yuan(int(answer['owed_fen']))} 元"
    )


def _named(name: str) -> str:
    return f"{name} {FUNDS[name].chinese}" if name in FUNDS else name
