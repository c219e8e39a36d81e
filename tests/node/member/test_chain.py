"""Verified headers: only what a quorum certified, in every epoch, durable, and never taken back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.ledger.codec import decode, encode
from node.ledger.errors import InvalidProof
from node.ledger.evidence import CertifiedHeader, build_receipt_evidence
from node.ledger.trail import decode_trail, encode_trail
from node.ledger.types import OrgId
from node.member import rows
from node.member.build import build
from node.member.chain import Chain
from node.member.config import BankConfig, Config, MemberConfig, NodesConfig
from node.member.errors import Declined, Forked, MemberRefused, Silent
from node.member.nodes import Nodes
from node.member.remote import Signer
from node.telemetry import make_logger
from tests.node.ledger.damage import bit_flips, extensions, truncations
from tests.node.ledger.world import (
    Committed,
    World,
    certify,
    make_transaction,
    private,
    sign_key,
)
from tests.node.member.nodes import ME, LedgerNode, chain_of, grow, remote
from tests.node.store.sim_kv import Crash, SimKV

EPOCHS = {3: [0, 1, 2, 3, 4], 6: [0, 1, 2, 3, 104], 7: [0, 1, 2, 104]}


@cache
def history() -> World:
    """Ten blocks in four epochs: a newcomer, a rotated key, two who leave."""
    return grow(World(), 10, epoch_at=EPOCHS)


def evidence_of(world: World, block: Committed) -> bytes:
    return build_receipt_evidence(
        world.certified(block),
        [item.encode_leaf() for item in block.transactions],
        [item.encode() for item in block.receipts],
        0,
    )


@pytest.mark.parametrize("link_max", [0, 1_000])
def test_from_genesis_to_the_head_over_every_epoch(link_max: int) -> None:
    world, kv = history(), SimKV()
    chain = chain_of(kv, world, link_max=link_max)
    assert chain.follow(remote(LedgerNode(world), world)) == world.head
    assert (chain.height, chain.epoch) == (10, 3)
    again = Chain(kv.after_crash(), world.genesis, "bank:icbc", link_max=link_max)
    assert (again.best, again.epoch) == (world.head, 3), "it goes on where it stopped"


@pytest.mark.parametrize("steps", [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [3, 6, 7, 10], [2, 7], [5, 9]])
def test_step_by_step_it_sees_each_end_of_an_epoch(steps: list[int]) -> None:
    world = history()
    chain = chain_of(SimKV(), world)
    for height in steps:
        chain.follow(remote(LedgerNode(world, lag=10 - height), world))
        assert chain.height == height
        assert chain.epoch == sum(end < height for end in EPOCHS)


@pytest.mark.parametrize("height", range(1, 10))
def test_from_a_checkpoint_it_needs_nothing_before(height: int) -> None:
    world = history()
    chain = Chain(SimKV(), world.genesis, "bank:icbc", link_max=0)
    node = LedgerNode(world)
    chain.begin_at(remote(node, world), world.blocks[height - 1].header.hash)
    assert chain.follow(remote(node, world)) == world.head
    old = evidence_of(world, world.blocks[0])
    if height > 1:
        with pytest.raises(InvalidProof) as refused:
            chain.believe(old)
        assert refused.value.code in ("member.below-checkpoint", "member.outside-epoch")
    chain.believe(evidence_of(world, world.blocks[height]))


def test_a_checkpoint_is_its_hash_and_nothing_that_a_node_says() -> None:
    world = history()
    other = grow(World(), 10, epoch_at={2: [0, 1, 2, 3, 4], 4: [0, 1, 2, 3], 5: [0, 1, 2, 3, 9]})
    wanted = world.blocks[4].header.hash

    class Other(LedgerNode):
        def answer(self, path: str, query: dict[str, str]) -> bytes:
            if path.startswith("/v1/headers/"):
                return super().answer(f"/v1/headers/{other.blocks[4].header.hash.hex()}", query)
            return super().answer(path, query)

    class OtherSet(LedgerNode):
        def trail(self, height: int) -> CertifiedHeader:
            return other.certified(other.blocks[height - 1])

    for node, code in ((Other(other), "member.checkpoint"),
                       (OtherSet(history()), "member.checkpoint-validators")):  # fmt: skip
        chain = Chain(SimKV(), world.genesis, "bank:icbc", link_max=0)
        at = wanted if code == "member.checkpoint" else world.blocks[7].header.hash
        with pytest.raises(InvalidProof) as refused:
            chain.begin_at(remote(node, world), at)
        assert refused.value.code == code
        assert not chain.begun


def test_a_node_that_lags_is_believed_and_takes_nothing_back() -> None:
    world = history()
    chain = chain_of(SimKV(), world)
    chain.follow(remote(LedgerNode(world), world))
    for lag in range(10):
        found = chain.follow(remote(LedgerNode(world, lag=lag), world))
        assert found.height == 10 - lag
        assert chain.height == 10


def refused(world: World, bend: Any, *, known: int = 0) -> str:
    """The code with which a bent trail is refused; nothing of it may stay."""
    kv = SimKV()
    chain = chain_of(kv, world)
    if known:
        chain.follow(remote(LedgerNode(world, lag=10 - known), world))
    before = dict(kv.rows())
    with pytest.raises(InvalidProof) as refusal:
        chain.follow(remote(LedgerNode(world, bend=bend), world))
    assert kv.rows() == before, "a lie leaves nothing"
    assert chain.height == known
    return refusal.value.code


def bent(change: Any) -> Any:
    def bend(path: str, data: bytes) -> bytes:
        if path != "/v1/trail":
            return data
        fields = decode(data)
        change(fields)
        return encode(fields)

    return bend


def test_a_forged_certificate_a_wrong_set_and_a_skipped_epoch_are_refused() -> None:
    world = history()
    forged = certify(world.head, world.validators, [200, 201, 202, 203], [0, 1, 2])
    few = certify(world.head, world.validators, world.numbers, [0, 1])

    def put(value: bytes) -> Any:
        return bent(lambda fields: fields.__setitem__(3, value))

    assert refused(world, put(forged.encode())) == "evidence.block"
    assert refused(world, put(few.encode())) == "evidence.block"
    skipped = bent(lambda fields: fields[1].pop(0))
    assert refused(world, skipped) == "evidence.epoch"
    other = bent(lambda fields: fields[1][0].__setitem__(2, fields[1][1][2]))
    assert refused(world, other) == "evidence.validators"
    left = bent(lambda fields: fields[1].clear())
    assert refused(world, left) == "evidence.epoch"


def test_validators_who_left_certify_nothing_any_more() -> None:
    """A quorum of the first epoch signs another block for the height behind its end."""
    world = history()
    chain = chain_of(SimKV(), world)
    chain.follow(remote(LedgerNode(world), world))
    other = grow(World(), 5)
    code = None
    try:
        chain.follow(remote(LedgerNode(other), world))
    except InvalidProof as refusal:
        code = refusal.code
    assert code == "member.outside-epoch"
    assert not chain.has_fork, "keys of the past are no quorum of today"


def test_every_damage_to_a_trail_is_refused_or_changes_nothing() -> None:
    world = grow(World(), 4, epoch_at={2: [0, 1, 2, 3, 4]})
    data = encode_trail(world.certified(world.blocks[-1]))
    for damaged in (*list(bit_flips(data))[::7], *truncations(data), *extensions(data)):
        chain = chain_of(SimKV(), world)

        def bend(path: str, honest: bytes, damaged: bytes = damaged) -> bytes:
            return damaged if path == "/v1/trail" else honest

        with pytest.raises(InvalidProof):
            chain.follow(remote(LedgerNode(world, bend=bend), world))
        assert chain.best is None


def test_headers_between_that_do_not_link_are_a_lie() -> None:
    world = history()
    other = grow(World(), 10, epoch_at={3: [0, 1, 2, 3, 4], 5: [0, 1, 2, 3, 104]})

    class Unlinked(LedgerNode):
        def answer(self, path: str, query: dict[str, str]) -> bytes:
            source = LedgerNode(other) if path == "/v1/headers" else super()
            return source.answer(path, query)

    kv = SimKV()
    chain = chain_of(kv, world)
    chain.follow(remote(LedgerNode(world, lag=8), world))
    with pytest.raises(InvalidProof) as refusal:
        chain.follow(remote(Unlinked(world), world))
    assert refusal.value.code == "member.headers"
    assert chain.height == 2
    for nothing in (b'{"headers": []}', b'{"headers": [7]}', b"[]", b"no json", b'{"headers": 1}'):
        bend = lambda path, data, said=nothing: said if path == "/v1/headers" else data  # noqa: E731
        with pytest.raises(InvalidProof):
            chain.follow(remote(LedgerNode(world, bend=bend), world))
    assert chain.height == 2


def two_histories(same: int, more: int) -> tuple[World, World]:
    """Two chains of one quorum that part behind a height: more than f have lied."""
    one, two = grow(World(), same), grow(World(), same)
    grow(one, more)
    for number in range(more):
        two.commit([make_transaction(two.genesis.chain, 900 + number, attached=False)])
    return one, two


@pytest.mark.parametrize(("known", "seen"), [(5, 5), (5, 4), (5, 6), (5, 9), (4, 9)])
def test_a_fork_is_kept_and_ends_it(known: int, seen: int) -> None:
    one, two = two_histories(3, 6)
    kv = SimKV()
    chain = chain_of(kv, one)
    for height in range(1, known + 1):
        chain.follow(remote(LedgerNode(one, lag=9 - height), one))
    with pytest.raises(Forked) as fork:
        chain.follow(remote(LedgerNode(two, lag=9 - seen), one))
    assert fork.value.code == "member.fork"
    assert chain.height == known
    again = chain_of(kv.after_crash(), one)
    assert again.has_fork, "a restart does not forget it"
    assert not again.resolve(bytes(32))
    assert again.resolve(two.blocks[seen - 1].header.hash), "the operator says which one it is"
    assert not again.has_fork
    again.follow(remote(LedgerNode(two), one))
    assert again.best == two.head


def test_a_member_node_does_not_start_on_a_fork_until_somebody_has_said_which(
    tmp_path: Path,
) -> None:
    one, two = two_histories(3, 6)
    kv = SimKV()
    chain = chain_of(kv, one)
    chain.follow(remote(LedgerNode(one), one))
    with pytest.raises(Forked):
        chain.follow(remote(LedgerNode(two), one))

    def start(checkpoint: str) -> int:
        config = Config(
            member=MemberConfig(
                organisation=ME, genesis=tmp_path, chain=one.genesis.chain.hex(),
                data_dir=tmp_path, key=tmp_path, checkpoint=checkpoint,
            ),
            nodes=NodesConfig(addresses=("http://node.test",)),
            bank=BankConfig(folder=tmp_path / "exchange"),
        )  # fmt: skip
        signer = Signer(OrgId(ME), one.genesis.chain, private(sign_key(0)))
        log = make_logger("error", "json")
        return build(config, one.genesis, signer, kv, log, now_ms=lambda: 0).chain.height

    for checkpoint in ("", "ab" * 32):
        with pytest.raises(Forked):
            start(checkpoint)
    assert start(two.head.hash.hex()) == 9
    assert start("") == 9, "said once is enough"
    assert chain_of(kv, one).best == two.head


def test_evidence_of_another_history_at_a_known_height_is_a_fork() -> None:
    one, two = two_histories(3, 6)
    chain = chain_of(SimKV(), one)
    chain.follow(remote(LedgerNode(one, lag=8), one))
    chain.follow(remote(LedgerNode(one), one))
    with pytest.raises(Forked):
        chain.believe(evidence_of(two, two.blocks[5]))


def test_evidence_is_believed_in_every_epoch_and_stale_or_early_evidence_is_not() -> None:
    world = history()
    chain = chain_of(SimKV(), world)
    with pytest.raises(InvalidProof) as early:
        chain.believe(evidence_of(world, world.blocks[9]))
    assert early.value.code == "member.ahead"
    chain.follow(remote(LedgerNode(world), world))
    for block in world.blocks:
        facts = chain.believe(evidence_of(world, block))
        assert facts.header == block.header
        with pytest.raises(InvalidProof) as stale:
            chain.believe(evidence_of(world, block), least=block.header.height + 1)
        assert stale.value.code == "member.stale"


def test_an_epoch_that_ends_between_head_and_proof_is_followed_first() -> None:
    world = history()
    receipt = world.blocks[9].receipts[0]

    class Proves(LedgerNode):
        def answer(self, path: str, query: dict[str, str]) -> bytes:
            if path.startswith("/v1/receipts/"):
                self.lag = 0  # the chain has gone on meanwhile
                return evidence_of(world, world.blocks[9])
            return super().answer(path, query)

    node = Proves(world, lag=5)
    chain, asked = chain_of(SimKV(), world), remote(node, world)
    chain.follow(asked)
    assert (chain.height, chain.epoch) == (5, 1)
    nodes = Nodes([asked], chain, None)
    facts, data = nodes.prove_receipt(asked, receipt.tx_id, 0)
    assert facts.receipt == receipt
    assert data == evidence_of(world, world.blocks[9])
    assert (chain.height, chain.epoch) == (10, 3)
    for tx_id, call in ((bytes(32), 0), (receipt.tx_id, 1)):
        with pytest.raises(InvalidProof) as refused:
            nodes.prove_receipt(asked, tx_id, call)
        assert refused.value.code == "member.other-subject"


def test_evidence_whose_epochs_are_bent_is_refused_although_its_header_is_good() -> None:
    """Else the file that is kept would prove nothing to anybody else."""
    world = history()
    chain = chain_of(SimKV(), world)
    chain.follow(remote(LedgerNode(world), world))
    fields = decode(evidence_of(world, world.blocks[9]))
    fields[3].pop(0)
    with pytest.raises(InvalidProof):
        chain.believe(encode(fields))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_moment_it_is_killed_it_has_one_true_history(data: st.DataObject) -> None:
    world, kv = history(), SimKV()
    visits = data.draw(st.lists(st.integers(1, 10), min_size=1, max_size=8))
    heights = [0]
    for height in visits:
        after = data.draw(st.sampled_from([None, 0, 1]))
        if after is not None:
            kv.crash_before = kv.writes + 1 if after == 0 else None
            kv.crash_after = kv.writes + 1 if after == 1 else None
        try:
            chain = chain_of(kv, world, link_max=data.draw(st.sampled_from([0, 2, 100])))
            chain.follow(remote(LedgerNode(world, lag=10 - height), world))
        except Crash:
            kv = kv.after_crash()
        kv.crash_before = kv.crash_after = None
        again = chain_of(kv, world)
        assert again.height >= heights[-1], "nothing is taken back"
        assert again.height == 0 or again.best == world.blocks[again.height - 1].header
        assert not again.has_fork
        heights.append(again.height)
        for _, span in rows.all_of(kv, rows.EPOCH):
            assert (span[2] is None) == (span[3] is None)


def test_a_database_of_another_chain_or_organisation_is_refused() -> None:
    kv = SimKV()
    chain_of(kv, history())
    with pytest.raises(MemberRefused):
        Chain(kv, history().genesis, "bank:ccb", link_max=0)
    with pytest.raises(MemberRefused):
        Chain(kv, World(5).genesis, "bank:icbc", link_max=0)


class Endless(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield bytes(1 << 20)


@pytest.mark.parametrize(
    ("response", "kind", "code"),
    [
        (httpx.Response(200, stream=Endless()), InvalidProof, "member.answer-too-long"),
        (httpx.Response(403, json={"code": "read.no-right", "values": {}}), Declined,
         "read.no-right"),
        (httpx.Response(502, content=b"<html>"), Declined, "http.502"),
        (httpx.ReadTimeout("too slow"), Silent, "member.silent"),
        (httpx.ConnectError("nobody"), Silent, "member.silent"),
    ],
)  # fmt: skip
def test_silence_refusals_and_answers_without_end(response: Any, kind: Any, code: str) -> None:
    world = history()

    def handle(_request: httpx.Request) -> httpx.Response:
        if isinstance(response, Exception):
            raise response
        answer: httpx.Response = response
        return answer

    chain = chain_of(SimKV(), world)
    with pytest.raises(kind) as met:
        chain.follow(remote(httpx.MockTransport(handle), world))
    assert met.value.code == code
    assert chain.best is None


def test_a_trail_reads_back() -> None:
    world = history()
    whole = world.certified(world.blocks[-1])
    assert decode_trail(encode_trail(whole)) == whole
