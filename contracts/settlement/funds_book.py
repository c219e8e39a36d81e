"""The book: postings that sum to zero, applied to the grouped state entries of the accounts.

A state entry holds all accounts of one owner, so that a settlement touches one entry for the area,
one for the pair of provinces, one for the institution and one for the person (ARCHITECTURE.md
section 6 counts them). The entry is a map ``account kind -> fund type -> fen``; beside the
accounts it may hold ``reserved`` (money of pending transfers, same layout) and, for a person, the
``salt`` that keeps the entry's digest from being guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from contracts.api import Context, Posting, State, reject
from contracts.settlement.funds_chart import AccountKind, entry_of

AMOUNT_LIMIT = 10**15
"""No posting reaches ten thousand billion yuan; 64-bit sums of a thousand of them still fit."""

BALANCE_LIMIT = 10**18
"""A balance stays below a thousand such postings: a sum beyond 64 bits could not be written."""

RESERVED = "reserved"
"""Slot of an entry: money out of covered accounts that pending transfers have set aside."""

Leg = tuple[str, str, int]
"""(account, fund type, amount in fen): one leg of a transfer before it has an id."""


class Book:
    """The account entries one call has touched: each is read once and written once."""

    __slots__ = ("_changed", "_entries", "_state")

    def __init__(self, state: State) -> None:
        self._state = state
        self._entries: dict[str, dict[str, Any]] = {}
        self._changed: dict[str, None] = {}

    def entry(self, key: str) -> dict[str, Any]:
        """The state entry as it stands within this call; empty when nothing was posted there."""
        found = self._entries.get(key)
        if found is None:
            found = self._state.get(key) or {}
            self._entries[key] = found
        return found

    def balance(self, account: str, fund_type: str) -> int:
        """Fen on the account, pending reservations not deducted."""
        kind, key = entry_of(account)
        slot: dict[str, int] = self.entry(key).get(kind.name, {})
        return slot.get(fund_type, 0)

    def available(self, account: str, fund_type: str) -> int:
        """Fen that may still leave the account: balance less what pending transfers set aside."""
        kind, key = entry_of(account)
        entry = self.entry(key)
        reserved: dict[str, int] = entry.get(RESERVED, {}).get(kind.name, {})
        slot: dict[str, int] = entry.get(kind.name, {})
        return slot.get(fund_type, 0) - reserved.get(fund_type, 0)

    def touch(self, key: str) -> dict[str, Any]:
        """The entry, marked to be written by ``save``."""
        self._changed[key] = None
        return self.entry(key)

    def apply(self, legs: Iterable[Leg]) -> None:
        """Add every leg to its account; accounts that must be covered stay covered.

        Refuses with ``funds.not-covered`` and ``funds.no-account`` (a person without an account).
        """
        entries, changed = self._entries, self._changed
        for account, fund_type, amount in legs:
            kind, key = entry_of(account)
            entry = entries.get(key)
            if entry is None:
                entry = self.entry(key)
            changed[key] = None
            if kind.covered:
                _check_open(kind, entry, account)
                if amount < 0:
                    check_covered(account, -amount, self.available(account, fund_type))
            slot = entry.get(kind.name)
            if slot is None:
                entry[kind.name] = {fund_type: amount}
                continue
            total = slot.get(fund_type, 0) + amount
            if not -BALANCE_LIMIT < total < BALANCE_LIMIT:
                reject("funds.too-large", account=account)
            slot[fund_type] = total

    def reserve(self, legs: Iterable[Leg], sign: int) -> None:
        """Set aside (``sign`` 1) or give back (-1) what leaves covered accounts in ``legs``."""
        for account, fund_type, amount in legs:
            kind, key = entry_of(account)
            if not kind.covered or amount >= 0:
                continue
            entry = self.touch(key)
            _check_open(kind, entry, account)
            if sign > 0:
                check_covered(account, -amount, self.available(account, fund_type))
            slot = entry.setdefault(RESERVED, {}).setdefault(kind.name, {})
            left = slot.get(fund_type, 0) - sign * amount
            assert left >= 0, "a reservation was given back twice"
            if left:
                slot[fund_type] = left
            else:
                del slot[fund_type]

    def save(self) -> None:
        """Write every entry that was touched."""
        for key in self._changed:
            self._state.put(key, self._entries[key])
        self._changed.clear()


def _check_open(kind: AccountKind, entry: Mapping[str, Any], account: str) -> None:
    """A person's entry is opened with a salt, by the first deposit; before, nothing can move."""
    if kind.entry == "account/<person>" and "salt" not in entry:
        reject("funds.no-account", account=account)


def check_covered(account: str, asked_fen: int, available_fen: int) -> None:
    """Refuses with ``funds.not-covered`` when more would leave than there is."""
    if asked_fen > available_fen:
        reject(
            "funds.not-covered", account=account, asked_fen=asked_fen, available_fen=available_fen
        )


def check_balanced(legs: Iterable[Leg]) -> None:
    """Every fund type sums to zero by itself (earmarked money), hence so does the transfer.

    Refuses with ``funds.unbalanced``, naming the fund type and its sum; with ``funds.amount`` an
    amount of nothing or beyond all money.
    """
    sums: dict[str, int] = {}
    for account, fund_type, amount in legs:
        if not amount or not -AMOUNT_LIMIT < amount < AMOUNT_LIMIT:
            reject("funds.amount", account=account, amount_fen=amount)
        sums[fund_type] = sums.get(fund_type, 0) + amount
    for fund_type, amount in sums.items():
        if amount:
            reject("funds.unbalanced", fund_type=fund_type, sum_fen=amount)


def post(
    ctx: Context,
    transfer_id: str,
    legs: list[Leg],
    book: Book | None = None,
) -> None:
    """Post a transfer now: check that it balances, apply it, put its postings into the receipt.

    With a ``book`` the caller has other postings to come and saves it; without one the entries
    are written at once. The receipt is the record of kind, reference and cause: it holds the
    call, the transfer's id and every leg; transfers that are not part of a settlement are kept
    under ``transfer/<id>`` besides (see ``funds``).
    """
    check_balanced(legs)
    own = book if book is not None else Book(ctx.state)
    own.apply(legs)
    ctx.postings += [Posting(transfer_id, account, fund, amount) for account, fund, amount in legs]
    if book is None:
        own.save()


def balance(state: State, account: str, fund_type: str) -> int:
    """Fen on an account in the given state, 0 for one that was never posted to."""
    return Book(state).balance(account, fund_type)


def counter_entry(legs: Iterable[Leg]) -> list[Leg]:
    """The same legs negated, in reverse order: the only way a posting is taken back."""
    negated = [(account, fund_type, -amount) for account, fund_type, amount in legs]
    negated.reverse()
    return negated
