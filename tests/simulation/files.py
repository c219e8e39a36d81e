"""Files in memory: what a node keeps in its folder beside the database, and a crash leaves there.

``Folder`` has of ``pathlib.Path`` what the product uses for such files. Renaming is atomic and
everything written is there at once: these files bind nobody. That one may be cut short with the
power is told by tests of those who read them (``accusations``, ``divergences``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch


@dataclass(frozen=True)
class _Stat:
    st_mtime_ns: int


class Files:
    """The files of one machine, by path, with the order in which they were written."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.written: dict[str, int] = {}
        self.folders: set[str] = set()


class Folder:
    """A path in ``Files``."""

    def __init__(self, files: Files, path: str = "") -> None:
        self._files = files
        self._path = path

    def __truediv__(self, name: object) -> Folder:
        return Folder(self._files, f"{self._path}/{name}")

    @property
    def name(self) -> str:
        return self._path.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        stem, dot, ending = self.name.rpartition(".")
        return dot + ending if stem else ""

    def with_suffix(self, suffix: str) -> Folder:
        return Folder(self._files, self._path.removesuffix(self.suffix) + suffix)

    def glob(self, pattern: str) -> Iterator[Folder]:
        return iter([one for one in self.iterdir() if fnmatch(one.name, pattern)])

    def __lt__(self, other: Folder) -> bool:
        return self._path < other._path

    def exists(self) -> bool:
        return self._path in self._files.held or self._path in self._files.folders

    def iterdir(self) -> Iterator[Folder]:
        inside = f"{self._path}/"
        return iter(
            [Folder(self._files, p) for p in sorted(self._files.held) if p.startswith(inside)]
        )

    def mkdir(self, mode: int = 0o777, *, parents: bool = False, exist_ok: bool = False) -> None:
        self._files.folders.add(self._path)

    def write_bytes(self, data: bytes) -> int:
        self._files.held[self._path] = data
        self._files.written[self._path] = len(self._files.written)
        return len(data)

    def write_text(self, text: str, encoding: str = "utf-8") -> int:
        return self.write_bytes(text.encode(encoding))

    def read_bytes(self) -> bytes:
        if self._path not in self._files.held:
            raise FileNotFoundError(self._path)
        return self._files.held[self._path]

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.read_bytes().decode(encoding)

    def rename(self, other: Folder) -> Folder:
        self._files.held[other._path] = self._files.held.pop(self._path)
        self._files.written[other._path] = self._files.written.pop(self._path)
        return other

    def unlink(self, missing_ok: bool = False) -> None:
        self._files.held.pop(self._path, None)

    def stat(self) -> _Stat:
        return _Stat(self._files.written.get(self._path, 0))
