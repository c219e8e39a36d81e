"""The founded world as plain values. What tests' worlds have as source text of policies is named
here and nothing more: the rules themselves are written again in ``rules``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tests.contracts.settlement.claim_world import ITEMS
from tests.contracts.world import ORGANISATIONS, POSTS, key_of
from tests.node.api.real import OTHER_HOSPITAL
from tests.node.conservation_world import PEOPLE


@dataclass(frozen=True)
class Item:
    """What the catalogue of the place of care says of a code."""

    item_class: str
    first_pay: str
    ceilings: dict[int, int]
    """Hospital level to the highest unit price, in millionths of a yuan; 0: all others."""
    restricted: bool


@dataclass(frozen=True)
class Facts:
    """Who is who."""

    organisations: dict[str, tuple[str, str]]
    """Kind and region."""
    posts: dict[bytes, tuple[str, str]]
    """Signing key to organisation and post."""
    people: dict[str, tuple[str, bool]]
    """Scheme, and whether the person has a personal account."""
    items: dict[str, Item]
    policies: dict[tuple[str, str], str]
    """Pooling area and scheme to the name of its rules in ``rules.POLICIES``."""
    level: int = 3
    """Of all hospitals."""


def _ceilings(rows: list[list[int]]) -> dict[int, int]:
    return {row[0]: row[1] for row in rows}


@cache
def facts() -> Facts:
    """Those of ``conservation_world.founding``."""
    listed = (*ORGANISATIONS, (OTHER_HOSPITAL, "hospital", "440100"))
    return Facts(
        organisations={one: (kind, region) for one, kind, region in listed},
        posts={key_of(one, post): (one, post) for one, _, _ in listed for post in POSTS},
        people=dict(PEOPLE),
        items={
            code: Item(item_class, first_pay, _ceilings(ceilings), restricted)
            for code, item_class, first_pay, ceilings, restricted in ITEMS
        },
        policies={
            ("430100", "310"): "employee", ("430100", "390"): "resident",
            ("430200", "310"): "odd", ("440100", "310"): "employee",
        },
    )  # fmt: skip
