"""The whole command line: help everywhere, JSON everywhere, exit codes that mean what they say."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import typer.main
from rich.emoji import Emoji

from cli.exits import MEANING, Exit
from cli.identity import new_seed, write_key
from cli.main import app
from cli.nouns import NOUNS
from node.ledger.keystore import SCRYPT_N_LEAST
from tests.cli.running import PASSPHRASE, ROOT, process, yibao


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with its words."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from leaves(inner, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


ROOT_COMMAND: Any = typer.main.get_command(app)
COMMANDS = list(leaves(ROOT_COMMAND))
BECOME_THE_NODE = {("node", word) for word in ("run", "verify", "reindex", "erase", "new-key")} | {
    ("member", "run")
}


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(p) for p, _ in COMMANDS])
def test_every_command_has_help_and_so_has_each_of_its_words(
    path: tuple[str, ...], command: Any
) -> None:
    assert command.help, path
    silent = [p.name for p in command.params if not p.help]
    assert not silent, f"{' '.join(path)}: {silent}"
    told = [command.help, *(p.help for p in command.params)]
    assert [Emoji.replace(text) for text in told] == told, ":hospital: is a picture"
    arguments = [p.metavar for p in command.params if p.param_type_name == "argument"]
    assert arguments == [str(name).upper() for name in arguments], "as docs/cli.md spells them"


def test_every_group_has_help() -> None:
    for name, group in ROOT_COMMAND.commands.items():
        assert group.help, name


def test_every_command_that_prints_data_prints_it_as_json_too() -> None:
    without = {
        path for path, command in COMMANDS if not any("--json" in p.opts for p in command.params)
    }
    assert without == BECOME_THE_NODE


@pytest.mark.parametrize("words", [(), ("claim",), ("claim", "settle"), ("proof", "verify")])
def test_help_is_printed(words: tuple[str, ...]) -> None:
    result = yibao(*words, "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


def test_the_version_is_that_of_the_distribution() -> None:
    assert yibao("--version").stdout == f"yibao {version('yibao-ledger')}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_completion_script(shell: str) -> None:
    # --show-completion asks which shell started it; this is what it then prints.
    told = process(env={"_YIBAO_COMPLETE": f"source_{shell}"})
    assert told.returncode == 0, told.stderr
    assert "_YIBAO_COMPLETE" in told.stdout
    assert f"complete_{shell}" in told.stdout


IMPORTED = """
import sys
from cli.entry import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
WEIGHTY = {"contracts.settlement.system", "fastapi", "uvicorn", "plyvel", "xlsxwriter", "node.api"}
ONLY_FOR_CALLS = WEIGHTY | {"node", "contracts", "httpx", "cryptography", "msgpack", "cli.show"}


@pytest.mark.parametrize(
    ("words", "completed", "left_out"),
    [
        (("--version",), "", ONLY_FOR_CALLS | {"rich", "pydantic"}),
        (("--help",), "", ONLY_FOR_CALLS),
        (("clam",), "", ONLY_FOR_CALLS),
        ((), "yibao cl", ONLY_FOR_CALLS),
        (("status", "--help"), "", WEIGHTY),
        (("claim", "show", "--help"), "", WEIGHTY | {"cli.bills", "cli.rerun", "cli.refunds"}),
        ((), "yibao claim show --", WEIGHTY),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_is_not_called_is_not_imported(
    words: tuple[str, ...], completed: str, left_out: set[str]
) -> None:
    asked = {
        "_YIBAO_COMPLETE": "complete_bash",
        "COMP_WORDS": completed,
        "COMP_CWORD": str(completed.count(" ")),
    }
    told = subprocess.run(
        [sys.executable, "-c", IMPORTED, *words],
        cwd=ROOT, env={**os.environ, **(asked if completed else {})},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.stdout or "Did you mean" in told.stderr
    imported = set(told.stderr.split())
    assert "cli.main" in imported
    assert not left_out & imported


def test_the_line_of_a_command_in_the_table_is_the_one_of_its_own_help() -> None:
    for (name, *inner), command in COMMANDS:
        if not inner:
            assert NOUNS[name].help == " ".join(command.help.split("\n\n")[0].split())


def test_words_are_completed() -> None:
    told = process(
        env={"_YIBAO_COMPLETE": "complete_bash", "COMP_WORDS": "yibao claim se", "COMP_CWORD": "2"}
    )
    assert told.stdout.split() == ["settle"]


# --- Exit codes -------------------------------------------------------------------------------


def test_every_exit_code_has_a_meaning_and_is_used() -> None:
    assert set(MEANING) == set(Exit)
    sources = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "cli").glob("*.py"))
    for code in Exit:
        assert f"Exit.{code.name}" in sources.replace(f"Exit.{code.name}:", "") or code is Exit.OK


@contextmanager
def answering(status: int, document: dict[str, Any]) -> Iterator[str]:
    """A node that knows its chain and answers everything else with one problem."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/v1/genesis"
            body = json.dumps({"chain": "00" * 32} if known else document).encode()
            self.send_response(200 if known else status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silence: the test looks at what the command says."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "clerk.key"
    write_key(
        path, new_seed(), PASSPHRASE,
        chain=bytes(32), role="read,sign", owner="bureau:430000", n=SCRYPT_N_LEAST,
    )  # fmt: skip
    return path


PROBLEM = {
    "code": "read.no-right",
    "title": "No.",
    "next": "Ask.",
    "values": {"limit": 3, "allowed": ["甲", "b"], "known": None, "digest": "ab"},
}


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, Exit.REFUSED), (403, Exit.REFUSED), (422, Exit.REFUSED), (429, Exit.UNAVAILABLE),
     (503, Exit.UNAVAILABLE)],
)  # fmt: skip
def test_a_refusal_of_the_node_ends_the_command_with_its_words(
    status: int, code: Exit, key: Path
) -> None:
    with answering(status, PROBLEM) as node:
        result = yibao("--node", node, "--key", key, "claim", "show", "C-1")
    assert result.exit_code == code
    assert result.stdout == ""
    for words in ("No.", "[read.no-right]", "limit=3", '["甲", "b"]', "known=null", "=ab", "Ask."):
        assert words in result.stderr, "no Python in what people read"
    named = "asked=/v1/claims/C-1" in "".join(result.stderr.split())
    assert named is (status == 403), "which of the things that a command looks up"


def test_nothing_is_signed_for_another_network_than_the_keys(tmp_path: Path) -> None:
    path = tmp_path / "clerk.key"
    write_key(
        path, new_seed(), PASSPHRASE,
        chain=bytes([7] * 32), role="read,sign", owner="bureau:430000", n=SCRYPT_N_LEAST,
    )  # fmt: skip
    with answering(200, {}) as node:
        result = yibao("--node", node, "--key", path, "status")
    assert result.exit_code == Exit.LOCAL
    assert "00" * 32 in result.stderr.replace("\n", "")
    assert "07" * 32 in result.stderr.replace("\n", "")
    assert "YIBAO_NODE" in result.stderr


def test_a_node_that_answers_nonsense_is_a_refusal_without_a_traceback(key: Path) -> None:
    with answering(500, {}) as node:
        result = yibao("--node", node, "--key", key, "claim", "show", "C-1")
    assert result.exit_code == Exit.REFUSED
    assert "http.500" in result.stderr


def test_a_node_that_takes_long_is_not_told_to_be_away(key: Path) -> None:
    """It has taken the request: what helps is to wait, as for the first trial balance."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        node = f"http://127.0.0.1:{listening.getsockname()[1]}"
        told = yibao("--node", node, "--key", key, "--timeout", "0.2", "status")
    assert told.exit_code == Exit.UNREACHABLE
    assert "no answer within 0.2 s" in told.stderr
    assert "yibao --timeout 2 ..." in told.stderr


def test_a_silent_node_is_unreachable(key: Path) -> None:
    result = yibao("--node", "http://127.0.0.1:1", "--key", key, "status")
    assert result.exit_code == Exit.UNREACHABLE
    assert "http://127.0.0.1:1" in result.stderr


@pytest.mark.parametrize(
    ("node", "code"),
    [("http://127.0.0.1:abc", Exit.UNREACHABLE), ("http://[::1", Exit.UNREACHABLE),
     ("http://", Exit.UNREACHABLE)],
)  # fmt: skip
def test_an_address_that_is_none_is_told(node: str, code: Exit, key: Path) -> None:
    result = yibao("--node", node, "--key", key, "status")
    assert result.exit_code == code
    assert node in result.stderr
    for seconds in ("-1", "nan", "inf"):
        assert yibao("--timeout", seconds, "status").exit_code == Exit.USAGE


def test_what_answers_and_is_no_node_is_told(key: Path) -> None:
    with answering(200, {}) as node:
        result = yibao("--node", f"{node}/elsewhere", "--key", key, "status")
    assert (result.exit_code, "not a node's" in result.stderr) == (Exit.UNREACHABLE, True)


@pytest.mark.parametrize("name", [".", "..", "../status", "\udce9"])
def test_a_name_that_no_path_can_hold_is_a_usage_error(name: str, key: Path) -> None:
    with answering(404, PROBLEM) as node:
        result = yibao("--node", node, "--key", key, "claim", "show", name)
    assert result.exit_code == Exit.USAGE
    assert "error:" in result.stderr


def test_a_passphrase_that_is_not_text_is_a_local_fault(key: Path, tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_bytes(b"\xc4\xe3")
    result = yibao("--key", key, "status", env={"YIBAO_PASSPHRASE_FILE": str(secret)})
    assert (result.exit_code, "UTF-8" in result.stderr) == (Exit.LOCAL, True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk full at will")
def test_output_that_finds_no_room_is_a_local_fault() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        told = subprocess.run(
            [sys.executable, "-m", "cli.main", "genesis", "contracts", "--json"],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert told.returncode == Exit.LOCAL
    assert "Traceback" not in told.stderr
    assert "error:" in told.stderr


def test_a_command_whose_output_is_closed_does_what_it_was_asked_to() -> None:
    told = subprocess.run(
        ["/bin/sh", "-c", '"$0" -m cli.main genesis contracts --json >&-', sys.executable],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (Exit.OK, "")


@pytest.mark.parametrize("words", [("nonsense",), ("claim", "show"), ("demo", "--claims", "0")])
def test_a_call_that_is_off_is_a_usage_error(words: tuple[str, ...]) -> None:
    assert yibao(*words).exit_code == Exit.USAGE


@pytest.mark.parametrize(
    ("words", "meant"),
    [(("clam",), "claim"), (("claim", "shwo"), "show"), (("claim", "refnd"), "refund"),
     (("filing", "quue"), "queue"), (("family", "revok"), "revoke")],
)  # fmt: skip
def test_a_mistyped_word_is_answered_with_the_one_that_was_meant(
    words: tuple[str, ...], meant: str
) -> None:
    told = yibao(*words)
    assert told.exit_code == Exit.USAGE
    assert f"Did you mean '{meant}'" in told.stderr


@pytest.mark.parametrize("option", ["--node", "--key", "--timeout"])
def test_an_option_in_the_wrong_place_is_told_the_right_one(option: str) -> None:
    told = yibao("claim", "show", "C-1", option, "3")
    assert told.exit_code == Exit.USAGE
    assert f"before the command, yibao {option} ..." in told.stderr


def test_a_command_that_signs_wants_a_key() -> None:
    result = yibao("status")
    assert result.exit_code == Exit.LOCAL
    assert "YIBAO_KEY" in result.stderr


def test_a_key_of_another_passphrase_is_a_local_fault(key: Path) -> None:
    result = yibao("--key", key, "status", env={"YIBAO_PASSPHRASE": "another"})
    assert result.exit_code == Exit.LOCAL
    assert "passphrase" in result.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_interrupted_ends_without_a_traceback(
    number: int, code: int, key: Path
) -> None:
    """The command waits for its input, says so by reading, and is interrupted there."""
    read_end, write_end = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.cli.announced", "--key", str(key), "claim", "settle", "-"],
        cwd=ROOT, stdin=read_end, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        os.close(read_end)
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
        os.close(write_end)
    assert running.returncode == code
    assert "Traceback" not in out + err


INTERRUPTED_WHILE_IMPORTING = """
import os, signal, sys

where, *words = sys.argv[1:]
sys.argv[1:] = words

# As in a terminal: tests that run in the background inherit that it is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Finder:
    def find_spec(self, name, *_):
        if name == where:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
from cli.entry import main
main()
"""


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("cli.main", ("--help",)),
        ("cli.claims", ("claim", "show", "--help")),
        ("contracts.settlement.system", ("claim", "settle", "--help")),
    ],
)
def test_a_command_that_is_interrupted_while_it_is_imported_ends_quietly(
    where: str, words: tuple[str, ...]
) -> None:
    told = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE_IMPORTING, where, *words],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stdout, told.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("claim", "settle", "--describe"),
        ("claim", "settle", "--describe", "--json"),
        ("genesis", "contracts", "--json"),
    ],
)
def test_a_command_whose_output_nobody_reads_ends_quietly(words: tuple[str, ...]) -> None:
    """As every tool in a pipe does: by its code no command's answer, and without a word."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    told = subprocess.run(
        [sys.executable, "-m", "cli.entry", *words],
        cwd=ROOT, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(write_end)
    assert (told.returncode, told.stderr) == (128 + signal.SIGPIPE, "")
