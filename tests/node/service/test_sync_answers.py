"""What peers answer when blocks are asked for: lies, late answers, refusals (B25, S25)."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace

import pytest

from consensus import (
    Ballot,
    BlockId,
    Fetched,
    Kind,
    MemberId,
)
from node.ledger import block as ledger_block
from node.ledger import crypto
from node.ledger.block import Certificate, Header, genesis_header
from node.ledger.codec import encode
from node.ledger.types import Digest, Height, TimeMs
from node.ordering import wire
from node.p2p.frames import Frame, FrameType
from node.p2p.link import Peer, PeerFault
from node.p2p.payloads import (
    Ask,
    AskContent,
    Changes,
    Content,
    Share,
    encode_blocks,
    encode_refusal,
)
from node.telemetry import make_logger
from tests.node.network import private
from tests.node.ordering.test_wire import CHAIN, KEYS, SEATS
from tests.node.service.desk import EPOCH, LIAR, PEERS, Desk, run


def header(height: int, parent: bytes = b"", **changed: object) -> Header:
    made = genesis_header(Digest(CHAIN), SEATS.hash, TimeMs(1), Digest(bytes(32)))
    fields: dict[str, object] = {
        "height": Height(height), "epoch": EPOCH, "parent": Digest(parent or bytes([height]) * 32),
        "proposer": "bureau:0", "tx_count": 1, "receipts_count": 1,
    }  # fmt: skip
    return replace(made, **(fields | changed))  # type: ignore[arg-type]


def certified(of: Header, signers: tuple[int, ...] = (0, 1, 2), view: int = 0) -> Certificate:
    signatures = {}
    for signer in signers:
        ballot = Ballot(Kind.COMMIT, of.epoch, view, of.height, BlockId(of.hash))
        signatures[signer] = wire.sign_statement(KEYS[signer], CHAIN, ballot)
    statement = (of.epoch, view, of.height, of.hash)
    return ledger_block.make_certificate(SEATS, statement, signatures)


def answer(*blocks: tuple[Certificate, Header]) -> bytes:
    return encode_blocks([(c.encode(), Content(h, []).encode()) for c, h in blocks])


NINE, TEN = header(9), header(10)
GOOD = (certified(NINE), NINE)


def test_b25_what_was_asked_for_and_is_certified_is_taken() -> None:
    body = answer(GOOD, (certified(TEN), TEN))

    async def story(desk: Desk) -> None:
        desk.exchange.fetch(MemberId(LIAR.key), 9, 10)
        await desk.exchange.on_frame(LIAR, Frame(FrameType.BLOCKS, body))
        [event] = desk.events
        assert isinstance(event, Fetched)
        assert [decided.block.height for decided in event.blocks] == [9, 10]
        # The same again, unasked: nothing.
        await desk.exchange.on_frame(LIAR, Frame(FrameType.BLOCKS, body))
        assert len(desk.events) == 1

    run(story)


LIES: dict[str, tuple[str, bytes]] = {
    "garbage": ("malformed blocks", b"\xff" * 1_000),
    "certificate of another block": ("unsound certificate", answer((certified(TEN), NINE))),
    "a gap": ("not asked for", answer(GOOD, (certified(header(11)), header(11)))),
    "too few signatures": (
        "unsound certificate|malformed blocks",
        answer((certified(NINE, (0, 1)), NINE)),
    ),
    "header edited": (
        "unsound certificate",
        answer((certified(NINE), replace(NINE, time_ms=TimeMs(2)))),
    ),
    "another chain": (
        "not asked for",
        answer((certified(n := header(9, chain=Digest(bytes(32)))), n)),
    ),
    "a set of its own choice": (
        "unsound certificate",
        answer((certified(n := header(9, validators_hash=Digest(b"x" * 32))), n)),
    ),
    "a bit of a signature": (
        "unsound certificate",
        answer(GOOD).replace(
            GOOD[0].signatures[1], bytes([GOOD[0].signatures[1][0] ^ 1]) + GOOD[0].signatures[1][1:]
        ),
    ),
    "no certificate": ("malformed blocks", encode_blocks([(b"", Content(NINE, []).encode())])),
    "half a content": (
        "malformed content",
        encode_blocks([(GOOD[0].encode(), Content(NINE, []).encode()[:-1])]),
    ),
    "more blocks than may be": ("malformed blocks", encode([[b"", b""]] * 65)),
}
"""What is answered, and what is told as the reason."""


@pytest.mark.parametrize("lie", LIES)
def test_b25_a_lying_sync_server_costs_itself_its_connection(lie: str) -> None:
    """In each field; and the core is told that this peer had nothing, so it asks the next one."""

    async def story(desk: Desk) -> None:
        name = MemberId(LIAR.key)
        desk.exchange.fetch(name, 9, 10)
        reason, body = LIES[lie]
        with pytest.raises(PeerFault, match=reason):
            await desk.exchange.on_frame(LIAR, Frame(FrameType.BLOCKS, body))
        assert desk.events == [Fetched(name, ())]
        assert not desk.exchange.contents.size

    run(story)


def test_an_answer_to_an_earlier_request_is_late_and_no_fault() -> None:
    """A slow peer is asked again for other blocks before it has answered."""

    async def story(desk: Desk) -> None:
        desk.exchange.heights[LIAR.organisation] = 20
        desk.exchange.fetch(MemberId(LIAR.key), 9, 10)
        late = answer((certified(TEN), TEN))
        await desk.exchange.on_frame(LIAR, Frame(FrameType.BLOCKS, late))
        assert desk.events == [Fetched(MemberId(LIAR.key), ())]
        assert not desk.exchange.contents.size
        assert desk.exchange.without == {}, "it says nothing of what the peer has"

    run(story)


def test_who_has_not_what_it_was_asked_for_is_known_as_such() -> None:
    """Of a peer that is higher: with too many of them a snapshot is the way."""

    async def story(desk: Desk) -> None:
        desk.exchange.heights[LIAR.organisation] = 20
        desk.exchange.fetch(MemberId(LIAR.key), 9, 10)
        await desk.exchange.on_frame(LIAR, Frame(FrameType.BLOCKS, answer()))
        assert desk.events == [Fetched(MemberId(LIAR.key), ())]
        assert desk.exchange.without == {LIAR.organisation: 9}

    run(story)


@pytest.mark.parametrize("epoch", [EPOCH - 1, EPOCH + 1])
def test_blocks_of_another_epoch_say_nothing_of_what_the_peer_has(epoch: int) -> None:
    """Asked for above an epoch's end, they come before this node has that end: to take the peer
    for one without these blocks led to a snapshot, and to the loss of all history below it."""

    async def story(desk: Desk) -> None:
        desk.exchange.heights[LIAR.organisation] = 20
        desk.exchange.fetch(MemberId(LIAR.key), 9, 10)
        other = header(9, epoch=epoch)
        early = answer((certified(other), other))
        await desk.exchange.on_frame(LIAR, Frame(FrameType.BLOCKS, early))
        assert desk.events == [Fetched(MemberId(LIAR.key), ())]
        assert desk.exchange.without == {}

    run(story)


CHANGES_OF_NINE = Changes(NINE, [], [], b"").encode()


def test_an_answer_in_the_form_of_an_earlier_request_is_late_and_no_fault() -> None:
    """Asked by an earlier life of this node, or before it won or lost its seat."""

    async def story(desk: Desk) -> None:
        desk.exchange.fetch(MemberId(LIAR.key), 9, 10)
        late = encode_blocks([(GOOD[0].encode(), CHANGES_OF_NINE)])
        await desk.exchange.on_frame(LIAR, Frame(FrameType.BLOCKS, late))
        assert desk.events == [Fetched(MemberId(LIAR.key), ())]
        desk.seated, desk.share = False, Share.CHANGES
        block = wire.to_core_block(NINE)
        asked = asyncio.create_task(desk.exchange.find(block, [MemberId(LIAR.key)], 0.01))
        await asyncio.sleep(0)
        body = Content(NINE, []).encode()
        await desk.exchange.on_frame(LIAR, Frame(FrameType.CONTENT, body))
        assert await asked is None
        assert not desk.exchange.contents.size

    run(story)


@pytest.mark.parametrize("seated", [True, False])
def test_who_votes_takes_whole_blocks_whatever_a_peer_grants(seated: bool) -> None:
    """What a block did says nothing of whether it was right: a primary that refuses its block's
    content and offers a state diff of its own making would have it voted for."""

    async def story(desk: Desk) -> None:
        desk.seated = seated
        block, name = wire.to_core_block(NINE), MemberId(LIAR.key)
        refusal = Frame(FrameType.REFUSED, encode_refusal(Share.CHANGES))
        await desk.exchange.on_frame(LIAR, refusal)
        asked = asyncio.create_task(desk.exchange.find(block, [name], 0.01))
        await asyncio.sleep(0)
        await desk.exchange.on_frame(LIAR, Frame(FrameType.CONTENT, CHANGES_OF_NINE))
        found = await asked
        shares = [AskContent.decode(frame.body).share for _, frame in desk.sent]
        if seated:
            assert (found, shares) == (None, [Share.CONTENT])
        else:
            assert (found, shares) == (Changes.decode(CHANGES_OF_NINE), [Share.CHANGES])

    run(story)


@pytest.mark.parametrize("certified", [True, False])
def test_of_a_certified_block_a_member_takes_what_more_than_can_lie_grant(certified: bool) -> None:
    """A member that was removed further up the chain is refused whole blocks by everybody; what a
    quorum has decided it may follow by what it did. One refusal is one liar's."""

    async def story(desk: Desk) -> None:
        block = wire.to_core_block(NINE)
        refusal = Frame(FrameType.REFUSED, encode_refusal(Share.CHANGES))
        for refusing, peer in enumerate(PEERS.values(), 1):
            await desk.exchange.on_frame(peer, refusal)
            desk.sent.clear()
            name = MemberId(peer.key)
            asked = asyncio.create_task(
                desk.exchange.find(block, [name], 0.01, certified=certified)
            )
            await asyncio.sleep(0)
            await desk.exchange.on_frame(peer, Frame(FrameType.CONTENT, CHANGES_OF_NINE))
            found = await asked
            shares = [AskContent.decode(frame.body).share for _, frame in desk.sent]
            if certified and refusing > SEATS.size - SEATS.quorum:
                assert (found, shares) == (Changes.decode(CHANGES_OF_NINE), [Share.CHANGES])
                return
            assert (found, shares) == (None, [Share.CONTENT])
        assert not certified

    run(story)


def test_a_refusal_is_of_whoever_was_asked() -> None:
    """A liar refuses again and again what it was not asked for: whoever was asked is waited for,
    and the log says so once for each share."""

    async def story(desk: Desk) -> None:
        block = wire.to_core_block(NINE)
        honest = next(peer for peer in PEERS.values() if peer is not LIAR)
        shares = (Share.CHANGES, Share.NOTHING)
        refusals = [Frame(FrameType.REFUSED, encode_refusal(share)) for share in shares]
        asked = asyncio.create_task(desk.exchange.find(block, [MemberId(honest.key)], 5))
        log = io.StringIO()
        desk.exchange._log = make_logger("warning", "json", log)
        for number in range(100):
            await asyncio.sleep(0)
            await desk.exchange.on_frame(LIAR, refusals[number % 2])
        assert log.getvalue().count('"event"') == len(shares)
        assert not asked.done()
        whole = Content(NINE, [])
        await desk.exchange.on_frame(honest, Frame(FrameType.CONTENT, whole.encode()))
        assert await asked == whole

    run(story)


@pytest.mark.parametrize("again", [True, False])
def test_an_answer_is_for_the_connection_that_asked(again: bool) -> None:
    """Whoever is connected now may be another life of the peer, which asked for nothing."""

    async def story(desk: Desk) -> None:
        desk.served_content = Content(NINE, []).encode()
        ask = AskContent(9, NINE.hash).encode()
        await desk.exchange.on_frame(LIAR, Frame(FrameType.ASK_CONTENT, ask))
        if again:
            desk.exchange.on_up(LIAR)
        while desk.exchange._tasks:
            await asyncio.sleep(0.001)
        kinds = [frame.type for _, frame in desk.sent]
        assert kinds == ([] if again else [FrameType.CONTENT])

    run(story)


GUEST = Peer("auditor:0", bytes(32))


def test_whoever_was_asked_may_answer_when_its_seat_is_gone() -> None:
    """What was asked while it had a seat, and the result that all are asked for."""

    async def story(desk: Desk) -> None:
        content = Frame(FrameType.CONTENT, Content(NINE, []).encode())
        with pytest.raises(PeerFault, match="without a seat"):
            await desk.exchange.on_frame(GUEST, content)
        await desk.exchange.on_frame(GUEST, Frame(FrameType.OUTCOME, b""))
        desk.exchange.ask(GUEST.organisation, Frame(FrameType.ASK_CONTENT, b""))
        await desk.exchange.on_frame(GUEST, content)
        desk.exchange.on_up(GUEST)
        with pytest.raises(PeerFault, match="without a seat"):
            await desk.exchange.on_frame(GUEST, content)
        assert not desk.exchange.contents.size

    run(story)


@pytest.mark.parametrize("refusals", [1, 2])
def test_who_lost_its_seat_further_up_the_chain_catches_up(refusals: int) -> None:
    """It believes that it votes, and its peers know that it does not: certified blocks are taken as
    they are given once more peers than can lie say so."""

    async def story(desk: Desk) -> None:
        assert SEATS.size - SEATS.quorum == 1, "one may lie"
        refusal = Frame(FrameType.REFUSED, encode_refusal(Share.CHANGES))
        for peer in list(PEERS.values())[:refusals]:
            await desk.exchange.on_frame(peer, refusal)
        desk.exchange.fetch(MemberId(LIAR.key), 9, 9)
        wanted = Share.CONTENT if refusals == 1 else Share.CHANGES
        assert Ask.decode(desk.sent[-1][1].body).share is wanted
        body = encode_blocks([(GOOD[0].encode(), CHANGES_OF_NINE)])
        await desk.exchange.on_frame(LIAR, Frame(FrameType.BLOCKS, body))
        [event] = desk.events
        assert isinstance(event, Fetched)
        assert len(event.blocks) == refusals - 1
        # For what is not certified it makes no difference.
        block = wire.to_core_block(TEN)
        assert await desk.exchange.find(block, [MemberId(LIAR.key)], 0.01) is None
        assert AskContent.decode(desk.sent[-1][1].body).share is Share.CONTENT

    run(story)


def test_b25_what_is_of_a_later_epoch_waits_until_its_members_are_known() -> None:
    later = header(10, epoch=EPOCH + 1)
    body = answer(GOOD, (certified(later), later))

    async def story(desk: Desk) -> None:
        desk.exchange.fetch(MemberId(LIAR.key), 9, 10)
        await desk.exchange.on_frame(LIAR, Frame(FrameType.BLOCKS, body))
        [event] = desk.events
        assert isinstance(event, Fetched)
        assert [decided.block.height for decided in event.blocks] == [9]

    run(story)


def test_b25_more_than_was_asked_for_is_not_looked_at() -> None:
    body = answer(GOOD, (certified(TEN, (0,)), TEN))

    async def story(desk: Desk) -> None:
        desk.exchange.fetch(MemberId(LIAR.key), 9, 9)
        await desk.exchange.on_frame(LIAR, Frame(FrameType.BLOCKS, body))
        [event] = desk.events
        assert isinstance(event, Fetched)
        assert [decided.block.height for decided in event.blocks] == [9]

    run(story)


def test_a_seat_is_named_by_its_key_whatever_it_greeted_with_and_others_by_themselves() -> None:
    async def story(desk: Desk) -> None:
        rotated = replace(LIAR, key=bytes(crypto.public_key(private("another"))))
        assert desk.exchange.name_of(rotated) == MemberId(LIAR.key)
        guest = replace(LIAR, organisation="auditor:national")
        assert desk.exchange.name_of(guest) == MemberId(b"auditor:national")

    run(story)
