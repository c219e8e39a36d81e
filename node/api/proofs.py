"""State entries with proofs, and evidence files that are checked with the node switched off.

Proofs exist for the head that is served. When a block is committed between opening the view and
asking for the proof, the question is put again to the newer head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from contracts.settlement import cover_record
from node.api import chain, claims, explorer, parties, render, schemas
from node.api.chain import Located
from node.api.guard import Access, Guard
from node.api.params import (
    STATE_KEY,
    AccessDep,
    CallIndex,
    GuardDep,
    ThingId,
    TxId,
    edge_router,
)
from node.api.parties import Parties
from node.api.ports import View
from node.api.problems import Problem
from node.api.rights import Right, has_post
from node.ledger import codec, evidence, trail
from node.ledger.errors import Unavailable
from node.ledger.evidence import CertifiedHeader
from node.ledger.transaction import Attachment

router = edge_router("proofs")

TRIES = 3
"""How often a moved head is followed before the reader is asked to come back."""

StateKey = Annotated[
    str,
    Query(pattern=STATE_KEY, description="State key: claim/<id>, org/<id>."),
]
Full = Annotated[
    bool,
    Query(
        description="Also the attachments, which need the right to them, and the explanation"
        " where the reader has the right to it, too."
    ),
]

EVIDENCE_RESPONSE: Mapping[int | str, dict[str, Any]] = {
    200: {
        "description": "Evidence file: canonical binary, checked by `yibao proof verify`.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

TRAIL_RESPONSE: Mapping[int | str, dict[str, Any]] = {
    200: {
        "description": "Epoch ends, header, certificate, in canonical binary (docs/member.md).",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

# --- Whom a state entry concerns ---------------------------------------------------------------

Concern = Callable[[Access, str], Parties]


def _person(access: Access, rest: str) -> Parties:
    return parties.of_person(access.state, rest.partition("/")[0])


def _claim(access: Access, rest: str) -> Parties:
    return parties.of_claim(access.state, rest.partition("/")[0])


def _filing(access: Access, rest: str) -> Parties:
    return parties.of_named_filing(access.state, rest)


def _reimbursement(access: Access, rest: str) -> Parties:
    return parties.of_named_reimbursement(access.state, rest)


def _cover_payment(access: Access, rest: str) -> Parties:
    made = cover_record.find_payment(access.state, rest)
    return Parties() if made is None else parties.of_cover_payment(made)


def _area(_access: Access, rest: str) -> Parties:
    return Parties(home_regions=frozenset({rest.partition("/")[0]}))


def _pair(access: Access, rest: str) -> Parties:
    home, _, care = rest.partition("/")
    return parties.of_pair(access.state, home, care)


def _debtor_or_place(access: Access, rest: str) -> Parties:
    """An insurer, or the place of care that it owes."""
    return parties.of_debtor(access.state, rest.partition("/")[0])


def _organisation(access: Access, rest: str) -> Parties:
    return parties.of_organisation(access.state, rest.partition("/")[0])


def _transfer(access: Access, rest: str) -> Parties:
    return parties.of_transfer(access.state, rest)


def _bank_order(access: Access, rest: str) -> Parties:
    return parties.of_bank_order(access.state, *rest.partition("/")[::2])


def _notice(access: Access, rest: str) -> Parties:
    return parties.of_notice(access.state, rest)


def _payment(access: Access, rest: str) -> Parties:
    return parties.of_payment(access.state, rest)


def _bank_reference(access: Access, rest: str) -> Parties:
    """The bank; and whom the payment concerns that its reference names."""
    named = access.view.state(f"bank-reference/{rest}") or ""
    return _organisation(access, rest) | parties.of_payment(access.state, named)


def _statement(access: Access, rest: str) -> Parties:
    return _pair(access, rest.partition("/")[2])


def _deduction(access: Access, rest: str) -> Parties:
    return parties.of_deduction(access.state, rest)


def _objection(access: Access, rest: str) -> Parties:
    return parties.of_objection(access.state, rest)


def _nobody(_access: Access, _rest: str) -> Parties:
    return Parties()


KEYS: Mapping[str, tuple[Right, Concern]] = {
    "org": (Right.CHAIN, _nobody),
    "successor": (Right.CHAIN, _nobody),
    "org-key": (Right.CHAIN, _nobody),
    "org-keys": (Right.CHAIN, _nobody),
    "endpoint": (Right.CHAIN, _nobody),
    "validators": (Right.CHAIN, _nobody),
    "param": (Right.CHAIN, _nobody),
    "vote": (Right.CHAIN, _nobody),
    "accusation": (Right.CHAIN, _nobody),
    "accusations": (Right.CHAIN, _nobody),
    "contracts": (Right.CHAIN, _nobody),
    "policy": (Right.CHAIN, _nobody),
    "policy-source": (Right.CHAIN, _nobody),
    "cover-product": (Right.CHAIN, _nobody),
    "catalogue": (Right.CHAIN, _nobody),
    "catalogue-version": (Right.CHAIN, _nobody),
    "catalogue-page": (Right.CHAIN, _nobody),
    "catalogue-meta": (Right.CHAIN, _nobody),
    "catalogue-part": (Right.CHAIN, _nobody),
    "tx": (Right.CHAIN, _nobody),
    "looks": (Right.CHAIN, _nobody),
    "claim": (Right.PERSON, _claim),
    "claim-lines": (Right.CONTENT, _claim),
    "person": (Right.PERSON, _person),
    "account": (Right.PERSON, _person),
    "counter": (Right.PERSON, _person),
    "filings": (Right.PERSON, _person),
    "filing": (Right.PERSON, _filing),
    "reimbursement": (Right.PERSON, _reimbursement),
    "cover-payment": (Right.PERSON, _cover_payment),
    "reimbursement-lines": (Right.CONTENT, _reimbursement),
    "fund": (Right.PARTY, _area),
    "clearing": (Right.PARTY, _pair),
    "payable": (Right.PARTY, _organisation),
    "commercial": (Right.PARTY, _organisation),
    "bank": (Right.PARTY, _organisation),
    "bank-line": (Right.PARTY, _organisation),
    "bank-order": (Right.ORDER, _bank_order),
    "bank-reference": (Right.PARTY, _bank_reference),
    "mapping": (Right.PARTY, _organisation),
    "mapping-version": (Right.PARTY, _organisation),
    "mapping-page": (Right.PARTY, _organisation),
    "transfer": (Right.PARTY, _transfer),
    "remittance": (Right.PARTY, _area),
    "prepayment": (Right.PARTY, _organisation),
    "prepayment-asked": (Right.PARTY, _organisation),
    "declaration": (Right.PARTY, _organisation),
    "notice": (Right.PARTY, _notice),
    "payment": (Right.PARTY, _payment),
    "period": (Right.CHAIN, _nobody),
    "period-pair": (Right.CHAIN, _nobody),
    "institution-account": (Right.PARTY, _organisation),
    "statement": (Right.PARTY, _statement),
    "advance": (Right.PARTY, _pair),
    "cover-month": (Right.PARTY, _debtor_or_place),
    "cover-due": (Right.PARTY, _debtor_or_place),
    "levy": (Right.PARTY, _area),
    "allot": (Right.PARTY, _area),
    "objection": (Right.PARTY, _objection),
    "objection-of": (Right.PARTY, _statement),
    "objected": (Right.PERSON, _claim),
    "allotment": (Right.PARTY, _area),
    "province-period": (Right.CHAIN, _nobody),
    "province-pair": (Right.CHAIN, _nobody),
    "deduction": (Right.PARTY, _deduction),
}
"""The right to a state entry by the first part of its key; what is not here is denied."""


OWN_OF: Mapping[str, str] = {"cover-payment": "insurer"}
"""Entries about a person that are the very business of an organisation of this kind, where it is
named in it: what an insurer's product pays. As ``covers.cover_payment`` shows it, and no look."""


def check_key(access: Access, key: str) -> None:
    """Decide on a state key. Raises ``Problem`` ``read.no-right``."""
    first, _, rest = key.partition("/")
    if first not in KEYS:
        raise Problem("read.no-right")
    right, concern = KEYS[first]
    if first in OWN_OF and access.caller.kind == OWN_OF[first]:
        right = Right.PARTY
    access.check(concern(access, rest), key, right)


# --- State ---------------------------------------------------------------------------------------


def at_head(
    guard: Guard, access: Access, key: str, use: Callable[[View, bytes], Response]
) -> Response:
    """Answer with a proof of the key under the head that is served.

    Raises ``Unavailable`` when the head moved on each try.
    """
    check_key(access, key)
    try:
        return use(access.view, access.view.prove_state(key))
    except Unavailable:
        tries = TRIES - 1
    while True:
        with guard.ports.reader.view() as view:
            check_key(replace(access, view=view), key)
            try:
                return use(view, view.prove_state(key))
            except Unavailable:
                tries -= 1
                if not tries:
                    raise


@router.get("/v1/state", name="state", responses={200: {"model": schemas.StateAnswer}})
async def state(access: AccessDep, guard: GuardDep, key: StateKey) -> Response:
    """A state entry, or its absence, with a proof under the head's state root."""

    def answer(view: View, proof: bytes) -> Response:
        value = view.state(key)
        return replace(access, view=view).answer(
            {
                "key": key,
                "present": value is not None,
                "value": value,
                "bytes": None if value is None else codec.encode(value),
                "proof": proof,
                **render.certified(view, view.head.height),
            }
        )

    return at_head(guard, access, key, answer)


@router.get("/v1/state/evidence", name="state_evidence", responses={**EVIDENCE_RESPONSE})
async def state_evidence(access: AccessDep, guard: GuardDep, key: StateKey) -> Response:
    """An evidence file of a state entry or of its absence at the head."""

    def answer(view: View, proof: bytes) -> Response:
        value = view.state(key)
        data = None if value is None else codec.encode(value)
        block = certified_header(view, view.head.height)
        return binary(evidence.build_state_evidence(block, key, data, proof), "state")

    return at_head(guard, access, key, answer)


# --- Receipts ------------------------------------------------------------------------------------


def certified_header(view: View, height: int) -> CertifiedHeader:
    """Header and certificate with the epochs before. Raises ``Problem`` for genesis."""
    header, certificate = view.header(height), view.certificate(height)
    assert header is not None, f"no header at height {height}"
    if certificate is None:
        raise Problem("read.no-proof", height=height)
    return CertifiedHeader(tuple(view.epoch_ends(height)), header, certificate)


@router.get("/v1/trail", name="trail", responses={**TRAIL_RESPONSE})
async def trail_of_head(
    access: AccessDep,
    from_epoch: Annotated[
        int, Query(ge=0, le=2**53 - 1, description="First epoch whose end is wanted.")
    ] = 0,
) -> Response:
    """The newest certified header with the ends of the epochs that lead to it: all that a member
    node needs in order to go on from validators that it trusts."""
    whole = certified_header(access.view, access.view.head.height)
    data = trail.encode_trail(replace(whole, epochs=whole.epochs[from_epoch:]))
    return Response(
        data, media_type="application/octet-stream", headers={"Cache-Control": "no-store"}
    )


def binary(data: bytes, name: str) -> Response:
    """A file to be kept."""
    return Response(
        data,
        media_type="application/octet-stream",
        headers={
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="{name}.evidence"',
        },
    )


def _check_full(access: Access, concerned: Parties, subject: str) -> bool:
    """Decide on the attachments, and log the look. Raises ``Problem`` ``read.no-right``.

    Whether the file may hold the explanation, too: it shows balances, counters and identity, which
    the bureau of the place of care and an insurer who may see the lines have no right to.
    """
    access.check(concerned, subject, Right.CONTENT)
    return has_post(Right.PERSON, access.caller) and access.sees(concerned, Right.PERSON)


def receipt_file(
    access: Access, located: Located, call_index: int, *, attached: bool, explained: bool
) -> bytes:
    """The evidence file of one call's receipt, with its attachments and its explanation or not."""
    view, body = access.view, located.transaction.body
    shown, steps = [], None
    if attached:
        for position in explorer.shown_positions(access, located, call_index):
            kept = view.attachment(body.attachments[position].commitment)
            if kept is not None:
                shown.append((position, Attachment(kept.blind, kept.content)))
    if explained:
        commitment = located.receipts[call_index].explanation
        kept = None if commitment is None else view.attachment(commitment)
        steps = None if kept is None else Attachment(kept.blind, kept.content)
    return evidence.build_receipt_evidence(
        certified_header(view, located.place.height),
        view.transactions(located.place.height),
        located.leaves,
        located.receipt_index(call_index),
        attachments=shown,
        explanation=steps,
    )


@router.get(
    "/v1/receipts/{tx_id}/{call_index}/evidence",
    name="receipt_evidence",
    responses={**EVIDENCE_RESPONSE},
)
async def receipt_evidence(
    access: AccessDep, tx_id: TxId, call_index: CallIndex, full: Full = False
) -> Response:
    """An evidence file of one call's receipt."""
    located = explorer.find_call(access, tx_id, call_index)
    concerned = chain.call_parties(access, located, call_index)
    explained = full and _check_full(access, concerned, f"evidence/{tx_id}/{call_index}")
    _check_whole(access, located)
    data = receipt_file(access, located, call_index, attached=full, explained=explained)
    return binary(data, f"receipt-{tx_id[:16]}-{call_index}")


def _check_whole(access: Access, located: Located) -> None:
    """An evidence file holds the whole body: every call of it has to concern the reader."""
    shown = explorer.visible_calls(access, located)
    if not all(shown):
        raise Problem("read.no-right", withheld_calls=shown.count(False))


@router.get("/v1/claims/{claim}/evidence", name="claim_evidence", responses={**EVIDENCE_RESPONSE})
async def claim_evidence(access: AccessDep, claim: ThingId, full: Full = False) -> Response:
    """An evidence file of the receipt that settled a claim."""
    _, located, call_index = claims.settlement_of(access, claim)
    concerned = parties.of_claim(access.state, claim)
    explained = full and _check_full(access, concerned, f"evidence/{claim}")
    _check_whole(access, located)
    data = receipt_file(access, located, call_index, attached=full, explained=explained)
    return binary(data, f"claim-{claim}")
