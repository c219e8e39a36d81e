"""Deciding a bill on the state as it stands: what settlement, estimate and reimbursement share.

Everything that decides is read here once and bound to the result: the filing whose cover reaches
the admission, the catalogue by service date, the insured place's policy by the day of discharge,
the counters of the benefit year. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from contracts.api import Context, Value, reject
from contracts.organisations import Organisation
from contracts.quick import quick
from contracts.settlement import counters
from contracts.settlement.adjudicate import WHOLE_STAY, Policy, adjudicate
from contracts.settlement.adjudicate_part import adjudicate_part
from contracts.settlement.answer import ADMISSIONS
from contracts.settlement.case import Case
from contracts.settlement.claim_case import DIRECT, Facts, case_of, cover_of
from contracts.settlement.claim_lines import WORK_OF_ROW, Rows
from contracts.settlement.claim_overlap import require_not_reimbursed
from contracts.settlement.claim_own import OwnMeans, share_out
from contracts.settlement.claim_rules import Covered, Rules, catalogue_of, rules_of
from contracts.settlement.claim_stay import AsPart
from contracts.settlement.claim_visit import is_emergency, is_inpatient
from contracts.settlement.counters import Counters
from contracts.settlement.cover_settle import ProductAnswer, Replaced, add_covers, versions_of
from contracts.settlement.decision import CounterChange, Decision
from contracts.settlement.enrolment import Person
from contracts.settlement.filing_cover import RESIDES_ELSEWHERE, Cover
from contracts.settlement.no_benefit import THIRD_PARTY, NoBenefit
from contracts.settlement.part_record import Part
from contracts.settlement.policy_program import PolicyProgram
from contracts.settlement.records import OwnPart, Visit


@quick(frozen=True, slots=True)
class Decided:
    """A decision with what it was bound to."""

    decision: Decision
    own: OwnPart
    facts: Facts
    counters: tuple[CounterChange, ...]
    """The policy's, and the engine's own count of admissions."""
    as_of_ms: int
    """Until when care at home is in the counters."""
    versions: dict[str, Value]
    covers: tuple[ProductAnswer, ...] = ()
    """What the commercial products say that the person has authorised; most have none."""
    part: Part | None = None
    """What the settlement keeps as a part of a stay."""

    def added(self) -> dict[int, dict[str, int]]:
        """What the decision adds to the counters, by benefit year and name."""
        # A year that decided remembers even what added nothing there, to be listed by a late feed.
        by_year: dict[int, dict[str, int]] = {year: {} for year in self.decision.years}
        for change in self.counters:
            if change.delta:
                by_year.setdefault(change.year, {})[change.name] = change.delta
        return by_year


def decide(
    ctx: Context,
    institution: Organisation,
    person: Person,
    visit: Visit,
    rows: Rows,
    *,
    own: OwnMeans,
    channel: str = DIRECT,
    filed_until: str = "",
    counted_in: Callable[[int], Counters | None] | None = None,
    part: AsPart | None = None,
    mother: str = "",
    replaced: Replaced | None = None,
) -> Decided:
    """Steps 1 to 3 of SETTLEMENT.md section 4.

    ``own``: what the person's part may be paid from. ``channel``: ``direct`` or ``after_payment``.
    ``filed_until``: up to when a filing counts as filed during the stay; its end when empty.
    ``counted_in``: the counters of a benefit year as they were; those of now unless it is given.
    ``part``: the stay that the bill is a part of; then the stay decides, not the bill alone.
    ``replaced``: the settlement that this one takes the place of, and when it was decided.
    ``mother``: of a newborn, whose filing covers it. Refuses with ``policy.*``, ``counters.*``,
    ``claim.no-catalogue``, ``claim.consent-missing``, ``claim.reimbursed``, ``stay.*``.
    """
    ctx.spend(len(rows) * WORK_OF_ROW)
    host, whole = (institution, visit) if part is None else (part.host, part.visit)
    rules = rules_of(ctx, person, host, whole.discharge, channel)
    # What was paid already was agreed to already; in an emergency nobody is asked.
    direct = channel == DIRECT
    needs_consent = direct and not is_emergency(whole)
    region = institution.region if rules.catalogue == host.region else rules.catalogue
    covered = catalogue_of(ctx, region, rows, needs_consent=needs_consent)
    facts = _facts(ctx, host, person, whole, own, mother, filed_until)
    years = _years(rules.program, whole, part)
    known = _known(ctx, person, years) if counted_in is None else [counted_in(y) for y in years]
    if direct:
        _require_not_reimbursed(ctx, known, institution, visit, rows)
    counted = _values(known, years, part)
    by_year = {str(y): values for y, values in zip(years, counted, strict=True)}
    case = case_of(
        facts, rows, covered.items, year=years[-1], counted=counted[-1],
        counted_by_year=by_year, channel=channel,
    )  # fmt: skip
    decision, kept = _decision(rules, case, facts, part, institution)
    covers: tuple[ProductAnswer, ...] = ()
    if person.covers:
        decision, covers = add_covers(ctx, person, whole, case, decision, direct, replaced)
    used = share_out(decision, own)
    decision = _with_credit(decision, used.credit_fen)
    return Decided(
        decision=decision,
        own=used,
        facts=facts,
        counters=_with_admission(decision.counters, whole, years, counted, part),
        as_of_ms=0 if known[-1] is None else known[-1].as_of_ms,
        versions=_versions(rules, covered, facts.cover, covers),
        covers=covers,
        part=kept,
    )


def _decision(
    rules: Rules, case: Case, facts: Facts, part: AsPart | None, institution: Organisation
) -> tuple[Decision, Part | None]:
    """The decision; of a part of a stay also what is kept of it."""
    policy = _policy_for(rules.program, facts)
    if part is None:
        return adjudicate(case, policy), None
    if rules.program.reads_lines:
        # Of earlier parts there are sums: what such a policy would make of them nobody knows.
        version = rules.version
        reject("stay.policy-reads-lines", area=version.area, scheme=version.scheme)
    decision, figures = adjudicate_part(case, policy, part.so_far, level=institution.dedc_level)
    return decision, part.record(figures)


def _values(
    known: list[Counters | None], years: list[int], part: AsPart | None
) -> list[dict[str, int]]:
    """The counters by name, without what the stay's earlier parts have added: it is decided as
    one."""
    counted = [{} if found is None else dict(found.values) for found in known]
    if part is not None:
        for year, values in zip(years, counted, strict=True):
            for name, delta in part.so_far.counted.get(year, {}).items():
                values[name] = values.get(name, 0) - delta
    return counted


def _facts(
    ctx: Context,
    institution: Organisation,
    person: Person,
    visit: Visit,
    own: OwnMeans,
    mother: str,
    filed_until: str,
) -> Facts:
    cover = cover_of(ctx, institution, person.id, mother, visit, filed_until)
    return Facts(institution, person, visit, cover, own)


def _require_not_reimbursed(
    ctx: Context, known: list[Counters | None], institution: Organisation, visit: Visit, rows: Rows
) -> None:
    total_fen = sum(row[3] for row in rows)
    for found in known:
        if found is not None:
            require_not_reimbursed(ctx, found.log, institution.id, visit, total_fen)


def _known(ctx: Context, person: Person, years: list[int]) -> list[Counters | None]:
    """The counters as they stand."""
    return [counters.load(ctx.state, person.id, person.area, person.scheme, y) for y in years]


def _versions(
    rules: Rules, covered: Covered, cover: Cover, covers: tuple[ProductAnswer, ...]
) -> dict[str, Value]:
    """What the decision was bound to, as the receipt names it."""
    versions: dict[str, Value] = {
        "policy": rules.version.to_versions(),
        "catalogue": covered.versions,
        "filing": _filing_version(cover),
    }
    if covers:
        versions["cover"] = versions_of(covers)
    return versions


def _policy_for(program: PolicyProgram, facts: Facts) -> Policy:
    """The area's policy, unless another is liable or there is no entitlement at this place."""
    if facts.visit.third_party:
        return NoBenefit(program, THIRD_PARTY)
    if facts.cover.reason == RESIDES_ELSEWHERE and not is_emergency(facts.visit):
        return NoBenefit(program, facts.cover.reason)
    return program


def _with_credit(decision: Decision, drawn_fen: int) -> Decision:
    """A credit draw takes from cash only; nothing else of the decision depends on it."""
    if not drawn_fen:
        return decision
    cash = decision.cash_fen - drawn_fen
    drawn = replace(decision, credit_fen=drawn_fen, cash_fen=cash)
    drawn.check()
    return drawn


def _with_admission(
    changes: tuple[CounterChange, ...],
    visit: Visit,
    years: list[int],
    counted: list[dict[str, int]],
    part: AsPart | None,
) -> tuple[CounterChange, ...]:
    """The policy's counters and, of a stay, the engine's own count: one for all of its parts."""
    if not is_inpatient(visit.care_kind):
        return changes
    last = years[-1]
    others_of = {y: values.get(ADMISSIONS, 0) for y, values in zip(years, counted, strict=True)}
    if part is None:
        others = tuple(c for c in changes if (c.year, c.name) != (last, ADMISSIONS))
        return (*others, CounterChange(last, ADMISSIONS, others_of[last], 1))
    others = tuple(c for c in changes if c.name != ADMISSIONS)
    told = {year: counted_in[ADMISSIONS] for year, counted_in in part.so_far.counted.items()}
    moved = tuple(
        CounterChange(year, ADMISSIONS, others_of[year] + count, -count)
        for year, count in sorted(told.items())
        if count and year != last
    )
    here = told.get(last, 0)
    return (*others, *moved, CounterChange(last, ADMISSIONS, others_of[last] + here, 1 - here))


def _years(program: PolicyProgram, visit: Visit, part: AsPart | None) -> list[int]:
    """Benefit years whose counters the decision may need, the discharge's last."""
    last = program.benefit_year(visit.discharge)
    if part is None and visit.admission == visit.discharge:
        return [last]
    before = set() if part is None else set(part.so_far.counted)
    first = program.benefit_year(visit.admission)
    if first > last or any(year > last for year in before):
        reject("policy.answer-malformed", path="benefit_year", want="a year that never goes back")
    if first == last or program.cross_year() == WHOLE_STAY:
        return sorted({last, *before})
    return sorted({*range(first, last + 1), *before})


def _filing_version(cover: Cover) -> Value:
    """What the receipt names of the filing: its version, or the reason why there is none."""
    if cover.reason:
        return {"type": "none", "reason": cover.reason}
    return {"type": cover.type, "filing": cover.filing, "version": cover.version}


def named_versions(versions: dict[str, Value]) -> dict[str, Value]:
    """Versions as people name them; the receipt has their hashes and commits to both."""
    rules = {name: value for name, value in versions["policy"].items() if name != "hash"}
    items = [{"region": v["region"], "version": v["version"]} for v in versions["catalogue"]]
    named = {"policy": rules, "catalogue": items, "filing": versions["filing"]}
    if "cover" in versions:
        named["cover"] = [
            {"product": v["product"], "number": v["number"]} for v in versions["cover"]
        ]
    return named


def told_beside(decided: Decided) -> dict[str, Value]:
    """What an explanation says beside the decision: versions, and what each product answered."""
    told: dict[str, Value] = {"versions": named_versions(decided.versions)}
    if decided.covers:
        told["cover"] = [one.told() for one in decided.covers]
    if decided.part is not None:
        told["part"] = decided.part.told()
    return told
