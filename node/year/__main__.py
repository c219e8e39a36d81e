"""``python -m node.year``: live a year, print a summary or one JSON object, write the page."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from node.benchmark import machine
from node.benchmark.memory import keep_large_apart
from node.service.collector import tune_collector
from node.year.ledger import YearBroken
from node.year.look import write_desk
from node.year.node_process import OPEN
from node.year.places import Scale
from node.year.report import page
from node.year.run import Plan, Progress, simulate
from node.year.summary import summary


def main() -> int:
    """Run the year. Returns the exit code: 1 when something is left open."""
    parser = argparse.ArgumentParser(prog="simulate_year", description=__doc__)
    parser.add_argument("--claims", type=int, default=200_000, help="visits of the year")
    parser.add_argument("--population", type=int, default=0, help="people (claims / 10)")
    parser.add_argument("--cities", type=int, default=3, help="pooling areas of each province")
    parser.add_argument("--hospitals", type=int, default=5, help="of each province")
    parser.add_argument("--pharmacies", type=int, default=3, help="of each province")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", type=Path, default=None, help="keep the ledger in this folder")
    parser.add_argument("--html", type=Path, default=None, help="write the page to this file")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args()
    plan = Plan(
        claims=given.claims,
        persons=given.population,
        scale=Scale(given.cities, given.hospitals, given.pharmacies),
        seed=given.seed,
        # Kept, the folder is to be browsed with yibao.
        opened=replace(OPEN, index=given.dir is not None),
    )
    try:
        described = machine.describe()
        with tempfile.TemporaryDirectory(prefix="yibao-year-") as temporary:
            keep_large_apart()
            tune_collector()
            folder = Path(temporary) if given.dir is None else given.dir
            outcome = simulate(plan, folder, _bar(quiet=given.json))
            if given.dir is not None:
                for line in write_desk(folder):
                    print(f"year: {line}", file=sys.stderr)
        described["yardstick_ms_after"] = machine.measure_apart()
    except YearBroken as error:
        print(f"year: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    told = summary(outcome) | {"machine": described}
    if given.html is not None:
        given.html.write_text(page(outcome), encoding="utf-8")
        print(f"year: {given.html} is written", file=sys.stderr)
    if given.json:
        print(json.dumps(told))
    else:
        _tell(told)
    held = not told["imbalance_fen"] and not told["accounts_differing"] and not told["refused"]
    return 0 if held else 1


def _tell(told: dict[str, Any]) -> None:
    for name, value in told.items():
        if isinstance(value, list):
            value = f"{len(value)} rows, see --json or --html"
        print(f"{name:22} {value}")


def _bar(quiet: bool) -> Progress:
    """A line on standard error that shows how far the year is."""
    shown = -1

    def progress(what: str, done: int, of: int) -> None:
        nonlocal shown
        share = 100 * done // max(1, of)
        if not quiet and share != shown:
            shown = share
            bar = "#" * (share // 2)
            print(f"\r{what:12}{bar:50} {share:3} %", end="", file=sys.stderr, flush=True)

    return progress


if __name__ == "__main__":
    sys.exit(main())
