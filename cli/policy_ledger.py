"""Claims and policies of a ledger for ``yibao policy diff``: signed reads by the home bureau.

The node puts each settled claim together as a case file (``node.api.cases``); here they are
fetched, page by page, and read like any other case file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from cli.exits import Exit
from cli.output import fail
from cli.session import open_client
from contracts.settlement.case import Case, CaseError, normalise
from contracts.settlement.policy_program import PolicyProgram

IN_FORCE = "in-force"
"""Stands for the policy that the ledger has in force on the period's last day."""


@dataclass(frozen=True, slots=True)
class Period:
    """Whose claims, settled when. Days are ISO dates; None is today, on the node."""

    area: str
    scheme: str
    first: str | None
    last: str | None


def claims_of(context: typer.Context, period: Period, save: Path | None) -> list[tuple[str, Case]]:
    """The cases of all claims of a period, by claim id; ends the command where one is none."""
    found: list[tuple[str, Case]] = []
    documents: list[dict[str, Any]] = []
    with open_client(context) as client:
        query = {"scheme": period.scheme, "from": period.first, "to": period.last}
        after: str | None = None
        while True:
            page = client.get(f"/v1/areas/{period.area}/claims", **query, after=after)
            documents += [client.get(f"/v1/claims/{c}/case")["case"] for c in page["claims"]]
            after = page["next"]
            if after is None:
                break
    for document in documents:
        try:
            found.append((str(document["id"]), normalise(document)))
        except CaseError as problem:
            fail(Exit.NO, f"{document.get('id')}: {problem}", hint="the node's version is another")
    if save is not None:
        lines = [json.dumps(document, ensure_ascii=False) for document in documents]
        try:
            save.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        except OSError as problem:
            fail(Exit.LOCAL, f"cannot write to {save}: {problem.strerror}")
    return found


def source_in_force(context: typer.Context, period: Period) -> PolicyProgram:
    """The policy that the ledger has in force on the last day of the period."""
    with open_client(context) as client:
        path = f"/v1/policies/{period.area}/{period.scheme}"
        record = client.get(path, date=period.last)["record"]
    return PolicyProgram(record["source"])
