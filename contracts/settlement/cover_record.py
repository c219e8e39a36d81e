"""What is kept of commercial cover, and the life of its payments as a table.

``cover-product/<product>``: the insurer and the versions of the rule. ``cover-holder/<product>/
<person>``: for how long the person holds the product. ``cover-counter/<product>/<person>/<year>``:
what the product has counted, for example its deductible of the year, and in which order
(``cover_counters``). ``cover-payment/<payment>``:
what a product pays of one bill, ``<claim>.<n>``. ``cover-count/<insurer>`` and
``cover-list/<insurer>/<n>``: an insurer's payments in the order in which they arose.
The person's consents are in the person's record (``enrolment_record.CoverConsent``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from contracts.api import State, Value
from contracts.settlement.life import START, Life
from contracts.settlement.reimbursement_record import Payment as Order

AT_ONCE, LATER = "at_once", "later"
"""How a product pays: within the settlement, or to the patient afterwards."""
AMOUNTS, LINES = "amounts", "lines"
"""What the person lets the insurer see: who pays how much of the bill; charge lines besides."""
COVERS_MAX = 3
"""Products that one person has authorised at a time."""
VERSIONS_MAX = 100


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a product's rule."""

    number: int
    """From 1, in the order of deployment."""
    effective_from: str
    hash: bytes
    """Digest of the source."""
    height: int
    """Block that carried the deployment; in force from the next height on."""
    pays: str
    """``at_once`` or ``later``."""

    def encode(self) -> Value:
        """As the state has it."""
        return [self.number, self.effective_from, self.hash, self.height, self.pays]


@dataclass(frozen=True, slots=True)
class Product:
    """A commercial product."""

    id: str
    insurer: str
    versions: tuple[Version, ...]

    def in_force(self, date: str, height: int) -> Version | None:
        """The version of a date: the greatest ``effective_from`` not after it, of two the later."""
        found: Version | None = None
        for version in self.versions:
            if version.effective_from > date or version.height >= height:
                continue
            if found is None or version.effective_from >= found.effective_from:
                found = version
        return found

    def encode(self) -> Value:
        """As the state has it."""
        return [self.insurer, [version.encode() for version in self.versions]]


@dataclass(frozen=True, slots=True)
class Holder:
    """For how long a person holds a product, as the insurer says."""

    from_date: str
    to_date: str | None
    digest: bytes
    """Of the call that said so, for retries."""
    last_ms: int
    """Nothing that the person's phone signed up to here counts any more."""
    salt: bytes

    def encode(self) -> Value:
        """As the state has it."""
        return [self.from_date, self.to_date, self.digest, self.last_ms, self.salt]

    def holds_on(self, date: str) -> bool:
        """Whether the product is held on a date."""
        return self.from_date <= date and (self.to_date is None or date <= self.to_date)


class CoverStage(StrEnum):
    """Where a product's payment stands."""

    SETTLED = "settled"
    """Paid within the settlement: a posting on the insurer's account."""
    DUE = "due"
    """The patient has paid the bill; the insurer owes this part."""
    PAYING = "paying"
    """The bank was told to pay."""
    RETURNED = "returned"
    """The bank could not pay, or money came back after it was paid; what is not with the patient is
    paid again under another order's id."""
    PAID = "paid"
    """The bank has confirmed."""
    CANCELLED = "cancelled"
    """The bill was taken back before anything was paid; final."""
    RECALLED = "recalled"
    """The bill was taken back while the bank was paying."""
    REPAYABLE = "repayable"
    """The bill was taken back after the patient had money: the patient owes what stands paid."""
    REPAID = "repaid"
    """The patient has given it back; final."""


class CoverStep(StrEnum):
    """What can happen to a product's payment."""

    SETTLE = "settle"
    OWE = "owe"
    PAY = "pay"
    CONFIRM = "confirm"
    CONFIRM_PART = "confirm-part"
    """The bank has paid, and a part of an earlier order came back meanwhile."""
    BOUNCE = "bounce"
    BOUNCE_REST = "bounce-rest"
    """The bank could not pay the rest of what the patient has in part."""
    COME_BACK = "come-back"
    COME_BACK_ALL = "come-back-all"
    """Money came back and the patient has nothing any more."""
    REVERSE = "reverse"
    REVERSE_PAID = "reverse-paid"
    """The bill was taken back while the patient has a part."""
    REPAY = "repay"


_G, _P = CoverStage, CoverStep
TABLE: dict[tuple[str, CoverStep], CoverStage] = {
    (START, _P.SETTLE): _G.SETTLED,
    (START, _P.OWE): _G.DUE,
    (_G.SETTLED, _P.REVERSE): _G.CANCELLED,
    (_G.DUE, _P.PAY): _G.PAYING,
    (_G.DUE, _P.REVERSE): _G.CANCELLED,
    (_G.PAYING, _P.CONFIRM): _G.PAID,
    (_G.PAYING, _P.BOUNCE): _G.RETURNED,
    (_G.PAYING, _P.CONFIRM_PART): _G.RETURNED,
    (_G.PAYING, _P.BOUNCE_REST): _G.RETURNED,
    (_G.PAYING, _P.COME_BACK): _G.PAYING,
    (_G.PAYING, _P.COME_BACK_ALL): _G.PAYING,
    (_G.PAYING, _P.REVERSE): _G.RECALLED,
    (_G.PAYING, _P.REVERSE_PAID): _G.RECALLED,
    (_G.RETURNED, _P.PAY): _G.PAYING,
    (_G.RETURNED, _P.COME_BACK): _G.RETURNED,
    (_G.RETURNED, _P.COME_BACK_ALL): _G.RETURNED,
    (_G.RETURNED, _P.REVERSE): _G.CANCELLED,
    (_G.RETURNED, _P.REVERSE_PAID): _G.REPAYABLE,
    (_G.RECALLED, _P.CONFIRM): _G.REPAYABLE,
    (_G.RECALLED, _P.CONFIRM_PART): _G.REPAYABLE,
    (_G.RECALLED, _P.BOUNCE): _G.CANCELLED,
    (_G.RECALLED, _P.BOUNCE_REST): _G.REPAYABLE,
    (_G.RECALLED, _P.COME_BACK): _G.RECALLED,
    (_G.RECALLED, _P.COME_BACK_ALL): _G.RECALLED,
    (_G.PAID, _P.COME_BACK): _G.RETURNED,
    (_G.PAID, _P.COME_BACK_ALL): _G.RETURNED,
    (_G.PAID, _P.REVERSE_PAID): _G.REPAYABLE,
    (_G.REPAYABLE, _P.COME_BACK): _G.REPAYABLE,
    (_G.REPAYABLE, _P.COME_BACK_ALL): _G.CANCELLED,
    (_G.REPAYABLE, _P.REPAY): _G.REPAID,
}
"""(stage, step) -> next stage. What is missing is refused."""


_LIFE = Life(TABLE, CoverStage, "cover.wrong-stage", ("stage", "step"))
follow = _LIFE.follow
mermaid = _LIFE.mermaid


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverPayment:
    """What a product pays of one bill."""

    stage: CoverStage
    claim: str
    """The claim, or the reimbursement, as ``reimbursement/<id>``."""
    person: str
    area: str
    product: str
    insurer: str
    number: int
    amount_fen: int
    account: bytes | None
    """Token of the person's bank account."""
    orders: tuple[Order, ...]
    last: bytes
    """Of the last call that changed it, for retries."""
    salt: bytes

    @property
    def standing_fen(self) -> int:
        """What of it the patient has: paid by a bank, and neither come back nor given back."""
        if self.stage is CoverStage.REPAID:
            return 0
        return sum(order.standing_fen for order in self.orders)

    @property
    def open_fen(self) -> int:
        """What is still to be ordered and paid, or is again."""
        return self.amount_fen - self.standing_fen

    def with_order(self, order: Order) -> CoverPayment:
        """The same with an order as it stands now."""
        orders = tuple(order if each.id == order.id else each for each in self.orders)
        return replace(self, orders=orders)

    def encode(self) -> Value:
        """As the state has it: an array, the order of the fields above."""
        return [
            self.stage.value, self.claim, self.person, self.area, self.product, self.insurer,
            self.number, self.amount_fen, self.account, [order.encode() for order in self.orders],
            self.last, self.salt,
        ]  # fmt: skip

    @classmethod
    def decode(cls, value: Value) -> CoverPayment:
        """From the state's value."""
        (stage, claim, person, area, product, insurer, number, amount, account, orders, last,
         salt) = value  # fmt: skip
        return cls(
            stage=CoverStage(stage),
            claim=claim,
            person=person,
            area=area,
            product=product,
            insurer=insurer,
            number=number,
            amount_fen=amount,
            account=account,
            orders=tuple(Order.decode(order) for order in orders),
            last=last,
            salt=salt,
        )


def find_product(state: State, product: str) -> Product | None:
    """The product of an id; None when no insurer has deployed it."""
    value = state.get(f"cover-product/{product}")
    if value is None:
        return None
    insurer, versions = value
    return Product(product, insurer, tuple(Version(*row) for row in versions))


def find_holder(state: State, product: str, person: str) -> Holder | None:
    """The person's hold on a product; None when the insurer never said so."""
    value = state.get(holder_key(product, person))
    return None if value is None else Holder(*value)


def find_payment(state: State, payment: str) -> CoverPayment | None:
    """The payment of an id; None when there is none."""
    value = state.get(f"cover-payment/{payment}")
    return None if value is None else CoverPayment.decode(value)


def payment_name(claim: str, number: int) -> str:
    """Id of the n-th product's payment on a claim or reimbursement, from 1."""
    return f"{claim.rpartition('/')[2]}.{number}"


def holder_key(product: str, person: str) -> str:
    """State key of a hold."""
    return f"cover-holder/{product}/{person}"


def counter_key(product: str, person: str, year: int) -> str:
    """State key of a product's counters."""
    return f"cover-counter/{product}/{person}/{year}"
