"""System contract ``policy``: which source decides for whom on which date.

One policy per (pooling area, scheme). The competent bureau of the insured place deploys a source
with the date from which it holds; nothing is ever replaced. In force on a date is the version with
the greatest ``effective_from`` that is not later, among those deployed before the block: a policy
may reach back, and settled claims keep the version that decided them. Where no version reaches a
date, nothing can be settled and the refusal says so.

State: ``policy/<area>/<scheme>`` = ``{"versions": [...]}`` in the order of deployment;
``policy-source/<hash>`` = ``{"source", "language"}``, kept for good and shared by all that deploy
the same text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.api import Answer, Args, Context, Contract, State, Value, reject
from contracts.language import LANGUAGE_VERSION, SOURCE_BYTES_MAX, LanguageError
from contracts.organisations import require_competent
from contracts.quick import quick
from contracts.schema import Date, OneOf, Optional, Region, Text
from contracts.settlement.policy_program import PolicyProgram
from contracts.settlement.policy_trial import try_policy
from contracts.settlement.terms import SCHEMES

CONTRACT = Contract("policy", version=1)

SOURCE_TAG = "yibao/policy-source/v1"
"""Tag of the digest under which a source is kept."""
WORK_OF_CHARACTER = 40
"""Units of checking and compiling one character (``Context.spend``): about 10 microseconds."""
VERSIONS_MAX = 400
"""Versions of one policy; a city changes its rules a few times a year."""
PROGRAMS_MAX = 1_024
"""Compiled programs kept in memory: two schemes of every pooling area, and some history."""

_programs: dict[bytes, PolicyProgram] = {}
"""Compiled programs by source hash, oldest use first. A cache: it decides nothing, and only the
thread that executes calls touches it."""


@quick(frozen=True, slots=True)
class PolicyVersion:
    """One deployed version of a policy."""

    area: str
    scheme: str
    number: int
    """From 1, in the order of deployment."""
    effective_from: str
    hash: bytes
    """Digest of the source."""
    height: int
    """Block that carried the deployment; in force from the next height on."""
    by: str
    """Bureau that deployed it."""
    note: str

    def to_versions(self) -> dict[str, Any]:
        """What a settlement's receipt names of it."""
        return {
            "area": self.area,
            "scheme": self.scheme,
            "number": self.number,
            "effective_from": self.effective_from,
            "hash": self.hash,
        }


def versions(state: State, area: str, scheme: str) -> tuple[PolicyVersion, ...]:
    """All versions of a policy in the order of deployment."""
    return tuple(
        _version(area, scheme, number, row)
        for number, row in enumerate(_rows(state, area, scheme), start=1)
    )


def _rows(state: State, area: str, scheme: str) -> tuple[Mapping[str, Value], ...]:
    return state.read(f"policy/{area}/{scheme}", _as_rows) or ()


def _as_rows(record: Value) -> tuple[Mapping[str, Value], ...]:
    return tuple(record["versions"])


def _version(area: str, scheme: str, number: int, row: Mapping[str, Value]) -> PolicyVersion:
    return PolicyVersion(
        area=area,
        scheme=scheme,
        number=number,
        effective_from=row["effective_from"],
        hash=row["hash"],
        height=row["height"],
        by=row["by"],
        note=row["note"],
    )


def in_force(
    state: State, area: str, scheme: str, date: str, *, height: int | None = None
) -> PolicyVersion | None:
    """The version that holds on ``date``; ``None`` where no version reaches it.

    ``height`` is that of the block being executed: a version deployed in the same block does not
    count yet. Left out, every deployed version counts. Of two with the same date the one deployed
    later holds: it corrects the other.
    """
    rows = _rows(state, area, scheme)
    found: int | None = None
    for place, row in enumerate(rows):
        if row["effective_from"] > date or (height is not None and row["height"] >= height):
            continue
        if found is None or row["effective_from"] >= rows[found]["effective_from"]:
            found = place
    return None if found is None else _version(area, scheme, found + 1, rows[found])


def require_in_force(
    state: State, area: str, scheme: str, date: str, *, height: int | None = None
) -> PolicyVersion:
    """As ``in_force``; a gap rejects ``policy.none-in-force``."""
    found = in_force(state, area, scheme, date, height=height)
    if found is None:
        reject("policy.none-in-force", area=area, scheme=scheme, date=date)
    return found


def source_of(state: State, source_hash: bytes) -> str | None:
    """The source text under a hash, ``None`` for an unknown one."""
    record = state.get(f"policy-source/{source_hash.hex()}")
    return None if record is None else str(record["source"])


def program_of(state: State, version: PolicyVersion) -> PolicyProgram:
    """The compiled program of a deployed version, from the cache or the state's source."""
    return compiled(state, version.hash)


def compiled(state: State, source_hash: bytes) -> PolicyProgram:
    """The program of a source that is kept, from the cache or the state."""
    program = _programs.pop(source_hash, None)
    if program is None:
        record = state.get(f"policy-source/{source_hash.hex()}")
        assert record is not None, f"the source {source_hash.hex()} is not kept"
        program = PolicyProgram(record["source"], record["language"])
        if len(_programs) >= PROGRAMS_MAX:
            del _programs[next(iter(_programs))]
    _programs[source_hash] = program
    return program


def keep_source(ctx: Context, source: str) -> bytes:
    """Keep a source under its digest, once for all who deploy the same text."""
    digest = ctx.services.digest(SOURCE_TAG, source.encode("utf-8"))
    if source_of(ctx.state, digest) is None:
        kept = {"source": source, "language": LANGUAGE_VERSION}
        ctx.state.put(f"policy-source/{digest.hex()}", kept)
    return digest


def check_source(source: str) -> PolicyProgram:
    """Compile a source. Rejects ``policy.source-refused`` with the first complaint's place."""
    try:
        return PolicyProgram(source)
    except LanguageError as error:
        reject("policy.source-refused", complaints=len(error.diagnostics), **error.values)


@CONTRACT.method(
    kinds=("bureau",),
    posts=("checker",),
    args={
        "area": Region(),
        "scheme": OneOf(*SCHEMES),
        "effective_from": Date(),
        "source": Text(1, SOURCE_BYTES_MAX, lines=True),
        "note": Optional(Text(0, 500, lines=True), ""),
    },
)
def deploy(ctx: Context, args: Args) -> Answer:
    """Deploy a policy's source from a date on.

    Sent by a bureau competent for the area and signed by its checker: a policy decides about
    everybody's money, so the one who enters claims or people does not set it. The source must be
    in the language and survive the trial (``policy_trial``). The same source for the same date as
    the newest version is the same deployment and answers as the first time. Answers ``number``,
    ``hash`` and ``decisions`` made in the trial.
    """
    area, scheme, source = args["area"], args["scheme"], args["source"]
    require_competent(ctx, area)
    ctx.spend(len(source) * WORK_OF_CHARACTER)
    program = check_source(source)
    decisions = try_policy(program, scheme, area, ctx.spend)
    return keep_version(ctx, area, scheme, args) | {"decisions": decisions}


def keep_version(ctx: Context, area: str, kind: str, args: Args) -> Answer:
    """Append a checked source to the versions ``policy/<area>/<kind>``; ``number`` and ``hash``.

    ``kind``: a scheme, or another sort of policy of the area. ``args``: ``source``,
    ``effective_from``, ``note``. Refuses with ``policy.too-many-versions``.
    """
    source = args["source"]
    digest = ctx.services.digest(SOURCE_TAG, source.encode("utf-8"))
    known = versions(ctx.state, area, kind)
    if known and known[-1].hash == digest and known[-1].effective_from == args["effective_from"]:
        return {"number": known[-1].number, "hash": digest}
    if len(known) >= VERSIONS_MAX:
        reject("policy.too-many-versions", versions=len(known))
    record = ctx.state.get(f"policy/{area}/{kind}") or {"versions": []}
    record["versions"].append(
        {
            "effective_from": args["effective_from"],
            "hash": digest,
            "height": ctx.height,
            "by": ctx.sender,
            "note": args["note"],
        }
    )
    ctx.state.put(f"policy/{area}/{kind}", record)
    keep_source(ctx, source)
    number = len(record["versions"])
    ctx.emit(
        "policy.deployed", area=area, scheme=kind, number=number, hash=digest,
        effective_from=args["effective_from"],
    )  # fmt: skip
    ctx.versions["policy"] = {"area": area, "scheme": kind, "number": number, "hash": digest}
    return {"number": number, "hash": digest}
