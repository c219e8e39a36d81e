"""Organisations: admission, keys by height, switches, suspension, parameters."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import organisation_methods, parameters
from contracts.api import Rejected
from contracts.organisations import (
    find_endpoint,
    find_key,
    find_signer,
    genesis_records,
    institution_switch,
    key_of,
    level,
    load,
    own_prefix,
    require_competent,
    require_kind,
    require_organisation,
    require_own_id,
    require_post,
    suspension_on,
    validators,
)
from contracts.regions import city, covers, province, widening
from node.ledger import crypto, points
from tests.contracts import world as w
from tests.contracts.world import World, make_world, new_key

C = "organisations"
NEW = "hospital:H43010200777"


@pytest.fixture
def world() -> World:
    return make_world([organisation_methods.CONTRACT])


def hospital(org_id: str = NEW, **changes: Any) -> dict[str, Any]:
    return {
        "organisation": org_id,
        "kind": "hospital",
        "region": "430102",
        "level_code": 3,
        "dedc_level": 3,
        "switches": ["inpatient", "chronic:copd"],
        "keys": [new_key(org_id, "window", "operator")],
    } | changes


def organisation(org_id: str, kind: str, region: str, **changes: Any) -> dict[str, Any]:
    return {
        "organisation": org_id,
        "kind": kind,
        "region": region,
        "keys": [new_key(org_id, "first", "checker")],
    } | changes


# --- Regions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outer", "inner", "answer"),
    [
        ("430000", "430102", True),
        ("430100", "430102", True),
        ("430100", "430100", True),
        ("430100", "430000", False),
        ("430100", "430200", False),
        ("000000", "659001", True),
        # Zeros that belong to a code are not dropped: Chenzhou is not Yongzhou ...
        ("431000", "431100", False),
        ("431000", "431002", True),
        # ... Chongqing is not Sichuan, and county 430110 is not county 430111.
        ("500000", "510100", False),
        ("430110", "430111", False),
    ],
)
def test_covers_compares_whole_pairs(outer: str, inner: str, answer: bool) -> None:
    assert covers(outer, inner) is answer


codes = st.from_regex(r"[1-9][0-9]{5}", fullmatch=True)


@given(codes, codes)
def test_covers_agrees_with_pairs(outer: str, inner: str) -> None:
    pairs = [outer[i : i + 2] for i in (0, 2, 4)]
    while pairs and pairs[-1] == "00":
        pairs.pop()
    expected = pairs == [inner[i : i + 2] for i in (0, 2, 4)][: len(pairs)]
    assert covers(outer, inner) is expected


@given(codes)
def test_every_wider_place_covers(code: str) -> None:
    places = widening(code)
    assert places[0] == code
    assert places[-1] == "000000"
    assert all(covers(place, code) for place in places)
    assert city(code) in places
    assert province(code) in places


# --- Genesis --------------------------------------------------------------------------------------


def test_genesis_has_organisations_keys_and_validators(world: World) -> None:
    bureau = load(world.state, w.BUREAU_HUNAN)
    assert bureau is not None
    assert (bureau.kind, bureau.region, bureau.admitted_by) == ("bureau", "430000", "genesis")
    assert load(world.state, "bureau:999900") is None
    hospital_org = load(world.state, w.HOSPITAL)
    assert hospital_org is not None
    assert level(hospital_org) == 3
    assert institution_switch(hospital_org, "inpatient")
    assert institution_switch(hospital_org, "chronic:diabetes")
    assert not institution_switch(hospital_org, "pharmacy")
    members = validators(world.state)
    assert [org for org, _ in members] == sorted(world.validating)
    for number in range(bureau.keys):
        key = world.state.get(f"org-keys/{bureau.id}/{number}")
        record = key_of(world.state, key)
        assert record is not None
        assert record.organisation == bureau.id


def test_a_key_signs_only_for_its_owner_purpose_and_heights(world: World) -> None:
    key = w.key_of(w.BUREAU_HUNAN, "clerk")
    assert find_signer(world.state, w.BUREAU_HUNAN, key, 1) is not None
    assert find_signer(world.state, w.BUREAU_GUANGDONG, key, 1) is None
    assert find_key(world.state, w.BUREAU_HUNAN, b"\x01" + bytes(32), 1) is None
    validate = w.key_of(w.BUREAU_HUNAN, "validate")
    assert find_key(world.state, w.BUREAU_HUNAN, validate, 1) is not None
    assert find_signer(world.state, w.BUREAU_HUNAN, validate, 1) is None


def test_genesis_may_name_endpoints_and_parameters() -> None:
    endpoint = {"host": "h.example", "port": 1, "tls_pin": bytes(32)}
    centre = {"id": "centre", "kind": "centre", "region": "000000", "keys": []}
    records = genesis_records([{**centre, "endpoint": endpoint}], [], {"vote_days": 3})
    assert records["endpoint/centre"] == endpoint
    assert records["param/vote_days"] == 3
    assert records["org/centre"]["keys"] == 0


# --- Admission ------------------------------------------------------------------------------------


def test_a_bureau_admits_an_institution_of_its_region(world: World) -> None:
    outcome = world.do(w.BUREAU_CHANGSHA, C, "admit", hospital())
    org = load(world.state, NEW)
    assert org is not None
    assert (org.admitted_by, org.admitted_height) == (w.BUREAU_CHANGSHA, world.height)
    assert (org.level_code, org.dedc_level, org.keys) == (3, 3, 1)
    assert org.switches == ("chronic:copd", "inpatient")
    assert [topic for topic, _ in outcome.events] == [
        "organisations.key-added",
        "organisations.admitted",
    ]
    # Its key signs from the next height on.
    assert find_signer(world.state, NEW, w.key_of(NEW, "window"), world.height) is None
    found = find_signer(world.state, NEW, w.key_of(NEW, "window"), world.height + 1)
    assert found is not None
    assert (found[1].holder, found[1].post) == ("s:window", "operator")


@pytest.mark.parametrize(
    ("sender", "args"),
    [
        (w.BUREAU_HUNAN, organisation("bureau:430200", "bureau", "430200")),
        (w.BUREAU_HUNAN, organisation("finance:430000", "finance", "430000")),
        (w.BUREAU_CHANGSHA, organisation("bank:changsha", "bank", "430100")),
        (w.BUREAU_CHANGSHA, organisation("pharmacy:P43010200001", "pharmacy", "430102")),
        (w.CENTRE, organisation("regulator:nhsa", "regulator", "000000")),
        (w.CENTRE, organisation("bank:abc", "bank", "110000")),
    ],
)
def test_who_admits_whom(world: World, sender: str, args: dict[str, Any]) -> None:
    world.do(sender, C, "admit", args)
    assert load(world.state, args["organisation"]) is not None


@pytest.mark.parametrize(
    ("code", "sender", "args"),
    [
        ("sender.not-competent", w.BUREAU_GUANGZHOU, hospital()),
        ("sender.not-competent", w.BUREAU_CHANGSHA,
         organisation("bank:abc", "bank", "000000")),
        ("sender.not-competent", w.CENTRE, organisation("finance:430200", "finance", "430200")),
        ("organisations.needs-vote", w.CENTRE, organisation("bureau:510000", "bureau", "510000")),
        ("organisations.needs-vote", w.CENTRE, organisation("centre", "centre", "000000")),
        ("sender.kind", w.HOSPITAL, hospital()),
        ("organisations.exists", w.BUREAU_HUNAN,
         organisation(w.BUREAU_CHANGSHA, "bureau", "430100")),
        ("organisations.wrong-id", w.BUREAU_HUNAN,
         organisation("bureau:430201", "bureau", "430200")),
        ("organisations.wrong-id", w.BUREAU_HUNAN, hospital("hospital:P43010200777")),
        ("organisations.wrong-id", w.BUREAU_HUNAN, hospital("hospital:H44010200777")),
        ("organisations.wrong-id", w.BUREAU_HUNAN, hospital("hospital:H4301020077x")),
        ("organisations.wrong-id", w.BUREAU_HUNAN, hospital("hospital:H430102007777")),
        ("organisations.wrong-id", w.BUREAU_HUNAN, organisation("bank:", "bank", "430100")),
        ("organisations.wrong-id", w.CENTRE, organisation("bank:x", "insurer", "000000")),
        # Ids that bank:icbc makes begin with "bank:icbc:": nobody else's may.
        ("organisations.wrong-id", w.BUREAU_HUNAN, organisation("bank:icbc:x", "bank", "430100")),
        ("organisations.unknown-switch", w.BUREAU_HUNAN, hospital(switches=["surgery"])),
        ("organisations.unknown-switch", w.BUREAU_HUNAN, hospital(switches=["chronic:"])),
        ("organisations.not-an-institution", w.BUREAU_HUNAN,
         organisation("bank:xyz", "bank", "430100", switches=["inpatient"])),
        ("args.shape", w.BUREAU_HUNAN, hospital(keys=[])),
        ("args.shape", w.BUREAU_HUNAN, hospital(kind="clinic")),
        ("args.shape", w.BUREAU_HUNAN, hospital(region="4301")),
    ],
)  # fmt: skip
def test_admission_is_refused(world: World, code: str, sender: str, args: dict[str, Any]) -> None:
    world.refused(code, sender, C, "admit", args)


def test_only_a_checker_administers(world: World) -> None:
    world.refused("sender.post", w.BUREAU_CHANGSHA, C, "admit", hospital(), post="clerk")


# --- Ids ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "given", "fits"),
    [
        (w.HOSPITAL, "H44010000123-7", True),
        # A message number of the national interface: institution, time, sequence.
        (w.HOSPITAL, "H440100001232025061009301200017"[:30], True),
        (w.HOSPITAL, "H44010000123", False),
        (w.HOSPITAL, "H44010000124-7", False),
        (w.HOSPITAL, "7", False),
        (w.BUREAU_CHANGSHA, "430100-7", True),
        (w.BUREAU_HUNAN, "430100-7", False),
        (w.BANK, f"{w.BANK}:7", True),
        (w.BANK, f"{w.BANK}:", False),
        (w.BANK, f"{w.BANK}x:7", False),
        (w.FINANCE, "430100-7", False),
        (w.CENTRE, "centre:7", True),
    ],
)
def test_an_id_begins_with_the_code_of_who_makes_it(
    world: World, sender: str, given: str, fits: bool
) -> None:
    ctx = world.context(sender)
    if fits:
        require_own_id(ctx, given)
        return
    with pytest.raises(Rejected, match=r"sender\.foreign-id") as refusal:
        require_own_id(ctx, given)
    assert refusal.value.values["id"] == given


def test_no_prefix_is_the_beginning_of_anothers(world: World) -> None:
    """Whoever could be admitted: one may not choose an id under which another's ids fall."""
    known = [w.HOSPITAL, w.PHARMACY, w.BUREAU_CHANGSHA, w.BUREAU_HUNAN, w.BANK, w.FINANCE, w.CENTRE,
             "bank:icbcx", "finance:430000", "hospital:P43010000001", "auditor:430100"]  # fmt: skip
    prefixes = [own_prefix(org_id) for org_id in known]
    for number, prefix in enumerate(prefixes):
        others = prefixes[:number] + prefixes[number + 1 :]
        assert not any(other.startswith(prefix) for other in others), prefix


# --- Keys -----------------------------------------------------------------------------------------


def with_key(org_id: str, name: str, **changes: Any) -> dict[str, Any]:
    return {"organisation": org_id, **new_key(org_id, name)} | changes


@pytest.mark.parametrize("sender", [w.HOSPITAL, w.BUREAU_GUANGZHOU, w.BUREAU_GUANGDONG])
def test_own_keys_and_those_of_the_region(world: World, sender: str) -> None:
    before = load(world.state, w.HOSPITAL)
    world.do(sender, C, "add_key", with_key(w.HOSPITAL, "night"))
    after = load(world.state, w.HOSPITAL)
    assert before is not None
    assert after is not None
    assert after.keys == before.keys + 1
    listed = world.state.get(f"org-keys/{w.HOSPITAL}/{before.keys}")
    assert listed == w.key_of(w.HOSPITAL, "night")


def test_whoever_admitted_an_organisation_keys_it(world: World) -> None:
    bank = organisation("bank:abc", "bank", "110000")
    world.do(w.CENTRE, C, "admit", bank)
    args = {"organisation": "bank:abc", **new_key("bank:abc", "second")}
    world.refused("sender.not-competent", w.BUREAU_HUNAN, C, "add_key", args)
    world.do(w.CENTRE, C, "add_key", args)
    # A city's bureau needed no vote: its province keys it.
    world.do(w.BUREAU_HUNAN, C, "add_key", with_key(w.BUREAU_CHANGSHA, "second"))


def test_a_revoked_key_keeps_its_history(world: World) -> None:
    key = w.key_of(w.HOSPITAL, "clerk")
    world.do(
        w.HOSPITAL, C, "revoke_key", {"organisation": w.HOSPITAL, "key": key, "reason": "left"}
    )
    h = world.height
    # What it signs in the block of its revocation still counts; nothing after that.
    assert find_signer(world.state, w.HOSPITAL, key, h) is not None
    assert find_signer(world.state, w.HOSPITAL, key, h + 1) is None
    record = key_of(world.state, key)
    assert record is not None
    assert record.to_height == h + 1
    again = {"organisation": w.HOSPITAL, "key": key, "reason": "left"}
    world.refused("organisations.key-revoked", w.HOSPITAL, C, "revoke_key", again)
    # A key has one life.
    back = with_key(w.HOSPITAL, "clerk")
    world.next_block().refused("organisations.key-used", w.HOSPITAL, C, "add_key", back)


def test_a_key_with_a_term_ends_by_itself_and_may_end_earlier(world: World) -> None:
    h = world.height
    world.do(w.HOSPITAL, C, "add_key", with_key(w.HOSPITAL, "temp", to_height=h + 50))
    key = w.key_of(w.HOSPITAL, "temp")
    assert find_key(world.state, w.HOSPITAL, key, h + 49) is not None
    assert find_key(world.state, w.HOSPITAL, key, h + 50) is None
    world.next_block().do(
        w.HOSPITAL, C, "revoke_key", {"organisation": w.HOSPITAL, "key": key, "reason": "lost"}
    )
    assert find_key(world.state, w.HOSPITAL, key, h + 2) is None


def test_keys_are_refused(world: World) -> None:
    def refuse(code: str, sender: str, args: dict[str, Any]) -> None:
        world.refused(code, sender, C, "add_key", args)

    good = with_key(w.HOSPITAL, "night")
    refuse("organisations.unknown", w.BUREAU_HUNAN, good | {"organisation": "hospital:none"})
    refuse("sender.not-competent", w.BUREAU_HUNAN, good)
    refuse("sender.kind", w.BANK, good)
    refuse("organisations.needs-vote", w.CENTRE, with_key(w.BUREAU_HUNAN, "night"))
    # Somebody else's proof, another organisation's, another purpose's.
    stolen = good | {"key": w.key_of(w.HOSPITAL, "thief")}
    refuse("organisations.key-unproven", w.HOSPITAL, stolen)
    elsewhere = good | {"proof": new_key(w.PHARMACY, "night")["proof"]}
    refuse("organisations.key-unproven", w.HOSPITAL, elsewhere)
    refuse("organisations.key-unproven", w.HOSPITAL, good | {"purposes": ["sign", "read"]})
    small_order = good | {"key": b"\x01" + b"\x01" + bytes(31)}
    refuse("organisations.key-unproven", w.HOSPITAL, small_order)
    refuse("organisations.key-unproven", w.HOSPITAL, good | {"key": b"\x07" + good["key"][1:]})
    mixed = with_key(w.HOSPITAL, "x") | new_key(w.HOSPITAL, "x", purposes=("sign", "validate"))
    refuse("organisations.key-purposes", w.HOSPITAL, mixed)
    refuse("organisations.key-term", w.HOSPITAL, good | {"to_height": world.height + 1})
    refuse("organisations.key-used", w.HOSPITAL, with_key(w.HOSPITAL, "doctor"))
    refuse("args.shape", w.HOSPITAL, good | {"purposes": []})
    refuse("args.shape", w.HOSPITAL, good | {"post": "king"})


def test_a_key_of_mixed_order_is_not_registered_though_its_proof_verifies(world: World) -> None:
    """Of such a key libraries disagree which signatures are good, and so would nodes."""
    base = points.decode_point(bytes([0x58]) + bytes([0x66]) * 31)
    order_8 = points.decode_point(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
    )
    assert base is not None
    assert order_8 is not None
    secret = 12_345
    raw = points.encode_point(points.add(points.multiply(secret, base), order_8))
    key = bytes([crypto.SCHEME_ED25519]) + raw
    asked = with_key(w.HOSPITAL, "night") | {"key": key}
    message = crypto.possession_message(w.HOSPITAL, asked["purposes"], key)
    signed = crypto.signing_bytes("popk/1", w.CHAIN, message)
    for nonce in range(1, 200):
        commitment = points.encode_point(points.multiply(nonce, base))
        digest = hashlib.sha512(commitment + raw + signed).digest()
        challenge = int.from_bytes(digest, "little") % points.L
        if challenge % 8 == 0:
            break
    scalar = (nonce + challenge * secret) % points.L
    proof = commitment + scalar.to_bytes(32, "little")
    crypto.verify(key, "popk/1", w.CHAIN, message, proof)
    world.refused("organisations.key-unproven", w.HOSPITAL, C, "add_key", asked | {"proof": proof})


def test_others_do_not_revoke_a_key(world: World) -> None:
    key = w.key_of(w.HOSPITAL, "clerk")
    args = {"organisation": w.HOSPITAL, "key": key, "reason": "lost"}
    for code, sender in (
        ("sender.not-competent", w.BUREAU_HUNAN),
        ("sender.kind", w.PHARMACY),
        ("sender.kind", w.BANK),
    ):
        world.refused(code, sender, C, "revoke_key", args)
    voted = {"organisation": w.BUREAU_HUNAN, "key": w.key_of(w.BUREAU_HUNAN, "clerk")}
    world.refused("organisations.needs-vote", w.CENTRE, C, "revoke_key", args | voted)
    centres = {"organisation": w.CENTRE, "key": w.key_of(w.CENTRE, "clerk")}
    world.refused("organisations.needs-vote", w.BUREAU_HUNAN, C, "revoke_key", args | centres)
    unknown = args | {"key": w.key_of(w.HOSPITAL, "nobody")}
    world.refused("organisations.unknown-key", w.HOSPITAL, C, "revoke_key", unknown)
    done = world.do(w.BUREAU_GUANGZHOU, C, "revoke_key", args)
    assert done.answer == {"to_height": world.height + 1}


def test_a_key_of_the_validator_set_is_not_simply_revoked(world: World) -> None:
    args = {
        "organisation": w.BUREAU_HUNAN,
        "key": w.key_of(w.BUREAU_HUNAN, "validate"),
        "reason": "rotation",
    }
    world.refused("organisations.key-in-use", w.BUREAU_HUNAN, C, "revoke_key", args)
    foreign = args | {"key": w.key_of(w.HOSPITAL, "clerk")}
    world.refused("organisations.unknown-key", w.BUREAU_HUNAN, C, "revoke_key", foreign)


# --- Switches, level, suspension ------------------------------------------------------------------


def test_switches_and_level_are_the_place_of_cares(world: World) -> None:
    switch = {"institution": w.HOSPITAL, "switch": "chronic:copd", "on": True}
    world.do(w.BUREAU_GUANGZHOU, C, "set_switch", switch, post="clerk")
    world.do(w.BUREAU_GUANGDONG, C, "set_switch", switch | {"switch": "outpatient", "on": False})
    world.do(
        w.BUREAU_GUANGZHOU,
        C,
        "set_level",
        {"institution": w.HOSPITAL, "level_code": 6, "dedc_level": 2},
    )
    org = load(world.state, w.HOSPITAL)
    assert org is not None
    assert org.switches == ("chronic:copd", "chronic:diabetes", "inpatient")
    assert (org.level_code, level(org)) == (6, 2)
    world.refused("sender.not-competent", w.BUREAU_HUNAN, C, "set_switch", switch)
    world.refused("sender.kind", w.HOSPITAL, C, "set_switch", switch)
    bank = switch | {"institution": w.FINANCE}
    world.refused("organisations.not-an-institution", w.BUREAU_HUNAN, C, "set_switch", bank)
    unknown = switch | {"switch": "dentist"}
    world.refused("organisations.unknown-switch", w.BUREAU_GUANGZHOU, C, "set_switch", unknown)


def test_switches_are_bounded(world: World) -> None:
    limit = organisation_methods.SWITCHES_MAX
    org = hospital(switches=[f"chronic:d{n}" for n in range(limit - 1)])
    world.do(w.BUREAU_CHANGSHA, C, "admit", org)
    more = {"institution": NEW, "switch": "inpatient", "on": True}
    world.do(w.BUREAU_CHANGSHA, C, "set_switch", more | {"switch": "chronic:last"})
    world.refused("organisations.too-many", w.BUREAU_CHANGSHA, C, "set_switch", more)


def suspended_on(world: World, date: str) -> str | None:
    org = load(world.state, w.HOSPITAL)
    assert org is not None
    found = suspension_on(org, date)
    return None if found is None else found.reason


def test_suspension_has_reason_beginning_and_end(world: World) -> None:
    args = {
        "organisation": w.HOSPITAL,
        "reason": "inspection",
        "from": "2025-06-15",
        "to": "2025-07-14",
    }
    world.do(w.BUREAU_GUANGZHOU, C, "suspend", args)
    assert suspended_on(world, "2025-06-14") is None
    assert suspended_on(world, "2025-06-15") == "inspection"
    assert suspended_on(world, "2025-07-14") == "inspection"
    assert suspended_on(world, "2025-07-15") is None
    open_end = args | {"reason": "contract", "from": "2025-08-01", "to": None}
    world.do(w.BUREAU_GUANGZHOU, C, "suspend", open_end)
    assert suspended_on(world, "2031-01-01") == "contract"
    later = args | {"reason": "later", "from": "2025-12-01", "to": "2025-12-31"}
    world.do(w.BUREAU_GUANGZHOU, C, "suspend", later)
    end = {"organisation": w.HOSPITAL, "last_day": "2025-08-31", "reason": "cleared"}
    world.do(w.BUREAU_GUANGZHOU, C, "resume", end)
    assert suspended_on(world, "2025-08-31") == "contract"
    assert suspended_on(world, "2025-09-01") is None
    assert suspended_on(world, "2025-12-15") is None
    assert suspended_on(world, "2025-07-14") == "inspection"
    world.refused("organisations.not-suspended", w.BUREAU_GUANGZHOU, C, "resume", end)
    world.refused(
        "organisations.dates", w.BUREAU_GUANGZHOU, C, "suspend", args | {"to": "2025-06-14"}
    )
    world.refused("sender.not-competent", w.BUREAU_CHANGSHA, C, "suspend", args)
    world.refused("sender.not-competent", w.BUREAU_CHANGSHA, C, "resume", end)


def test_a_suspension_of_one_day_and_one_that_ends_on_its_first(world: World) -> None:
    args = {"organisation": w.HOSPITAL, "reason": "day", "from": "2025-06-15", "to": "2025-06-15"}
    world.do(w.BUREAU_GUANGZHOU, C, "suspend", args)
    open_end = args | {"reason": "open", "from": "2025-06-20", "to": None}
    world.do(w.BUREAU_GUANGZHOU, C, "suspend", open_end)
    end = {"organisation": w.HOSPITAL, "last_day": "2025-06-20", "reason": "cleared"}
    world.do(w.BUREAU_GUANGZHOU, C, "resume", end)
    days = ("2025-06-14", "2025-06-15", "2025-06-16", "2025-06-20", "2025-06-21")
    assert [suspended_on(world, day) for day in days] == [None, "day", None, "open", None]


def test_suspensions_are_bounded(world: World) -> None:
    args = {"organisation": w.HOSPITAL, "reason": "r", "from": "2025-06-15"}
    for _ in range(organisation_methods.SUSPENSIONS_MAX):
        world.do(w.BUREAU_GUANGZHOU, C, "suspend", args)
    world.refused("organisations.too-many", w.BUREAU_GUANGZHOU, C, "suspend", args)


def test_endpoint_is_the_organisations_own(world: World) -> None:
    assert find_endpoint(world.state, w.BUREAU_HUNAN) is None
    args = {"host": "ledger.hunan.example", "port": 9443, "tls_pin": bytes(32)}
    world.do(w.BUREAU_HUNAN, C, "set_endpoint", args)
    found = find_endpoint(world.state, w.BUREAU_HUNAN)
    assert found is not None
    assert (found.host, found.port, found.tls_pin) == ("ledger.hunan.example", 9443, bytes(32))
    world.refused("args.shape", w.BUREAU_HUNAN, C, "set_endpoint", args | {"host": "http://x"})


# --- Parameters -----------------------------------------------------------------------------------


def test_parameters_of_areas_and_of_the_country(world: World) -> None:
    rules = dict(parameters.AREA["filing"].default)
    assert parameters.area(world.state, "filing", "430102") == rules
    province_rules = rules | {"decide_within": 5}
    city_rules = rules | {"decide_within": 1}
    args = {"name": "filing", "region": "430000", "value": province_rules}
    world.do(w.BUREAU_HUNAN, C, "set_parameter", args)
    world.do(
        w.BUREAU_CHANGSHA, C, "set_parameter", args | {"region": "430100", "value": city_rules}
    )
    assert parameters.area(world.state, "filing", "430102")["decide_within"] == 1
    assert parameters.area(world.state, "filing", "430200")["decide_within"] == 5
    assert parameters.area(world.state, "filing", "440100")["decide_within"] == 2
    days = {"off": ["2025-10-01"], "on": ["2025-09-28"]}
    holidays = {"name": "holidays", "region": "000000", "value": days}
    world.do(w.CENTRE, C, "set_parameter", holidays)
    assert parameters.area(world.state, "holidays") == days
    world.refused("sender.kind", w.BUREAU_HUNAN, C, "set_parameter", holidays)
    world.refused("sender.kind", w.CENTRE, C, "set_parameter", args)
    world.refused("sender.not-competent", w.BUREAU_CHANGSHA, C, "set_parameter", args)
    nameless = args | {"name": "colour"}
    world.refused("organisations.unknown-parameter", w.BUREAU_HUNAN, C, "set_parameter", nameless)
    wrong = args | {"value": rules | {"decide_within": 0}}
    outcome = world.refused(
        "organisations.parameter-shape", w.BUREAU_HUNAN, C, "set_parameter", wrong
    )
    assert outcome.values["path"] == "decide_within"


def test_network_parameters_have_defaults(world: World) -> None:
    assert parameters.network(world.state, "vote_days") == 30
    world.state.put("param/vote_days", 7)
    assert parameters.network(world.state, "vote_days") == 7


# --- What other contracts ask ---------------------------------------------------------------------


def test_requirements_of_a_sender(world: World) -> None:
    def code_of(action: Any) -> str:
        with pytest.raises(Rejected) as refusal:
            action()
        return refusal.value.code

    ctx = world.context(w.BUREAU_CHANGSHA, post="clerk")
    require_competent(ctx, "430102")
    require_kind(ctx, "bureau", "centre")
    require_post(ctx, "clerk")
    assert code_of(lambda: require_competent(ctx, "430000")) == "sender.not-competent"
    assert code_of(lambda: require_kind(ctx, "bank")) == "sender.kind"
    assert code_of(lambda: require_post(ctx, "checker")) == "sender.post"
    assert code_of(lambda: require_organisation(world.state, "bank:x")) == "organisations.unknown"
    # The centre's region covers all, yet it decides about nobody's insurance.
    centre = world.context(w.CENTRE)
    assert code_of(lambda: require_competent(centre, "430100")) == "sender.kind"
