"""``yibao demo``: the main job from nothing, on loopback, in about half a minute.

Founds a network of four bureaus and an auditor who follows, starts their nodes as processes, loads
two places of care with catalogues and the home places of published cases, files, settles each case
as a claim end to end through another bureau, compares with what its own policy gives. In the middle
the bureau whose turn it is gets SIGKILL and comes back later. The auditor's node traces one claim
and saves its evidence; everything stops, and the evidence is verified offline.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import demo_cases, network, processes
from cli.demo_cases import PLACES, DemoCase
from cli.demo_network import RunningNetwork, ended
from cli.demo_world import DemoWorld, bureau_of, hospital_id, province_of
from cli.exits import Exit
from cli.identity import KeyFileError
from cli.network import Member, Network
from cli.output import Json, busy, fail, out, print_json_line, print_table, yuan
from cli.session import explained
from cli.trace import follow, print_tree, tree_of
from contracts.settlement import CONTRACTS
from node.ledger.evidence import ReceiptFacts, verify_evidence
from node.ledger.genesis import Genesis
from node.ports import free_ports

VALIDATOR = "bureau:310000"
AUDITOR = "auditor:national"
MORE_REGIONS = ("110000", "440000", "500000", "510000", "610000", "650000")
"""Provinces that validate when the cases name too few."""
BEARS_A_LOSS = 4
"""Validators that go on without one."""
BASE_MS = 1_000
"""How long the bureaus wait for a primary before the next one's turn; one machine is quick."""
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
    ] = BEARS_A_LOSS,
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
    except KeyFileError as error:
        fail(Exit.LOCAL, f"cannot make the network: {error}")
    except processes.NodeFailed as error:
        fail(Exit.UNAVAILABLE, str(error))
    result["seconds"] = round(time.monotonic() - started, 1)
    if as_json:
        print_json_line(result)
    else:
        out.print(f"done in {result['seconds']} s; evidence verified with every node switched off")
        if folder is not None:
            out.print(
                f"kept in {folder}: yibao devnet up --dir {folder} starts it again; "
                f"{folder}/keys/auditor.national.audit.key may read all of it"
            )
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
    voting = ", ".join(place.organisation for place in found.nodes if place.votes)
    following = ", ".join(place.organisation for place in found.nodes if not place.votes)
    _say(quiet, f"network {found.chain.hex()[:16]}…, a process for each node")
    _say(quiet, f"agree 共识: {voting}")
    if following:
        _say(quiet, f"follows 跟随: {following}")
    running = RunningNetwork(found)
    try:
        result, evidence = _on_network(running, cases, quiet)
    finally:
        running.stop()
    assert ended(running.processes), "a node still runs"
    result["proof_verified"] = _verify(found, evidence, quiet)
    return result


def _found(folder: Path, cases: list[DemoCase], bureaus: int) -> Network:
    """A network of all provinces that the cases name, ``bureaus`` of them validating; where there
    are several an auditor follows."""
    regions = {province_of(demo.area) for demo in cases} | {
        province_of(demo.care) for demo in cases
    }
    regions |= {province_of(demo_cases.SHANGHAI)}
    more = (region for region in MORE_REGIONS if region not in regions)
    while len(regions) < bureaus:
        regions.add(next(more))
    others = sorted(bureau_of(region) for region in regions if bureau_of(region) != VALIDATOR)
    seats = [VALIDATOR, *others[: bureaus - 1]]
    several = bureaus > 1
    names = [*seats, AUDITOR] if several else seats
    free = free_ports(2 * len(names))
    posts = ("checker", "clerk", "finance", "operator")
    members = [
        Member(bureau_of(region), "bureau", region, posts, validator=bureau_of(region) in seats)
        for region in sorted(regions)
    ]
    members.append(Member("centre", "centre", "000000", ("checker", "clerk")))
    members.append(Member(AUDITOR, "auditor", "000000", ("audit",), follower=several))
    return network.create(
        folder,
        members,
        ports=dict(zip(names, free[: len(names)], strict=True)),
        peer_ports=dict(zip(names, free[len(names) :], strict=True)) if several else None,
        time_ms=time.time_ns() // 1_000_000,
        parameters={},
        contracts={contract.name: contract.version for contract in CONTRACTS},
        base_ms=BASE_MS,
        begin=processes.begin_keys if several else None,
    )


@dataclass(slots=True)
class _Loss:
    """What the death of the primary cost."""

    organisation: str | None = None
    before: str = ""
    """The case that came next."""
    usual_ms: int | None = None
    recovered_ms: int | None = None

    def told(self, caught_up_ms: int | None) -> dict[str, Any]:
        return {
            "killed": self.organisation,
            "usual_ms": self.usual_ms,
            "recovered_ms": self.recovered_ms,
            "caught_up_ms": caught_up_ms,
        }


def _on_network(
    running: RunningNetwork, cases: list[DemoCase], quiet: bool
) -> tuple[dict[str, Any], Path]:
    found = running.network
    world = DemoWorld(found, cases, (datetime.now(UTC) + BEIJING_TIME).date())
    auditor = found.identity(AUDITOR, "audit")
    with explained(), busy("starting", quiet=quiet) as progress:
        for signed in world.setup():
            progress(signed.title)
            running.submit(signed)
        rows, loss = _settle_all(running, world, progress)
        if loss.organisation is not None:
            progress("the killed node catches up")
            running.await_return()
        running.level()
        progress("trace and evidence")
        # Whoever follows has it all, without asking a bureau for anything.
        asked = (running.following or [0])[0]
        reader = running.client(auditor, asked)
        status = reader.get("/v1/status")
        claim = world.claim_id(cases[0])
        traced = follow(reader, claim)
        evidence = found.folder / f"{claim}.evidence"
        evidence.write_bytes(reader.get_bytes(f"/v1/claims/{claim}/evidence", full="true"))
        page = reader.get_bytes(f"/v1/claims/{claim}/statement", form="text").decode()
    if not quiet:
        _tell(rows, cases)
        _tell_loss(loss, running.caught_up_ms)
        out.print(page, markup=False)
        print_tree(tree_of(traced))
        where = running.nodes[asked].organisation
        out.print(
            f"evidence of {claim} from the node of {where}: {evidence.stat().st_size:,} bytes"
        )
    followers = [running.nodes[n].organisation for n in running.following]
    result = {
        "validators": len(found.nodes) - len(followers),
        "followers": followers,
        "height": status["height"],
        "state_root": status["state_root"],
        "claims": [{k: v for k, v in row.items() if k != "figures"} for row in rows],
        **loss.told(running.caught_up_ms),
    }
    return result, evidence


def _settle_all(
    running: RunningNetwork, world: DemoWorld, progress: Any
) -> tuple[list[dict[str, Any]], _Loss]:
    """Settle every case, each through another bureau's node, which has all that came before. In
    the middle the primary dies, and after the next claim it is started again."""
    rows: list[dict[str, Any]] = []
    loss, killed = _Loss(), None
    times: list[float] = []
    middle = len(world.cases) // 2 if len(running.voting) >= BEARS_A_LOSS else None
    for number, demo in enumerate(world.cases):
        running.level()
        if number == middle:
            progress("the primary is killed")
            killed = running.kill_primary(running.network.identity(AUDITOR, "audit"))
            loss = _Loss(running.nodes[killed].organisation, demo.id)
            loss.usual_ms = round(statistics.median(times) * 1000) if times else None
        for signed in world.settlements(demo):
            progress(signed.title)
            running.level()
            began = time.monotonic()
            answer = running.submit(signed, running.voting[number % len(running.voting)])
            times.append(time.monotonic() - began)
            if killed is not None and loss.recovered_ms is None:
                loss.recovered_ms = round(times[-1] * 1000)
        if killed is not None and number == middle:
            running.restart(killed)
        rows.append(_compare(running, demo, answer))
    return rows, loss


def _compare(running: RunningNetwork, demo: DemoCase, answer: dict[str, Any]) -> dict[str, Any]:
    """What the ledger settled, beside what the case's own policy gives."""
    claim = DemoWorld.claim_id(demo)
    hospital = running.network.identity(hospital_id(demo.care, demo.level), "clerk")
    running.level()
    reader = running.client(hospital, running.voting[0])
    steps = reader.get(f"/v1/claims/{claim}/explanation")
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


def _tell_loss(loss: _Loss, caught_up_ms: int | None) -> None:
    if loss.organisation is None:
        return
    usual = "" if loss.usual_ms is None else f" instead of {loss.usual_ms:,} ms"
    out.print(
        f"{loss.organisation}, the primary, got SIGKILL before {loss.before}: the next transaction"
        f"\nwas final after {loss.recovered_ms:,} ms{usual}, and nothing was lost.\n"
        f"Started again, it had caught up after {caught_up_ms:,} ms."
    )


def _place(area: str) -> str:
    """Chinese name over the English one, so that the table fits a terminal."""
    return PLACES[area].replace(" ", "\n", 1)


def _verify(found: Network, evidence: Path, quiet: bool) -> bool:
    """Check the evidence from the genesis file alone, after every node has ended."""
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
