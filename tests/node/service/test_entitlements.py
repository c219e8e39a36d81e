"""How much of each block an organisation's node gets: the table of ``entitlements``, row by row."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.ledger.block import Validator, ValidatorSet
from node.ledger.types import Key, OrgId
from node.p2p.payloads import Share
from node.service.entitlements import owed_until, share_of
from tests.contracts.world import CENTRE, World, make_world

SEATED = "bureau:310000"


def seats(*organisations: str) -> ValidatorSet:
    return ValidatorSet(
        tuple(Validator(OrgId(name), Key(sha256(name.encode()).digest() + b"\x01"))
              for name in sorted(organisations))
    )  # fmt: skip


@pytest.fixture
def world() -> World:
    return make_world([])


def add(world: World, name: str, kind: str, region: str, *, left: bool = False) -> str:
    known = world.state.get(f"org/{CENTRE}")
    world.state.put(f"org/{name}", known | {"id": name, "kind": kind, "region": region})
    return world.leave(name) if left else name


@pytest.mark.parametrize(
    ("kind", "region", "share"),
    [
        ("auditor", "000000", Share.CONTENT),
        ("regulator", "000000", Share.CONTENT),
        ("auditor", "310000", Share.CHANGES),
        ("regulator", "310100", Share.CHANGES),
        ("centre", "000000", Share.CHANGES),
        ("bureau", "310000", Share.CHANGES),
        ("bureau", "310100", Share.NOTHING),
        ("bureau", "310115", Share.NOTHING),
        ("finance", "310000", Share.NOTHING),
        ("hospital", "310000", Share.NOTHING),
        ("pharmacy", "310000", Share.NOTHING),
        ("bank", "000000", Share.NOTHING),
        ("insurer", "000000", Share.NOTHING),
    ],
)
def test_an_office_gets_its_share_a_seat_all_and_who_has_left_nothing(
    world: World, kind: str, region: str, share: Share
) -> None:
    name = add(world, "x:1", kind, region)
    assert share_of(world.state, seats(SEATED), name) is share
    assert share_of(world.state, seats(SEATED, name), name) is Share.CONTENT
    world.leave(name)
    assert share_of(world.state, seats(SEATED), name) is Share.NOTHING


def test_whom_nobody_knows_gets_nothing(world: World) -> None:
    assert share_of(world.state, seats(SEATED), "bureau:999999") is Share.NOTHING


@given(st.lists(st.booleans(), min_size=1, max_size=6), st.data())
def test_a_seat_is_owed_every_block_up_to_the_one_that_took_it(
    seated: list[bool], data: st.DataObject
) -> None:
    """Asked of somebody without a seat now: the last height at which it had one, else none."""
    lengths = [data.draw(st.integers(1, 5)) for _ in seated]
    epochs, by_height, first = [], [], 1
    for number, (has_seat, length) in enumerate(zip([*seated, False], [*lengths, 1], strict=True)):
        epochs.append((number, first, seats(SEATED, "x:1") if has_seat else seats(SEATED)))
        by_height += [has_seat] * length
        first += length
    last = max((height for height, had in enumerate(by_height, 1) if had), default=0)
    assert owed_until(epochs, "x:1") == last
