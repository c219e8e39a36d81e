"""The stream of blocks: what may be executed at all, each call's outcome, the state after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from node.ledger import codec
from tests.simulation.model.book import Book, Refused, entry_of
from tests.simulation.model.claims import SENDERS as CLAIM_METHODS
from tests.simulation.model.claims import Claims
from tests.simulation.model.facts import Facts, facts
from tests.simulation.model.funds import SENDERS as FUNDS_METHODS
from tests.simulation.model.funds import Funds
from tests.simulation.model.outcome import Asked, Told, World
from tests.simulation.model.people import Counters, Filings

NOT_JUDGED = frozenset({"args.shape", "args.attachment", "call.too-much-work"})
"""Refusals about form and effort, which the model has no rule for. They are counted."""
VALIDITY_MS_MAX = 24 * 3_600_000 + 300_000
FOLDERS = ("fund", "clearing", "payable", "bank", "commercial", "account")
_BESIDE = ("salt", "hold", "reserved")


class Block(Protocol):
    """What the model is told; ``judge.CommittedBlock`` is one."""

    @property
    def header(self) -> Any: ...
    @property
    def transactions(self) -> Sequence[Any]: ...
    @property
    def receipts(self) -> Sequence[Any]: ...
    @property
    def read(self) -> Callable[[str], Any]: ...


class Model:
    """All that was ever decided. What does not hold is an ``AssertionError``."""

    def __init__(self, known: Facts | None = None) -> None:
        self.facts = known or facts()
        book = Book()
        self.world = World(self.facts, book)
        self.claims = Claims(self.world)
        self.funds = Funds(self.world)
        methods: dict[tuple[str, str], Callable[[Asked], Told]] = {}
        methods |= {("claim", method): self.claims.judge for method in CLAIM_METHODS}
        methods |= {("funds", method): self.funds.judge for method in FUNDS_METHODS}
        counters, filings = Counters(self.world), Filings(self.world)
        methods |= {("counters", m): counters.judge for m in ("open", "feed", "unfeed")}
        methods |= {("filing", m): filings.judge for m in ("submit", "decide")}
        self._methods = methods
        self.executed: set[bytes] = set()
        self.transfers: set[str] = set()
        """Ids under which money moved."""
        self.head: Any = None
        self.judged: Counter[str] = Counter()
        """Outcomes by method that the model decided itself."""
        self.not_judged: Counter[str] = Counter()

    # --- An observer's life -------------------------------------------------------------------

    def begin(self, state: dict[str, Any]) -> None:
        """Balances and open accounts of the founding, before the first block."""
        for account, fund_type, amount in _accounts(state):
            self.world.book.balances[account, fund_type] = amount
        self.world.book.opened |= {
            key.partition("/")[2] for key, entry in state.items()
            if key.startswith("account/") and "salt" in entry
        }  # fmt: skip
        # The founding's deposits have ids that nobody may use again for something else.
        self.transfers |= {key.partition("/")[2] for key in state if key.startswith("transfer/")}
        self.compare_all(state)

    def on_block(self, block: Block) -> None:
        """The next block with the state after it."""
        self.follow(block.header, block.transactions, block.receipts)
        self.compare_state(block.read)

    def end(self, state: dict[str, Any]) -> None:
        """The whole state at the end."""
        self.compare_all(state)

    # --- Blocks -------------------------------------------------------------------------------

    def follow(self, header: Any, transactions: Sequence[Any], receipts: Sequence[Any]) -> None:
        """Decide all calls of a block again and hold its receipts against that."""
        before, self.head = self.head, header
        if before is not None:
            assert header.height == before.height + 1, "a height is missing"
            assert header.time_ms >= before.time_ms, "time goes back"
            assert header.chain == before.chain, "the chain changes"
        told = iter(receipts)
        for transaction in transactions:
            body, tx_id = transaction.body, bytes(transaction.id)
            assert tx_id not in self.executed, "a transaction is executed twice"
            self.executed.add(tx_id)
            assert body.chain == header.chain, "a transaction of another chain is executed"
            left = body.valid_until_ms - header.time_ms
            assert 0 <= left <= VALIDITY_MS_MAX, f"executed with {left} ms of its time left"
            for index, call in enumerate(body.calls):
                receipt = next(told, None)
                assert receipt is not None, "a call without a receipt"
                place = receipt.tx_id, receipt.call_index
                assert place == (transaction.id, index), "a receipt of another call"
                try:
                    self._call(transaction, call, receipt)
                except AssertionError as error:
                    error.add_note(f"{call.contract}.{call.method} of {body.sender}: {call.args}")
                    raise
        assert next(told, None) is None, "a receipt without a call"

    def _call(self, transaction: Any, call: Any, receipt: Any) -> None:
        name = f"{call.contract}.{call.method}"
        if receipt.status == "ok":
            self._check_ids(name, receipt)
        else:
            assert receipt.code, "a refusal without a code"
            assert not [*receipt.postings, *receipt.events, *receipt.amounts, *receipt.answer]
        judge = self._methods.get((call.contract, call.method))
        who = self.facts.posts.get(bytes(transaction.body.key))
        if judge is None or who is None or receipt.code in NOT_JUDGED:
            assert not receipt.postings, f"{name} moved money and the model has no rule for it"
            assert judge is None or receipt.status != "ok", "a key nobody has did something"
            self.not_judged[f"{name} {receipt.code or 'ok'}"] += 1
            return
        try:
            wanted: Told | str = judge(self._asked(transaction, call, who))
        except Refused as refusal:
            wanted = refusal.code
        found = receipt.code or receipt.status
        expected = wanted if isinstance(wanted, str) else "ok"
        assert found == expected, f"{name} came to {found}, the model says {expected}"
        self.judged[f"{name} {found}"] += 1
        if isinstance(wanted, Told):
            _check_told(name, wanted, receipt)

    def _check_ids(self, name: str, receipt: Any) -> None:
        """Whatever the model knows of a method: money balances, and no transfer comes twice."""
        sums: Counter[tuple[str, str]] = Counter()
        for posting in receipt.postings:
            sums[posting.transfer_id, posting.fund_type] += posting.amount_fen
        assert not any(sums.values()), f"{name} made money: {sums}"
        moved = {transfer for transfer, _ in sums}
        assert not moved & self.transfers, f"{name} moved money twice under {moved}"
        self.transfers |= moved

    def _asked(self, transaction: Any, call: Any, who: tuple[str, str]) -> Asked:
        body = transaction.body
        assert who[0] == body.sender, "a key signs for another organisation"
        kind, region = self.facts.organisations[body.sender]
        commitments = [
            [body.attachments[n].audience, bytes(body.attachments[n].commitment)]
            for n in call.attachments
        ]
        contents = [codec.decode(transaction.attachments[n].content) for n in call.attachments]
        same = codec.encode([call.contract, call.method, call.args, commitments])
        return Asked(
            body.sender, kind, region, who[1], self.head.time_ms, call.method, call.args,
            contents[0] if contents else None, same,
        )  # fmt: skip

    # --- The state ----------------------------------------------------------------------------

    def compare_state(self, read: Callable[[str], Any]) -> None:
        """Hold what the last blocks touched against decoded values of state keys."""
        for account, fund_type in sorted(self.world.book.touched):
            key, slot = entry_of(account)
            found = (read(key) or {}).get(slot, {}).get(fund_type, 0)
            wanted = self.world.book.balances[account, fund_type]
            assert found == wanted, f"{account} {fund_type} is {found}, the model says {wanted}"
        self.world.book.touched.clear()
        for (person, scheme, year), wanted_values in self.world.counters.items():
            value = read(f"counter/{person}/{person.split(':')[1]}/{scheme}/{year}")
            counted = {} if value is None else value[0]
            assert counted == wanted_values, f"counters of {person} differ: {counted}"

    def compare_all(self, state: dict[str, Any]) -> None:
        """The whole state: every balance, reservation, counter, claim and transfer, and no more."""
        found = {(account, fund): amount for account, fund, amount in _accounts(state)}
        book = self.world.book
        assert _filled(found) == _filled(book.balances), "balances differ"
        sums: Counter[str] = Counter()
        for (_, fund_type), amount in found.items():
            sums[fund_type] += amount
        assert not any(sums.values()), f"money was made or lost: {sums}"
        reserved = {
            (f"person:{key.partition('/')[2]}:account", fund_type): amount
            for key, entry in state.items() if key.startswith("account/")
            for fund_type, amount in entry.get("reserved", {}).get("person", {}).items()
        }  # fmt: skip
        assert _filled(reserved) == _filled(book.reserved), "reservations differ"
        for (account, fund_type), amount in found.items():
            if account.startswith(("person:", "wallet:", "credit:")):
                left = amount - reserved.get((account, fund_type), 0)
                assert left >= 0, f"{account} is overdrawn"
        self._compare_records(state)
        self.compare_state(state.get)

    def _compare_records(self, state: dict[str, Any]) -> None:
        claims = {k.partition("/")[2]: v for k, v in state.items() if k.startswith("claim/")}
        wanted = {claim_id: claim.state for claim_id, claim in self.claims.claims.items()}
        assert {claim_id: value[0] for claim_id, value in claims.items()} == wanted, "claims differ"
        for transfer_id, made in self.funds.transfers.items():
            assert state[f"transfer/{transfer_id}"][1] == made.status, transfer_id
        for filing_id, filing in self.world.filings.items():
            assert state[f"filing/{filing_id}"][3][-1][1] == filing["status"], filing_id
        counters = [value[0] for key, value in state.items() if key.startswith("counter/")]
        filled = [values for values in self.world.counters.values() if values]
        assert len([values for values in counters if values]) == len(filled), "counters differ"


def _check_told(name: str, wanted: Told, receipt: Any) -> None:
    legs = [(p.account, p.fund_type, p.amount_fen) for p in receipt.postings]
    assert legs == wanted.legs, f"{name} posts {legs}, the model says {wanted.legs}"
    transfers = {posting.transfer_id for posting in receipt.postings}
    assert transfers <= {wanted.transfer}, f"{name} posts under {transfers}"
    assert receipt.amounts == wanted.amounts, (
        f"{name} tells {receipt.amounts}, the model says {wanted.amounts}"
    )
    for key, value in wanted.answer.items():
        assert receipt.answer[key] == value, f"{name} answers {key} {receipt.answer[key]}"


def _accounts(state: dict[str, Any]) -> Iterable[tuple[str, str, int]]:
    for key, entry in state.items():
        folder, _, owner = key.partition("/")
        if folder not in FOLDERS:
            continue
        for word, slot in entry.items():
            if word in _BESIDE:
                continue
            account = f"{word}:{owner.replace('/', '->') if folder == 'clearing' else owner}"
            if word == "person":
                account += ":account"
            for fund_type, amount in slot.items():
                yield account, fund_type, amount


def _filled(values: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    return {key: amount for key, amount in values.items() if amount}
