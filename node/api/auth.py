"""Who asks: the request signature is checked against the keys on the ledger.

The order is cheap things first (SECURITY.md section 8): the spelling of the headers, the clock, the
authority, the body's digest; then the key on the ledger at the next height (a revocation acts at
once); then the signature. The key's bucket and its table of nonces come after it: nobody but the
key's holder can use them up. A key needs the purpose ``read`` or ``sign``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from contracts import organisations
from contracts.organisations import KeyRecord, Organisation
from node.api.limits import Buckets, whole_seconds
from node.api.ports import View
from node.api.problems import Problem
from node.api.settings import ApiSettings
from node.ledger import http_signature as signed
from node.ledger.http_signature import RequestSignature, RequestSignatureError, RequestTarget

READING_PURPOSES = frozenset({"read", "sign"})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """A reader whom the ledger knows."""

    organisation: Organisation
    key: KeyRecord

    @property
    def id(self) -> str:
        return self.organisation.id

    @property
    def kind(self) -> str:
        return self.organisation.kind

    @property
    def region(self) -> str:
        return self.organisation.region

    @property
    def post(self) -> str:
        return self.key.post


@dataclass(frozen=True, slots=True)
class ReadState:
    """A view of the state as contract modules want it; writing through it is a bug."""

    view: View

    def get(self, key: str) -> Any | None:
        return self.view.state(key)

    def read(self, key: str, build: Callable[[Any], T]) -> T | None:
        value = self.view.state(key)
        return None if value is None else build(value)

    def put(self, key: str, value: Any) -> None:
        raise AssertionError(f"a read wrote {key}")

    def delete(self, key: str) -> None:
        raise AssertionError(f"a read deleted {key}")


SET_BACK_S = 5
"""More than a clock is put right by while it goes on; then it was set back."""


class Nonces:
    """Nonces that were used and may not come again while their request could still be valid.

    Nothing is forgotten early: a key whose table is full has to wait. Keys are few (each is
    registered on the ledger), nonces per key are bounded, and what ran out is dropped.
    """

    def __init__(self, per_key_max: int) -> None:
        self._per_key_max = per_key_max
        self._used: dict[bytes, OrderedDict[str, int]] = {}

    def use(self, key: bytes, nonce: str, expires_s: int, now_s: int) -> None:
        """Raises ``Problem`` ``signature.replayed`` or ``signature.too-many``."""
        used = self._used.setdefault(key, OrderedDict())
        # Insertion is nearly the order of expiry (lives differ by at most the window), so what
        # stands in front is dropped first; a late one only stays a little longer than needed.
        while used and next(iter(used.values())) < now_s:
            used.popitem(last=False)
        if nonce in used:
            raise Problem("signature.replayed")
        if len(used) >= self._per_key_max:
            # Those of a clock that was ahead stand in front for as long as it was.
            for over in [nonce for nonce, expires in used.items() if expires < now_s]:
                del used[over]
        if len(used) >= self._per_key_max:
            first = min(used.values())
            raise Problem("signature.too-many", retry_after_s=max(1, first - now_s + 1))
        used[nonce] = expires_s

    def __len__(self) -> int:
        return sum(len(used) for used in self._used.values())


class Authenticator:
    """Turns a signed request into a ``Caller``, or refuses it with 401 or 429."""

    def __init__(
        self,
        *,
        chain: bytes,
        settings: ApiSettings,
        now_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._chain = chain
        self._authorities = frozenset(name.lower() for name in settings.authorities)
        self._now_ms, self._monotonic_s = now_ms, monotonic_s
        self._started_s, self._started_monotonic_s = now_ms() // 1000, monotonic_s()
        self._nonces = Nonces(settings.nonces_per_key_max)
        self._buckets = Buckets(
            rate=settings.key_rate,
            burst=settings.key_burst,
            count_max=settings.bucket_count_max,
            now=monotonic_s,
        )

    def authenticate(
        self, target: RequestTarget, headers: Mapping[str, str], body: bytes, view: View
    ) -> Caller:
        """The caller. Raises ``Problem`` with a code ``signature.*`` or ``limit.key``."""
        now_s = self._now_ms() // 1000
        try:
            signature = signed.parse_signature(headers)
            signed.check_time(signature, now_s)
            self._check_since_start(signature)
            if self._authorities and target.authority not in self._authorities:
                raise Problem("signature.authority")
            digest = signed.check_digest(headers, body)
            caller = find_caller(signature.organisation, signature.key, view)
            if caller is None:
                raise Problem("signature.unknown-key", height=view.head.height)
            signed.check_signature(target, digest, signature, self._chain)
        except RequestSignatureError as refusal:
            raise Problem(refusal.code, **refusal.values) from None
        wait_s = self._buckets.take(signature.key.hex())
        if wait_s:
            raise Problem("limit.key", retry_after_s=whole_seconds(wait_s))
        self._nonces.use(signature.key, signature.nonce, signature.expires_s, now_s)
        return caller

    def _check_since_start(self, signature: RequestSignature) -> None:
        """Nonces are in memory: what was signed before this start may have been used before it."""
        started_s = self._started_by_now()
        if signature.created_s < started_s:
            raise Problem("signature.expired", created_s=signature.created_s, started_s=started_s)

    def _started_by_now(self) -> int:
        """When this node started, by its clock as it stands now. One that was ahead at the start
        and was set right since would otherwise refuse everybody until it gets there again."""
        elapsed_s = int(self._monotonic_s() - self._started_monotonic_s)
        by_now_s = self._now_ms() // 1000 - elapsed_s
        return by_now_s if by_now_s < self._started_s - SET_BACK_S else self._started_s


def find_caller(organisation_id: str, key: bytes, view: View) -> Caller | None:
    """The organisation and its key in the state that the next block builds on, if it may read.

    None for an organisation that is unknown or has left, and for a key that is not its own, was
    revoked, or is for another purpose.
    """
    height = view.head.height + 1
    state = ReadState(view)
    organisation = organisations.load(state, organisation_id)
    record = organisations.find_key(state, organisation_id, key, height)
    if organisation is None or record is None:
        return None
    if organisation.left_height is not None and organisation.left_height <= height:
        return None
    if not READING_PURPOSES.intersection(record.purposes):
        return None
    return Caller(organisation, record)
