"""Ports of loopback for networks on one machine: demos, measurements, tests.

A port that the system gives to whoever asks for any may be given to another program before the
node that it was meant for listens on it, seconds later. These lie below what systems give so
(Linux from 32,768, others from 49,152), and each process has a stretch of its own. Ids of processes
grow fast, so those that share a stretch begin at different places of it.
"""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

FIRST: Final = 20_000
STRETCHES: Final = 127
WIDTH: Final = 100
STEP: Final = 10


def stretch(process: int) -> Sequence[int]:
    """The ports of a process by its id, in the order in which it tries them."""
    turn, place = divmod(process, STRETCHES)
    begin, skipped = FIRST + place * WIDTH, turn * STEP % WIDTH
    return [*range(begin + skipped, begin + WIDTH), *range(begin, begin + skipped)]


_PORTS: Final = stretch(os.getpid())
_OWN: Final = itertools.cycle(_PORTS)


def free_ports(count: int) -> list[int]:
    """TCP ports of loopback that nobody listens on now; others than the last ones it gave.
    Raises ``OSError`` where so many are not free."""
    free: list[int] = []
    for port in itertools.islice(_OWN, WIDTH):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            free.append(port)
        if len(free) == count:
            return free
    raise OSError(f"of the ports {min(_PORTS)} to {max(_PORTS)} only {len(free)} are free")
