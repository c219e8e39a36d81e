"""``python -m node.benchmark.load``: load at a stated rate, from a process of its own.

Transactions are read from a file in which they lie signed (``write_bills``) and handed in one every
``1 / rate`` seconds, to the nodes in turn, whether or not earlier ones were answered: a slow node
does not slow the load down, and a time is counted from when the transaction was due. Prints one
JSON object; the ids that were acknowledged go to a file, to be looked for afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from node.benchmark.connection import Answer, Connection

_HEAD = struct.Struct(">32sI")
"""Transaction id, length of the transaction on the wire."""

OK = b'"status":"ok"'
REJECTED = b'"status":"rejected"'


def write_bills(path: Path, signed: Iterable[tuple[bytes, bytes]]) -> int:
    """Put signed transactions (id, wire) into a file; how many."""
    count = 0
    with path.open("wb") as file:
        for tx_id, wire in signed:
            file.write(_HEAD.pack(tx_id, len(wire)) + wire)
            count += 1
    return count


def read_bills(path: Path, first: int) -> Iterator[tuple[bytes, bytes]]:
    """The file's transactions from the ``first`` on."""
    with path.open("rb") as file:
        number = 0
        while head := file.read(_HEAD.size):
            tx_id, length = _HEAD.unpack(head)
            if number < first:
                file.seek(length, 1)
            else:
                yield tx_id, file.read(length)
            number += 1


@dataclass(slots=True)
class Told:
    """What the nodes answered."""

    answers: Counter[str] = field(default_factory=Counter)
    late_ms: list[float] = field(default_factory=list)
    """From when it was due to its answer, of those that were acknowledged."""
    retry_after_s: Counter[int] = field(default_factory=Counter)
    acknowledged: list[bytes] = field(default_factory=list)
    rejected: int = 0
    lost: int = 0
    """Connections that ended before an answer."""
    first_429_s: float | None = None
    last_429_s: float | None = None


class Lanes:
    """Connections to one node, opened as they are needed and used again."""

    def __init__(self, address: str, stack: AsyncExitStack) -> None:
        self._address = address
        self._stack = stack
        self._idle: list[Connection] = []
        self.opened = 0

    async def submit(self, wire: bytes, *, wait: bool) -> Answer:
        """Hand in over a free connection. Raises ``OSError`` or ``IncompleteReadError``."""
        if self._idle:
            connection = self._idle.pop()
        else:
            self.opened += 1
            connection = await self._stack.enter_async_context(Connection.open(self._address))
        try:
            return await connection.submit(wire, wait=wait)
        finally:
            self._idle.append(connection)


async def drive(
    addresses: Sequence[str],
    bills: Iterable[tuple[bytes, bytes]],
    per_second: float,
    *,
    wait: bool,
) -> tuple[Told, float]:
    """Hand everything in on time; what was told, and the seconds from first to last answer."""
    told = Told()
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        lanes = [Lanes(address, stack) for address in addresses]
        start = loop.time() + 0.1

        async def one(number: int, due: float, tx_id: bytes, wire: bytes) -> None:
            try:
                answer = await lanes[number % len(lanes)].submit(wire, wait=wait)
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                told.lost += 1
                return
            _note(told, answer, tx_id, loop.time() - start, loop.time() - due)

        async with asyncio.TaskGroup() as group:
            for number, (tx_id, wire) in enumerate(bills):
                due = start + number / per_second
                await asyncio.sleep(max(0.0, due - loop.time()))
                group.create_task(one(number, due, tx_id, wire))
        return told, loop.time() - start


def _note(told: Told, answer: Answer, tx_id: bytes, at_s: float, late_s: float) -> None:
    code = "" if answer.status < 300 else f" {json.loads(answer.body).get('code')}"
    told.answers[f"{answer.status}{code}"] += 1
    if answer.status < 300:
        told.acknowledged.append(tx_id)
        told.late_ms.append(late_s * 1000)
        told.rejected += answer.body.count(REJECTED)
    elif answer.status == 429:
        told.first_429_s = at_s if told.first_429_s is None else told.first_429_s
        told.last_429_s = at_s
        told.retry_after_s[round(answer.retry_after_s)] += 1


def summary(told: Told, seconds: float, calls: int) -> dict[str, Any]:
    """Figures of a run."""
    late = sorted(told.late_ms)
    return {
        "seconds": round(seconds, 1),
        "answers": dict(sorted(told.answers.items())),
        "rejected_calls": told.rejected,
        "connections_lost": told.lost,
        "acknowledged": len(told.acknowledged),
        "claims_per_second": round(len(told.acknowledged) * calls / seconds, 1),
        "ms": {
            name: round(late[min(len(late) - 1, int(len(late) * part))], 1)
            for name, part in (("median", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
            if late
        },
        "retry_after_s": {str(k): n for k, n in sorted(told.retry_after_s.items())},
        "first_429_s": None if told.first_429_s is None else round(told.first_429_s, 1),
        "last_429_s": None if told.last_429_s is None else round(told.last_429_s, 1),
    }


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m node.benchmark.load", description=__doc__)
    parser.add_argument("addresses", nargs="+", help="http://host:port of each node")
    parser.add_argument("--bills", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0, help="skip so many of the file")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="transactions a second")
    parser.add_argument("--calls", type=int, required=True, help="calls of each")
    parser.add_argument("--no-wait", action="store_true", help="202 is answer enough")
    parser.add_argument("--ids", type=Path, required=True, help="where acknowledged ids go")
    given = parser.parse_args()
    bills = (
        bill for _, bill in zip(
            range(given.count), read_bills(given.bills, given.first), strict=False
        )
    )  # fmt: skip
    began = time.process_time()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        told, seconds = runner.run(
            drive(given.addresses, bills, given.rate, wait=not given.no_wait)
        )
    given.ids.write_bytes(b"".join(told.acknowledged))
    result = summary(told, seconds, given.calls)
    result["load_cpu_seconds"] = round(time.process_time() - began, 1)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
