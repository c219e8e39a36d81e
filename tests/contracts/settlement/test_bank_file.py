"""A bank's files: whatever is in one, it is read to the fen or refused with its row."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.settlement.bank_file import (
    COLUMNS,
    BankFileError,
    parse_statement,
    render_instructions,
    yuan_text,
)

WORDS = st.text("abcXYZ019-_.:", min_size=1, max_size=20)
LINES = st.builds(
    dict,
    reference=WORDS,
    order=st.one_of(st.just(""), WORDS),
    direction=st.sampled_from(["out", "in"]),
    amount_fen=st.integers(1, 10**12),
    value_on=st.dates().map(lambda day: day.isoformat()).filter(lambda day: day >= "1900"),
)


def cells(line: dict[str, Any]) -> dict[str, str]:
    return {**{name: str(line.get(name, "")) for name in COLUMNS},
            "amount": yuan_text(line["amount_fen"])}  # fmt: skip


@given(st.lists(LINES, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_a_csv_statement_reads_back(lines: list[dict[str, Any]], end: str, mark: bool) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator=end)
    writer.writeheader()
    writer.writerows(cells(line) for line in lines)
    data = text.getvalue().encode("utf-8-sig" if mark else "utf-8")
    assert parse_statement(data, "csv") == lines


@given(st.lists(LINES, max_size=8))
def test_a_json_statement_reads_back(lines: list[dict[str, Any]]) -> None:
    data = json.dumps([cells(line) for line in lines]).encode()
    assert parse_statement(data, "json") == lines


def test_a_column_that_is_named_twice_is_refused() -> None:
    """The last one would count, in either form."""
    row = '{"reference": "R-1", "amount": "1.00", "amount": "10.00", "value_on": "2025-06-10"}'
    for data, form in ((f"[{row}]", "json"), ("reference,amount,amount\nR-1,1.00,10.00\n", "csv")):
        with pytest.raises(BankFileError, match="names a column twice: amount"):
            parse_statement(data.encode(), form)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(COLUMNS) | st.text(max_size=4), inner, max_size=7)
    ),
    max_leaves=20,
)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode),
                 st.lists(JSON, max_size=3).map(lambda v: json.dumps(v).encode())),
       st.sampled_from(["csv", "json"]))  # fmt: skip
def test_whatever_a_file_holds_it_is_read_or_refused(data: bytes, form: str) -> None:
    try:
        lines = parse_statement(data, form)
    except BankFileError:
        return
    for line in lines:
        assert line["amount_fen"] > 0
        assert 0 < len(line["reference"]) <= 60


@pytest.mark.parametrize("form", ["csv", "json"])
def test_instructions_show_no_formula_and_keep_the_fen(form: str) -> None:
    order = {"order": "=1+1", "kind": "clearing", "amount_fen": 123_456, "payer": "430000",
             "payee": "440000", "payee_bank": "bank:x", "account": None, "due_on": "2025-06-30",
             "notice": "n"}  # fmt: skip
    text = render_instructions([order], form)
    assert ("1234.56" in text) == (form == "csv")
    assert ("123456" in text) == (form == "json")
    if form == "csv":
        assert text.splitlines()[1].startswith("'=1+1,")


@pytest.mark.parametrize("encoding", ["gbk", "utf-16"])
def test_a_file_in_another_encoding_is_told_as_such(encoding: str) -> None:
    text = f"{','.join(COLUMNS)}\nR-1,,in,3.00,2025-06-10,退票\n"
    with pytest.raises(BankFileError, match=r"^is not in UTF-8 .*save it as UTF-8"):
        parse_statement(text.encode(encoding), "csv")
