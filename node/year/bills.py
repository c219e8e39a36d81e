"""What care costs, by kind: how often, how much, of which lines.

The shares of 2024's 238 million settlements across provinces and what funds paid for each
(USERS.md section 5) fix the middle of each distribution; the spread is a guess.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from node.benchmark.workload import CODES
from node.ledger.types import Value


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of care."""

    name: str
    """Word of ``terms.CARE_KINDS``."""
    chinese: str
    share: float
    """Of all settlements."""
    mean_fen: int
    """Of a bill."""
    spread: float
    """Of its logarithm."""
    lines: int


KINDS = (
    Kind("inpatient", "住院", 14.3356, 1_850_000, 0.9, 8),
    Kind("outpatient", "普通门诊", 156.0, 26_000, 0.8, 4),
    Kind("chronic", "门诊慢特病", 9.0965, 130_000, 0.7, 3),
    Kind("pharmacy", "定点药店", 59.4508, 13_000, 0.5, 2),
)
WEIGHTS = [kind.share for kind in KINDS]
LONGEST_STAY = 21


def kind_of(dice: random.Random) -> Kind:
    """A kind of care in its real share."""
    return dice.choices(KINDS, WEIGHTS)[0]


def total_of(kind: Kind, dice: random.Random) -> int:
    """A bill in fen: few large ones, many small ones, the kind's mean."""
    middle = math.log(kind.mean_fen) - kind.spread**2 / 2
    return max(500, min(int(dice.lognormvariate(middle, kind.spread)), 50_000_000))


def lines_of(kind: Kind, total_fen: int, day: str, dice: random.Random) -> list[Value]:
    """Charge lines that give the total; classes 甲, 乙 and some 丙 as the catalogue has them."""
    cuts = sorted(dice.randrange(1, total_fen) for _ in range(kind.lines - 1))
    amounts = [end - start for start, end in zip([0, *cuts], [*cuts, total_fen], strict=True)]
    first = dice.randrange(len(CODES))
    lines: list[Value] = []
    for number, amount in enumerate((a for a in amounts if a), start=1):
        # Of three neighbours in the catalogue one is of class 丙; most lines avoid it.
        code = (first + number * 3 + (number % 2)) % len(CODES)
        if code % 3 == 2 and dice.random() < 0.7:
            code -= 1
        lines.append([f"{number}", CODES[code], day, amount * 10_000, 10_000, amount, 0,
                      "practitioner:x", True, ""])  # fmt: skip
    return lines
