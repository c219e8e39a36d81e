"""The checker sees what is planted: an honest history passes, each lie is found as what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.ledger.evidence import build_receipt_evidence
from tests.chaos.checker import PROMISES, check
from tests.chaos.history import (
    HeldBlock,
    History,
    Holding,
    Posting,
    Proof,
    Read,
    Seen,
    Submission,
)
from tests.node.ledger.world import World, genesis_proofs, make_transaction

NODES = ("a", "b", "c")


def made_world() -> World:
    world = World()
    for number in range(1, 5):
        world.commit([make_transaction(world.genesis.chain, number)])
    return world


WORLD = made_world()


def pay(number: int) -> tuple[Posting, Posting]:
    return (
        Posting(f"t{number}", "fund:430100", "310100", -100 * number),
        Posting(f"t{number}", "payable:h", "310100", 100 * number),
    )


def blocks() -> list[HeldBlock]:
    return [
        HeldBlock(number, block.header.encode(), [block.transactions[0].id], pay(number))
        for number, block in enumerate(WORLD.blocks, 1)
    ]


def proof(number: int) -> Proof:
    block = WORLD.blocks[number]
    data = build_receipt_evidence(
        WORLD.certified(block),
        [transaction.encode_leaf() for transaction in block.transactions],
        [receipt.encode() for receipt in block.receipts],
        0,
    )
    return Proof(block.transactions[0].id, 0, "a", data)


def honest() -> History:
    """Four transactions, the first of them set-up; two sessions; three nodes."""
    ids = [block.transactions[0].id for block in WORLD.blocks]
    books = {"fund:430100": {"310100": -1000}, "payable:h": {"310100": 1000}}
    return History(
        WORLD.genesis.render(genesis_proofs(WORLD.genesis)),
        first_height=1,
        submissions=[
            Submission(ids[1], 0, "a", 1.0, 2.0, 2),
            Submission(ids[2], 1, "b", 1.5, 3.0, 3),
            Submission(ids[3], 0, "c", 3.5, 4.0, 4),
            Submission(bytes(32), 1, "c", 4.0, 9.0, None),
            Submission(bytes(31) + b"x", 1, "c", 4.0, 9.0, None, "transaction.expired"),
        ],
        reads=[
            Read(0, "b", 2.5, "payable:h", 2, 2, {"310100": 300}),
            Read(1, "a", 3.5, "fund:430100", 3, 3, {"310100": -600}),
            Read(0, "c", 4.5, "payable:h", 4, 4, {"310100": 1000}),
        ],
        seen=[Seen("a", 1.0, 1), Seen("a", 4.0, 4), Seen("b", 1.0, 4), Seen("b", 2.0, 0, life=1)],
        proofs=[proof(1), proof(3)],
        holdings=[Holding(node, blocks(), books) for node in NODES],
    )


def lost_acknowledgement(history: History) -> None:
    held = history.holdings[1]
    short = [replace(b, tx_ids=()) if b.height == 3 else b for b in held.blocks]
    history.holdings[1] = replace(held, blocks=short)


def lost_everywhere(history: History) -> None:
    history.submissions.append(Submission(b"gone" * 8, 2, "a", 1.0, 1.5, 2))


def duplicate(history: History) -> None:
    for number, held in enumerate(history.holdings):
        twice = list(held.blocks)
        twice[3] = replace(twice[3], tx_ids=[*twice[3].tx_ids, *twice[2].tx_ids])
        history.holdings[number] = replace(held, blocks=twice)
    history.submissions = [s for s in history.submissions if s.height != 3]
    history.submissions.append(
        Submission(WORLD.blocks[2].transactions[0].id, 1, "b", 1.5, 3.0, None)
    )


def from_nowhere(history: History) -> None:
    del history.submissions[1]


def refused_and_there(history: History) -> None:
    history.submissions[1] = replace(history.submissions[1], height=None, refused="transaction.key")


def out_of_order(history: History) -> None:
    history.submissions[1] = replace(history.submissions[1], began_s=4.5, ended_s=5.0)


def head_goes_back(history: History) -> None:
    history.seen.append(Seen("a", 5.0, 3))


def read_older_than_asked(history: History) -> None:
    history.reads[1] = replace(history.reads[1], min_height=4)


def read_goes_back(history: History) -> None:
    history.reads.append(Read(0, "a", 5.0, "payable:h", 2, 2, {"310100": 300}))


def read_of_another_height(history: History) -> None:
    history.reads[0] = replace(history.reads[0], balances={"310100": 600})


def read_of_nothing(history: History) -> None:
    history.reads[0] = replace(history.reads[0], balances={})


def money_made(history: History) -> None:
    for number, held in enumerate(history.holdings):
        richer = list(held.blocks)
        leg = Posting("t2", "payable:h", "310100", 1)
        richer[1] = replace(richer[1], postings=[*richer[1].postings, leg])
        history.holdings[number] = replace(held, blocks=richer)
    history.reads.clear()


def books_differ(history: History) -> None:
    wrong = {"fund:430100": {"310100": -1000}, "payable:h": {"310100": 900, "cash": 100}}
    history.holdings[2] = replace(history.holdings[2], balances=wrong)


def forged_proof(history: History) -> None:
    data = bytearray(history.proofs[0].data)
    data[len(data) // 2] ^= 1
    history.proofs[0] = replace(history.proofs[0], data=bytes(data))


def proof_of_another(history: History) -> None:
    history.proofs[0] = replace(history.proofs[0], data=history.proofs[1].data)


def proof_of_a_fork(history: History) -> None:
    """The file is sound, the certified block is not the one that the nodes hold."""
    other = World()
    for number in range(5, 9):
        other.commit([make_transaction(other.genesis.chain, number)])
    for number, held in enumerate(history.holdings):
        forked = [
            replace(block, header=fork.header.encode())
            for block, fork in zip(held.blocks, other.blocks, strict=True)
        ]
        history.holdings[number] = replace(held, blocks=forked)


def states_differ(history: History) -> None:
    held = history.holdings[2]
    header = replace(WORLD.blocks[3].header, state_root=b"s" * 32)
    blocks_held = [*held.blocks[:3], replace(held.blocks[3], header=header.encode())]
    history.holdings[2] = replace(held, blocks=blocks_held)


def head_missing(history: History) -> None:
    held = history.holdings[2]
    history.holdings[2] = replace(held, blocks=held.blocks[:3])


def chain_broken(history: History) -> None:
    header = replace(WORLD.blocks[3].header, parent=b"p" * 32).encode()
    for number, held in enumerate(history.holdings):
        broken = [*held.blocks[:3], replace(held.blocks[3], header=header)]
        history.holdings[number] = replace(held, blocks=broken)
    history.proofs.pop()


def ended(history: History) -> None:
    history.ended.append("a ended with 1")


def stuck(history: History) -> None:
    history.stuck.append("nothing after healing")


PLANTS: dict[Callable[[History], None], str] = {
    lost_acknowledgement: "acknowledged once",
    lost_everywhere: "acknowledged once",
    refused_and_there: "acknowledged once",
    duplicate: "executed once",
    from_nowhere: "executed once",
    out_of_order: "order in time",
    head_goes_back: "heads advance",
    read_older_than_asked: "reads advance",
    read_goes_back: "reads advance",
    read_of_another_height: "reads are of their height",
    read_of_nothing: "reads are of their height",
    money_made: "money is conserved",
    books_differ: "money is conserved",
    forged_proof: "proofs hold",
    proof_of_another: "proofs hold",
    proof_of_a_fork: "proofs hold",
    states_differ: "one chain",
    head_missing: "one chain",
    chain_broken: "one chain",
    ended: "nodes stay up",
    stuck: "it goes on",
}


def test_an_honest_history_passes() -> None:
    assert check(honest()) == []


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_violation_is_found(plant: Callable[[History], None]) -> None:
    history = honest()
    plant(history)
    assert PLANTS[plant] in {violation.promise for violation in check(history)}


def test_each_promise_has_a_plant() -> None:
    assert set(PLANTS.values()) == set(PROMISES)
