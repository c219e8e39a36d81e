"""``python -m node.year``: live a year, print a summary or one JSON object, write the page."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

import uvloop

from node.service.collector import tune_collector
from node.year.ledger import YearBroken
from node.year.places import Scale
from node.year.run import Outcome, Plan, Progress, simulate


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
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args()
    plan = Plan(
        claims=given.claims,
        persons=given.population,
        scale=Scale(given.cities, given.hospitals, given.pharmacies),
        seed=given.seed,
        index=given.dir is not None,
    )
    try:
        with (
            tempfile.TemporaryDirectory(prefix="yibao-year-") as temporary,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            tune_collector()
            folder = Path(temporary) if given.dir is None else given.dir
            outcome = runner.run(simulate(plan, folder, _bar(quiet=given.json)))
    except YearBroken as error:
        print(f"year: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(json.dumps(summary(outcome)))
    return 0


def summary(outcome: Outcome) -> dict[str, object]:
    sums = outcome.sums
    return {
        "claims": sums.calls["claim.settled"],
        "regions": outcome.regions,
        "periods": outcome.periods,
        "imbalance_fen": sums.imbalance(),
        "seconds": round(outcome.seconds, 1),
        "setup_seconds": round(outcome.setup_seconds, 1),
        "postings": sums.postings,
        "blocks": outcome.blocks,
        "calls": dict(sums.calls),
        "refused": dict(sums.refused),
        "differing": len(outcome.differing),
        "by_month": outcome.by_month,
    }


def _bar(quiet: bool) -> Progress:
    last = [-1]

    def progress(what: str, done: int, of: int) -> None:
        share = 100 * done // max(1, of)
        if not quiet and share != last[0]:
            last[0] = share
            print(f"\r{what:12} {'#' * (share // 2):50} {share:3} %", end="", file=sys.stderr)

    return progress


if __name__ == "__main__":
    sys.exit(main())
