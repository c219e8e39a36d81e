"""Prints what the language makes of many sources, as digests; run under several interpreters.

    python -m tests.contracts.verdicts

Only the standard library and ``contracts`` are imported, so that an interpreter without any
packages can run it. Two validators that print different lines here would part over a policy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from random import Random

from contracts.interpreter import LanguageError, OutOfBudget, PolicyFault, compile_source
from tests.contracts.attempts import read_table
from tests.contracts.programs import write_program

POLICY = '''
"""A city's policy. 医保"""
BANDS = [(1000000, "85%"), (3000000, "90%"), (None, "95%")]


def deductible(case):
    # 起付线
    level = case["institution"]["level"]
    if level == 3:
        return 90000
    elif level in [1, 2]:
        return 30000 * level
    return 0


def settle(case):
    total = 0
    for line in case["lines"]:
        if line["class"] != "03" and line["amount_fen"] > 0:
            total += line["amount_fen"]
    paid = max(total - deductible(case), 0) * 85 // 100
    return {"paid": paid, "bands": len(BANDS), "text": "a" + str(-paid % 7)}
'''
CASE = {
    "institution": {"level": 3},
    "lines": [{"class": "01", "amount_fen": 120_000}, {"class": "03", "amount_fen": 5}],
    "a": 3,
}
SPLICES = [
    "(", ")", "[", "]", "{", "}", ":", ",", ".", "=", "==", "+", "-", "*", "**", "/", "//", "%",
    "@", "->", ":=", "~", "!", ";", "\\", "\n", "\n    ", "\n\t", " ", "\r", "\x0c", "\x00",
    "\ufeff",
    '"', "'", '"""', 'f"', 'b"', "#", "0", "1", "1.5", "1e5", "0x1", "1_0", "1__0", "07", "9" * 25,
    "if", "else", "elif", "for", "in", "not", "is", "and", "or", "def", "return", "pass", "lambda",
    "match", "case", "type", "_", "__x", "class", "import", "while", "break", "None", "True", "len",
    "print", "settle", "type X = 1", "match x:", "case _:", "def f[T](x):", "*a", "**a", "x: int",
    "\u00e9", "\u0661", "\uff11", "\u202e", "\u3000", "医",
]  # fmt: skip


def mutants(count: int) -> Iterator[str]:
    """Sources with a few words cut out, put in or swapped."""
    for seed in range(count):
        random = Random(seed)
        source = POLICY if seed % 3 else write_program(seed)
        for _ in range(random.randint(1, 3)):
            at = random.randint(0, len(source))
            cut = random.choice([0, 0, 1, 2, 7])
            source = source[:at] + random.choice(["", *SPLICES]) + source[at + cut :]
        yield source


def verdict(source: str) -> str:
    """What a receipt would hold of compiling and running the source."""
    try:
        program = compile_source(source)
    except LanguageError as error:
        return repr(error.values)
    try:
        return repr(program.run_metered([CASE]))
    except (PolicyFault, OutOfBudget) as error:
        return repr(error.values)


def digest(verdicts: list[str]) -> str:
    """Short enough to print, long enough to differ."""
    return hashlib.sha256("\n".join(verdicts).encode()).hexdigest()[:16]


def report(mutant_count: int = 600, program_count: int = 80) -> Iterator[str]:
    """One line for each kind of source."""
    yield f"attempts {digest([verdict(source) for _, _, source in read_table()])}"
    found = [verdict(source) for source in mutants(mutant_count)]
    accepted = sum("'rule'" not in line for line in found)
    yield f"mutants {accepted} of {len(found)} {digest(found)}"
    yield f"programs {digest([verdict(write_program(seed)) for seed in range(program_count)])}"
    yield verdict(POLICY)


if __name__ == "__main__":
    print("\n".join(report()))
