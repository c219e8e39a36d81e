"""The year as one JSON object, and the sums that the page shows too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from node.year.run import MONTHS, Outcome

FULL_AFTER = 2
"""Months after which every cache is full."""


def summary(outcome: Outcome) -> dict[str, Any]:
    """The year as one JSON object."""
    sums, journal = outcome.sums, outcome.journal
    return {
        "claims": sums.calls["claim.settled"],
        "regions": len(outcome.provinces),
        "periods": outcome.periods,
        "imbalance_fen": sums.imbalance(),
        "seconds": round(outcome.seconds, 1),
        "cpu_seconds": round(outcome.cpu_seconds, 1),
        "node_cpu_seconds": round(outcome.node_cpu_seconds, 1),
        "setup_seconds": round(outcome.setup_seconds, 1),
        "population": outcome.plan.people,
        "seed": outcome.plan.seed,
        "postings": sums.postings,
        "blocks": outcome.blocks,
        "signed": True,
        "accounts_differing": len(outcome.differing),
        "refused": dict(sums.refused),
        "bills_fen": journal.bills_fen,
        "funds_fen": journal.funds_fen,
        "filings": sums.calls["filing.version"],
        "reversals": sums.calls["claim.reversed"],
        "reimbursements_paid": outcome.reimbursed,
        "deducted_fen": journal.deducted_fen,
        "payments": sums.calls["payment.paid"],
        "bank_returns": journal.returned,
        "paid_by_case": sum(stays for stays, _, _ in journal.by_case.values()),
        "final_run": {
            "stays": journal.final[0],
            "above_fen": journal.final[1],
            "below_fen": journal.final[2],
        },
        "final_rates": [asdict(rate) for rate in outcome.final_rates],
        "prepaid_fen": journal.prepaid_fen,
        "prepaid_set_off_fen": journal.set_off_fen,
        "unexplained_fen": journal.unexplained_fen,
        "commercial": commercial(outcome),
        "cut_off": {"bills_paid_first": outcome.paid_first, "steps_late": outcome.late},
        "pairs": [
            {"home": home, "care": care, "flowed_fen": flowed, "owed_fen": owed}
            for home, care, flowed, owed in sums.pairs()
        ],
        "cities": cities(outcome),
        "funds": [
            {"fund": fund, "income_fen": income, "outgo_fen": outgo}
            for fund, (income, outgo) in by_fund(outcome).items()
        ],
        "days_to_money": {"median": middle(journal.to_money), "settlements": _count(journal)},
        "memory_growth_percent": memory_growth(outcome.by_month),
        "by_month": outcome.by_month,
    }


def cities(outcome: Outcome) -> list[dict[str, Any]]:
    """What each city was asked for by its province (上解) and was passed on (下拨), by notices;
    what of it is open stands in the sums of all postings."""
    levied, allotted = (outcome.journal.cities[kind] for kind in ("remittance", "allotment"))
    owes, due = (outcome.sums.of_kind(kind) for kind in ("remittance", "allotment"))
    return [
        {
            "area": area,
            "levied_fen": levied[area]["asked"],
            "levied_open_fen": sum(owes.get(area, {}).values()),
            "allotted_fen": allotted[area]["asked"],
            "allotted_open_fen": sum(due.get(area, {}).values()),
        }
        for area in sorted({*levied, *allotted})
    ]


def commercial(outcome: Outcome) -> dict[str, Any]:
    """What commercial cover paid within settlements, what insurers were asked for and have paid;
    and what products that pay later have paid patients, and what of it came back."""
    rows, sums = outcome.journal.commercial.values(), outcome.sums
    balances = sums.of_kind("commercial").values()
    standing = -sum(sum(funds.values()) for funds in sums.of_kind("benefit").values())
    back = sum(fen for (account, _), fen in sums.into.items() if account.startswith("benefit:"))
    return {
        "persons": outcome.sums.calls["cover.authorised"],
        "settlements": sum(settlements for settlements, _, _ in rows),
        "paid_fen": sum(paid for _, paid, _ in rows),
        "received_fen": sum(received for _, _, received in rows),
        "notices": outcome.journal.insurers_asked,
        "owed_fen": -sum(sum(funds.values()) for funds in balances),
        "later": {
            "payments": sums.calls["cover.due"],
            "orders": sums.calls["cover.ordered"],
            "bounced_or_came_back": sums.calls["cover.returned"],
            "paid_fen": standing + back,
            "back_fen": back,
            "standing_fen": standing,
        },
    }


def memory_growth(by_month: Sequence[Mapping[str, int]]) -> float:
    """By how many percent node and clients together came to hold more than in the second month, at
    the most until December."""
    held = [month["memory_mb"] + month["actors_mb"] for month in by_month[:MONTHS]]
    if len(held) <= FULL_AFTER:
        return 0.0
    return round(100 * max(held[FULL_AFTER:]) / held[FULL_AFTER - 1] - 100, 1)


def by_fund(outcome: Outcome) -> dict[str, tuple[int, int]]:
    """Fund type -> (income, outgo) of all areas' funds, fen."""
    found: dict[str, tuple[int, int]] = {}
    sums = outcome.sums
    for (account, fund), balance in sorted(sums.balances.items()):
        if account.startswith("fund:"):
            income, outgo = found.get(fund, (0, 0))
            into = sums.into[account, fund]
            found[fund] = (income + into, outgo + into - balance)
    return dict(sorted(found.items()))


def middle(days: dict[int, int]) -> int | None:
    """The median of counted days; None where there are none."""
    half, running = sum(days.values()) / 2, 0
    for day in sorted(days):
        running += days[day]
        if running >= half:
            return day
    return None


def _count(journal: Any) -> int:
    return int(sum(journal.to_money.values()))
