"""``python -m tests.simulation run|replay|shrink|campaign|regressions``."""

from __future__ import annotations

import sys

from tests.simulation.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
