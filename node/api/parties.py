"""Whom a thing on the ledger concerns: organisations, home areas, areas of care, persons.

Rights are computed from this. A receipt concerns its sender, whoever its postings and events name,
and the areas of the funds and persons among them. Fields are found by name: contracts name
organisations, areas and persons in the same words everywhere (``FIELDS``); an account's name says
its owner (the chart of accounts). A name that is not in the tables entitles nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from contracts import organisations
from contracts.api import State
from contracts.settlement import bank_order, enrolment, records, reimbursement_record
from contracts.settlement.clearing import (
    audit_record,
    notice_record,
    objection_record,
    payment_record,
)
from contracts.settlement.cover_record import LINES, CoverPayment
from contracts.settlement.filing_record import Filing, load_filing
from contracts.settlement.reimbursement_record import Reimbursement

EMPTY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Parties:
    """The parties of a thing."""

    organisations: frozenset[str] = EMPTY
    """Ids of organisations that are named in it."""
    home_regions: frozenset[str] = EMPTY
    """Areas whose funds or persons it is about."""
    care_regions: frozenset[str] = EMPTY
    """Areas where the care was given."""
    persons: frozenset[str] = EMPTY
    """Pseudonyms of the persons it is about."""
    readers: frozenset[tuple[str, str]] = frozenset()
    """(insurer, last day) whom the person lets see charge lines and visit."""

    def on(self, today: str) -> Parties:
        """The same without those whose consent has ended before a day."""
        return replace(self, readers=frozenset(r for r in self.readers if today <= r[1]))

    def __or__(self, other: Parties) -> Parties:
        return Parties(
            self.organisations | other.organisations,
            self.home_regions | other.home_regions,
            self.care_regions | other.care_regions,
            self.persons | other.persons,
            self.readers | other.readers,
        )


FIELDS: Mapping[str, str] = {
    "institution": "institution",
    "hospital": "institution",
    "organisation": "organisation",
    "bank": "organisation",
    "insurer": "organisation",
    "payer": "organisation",
    "bureau": "organisation",
    "person": "person",
    "claim": "claim",
    "replacement": "claim",
    "transfer": "transfer",
    "reimbursement": "reimbursement",
    "area": "home",
    "home": "home",
    "home_area": "home",
    "care": "care",
    "care_region": "care",
    "care_area": "care",
    "payer_region": "home",
    "payee_region": "care",
}
"""Names of fields in arguments, answers, events and state values, and what they name."""

ACCOUNTS: Mapping[str, str] = {
    "fund": "home",
    "premium": "home",
    "owed": "home",
    "person": "person",
    "wallet": "person",
    "clearing": "home->care",
    "receivable": "home->care",
    "advance": "home->care",
    "prepaid": "home->care",
    "remittance": "home",
    "collection": "home",
    "allotment": "care",
    "allotted": "care",
    "prepayment": "institution",
    "payable": "institution",
    "patient": "institution",
    "income": "institution",
    "hospital_share": "institution",
    "gain": "institution",
    "budget": "care",
    "bank": "organisation",
    "credit": "organisation",
    "commercial": "organisation",
    "benefit": "organisation",
}
"""First word of an account's name, and what the rest of the name is."""

PERSON_ACCOUNTS = frozenset({"person", "wallet"})


def of_person(state: State, person: str) -> Parties:
    """A person and the area where the person is insured."""
    record = enrolment.load_person(state, person)
    homes = EMPTY if record is None else frozenset({record.area})
    return Parties(home_regions=homes, persons=frozenset({person}))


def of_organisation(state: State, org_id: str) -> Parties:
    """An organisation; for an institution also the area where it gives care."""
    org = organisations.load(state, org_id)
    if org is None:
        return Parties()
    cares = frozenset({org.region}) if org.kind in organisations.INSTITUTIONS else EMPTY
    return Parties(organisations=frozenset({org_id}), care_regions=cares)


def of_claim(state: State, claim_id: str) -> Parties:
    """The institution, the person, the home area and the area of care of a claim.

    A reversal's entry concerns whom its claim concerns. Nobody where there is no such claim.
    """
    value = state.get(f"claim/{claim_id}")
    if value is not None and records.is_reversal(value):
        value = state.get(f"claim/{records.Reversal.decode(value).claim}")
    if value is None:
        return Parties()
    claim = records.Claim.decode(value)
    found = Parties(
        organisations=frozenset({claim.institution}),
        home_regions=frozenset({claim.area}),
        care_regions=frozenset({claim.care}),
        persons=frozenset({claim.person}),
    )
    if claim.settled is not None and claim.settled.covers:
        found |= _of_covers(state, claim.person, claim.settled.covers)
    return found


def _of_covers(state: State, person: str, covers: tuple[records.CoverPart, ...]) -> Parties:
    """Insurers that pay of a claim, and those of them that may see its lines as things stand.

    A consent that was taken back, or given anew for amounts only, lets nobody see lines any more.
    """
    asked = {part.product for part in covers if part.scope == LINES}
    record = enrolment.load_person(state, person) if asked else None
    consents = () if record is None else record.covers
    return Parties(
        organisations=frozenset(part.insurer for part in covers),
        readers=frozenset(
            (consent.insurer, consent.to_date)
            for consent in consents
            if consent.product in asked and consent.scope == LINES
        ),
    )


def of_cover_payment(made: CoverPayment) -> Parties:
    """The insurer, the person and home area, and the banks that were told to pay."""
    return Parties(
        organisations=frozenset({made.insurer, *(order.bank for order in made.orders)}),
        home_regions=frozenset({made.area}),
        persons=frozenset({made.person}),
    )


def of_transfer(state: State, transfer_id: str) -> Parties:
    """Sender, confirmer and the owners of a transfer's accounts; nobody where there is none."""
    value = state.get(f"transfer/{transfer_id}")
    if value is None:
        return Parties()
    made = records.Transfer.decode(value)
    found = of_organisation(state, made.sender)
    if made.confirmer:
        found |= of_organisation(state, made.confirmer)
    for account, _, _ in made.legs:
        found |= of_account(state, account)
    return found


def of_filing(filing: Filing) -> Parties:
    """The person and home area of a filing, and the hospital of a referral.

    The area of care is no party: it learns of a filing when a claim there binds to it.
    """
    hospitals = {version.hospital for version in filing.versions if version.hospital}
    return Parties(
        organisations=frozenset(hospitals),
        home_regions=frozenset({filing.area}),
        persons=frozenset({filing.person}),
    )


def of_named_filing(state: State, filing_id: str) -> Parties:
    """The parties of a filing by its id; nobody where there is none."""
    filing = load_filing(state, filing_id)
    return Parties() if filing is None else of_filing(filing)


def of_reimbursement(state: State, made: Reimbursement) -> Parties:
    """The person and home area, the institution if it is one of the ledger's, and the banks that
    were told to pay."""
    found = Parties(
        organisations=frozenset(order.bank for order in made.orders),
        home_regions=frozenset({made.area}),
        persons=frozenset({made.person}),
    )
    return found | of_organisation(state, made.place.institution)


def of_named_reimbursement(state: State, name: str) -> Parties:
    """The parties of a reimbursement by its id; nobody where there is none."""
    made = reimbursement_record.find(state, name)
    return Parties() if made is None else of_reimbursement(state, made)


def of_bank_order(state: State, bank: str, order: str) -> Parties:
    """The bank that was told to pay a person, and who pays: an area or an insurer. The bank alone
    where it has no such order: it may have that proved."""
    made = bank_order.find(state, bank, order)
    found = Parties(organisations=frozenset({bank}))
    if made is None:
        return found
    if ":" in made.payer:
        return found | Parties(organisations=frozenset({made.payer}))
    return found | Parties(home_regions=frozenset({made.payer}))


def of_notice(state: State, notice_id: str) -> Parties:
    """Payer and payee of a notice, the provinces of its cause, and the banks of its payment, who
    could not prove what they carry out without it; nobody where there is none."""
    made = notice_record.find(state, notice_id)
    if made is None:
        return Parties()
    order = payment_record.find(state, made.payment) if made.payment else None
    found = Parties()
    if order is not None:
        found = Parties(organisations=frozenset({order.bank, order.payee_bank}))
    for account, _, _ in (*made.out, *made.into):
        found |= of_account(state, account)
    for side in (made.payer, made.payee):
        if ":" in side:
            found |= of_organisation(state, side)
        else:
            found |= Parties(home_regions=frozenset({side}))
    return found


def of_deduction(state: State, deduction_id: str) -> Parties:
    """Whom the settlement of a deduction concerns; nobody where there is none."""
    made = audit_record.find(state, deduction_id)
    return Parties() if made is None else of_claim(state, made.claim)


def of_objection(state: State, objection_id: str) -> Parties:
    """The two sides of an objection's statement; nobody where there is none."""
    made = objection_record.find(state, objection_id)
    return Parties() if made is None else of_pair(state, made.home, made.care)


def of_pair(state: State, home: str, care: str) -> Parties:
    """Whom a statement or an advance concerns: the area or the insurer that owes, and the place of
    care."""
    return of_debtor(state, home) | Parties(care_regions=frozenset({care}))


def of_debtor(state: State, home: str) -> Parties:
    """Whoever owes by a statement: an area, or an insurer by its id."""
    if ":" in home:
        return of_organisation(state, home)
    return Parties(home_regions=frozenset({home}))


def of_payment(state: State, payment_id: str) -> Parties:
    """The parties of the payment's notice, its sender and its banks; nobody where there is none."""
    made = payment_record.find(state, payment_id)
    if made is None:
        return Parties()
    named = Parties(organisations=frozenset({made.sender, made.bank, made.payee_bank}))
    return named | of_notice(state, made.notice)


def _named(state: State, what: str, name: str) -> Parties:
    if what == "person":
        return of_person(state, name)
    if what == "claim":
        return of_claim(state, name)
    if what == "transfer":
        return of_transfer(state, name)
    if what == "reimbursement":
        return of_named_reimbursement(state, name)
    if what in ("institution", "organisation"):
        return of_organisation(state, name)
    if what == "home":
        return of_debtor(state, name)
    return Parties(care_regions=frozenset({name}))


def of_account(state: State, account: str) -> Parties:
    """Whom an account belongs to; nobody when the chart does not have it."""
    first, _, rest = account.partition(":")
    what = ACCOUNTS.get(first)
    if what is None or not rest:
        return Parties()
    if what == "home->care":
        home, _, care = rest.partition("->")
        return Parties(home_regions=frozenset({home}), care_regions=frozenset({care}))
    return _named(state, what, rest.removesuffix(":account") if first == "person" else rest)


def of_fields(state: State, fields: Mapping[str, Any]) -> Parties:
    """Whom the named fields of a map and of the maps in it concern; lists are not searched."""
    found = Parties()
    for name, value in fields.items():
        if isinstance(value, dict):
            found |= of_fields(state, value)
        elif isinstance(value, str) and value and name in FIELDS:
            found |= _named(state, FIELDS[name], value)
    return found


def of_call(
    state: State,
    *,
    sender: str,
    args: Mapping[str, Any],
    answer: Mapping[str, Any],
    events: Iterable[Mapping[str, Any]],
    accounts: Iterable[str],
) -> Parties:
    """Whom one call concerns: its sender, its arguments' and events' names, its accounts."""
    found = of_organisation(state, sender) | of_fields(state, args) | of_fields(state, answer)
    for fields in events:
        found |= of_fields(state, fields)
    for account in accounts:
        found |= of_account(state, account)
    return found
