"""The command line as everybody concerned has it on the screen, before one node in this process.

``Screens.run(organisation, post, words...)`` is ``yibao --key KEY words...``: the real commands,
the real client and its signatures, the real edge; only the socket and the key files are not there.
The node's clock stands where the test puts it, and the client's with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from cli.client import Client
from cli.identity import Identity
from contracts.settlement.calendar import start_of_day_ms
from node.ledger import crypto
from node.ledger.types import OrgId
from tests.cli.bridge import Bridge
from tests.cli.running import yibao
from tests.contracts.world import NOON_MS, secret_of
from tests.node.api.asgi import AUTHORITY
from tests.node.api.real import NodeWorld


class Screens:
    """Commands of anybody in the world, on the day on which the world stands."""

    def __init__(self, world: NodeWorld) -> None:
        self.world = world

    def on(self, date: str) -> Screens:
        """Move to noon of a day; a minute later each time that it is said again."""
        self.world.clock.ms = max(start_of_day_ms(date) + NOON_MS, self.world.clock.ms + 60_000)
        return self

    def run(self, organisation: str, post: str, *words: object) -> Any:
        """What a command comes to, whatever its exit code."""
        with self._seated():
            return yibao("--key", f"{organisation}/{post}", *words)

    def text(self, organisation: str, post: str, *words: object, code: int = 0) -> str:
        """What a command prints; it must end with ``code``."""
        done = self.run(organisation, post, *words)
        assert done.exit_code == code, (words, done.output, done.exception)
        return str(done.output)

    def json(self, organisation: str, post: str, *words: object, code: int = 0) -> Any:
        """The one document that a command prints with ``--json``."""
        return json.loads(self.text(organisation, post, *words, "--json", code=code))

    @contextmanager
    def client(self, organisation: str, post: str) -> Iterator[Client]:
        """Somebody's client, for what no command asks."""
        with self._seated():
            identity = _identity(Path(f"{organisation}/{post}"))
            yield Client(f"http://{AUTHORITY}", identity, transport=Bridge(self.world))

    @contextmanager
    def _seated(self) -> Iterator[None]:
        clock = self.world.clock
        time = SimpleNamespace(
            time=lambda: clock.now_ms() / 1_000, time_ns=lambda: clock.now_ms() * 1_000_000
        )

        def client(_base: str, identity: Identity | None, **_more: Any) -> Client:
            return Client(f"http://{AUTHORITY}", identity, transport=Bridge(self.world))

        with (
            patch("cli.session.Client", client),
            patch("cli.session.load_identity", _identity),
            patch("cli.client.time", time),
        ):
            yield


def _identity(key: Path) -> Identity:
    organisation, post = str(key).split("/")
    private = secret_of(organisation, post)
    return Identity(OrgId(organisation), crypto.public_key(private), private, bytes(32))
