"""Instruction files in ``out/``: each order appears once, whole, whenever we are killed.

A file is written beside the folder (``.staged``) and synced; then a row says that it is ready; then
one rename makes it appear. After a crash the row says whether that was begun, and the staged file
whether it was done: it is either still staged, and appears now, or it has appeared already, and is
not written again although the bank's own system may have taken it away since. Before a file appears
its order was proved in the same round: whoever was down meanwhile may find it paid by hand.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from contracts.settlement.bank_file import render_instructions
from node.member import rows
from node.member.errors import MemberRefused
from node.member.orders import Orders
from node.store.kv import KV

FOLDERS: Final = ("in", "out", "done", "refused", ".staged")
_KEPT: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def open_folder(folder: Path) -> None:
    """Make what is missing. Raises ``MemberRefused`` where a rename would not be one step."""
    try:
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        devices = {(folder / name).stat().st_dev for name in FOLDERS}
    except OSError as error:
        raise MemberRefused(f"bank.folder cannot be used: {error.strerror}.") from error
    if len(devices) > 1:
        raise MemberRefused("bank.folder: in, out, done and refused lie on one file system.")


def sync_folder(folder: Path) -> None:
    """What appeared in a folder is there after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, data: bytes, *, mode: int = 0o640) -> None:
    """A whole file or none: written beside its place, synced, renamed."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def file_name(order: str, form: str) -> str:
    """Name of an order's instruction file: readable, and of no other order."""
    shown = "".join(sign if sign in _KEPT else "." for sign in order).strip(".")
    return f"{shown}-{sha256(order.encode()).hexdigest()[:8]}.{form}"


class Outbox:
    """Makes the files of orders appear. Errors of the disk are not caught: they end the process."""

    def __init__(self, kv: KV, orders: Orders, folder: Path, form: str) -> None:
        self._kv, self._orders, self._form = kv, orders, form
        self._out, self._staged = folder / "out", folder / ".staged"

    def deliver(self) -> list[str]:
        """Let every file appear that is to; returns the names of those that appeared now."""
        waiting = [key for key, _ in self._kv.iterate(rows.OUT_WAITS, rows.OUT_WAITS + b"\xff" * 9)]
        found = (self._deliver(key[1:].decode()) for key in waiting)
        return [name for name in found if name is not None]

    def _deliver(self, order: str) -> str | None:
        key = rows.named(rows.OUT, order)
        known = rows.read(self._kv, key)
        if known is None or (self._staged / known[0]).exists():
            due = self._orders.is_due(order)
            if due is None:
                return None  # in another round
            if not due:
                self._withdraw(order, known)
                return None
        if known is None:
            name = file_name(order, self._form)
            data = render_instructions([self._orders.instruction(order)], self._form).encode()
            write_file(self._staged / name, data)
            known = [name, sha256(data).digest(), False]
            self._kv.write([(key, rows.pack(known))], sync=True)
        name, digest, _ = known
        staged = self._staged / name
        appeared = not staged.exists()
        if not appeared:
            staged.rename(self._out / name)
        sync_folder(self._out)
        sync_folder(self._staged)
        done = rows.pack([name, digest, True])
        self._kv.write([(key, done), (rows.named(rows.OUT_WAITS, order), None)], sync=True)
        return None if appeared else str(name)

    def _withdraw(self, order: str, known: list[Any] | None) -> None:
        """An order that was reported otherwise does not come out any more."""
        name = file_name(order, self._form) if known is None else known[0]
        (self._staged / name).unlink(missing_ok=True)
        sync_folder(self._staged)
        self._kv.write([(rows.named(rows.OUT_WAITS, order), None)], sync=True)
