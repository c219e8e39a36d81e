"""The outcome of an adjudication: who pays what of one bill, and why.

A ``Decision`` is a value; it is what a settlement posts, prints and proves. Nothing here computes
a benefit: ``adjudicate`` does.
"""

from __future__ import annotations

from typing import Any

from contracts.quick import quick
from contracts.settlement import identities
from contracts.settlement.cost_split import LineSplit
from contracts.settlement.terms import (
    BASE_OUT_OF_SCOPE,
    FUNDS,
    PAYER_COMMERCIAL,
    PAYER_FUND,
    PAYER_WAIVER,
)


@quick(frozen=True, slots=True)
class Payment:
    """What one payer gives. The amount is positive."""

    fund: str
    """Code of ``terms.FUNDS``."""
    payer: str
    """``fund``, ``commercial`` or ``waiver``."""
    base: str
    """What it pays of: ``in_scope``, ``out_of_scope`` or ``total``."""
    amount_fen: int
    why: str
    """Code of the step that explains it."""
    in_scope_fen: int
    """How much of it covers the in-scope amount."""
    year: int
    """Benefit year that bears it."""
    earlier: bool = False
    """Paid before this adjudication began: given in the case, not decided here."""

    def to_json(self) -> dict[str, Any]:
        """For files, screens and the explanation."""
        return {
            "fund": self.fund,
            "amount_fen": self.amount_fen,
            "why": self.why,
            "payer": self.payer,
            "base": self.base,
            "year": self.year,
            "earlier": self.earlier,
        }


@quick(frozen=True, slots=True)
class CounterChange:
    """One counter of the person's benefit year, before and after."""

    year: int
    name: str
    before: int
    delta: int

    @property
    def after(self) -> int:
        """The value that the next settlement sees."""
        return self.before + self.delta


@quick(frozen=True, slots=True)
class Refusal:
    """Why something of the bill is not paid by a fund. Not an error: a decision with a reason."""

    code: str
    """``line.*`` for a charge line; else the policy's own word, for example ``filing.required``."""
    line: int
    """Index of the charge line, -1 for the bill as a whole."""
    amount_fen: int
    """The amount concerned: of a line what is not in scope, of the bill its in-scope amount."""


@quick(frozen=True, slots=True)
class Decision:
    """Who pays what. All identities of ``identities.EQUATIONS`` hold; ``check`` asserts it."""

    total_fen: int
    own_expense_fen: int
    over_ceiling_fen: int
    first_pay_fen: int
    in_scope_fen: int
    lines: tuple[LineSplit, ...]
    """Empty when the case gave the sums only."""
    payments: tuple[Payment, ...]
    """In the order in which the layers were reached; earlier ones first."""
    deductible_fen: int
    person_fen: int
    account_fen: int
    """From the personal account, a relative's included."""
    family_fen: int
    """Of it from an authorised relative's account."""
    credit_fen: int
    cash_fen: int
    account_limit_fen: int
    """The most the policy lets the account pay."""
    counters: tuple[CounterChange, ...]
    """Every counter that existed before or changed, by year and name."""
    steps: tuple[dict[str, Any], ...]
    """The explanation; each has code, op, amounts_fen, parameter, result_fen, year."""
    refusals: tuple[Refusal, ...]
    year: int
    """Benefit year of the discharge."""
    years: tuple[int, ...]
    """Benefit years whose counters the policy was told, one for each part of a split stay."""

    @property
    def funds_fen(self) -> int:
        """Paid by insurance funds, earlier layers included."""
        return self._paid_by(PAYER_FUND)

    @property
    def commercial_fen(self) -> int:
        """Paid by commercial cover."""
        return self._paid_by(PAYER_COMMERCIAL)

    @property
    def hospital_share_fen(self) -> int:
        """Borne by the institution: what it waives."""
        return self._paid_by(PAYER_WAIVER)

    def _paid_by(self, payer: str) -> int:
        return sum(p.amount_fen for p in self.payments if p.payer == payer)

    def fund_fen(self, code: str) -> int:
        """What one fund pays here, earlier layers not counted."""
        return sum(p.amount_fen for p in self.payments if p.fund == code and not p.earlier)

    def step_fen(self, code: str) -> int:
        """The result of the last step of this code. Raises ``KeyError``."""
        for step in reversed(self.steps):
            if step["code"] == code:
                return int(step["result_fen"])
        raise KeyError(code)

    def figures(self) -> dict[str, int]:
        """All figures of the identities (fen), each summed from its own parts."""
        figures = dict.fromkeys(identities.FUND_TERMS, 0)
        payers = {PAYER_FUND: 0, PAYER_COMMERCIAL: 0, PAYER_WAIVER: 0}
        paid = 0
        for payment in self.payments:
            payers[payment.payer] += payment.amount_fen
            paid += payment.in_scope_fen
            if payment.payer == PAYER_FUND:
                figures[FUNDS[payment.fund].amount] += payment.amount_fen
        return figures | {
            "total": self.total_fen,
            "own_expense": self.own_expense_fen,
            "over_ceiling": self.over_ceiling_fen,
            "first_pay": self.first_pay_fen,
            "in_scope": self.in_scope_fen,
            "funds": payers[PAYER_FUND],
            "commercial": payers[PAYER_COMMERCIAL],
            "hospital_share": payers[PAYER_WAIVER],
            "person": self.person_fen,
            "account": self.account_fen,
            "credit": self.credit_fen,
            "cash": self.cash_fen,
            "in_scope_paid": paid,
            "in_scope_self": self.in_scope_fen - paid,
        }

    def check(self) -> None:
        """Raises ``AssertionError`` when an identity fails: that is a bug of the engine."""
        try:
            identities.check(self.figures())
        except identities.IdentityError as problem:
            raise AssertionError(f"decision out of balance: {problem}") from problem
        assert self.family_fen <= self.account_fen, "the family's part is part of the account's"
        assert self.account_fen <= self.account_limit_fen, "the account pays more than it may"
        outside = sum(p.amount_fen for p in self.payments if p.base == BASE_OUT_OF_SCOPE)
        assert outside <= self.total_fen - self.in_scope_fen, (
            "more paid outside scope than there is"
        )

    def to_json(self) -> dict[str, Any]:
        """The document that ``yibao policy run --json`` prints (docs/policy-answer.schema.json)."""
        return {
            "total_fen": self.total_fen,
            "own_expense_fen": self.own_expense_fen,
            "over_ceiling_fen": self.over_ceiling_fen,
            "first_pay_fen": self.first_pay_fen,
            "in_scope_fen": self.in_scope_fen,
            "deductible_fen": self.deductible_fen,
            "payments": [payment.to_json() for payment in self.payments],
            "funds_fen": self.funds_fen,
            "commercial_fen": self.commercial_fen,
            "hospital_share_fen": self.hospital_share_fen,
            "person_fen": self.person_fen,
            "account_fen": self.account_fen,
            "family_fen": self.family_fen,
            "credit_fen": self.credit_fen,
            "cash_fen": self.cash_fen,
            "account_limit_fen": self.account_limit_fen,
            "year": self.year,
            "counters": {c.name: c.after for c in self.counters if c.year == self.year},
            "counter_changes": [
                {
                    "year": c.year,
                    "name": c.name,
                    "before": c.before,
                    "added": c.delta,
                    "after": c.after,
                }
                for c in self.counters
            ],
            "steps": [dict(step) for step in self.steps],
            "refusals": [
                {"code": r.code, "line": r.line, "amount_fen": r.amount_fen} for r in self.refusals
            ],
            "lines": [
                line.for_policy() | {"first_pay": line.first_pay, "reason": line.reason}
                for line in self.lines
            ],
        }
