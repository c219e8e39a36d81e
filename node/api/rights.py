"""Who may read what: one table of routes, one table of rights, one function for each decision.

Denied by default. A route that is not in ``ROUTES`` cannot be built; a route whose right depends on
the thing it shows must ask one of the ``Access`` methods before it answers, and an answer that was
not asked for is never sent (``guard``). Rights come from the ledger alone: the organisation's kind
and region, the post of the key's holder, and whom the thing concerns (``parties``).

An absent thing and a thing of others look alike (``read.no-right``) wherever ids can be guessed:
whether a person or a claim exists is itself something to know. Transactions and blocks are named
by hashes, so their absence is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from contracts.organisations import POSTS, covers
from node.api.auth import Caller
from node.api.parties import Parties
from node.api.problems import Problem

COUNTRY = "000000"

OVERSEERS = frozenset({"auditor", "regulator"})
BUREAUS = frozenset({"bureau", "centre"})
INSTITUTIONS = frozenset({"hospital", "pharmacy"})
ALL_KINDS = OVERSEERS | BUREAUS | INSTITUTIONS | {"finance", "bank", "insurer"}

ALL_POSTS = frozenset(POSTS)
BUSINESS_POSTS = ALL_POSTS - {"operator"}
"""At a bureau the operator keeps machines running and has no business with cases; at an institution
the operator (经办人) sits at the counter and has, see ``has_post``."""
CASE_POSTS = frozenset({"clerk", "checker", "doctor", "audit"})
"""Posts that work on a person's case; finance sees amounts, not people."""


class Right(Enum):
    """A right that a route declares. The value is what the route table in docs/api.md says."""

    OPEN = "anyone, unsigned"
    SENDER = "anyone: the transaction carries its own signature"
    CHAIN = "any registered organisation, any post"
    PARTY = (
        "the organisations named in the thing; bureaus and finance departments of its home and care"
        " areas; the centre; auditors and regulators of these areas and of the whole country. Any"
        " post but operator (at institutions also operator, the person at the counter)"
    )
    PERSON = (
        "the person's home bureau; institutions that are party to the thing; auditors and"
        " regulators of its areas. Posts clerk, checker, doctor, audit (at institutions also"
        " operator). Each look is logged"
    )
    ORDER = (
        "the bank that was told to pay; the bureau and the finance department of the area that"
        " pays, or the insurer; auditors and regulators of that area and of the whole country. Any"
        " post but operator"
    )
    CONTENT = (
        "as for a person's data, the bureau of the place of care, and of a claim that it pays of"
        " an insurer whom the person lets see the lines. Posts clerk, checker, doctor, audit (at"
        " institutions also operator). Each look is logged"
    )
    OVERSIGHT = (
        "the centre, bureaus of provinces, auditors and regulators of the whole country."
        " Any post but operator"
    )
    ESTIMATE = (
        "institutions and bureaus with a key of purpose sign; the contract checks the rest."
        " Posts clerk, checker, doctor, finance (at institutions also operator). Each look is"
        " logged"
    )
    OPERATOR = "the organisation that runs the node, post operator"


@dataclass(frozen=True, slots=True)
class _Rule:
    """What can be decided before the thing is looked at."""

    kinds: frozenset[str]
    posts: frozenset[str]
    by_thing: bool
    """Whether the route must still decide by the thing itself."""
    logged: bool = False


RULES: Mapping[Right, _Rule] = {
    Right.CHAIN: _Rule(ALL_KINDS, ALL_POSTS, by_thing=False),
    Right.PARTY: _Rule(ALL_KINDS, BUSINESS_POSTS, by_thing=True),
    Right.PERSON: _Rule(
        INSTITUTIONS | OVERSEERS | {"bureau"}, CASE_POSTS, by_thing=True, logged=True
    ),
    Right.ORDER: _Rule(
        OVERSEERS | {"bank", "bureau", "finance", "insurer"}, BUSINESS_POSTS, by_thing=True
    ),
    Right.CONTENT: _Rule(
        INSTITUTIONS | OVERSEERS | {"bureau", "insurer"}, CASE_POSTS, by_thing=True, logged=True
    ),
    Right.OVERSIGHT: _Rule(OVERSEERS | BUREAUS, BUSINESS_POSTS, by_thing=False),
    Right.ESTIMATE: _Rule(
        INSTITUTIONS | {"bureau"},
        frozenset({"clerk", "checker", "doctor", "finance"}),
        by_thing=True,
        logged=True,
    ),
    Right.OPERATOR: _Rule(ALL_KINDS, frozenset({"operator"}), by_thing=False),
}

ROUTES: Mapping[str, Right] = {
    # operations
    "health": Right.OPEN,
    "ready": Right.OPEN,
    "metrics": Right.OPEN,
    "genesis": Right.OPEN,
    "genesis_file": Right.CHAIN,
    "status": Right.CHAIN,
    "status_details": Right.OPERATOR,
    "access_log_root": Right.OPERATOR,
    "attestation": Right.OPERATOR,
    "accusations": Right.OPERATOR,
    "divergences": Right.OPERATOR,
    "openapi": Right.CHAIN,
    # the way in
    "submit": Right.SENDER,
    "estimate": Right.ESTIMATE,
    # the chain
    "headers": Right.CHAIN,
    "header": Right.CHAIN,
    "block": Right.OVERSIGHT,
    "transaction": Right.PARTY,
    "receipts": Right.PARTY,
    "receipt": Right.PARTY,
    "receipt_evidence": Right.PARTY,
    "receipt_explanation": Right.PERSON,
    "receipt_attachments": Right.CONTENT,
    "state": Right.PARTY,
    "state_evidence": Right.PARTY,
    "stream": Right.CHAIN,
    "trail": Right.CHAIN,
    # claims, filings, people
    "claim": Right.PARTY,
    "claim_history": Right.PARTY,
    "claim_evidence": Right.PARTY,
    "claim_payment": Right.PARTY,
    "claim_explanation": Right.PERSON,
    "claim_statement": Right.PERSON,
    "claim_attachments": Right.CONTENT,
    "claim_case": Right.PERSON,
    "area_claims": Right.PERSON,
    "filing": Right.PERSON,
    "filing_attachments": Right.CONTENT,
    "filing_affected": Right.PERSON,
    "reimbursement": Right.PERSON,
    "reimbursement_history": Right.PERSON,
    "work_filings": Right.PERSON,
    "work_ending": Right.PERSON,
    "work_reimbursements": Right.PARTY,
    "work_wallets": Right.PERSON,
    "work_recoveries": Right.PARTY,
    "person": Right.PERSON,
    "person_claims": Right.PERSON,
    "person_filings": Right.PERSON,
    "person_account": Right.PERSON,
    "person_counters": Right.PERSON,
    "person_reprice": Right.PERSON,
    "person_stays": Right.PERSON,
    "person_looks": Right.PERSON,
    "person_covers": Right.PERSON,
    "person_ending": Right.PERSON,
    "newborn": Right.PERSON,
    "move": Right.PERSON,
    "recovery": Right.PARTY,
    # commercial cover
    "cover_holder": Right.PARTY,
    "cover_payment": Right.PARTY,
    "cover_payments": Right.PARTY,
    "cover_product": Right.CHAIN,
    "insurer_month": Right.PARTY,
    "insurer_due": Right.PARTY,
    "area_insurers": Right.PARTY,
    "area_insurers_month": Right.PARTY,
    # money
    "account": Right.PARTY,
    "account_postings": Right.PARTY,
    "institution_settlements": Right.PARTY,
    "institution_payments": Right.PARTY,
    "institution_batches": Right.PARTY,
    "institution_refused": Right.CONTENT,
    "bank_orders": Right.PARTY,
    "bank_suspense": Right.PARTY,
    "institution_rows": Right.PARTY,
    "institution_ageing": Right.PARTY,
    "area_ageing": Right.PARTY,
    "declaration": Right.PARTY,
    "deduction": Right.PARTY,
    "clearing": Right.CHAIN,
    "clearing_statement": Right.PARTY,
    "clearing_objections": Right.PARTY,
    "objection": Right.PARTY,
    "province_clearing": Right.CHAIN,
    "area_remittances": Right.PARTY,
    "advance": Right.PARTY,
    "notice": Right.PARTY,
    "payment": Right.PARTY,
    "trial_balance": Right.PARTY,
    "vouchers": Right.PARTY,
    "organisation_changes": Right.PARTY,
    # what everybody may know
    "organisation": Right.CHAIN,
    "validators": Right.CHAIN,
    "parameter": Right.CHAIN,
    "policy": Right.CHAIN,
    "catalogue": Right.CHAIN,
    "catalogue_item": Right.CHAIN,
}
"""The right of each route, by the route's name. A route that is missing here is denied."""


def check_role(right: Right, caller: Caller, operator_of: str) -> None:
    """The part of a right that the caller's kind, post and region decide.

    ``operator_of``: the organisation that runs this node. Raises ``Problem`` ``read.no-right``.
    """
    if caller.kind not in RULES[right].kinds or not has_post(right, caller):
        raise Problem("read.no-right")
    if right is Right.OPERATOR and caller.id != operator_of:
        raise Problem("read.no-right")
    if right is Right.ESTIMATE and "sign" not in caller.key.purposes:
        raise Problem("read.no-right")
    if right is Right.OVERSIGHT and not oversees_country(caller):
        raise Problem("read.no-right")


def has_post(right: Right, caller: Caller) -> bool:
    """Whether the post of the key's holder is one that the right is for."""
    posts = RULES[right].posts
    if caller.kind in INSTITUTIONS and right is not Right.OPERATOR:
        posts |= {"operator"}
    return caller.post in posts


def oversees_country(caller: Caller) -> bool:
    """Whether all blocks are this caller's business: it orders them, or audits the whole ledger."""
    if caller.kind == "centre":
        return True
    if caller.kind == "bureau":
        return caller.region[2:] == "0000"
    return caller.kind in OVERSEERS and caller.region == COUNTRY


def _reaches(caller: Caller, regions: frozenset[str]) -> bool:
    return any(covers(caller.region, region) for region in regions)


def is_party(caller: Caller, parties: Parties) -> bool:
    """Whether the thing concerns the caller (``Right.PARTY``)."""
    if caller.id in parties.organisations or caller.kind == "centre":
        return True
    if caller.kind in OVERSEERS and caller.region == COUNTRY:
        return True  # also of banks and insurers, which are of no area
    if caller.kind in OVERSEERS | {"bureau", "finance"}:
        return _reaches(caller, parties.home_regions | parties.care_regions)
    return False


def may_see_person(caller: Caller, parties: Parties) -> bool:
    """Whether the caller may see what the thing says about a person (``Right.PERSON``)."""
    if caller.kind in INSTITUTIONS:
        return caller.id in parties.organisations
    if caller.kind == "bureau":
        return _reaches(caller, parties.home_regions)
    return caller.kind in OVERSEERS and _reaches(
        caller, parties.home_regions | parties.care_regions
    )


def may_see_order(caller: Caller, parties: Parties) -> bool:
    """Whether the caller may see an order to pay a person (``Right.ORDER``): who pays it and
    through whom, and who audits that. Not who treated the person, nor where."""
    if caller.id in parties.organisations:
        return True
    if caller.kind in OVERSEERS and caller.region == COUNTRY:
        return True
    payers = OVERSEERS | {"bureau", "finance"}
    return caller.kind in payers and _reaches(caller, parties.home_regions)


def may_see_content(caller: Caller, parties: Parties) -> bool:
    """Whether the caller may see charge lines and materials (``Right.CONTENT``).

    The home bureau checks what it pays for, the care bureau supervises its institutions; an
    insurer sees what the person lets it see (``Parties.readers``).
    """
    if caller.kind == "insurer":
        return caller.id in {insurer for insurer, _ in parties.readers}
    if caller.kind == "bureau":
        return _reaches(caller, parties.home_regions | parties.care_regions)
    return may_see_person(caller, parties)
