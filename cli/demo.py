"""``yibao demo``: the main job from nothing, on loopback, in about half a minute.

Founds a network, starts its node, loads two places of care with catalogues and the home places of
published cases, files, settles each case as a claim end to end, compares with what its own policy
gives, traces one, saves its evidence, stops the node and verifies the evidence offline.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from cli import demo_cases, network, processes
from cli.client import Client, Refused
from cli.demo_cases import PLACES, DemoCase
from cli.demo_world import DemoWorld, SignedCalls, bureau_of, hospital_id, province_of
from cli.exits import Exit
from cli.identity import KeyFileError
from cli.network import Member, Network
from cli.output import Json, busy, fail, out, print_json_line, print_table, yuan
from cli.session import explained
from cli.trace import follow, tree_of
from contracts.settlement import CONTRACTS
from node.ledger.evidence import ReceiptFacts, verify_evidence
from node.ledger.genesis import Genesis

VALIDATOR = "bureau:310000"
AUDITOR = "auditor:national"
MORE_REGIONS = ("110000", "440000", "500000", "510000", "610000", "650000")
"""Provinces that validate when the cases name too few."""
LEVEL_S_MAX = 20.0
Clients = dict[tuple[int, bytes], Client]
BEIJING_TIME = timedelta(hours=8)
"""Dates of the ledger are those of UTC+8."""


def demo(
    claims: Annotated[
        int, typer.Option(min=1, max=len(demo_cases.CHOSEN), help="How many cases to settle.")
    ] = len(demo_cases.CHOSEN),
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Keep the network in this new folder.")
    ] = None,
    bureaus: Annotated[
        int,
        typer.Option(min=1, max=7, help="Validators; 4 are the least that bear the loss of one."),
    ] = 1,
    as_json: Json = False,
) -> None:
    """Settle published cases on a fresh network and prove one of them offline. 演示"""
    started = time.monotonic()
    try:
        cases = demo_cases.load_cases(claims)
        with _folder(folder) as place:
            result = _run(place, cases, bureaus, as_json)
    except demo_cases.DemoDataError as error:
        fail(Exit.LOCAL, str(error))
    except FileExistsError as error:
        fail(Exit.LOCAL, str(error), hint="choose a new folder with --dir")
    except (OSError, KeyFileError) as error:
        fail(Exit.LOCAL, f"cannot make the network: {error}")
    except processes.NodeFailed as error:
        fail(Exit.UNAVAILABLE, str(error))
    result["seconds"] = round(time.monotonic() - started, 1)
    if as_json:
        print_json_line(result)
    else:
        out.print(f"done in {result['seconds']} s; evidence verified with the node switched off")
    if not result["proof_verified"] or not all(c["matches_expected"] for c in result["claims"]):
        raise typer.Exit(int(Exit.NO))


@contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        yield chosen
        return
    with tempfile.TemporaryDirectory(prefix="yibao-demo-") as temporary:
        yield Path(temporary) / "network"


def _run(folder: Path, cases: list[DemoCase], bureaus: int, quiet: bool) -> dict[str, Any]:
    found = _found(folder, cases, bureaus)
    places = ", ".join(place.url for place in found.nodes)
    _say(quiet, f"network {found.chain.hex()[:16]}…, {len(found.nodes)} node(s): {places}")
    running = processes.start_all(found)
    try:
        result, evidence = _on_network(found, cases, quiet)
    finally:
        processes.stop_all(running)
    result["proof_verified"] = _verify(found, evidence, running, quiet)
    return result


def _found(folder: Path, cases: list[DemoCase], bureaus: int) -> Network:
    """A network of all provinces that the cases name, ``bureaus`` of them validating."""
    regions = {province_of(demo.area) for demo in cases} | {
        province_of(demo.care) for demo in cases
    }
    regions |= {province_of(demo_cases.SHANGHAI)}
    more = (region for region in MORE_REGIONS if region not in regions)
    while len(regions) < bureaus:
        regions.add(next(more))
    others = sorted(bureau_of(region) for region in regions if bureau_of(region) != VALIDATOR)
    seats = [VALIDATOR, *others[: bureaus - 1]]
    free = processes.free_ports(2 * bureaus)
    posts = ("checker", "clerk", "finance", "operator")
    members = [
        Member(bureau_of(region), "bureau", region, posts, validator=bureau_of(region) in seats)
        for region in sorted(regions)
    ]
    members.append(Member("centre", "centre", "000000", ("checker", "clerk")))
    members.append(Member(AUDITOR, "auditor", "000000", ("audit",)))
    made = network.create(
        folder,
        members,
        ports=dict(zip(seats, free[:bureaus], strict=True)),
        peer_ports=dict(zip(seats, free[bureaus:], strict=True)) if bureaus > 1 else None,
        time_ms=time.time_ns() // 1_000_000,
        parameters={},
        contracts={contract.name: contract.version for contract in CONTRACTS},
    )
    if bureaus > 1:
        processes.begin_keys(made.nodes)
    return made


def _on_network(found: Network, cases: list[DemoCase], quiet: bool) -> tuple[dict[str, Any], Path]:
    today = (datetime.now(UTC) + BEIJING_TIME).date()
    world = DemoWorld(found, cases, today)
    clients: Clients = {}
    with explained(), busy("starting", quiet=quiet) as progress:
        for signed in world.setup():
            progress(signed.title)
            _submit(found, clients, signed)
        rows = []
        for number, demo in enumerate(cases):
            for signed in world.settlements(demo):
                progress(signed.title)
                # Each claim goes through another bureau's node, which has all that came before.
                _wait_level(found)
                answer = _submit(found, clients, signed, number % len(found.nodes))
            _wait_level(found)
            rows.append(_compare(found, clients, demo, answer))
        progress("trace and evidence")
        auditor = _client(found, clients, found.identity(AUDITOR, "audit"))
        status = auditor.get("/v1/status")
        first = cases[0]
        claim = world.claim_id(first)
        traced = follow(auditor, claim)
        hospital = found.identity(hospital_id(first.care, first.level), "clerk")
        clerk = _client(found, clients, hospital)
        evidence = found.folder / f"{claim}.evidence"
        evidence.write_bytes(clerk.get_bytes(f"/v1/claims/{claim}/evidence", full="true"))
        page = clerk.get_bytes(f"/v1/claims/{claim}/statement", form="text").decode()
    for client in clients.values():
        client.close()
    if not quiet:
        _tell(rows, cases)
        out.print(page, markup=False)
        out.print(tree_of(traced))
        out.print(f"evidence of {claim}: {evidence.stat().st_size:,} bytes")
    result = {
        "validators": len(found.nodes),
        "height": status["height"],
        "state_root": status["state_root"],
        "claims": [{k: v for k, v in row.items() if k != "figures"} for row in rows],
    }
    return result, evidence


def _client(found: Network, clients: Clients, identity: Any, node: int = 0) -> Client:
    """One connection for each key and node."""
    place = (node, identity.key)
    known = clients.get(place)
    if known is None:
        known = clients[place] = Client(found.nodes[node].url, identity)
    return known


def _wait_level(found: Network) -> None:
    """Wait until all nodes have the height of the first among them."""
    if len(found.nodes) == 1:
        return
    deadline = time.monotonic() + LEVEL_S_MAX
    while time.monotonic() < deadline:
        answers = [httpx.get(f"{place.url}/v1/ready", timeout=5.0) for place in found.nodes]
        if len({answer.json().get("height") for answer in answers}) == 1:
            return
        time.sleep(0.01)
    raise processes.NodeFailed(f"the nodes are not at one height after {LEVEL_S_MAX:.0f} s")


def _submit(found: Network, clients: Clients, signed: SignedCalls, node: int = 0) -> dict[str, Any]:
    """Hand in and wait; a rejected call of the demo ends it with the contract's own words."""
    answer = _client(found, clients, signed.identity, node).submit(signed.calls)
    for item in answer["receipts"]:
        receipt = item["receipt"]
        if receipt["status"] != "ok":
            raise Refused(
                409,
                {
                    "code": receipt["code"],
                    "title": f"{signed.title}: {(receipt['reason'] or {}).get('english', '')}",
                    "values": receipt["values"],
                    "next": (receipt["reason"] or {}).get("next", ""),
                },
            )
    return answer


def _compare(
    found: Network, clients: Clients, demo: DemoCase, answer: dict[str, Any]
) -> dict[str, Any]:
    """What the ledger settled, beside what the case's own policy gives."""
    claim = DemoWorld.claim_id(demo)
    hospital = found.identity(hospital_id(demo.care, demo.level), "clerk")
    steps = _client(found, clients, hospital).get(f"/v1/claims/{claim}/explanation")
    settled = {
        "amounts": answer["receipts"][-1]["receipt"]["amounts"],
        "explanation": steps["explanation"],
    }
    figures = [
        (expected, demo_cases.figure(expected.meaning, settled)) for expected in demo.expected
    ]
    amounts = settled["amounts"]
    return {
        "id": claim,
        "case": demo.id,
        "total_fen": amounts["total_fen"],
        "funds_fen": amounts["funds_fen"],
        "person_fen": amounts["person_fen"],
        "matches_expected": all(expected.fen == got for expected, got in figures),
        "figures": figures,
    }


def _tell(rows: list[dict[str, Any]], cases: list[DemoCase]) -> None:
    print_table(
        "Settled 已结算  (charge lines made up to the published sums; areas 99xxxx made up;\n"
        "ok: each figure of the source is met, by the policy that the source tells)",
        ("case", "home 参保", "care 就医", "total 元", "funds 元", "person 元", "ok"),
        [
            (row["case"], _place(demo.area), _place(demo.care), yuan(row["total_fen"]),
             yuan(row["funds_fen"]), yuan(row["person_fen"]),
             "yes" if row["matches_expected"] else "NO")
            for row, demo in zip(rows, cases, strict=True)
        ],
    )  # fmt: skip
    for row in rows:
        for expected, _ in row["figures"]:
            if expected.printed_fen is not None:
                out.print(
                    f"{row['case']}: the source prints {expected.name} "
                    f"{yuan(expected.printed_fen)} 元; by its own policy it is "
                    f"{yuan(expected.fen)} 元"
                )


def _place(area: str) -> str:
    """Chinese name over the English one, so that the table fits a terminal."""
    return PLACES[area].replace(" ", "\n", 1)


def _verify(
    found: Network, evidence: Path, stopped: list[subprocess.Popen[bytes]], quiet: bool
) -> bool:
    """Check the evidence from the genesis file alone, after every node has ended."""
    assert all(process.poll() is not None for process in stopped), "a node still runs"
    facts = verify_evidence(evidence.read_bytes(), Genesis.parse(found.genesis.read_bytes()))
    assert isinstance(facts, ReceiptFacts), "a claim's evidence is of a receipt"
    _say(
        quiet,
        f"verified offline: receipt of {facts.call.contract}.{facts.call.method} in block "
        f"{facts.header.height}, certified by {', '.join(facts.signers)}",
    )
    return facts.receipt.status == "ok"


def _say(quiet: bool, sentence: str) -> None:
    if not quiet:
        out.print(sentence)
