"""The year's side of the ledger: signs what its actors do, sends it to the node, reads receipts.

The node is in a process of its own (``node.year.node_process``), as it is for every client: so the
actors think and sign on one core while the node works on another, and what the node's memory comes
to is not mixed with theirs. Nothing passes between the two but wire bytes, receipts as the node has
stored them, and questions about its state.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from node.benchmark.in_process import CALLS_AIM
from node.benchmark.workload import Batch, sign_batch
from node.ledger.receipt import Receipt
from node.ledger.types import Value
from node.service.opening import OpenOptions
from node.year import node_process
from node.year.node_process import VALID_MS, Ask, Tell
from node.year.places import Places, genesis_of

STOP_S_MAX = 60.0
CALLS_FIRST = 64
"""Calls of a wave that are handed in first: the node begins while the others are signed."""

T = TypeVar("T")

ReadState = Callable[[Sequence[str]], Sequence[Value | None]]
"""Values of the head's state, in the order of the keys; None for one that is not there."""
Reader = Callable[[int, Receipt], None]
"""Told of every receipt, with its height, in the order of the chain."""


class YearBroken(Exception):  # noqa: N818  (what happened)
    """The node did not do what the year needs."""


@dataclass(frozen=True, slots=True)
class Used:
    """What the node's process has used."""

    cpu_seconds: float
    memory_mb: int
    """Its own memory now, without the database's files that are mapped."""
    tree_bytes: int
    state_bytes: int
    """What it holds of the state tree and of the state: see ``node.execution.blocks.Held``."""
    objects: int
    """How many pieces of memory Python has in use there; room between them is not counted."""


class YearLedger:
    """A node whose time is the year's. Use it as a context: the node ends with it."""

    def __init__(
        self, folder: Path, places: Places, start_ms: int, read: Reader, options: OpenOptions
    ) -> None:
        self.now_ms = start_ms
        self.height = 0
        """The newest block whose receipts were read."""
        self._read = read
        genesis = genesis_of(places, start_ms)
        # Spawned: a fork would carry this process's memory and threads into the node's.
        context = multiprocessing.get_context("spawn")
        self._node, theirs = context.Pipe()
        self._process = context.Process(
            target=node_process.run, args=(theirs, folder, genesis, start_ms, options), daemon=True
        )
        self._process.start()
        theirs.close()
        self._chain = self._answer(Tell.STARTED, bytes)

    def __enter__(self) -> YearLedger:
        return self

    def __exit__(self, *_: object) -> None:
        """End the node in order; the folder can be opened again."""
        self._node.close()  # the node's end of the line: it stops and closes its database
        self._process.join(STOP_S_MAX)

    def state(self, keys: Sequence[str]) -> list[Value | None]:
        """Values of the head's state, in the order of the keys."""
        self._node.send((Ask.STATE, list(keys)))
        return self._answer(Tell.STATE, list)

    def used(self) -> Used:
        """What the node's process has used so far."""
        self._node.send((Ask.USED, None))
        return Used(*self._answer(Tell.USED, tuple))

    def go_to(self, time_ms: int) -> None:
        """Move the clock forward."""
        assert time_ms >= self.now_ms, "the year goes forward"
        self.now_ms = time_ms
        self._node.send((Ask.TIME, time_ms))

    def do(self, batches: Iterable[Batch]) -> None:
        """Work off a wave: everything in it is committed and read when this returns.

        Raises ``YearBroken``.
        """
        self.hand_in(batches)
        self.finish()

    def hand_in(self, batches: Iterable[Batch]) -> None:
        """Sign a wave and send it. The node begins it when every wave before it is committed, so
        the next may be signed meanwhile. Raises ``YearBroken``."""
        until_ms, aim = self.now_ms + VALID_MS, CALLS_FIRST
        signed: list[bytes] = []
        calls = 0
        for batch in batches:
            signed.append(sign_batch(batch, self._chain, until_ms)[1])
            calls += len(batch.calls)
            if calls >= aim:
                self._send((Ask.SUBMIT, signed))
                signed, calls, aim = [], 0, CALLS_AIM
            while self._node.poll():
                self._take(self._receive())
        self._send((Ask.SUBMIT, signed))
        self._send((Ask.WAVE, None))

    def finish(self) -> None:
        """Wait until everything that was handed in is committed and read. Raises ``YearBroken``."""
        self._send((Ask.TOLD, None))
        self._answer(Tell.TOLD, int)

    def _send(self, message: tuple[Ask, Any]) -> None:
        try:
            self._node.send(message)
        except OSError:
            self._take(self._receive())  # why it has gone
            raise YearBroken("the node has gone") from None

    def _receive(self) -> tuple[Tell, Any]:
        try:
            told: tuple[Tell, Any] = self._node.recv()
        except (EOFError, OSError):
            raise YearBroken("the node has gone") from None
        if told[0] is Tell.FAILED:
            raise YearBroken(told[1])
        return told

    def _answer(self, wanted: Tell, kind: type[T]) -> T:
        """Read on until what was asked for is there."""
        while True:
            told = self._receive()
            if told[0] is wanted:
                assert isinstance(told[1], kind), f"{wanted.name} tells {kind.__name__}"
                return told[1]
            self._take(told)

    def _take(self, told: tuple[Tell, Any]) -> None:
        """Receipts of one height, each height once and in order."""
        assert told[0] is Tell.RECEIPTS, f"nobody asked for {told[0].name}"
        height, leaves = told[1]
        assert height == self.height + 1, "heights come one after the other"
        for leaf in leaves:
            self._read(height, Receipt.decode_trusted(leaf))
        self.height = height
