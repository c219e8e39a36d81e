"""The usage example of the package runs as it is printed."""

from __future__ import annotations

import doctest

import consensus


def test_the_example_in_the_package_docstring() -> None:
    failed, attempted = doctest.testmod(consensus)
    assert attempted > 5
    assert failed == 0
