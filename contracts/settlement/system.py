"""The table of all system contracts of this build: what the node's runtime is given.

Apart from the package's ``__init__`` because the modules of the package import each other, and one
that is being imported must not import the whole table.
"""

from __future__ import annotations

from contracts import accusation, governance, organisation_methods
from contracts.api import Contract
from contracts.settlement import (
    catalogue,
    claim,
    claim_lines,
    claim_register,
    claim_reverse,
    claim_settle,
    counters,
    credit,
    enrolment,
    family,
    filing,
    funds,
    looks,
    policy,
    reimbursement,
    reimbursement_pay,
    traces,
    wallet,
)
from contracts.settlement.clearing import payment
from contracts.settlement.refunds import consent, payout, refund, resettle

# The methods of the claim contract live in several modules; importing them declares them.
_CLAIM_MODULES = (
    claim_register, claim_lines, claim_settle, claim_reverse, resettle, refund, consent,
)  # fmt: skip
assert all(module.CONTRACT is claim.CONTRACT for module in _CLAIM_MODULES)
assert reimbursement_pay.CONTRACT is reimbursement.CONTRACT

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
    looks.CONTRACT,
    payment.CONTRACT,
)
"""Every system contract, each with all its methods declared."""
