"""What payment policies are told beside the case: deployed sources, groups, rates.

All are the place of care's, set by the checker of its bureau. A group table (DRG weights, DIP
points) has a version and a date from which it holds, as a catalogue has; rates hold for a year of
discharge, first estimated and corrected at will, then final once.

State: ``policy/<region>/provider`` (the versions, as of benefit policies); ``groups/<region>/
<system>`` = {"versions": [{version, effective_from, height}]}; ``group/<region>/<system>/<version>/
<code>`` = [weight_e6, average_cost_fen, average_days_e1]; ``rates/<region or institution>/<year>/
<stage>`` = {name: value_e6}.
"""

from __future__ import annotations

from contracts import organisations
from contracts.api import Answer, Args, Context, State, Value, reject
from contracts.language import LANGUAGE_VERSION, SOURCE_BYTES_MAX, LanguageError
from contracts.organisations import require_competent
from contracts.regions import widening
from contracts.schema import Date, Fen, Id, Int, List, OneOf, Optional, Record, Region, Text
from contracts.settlement import policy
from contracts.settlement.policy import WORK_OF_CHARACTER, PolicyVersion
from contracts.settlement.provider.case import RATE_E6_MAX, RATES_MAX, STAGES, decimal_text
from contracts.settlement.provider.contract import CONTRACT
from contracts.settlement.provider.program import PaymentProgram
from contracts.settlement.provider.trial import try_payment

KIND = "provider"
"""Last word of the state key of payment policies, where benefit policies have their scheme."""
PROGRAMS_MAX = 400
GROUPS_AT_ONCE = 1_000
TABLES_MAX = 200
"""Versions of one group table."""

_programs: dict[bytes, PaymentProgram] = {}
"""Compiled programs by source hash: a cache that decides nothing (see ``policy``)."""

_GROUP = Record(
    {
        "code": Id(40),
        "weight_e6": Int(0, RATE_E6_MAX),
        "average_cost_fen": Optional(Fen(), 0),
        "average_days_e1": Optional(Int(0, 10_000), 0),
    }
)
_RATE = Record({"name": Id(40), "value_e6": Int(0, RATE_E6_MAX)})


@CONTRACT.method(
    args={
        "region": Region(),
        "effective_from": Date(),
        "source": Text(1, SOURCE_BYTES_MAX, lines=True),
        "note": Optional(Text(0, 500, lines=True), ""),
    },
    kinds=("bureau",),
    posts=("checker",),
)
def deploy(ctx: Context, args: Args) -> Answer:
    """Deploy how a region pays its institutions, from a date of discharge on.

    The trial runs with the region's estimated rates of that year, so they are set before. The
    same source for the same date as the newest version answers as the first time.
    """
    region, source = args["region"], args["source"]
    require_competent(ctx, region)
    ctx.spend(len(source) * WORK_OF_CHARACTER)
    try:
        program = PaymentProgram(source)
    except LanguageError as error:
        reject("policy.source-refused", complaints=len(error.diagnostics), **error.values)
    rates = rates_of(ctx.state, region, "", args["effective_from"][:4], "estimated")
    tried = try_payment(program, region, rates or {}, ctx.spend)
    return policy.keep_version(ctx, region, KIND, args) | {"tried": tried}


@CONTRACT.method(
    args={
        "region": Region(),
        "system": OneOf("drg", "dip"),
        "version": Id(40),
        "effective_from": Date(),
        "groups": List(_GROUP, max=GROUPS_AT_ONCE, min=1),
    },
    kinds=("bureau",),
    posts=("checker",),
)
def groups(ctx: Context, args: Args) -> Answer:
    """Load rows of a group table; a table of ten thousand rows comes in ten calls.

    A row once loaded does not change: a correction is another version. Refuses with
    ``provider.group-differs``, ``provider.table-differs``, ``provider.too-many-tables``.
    """
    region, system, version = args["region"], args["system"], args["version"]
    require_competent(ctx, region)
    _keep_table(ctx, region, system, version, args["effective_from"])
    ctx.spend(len(args["groups"]) * 40)
    loaded = 0
    for row in args["groups"]:
        key = f"group/{region}/{system}/{version}/{row['code']}"
        value = [row["weight_e6"], row["average_cost_fen"], row["average_days_e1"]]
        known = ctx.state.get(key)
        if known is None:
            ctx.state.put(key, value)
            loaded += 1
        elif known != value:
            reject("provider.group-differs", version=version, group=row["code"])
    return {"version": version, "loaded": loaded}


def _keep_table(ctx: Context, region: str, system: str, version: str, date: str) -> None:
    key = f"groups/{region}/{system}"
    record = ctx.state.get(key) or {"versions": []}
    for row in record["versions"]:
        if row["version"] == version:
            if row["effective_from"] != date:
                reject(
                    "provider.table-differs", version=version, known=row["effective_from"],
                    given=date,
                )  # fmt: skip
            return
    if len(record["versions"]) >= TABLES_MAX:
        reject("provider.too-many-tables", limit=TABLES_MAX)
    record["versions"].append({"version": version, "effective_from": date, "height": ctx.height})
    ctx.state.put(key, record)


@CONTRACT.method(
    args={
        "region": Region(),
        "institution": Optional(Id(64)),
        "year": Int(2000, 2999),
        "stage": OneOf(*STAGES),
        "rates": List(_RATE, max=RATES_MAX, min=1),
    },
    kinds=("bureau",),
    posts=("checker",),
)
def rates(ctx: Context, args: Args) -> Answer:
    """Set a year's rates of a region (rate, point value), or one institution's (coefficient).

    Estimated ones replace those before them; final ones are said once. Refuses with
    ``provider.rates-final``, ``provider.rate-twice``.
    """
    owner = args["region"]
    require_competent(ctx, args["region"])
    if args["institution"]:
        owner = args["institution"]
        require_competent(ctx, organisations.require_organisation(ctx.state, owner).region)
    values = {row["name"]: row["value_e6"] for row in args["rates"]}
    if len(values) < len(args["rates"]):
        reject("provider.rate-twice", given=len(args["rates"]), names=len(values))
    key = f"rates/{owner}/{args['year']}/{args['stage']}"
    known = ctx.state.get(key)
    if known != values:
        if known is not None and args["stage"] == "final":
            reject("provider.rates-final", owner=owner, year=args["year"])
        ctx.state.put(key, values)
        ctx.emit("provider.rates", owner=owner, year=args["year"], stage=args["stage"])
    return {"owner": owner, "year": args["year"], "stage": args["stage"], "rates": len(values)}


def rates_of(
    state: State, region: str, institution: str, year: str, stage: str
) -> dict[str, str] | None:
    """Rates by name as texts, the institution's own over its region's; None where none are set.

    An institution without final ones keeps its estimated ones: a coefficient is often said once.
    """
    found: dict[str, int] | None = state.get(f"rates/{region}/{year}/{stage}")
    own = None
    if institution:
        own = state.get(f"rates/{institution}/{year}/{stage}")
        if own is None and stage == "final":
            own = state.get(f"rates/{institution}/{year}/estimated")
    if found is None and own is None:
        return None
    return {name: decimal_text(value) for name, value in {**(found or {}), **(own or {})}.items()}


def version_of(state: State, care: str, date: str, height: int) -> PolicyVersion:
    """The payment policy of a place on a date of discharge: of the district, else of its city, its
    province. Refuses with ``provider.none-in-force``."""
    held = (policy.in_force(state, region, KIND, date, height=height) for region in widening(care))
    found = next((version for version in held if version is not None), None)
    if found is None:
        reject("provider.none-in-force", care=care, date=date)
    return found


def program_of(state: State, version: PolicyVersion) -> PaymentProgram:
    """The compiled program of a deployed version."""
    program = _programs.pop(version.hash, None)
    if program is None:
        record = state.get(f"policy-source/{version.hash.hex()}")
        assert record is not None, f"the source of {version.area} {version.number} is not kept"
        program = PaymentProgram(record["source"], record["language"])
        assert record["language"] <= LANGUAGE_VERSION, "a policy of a later language"
        if len(_programs) >= PROGRAMS_MAX:
            del _programs[next(iter(_programs))]
    _programs[version.hash] = program
    return program


def group_of(
    state: State, region: str, system: str, code: str, date: str, height: int
) -> dict[str, Value]:
    """The group's standards from the table in force on the date.

    Refuses with ``provider.unknown-group``, which names the table and not the group: that would
    say what somebody was treated for.
    """
    record = state.get(f"groups/{region}/{system}") or {"versions": []}
    held = ""
    since = ""
    for row in record["versions"]:
        if since <= row["effective_from"] <= date and row["height"] < height:
            held, since = row["version"], row["effective_from"]
    row = state.get(f"group/{region}/{system}/{held}/{code}") if held else None
    if row is None:
        reject("provider.unknown-group", region=region, system=system, version=held, date=date)
    weight, cost, days = row
    return {
        "system": system,
        "code": code,
        "weight": decimal_text(weight),
        "average_cost_fen": cost,
        "average_days_e1": days,
    }
