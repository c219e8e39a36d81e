"""What the node tells about itself: Prometheus metrics and log lines with allow-listed fields.

A log line is an event name and fields from ``LOG_FIELDS``. No field can hold arguments, bodies,
attachments or names, because there is none for them: a field that is not in the list is a bug of
ours and raises, so that a test finds it and an operator never reads a patient's data.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

LOG_FIELDS = frozenset(
    {
        "absent", "advice", "attachments", "attempt", "behind_by", "block", "bytes", "calls",
        "chain", "code", "commitment", "contract", "count", "days_anchored", "duration_ms",
        "epoch", "erased", "error", "exit_code", "field", "file", "from_height", "height", "host",
        "index", "key_digest", "kind", "limit", "line", "looks", "method", "organisation", "part",
        "peer", "pid", "port", "reason", "receipts", "role", "root", "seconds", "sender",
        "sequence", "stage", "state_root", "status", "to_height", "transactions", "tx_id",
        "validators", "version", "view", "writes_digest",
    }
)  # fmt: skip
"""Names of all fields that a log line may have. Values are ids, numbers, digests, codes."""

_LOG_META = frozenset({"event", "level", "timestamp", "logger"})
TEXT_MAX = 300
"""Characters of one value; a longer one is cut, it is not an id."""

STAGES = (
    "decode", "signature", "admit", "execute", "tree", "roots", "index", "batch", "safety", "vote",
)  # fmt: skip
"""Stages of a transaction's and its block's life whose time is measured."""
DISK_STAGES = frozenset({"batch", "safety"})
"""Stages that wait for the disk: elapsed time counts. Elsewhere the thread's processor time does,
so that stages of threads that wait for each other can be added up."""

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Stage:
    """Adds up the time between entering and leaving, on one thread, so that adding needs no lock.

    A class, because the generator of a ``contextmanager`` costs as much again as what it measures;
    and a plain sum, because a counter's lock and checks cost as much as reading the clock: a
    transaction has three stages, and prometheus asks every few seconds.
    """

    __slots__ = ("_clock", "_start", "seconds")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self.seconds = clock, 0.0

    def __enter__(self) -> None:
        self._start = self._clock()

    def __exit__(self, *_: object) -> None:
        self.seconds += self._clock() - self._start


class OwnStages(threading.local):
    """The stages of whichever thread looks: made when it first does, and added to ``of_threads``.
    There they stay when it ends, for a counter never goes down."""

    def __init__(self, of_threads: list[dict[str, Stage]]) -> None:
        self.stages = {
            name: Stage(time.perf_counter if name in DISK_STAGES else time.thread_time)
            for name in STAGES
        }
        of_threads.append(self.stages)


class Metrics:
    """All metrics of one node, in a registry of its own: two nodes in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        one: dict[str, Any] = {"registry": self.registry}
        self.height = Gauge("yibao_height", "Newest committed height.", **one)
        self.ready = Gauge("yibao_ready", "1 when the node is fit to serve.", **one)
        self.behind_by = Gauge("yibao_behind_blocks", "Blocks behind the best known head.", **one)
        self.blocks = Counter("yibao_blocks", "Blocks committed since the start.", **one)
        self.transactions = Counter("yibao_transactions", "Transactions committed.", **one)
        self.calls = Counter("yibao_calls", "Calls committed, by status.", ["status"], **one)
        self.rejections = Counter("yibao_rejections", "Rejected calls, by code.", ["code"], **one)
        self.refused = Counter(
            "yibao_refused_transactions", "Transactions not admitted, by code.", ["code"], **one
        )
        self.quarantined = Counter(
            "yibao_quarantined", "Transactions that met a bug while a block was built.", **one
        )
        self.alarms = Counter(
            "yibao_alarms", "Conditions an operator must look at.", ["code"], **one
        )
        self.block_seconds = Histogram(
            "yibao_block_seconds", "From proposal to commit.", buckets=BUCKETS_S, **one
        )
        self.block_calls = Histogram(
            "yibao_block_calls", "Calls in a block.",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 256, 500, 1000), **one,
        )  # fmt: skip
        self.block_bytes = Counter("yibao_block_bytes", "Bytes of committed bodies.", **one)
        self.stage_seconds = Counter(
            "yibao_stage_seconds",
            "Processor time of each stage; batch, safety: elapsed.",
            ["stage"],
            **one,
        )
        self.state_writes = Counter("yibao_state_writes", "State entries written.", **one)
        self.peer_sent_bytes = Counter(
            "yibao_peer_sent_bytes", "Bytes given to peers, by type of frame.", ["frame"], **one
        )
        self.pool_count = Gauge("yibao_pool_transactions", "Transactions that wait.", **one)
        self.pool_bytes = Gauge("yibao_pool_bytes", "Bytes that wait.", **one)
        self.pool_fill = Gauge(
            "yibao_pool_fill_ratio", "Fullest of the pool's caps, 0 to 1.", **one
        )
        self._of_threads: list[dict[str, Stage]] = []
        self._own = OwnStages(self._of_threads)
        self._counted = dict.fromkeys(STAGES, 0.0)
        """What ``stage_seconds`` was told of them."""
        for stage in STAGES:
            self.stage_seconds.labels(stage)  # at 0 from the start
        self._of_consensus(one)

    def _of_consensus(self, one: dict[str, Any]) -> None:
        self.epoch = Gauge("yibao_epoch", "Validator set in force.", **one)
        self.view = Gauge("yibao_view", "Consensus view in the epoch.", **one)
        self.phase = Gauge(
            "yibao_phase", "1 for the consensus phase that the node is in.", ["phase"], **one
        )
        self.phase_seconds = Histogram(
            "yibao_phase_seconds", "How long each consensus phase took.", ["phase"],
            buckets=BUCKETS_S, **one,
        )  # fmt: skip
        self.votes_missing = Gauge(
            "yibao_votes_missing", "Votes of the awaited kind that the quorum lacks.", **one
        )
        self.waiting_seconds = Gauge(
            "yibao_waiting_seconds", "Since when the node waits in this phase; 0 idle.", **one
        )
        self.view_changes = Counter("yibao_view_changes", "Views entered after others.", **one)
        self.block_views = Histogram(
            "yibao_block_views", "Views that a block took from the one before it, 1 is best.",
            buckets=(1, 2, 3, 5, 10), **one,
        )  # fmt: skip
        self.peers = Gauge("yibao_peers", "Peers that are connected.", **one)
        self.peers_absent = Gauge("yibao_peers_absent", "Validators not connected.", **one)
        self.certificate_days = Gauge(
            "yibao_certificate_days", "Days until the own TLS certificate ends.", **one
        )

    def stage(self, name: str) -> Stage:
        """Add the time inside the block to a stage. ``name`` is one of ``STAGES``.

        Entered at once and by the thread that asks. No await belongs inside, and not the same stage
        again: the time is this thread's, and it has one beginning.
        """
        return self._own.stages[name]

    def stage_times(self) -> dict[str, float]:
        """Seconds spent in each stage so far, for the bench."""
        return {name: sum(each[name].seconds for each in self._of_threads) for name in STAGES}

    def exposition(self) -> bytes:
        """Prometheus text exposition."""
        for stage, seconds in self.stage_times().items():
            self.stage_seconds.labels(stage).inc(seconds - self._counted[stage])
            self._counted[stage] = seconds
        return generate_latest(self.registry)


def check_fields(
    _logger: Any, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Processor: only known fields, only short plain values. Raises ``AssertionError``."""
    for name, value in event.items():
        assert name in LOG_FIELDS or name in _LOG_META, f"{name} is not a log field"
        if isinstance(value, bytes):
            event[name] = value.hex()
        elif not isinstance(value, int | float | None):
            event[name] = str(value)[:TEXT_MAX]
    return event


def make_logger(
    level: str, form: str, stream: TextIO | None = None
) -> structlog.stdlib.BoundLogger:
    """A logger that writes to ``stream`` (standard error). ``form``: console or json."""
    target = sys.stderr if stream is None else stream
    render: Any = (
        structlog.processors.JSONRenderer(sort_keys=True)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=target.isatty())
    )
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(target),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            check_fields,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_levels()[level]),
    )
    return logger


def _levels() -> Mapping[str, int]:
    return {
        "debug": logging.DEBUG, "info": logging.INFO,
        "warning": logging.WARNING, "error": logging.ERROR,
    }  # fmt: skip


def tell_bug(program: str, bug: BaseException) -> None:
    """Say on standard error that a bug of ours ended the process, and where.

    Only frames and the exception's type: what it says may hold what a call or a statement said.
    """
    print(f"{program}: stopped by a bug of ours; please report these lines:", file=sys.stderr)
    print("".join(traceback.format_tb(bug.__traceback__)), file=sys.stderr, end="")
    print(type(bug).__name__, file=sys.stderr)
