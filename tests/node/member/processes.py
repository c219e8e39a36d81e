"""A member node as the process that an organisation starts, seen from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx

from cli.identity import write_key
from node.ledger.keystore import SCRYPT_N_LEAST
from tests.cli.running import ROOT, process

DEADLINE_S = 60.0
PASSPHRASE = "a passphrase of the tests"


def until(what: Callable[[], Any], why: Callable[[], object]) -> Any:
    """Wait for something that happens by itself; how long it takes is not judged."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := what()):
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)
    return found


class MemberProcess:
    """A member node in a folder; a bank's exchanges files."""

    def __init__(
        self,
        folder: Path,
        *,
        organisation: str,
        chain: bytes,
        genesis: Path,
        seed: bytes,
        addresses: Sequence[str],
    ) -> None:
        folder.mkdir()
        self.folder, self.config = folder, folder / "member.toml"
        write_key(
            folder / "bank.key", seed, PASSPHRASE, chain=chain, role="read,sign",
            owner=organisation, n=SCRYPT_N_LEAST,
        )  # fmt: skip
        secret = folder / "passphrase"
        secret.touch(mode=0o600)
        secret.write_text(PASSPHRASE, encoding="utf-8")
        exchange = '[bank]\nfolder = "exchange"\nformat = "json"\n'
        self.config.write_text(
            f"""[member]
organisation = "{organisation}"
genesis = "{genesis}"
chain = "{chain.hex()}"
data_dir = "data"
key = "bank.key"
passphrase_file = "passphrase"

[nodes]
addresses = {json.dumps(list(addresses))}
poll_ms = 50
timeout_ms = 5000
refresh_rounds = 3

{exchange if organisation.startswith("bank:") else ""}
[log]
format = "json"
""",
            encoding="utf-8",
        )
        self.running: subprocess.Popen[bytes] | None = None
        self._starts = 0

    def start(self) -> None:
        self._starts += 1
        with (self.folder / "log").open("ab") as log:
            self.running = subprocess.Popen(
                [sys.executable, "-m", "node.member", str(self.config)],
                cwd=ROOT, env={**os.environ}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def wait_started(self) -> None:
        """Until it has opened its store, this time."""
        log = self.folder / "log"
        until(lambda: log.read_bytes().count(b'"member.started"') == self._starts, self.log)

    def kill(self) -> None:
        """SIGKILL, wherever it is."""
        assert self.running is not None
        self.running.kill()
        self.running.wait()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self.running is not None
        if self.running.poll() is None:
            self.running.send_signal(signal.SIGTERM)
        return self.running.wait(timeout=DEADLINE_S)

    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")[-3_000:]

    def files(self, where: str) -> list[str]:
        folder = self.folder / "exchange" / where
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def wait_for(self, where: str, count: int) -> list[str]:
        """So many files in a folder."""

        def there() -> list[str] | None:
            found = self.files(where)
            return found if len(found) >= count else None

        found: list[str] = until(there, self.log)
        return found

    def read(self, where: str, name: str) -> Any:
        path = self.folder / "exchange" / where / name
        return json.loads(path.read_text(encoding="utf-8"))

    def drop(self, name: str, rows: Sequence[dict[str, str]]) -> None:
        """As the bank's own system does it: under another name, then renamed."""
        path = self.folder / "exchange" / "in" / name
        part = path.with_name(name + ".part")
        part.write_text(json.dumps(list(rows)), encoding="utf-8")
        part.rename(path)

    def yibao(self, *words: object) -> Any:
        """``yibao member WORDS ... --json`` as a process; its exit code and document."""
        command, *rest = words
        done = process("member", command, self.config, *rest, "--json")
        return done.returncode, json.loads(done.stdout or "null")

    def status(self) -> dict[str, Any]:
        """What it says of itself; waits until it runs."""

        def asked() -> Any:
            code, document = self.yibao("status")
            return document if code in (0, 1) else None

        found: dict[str, Any] = until(asked, self.log)
        return found


class LyingProxy:
    """A node's address at which every answer of the node behind it is bent, over real sockets."""

    def __init__(self, target: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._pass(b"")

            def do_POST(self) -> None:
                self._pass(self.rfile.read(int(self.headers["Content-Length"])))

            def _pass(self, body: bytes) -> None:
                headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
                answer = httpx.request(
                    self.command, target + self.path, content=body or None, headers=headers,
                    timeout=30.0,
                )  # fmt: skip
                data = bytearray(answer.content)
                if answer.status_code < 400 and "evidence" in self.path:
                    data[len(data) // 3] ^= 0x40
                with suppress(ConnectionError):  # whoever asked may be dead by now
                    self.send_response(answer.status_code)
                    self.send_header("Content-Type", answer.headers["content-type"])
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
