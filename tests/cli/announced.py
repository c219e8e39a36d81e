"""The command with a standard input that says when it is read: there a test may interrupt it."""

from __future__ import annotations

import signal
import sys
from typing import TextIO

from cli.main import main


class Announced:
    """Standard input that says when it is read."""

    def __init__(self, source: TextIO) -> None:
        self._source = source

    def read(self) -> str:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        return self._source.read()

    def isatty(self) -> bool:
        return False


if __name__ == "__main__":
    # A shell's background job is begun deaf to it, and so is what the job begins.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin = Announced(sys.stdin)
    main()
