"""``yibao policy fuzz`` and ``yibao policy diff``: a rule is tried before it is in force."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli import policy_fuzz
from cli.case_file import CaseFileError, read_document
from cli.exits import Exit
from cli.output import Json, err, fail, out, print_json, print_table, yuan
from cli.policy_diff import GROUPS, Compared, Totals, compare
from cli.policy_fuzz import Finding, Fuzzer
from cli.policy_ledger import IN_FORCE, Period, claims_of, source_in_force
from cli.policy_source import PolicyFile, load_policy, read_text
from contracts.settlement.case import Case, CaseError, normalise
from contracts.settlement.terms import FUNDS, SCHEMES

CLAIMS_BYTES_MAX = 512 * 1024 * 1024
SHOWN = 20
"""Claims that the table of ``diff`` names."""


@contextmanager
def _progress(title: str, total: int, *, quiet: bool) -> Iterator[Callable[[], None]]:
    if quiet or not err.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)


# --- fuzz -------------------------------------------------------------------------------------

_JUMP = typer.Option(
    "--jump", min=0, metavar="FEN",
    help="How far the patient's share may move for one fen more of a bill.",
)  # fmt: skip


def fuzz(
    file: PolicyFile,
    people: Annotated[
        int, typer.Option("--people", min=1, help="Made-up people for each scheme.")
    ] = 300,
    seed: Annotated[int, typer.Option("--seed", help="The same seed finds the same.")] = 1,
    scheme: Annotated[
        str, typer.Option("--scheme", help="310 employees, 390 residents, both.")
    ] = "both",
    jump: Annotated[int, _JUMP] = policy_fuzz.JUMP_FEN,
    save: Annotated[
        Path | None, typer.Option("--save", help="Folder for the smallest cases, as case files.")
    ] = None,
    json_: Json = False,
) -> None:
    """Search for bills on which a policy goes wrong; print the smallest case of each.

    Looked for: it stops, overspends or answers a negative number (fault); a bigger bill leaves the
    patient with less to pay (not-monotone); the share moves by more than --jump for one fen more
    (jump). Exit 0 when nothing was found, 1 otherwise: whether a jump is meant is for people to
    say.
    """  # fmt: skip
    if scheme not in (*SCHEMES, "both"):
        fail(Exit.USAGE, f"--scheme {scheme}: want one of {', '.join(SCHEMES)}, both")
    load_policy(file)
    source = read_text(file)
    schemes = tuple(SCHEMES) if scheme == "both" else (scheme,)
    with _progress("people", people * len(schemes), quiet=json_) as advance:
        searches = [
            Fuzzer(source, one, seed, jump_fen=jump).run(people, advance) for one in schemes
        ]
    found = _once([f for search in searches for f in search.findings.values()])
    if save is not None:
        _save(save, found)
    tried = sum(search.people for search in searches)
    decisions = sum(search.decisions for search in searches)
    if json_:
        print_json(
            {
                "file": str(file),
                "seed": seed,
                "people": tried,
                "decisions": decisions,
                "not_decided": sum(search.refused for search in searches),
                "findings": [_finding_json(f) for f in found],
            }
        )
    else:
        for number, finding in enumerate(found, start=1):
            _print_finding(file, number, finding)
        counts = f"{len(found)} found in {decisions:,} decisions on {tried} people, seed {seed}"
        out.print(f"{file}: {counts}")
    if found:
        raise typer.Exit(int(Exit.NO))


def _once(findings: list[Finding]) -> list[Finding]:
    """What both schemes show is told once."""
    return list({finding.slot: finding for finding in reversed(findings)}.values())[::-1]


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "code": finding.code,
        "values": finding.values,
        "case": finding.case,
        "larger": finding.larger,
    }


def _print_finding(file: Path, number: int, finding: Finding) -> None:
    told = ", ".join(
        f"{key.removesuffix('_fen')} {yuan(value)}" if key.endswith("_fen") else f"{key} {value}"
        for key, value in finding.values.items()
    )
    line = finding.values.get("line", 1)
    out.print(f"{file}:{line}: {number}. {finding.kind} {finding.code}: {told}")
    out.print(policy_fuzz.case_text(finding.case), markup=False)
    if finding.larger is not None:
        larger = finding.larger["sums"][finding.code]
        out.print(f"  and the same with {finding.code} {larger}")


def _save(folder: Path, findings: list[Finding]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, finding in enumerate(findings, start=1):
            for name, document in (("", finding.case), ("-larger", finding.larger)):
                if document is not None:
                    path = folder / f"{number}-{finding.kind}{name}.json"
                    path.write_text(policy_fuzz.case_text(document) + "\n", "utf-8")
    except OSError as problem:
        fail(Exit.LOCAL, f"cannot write to {folder}: {problem.strerror}")


# --- diff -------------------------------------------------------------------------------------


def diff(
    context: typer.Context,
    before: Annotated[
        Path, typer.Argument(help="The policy in force; the word in-force asks the ledger for it.")
    ],
    after: Annotated[Path, typer.Argument(help="The policy to try.")],
    claims: Annotated[
        Path | None,
        typer.Option(
            "--claims",
            help="Cases: a JSON array, one JSON object a line, one case file, or a folder of them.",
        ),
    ] = None,
    area: Annotated[
        str | None, typer.Option("--area", help="Claims on the ledger of this area's insured.")
    ] = None,
    scheme: Annotated[str, typer.Option("--scheme", help="With --area: 310 or 390.")] = "310",
    first: Annotated[
        str | None, typer.Option("--from", help="With --area: first day of settlement.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="With --area: last day; today when left out.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", help="With --area: keep the cases, one JSON object a line."),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", help=f"Groups of the table: {', '.join(GROUPS)}.")
    ] = "care",
    json_: Json = False,
) -> None:
    """Decide the same claims with two policies: who pays more or less, by how much, and why.

    The claims are those of files, or those that were settled for an area's insured in a period:
    then each is a signed read by the home bureau, and a look at a person's data. Exit 0 also when
    they differ. A claim that either policy does not decide is counted apart.
    """
    if by not in GROUPS:
        fail(Exit.USAGE, f"--by {by}: want one of {', '.join(GROUPS)}")
    if (claims is None) == (area is None):
        fail(Exit.USAGE, "want either --claims or --area")
    if area is None:
        assert claims is not None, "one of the two was given"
        cases, old = read_claims(claims), load_policy(before)
    else:
        period = Period(area, scheme, first, last)
        cases = claims_of(context, period, save)
        from_ledger = str(before) == IN_FORCE
        old = source_in_force(context, period) if from_ledger else load_policy(before)
    show_compared(compare(old, load_policy(after), cases, by), by, as_json=json_)


def show_compared(compared: list[Compared], by: str, *, as_json: bool) -> None:
    """Print claims under two policies: totals by group, and whoever pays more or less."""
    groups: dict[str, Totals] = {}
    totals = Totals()
    for one in compared:
        groups.setdefault(one.group, Totals()).add(one)
        totals.add(one)
    changed = sorted(
        (one for one in compared if one.why() or one.payer_changes()),
        key=lambda one: (not one.decided, -abs(one.person_change_fen)),
    )
    if as_json:
        print_json(
            {
                **totals.to_json(),
                "by": by,
                "groups": {name: groups[name].to_json() for name in sorted(groups)},
                "changed": [_compared_json(one) for one in changed],
            }
        )
        return
    _print_totals(by, groups, totals)
    _print_changed(changed)


def read_claims(path: Path) -> list[tuple[str, Case]]:
    """Cases with a name each; ends the command where one is none."""
    if path.is_dir():
        files = sorted(path.glob("*.json"))
        if not files:
            fail(Exit.LOCAL, f"{path} holds no *.json")
        return [(file.stem, _case(read_text(file), str(file))[1]) for file in files]
    text = read_text(path, CLAIMS_BYTES_MAX).removeprefix("\ufeff")
    if text.lstrip().startswith("["):
        return [
            _named(document, f"{path}[{index}]", str(index))
            for index, document in enumerate(_document(text, str(path)))
        ]
    lines = [(n, line) for n, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if lines and _is_object(lines[0][1]):
        return [_case(line, f"{path}:{number}", str(number)) for number, line in lines]
    return [_case(text, str(path), path.stem)]


def _is_object(line: str) -> bool:
    try:
        return isinstance(read_document(line), dict)
    except CaseFileError:
        return False


def _document(text: str, place: str) -> Any:
    try:
        return read_document(text)
    except CaseFileError as problem:
        fail(Exit.NO, f"{place}{':' + problem.place if problem.place else ''}: {problem}")


def _case(text: str, place: str, name: str = "") -> tuple[str, Case]:
    return _named(_document(text, place), place, name)


def _named(document: Any, place: str, name: str) -> tuple[str, Case]:
    try:
        case = normalise(document)
    except CaseError as problem:
        fail(Exit.NO, f"{place}: {problem}", hint="docs/case.schema.json names every key")
    return str(document.get("id") or name), case


def _compared_json(one: Compared) -> dict[str, Any]:
    return {
        "claim": one.name,
        "group": one.group,
        "person_change_fen": one.person_change_fen if one.decided else None,
        "payer_change_fen": one.payer_changes() if one.decided else {},
        "why": one.why(),
    }


def _print_totals(by: str, groups: dict[str, Totals], totals: Totals) -> None:
    rows = [*((name, groups[name]) for name in sorted(groups)), ("合计 all", totals)]
    print_table(
        "两个政策的比较 two policies",
        [by, "claims", "pay more 多付", "pay less 少付", "not decided", "patients 元"],
        [
            (
                name, f"{t.claims}", f"{t.pay_more}", f"{t.pay_less}", f"{t.undecided}",
                _signed(t.person_change_fen),
            )
            for name, t in rows
        ],
    )  # fmt: skip
    if totals.payer_change_fen:
        print_table(
            "各基金 funds",
            ["fund", "元 yuan"],
            [
                (f"{code} {FUNDS[code].chinese} {FUNDS[code].name}", _signed(amount))
                for code, amount in sorted(totals.payer_change_fen.items())
            ],
        )


def _print_changed(changed: list[Compared]) -> None:
    if not changed:
        out.print("no claim is decided otherwise")
        return
    print_table(
        "变化最大的 largest changes",
        ["claim", "patient 元", "why"],
        [
            (one.name, _signed(one.person_change_fen) if one.decided else "", one.why())
            for one in changed[:SHOWN]
        ],
    )
    if len(changed) > SHOWN:
        out.print(f"and {len(changed) - SHOWN} more; --json has all")


def _signed(amount_fen: int) -> str:
    return f"+{yuan(amount_fen)}" if amount_fen > 0 else yuan(amount_fen)
