"""Each shape takes its edges, refuses what lies beyond, and names the path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import schema as s
from contracts.scalars import HEX
from contracts.shape import MISSING, describe_kind

LONG = "x" * 200

GOOD: list[tuple[s.Shape, Any]] = [
    (s.Bool(), True),
    (s.Bool(), False),
    (s.Int(-3, 3), -3),
    (s.Int(-3, 3), 3),
    (s.Fen(), 0),
    (s.Fen(), s.FEN_MAX),
    (s.Fen(min=-5), -5),
    (s.Text(), LONG),
    (s.Text(0, 5), ""),
    (s.Text(1, 5), "医保链 "),
    (s.Text(1, 5, lines=True), "a\nb"),
    (s.Text(1, 9, HEX), "0af9"),
    (s.Id(), "p:430100:7f3a"),
    (s.Month(), "2024-02"),
    (s.Region(), "430000"),
    (s.Date(), "2024-02-29"),
    (s.Date(), "2000-02-29"),
    (s.Ratio(), "0%"),
    (s.Ratio(), "82.5%"),
    (s.Ratio(), "100%"),
    (s.Ratio(110), "110%"),
    (s.Bytes(2), b"ab"),
    (s.Bytes(0, 4), b""),
    (s.OneOf("01", "02"), "02"),
    (s.OneOf(1, "x"), 1),
    (s.List(s.Int(), 2), []),
    (s.List(s.Int(), 2), [1, 2]),
    (s.List(s.Int(), 2, distinct=True), [1, 2]),
    (s.Map(s.Int(), 2), {"a": 1, "b": 2}),
    (s.Record({"a": s.Int(), "b": s.Bool()}), {"a": 1, "b": True}),
    (s.Optional(s.Int()), None),
    (s.Optional(s.Int()), 4),
    (s.Optional(s.Int(), 4), 5),
    (s.Plain(10), {"a": [1, None, b"x", True, {"b": "c"}]}),
]

BAD: list[tuple[s.Shape, Any]] = [
    (s.Bool(), 1),
    (s.Bool(), None),
    (s.Int(-3, 3), -4),
    (s.Int(-3, 3), 4),
    (s.Int(-3, 3), True),
    (s.Int(-3, 3), 1.0),
    (s.Int(-3, 3), "1"),
    (s.Fen(), -1),
    (s.Fen(), s.FEN_MAX + 1),
    (s.Text(), ""),
    (s.Text(), LONG + "x"),
    (s.Text(), "a\x00"),
    (s.Text(), "a\nb"),
    (s.Text(lines=True), "a\rb"),
    (s.Text(), "\x7f"),
    (s.Text(), "\x85"),
    (s.Text(), b"a"),
    (s.Text(1, 9, HEX), "0AF"),
    (s.Id(), "a/b"),
    (s.Id(), "a b"),
    (s.Id(), "é"),
    (s.Month(), "2024-13"),
    (s.Month(), "2024-2"),
    (s.Month(), "2024-02-29"),
    (s.Month(), 202402),
    (s.Region(), "43000"),
    (s.Region(), "43000a"),
    (s.Region(), "\uff14\uff1330000"),
    (s.Region(), 430000),
    (s.Date(), "2023-02-29"),
    (s.Date(), "1900-02-29"),
    (s.Date(), "2024-13-01"),
    (s.Date(), "2024-00-01"),
    (s.Date(), "2024-01-00"),
    (s.Date(), "2024-04-31"),
    (s.Date(), "20240101"),
    (s.Date(), "2024-1-01"),
    (s.Date(), "2024-01-01\n"),
    (s.Date(), "\uff12024-01-01"),
    (s.Date(), 20240101),
    (s.Ratio(), "100.0001%"),
    (s.Ratio(), "82.5"),
    (s.Ratio(), "082%"),
    (s.Ratio(), "-1%"),
    (s.Ratio(), "1.00001%"),
    (s.Ratio(), ".5%"),
    (s.Ratio(), "82.5%\n"),
    (s.Ratio(), 82),
    (s.Bytes(2), b"a"),
    (s.Bytes(2), "ab"),
    (s.Bytes(0, 4), b"abcde"),
    (s.OneOf("01", "02"), "03"),
    (s.OneOf(1), True),
    (s.OneOf("01"), None),
    (s.OneOf("01"), ["01"]),
    (s.List(s.Int(), 2), [1, 2, 3]),
    (s.List(s.Int(), 2, 1), []),
    (s.List(s.Int(), 2), (1, 2)),
    (s.List(s.Int(), 3, distinct=True), [1, 2, 1]),
    (s.Map(s.Int(), 1), {"a": 1, "b": 2}),
    (s.Map(s.Int(), 1), {"a": "1"}),
    (s.Map(s.Int(), 1), {"": 1}),
    (s.Map(s.Int(), 1), {1: 1}),
    (s.Map(s.Int(), 1), []),
    (s.Record({"a": s.Int()}), {}),
    (s.Record({"a": s.Int()}), {"a": 1, "b": 2}),
    (s.Record({"a": s.Int()}), {"b": 2}),
    (s.Record({"a": s.Int()}), {1: 2}),
    (s.Record({"a": s.Int()}), "a"),
    (s.Optional(s.Int(), 4), None),
    (s.Plain(3), [1, 2, 3]),
    (s.Plain(), 1.5),
    (s.Plain(), {1.5: 1}),
    (s.Plain(), ["x", {"y": (1,)}]),
]


@pytest.mark.parametrize(("shape", "value"), GOOD)
def test_a_fitting_value_passes_unchanged(shape: s.Shape, value: Any) -> None:
    assert shape.compile()(value) == value


@pytest.mark.parametrize(("shape", "value"), BAD)
def test_a_misfit_is_refused_with_what_was_compared(shape: s.Shape, value: Any) -> None:
    with pytest.raises(s.ShapeError) as caught:
        shape.compile()(value)
    assert caught.value.expected
    assert caught.value.found_public() in str(caught.value) or caught.value.found_exact()


@pytest.mark.parametrize(("shape", "value"), GOOD)
def test_every_shape_describes_itself(shape: s.Shape, value: Any) -> None:
    assert shape.describe()["type"]
    assert str(shape)


BILL = s.Record(
    {
        "id": s.Id(),
        "lines": s.List(s.Record({"fen": s.Fen(), "tags": s.Map(s.Int(0, 9), 3)}), 3),
        "note": s.Optional(s.Text(), "-"),
        "more": s.Optional(s.List(s.Int(), 3), []),
        "extra": s.Optional(s.Record({"x": s.Int()})),
    }
)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"id": 1}, "id"),
        ({"lines": 1}, "lines"),
        ({"lines": [{"fen": 1, "tags": {}}, {"fen": -1, "tags": {}}]}, "lines[1].fen"),
        ({"lines": [{"fen": 1, "tags": {"a": 1, "b": 10}}]}, "lines[0].tags[1]"),
        ({"lines": [{"fen": 1}]}, "lines[0].tags"),
        ({"lines": [{"fen": 1, "tags": {}, "z": 1}]}, "lines[0]"),
        ({"extra": {}}, "extra.x"),
        ({"zzz": 1}, ""),
    ],
)
def test_the_path_leads_to_the_fault(change: dict[str, Any], path: str) -> None:
    with pytest.raises(s.ShapeError) as caught:
        s.compile_shape(BILL)({"id": "a", "lines": []} | change)
    assert caught.value.path == path


def test_absent_keys_get_fresh_defaults() -> None:
    check = s.compile_shape(BILL.fields)
    first, second = check({"id": "a", "lines": []}), check({"id": "a", "lines": []})
    assert first == {"id": "a", "lines": [], "note": "-", "more": [], "extra": None}
    first["more"].append(1)
    assert second["more"] == []


def test_a_nested_default_is_fresh_too() -> None:
    shape = s.Record({"m": s.Optional(s.Map(s.List(s.Int(), 2), 2), {"a": [1]})})
    check = shape.compile()
    check({})["m"]["a"].append(2)
    assert check({}) == {"m": {"a": [1]}}


def test_a_default_is_completed_as_the_same_value_would_be() -> None:
    inner = s.Record({"a": s.Optional(s.Int(), 5), "b": s.Optional(s.List(s.Int(), 2), [])})
    check = s.Record({"r": s.Optional(inner, {})}).compile()
    assert check({}) == check({"r": {}}) == {"r": {"a": 5, "b": []}}
    check({})["r"]["b"].append(1)
    assert check({}) == {"r": {"a": 5, "b": []}}


def test_the_input_is_not_changed() -> None:
    given_value = {"id": "a", "lines": []}
    s.compile_shape(BILL)(given_value)
    assert given_value == {"id": "a", "lines": []}


def test_a_default_must_fit_its_own_shape() -> None:
    with pytest.raises(s.ShapeError):
        s.Optional(s.Int(0, 3), 4).compile()


def test_public_words_never_repeat_the_value() -> None:
    for value in (1, True, None, "secret", b"secret", ["secret"], {"secret": 1}, 1.5, MISSING):
        assert "secret" not in describe_kind(value)
    error = s.ShapeError("x", "y" * 100)
    assert len(error.found_exact()) == 80
    assert s.ShapeError("x", b"secret").found_exact() == "6 bytes"
    assert "value: expected x" in str(error)
    assert repr(MISSING) == describe_kind(MISSING) == "nothing"


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@given(plain)
def test_a_check_answers_or_raises_its_own_error_and_nothing_else(value: Any) -> None:
    for shape in (*[shape for shape, _ in GOOD], BILL):
        try:
            checked = shape.compile()(value)
        except s.ShapeError as error:
            str(error)
        else:
            assert shape.compile()(checked) == checked


@given(st.dates())
def test_the_calendar_is_the_gregorian_one(day: Any) -> None:
    assert s.is_real_date(day.isoformat()) == (1000 <= day.year <= 2999)


@given(st.integers(1990, 2030), st.integers(0, 13), st.integers(0, 32))
def test_days_that_do_not_exist_are_refused(year: int, month: int, day: int) -> None:
    import datetime

    try:
        datetime.date(year, month, day)
        real = True
    except ValueError:
        real = False
    assert s.is_real_date(f"{year:04}-{month:02}-{day:02}") == real
