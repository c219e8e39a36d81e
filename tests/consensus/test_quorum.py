"""Quorum arithmetic, from the definition: B1 of CONSENSUS.md section 13."""

from __future__ import annotations

from itertools import combinations

import pytest

from consensus.errors import DriverError
from consensus.quorum import MEMBERS_MAX, MemberId, ValidatorSet, max_faulty, quorum


def names(count: int) -> tuple[MemberId, ...]:
    return tuple(MemberId(bytes([i])) for i in range(count))


@pytest.mark.parametrize("n", range(1, 31))
def test_b1_two_quorums_share_a_correct_member_and_correct_members_form_one(n: int) -> None:
    f, q = max_faulty(n), quorum(n)
    assert 3 * f < n <= 3 * (f + 1)
    assert 2 * q - n >= f + 1
    assert q <= n - f
    assert 2 * (q - 1) - n < f + 1, "a smaller quorum would do: this one is not the least"


def test_the_cases_that_literals_get_wrong() -> None:
    # n: (f, Q); 2f + 1 is 3 for n = 5 and 6, two thirds rounded down is 3 for n = 5.
    table = {1: (0, 1), 2: (0, 2), 3: (0, 2), 4: (1, 3), 5: (1, 4), 6: (1, 4), 7: (2, 5)}
    assert {n: (max_faulty(n), quorum(n)) for n in table} == table


@pytest.mark.parametrize("n", range(1, 8))
def test_intersection_by_enumeration(n: int) -> None:
    members = range(n)
    smallest = min(
        len(set(a) & set(b))
        for a in combinations(members, quorum(n))
        for b in combinations(members, quorum(n))
    )
    assert smallest > max_faulty(n)


@pytest.mark.parametrize(("rotation", "turns"), [(6, [2, 3, 0, 1, 2, 3]), (7, [3, 0, 1, 2, 3, 0])])
def test_primaries_take_turns_from_the_rotation_on(rotation: int, turns: list[int]) -> None:
    members = ValidatorSet(3, names(4), rotation=rotation)
    assert [members.primary(view) for view in range(6)] == turns


def test_the_largest_set() -> None:
    assert ValidatorSet(0, names(MEMBERS_MAX)).size == MEMBERS_MAX


def test_a_node_with_two_keys_sits_on_the_first_that_is_a_member() -> None:
    a, b, c = names(3)
    assert ValidatorSet(0, (a, b)).seat((c, b)) == 1
    assert ValidatorSet(0, (a, b)).seat((c,)) is None


@pytest.mark.parametrize(
    ("epoch", "members", "rotation"),
    [
        (0, (), 0),
        (0, names(1) * 2, 0),
        (-1, names(1), 0),
        (0, names(1), -1),
        (0, names(MEMBERS_MAX + 1), 0),
    ],
)
def test_impossible_sets(epoch: int, members: tuple[MemberId, ...], rotation: int) -> None:
    with pytest.raises(DriverError):
        ValidatorSet(epoch, members, rotation)
