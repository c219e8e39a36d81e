"""A node that is far behind takes a snapshot of the state from peers that it does not trust.

It asks one validator for a manifest, holds it against the genesis file, asks for chunk after chunk,
holds each against the manifest before anything is written, and switches to the gathered state in
one batch (``node.store.staging``). A peer that lies loses its connection, one that is silent, has
left or offers an older state is passed over; the next one is asked, and what is here already stays.
While chunks come no blocks are asked for; when no peer gives any, blocks are asked for again.

After the switch this process must not go on with what it holds in memory: ``SnapshotTaken`` ends
the node, and whoever runs it opens it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from node.execution.blocks import validator_set
from node.execution.state import CommittedState
from node.ledger.block import Header, ValidatorSet
from node.ledger.errors import InvalidProof
from node.ledger.genesis import Genesis
from node.ledger.snapshot import Chunk, Manifest, check_chunk, decode_chunk
from node.ledger.state_tree import EMPTY
from node.p2p.frames import Frame, FrameType
from node.p2p.link import PeerFault
from node.p2p.payloads import ASK_MANIFEST, AskChunk, decode_chunk_answer
from node.service.chain import ChainThread
from node.store.database import Database
from node.store.staging import Staging
from node.store.state import StateRows

ANSWER_S: Final = 10.0
"""How long a peer may take for one answer."""
LOOK_S: Final = 0.1
"""How often it is looked whether a peer that is waited for is still connected."""
REST_S: Final = 10.0
"""Pause after all peers were asked in vain."""
TOLD_PARTS: Final = 20
"""The log tells of progress so often for a snapshot."""


class SnapshotTaken(Exception):  # noqa: N818  (says what happened)
    """The database was switched to a snapshot: open it again and go on from there."""


class _Passed(Exception):  # noqa: N818  (says what is done with the peer)
    """The peer cannot help now, and is not at fault."""


class Peers(Protocol):
    """What a transfer needs of the network."""

    def snapshot_peers(self) -> list[str]:
        """Connected organisations with a seat, in an order of this node's own."""

    def ask(self, organisation: str, frame: Frame) -> bool:
        """Send a request; False when it could not be sent."""

    def leave(self, organisation: str, reason: str) -> None:
        """End the connection to a peer that lied."""

    def height(self) -> int:
        """Of the committed head."""

    def behind_by(self) -> int:
        """Blocks behind the height that more peers than can lie have told."""

    def lacks_blocks(self) -> bool:
        """Whether more peers than can lie no longer have the block above the head."""


@dataclass(slots=True)
class Progress:
    """How far a transfer is."""

    height: int
    chunks: int
    done: int
    began_s: float
    began_done: int
    peer: str
    told: int = 0

    def left_s(self, now_s: float) -> int | None:
        """Estimate of the seconds left, from the pace so far; None before there is one."""
        gathered = self.done - self.began_done
        if gathered <= 0:
            return None
        return round((now_s - self.began_s) * (self.chunks - self.done) / gathered)


class StateTransfer:
    """Takes a snapshot when one is needed. For the event loop's thread; rows are written on the
    chain thread, like all others."""

    def __init__(
        self,
        peers: Peers,
        genesis: Genesis,
        database: Database,
        thread: ChainThread,
        after_blocks: int,
        tree_depth: int,
        log: structlog.stdlib.BoundLogger,
        on_switched: Callable[[], None],
        spawn: Callable[[Any], asyncio.Task[None]],
    ) -> None:
        """``after_blocks``: behind by more than this, the node takes a snapshot.
        ``on_switched`` is called between two jobs of the chain thread. ``spawn`` runs a task whose
        failure ends the node."""
        self._peers = peers
        self._genesis = genesis
        self._database = database
        self._thread = thread
        self._after_blocks = after_blocks
        self._tree_depth = tree_depth
        self._log = log
        self._on_switched = on_switched
        self._spawn = spawn
        self._staging = Staging(database)
        self._task: asyncio.Task[None] | None = None
        self._rest_until_s = 0.0
        self._awaited: tuple[str, FrameType, bytes, asyncio.Future[bytes]] | None = None
        self._progress: Progress | None = None

    @property
    def is_active(self) -> bool:
        """Whether chunks are being gathered: blocks are not asked for then."""
        return self._task is not None and not self._task.done()

    def look(self) -> bool:
        """Begin where a snapshot is needed; whether one is being taken."""
        now_s = asyncio.get_running_loop().time()
        if self.is_active or now_s < self._rest_until_s or self._database.switched:
            return self.is_active
        if self._peers.behind_by() > self._after_blocks or self._peers.lacks_blocks():
            self._task = self._spawn(self._run())
        return self.is_active

    def take(self, organisation: str, frame: Frame) -> None:
        """A peer's MANIFEST, CHUNK or REFUSED. Raises ``PeerFault``."""
        awaited = self._awaited
        if awaited is None or awaited[0] != organisation or awaited[3].done():
            return  # too late, or never asked for
        _, kind, digest, answer = awaited
        if frame.type is FrameType.REFUSED:
            answer.set_exception(_Passed("it refuses: this node's office does not entitle it"))
        elif frame.type is kind is FrameType.MANIFEST:
            answer.set_result(frame.body)
        elif frame.type is kind is FrameType.CHUNK:
            told, chunk = decode_chunk_answer(frame.body)
            if told == digest:  # otherwise the late answer to an earlier request
                answer.set_result(chunk)

    # --- What people are told -----------------------------------------------------------------

    def details(self) -> Mapping[str, Any] | None:
        """Height, parts done and of how many, from whom, estimated seconds left."""
        at = self._progress
        if at is None or not self.is_active:
            return None
        left_s = at.left_s(asyncio.get_running_loop().time())
        return {
            "height": at.height, "chunks": at.chunks, "chunks_done": at.done, "peer": at.peer,
            "seconds_left": left_s,
        }  # fmt: skip

    def sentence(self) -> str | None:
        """The same for people; None while no snapshot is taken."""
        told = self.details()
        if told is None:
            return None
        left_s = told["seconds_left"]
        left = "" if left_s is None else f", about {left_s} s left"
        return (
            f"A snapshot of height {told['height']}: {told['chunks_done']} of {told['chunks']} "
            f"parts, from {told['peer']}{left}."
        )

    # --- The transfer -------------------------------------------------------------------------

    async def _run(self) -> None:
        """Ask one peer after the other until the state is whole."""
        for peer in self._peers.snapshot_peers():
            try:
                await self._gather(peer)
            except (InvalidProof, PeerFault) as error:
                self._log.warning("snapshot.lie", peer=peer, reason=str(error))
                self._peers.leave(peer, f"a wrong snapshot: {error}")
            except (_Passed, TimeoutError) as error:
                reason = str(error) or "no answer in time"
                self._log.warning("snapshot.peer-passed", peer=peer, reason=reason)
            if self._database.switched:
                return
        self._progress = None
        self._rest_until_s = asyncio.get_running_loop().time() + REST_S

    async def _gather(self, peer: str) -> None:
        """Everything that is missing, from one peer. Raises ``InvalidProof``, ``_Passed``."""
        manifest, own = await self._held_manifest(), None
        if manifest is None:
            manifest = own = await self._take_manifest(peer)
        while not await self._fill(peer, manifest):
            # What is gathered for is not to be had from this peer, or not any more.
            manifest = await self._take_manifest(peer)
            if own is not None and manifest.row == own.row:
                raise _Passed("it does not give the chunks of its own snapshot")
            own = manifest
        await self._finish(manifest)

    async def _fill(self, peer: str, manifest: Manifest) -> bool:
        """Gather the chunks; False when the peer does not have one of them."""
        header = Header.decode(manifest.header)
        missing = await self._thread.run(self._missing, manifest)
        now_s = asyncio.get_running_loop().time()
        count = len(manifest.row)
        done = count - len(missing)
        progress = self._progress = Progress(header.height, count, done, now_s, done, peer)
        self._log.info(
            "snapshot.begun", height=header.height, peer=peer, count=progress.done, limit=count
        )
        for number in missing:
            kind, digest = manifest.row[number]
            data = b""
            if kind != EMPTY:
                asked = AskChunk(manifest.depth, number, digest)
                frame = Frame(FrameType.ASK_CHUNK, asked.encode())
                data = await self._ask(peer, frame, FrameType.CHUNK, digest)
                if not data:
                    return False
            await self._thread.run(self._keep, manifest, number, data)
            progress.done += 1
            self._tell(progress)
        return True

    async def _finish(self, manifest: Manifest) -> None:
        header = Header.decode(manifest.header)
        self._log.info("snapshot.whole", height=header.height, state_root=header.state_root)
        try:
            await self._thread.run_and_hand_over(
                lambda: self._switch(manifest, header), self._handed_over
            )
        except InvalidProof as error:
            # Each chunk was checked when it came, so this is no peer's fault.
            raise _Passed(f"what was gathered does not hold: {error}") from None

    def _handed_over(self, switched: bool) -> None:
        if switched:
            self._on_switched()

    def _tell(self, progress: Progress) -> None:
        part = TOLD_PARTS * progress.done // progress.chunks
        if part > progress.told:
            progress.told = part
            left_s = progress.left_s(asyncio.get_running_loop().time())
            self._log.info(
                "snapshot.progress", height=progress.height, count=progress.done,
                limit=progress.chunks, peer=progress.peer, seconds=left_s,
            )  # fmt: skip

    # --- Manifests ----------------------------------------------------------------------------

    async def _held_manifest(self) -> Manifest | None:
        """What was gathered for before, when it still leads anywhere."""
        data = self._staging.manifest()
        if data is None:
            return None
        try:
            manifest = Manifest.decode(data)
            height = (await self._verified(manifest)).height
        except InvalidProof:
            # Written by us after it was verified: the disk, or another build's form.
            await self._thread.run(self._staging.forget)
            return None
        return manifest if self._why_not(height) is None else None

    async def _take_manifest(self, peer: str) -> Manifest:
        frame = Frame(FrameType.ASK_MANIFEST, ASK_MANIFEST)
        data = await self._ask(peer, frame, FrameType.MANIFEST, b"")
        manifest = Manifest.decode(data)
        height = (await self._verified(manifest)).height
        if (reason := self._why_not(height)) is not None:
            raise _Passed(f"its snapshot of height {height} is {reason}")
        await self._thread.run(self._begin, manifest, data)
        return manifest

    async def _verified(self, manifest: Manifest) -> Header:
        return await self._thread.run(manifest.verify, self._genesis)

    def _why_not(self, height: int) -> str | None:
        """Why a state of this height does not help, None when it does."""
        own = self._peers.height()
        if height <= own:
            return f"not newer than this node's {own}"
        told = own + self._peers.behind_by()
        if height + self._after_blocks < told:
            return f"too old: peers have {told}"
        return None

    # --- Requests -----------------------------------------------------------------------------

    async def _ask(self, peer: str, frame: Frame, kind: FrameType, digest: bytes) -> bytes:
        """The answer to a request. Raises ``_Passed`` when the peer is not there or silent."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        self._awaited = (peer, kind, digest, answer)
        try:
            if not self._peers.ask(peer, frame):
                raise _Passed("it is not connected")
            until_s = loop.time() + ANSWER_S
            while not answer.done():
                if loop.time() >= until_s:
                    raise _Passed("no answer in time")
                await asyncio.wait([answer], timeout=LOOK_S)
                if not answer.done() and peer not in self._peers.snapshot_peers():
                    raise _Passed("it has left")
            return answer.result()
        finally:
            self._awaited = None

    # --- On the chain thread ------------------------------------------------------------------

    def _missing(self, manifest: Manifest) -> list[int]:
        mark = self._staging.mark
        return [number for number, (_, digest) in enumerate(manifest.row) if mark(number) != digest]

    def _begin(self, manifest: Manifest, data: bytes) -> None:
        held = self._staging.manifest()
        if held is not None and Manifest.decode(held).depth != manifest.depth:
            self._staging.forget()  # the marks are of other chunks
        self._staging.begin(data)

    def _keep(self, manifest: Manifest, number: int, data: bytes) -> None:
        """Raises ``InvalidProof``: nothing is written then."""
        chunk: Chunk = decode_chunk(data) if data else ()
        check_chunk(manifest, number, chunk)
        self._staging.put(number, manifest.depth, manifest.row[number][1], chunk)

    def _switch(self, manifest: Manifest, header: Header) -> bool:
        """False when blocks have led past the snapshot. Raises ``InvalidProof``."""
        head = self._database.head()
        assert head is not None, "the database was opened"
        if header.height <= head.height:
            return False
        self._staging.finish(self._tree_depth, header.state_root)
        following = self._following(header) if header.is_epoch_final else None
        self._staging.switch(header, manifest.certificate, manifest.epochs, following)
        return True

    def _following(self, header: Header) -> ValidatorSet:
        """The next epoch's set, as the gathered state has it. Raises ``InvalidProof``."""
        rows = StateRows(self._database.kv, self._staging.slot)
        following = validator_set(CommittedState(rows))
        if following.hash != header.next_validators_hash:
            raise InvalidProof("snapshot.validators", epoch=header.epoch)
        return following
