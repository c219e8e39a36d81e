"""Frames: what is written is read, and whatever else comes ends the connection."""

from __future__ import annotations

import asyncio
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.p2p.frames import BEFORE_HELLO, BOUNDS, Frame, FrameError, FrameType, read_frame


def read(data: bytes, allowed: frozenset[FrameType] = frozenset(FrameType)) -> list[Frame]:
    """All frames of a byte stream that ends."""

    async def run() -> list[Frame]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        found = []
        while not reader.at_eof():
            found.append(await read_frame(reader, allowed))
        return found

    return asyncio.run(run())


FRAMES = st.sampled_from(FrameType).flatmap(
    lambda kind: st.builds(Frame, st.just(kind), st.binary(max_size=min(100, BOUNDS[kind])))
)


@given(st.lists(FRAMES, max_size=5))
def test_what_is_written_is_read(frames: list[Frame]) -> None:
    stream = b"".join(frame.encode() for frame in frames)
    assert len(stream) == sum(frame.size for frame in frames)
    assert read(stream) == frames


@given(st.binary(max_size=200))
def test_garbage_is_frames_or_is_refused(data: bytes) -> None:
    try:
        found = read(data)
    except (FrameError, asyncio.IncompleteReadError):
        return
    assert b"".join(frame.encode() for frame in found) == data


@pytest.mark.parametrize("kind", FrameType)
def test_the_bound_of_each_type_is_the_longest_body(kind: FrameType) -> None:
    most = BOUNDS[kind]
    with pytest.raises(FrameError, match="no length"):
        read(struct.pack(">IB", most + 2, kind))
    # One less is waited for, and not there.
    with pytest.raises(asyncio.IncompleteReadError):
        read(struct.pack(">IB", most + 1, kind))


@pytest.mark.parametrize("length", [0, 2**32 - 1])
def test_a_length_that_lies_is_refused_before_anything_is_read(length: int) -> None:
    with pytest.raises(FrameError, match="no length"):
        read(struct.pack(">IB", length, FrameType.VOTE) + b"x" * 10)


@pytest.mark.parametrize("number", [0, 200, 255])
def test_an_unknown_type_is_refused(number: int) -> None:
    with pytest.raises(FrameError, match="no frame of type"):
        read(struct.pack(">IB", 2, number) + b"x")


def test_before_the_greeting_nothing_else_is_read() -> None:
    with pytest.raises(FrameError, match="no place here"):
        read(Frame(FrameType.PROPOSAL, b"x").encode(), BEFORE_HELLO)
