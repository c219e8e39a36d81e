"""What the model knows: people, money, claims, counters, transfers, in plain dicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Leg = tuple[str, str, int]
"""(account, fund type, fen)."""

ENTRY_KINDS = {
    "fund": ("fund", "premium", "owed"),
    "commercial": ("commercial",),
    "payable": ("payable", "patient", "income", "hospital_share"),
    "bank": ("bank", "credit"),
    "account": ("person", "wallet"),
    "clearing": ("clearing", "receivable", "advance"),
}
"""First word of a state entry to the kinds of account that it may hold."""
ACCOUNT = "310200"


@dataclass
class Person:
    """An insured person."""

    id: str
    area: str
    scheme: str
    has_account: bool


@dataclass
class Claim:
    """A claim's id in use: a visit, what was uploaded, how it was settled."""

    institution: str
    person: str
    inpatient: bool
    emergency: bool
    state: str
    registered: object = None
    """Digest of the registering call; None when the settlement registered it."""
    uploads: dict[int, tuple[object, list[list[Any]]]] = field(default_factory=dict)
    settled: object = None
    """Digest of the settling call."""
    legs: list[Leg] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)


@dataclass
class Transfer:
    """A transfer's id in use."""

    sender: str
    digest: object
    status: str
    confirmer: str
    expires_ms: int
    legs: list[Leg]


@dataclass
class Local:
    """A local settlement that the home bureau fed."""

    digest: object
    person: str
    deltas: dict[str, int]
    undone: object = None


@dataclass
class Verdict:
    """What a call must come to."""

    reasons: set[str] = field(default_factory=set)
    """All codes for which it must be refused; empty: it must be ok."""
    may: frozenset[str] = frozenset()
    """Codes of limits of size that it may be refused with as well."""
    legs: list[Leg] = field(default_factory=list)
    amounts: dict[str, int] = field(default_factory=dict)
    effect: Callable[[], None] | None = None
    """What else it changes, once it is ok."""


@dataclass
class Doing:
    """One call."""

    world: World
    sender: str
    time_ms: int
    args: dict[str, Any]
    content: Any
    """Of its attachment."""
    digest: object
    """Two calls of equal content have equal ones."""


class World:
    """All of it."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.balances: Counter[tuple[str, str]] = Counter()
        self.reserved: Counter[str] = Counter()
        """Of personal accounts, by person: set aside by pending transfers."""
        self.opened: set[str] = set()
        """People whose account entry exists."""
        self.claims: dict[str, Claim] = {}
        self.reversals: dict[str, tuple[str, object]] = {}
        """Id of a reversal to its claim and the call's digest."""
        self.counters: dict[str, Counter[str]] = {}
        """By person; one year and scheme in this world."""
        self.openings: dict[str, object] = {}
        self.locals: dict[bytes, Local] = {}
        self.transfers: dict[str, Transfer] = {}
        self.held: dict[str, int] = {}
        """Institution to the end of the hold on what is owed to it."""

    def begin(self, state: dict[str, Any]) -> None:
        """Take over what the founding blocks left."""
        for key, value in state.items():
            folder, _, rest = key.partition("/")
            if folder == "person":
                self.people[rest] = Person(value[0], value[1], value[2], value[5])
            if folder == "account":
                self.opened.add(rest)
            if folder == "transfer":
                self.transfers[rest] = Transfer(value[3], None, value[1], value[5], 0, [])
        self.balances = balances_of(state)

    def counted(self, person: str) -> Counter[str]:
        """The counters of a person."""
        return self.counters.setdefault(person, Counter())

    def available(self, person: str) -> int:
        """What may leave a personal account."""
        return self.balances[f"person:{person}:account", ACCOUNT] - self.reserved[person]

    def check(self, state: dict[str, Any]) -> None:
        """Hold the whole state against the model. Raises ``AssertionError``."""
        found = balances_of(state)
        wrong = {
            name: (found[name], self.balances[name])
            for name in found.keys() | self.balances.keys()
            if found[name] != self.balances[name]
        }
        assert not wrong, f"balances (state, model): {dict(sorted(wrong.items())[:4])}"
        sums: Counter[str] = Counter()
        for (_, fund_type), amount in found.items():
            sums[fund_type] += amount
        assert not any(sums.values()), f"the ledger does not sum to zero: {sums}"
        self._check_counters(state)
        self._check_claims(state)
        self._check_reserved(state)

    def _check_counters(self, state: dict[str, Any]) -> None:
        found: dict[str, Counter[str]] = {}
        for key, value in state.items():
            if key.startswith("counter/"):
                found.setdefault(key.split("/")[1], Counter()).update(value[0])
        for person in found.keys() | self.counters.keys():
            told, wanted = found.get(person, Counter()), self.counters.get(person, Counter())
            assert told == wanted, f"counters of {person}: {dict(told)}, by the model {wanted}"

    def _check_claims(self, state: dict[str, Any]) -> None:
        stored = {
            key.partition("/")[2]: value for key, value in state.items() if key[:6] == "claim/"
        }
        told = {name: value[0] for name, value in stored.items() if value[0] != "reversal"}
        wanted = {name: claim.state for name, claim in self.claims.items()}
        assert told == wanted, f"claims: {sorted(told.items() ^ wanted.items())[:4]}"
        reversals = {name: value[1] for name, value in stored.items() if value[0] == "reversal"}
        assert reversals == {name: claim for name, (claim, _) in self.reversals.items()}

    def _check_reserved(self, state: dict[str, Any]) -> None:
        for key, value in state.items():
            if key.startswith("account/"):
                person = key.partition("/")[2]
                slots = value.get("reserved", {}).get("person", {})
                assert sum(slots.values()) == self.reserved[person], f"reserved of {person}"


def balances_of(state: dict[str, Any]) -> Counter[tuple[str, str]]:
    """Every balance of the state by the account's name."""
    found: Counter[tuple[str, str]] = Counter()
    for key, entry in state.items():
        folder, _, rest = key.partition("/")
        for kind in ENTRY_KINDS.get(folder, ()):
            for fund_type, amount in entry.get(kind, {}).items():
                name = f"{kind}:{rest}"
                if folder == "clearing":
                    home, _, care = rest.partition("/")
                    name = f"{kind}:{home}->{care}"
                elif kind == "person":
                    name = f"person:{rest}:account"
                found[name, fund_type] += amount
    return found
