"""Metrics that nobody reads and a log that the judge reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from node.telemetry import Metrics


class _Nothing:
    """Any metric."""

    def labels(self, *names: str) -> _Nothing:
        return self

    def inc(self, amount: float = 1) -> None:
        return

    def set(self, value: float) -> None:
        return

    def observe(self, value: float) -> None:
        return


_NOTHING = _Nothing()


class _QuietMetrics(Metrics):
    """``Metrics`` without a registry; making a real one takes longer than opening a database."""

    def __init__(self) -> None:
        return

    def __getattr__(self, name: str) -> Any:
        return _NOTHING

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        yield


QUIET = _QuietMetrics()

Said = Callable[[str, str, dict[str, Any]], None]
"""Level, event, fields."""


class Log:
    """The four methods of the node's logger."""

    def __init__(self, said: Said) -> None:
        self._said = said

    def debug(self, event: str, **fields: Any) -> None:
        self._said("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._said("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._said("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._said("error", event, fields)
