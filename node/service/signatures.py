"""Checks signatures on threads, and gives a thread several at once where several wait.

Each job costs the event loop time to give out, and to take the answer, so what waits is given out
in groups: what came in one turn of the loop, or while all threads were busy. Nobody waits for
others to come: a thread that is free begins at the end of the turn, or before with a full group.
First come, first checked.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from node.ledger.errors import Unavailable
from node.ledger.transaction import SignedTransaction
from node.telemetry import Metrics

SIGNATURE_THREADS = 2
"""The library releases the interpreter lock while it verifies (ARCHITECTURE.md, Process)."""
GROUP_MAX = 16
"""Signatures in one job. The first is answered with the last; a larger group would save little
more, and leave a burst to one thread."""
SIGNATURES_WAITING_MAX = 4_000
"""Checks in hand at once; above it the node is busy: 4,000 take a quarter of a second."""

Check = tuple[SignedTransaction, asyncio.Future[None]]
"""What is to be checked, and who waits for the answer."""


class Signatures:
    """Checks signatures of transactions. Used on the event loop's thread."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(SIGNATURE_THREADS, thread_name_prefix="signature")
        self._free = SIGNATURE_THREADS
        self._waiting: deque[Check] = deque()
        self._in_hand = 0

    async def check(self, transaction: SignedTransaction) -> None:
        """Raises ``InvalidTransaction`` unless the signature is the body's key's, ``Unavailable``
        where too many wait."""
        if self._in_hand >= SIGNATURES_WAITING_MAX:
            raise Unavailable("node.busy", retry_after_s=1, part="signatures")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[None] = loop.create_future()
        self._waiting.append((transaction, answer))
        if len(self._waiting) == 1:
            loop.call_soon(self._give_out)
        elif len(self._waiting) == GROUP_MAX:
            self._give_out()
        self._in_hand += 1
        try:
            await answer
        finally:
            self._in_hand -= 1

    def close(self) -> None:
        """Wait for all that were to be checked. Nothing may come after it."""
        while self._waiting:
            self._begin()
        self._threads.shutdown(wait=True)

    def _give_out(self) -> None:
        """What waits, to threads that are free."""
        while self._waiting and self._free > 0:
            self._begin()

    def _begin(self) -> None:
        """The oldest of what waits as one job; whose client is gone is left out."""
        size = min(len(self._waiting), GROUP_MAX)
        oldest = [self._waiting.popleft() for _ in range(size)]
        group = [(transaction, answer) for transaction, answer in oldest if not answer.done()]
        self._free -= 1
        job = asyncio.get_running_loop().run_in_executor(self._threads, self._verify, group)
        job.add_done_callback(lambda job: self._answer(group, job.result()))

    def _verify(self, group: list[Check]) -> list[BaseException | None]:
        """On a signature thread: what each one raised."""
        with self._metrics.stage("signature"):
            return [_raised(transaction) for transaction, _ in group]

    def _answer(self, group: list[Check], raised: list[BaseException | None]) -> None:
        self._free += 1
        for (_, answer), error in zip(group, raised, strict=True):
            if answer.done():
                continue  # its client is gone
            if error is None:
                answer.set_result(None)
            else:
                answer.set_exception(error)
        self._give_out()


def _raised(transaction: SignedTransaction) -> BaseException | None:
    try:
        transaction.check_signature()
    except BaseException as error:  # also a bug of ours, or of the library: it is this one's alone
        return error
    return None
