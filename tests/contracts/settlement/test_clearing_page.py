"""docs/clearing.md says what the tables say; with YIBAO_REWRITE=1 it is written anew."""

from __future__ import annotations

import os
from pathlib import Path

from contracts.settlement.clearing import payment_record
from contracts.settlement.clearing.page import page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "clearing.md"


def test_the_page_is_the_tables() -> None:
    if os.environ.get("YIBAO_REWRITE"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_page_has_diagrams_and_calls() -> None:
    text = page()
    assert payment_record.mermaid() in text
    for call in ("declaration.close", "audit.decide", "clearing.levy", "advance.top_up"):
        assert f"### `{call}`" in text
