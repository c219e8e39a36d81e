"""Log lines know only allow-listed fields; metrics of two nodes do not mix."""

from __future__ import annotations

import io
import itertools
import json
import threading
import time

import pytest

from node.telemetry import LOG_FIELDS, STAGES, Metrics, make_logger, tell_bug


def test_a_field_that_is_not_listed_is_a_bug() -> None:
    log = make_logger("info", "json", io.StringIO())
    with pytest.raises(AssertionError, match="args is not a log field"):
        log.info("call", args={"diagnosis": "J18"})


def test_values_are_short_and_plain() -> None:
    stream = io.StringIO()
    make_logger("info", "json", stream).info("x", tx_id=b"\x01\x02", reason="y" * 5_000, height=3)
    line = json.loads(stream.getvalue())
    assert line["tx_id"] == "0102"
    assert len(line["reason"]) == 300
    assert line["height"] == 3


def test_lower_levels_are_silent() -> None:
    stream = io.StringIO()
    make_logger("warning", "console", stream).info("quiet", height=1)
    assert stream.getvalue() == ""


def test_no_field_can_hold_what_a_call_says() -> None:
    for word in ("args", "body", "values", "person", "content", "attachment", "answer", "name"):
        assert word not in LOG_FIELDS


def test_stage_times_and_exposition_are_per_node() -> None:
    one, other = Metrics(), Metrics()
    with one.stage("execute"):
        pass
    one.rejections.labels("claim.unknown").inc()
    assert one.stage_times()["execute"] > 0
    assert other.stage_times()["execute"] == 0
    assert set(one.stage_times()) == set(STAGES)
    assert b'yibao_rejections_total{code="claim.unknown"} 1.0' in one.exposition()
    assert b"claim.unknown" not in other.exposition()


def test_stages_of_all_threads_are_added_up_and_counted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = itertools.count()
    monkeypatch.setattr(time, "thread_time", lambda: float(next(seconds)))
    metrics = Metrics()

    def work() -> None:
        with metrics.stage("execute"):
            pass

    for total in (4, 8):
        with metrics.stage("execute"):
            other = threading.Thread(target=work)
            other.start()
            other.join()
        assert metrics.stage_times()["execute"] == total, "3 here, 1 of the thread that ended"
        for _ in range(2):
            told = f'yibao_stage_seconds_total{{stage="execute"}} {total}.0'
            assert told.encode() in metrics.exposition()


def test_a_bug_is_told_by_its_place_and_not_by_what_it_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = ":".join(("p", "430000", "made-up"))
    try:
        raise AssertionError(content)
    except AssertionError as bug:
        tell_bug("node", bug)
    told = capsys.readouterr().err
    assert content not in told
    assert "node: stopped by a bug of ours" in told
    assert "test_telemetry.py" in told
    assert told.endswith("AssertionError\n")
