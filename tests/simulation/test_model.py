"""The reference model against the real executor by chance, and planted bugs against the model."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from contracts.settlement import (
    claim_postings,
    claim_reverse,
    claim_settle,
    counters,
    funds,
    lifecycle,
    money,
    stays,
)
from contracts.settlement.funds_book import Book, Leg
from contracts.settlement.refunds import consent, undo
from node.execution.blocks import BlockResult
from node.ledger import codec
from node.ledger.transaction import SignedTransaction
from node.ledger.types import TimeMs
from tests.node.conservation_world import (
    HOMES,
    START_MS,
    Chain,
    Mischief,
    Planned,
    Signer,
    founding,
)
from tests.simulation.command import options_of
from tests.simulation.model.model import Model
from tests.simulation.run import Run as Simulated
from tests.simulation.run import run_seed

FOUNDING = founding(Signer())
SEEDS = range(1, 6)
BLOCKS = 50


class Calls(Mischief):
    """``Mischief`` with decided filings, so that policies with and without one are met."""

    IN_PARTS = False

    def __init__(self, seed: int, signer: Signer) -> None:
        super().__init__(seed, signer)
        self.filings: list[str] = []
        self.fed: list[dict[str, Any]] = []
        self._at_bureau += [(8, self.file), (8, self.decide), (6, self.feed), (12, self.unfeed)]
        self._at_finance += [(20, self.prepare), (20, self.post)]
        self._at_checker += [(10, self.post)]

    def _amount(self) -> int:
        if self.chance.random() < 0.15:  # what ``ODD_POLICY`` answers wrongly
            return self.chance.randint(0, 300) * 1_000 + self.chance.randint(501, 510)
        return super()._amount()

    def feed(self) -> Planned:
        """Care at home."""
        contract, method, args, attached = super().feed()
        self.fed.append({name: value for name, value in args.items() if name != "settled_ms"})
        return contract, method, args, attached

    def unfeed(self) -> Planned:
        """Care at home that was taken back; mostly what was told before."""
        own = [args for args in self.fed if HOMES.get(args["person"][2:8]) == self.sender][-4:]
        return ("counters", "unfeed", self.chance.choice(own), {}) if own else super().unfeed()

    def prepare(self) -> Planned:
        """Money of the own area that waits for another person of the same bureau: contributions,
        or most of what is on a personal account."""
        contract, method, args, attached = self.transfer()
        area, amount, fund_type = self.sender.partition(":")[2], 700, "310100"
        payer, payee = f"premium:{area}", f"fund:{area}"
        if (home := self._home()) and self.chance.random() < 0.6:
            payer, payee = f"person:{home[1]}:account", f"premium:{home[0]}"
            amount, fund_type = self.chance.choice((9_000, 25_000)), "310200"
        legs = ((payer, -amount), (payee, amount))
        rows = [{"account": a, "fund_type": fund_type, "amount_fen": n} for a, n in legs]
        args |= {"postings": rows, "phase": "pending", "expires_ms": self.now_ms + 900_000}
        args.pop("confirmer", None)
        self.pending.append(str(args["transfer"]))
        return contract, method, args, attached

    def file(self) -> Planned:
        """A referral to either place."""
        contract, method, args, attached = super().file()
        self.filings.append(str(args["filing"]))
        more: dict[str, Any] = {"type": self.chance.choice(("referral", "other"))}
        more["care_region"] = self.chance.choice(("440100", "440000", "110000"))
        return contract, method, args | more, attached

    def decide(self) -> Planned:
        """What the home bureau says of a filing."""
        known = self.filings[-6:] or ["none"]
        chosen = self.chance.choice((("approve", ""), ("approve", ""), ("refuse", "other")))
        args: dict[str, Any] = {"filing": self.chance.choice(known), "version": 2}
        return "filing", "decide", args | {"decision": chosen[0], "reason": chosen[1]}, {}


@dataclass
class Run:
    """A chain that the model follows."""

    chain: Chain
    model: Model
    results: list[BlockResult]

    def read(self, key: str) -> Any:
        """A state entry, decoded."""
        data = self.chain.rows.get(key)
        return None if data is None else codec.decode(data)

    def add(self, transactions: Sequence[SignedTransaction], at_ms: int) -> None:
        """One more block."""
        proposal = self.chain.build(transactions, at_ms)
        result = proposal.result
        if result is None:
            return
        self.chain.commit(result)
        self.model.follow(result.header, result.transactions, result.receipts)
        self.model.compare_state(self.read)
        self.results.append(result)


def begin() -> Run:
    """The founded chain, and a model that is told of it."""
    chain = Chain()
    for block in FOUNDING:
        result = chain.build(block, START_MS).result
        assert result is not None
        chain.commit(result)
    model = Model()
    model.begin(chain.state())
    return Run(chain, model, [])


def run(seed: int, blocks: int = BLOCKS) -> Run:
    """A seed's blocks, followed to the end."""
    made, calls = begin(), Calls(seed, Signer())
    for _ in range(blocks):
        made.add(calls.block(), calls.now_ms)
    made.model.end(made.chain.state())
    return made


def run_all() -> list[Model]:
    """The models of all seeds."""
    models = []
    for seed in SEEDS:
        try:
            models.append(run(seed).model)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
    return models


def test_the_model_agrees_with_the_contracts() -> None:
    judged: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    for model in run_all():
        judged += model.judged
        unknown += model.not_judged
    assert sum(unknown.values()) * 50 < sum(judged.values()), unknown
    for outcome in (
        "claim.settle ok", "claim.settle claim.duplicate-id", "claim.settle claim.not-found",
        "claim.settle claim.consent-missing", "claim.settle claim.total-differs",
        "claim.settle policy.overspends", "claim.settle policy.answer-malformed",
        "claim.reverse ok", "claim.reverse claim.wrong-state",
        "claim.reverse claim.not-yours", "claim.lines ok", "claim.register ok", "claim.cancel ok",
        "claim.estimate ok", "funds.deposit ok", "funds.transfer ok", "funds.post ok",
        "funds.transfer funds.not-covered", "funds.transfer funds.contract-only", "funds.lapse ok",
        "counters.feed ok", "counters.unfeed ok", "counters.open ok", "filing.submit ok",
        "filing.submit filing.home-place", "filing.decide ok",
    ):  # fmt: skip
        assert judged[outcome], f"no {outcome} in {sum(judged.values())} calls: {judged}"


def test_the_model_shares_no_code_with_what_it_judges() -> None:
    for path in (Path(__file__).parent / "model").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith(("contracts", "node.execution")), f"{path.name}: {name}"
                worlds = path.name == "facts.py"  # values only
                assert worlds or not name.startswith(("tests.contracts", "tests.node")), path.name


# --- Bugs that are planted into the product -------------------------------------------------


def _a_fen_too_much(patch: pytest.MonkeyPatch) -> None:
    """The home fund pays a fen that the institution gets."""
    real = claim_postings.settlement_legs

    def legs(bill: Any) -> list[Leg]:
        made = real(bill)
        if len(made) > 1 and made[0][0].startswith("fund:"):
            made = [(a, f, n + (1 if n > 0 else -1)) if f == made[0][1] else (a, f, n)
                    for a, f, n in made]  # fmt: skip
        return made

    for module in (claim_settle, undo):
        patch.setattr(module, "settlement_legs", legs)


def _another_fund(patch: pytest.MonkeyPatch) -> None:
    """A neighbour's fund pays."""
    real = claim_postings.settlement_legs

    def legs(bill: Any) -> list[Leg]:
        return [("fund:430300" if a.startswith("fund:") else a, f, n) for a, f, n in real(bill)]

    for module in (claim_settle, undo):
        patch.setattr(module, "settlement_legs", legs)


def _counters_stay(patch: pytest.MonkeyPatch) -> None:
    """What a settlement counted is not taken off when it is reversed."""
    patch.setattr(counters, "restore", lambda *_: None)


def _reversed_twice(patch: pytest.MonkeyPatch) -> None:
    """A reversed claim may be reversed again."""
    real = lifecycle.follow
    patch.setattr(
        consent, "follow",
        lambda state, action: real("settled" if state == "reversed" else state, action),
    )  # fmt: skip


def _settled_twice(patch: pytest.MonkeyPatch) -> None:
    """An id is not found any more once it is settled."""
    real = claim_settle.claims.find

    def find(state: Any, claim_id: str) -> Any:
        known = real(state, claim_id)
        return None if known is not None and known.settled is not None else known

    patch.setattr(claim_settle.claims, "find", find)


def _rounded_down(patch: pytest.MonkeyPatch) -> None:
    """A share loses its half fen."""
    patch.setattr("contracts.settlement.cost_split.share",
                  lambda amount, ratio: amount * ratio.num // ratio.den)  # fmt: skip
    assert money.share(5, money.parse_ratio("10%")) == 1


def _set_aside_is_spent(patch: pytest.MonkeyPatch) -> None:
    """Pending money is not kept out of what is available."""
    patch.setattr(Book, "available", Book.balance)


def _deposited_twice(patch: pytest.MonkeyPatch) -> None:
    """A deposit sent again is posted again."""
    patch.setattr(funds, "_is_repeated", lambda *_: False)


def _a_leg_is_lost(patch: pytest.MonkeyPatch) -> None:
    """The state gets one leg less than the receipt."""
    real = Book.apply
    patch.setattr(Book, "apply", lambda self, legs: real(self, legs[: 4 if len(legs) > 4 else 9]))


def _in_two_beds(patch: pytest.MonkeyPatch) -> None:
    """Whatever is named explains a stay that overlaps another, and so does nothing."""
    patch.setattr(stays, "_explained", lambda one, other: True)


def _in_bed_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A stay that was given up or taken back is not forgotten."""
    patch.setattr(claim_reverse.claim_stay, "take_back", lambda *_: None)


PLANTED: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (
    _a_fen_too_much, _another_fund, _counters_stay, _reversed_twice, _settled_twice,
    _rounded_down, _set_aside_is_spent, _deposited_twice, _a_leg_is_lost,
    _in_two_beds, _in_bed_for_ever,
)  # fmt: skip


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__.strip("_"))
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=r"model says|differ|twice"):
        run_all()


# --- Blocks that no correct node commits ----------------------------------------------------


@pytest.fixture(scope="module")
def told() -> tuple[BlockResult, BlockResult]:
    """Two blocks that follow each other, both with transactions."""
    first, second = run(1, 3).results[:2]
    return first, second


def follow(*blocks: tuple[Any, Sequence[Any], Sequence[Any]]) -> None:
    model = begin().model
    for header, transactions, receipts in blocks:
        model.follow(header, transactions, receipts)


def test_a_block_that_is_executed_again_is_found(told: tuple[BlockResult, BlockResult]) -> None:
    one, two = told
    again = (two.header, one.transactions, one.receipts)
    with pytest.raises(AssertionError, match="executed twice"):
        follow((one.header, one.transactions, one.receipts), again)


def test_an_expired_transaction_is_found(told: tuple[BlockResult, BlockResult]) -> None:
    one, _ = told
    latest = min(t.body.valid_until_ms for t in one.transactions)
    follow((one.header, one.transactions, one.receipts))
    late = replace(one.header, time_ms=TimeMs(latest + 1))
    with pytest.raises(AssertionError, match="of its time left"):
        follow((late, one.transactions, one.receipts))


def test_a_transaction_of_another_chain_is_found(told: tuple[BlockResult, BlockResult]) -> None:
    one, _ = told
    header = replace(one.header, chain=type(one.header.chain)(bytes(32)))
    with pytest.raises(AssertionError, match="another chain"):
        follow((header, one.transactions, one.receipts))


def test_a_missing_receipt_and_a_missing_height_are_found(
    told: tuple[BlockResult, BlockResult],
) -> None:
    one, two = told
    with pytest.raises(AssertionError, match="without a receipt"):
        follow((one.header, one.transactions, one.receipts[:-1]))
    later = replace(two.header, height=type(two.header.height)(two.header.height + 1))
    with pytest.raises(AssertionError, match="height is missing"):
        follow((one.header, one.transactions, one.receipts), (later, [], []))


def test_the_simulator_asks_the_model() -> None:
    """A bug of the product ends a run, and without one all calls of its chain were judged."""
    found: list[Model] = []

    def look(run: Simulated) -> None:
        found.extend(o for o in run.judge.observers if isinstance(o, Model))

    options = replace(options_of(1), size=1, spare=0, strategies=(), families=(), faults=0)
    outcome = run_seed(options, each=look)
    assert outcome.ok, outcome.sentence()
    (model,) = found
    assert sum(model.judged.values()) > 10
    with pytest.MonkeyPatch.context() as patch:
        _a_leg_is_lost(patch)
        broken = run_seed(options)
    assert broken.violation is not None
    assert broken.violation.invariant == "I8"
