"""docs/claims.md says what the tables say; with YIBAO_REWRITE=1 it is written anew."""

from __future__ import annotations

import os
from pathlib import Path

from contracts.settlement.claim_page import page
from contracts.settlement.funds_chart import CHART
from contracts.settlement.lifecycle import mermaid

PAGE = Path(__file__).resolve().parents[3] / "docs" / "claims.md"


def test_the_page_is_the_tables() -> None:
    if os.environ.get("YIBAO_REWRITE"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_page_has_the_diagram_every_account_and_every_call() -> None:
    text = page()
    assert mermaid() in text
    for row in CHART.values():
        assert f"`{row.pattern}`" in text
    for call in ("register", "lines", "withdraw_lines", "cancel", "estimate", "settle", "reverse"):
        assert f"### `claim.{call}`" in text
    assert "| `visit.presence.kind` | one of `code`," in text
