"""Real sockets on loopback: who gets in, who does not, and what a bad peer costs."""

from __future__ import annotations

import asyncio
import datetime
import itertools
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from node.ledger import crypto
from node.ledger.types import Digest
from node.p2p import link as link_module
from node.p2p.frames import Frame, FrameType, read_frame
from node.p2p.hello import Identity, make_greeting, make_proof
from node.p2p.link import Peer, PeerFault
from node.p2p.peers import HANDSHAKES_MAX, Address, Peers
from node.p2p.tls import Transport, make_transport, pin_of_peer
from node.telemetry import make_logger
from tests.node.cluster import until
from tests.node.network import private

CHAIN = Digest(crypto.H("test/chain", b"p2p"))
OTHER = Digest(crypto.H("test/chain", b"other"))
TRANSPORTS = {
    name: make_transport(private(f"t-{name}"), CHAIN, f"bureau:{name}") for name in ("a", "b", "c")
}


class Notes:
    """Events of one node, written down."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, Frame]] = []
        self.ups: list[str] = []
        self.bugs: list[BaseException] = []

    async def on_frame(self, peer: Peer, frame: Frame) -> None:
        self.frames.append((peer.organisation, frame))
        if frame.body == b"fault":
            raise PeerFault("as the test wants it")
        if frame.body == b"bug":
            raise ZeroDivisionError

    def on_up(self, peer: Peer) -> None:
        self.ups.append(peer.organisation)

    def guest_pin(self, organisation: str) -> bytes | None:
        return None

    def on_bug(self, error: BaseException) -> None:
        self.bugs.append(error)


class Side:
    """One node's connections."""

    def __init__(self, name: str, chain: Digest = CHAIN, transport: Transport | None = None):
        self.organisation = f"bureau:{name}"
        self.notes = Notes()
        self.transport = transport or TRANSPORTS[name]
        self.identity = Identity(chain, self.organisation, private(f"v-{name}"), self.transport.pin)
        log = make_logger("error", "json")
        self.peers = Peers(self.identity, self.transport, self.notes, log)
        self.peers.listen("127.0.0.1", 0)

    def address(self, **changed: Any) -> Address:
        return Address("127.0.0.1", changed.get("port", self.peers.port),
                       changed.get("pin", self.transport.pin))  # fmt: skip

    def know(self, *others: Side, **changed: Any) -> None:
        self.peers.update({o.organisation: o.address(**changed) for o in others}, 0)


def run(names: str, story: Callable[..., Awaitable[None]]) -> None:
    async def body() -> None:
        sides = [Side(name) for name in names]
        try:
            await story(*sides)
        finally:
            for side in sides:
                await side.peers.stop()

    asyncio.run(body())


def up(a: Side, b: Side) -> bool:
    return b.organisation in a.peers.connected() and a.organisation in b.peers.connected()


def test_two_nodes_find_each_other_and_talk_over_one_connection() -> None:
    async def story(a: Side, b: Side) -> None:
        a.know(b)
        b.know(a)
        await until(lambda: up(a, b))
        assert a.peers.connected()[b.organisation].key == crypto.public_key(b.identity.key)
        assert not a.peers.absent()
        for number in range(50):
            assert a.peers.send(b.organisation, Frame(FrameType.VOTE, bytes([number])))
        await until(lambda: len(b.notes.frames) == 50)
        assert [frame.body[0] for _, frame in b.notes.frames] == list(range(50))
        assert not a.peers.send("bureau:x", Frame(FrameType.VOTE, b"v"))

    run("ab", story)


def test_a_lost_connection_comes_back_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.p2p.peers.FAULT_PAUSE_S", 0.05)

    async def story(a: Side, b: Side) -> None:
        a.know(b)
        b.know(a)
        await until(lambda: up(a, b))
        a.peers.send(b.organisation, Frame(FrameType.VOTE, b"fault"))
        await until(lambda: len(a.notes.ups) > 1 and up(a, b))

    run("ab", story)


def test_a_bug_in_the_work_for_a_peer_costs_that_connection_only() -> None:
    async def story(a: Side, b: Side, c: Side) -> None:
        a.know(b)
        b.know(a, c)
        c.know(b)
        await until(lambda: up(a, b) and up(b, c))
        a.peers.send(b.organisation, Frame(FrameType.VOTE, b"bug"))
        await until(lambda: len(b.notes.bugs) == 1)
        assert c.peers.send(b.organisation, Frame(FrameType.VOTE, b"v"))
        await until(lambda: (c.organisation, Frame(FrameType.VOTE, b"v")) in b.notes.frames)

    run("abc", story)


def test_after_a_bug_who_dials_dials_again() -> None:
    """Only one of them can reach the other, and it is the one that meets the bugs."""

    async def story(a: Side, b: Side) -> None:
        a.know(b)
        b.know(a, port=1)
        for number in range(3):
            await until(lambda: up(a, b))
            b.peers.send(a.organisation, Frame(FrameType.VOTE, b"bug"))
            await until(lambda seen=number: len(a.notes.bugs) == seen + 1)  # type: ignore[misc]

    run("ab", story)


def test_a_bug_when_a_peer_comes_up_leaves_no_dead_connection() -> None:
    async def story(a: Side, b: Side) -> None:
        right, a.notes.on_up = a.notes.on_up, lambda peer: [][0]  # type: ignore[method-assign]
        a.know(b)
        b.know(a)
        await until(lambda: len(a.notes.bugs) > 0)
        assert not a.peers.connected()
        a.notes.on_up = right  # type: ignore[method-assign]
        await until(lambda: up(a, b))

    run("ab", story)


def test_a_connection_that_comes_as_the_node_stops_is_closed() -> None:
    async def story(a: Side) -> None:
        right = a.peers._spawn

        def spawn(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
            task = right(work)
            if work.__name__ == "_answer":
                task.cancel()  # before its first step
            return task

        a.peers._spawn = spawn  # type: ignore[method-assign]
        read, write = await asyncio.open_connection("127.0.0.1", a.peers.port)
        await until(lambda: bool(a.peers._accepted))
        await a.peers.stop()
        assert await read.read() == b""
        write.close()

    run("a", story)


def test_who_is_not_on_the_ledger_stays_outside() -> None:
    async def story(a: Side, b: Side, c: Side) -> None:
        a.know(b)
        b.know(a)
        c.know(b)  # c knows b, b does not know c
        await until(lambda: up(a, b))
        await until(lambda: c.peers.absent()[b.organisation].reason != "not yet seen")
        assert not c.peers.connected()
        assert c.organisation not in b.notes.ups

    run("abc", story)


def test_a_peer_with_another_pin_than_the_ledger_is_refused() -> None:
    async def story(a: Side, b: Side) -> None:
        a.know(b, pin=b"x" * 32)
        b.know(a)
        await until(lambda: "not on the ledger" in a.peers.absent()[b.organisation].reason)
        assert not a.notes.ups

    run("ab", story)


def test_another_node_at_the_address_is_refused() -> None:
    async def story(a: Side, b: Side, c: Side) -> None:
        b.know(a)
        c.know(a)
        a.peers.update(
            {b.organisation: b.address(port=c.peers.port), c.organisation: c.address()}, 0
        )
        await until(lambda: up(a, b) and up(a, c))
        assert a.peers.connected()[b.organisation].organisation == b.organisation

    run("abc", story)


def test_our_own_key_at_a_peers_address_is_refused() -> None:
    async def story(a: Side, b: Side) -> None:
        a.peers.update({b.organisation: b.address(port=a.peers.port)}, 0)
        await until(lambda: "our own key" in a.peers.absent()[b.organisation].reason)
        assert not a.notes.ups

    run("ab", story)


def test_a_peer_of_another_chain_does_not_get_through_tls() -> None:
    async def body() -> None:
        a = Side("a")
        b = Side("b", OTHER, make_transport(private("t-b"), OTHER, "bureau:b"))
        try:
            a.know(b)
            b.know(a)
            reasons = [side.peers.absent for side in (a, b)]
            await until(lambda: all("not yet" not in str(r().values()) for r in reasons))
            assert not a.notes.ups
            assert not b.notes.ups
        finally:
            await a.peers.stop()
            await b.peers.stop()

    asyncio.run(body())


def test_an_expired_certificate_does_not_stop_anybody() -> None:
    async def body() -> None:
        past = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
        old = make_transport(private("t-b"), CHAIN, "bureau:b", now=past, valid_days=10)
        assert old.valid_until.year == 2001
        a, b = Side("a"), Side("b", transport=old)
        try:
            a.know(b)
            b.know(a)
            await until(lambda: up(a, b))
        finally:
            await a.peers.stop()
            await b.peers.stop()

    asyncio.run(body())


def test_who_is_removed_is_left_and_who_gets_another_key_too() -> None:
    async def story(a: Side, b: Side) -> None:
        a.know(b)
        b.know(a)
        await until(lambda: up(a, b))
        a.peers.update({}, 1)
        await until(lambda: not a.peers.connected() and not b.peers.connected())
        assert not a.peers.absent()
        a.know(b)
        await until(lambda: up(a, b))
        a.know(b, pin=b"y" * 32)
        await until(lambda: b.organisation in a.peers.absent())

    run("ab", story)


async def read_to_the_end(reader: asyncio.StreamReader) -> None:
    while True:
        await read_frame(reader)


async def dial(side: Side, context: ssl.SSLContext) -> Any:
    return await asyncio.open_connection("127.0.0.1", side.peers.port, ssl=context)


@pytest.mark.parametrize("after", ["nothing", "garbage", "replay"])
def test_connected_is_not_authenticated(after: str) -> None:
    """A client with the right certificate and nothing to prove it by gets no further."""

    async def story(a: Side, b: Side) -> None:
        a.know(b)
        reader, writer = await dial(a, b.transport.client)
        greeting = await read_frame(reader)
        assert greeting.type is FrameType.GREETING
        if after == "garbage":
            writer.write(b"\xff" * 64)
        elif after == "replay":
            mine = make_greeting(b.identity, 0)
            theirs = make_greeting(a.identity, 0)  # of another connection: other nonce
            ends = link_module.Ends(True, b.identity.pin, a.identity.pin)
            writer.write(Frame(FrameType.GREETING, mine.encode()).encode())
            writer.write(
                Frame(FrameType.PROOF, make_proof(b.identity, mine, theirs, ends)).encode()
            )
        else:
            writer.close()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await read_to_the_end(reader)
        assert not a.notes.ups
        writer.transport.abort()

    run("ab", story)


def test_tls_1_2_and_no_tls_are_refused() -> None:
    async def story(a: Side, b: Side) -> None:
        a.know(b)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname = False
        old.verify_mode = ssl.CERT_NONE
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await dial(a, old)
        reader, writer = await asyncio.open_connection("127.0.0.1", a.peers.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1_000)
        writer.transport.abort()
        b.know(a)
        await until(lambda: up(a, b))

    run("ab", story)


def test_half_open_connections_are_bounded_and_members_get_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("node.p2p.peers.HANDSHAKE_S", 0.2)

    async def story(a: Side, b: Side) -> None:
        strangers = [
            await asyncio.open_connection("127.0.0.1", a.peers.port)
            for _ in range(HANDSHAKES_MAX + 20)
        ]
        a.know(b)
        b.know(a)
        await until(lambda: up(a, b))
        await until(lambda: a.peers._handshakes == 0)
        for _, writer in strangers:
            writer.transport.abort()

    run("ab", story)


def test_a_reader_that_stops_reading_is_given_up_within_its_bound() -> None:
    async def story(a: Side, b: Side) -> None:
        a.know(b)
        b.know(a)
        await until(lambda: up(a, b))
        gate = asyncio.Event()

        async def stuck(peer: Peer, frame: Frame) -> None:
            await gate.wait()

        b.notes.on_frame = stuck  # type: ignore[method-assign]
        link = a.peers._links[b.organisation]
        big = Frame(FrameType.PROPOSAL, bytes(8 << 20))
        sent = 0
        while link.send(big):
            sent += 1
            await asyncio.sleep(0)
        assert 1 <= sent <= 10
        assert "too slow" in link.reason
        assert link._queue.size <= 48 << 20
        gate.set()

    run("ab", story)


def test_a_flood_that_is_here_already_leaves_every_other_turn_to_others() -> None:
    """The flood lies in the buffer, nothing of it is waited for; the others are served all the
    same, after each of its frames."""

    class Silence:
        """The writing half of a channel."""

        transport = property(lambda self: self)

        def abort(self) -> None:
            """Nothing is open."""

    async def body() -> None:
        reader = asyncio.StreamReader()
        for number in range(200):
            reader.feed_data(Frame(FrameType.VOTE, b"%d" % number).encode())
        reader.feed_eof()
        channel = link_module.Channel(reader, Silence(), dialled=False)  # type: ignore[arg-type]
        link = link_module.Link(channel, Peer("bureau:flood", b"key"))
        turns: list[str] = []

        async def others() -> None:
            while not link.closed.is_set():
                turns.append("other")
                await asyncio.sleep(0)

        async def on_frame(peer: Peer, frame: Frame) -> None:
            turns.append("flood")

        await asyncio.gather(link.run(on_frame), others())
        assert turns.count("flood") == 200
        pairs = itertools.pairwise(turns)
        assert ("flood", "flood") not in set(pairs)

    asyncio.run(body())


def test_the_pin_of_a_channel_without_a_certificate_is_refused() -> None:
    with pytest.raises(Exception, match="no certificate"):
        pin_of_peer(None)


def test_the_pin_is_of_the_public_key_alone() -> None:
    again = make_transport(private("t-a"), OTHER, "bureau:other", valid_days=1)
    assert again.pin == TRANSPORTS["a"].pin == crypto.tls_pin(crypto.public_key(private("t-a")))
