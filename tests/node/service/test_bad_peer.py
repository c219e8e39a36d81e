"""A member whose key lies: what it sends costs its own connection and nobody else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from consensus import (
    Ballot,
    Block,
    BlockId,
    Certificate,
    Decided,
    Kind,
    Proposal,
    Statement,
    Status,
    Vote,
)
from consensus.messages import (
    Change,
    ChangeProof,
    NewView,
    NewViewStatement,
    ViewChange,
    Wish,
    WishStatement,
)
from consensus.plain import message_to_plain
from node.ledger import crypto
from node.ledger.block import Header, genesis_header
from node.ledger.codec import encode
from node.ledger.types import Digest, Height, TimeMs
from node.ordering import wire
from node.ordering.driver import PEER_BYTES_MAX
from node.p2p import queues
from node.p2p.frames import BOUNDS, Frame, FrameType
from node.p2p.hello import Identity
from node.p2p.link import BUFFER_BYTES, Peer
from node.p2p.payloads import Ask, Content, decode_blocks, encode_proposal
from node.p2p.peers import HANDSHAKES_MAX, Address, Peers
from node.p2p.tls import make_transport
from node.service import contents
from node.service.contents import ENTRY_BYTES, Contents
from node.service.inboxes import INBOX_BYTES
from node.service.node import Node
from node.telemetry import make_logger
from tests.node.cluster import Cluster, bureau, running_cluster, until
from tests.node.network import Client, private

LIAR = 3
SEED = bytes(32)


class Liar:
    """Bureau 3's keys in the hands of a test, connected to one node."""

    def __init__(self, cluster: Cluster, victim: int = 0) -> None:
        self.cluster = cluster
        self.key = private(f"validate{LIAR}")
        self.frames: list[Frame] = []
        transport = make_transport(private(f"transport{LIAR}"), cluster.genesis.chain, bureau(LIAR))
        identity = Identity(cluster.genesis.chain, bureau(LIAR), self.key, transport.pin)
        self.peers = Peers(identity, transport, self, make_logger("error", "json"))
        self.victim = bureau(victim)
        pin = crypto.tls_pin(crypto.public_key(private(f"transport{victim}")))
        self.peers.update({self.victim: Address("127.0.0.1", cluster.ports[victim], pin)}, 0)

    async def on_frame(self, peer: Peer, frame: Frame) -> None:
        self.frames.append(frame)

    def on_up(self, peer: Peer) -> None:
        """Nothing to say yet."""

    def guest_pin(self, organisation: str) -> bytes | None:
        return None

    def on_bug(self, error: BaseException) -> None:
        raise AssertionError("the liar's own machinery works") from error

    def send(self, kind: FrameType, body: bytes) -> None:
        assert self.peers.send(self.victim, Frame(kind, body))

    def sign(self, statement: Statement) -> bytes:
        return wire.sign_statement(self.key, self.cluster.genesis.chain, statement)


def head_ballot(node: Node, kind: Kind) -> Ballot:
    return Ballot(kind, 0, 0, node.head.height + 1, BlockId(b"\x07" * 32))


def forged_vote(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    """A vote in another member's name."""
    ballot = head_ballot(node, Kind.PREPARE)
    return FrameType.VOTE, wire.encode_message(Vote(1, ballot, liar.sign(ballot)))


def vote_of_nobody(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    ballot = head_ballot(node, Kind.PREPARE)
    return FrameType.VOTE, wire.encode_message(Vote(40, ballot, liar.sign(ballot)))


def garbage(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    return FrameType.VOTE, b"\xff" * 100


def vote_as_change(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    _, body = forged_vote(liar, node)
    return FrameType.CHANGE, body


def forged_certificate(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    """Three signatures, all by one key."""
    parent = node.chain.parent
    header = replace(
        parent.header, height=Height(parent.header.height + 1), parent=parent.block_hash
    )
    ballot = replace(head_ballot(node, Kind.COMMIT), block=BlockId(header.hash))
    signatures = tuple((n, liar.sign(ballot)) for n in range(3))
    return decided(header, Certificate(Kind.COMMIT, 0, 0, ballot.height, ballot.block, signatures))


def decided(header: Header, certificate: Certificate) -> tuple[FrameType, bytes]:
    message = Decided(wire.to_core_block(header), certificate)
    return FrameType.CHANGE, wire.encode_message(message, header.encode())


def proposal_of_other_content(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    """The statement names one block, the bytes are of another (the committed head)."""
    ballot = head_ballot(node, Kind.PROPOSE)
    block = Block(ballot.block, BlockId(SEED), ballot.height, 0)
    message = wire.encode_message(Proposal(LIAR, ballot, block, liar.sign(ballot)))
    header = node.chain.parent.header
    return FrameType.PROPOSAL, encode_proposal(message, Content(header, []).encode())


def proposal_without_content(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    ballot = head_ballot(node, Kind.PROPOSE)
    block = Block(ballot.block, BlockId(SEED), ballot.height, 0)
    message = wire.encode_message(Proposal(LIAR, ballot, block, liar.sign(ballot)))
    return FrameType.PROPOSAL, encode([message, b"\x01"])


def too_few(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    """A real certificate with one signature less."""
    header, certificate = decided_head(node)
    cut = replace(certificate, signatures=certificate.signatures[:-1])
    return decided(header, cut)


def same_signer_again(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    """A quorum in number: one good signature, repeated."""
    header, certificate = decided_head(node)
    again = certificate.signatures[:1] * 3
    doubled = replace(certificate, signatures=again)
    return decided(header, doubled)


def views_mixed(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    """Two good signatures of the certificate's view and one, good too, of the next."""
    return mixed(liar, node, view=1)


def epochs_mixed(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    """Two good signatures of this epoch and one, good too, of the next."""
    return mixed(liar, node, epoch=1)


def mixed(liar: Liar, node: Node, view: int = 0, epoch: int = 0) -> tuple[FrameType, bytes]:
    header, certificate = decided_head(node)
    said = certificate.ballot()
    other = replace(said, view=said.view + view, epoch=said.epoch + epoch)
    signatures = [pair for pair in certificate.signatures if pair[0] != LIAR][:2]
    merged = replace(certificate, signatures=(*signatures, (LIAR, liar.sign(other))))
    return decided(header, merged)


def view_edited(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    """A certificate whose signatures are good and whose view was edited."""
    header, certificate = decided_head(node)
    edited = replace(certificate, view=certificate.view + 1)
    return decided(header, edited)


def new_view_of_many(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    """View changes beyond a quorum, each of them well signed: counted before any is computed."""
    change = Change(0, 1, 0, BlockId(SEED), None)
    one = ViewChange(LIAR, change, ChangeProof(None, None, None), liar.sign(change))
    said = NewViewStatement(0, 1, ((LIAR, change),) * 63)
    return FrameType.CHANGE, wire.encode_message(NewView(LIAR, said, (one,) * 63, liar.sign(said)))


def vote_of_somebody_else(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    """A good vote of another member, heard before and passed on."""
    _, certificate = decided_head(node)
    signer, signature = next(pair for pair in certificate.signatures if pair[0] != LIAR)
    return FrameType.VOTE, wire.encode_message(Vote(signer, certificate.ballot(), signature))


def far_view(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    wish = WishStatement(0, 2**62)
    return FrameType.VOTE, wire.encode_message(Wish(LIAR, wish, liar.sign(wish)))


def vote_for_a_proposal(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    """A vote of a kind that is none, well signed."""
    ballot = head_ballot(node, Kind.PROPOSE)
    return FrameType.VOTE, wire.encode_message(Vote(LIAR, ballot, liar.sign(ballot)))


def number_too_large(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    """2^63 and above is no view, height or epoch."""
    ballot = replace(head_ballot(node, Kind.COMMIT), view=2**63 - 1)
    body = wire.encode_message(Vote(LIAR, ballot, liar.sign(ballot)))
    largest = b"\xcf\x7f" + b"\xff" * 7
    assert largest in body
    return FrameType.VOTE, body.replace(largest, b"\xcf\x80" + bytes(7))


def decided_head(node: Node) -> tuple[Header, Certificate]:
    head = node._replica.state
    assert head.head_certificate is not None, "the story begins with a block"
    return node.chain.parent.header, head.head_certificate


def another_parent(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    """A good certificate with a header that says something else than the block that it is of."""
    header, certificate = decided_head(node)
    return decided(replace(header, parent=Digest(SEED)), certificate)


def parent_told_beside(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    """A good certificate with parent and epoch told in the sender's own words."""
    header, certificate = decided_head(node)
    plain = message_to_plain(Decided(wire.to_core_block(header), certificate))
    return FrameType.CHANGE, encode(plain)


def second_greeting(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    return FrameType.GREETING, b"hello again"


def empty_status(liar: Liar, node: Node) -> tuple[FrameType, bytes]:
    return FrameType.STATUS, b""


FAULTS = (
    forged_vote, vote_of_nobody, garbage, vote_as_change, forged_certificate,
    proposal_of_other_content, proposal_without_content, second_greeting, empty_status,
    too_few, same_signer_again, views_mixed, epochs_mixed, view_edited, new_view_of_many,
    vote_of_somebody_else, far_view, vote_for_a_proposal, number_too_large, another_parent,
    parent_told_beside,
)  # fmt: skip
REFUSED_BY_THE_CORE = (far_view, vote_for_a_proposal, another_parent)
"""Well formed and well signed: the core finds them out, the next frame ends the connection."""
STATUS = Status(0, 0, 0, 0, True, False, 0, 0, 0)


def run(folder: Path, story: Callable[[Cluster, Liar], object]) -> None:
    async def body() -> None:
        async with running_cluster(folder) as cluster:
            client = Client(cluster.genesis.chain)
            first = client.enter("a", 1)
            await cluster.nodes[0].submit(first.encode())
            await until(
                lambda: all(n.reader.has_transaction(first.id) for n in cluster.nodes.values())
            )
            await cluster.stop(LIAR)
            liar = Liar(cluster)
            try:
                await until(lambda: bureau(0) in liar.peers.connected())
                await story(liar.cluster, liar)  # type: ignore[misc]
                last = client.enter("z", 9)
                await cluster.nodes[0].submit(last.encode())
                assert await cluster.nodes[0].wait(last.id, 20)
                await until(
                    lambda: all(n.reader.has_transaction(last.id) for n in cluster.nodes.values())
                )
                await cluster.agree(min(n.head.height for n in cluster.nodes.values()))
            finally:
                await liar.peers.stop()

    asyncio.run(body())


def test_what_no_correct_member_sends_ends_its_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.p2p.peers.BACKOFF_MAX_S", 0.1)
    monkeypatch.setattr("node.p2p.peers.FAULT_PAUSE_S", 0.0)

    async def story(cluster: Cluster, liar: Liar) -> None:
        for fault in FAULTS:
            # A link that was just closed is still there for a moment.
            await until(
                lambda: (
                    bureau(0) in liar.peers.connected()
                    and not liar.peers._links[bureau(0)].closed.is_set()
                )
            )
            link = liar.peers._links[bureau(0)]
            liar.send(*fault(liar, cluster.nodes[0]))
            if fault in REFUSED_BY_THE_CORE:
                await until(lambda: bool(cluster.nodes[0].network.exchange._refused))
                liar.send(FrameType.STATUS, wire.encode_message(STATUS))
            try:
                await until(link.closed.is_set, 5)
            except TimeoutError:
                pytest.fail(f"{fault.__name__} was let pass")

    run(tmp_path, story)


def test_after_a_fault_a_peer_waits_and_the_others_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause has no end here: the liar dials, and is heard no more."""
    monkeypatch.setattr("node.p2p.peers.BACKOFF_MAX_S", 0.1)
    monkeypatch.setattr("node.p2p.peers.FAULT_PAUSE_S", 3_600.0)

    async def story(cluster: Cluster, liar: Liar) -> None:
        peers = cluster.nodes[0].network.exchange.peers
        refusals = []
        take = peers._take
        peers._take = lambda link: refusals.append(link.peer.organisation) or take(link)
        liar.send(*garbage(liar, cluster.nodes[0]))
        await until(lambda: len(refusals) > 2)
        assert set(refusals) == {bureau(LIAR)}
        assert bureau(LIAR) not in peers.connected()
        assert "malformed" in peers.absent()[bureau(LIAR)].reason
        assert {bureau(1), bureau(2)} <= peers.connected().keys()

    run(tmp_path, story)


def test_what_is_merely_useless_is_passed_over(tmp_path: Path) -> None:
    async def story(cluster: Cluster, liar: Liar) -> None:
        node = cluster.nodes[0]
        link = liar.peers._links[bureau(0)]
        view = node._replica.situation().view
        other_epoch = Ballot(Kind.COMMIT, 7, 0, 99, BlockId(SEED))
        far = Ballot(Kind.COMMIT, 0, 0, 2**50, BlockId(SEED))
        seat = 3
        for ballot in (other_epoch, far):
            liar.send(FrameType.VOTE, wire.encode_message(Vote(seat, ballot, liar.sign(ballot))))
        claim = Status(0, 0, 2**60, 0, True, False, 0, 0, 0)
        liar.send(FrameType.STATUS, wire.encode_message(claim))
        liar.send(FrameType.BLOCKS, encode([]))
        liar.send(FrameType.CONTENT, encode([b"", []]))
        liar.send(FrameType.TRANSACTION, b"no transaction")
        # An answer to a request shows that everything before it was read.
        liar.frames.clear()
        liar.send(FrameType.ASK, Ask(1, 2**40).encode())
        await until(lambda: any(frame.type is FrameType.BLOCKS for frame in liar.frames))
        answer = next(frame for frame in liar.frames if frame.type is FrameType.BLOCKS)
        assert [c.height for c, _ in decode_blocks(answer.body)] == [
            *range(1, node.head.height + 1)
        ]
        assert not link.closed.is_set()
        assert node._replica.situation().view == view
        assert node.status().behind_by == 0, "one liar's claim makes nobody feel behind"

    run(tmp_path, story)


def content(number: int, size: int) -> Content:
    header = genesis_header(Digest(SEED), Digest(SEED), TimeMs(number), Digest(SEED))
    return Content(replace(header, height=Height(number)), [bytes(size)])


def test_a_flood_of_contents_pushes_out_only_its_senders() -> None:
    unit = 100_000
    held = Contents(peer_bytes_max=10 * unit, bytes_max=25 * unit)
    honest = content(1, 9 * unit)
    held.add("honest", honest)
    for number in range(2, 50):
        held.add("liar", content(number, 6 * unit))
        assert held.size <= 20 * unit
    assert held.find(honest.header.hash) == ("honest", honest)
    held.add("third", content(99, 9 * unit))
    assert held.find(honest.header.hash) is not None
    held.add("fourth", content(98, 9 * unit))
    assert held.size <= 25 * unit
    held.committed(98)
    assert held.find(honest.header.hash) is None
    assert held.find(content(99, 9 * unit).header.hash) is not None
    held.remove(content(99, 9 * unit).header.hash)
    assert held.size == 0


def test_a_flood_of_empty_contents_is_bounded_too() -> None:
    """A header without transactions takes memory as well."""
    held = Contents(peer_bytes_max=10 * ENTRY_BYTES, bytes_max=64 * ENTRY_BYTES)
    for number in range(1, 1_000):
        empty = content(number, 0)
        held.add("liar", Content(empty.header, []))
    assert sum(held.find(content(n, 0).header.hash) is not None for n in range(1, 1_000)) <= 10


ROOT = Path(__file__).parents[3]


def test_the_page_says_how_much_one_peer_can_make_a_node_hold() -> None:
    """Bounds of bytes, each held to by a test of its own, and their sums in MiB on the page."""
    reading = max(BOUNDS.values()) + 2 * BUFFER_BYTES  # asyncio reads ahead up to twice its limit
    inbox = INBOX_BYTES + BOUNDS[FrameType.TRANSACTION]
    held = max(contents.PEER_BYTES_MAX, BOUNDS[FrameType.CONTENT])  # one is kept, however large
    member = reading + PEER_BYTES_MAX + inbox + held + queues.BYTES_MAX
    sums = {
        "member": member,
        "follower": reading + inbox + queues.GUEST_BYTES_MAX,
        "strangers": HANDSHAKES_MAX * 2 * BUFFER_BYTES,
        "contents": contents.BYTES_MAX,
    }
    page = " ".join((ROOT / "docs" / "consensus-tests.md").read_text(encoding="utf-8").split())
    said = {
        "member": r"at most (\d+) MiB \(", "follower": r"one follower (\d+) MiB",
        "strangers": r"all strangers together (\d+) MiB", "contents": r"contents are (\d+) MiB",
    }  # fmt: skip
    for who, pattern in said.items():
        [figure] = re.findall(pattern, page)
        assert int(figure) == -(-sums[who] // (1 << 20)), (who, sums[who] / (1 << 20))
