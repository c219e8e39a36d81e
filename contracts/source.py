"""The first gate: characters and tokens of a policy's source, before anything is parsed.

Sizes, nesting and the alphabet are settled here, so that the parser of the host never sees what
could exhaust it, and never sees anything that one Python version reads differently than another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from contracts.language import (
    BLOCKS_MAX,
    BRACKETS_MAX,
    DIAGNOSTICS_MAX,
    DIGITS_MAX,
    ELIF_MAX,
    LINE_CHARACTERS_MAX,
    LINES_MAX,
    NAME_CHARACTERS_MAX,
    OPERATORS_MAX,
    SIGNS_REFUSED,
    SOURCE_BYTES_MAX,
    TEXT_MAX,
    WORDS_REFUSED,
    Diagnostic,
    complain,
)

_TOKEN = re.compile(
    r"""
    (?P<comment> \#[^\n]* )
  | (?P<long> \"{3}(?:[^\\]|\\.)*?\"{3} | '{3}(?:[^\\]|\\.)*?'{3} )
  | (?P<text> "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' )
  | (?P<number> [0-9][0-9A-Za-z_.]* )
  | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
  | (?P<newline> \n )
  | (?P<blank> [ ]+ )
  | (?P<sign> \*\*= | //= | >>= | <<= | \.\.\. | := | -> | == | != | <= | >= | <> | // | \*\*
            | << | >> | \+= | -= | \*= | /= | %= | &= | \|= | \^= | @=
            | [-+*/%@&|^~<>()\[\]{},:.;=!] )
    """,
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"0|[1-9][0-9]*(?:_[0-9]+)*")
_ESCAPE = re.compile(r"""\\(?![n"'\\])""")
# Control characters, and those that hide or turn text around ("Trojan Source", CVE-2021-42574):
# soft hyphen, zero-width and directional marks, line and paragraph separators, byte order mark.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_OPENS = {"(": ")", "[": "]", "{": "}"}
_FLAT = frozenset("()[]{},:=")
"""Signs that do not make an expression deeper by themselves; brackets are counted apart."""
_OPERATOR_WORDS = frozenset({"and", "or", "not", "if", "else", "in", "is"})


@dataclass(slots=True)
class _Scan:
    """Where the scan stands and what it has found."""

    line: int = 1
    line_start: int = 0
    found: list[Diagnostic] = field(default_factory=list)
    brackets: list[tuple[str, int, int]] = field(default_factory=list)
    """Open brackets: the closing sign wanted, line, column."""
    indents: list[int] = field(default_factory=lambda: [0])
    operators: int = 0
    """In the current logical line."""
    elifs: int = 0
    at_start: bool = True
    """Whether nothing but blanks stood on this logical line so far."""
    words: tuple[str, str] = ("", "")
    """The last two tokens of the logical line; texts stand as a quote sign."""

    def say(self, rule: str, column: int, what: str = "") -> None:
        self.found.append(complain(rule, self.line, column, what))


def check_source(source: str) -> list[Diagnostic]:
    """Complaints about characters, tokens and sizes; empty when the source may be parsed."""
    try:
        size = len(source.encode("utf-8"))
    except UnicodeEncodeError as error:
        line = source.count("\n", 0, error.start) + 1
        return [complain("source.encoding", line, 1)]
    if size > SOURCE_BYTES_MAX:
        return [complain("source.size", 1, 1, f"{size} bytes, at most {SOURCE_BYTES_MAX}")]
    found = _check_lines(source)
    # a source that is not even text is not worth a look at its tokens
    return found or _check_tokens(source)


def normalise(source: str) -> str:
    """The source with line ends as line feeds, as both gates read it."""
    return source.replace("\r\n", "\n")


def _check_lines(source: str) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    lines = source.split("\n")
    if len(lines) > LINES_MAX + 1:
        found.append(complain("source.lines", LINES_MAX + 1, 1, f"at most {LINES_MAX}"))
    for number, line in enumerate(lines[: LINES_MAX + 1], 1):
        if len(line) > LINE_CHARACTERS_MAX:
            found.append(
                complain("line.length", number, LINE_CHARACTERS_MAX + 1, f"{len(line)} characters")
            )
        for rule, at in (
            ("source.tab", line.find("\t")),
            ("source.return", line.find("\r")),
            ("source.invisible", hit.start() if (hit := _INVISIBLE.search(line)) else -1),
        ):
            if at >= 0:
                found.append(complain(rule, number, at + 1, f"U+{ord(line[at]):04X}"))
    return found


def _check_tokens(source: str) -> list[Diagnostic]:
    scan, position = _Scan(), 0
    while position < len(source) and len(scan.found) < DIAGNOSTICS_MAX:
        column = position - scan.line_start + 1
        match = _TOKEN.match(source, position)
        if match is None:
            scan.say(*_stray(source[position], column))
            # what follows a quote that is never closed is text and not tokens: skip the line
            end = source.find("\n", position)
            position = len(source) if end < 0 else end
            continue
        kind, word = match.lastgroup or "", match.group()
        position = match.end()
        if kind == "newline":
            _end_line(scan, position)
        elif kind == "blank" or kind == "comment":
            continue
        else:
            if scan.at_start and not scan.brackets:
                _check_indent(scan, column)
            _check_token(scan, kind, word, column, source[position : position + 1])
            scan.at_start = False
            _count_lines(scan, word, match.start())
    if scan.brackets:
        _, line, column = scan.brackets[-1]
        scan.found.append(complain("bracket.open", line, column))
    return scan.found


def _stray(character: str, column: int) -> tuple[str, int, str]:
    if character in "\"'":
        return "text.open", column, ""
    if character == "\\":
        return "source.continuation", column, ""
    return "source.character", column, f"U+{ord(character):04X}"


def _end_line(scan: _Scan, position: int) -> None:
    scan.line += 1
    scan.line_start = position
    if not scan.brackets:
        scan.operators = 0
        scan.at_start = True
        scan.words = ("", "")


def _count_lines(scan: _Scan, word: str, start: int) -> None:
    """A long text spans lines; what follows is counted from its last one."""
    if (ends := word.count("\n")) > 0:
        scan.line += ends
        scan.line_start = start + word.rindex("\n") + 1


def _check_indent(scan: _Scan, column: int) -> None:
    """Keeps the stack of indents; whether a dedent fits one of them is the parser's matter."""
    indent = column - 1
    while scan.indents[-1] > indent:
        scan.indents.pop()
    if indent > scan.indents[-1]:
        scan.indents.append(indent)
        if len(scan.indents) - 1 > BLOCKS_MAX:
            scan.say("nesting.blocks", column, f"at most {BLOCKS_MAX}")


def _check_token(scan: _Scan, kind: str, word: str, column: int, following: str) -> None:
    before = scan.words
    if kind == "number":
        _check_number(scan, word, column)
    elif kind in ("text", "long"):
        _check_text(scan, word, column)
        word = '"'
    elif kind == "name":
        _check_name(scan, word, column, following)
        if before == ("", "type"):
            scan.say("statement.type", column, word)
    else:
        if word == "." and following.isdecimal():
            scan.say("number.float", column)
        else:
            _check_sign(scan, word, column)
        if word == "[" and before[0] == "def":
            scan.say("function.type-params", column)
    if (kind == "sign" and word not in _FLAT) or word in _OPERATOR_WORDS:
        scan.operators += 1
        if scan.operators == OPERATORS_MAX + 1:
            scan.say("line.operators", column, f"at most {OPERATORS_MAX}")
    scan.words = (before[1], word)


def _check_number(scan: _Scan, word: str, column: int) -> None:
    if not _NUMBER.fullmatch(word):
        decimal = "." in word or re.fullmatch("[0-9]+[eE][0-9]+", word)
        scan.say("number.float" if decimal else "number.form", column, word[:30])
    elif (digits := len(word.replace("_", ""))) > DIGITS_MAX:
        scan.say("number.digits", column, f"{digits} digits, at most {DIGITS_MAX}")


def _check_text(scan: _Scan, word: str, column: int) -> None:
    if scan.words[1] == '"':
        scan.say("text.adjacent", column)
    if len(word) > TEXT_MAX:
        scan.say("text.length", column, f"{len(word)} characters, at most {TEXT_MAX}")
    # pairs of backslashes first: what remains must be a single one before n or a quote
    if escape := _ESCAPE.search(word.replace("\\\\", "  ")):
        scan.say("text.escape", column + escape.start() if "\n" not in word else column)


def _check_name(scan: _Scan, word: str, column: int, following: str) -> None:
    if following in ('"', "'") and following:
        scan.say("text.format" if "f" in word.lower() else "text.prefix", column, word[:8])
    elif word in WORDS_REFUSED:
        scan.say(WORDS_REFUSED[word], column, word)
    elif word[0] == "_" and word != "_":
        scan.say("name.underscore", column, word[:NAME_CHARACTERS_MAX])
    elif len(word) > NAME_CHARACTERS_MAX:
        scan.say("name.length", column, f"at most {NAME_CHARACTERS_MAX} characters")
    elif word == "elif":
        scan.elifs += 1
        if scan.elifs == ELIF_MAX + 1:
            scan.say("nesting.blocks", column, f"at most {ELIF_MAX} elif")


def _check_sign(scan: _Scan, word: str, column: int) -> None:
    if word in SIGNS_REFUSED:
        scan.say(SIGNS_REFUSED[word], column, word)
    elif word in _OPENS:
        scan.brackets.append((_OPENS[word], scan.line, column))
        if len(scan.brackets) == BRACKETS_MAX + 1:
            scan.say("bracket.depth", column, f"at most {BRACKETS_MAX}")
    elif word in (")", "]", "}"):
        if scan.brackets and scan.brackets[-1][0] == word:
            scan.brackets.pop()
        else:
            scan.say("bracket.mismatch", column, word)
