"""Judges a history: what a client, an auditor and a bookkeeper may rely on.

Each function looks at one promise and knows nothing of how nodes work. ``test_checker.py`` plants a
violation of each and sees it found.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from node.ledger.block import Header
from node.ledger.errors import InvalidBlock, InvalidProof
from node.ledger.evidence import ReceiptFacts, verify_evidence
from node.ledger.genesis import Genesis
from tests.chaos.history import History, Holding


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken, and by whom."""

    promise: str
    what: str


def check(history: History) -> list[Violation]:
    """All violations of a history."""
    return [Violation(name, what) for name, judge in PROMISES.items() for what in judge(history)]


def one_chain(history: History) -> Iterator[str]:
    """All nodes hold the same blocks and state roots; each block stands on the one before."""
    roots: dict[int, tuple[str, bytes]] = {}
    for holding in history.holdings:
        parent = Genesis.parse(history.genesis).chain  # block 0 is not held up against anything
        for number, block in enumerate(holding.blocks, 1):
            header = Header.decode(block.header)
            if header.height != number or block.height != number:
                yield f"{holding.node}: height {header.height} in place {number}"
            if number > 1 and header.parent != parent:
                yield f"{holding.node}: height {number} does not stand on the one before"
            parent = header.hash
            known = roots.setdefault(number, (holding.node, block.header))
            if known[1] != block.header:
                yield f"{holding.node} and {known[0]} differ at height {number}"
    lengths = {holding.node: len(holding.blocks) for holding in history.holdings}
    if len(set(lengths.values())) > 1:
        yield f"heads differ at rest: {lengths}"


def acknowledged_once(history: History) -> Iterator[str]:
    """What was acknowledged is on every node, once, at the height that was said."""
    for holding in history.holdings:
        places = _places(holding)
        for submission in history.submissions:
            found = places.get(submission.tx_id, [])
            name = f"{submission.tx_id.hex()[:16]} on {holding.node}"
            if submission.height is not None and found != [submission.height]:
                yield f"{name}: acknowledged at {submission.height}, found at {found}"
            if submission.refused is not None and found:
                yield f"{name}: refused as {submission.refused}, found at {found}"


def executed_once(history: History) -> Iterator[str]:
    """Nothing is on a chain twice, and nothing that nobody handed in."""
    known = {submission.tx_id for submission in history.submissions}
    for holding in history.holdings:
        for tx_id, heights in _places(holding).items():
            name = f"{tx_id.hex()[:16]} on {holding.node}"
            if len(heights) > 1:
                yield f"{name}: at {heights}"
            if heights[0] > history.first_height and tx_id not in known:
                yield f"{name}: nobody handed it in"


def order_in_time(history: History) -> Iterator[str]:
    """Handed in after another one was acknowledged: further up the chain."""
    acknowledged = [s for s in history.submissions if s.height is not None]
    events = [(s.began_s, 0, s) for s in acknowledged] + [(s.ended_s, 1, s) for s in acknowledged]
    floor = 0
    for _, kind, submission in sorted(events, key=lambda event: event[:2]):
        assert submission.height is not None
        if kind == 1:
            floor = max(floor, submission.height)
        elif submission.height <= floor:
            yield (
                f"{submission.tx_id.hex()[:16]} at {submission.height}, though handed in after "
                f"{floor} was acknowledged"
            )


def heads_advance(history: History) -> Iterator[str]:
    """A node never shows an older head than before, whatever happened to its process."""
    highest: dict[tuple[str, int], int] = {}
    for seen in sorted(history.seen, key=lambda one: one.at_s):
        key = (seen.node, seen.life)
        if seen.height < highest.get(key, 0):
            yield f"{seen.node} went from {highest[key]} back to {seen.height}"
        highest[key] = max(highest.get(key, 0), seen.height)


def reads_advance(history: History) -> Iterator[str]:
    """A session that asks for nothing older than it has seen gets nothing older."""
    for read in history.reads:
        if read.height < read.min_height:
            yield (
                f"session {read.session} asked {read.node} for {read.min_height} and got "
                f"{read.height}"
            )
    last: dict[int, int] = {}
    for read in sorted(history.reads, key=lambda one: one.ended_s):
        if read.height < last.get(read.session, 0):
            yield f"session {read.session} went from {last[read.session]} back to {read.height}"
        last[read.session] = read.height


def reads_are_of_their_height(history: History) -> Iterator[str]:
    """Balances that were read are what all postings up to their height come to."""
    if not history.holdings:
        return
    wanted = sorted(history.reads, key=lambda read: read.height)
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    blocks = iter(history.holdings[0].blocks)
    height = 0
    for read in wanted:
        while height < read.height and (block := next(blocks, None)) is not None:
            height = block.height
            for leg in block.postings:
                sums[leg.account][leg.fund_type] += leg.amount_fen
        expected = _plain(sums[read.account])
        if _plain(Counter(read.balances)) != expected:
            yield (
                f"{read.account} at {read.height} read on {read.node}: {dict(read.balances)}, "
                f"postings come to {expected}"
            )


def money_is_conserved(history: History) -> Iterator[str]:
    """Each transfer's legs sum to nothing by block and in all, and the books say the same."""
    for holding in history.holdings:
        sums: dict[str, Counter[str]] = defaultdict(Counter)
        for block in holding.blocks:
            transfers: Counter[str] = Counter()
            for leg in block.postings:
                transfers[leg.transfer_id] += leg.amount_fen
                sums[leg.account][leg.fund_type] += leg.amount_fen
            for transfer, total in transfers.items():
                if total:
                    yield f"{holding.node}: {transfer} at {block.height} makes {total} fen"
        total = sum(sum(by_type.values()) for by_type in holding.balances.values())
        if total:
            yield f"{holding.node}: all accounts together hold {total} fen"
        for account in sorted(sums.keys() | holding.balances.keys()):
            held = _plain(Counter(holding.balances.get(account, {})))
            if held != _plain(sums[account]):
                yield f"{holding.node}: {account} holds {held}, postings: {_plain(sums[account])}"


def proofs_hold(history: History) -> Iterator[str]:
    """Every evidence file proves its call from the genesis file alone, on the chain of all."""
    genesis = Genesis.parse(history.genesis)
    headers = {
        block.height: Header.decode(block.header).hash
        for holding in history.holdings[:1]
        for block in holding.blocks
    }
    for proof in history.proofs:
        name = f"{proof.tx_id.hex()[:16]}/{proof.call_index} of {proof.node}"
        try:
            facts = verify_evidence(proof.data, genesis)
        except (InvalidProof, InvalidBlock) as error:
            yield f"{name}: {error.code}"
            continue
        if not isinstance(facts, ReceiptFacts):
            yield f"{name}: proves no receipt"
            continue
        if (facts.transaction.id, facts.receipt.call_index) != (proof.tx_id, proof.call_index):
            yield f"{name}: proves another call"
        if headers.get(facts.header.height) != facts.header.hash:
            yield f"{name}: height {facts.header.height} is another block on the nodes"


def nodes_stay_up(history: History) -> Iterator[str]:
    """A process ends only when it was killed, asked to stop, or could not write."""
    yield from history.ended


def it_goes_on(history: History) -> Iterator[str]:
    """Once all faults are over, everything gets done in time."""
    yield from history.stuck


PROMISES = {
    "one chain": one_chain,
    "acknowledged once": acknowledged_once,
    "executed once": executed_once,
    "order in time": order_in_time,
    "heads advance": heads_advance,
    "reads advance": reads_advance,
    "reads are of their height": reads_are_of_their_height,
    "money is conserved": money_is_conserved,
    "proofs hold": proofs_hold,
    "nodes stay up": nodes_stay_up,
    "it goes on": it_goes_on,
}


def _places(holding: Holding) -> dict[bytes, list[int]]:
    places: dict[bytes, list[int]] = {}
    for block in holding.blocks:
        for tx_id in block.tx_ids:
            places.setdefault(tx_id, []).append(block.height)
    return places


def _plain(counter: Counter[str]) -> dict[str, int]:
    """Without what comes to nothing: an account need not say so."""
    return {name: amount for name, amount in sorted(counter.items()) if amount}
