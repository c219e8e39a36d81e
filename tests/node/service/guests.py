"""The keys of others in the hands of a test: a guest of a validator, a validator that lies."""

from __future__ import annotations

from collections.abc import Callable

from node.ledger import crypto
from node.p2p.frames import Frame, FrameType
from node.p2p.hello import Identity
from node.p2p.link import Peer
from node.p2p.payloads import Ask, AskContent
from node.p2p.peers import Address, Peers
from node.p2p.tls import make_transport
from node.service.serving import BlockServer
from node.telemetry import make_logger
from tests.node.cluster import Cluster, bureau
from tests.node.network import private


def pin_of(name: str) -> bytes:
    return crypto.tls_pin(crypto.public_key(private(name)))


class Guest:
    """An organisation without a seat, connected to node 0, with a test for a mind."""

    def __init__(self, cluster: Cluster, name: str, key_name: str | None = None) -> None:
        self.frames: list[Frame] = []
        key = private(key_name or f"transport-{name}")
        transport = make_transport(key, cluster.genesis.chain, name)
        identity = Identity(cluster.genesis.chain, name, key, transport.pin)
        self.peers = Peers(identity, transport, self, make_logger("error", "json"))
        self.peers.update(
            {bureau(0): Address("127.0.0.1", cluster.ports[0], pin_of("transport0"))}, 0
        )

    async def on_frame(self, peer: Peer, frame: Frame) -> None:
        self.frames.append(frame)

    def on_up(self, peer: Peer) -> None:
        """Nothing to say yet."""

    def guest_pin(self, organisation: str) -> bytes | None:
        return None

    def on_bug(self, error: BaseException) -> None:
        raise AssertionError("the guest's own machinery works") from error

    @property
    def connected(self) -> bool:
        return bureau(0) in self.peers.connected()

    def send(self, kind: FrameType, body: bytes) -> None:
        assert self.peers.send(bureau(0), Frame(kind, body))

    def of(self, kind: FrameType) -> list[bytes]:
        return [frame.body for frame in self.frames if frame.type is kind]


Lie = Callable[[BlockServer, Ask | AskContent], bytes | None]


class LyingValidator:
    """A validator's keys and seat: it serves followers with what a test makes of the truth."""

    def __init__(self, cluster: Cluster, number: int, server: BlockServer, lie: Lie) -> None:
        self.lies = 0
        self._server = server
        self._lie = lie
        key = private(f"transport{number}")
        transport = make_transport(key, cluster.genesis.chain, bureau(number))
        identity = Identity(
            cluster.genesis.chain, bureau(number), private(f"validate{number}"), transport.pin
        )
        self.peers = Peers(identity, transport, self, make_logger("error", "json"))
        self.greeting: Callable[[str], None] = lambda organisation: None
        self.peers.listen("127.0.0.1", cluster.ports[number])

    def guest_pin(self, organisation: str) -> bytes | None:
        return pin_of(f"transport-{organisation}")

    async def on_frame(self, peer: Peer, frame: Frame) -> None:
        if frame.type is FrameType.ASK:
            self._answer(peer, FrameType.BLOCKS, Ask.decode(frame.body))
        elif frame.type is FrameType.ASK_CONTENT:
            self._answer(peer, FrameType.CONTENT, AskContent.decode(frame.body))

    def _answer(self, peer: Peer, kind: FrameType, asked: Ask | AskContent) -> None:
        self.lies += 1
        body = self._lie(self._server, asked)
        if body is not None:
            self.peers.send(peer.organisation, Frame(kind, body))

    def on_up(self, peer: Peer) -> None:
        self.greeting(peer.organisation)

    def on_bug(self, error: BaseException) -> None:
        raise AssertionError("the liar's own machinery works") from error
