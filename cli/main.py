"""``yibao``: mounts one command group per noun and hands over to Typer."""

from __future__ import annotations

import os
import signal
import sys
from importlib.metadata import version
from math import isnan
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cli import (
    bank,
    bench,
    bills,
    books,
    catalogue_load,
    claims,
    clearing,
    compare,
    cover,
    demo,
    devnet,
    due,
    findings,
    genesis,
    keys,
    lives,
    member,
    node,
    policy,
    proof,
    provider,
    refunds,
    reimburse,
    rerun,
    show,
    trace,
    trace_back,
    validator,
    watch,
    worklists,
)
from cli.calls import mount
from cli.exits import Exit
from cli.output import fail
from cli.settings import NODE_DEFAULT, Settings
from contracts.settlement import CONTRACTS

app = typer.Typer(
    name="yibao",
    help="Yibao Ledger (医保链): settle medical insurance across provinces, and prove it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
CONTRACTS_BY_NAME = {contract.name: contract for contract in CONTRACTS}

mount(show.org, CONTRACTS_BY_NAME, ("organisations", "governance"))
mount(show.looks, CONTRACTS_BY_NAME, ("looks",))
mount(show.person, CONTRACTS_BY_NAME, ("enrolment", "counters"))
mount(show.filing, CONTRACTS_BY_NAME, ("filing",))
mount(claims.app, CONTRACTS_BY_NAME, ("claim",))
mount(show.trace_codes, CONTRACTS_BY_NAME, ("traces",))
mount(show.fund, CONTRACTS_BY_NAME, ("funds",))
mount(show.family, CONTRACTS_BY_NAME, ("family",))
mount(show.wallet, CONTRACTS_BY_NAME, ("wallet",))
mount(show.credit, CONTRACTS_BY_NAME, ("credit",))
mount(cover.app, CONTRACTS_BY_NAME, ("cover",))
show.reimburse.command("again")(reimburse.again)
mount(show.reimburse, CONTRACTS_BY_NAME, ("reimbursement",))
for noun, group in clearing.GROUPS.items():
    mount(group, CONTRACTS_BY_NAME, (noun,))
mount(lives.newborn, CONTRACTS_BY_NAME, ("newborn",))
mount(lives.move, CONTRACTS_BY_NAME, ("move",))
mount(lives.recovery, CONTRACTS_BY_NAME, ("recovery",))
mount(lives.estate, CONTRACTS_BY_NAME, ("estate",))
mount(refunds.payouts, CONTRACTS_BY_NAME, ("payout",))
mount(show.catalogue, CONTRACTS_BY_NAME, ("catalogue",))
mount(policy.app, CONTRACTS_BY_NAME, ("policy",))
mount(bank.app, CONTRACTS_BY_NAME, ("bank",))
mount(provider.app, CONTRACTS_BY_NAME, ("provider",))
bank.app.command("trace")(trace_back.trace_back)
show.fund.command("trial-balance")(books.trial_balance)
show.fund.command("statement")(books.statement)
show.fund.command("vouchers")(books.vouchers)
show.fund.command("batches")(books.batches)
policy.app.command("show")(show.policy_show)
lives.mount(show.person)
worklists.mount(show.filing, show.reimburse, show.wallet, lives.recovery)
show.catalogue.command("load")(catalogue_load.load)

for group, name in (
    (keys.app, "keys"),
    (genesis.app, "genesis"),
    (node.app, "node"),
    (member.app, "member"),
    (devnet.app, "devnet"),
    (policy.app, "policy"),
    (show.org, "org"),
    (show.person, "person"),
    (show.filing, "filing"),
    (claims.app, "claim"),
    (show.trace_codes, "trace-code"),
    (show.fund, "fund"),
    (provider.app, "provider"),
    (bank.app, "bank"),
    (show.family, "family"),
    (show.wallet, "wallet"),
    (show.credit, "credit"),
    (cover.app, "cover"),
    (show.reimburse, "reimburse"),
    *((group, noun) for noun, group in clearing.GROUPS.items()),
    (refunds.payouts, "payout"),
    (lives.newborn, "newborn"),
    (lives.move, "move"),
    (lives.estate, "estate"),
    (lives.recovery, "recovery"),
    (show.catalogue, "catalogue"),
    (show.looks, "looks"),
    (show.tx, "tx"),
    (show.block, "block"),
    (proof.app, "proof"),
    (validator.app, "validator"),
    (findings.evidence, "evidence"),
    (findings.debug, "debug"),
):
    app.add_typer(group, name=name)
claims.app.command("compare")(compare.compare)
claims.app.command("reconcile")(bills.reconcile)
claims.app.command("rerun")(rerun.rerun)
show.reimburse.command("rerun")(rerun.rerun_reimbursement)
app.command("trace")(trace.trace)
app.command("due")(due.due)
app.command("watch")(watch.watch)
app.command("status")(show.status)
app.command("bench")(bench.bench)
app.command("demo")(demo.demo)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"yibao {version('yibao-ledger')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    node: Annotated[
        str, typer.Option(envvar="YIBAO_NODE", help="Address of the node's API.")
    ] = NODE_DEFAULT,
    key: Annotated[
        Path | None, typer.Option(envvar="YIBAO_KEY", help="Key file that signs for you.")
    ] = None,
    timeout_s: Annotated[
        float,
        typer.Option("--timeout", help="Seconds one request may take.", min=0.001, max=86_400.0),
    ] = 30.0,
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell it, end.")
    ] = False,
) -> None:
    """Options that every command shares."""
    if isnan(timeout_s):  # within any range, as comparisons go
        fail(Exit.USAGE, "--timeout: nan is no number of seconds", hint="for example 30")
    context.obj = Settings(node=node, key=key, timeout_s=timeout_s)


def _terminated(number: int, _frame: object) -> NoReturn:
    # Leave through the finally blocks: a demo must not leave its node running.
    sys.exit(128 + number)


def _end_unread() -> NoReturn:
    # Of what nobody reads any more nothing is left to be written when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(128 + signal.SIGPIPE)


def _output() -> tuple[object, ...]:
    # Rich and Typer put something else in the place of a closed pipe, and end with 1: our "no".
    place = os.fstat(1) if sys.stdout is not None else None
    return (sys.stdout, place and (place.st_dev, place.st_ino))


def main() -> None:
    """Run the command of this process; ``cli.entry`` is what is installed."""
    signal.signal(signal.SIGTERM, _terminated)
    output = _output()
    try:
        try:
            app(prog_name="yibao")
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        _end_unread()
    except SystemExit:
        if _output() != output:
            _end_unread()
        raise
    except OSError as error:
        # A full disk, a folder that is not there: not a bug, and not the command's answer "no".
        place = f"{error.filename}: " if error.filename else ""
        typer.echo(f"error: {place}{error.strerror or error}", err=True)
        sys.exit(int(Exit.LOCAL))


if __name__ == "__main__":
    main()
