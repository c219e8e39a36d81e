"""The runtime refuses what a method did not declare, and never hides a bug as a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from contracts.api import Answer, Args, Context, Contract, Posting, reject
from contracts.meter import OutOfBudget, PolicyFault
from contracts.registry import STATE_KEY, Registry, VersionMissing, switch, version_at
from contracts.runtime import EVENTS_MAX, ITEMS_MAX, POSTINGS_MAX, TEXT_MAX, Outcome, Runtime
from contracts.schema import Fen, Id, List, Optional, Record
from contracts.settlement.reasons import TABLE
from tests.contracts.support import MemoryState, attach, make_context

TILL = Contract("till")
LINES = Record({"lines": List(Record({"amount_fen": Fen(), "note": Optional(Id(), "none")}), 5)})


@TILL.method(
    args={"id": Id(), "count": Optional(Fen(), 7)},
    attachments={"lines": LINES, "paper": Optional(Record({"text": Id()})), "any": Optional(Id())},
    kinds=("hospital",),
    posts=("clerk", "doctor"),
)
def sell(ctx: Context, args: Args) -> Answer:
    """Sell something.

    A longer story.
    """
    ctx.state.put("sold/" + args["id"], args["count"])
    ctx.emit("sold", id=args["id"])
    ctx.amounts["count"] = args["count"]
    return {"lines": ctx.attachments["lines"].content["lines"]}


@TILL.method(args={}, attachments={"raw": None})
def keep(ctx: Context, args: Args) -> Answer:
    return {"raw": ctx.attachments["raw"].content}


@TILL.method(args={}, name="refuse")
def refuse_everything(ctx: Context, args: Args) -> Answer:
    ctx.state.put("left", 1)
    ctx.emit("never")
    ctx.postings.append(Posting("t", "a", "310", 5))
    reject("till.closed", hour=23)


RUNTIME = Runtime([TILL])


def run(method: str, args: Any, **given: Any) -> Outcome:
    return RUNTIME.call(make_context(**given), "till", method, args)


def one_method(body: Callable[[Context], Answer]) -> Runtime:
    contract = Contract("one")

    @contract.method(args={})
    def go(ctx: Context, args: Args) -> Answer:
        return body(ctx)

    return Runtime([contract])


def test_a_call_carries_everything_that_the_method_recorded() -> None:
    ctx = make_context(attachments=attach("lines", {"lines": [{"amount_fen": 3}]}))
    outcome = RUNTIME.call(ctx, "till", "sell", {"id": "a"})
    assert outcome == Outcome(
        status="ok",
        answer={"lines": [{"amount_fen": 3, "note": "none"}]},
        events=[("sold", {"id": "a"})],
        amounts={"count": 7},
    )
    assert outcome.ok
    assert ctx.state.get("sold/a") == 7


@pytest.mark.parametrize(
    ("contract", "method", "code"),
    [("safe", "sell", "call.unknown-contract"), ("till", "steal", "call.unknown-method")],
)
def test_unknown_names_are_rejected(contract: str, method: str, code: str) -> None:
    outcome = RUNTIME.call(make_context(), contract, method, {})
    assert (outcome.status, outcome.code) == ("rejected", code)
    assert contract in outcome.values.values()


@pytest.mark.parametrize(
    ("given", "code", "values"),
    [
        (
            {"sender_kind": "bank"},
            "sender.kind",
            {"kind": "bank", "allowed": ["hospital"]},
        ),
        (
            {"post": "audit"},
            "sender.post",
            {"post": "audit", "allowed": ["clerk", "doctor"]},
        ),
    ],
)
def test_only_the_declared_kinds_and_posts_may_call(
    given: dict[str, Any], code: str, values: dict[str, Any]
) -> None:
    outcome = run("sell", {"id": "a"}, attachments=attach("lines", {"lines": []}), **given)
    assert (outcome.code, outcome.values) == (code, values)


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ({}, "id"),
        ({"id": 5}, "id"),
        ({"id": "a", "count": -1}, "count"),
        ({"id": "a", "count": True}, "count"),
        ({"id": "a", "other": 1}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_arguments_of_the_wrong_shape_are_rejected(args: Any, path: str) -> None:
    outcome = run("sell", args, attachments=attach("lines", {"lines": []}))
    assert (outcome.code, outcome.values["path"]) == ("args.shape", path)


@pytest.mark.parametrize(
    ("audiences", "missing", "unexpected"),
    [((), ["lines"], []), (("paper",), ["lines"], []), (("lines", "spy"), [], ["spy"])],
)
def test_missing_and_unexpected_attachments_are_rejected(
    audiences: tuple[str, ...], missing: list[str], unexpected: list[str]
) -> None:
    attachments = {}
    for audience in audiences:
        attachments |= attach(audience, {"lines": []})
    outcome = run("sell", {"id": "a"}, attachments=attachments)
    assert outcome.code == "args.attachment"
    assert (outcome.values["missing"], outcome.values["unexpected"]) == (missing, unexpected)


def test_a_method_without_attachments_takes_none() -> None:
    assert run("refuse", {}, attachments=attach("lines", {})).code == "args.attachment"


def test_an_undeclared_content_passes_as_it_is() -> None:
    assert run("keep", {}, attachments=attach("raw", [1, "x"])).answer == {"raw": [1, "x"]}


def test_the_refusal_of_an_attachment_does_not_repeat_its_content() -> None:
    content = {"lines": [{"amount_fen": 1}, {"amount_fen": "hypertension"}]}
    outcome = run("sell", {"id": "a"}, attachments=attach("lines", content))
    assert outcome.code == "args.shape"
    assert outcome.values["path"] == "attachments.lines.lines[1].amount_fen"
    assert outcome.values["found"] == "text of 12 characters"
    assert "hypertension" not in repr(outcome)


def test_a_rejection_leaves_nothing_but_code_and_values() -> None:
    assert run("refuse", {}) == Outcome("rejected", "till.closed", {"hour": 23})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OutOfBudget(10), "policy.out-of-budget"),
        (PolicyFault("f", 3, 4, {}), "policy.fault"),
        (PolicyFault("fail:no-filing", 3, 4, {}), "policy.refuses"),
    ],
)
def test_the_end_of_a_policy_run_is_a_refusal_of_its_own(error: Exception, code: str) -> None:
    def body(ctx: Context) -> Answer:
        raise error

    outcome = one_method(body).call(make_context(), "one", "go", {})
    assert (outcome.status, outcome.code) == ("rejected", code)


@pytest.mark.parametrize("error", [AssertionError("x"), KeyError("x"), ZeroDivisionError()])
def test_a_bug_is_never_a_refusal(error: Exception) -> None:
    def body(ctx: Context) -> Answer:
        raise error

    with pytest.raises(type(error)):
        one_method(body).call(make_context(), "one", "go", {})


def post(*legs: tuple[str, Any]) -> Callable[[Context], Answer]:
    def body(ctx: Context) -> Answer:
        ctx.postings += [Posting(transfer, "a", "310", amount) for transfer, amount in legs]
        return {}

    return body


def test_postings_that_balance_for_each_transfer_pass() -> None:
    runtime = one_method(post(("t", 5), ("u", -2), ("t", -5), ("u", 2)))
    assert len(runtime.call(make_context(), "one", "go", {}).postings) == 4


@pytest.mark.parametrize(
    "body",
    [
        post(("t", 5), ("t", -4)),
        post(("t", 5), ("u", -5)),
        post(("t", True), ("t", -1)),
        post(*[("t", 0)] * (POSTINGS_MAX + 1)),
        lambda ctx: [ctx.emit("x") for _ in range(EVENTS_MAX + 1)] and {},
        lambda ctx: {"a": [0] * ITEMS_MAX},
        lambda ctx: {"a": "x" * (TEXT_MAX + 1)},
        lambda ctx: {"a": 1.5},
        lambda ctx: {1: 1},
        lambda ctx: None,
        lambda ctx: ctx.emit("x", big=b"x" * (TEXT_MAX + 1)) or {},
        lambda ctx: {"a": [[[[[[[[[[[[[[]]]]]]]]]]]]]]},
        lambda ctx: {"a": 2**63},
        lambda ctx: ctx.emit("x", small=-(2**63) - 1) or {},
        post(("t", 2**63), ("t", -(2**63))),
        lambda ctx: reject("claim.bug", ratio=0.5),
        lambda ctx: reject("claim.bug", text="x" * (TEXT_MAX + 1)),
    ],
)
def test_what_a_method_must_never_leave_stops_the_node(body: Callable[[Context], Answer]) -> None:
    with pytest.raises(AssertionError):
        one_method(body).call(make_context(), "one", "go", {})


def test_a_method_is_declared_once() -> None:
    with pytest.raises(AssertionError):
        TILL.method(args={})(sell)


def test_a_method_describes_itself() -> None:
    told = TILL.methods["sell"].describe()
    assert told["summary"] == "Sell something."
    assert told["args"]["count"] == {
        "type": "int", "min": 0, "max": 10**15, "unit": "fen", "optional": True, "default": 7,
    }  # fmt: skip
    assert [told["attachments"][a]["required"] for a in ("lines", "paper")] == [True, False]
    assert TILL.methods["keep"].describe()["attachments"]["raw"]["shape"] == {"type": "any"}


def test_the_engine_lists_every_code_it_uses() -> None:
    codes = {"call.unknown-contract", "call.unknown-method", "sender.kind", "sender.post"}
    codes |= {"args.shape", "args.attachment", OutOfBudget(1).code}
    assert codes | {PolicyFault("f", 1, 1, {}).code} <= set(TABLE)


def versions(*numbers: int) -> Registry:
    return Registry([Contract("c", number) for number in numbers])


def test_the_schedule_decides_which_version_runs() -> None:
    registry, state = versions(1, 2, 3), MemoryState()
    newest = registry.in_force(state, "c", 0)
    assert newest is not None
    assert newest.version == 3
    switch(state, "c", 1, 0)
    switch(state, "c", 2, 10)
    found = [registry.in_force(state, "c", height) for height in (0, 9, 10, 11)]
    assert [contract and contract.version for contract in found] == [1, 1, 2, 2]
    assert registry.in_force(state, "d", 5) is None


def test_a_contract_does_not_run_before_its_first_height() -> None:
    state = MemoryState()
    switch(state, "c", 1, 10)
    assert versions(1).in_force(state, "c", 9) is None
    assert Runtime(versions(1)).call(make_context(state=state), "c", "m", {}).code == (
        "call.unknown-contract"
    )


def test_a_build_without_the_version_in_force_stops() -> None:
    state = MemoryState()
    switch(state, "c", 2, 3)
    with pytest.raises(VersionMissing, match="upgrade this node") as caught:
        versions(1).in_force(state, "c", 3)
    assert (caught.value.version, caught.value.present) == (2, [1])
    switch(state, "new", 1, 3)
    with pytest.raises(VersionMissing):
        versions(1).in_force(state, "new", 3)


def test_a_later_vote_replaces_what_it_overtakes() -> None:
    state = MemoryState()
    switch(state, "c", 2, 10)
    switch(state, "c", 3, 20)
    switch(state, "c", 1, 10)
    assert state.get(STATE_KEY) == {"c": [[10, 1]]}


def test_a_registry_knows_its_versions() -> None:
    registry = versions(2, 1)
    assert registry.names() == ["c"]
    assert registry.versions("c") == [1, 2]
    assert registry.versions("d") == []
    assert registry.get("c", 2) is registry.newest()[0]
    assert repr(registry.get("c", 1)) == "Contract('c', version=1)"
    assert version_at({}, "c", 5) is None
    with pytest.raises(AssertionError):
        versions(1, 1)


def test_a_call_keeps_its_explanation_and_a_refusal_reads_like_one() -> None:
    def body(ctx: Context) -> Answer:
        ctx.explain({"steps": []})
        return {}

    assert one_method(body).call(make_context(), "one", "go", {}).explanation == {"steps": []}
    with pytest.raises(Exception, match=r"till.closed\(hour=23\)"):
        reject("till.closed", hour=23)
