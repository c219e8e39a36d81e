"""What a node may make of its honest answers. Each takes a request and the honest answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx

from node.ledger.codec import decode, encode
from tests.node.ledger.world import private
from tests.node.member.desk import Bend


def content(answer: httpx.Response, data: bytes) -> httpx.Response:
    return httpx.Response(answer.status_code, headers=_kind(answer), content=data)


def _kind(answer: httpx.Response) -> dict[str, str]:
    return {"content-type": answer.headers.get("content-type", "application/json")}


def about(*parts: str) -> Callable[[Bend], Bend]:
    """Only answers at these addresses are bent."""

    def wrap(bend: Bend) -> Bend:
        def bent(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
            named = any(part in request.url.path for part in parts)
            return bend(request, answer) if named and answer.status_code < 400 else answer

        bent.__name__ = getattr(bend, "__name__", "bend")
        return bent

    return wrap


def silent(request: httpx.Request, _answer: httpx.Response) -> httpx.Response:
    raise httpx.ConnectError("nobody", request=request)


def declines(_request: httpx.Request, _answer: httpx.Response) -> httpx.Response:
    return httpx.Response(403, json={"code": "read.no-right", "values": {}})


def faulty(_request: httpx.Request, _answer: httpx.Response) -> httpx.Response:
    return httpx.Response(500, content=b"<html>fault</html>")


def garbage(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    return content(answer, b"\xc1garbage")


@about("evidence", "trail")
def flips_a_bit(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    data = bytearray(answer.content)
    data[len(data) // 2] ^= 1
    return content(answer, bytes(data))


@about("evidence")
def truncates(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    return content(answer, answer.content[:-40])


def _bent(answer: httpx.Response, change: Callable[[list[Any]], None]) -> httpx.Response:
    fields = decode(answer.content, bytes_max=1 << 24)
    change(fields)
    return content(answer, encode(fields))


def _raised(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _raised(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_raised(item) for item in value]
    return value + 99_999_999 if type(value) is int and value else value


@about("state/evidence")
def raises_the_amount(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    """The state says other amounts: every one of an entry."""

    def change(fields: list[Any]) -> None:
        if fields[2] == "state":
            fields[6][1] = encode(_raised(decode(fields[6][1])))

    return _bent(answer, change)


@about("state/evidence", "/orders")
def claims_the_order(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    """Orders that nobody approved, or that are paid, are listed, and said to be approved."""
    if "/orders" in request.url.path:
        document = json.loads(answer.content)
        document["records"] += [{"order": f"finance:430000:{n}"} for n in (4, 5)]
        return content(answer, json.dumps(document).encode())

    def change(fields: list[Any]) -> None:
        if fields[2] == "state" and len(decode(fields[6][1])) in (16, 18):
            value = decode(fields[6][1])
            value[0], value[4] = "approved", "bank:icbc"
            fields[6][1] = encode(value)

    return _bent(answer, change)


@about("evidence", "trail")
def forges_certificates(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    """Signatures by a key that is nobody's."""

    def change(fields: list[Any]) -> None:
        certificate = decode(fields[-2] if len(fields) == 7 else fields[-1])
        certificate[5] = [private(7).sign(b"another message") for _ in certificate[5]]
        fields[-2 if len(fields) == 7 else -1] = encode(certificate)

    return _bent(answer, change)


@about("/orders", "/changes")
def invents_orders(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    """Things that do not exist, before the first true one."""
    document = json.loads(answer.content)
    if "changes" in document:
        made_up = [{**row, "name": f"{row['name']}-made-up"} for row in document["changes"]]
        document["changes"] = made_up + document["changes"]
    else:
        more = [{"order": f"finance:430000:made-up-{n}", "amount_fen": 5} for n in range(3)]
        document["records"] = more + document["records"]
    return content(answer, json.dumps(document).encode())


@about("/orders")
def lists_too_early(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    """Orders that nobody approved yet, or that are paid; all that it proves is true."""
    document = json.loads(answer.content)
    document["records"] += [{"order": f"finance:430000:{n}"} for n in (4, 5)]
    return content(answer, json.dumps(document).encode())


@about("/orders", "/changes")
def leaves_orders_out(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    document = json.loads(answer.content)
    document["height"] = 10**14
    document["changes" if "changes" in document else "records"] = []
    return content(answer, json.dumps(document).encode())


@about("/orders", "/changes")
def sends_no_list(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    return content(answer, b'{"records": {"a": 1}, "changes": 7, "next": 5}')


def withholds(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    """As of a transaction of which other calls are others' business; whatever call it was."""
    if not request.url.path.startswith("/v1/receipts/"):
        return answer
    return httpx.Response(403, json={"code": "read.no-right", "values": {"withheld_calls": 1}})


class Swaps:
    """Answers about one thing with the (true) proof of another of its kind: the one before."""

    __name__ = "swaps"

    def __init__(self) -> None:
        self._before: dict[str, bytes] = {}

    def __call__(self, request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if "evidence" not in request.url.path or answer.status_code >= 400:
            return answer
        kind = request.url.params.get("key", "").partition("/")[0]
        given = self._before.get(kind, answer.content)
        self._before[kind] = answer.content
        return content(answer, given)


class Stale:
    """Answers for ever what it answered first to the same question, and its first head."""

    __name__ = "stale"

    def __init__(self) -> None:
        self._first: dict[str, bytes] = {}

    def __call__(self, request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if answer.status_code >= 400 or request.method != "GET":
            return answer
        key = request.url.params.get("key", "")
        return content(answer, self._first.setdefault(request.url.path + key, answer.content))


# --- About orders to pay persons -----------------------------------------------------------------


def _bent_order(answer: httpx.Response, place: int, said: Any) -> httpx.Response:
    """A field of an order to pay a person (``BankOrder``) says something else."""

    def change(fields: list[Any]) -> None:
        value = decode(fields[6][1]) if fields[2] == "state" and fields[6][1] else []
        if len(value) == 10:
            value[place] = said
            fields[6][1] = encode(value)

    return _bent(answer, change)


@about("state/evidence")
def raises_what_a_person_gets(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    return _bent_order(answer, 2, 99_999_999)


@about("state/evidence")
def sends_it_elsewhere(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    """Another bank account."""
    return _bent_order(answer, 4, b"m" * 32)


@about("state/evidence")
def says_it_is_approved(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    """Whatever became of it; the list has the orders that are not to be paid, too."""
    return _bent_order(answer, 0, "approved")


@about("state/evidence")
def proves_another_banks_order(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    """The key says who is to pay."""

    def change(fields: list[Any]) -> None:
        if fields[2] == "state":
            fields[6][0] = fields[6][0].replace("bank:icbc", "bank:ccb")

    return _bent(answer, change)


def lists_also(*names: str) -> Bend:
    """Orders of persons that are not to be paid, or that nobody gave."""

    @about("/orders")
    def lists_more(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        document = json.loads(answer.content)
        document["records"] += [{"order": name} for name in names]
        return content(answer, json.dumps(document).encode())

    return lists_more


def both(first: Bend, second: Bend) -> Bend:
    """One lie after the other."""
    return lambda request, answer: second(request, first(request, answer))


ABOUT_PERSONS: tuple[Bend, ...] = (
    raises_what_a_person_gets, sends_it_elsewhere, says_it_is_approved,
    proves_another_banks_order,
)  # fmt: skip

LIARS: dict[str, Callable[[], Bend]] = {
    bend.__name__: (lambda b=bend: b)  # type: ignore[misc]
    for bend in (
        silent, declines, faulty, garbage, flips_a_bit, truncates, raises_the_amount,
        claims_the_order, forges_certificates, invents_orders, leaves_orders_out, sends_no_list,
        lists_too_early,
    )
} | {"swaps": Swaps, "stale": Stale}  # fmt: skip
"""Makers of every kind of liar."""
