"""The reference model: decides every call of a committed block again, from what was signed.

It shares no code with ``contracts`` or ``node.execution``: bills are split and shared out in exact
fractions (``bill``), money, claims and counters are plain dicts (``world``), and what the calls of
the simulated clients do is written down a second time (``claims``, ``funds``). For every call it
names all reasons for which the call would have to be refused; the ledger must accept it if and only
if there is none, and its code must be one of them. Then postings, amounts and counters must be the
same to the fen, and at the end every balance, counter and claim of the state.

What it does not judge is written in ``BELIEVED``: refusals about who may act, which it takes from
the receipt, and calls of other contracts. How often it believed is counted; too often is a failure
of the model (``test_model``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from node.ledger.block import Header
from node.ledger.codec import decode_trusted
from node.ledger.receipt import Receipt
from node.ledger.transaction import Call, SignedTransaction
from tests.simulation import observers
from tests.simulation.judge import CommittedBlock
from tests.simulation.model import claims, funds
from tests.simulation.model.world import Doing, Verdict, World

BELIEVED = frozenset(
    {
        "args.shape", "sender.kind", "sender.post", "sender.not-competent",
        "funds.needs-bureau", "funds.not-owner", "funds.contract-only", "funds.unknown-account",
        "funds.same-holder", "filing.home-place", "filing.duplicate-id",
    }
)  # fmt: skip
"""Refusals that the model takes from the receipt: shapes, and who may act."""

RULES: Mapping[str, Callable[[Doing], Verdict]] = {**claims.RULES, **funds.RULES}
"""What each judged method does, by ``contract.method``."""

MADE: Mapping[str, str] = {
    "claim.register": "claim", "claim.settle": "claim", "claim.estimate": "claim",
    "claim.reverse": "reversal", "funds.deposit": "transfer", "funds.transfer": "transfer",
    "filing.submit": "filing",
}  # fmt: skip
"""Which argument of a method is an id that is unique for good."""


def _is_own(sender: str, name: str) -> bool:
    """Whether an id begins as its maker's must: with its national code, else with all of its id."""
    kind, code = sender.split(":", 1) if ":" in sender else (sender, "")
    prefix = code if kind in ("bureau", "hospital", "pharmacy") else sender + ":"
    return len(name) > len(prefix) and name[: len(prefix)] == prefix


class ReferenceModel:
    """An ``Observer`` of the judge."""

    def __init__(self) -> None:
        self.world = World()
        self.executed: set[bytes] = set()
        self.judged: Counter[str] = Counter()
        """Method and outcome, decided again."""
        self.believed: Counter[str] = Counter()
        """Method and outcome, taken as they were."""

    def begin(self, state: dict[str, Any]) -> None:
        self.world.begin(state)

    def on_block(self, block: CommittedBlock) -> None:
        """Raises ``AssertionError``."""
        self.follow(block.header, block.transactions, block.receipts)

    def end(self, state: dict[str, Any]) -> None:
        self.world.check(state)

    def follow(
        self, header: Header, transactions: Sequence[SignedTransaction],
        receipts: Sequence[Receipt],
    ) -> None:  # fmt: skip
        """One block: every call in order, then nothing may be left."""
        told = iter(receipts)
        for transaction in transactions:
            body = transaction.body
            assert transaction.id not in self.executed, "a transaction was executed twice"
            self.executed.add(transaction.id)
            assert body.chain == header.chain, "a transaction of another chain"
            assert header.time_ms <= body.valid_until_ms, "a transaction whose time was over"
            for index, call in enumerate(body.calls):
                receipt = next(told)
                assert (receipt.tx_id, receipt.call_index) == (transaction.id, index)
                self._judge(header, transaction, call, receipt)
        assert next(told, None) is None, "a receipt of nobody's call"

    def _judge(
        self, header: Header, transaction: SignedTransaction, call: Call, receipt: Receipt
    ) -> None:
        name = f"{call.contract}.{call.method}"
        rule = RULES.get(name)
        if receipt.status != "ok":
            left = [*receipt.postings, *receipt.events, *receipt.amounts]
            assert not left, f"{name}: a refusal leaves {left[:2]}"
        if rule is None:
            assert not receipt.postings, f"{name} moves money"
            self.believed[f"{name} {receipt.status}"] += 1
            return
        if receipt.code in BELIEVED:
            self.believed[f"{name} {receipt.code}"] += 1
            return
        attached = [transaction.attachments[place] for place in call.attachments]
        doing = Doing(
            world=self.world,
            sender=str(transaction.body.sender),
            time_ms=header.time_ms,
            args=call.args,
            content=decode_trusted(attached[0].content) if attached else None,
            digest=(name, repr(sorted(call.args.items())), tuple(a.content for a in attached)),
        )
        verdict = rule(doing)
        if name in MADE and not _is_own(doing.sender, doing.args[MADE[name]]):
            verdict.reasons.add("sender.foreign-id")
        self.judged[f"{name} {receipt.code or receipt.status}"] += 1
        if receipt.status != "ok":
            assert receipt.code in verdict.reasons | verdict.may, (
                f"{name} is refused with {receipt.code}; the model says "
                f"{sorted(verdict.reasons) or 'ok'}"
            )
            return
        assert not verdict.reasons, f"{name} is ok; the model says {sorted(verdict.reasons)}"
        self._compare(name, verdict, receipt)
        for account, fund_type, amount in verdict.legs:
            self.world.balances[account, fund_type] += amount
        if verdict.effect is not None:
            verdict.effect()

    def _compare(self, name: str, verdict: Verdict, receipt: Receipt) -> None:
        found = Counter((p.account, p.fund_type, p.amount_fen) for p in receipt.postings)
        wanted = Counter(verdict.legs)
        assert found == wanted, f"{name} posts {found - wanted}, the model {wanted - found}"
        sums: Counter[tuple[str, str]] = Counter()
        for posting in receipt.postings:
            sums[posting.transfer_id, posting.fund_type] += posting.amount_fen
        assert not any(sums.values()), f"{name} makes money: {sums}"
        for amount, fen in verdict.amounts.items():
            told = receipt.amounts.get(amount, 0)
            assert told == fen, f"{name}: {amount} is {told}, by the model {fen}"


observers.MAKERS.append(ReferenceModel)
