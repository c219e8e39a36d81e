"""``yibao claim resettle`` against a node: the first calls are read back and given again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import cli.client
from cli import refunds
from cli.client import Client
from cli.main import app
from cli.output import out
from cli.session import explained
from cli.trace import follow, tree_of
from node.ledger.codec import encode
from node.ledger.types import ATTACHMENT_BYTES_MAX
from tests.cli.bridge import open_bridge
from tests.contracts.settlement.claim_world import (
    BED,
    EMPLOYEE_POLICY,
    ClaimWorld,
    catalogue_rows,
    line,
    visit,
)
from tests.contracts.settlement.funds_world import enrol
from tests.contracts.world import ALICE, BUREAU_CHANGSHA, BUREAU_GUANGZHOU, HOSPITAL
from tests.node.api.real import NodeWorld, reader

STAY, VISIT = "H44010000123-s-1", "H44010000123-m-1"
PAPER = {"code": "044001", "number": "00000001", "total_fen": 130_000, "hash": b"h" * 32}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeWorld]:
    """A stay with uploads and a visit with an invoice, settled without a filing; then one comes."""
    made = NodeWorld(tmp_path_factory.mktemp("node"))
    speak: Any = made
    claims = ClaimWorld(speak, made.genesis.chain)
    claims.publish("2025.1", "2025-01-01", catalogue_rows())
    enrol(speak)
    claims.deploy("310", EMPLOYEE_POLICY)
    claims.register(STAY, visit(kind="inpatient"))
    claims.upload(STAY, 1, [line(1, BED, 100_000)])
    claims.upload(STAY, 2, [line(7, BED, 7)])
    withdraw = {"claim": STAY, "upload": 2}
    made.do(HOSPITAL, "claim", "withdraw_lines", withdraw, post="operator")
    claims.upload(STAY, 2, [line(2, BED, 60_000)])
    claims.settle(STAY, [line(3, BED, 40_000)], registered=True, total_fen=200_000)
    claims.settle(VISIT, [line(1, BED, 130_000)], visit(), invoices=[PAPER])
    claims.file()
    yield made
    made.close()


@pytest.fixture
def asked(world: NodeWorld, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The command line on the world's clock, signing for the hospital's window."""
    clock = world.clock

    class Time:
        time = staticmethod(lambda: clock.ms / 1000)
        time_ns = staticmethod(lambda: clock.ms * 1_000_000)

    monkeypatch.setattr(cli.client, "time", Time)

    def ask(*words: str, who: str = HOSPITAL, post: str = "operator") -> Any:
        @contextmanager
        def opened(_: Any) -> Iterator[Client]:
            with explained():
                yield open_bridge(world, who, post)[0]

        monkeypatch.setattr(refunds, "open_client", opened)
        return CliRunner().invoke(app, ["claim", *words])

    return ask


def words(claim: str, *more: str, command: str = "resettle") -> list[str]:
    return [command, claim, "--reversal", f"{claim}-r", "--replacement", f"{claim}-n", *more]


def test_first_what_would_become_of_it_then_it_becomes(
    world: NodeWorld, asked: Callable[..., Any]
) -> None:
    told = asked(*words(STAY, "--dry-run"))
    assert told.exit_code == 0, told.output
    assert "160.00" in told.output
    record = world.api.get(f"/v1/claims/{STAY}", reader(HOSPITAL, "operator")).json()["record"]
    assert (record["state"], record["replaced_by"]) == ("settled", None)
    done = asked(*words(STAY, "--json"))
    assert done.exit_code == 0, done.output
    answer = json.loads(done.output)["receipts"][0]["receipt"]["answer"]
    assert (answer["paid_back_fen"], answer["funds_fen"]) == (16_000, 68_000)


def test_a_chain_is_read_from_its_first_claim_and_linked(
    world: NodeWorld, asked: Callable[..., Any]
) -> None:
    assert asked(*words(VISIT)).exit_code == 0
    again = asked(*words(f"{VISIT}-n"))
    assert again.exit_code == 1
    assert "resettle.unchanged" in again.output
    window = reader(HOSPITAL, "operator")
    old = world.api.get(f"/v1/claims/{VISIT}", window).json()["record"]
    new = world.api.get(f"/v1/claims/{VISIT}-n", window).json()["record"]
    assert (old["state"], old["replaced_by"]) == ("reversed", f"{VISIT}-n")
    assert (new["replaces"], new["origin"]) == (VISIT, VISIT)
    page = world.api.get(f"/v1/claims/{VISIT}-n/statement", window, "form=text").body.decode()
    assert "重新结算" in page
    assert VISIT in page
    page = world.api.get(f"/v1/claims/{VISIT}/statement", window, "form=text").body.decode()
    assert f"{VISIT}-n" in page


def test_the_money_of_the_whole_chain_is_followed(
    world: NodeWorld, asked: Callable[..., Any]
) -> None:
    claim = "H44010000123-m-4"
    speak: Any = world
    ClaimWorld(speak).settle(claim, [line(1, BED, 90_000, quantity=3)])
    assert asked(*words(claim, "--line", "1:1:300", command="refund")).exit_code == 0
    assert asked(*words(f"{claim}-n", "--line", "1:1:300", command="refund")).exit_code == 0
    chain = [claim, f"{claim}-n", f"{claim}-n-n"]
    for link in chain:
        traced = follow(open_bridge(world, HOSPITAL, "operator")[0], link)
        assert traced["chain"] == chain
        assert traced["balanced"]
        assert [step["events"][0] for step in traced["steps"]] == [
            "claim.settled", "claim.reversed", "claim.reversed",
        ]  # fmt: skip
        total = sum(int(step["amounts"]["total_fen"]) for step in traced["steps"])
        assert total == 30_000, "the amounts of a chain come to what is left of the bill"
    with out.capture() as shown:
        out.print(tree_of(traced))
    assert "重新结算" in shown.get()


def test_what_is_missing_and_who_may_not(asked: Callable[..., Any]) -> None:
    told = asked("resettle", VISIT)
    assert told.exit_code == 2
    assert "--reversal" in told.output
    assert asked(*words(VISIT), who=BUREAU_GUANGZHOU, post="finance").exit_code != 0
    assert asked("resettle", "--describe", "--json").exit_code == 0


def test_lines_come_back_by_words(world: NodeWorld, asked: Callable[..., Any]) -> None:
    claim = "H44010000123-m-5"
    speak: Any = world
    ClaimWorld(speak).settle(claim, [line(1, BED, 90_000, quantity=3), line(2, BED, 9_000)])
    told = asked(*words(claim, "--line", "1:4:1200.00", "--dry-run", command="refund"))
    assert told.exit_code == 1
    assert "refund.larger-than-line" in told.output
    told = asked(*words(claim, "--line", "1:1:300.00", "--charge", "2:15.00", command="refund"))
    assert told.exit_code == 0, told.output
    assert "-315.00" in told.output
    told = asked(*words(f"{claim}-n", "--unused", "1:2:600.00", command="refund"))
    assert told.exit_code == 0, told.output


@pytest.mark.parametrize(("text", "e4"), [("2", 20_000), (".5", 5_000), ("0.0001", 1)])
def test_quantities_are_read_as_a_spreadsheet_writes_them(text: str, e4: int) -> None:
    (told,) = refunds.returns_of([f"1:{text}:3.00"], [], [], [], [])
    assert told["quantity_e4"] == e4


def test_a_part_of_a_split_pack_in_words() -> None:
    """A code may have colons in it."""
    (told,) = refunds.returns_of(["1:2:3.00"], [], [], ["1:whole:1"], ["1:a:b:0.5"])
    assert told == {
        "line": "1", "amount_fen": 300, "goods": True, "quantity_e4": 20_000,
        "codes": ["whole:1"], "parts": [{"code": "a:b", "quantity_e4": 5_000}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ([], "nothing comes back"),
        (["--line", "1:300.00"], "want LINE:QUANTITY:YUAN"),
        (["--line", "1:x:300.00"], "a quantity is"),
        (["--line", "1:.:300.00"], "a quantity is"),
        (["--line", "1::300.00"], "a quantity is"),
        (["--line", "1:0:300.00"], "above 0"),
        (["--line", "1:1.00001:300.00"], "at most four decimals"),
        (["--line", "1:1e999999999999999999:3.00"], "a quantity is"),
        (["--line", "1:1.0000000000000000000000000000001:3.00"], "at most four decimals"),
        (["--line", "1:１:3.00"], "a quantity is"),
        (["--charge", "1：3.00"], "want LINE:YUAN"),
        (["--charge", "1:3.001"], "line 1"),
        (["--charge", "1:3", "--line", "1:1:3"], "given twice"),
        (["--charge", "1:3", "--code", "2:abcdefgh"], "no --line"),
        (["--line", "1:1:3", "--part", "2:abcdefgh:1"], "LINE:CODE:QUANTITY"),
        (["--line", "1:1:3", "--part", "1:abcdefgh"], "LINE:CODE:QUANTITY"),
        (["--line", "1:1:3", "--part", "1:abcdefgh:none"], "a quantity is"),
    ],
)
def test_words_that_say_nothing(
    asked: Callable[..., Any], given: list[str], complaint: str
) -> None:
    told = asked(*words(VISIT, *given, command="refund"))
    assert told.exit_code == 2
    assert complaint in " ".join(told.output.split())


def test_the_list_with_amounts_and_what_it_would_come_to(
    world: NodeWorld, asked: Callable[..., Any]
) -> None:
    first, second = "H44010000123-m-6", "H44010000123-m-7"
    speak: Any = world
    claims = ClaimWorld(speak)
    claims.settle(first, [line(1, BED, 50_000)])
    claims.settle(second, [line(1, BED, 60_000)])
    claims.reverse(first)
    by = {"who": BUREAU_CHANGSHA, "post": "clerk"}
    told = asked("reprice-list", ALICE, "2025", "--estimate", "--json", **by)
    assert told.exit_code == 0, told.output
    rows = {row["claim"]: row for row in json.loads(told.output)["listed"]}
    assert (rows[second]["cause"], rows[second]["total_fen"]) == ("reversal", 60_000)
    assert rows[second]["estimate"]["code"] == "resettle.unchanged"
    told = asked("reprice-list", ALICE, "2025", "--claim", second)
    assert told.exit_code == 0, told.output
    assert "600.00" in told.output


def test_the_calls_of_a_long_stay_are_spread_over_attachments() -> None:
    calls = [{"method": "lines", "args": b"a", "content": bytes(100_000)} for _ in range(8)]
    spec = refunds.spec_of("resettle", {"claim": "c"}, {"calls": calls})
    assert [name for name, _ in spec.attachments] == [
        "settlement", "settlement-2", "settlement-3", "settlement-4",
    ]  # fmt: skip
    assert [call for _, part in spec.attachments for call in part["calls"]] == calls
    assert all(len(encode(part)) <= ATTACHMENT_BYTES_MAX for _, part in spec.attachments)
    with pytest.raises(typer.Exit):
        refunds.spec_of("resettle", {"claim": "c"}, {"calls": [*calls, calls[0]]})
