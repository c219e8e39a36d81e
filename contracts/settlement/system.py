"""The table of all system contracts of this build: what the node's runtime is given.

Apart from the package's ``__init__`` because the modules of the package import each other, and one
that is being imported must not import the whole table.
"""

from __future__ import annotations

from contracts import accusation, governance, organisation_methods
from contracts.api import Contract
from contracts.settlement import (
    bank,
    catalogue,
    claim,
    claim_lines,
    claim_register,
    claim_reverse,
    claim_settle,
    claim_test,
    counters,
    cover,
    cover_consent,
    cover_pay,
    credit,
    enrolment,
    estate,
    family,
    filing,
    funds,
    looks,
    move,
    newborn,
    policy,
    recovery,
    reimbursement,
    reimbursement_again,
    reimbursement_pay,
    traces,
    wallet,
)
from contracts.settlement.clearing import (
    advance,
    audit,
    confirmation,
    declaration,
    objection,
    payment,
    payment_back,
    period,
    prepayment,
    statement,
)
from contracts.settlement.provider import contract as provider
from contracts.settlement.provider import pay, standards
from contracts.settlement.refunds import consent, keep, payout, refund, resettle

# The methods of the claim contract live in several modules; importing them declares them.
_CLAIM_MODULES = (
    claim_register, claim_lines, claim_settle, claim_test, claim_reverse, resettle, keep, refund,
    consent,
)  # fmt: skip
assert all(module.CONTRACT is claim.CONTRACT for module in _CLAIM_MODULES)
assert reimbursement_pay.CONTRACT is reimbursement_again.CONTRACT is reimbursement.CONTRACT
assert confirmation.CONTRACT is declaration.CONTRACT
assert statement.CONTRACT is period.CONTRACT
assert payment_back.CONTRACT is payment.CONTRACT
assert cover_consent.CONTRACT is cover_pay.CONTRACT is cover.CONTRACT
# Importing them declares the methods of ``provider``.
_PROVIDER_METHODS = (pay.pay, standards.deploy, standards.groups, standards.rates)
assert len(provider.CONTRACT.methods) == len(_PROVIDER_METHODS)

CONTRACTS: tuple[Contract, ...] = (
    organisation_methods.CONTRACT,
    governance.CONTRACT,
    accusation.CONTRACT,
    enrolment.CONTRACT,
    counters.CONTRACT,
    filing.CONTRACT,
    catalogue.CONTRACT,
    policy.CONTRACT,
    claim.CONTRACT,
    reimbursement.CONTRACT,
    funds.CONTRACT,
    traces.CONTRACT,
    family.CONTRACT,
    wallet.CONTRACT,
    credit.CONTRACT,
    payout.CONTRACT,
    move.CONTRACT,
    estate.CONTRACT,
    recovery.CONTRACT,
    newborn.CONTRACT,
    cover.CONTRACT,
    looks.CONTRACT,
    declaration.CONTRACT,
    audit.CONTRACT,
    period.CONTRACT,
    objection.CONTRACT,
    payment.CONTRACT,
    advance.CONTRACT,
    prepayment.CONTRACT,
    provider.CONTRACT,
    bank.CONTRACT,
)
"""Every system contract, each with all its methods declared."""
