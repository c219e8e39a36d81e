"""The documents say what the code says: tables are current, codes are all there, links lead on,
commands exist."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import cli.exits
from cli import reference as cli_reference
from cli.main import app
from contracts.language import RULES
from contracts.settlement import reasons
from node import config
from node import reference as node_reference
from node.__main__ import FAILURES, Exit
from node.api import ledger_codes, problems
from node.config_file import describe
from node.member import config as member_config
from node.member.__main__ import Exit as MemberExit
from node.ports import free_ports
from node.telemetry import LOG_FIELDS, STAGES
from tests.cli.running import process
from tests.test_tidy import tracked

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path for path in tracked(".md") if path.parent in (ROOT, DOCS))
EVERYTHING = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")
MEMBER = (DOCS / "member.md").read_text(encoding="utf-8")


# --- Tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", node_reference.PAGES, ids=lambda p: p.name)
def test_tables_between_marks_are_current(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert node_reference.filled(page) == page, "stale: python -m node.reference"


def test_every_table_stands_on_a_page() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in node_reference.PAGES)
    marks = [found[2] for found in node_reference.MARK.finditer(pages)]
    assert sorted(marks) == sorted(node_reference.TABLES)
    assert pages.count("<!-- table:") == pages.count("<!-- end -->") == len(marks)


def test_the_reference_of_the_command_line_is_current() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert cli_reference.page() == page, "stale: python -m cli.reference > docs/cli.md"


def test_a_stale_table_would_be_noticed() -> None:
    page = OPERATIONS.replace("`pool.count_max`", "`pool.counts_max`")
    assert node_reference.filled(page) == OPERATIONS != page


# --- Nothing is missing -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("problem", [row.code for row in (*problems.ROWS, *ledger_codes.ROWS)]),
        ("reason", list(reasons.TABLE)),
        ("rule of the language", list(RULES)),
        ("setting", [row[0] for row in describe(config.SECTIONS)]),
        ("setting of a member node", [row[0] for row in describe(member_config.SECTIONS)]),
        ("log field", sorted(LOG_FIELDS)),
        ("stage", list(STAGES)),
        ("code of the ledger", [c for codes in node_reference.ledger_codes().values()
                                for c in codes]),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_every_name_appears_in_a_document(what: str, names: list[str]) -> None:
    assert names
    missing = [name for name in names if f"`{name}`" not in EVERYTHING]
    assert not missing, f"{what}: {missing}"


def test_every_metric_and_every_exit_code_appears() -> None:
    metrics = re.findall(r"^\| `(yibao_\w+)` \|", node_reference.metrics_table(), re.MULTILINE)
    assert len(metrics) > 15
    for name in metrics:
        assert f"`{name}`" in OPERATIONS
    for code in Exit:
        assert f"| {code.value} | {code.name} |" in OPERATIONS
        assert code is Exit.STOPPED or f"| {code.value} {code.name} |" in OPERATIONS, "what to do"
    assert {code for _, code in FAILURES} | {Exit.STOPPED, Exit.BUG} == set(Exit)
    for code in MemberExit:
        assert f"| {code.value} | {code.name} |" in MEMBER
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    for code, words in cli.exits.MEANING.items():
        assert f"| {code.value} | {words} |" in page


def test_every_log_line_of_the_node_is_explained() -> None:
    call = re.compile(r"(?:\b|_)log\.(info|warning|error|debug)\(\s*\"([a-z.-]+)\"")
    found = {
        (event, level)
        for path in (ROOT / "node").rglob("*.py")
        for level, event in call.findall(path.read_text(encoding="utf-8"))
    }
    assert len(found) > 8
    missing = [e for e in sorted(found) if f"| `{e[0]}` | {e[1]} |" not in OPERATIONS + MEMBER]
    assert not missing, missing


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    for path in DOCS.iterdir():
        assert path.name == "README.md" or f"({path.name})" in index, path.name


# --- Links ----------------------------------------------------------------------------------------

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]+`", "", text, flags=re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Anchors of a page's headings, as code forges make them."""
    found = set()
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        found.add(kept.replace(" ", "-"))
    return found


def broken_links(path: Path, text: str) -> list[str]:
    broken = []
    for link in LINK.findall(without_code(text)):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        good = target.exists() and (not anchor or anchor in anchors(target))
        if not good:
            broken.append(link)
    return broken


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    assert broken_links(path, path.read_text(encoding="utf-8")) == []


def test_broken_links_are_noticed() -> None:
    text = "[a](nothing.md) [b](cli.md#nothing) [c](cli.md#exit-codes) `[d](no.md)`"
    assert broken_links(DOCS / "x.md", text) == ["nothing.md", "cli.md#nothing"]


# --- Commands -------------------------------------------------------------------------------------

ROOT_COMMAND: Any = typer.main.get_command(app)
ROOT_OPTIONS = {option: param for param in ROOT_COMMAND.params for option in param.opts}
WORD = re.compile(r"[A-Za-z_]+=\S+")


def complaint(words: list[str], *, whole: bool) -> str | None:
    """What is wrong with a command that a document shows; None when it could be run.

    ``whole``: it stands in a block of commands, so that nothing may be missing.
    """
    while words and WORD.fullmatch(words[0]):
        words = words[1:]
    if words[:1] == ["yibao"]:
        return _yibao(words[1:], whole)
    if words[:2] == ["python", "-m"]:
        found = importlib.util.find_spec(words[2]) is not None
        return None if found else f"no module {words[2]}"
    script = ROOT / words[0]
    if not os.access(script, os.X_OK):
        return f"{words[0]} is not there or cannot be run"
    if script.name in ("demo", "bench"):
        return _yibao([script.name, *words[1:]], whole)
    return None


def _yibao(words: list[str], whole: bool) -> str | None:
    command = ROOT_COMMAND
    while words and hasattr(command, "commands"):
        word, *words = words
        if word in ROOT_OPTIONS and command is ROOT_COMMAND:
            words = [] if ROOT_OPTIONS[word].is_flag else words[1:]
            continue
        if word == "--help":
            return None
        if word not in command.commands:
            return None if word in ("...", "COMMAND") else f"no command {word}"
        command = command.commands[word]
    if hasattr(command, "commands"):
        return None if not whole or not words else "a group alone does nothing"
    words = [word for word in words if word not in ("--help", "...")]
    known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    if unknown := [w for w in words if w.startswith("-") and w.split("=")[0] not in known | {"-"}]:
        return f"no option {unknown[0]}"
    if whole:
        try:
            command.make_context(command.name, words, resilient_parsing=False)
        except Exception as error:
            return str(error) or type(error).__name__
    return None


def shown_commands(text: str) -> Iterator[tuple[list[str], bool]]:
    """Commands that a document shows: in blocks, and as code in a sentence."""
    starts = ("yibao ", "scripts/", "python -m ")
    for language, block in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL):
        if language not in ("", "sh", "console", "bash"):
            continue
        for line in block.replace("\\\n", " ").splitlines():
            line = line.strip().removeprefix("$ ")
            bare = re.sub(r"^(\w+=\S+ )+", "", line)
            if bare.startswith(starts):
                yield _cut(line), True
    for span in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if span.startswith(starts) and "|" not in span:
            yield _cut(span), False


def _cut(line: str) -> list[str]:
    """Words up to a pipe, a redirection or a comment."""
    words = shlex.split(line, comments=True)
    ends = [i for i, word in enumerate(words) if word[0:1] in ("|", ">", "&", ";")]
    return words[: min(ends)] if ends else words


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_commands_that_are_shown_exist(path: Path) -> None:
    wrong = [
        (" ".join(words), found)
        for words, whole in shown_commands(path.read_text(encoding="utf-8"))
        if (found := complaint(words, whole=whole)) is not None
    ]
    assert not wrong, wrong


@pytest.mark.parametrize(
    "line",
    ["yibao claim shw C-1", "yibao claim show", "yibao claim show C-1 --nope", "yibao nothing",
     "yibao demo --claims many", "scripts/nothing", "python -m node.nothing",
     "yibao --key FILE claim show C-1 C-2", "X=1 yibao keys new"],
)  # fmt: skip
def test_a_command_that_does_not_exist_is_noticed(line: str) -> None:
    ((words, whole),) = shown_commands(f"text\n```\n{line}\n```\n")
    assert complaint(words, whole=whole)


@pytest.mark.parametrize(
    "line",
    ["yibao --node URL --key FILE claim show ID", "$ yibao demo --claims 3 --json | tail -1",
     "YIBAO_NODE=x yibao status  # how it is", "yibao proof verify F \\\n  --genesis G",
     "scripts/test tests/contracts -k funds", "python -m node.reference > x"],
)  # fmt: skip
def test_a_command_that_exists_is_passed(line: str) -> None:
    ((words, whole),) = shown_commands(f"```sh\n{line}\n```")
    assert complaint(words, whole=whole) is None


# --- The page whose commands are all run ----------------------------------------------------------


@pytest.mark.process
@pytest.mark.slow
def test_the_claim_by_hand_goes_as_the_page_says(tmp_path: Path) -> None:
    """All blocks of the page as one script, in an empty folder, with a port that is free."""
    page = (DOCS / "first-claim.md").read_text(encoding="utf-8")
    (port,) = free_ports(1)
    assert page.count("8800") == 1
    script = "".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("8800", str(port))
    names = ("YIBAO_KEY", "YIBAO_PASSPHRASE", "YIBAO_PASSPHRASE_FILE")
    env = {name: value for name, value in os.environ.items() if name not in names}
    env |= {
        "YIBAO_NODE": f"http://127.0.0.1:{port}",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}",
        "COLUMNS": "160",
    }
    try:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        if (tmp_path / "net").exists():
            process("devnet", "down", "--dir", tmp_path / "net")
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr
    for told in (
        "756.00 元",
        "544.00 元",
        "借贷平衡",
        "verified 验证通过",
        "claim.settled  claim H31010000001-1",
    ):
        assert told in done.stdout, told
    assert "756.00" in page
    assert "544.00" in page
    assert "<html" in (tmp_path / "statement.html").read_text(encoding="utf-8")
