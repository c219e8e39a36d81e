"""The access log's daily root: anchored once, for days that are over, by the node's operator."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.settlement import calendar, looks
from tests.contracts import world as w
from tests.contracts.world import World, make_world

ROOT, OTHER = bytes(range(32)), bytes(32)


@pytest.fixture
def world() -> World:
    return make_world([looks.CONTRACT])


def yesterday(world: World) -> str:
    return calendar.add_days(calendar.date_of_ms(world.time_ms), -1)


def publish(world: World, day: str, count: int, root: bytes) -> dict[str, Any]:
    return {"day": day, "count": count, "root": root}


def test_a_day_that_is_over_is_anchored_and_a_retry_changes_nothing(world: World) -> None:
    args = publish(world, yesterday(world), 3, ROOT)
    world.do(w.BUREAU_HUNAN, "looks", "publish", args, post="operator")
    before = dict(world.state.entries)
    world.do(w.BUREAU_HUNAN, "looks", "publish", args, post="operator")
    assert dict(world.state.entries) == before
    assert looks.root_of(world.state, w.BUREAU_HUNAN, args["day"]) == (3, ROOT)


def test_each_organisation_anchors_its_own_log(world: World) -> None:
    day = yesterday(world)
    world.do(w.BUREAU_HUNAN, "looks", "publish", publish(world, day, 3, ROOT), post="operator")
    world.do(w.CENTRE, "looks", "publish", publish(world, day, 0, OTHER), post="operator")
    assert looks.root_of(world.state, w.CENTRE, day) == (0, OTHER)


def test_another_root_for_the_same_day_is_refused(world: World) -> None:
    day = yesterday(world)
    world.do(w.BUREAU_HUNAN, "looks", "publish", publish(world, day, 3, ROOT), post="operator")
    for count, root in ((3, OTHER), (2, ROOT)):
        args = publish(world, day, count, root)
        world.refused("looks.differs", w.BUREAU_HUNAN, "looks", "publish", args, post="operator")


def test_today_is_not_over_and_a_clerk_does_not_anchor(world: World) -> None:
    today = calendar.date_of_ms(world.time_ms)
    args = publish(world, today, 1, ROOT)
    world.refused("looks.day-not-over", w.BUREAU_HUNAN, "looks", "publish", args, post="operator")
    args = publish(world, yesterday(world), 1, ROOT)
    world.refused("sender.post", w.BUREAU_HUNAN, "looks", "publish", args, post="clerk")
