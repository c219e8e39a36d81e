"""``quick``: the same values as those of a frozen dataclass; that nobody changes them is mypy's."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.quick import quick

CHANGES_A_VALUE = """
from contracts.quick import quick

@quick(frozen=True, slots=True)
class Payment:
    amount_fen: int

payment = Payment(1)
print(payment.amount_fen)
"""


@dataclass(frozen=True, slots=True)
class Plain:
    name: str
    amount_fen: int
    note: str = "none"
    parts: tuple[int, ...] = field(default_factory=tuple)

    def doubled(self) -> int:
        return 2 * self.amount_fen


@quick(frozen=True, slots=True)
class Quick:
    name: str
    amount_fen: int
    note: str = "none"
    parts: tuple[int, ...] = field(default_factory=tuple)

    def doubled(self) -> int:
        return 2 * self.amount_fen


ARGUMENTS = st.fixed_dictionaries(
    {"name": st.text(), "amount_fen": st.integers()},
    optional={"note": st.text(), "parts": st.lists(st.integers()).map(tuple)},
)


@given(ARGUMENTS)
def test_a_quick_value_has_the_fields_of_the_frozen_one(arguments: dict[str, Any]) -> None:
    plain, made = Plain(**arguments), Quick(**arguments)
    assert dataclasses.asdict(made) == dataclasses.asdict(plain)
    assert repr(made) == repr(plain).replace("Plain", "Quick", 1)
    assert hash(made) == hash(plain)
    assert made == Quick(**arguments)
    assert made != dataclasses.replace(made, name=made.name + "x")
    assert made.doubled() == plain.doubled()
    assert not hasattr(made, "__dict__")


def test_mypy_refuses_to_change_one(tmp_path: Path) -> None:
    """With an assignment there is exactly one complaint, without it none."""
    for text, complaints in (
        (CHANGES_A_VALUE, 0),
        (CHANGES_A_VALUE + "payment.amount_fen = 2\n", 1),
    ):
        source = tmp_path / "sample.py"
        source.write_text(text, encoding="utf-8")
        told = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(source)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert told.stdout.count("is read-only") == complaints, told.stdout
