"""What peers send, frame by frame, into an exchange whose node is a test: nothing gets through that
no correct node sends, and what waits is bounded."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from consensus import (
    Ballot,
    BlockId,
    Decided,
    Kind,
    MemberId,
    Message,
    Received,
    Status,
)
from consensus.evidence import compare
from consensus.messages import NewView, Vote
from node.ledger.codec import encode
from node.ledger.errors import InvalidTransaction, Unavailable
from node.ordering import wire
from node.p2p.frames import BOUNDS, Frame, FrameType
from node.p2p.link import PeerFault
from node.p2p.payloads import (
    Ask,
    AskContent,
    Share,
    encode_proposal,
)
from node.service.accusations import OF_A_KIND_MAX, Accusations
from node.service.inboxes import INBOX_BYTES, INBOX_MAX
from node.store.errors import DatabaseDamaged
from node.telemetry import Metrics, make_logger
from tests.node.ordering.test_wire import CHAIN, KEYS, SEATS, encoded, messages
from tests.node.service.desk import EPOCH, LIAR, OWN_FRAME, PEERS, Desk, member_of, run


@pytest.mark.parametrize("kind", FrameType, ids=lambda kind: kind.name)
@pytest.mark.parametrize("message", messages(), ids=lambda message: type(message).__name__)
def test_b8_every_body_in_every_other_frame(message: Message, kind: FrameType) -> None:
    """Its own frame brings it to the core; any other ends the connection, or is an answer that
    nobody asked for and a transaction that is none: nothing comes of them."""
    body = encoded(message)

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
    body = encoded(message)
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


def test_a_flood_of_requests_beyond_an_office_is_one_line_of_the_log() -> None:
    """Each is refused; the log says it once for each kind of request and connection."""

    async def story(desk: Desk) -> None:
        log = io.StringIO()
        desk.exchange._answers._log = make_logger("warning", "json", log)
        desk.exchange._answers._share_of = lambda organisation: Share.CHANGES
        block = AskContent(1, bytes(32)).encode()
        for lines in (2, 4):
            for _ in range(100):
                await desk.exchange.on_frame(LIAR, Frame(FrameType.ASK, Ask(1, 9).encode()))
                await desk.exchange.on_frame(LIAR, Frame(FrameType.ASK_CONTENT, block))
            assert log.getvalue().count("p2p.not-entitled") == lines
            assert len(desk.sent) == 100 * lines
            desk.exchange.on_up(LIAR)

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


def test_a_file_on_the_shelf_that_is_no_proof_costs_no_connection(tmp_path: Path) -> None:
    """Cut short when the power went, or laid there by hand: peers are told what proves something,
    and what was cut short is kept when it is heard again."""
    log, data = make_logger("error", "json"), self_accusation(9)
    Accusations(tmp_path, CHAIN, lambda epoch: SEATS, Metrics(), log).hear(data)
    folder = tmp_path / "evidence"
    [good] = folder.iterdir()
    name = good.name
    (folder / name.replace("-9", "-10")).write_bytes(self_accusation(10)[:-1])
    (folder / name.replace("-9", "-11")).write_bytes(b"")
    (folder / name.replace("-9", "-12")).write_bytes(bytes(70_000))
    (folder / name.replace("-9", "-13")).write_bytes(self_accusation(14))
    (folder / "notes.txt").write_text("call the bureau", encoding="utf-8")
    shelf = Accusations(tmp_path, CHAIN, lambda epoch: SEATS, Metrics(), log)
    told: list[bytes] = []
    shelf.on_news = told.append
    assert shelf.newest() == [data]
    assert [one["file"] for one in shelf.listed()] == [name]
    shelf.hear(self_accusation(10))
    assert told == [self_accusation(10)]
    assert len(shelf.newest()) == len(shelf.listed()) == 2
    other = Accusations(tmp_path, bytes(32), lambda epoch: SEATS, Metrics(), log)
    assert other.newest() == [], "signed for another chain"
    behind = Accusations(tmp_path, CHAIN, lambda epoch: None, Metrics(), log)
    assert (behind.newest(), behind.listed()) == ([], []), "of an epoch that has not begun here"


def test_a_peer_that_connects_costs_no_signature_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes and goes a thousand times is told the same proofs, verified once."""
    verified = []
    verify = wire.verify_evidence
    monkeypatch.setattr(
        wire, "verify_evidence", lambda *given: (verified.append(given), verify(*given))
    )
    log = make_logger("error", "json")
    shelf = Accusations(tmp_path, CHAIN, lambda epoch: SEATS, Metrics(), log)
    for height in (9, 10):
        shelf.hear(self_accusation(height))
    for _ in range(3):
        assert len(shelf.newest()) == len(shelf.listed()) == 2
    assert len(verified) == 2
    again = Accusations(tmp_path, CHAIN, lambda epoch: SEATS, Metrics(), log)
    assert len(again.newest()) == 2
    assert len(verified) == 4, "after a start once more"
    [newest, _] = (tmp_path / "evidence").iterdir()
    newest.write_bytes(self_accusation(11))
    assert len(again.newest()) == 1, "another content is looked at anew"
