"""The section of ``docs/claims.md`` on births, moves and deaths of the insured."""

from __future__ import annotations

from collections.abc import Callable

_ENDING = """## Births, moves and deaths

`enrolment.close` ends an enrolment with its last day: by a death, a move or because it was a
mistake. In the same call the person's filings are cancelled from the day after on, consents to
commercial products and what relatives allowed end, and the answer lists what goes on: open stays,
a bank's holds, wallet transfers on their way. Care up to the last day still settles, by the filing,
the policy and the relatives' limits of its own dates. Asked again with a corrected day, the same is
done for that day. `yibao person ending PERSON` shows all of it.

### Heirs (继承)

The home bureau registers a dead person's heirs by token, relation and share (`estate.register`);
names stay in its own registry. Another person divides what account and wallet hold
(`estate.divide`): each share is a payout as above, for the relation that is registered, and a
refund that comes later is paid to one of them. Shares are in ten-thousandths; they are rounded
down, the fen left over go to the first heirs, so nothing is made and nothing is lost.
"""


def section(methods_of: Callable[[str], str]) -> str:
    """The section, with the calls of its contracts."""
    return f"{_ENDING}\n{methods_of('estate')}"
