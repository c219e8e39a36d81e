"""``python -m node.benchmark``: measure, print a table or one JSON object.

Measured rates, and nothing else, are in fields ending in ``_per_second``. The machine is described
beside them: a figure without its machine is no figure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import uvloop

from node.benchmark import in_process, machine, network, over_http
from node.benchmark.in_process import VALID_MS, BenchmarkFailed
from node.benchmark.network import Plan
from node.benchmark.workload import LINES_OF_STAY, Country, Size, sign_batch
from node.service.collector import tune_collector
from node.service.node import Node

BATCHES = (1, 20, 500)
AIM_PER_SECOND = 2_430
"""Ten times the country's average load of 243 settlements a second (RULES.md section 10)."""


def main() -> int:
    """Run the benchmark. Returns the exit code: 1 when a run was no result."""
    parser = argparse.ArgumentParser(prog="python -m node.benchmark", description=__doc__)
    parser.add_argument("--persons", type=int, default=100_000, help="people enrolled first")
    parser.add_argument("--claims", type=int, default=10_000, help="claims of a run in process")
    parser.add_argument("--http-claims", type=int, default=3_000, help="claims of a run over HTTP")
    parser.add_argument("--stays", type=int, default=300, help="stays of 50 lines")
    parser.add_argument("--lone", type=int, default=200, help="claims sent one after the other")
    parser.add_argument("--areas", type=int, default=400)
    parser.add_argument("--institutions", type=int, default=300)
    parser.add_argument("--dir", type=Path, default=None, help="folder for the data (temporary)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    commands = parser.add_subparsers(dest="command", help="without a command: one node")
    _network_options(commands.add_parser("network", help="validators as processes"))
    given = parser.parse_args()
    # Whoever ends a benchmark ends its nodes too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="yibao-bench-", dir=given.dir) as folder,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            work = _run_network if given.command == "network" else _run
            result = runner.run(work(given, Path(folder)))
    except BenchmarkFailed as error:
        print(f"bench: no result: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if given.json:
        print(json.dumps(result))
    else:
        _tell(result)
    return 0


def _network_options(parser: argparse.ArgumentParser) -> None:
    """An option for each field of the plan. Sizes and folder stand before the command."""
    plan = Plan()
    for item in fields(Plan):
        default = getattr(plan, item.name)
        parser.add_argument(
            f"--{item.name.replace('_', '-')}",
            type=type(default),
            default=default,
            help="%(default)s",
        )
    parser.add_argument("--dir", type=Path, default=None, help="folder for the data (temporary)")
    parser.add_argument("--json", action="store_true", help="one JSON object")


async def _run_network(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    plan = Plan(**{item.name: getattr(given, item.name) for item in fields(Plan)})
    return {"machine": machine.describe(), **await network.measure(plan, folder, _say)}


class _Bills:
    """Hands out bills whose numbers were never used before."""

    def __init__(self, country: Country, chain: bytes) -> None:
        self._country = country
        self._chain = chain
        self._next = 0

    def claims(self, count: int, calls: int) -> list[bytes]:
        """Signed transactions of ``count`` outpatient bills."""
        first, self._next = self._next, self._next + count
        until_ms = self._country.now_ms + VALID_MS
        return [
            sign_batch(batch, self._chain, until_ms)[1]
            for batch in self._country.claims(first, count, calls)
        ]

    def stays(self, count: int) -> list[bytes]:
        """Signed transactions of ``count`` stays."""
        first, self._next = self._next, self._next + count
        until_ms = self._country.now_ms + VALID_MS
        return [
            sign_batch(batch, self._chain, until_ms)[1]
            for batch in self._country.stays(first, count)
        ]


async def _run(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    country = Country(
        Size(given.persons, given.areas, given.institutions), time.time_ns() // 1_000_000
    )
    result: dict[str, Any] = {
        "machine": machine.describe(),
        "persons": given.persons,
        "areas": given.areas,
        "institutions": given.institutions,
        "aim_rate": AIM_PER_SECOND,
    }
    node = in_process.open_node(folder, lambda: country.render_genesis(country.genesis()))
    await node.start()
    tune_collector()
    start = time.perf_counter()
    say = _progress("set-up", given.persons * 2)
    await in_process.prepare(node, country, say)
    result["setup_seconds"] = round(time.perf_counter() - start, 1)
    bills = _Bills(country, node.genesis.chain)
    await _measure_in_process(node, bills, given, result)
    chain = node.genesis.chain
    await node.stop()
    with over_http.running_node(folder, chain) as address:
        await _measure_http(address, bills, given, result)
    return result


async def _measure_in_process(
    node: Node, bills: _Bills, given: argparse.Namespace, result: dict[str, Any]
) -> None:
    await in_process.measure(
        node, bills.claims(min(500, given.claims), 20), min(500, given.claims), 20
    )
    for calls in BATCHES:
        _say(f"in process, batches of {calls}")
        run = await in_process.measure(node, bills.claims(given.claims, calls), given.claims, calls)
        result[f"in_process_batch_{calls}_claims_per_second"] = round(run.per_second, 1)
        if calls == 20:
            result["stage_us_per_claim"] = run.stage_us
            result["state_keys_per_claim"] = run.state_keys
            result["state_bytes_per_claim"] = run.state_bytes
            result["calls_per_block"] = round(given.claims / run.blocks, 1)
    _say(f"in process, stays of {LINES_OF_STAY} lines")
    stays = await in_process.measure(node, bills.stays(given.stays), given.stays, 4)
    result["in_process_stays_of_50_lines_per_second"] = round(stays.per_second, 1)


async def _measure_http(
    address: str, bills: _Bills, given: argparse.Namespace, result: dict[str, Any]
) -> None:
    await over_http.measure(address, bills.claims(100, 20), 100, 20)
    for calls in BATCHES:
        _say(f"over HTTP, batches of {calls}")
        wires = bills.claims(given.http_claims, calls)
        run = await over_http.measure(address, wires, given.http_claims, calls)
        result[f"http_batch_{calls}_claims_per_second"] = round(run.per_second, 1)
    _say("over HTTP, lone claims")
    result["http_lone_claim_ms"] = await over_http.lone_latency_ms(
        address, bills.claims(given.lone, 1)
    )


def _say(sentence: str) -> None:
    print(f"bench: {sentence}", file=sys.stderr)


def _progress(what: str, total: int) -> in_process.Progress:
    """Tells of each tenth that is done."""
    told = 0

    def progress(done: int) -> None:
        nonlocal told
        if done * 10 // max(1, total) > told:
            told = done * 10 // max(1, total)
            _say(f"{what} {min(told * 10, 100)} %")

    return progress


def _tell(result: dict[str, Any]) -> None:
    for name, value in result.items():
        shown = json.dumps(value) if isinstance(value, dict) else value
        print(f"{name:45} {shown}")


if __name__ == "__main__":
    sys.exit(main())
