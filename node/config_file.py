"""Reads a TOML file into dataclasses, strictly: each field is a setting with its sentence.

An unknown field, a wrong type or a number out of bounds is refused with the field's name and what
may stand there. Paths are relative to the file. Which settings there are say ``node.config`` and
``node.member.config``.
"""

from __future__ import annotations

import difflib
import errno
import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
"""Errors of a disk, which no other path mends."""


class ConfigError(Exception):
    """The configuration cannot be used. The message names the field and what to write."""


def says(
    sentence: str, *, low: int | None = None, high: int | None = None, one_of: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A field's sentence and bounds, as dataclass metadata."""
    return {"says": sentence, "low": low, "high": high, "one_of": one_of}


def read_table(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises ``ConfigError``."""
    try:
        # An editor on Windows puts a byte order mark before it, which TOML does not know.
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not UTF-8 text.") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not TOML: {error}.") from error
    except RecursionError:
        raise ConfigError(f"{path.name} nests too deep for a configuration.") from None


def parse_sections(
    table: Mapping[str, Any], folder: Path, kinds: Mapping[str, type]
) -> dict[str, Any]:
    """The sections of a decoded file, each as the dataclass of its name. Raises ``ConfigError``."""
    _refuse_unknown("", table, kinds)
    sections = {}
    for name, kind in kinds.items():
        given = table.get(name, {})
        if not isinstance(given, dict):
            raise ConfigError(f"{name} is a section: write [{name}] and its fields under it.")
        sections[name] = _section(name, kind, given, folder)
    return sections


def describe(kinds: Mapping[str, type]) -> list[tuple[str, str, str, str]]:
    """Every field as (section.name, type, default, sentence), for documentation and help."""
    rows = []
    for section, kind in kinds.items():
        for item in fields(kind):
            default = "required" if item.default is MISSING else _plain(item.default)
            says = item.metadata["says"]
            low, high, one_of = (item.metadata[k] for k in ("low", "high", "one_of"))
            if low is not None:
                says += f" From {low} to {high}."
            if one_of:
                says += f" One of {', '.join(one_of)}."
            rows.append((f"{section}.{item.name}", _type_name(item), default, says))
    return rows


def make_folder(path: Path, setting: str) -> None:
    """The folder of a setting, for its owner alone. Raises ``ConfigError`` where the path cannot be
    one, ``OSError`` where the disk has no room."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise
        raise ConfigError(f"{setting}: {path} cannot be a folder: {error.strerror}.") from error


def passphrase_of(path: Path | None, section: str) -> str:
    """The passphrase in a file, or in the environment where there is none. Raises
    ``ConfigError``."""
    if path is None:
        passphrase = os.environ.get("YIBAO_PASSPHRASE")
        if passphrase is None:
            raise ConfigError(
                "The keystore needs a passphrase: "
                f"set {section}.passphrase_file or YIBAO_PASSPHRASE."
            )
        return passphrase
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8-sig")  # With or without an editor's mark.
    except OSError as error:
        raise ConfigError(f"{section}.passphrase_file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{section}.passphrase_file is not UTF-8 text.") from None
    if mode & 0o077:
        raise ConfigError(f"{section}.passphrase_file can be read by others: chmod 600 it.")
    return text.rstrip("\n")


def _section(name: str, kind: type, given: Mapping[str, Any], folder: Path) -> Any:
    known = {item.name: item for item in fields(kind)}
    _refuse_unknown(f"{name}.", given, known)
    values = {}
    for item in known.values():
        where = f"{name}.{item.name}"
        if item.name in given:
            values[item.name] = _checked(where, item, given[item.name], folder)
        elif item.default is MISSING:
            raise ConfigError(f"{where} is missing. {item.metadata['says']}")
    return kind(**values)


def _refuse_unknown(prefix: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {prefix}{near[0]}?" if near else f" Known: {', '.join(known)}."
            raise ConfigError(f"{prefix}{name} is not a setting.{hint}")


def _checked(where: str, item: Field[Any], value: Any, folder: Path) -> Any:
    kind = _type_name(item)
    low, high, one_of = (item.metadata[k] for k in ("low", "high", "one_of"))
    if kind == "path":
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{where} is a path in quotes.")
        _refuse_unprintable(where, value)
        return folder / value
    if kind == "list of text":
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise ConfigError(f'{where} is a list of texts, for example ["ledger.example:443"].')
        return tuple(value)
    wanted = {"integer": int, "true or false": bool, "text": str}[kind]
    if type(value) is not wanted:
        raise ConfigError(f"{where} is {kind}, not {value!r}. {item.metadata['says']}")
    if low is not None and not low <= value <= high:
        raise ConfigError(f"{where} = {value} is out of bounds: {low} to {high}.")
    if one_of and value not in one_of:
        raise ConfigError(f"{where} = {value!r}: one of {', '.join(one_of)}.")
    if value == "" and item.default != "":
        raise ConfigError(f"{where} is empty. {item.metadata['says']}")
    if isinstance(value, str):
        _refuse_unprintable(where, value)
    return value


def _refuse_unprintable(where: str, value: str) -> None:
    """Line ends and other characters that nobody sees: no path, host or id holds them."""
    if not value.isprintable():
        raise ConfigError(f"{where} = {value!r} holds characters that cannot be seen.")


_TYPE_NAMES = {
    "str": "text",
    "int": "integer",
    "bool": "true or false",
    "Path": "path",
    "Path | None": "path",
    "tuple[str, ...]": "list of text",
}


def _type_name(item: Field[Any]) -> str:
    return _TYPE_NAMES[str(item.type)]


def _plain(default: Any) -> str:
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if default == ():
        return "[]"
    return str(default)
