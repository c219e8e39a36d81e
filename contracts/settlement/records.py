"""The compact records of claims and transfers: arrays in the state, named values in the code.

One permanent key a claim is the budget (ARCHITECTURE.md section 3), and state values are hashed
and written for each, so they carry no key names. The order of an array is its format: fields are
appended, never moved, and a version of a contract that needs another format reads both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from contracts.api import Args, Context, Value
from contracts.quick import quick
from contracts.settlement.funds_book import Leg
from contracts.settlement.lifecycle import ClaimState
from contracts.settlement.part_record import Part

REVERSAL = "reversal"
"""First field of the record of a reversal, where a claim has its state."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer beside settlements: ``transfer/<id>``."""

    kind: str
    status: str
    """posted, pending, voided or lapsed."""
    reference: str
    sender: str
    holder: str
    """Who signed for the sender: a pending transfer is not posted by the same holder."""
    confirmer: str
    """The organisation that may post it."""
    cause: bytes
    """Id of the transaction that made it."""
    digest: bytes
    """Of the call's content, for retries."""
    expires_ms: int
    """0 for a transfer in one phase."""
    legs: tuple[Leg, ...]

    def encode(self) -> Value:
        """As the state has it."""
        return [
            self.kind,
            self.status,
            self.reference,
            self.sender,
            self.holder,
            self.confirmer,
            self.cause,
            self.digest,
            self.expires_ms,
            [list(leg) for leg in self.legs],
        ]

    @classmethod
    def decode(cls, value: Value) -> Transfer:
        """From the state's value."""
        *fields, legs = value
        return cls(*[*fields, tuple((a, f, n) for a, f, n in legs)])

    def with_status(self, status: str) -> Transfer:
        """The same transfer, one step on."""
        return replace(self, status=status)


@quick(frozen=True, slots=True)
class Visit:
    """What the policy asks about a visit. The clinical half leaves the state at settlement."""

    care_kind: str
    """A word of ``terms.CARE_KINDS``."""
    admission: str
    discharge: str
    """Empty until the settlement says it."""
    emergency: bool
    trauma: bool
    third_party: bool
    """Somebody else is liable for the injury: not payable by the fund."""
    referral: bool
    chronic_disease: str
    """Code of the entitlement used; empty when none."""
    newborn: str = ""
    """The newborn that is treated, under its mother; empty for everybody else."""
    maternity: str = ""
    """A word of ``terms.MATERNITY``; of most visits nothing, and then it has no place."""

    def encode(self) -> Value:
        """As the state has it while the claim is open."""
        return [
            self.care_kind,
            self.admission,
            self.discharge,
            self.emergency,
            self.trauma,
            self.third_party,
            self.referral,
            self.chronic_disease,
            *([self.newborn] if self.newborn or self.maternity else ()),
            *([self.maternity] if self.maternity else ()),
        ]

    def without_clinical(self) -> Visit:
        """What may stay for good: kind, dates, whose newborn; the rest is in the attachment."""
        return Visit(
            self.care_kind, self.admission, self.discharge, False, False, False, False, "",
            self.newborn,
        )  # fmt: skip


@quick(frozen=True, slots=True)
class OwnPart:
    """Who gave what of the person's part, beside the own account and cash (fen)."""

    wallet_fen: int
    relatives: tuple[tuple[str, str, int], ...]
    """(owner, owner's area, amount), in the order of use."""
    hold: str
    """The bank's hold; empty when none was chosen."""
    bank: str
    credit_fen: int
    """Drawn from the hold."""

    @property
    def family_fen(self) -> int:
        """From relatives' accounts in all."""
        return sum(amount for _, _, amount in self.relatives)

    def encode(self) -> Value:
        """As the state has it."""
        return [
            self.wallet_fen, [list(row) for row in self.relatives], self.hold, self.bank,
            self.credit_fen,
        ]  # fmt: skip

    @classmethod
    def decode(cls, value: Value) -> OwnPart:
        """From the state's value."""
        wallet, relatives, hold, bank, drawn = value
        return cls(wallet, tuple((o, a, n) for o, a, n in relatives), hold, bank, drawn)


NO_OWN_PART = OwnPart(0, (), "", "", 0)
"""Own account and cash only: of most claims."""


@quick(frozen=True, slots=True)
class Again:
    """What a settlement takes the place of, and where its charge lines come from."""

    replaces: str
    """The settlement that was taken back for this one."""
    origin: str
    """The first of the chain: its calls hold the lines, the visit and the packs."""
    settle: bytes
    """Digest of the origin's settling call."""
    uploads: bytes
    """Digest of the origin's uploads; empty where it had none."""
    returned: tuple[tuple[str, int, int], ...]
    """(line, quantity e-4, fen) that came back of the origin's lines, ascending by line."""

    def encode(self) -> Value:
        """As the state has it."""
        rows = [list(row) for row in self.returned]
        return [self.replaces, self.origin, self.settle, self.uploads, rows]

    @classmethod
    def decode(cls, value: Value) -> Again:
        """From the state's value."""
        replaces, origin, settle, uploads, rows = value
        returned = tuple((line, quantity, fen) for line, quantity, fen in rows)
        return cls(replaces, origin, settle, uploads, returned)


@quick(frozen=True, slots=True)
class CoverPart:
    """What one product pays of a settled bill, and what undoes it."""

    product: str
    insurer: str
    number: int
    """Version of the rule."""
    pays: str
    amount_fen: int
    scope: str
    year: int
    """Year of the product's counters."""
    added: Mapping[str, int]
    """What was added to them."""

    def encode(self) -> Value:
        """As the state has it."""
        return [
            self.product, self.insurer, self.number, self.pays, self.amount_fen, self.scope,
            self.year, dict(self.added),
        ]  # fmt: skip


@quick(frozen=True, slots=True)
class Settled:
    """How a claim was decided and what undoes it."""

    digest: bytes
    tx_id: bytes
    call_index: int
    time_ms: int
    sums: tuple[int, int, int, int, int]
    """total, own expense, over ceiling, first pay, in scope; fen."""
    payments: tuple[tuple[str, str, int], ...]
    """(fund type, payer, amount in fen) in the order of the policy's layers."""
    deductible_fen: int
    account_fen: int
    """From accounts: own, wallet and relatives'."""
    cash_fen: int
    counters: tuple[tuple[int, Mapping[str, int]], ...]
    """(benefit year, name -> what this settlement added): a reversal takes it off again."""
    versions: tuple[Value, ...]
    """filing id and version, catalogue, policy version and hash: see ``VERSION_NAMES``."""
    invoices: tuple[tuple[str, str], ...] = ()
    """(code, number) of the invoices printed for the patient; a reversal gives them free."""
    own: OwnPart = NO_OWN_PART
    covers: tuple[CoverPart, ...] = ()
    """What commercial products pay; those within the settlement are the last of ``payments``."""
    uploads: bytes = b""
    """Digest of the uploads that its lines came in; empty where they came with the settlement."""
    again: Again | None = None
    """Where it takes the place of another settlement."""
    part: Part | None = None
    """Where it is a part of a stay."""

    @property
    def person_fen(self) -> int:
        """What the person bears in all."""
        return self.account_fen + self.own.credit_fen + self.cash_fen

    def encode(self) -> Value:
        """As the state has it."""
        return [
            self.digest,
            self.tx_id,
            self.call_index,
            self.time_ms,
            list(self.sums),
            [list(payment) for payment in self.payments],
            self.deductible_fen,
            self.account_fen,
            self.cash_fen,
            [[year, dict(deltas)] for year, deltas in self.counters],
            list(self.versions),
            *self._seldom(),
        ]

    def _seldom(self) -> list[Value]:
        """What most claims have nothing of: left out where there is nothing."""
        if (
            not self.invoices
            and self.own == NO_OWN_PART
            and not self.covers
            and not self.uploads
            and self.again is None
            and self.part is None
        ):
            return []
        own = None if self.own == NO_OWN_PART else self.own.encode()
        seldom: list[Value] = [[list(name) for name in self.invoices], own]
        again, part = self.again, self.part
        if self.covers or self.uploads or again is not None or part is not None:
            seldom.append([one.encode() for one in self.covers])
        if self.uploads or again is not None or part is not None:
            seldom.append(self.uploads)
        if again is not None or part is not None:
            seldom.append(None if again is None else again.encode())
        if part is not None:
            seldom.append(part.encode())
        return seldom

    @classmethod
    def decode(cls, value: Value) -> Settled:
        """From the state's value."""
        (digest, tx_id, index, time_ms, sums, paid, deductible, account, cash, counted, vers,
         *more) = value  # fmt: skip
        return cls(
            digest,
            tx_id,
            index,
            time_ms,
            (sums[0], sums[1], sums[2], sums[3], sums[4]),
            tuple((fund, payer, amount) for fund, payer, amount in paid),
            deductible,
            account,
            cash,
            tuple((year, deltas) for year, deltas in counted),
            tuple(vers),
            tuple((code, number) for code, number in more[0]) if more else (),
            OwnPart.decode(more[1]) if more and more[1] is not None else NO_OWN_PART,
            tuple(CoverPart(*row) for row in more[2]) if len(more) > 2 else (),
            more[3] if len(more) > 3 else b"",
            Again.decode(more[4]) if len(more) > 4 and more[4] is not None else None,
            Part.decode(more[5]) if len(more) > 5 else None,
        )


@quick(frozen=True, slots=True)
class Declared:
    """What a month has made of a settlement: on the claim's record from its declaration on."""

    month: str
    """Declaration that it stands in, ``YYYY-MM``; empty after it was set aside."""
    times: int
    """How often it was set aside: it rolls on from month to month, but not for ever."""
    deducted: tuple[tuple[str, int], ...]
    """(fund type, fen) that audits took off what the funds pay; the institution bears it."""
    pending: str = ""
    """The deduction that is not decided yet; empty when there is none."""

    def encode(self) -> Value:
        """As the state has it."""
        return [self.month, self.times, [list(row) for row in self.deducted], self.pending]

    @classmethod
    def decode(cls, value: Value) -> Declared:
        """From the state's value."""
        month, times, deducted, pending = value
        return cls(month, times, tuple((fund, amount) for fund, amount in deducted), pending)


@quick(frozen=True, slots=True)
class Claim:
    """A claim: ``claim/<id>``, the one key that stays of it."""

    state: ClaimState
    institution: str
    care: str
    """District of the institution at registration."""
    person: str
    area: str
    """Pooling area of insurance."""
    scheme: str
    visit: Visit
    presence: tuple[str, str, str]
    """(kind, certificate type, agent's relation): see ``claim_register``."""
    uploads: tuple[tuple[int, int], ...]
    """(number, lines) of the uploads that are in the state while the claim is open."""
    registered: bytes
    """Digest of the registering call, for retries; empty when settlement registered it too."""
    settled: Settled | None
    reversal: str
    """Id of the reversal; empty while there is none."""
    salt: bytes
    declared: Declared | None = None
    """None until it is declared: most claims of a day have none, and their record no place."""

    def encode(self) -> Value:
        """As the state has it."""
        value = [
            self.state.value,
            self.institution,
            self.care,
            self.person,
            self.area,
            self.scheme,
            self.visit.encode(),
            list(self.presence),
            [list(batch) for batch in self.uploads],
            self.registered,
            None if self.settled is None else self.settled.encode(),
            self.reversal,
            self.salt,
        ]
        if self.declared is not None:
            value.append(self.declared.encode())
        return value

    def settled_as(self, state: ClaimState, visit: Visit, settled: Settled) -> Claim:
        """The same claim once it is decided: its uploads leave the state."""
        return Claim(
            state,
            self.institution,
            self.care,
            self.person,
            self.area,
            self.scheme,
            visit,
            self.presence,
            (),
            self.registered,
            settled,
            self.reversal,
            self.salt,
        )

    @classmethod
    def decode(cls, value: Value) -> Claim:
        """From the state's value."""
        (state, institution, care, person, area, scheme, visit, presence, uploads, registered,
         settled, reversal, salt, *more) = value  # fmt: skip
        return cls(
            ClaimState(state),
            institution,
            care,
            person,
            area,
            scheme,
            Visit(*visit),
            (presence[0], presence[1], presence[2]),
            tuple((number, lines) for number, lines in uploads),
            registered,
            None if settled is None else Settled.decode(settled),
            reversal,
            salt,
            Declared.decode(more[0]) if more else None,
        )


@dataclass(frozen=True, slots=True)
class Reversal:
    """The entry that takes a settlement back: ``claim/<reversal id>``, beside the claim's own."""

    claim: str
    """The settlement it takes back."""
    digest: bytes
    tx_id: bytes
    time_ms: int
    reason: str
    month: str = ""
    """Declaration that its negative row stands in; empty until it is declared."""
    replacement: str = ""
    """The settlement that took its place; empty where none did."""

    def encode(self) -> Value:
        """As the state has it."""
        value = [REVERSAL, self.claim, self.digest, self.tx_id, self.time_ms, self.reason]
        if self.replacement:
            return [*value, self.month, self.replacement]
        return [*value, self.month] if self.month else value

    @classmethod
    def decode(cls, value: Value) -> Reversal:
        """From the state's value."""
        return cls(*value[1:])


def is_reversal(value: Value) -> bool:
    """Whether a ``claim/<id>`` value is a reversal's record and not a claim's."""
    return bool(value[0] == REVERSAL)


def content_digest(ctx: Context, method: str, args: Args) -> bytes:
    """What two calls must share to be the same one: method, arguments, attachment commitments."""
    commitments = sorted([a.audience, a.commitment] for a in ctx.attachments.values())
    return digest_of(ctx, method, args, commitments)


def digest_of(ctx: Context, method: str, args: Args, commitments: list[Value]) -> bytes:
    """``content_digest`` of a call that is not this one: its attachments by their commitments."""
    return ctx.services.digest("yibao/content/v1", ctx.services.encode([method, args, commitments]))


def salt_of(ctx: Context, secret: bytes, name: str) -> bytes:
    """32 bytes that keep the digest of the state value ``name`` from being guessed.

    ``secret`` is another salt or an attachment's blind; it cannot be computed from the answer.
    """
    return ctx.services.digest("yibao/salt/v1", secret + name.encode())
