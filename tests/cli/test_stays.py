"""A stay in parts over a node: what institutions, the home bureau and the patient read of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

import cli.client
from cli import rerun, show
from cli.client import Client
from cli.main import app
from cli.output import out
from cli.session import explained
from cli.trace import follow, tree_of
from contracts.organisations import own_prefix
from tests.cli.bridge import open_bridge
from tests.contracts.settlement.claim_world import (
    BED,
    RESIDENT_POLICY,
    ClaimWorld,
    catalogue_rows,
    line,
    visit,
)
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.settlement.stay_world import FIRST, SECOND
from tests.contracts.world import BUREAU_CHANGSHA, HOSPITAL
from tests.node.api.real import OTHER_HOSPITAL, NodeWorld, reader

BOB = "p:430100:bob"
SCAN, ORDER = f"{own_prefix(OTHER_HOSPITAL)}-t-1", "H44010000123-o-1"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeWorld]:
    """Bob's stay: a first part, a test at another institution, and the last part."""
    made = NodeWorld(tmp_path_factory.mktemp("node"))
    speak: Any = made
    claims = ClaimWorld(speak, made.genesis.chain)
    claims.publish("2025.1", "2025-01-01", catalogue_rows())
    enrol(speak, BOB, scheme="390", category="resident", account=False)
    claims.deploy("390", RESIDENT_POLICY)
    claims.register(FIRST, visit(BOB, "inpatient"))
    claims.settle(FIRST, [line(1, BED, 300_000)], registered=True, goes_on=True)
    claims.register(SECOND, visit(BOB, "inpatient", continues=FIRST))
    order = {"claim": SECOND, "order": ORDER, "institution": OTHER_HOSPITAL}
    made.do(HOSPITAL, "claim", "order_test", order, post="doctor")
    claims.settle(SCAN, [line(1, BED, 50_000)], visit(BOB), sender=OTHER_HOSPITAL,
                  order=ORDER)  # fmt: skip
    claims.settle(SECOND, [line(1, BED, 500_000)], registered=True)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def on_the_clock_of_the_world(world: NodeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line signs at the world's time."""

    class Time:
        time = staticmethod(lambda: world.clock.ms / 1000)
        time_ns = staticmethod(lambda: world.clock.ms * 1_000_000)

    monkeypatch.setattr(cli.client, "time", Time)


def test_each_part_names_its_stay_and_the_others(world: NodeWorld) -> None:
    desk = reader(HOSPITAL, "operator")
    parts = []
    for claim in (FIRST, SECOND):
        record = world.api.get(f"/v1/claims/{claim}", desk).json()["record"]
        assert record["parts"] == [FIRST, SCAN, SECOND]
        parts.append((record["part"]["number"], record["part"]["goes_on"]))
    assert parts == [(1, True), (3, False)]
    scan = world.api.get(f"/v1/claims/{SCAN}", reader(OTHER_HOSPITAL, "operator")).json()["record"]
    assert (scan["part"]["stay"], scan["part"]["host"]) == (FIRST, HOSPITAL)
    # The test is the other institution's claim: the hospital is told of it and does not read it.
    assert world.api.get(f"/v1/claims/{SCAN}", desk).status == 403


def test_the_home_bureau_reads_where_somebody_has_been(
    world: NodeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def opened(_: Any) -> Iterator[Client]:
        with explained():
            yield open_bridge(world, BUREAU_CHANGSHA, "clerk")[0]

    monkeypatch.setattr(show, "open_client", opened)
    monkeypatch.setattr(out, "width", 200)
    told = CliRunner().invoke(app, ["person", "stays", BOB])
    assert told.exit_code == 0, told.output
    for words in (FIRST, SCAN, "2025-06-10"):
        assert words in told.output
    path = f"/v1/persons/{BOB}/stays"
    (row,) = world.api.get(path, reader(BUREAU_CHANGSHA, "clerk")).json()["record"]["stays"]
    assert (row["stay"], row["going"], row["tests"]) == (FIRST, None, [])
    # An institution reads it through a claim of its own, and of stays its own.
    assert world.api.get(path, reader(HOSPITAL, "operator")).status == 403


def test_the_trace_and_the_statement_of_a_part(world: NodeWorld) -> None:
    client = open_bridge(world, HOSPITAL, "operator")[0]
    traced = follow(client, SECOND)
    assert traced["balanced"]
    assert (traced["part"]["number"], traced["parts"]) == (3, [FIRST, SCAN, SECOND])
    console = Console(file=StringIO(), width=200)
    console.print(tree_of(traced))
    assert f"{FIRST} → {SCAN} → {SECOND}" in console.file.getvalue()  # type: ignore[attr-defined]
    page = client.get_bytes(f"/v1/claims/{SECOND}/statement", form="text").decode()
    for words in ("分次结算", "出院 the stay ends here", "3,500.00", "扣除前次结算已支付"):
        assert words in page, words
    other = open_bridge(world, OTHER_HOSPITAL, "operator")[0]
    page = other.get_bytes(f"/v1/claims/{SCAN}/statement", form="text").decode()
    for words in ("external test", HOSPITAL, "继续住院 the stay goes on"):
        assert words in page, words


def test_a_part_is_no_case_of_its_own(world: NodeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = world.api.get(
        "/v1/areas/430100/claims", reader(BUREAU_CHANGSHA, "clerk"), "scheme=390"
    )
    assert listed.status == 200, listed.json()
    assert listed.json()["claims"] == []

    @contextmanager
    def opened(_: Any) -> Iterator[Client]:
        with explained():
            yield open_bridge(world, BUREAU_CHANGSHA, "clerk")[0]

    monkeypatch.setattr(rerun, "open_client", opened)
    told = CliRunner().invoke(app, ["claim", "rerun", SECOND])
    assert told.exit_code == 1
    assert "a part of a stay" in told.output
