"""What nodes find out about each other: proofs of lying travel, a diverging call is named."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from consensus import Ballot, BlockId, Kind, Vote
from consensus.evidence import compare
from contracts.api import Answer, Args, Context, Contract
from contracts.schema import Int, Text
from node.execution.divergence import Outcome, compare_outcomes
from node.ledger.codec import encode
from node.ledger.errors import InvalidProof
from node.ordering import wire
from node.ordering.judge import convict
from node.p2p.frames import FrameType
from node.p2p.link import PeerFault
from node.service.chain import outcome_of
from tests.node.cluster import CONTRACTS, Cluster, bureau, running_cluster, until
from tests.node.network import Client
from tests.node.service.test_bad_peer import LIAR, Liar
from tests.node.service.test_changing_set import call, done

DICE = Contract("dice")
"""A contract as it should be."""
LOADED = Contract("dice")
"""The same, as one node has it: its second key gets another value."""


@DICE.method(args={"key": Text(1, 40), "pips": Int(1, 6)}, name="throw")
def throw(ctx: Context, args: Args) -> Answer:
    """Write two entries."""
    ctx.state.put(f"dice/{args['key']}/count", 1)
    ctx.state.put(f"dice/{args['key']}/pips", args["pips"])
    return {}


@LOADED.method(args={"key": Text(1, 40), "pips": Int(1, 6)}, name="throw")
def throw_loaded(ctx: Context, args: Args) -> Answer:
    """Write two entries, one of them of this machine's own making."""
    ctx.state.put(f"dice/{args['key']}/count", 1)
    ctx.state.put(f"dice/{args['key']}/pips", 7 - args["pips"])
    return {}


def test_a_proof_of_lying_reaches_everybody_and_the_ledger(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_cluster(tmp_path) as cluster:
            client = Client(cluster.genesis.chain)
            await done(cluster.nodes[0], client.enter("a", 1))
            await cluster.agree(1)
            await cluster.stop(LIAR)
            liar = Liar(cluster)
            try:
                await until(lambda: bool(liar.peers.connected()))
                _, seats = cluster.nodes[0].chain.validators_of_next()
                sender = seats.index_of(bureau(LIAR))
                assert sender is not None
                for made_up in (b"1", b"2"):
                    said = Ballot(Kind.PREPARE, 0, 0, 2, BlockId(made_up * 32))
                    signature = wire.sign_statement(liar.key, cluster.genesis.chain, said)
                    liar.send(FrameType.VOTE, wire.encode_message(Vote(sender, said, signature)))
                await until(lambda: all(node.accusations() for node in cluster.nodes.values()))
            finally:
                await liar.peers.stop()
            told = [node.accusations() for node in cluster.nodes.values()]
            assert all(one == told[0] for one in told), "the same bytes everywhere"
            (found,) = told[0]
            assert found["culprits"] == [bureau(LIAR)]
            assert found["sentence"] == (
                f"{bureau(LIAR)}: voted PREPARE for two blocks in epoch 0, view 0, height 2."
            )
            report = {"evidence": found["evidence"]}
            answer = await call(cluster, 1, "accusation", "report", report, by=2)
            assert answer["culprits"] == [bureau(LIAR)]
            with cluster.nodes[2].reader.view() as view:
                kept = view.state("accusation/E2/0/0/2/0")
            assert kept is not None
            # A node that was away is told when it comes back.
            node = await cluster.start(LIAR)
            await until(lambda: bool(node.accusations()))

    asyncio.run(story())


def test_evidence_that_proves_nothing_is_its_bringers_fault(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_cluster(tmp_path) as cluster:
            await cluster.stop(LIAR)
            liar = Liar(cluster)
            said = [Ballot(Kind.COMMIT, 0, 0, 2, BlockId(each * 32)) for each in (b"1", b"2")]
            # Signed by the liar and said to be somebody else's.
            forged = [
                Vote(0, one, wire.sign_statement(liar.key, cluster.genesis.chain, one))
                for one in said
            ]
            proof = compare(*forged)
            assert proof is not None
            frame = wire.encode_evidence(proof)
            try:
                await until(lambda: bool(liar.peers.connected()))
                held = liar.peers.connected()[bureau(0)]
                liar.send(FrameType.EVIDENCE, frame)
                await until(lambda: liar.peers.connected().get(bureau(0)) is not held)
            finally:
                await liar.peers.stop()
            node = cluster.nodes[0]
            for body in (b"\x00", encode([1, 2]), frame[:-1], frame):
                with pytest.raises(PeerFault):
                    node._accusations.hear(body)
            ahead = compare(*(replace_epoch(vote, 7) for vote in forged))
            assert ahead is not None
            node._accusations.hear(wire.encode_evidence(ahead))
            assert not any(one.accusations() for one in cluster.nodes.values())

    asyncio.run(story())


def replace_epoch(vote: Vote, epoch: int) -> Vote:
    return replace(vote, statement=replace(vote.statement, epoch=epoch))


def test_the_node_that_differs_names_call_and_key(tmp_path: Path) -> None:
    async def story() -> None:
        cluster = Cluster(tmp_path, 4, (*CONTRACTS, DICE))
        try:
            for number in range(4):
                cluster.begin_key(number)
                contracts = (*CONTRACTS, LOADED) if number == 2 else cluster.contracts
                await cluster.start(number, contracts=contracts)
            client = Client(cluster.genesis.chain)
            good = client.enter("a", 1)
            await done(cluster.nodes[0], good)
            await cluster.agree(1)
            throw = client.sign(
                [
                    ("dice", "throw", {"key": "x", "pips": 1}),
                    ("dice", "throw", {"key": "y", "pips": 2}),
                ]
            )
            # The others go on; whoever proposes, three agree and one does not.
            honest = next(n for n in (0, 1, 3))
            await cluster.nodes[honest].submit(throw.encode())
            assert await cluster.nodes[honest].wait(throw.id, 20)
            await until(lambda: any(one.get("key") for one in cluster.nodes[2].divergences()), 30)
            found = next(one for one in cluster.nodes[2].divergences() if one.get("key"))
            assert found["key"] == "dice/x/pips"
            assert (found["contract"], found["method"]) == ("dice", "throw")
            assert found["tx_id"] == throw.id.hex()
            assert (found["call_index"], found["part"]) == (0, "writes_digest")
            assert found["ours"] != found["theirs"]
            assert None not in (found["ours"], found["theirs"])
            assert found["field"] == "receipts_root"
            assert "dice.throw" in found["says"]
        finally:
            for number in list(cluster.nodes):
                await cluster.stop(number)

    asyncio.run(story())


def test_a_peers_outcome_must_be_that_of_the_header(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_cluster(tmp_path) as cluster:
            client = Client(cluster.genesis.chain)
            await done(cluster.nodes[0], client.enter("a", 1))
            await cluster.agree(1)
            chain = cluster.nodes[0].chain
            header = chain.parent.header
            outcome = chain.outcome(header.hash)
            assert outcome is not None
            data = outcome.encode()
            assert data is not None
            again = Outcome.decode(data)
            again.check(header)
            difference, ours, theirs = compare_outcomes(outcome, again)
            assert (difference.part, ours, theirs) == ("header", None, None)
            assert outcome.encode(len(data) - 1) is not None, "without the writes it fits"
            assert outcome.encode(10) is None
            wrong = Outcome(again.block, again.receipts, [{"book/a": b"\x00"}], again.rest)
            fewer = Outcome(again.block, again.receipts[:-1], again.writes, again.rest)
            other = Outcome(bytes(32), again.receipts, again.writes, again.rest)
            for bad in (wrong, fewer, other):
                with pytest.raises(InvalidProof):
                    bad.check(header)
            rest = Outcome(again.block, again.receipts, again.writes, {"tx/1": None})
            difference, _, _ = compare_outcomes(outcome, rest)
            assert difference.part == "rest"
            for junk in (b"\x00", data[:-1], encode([bytes(32), [], [["a"]], []])):
                with pytest.raises(InvalidProof):
                    Outcome.decode(junk)
            assert chain.outcome(bytes(32)) is None

    asyncio.run(story())


def test_what_was_not_asked_for_is_passed_over_and_lies_are_faults(tmp_path: Path) -> None:
    from node.execution.blocks import BlockDiffers
    from node.execution.proposing import build
    from node.ledger.errors import InvalidBlock
    from node.service.divergences import Divergences
    from node.telemetry import Metrics, make_logger

    async def story() -> None:
        async with running_cluster(tmp_path / "nodes", 1) as cluster:
            await done(cluster.nodes[0], Client(cluster.genesis.chain).enter("a", 1))
            chain = cluster.nodes[0].chain
            proposal = build(
                chain.executor, chain.parent, [Client(cluster.genesis.chain).enter("b", 2)],
                cluster.nodes[0]._clock_ms(), bureau(0),
            )  # fmt: skip
            result = proposal.result
            assert result is not None
            found = Divergences(tmp_path / "data", Metrics(), make_logger("error", "json"))
            found.hear("bureau:x", b"junk")
            asked: list[tuple[int, bytes]] = []
            found.ask = lambda height, block: asked.append((height, block))
            error = InvalidBlock("block.differs", field="state_root")
            found.begin(BlockDiffers(error, result.header, result))
            assert asked == [(result.header.height, result.header.hash)]
            found.again()
            assert len(asked) == 2
            with pytest.raises(PeerFault):
                found.hear("bureau:x", b"junk")
            mine = outcome_of(result)
            lie = Outcome(mine.block, [], [], {}).encode()
            assert lie is not None
            with pytest.raises(PeerFault):
                found.hear("bureau:x", lie)
            (open_one,) = found.listed()
            assert "asked for" in open_one["says"]
            (tmp_path / "data" / "divergence" / "000000000007-cut.json").write_text('{"height": 7')
            assert found.listed() == [open_one], "cut short when the power went"
            truth = mine.encode()
            assert truth is not None
            found.hear("bureau:x", truth)
            (told,) = found.listed()
            assert "all receipts are the same" in told["says"]
            assert (told["field"], told["part"], told["peer"]) == (
                "state_root",
                "header",
                "bureau:x",
            )

    asyncio.run(story())


def test_the_judge_says_the_same_of_what_a_node_keeps(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="message"):
        convict(bytes(32), b"\x00", lambda epoch: None)
