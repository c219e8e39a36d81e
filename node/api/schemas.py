"""Shapes of bodies and answers, for checking what comes in and for the OpenAPI document.

Answers are written by ``render`` as plain values and encoded once; the models here describe them,
and tests compare the two. Digests, keys and canonical bytes are lower-case hexadecimal text.
Integers beyond 2^53 are text.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from node.api.params import DIGEST, HEX

Hex = Annotated[str, Field(pattern=HEX)]
Digest = Annotated[str, Field(pattern=DIGEST)]
Whole = int | str
"""An integer, or its decimal text beyond 2^53."""


class Out(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(extra="forbid")


class Answer(Out):
    """Every answer says to which height it belongs and how far this node is behind."""

    height: int = Field(description="Head from which this was read.")
    behind_by: int = Field(description="Blocks between the best known head and this one.")


class In(BaseModel):
    """Base of all bodies: strict, nothing unknown."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ProblemOut(Out):
    """RFC 9457 problem object; docs/errors.md has all codes."""

    type: str
    title: str
    title_zh: str
    status: int
    code: str
    next: str = Field(description="What to do next.")
    next_zh: str
    values: dict[str, Any] = Field(description="What was compared; never the request itself.")


class PostingOut(Out):
    transfer_id: str
    account: str
    fund_type: str
    amount_fen: Whole


class EventOut(Out):
    topic: str
    fields: dict[str, Any]


class ReasonOut(Out):
    """A contract's refusal in words."""

    english: str
    chinese: str
    next: str
    next_zh: str


class ReceiptOut(Out):
    tx_id: Digest
    call_index: int
    status: str = Field(description="ok or rejected")
    code: str = Field(description="Why it was rejected; empty when ok.")
    reason: ReasonOut | None
    values: dict[str, Any]
    answer: dict[str, Any]
    events: list[EventOut]
    amounts: dict[str, Any]
    versions: dict[str, Any]
    postings: list[PostingOut]
    explanation: Digest | None = Field(description="Commitment of the explanation attachment.")
    writes_digest: Digest


class HeaderOut(Out):
    version: int
    chain: Digest
    height: int
    hash: Digest
    parent: Digest
    epoch: int
    validators_hash: Digest
    next_validators_hash: Digest
    proposer: str
    time_ms: int
    tx_root: Digest
    tx_count: int
    receipts_root: Digest
    receipts_count: int
    state_root: Digest
    bytes: Hex = Field(description="Canonical header; `hash` is its H under yibao/header/v1.")


class CertificateOut(Out):
    epoch: int
    view: int
    height: int
    block_hash: Digest
    signers: Hex
    signatures: list[Hex]
    bytes: Hex


class InclusionOut(Out):
    """RFC 6962 inclusion of the receipt under the header's `receipts_root`."""

    index: int
    count: int
    path: list[Digest]


class ProvenReceiptOut(Out):
    receipt: ReceiptOut
    bytes: Hex = Field(description="Canonical receipt: the leaf.")
    inclusion: InclusionOut


class CallOut(Out):
    contract: str
    method: str
    args: dict[str, Any] | None = Field(description="Null where the call concerns others only.")
    attachments: list[int]


class AttachmentRefOut(Out):
    audience: str
    commitment: Digest


class TransactionOut(Out):
    tx_id: Digest
    sender: str
    key: Hex
    valid_until_ms: int
    calls: list[CallOut]
    attachments: list[AttachmentRefOut]
    signature: Hex
    body: Hex | None = Field(description="Canonical body; null where a call is withheld.")


class AcceptedOut(Out):
    """Answer of a submission that is not waited for."""

    tx_id: Digest
    status: str = Field(description="pending or committed")


class CommittedOut(Answer):
    """A committed transaction: its receipts, proved under a certified header."""

    tx_id: Digest
    status: str
    receipts: list[ProvenReceiptOut]
    header: HeaderOut
    certificate: CertificateOut | None


class TransactionAnswer(Answer):
    transaction: TransactionOut
    at_height: int
    index: int


class HeaderAnswer(Answer):
    header: HeaderOut
    certificate: CertificateOut | None
    checked: str = Field(
        description="How the answering node has checked this height itself: `certificate`,"
        " `receipts`, `diff`, `re-executed`."
    )


class HeadersAnswer(Answer):
    headers: list[HeaderOut]
    next: str | None


class BlockAnswer(Answer):
    header: HeaderOut
    certificate: CertificateOut | None
    checked: str = Field(description="As of a header.")
    transactions: list[TransactionOut]
    receipts: list[ReceiptOut]


class ValueAnswer(Answer):
    """One thing of the ledger, with the state key that holds it."""

    key: str
    value: Any


class StateAnswer(Answer):
    key: str
    present: bool
    value: Any
    bytes: Hex | None = Field(description="Canonical value; null where there is none.")
    proof: Hex = Field(description="Encoded membership or absence proof under the state root.")
    header: HeaderOut
    certificate: CertificateOut | None


class CallRowOut(Out):
    tx_id: Digest
    call_index: int
    at_height: int
    receipt: ReceiptOut


class CallsAnswer(Answer):
    calls: list[CallRowOut]
    next: str | None


class RowsAnswer(Answer):
    rows: list[dict[str, Any]]
    next: str | None


class ClaimsAnswer(Answer):
    claims: list[dict[str, Any]]
    next: str | None


class FilingsAnswer(Answer):
    filings: list[dict[str, Any]]
    cover: dict[str, Any] | None = Field(
        description="Which filing covers the stay, or `reason` and `why` none does."
    )


class AffectedAnswer(Answer):
    filing: str
    person: str
    claims: list[dict[str, Any]]
    reimbursements: list[dict[str, Any]]


class ChangeOut(Out):
    kind: str
    name: str
    at_height: int
    tx_id: Digest
    call_index: int


class ChangesAnswer(Answer):
    organisation: str
    changes: list[ChangeOut]
    next: str | None


class SettlementsAnswer(Answer):
    institution: str
    settlements: list[dict[str, Any]]
    next: str | None


class WorkAnswer(Answer):
    area: str
    today: str = Field(description="The day that due dates are compared with.")
    rows: list[dict[str, Any]]
    next: str | None


class PostingRowOut(PostingOut):
    tx_id: Digest
    call_index: int
    at_height: int


class PostingsAnswer(Answer):
    account: str
    postings: list[PostingRowOut]
    next: str | None


class AccountAnswer(Answer):
    account: str
    kind: str
    english: str
    chinese: str
    balances: dict[str, Whole] = Field(description="Fen by fund type.")


class TrialBalanceRow(Out):
    account: str
    kind: str
    english: str
    chinese: str
    fund_type: str
    in_fen: Whole
    out_fen: Whole
    balance_fen: Whole


class TrialBalanceAnswer(Answer):
    region: str
    at_height: int
    time_ms: int
    rows: list[TrialBalanceRow]
    by_fund_fen: dict[str, Whole] = Field(description="Open in the shown books, by fund type.")
    imbalance_fen: Whole = Field(description="Of the whole country at this height: 0.")


class VoucherLeg(Out):
    account: str
    fund_type: str
    amount_fen: Whole


class VoucherOut(Out):
    transfer_id: str
    at_height: int
    time_ms: int
    tx_id: Digest
    call_index: int
    call: str
    legs: list[VoucherLeg]


class VouchersAnswer(Answer):
    region: str
    vouchers: list[VoucherOut]
    next: int | None


class AttachmentOut(Out):
    audience: str
    commitment: Digest
    blind: Hex | None
    content: Any = Field(description="Decoded content; null when withheld.")
    bytes: Hex | None = Field(description="Canonical content, to check the commitment with.")
    withheld: bool


class AttachmentsAnswer(Answer):
    attachments: list[AttachmentOut]
    next: str | None = None


class ExplanationAnswer(Answer):
    tx_id: Digest
    call_index: int
    commitment: Digest
    blind: Hex
    explanation: dict[str, Any]
    bytes: Hex


class EstimateAttachmentIn(In):
    audience: Annotated[str, Field(min_length=1, max_length=64)]
    content: Annotated[str, Field(max_length=600_000, description="Canonical bytes, base64.")]
    blind: Annotated[
        str, Field(max_length=64, description="32 bytes, base64; zeros when left out.")
    ] = ""


class EstimateIn(In):
    """A call to try out on the head's state; nothing is kept."""

    contract: Annotated[str, Field(min_length=1, max_length=64)]
    method: Annotated[str, Field(min_length=1, max_length=64)]
    args: dict[str, Any]
    attachments: Annotated[list[EstimateAttachmentIn], Field(max_length=4)] = []


class EstimateAnswer(Answer):
    receipt: ReceiptOut
    explanation: dict[str, Any] | None


class SubmitIn(In):
    """A transaction in JSON: the same canonical bytes in base64."""

    transaction: Annotated[
        str, Field(max_length=7_600_000, description="Canonical [body, signature, attachments].")
    ]


class StatusAnswer(Answer):
    organisation: str
    role: str
    ready: bool
    waiting_for: str = Field(description="One sentence: what the node waits for.")
    checked: str = Field(description="How the node has checked its head, as of a header.")
    waiting: dict[str, Any] = Field(
        description="The same as fields: epoch, height, view, phase, primary, quorum, voted, "
        "missing, busy, for_ms, wished_view, timers, not_connected. Empty while it starts."
    )
    block_hash: Digest
    state_root: Digest
    time_ms: int


class DetailsAnswer(StatusAnswer):
    details: dict[str, Any]


class AttestationAnswer(Answer):
    organisation: str
    key: str
    attested_height: int
    block_hash: Digest
    header: str
    certificate: str
    signature: str


class AccusationOut(Out):
    file: str
    kind: str = Field(description="E1 to E6.")
    epoch: int
    view: int
    slot_height: int
    culprits: list[str]
    sentence: str
    evidence: str = Field(description="What accusation.report takes, in hexadecimal.")


class AccusationsAnswer(Answer):
    accusations: list[AccusationOut]


class DivergencesAnswer(Answer):
    divergences: list[dict[str, Any]]


class HealthOut(Out):
    status: str


class ReadyOut(Out):
    ready: bool
    height: int
    behind_by: int
    behind_ms: int


class GenesisOut(Out):
    chain: Digest


class RootAnswer(Answer):
    day: str
    count: int
    root: Digest


class AreaClaimsAnswer(Answer):
    claims: list[str]
    next: str | None


class CaseAnswer(Answer):
    case: dict[str, Any] = Field(description="As docs/case.schema.json has it.")


class PersonCoversAnswer(Answer):
    covers: list[dict[str, Any]]


class CoverPaymentsAnswer(Answer):
    payments: list[dict[str, Any]]
    next: str | None


class LooksAnswer(Answer):
    looks: list[dict[str, Any]]


class ValidatorsAnswer(Answer):
    validators: list[dict[str, str]]


class RecordAnswer(Answer):
    """A record of the ledger with named fields; docs/api.md says which."""

    record: dict[str, Any]


class RecordsAnswer(Answer):
    records: list[dict[str, Any]]
    next: str | None = None
