"""Every foreseen end of the process has an exit code, and says what to do."""

from __future__ import annotations

import errno

from node.__main__ import FAILURES, Exit, _sentence
from node.store import errors


def test_every_error_of_the_database_has_an_exit_code_and_advice() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.StoreError)
    ]
    assert len(kinds) == 7
    for kind in kinds:
        found = next(code for mapped, code in FAILURES if issubclass(kind, mapped))
        assert found in (Exit.DAMAGED, Exit.IN_USE, Exit.FOREIGN, Exit.DISK)
        assert kind("x").advice in str(kind("x"))


def test_special_failures_stand_before_general_ones() -> None:
    kinds = [kind for kind, _ in FAILURES]
    for place, kind in enumerate(kinds):
        assert not any(issubclass(kind, earlier) for earlier in kinds[:place]), kind


def test_a_file_of_another_user_is_told_with_what_to_look_at() -> None:
    told = _sentence(PermissionError(errno.EACCES, "Permission denied", "data/safety.dat"))
    assert told.startswith("data/safety.dat: Permission denied. Everything in node.data_dir")


def test_a_full_disk_is_told_with_what_to_do_though_the_system_names_no_file() -> None:
    told = _sentence(OSError(errno.ENOSPC, "No space left on device"))
    assert told.startswith("A file in node.data_dir: No space left on device. Look for a full disk")
