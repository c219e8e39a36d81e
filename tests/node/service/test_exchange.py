"""What peers send, frame by frame, into an exchange whose node is a test: nothing gets through that
no correct node sends, and what waits is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from consensus import (
    Ballot,
    BlockId,
    Decided,
    Event,
    Fetched,
    Kind,
    MemberId,
    Message,
    Received,
    Status,
)
from consensus.evidence import compare
from consensus.messages import NewView, Vote
from node.ledger import block as ledger_block
from node.ledger import crypto
from node.ledger.block import Certificate, Header, genesis_header
from node.ledger.codec import encode
from node.ledger.errors import InvalidTransaction, Unavailable
from node.ledger.types import Digest, Height, TimeMs
from node.ordering import wire
from node.p2p.frames import BOUNDS, Frame, FrameType
from node.p2p.link import Peer, PeerFault
from node.p2p.payloads import (
    Ask,
    AskContent,
    Changes,
    Content,
    Share,
    encode_blocks,
    encode_proposal,
    encode_refusal,
)
from node.service.accusations import OF_A_KIND_MAX, Accusations
from node.service.exchange import Exchange
from node.service.inboxes import INBOX_BYTES, INBOX_MAX
from node.store.errors import DatabaseDamaged
from node.telemetry import Metrics, make_logger
from tests.node.network import private
from tests.node.ordering.test_wire import CHAIN, KEYS, SEATS, messages

EPOCH = 3
PEERS = {str(seat.organisation): Peer(seat.organisation, seat.key) for seat in SEATS.validators[1:]}
LIAR = next(iter(PEERS.values()))
OWN_FRAME = {
    "Proposal": FrameType.PROPOSAL, "Vote": FrameType.VOTE, "Wish": FrameType.VOTE,
    "ViewChange": FrameType.CHANGE, "NewView": FrameType.CHANGE, "Decided": FrameType.CHANGE,
    "Status": FrameType.STATUS,
}  # fmt: skip


class Desk:
    """Host, connections and store of an exchange: notes what reaches them."""

    port, pin, valid_until = 0, b"", None

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.offered: list[tuple[Event, int]] = []
        self.sent: list[tuple[str, Frame]] = []
        self.admitted: list[bytes] = []
        self.troubles: dict[bytes, Exception] = {}
        self.bugs: list[BaseException] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.served = 0
        self.served_content: bytes | None = None
        self.seated = True
        self.share = Share.CONTENT
        self.exchange = Exchange(self, CHAIN, self, make_logger("error", "json"))  # type: ignore[arg-type]
        self.exchange.attach(self)  # type: ignore[arg-type]

    # Host
    def put(self, event: Event) -> None:
        self.events.append(event)

    async def offer(self, event: Received, size: int) -> None:
        self.offered.append((event, size))

    def validators(self) -> tuple[int, ledger_block.ValidatorSet]:
        return EPOCH, SEATS

    def height(self) -> int:
        return 8

    async def take_transaction(self, body: bytes) -> None:
        await self.gate.wait()
        if body in self.troubles:
            raise self.troubles[body]
        self.admitted.append(body)

    def share_of(self, organisation: str) -> Share:
        return Share.CONTENT

    def own_share(self) -> Share:
        return self.share

    def is_seated_here(self) -> bool:
        return self.seated

    def guest_pin(self, organisation: str) -> bytes | None:
        return None

    def bug(self, error: BaseException) -> None:
        if error not in self.troubles.values():
            raise AssertionError from error
        self.bugs.append(error)

    # Connections
    def send(self, organisation: str, frame: Frame) -> bool:
        self.sent.append((organisation, frame))
        return True

    def connected(self) -> dict[str, Peer]:
        return PEERS

    async def stop(self) -> None:
        """Nothing is open."""

    # Store
    def certified(self, height: int, share: Share) -> tuple[bytes, bytes] | None:
        self.served += 1
        return None

    def content(self, height: int, block: bytes) -> bytes | None:
        return self.served_content


def run(story: Callable[[Desk], object]) -> None:
    async def body() -> None:
        desk = Desk()
        try:
            await story(desk)  # type: ignore[misc]
        finally:
            await desk.exchange.stop()

    asyncio.run(body())


def member_of(message: Message) -> Peer:
    """Whoever may send it."""
    sender = getattr(message, "sender", 1)
    seat = SEATS.validators[sender]
    return Peer(seat.organisation, seat.key)


@pytest.mark.parametrize("kind", FrameType, ids=lambda kind: kind.name)
@pytest.mark.parametrize("message", messages(), ids=lambda message: type(message).__name__)
def test_b8_every_body_in_every_other_frame(message: Message, kind: FrameType) -> None:
    """Its own frame brings it to the core; any other ends the connection, or is an answer that
    nobody asked for and a transaction that is none: nothing comes of them."""
    body = wire.encode_message(message)

    async def story(desk: Desk) -> None:
        own = OWN_FRAME[type(message).__name__]
        frame = Frame(kind, body[: BOUNDS[kind]])
        if kind is own and kind is not FrameType.PROPOSAL:
            await desk.exchange.on_frame(member_of(message), frame)
            assert [event for event, _ in desk.offered] == [
                Received(MemberId(member_of(message).key), message)
            ]
        elif kind in (
            FrameType.BLOCKS, FrameType.CONTENT, FrameType.TRANSACTION, FrameType.EVIDENCE,
            FrameType.OUTCOME, FrameType.MANIFEST, FrameType.CHUNK,
        ):  # fmt: skip
            await desk.exchange.on_frame(LIAR, frame)
        else:
            with pytest.raises(PeerFault):
                await desk.exchange.on_frame(LIAR, frame)
            assert not desk.served
            assert not desk.sent
        if kind is not own:
            assert not desk.offered
            assert not desk.events
            assert not desk.exchange.contents.size

    run(story)


@pytest.mark.parametrize("message", messages(), ids=lambda message: type(message).__name__)
def test_b7_who_may_bring_what(message: Message) -> None:
    """Votes, wishes, proposals and view changes come from their signer; what proves itself may come
    from anybody."""
    body = wire.encode_message(message)
    other = next(peer for peer in PEERS.values() if peer != member_of(message))

    async def story(desk: Desk) -> None:
        kind = OWN_FRAME[type(message).__name__]
        if kind is FrameType.PROPOSAL:
            body_of = encode_proposal(body, encode([b"", []]))
            with pytest.raises(PeerFault):
                await desk.exchange.on_frame(other, Frame(kind, body_of))
        elif isinstance(message, NewView | Decided | Status):
            await desk.exchange.on_frame(other, Frame(kind, body))
            assert desk.offered
        else:
            with pytest.raises(PeerFault, match="of bureau:"):
                await desk.exchange.on_frame(other, Frame(kind, body))

    run(story)


def test_what_the_core_refused_ends_the_connection_with_the_next_frame() -> None:
    status = Frame(
        FrameType.STATUS, wire.encode_message(Status(EPOCH, 0, 8, 0, True, False, 0, 0, 0))
    )

    async def story(desk: Desk) -> None:
        name = desk.exchange.name_of(LIAR)
        assert desk.exchange.refused(name, "it says what cannot be")
        for _ in range(100):
            assert not desk.exchange.refused(name, "again"), "a flood is told once"
        assert not desk.exchange.refused(MemberId(b"nobody"), "whoever that was")
        with pytest.raises(PeerFault, match="what cannot be"):
            await desk.exchange.on_frame(LIAR, status)
        await desk.exchange.on_frame(LIAR, status)
        assert len(desk.offered) == 1
        assert desk.exchange.refused(name, "once more")
        desk.exchange.on_up(LIAR)
        await desk.exchange.on_frame(LIAR, status)

    run(story)


def test_a_flood_of_transactions_waits_in_its_senders_inbox() -> None:
    """The pool is slow: of one peer no more than an inbox waits, another peer has its own."""

    async def story(desk: Desk) -> None:
        desk.gate.clear()
        other = list(PEERS.values())[1]
        for number in range(4 * INBOX_MAX):
            await desk.exchange.on_frame(LIAR, Frame(FrameType.TRANSACTION, b"%d" % number))
        await desk.exchange.on_frame(other, Frame(FrameType.TRANSACTION, b"other"))
        waiting = desk.exchange._inboxes.waiting()
        assert waiting[LIAR.organisation] <= INBOX_MAX
        assert len(desk.exchange._tasks) == 2
        desk.gate.set()
        while len(desk.admitted) < INBOX_MAX + 1:
            await asyncio.sleep(0)
        assert b"other" in desk.admitted

    run(story)


def test_a_flood_of_large_transactions_is_bounded_by_bytes() -> None:
    async def story(desk: Desk) -> None:
        desk.gate.clear()
        large = bytes(BOUNDS[FrameType.TRANSACTION])
        for _ in range(INBOX_MAX):
            await desk.exchange.on_frame(LIAR, Frame(FrameType.TRANSACTION, large))
        held = desk.exchange._inboxes.waiting()[LIAR.organisation] * len(large)
        assert INBOX_BYTES <= held < INBOX_BYTES + len(large)
        desk.gate.set()
        while desk.exchange._inboxes.waiting()[LIAR.organisation]:
            await asyncio.sleep(0)
        await desk.exchange.on_frame(LIAR, Frame(FrameType.TRANSACTION, b"small"))
        while b"small" not in desk.admitted:
            await asyncio.sleep(0)

    run(story)


@pytest.mark.parametrize(
    ("trouble", "bugs"),
    [
        (DatabaseDamaged("it cannot be read: Input/output error"), 1),
        (ZeroDivisionError("a bug"), 1),
        (Unavailable("pool.full", retry_after_s=1), 0),
        (InvalidTransaction("transaction.key"), 0),
    ],
    ids=["unread", "bug", "full", "key"],
)
def test_what_one_transaction_meets_does_not_make_a_node_deaf_to_its_peer(
    trouble: Exception, bugs: int
) -> None:
    """Seed 990559: one read failed, and from then on nothing of that peer was ever ordered."""

    async def story(desk: Desk) -> None:
        desk.troubles[b"bad"] = trouble
        for body in (b"before", b"bad", b"after", b"bad", b"later"):
            await desk.exchange.on_frame(LIAR, Frame(FrameType.TRANSACTION, body))
        for _ in range(100):
            await asyncio.sleep(0)
        assert desk.admitted == [b"before", b"after", b"later"]
        assert len(desk.bugs) == 2 * bugs

    run(story)


def test_a_flood_of_requests_is_answered_one_at_a_time() -> None:
    async def story(desk: Desk) -> None:
        for _ in range(1_000):
            await desk.exchange.on_frame(LIAR, Frame(FrameType.ASK, Ask(1, 2**40).encode()))
        assert len(desk.exchange._tasks) == 1
        while desk.exchange._tasks:
            await asyncio.sleep(0)
        assert desk.served == 1, "there is nothing at height 1: it looks no further"
        assert len(desk.sent) == 1

    run(story)


# --- Lying sync servers (B25, S25) ----------------------------------------------------------------


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


# --- Proofs of lying ------------------------------------------------------------------------------


def self_accusation(height: int) -> bytes:
    """A good proof against seat 1: it has voted twice at this height."""
    votes = []
    for mark in (b"1", b"2"):
        said = Ballot(Kind.PREPARE, EPOCH, 0, height, BlockId(mark * 32))
        votes.append(Vote(1, said, wire.sign_statement(KEYS[1], CHAIN, said)))
    proof = compare(*votes)
    assert proof is not None
    return wire.encode_evidence(proof)


def test_a_liar_cannot_fill_the_shelf_with_proofs_against_itself(tmp_path: Path) -> None:
    """Some are kept and passed on; the others are not even verified, and another liar's proof has
    its place."""
    told: list[bytes] = []
    log = make_logger("error", "json")
    shelf = Accusations(tmp_path, CHAIN, lambda epoch: SEATS, Metrics(), log)
    shelf.on_news = told.append
    for height in range(1, 200):
        shelf.hear(self_accusation(height))
    assert len(told) == len(list((tmp_path / "evidence").iterdir())) == OF_A_KIND_MAX
    said = [Ballot(Kind.COMMIT, EPOCH, 0, 9, BlockId(mark * 32)) for mark in (b"1", b"2")]
    votes = [Vote(2, one, wire.sign_statement(KEYS[2], CHAIN, one)) for one in said]
    other = compare(*votes)
    assert other is not None
    shelf.hear(wire.encode_evidence(other))
    assert len(told) == OF_A_KIND_MAX + 1
    # After a restart the shelf knows what it holds.
    again = Accusations(tmp_path, CHAIN, lambda epoch: SEATS, Metrics(), log)
    again.on_news = told.append
    again.hear(self_accusation(500))
    assert len(told) == OF_A_KIND_MAX + 1
