"""What the installed ``yibao`` calls: imports the commands, which takes a moment, and runs them.

Ctrl-C in that moment ends the process as it does later, without a traceback.
"""

from __future__ import annotations

import signal


def main() -> None:
    """Entry point of the installed command."""
    # A shell that starts us in the background has it ignored: that stays.
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from cli.main import main as run  # here, not above: nothing of ours may be imported before

    signal.signal(signal.SIGINT, interrupted)
    run()


if __name__ == "__main__":
    main()
