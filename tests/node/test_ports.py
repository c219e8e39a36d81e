"""Ports for networks on one machine."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from node import ports


def test_no_port_is_given_twice_in_turn_and_none_that_is_listened_on() -> None:
    first, second = ports.free_ports(8), ports.free_ports(8)
    assert len({*first, *second}) == 16
    with socket.create_server(("127.0.0.1", first[0])):
        assert first[0] not in ports.free_ports(ports.WIDTH // 2) + ports.free_ports(40)


def test_they_lie_below_those_that_systems_give_to_whoever_asks() -> None:
    last = ports.FIRST + ports.STRETCHES * ports.WIDTH - 1
    assert all(ports.FIRST <= port <= last for port in ports.free_ports(8))
    assert last < 32_768


def test_two_processes_that_follow_one_another_have_ports_of_their_own() -> None:
    script = "import os; from node.ports import free_ports; print(os.getpid(), *free_ports(8))"
    told = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    (one, *its), (other, *others) = ([int(word) for word in a.stdout.split()] for a in told)
    assert one % ports.STRETCHES == other % ports.STRETCHES or not {*its} & {*others}


def test_two_processes_of_one_stretch_begin_at_different_places() -> None:
    """Both found a network of four, eight ports, before a node of either listens."""
    stretches = [ports.stretch(9_000 + ports.STRETCHES * turn) for turn in range(10)]
    assert len({tuple(sorted(each)) for each in stretches}) == 1
    assert len({port for each in stretches for port in each[:8]}) == 80


def test_too_many_are_refused() -> None:
    with pytest.raises(OSError, match="are free"):
        ports.free_ports(ports.WIDTH + 1)
