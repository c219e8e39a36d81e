"""``yibao watch``: events from lines, and a stream that is resumed where it broke."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import watch
from cli.client import Refused, Unreachable
from cli.watch import Event, events_of, follow, line_of
from tests.cli.running import yibao


def lines_of(events: Iterable[Event]) -> list[str]:
    """How a node writes events, with its comments between them."""
    lines = [": yibao events", ""]
    for event in events:
        lines += [f"id: {event.id}", f"event: {event.kind}", f"data: {json.dumps(event.data)}", ""]
        lines += [": still here", ""]
    return lines


EVENTS = st.lists(
    st.builds(
        Event,
        st.from_regex(r"[0-9]{1,4}:[0-9]{1,3}", fullmatch=True),
        st.sampled_from(["receipt", "block"]),
        st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(), max_size=3),
    ),
    max_size=5,
)


@given(EVENTS)
def test_what_a_node_writes_is_read(events: list[Event]) -> None:
    assert list(events_of(lines_of(events))) == events


@given(EVENTS, st.data())
def test_a_stream_that_is_cut_anywhere_gives_whole_events_only(
    events: list[Event], data: st.DataObject
) -> None:
    lines = lines_of(events)
    cut = lines[: data.draw(st.integers(0, len(lines)))]
    found = list(events_of(cut))
    assert found == events[: len(found)]
    assert len(found) == sum(1 for line in cut[:-1] if line.startswith("data:"))


class Scripted:
    """A node whose connections are told beforehand: events, then how the connection ends."""

    def __init__(self, *connections: tuple[list[Event], Exception | None]) -> None:
        self._connections = iter(connections)
        self.asked: list[Any] = []

    def stream(self, path: str, **query: Any) -> Iterator[str]:
        assert path == "/v1/stream"
        self.asked.append(query["after"])
        events, end = next(self._connections)
        yield from lines_of(events)
        if end is not None:
            raise end


def block(height: int) -> Event:
    return Event(f"{height}:0", "block", {"height": height})


SILENT = Unreachable("http://node", "gone")


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr(watch.time, "sleep", taken.append)
    return taken


def followed(client: Scripted, count: int, after: str | None = None) -> list[str]:
    return [e.id for e in islice(follow(client, after, None), count)]  # type: ignore[arg-type]


def test_a_stream_goes_on_behind_the_last_event(naps: list[float]) -> None:
    node = Scripted(
        ([block(5), block(6)], None), ([], SILENT), ([], SILENT), ([block(7)], SILENT),
        ([block(8)], None),
    )  # fmt: skip
    assert followed(node, 4, after="4:0") == ["5:0", "6:0", "7:0", "8:0"]
    assert node.asked == ["4:0", "6:0", "6:0", "6:0", "7:0"]
    assert naps == [1.0, 2.0, 1.0], "a connection that gave something begins the waits anew"


def test_a_busy_node_is_waited_for_and_a_refusal_is_not(naps: list[float]) -> None:
    busy, no = Refused(503, {"code": "node.unavailable"}), Refused(401, {"code": "signature.wrong"})
    node = Scripted(([block(1)], None), ([], busy), ([block(2)], None), ([], no))
    events = follow(node, None, None)  # type: ignore[arg-type]
    assert [next(events).id, next(events).id] == ["1:0", "2:0"]
    assert naps == [1.0]
    with pytest.raises(Refused, match=r"signature\.wrong"):
        next(events)


def test_a_node_that_never_answered_is_an_error(naps: list[float]) -> None:
    with pytest.raises(Unreachable):
        followed(Scripted(([], SILENT)), 1)
    assert naps == []


def test_lines_for_people_name_what_happened() -> None:
    receipt = Event(
        "7:2", "receipt",
        {"status": "ok", "code": "", "events": [{"topic": "claim.settled"}],
         "answer": {"claim": "C-1"}, "amounts": {"total_fen": 123456}},
    )  # fmt: skip
    assert all(words in line_of(receipt) for words in ("7:2", "claim.settled", "C-1", "1,234.56"))
    refused = Event(
        "7:3", "receipt",
        {"status": "rejected", "code": "claim.no-filing", "events": [], "answer": {},
         "amounts": {}},
    )  # fmt: skip
    assert "rejected" in line_of(refused)
    assert "claim.no-filing" in line_of(refused)


def test_a_cursor_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    result = yibao("watch", "--cursor", tmp_path)
    assert result.exit_code == 6
    assert str(tmp_path) in result.stderr
