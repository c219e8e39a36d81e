"""Ctrl-C while modules are imported: it ends the process as it does later, without a traceback.

Left to Python it would be an exception in the middle of an import, which is told with a traceback
by whatever is half loaded, or forgotten.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Within it Ctrl-C ends the process at once."""
    before = signal.getsignal(signal.SIGINT)
    # A shell that starts us in the background has it ignored: that stays.
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
