"""Liars who make noise: floods, old news, garbage, false claims, poisoned answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from consensus import Ballot, BlockId, Evidence, Kind, Status, Vote
from consensus.messages import (
    Change,
    ChangeProof,
    Message,
    ViewChange,
    Wish,
    WishStatement,
)
from node.ledger.errors import LedgerError
from node.ledger.transaction import SignedTransaction
from node.ordering import wire
from node.p2p.frames import BEFORE_HELLO, BOUNDS, Frame, FrameType
from node.p2p.link import PeerFault
from node.p2p.payloads import Content, decode_blocks, encode_blocks
from tests.simulation.founding import ChainSigner
from tests.simulation.messages import frame_of, message_of
from tests.simulation.strategies.votes import is_half
from tests.simulation.strategy import STRATEGIES, Strategy, strategy

EXTREMES = (1, 2, 7, 2**20, 2**31, 2**62, 2**63 - 1)
AFTER_GREETING = tuple(sorted(set(FrameType) - BEFORE_HELLO))


class Beating(Strategy):
    """Does something every so often, and lets its node be a good one meanwhile."""

    EVERY_MS = (100, 900)

    def begin(self) -> None:
        self.later(self.chance.randrange(*self.EVERY_MS), self._beat)

    def _beat(self) -> None:
        for organisation in self.peers():
            if self.chance.randrange(2):
                self.beat(organisation)
        self.later(self.chance.randrange(*self.EVERY_MS), self._beat)

    def beat(self, organisation: str) -> None:
        """Say something to one peer."""
        raise NotImplementedError

    def place(self) -> tuple[int, int, int, int] | None:
        """(seat, epoch, view, height in flight) of the node; None for one without a seat."""
        state = self.node._replica.state
        if state.me is None:
            return None
        return state.me, state.validators.epoch, state.view, state.height


@strategy("S21")
class FutureFlood(Beating):
    """Wishes, votes and view changes of far views and heights, up to the end of the numbers."""

    def begin(self) -> None:
        self.be_reckless()
        super().begin()

    def beat(self, organisation: str) -> None:
        place = self.place()
        if place is None:
            return
        seat, epoch, view, height = place
        far = min(2**63 - 1, view + self.chance.choice(EXTREMES))
        high = min(2**63 - 1, height + self.chance.choice(EXTREMES))
        wish = WishStatement(epoch, far)
        vote = Ballot(
            self.chance.choice((Kind.PREPARE, Kind.COMMIT)), epoch,
            self.chance.choice((view, far)), high, BlockId(b"\x11" * 32),
        )  # fmt: skip
        change = Change(epoch, far, high, BlockId(b"\x12" * 32), None)
        proof = ChangeProof(None, None, None)
        said: Message = self.chance.choice((
            Wish(seat, wish, self.sign(wish)), Vote(seat, vote, self.sign(vote)),
            ViewChange(seat, change, proof, self.sign(change)),
        ))  # fmt: skip
        for _ in range(self.chance.choice((1, 30))):
            self.pass_on(organisation, frame_of(said))


@strategy("S22")
class StaleReplay(Strategy):
    """Says again what it said long ago: old views, old heights, old epochs."""

    KEPT = 400

    def begin(self) -> None:
        self._said: list[Frame] = getattr(self, "_said", [])

    def send(self, organisation: str, frame: Frame) -> bool:
        if len(self._said) < self.KEPT:
            self._said.append(frame)
        else:
            self._said[self.chance.randrange(self.KEPT)] = frame
        if self.chance.randrange(3) == 0:
            self.pass_on(organisation, self.chance.choice(self._said))
        return self.pass_on(organisation, frame)


@strategy("S23")
class Garbage(Beating):
    """Bytes that are nothing: random, too deep, almost right, very many."""

    def beat(self, organisation: str) -> None:
        kind = self.chance.choice(AFTER_GREETING)
        most = min(2_000, BOUNDS[kind])
        body = self.chance.choice((
            self.chance.randbytes(self.chance.randrange(most)),
            b"\x91" * self.chance.randrange(most), b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff",
            b"\xc6\xff\xff\xff\xff" + b"x" * 20, b"", b"\xc0", b"\x81\xa1a\x01\x00",
        ))  # fmt: skip
        for _ in range(self.chance.choice((1, 1, 200))):
            self.pass_on(organisation, Frame(kind, body[:most]))


@strategy("S24")
class LyingStatus(Strategy):
    """Tells heights, views and bitmaps that are not so, rising and falling."""

    def send(self, organisation: str, frame: Frame) -> bool:
        message = message_of(frame) if frame.type is FrameType.STATUS else None
        if not isinstance(message, Status):
            return self.pass_on(organisation, frame)
        chance = self.chance
        changed: dict[str, Any] = chance.choice((
            {"height": message.height + chance.choice(EXTREMES[:5])}, {"height": 0},
            {"view": message.view + chance.choice(EXTREMES[:5])}, {"view": 0},
            {"settled": not message.settled}, {"proposed": not message.proposed},
            {"changes": 0, "prepares": 0, "commits": 0},
            {"changes": 2**62, "prepares": 2**63 - 1, "commits": 1},
            {"epoch": message.epoch + 1}, {"wish": 2**62},
        ))  # fmt: skip
        lie = replace(message, **changed)
        return self.pass_on(organisation, Frame(FrameType.STATUS, wire.encode_message(lie)))


@strategy("S25")
class LyingServer(Strategy):
    """Serves blocks and contents that are not what was asked for, or nothing."""

    def send(self, organisation: str, frame: Frame) -> bool:
        if frame.type is FrameType.BLOCKS:
            frame = Frame(FrameType.BLOCKS, self._spoil_blocks(frame.body))
        elif frame.type is FrameType.CONTENT:
            frame = Frame(FrameType.CONTENT, self._spoil_content(frame.body))
        return self.pass_on(organisation, frame)

    def _spoil_blocks(self, body: bytes) -> bytes:
        blocks = [(c.encode(), content) for c, content in decode_blocks(body)]
        if not blocks:
            return body
        how = self.chance.randrange(6)
        if how == 0:
            return encode_blocks([])
        if how == 1:
            blocks = blocks[1:]
        elif how == 2:
            blocks = blocks[::-1]
        elif how == 3:
            wrong = [Content(content.header, []) for _, content in blocks]
            blocks = [(c, other) for (c, _), other in zip(blocks, wrong, strict=True)]
        elif how == 4:
            blocks = [(blocks[0][0], content) for _, content in blocks]
        else:
            return body[: self.chance.randrange(len(body))]
        return encode_blocks([(c, content.encode()) for c, content in blocks])

    def _spoil_content(self, body: bytes) -> bytes:
        try:
            content = Content.decode(body)
        except PeerFault:
            return body
        return Content(content.header, list(content.transactions)[::-1][1:]).encode()


@strategy("S26")
class PoolPoison(Beating):
    """Passes on transactions that are none: cut, with a flipped bit, garbage; and good ones again
    and again."""

    def begin(self) -> None:
        self._seen: list[bytes] = []
        super().begin()

    def receive(self, organisation: str, frame: Frame) -> Iterable[Frame]:
        if frame.type is FrameType.TRANSACTION and len(self._seen) < 100:
            self._seen.append(frame.body)
        return (frame,)

    def beat(self, organisation: str) -> None:
        if not self._seen:
            return
        body = bytearray(self.chance.choice(self._seen))
        how = self.chance.randrange(4)
        if how == 0:
            body[self.chance.randrange(len(body))] ^= 1 << self.chance.randrange(8)
        elif how == 1:
            del body[self.chance.randrange(len(body)) :]
        elif how == 2:
            body = bytearray(self.chance.randbytes(300))
        for _ in range(self.chance.choice((1, 40))):
            self.pass_on(organisation, Frame(FrameType.TRANSACTION, bytes(body)))


@strategy("S27")
class SmallScope(Strategy):
    """Takes its own correct message and changes one thing a little, signed anew (ByzzFuzz)."""

    def begin(self) -> None:
        self.be_reckless()

    def send(self, organisation: str, frame: Frame) -> bool:
        message = message_of(frame)
        if not isinstance(message, Vote | Wish) or self.chance.randrange(4):
            return self.pass_on(organisation, frame)
        step = self.chance.choice((-1, 1))
        if isinstance(message, Wish):
            wish = replace(message.statement, view=max(0, message.statement.view + step))
            return self.pass_on(organisation, frame_of(Wish(message.sender, wish, self.sign(wish))))
        said = message.statement
        other = Kind.PREPARE if said.kind is Kind.COMMIT else Kind.COMMIT
        said = self.chance.choice((
            replace(said, view=max(0, said.view + step)),
            replace(said, height=max(0, said.height + step)),
            replace(said, kind=other),
            replace(said, epoch=max(0, said.epoch + step)),
        ))  # fmt: skip
        return self.pass_on(organisation, frame_of(Vote(message.sender, said, self.sign(said))))


@strategy("S28")
class Moody(Strategy):
    """Another liar every few seconds."""

    CANDIDATES = ("S1", "S3", "S4", "S6", "S10", "S12", "S14", "S20", "S22", "S24", "S25", "S27")

    def begin(self) -> None:
        self._moods = [
            STRATEGIES[name](self.machine, self.chance)
            for name in self.chance.sample(self.CANDIDATES, 4)
        ]
        for mood in self._moods:
            mood.begin()
        self._turn()

    def _turn(self) -> None:
        self._mood = self.chance.choice(self._moods)
        self.later(self.chance.randrange(1_000, 10_000), self._turn)

    def send(self, organisation: str, frame: Frame) -> bool:
        return self._mood.send(organisation, frame)

    def receive(self, organisation: str, frame: Frame) -> Iterable[Frame]:
        return self._mood.receive(organisation, frame)


@strategy("S31")
class MaliciousClient(Beating):
    """Hands in, as a client of its own: transactions of another chain, of long ago, in another's
    name, and those that were executed already."""

    def begin(self) -> None:
        self._seen: list[SignedTransaction] = []
        self._other = ChainSigner(b"\x21" * 32)
        super().begin()

    def receive(self, organisation: str, frame: Frame) -> Iterable[Frame]:
        if frame.type is FrameType.TRANSACTION and len(self._seen) < 50:
            try:
                self._seen.append(SignedTransaction.decode(frame.body))
            except LedgerError:
                return (frame,)
        return (frame,)

    def beat(self, organisation: str) -> None:
        if not self._seen:
            return
        seen = self.chance.choice(self._seen)
        calls = [(call.contract, call.method, dict(call.args), {}) for call in seen.body.calls]
        now_ms = self.node._clock_ms()
        own, post = self.machine.organisation, "clerk"
        makes: tuple[Callable[[], SignedTransaction], ...] = (
            lambda: seen,
            lambda: self._other.sign(own, post, calls, now_ms),
            lambda: replace(seen, signature=type(seen.signature)(bytes(64))),
        )
        made = self.chance.choice(makes)()
        self.pass_on(organisation, Frame(FrameType.TRANSACTION, made.encode()))


@strategy("S32")
class FalseAccuser(Beating):
    """Accuses everybody: with votes that it made up for others, with the same proof again and
    again, and gives more evidence against itself than anybody needs."""

    def begin(self) -> None:
        self.be_reckless()
        super().begin()

    def beat(self, organisation: str) -> None:
        place = self.place()
        if place is None:
            return
        seat, epoch, view, height = place
        accused = self.chance.randrange(self.node._replica.state.validators.size)
        pair = [self._vote(accused, epoch, view, height, mark) for mark in (b"\x31", b"\x32")]
        if accused == seat or self.chance.randrange(2):
            for vote in pair:
                if vote.sender == seat and not is_half(organisation):
                    self.pass_on(organisation, frame_of(vote))
        proof = wire.encode_evidence(Evidence("E2", epoch, (accused,), pair[0], pair[1]))
        for _ in range(self.chance.choice((1, 20))):
            self.pass_on(organisation, Frame(FrameType.EVIDENCE, proof))

    def _vote(self, seat: int, epoch: int, view: int, height: int, mark: bytes) -> Vote:
        said = Ballot(Kind.PREPARE, epoch, view, height, BlockId(mark * 32))
        return Vote(seat, said, self.sign(said))
