"""``yibao policy``: check and try a policy without a node.

``check`` prints what is wrong with a source, like a linter. ``run`` decides a case with it and
shows the split, the payments and every step of the explanation: the policy author's tool, and the
patient's calculator (政策计算器). ``fuzz`` and ``diff`` (``policy_try``) try a rule before it is in
force. All use the same code as a settlement on the ledger.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cli.case_file import CaseFileError, read_document
from cli.exits import Exit
from cli.output import Json, fail, out, print_json, print_table, yuan
from cli.policy_source import PolicyFile, compile_policy, read_text
from cli.policy_try import diff, fuzz
from contracts.api import Rejected
from contracts.language import FAULTS, LanguageError
from contracts.meter import PolicyError, PolicyFault
from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.benefits_text import formula, step_words
from contracts.settlement.case import CaseError, normalise
from contracts.settlement.case_expected import Expectation, read_expected, read_figure
from contracts.settlement.decision import Decision
from contracts.settlement.no_benefit import asked_about
from contracts.settlement.policy_program import PolicyProgram
from contracts.settlement.policy_trial import try_policy
from contracts.settlement.reasons import TABLE
from contracts.settlement.terms import FUNDS, SCHEMES

app = typer.Typer(no_args_is_help=True)

TRIAL_AREA = "990100"
"""A made-up pooling area: the trial's bills belong to nobody."""

CaseFile = Annotated[Path, typer.Argument(help="A case (docs/case.schema.json).")]


def _trial(program: PolicyProgram) -> tuple[dict[str, int], dict[str, Any] | None]:
    """Decisions by scheme, and the first failure of the trial that a deployment would run."""
    decisions = {}
    for scheme in SCHEMES:
        try:
            decisions[scheme] = try_policy(program, scheme, TRIAL_AREA)
        except Rejected as refusal:
            # The receipt names the fault only; the author may read what the run said.
            why = refusal.__context__
            told = _detail(why) if isinstance(why, PolicyFault) else ""
            if isinstance(why, Rejected):
                told = _refusal_text(why)
            message = {"message": told} if told else {}
            return decisions, {"code": refusal.code, **message, "scheme": scheme, **refusal.values}
    return decisions, None


@app.command()
def check(
    file: PolicyFile,
    deploy: Annotated[
        bool, typer.Option("--deploy", help="Exit 1 also when the trial of a deployment fails.")
    ] = False,
    json_: Json = False,
) -> None:
    """Print what is wrong with a policy: file:line:column: rule: message.

    Exit 0 when it is in the policy language, 1 when not. A source without faults is also put
    through the trial that a deployment runs (made-up bills, each decision must balance); what
    fails there is a warning, or with --deploy a fault.
    """
    program, complaints = compile_policy(read_text(file))
    decisions: dict[str, int] = {}
    failure = None
    if program is not None:
        decisions, failure = _trial(program)
    deployable = program is not None and failure is None
    good = deployable if deploy else program is not None
    if json_:
        print_json(
            {
                "file": str(file),
                "ok": good,
                "deployable": deployable,
                "diagnostics": [
                    {
                        "line": d.line,
                        "column": d.column,
                        "rule": d.rule,
                        "message": d.message,
                        "hint": d.hint,
                    }
                    for d in complaints
                ],
                "trial": {"decisions": decisions, "failure": failure},
            }
        )
    else:
        for complaint in complaints:
            typer.echo(f"{file}:{complaint}")
        if failure is not None:
            typer.echo(_trial_line(file, failure, "" if deploy else "warning: "))
        if deployable:
            typer.echo(f"{file}: ok, {sum(decisions.values())} trial decisions balance")
    if not good:
        raise typer.Exit(int(Exit.NO))


def _trial_line(file: Path, failure: dict[str, Any], kind: str) -> str:
    line, column = failure.get("failed_line", 1), failure.get("failed_column", 1)
    told = ", ".join(
        f"{key}={value}"
        for key, value in failure.items()
        if key not in ("code", "message", "failed_line", "failed_column")
    )
    why = f"{failure['message']}: " if "message" in failure else ""
    return f"{file}:{line}:{column}: {kind}{failure['code']}: {why}{told}"


@app.command()
def run(policy: PolicyFile, case: CaseFile, json_: Json = False) -> None:
    """Decide a case with a policy, offline: split, payments, explanation.

    Exit 0 when decided and every figure of ``expected`` in the case file is met; 1 when the policy
    or the case is refused or a figure differs.
    """
    program, complaints = compile_policy(read_text(policy))
    if program is None:
        _refuse(
            json_,
            "\n".join(f"{policy}:{complaint}" for complaint in complaints),
            code="policy.source-refused",
            values=LanguageError(complaints).values,
        )
    decision, compared = _decide(program, policy, case, json_)
    missed = [e.name for e, got in compared if got != e.fen]
    if json_:
        print_json(decision.to_json() | _compared_json(compared))
    else:
        _print_decision(decision)
        _print_compared(compared)
    if missed:
        fail(Exit.NO, "figures differ from expected: " + ", ".join(missed))


def _decide(
    program: PolicyProgram, policy: Path, case: Path, json_: bool
) -> tuple[Decision, list[tuple[Expectation, int]]]:
    """The decision on a case file and its expected figures, each with what came out."""
    text = read_text(case)
    try:
        document = read_document(text)
        filled = normalise(document)
        expected = read_expected(document)
        decision = adjudicate(filled, asked_about(filled, program))
        return decision, [(e, read_figure(e.meaning, decision, filled)) for e in expected]
    except CaseFileError as problem:
        place = f":{problem.place}" if problem.place else ""
        _refuse(json_, f"{case}{place}: {problem}")
    except CaseError as problem:
        _refuse(
            json_,
            f"{case}: {problem}",
            values={"path": problem.path},
            hint="docs/case.schema.json names every key",
        )
    except PolicyError as problem:
        _refuse(json_, _fault_text(policy, problem), code=problem.code, values=problem.values)
    except Rejected as refusal:
        _refuse(
            json_,
            f"{policy}: {_refusal_text(refusal)}",
            code=refusal.code,
            values=refusal.values,
            hint=_hint(refusal.code),
        )


def _refuse(
    json_: bool,
    message: str,
    *,
    code: str = "case.malformed",
    values: dict[str, Any] | None = None,
    hint: str = "",
) -> NoReturn:
    """Say why nothing was decided: to people on standard error, to programs as one object too."""
    if json_:
        print_json({"refused": code, "values": values or {}, "message": message})
    fail(Exit.NO, message, hint=hint)


def _fault_text(policy: Path, problem: PolicyError) -> str:
    if isinstance(problem, PolicyFault):
        return f"{policy}:{problem.line}:{problem.column}: {problem.fault}: {_detail(problem)}"
    return f"{policy}: {problem.code}: {problem}"


def _detail(fault: PolicyFault) -> str:
    """What a fault says to the author; where it says nothing, what its word means."""
    if fault.detail:
        return fault.detail
    limits = "".join(f", at most {fault.values[k]}" for k in ("limit", "bits") if k in fault.values)
    return FAULTS.get(fault.fault, fault.fault) + limits


_AUTHOR_HINTS = {
    "policy.answer-malformed": "section 5 of docs/policy-guide.md: what settle answers",
    "policy.unknown-fund": "take a code of the table of funds, section 5 of docs/policy-guide.md",
    "policy.overspends": "cap the payment, or compute it from what the payments before it left",
    "counters.negative": "a counter answers what to add; take off at most what was counted",
}
"""The table of reasons speaks to a hospital's clerk; here the author reads."""


def _hint(code: str) -> str:
    return _AUTHOR_HINTS.get(code) or (TABLE[code].next_step if code in TABLE else "")


def _refusal_text(refusal: Rejected) -> str:
    values = refusal.values
    if refusal.code == "policy.answer-malformed":
        return f"{refusal.code}: {values['path']}: want {values['want']}"
    if refusal.code == "policy.overspends":
        return (
            f"{refusal.code}: {values['fund']} ({values['why']}) pays {yuan(values['amount_fen'])},"
            f" but only {yuan(values['open_fen'])} are still open ({values['base']})"
        )
    return str(refusal)


def _compared_json(compared: list[tuple[Expectation, int]]) -> dict[str, Any]:
    if not compared:
        return {}
    return {
        "expected": [
            {
                "name": e.name,
                "is": e.meaning,
                "expected_fen": e.fen,
                "got_fen": got,
                "met": got == e.fen,
                "printed_fen": e.printed_fen,
            }
            for e, got in compared
        ]
    }


def _print_decision(decision: Decision) -> None:
    print_table(
        "费用分割 cost split",
        ["", "元 yuan"],
        [
            ("医疗费总额 total", yuan(decision.total_fen)),
            ("全自费 own expense", yuan(decision.own_expense_fen)),
            ("超限价 over ceiling", yuan(decision.over_ceiling_fen)),
            ("先行自付 first pay", yuan(decision.first_pay_fen)),
            ("符合政策范围 in scope", yuan(decision.in_scope_fen)),
            ("其中起付线 deductible applied", yuan(decision.deductible_fen)),
        ],
    )
    if decision.lines:
        _print_lines(decision)
    split = len({p.year for p in decision.payments} | {s["year"] for s in decision.steps}) > 1
    _print_payers(decision, split)
    print_table(
        "计算过程 explanation",
        ["", "step", "formula (yuan)"],
        [
            (
                " ".join(reversed(step_words(s["code"]))).strip(),
                f"{s['code']} {s['year']}" if split else s["code"],
                formula(s),
            )
            for s in decision.steps
        ],
    )
    if decision.counters:
        print_table(
            "年度累计 counters",
            ["year", "counter", "before 元", "added 元", "after 元"],
            [
                (c.year, c.name, yuan(c.before), yuan(c.delta), yuan(c.after))
                for c in decision.counters
            ],
        )
    for refusal in decision.refusals:
        where = "bill" if refusal.line < 0 else f"line {refusal.line + 1}"
        row = TABLE.get(refusal.code)
        words = f"{row.chinese} {row.english}" if row else ""
        out.print(f"{where}: {refusal.code} {yuan(refusal.amount_fen)} {words}".rstrip())


def _print_payers(decision: Decision, split: bool) -> None:
    """Who pays what; with the year of each payment where the stay was split by years."""
    rows = [
        (
            f"{p.fund} {FUNDS[p.fund].chinese} {FUNDS[p.fund].name}",
            f"{p.why} {p.year}" if split else p.why,
            yuan(p.amount_fen),
        )
        for p in decision.payments
    ]
    rows += [
        ("个人账户 personal account", "", yuan(decision.account_fen)),
        ("个人现金 cash", "", yuan(decision.cash_fen)),
    ]
    sums = (
        f"基金 funds {yuan(decision.funds_fen)}",
        f"商保 commercial {yuan(decision.commercial_fen)}",
        f"医院 hospital {yuan(decision.hospital_share_fen)}",
        f"个人 person {yuan(decision.person_fen)}",
    )
    footer = f"{' + '.join(sums)} = {yuan(decision.total_fen)}"
    print_table("谁来支付 who pays", ["", "why", "元 yuan"], rows, footer=footer)


def _print_lines(decision: Decision) -> None:
    print_table(
        "明细 lines",
        ["code", "class", "金额元", "自费元", "超限价元", "先自付元", "范围内元"],
        [
            (
                line.code,
                line.item_class,
                yuan(line.amount_fen),
                yuan(line.own_expense_fen),
                yuan(line.over_ceiling_fen),
                yuan(line.first_pay_fen),
                yuan(line.in_scope_fen),
            )
            for line in decision.lines
        ],
    )


def _print_compared(compared: list[tuple[Expectation, int]]) -> None:
    if not compared:
        return
    print_table(
        "对照 expected",
        ["figure", "expected 元", "got 元", "printed by the source 元", ""],
        [
            (
                e.name,
                yuan(e.fen),
                yuan(got),
                "" if e.printed_fen is None else yuan(e.printed_fen),
                "ok" if got == e.fen else "differs",
            )
            for e, got in compared
        ],
    )


app.command()(fuzz)
app.command()(diff)

if __name__ == "__main__":
    app()
