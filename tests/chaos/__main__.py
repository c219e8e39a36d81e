"""``python -m tests.chaos run``: a run as long as one likes. Exit 1 on a violation."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.proxy import PROFILES
from tests.chaos.run import Options, run


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run", help="one run from one seed")
    one.add_argument("--seed", type=int, required=True)
    one.add_argument("--minutes", type=float, default=None, help="how long faults go on")
    one.add_argument("--actions", type=int, default=12, help="so many faults, without --minutes")
    one.add_argument("--nodes", type=int, default=4)
    one.add_argument("--profile", choices=sorted(PROFILES), default="loopback")
    one.add_argument("--keep", type=Path, default=None, help="new folder that stays afterwards")
    given = parser.parse_args()
    # Whoever ends a run ends its nodes too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = Options(
        seed=given.seed, nodes=given.nodes, profile=given.profile, actions=given.actions,
        minutes=given.minutes,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="yibao-chaos-") as temporary:
        folder = Path(temporary) if given.keep is None else given.keep
        result = asyncio.run(run(options, folder))
    print(json.dumps(result.report, indent=2, ensure_ascii=False))
    for violation in result.violations[:50]:
        print(f"VIOLATION {violation.promise}: {violation.what}")
    print(f"{len(result.violations)} violations, seed {options.seed}")
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
