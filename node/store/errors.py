"""What can be wrong with a node's database, each with what the operator is to do.

These are the node's own errors (exit codes in ``node.__main__``): none is ever answered to a
client as data, and a database that raises one of them is not served.
"""

from __future__ import annotations

from pathlib import Path


class StoreError(Exception):
    """Root of the database's errors. ``advice`` says what to do, in one sentence or two."""

    advice = "Keep the folder as it is and ask the maintainers."

    def __str__(self) -> str:
        return f"{super().__str__()} {self.advice}"


class DatabaseDamaged(StoreError):  # noqa: N818  (reads as the fact that it states)
    """Something that was written is missing or is not what was written."""

    advice = (
        "The node does not start on it. Keep a copy of the folder for inquiry, then restore the "
        "latest backup, or empty the data folder (never safety.dat) and let the node fetch the "
        "chain again from its peers. Do not repair it with LevelDB's own repair: that can bring "
        "back parts of old batches."
    )


class DerivedDamaged(DatabaseDamaged):
    """Index or work lists are not what chain and state say, which were found to hold before."""

    advice = (
        "Blocks and state hold. Index and work lists are derived from them, and another version of "
        "the program makes others: build them again (yibao node reindex) and verify once more."
    )


class DatabaseInUse(StoreError):  # noqa: N818
    """Another process holds the database's lock."""

    advice = (
        "One database serves one process. Stop the other node (its folder holds the file LOCK), "
        "or give this one a data folder of its own."
    )


class DatabaseBarred(StoreError):  # noqa: N818
    """The folder cannot be used: read-only, full, not ours, not a folder. Nothing is damaged."""

    advice = (
        "Look at owner and rights of the folder and of every file in it (was the node started by "
        "another user?), at the mount (read-only after an error of the device?), at the limit of "
        "open files and at the free space. Nothing says that the data is damaged."
    )


class DatabaseForeign(StoreError):  # noqa: N818
    """The database belongs to another chain or was written by another layout of this program."""

    advice = "Point data_dir at the folder of this chain, or at an empty one to start anew."


class WriteFailed(StoreError):  # noqa: N818
    """A batch could not be written or synced. Never tried again: the process stops."""

    advice = (
        "Look for a full disk or a failing device (dmesg), make room, and start the node again: "
        "it comes up at the last batch that is whole."
    )


def folder_of(path: Path) -> str:
    """The folder's name for messages, without the machine's own path above it."""
    return f"{path.parent.name}/{path.name}"
