"""Who cannot be reached on a day: a bureau's, a finance department's or a hospital's own system.

A hospital that is cut off settles nobody: patients pay and bring the bill home. What a bureau or a
finance department owes the others (a confirmation, an order) waits until it is back.
"""

from __future__ import annotations

import hashlib

SHARE = 0.004
"""Of all days, for each organisation: a day and a half of a year."""


class Outages:
    """Dice, the same whenever one asks."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def is_out(self, organisation: str, day: str) -> bool:
        """Whether an organisation's system is down on a day."""
        name = f"{self._seed}/outage/{organisation}/{day}".encode()
        dice = hashlib.blake2b(name, digest_size=4).digest()
        return int.from_bytes(dice, "big") < SHARE * 2**32
