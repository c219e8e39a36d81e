"""A dumb model of the money: what the receipts say happened, added up in plain dicts.

It knows nothing of policies, catalogues or rights. It believes the receipts and then holds the
whole state against them: every balance, every counter, every reservation must be what the receipts
add up to, and nothing may have happened twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from node.execution.blocks import BlockResult
from node.execution.calls import CallResult
from node.ledger import codec
from node.ledger.transaction import Call, SignedTransaction

Account = tuple[str, str]
"""(account, fund type)."""
_ENTRIES = {
    "fund": "fund", "premium": "fund", "commercial": "commercial", "payable": "payable",
    "patient": "payable", "income": "payable", "hospital_share": "payable", "bank": "bank",
    "person": "account", "benefit": "commercial",
}  # fmt: skip
"""First word of an account's name to the first word of its state entry."""


@dataclass
class Model:
    """What the receipts add up to."""

    balances: Counter[Account] = field(default_factory=Counter)
    transfers: set[str] = field(default_factory=set)
    """Ids under which money moved: each once in the life of the ledger."""
    settled: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)
    """Claim to the legs that settled it."""
    reversed: dict[str, str] = field(default_factory=dict)
    """Claim to the id of its one reversal."""
    counted: dict[str, tuple[str, list[list[Any]]]] = field(default_factory=dict)
    """Claim to its person and the counters that it moved."""
    counters: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    fed: dict[tuple[str, bytes], Counter[tuple[str, int, str]]] = field(default_factory=dict)
    pending: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    """How often each method came to each outcome, to see that the chance finds its way."""

    def follow(self, result: BlockResult) -> None:
        """Take a block's receipts in, each checked by itself and against what came before."""
        calls = iter(result.calls)
        left: set[str] = set()
        for transaction in result.transactions:
            for index, call in enumerate(transaction.body.calls):
                outcome = next(calls)
                assert (outcome.receipt.tx_id, outcome.receipt.call_index) == (
                    transaction.id, index
                )  # fmt: skip
                self._call(transaction, call, outcome)
                left |= outcome.writes.keys()
        assert next(calls, None) is None
        others = result.writes.keys() - left
        assert all(key.startswith("tx/") for key in others), sorted(others)[:3]
        assert sum(result.writes[key] is not None for key in others) == len(result.transactions)

    def _call(self, transaction: SignedTransaction, call: Call, outcome: CallResult) -> None:
        receipt = outcome.receipt
        name = f"{call.contract}.{call.method}"
        self.statuses[f"{name} {receipt.code or receipt.status}"] += 1
        if receipt.status != "ok":
            assert not outcome.writes, "a refusal wrote"
            assert not [*receipt.postings, *receipt.events, *receipt.amounts]
            return
        sums: Counter[tuple[str, str]] = Counter()
        legs: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
        for posting in receipt.postings:
            assert posting.amount_fen, "a posting of nothing"
            sums[posting.transfer_id, posting.fund_type] += posting.amount_fen
            self.balances[posting.account, posting.fund_type] += posting.amount_fen
            legs[posting.transfer_id].append(
                (posting.account, posting.fund_type, posting.amount_fen)
            )
        assert not any(sums.values()), f"{name} made money: {sums}"
        again = legs.keys() & self.transfers
        assert not again, f"{name} moved money twice under {again}"
        self.transfers |= legs.keys()
        note = getattr(self, f"_{call.contract}_{call.method}", None)
        if note is not None:
            content = [
                codec.decode(transaction.attachments[place].content) for place in call.attachments
            ]
            note(call.args, content[0] if content else None, outcome, legs)
        elif call.contract != "funds":
            assert not legs, f"{name} moved money"

    # --- What each method may do --------------------------------------------------------------

    def _claim_settle(self, args: Any, _content: Any, outcome: CallResult, legs: Any) -> None:
        claim, receipt = args["claim"], outcome.receipt
        if outcome.explanation is None:
            assert claim in self.settled, "the answer of a settlement that was not"
            assert not [*legs, *outcome.writes]
            return
        assert claim not in self.settled, f"{claim} was settled twice"
        assert legs.keys() <= {f"claim/{claim}"}
        self.settled[claim] = legs[f"claim/{claim}"]
        explained = self._explained(outcome)
        person = explained["person"]
        self.counted[claim] = person, explained["counters"]
        if "part" in explained:
            self.statuses["claim.settle as a part"] += 1
        for year, name, before, delta in explained["counters"]:
            assert self.counters[person, year, name] == before, (claim, name)
            self.counters[person, year, name] += delta
        self._check_amounts(args, receipt.amounts, self.settled[claim])

    def _explained(self, outcome: CallResult) -> Any:
        """A call's explanation, decoded."""
        assert outcome.explanation is not None
        return codec.decode(outcome.explanation.content)

    def _check_amounts(self, args: Any, told: Any, legs: list[tuple[str, str, int]]) -> None:
        """The receipt's amounts, the postings and the bill are one and the same money."""
        assert told["total_fen"] == args["total_fen"]
        parts = ("own_expense_fen", "over_ceiling_fen", "first_pay_fen", "in_scope_fen")
        payers = ("funds_fen", "commercial_fen", "hospital_share_fen", "person_fen")
        for names in (parts, payers):
            assert sum(told[name] for name in names) == told["total_fen"]
        assert told["person_fen"] == told["account_fen"] + told["cash_fen"]
        assert min(told.values()) >= 0
        moved: Counter[str] = Counter()
        for account, _, amount in legs:
            moved[account.partition(":")[0]] += amount
        assert moved["payable"] + moved["income"] == told["total_fen"]
        assert moved["payable"] == (
            told["funds_fen"] + told["commercial_fen"] + told["account_fen"]
        )
        assert -moved["fund"] == told["funds_fen"]
        assert -moved["person"] == told["account_fen"]
        assert -moved["patient"] == told["cash_fen"]
        assert moved["clearing"] + moved["receivable"] == 0

    def _claim_reverse(self, args: Any, _content: Any, outcome: CallResult, legs: Any) -> None:
        claim, reversal = args["claim"], args["reversal"]
        if not outcome.writes:
            assert self.reversed[claim] == reversal
            assert not legs
            return
        assert claim not in self.reversed, f"{claim} was reversed twice"
        assert reversal not in {*self.settled, *self.reversed.values()}
        self.reversed[claim] = reversal
        back = sorted((a, f, -n) for a, f, n in self.settled[claim])
        assert sorted(legs[f"claim/{reversal}"]) == back
        person, counted = self.counted[claim]
        for year, name, _, delta in counted:
            self.counters[person, year, name] -= delta

    def _claim_estimate(self, _args: Any, _content: Any, outcome: CallResult, legs: Any) -> None:
        assert not [*legs, *outcome.writes, *outcome.receipt.events]

    def _funds_transfer(self, args: Any, _content: Any, outcome: CallResult, legs: Any) -> None:
        if args.get("phase") == "pending":
            assert not legs
            if outcome.writes:
                self.pending[args["transfer"]] = [
                    (row["account"], row["fund_type"], row["amount_fen"])
                    for row in args["postings"]
                ]

    def _funds_post(self, args: Any, _content: Any, outcome: CallResult, legs: Any) -> None:
        if outcome.writes:
            assert legs[args["transfer"]] == self.pending.pop(args["transfer"])

    def _funds_void(self, args: Any, _content: Any, outcome: CallResult, legs: Any) -> None:
        assert not legs
        if outcome.writes:
            del self.pending[args["transfer"]]

    _funds_lapse = _funds_void

    def _counters_feed(self, args: Any, content: Any, outcome: CallResult, _legs: Any) -> None:
        if outcome.writes:
            added = Counter(
                {(args["person"], args["year"], n): d for n, d in content["deltas"].items()}
            )
            key = args["person"], args["local"]
            assert key not in self.fed, "a local settlement was counted twice"
            self.fed[key] = added
            self.counters.update(added)

    def _counters_unfeed(self, args: Any, _content: Any, outcome: CallResult, _legs: Any) -> None:
        if outcome.writes:
            key = args["person"], args["local"]
            self.counters.subtract(self.fed[key])
            self.fed[key] = Counter()

    def _counters_open(self, args: Any, content: Any, outcome: CallResult, _legs: Any) -> None:
        if outcome.writes:
            for name, delta in content["deltas"].items():
                self.counters[args["person"], args["year"], name] += delta

    # --- The state against all this -----------------------------------------------------------

    def check(self, state: dict[str, Any]) -> None:
        """Hold the whole state against what the receipts add up to."""
        self._check_balances(state)
        self._check_counters(state)
        for claim in self.settled:
            wanted = "reversed" if claim in self.reversed else "settled"
            assert state[f"claim/{claim}"][0] == wanted, claim
        for key, value in state.items():
            if key.startswith("claim/") and value[0] in ("settled", "reversed"):
                claim = key.partition("/")[2]
                assert (value[10] is not None) == (claim in self.settled), claim

    def _check_balances(self, state: dict[str, Any]) -> None:
        found: Counter[Account] = Counter()
        reserved: Counter[Account] = Counter()
        for key, entry in state.items():
            folder, _, rest = key.partition("/")
            if folder not in ("fund", "clearing", "payable", "bank", "commercial", "account"):
                continue
            for kind, slots in entry.items():
                if kind in ("salt", "hold"):
                    continue
                if kind == "reserved":
                    for fund_type, fen in slots.get("person", {}).items():
                        reserved[f"person:{rest}:account", fund_type] += fen
                    continue
                for fund_type, fen in slots.items():
                    found[_name(folder, kind, rest), fund_type] += fen
        assert +found == +self.balances, found - self.balances
        assert -found == -self.balances, self.balances - found
        sums: Counter[str] = Counter()
        for (account, fund_type), fen in found.items():
            sums[fund_type] += fen
            if account.startswith("person:"):
                assert fen >= reserved[account, fund_type] >= 0, account
        assert not any(sums.values()), sums
        wanted: Counter[Account] = Counter()
        for legs in self.pending.values():
            for account, fund_type, fen in legs:
                if account.startswith("person:") and fen < 0:
                    wanted[account, fund_type] -= fen
        assert +reserved == +wanted

    def _check_counters(self, state: dict[str, Any]) -> None:
        found: Counter[tuple[str, int, str]] = Counter()
        for key, value in state.items():
            if key.startswith("counter/"):
                _, person, _, _, year = key.split("/")
                for name, amount in value[0].items():
                    assert amount > 0
                    found[person, int(year), name] += amount
        assert found == +self.counters


def _name(folder: str, kind: str, rest: str) -> str:
    """An account's name from where the state keeps it."""
    if folder == "clearing":
        home, _, care = rest.partition("/")
        return f"{kind}:{home}->{care}"
    assert _ENTRIES.get(kind) == folder, (folder, kind)
    return f"person:{rest}:account" if kind == "person" else f"{kind}:{rest}"
