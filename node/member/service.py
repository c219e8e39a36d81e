"""What a member node tells on loopback: its status, its records, the files that prove them.

Loopback is open to every account of the machine, and orders name payers and amounts. So each start
draws a token and writes it into the data folder, readable by its owner only; whoever can read that
file may ask. Reading is all that can be asked.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from node.member.notices import month_of, months_of, with_payments
from node.member.outbox import write_file
from node.member.owed import owed_of
from node.member.records import KINDS, Records

ADDRESS_FILE: Final = "api.json"
PAGE_MAX: Final = 500
CONNECTION_S_MAX: Final = 10.0


class ReadService:
    """Serves status and records in threads of its own."""

    def __init__(
        self, data_dir: Path, port: int, records: Records, status: Callable[[], Mapping[str, Any]]
    ) -> None:
        """Raises ``OSError`` where the port cannot be had."""
        self._token = secrets.token_urlsafe(24)
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", port), _handler(self._token, records, status)
        )
        self._server.daemon_threads = True
        self._file = data_dir / ADDRESS_FILE
        address = f"http://127.0.0.1:{self._server.server_address[1]}"
        document = {"address": address, "token": self._token, "pid": os.getpid()}
        write_file(self._file, (json.dumps(document) + "\n").encode(), mode=0o600)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._file.unlink(missing_ok=True)
        self._server.shutdown()
        self._server.server_close()


def _handler(
    token: str, records: Records, status: Callable[[], Mapping[str, Any]]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = CONNECTION_S_MAX

        def do_GET(self) -> None:
            given = self.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                self._send(HTTPStatus.UNAUTHORIZED, _problem("member.token"))
                return
            url = urlsplit(self.path)
            parts = [unquote(part) for part in url.path.strip("/").split("/")]
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            self._send(*_answer(parts, query, records, status))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing: names of orders do not belong into a log."""

        def _send(self, code: HTTPStatus, body: bytes) -> None:
            self.send_response(code)
            kind = "application/json" if body[:1] in b"{" else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _answer(
    parts: list[str],
    query: Mapping[str, str],
    records: Records,
    status: Callable[[], Mapping[str, Any]],
) -> tuple[HTTPStatus, bytes]:
    """Status code and body."""
    match parts:
        case ["v1", "status"]:
            return HTTPStatus.OK, _json(status())
        case ["v1", "records", kind] if kind in KINDS:
            found = []
            state = query.get("state")
            for record in records.listed(kind, query.get("after", "")):
                if state is None or record.state == state:
                    found.append(
                        with_payments(records, record) if kind == "notice" else record.show()
                    )
                if len(found) == PAGE_MAX:
                    break
            following = found[-1]["name"] if len(found) == PAGE_MAX else None
            return HTTPStatus.OK, _json({"records": found, "next": following})
        case ["v1", "owed"]:
            return HTTPStatus.OK, _json({"records": owed_of(records)})
        case ["v1", "months"]:
            return HTTPStatus.OK, _json({"records": list(months_of(records))})
        case ["v1", "months", month]:
            told = month_of(records, month)
            if told is not None:
                return HTTPStatus.OK, _json(told)
        case ["v1", "records", kind, name, "evidence"] if kind in KINDS:
            data = records.evidence(kind, name)
            if data is not None:
                return HTTPStatus.OK, data
    return HTTPStatus.NOT_FOUND, _problem("member.not-found")


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, ensure_ascii=False) + "\n").encode()


def _problem(code: str) -> bytes:
    return _json({"code": code})
