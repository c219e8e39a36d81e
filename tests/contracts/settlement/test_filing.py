"""Filing: appended versions, the home area's rules, and which version covers a stay."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import parameters
from contracts.settlement import filing_cover, filing_record
from contracts.settlement.calendar import add_days, work_calendar
from contracts.settlement.filing_cover import Cover, find_cover, in_force
from contracts.settlement.filing_record import Row, load_filing, load_index
from tests.contracts import world as w
from tests.contracts.settlement.registries import (
    BIRTH,
    CANARIES,
    IDENTITY,
    enrol,
    leaks,
    registry_world,
)
from tests.contracts.world import World

C = "filing"
BUREAU = w.BUREAU_CHANGSHA
GUANGZHOU, SHENZHEN = "440100", "440300"
NOTE = "canary note of a filing"


def rules(**changes: Any) -> dict[str, Any]:
    return dict(parameters.AREA["filing"].default) | {"automatic": ["other", "referral"]} | changes


def set_rules(world: World, **changes: Any) -> None:
    args = {"name": "filing", "region": "430100", "value": rules(**changes)}
    world.do(BUREAU, "organisations", "set_parameter", args)


@pytest.fixture
def world() -> World:
    """Changsha approves referrals and others at once; it is 10 June 2025."""
    world = registry_world()
    enrol(world)
    set_rules(world)
    return world


def statement(**changes: Any) -> dict[str, Any]:
    return {"type": "other", "care_region": GUANGZHOU, "channel": "app"} | changes


def submit(world: World, filing: str = "430100f1", sender: str = BUREAU, **changes: Any) -> Any:
    args = {"filing": filing, "person": w.ALICE, **statement(**changes)}
    return world.do(sender, C, "submit", args, post="clerk").answer


def follow(world: World, method: str, version: int, filing: str = "430100f1", **args: Any) -> Any:
    return world.do(
        BUREAU, C, method, {"filing": filing, "version": version, **args}, post="clerk"
    ).answer


def cover(
    world: World, admission: str, discharge: str, region: str = GUANGZHOU, **more: Any
) -> Cover:
    return find_cover(world.state, w.ALICE, region, admission, discharge, **more)


def reason(
    world: World, admission: str, discharge: str, region: str = GUANGZHOU, **more: Any
) -> str:
    found = cover(world, admission, discharge, region, **more)
    assert found.found == (not found.reason)
    return found.reason or f"{found.filing}/{found.version}"


# --- Submitting -----------------------------------------------------------------------------------


def test_a_temporary_filing_is_approved_at_once_for_six_months(world: World) -> None:
    answer = submit(world.on("2025-08-31"))
    assert answer == {
        "version": 1,
        "status": "approved",
        "effective_from": "2025-08-31",
        "valid_to": "2026-02-28",
        "provisional_until": None,
        "decide_by": None,
    }
    filing = load_filing(world.state, "430100f1")
    assert filing is not None
    assert (filing.person, filing.area, len(filing.salt)) == (w.ALICE, "430100", 32)
    assert filing.salt != world.state.get(f"filings/{w.ALICE}")[1]


def test_the_work_list_has_a_deadline_in_working_days(world: World) -> None:
    holidays = {"off": ["2025-06-12"], "on": ["2025-06-14"]}
    world.do(
        w.CENTRE, "organisations", "set_parameter",
        {"name": "holidays", "region": "000000", "value": holidays},
    )  # fmt: skip
    assert work_calendar(world.state).is_working_day("2025-06-14")
    set_rules(world, decide_within=3)
    answer = submit(world, type="living_elsewhere")
    # 11 and 13 June, then the Saturday that is worked for the Thursday.
    assert (answer["status"], answer["decide_by"]) == ("pending", "2025-06-14")
    assert reason(world, "2025-06-10", "2025-06-12") == "filing.pending"
    assert follow(world, "decide", 2, decision="approve")["status"] == "approved"
    # The approval keeps the day of submission: it was filed during this stay.
    assert reason(world, "2025-06-09", "2025-06-12") == "430100f1/2"
    filing = load_filing(world.state, "430100f1")
    assert filing is not None
    assert [v.status for v in filing.versions] == ["pending", "approved"]
    assert filing.versions[1].valid_to is None


def test_returned_refused_and_asked_again(world: World) -> None:
    submit(world, type="posted_elsewhere")
    follow(world, "decide", 2, decision="return", reason="papers_missing")
    assert reason(world, "2025-06-10", "2025-06-12") == "filing.returned"
    follow(world, "change", 3, **statement(type="posted_elsewhere"))
    assert reason(world, "2025-06-10", "2025-06-12") == "filing.pending"
    follow(world, "decide", 4, decision="refuse", reason="not_entitled")
    assert reason(world, "2025-06-10", "2025-06-12") == "filing.refused"
    args = {"filing": "430100f1", "version": 5, **statement()}
    world.refused("filing.ended", BUREAU, C, "change", args)
    cancel = {"filing": "430100f1", "version": 5, "last_day": "2025-07-01"}
    world.refused("filing.ended", BUREAU, C, "cancel", cancel)


def test_the_same_filing_twice_is_one(world: World) -> None:
    first = submit(world)
    before = dict(world.state.entries)
    assert submit(world) == first
    assert world.state.entries == before
    other = {"filing": "430100f1", "person": w.ALICE, **statement(care_region=SHENZHEN)}
    world.refused("filing.duplicate-id", BUREAU, C, "submit", other)
    cancelled = follow(world, "cancel", 2, last_day="2025-06-30")
    assert follow(world, "cancel", 2, last_day="2025-06-30") == cancelled
    # The first answer stands, whatever was appended since.
    assert submit(world) == first
    stale = {"filing": "430100f1", "version": 2, "last_day": "2025-07-30"}
    outcome = world.refused("filing.version", BUREAU, C, "cancel", stale)
    assert outcome.values["expected"] == 3


@pytest.mark.parametrize(
    ("code", "sender", "changes"),
    [
        ("sender.not-competent", w.BUREAU_GUANGZHOU, {}),
        ("sender.kind", w.BANK, {}),
        ("filing.not-by-hospital", w.HOSPITAL, {}),
        ("enrolment.unknown-person", BUREAU, {"person": "p:430100:nobody"}),
        ("filing.region", BUREAU, {"care_region": "440106"}),
        ("filing.region", BUREAU, {"care_region": "000000"}),
        ("filing.home-place", BUREAU, {"care_region": "430100"}),
        ("filing.home-place", BUREAU, {"care_region": "430000"}),
        ("filing.too-far-back", BUREAU, {"effective_from": "2025-06-09"}),
        ("filing.too-far-ahead", BUREAU, {"effective_from": "2026-06-12"}),
        ("filing.validity", BUREAU, {"valid_to": "2025-06-09"}),
        ("filing.validity", BUREAU, {"valid_to": "2025-12-11"}),
        ("filing.no-commitment", BUREAU, {"on_commitment": True}),
        ("args.shape", BUREAU, {"type": "holiday"}),
        ("args.shape", BUREAU, {"filing": "x" * 31}),
        ("args.shape", BUREAU, {"effective_from": "2025-13-01"}),
    ],
)
def test_a_filing_is_refused(world: World, code: str, sender: str, changes: dict[str, Any]) -> None:
    args = {"filing": "430100f1", "person": w.ALICE, **statement()} | changes
    outcome = world.refused(code, sender, C, "submit", args)
    # A shape lists the words that it allows, so only what is the person's own can leak.
    assert not leaks(outcome, [BIRTH, IDENTITY])


def test_nobody_files_after_the_insurance_ended(world: World) -> None:
    submit(world)
    world.do(
        BUREAU, "enrolment", "close", {"person": w.ALICE, "revision": 2},
        attachments={"person": {"last_day": "2025-06-08", "cause": "death"}},
    )  # fmt: skip
    args = {"filing": "430100f2", "person": w.ALICE, **statement()}
    world.refused("enrolment.ended", BUREAU, C, "submit", args)
    change = {"filing": "430100f1", "version": 3, **statement()}
    world.refused("enrolment.ended", BUREAU, C, "change", change)


def test_a_hospital_files_a_referral(world: World) -> None:
    said = statement(type="referral", hospital=w.HOSPITAL, channel="hospital")
    args = {"filing": "430100f1", "person": w.ALICE, **said}
    world.refused("sender.foreign-id", w.HOSPITAL, C, "submit", args)
    world.do(w.HOSPITAL, C, "submit", args | {"filing": "H44010000123f1"})
    # The hospital is a fact: another one of the city is covered too.
    assert reason(world, "2025-06-11", "2025-06-12", region="440106") == "H44010000123f1/1"


def test_notes_and_papers_stay_in_the_attachment(world: World) -> None:
    args = {"filing": "430100f1", "person": w.ALICE, **statement()}
    papers = {"materials": [{"kind": "referral_slip", "sha256": bytes(range(32))}], "note": NOTE}
    outcome = world.do(BUREAU, C, "submit", args, attachments={"filing": papers})
    canaries = [*CANARIES, NOTE, bytes(range(32))]
    assert not leaks(outcome, canaries)
    stored = b"".join(world.state.entries[k] for k in ("filing/430100f1", f"filings/{w.ALICE}"))
    assert NOTE.encode() not in stored


def test_decisions_are_refused(world: World) -> None:
    submit(world)
    decide = {"filing": "430100f1", "version": 2, "decision": "approve"}
    world.refused("filing.not-pending", BUREAU, C, "decide", decide)
    world.refused("sender.not-competent", w.BUREAU_GUANGDONG, C, "decide", decide)
    world.refused("filing.unknown", BUREAU, C, "decide", decide | {"filing": "430100f9"})
    confirm = {"filing": "430100f1", "version": 2}
    world.refused("filing.not-provisional", BUREAU, C, "confirm", confirm)
    back = {"filing": "430100f1", "version": 2, "last_day": "2025-06-09"}
    world.refused("filing.cancel-back", BUREAU, C, "cancel", back)
    submit(world, "430100f2", type="living_elsewhere")
    silent = {"filing": "430100f2", "version": 2, "decision": "refuse"}
    world.refused("filing.reason-missing", BUREAU, C, "decide", silent)


# --- Long-term filings ----------------------------------------------------------------------------


def test_one_long_term_filing_at_a_time(world: World) -> None:
    set_rules(world, automatic=["living_elsewhere", "retired_elsewhere", "other"])
    submit(world, type="living_elsewhere")
    args = {"filing": "430100f2", "person": w.ALICE, **statement(type="retired_elsewhere")}
    outcome = world.refused("filing.long-term-exists", BUREAU, C, "submit", args)
    assert outcome.values == {"filing": "430100f1"}
    submit(world, "430100f3", care_region=SHENZHEN)
    follow(world, "cancel", 2, last_day="2025-06-30")
    submit(world, "430100f2", type="retired_elsewhere")


def test_two_long_term_filings_may_wait_but_one_is_approved(world: World) -> None:
    submit(world, type="living_elsewhere")
    submit(world, "430100f2", type="retired_elsewhere", care_region=SHENZHEN)
    follow(world, "decide", 2, decision="approve")
    approve = {"filing": "430100f2", "version": 2, "decision": "approve"}
    world.refused("filing.long-term-exists", BUREAU, C, "decide", approve)
    # A change that waits does not hide what stands.
    follow(world, "change", 3, **statement(type="living_elsewhere", care_region="440400"))
    world.refused("filing.long-term-exists", BUREAU, C, "decide", approve)
    # A temporary filing cannot be changed into a second long-term one either.
    submit(world, "430100f3")
    change = {"filing": "430100f3", "version": 2, **statement(type="posted_elsewhere")}
    world.refused("filing.long-term-exists", BUREAU, C, "change", change)
    follow(world, "decide", 2, "430100f2", decision="refuse", reason="wrong_place")


def test_every_step_may_be_repeated(world: World) -> None:
    set_rules(world, provisional_days=30, automatic=[])
    steps: list[tuple[str, dict[str, Any]]] = [
        ("change", statement(care_region=SHENZHEN)),
        ("decide", {"decision": "approve"}),
        ("change", statement(care_region=SHENZHEN, on_commitment=True)),
        ("confirm", {}),
        ("cancel", {"last_day": "2025-06-30"}),
    ]
    submit(world)
    for version, (method, args) in enumerate(steps, 2):
        first = follow(world, method, version, **args)
        before = dict(world.state.entries)
        assert follow(world, method, version, **args) == first
        assert world.state.entries == before
    filing = load_filing(world.state, "430100f1")
    assert filing is not None
    assert [v.status for v in filing.versions] == [
        "pending", "pending", "approved", "approved", "approved", "cancelled",
    ]  # fmt: skip


def test_a_long_term_filing_keeps_its_place_for_some_months(world: World) -> None:
    set_rules(world, automatic=["living_elsewhere"], change_after_months=6)
    submit(world, type="living_elsewhere")
    change = {"filing": "430100f1", "version": 2,
              **statement(type="living_elsewhere", care_region=SHENZHEN)}  # fmt: skip
    outcome = world.on("2025-12-09").refused("filing.too-early", BUREAU, C, "change", change)
    assert outcome.values["earliest"] == "2025-12-10"
    cancel = {"filing": "430100f1", "version": 2, "last_day": "2025-12-31"}
    world.refused("filing.too-early", BUREAU, C, "cancel", cancel)
    world.on("2025-12-10").do(BUREAU, C, "change", change)


# --- Which version covers -------------------------------------------------------------------------


def test_cover_reaches_the_admission_date(world: World) -> None:
    submit(world)
    assert reason(world, "2025-06-10", "2025-06-20") == "430100f1/1"
    assert reason(world, "2025-12-10", "2026-01-20") == "430100f1/1"
    assert reason(world, "2025-12-11", "2026-01-20") == "filing.expired"
    assert reason(world, "2025-06-10", "2025-06-20", region=SHENZHEN) == "filing.wrong-place"
    # A filing made during the stay reaches back to the admission, one made after it does not.
    assert reason(world, "2025-05-20", "2025-06-10") == "430100f1/1"
    assert reason(world, "2025-05-20", "2025-06-09") == "filing.not-yet-effective"
    found = cover(world, "2025-06-10", "2025-06-20")
    assert (found.type, found.in_time, found.channel) == ("other", True, "app")
    assert (found.submitted_on, found.effective_from, found.valid_to) == (
        "2025-06-10", "2025-06-10", "2025-12-10",
    )  # fmt: skip


def test_a_late_filing_reaches_back_and_is_marked(world: World) -> None:
    set_rules(world, retroactive_days={"other": 60})
    submit(world, effective_from="2025-05-01")
    found = cover(world, "2025-05-10", "2025-05-20", today="2025-06-15")
    assert (found.filing, found.in_time) == ("430100f1", False)
    assert cover(world, "2025-05-10", "2025-06-12").in_time
    args = {"filing": "430100f2", "person": w.ALICE, **statement(effective_from="2025-04-10")}
    outcome = world.refused("filing.too-far-back", BUREAU, C, "submit", args)
    assert outcome.values["earliest"] == "2025-04-11"


def test_a_province_covers_its_cities(world: World) -> None:
    submit(world, care_region="440000")
    assert reason(world, "2025-06-10", "2025-06-20", region="440306") == "430100f1/1"
    assert reason(world, "2025-06-10", "2025-06-20", region="450100") == "filing.wrong-place"


def test_nothing_filed_and_nothing_needed(world: World) -> None:
    found = cover(world, "2025-06-10", "2025-06-20")
    assert (found.type, found.reason) == ("none", "filing.none-filed")
    at_home = cover(world, "2025-06-10", "2025-06-20", region="430105")
    assert (at_home.type, at_home.found, at_home.needed) == ("none", True, False)


def test_an_emergency_is_deemed_filed(world: World) -> None:
    found = cover(world, "2025-06-10", "2025-06-20", emergency=True)
    assert (found.type, found.channel, found.filing) == ("emergency", "deemed", "")
    # A better filing of one's own comes first, a worse one does not hurt.
    submit(world)
    assert cover(world, "2025-06-10", "2025-06-20", emergency=True).type == "emergency"
    submit(world, "430100f2", type="referral")
    assert cover(world, "2025-06-10", "2025-06-20", emergency=True).filing == "430100f2"
    assert cover(world, "2025-06-10", "2025-06-20").filing == "430100f2"


def test_an_emergency_filing_covers_emergencies_only(world: World) -> None:
    set_rules(world, automatic=["emergency"])
    submit(world, "H44010000123f1", type="emergency", sender=w.HOSPITAL, channel="hospital")
    assert reason(world, "2025-06-10", "2025-06-20") == "filing.wrong-type"
    assert reason(world, "2025-06-10", "2025-06-20", emergency=True) == "H44010000123f1/1"


def test_regions_that_need_no_filing(world: World) -> None:
    set_rules(world, no_filing_regions={"440100": "living_elsewhere", "110000": "other"})
    found = cover(world, "2025-06-10", "2025-06-20")
    assert (found.type, found.channel, found.filing) == ("living_elsewhere", "deemed", "")
    assert cover(world, "2025-06-10", "2025-06-20", region="110105").type == "other"
    assert reason(world, "2025-06-10", "2025-06-20", region=SHENZHEN) == "filing.none-filed"


def test_a_change_leaves_earlier_days_where_they_were(world: World) -> None:
    set_rules(world, automatic=["living_elsewhere"])
    submit(world.on("2025-05-01"), type="living_elsewhere")
    world.on("2025-06-01")
    follow(world, "change", 2, **statement(type="living_elsewhere", care_region=SHENZHEN))
    assert reason(world, "2025-05-20", "2025-06-05") == "430100f1/1"
    assert reason(world, "2025-06-02", "2025-06-05") == "filing.wrong-place"
    assert reason(world, "2025-06-02", "2025-06-05", region=SHENZHEN) == "430100f1/2"
    # Moved during the stay and treated at the new place: filed during the stay.
    assert reason(world, "2025-05-28", "2025-06-05", region=SHENZHEN) == "430100f1/2"


def test_a_waiting_or_refused_change_changes_nothing(world: World) -> None:
    submit(world)
    set_rules(world, automatic=[])
    follow(world, "change", 2, **statement(care_region=SHENZHEN))
    assert reason(world, "2025-06-10", "2025-06-12") == "430100f1/1"
    assert reason(world, "2025-06-10", "2025-06-12", region=SHENZHEN) == "filing.wrong-place"
    follow(world, "decide", 3, decision="refuse", reason="wrong_place")
    assert reason(world, "2025-06-10", "2025-06-12") == "430100f1/1"
    # It can still be cancelled, and what ends is what stood.
    follow(world, "cancel", 4, last_day="2025-06-15")
    assert reason(world, "2025-06-15", "2025-06-20") == "430100f1/1"
    assert reason(world, "2025-06-16", "2025-06-20") == "filing.cancelled"


def test_a_cancellation_ends_cover_after_its_last_day(world: World) -> None:
    submit(world, effective_from="2025-07-01")
    assert reason(world, "2025-06-11", "2025-06-12") == "filing.not-yet-effective"
    follow(world, "cancel", 2, last_day="2025-07-10")
    assert reason(world, "2025-07-10", "2025-08-01") == "430100f1/1"
    assert reason(world, "2025-07-11", "2025-08-01") == "filing.cancelled"
    args = {"filing": "430100f1", "version": 3, **statement()}
    world.refused("filing.ended", BUREAU, C, "change", args)


def test_a_filing_on_commitment_lapses_by_itself(world: World) -> None:
    set_rules(world, provisional_days=30)
    answer = submit(world, type="living_elsewhere", on_commitment=True)
    assert (answer["status"], answer["provisional_until"]) == ("approved", "2025-07-10")
    assert reason(world, "2025-06-20", "2025-07-10") == "430100f1/1"
    assert reason(world, "2025-06-20", "2025-07-11") == "filing.lapsed"
    # The stay ended in time, but it is settled after the lapse.
    assert reason(world, "2025-06-20", "2025-07-10", today="2025-07-11") == "filing.lapsed"
    confirm = {"filing": "430100f1", "version": 2}
    outcome = world.on("2025-07-11").refused("filing.lapsed", BUREAU, C, "confirm", confirm)
    assert outcome.values == {"filing": "430100f1", "until": "2025-07-10", "today": "2025-07-11"}
    follow(world.on("2025-07-10"), "confirm", 2)
    assert reason(world, "2025-06-20", "2025-08-11") == "430100f1/2"


def test_an_end_is_told_once_and_a_new_end_again(world: World) -> None:
    submit(world, valid_to="2025-07-10")
    submit(world, "430100f2", care_region=SHENZHEN, valid_to="2025-07-11")
    both = {"filings": ["430100f1", "430100f2"]}
    told = world.do(BUREAU, C, "warn", both, post="clerk")
    # Thirty days before: the second one ends a day later.
    assert told.answer == {"told": ["430100f1"], "passed": 1}
    assert [(topic, fields["last_day"], fields["cause"]) for topic, fields in told.events] == [
        ("filing.expiring", "2025-07-10", "ends")
    ]
    before = dict(world.state.entries)
    again = world.do(BUREAU, C, "warn", both, post="clerk")
    assert (again.answer["told"], again.events, world.state.entries) == ([], [], before)
    # Warned of or not, it covers as before; a new end is told anew, also after it is over.
    assert reason(world, "2025-06-10", "2025-06-20") == "430100f1/1"
    follow(world, "change", 2, **statement(valid_to="2025-06-30"))
    assert reason(world, "2025-06-10", "2025-06-20") == "430100f1/2"
    late = world.on("2025-07-05").do(BUREAU, C, "warn", both, post="clerk")
    assert [topic for topic, _ in late.events] == ["filing.ended", "filing.expiring"]
    follow(world, "cancel", 3, last_day="2025-07-06")
    assert world.do(BUREAU, C, "warn", both, post="clerk").answer["told"] == []


def test_a_promise_that_was_not_kept_is_told(world: World) -> None:
    set_rules(world, provisional_days=30, warn_days=5)
    submit(world, on_commitment=True)
    one = {"filings": ["430100f1"]}
    assert world.on("2025-07-04").do(BUREAU, C, "warn", one, post="clerk").answer["told"] == []
    told = world.on("2025-07-11").do(BUREAU, C, "warn", one, post="clerk")
    ((topic, fields),) = told.events
    assert (topic, fields["cause"], fields["last_day"]) == ("filing.ended", "lapses", "2025-07-10")


def test_warnings_are_the_home_bureaus(world: World) -> None:
    submit(world)
    one = {"filings": ["430100f1"]}
    world.refused("sender.not-competent", w.BUREAU_GUANGZHOU, C, "warn", one)
    world.refused("sender.kind", w.HOSPITAL, C, "warn", one)
    world.refused("filing.unknown", BUREAU, C, "warn", {"filings": ["430100f1", "430100f9"]})
    world.refused("args.shape", BUREAU, C, "warn", {"filings": []})
    world.refused("args.shape", BUREAU, C, "warn", {"filings": ["430100f1", "430100f1"]})


def test_a_filing_decided_twice(world: World) -> None:
    submit(world, type="posted_elsewhere")
    follow(world, "decide", 2, decision="approve")
    other = {"filing": "430100f1", "decision": "refuse", "reason": "not_entitled"}
    stale = world.refused("filing.version", BUREAU, C, "decide", other | {"version": 2})
    assert stale.values == {"filing": "430100f1", "version": 2, "expected": 3}
    again = world.refused("filing.not-pending", BUREAU, C, "decide", other | {"version": 3})
    assert again.values == {"filing": "430100f1", "status": "approved"}


def test_the_nearest_reason_is_told(world: World) -> None:
    submit(world.on("2024-01-01"))
    submit(world.on("2025-06-10"), "430100f2", care_region=SHENZHEN)
    found = cover(world, "2025-06-10", "2025-06-20")
    assert found.reason == "filing.expired"
    submit(world, "430100f3", type="retired_elsewhere")
    found = cover(world, "2025-06-10", "2025-06-20")
    assert found.reason == "filing.pending"


def test_long_term_residents_at_home(world: World) -> None:
    set_rules(world, automatic=["living_elsewhere"], entitled_at_home=False)
    submit(world, "430100f0", care_region=SHENZHEN, valid_to="2025-06-30")
    set_rules(world, automatic=["living_elsewhere", "other"], entitled_at_home=False)
    submit(world, "430100f00", care_region=SHENZHEN)
    assert cover(world, "2025-06-10", "2025-06-12", region="430105").found
    submit(world, type="living_elsewhere")
    assert reason(world, "2025-06-10", "2025-06-12", region="430105") == "filing.resides-elsewhere"
    set_rules(world, automatic=["living_elsewhere"], entitled_at_home=True)
    assert cover(world, "2025-06-10", "2025-06-12", region="430105").found


def test_an_old_persons_index_stays_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filing_record, "INDEX_MAX", 3)
    for month in range(1, 7):
        submit(world.on(f"2025-0{month}-01"), f"430100f{month}", valid_to=f"2025-0{month}-20")
    rows = load_index(world.state, w.ALICE)
    assert [row.filing for row in rows] == ["430100f4", "430100f5", "430100f6"]
    filing = load_filing(world.state, "430100f1")
    assert filing is not None
    assert filing.last.status == "approved"


# --- A model --------------------------------------------------------------------------------------

DAY = "2025-01-01"
offsets = st.integers(0, 40)


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """Versions of one filing in the order in which they came."""
    rows: list[Row] = []
    submitted = 0
    for number in range(1, draw(st.integers(1, 5)) + 1):
        submitted += draw(st.integers(0, 10))
        start = draw(offsets)
        length = draw(st.one_of(st.none(), st.integers(0, 20)))
        rows.append(
            Row(
                filing="430100f1",
                number=number,
                status=draw(st.sampled_from(["approved", "approved", "cancelled", "pending"])),
                type="other",
                care_region=draw(st.sampled_from([GUANGZHOU, SHENZHEN])),
                effective_from=add_days(DAY, start),
                valid_to=None if length is None else add_days(DAY, start + length),
                submitted_on=add_days(DAY, submitted),
                provisional_until=None,
                channel="app",
            )
        )
    return rows


def model_map(rows: list[Row]) -> dict[str, Row | None]:
    """What covers each day: versions are painted over a calendar one after the other."""
    painted: dict[str, Row | None] = {}
    for row in rows:
        if row.status == "pending":
            continue
        for n in range(100):
            day = add_days(DAY, n)
            if day >= row.effective_from:
                ends = row.status == "cancelled" or (row.valid_to or "9999") < day
                painted[day] = None if ends else row
    return painted


@given(histories(), st.integers(0, 60))
def test_the_version_in_force_agrees_with_painting_a_calendar(rows: list[Row], day: int) -> None:
    date = add_days(DAY, day)
    assert in_force(rows, date, date) == model_map(rows).get(date)


@given(histories(), st.integers(0, 40), st.integers(0, 30))
def test_a_judged_stay_agrees_with_the_model(rows: list[Row], start: int, length: int) -> None:
    admission, discharge = add_days(DAY, start), add_days(DAY, start + length)
    judged = filing_cover._judge(rows, GUANGZHOU, admission, discharge, discharge, False)
    painted = model_map(rows).get(admission)
    during = [
        row
        for row in rows
        if row.status == "approved"
        and admission <= row.submitted_on <= discharge
        and row.effective_from <= discharge
    ]
    if painted is not None and painted.care_region == GUANGZHOU:
        assert judged == painted
    elif (
        during
        and during[-1].care_region == GUANGZHOU
        and (during[-1].valid_to or "9999") >= admission
    ):
        # Nothing covered the admission itself, but this was filed while the stay lasted.
        assert judged == during[-1]
    else:
        assert isinstance(judged, str)


def test_a_filing_that_expired_is_renewed_during_the_stay(world: World) -> None:
    submit(world.on("2025-01-05"), valid_to="2025-03-01")
    assert reason(world, "2025-06-05", "2025-06-20") == "filing.expired"
    follow(world.on("2025-06-10"), "change", 2, **statement())
    assert reason(world, "2025-06-05", "2025-06-20") == "430100f1/2"
    assert reason(world, "2025-06-05", "2025-06-09") == "filing.expired"
