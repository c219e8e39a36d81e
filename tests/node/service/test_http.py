"""What the configuration says about the edge is what the edge does."""

from __future__ import annotations

from dataclasses import asdict, fields, replace

import pytest

from node.api.settings import ApiSettings
from node.config import ApiConfig, LimitsConfig
from node.service.http import settings_of


def test_a_file_without_limits_gives_the_edge_its_own_defaults() -> None:
    assert settings_of(ApiConfig(), LimitsConfig(), 8800) == ApiSettings(
        authorities=("127.0.0.1:8800", "localhost:8800", "[::1]:8800")
    )


@pytest.mark.parametrize("name", [field.name for field in fields(LimitsConfig)])
def test_each_limit_reaches_the_edge_and_nothing_else_moves(name: str) -> None:
    base = settings_of(ApiConfig(), LimitsConfig(), 1)
    raised = settings_of(ApiConfig(), replace(LimitsConfig(), **{name: 3}), 1)
    assert asdict(raised) == asdict(base) | {name: 3}


def test_names_that_a_proxy_shows_replace_the_own_ones() -> None:
    config = ApiConfig(authorities=("ledger.example:443",))
    assert settings_of(config, LimitsConfig(), 1).authorities == ("ledger.example:443",)


def test_nonces_are_remembered_for_the_fastest_key() -> None:
    # A key at full rate uses its rate times the window of 120 s; a replay must still be known.
    highest = next(f for f in fields(LimitsConfig) if f.name == "key_rate").metadata["high"]
    assert highest * 120 <= ApiSettings().nonces_per_key_max
