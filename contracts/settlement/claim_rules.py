"""Whose rules decide a claim: the home policy, and the catalogue that its settlement mode names.

Mixed is the national rule: catalogue of the place of care, policy of the insured place. A home
policy may name another mode for a region of care (SETTLEMENT.md section 4): ``home`` takes both
from home, ``care_place`` both from the place of care; the home fund pays in every mode.
"""

from __future__ import annotations

from contracts.api import Context, Value, reject
from contracts.organisations import Organisation
from contracts.quick import quick
from contracts.regions import widening
from contracts.settlement import catalogue, policy
from contracts.settlement.claim_lines import Rows
from contracts.settlement.cost_split import CLASS_C, Coverage
from contracts.settlement.enrolment import Person
from contracts.settlement.policy import PolicyVersion
from contracts.settlement.policy_program import CARE_PLACE, HOME, PolicyProgram


@quick(frozen=True, slots=True)
class Rules:
    """What decides: a policy version, its program, and the district whose catalogue holds."""

    version: PolicyVersion
    program: PolicyProgram
    catalogue: str


@quick(frozen=True, slots=True)
class Covered:
    """What a catalogue says of each line, and by which versions."""

    items: list[Coverage | None]
    versions: list[Value]
    """Every version that judged a line: region, version, hash; by service date ascending."""


def rules_of(
    ctx: Context, person: Person, institution: Organisation, date: str, channel: str = "direct"
) -> Rules:
    """The rules for care at an institution, by the day of discharge or visit.

    After payment the home policy may name another mode than at the counter (RULES.md section 1).
    Refuses with ``policy.none-in-force``.
    """
    version = policy.require_in_force(
        ctx.state, person.area, person.scheme, date, height=ctx.height
    )
    program = policy.program_of(ctx.state, version).charged(ctx.spend)
    mode = program.settlement_mode(institution.region, channel)
    if mode == HOME:
        return Rules(version, program, person.area)
    if mode == CARE_PLACE:
        version = _policy_of_place(ctx, institution.region, person.scheme, date)
        program = policy.program_of(ctx.state, version).charged(ctx.spend)
    return Rules(version, program, institution.region)


def _policy_of_place(ctx: Context, region: str, scheme: str, date: str) -> PolicyVersion:
    """The policy of the pooling area in which a district lies: its city, or its province."""
    *nearer, widest = widening(region)
    for area in nearer:
        found = policy.in_force(ctx.state, area, scheme, date, height=ctx.height)
        if found is not None:
            return found
    return policy.require_in_force(ctx.state, widest, scheme, date, height=ctx.height)


def catalogue_of(ctx: Context, region: str, rows: Rows, *, needs_consent: bool) -> Covered:
    """Look every row up by its service date.

    Refuses with ``claim.no-catalogue`` where nothing is in force, so that a bill is not taken for
    own expense because nobody has published a catalogue, and with ``claim.consent-missing`` where
    the catalogue leaves a line to a patient who has not agreed (in an emergency nobody is asked).
    """
    reader = catalogue.reader(ctx.state, region)
    items: list[Coverage | None] = []
    versions: dict[bytes, Value] = {}
    judged = ""
    for index, row in enumerate(rows):
        if row[2] != judged:  # most bills are of one day
            judged = row[2]
            version = reader.version(judged)
            if version is None:
                reject("claim.no-catalogue", region=region, date=judged)
            versions[version.hash] = {
                "region": version.owner,
                "version": version.version,
                "hash": version.hash,
            }
        found: catalogue.Item | None = reader.find(row[1], row[2])
        coverage = None if found is None else found.coverage
        if needs_consent and not row[6] and (coverage is None or coverage.item_class == CLASS_C):
            reject("claim.consent-missing", index=index)
        items.append(coverage)
    return Covered(items, list(versions.values()))
