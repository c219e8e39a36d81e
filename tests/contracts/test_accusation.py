"""Proofs that a validator lied, on the ledger: what is taken, what is not, once for each slot."""

from __future__ import annotations

import pytest

from consensus import Ballot, BlockId, Kind, Vote
from consensus.evidence import Evidence, compare
from contracts import accusation, governance, organisation_methods
from node.execution.services import NodeServices
from node.ledger import crypto
from node.ledger.codec import encode
from node.ordering import wire
from node.ordering.judge import convict, sentence
from tests.contracts import world as w
from tests.contracts.world import CHAIN, World, make_world, secret_of

C = "accusation"
SET = tuple(sorted((w.CENTRE, w.BUREAU_HUNAN, w.BUREAU_GUANGDONG, w.BUREAU_CHANGSHA)))
LIAR = 2
ONE, OTHER = BlockId(bytes([1]) * 32), BlockId(bytes([2]) * 32)


@pytest.fixture
def world() -> World:
    contracts = [accusation.CONTRACT, governance.CONTRACT, organisation_methods.CONTRACT]
    return make_world(contracts, validating=SET)


def vote(block: BlockId, *, epoch: int = 0, name: str = "validate", chain: bytes = CHAIN) -> Vote:
    said = Ballot(Kind.PREPARE, epoch, 3, 7, block)
    return Vote(LIAR, said, wire.sign_statement(secret_of(SET[LIAR], name), chain, said))


def proof(first: Vote, second: Vote) -> Evidence:
    found = compare(first, second)
    assert found is not None
    return found


def data(first: Vote, second: Vote) -> dict[str, bytes]:
    return {"evidence": wire.encode_evidence(proof(first, second))}


def test_a_proof_is_kept_once_for_its_slot(world: World) -> None:
    outcome = world.do(w.BUREAU_HUNAN, C, "report", data(vote(ONE), vote(OTHER)))
    assert outcome.answer == {
        "slot": "E2/0/3/7", "kind": "E2", "culprits": [SET[LIAR]], "number": 1
    }  # fmt: skip
    kept = world.state.get("accusation/E2/0/3/7/0")
    assert (kept["culprits"], kept["reported_by"]) == ([SET[LIAR]], w.BUREAU_HUNAN)
    third = vote(BlockId(bytes([3]) * 32))
    for again in (
        data(vote(ONE), vote(OTHER)),
        data(vote(OTHER), vote(ONE)),
        data(third, vote(ONE)),
    ):
        refused = world.refused("accusation.known", w.CENTRE, C, "report", again)
        assert refused.values == {"slot": "E2/0/3/7", "since_height": world.height}
    assert world.state.get("accusations") == 1
    assert sentence(kept) == (
        f"{SET[LIAR]}: voted PREPARE for two blocks in epoch 0, view 3, height 7."
    )


def test_what_proves_nothing(world: World) -> None:
    good = wire.encode_evidence(proof(vote(ONE), vote(OTHER)))
    forged = proof(vote(ONE), Vote(LIAR, vote(OTHER).statement, bytes(64)))
    unknown = proof(
        Vote(9, vote(ONE).statement, vote(ONE).signature),
        Vote(9, vote(OTHER).statement, vote(OTHER).signature),
    )
    most = accusation.WORK_OF_SIGNATURE * accusation.SIGNATURES_MAX
    for wrong in (
        b"\x00",
        good[:-1],
        good + b"\x00",
        encode([[1, 2], [3, 4]]),
        wire.encode_evidence(forged),
        wire.encode_evidence(unknown),
        wire.encode_evidence(proof(vote(ONE, epoch=5), vote(OTHER, epoch=5))),
        wire.encode_evidence(proof(vote(ONE, name="clerk"), vote(OTHER, name="clerk"))),
        wire.encode_evidence(proof(vote(ONE, chain=bytes(32)), vote(OTHER, chain=bytes(32)))),
    ):
        world.refused("accusation.unproven", w.CENTRE, C, "report", {"evidence": wrong})
        assert world.work >= most, "how many signatures it has, the judge alone knows"
    # Somebody else's index over the liar's signatures accuses nobody.
    for innocent in {0, 1, 3}:
        framed = proof(
            Vote(innocent, vote(ONE).statement, vote(ONE).signature),
            Vote(innocent, vote(OTHER).statement, vote(OTHER).signature),
        )
        args = {"evidence": wire.encode_evidence(framed)}
        world.refused("accusation.unproven", w.CENTRE, C, "report", args)


def test_only_bureaus_report(world: World) -> None:
    args = data(vote(ONE), vote(OTHER))
    world.refused("sender.kind", w.BANK, C, "report", args)
    world.refused("sender.post", w.CENTRE, C, "report", args, post="clerk")


def test_a_retired_key_is_convicted_by_the_set_of_its_epoch(world: World) -> None:
    """The history of sets stays: who rotates a key does not shake off what it signed."""
    record = world.state.get("validators")
    rows = [row for row in record["members"] if row[0] != SET[LIAR]]
    world.state.put("validators", {"members": rows, "changed_height": 9, "epoch": 1})
    world.state.put("validators/1", {"members": rows, "from_height": 10})
    world.do(w.CENTRE, C, "report", data(vote(ONE), vote(OTHER)))


def test_without_a_judge_nobody_is_accused() -> None:
    with pytest.raises(ValueError, match="accuses nobody"):
        NodeServices(CHAIN).convict(b"", lambda epoch: None)


def test_the_judge_looks_at_nothing_but_bytes_and_sets() -> None:
    told = convict(
        CHAIN,
        wire.encode_evidence(proof(vote(ONE), vote(OTHER))),
        lambda epoch: [(org, bytes(crypto.public_key(secret_of(org, "validate")))) for org in SET],
    )
    assert told["culprits"] == [SET[LIAR]]
