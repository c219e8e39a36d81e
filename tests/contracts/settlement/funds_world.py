"""Helpers for tests that move money: people with accounts, and the sum of all balances."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from contracts.api import Value
from contracts.settlement.funds_chart import CHART
from tests.contracts.world import ALICE, BUREAU_CHANGSHA, MemoryState, World

ENTRIES = tuple(sorted({kind.entry.partition("/")[0] + "/" for kind in CHART.values()}))
"""Prefixes of all state entries that hold accounts."""


def enrol(world: World, person: str = ALICE, bureau: str = BUREAU_CHANGSHA, **given: Any) -> None:
    """Enrol a person as the home bureau does; attributes may be given by name."""
    content: dict[str, Value] = {
        "link": sha256(person.encode()).digest(),
        "scheme": "310",
        "sex": "female",
        "birth": "1980-02-29",
        "insured": [{"from": "2010-01-01", "status": "insured"}],
        "account": True,
        "from": "2010-01-01",
        "category": "active",
        "identity_types": [],
    }
    world.do(
        bureau, "enrolment", "enrol", {"person": person}, attachments={"person": content | given}
    )


def deposit(world: World, amount_fen: int, person: str = ALICE, transfer: str = "430100d1") -> None:
    """Credit a personal account."""
    world.do(
        BUREAU_CHANGSHA,
        "funds",
        "deposit",
        {"transfer": transfer, "person": person, "amount_fen": amount_fen},
        post="finance",
    )


def balances(state: MemoryState) -> dict[tuple[str, str, str], int]:
    """Every balance of the ledger by (state entry, account kind, fund type), zeros left out."""
    found = {}
    for key in sorted(state.entries):
        if not key.startswith(ENTRIES):
            continue
        entry: Mapping[str, Any] = state.get(key) or {}
        for kind in CHART:
            for fund_type, amount in entry.get(kind, {}).items():
                if amount:
                    found[key, kind, fund_type] = amount
    return found


def trial_balance(state: MemoryState) -> dict[str, int]:
    """The sum of all balances by fund type: all zero, whatever was done."""
    sums: dict[str, int] = {}
    for (_, _, fund_type), amount in balances(state).items():
        sums[fund_type] = sums.get(fund_type, 0) + amount
    return sums
