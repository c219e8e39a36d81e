"""From options to an open client, and from what can go wrong to an exit code with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from cli.client import Client, Late, OtherNetwork, Refused, Unaskable, Unreachable
from cli.exits import Exit
from cli.identity import Identity, KeyFileError, open_key, read_key_header
from cli.output import fail
from cli.passphrase import read_passphrase
from cli.settings import settings_of
from node.ledger.errors import LedgerError

OPEN_HINT = "is it the right passphrase for this key? YIBAO_PASSPHRASE_FILE, YIBAO_PASSPHRASE"


def load_identity(path: Path) -> Identity:
    """Open a key file with the caller's passphrase; ends the command where that fails."""
    try:
        read_key_header(path)  # nobody is asked for the passphrase of something that is no key
    except KeyFileError as error:
        fail(Exit.LOCAL, str(error), hint="name a key file: yibao --key FILE ..., or YIBAO_KEY")
    try:
        return open_key(path, read_passphrase(str(path)))
    except KeyFileError as error:
        fail(Exit.LOCAL, str(error), hint=OPEN_HINT)
    except LedgerError as error:
        fail(Exit.LOCAL, f"{path}: {error}", hint=OPEN_HINT)


@contextmanager
def open_client(context: typer.Context, *, signed: bool = True) -> Iterator[Client]:
    """A client for the chosen node; its refusals end the command with their code and next step."""
    settings = settings_of(context)
    identity = None
    if signed:
        if settings.key is None:
            fail(
                Exit.LOCAL,
                "this command signs its requests and needs a key",
                hint="yibao --key FILE ..., or set YIBAO_KEY (yibao keys new makes one)",
            )
        identity = load_identity(settings.key)
    with explained(), Client(settings.node, identity, timeout_s=settings.timeout_s) as client:
        yield client


def _reach(address: str) -> str:
    if not address.startswith(("http://", "https://")):
        return "an address looks like http://127.0.0.1:8800"
    return "is the node running? yibao --node URL status"


@contextmanager
def explained() -> Iterator[None]:
    """Turn refusals and silence of the node into exit codes."""
    try:
        yield
    except Late as error:
        longer = f"{10 * error.timeout_s:g}"
        fail(Exit.UNREACHABLE, str(error), hint=f"give it longer: yibao --timeout {longer} ...")
    except OtherNetwork as error:
        hint = "name that network's node or the key for this one: YIBAO_NODE, YIBAO_KEY"
        fail(Exit.LOCAL, str(error), hint=hint)
    except Unreachable as error:
        fail(Exit.UNREACHABLE, str(error), hint=_reach(error.address))
    except Unaskable as error:
        fail(Exit.USAGE, str(error), hint="check the words of the command")
    except Refused as error:
        code = Exit.UNAVAILABLE if error.status in (429, 503) else Exit.REFUSED
        fail(code, error.sentence, hint=error.next_step)
    except LedgerError as error:
        fail(Exit.NO, str(error))
