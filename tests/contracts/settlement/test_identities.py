"""Identities: they hold for what balances and no single figure can be off by a fen unseen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.settlement import identities
from contracts.settlement.identities import EQUATIONS, FUND_TERMS, IdentityError

fen = st.integers(0, 10**9)


@st.composite
def balanced(draw: st.DrawFn) -> dict[str, int]:
    """Figures made from their leaves, so that every equation holds."""
    figures = {name: draw(fen) for name in (*FUND_TERMS, "account", "credit", "cash")}
    figures |= {name: draw(fen) for name in ("commercial", "hospital_share")}
    figures["funds"] = sum(figures[name] for name in FUND_TERMS)
    figures["person"] = figures["account"] + figures["credit"] + figures["cash"]
    figures["total"] = (
        figures["funds"] + figures["commercial"] + figures["hospital_share"] + figures["person"]
    )
    rest = figures["total"]
    for name in ("own_expense", "over_ceiling", "first_pay"):
        figures[name] = draw(st.integers(0, rest))
        rest -= figures[name]
    figures["in_scope"] = rest
    figures["in_scope_paid"] = draw(st.integers(0, rest))
    figures["in_scope_self"] = rest - figures["in_scope_paid"]
    return figures


@given(balanced())
def test_what_balances_passes(figures: dict[str, int]) -> None:
    identities.check(figures)
    assert identities.resolve(figures) == figures


@given(balanced(), st.data())
def test_one_figure_off_by_one_fen_is_seen(figures: dict[str, int], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(figures)))
    figures[name] += data.draw(st.sampled_from([-1, 1]))
    with pytest.raises(IdentityError):
        identities.check(figures)
    with pytest.raises(IdentityError):
        identities.resolve(figures)


@given(balanced(), st.data())
def test_a_figure_left_out_of_each_equation_is_found_again(
    figures: dict[str, int], data: st.DataObject
) -> None:
    left_out = data.draw(st.sampled_from(EQUATIONS))
    name = data.draw(st.sampled_from([left_out.whole, *left_out.parts]))
    known = {k: v for k, v in figures.items() if k != name}
    assert identities.resolve(known) == figures


def test_what_does_not_follow_stays_out() -> None:
    assert identities.resolve({"total": 5}) == {"total": 5}


def test_negative_figures_are_refused() -> None:
    with pytest.raises(IdentityError, match="negative"):
        identities.resolve({"in_scope": 5, "in_scope_paid": 6})


def test_the_message_names_both_sides() -> None:
    with pytest.raises(IdentityError, match=r"person: person 5 is not 4"):
        identities.resolve({"person": 5, "account": 1, "credit": 0, "cash": 3})
