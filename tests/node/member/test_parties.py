"""A hospital's months, a finance department's notices: proved, whatever nodes say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from node.ledger.evidence import ReceiptFacts, StateFacts, verify_evidence
from node.member.build import Built
from node.member.kinds import deduction, settlement
from node.member.notices import month_of, months_of, with_payments
from tests.contracts.world import BANK
from tests.node.api.real import OTHER_HOSPITAL
from tests.node.member.liars import LIARS, Stale, about, content, withholds
from tests.node.member.parties import (
    BACK,
    CAME_BACK,
    CLEARING,
    DECIDED,
    DEDUCTED,
    FINANCE_GUANGDONG,
    FINANCE_GUANGZHOU,
    FINANCE_HUNAN,
    FUNDS,
    HOSPITAL,
    JULY,
    JUNE,
    LATE,
    MONTH_NOTICE,
    ONE,
    OWED,
    REFUND,
    TWO,
    WAITING,
    Story,
    hides,
)
from tests.node.store.sim_kv import Crash

KINDS = ("settlement", "refund", "declared", "month", "deduction", "notice", "payment", "unpaid",
         "payable", "office")  # fmt: skip


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    made = Story(tmp_path_factory.mktemp("ledger"))
    yield made
    made.close()


def states(built: Built, kind: str) -> dict[str, str]:
    return {record.name: record.state for record in built.records.listed(kind)}


def everything(built: Built) -> dict[tuple[str, str], Mapping[str, Any]]:
    """All that is known, without where it was proved."""
    return {
        (kind, record.name): {"state": record.state, **record.facts}
        for kind in KINDS
        for record in built.records.listed(kind)
    }


def all_true(story: Story, organisation: str) -> dict[tuple[str, str], Mapping[str, Any]]:
    """What an honest node alone leads to."""
    return everything(story.at(organisation).rounds(2))


# --- What each of them knows ----------------------------------------------------------------------


def test_a_hospital_has_its_months_to_the_banks_reference(story: Story) -> None:
    built = story.at(HOSPITAL).rounds(2)
    june, july = months_of(built.records)
    assert (june["name"], june["state"], june["settlements"]) == (JUNE, "confirmed", 4)
    assert (june["declared_fen"], june["deducted_fen"], june["confirmed_fen"]) == (
        FUNDS, DEDUCTED, OWED,
    )  # fmt: skip
    assert (june["notice"], june["expected_fen"], june["carried_fen"]) == (MONTH_NOTICE, OWED, 0)
    assert (june["received_fen"], june["open_fen"]) == (OWED - CAME_BACK, CAME_BACK)
    told = [(one["payment"], one["state"], one["reference"]) for one in june["payments"]]
    assert told == [(story.first, "part-back", "R-1"), (story.rest, "approved", "")]
    assert (july["name"], july["state"], july["expected_fen"]) == (JULY, "declared", None)
    assert (july["pending_deductions"], july["confirmed_fen"]) == (1, None)
    assert states(built, "settlement") == dict.fromkeys((ONE, TWO, BACK, LATE), "settled")
    assert states(built, "refund") == {REFUND: "refunded"}
    assert states(built, "deduction") == {DECIDED: "decided", WAITING: "noticed"}
    (unpaid,) = built.records.listed("unpaid")
    assert unpaid.facts["months"] == [JUNE, JULY]
    assert built.status()["open"] == {
        "deduction": 1, "month": 1, "notice": 1, "payable": 1, "payment": 1, "unpaid": 1
    }  # fmt: skip


def test_an_accountant_finds_each_settlement_of_a_month(story: Story) -> None:
    built = story.at(HOSPITAL).rounds(2)
    told = month_of(built.records, JUNE)
    assert told is not None
    assert (told["rows_proved"], told["rows_fen"], told["rows_agree"]) == (4, FUNDS, True)
    rows = {row["settlement"]: row["funds_fen"] for row in told["rows"]}
    assert rows.keys() == {ONE, TWO, BACK, REFUND}
    assert rows[BACK] == -rows[REFUND]
    assert sum(rows.values()) == FUNDS
    assert all(row["receipt"] for row in told["rows"])
    assert [(one["name"], one["decided_fen"]) for one in told["deductions"]] == [
        (DECIDED, DEDUCTED)
    ]
    assert month_of(built.records, "2024-01") is None


def test_a_finance_department_has_what_it_pays_and_what_it_awaits(story: Story) -> None:
    city = story.at(FINANCE_GUANGZHOU).rounds(2)
    (notice,) = city.records.listed("notice")
    told = with_payments(city.records, notice)["payments"]
    assert [(one["payment"], one["state"], one["reference"]) for one in told] == [
        (story.first, "part-back", "R-1"), (story.rest, "approved", ""),
    ]  # fmt: skip
    assert (notice.name, notice.facts["side"]) == (MONTH_NOTICE, "pay")
    assert (notice.facts["amount_fen"], notice.facts["open_fen"]) == (OWED, CAME_BACK)
    assert notice.facts["payment"] == story.rest
    assert states(city, "payment") == {story.first: "part-back", story.rest: "approved"}
    (first,) = [one for one in city.records.listed("payment") if one.name == story.first]
    assert first.facts["returns"] == [
        {"reference": "B-1", "value_on": "2025-07-03", "reason": "limit", "amount_fen": CAME_BACK}
    ]
    home = story.at(FINANCE_HUNAN).rounds(2)
    sides = {n.name: n.facts["side"] for n in home.records.listed("notice")}
    assert sides == {CLEARING: "pay"}
    care = story.at(FINANCE_GUANGDONG).rounds(2)
    sides = {n.name: n.facts["side"] for n in care.records.listed("notice")}
    assert sides == {CLEARING: "collect", MONTH_NOTICE: "pay"}, "its own and its city's"
    assert story.across in states(care, "payment")


def test_every_record_holds_from_genesis_with_all_nodes_off(story: Story) -> None:
    for organisation in (HOSPITAL, FINANCE_GUANGZHOU):
        built = story.at(organisation).rounds(2)
        seen = set()
        for kind in KINDS:
            for record in built.records.listed(kind):
                data = built.records.evidence(kind, record.name)
                facts = verify_evidence(data or b"", story.month.world.genesis)
                assert isinstance(facts, StateFacts | ReceiptFacts)
                assert facts.header.hash == record.block
                seen.add(kind)
                if kind == "month":
                    assert isinstance(facts, StateFacts)
                    assert facts.key == f"declaration/{HOSPITAL}/{record.name}"
                if kind == "payment":
                    assert isinstance(facts, StateFacts)
                    assert facts.value[2] == record.facts["amount_fen"]
        if organisation == HOSPITAL:
            assert seen == set(KINDS) - {"office"}


def test_what_one_node_has_proved_is_not_asked_of_the_next(story: Story) -> None:
    desk = story.at(HOSPITAL, None, None)
    desk.rounds(1, desk.open(refresh=5))
    first, second = ([path for path in door.asked if "evidence" in path] for door in desk.doors)
    assert len(first) > 10
    assert second == []


def test_a_list_is_gone_along_once(story: Story) -> None:
    desk = story.at(HOSPITAL)
    desk.rounds(1)
    desk.rounds(1)  # after a restart
    head = story.month.world.node.head.height
    asked = [query for path, query in desk.doors[0].queries if path.endswith("/changes")]
    assert asked[0].endswith("after=")
    assert asked[-1].endswith(f"after={head}%3A9999999")
    assert len(asked) == 2


def test_others_get_nothing_of_it(story: Story) -> None:
    built = story.at(OTHER_HOSPITAL).rounds(2)
    assert {kind for kind, _ in everything(built)} == {"unpaid", "payable"}
    assert built.status()["agree"] == 1
    (unpaid,) = built.records.listed("unpaid")
    assert (unpaid.state, unpaid.facts["amount_fen"]) == ("none", 0)
    facts = verify_evidence(
        built.records.evidence("unpaid", OTHER_HOSPITAL) or b"", story.month.world.genesis
    )
    assert isinstance(facts, StateFacts)
    assert not facts.present, "that nothing is owed is proved as well"


# --- Nodes that lie -------------------------------------------------------------------------------


@pytest.mark.parametrize("organisation", [HOSPITAL, FINANCE_GUANGZHOU])
@pytest.mark.parametrize("name", sorted(LIARS))
def test_a_liar_alone_gets_nothing_false_in(story: Story, organisation: str, name: str) -> None:
    true = all_true(story, organisation)
    built = story.at(organisation, LIARS[name]()).rounds(3)
    assert everything(built).items() <= true.items()
    (node,) = built.status()["nodes"]
    harmless = name in ("stale", "leaves_orders_out", "lists_too_early", "claims_the_order")
    if not harmless:
        assert node["state"] != "agrees", node


@pytest.mark.parametrize("organisation", [HOSPITAL, FINANCE_GUANGZHOU])
@pytest.mark.parametrize("name", sorted(LIARS))
def test_beside_liars_one_honest_node_is_enough(story: Story, organisation: str, name: str) -> None:
    true = all_true(story, organisation)
    built = story.at(organisation, LIARS[name](), LIARS[name](), None).rounds(2)
    assert everything(built) == true
    assert built.status()["nodes"][2]["state"] == "agrees"


def test_what_a_proof_names_cannot_be_hidden(story: Story) -> None:
    """No node lists the months, their notice or any payment: the institution's own entry names the
    months that are not paid, these their notices, these their payments, each the one before it."""
    desk = story.at(HOSPITAL, hides("month", "notice", "payment"))
    built = desk.rounds(8)
    true = all_true(story, HOSPITAL)
    known = everything(built)
    assert states(built, "month") == {JUNE: "confirmed", JULY: "declared"}
    assert states(built, "notice") == {MONTH_NOTICE: "paying"}
    assert set(states(built, "payment")) == {story.first, story.rest}
    assert known == true


def test_a_notice_that_one_node_hides_another_names(story: Story) -> None:
    built = story.at(FINANCE_GUANGZHOU, hides(MONTH_NOTICE), None).rounds(2)
    assert set(states(built, "notice")) == {MONTH_NOTICE}


def lists_too(*rows: dict[str, Any]) -> Any:
    """A node that lists more, with the place of a true row."""

    @about("/changes")
    def bend(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        document = json.loads(answer.content)
        for row in rows:
            like = [one for one in document["changes"] if one["kind"] == row["kind"]]
            document["changes"].append({**like[0], **row})
        return content(answer, json.dumps(document).encode())

    return bend


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"kind": "notice", "name": "institution:2025-05:" + HOSPITAL}, "read.no-right"),
        ({"kind": "notice", "name": CLEARING}, "read.no-right"),
        ({"kind": "month", "name": "2025-05"}, "member.other-subject"),
        ({"kind": "settlement", "name": TWO + "9"}, "member.other-subject"),
        ({"kind": "refund", "name": ONE}, "member.other-subject"),
        ({"kind": "declared", "name": JULY}, "member.other-subject"),
        ({"kind": "declared", "name": f"{JUNE}.{'0' * 64}.0"}, "member.other-subject"),
        ({"kind": "settlement", "name": "x", "tx_id": "zz" * 32}, "member.answer-shape"),
        ({"kind": "settlement", "name": "x", "call_index": -1}, "member.answer-shape"),
        ({"kind": "settlement", "name": "x", "call_index": True}, "member.answer-shape"),
        ({"kind": "settlement", "name": "x", "at_height": 10**15}, "member.answer-shape"),
        ({"kind": "settlement", "name": ONE, "at_height": 10**14}, "member.stale"),
        ({"kind": "settlement", "name": "n" * 200}, "member.answer-shape"),
        ({"kind": "settlement", "name": 7}, "member.answer-shape"),
    ],
)  # fmt: skip
def test_what_is_not_so_is_not_proved(story: Story, row: dict[str, Any], code: str) -> None:
    built = story.at(HOSPITAL, lists_too(row)).rounds()
    assert everything(built).keys() <= all_true(story, HOSPITAL).keys()
    built = story.at(HOSPITAL, lists_too(row)).rounds()
    (node,) = built.status()["nodes"]
    assert (node["state"] in ("lies", "declines"), node["code"]) == (True, code)


def test_true_things_listed_again_and_again_cost_one_proof_each(story: Story) -> None:
    """Else a list of true names with heights to come would keep the process from everybody else."""

    @about("/changes")
    def again(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        document = json.loads(answer.content)
        document["changes"] = [
            {**row, "at_height": height}
            for row in document["changes"]
            if row["kind"] == "notice"
            for height in range(row["at_height"], 10**6, 100)
        ]
        return content(answer, json.dumps(document).encode())

    desk = story.at(HOSPITAL, again, None)
    built = desk.rounds(2)
    assert len([path for path in desk.doors[0].asked if "evidence" in path]) < 10
    assert everything(built) == all_true(story, HOSPITAL)


def test_what_closed_a_month_has_not_declared_it(story: Story) -> None:
    """Calls of the hospital about the same month, each under the name that it would have."""

    @about("/changes")
    def bend(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        document = json.loads(answer.content)
        true = {(row["tx_id"], row["call_index"]) for row in document["changes"]
                if row["kind"] == "declared"}  # fmt: skip
        document["changes"] = [
            {**row, "kind": "declared", "name": f"{row['name']}.{row['tx_id']}.{row['call_index']}"}
            for row in document["changes"]
            if row["kind"] == "month" and (row["tx_id"], row["call_index"]) not in true
        ]
        return content(answer, json.dumps(document).encode())

    built = story.at(HOSPITAL, bend).rounds()
    (node,) = built.status()["nodes"]
    assert (node["state"], node["code"]) == ("lies", "member.other-subject")
    assert states(built, "declared") == {}


def test_a_receipt_that_may_not_be_read_holds_up_nothing(story: Story) -> None:
    built = story.at(HOSPITAL, withholds).rounds(2)
    true = all_true(story, HOSPITAL)
    by_receipt = ("settlement", "refund", "declared")
    assert everything(built) == {
        thing: facts for thing, facts in true.items() if thing[0] not in by_receipt
    }
    assert built.status()["nodes"][0]["state"] == "agrees"
    june = month_of(built.records, JUNE)
    assert june is not None
    assert (june["expected_fen"], june["rows_agree"]) == (OWED, False), "nobody is told that it is"
    assert everything(story.at(HOSPITAL, withholds, None).rounds(2)) == true


@pytest.mark.parametrize("kind", ["notice", "payment"])
def test_a_true_thing_of_others_is_not_taken_for_ones_own(story: Story, kind: str) -> None:
    """A finance department of the province may read its city's notices, a bureau's node could serve
    it anybody's: the proofs are good, and of what is none of its own."""
    kept: dict[str, bytes] = {}
    name = {"notice": MONTH_NOTICE, "payment": story.first}[kind]

    def keeps(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if answer.status_code == 200 and "state/evidence" in request.url.path:
            kept[request.url.params["key"]] = answer.content
        return answer

    def serves(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if answer.status_code == 403 and request.url.params.get("key") in kept:
            return content(httpx.Response(200), kept[request.url.params["key"]])
        return lists_too({"kind": kind, "name": name})(request, answer)

    story.at(FINANCE_GUANGDONG, keeps).rounds()
    built = story.at(FINANCE_HUNAN, serves).rounds()
    (node,) = built.status()["nodes"]
    assert (node["state"], node["code"]) == ("lies", "member.not-party")
    assert set(states(built, "notice")) == {CLEARING}
    assert set(states(built, "payment")) == {story.across}


@pytest.mark.parametrize("kind", ["unpaid", "payable"])
def test_what_others_are_owed_does_not_get_in(story: Story, kind: str) -> None:
    """Entries of the organisation's own need no list. A bureau's node could prove what another
    institution is owed, or that nothing is."""
    kept: dict[str, bytes] = {}

    def keeps(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if "state/evidence" in request.url.path:
            kept[request.url.params["key"]] = answer.content
        return answer

    @about("/changes")
    def lists(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        row = {"kind": kind, "name": HOSPITAL, "at_height": 2, "tx_id": "00" * 32, "call_index": 0}
        document = {**json.loads(answer.content), "changes": [row]}
        return content(answer, json.dumps(document).encode())

    def serves(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        key = request.url.params.get("key", "")
        if answer.status_code == 403 and key in kept:
            return content(httpx.Response(200), kept[key])
        return lists(request, answer)

    story.at(HOSPITAL, keeps).rounds()
    built = story.at(OTHER_HOSPITAL, serves).rounds(2)
    assert set(states(built, kind)) == {OTHER_HOSPITAL}


@pytest.mark.parametrize("error", [TypeError, ValueError, KeyError, IndexError, AttributeError])
def test_a_certified_form_that_is_not_known_ends_nothing(
    story: Story, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """A network that is newer than this build: the process goes on, and keeps no guess."""

    def fails(*_value: Any) -> Any:
        raise error

    monkeypatch.setattr(deduction, "Deduction", SimpleNamespace(decode=fails))
    built = story.at(HOSPITAL).rounds(2)
    (node,) = built.status()["nodes"]
    assert (node["state"], node["code"]) == ("lies", "member.unknown-form")
    assert states(built, "deduction") == {}
    monkeypatch.undo()
    monkeypatch.setattr(settlement, "event_of", fails)
    built = story.at(HOSPITAL).rounds(2)
    (node,) = built.status()["nodes"]
    assert (node["state"], node["code"]) == ("lies", "member.unknown-form")


def test_what_this_build_does_not_follow_is_passed_over(story: Story) -> None:
    true = all_true(story, HOSPITAL)

    @about("/changes")
    def newer(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        document = json.loads(answer.content)
        more = [{**row, "kind": "of-next-year"} for row in document["changes"][:1]]
        document["changes"] = more + document["changes"]
        return content(answer, json.dumps(document).encode())

    built = story.at(HOSPITAL, newer).rounds(2)
    assert everything(built) == true
    assert built.status()["nodes"][0]["state"] == "agrees"


# --- Killed at each write -------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["crash_before", "crash_after"])
def test_killed_at_each_write_it_goes_on(story: Story, when: str) -> None:
    true = all_true(story, HOSPITAL)
    whole = story.at(HOSPITAL)
    whole.rounds(2)
    for number in range(1, whole.kv.writes + 1):
        desk = story.at(HOSPITAL)
        setattr(desk.kv, when, number)
        with pytest.raises(Crash):
            desk.rounds(2)
        desk.kv = desk.kv.after_crash()
        assert everything(desk.rounds(2)) == true, number


# --- What goes on. These come last: they move the story ------------------------------------------


def confirm(story: Story, payment: str, fen: int, reference: str) -> None:
    told = {"payment": payment, "amount_fen": fen, "reference": reference,
            "value_on": "2025-08-01"}  # fmt: skip
    story.month.do(BANK, "payment", "confirm", told, "operator")


def test_an_old_state_is_refused_although_it_was_true(story: Story) -> None:
    desk = story.at(FINANCE_HUNAN, about("state/evidence")(Stale()), None)
    built = desk.rounds(2)
    assert states(built, "payment") == {story.across: "approved"}
    confirm(story, story.across, OWED, "HN-1")
    desk.rounds(1, built)
    stale, _ = built.status()["nodes"]
    assert (stale["state"], stale["code"]) == ("lies", "member.stale")
    assert states(built, "payment") == {story.across: "paid"}
    assert states(built, "notice") == {CLEARING: "paid"}
    assert built.status()["open"] == {"office": 1}


def test_what_nobody_lists_is_seen_when_it_is_looked_up_again(story: Story) -> None:
    desk = story.at(FINANCE_GUANGZHOU, None)
    built = desk.rounds(2)
    desk.doors[0].bend = hides("notice", "payment")
    confirm(story, story.rest, CAME_BACK, "GZ-9")
    desk.rounds(1, built)
    assert states(built, "notice") == {MONTH_NOTICE: "paid"}
    assert states(built, "payment")[story.rest] == "paid"


def test_the_payees_bank_says_what_it_received(story: Story) -> None:
    """A paid payment is not looked up again: the list says that it changed."""
    desk = story.at(HOSPITAL)
    built = desk.rounds(2)
    asked = len(desk.doors[0].asked)
    received = {"payment": story.rest, "amount_fen": CAME_BACK, "reference": "CCB-4",
                "value_on": "2025-08-01"}  # fmt: skip
    story.month.do("bank:ccb", "payment", "receive", received, "operator")
    desk.rounds(1, built)
    june = next(months_of(built.records))
    assert [one["received_reference"] for one in june["payments"]] == ["", "CCB-4"]
    assert (june["received_fen"], june["open_fen"]) == (OWED, 0)
    proofs = [path for path in desk.doors[0].asked[asked:] if "evidence" in path]
    assert len(proofs) <= 6, "what is paid and unchanged is not proved again"


def test_offline_an_accountant_needs_no_node(story: Story) -> None:
    desk = story.at(HOSPITAL)
    desk.rounds(2)
    before = month_of(desk.open().records, JUNE)
    desk.doors[0].bend = LIARS["silent"]()
    built = desk.rounds(1)
    assert built.status()["agree"] == 0
    assert month_of(built.records, JUNE) == before
