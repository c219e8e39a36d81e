"""The reference of the policy language, written from the tables that the engine itself obeys.

    python -m contracts.reference > docs/language.md

A test compares the file with what this module prints, so a rule, a limit, a price or a function
cannot change without its page.
"""

from __future__ import annotations

from collections.abc import Iterable

from contracts.functions import BUILTINS, HostFunction
from contracts.language import (
    FAULTS,
    LANGUAGE_VERSION,
    LIMITS,
    NODES,
    RULES,
    SIGNS_REFUSED,
    WORDS_REFUSED,
)
from contracts.meter import BUDGET_CONSTANTS, BUDGET_DEFAULT, PRICES

HEAD = f"""# The policy language (政策语言), version {LANGUAGE_VERSION}

Written by `python -m contracts.reference` from the tables of the engine; do not edit.
How to write a policy is told in [policy-guide.md](policy-guide.md); this page is for looking up.

A policy is a small part of Python 3. Everything on this page means what it means in Python, with
the differences named below. It is checked when it is deployed (`yibao policy check FILE` gives the
same complaints, with line, column and rule), compiled once, and run with a budget. It can read its
arguments and call the functions listed here; there is nothing else that it could reach.

```python
\"\"\"Inpatient, employees of a made-up city. 职工住院\"\"\"

DEDUCTIBLES = {{"1": 30000, "2": 60000, "3": 90000}}
CAP_FEN = 30_000_000


def deductible(case):
    first = DEDUCTIBLES[str(case["institution"]["level"])]
    if case["visit"]["admission_number"] > 1:
        return first // 2
    return first


def settle(case):
    in_scope = case["sums"]["in_scope_fen"]
    open_fen = max(in_scope - deductible(case), 0)
    used = get(case["counters"], "basic_fen", 0)
    paid = min(open_fen * 85 // 100, max(CAP_FEN - used, 0))
    return {{"paid_fen": paid, "counters": {{"basic_fen": paid}}}}
```

## Values

| kind | written | remarks |
|---|---|---|
| number | `12`, `30_000` | whole numbers only; money is fen. `True` is not a number. |
| text | `"82.5%"`, `'a'`, `\"\"\"lines\"\"\"` | any characters; escapes `\\n` `\\\\` `\\"` `\\'` |
| bool | `True`, `False` | |
| nothing | `None` | |
| list | `[1, 2]`, `(1, 2)` | the round one cannot be changed |
| map | `{{"name": value}}` | keys are texts; loops go by ascending key |

In a condition `0`, `""`, `[]`, `{{}}`, `None` and `False` count as false.
The arguments, the constants of the outer level and what the functions of the engine give can be
read and not changed; `copy(x)` makes a list or map that can.

## Where it differs from Python

* `==` compares kind by kind: `1 == True` is false. `(1, 2) == [1, 2]` is true.
* `//` rounds down (`-7 // 2` is -4) and `%` has the divisor's sign (`-7 % 2` is 1), as in Python;
  `/` does not exist.
* `and`, `or` and `not` are as in Python; numbers and texts are compared with their like only.
* A loop walks over what the list held when the loop began. A map gives its keys in ascending order.
* `+=` is for numbers and texts; lists grow by `push(list, value)` or `list + list`.
* Functions stand at the outer level, take plain parameters, are called by position and never call
  each other in a circle. A function is not a value.
* Constants of the outer level are computed once, when the policy is deployed.
* A name belongs to one thing: what is a function or a constant cannot be a variable too.

## What may be written

"""


def render(groups: Iterable[tuple[str, Iterable[HostFunction]]] = ()) -> str:
    """The whole page. ``groups``: titles and functions offered beside the language's own."""
    parts = [HEAD, _table(("node", "written"), _nodes())]
    parts.append("\n## Functions of the language\n\n" + _functions(BUILTINS.values()))
    for title, functions in groups:
        parts.append(f"\n## {title}\n\n" + _functions(functions))
    parts.append(
        "\n## Limits\n\nA source or a run beyond one of these is refused or ended.\n\n"
        + _table(("limit", "at most", ""), ((a, f"{b:,}", c) for a, b, c in LIMITS))
    )
    parts.append(
        f"\n## Prices\n\nA run has {BUDGET_DEFAULT:,} units, all constants together"
        f" {BUDGET_CONSTANTS:,}. A unit is one small step; it does not depend on the machine or the"
        " Python version.\nA block is paid for when it is entered. What runs out leaves nothing but"
        " the refusal `policy.out-of-budget`.\n\n"
        + _table(("what", "units", "when"), ((a, str(b), c) for a, b, c in PRICES))
    )
    parts.append(
        "\n## Faults of a run\n\n"
        "A fault ends the run with the refusal `policy.fault`, `fail` with `policy.refuses`.\n"
        "The values name the fault, the line and the column, never anything of the case.\n\n"
        + _table(("fault", "meaning"), ((f"`{a}`", b) for a, b in FAULTS.items()))
    )
    rules = ((f"`{rule}`", message, hint) for rule, (message, hint) in RULES.items())
    parts.append("\n## Rules of the check\n\n" + _table(("rule", "complaint", "instead"), rules))
    parts.append("\n## Words and signs of Python that are not here\n\n" + _refused())
    return "".join(parts)


def _nodes() -> Iterable[tuple[str, ...]]:
    return ((f"`{name}`", written) for name, written in NODES.items() if written)


def _functions(functions: Iterable[HostFunction]) -> str:
    rows = ((f"`{f.signature or f.name}`", f.meaning, _price(f)) for f in functions)
    return _table(("call", "gives", "units"), rows)


def _price(function: HostFunction) -> str:
    price = str(function.price)
    if function.price_item:
        price += f" + {function.price_item} an item"
    if function.price_result:
        price += f" + {function.price_result} an item of the result"
    return price


def _refused() -> str:
    by_rule: dict[str, list[str]] = {}
    for word, rule in (*WORDS_REFUSED.items(), *SIGNS_REFUSED.items()):
        by_rule.setdefault(rule, []).append(f"`{word}`")
    rows = ((" ".join(words), f"`{rule}`") for rule, words in by_rule.items())
    return _table(("written", "rule"), rows)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join("| " + " | ".join(_cell(c) for c in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page() -> str:
    """The page of this build, with the functions of ``benefits`` and of provider payment."""
    from contracts.settlement import benefits
    from contracts.settlement.provider import program

    own = [function for function in program.FUNCTIONS if function.name not in benefits.HOST]
    return render(
        [
            ("Functions of `benefits` (待遇计算)", benefits.FUNCTIONS),
            ("Further functions of payment policies (支付方式)", own),
        ]
    )


if __name__ == "__main__":
    print(page(), end="")
