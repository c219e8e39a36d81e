"""A validator lies to a follower in every part of a block: it is left, and others are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from consensus import Decided
from node.ledger.block import Certificate, Header
from node.ledger.codec import decode, encode
from node.ledger.receipt import decode_writes, encode_writes
from node.ordering import wire
from node.p2p.frames import Frame, FrameType
from node.p2p.payloads import Ask, AskContent, Changes, Content, Share, encode_blocks
from node.service.serving import BlockServer
from tests.node.cluster import AUDITOR, Cluster, running_cluster, until
from tests.node.network import Client
from tests.node.service.guests import Lie, LyingValidator
from tests.node.service.test_cluster import done

LIAR = 3
BLOCKS = 5
Twist = Callable[[Header, bytes, Content | Changes], tuple[bytes, bytes]]
"""From a true block's header, certificate and content to what the liar sends of it."""


def swapped(data: bytes) -> bytes:
    """Canonical bytes of the same shape that say something else."""
    return data[:-1] + bytes([data[-1] ^ 1])


def other_signature(
    header: Header, certificate: bytes, content: Content | Changes
) -> tuple[bytes, bytes]:
    told = Certificate.decode(certificate)
    first = swapped(told.signatures[0])
    return replace(told, signatures=(first, *told.signatures[1:])).encode(), content.encode()


def other_certificate(
    header: Header, certificate: bytes, content: Content | Changes
) -> tuple[bytes, bytes]:
    told = Certificate.decode(certificate)
    return replace(told, block_hash=swapped(told.block_hash)).encode(), content.encode()


def other_header(
    header: Header, certificate: bytes, content: Content | Changes
) -> tuple[bytes, bytes]:
    lied = replace(header, state_root=swapped(header.state_root))
    return certificate, replace(content, header=lied).encode()


def no_transactions(
    header: Header, certificate: bytes, content: Content | Changes
) -> tuple[bytes, bytes]:
    if isinstance(content, Content):
        return certificate, replace(content, transactions=[]).encode()
    return certificate, replace(content, leaves=[]).encode()


def other_transaction(
    header: Header, certificate: bytes, content: Content | Changes
) -> tuple[bytes, bytes]:
    if isinstance(content, Content):
        body, signature, pairs = decode(content.transactions[0])
        forged = encode([body, swapped(signature), pairs])
        return certificate, replace(content, transactions=[forged]).encode()
    body, signature = decode(content.leaves[0])
    return certificate, replace(content, leaves=[encode([body, swapped(signature)])]).encode()


def other_attachment(
    header: Header, certificate: bytes, content: Content | Changes
) -> tuple[bytes, bytes]:
    assert isinstance(content, Content)
    body, signature, ((blind, inner),) = decode(content.transactions[0])
    forged = encode([body, signature, [[blind, encode({"text": "forged"})]]])
    assert inner != encode({"text": "forged"})
    return certificate, replace(content, transactions=[forged]).encode()


def other_receipt(
    header: Header, certificate: bytes, content: Content | Changes
) -> tuple[bytes, bytes]:
    assert isinstance(content, Changes)
    fields = decode(content.receipts[0])
    fields[5] = {"total_fen": 10**9}
    return certificate, replace(content, receipts=[encode(fields)]).encode()


def other_write(
    header: Header, certificate: bytes, content: Content | Changes
) -> tuple[bytes, bytes]:
    assert isinstance(content, Changes)
    writes = decode_writes(content.diff)
    key = next(key for key in writes if key.startswith("book/"))
    writes[key] = encode({"total_fen": 10**9})
    return certificate, replace(content, diff=encode_writes(writes)).encode()


def one_write_less(
    header: Header, certificate: bytes, content: Content | Changes
) -> tuple[bytes, bytes]:
    assert isinstance(content, Changes)
    writes = decode_writes(content.diff)
    del writes[next(key for key in writes if key.startswith("tx/"))]
    return certificate, replace(content, diff=encode_writes(writes)).encode()


def executed_id_of_nobody(
    header: Header, certificate: bytes, content: Content | Changes
) -> tuple[bytes, bytes]:
    """Deleting what is not there leaves the root as it is; the key must still be an id's."""
    assert isinstance(content, Changes)
    writes = {**decode_writes(content.diff), "tx/zz": None}
    return certificate, replace(content, diff=encode_writes(writes)).encode()


ANY = (
    other_signature, other_certificate, other_header, no_transactions, other_transaction,
)  # fmt: skip
TWISTS = [
    *((AUDITOR, twist) for twist in (*ANY, other_attachment)),
    *(
        ("bureau:540000", twist)
        for twist in (*ANY, other_receipt, other_write, one_write_less, executed_id_of_nobody)
    ),
]


def true_block(server: BlockServer, height: int, share: Share) -> tuple[Header, bytes, bytes]:
    found = server.certified(height, share)
    assert found is not None
    certificate, content = found
    form = Content if share is Share.CONTENT else Changes
    return form.decode(content).header, certificate, content


def twisting(twist: Twist) -> Lie:
    """Lie about every block that is asked for."""

    def lie(server: BlockServer, asked: Ask | AskContent) -> bytes:
        def told(height: int) -> tuple[bytes, bytes]:
            header, certificate, content = true_block(server, height, asked.share)
            form = Content if asked.share is Share.CONTENT else Changes
            return twist(header, certificate, form.decode(content))

        if isinstance(asked, AskContent):
            return told(asked.height)[1]
        return encode_blocks([told(height) for height in range(asked.first, BLOCKS + 1)])

    return lie


def gap(server: BlockServer, asked: Ask | AskContent) -> bytes | None:
    if isinstance(asked, AskContent):
        return None
    heights = [h for h in range(asked.first, BLOCKS + 1) if h != asked.first + 1]
    return encode_blocks([true_block(server, height, asked.share)[1:] for height in heights])


def nothing(server: BlockServer, asked: Ask | AskContent) -> bytes | None:
    return encode_blocks([])


def silence(server: BlockServer, asked: Ask | AskContent) -> bytes | None:
    return None


def garbage(server: BlockServer, asked: Ask | AskContent) -> bytes | None:
    return b"\x93garbage"


async def lie_and_recover(cluster: Cluster, name: str, lie: Lie) -> None:
    """The follower is told lies before it hears a true answer, and ends with the true state."""
    client = Client(cluster.genesis.chain)
    for number in range(BLOCKS):
        await done(cluster.nodes[0], client.enter(f"k{number}", number + 1))
    await cluster.agree(BLOCKS)
    await cluster.stop(LIAR)
    honest = [node.network for node in cluster.nodes.values()]
    taken = [network.exchange._answers.take for network in honest]
    for network in honest:
        network.exchange._answers.take = lambda peer, frame: None
    server = BlockServer(cluster.nodes[0].chain)
    liar = LyingValidator(cluster, LIAR, server, lie)
    head = cluster.nodes[0].head.height
    header, certificate, _ = true_block(server, head, Share.CONTENT)
    decided = Decided(
        wire.to_core_block(header),
        wire.from_ledger_certificate(Certificate.decode(certificate)),
    )
    announced = Frame(FrameType.CHANGE, wire.encode_message(decided, header.encode()))
    liar.greeting = lambda organisation: liar.peers.send(organisation, announced)
    try:
        await cluster.follow(name)
        await until(lambda: liar.lies > 0)
        for network, take in zip(honest, taken, strict=True):
            network.exchange._answers.take = take
        await done(cluster.nodes[1], client.enter("last", 7))
        await cluster.agree(cluster.nodes[1].head.height)
    finally:
        await liar.peers.stop()


def run(folder: Path, name: str, lie: Lie) -> None:
    async def body() -> None:
        async with running_cluster(folder) as cluster:
            await lie_and_recover(cluster, name, lie)

    asyncio.run(body())


@pytest.mark.parametrize(("name", "twist"), TWISTS)
def test_a_lie_about_a_block_is_noticed(tmp_path: Path, name: str, twist: Twist) -> None:
    run(tmp_path, name, twisting(twist))


@pytest.mark.parametrize("lie", [gap, nothing, silence, garbage])
def test_a_wrong_answer_is_passed_over(tmp_path: Path, lie: Lie) -> None:
    run(tmp_path, AUDITOR, lie)
