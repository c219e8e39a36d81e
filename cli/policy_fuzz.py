"""Search a policy for bills on which it goes wrong, and make what is found small.

A policy is tried on made-up people, visits and years, each with a ladder of bills: amounts that the
source itself names with a fen more and less, and others by chance. Four things are looked for:

* ``fault``: the policy stops, answers what is no answer, a negative number, or pays more than the
  bill;
* ``not-monotone``: a bigger bill leaves the patient with less to pay;
* ``jump``: a bill that is larger by one fen changes the patient's share by more than a stated
  amount.

Between two bills of a ladder the very fen is found by halving. Everything is drawn from one seed.
"""

from __future__ import annotations

import ast
import json
import random
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from contracts.api import Rejected
from contracts.meter import PolicyError, PolicyFault
from contracts.settlement import terms
from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.case import normalise
from contracts.settlement.decision import Decision
from contracts.settlement.policy_program import PolicyProgram

Document = dict[str, Any]

BILL_MAX_FEN = 500_000_000
"""Five million yuan: above the caps of all published policies."""
LADDER_BY_CHANCE = 10
FINDINGS_MAX = 20
JUMP_FEN = 100
"""A step of one yuan for one fen more: no rounding makes one."""
ROUNDING_FEN = 5
"""Layers round one by one, so a fen more of a bill may take back a fen for each layer."""

AXES = ("in_scope_fen", "own_expense_fen")
"""What of a bill grows: the part in scope, and what lies outside the catalogue."""
AGES = (0, 6, 17, 23, 35, 45, 59, 60, 69, 70, 80, 96)
DATES = ("2024-02-29", "2024-07-01", "2025-03-31", "2025-12-31")
FILINGS = tuple(terms.FILING_TYPES)
KINDS = ("hospital", "community", "township", "clinic", "pharmacy")
HOME, ELSEWHERE = "990100", "980100"
"""Made-up areas of two provinces."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a policy does and probably should not, on the smallest case that shows it."""

    kind: str
    """``fault``, ``not-monotone`` or ``jump``."""
    code: str
    """The refusal's code of a fault; the axis of the bill of a jump."""
    values: dict[str, Any]
    case: Document
    """A case file that shows it."""
    larger: Document | None = None
    """The case with the larger bill, for what takes two."""

    @property
    def slot(self) -> tuple[str, ...]:
        """What makes two findings the same one."""
        place = ("path", "fund", "why", "line", "fault")
        return (self.kind, self.code, *(str(self.values.get(key, "")) for key in place))


@dataclass(slots=True)
class Search:
    """What was tried, and what was found."""

    people: int = 0
    decisions: int = 0
    refused: int = 0
    """Cases that the policy itself does not decide (``fail``)."""
    findings: dict[tuple[str, ...], Finding] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Fault:
    code: str
    values: dict[str, Any]


class _Undecided(Exception):  # noqa: N818  (says what it is)
    """The policy does not decide this case, by its own word."""


class _Faulty(Exception):  # noqa: N818  (says what it is)
    def __init__(self, fault: _Fault) -> None:
        super().__init__(fault.code)
        self.fault = fault


class Fuzzer:
    """One policy, one scheme, one seed."""

    def __init__(self, source: str, scheme: str, seed: int, *, jump_fen: int = JUMP_FEN) -> None:
        """Raises ``LanguageError`` when the source is no policy."""
        self._policy = PolicyProgram(source)
        self._scheme = scheme
        self._random = random.Random(f"{seed}/{scheme}")  # noqa: S311  (no secret)
        self._jump_fen = jump_fen
        self._named = Named.of(source)
        self.search = Search()

    def run(self, people: int, progress: Callable[[], None] = lambda: None) -> Search:
        """Try so many made-up people, each with a year of visits and ladders of bills."""
        for _ in range(people):
            if len(self.search.findings) >= FINDINGS_MAX:
                break
            self._try_person()
            self.search.people += 1
            progress()
        return self.search

    # --- Trying -------------------------------------------------------------------------------

    def _try_person(self) -> None:
        document = self._draw()
        for _ in range(self._random.choice((0, 0, 1, 2))):
            # A year has more than one visit: its counters are those that the policy itself left.
            decision = self._decide(document)
            if decision is None:
                return
            document = self._draw() | {key: document[key] for key in ("person", "institution")}
            document["counters"] = {c.name: c.after for c in decision.counters if c.after >= 0}
            document["visit"]["admission_number"] += 1
        for axis in AXES:
            self._climb(document, axis)

    def _climb(self, document: Document, axis: str) -> None:
        """Compare the patient's share over a ladder of bills."""
        below: tuple[int, int] | None = None
        for bill in self._ladder():
            try:
                share = self._share(with_bill(document, axis, bill))
            except _Undecided:
                self.search.refused += 1
                return
            except _Faulty as faulty:
                self._keep_fault(with_bill(document, axis, bill), faulty.fault)
                return
            if below is not None:
                self._compare(document, axis, below, (bill, share))
            below = (bill, share)

    def _compare(
        self, document: Document, axis: str, low: tuple[int, int], high: tuple[int, int]
    ) -> None:
        grown = high[1] - low[1]
        if grown < -ROUNDING_FEN:
            self._keep_step(document, axis, low, high, "not-monotone", lambda step: -step)
        elif grown > high[0] - low[0] + self._jump_fen:
            self._keep_step(document, axis, low, high, "jump", lambda step: step)

    def _decide(self, document: Document) -> Decision | None:
        try:
            return self._run(document)
        except _Undecided:
            self.search.refused += 1
        except _Faulty as faulty:
            self._keep_fault(document, faulty.fault)
        return None

    def _share(self, document: Document) -> int:
        return self._run(document).person_fen

    def _run(self, document: Document) -> Decision:
        """Raises ``_Undecided``, ``_Faulty``."""
        self.search.decisions += 1
        try:
            return adjudicate(normalise(document), self._policy)
        except PolicyError as error:
            if isinstance(error, PolicyFault):
                if error.fault.startswith("fail:"):
                    raise _Undecided from None
                raise _Faulty(_Fault(error.code, dict(error.values))) from None
            raise _Faulty(_Fault(error.code, dict(error.values))) from None
        except Rejected as refusal:
            raise _Faulty(_Fault(refusal.code, dict(refusal.values))) from None

    # --- Keeping what was found, small --------------------------------------------------------

    def _keep_fault(self, document: Document, fault: _Fault) -> None:
        found = Finding("fault", fault.code, fault.values, document)
        if found.slot in self.search.findings:
            return

        def still(candidate: Document) -> bool:
            try:
                self._run(candidate)
            except _Faulty as faulty:
                same = Finding("fault", faulty.fault.code, faulty.fault.values, candidate)
                return same.slot == found.slot
            except _Undecided:
                return False
            return False

        small = self._small_bill(simplest(document, still), still)
        try:
            self._run(small)
        except _Faulty as faulty:
            kept = Finding("fault", faulty.fault.code, faulty.fault.values, small)
            self.search.findings[found.slot] = kept

    def _small_bill(self, document: Document, still: Callable[[Document], bool]) -> Document:
        """Each sum as small as the fault allows, by halving."""
        for axis in ("own_expense_fen", "over_ceiling_fen", "first_pay_fen", "in_scope_fen"):
            low, high = 0, bill_of(document, axis)
            if still(with_bill(document, axis, 0)):
                high = 0
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if still(with_bill(document, axis, middle)) else (
                    middle, high,
                )  # fmt: skip
            document = with_bill(document, axis, high)
        return document

    def _keep_step(
        self,
        document: Document,
        axis: str,
        low: tuple[int, int],
        high: tuple[int, int],
        kind: str,
        badness: Callable[[int], int],
    ) -> None:
        """Halve towards the worse half until the two bills are neighbours; keep what is left."""
        slot = (kind, axis, *[""] * 5)
        if slot in self.search.findings:
            return
        try:
            first, second = self._nearest(document, axis, low, high, badness)
        except (_Undecided, _Faulty):
            return  # in between lies a bill that is not decided; a ladder will meet it
        limit = ROUNDING_FEN if kind == "not-monotone" else self._jump_fen + 1

        def step(candidate: Document) -> int:
            return self._share(with_bill(candidate, axis, second)) - self._share(
                with_bill(candidate, axis, first)
            )

        def still(candidate: Document) -> bool:
            try:
                return badness(step(candidate)) > limit
            except (_Undecided, _Faulty):
                return False

        if not still(document):
            return  # many small steps, none of them a jump
        small = simplest(document, still)
        smaller, larger = with_bill(small, axis, first), with_bill(small, axis, second)
        less, more = self._run(smaller), self._run(larger)
        values = {
            "bill_fen": less.total_fen,
            "person_fen": less.person_fen,
            "larger_bill_fen": more.total_fen,
            "larger_person_fen": more.person_fen,
        }
        self.search.findings[slot] = Finding(kind, axis, values, smaller, larger)

    def _nearest(
        self,
        document: Document,
        axis: str,
        low: tuple[int, int],
        high: tuple[int, int],
        badness: Callable[[int], int],
    ) -> tuple[int, int]:
        while high[0] - low[0] > 1:
            bill = (low[0] + high[0]) // 2
            middle = (bill, self._share(with_bill(document, axis, bill)))
            lower = badness(middle[1] - low[1]) - (middle[0] - low[0])
            upper = badness(high[1] - middle[1]) - (high[0] - middle[0])
            low, high = (low, middle) if lower >= upper else (middle, high)
        return low[0], high[0]

    # --- Drawing ------------------------------------------------------------------------------

    def _ladder(self) -> list[int]:
        draw = self._random
        amounts = self._named.amounts
        chosen = draw.sample(amounts, min(len(amounts), 8))
        near = {amount + step for amount in chosen for step in (-1, 0, 1)}
        chance = {
            min(BILL_MAX_FEN, int(10 ** draw.uniform(0, 8.7))) for _ in range(LADDER_BY_CHANCE)
        }
        return sorted(bill for bill in {0, 1} | near | chance if 0 <= bill <= BILL_MAX_FEN)

    def _draw(self) -> Document:
        draw = self._random
        age = draw.choice(AGES)
        named = self._named
        care = self._word(named.care_kinds, tuple(terms.CARE_KINDS))
        filing = self._word(named.filings, FILINGS)
        date = draw.choice(DATES)
        chronic = care == "chronic"
        return self._bill() | {
            "person": {
                "age_years": age,
                "age_days": age * 365 + draw.randrange(365),
                "category": self._word(named.categories, tuple(terms.CATEGORIES)),
                "identity_types": draw.choice(
                    ([], [], [self._word(named.identities, tuple(terms.IDENTITY_TYPES))])
                ),
                "scheme": self._scheme,
                "area": HOME,
            },
            "visit": {
                "care_kind": care,
                "admission": date,
                "discharge": date,
                "admission_number": draw.choice((1, 1, 2, 3)),
                "emergency": filing == "emergency" or draw.random() < 0.1,
                "referral": filing == "referral" or draw.random() < 0.1,
                "chronic_disease": self._word(named.codes, ("M03900",)) if chronic else "",
            },
            "institution": {
                "level": draw.randrange(4),
                "kind": "pharmacy" if care == "pharmacy" else draw.choice(KINDS),
                "region": draw.choice((HOME, ELSEWHERE)),
            },
            "filing": {"type": filing},
            "channel": draw.choice(("direct", "direct", "after_payment")),
        }

    def _word(self, named: tuple[str, ...], every: tuple[str, ...]) -> str:
        """Half the time a word that the policy itself names."""
        return self._random.choice(named if named and self._random.random() < 0.5 else every)

    def _bill(self) -> Document:
        """Sums; for a policy that looks at lines, lines of three classes with its own codes."""
        draw = self._random
        bill = int(10 ** draw.uniform(2, 7.5))
        own, first = bill * draw.choice((0, 0, 7, 30)) // 100, bill * draw.choice((0, 5, 12)) // 100
        if not self._named.by_line:
            return {
                "sums": {
                    "own_expense_fen": own,
                    "over_ceiling_fen": bill * draw.choice((0, 0, 2)) // 100,
                    "first_pay_fen": first,
                    "in_scope_fen": bill,
                }
            }
        amounts = {"03": own, "02": first, "01": bill}
        return {
            "lines": [
                {"code": self._word(self._named.codes, ("XA01", "001102", "C0101")),
                 "class": item_class, "amount_fen": amount}
                | ({"first_pay": draw.choice(("10%", "50%"))} if item_class == "02" else {})
                for item_class, amount in amounts.items()
            ]
        }  # fmt: skip


_CLASS_OF = {"in_scope_fen": "01", "own_expense_fen": "03", "first_pay_fen": "02"}
"""Which line of a bill by lines stands for a sum; none for what exceeds a ceiling."""


def with_bill(document: Document, axis: str, amount_fen: int) -> Document:
    """The case with one of its four sums set, or the line that stands for it; the total follows."""
    if "sums" in document:
        return document | {"sums": document["sums"] | {axis: amount_fen}}
    lines = [
        line | ({"amount_fen": amount_fen} if line["class"] == _CLASS_OF.get(axis) else {})
        for line in document["lines"]
    ]
    return document | {"lines": lines}


def bill_of(document: Document, axis: str) -> int:
    """What ``with_bill`` sets."""
    if "sums" in document:
        return int(document["sums"][axis])
    of_class = [x["amount_fen"] for x in document["lines"] if x["class"] == _CLASS_OF.get(axis)]
    return sum(of_class)


@dataclass(frozen=True, slots=True)
class Named:
    """What a source names: places to look at. Too many do no harm."""

    amounts: list[int]
    """Numbers and texts of digits, as fen and as yuan."""
    categories: tuple[str, ...]
    identities: tuple[str, ...]
    """Also words of the policy's own."""
    care_kinds: tuple[str, ...]
    filings: tuple[str, ...]
    codes: tuple[str, ...]
    """Texts that may be codes of items or diseases."""
    by_line: bool
    """Whether it looks at charge lines."""

    @classmethod
    def of(cls, source: str) -> Named:
        """Read a source."""
        tree = ast.parse(source)
        values = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
        words = sorted({value for value in values if isinstance(value, str)})
        asked = {
            str(argument.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "has_identity"
            for argument in node.args[1:]
            if isinstance(argument, ast.Constant)
        }
        functions = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}

        def among(known: Mapping[str, Any]) -> tuple[str, ...]:
            return tuple(word for word in words if word in known)

        return cls(
            amounts=_amounts(values),
            categories=among(terms.CATEGORIES),
            identities=tuple(sorted({*among(terms.IDENTITY_TYPES), *asked})),
            care_kinds=among(terms.CARE_KINDS),
            filings=among(terms.FILING_TYPES),
            codes=tuple(w for w in words if _CODE.fullmatch(w) and w not in terms.FUNDS),
            by_line="lines" in words or "first_pay" in functions,
        )


_CODE = re.compile(r"(?=.*[-0-9A-Z])[0-9A-Za-z][-0-9A-Za-z]{2,39}")
"""A text with a digit, a capital letter or a hyphen: words of the case have none."""


def _amounts(values: list[Any]) -> list[int]:
    found: set[int] = set()
    for value in values:
        text = str(value).replace(",", "")
        if isinstance(value, bool) or not re.fullmatch(r"[0-9]+(\.[0-9]{1,2})?", text):
            continue
        whole, _, part = text.partition(".")
        found |= {int(whole) * 100 + int(part.ljust(2, "0") or 0)}
        if not part:
            found |= {int(text)}
    return sorted(amount for amount in found if 0 < amount <= BILL_MAX_FEN)


def simplest(document: Document, still: Callable[[Document], bool]) -> Document:
    """The case with everything left out that does not matter."""
    small = deepcopy(document)
    for path in _droppable(small):
        candidate = _without(small, path)
        if still(candidate):
            small = candidate
    for axis in ("own_expense_fen", "over_ceiling_fen", "first_pay_fen"):
        candidate = with_bill(small, axis, 0)
        if still(candidate):
            small = candidate
    return small


def _droppable(document: Document) -> list[tuple[str, ...]]:
    """Whole groups first, then their keys."""
    groups = [key for key in document if key not in ("sums", "lines")]
    inner = [
        (group, key) for group in groups if isinstance(document[group], dict)
        for key in document[group]
    ]  # fmt: skip
    return [*((group,) for group in groups), *inner]


def _without(document: Document, path: tuple[str, ...]) -> Document:
    group, *rest = path
    if group not in document:
        return document
    if not rest:
        return {key: value for key, value in document.items() if key != group}
    inner = {key: value for key, value in document[group].items() if key != rest[0]}
    return document | {group: inner}


def case_text(document: Document) -> str:
    """The case as a file that ``yibao policy run`` takes."""
    return json.dumps(document, ensure_ascii=False, indent=2)
