"""What nodes find out and tell each other beside the consensus: proofs of lying, other results.

Three frames: a proof goes to everybody who is connected, once; whoever came to another result of a
block asks for that of the others.
"""

from __future__ import annotations

from node.p2p.frames import Frame, FrameType
from node.p2p.link import Peer
from node.p2p.payloads import AskContent
from node.p2p.peers import Connections
from node.service.accusations import Accusations
from node.service.divergences import Divergences


class Findings:
    """Carries between the two and the connections. For the event loop's thread."""

    def __init__(self, accusations: Accusations, divergences: Divergences) -> None:
        self.accusations = accusations
        self.divergences = divergences
        self._peers: Connections | None = None

    def attach(self, peers: Connections) -> None:
        """The connections to use."""
        self._peers = peers
        self.accusations.on_news = self._tell_all
        self.divergences.ask = self._ask_all

    def take(self, peer: Peer, frame: Frame) -> None:
        """A proof or a result came. Raises ``PeerFault``."""
        if frame.type is FrameType.EVIDENCE:
            self.accusations.hear(frame.body)
        else:
            self.divergences.hear(peer.organisation, frame.body)

    def on_up(self, peer: Peer) -> None:
        """A peer is connected: it may have been away when something was found."""
        for proof in self.accusations.newest():
            self._send(peer.organisation, Frame(FrameType.EVIDENCE, proof))

    def _tell_all(self, proof: bytes) -> None:
        self._send_all(Frame(FrameType.EVIDENCE, proof))

    def _ask_all(self, height: int, block: bytes) -> None:
        self._send_all(Frame(FrameType.ASK_OUTCOME, AskContent(height, block).encode()))

    def _send_all(self, frame: Frame) -> None:
        assert self._peers is not None, "attach comes first"
        for organisation in self._peers.connected():
            self._send(organisation, frame)

    def _send(self, organisation: str, frame: Frame) -> None:
        assert self._peers is not None, "attach comes first"
        self._peers.send(organisation, frame)
