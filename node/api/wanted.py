"""What a parameter or a field should have been: in words, with an example.

A refusal that names a regular expression helps nobody at a counter. ``WORDS`` has a row for every
form that a route declares; a test looks for those that it lacks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from node.api import params

WORDS: Mapping[str, str] = {
    params.DATE: "a day YYYY-MM-DD, for example 2025-06-30",
    params.MONTH: "a month YYYY-MM, for example 2025-06",
    params.AREA: "a district code of six digits, for example 430100",
    params.ACCOUNT: "an account of the chart of accounts, for example fund:430100",
    params.DEBTOR: "a district code of six digits or an insurer, for example 430100, insurer:life",
    params.ID: "an id of letters, digits and . _ : @ -, for example hospital:H43010000123",
    params.DIGEST: "64 hexadecimal digits",
    params.HEX: "hexadecimal digits, an even number",
    params.BLOCK: "a height, for example 120, or the 64 hexadecimal digits of a block's hash",
    params.STATE_KEY: "a key of the state, for example org/bureau:430000",
    params.POLICY: "a scheme of three digits, for example 310, or provider",
    params.TOPIC: "a topic, for example claim.settled",
    params.CURSOR: "a cursor, as `next` of the answer before has it",
    params.POSITION: "a cursor HEIGHT:CALL, for example 120:0",
    params.WORK_CURSOR: "a cursor, as `next` of the answer before has it",
}
"""By the pattern that was missed."""

_ONE_OF = re.compile(r"\^\(([a-z0-9_.|-]+)\)\$")


def places(errors: Any) -> list[str]:
    """Where a shape was missed, and what is wanted there; never the value that was sent.

    Nor the name of a field that nobody declared: it is the sender's own word.
    """
    found = []
    for error in errors[:10]:
        steps = [str(part) for part in error["loc"]]
        if error["type"] == "extra_forbidden":
            steps[-1] = "?"
        found.append(f"{'.'.join(steps)}: {_wanted(error['type'], error.get('ctx', {}))}")
    return found


def in_words(pattern: str) -> str | None:
    """What a pattern takes; None where nobody has said it."""
    pattern = pattern.removeprefix("^$|")  # it may be left empty
    one_of = _ONE_OF.fullmatch(pattern)
    return f"one of {', '.join(one_of[1].split('|'))}" if one_of else WORDS.get(pattern)


def _wanted(kind: str, given: Mapping[str, Any]) -> str:
    """``kind`` and ``given``: of an error of the shapes' library."""
    if "pattern" in given:
        return in_words(given["pattern"]) or f"{kind} {given['pattern']}"
    if kind.startswith("int_"):
        return "a whole number"
    if kind.startswith("bool_"):
        return "true or false"
    for bound, words in (("ge", "at least"), ("le", "at most")):
        if bound in given:
            return f"{words} {given[bound]}"
    return kind
