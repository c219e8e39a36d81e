"""Commands made from contracts' declarations: files become calls, misfits are named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cli.calls import (
    CallFileError,
    call_of,
    contracts,
    from_json,
    read_call,
    show_receipt,
    show_submission,
)
from cli.nouns import NOUNS
from cli.output import out
from contracts.settlement import CONTRACTS
from tests.cli.running import yibao

SETTLE = contracts()["claim"].methods["settle"]
LINE = {
    "line": "1", "code": "X1", "service_date": "2026-01-02", "unit_price_e6": 1_000_000,
    "quantity_e4": 10_000, "amount_fen": 100, "confirmed": 0, "practitioner": "d1",
    "consent": True, "local_code": "",
}  # fmt: skip


def test_a_line_written_as_an_object_becomes_the_row_that_the_contract_takes() -> None:
    spec = call_of(SETTLE, {"args": {}, "attachments": {"settlement": {"lines": [LINE]}}})
    assert spec.attachments == (("settlement", {"lines": [list(LINE.values())]}),)


def test_the_same_file_is_the_same_call_and_another_is_another() -> None:
    one = call_of(SETTLE, {"args": {"claim": "c1"}})
    assert one.client_id == call_of(SETTLE, {"args": {"claim": "c1"}}).client_id
    assert one.client_id != call_of(SETTLE, {"args": {"claim": "c2"}}).client_id


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ([], "args"),
        ({"arg": {}}, "args"),
        ({"args": {"total_fen": 1.5}}, "total_fen"),
        ({"attachments": {"nobody": {}}}, "nobody"),
        ({"attachments": []}, "attachments"),
        ({"args": None}, "args"),
        ({"args": {"other_fen": 1.5}}, "args: codec.type"),
        ({"args": {"total_fen": 2**63}}, "args: codec.integer-range"),
        ({"attachments": {"settlement": {"lines": [], "other": -(2**70)}}}, "settlement: codec"),
        ({"attachments": {"settlement": {"lines": [{**LINE, "extra": 1}]}}}, "extra"),
        ({"attachments": {"settlement": {"lines": [{"line": "1"}]}}}, "code"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_the_place(document: object, place: str) -> None:
    with pytest.raises(CallFileError, match=place):
        call_of(SETTLE, document)


def test_bytes_are_hexadecimal_text() -> None:
    assert from_json("00ff", {"type": "bytes"}, "key") == b"\x00\xff"
    with pytest.raises(CallFileError, match="key"):
        from_json("0g", {"type": "bytes"}, "key")


def test_every_method_of_every_contract_is_a_command() -> None:
    groups = {name: noun for noun, row in NOUNS.items() for name in row.calls}
    for contract in CONTRACTS:
        if contract.name == "accusation":
            # Its argument is a file that the node keeps: ``evidence report`` sends that.
            assert yibao("evidence", "report", "--help").exit_code == 0
            continue
        for name in contract.methods:
            told = contract.methods[name].summary
            assert told.endswith("."), f"{contract.name}.{name} is cut off: {told}"
            command = [groups[contract.name], name.replace("_", "-"), "--describe", "--json"]
            result = yibao(*command)
            assert result.exit_code == 0, (command, result.output)
            assert json.loads(result.output)["method"] == name


def test_a_missing_file_and_a_missing_key_say_what_to_do(tmp_path: Path) -> None:
    result = yibao("claim", "settle", tmp_path / "none.json")
    assert result.exit_code == 6
    assert "cannot read" in result.output
    call = tmp_path / "call.json"
    call.write_text('{"args": {}}', encoding="utf-8")
    result = yibao("claim", "settle", call)
    assert result.exit_code == 6
    assert "--key" in result.output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"args": {"total_fen": 1, "total_fen": 2}}', "total_fen' stands twice"),
        ('{"args": {"claim": "\\ud800"}}', "half a character"),
        ('{"args": {"total_fen": NaN}}', "NaN"),
        ("[" * 100_000, "nested too deep"),
        ("", "not JSON"),
        (b"\xc4\xe3", "save it as UTF-8"),
    ],
)
def test_a_file_that_does_not_mean_one_thing_is_no_call(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    file = tmp_path / "call.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    told = yibao("claim", "settle", file)
    assert told.exit_code == 2
    assert words in " ".join(told.stderr.split())
    file.write_bytes(b'\xef\xbb\xbf{"args": {}}')
    assert read_call(SETTLE, file).args == {}, "a byte order mark is fine"


DEPLOY = contracts()["policy"].methods["deploy"]
ADMIT = contracts()["organisations"].methods["admit"]


def test_a_named_file_stands_for_what_it_holds(tmp_path: Path) -> None:
    source = "def settle(case):\n    pass\n"
    (tmp_path / "city.py").write_text(source, encoding="utf-8-sig")  # as Windows' editor saves it
    (tmp_path / "clerk.json").write_text('{"key": "00ff", "post": "clerk"}', encoding="utf-8")
    deploy = call_of(DEPLOY, {"args": {"source": {"file": "city.py"}}}, tmp_path)
    assert deploy.args["source"] == source
    admit = call_of(ADMIT, {"args": {"keys": [{"file": "clerk.json"}]}}, tmp_path)
    assert admit.args["keys"] == [{"key": b"\x00\xff", "post": "clerk"}]


@pytest.mark.parametrize("name", ["none.py", "bytes.json"])
def test_a_named_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "bytes.json").write_bytes(b"\xff{")
    with pytest.raises(CallFileError, match=name):
        call_of(ADMIT, {"args": {"keys": [{"file": name}]}}, tmp_path)


def test_a_value_that_may_have_a_field_file_is_left_alone() -> None:
    record = {"type": "record", "fields": {"file": {"type": "text"}}}
    for shape in (record, {"type": "map", "of": {"type": "text"}}, {"type": "any"}):
        assert from_json({"file": "x"}, shape, "place") == {"file": "x"}


def test_what_a_call_holds_is_described_in_the_words_of_its_file() -> None:
    """Defaults as JSON writes them: a clerk who reads ``False`` puts it into the file."""
    told = " ".join(yibao("filing", "submit", "--describe").stdout.split())
    assert "bool (optional, default false)" in told
    assert "date (optional, default null)" in told
    assert 'text 0 to 40 (optional, default "")' in told


def test_a_receipt_shows_records_of_its_answer_as_tables() -> None:
    receipt = {
        "tx_id": "ab" * 32, "call_index": 0, "status": "ok", "postings": [],
        "answer": {"bills": [{"claim": "C-1", "total_fen": 12_345}], "by_fund": {"310100": 100}},
        "amounts": {"total_fen": 12_345},
    }  # fmt: skip
    with out.capture() as captured:
        show_receipt(receipt)
        show_submission({"tx_id": "cd", "status": "waiting", "receipts": []}, as_json=False)
    text = captured.get()
    assert re.search(r"│ C-1 +│ +123\.45 │", text)
    assert re.search(r"by_fund\.310100 +│ 1\.00 元", text)
    assert re.search(r"status +│ waiting", text)
    assert "{" not in text, "JSON is for programs"
