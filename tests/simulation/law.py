"""What a block costs on the wire as the set grows: frames and bytes against n squared.

On the bare core, in a calm network and idle before and after: every message of a lone block is
counted, and measured in the form that it has on the wire (64-byte signatures, 32-byte hashes, the
frame's head). The block's content, which is the client's business, is left out; it goes to n - 1
members twice, once as transactions and once with the proposal.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from consensus.messages import Message
from consensus.plain import message_to_plain
from consensus.quorum import MemberId
from node.ledger.codec import encode
from node.p2p.frames import Frame, FrameType
from tests.consensus.harness import Node, Options, World, kind_of

SIZES = (4, 7, 13, 31)
BLOCKS = 5
HEAD_BYTES = Frame(FrameType.STATUS, b"").size
SEAL_BYTES = 8
"""Of a signature of the harness; any other byte string in a message is a hash."""


def wire_bytes(message: Message) -> int:
    """Bytes of the frame in which a node would send this message of the harness."""
    return HEAD_BYTES + len(encode(_as_real(message_to_plain(message))))


def _as_real(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_as_real(item) for item in value]
    if isinstance(value, bytes):
        return bytes(64 if len(value) == SEAL_BYTES else 32)
    return value


class CountingWorld(World):
    """Counts bytes beside messages."""

    def __init__(self, n: int) -> None:
        super().__init__(n, Options(n=n, chaos_ms=0, base_ms=2_000, delay_ms=5))
        self.bytes: Counter[str] = Counter()
        self.frames: Counter[str] = Counter()

    def outgoing(self, sender: Node, to: MemberId, message: Message) -> list[Message]:
        kind = kind_of(message)
        name = "STATUS" if kind is None else kind.value
        self.frames[name] += 1
        self.bytes[name] += wire_bytes(message)
        return [message]


@dataclass(frozen=True)
class Price:
    """Of one block, on average."""

    n: int
    frames: int
    bytes: int
    voted: int
    """Frames of PRE-PREPARE, PREPARE and COMMIT alone."""

    def row(self) -> str:
        """Of the table."""
        square = self.n * self.n
        return (
            f"| {self.n} | {self.voted} | {self.frames} | {self.frames / square:.2f} "
            f"| {self.bytes:,} | {self.bytes / square:.0f} |"
        )


def measure(n: int) -> Price:
    """The price of a block among n members."""
    world = CountingWorld(n)
    world.start()
    world.run(1_000)
    for counter in (world.frames, world.bytes):
        counter.clear()
    for number in range(BLOCKS):
        world.submit(f"t{number}")
        settled = world.run(world.now + 1_000, world.is_settled)
        assert settled, "a calm network decides within a second"
        world.run(world.now + 40)  # what is still on its way belongs to the block
    voted = sum(world.frames[kind] for kind in ("PRE-PREPARE", "PREPARE", "COMMIT"))
    return Price(
        n, sum(world.frames.values()) // BLOCKS, sum(world.bytes.values()) // BLOCKS,
        voted // BLOCKS,
    )  # fmt: skip


HEADER = (
    "| n | PRE-PREPARE, PREPARE, COMMIT | all frames | frames / n² | bytes | bytes / n² |\n"
    "|---|---|---|---|---|---|"
)


def main() -> int:
    """Print the table."""
    print(HEADER)
    for n in SIZES:
        print(measure(n).row(), flush=True)
    return 0
