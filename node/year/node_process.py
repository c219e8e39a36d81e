"""The process of the year's node: takes transactions from a pipe, gives receipts back.

The node is the one of ``node.benchmark.in_process``: signatures and attachments are checked, a
validator alone orders, execution, state root, one synced batch for each block. The clock stands
still while a wave of transactions is worked off and is moved by the year only.

The pipe has a thread for each direction, so that neither the node waits for its client to read nor
the client for the node. It ends with the pipe: whoever asked is gone then.
"""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import sys
import threading
import time
from concurrent.futures import CancelledError
from contextlib import suppress
from enum import Enum, auto
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop

from node.benchmark.in_process import open_node
from node.benchmark.memory import keep_large_apart, read_memory
from node.ledger.errors import Unavailable
from node.service.collector import tune_collector
from node.service.node import Node
from node.service.opening import OpenOptions

IN_FLIGHT = 128
"""Transactions handed in and not yet answered, of up to twenty calls each: two blocks' of a busy
day. With fewer the node waits for its clients while a block is written."""
ASKED = 8
"""Questions that wait, each of up to a block's transactions. Then the year waits with the next, so
that the largest wave takes no more of the node's memory than a usual day's."""
VALID_MS = 12 * 3_600_000
WAIT_S_MAX = 120.0
OPEN = OpenOptions(
    diff_heights=10, check_heights=10, tree_depth=18, index=False,
    tree_cache_bytes=8 << 20, state_cache_bytes=8 << 20,
)  # fmt: skip
"""Caches that are full in January of 200,000 claims and do not grow with the state, and the tree's
depth of production."""


class Ask(Enum):
    """What the year asks of the node: (this, content)."""

    TIME = auto()
    """It is this time now (ms)."""
    SUBMIT = auto()
    """Wire bytes of transactions: about a block's, so that they are ordered together."""
    WAVE = auto()
    """Go on when everything that was handed in is committed."""
    TOLD = auto()
    """Say so when all receipts up to here were told."""
    STATE = auto()
    """Values of these state keys."""
    USED = auto()
    """Processor seconds, memory, and what the caches hold of it."""


class Tell(Enum):
    """What the node tells: (this, content)."""

    STARTED = auto()
    """The chain's id, once the node orders."""
    RECEIPTS = auto()
    """(height, its receipts as they are stored): of every height, in order, unasked."""
    TOLD = auto()
    """The height of the last receipts that were told."""
    STATE = auto()
    USED = auto()
    FAILED = auto()
    """Why the node did not do what the year needs; nothing follows."""


def run(
    pipe: Connection, folder: Path, genesis: bytes, start_ms: int, options: OpenOptions
) -> None:
    """The process: a node that lives as long as the pipe."""
    keep_large_apart()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the year ends it, by hanging up
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Process(pipe, folder, genesis, start_ms, options).run())


class _Process:
    """The node and both directions of the pipe."""

    def __init__(
        self, pipe: Connection, folder: Path, genesis: bytes, start_ms: int, options: OpenOptions
    ) -> None:
        self._pipe = pipe
        self._now_ms = start_ms
        self._out: queue.SimpleQueue[tuple[Tell, Any] | None] = queue.SimpleQueue()
        self._node = open_node(
            folder, lambda: genesis, options=options, clock_ms=lambda: self._now_ms
        )
        self._told = self._node.head.height
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._working: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Start, answer until the pipe is closed, stop."""
        node: Node = self._node
        tune_collector()
        await node.start()
        self._out.put((Tell.STARTED, bytes(node.genesis.chain)))
        asked: asyncio.Queue[tuple[Ask, Any] | None] = asyncio.Queue(ASKED)
        loop = asyncio.get_running_loop()
        sender = threading.Thread(target=self._send_all, daemon=True)
        sender.start()
        threading.Thread(target=self._receive_all, args=(loop, asked), daemon=True).start()
        try:
            while (message := await asked.get()) is not None:
                await self._do(*message)
        except Exception as error:
            # Whatever ended it, the year is to hear of it: nobody reads this process's errors.
            self._out.put((Tell.FAILED, f"{type(error).__name__}: {error}"))
        finally:
            await node.stop()
            self._out.put(None)
            await asyncio.to_thread(sender.join)

    async def _do(self, ask: Ask, content: Any) -> None:
        if ask is Ask.SUBMIT:
            for wire in content:
                await self._room.acquire()
                task = asyncio.create_task(self._submit(wire))
                self._working.add(task)
                task.add_done_callback(self._done)
        elif ask is Ask.WAVE:
            while self._working:
                await asyncio.gather(*self._working)
            self._tell_receipts()
        elif ask is Ask.TOLD:
            self._out.put((Tell.TOLD, self._told))
        elif ask is Ask.TIME:
            self._now_ms = content
        elif ask is Ask.STATE:
            with self._node.reader.view() as view:
                self._out.put((Tell.STATE, [view.state(key) for key in content]))
        else:
            held = self._node.chain.executor.held
            used = (
                time.process_time(), memory_mb(), held.tree_bytes, held.state_bytes,
                sys.getallocatedblocks(),
            )  # fmt: skip
            self._out.put((Tell.USED, used))

    async def _submit(self, wire: bytes) -> None:
        while True:
            try:
                accepted = await self._node.submit(wire)
                break
            except Unavailable:
                await asyncio.sleep(0.005)  # the pool is full: this client waits, as it is told to
        if not accepted.committed and not await self._node.wait(accepted.tx_id, WAIT_S_MAX):
            raise TimeoutError(f"not committed within {WAIT_S_MAX:.0f} s")
        self._tell_receipts()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._room.release()
        if task.exception() is None:
            self._working.discard(task)  # one that failed is raised when the wave ends

    def _tell_receipts(self) -> None:
        """Give the receipts of heights that were committed since."""
        if self._told == self._node.head.height:
            return
        with self._node.reader.view() as view:
            for height in range(self._told + 1, view.head.height + 1):
                self._out.put((Tell.RECEIPTS, (height, list(view.receipts(height)))))
            self._told = view.head.height

    def _send_all(self) -> None:
        with suppress(OSError):  # nobody listens any more
            while (message := self._out.get()) is not None:
                self._pipe.send(message)

    def _receive_all(
        self, loop: asyncio.AbstractEventLoop, asked: asyncio.Queue[tuple[Ask, Any] | None]
    ) -> None:
        message: tuple[Ask, Any] | None
        while True:
            try:
                message = self._pipe.recv()
            except (EOFError, OSError):
                message = None
            try:
                asyncio.run_coroutine_threadsafe(asked.put(message), loop).result()
            except (CancelledError, RuntimeError):
                return  # the loop has ended
            if message is None:
                return


def memory_mb() -> int:
    """Memory of this process now, in MB: its own, without the database's files that are mapped."""
    return read_memory(os.getpid()).own >> 20
