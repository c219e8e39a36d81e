"""Counts a committed block in the metrics."""

from __future__ import annotations

from collections import Counter

import structlog

from node.execution.blocks import BlockResult
from node.execution.calls import CallBug
from node.telemetry import Metrics


def count_block(telemetry: Metrics, result: BlockResult, seconds: float) -> None:
    """Blocks, transactions, calls by status, rejections by code, bytes and writes.

    ``seconds``: since this node first had the block.
    """
    telemetry.blocks.inc()
    telemetry.block_seconds.observe(seconds)
    telemetry.transactions.inc(len(result.transactions))
    telemetry.block_calls.observe(len(result.calls))
    telemetry.block_bytes.inc(sum(map(len, result.leaves)))
    telemetry.state_writes.inc(len(result.writes))
    for code, count in Counter(call.receipt.code for call in result.calls).items():
        telemetry.calls.labels("rejected" if code else "ok").inc(count)
        if code:
            telemetry.rejections.labels(code).inc(count)


def count_bug(telemetry: Metrics, log: structlog.stdlib.BoundLogger, bug: CallBug) -> None:
    """A transaction met a bug of ours: an alarm, and where it was."""
    telemetry.quarantined.inc()
    telemetry.alarms.labels("call-bug").inc()
    log.error(
        "call.bug", tx_id=bug.tx_id, index=bug.call_index, contract=bug.contract,
        method=bug.method, error=type(bug.__cause__).__name__, line=bug.place,
    )  # fmt: skip
