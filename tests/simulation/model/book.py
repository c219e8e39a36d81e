"""Accounts by name and fund type, as one flat dict."""

from __future__ import annotations

from collections import Counter

Leg = tuple[str, str, int]
"""Account, fund type, fen."""
AMOUNT_END = 10**15
BALANCE_END = 10**18
FIRST_WORDS = {
    "fund": ("fund", "home"), "premium": ("fund", "home"), "owed": ("fund", "contract"),
    "commercial": ("commercial", "contract"), "benefit": ("commercial", "contract"),
    "person": ("account", "home"),
    "wallet": ("account", "contract"), "clearing": ("clearing", "contract"),
    "receivable": ("clearing", "contract"), "advance": ("clearing", "contract"),
    "payable": ("payable", "care"), "patient": ("payable", "owner"),
    "income": ("payable", "owner"), "hospital_share": ("payable", "contract"),
    "bank": ("bank", "owner"), "credit": ("bank", "contract"),
}  # fmt: skip
"""First word of an account's name: folder of its state entry, and who may move its money."""
COVERED = ("person", "wallet", "credit")


class Refused(Exception):  # noqa: N818  (an outcome)
    """The model refuses a call with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def word_of(account: str) -> str:
    return account.partition(":")[0]


def owner_of(account: str) -> str:
    """Area, person, institution or pair of provinces in an account's name."""
    return account.partition(":")[2].removesuffix(":account")


def entry_of(account: str) -> tuple[str, str]:
    """State key and slot that hold an account."""
    word = word_of(account)
    return f"{FIRST_WORDS[word][0]}/{owner_of(account).replace('->', '/')}", word


def check_balanced(legs: list[Leg]) -> None:
    """Nothing of nothing, nothing beyond all money, zero by fund type."""
    sums: Counter[str] = Counter()
    for _, fund_type, amount in legs:
        if not amount or abs(amount) >= AMOUNT_END:
            raise Refused("funds.amount")
        sums[fund_type] += amount
    if any(sums.values()):
        raise Refused("funds.unbalanced")


class Book:
    """All money."""

    def __init__(self) -> None:
        self.balances: dict[tuple[str, str], int] = {}
        self.reserved: dict[tuple[str, str], int] = {}
        self.opened: set[str] = set()
        """People's accounts that a deposit has opened."""
        self.touched: set[tuple[str, str]] = set()

    def available(self, account: str, fund_type: str) -> int:
        key = account, fund_type
        return self.balances.get(key, 0) - self.reserved.get(key, 0)

    def _check_leg(self, leg: Leg) -> None:
        account, fund_type, amount = leg
        word = word_of(account)
        if word in ("person", "wallet") and owner_of(account) not in self.opened:
            raise Refused("funds.no-account")
        if word in COVERED and amount < 0 and -amount > self.available(account, fund_type):
            raise Refused("funds.not-covered")

    def apply(self, legs: list[Leg]) -> None:
        """All legs or, with ``Refused``, none."""
        before = dict(self.balances)
        try:
            for leg in legs:
                self._check_leg(leg)
                key, known = leg[:2], leg[:2] in self.balances
                self.balances[key] = self.balances.get(key, 0) + leg[2]
                if known and abs(self.balances[key]) >= BALANCE_END:
                    raise Refused("funds.too-large")
        except Refused:
            self.balances = before
            raise
        self.touched |= {leg[:2] for leg in legs}

    def post(self, legs: list[Leg]) -> None:
        check_balanced(legs)
        self.apply(legs)

    def reserve(self, legs: list[Leg]) -> None:
        """Set aside what will leave covered accounts."""
        before = dict(self.reserved)
        try:
            for leg in legs:
                if word_of(leg[0]) in COVERED and leg[2] < 0:
                    self._check_leg(leg)
                    self.reserved[leg[:2]] = self.reserved.get(leg[:2], 0) - leg[2]
        except Refused:
            self.reserved = before
            raise

    def give_back(self, legs: list[Leg]) -> None:
        for account, fund_type, amount in legs:
            if word_of(account) in COVERED and amount < 0:
                self.reserved[account, fund_type] += amount
                assert self.reserved[account, fund_type] >= 0, account
