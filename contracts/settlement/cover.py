"""Contract ``cover``: commercial insurers as parties of a settlement (商业保险一站式结算).

An insurer deploys the rule of its product, a source in the restricted language, by version and
date, and names who holds the product, by pseudonym. Nothing else of either is here: no policy
number, no premium. The person authorises it (``cover_consent``); until then no settlement asks the
product and nobody at the insurer sees that there was one. From then on the rule is run after the
home policy's layers (``cover_settle``); it pays within the settlement, or later to the patient
(``cover_pay``), as the product's version says. It never holds a discharge.

State: ``cover_record``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from contracts.api import Answer, Args, Context, Contract, Rejected, reject
from contracts.language import SOURCE_BYTES_MAX
from contracts.meter import PolicyError, PolicyFault
from contracts.organisations import require_own_id
from contracts.schema import Date, Id, OneOf, Optional, Record, Text
from contracts.settlement import policy
from contracts.settlement.adjudicate import adjudicate
from contracts.settlement.case import Case
from contracts.settlement.cover_adjudicate import answer_of, case_for, open_after
from contracts.settlement.cover_record import (
    AT_ONCE,
    LATER,
    VERSIONS_MAX,
    Holder,
    Product,
    Version,
    find_holder,
    find_product,
    holder_key,
)
from contracts.settlement.decision import Decision
from contracts.settlement.enrolment import area_of
from contracts.settlement.policy import WORK_OF_CHARACTER, check_source
from contracts.settlement.policy_program import PolicyProgram
from contracts.settlement.policy_trial import (
    BUDGET_TRIAL,
    WORK_OF_SAMPLE,
    trial_cases,
    trial_failed,
)
from contracts.settlement.records import content_digest, salt_of

CONTRACT = Contract("cover", version=1)

AUDIENCE = "cover"
"""The attachment of ``enrol``: for the insurer and the person's home bureau."""
INSURER = ("insurer",)


@CONTRACT.method(
    kinds=INSURER,
    posts=("checker",),
    args={
        "product": Id(60),
        "effective_from": Date(),
        "pays": OneOf(AT_ONCE, LATER),
        "source": Text(1, SOURCE_BYTES_MAX, lines=True),
    },
)
def deploy(ctx: Context, args: Args) -> Answer:
    """Deploy the rule of a product from a date on; ``pays``: within the settlement or later.

    In force on a date is what ``policy`` says of its versions. The rule must survive a trial on
    made-up bills with something left to pay. The same source for the same date as the newest
    version answers as the first time. Refuses with ``sender.foreign-id``,
    ``policy.source-refused``, ``policy.trial-failed``, ``cover.too-many``.
    """
    name, source = args["product"], args["source"]
    require_own_id(ctx, name)
    ctx.spend(len(source) * WORK_OF_CHARACTER)
    decisions = _try(check_source(source), ctx.spend)
    digest = policy.keep_source(ctx, source)
    known = find_product(ctx.state, name) or Product(name, ctx.sender, ())
    given = (args["effective_from"], digest, args["pays"])
    newest = known.versions[-1] if known.versions else None
    if newest is not None and (newest.effective_from, newest.hash, newest.pays) == given:
        return {"number": newest.number, "hash": digest, "decisions": decisions}
    if len(known.versions) >= VERSIONS_MAX:
        reject("cover.too-many", of="versions", limit=VERSIONS_MAX)
    number = len(known.versions) + 1
    version = Version(number, args["effective_from"], digest, ctx.height, args["pays"])
    made = replace(known, versions=(*known.versions, version))
    ctx.state.put(f"cover-product/{name}", made.encode())
    ctx.emit("cover.deployed", product=name, insurer=ctx.sender, number=number, hash=digest)
    ctx.versions["cover"] = [{"product": name, "number": number, "hash": digest}]
    return {"number": number, "hash": digest, "decisions": decisions}


@CONTRACT.method(
    args={"product": Id(60), "person": Id(60)},
    attachments={AUDIENCE: Record({"from": Date(), "to": Optional(Date())})},
    kinds=INSURER,
    posts=("clerk", "checker", "operator"),
)
def enrol(ctx: Context, args: Args) -> Answer:
    """Say for how long a person holds the product; said again, it replaces what was said.

    Whether there is such a person is not told: an insurer could otherwise ask for pseudonyms.
    Refuses with ``cover.unknown-product``, ``cover.dates``, ``enrolment.wrong-id``.
    """
    product = require_product(ctx, args["product"])
    if product.insurer != ctx.sender:
        reject("cover.unknown-product", product=product.id)
    area_of(args["person"])
    attached = ctx.attachments[AUDIENCE]
    start, end = attached.content["from"], attached.content["to"]
    if end is not None and end < start:
        reject("cover.dates", product=product.id)
    answer = {"product": product.id, "person": args["person"]}
    digest = content_digest(ctx, "cover.enrol", args)
    key = holder_key(product.id, args["person"])
    known = find_holder(ctx.state, product.id, args["person"])
    if known is not None and known.digest == digest:
        return answer
    last_ms = 0 if known is None else known.last_ms
    made = Holder(start, end, digest, last_ms, salt_of(ctx, attached.blind, key))
    ctx.state.put(key, made.encode())
    ctx.emit("cover.enrolled", product=product.id, insurer=ctx.sender, person=args["person"])
    return answer


def require_product(ctx: Context, name: str) -> Product:
    """The product. Refuses with ``cover.unknown-product``."""
    found = find_product(ctx.state, name)
    if found is None:
        reject("cover.unknown-product", product=name)
    return found


# --- The trial --------------------------------------------------------------------------------

_HOME = PolicyProgram(
    """
def settle(case):
    basic = part(case["sums"]["in_scope_fen"], "55%", "basic")
    return {"payments": [payment("390100", basic, "basic")]}
"""
)
"""What comes before the product in the trial: a home policy that leaves something to pay."""


def _try(program: PolicyProgram, spend: Callable[[int], None]) -> int:
    """Run the grid of bills, each twice, the second with the counters of the first.

    Returns the number of answers. Rejects as ``policy_trial.try_policy``.
    """
    answers = samples = 0
    program = program.limited(BUDGET_TRIAL)
    for number, case in enumerate(_samples()):
        spend(WORK_OF_SAMPLE)
        samples += 1
        decision = adjudicate(case, _HOME)
        counters: dict[str, int] = {}
        for _ in range(2):
            told = _answer(program.charged(spend), case, decision, counters, number)
            if told is None:
                break
            answers += 1
            counters = {k: counters.get(k, 0) + told.get(k, 0) for k in {**counters, **told}}
    if not answers:
        reject("policy.trial-empty", samples=samples)
    return answers


def _samples() -> Iterator[Case]:
    for scheme in ("310", "390"):
        yield from trial_cases(scheme, "990000")


def _answer(
    program: PolicyProgram, case: Case, decision: Decision, counters: dict[str, int], number: int
) -> dict[str, int] | None:
    """The counters of one answer; None where the rule itself refuses the bill by ``fail``."""
    left = open_after(decision)
    try:
        year = program.benefit_year(case["visit"]["discharge"])
        told = case_for(case, decision, left, year, counters)
        return dict(answer_of(program, told, left).counters)
    except PolicyError as error:
        if isinstance(error, PolicyFault) and error.fault.startswith("fail:"):
            return None
        trial_failed(number, case, error.code, error.values)
    except Rejected as refusal:
        trial_failed(number, case, refusal.code, refusal.values)
