"""What is kept of a provider payment, and of an institution's month.

State: ``provider/<claim>`` an array, the order of ``Paid``'s fields; ``provider-month/<institution>
/<month>`` sums by way of paying, the month being that of discharge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from contracts.api import State, Value

Sums = dict[str, list[int]]
"""``way`` -> [cases, bills, standards, funds by item, paid by funds, gains, losses]; fen from the
second on."""

SUM_FIELDS = (
    "cases", "bills_fen", "standards_fen", "funds_fen", "paid_fen", "gains_fen", "losses_fen"
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What a case came to. Amounts in fen."""

    stage: str
    """``estimated`` or ``final``; ``undone`` after the settlement was reversed."""
    way: str
    standard_fen: int
    """What the policy says that the case is worth."""
    total_fen: int
    """The bill."""
    funds_fen: int
    """What the funds owe by item, as the settlement posted it."""
    paid_fen: int
    """What the funds pay for the case: standard less what others bear, at least nothing."""
    region: str
    """Area of the payment policy; its budget bears the difference."""
    number: int
    """Version of the policy, from 1."""
    fund_type: str
    """The basic fund that the difference is booked in."""
    institution: str
    month: str
    """Of discharge, ``YYYY-MM``."""
    runs: int
    """How often it was decided; each run has a transfer of its own."""
    digest: bytes
    """Of the newest run's content, for retries."""

    @property
    def result_fen(self) -> int:
        """What the institution gains (positive) or bears (negative) against its bill."""
        return self.paid_fen - self.funds_fen

    def undone(self, digest: bytes) -> Paid:
        """The same once the settlement is taken back: nothing is gained or borne any more."""
        return replace(
            self, stage="undone", standard_fen=0, total_fen=0, funds_fen=0, paid_fen=0,
            runs=self.runs + 1, digest=digest,
        )  # fmt: skip

    def encode(self) -> Value:
        """As the state has it."""
        return [
            self.stage, self.way, self.standard_fen, self.total_fen, self.funds_fen, self.paid_fen,
            self.region, self.number, self.fund_type, self.institution, self.month, self.runs,
            self.digest,
        ]  # fmt: skip

    @classmethod
    def decode(cls, value: Value) -> Paid:
        """From the state's value."""
        (stage, way, standard, total, funds, paid, region, number, fund_type, institution, month,
         runs, digest) = value  # fmt: skip
        return cls(
            stage=stage, way=way, standard_fen=standard, total_fen=total, funds_fen=funds,
            paid_fen=paid, region=region, number=number, fund_type=fund_type,
            institution=institution, month=month, runs=runs, digest=digest,
        )  # fmt: skip


def find(state: State, claim: str) -> Paid | None:
    """The payment of a claim; None where none was decided."""
    value = state.get(f"provider/{claim}")
    return None if value is None else Paid.decode(value)


def put(state: State, claim: str, made: Paid, before: Paid | None) -> None:
    """Write it, and move the institution's month from what was before to what is now."""
    state.put(f"provider/{claim}", made.encode())
    key = f"provider-month/{made.institution}/{made.month}"
    sums: Sums = state.get(key) or {}
    if before is not None:
        _add(sums, before, -1)
    _add(sums, made, 1)
    state.put(key, sums)


def month_of(state: State, institution: str, month: str) -> Sums:
    """The institution's month by way of paying; empty where nothing was decided."""
    return state.get(f"provider-month/{institution}/{month}") or {}


def _add(sums: Sums, paid: Paid, sign: int) -> None:
    if paid.stage == "undone":
        return
    result = paid.result_fen
    added = (
        1, paid.total_fen, paid.standard_fen, paid.funds_fen, paid.paid_fen, max(result, 0),
        max(-result, 0),
    )  # fmt: skip
    row = sums.get(paid.way, [0] * len(SUM_FIELDS))
    row = [old + sign * new for old, new in zip(row, added, strict=True)]
    if any(row):
        sums[paid.way] = row
    else:
        sums.pop(paid.way, None)
