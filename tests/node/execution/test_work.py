"""A block has room for so much work: nobody holds the chain with a small, costly transaction."""

from __future__ import annotations

from typing import Any

import pytest

from node.execution import blocks
from node.execution.blocks import BLOCK_WORK_MAX, CALL_WORK
from node.execution.proposing import build
from node.ledger import codec
from node.ledger.crypto import H
from node.ledger.errors import InvalidBlock
from node.ledger.types import BLOCK_CALLS_MAX
from tests.contracts.settlement.claim_world import DAY, line, visit
from tests.contracts.world import ALICE, HOSPITAL
from tests.node import conservation_world as cw
from tests.node.execution.test_blocks import NOW, World, sign
from tests.node.network import BUREAU

HALF = BLOCK_WORK_MAX // 2


def toil(key: str, units: int, *, in_vain: bool = False) -> tuple[str, dict[str, Any]]:
    return "toil", {"key": key, "units": units, "in_vain": in_vain}


def codes(result: blocks.BlockResult) -> list[str]:
    return [call.receipt.code for call in result.calls]


def test_calls_beyond_the_work_of_a_block_are_refused_unrun() -> None:
    world = World()
    transaction = sign(toil("a", HALF), toil("b", HALF), toil("c", 0), toil("d", 0))
    result = world.build(transaction)
    assert codes(result) == ["", "", "call.too-much-work", "call.too-much-work"]
    world.commit(result)
    assert world.get("book/b") == {"total_fen": HALF}
    assert world.get("book/c") is None
    # Another node comes to the same, by counting and not by the clock.
    other = World()
    other.executor.execute(other.parent, result.header, [transaction], None)


def test_work_in_vain_counts_too() -> None:
    in_vain = [toil("a", HALF, in_vain=True)] * 3
    assert codes(World().build(sign(*in_vain))) == ["book.refused"] * 2 + ["call.too-much-work"]


def test_a_full_block_leaves_the_others_for_the_next() -> None:
    world = World()
    three = [sign(toil(key, HALF)) for key in "abc"]
    proposal = build(world.executor, world.parent, three, NOW, BUREAU)
    assert not proposal.refused, "they wait, nothing is wrong with them"
    assert proposal.result is not None
    assert list(proposal.result.transactions) == three[:2]
    assert (proposal.result.header.tx_count, proposal.result.header.receipts_count) == (2, 2)
    world.commit(proposal.result)
    assert world.build(three[2]).header.tx_count == 1


def test_a_proposal_with_more_work_than_a_block_has_is_not_voted_for() -> None:
    world = World()
    three = [sign(toil(key, HALF)) for key in "abc"]
    header = world.build(*three[:2]).header
    with pytest.raises(InvalidBlock, match=r"block\.work"):
        world.executor.execute(world.parent, header, three, None)


def test_ordinary_calls_are_far_from_the_bound() -> None:
    assert BLOCK_CALLS_MAX * CALL_WORK < BLOCK_WORK_MAX // 4


# --- The largest decisions ------------------------------------------------------------------------


def founded() -> cw.Chain:
    chain, signer = cw.Chain(), cw.Signer()
    for transactions in cw.founding(signer):
        proposal = chain.build(transactions, cw.START_MS)
        assert proposal.result is not None
        chain.commit(proposal.result)
    return chain


def estimate(amount_fen: int) -> cw.Planned:
    lines = [line(1, cw.CODES[0], amount_fen)]
    args = {
        "claim": "H44010000123c",
        "visit": visit(ALICE),
        "discharge": DAY,
        "total_fen": amount_fen,
    }
    return "claim", "estimate", args, {"settlement": {"visit": {}, "lines": lines}}


def test_an_estimate_in_a_block_is_not_kept() -> None:
    """Found by attack: an estimate of a long bill, asked for a thousand times in 60 KB, left
    290 MB of explanations in the store of every node."""
    chain = founded()
    now = cw.START_MS + 1_000
    transaction = cw.Signer().sign(HOSPITAL, "clerk", [estimate(5_000)], now)
    proposal = chain.build([transaction], now)
    assert proposal.result is not None
    (call,) = proposal.result.calls
    assert (call.receipt.status, call.explanation, call.receipt.explanation) == ("ok", None, None)
    assert len(proposal.result.attachments()) == 1, "what was sent, and nothing derived"
    signer = chain.executor.find_signer(HOSPITAL, transaction.body.key, 3)
    tried = chain.executor.estimate(chain.parent, signer, transaction, now)
    assert tried.explanation is not None
    assert codec.decode(tried.explanation.content)["claim"] == "H44010000123c"


def test_settling_costs_work_in_proportion_to_its_lines() -> None:
    chain = founded()
    now = cw.START_MS + 1_000
    works = []
    for count in (1, 100):
        lines = [line(n, cw.CODES[0], 1_000) for n in range(count)]
        args = {"claim": f"H44010000123c{count}", "visit": visit(ALICE), "discharge": DAY,
                "total_fen": 1_000 * count}  # fmt: skip
        call: cw.Planned = (
            "claim", "settle", args, {"settlement": {"visit": {}, "lines": lines}}
        )  # fmt: skip
        proposal = chain.build([cw.Signer().sign(HOSPITAL, "clerk", [call], now)], now)
        assert proposal.result is not None
        assert proposal.result.calls[0].receipt.status == "ok"
        works.append(proposal.result.calls[0].work)
    few, many = works
    assert 0 < few < 2_000
    assert many - few > 99 * 100


def test_the_blind_of_a_settlement_without_attachments_is_nobodys_to_guess() -> None:
    """Found by attack: it came from the transaction's id, which is public, so that whoever saw the
    receipt could try out which explanation it commits to."""
    chain, signer = founded(), cw.Signer()
    now = cw.START_MS + 1_000
    lines = [line(1, cw.CODES[0], 1_000)]
    stay: list[cw.Planned] = [
        ("claim", "register", {"claim": "H44010000123s", "visit": visit(ALICE, "inpatient")},
         {"settlement": {"visit": {}}}),
        ("claim", "lines", {"claim": "H44010000123s", "upload": 1},
         {"settlement": {"lines": lines}}),
        ("claim", "settle", {"claim": "H44010000123s", "discharge": DAY, "total_fen": 1_000}, {}),
    ]  # fmt: skip
    proposal = chain.build([signer.sign(HOSPITAL, "clerk", stay, now)], now)
    assert proposal.result is not None
    settled = proposal.result.calls[-1]
    assert settled.explanation is not None
    tx_id = settled.receipt.tx_id
    public = H("yibao/explanation-blind/v1", tx_id + (2).to_bytes(2, "big"))
    assert settled.explanation.blind != public
    assert settled.receipt.explanation == settled.explanation.commitment()
