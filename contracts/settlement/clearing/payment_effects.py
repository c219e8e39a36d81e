"""What the payment of a notice does beside its postings, by kind of notice.

A function is told the notice once it is paid, in the same call. Kinds that are not here have no
effect but their postings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from contracts.api import Context
from contracts.settlement.clearing.notice_record import Kind, Notice

Effect = Callable[[Context, str, Notice], None]

AFTER_PAID: Mapping[Kind, Effect] = {}
"""Effects by kind of notice."""
