"""Enrolment: one open insurance for a human being, attributes over time, nothing leaks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.api import Rejected
from contracts.settlement.calendar import add_days
from contracts.settlement.enrolment import (
    Hold,
    Period,
    Person,
    Spell,
    area_of,
    hold_on,
    is_entitled,
    load_person,
    person_status,
    phone_key,
    require_insured,
    require_person,
)
from tests.contracts import world as w
from tests.contracts.settlement.registries import (
    BIRTH,
    IDENTITY,
    LINK,
    REASON,
    attributes,
    enrol,
    leaks,
    registry_world,
)
from tests.contracts.world import World, key_of

C = "enrolment"
BUREAU = w.BUREAU_CHANGSHA


@pytest.fixture
def world() -> World:
    return registry_world()


def alice(world: World) -> Person:
    return require_person(world.state, w.ALICE)


def update(world: World, revision: int, code: str = "", **content: Any) -> None:
    args = {"person": w.ALICE, "revision": revision}
    if code:
        world.refused(code, BUREAU, C, "update", args, attachments={"person": content})
    else:
        world.do(BUREAU, C, "update", args, attachments={"person": content})


def code_of(world: World, date: str, *, emergency: bool = False) -> str:
    try:
        require_insured(world.state, w.ALICE, date, emergency=emergency)
    except Rejected as refusal:
        return refusal.code
    return "ok"


# --- Enrolling ------------------------------------------------------------------------------------


def test_enrol_keeps_everything_and_shows_nothing(world: World) -> None:
    outcome = world.do(
        BUREAU, C, "enrol", {"person": w.ALICE}, attachments={"person": attributes()}, post="clerk"
    )
    assert outcome.answer == {"revision": 1}
    assert not leaks(outcome)
    person = alice(world)
    assert (person.area, person.scheme, person.sex, person.birth) == (
        "430100", "310", "female", BIRTH,
    )  # fmt: skip
    assert (person.category, person.identity_types) == ("retired", (IDENTITY,))
    assert person.account
    assert len(person.salt) == 32
    assert world.state.get(f"link/{LINK.hex()}")[:2] == [w.ALICE, True]
    assert load_person(world.state, "p:430100:nobody") is None


def test_the_salt_follows_from_the_blind_and_the_person(world: World) -> None:
    enrol(world, "p:430100:a")
    enrol(world, "p:430100:b")
    salts = {require_person(world.state, f"p:430100:{x}").salt for x in "ab"}
    assert len(salts) == 2
    assert w.salt_of("person") not in salts, "the blind itself opens the commitment"


def test_the_same_enrolment_twice_is_one(world: World) -> None:
    first = enrol(world)
    before = dict(world.state.entries)
    assert enrol(world).answer == first.answer
    assert world.state.entries == before
    world.refused(
        "enrolment.exists", BUREAU, C, "enrol", {"person": w.ALICE},
        attachments={"person": attributes(category="active")},
    )  # fmt: skip
    update(world, 2, account=False)
    world.refused(
        "enrolment.exists", BUREAU, C, "enrol", {"person": w.ALICE},
        attachments={"person": attributes(link=w.salt_of(w.ALICE))},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "sender", "person", "changes"),
    [
        ("sender.not-competent", w.BUREAU_GUANGZHOU, w.ALICE, {}),
        ("sender.kind", w.HOSPITAL, w.ALICE, {}),
        ("enrolment.wrong-id", BUREAU, "alice", {}),
        ("enrolment.wrong-id", BUREAU, "p:4301:x", {}),
        ("enrolment.wrong-id", BUREAU, "p:43010x:x", {}),
        ("enrolment.wrong-id", BUREAU, "p:430100:", {}),
        ("enrolment.wrong-id", BUREAU, "q:430100:x", {}),
        ("enrolment.birth-ahead", BUREAU, w.ALICE, {"birth": "2025-06-11"}),
        ("args.shape", BUREAU, w.ALICE, {"birth": "2025-02-30"}),
        ("args.shape", BUREAU, w.ALICE, {"category": "king"}),
        ("args.shape", BUREAU, w.ALICE, {"scheme": "510"}),
        ("args.shape", BUREAU, w.ALICE, {"sex": 1}),
        ("args.shape", BUREAU, w.ALICE, {"link": b"short"}),
        ("args.shape", BUREAU, w.ALICE, {"name": "a name never gets in"}),
        ("enrolment.phone-key", BUREAU, w.ALICE, {"phone_key": bytes(33)}),
    ],
)
def test_enrolment_is_refused(
    world: World, code: str, sender: str, person: str, changes: dict[str, Any]
) -> None:
    outcome = world.refused(
        code, sender, C, "enrol", {"person": person},
        attachments={"person": attributes(**changes)},
    )  # fmt: skip
    # A shape lists the words that it allows, so only what is the person's own can leak.
    assert not leaks(outcome, [BIRTH, IDENTITY, LINK])


def test_enrolment_needs_its_attachment(world: World) -> None:
    world.refused("args.attachment", BUREAU, C, "enrol", {"person": w.ALICE})


PERIODS_REFUSED: list[list[tuple[str, str | None]]] = [
    [("2020-01-02", "2020-01-01")],
    [("2020-01-01", None), ("2021-01-01", None)],
    [("2020-01-01", "2020-06-30"), ("2020-06-30", None)],
    [("2021-01-01", "2021-06-30"), ("2020-01-01", "2020-06-30")],
]


@pytest.mark.parametrize("periods", PERIODS_REFUSED)
def test_insured_periods_ascend(world: World, periods: list[tuple[str, str | None]]) -> None:
    rows = [{"from": start, "to": end, "status": "insured"} for start, end in periods]
    outcome = world.refused(
        "enrolment.periods", BUREAU, C, "enrol", {"person": w.ALICE},
        attachments={"person": attributes(insured=rows)},
    )  # fmt: skip
    assert outcome.values["number"] == len(rows) - 1
    assert not leaks(outcome, [start for start, _ in periods])


# --- One human being, one open insurance ----------------------------------------------------------


def test_a_second_open_insurance_is_refused_until_the_first_is_closed(world: World) -> None:
    enrol(world, link=LINK)
    elsewhere = "p:440100:other"

    def enrol_there(sender: str = w.BUREAU_GUANGZHOU) -> Any:
        return world.call(
            sender, C, "enrol", {"person": elsewhere}, attachments={"person": attributes()}
        )

    refused = enrol_there()
    assert refused.code == "enrolment.insured-elsewhere"
    # The two pseudonyms of one human being are not linked by a public receipt.
    assert not leaks(refused, [w.ALICE, LINK])
    world.do(
        BUREAU, C, "close", {"person": w.ALICE, "revision": 2},
        attachments={"person": {"last_day": "2025-05-31", "cause": "moved"}},
    )  # fmt: skip
    before = dict(world.state.entries)
    world.do(
        BUREAU, C, "close", {"person": w.ALICE, "revision": 2},
        attachments={"person": {"last_day": "2025-05-31", "cause": "moved"}},
    )  # fmt: skip
    assert world.state.entries == before
    assert enrol_there().ok
    person = alice(world)
    assert person_status(person, "2025-05-31") == "insured"
    assert person_status(person, "2025-06-01") == "closed"
    assert code_of(world, "2025-06-01") == "enrolment.closed"
    # Closing the old enrolment again does not open the link of the new one.
    world.do(
        BUREAU, C, "close", {"person": w.ALICE, "revision": 3},
        attachments={"person": {"last_day": "2025-05-30", "cause": "mistake"}},
    )  # fmt: skip
    assert world.state.get(f"link/{LINK.hex()}")[:2] == [elsewhere, True]


def test_after_death_nothing_is_insured(world: World) -> None:
    enrol(world)
    args = {"person": w.ALICE, "revision": 2}

    def content(last_day: str) -> dict[str, Any]:
        return {"person": {"last_day": last_day, "cause": "death"}}

    world.refused("enrolment.dates", BUREAU, C, "close", args, attachments=content("2025-06-11"))
    world.refused("enrolment.dates", BUREAU, C, "close", args, attachments=content("1961-03-16"))
    outcome = world.do(BUREAU, C, "close", args, attachments=content("2025-06-08"))
    assert not leaks(outcome, ["2025-06-08"])
    assert code_of(world, "2025-06-08") == "ok"
    assert code_of(world, "2025-06-09") == "enrolment.dead"
    update(world, 3, "enrolment.ended", account=False)


# --- Changes --------------------------------------------------------------------------------------


def test_attributes_hold_from_their_date(world: World) -> None:
    enrol(world, category="active", identity_types=[])
    spell = {"from": "2024-07-01", "category": "retired", "identity_types": ["low_income"]}
    update(world, 2, attributes=spell)
    person = alice(world)
    assert person.spell_on("2024-06-30").category == "active"
    assert person.spell_on("2024-07-01").identity_types == ("low_income",)
    assert person.spell_on("1990-01-01").category == "active"
    assert person.category == "retired"
    # A correction from the same or an earlier date replaces what it contradicts.
    update(world, 3, attributes=spell | {"from": "2024-06-01", "identity_types": []})
    assert [s.from_date for s in alice(world).spells] == ["2019-04-23", "2024-06-01"]


def test_changes_need_the_next_revision_and_may_be_repeated(world: World) -> None:
    enrol(world)
    update(world, 2, account=False)
    before = dict(world.state.entries)
    update(world, 2, account=False)
    assert world.state.entries == before
    update(world, 2, "enrolment.revision", account=True)
    update(world, 4, "enrolment.revision", account=True)
    update(world, 3, account=True)
    assert alice(world).account
    rows = [{"from": "2020-01-01", "to": "2024-12-31", "status": "insured"}]
    update(world, 4, insured=rows)
    assert person_status(alice(world), "2025-01-01") == "uninsured"
    update(world, 5, "enrolment.periods", insured=rows * 2)
    args = {"person": "p:430100:nobody", "revision": 2}
    world.refused("enrolment.unknown-person", BUREAU, C, "update", args, attachments={"person": {}})
    args["person"] = w.ALICE
    world.refused(
        "sender.not-competent", w.BUREAU_GUANGZHOU, C, "update", args, attachments={"person": {}}
    )


def test_chronic_entitlements_have_dates_and_stay_unseen(world: World) -> None:
    disease = "canary_disease"
    world.canaries = (*world.canaries, disease)
    row = {"disease": disease, "from": "2025-02-01", "to": "2025-12-31"}
    enrol(world, entitlements=[row])
    person = alice(world)
    assert not is_entitled(person, disease, "2025-01-31")
    assert is_entitled(person, disease, "2025-02-01")
    assert is_entitled(person, disease, "2025-12-31")
    assert not is_entitled(person, disease, "2026-01-01")
    assert not is_entitled(person, "other", "2025-06-01")
    update(world, 2, "enrolment.periods", entitlements=[row, row | {"to": "2025-01-31"}])
    update(world, 2, entitlements=[row | {"to": None}])
    assert is_entitled(alice(world), disease, "2030-01-01")
    update(world, 3, entitlements=[])
    assert not is_entitled(alice(world), disease, "2025-06-01")


def test_a_lost_phone_is_keyed_anew(world: World) -> None:
    enrol(world, phone_key=key_of("phone", "old"))
    assert phone_key(alice(world)) == key_of("phone", "old")
    update(world, 2, phone_lost=True)
    assert phone_key(alice(world)) is None
    update(world, 3, phone_key=key_of("phone", "new"))
    assert phone_key(alice(world)) == key_of("phone", "new")
    update(world, 4, "enrolment.phone-key", phone_key=b"\x01" + b"\x01" + bytes(31))


def test_attributes_are_bounded(world: World) -> None:
    enrol(world)
    start, revision = "2020-01-01", 2
    for number in range(63):
        spell = {"from": add_days(start, number), "category": "retired", "identity_types": []}
        update(world, revision, attributes=spell)
        revision += 1
    spell = {"from": "2024-01-01", "category": "retired", "identity_types": []}
    update(world, revision, "enrolment.too-many", attributes=spell)


# --- Status ---------------------------------------------------------------------------------------


def test_each_status_refuses_with_its_own_reason(world: World) -> None:
    rows = [
        {"from": "2020-01-01", "to": "2020-12-31", "status": "insured"},
        {"from": "2021-01-01", "to": "2021-03-31", "status": "arrears"},
        {"from": "2021-04-01", "to": "2021-06-30", "status": "waiting"},
        {"from": "2021-07-01", "to": None, "status": "insured"},
    ]
    enrol(world, insured=rows)
    expected = {
        "2019-12-31": "enrolment.uninsured",
        "2020-01-01": "ok",
        "2020-12-31": "ok",
        "2021-01-01": "enrolment.arrears",
        "2021-04-01": "enrolment.waiting",
        "2021-06-30": "enrolment.waiting",
        "2021-07-01": "ok",
        "2899-01-01": "ok",
        "1961-03-16": "enrolment.uninsured",
    }
    assert {date: code_of(world, date) for date in expected} == expected
    with pytest.raises(Rejected) as refusal:
        require_insured(world.state, "p:430100:nobody", "2025-01-01")
    assert refusal.value.code == "enrolment.unknown-person"


def test_a_newborn_is_insured_from_the_day_of_birth(world: World) -> None:
    rows = [{"from": "2025-01-01", "to": None, "status": "insured"}]
    enrol(world, birth="2025-06-05", category="newborn", scheme="390", insured=rows)
    assert code_of(world, "2025-06-04") == "enrolment.uninsured"
    assert code_of(world, "2025-06-05") == "ok"


def test_a_suspended_person_is_refused_except_in_emergencies(world: World) -> None:
    enrol(world)
    args = {"person": w.ALICE, "revision": 2, "from": "2025-06-01", "to": "2025-06-30"}
    attached = {"person": {"reason": REASON}}
    world.refused("sender.post", BUREAU, C, "suspend", args, attachments=attached, post="clerk")
    outcome = world.do(BUREAU, C, "suspend", args, attachments=attached)
    assert not leaks(outcome)
    assert world.do(BUREAU, C, "suspend", args, attachments=attached).answer == {"revision": 2}
    assert code_of(world, "2025-05-31") == "ok"
    assert code_of(world, "2025-06-01") == "enrolment.suspended"
    assert code_of(world, "2025-06-30", emergency=True) == "ok"
    assert code_of(world, "2025-07-01") == "ok"
    hold = hold_on(alice(world), "2025-06-15")
    assert hold is not None
    assert hold.reason == REASON
    backwards = args | {"revision": 3, "to": "2025-05-01"}
    world.refused("enrolment.dates", BUREAU, C, "suspend", backwards, attachments=attached)
    end = {"person": w.ALICE, "revision": 3, "last_day": "2025-06-10"}
    world.do(BUREAU, C, "resume", end)
    assert world.do(BUREAU, C, "resume", end).answer == {"revision": 3}
    assert code_of(world, "2025-06-10") == "enrolment.suspended"
    assert code_of(world, "2025-06-11") == "ok"
    world.refused("enrolment.not-suspended", BUREAU, C, "resume", end | {"revision": 4})


def test_suspensions_are_bounded(world: World) -> None:
    enrol(world)
    args = {"person": w.ALICE, "from": "2025-06-01", "to": None}
    attached = {"person": {"reason": REASON}}
    for revision in range(2, 66):
        world.do(BUREAU, C, "suspend", args | {"revision": revision}, attachments=attached)
    world.refused(
        "enrolment.too-many", BUREAU, C, "suspend", args | {"revision": 66}, attachments=attached
    )


DATES = [add_days("2024-01-01", n) for n in range(12)]


@given(st.lists(st.sampled_from(["insured", "arrears", "waiting", "uninsured"]), min_size=12,
                max_size=12))  # fmt: skip
def test_status_agrees_with_a_list_of_days(days: list[str]) -> None:
    """A model that writes down each day's status judges the periods made of it."""
    periods: list[Period] = []
    before = "uninsured"
    for date, status in zip(DATES, days, strict=True):
        if status != "uninsured":
            start = periods.pop().from_date if status == before else date
            periods.append(Period(start, date, status))
        before = status
    person = Person(
        id="p:430100:x", area="430100", scheme="310", sex="male", birth="1950-01-01",
        account=False, phone_key=None, link=b"", spells=(Spell("1950-01-01", "active", ()),),
        insured=tuple(periods), holds=(Hold("2024-01-05", "2024-01-06", ""),), died=None,
        closed=None, revision=1, digest=b"", salt=b"",
    )  # fmt: skip
    assert [person_status(person, date) for date in DATES] == days
    assert Person.decode(person.encode()) == person
    assert [hold_on(person, date) is not None for date in DATES] == [
        date in ("2024-01-05", "2024-01-06") for date in DATES
    ]


def test_area_of_reads_the_pseudonym() -> None:
    assert area_of("p:430100:7f3a") == "430100"
