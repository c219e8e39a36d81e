"""Signed HTTP requests: who asks to read, over exactly which request, for the next two minutes.

In the shape of RFC 9421 (HTTP Message Signatures) and RFC 9530 (Content-Digest), narrowed to one
spelling so that signer and verifier cannot read one request in two ways: a fixed list of covered
components, a fixed order of parameters, one label. What a request is signed over::

    "@method": GET
    "@authority": 127.0.0.1:8440
    "@path": /v1/claims/m-1
    "@query": ?min_height=7
    "content-digest": sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:
    "@signature-params": ("@method" ...);created=1;expires=121;nonce="...";keyid="...";...

``@path`` and ``@query`` stand for ``@target-uri``, because the scheme changes behind a proxy that
ends TLS. The digest of an empty body is sent too: the list of components is then constant and
nothing can be left out. The bytes that are signed are this text under the context ``api/1`` and the
chain's id (SECURITY.md section 2, R6), so a request's signature is nothing else's signature.

Both sides use this file: the command line signs with it, the node's API checks with it. Pure: the
clock and the nonce come from the caller.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from node.ledger import crypto
from node.ledger.errors import InvalidKey, InvalidSignature, LedgerError

CONTEXT = "api/1"
"""Context under which request signatures are made; no other message is signed under it."""

WINDOW_S = 120
"""Longest life of a signed request, seconds (SECURITY.md section 7)."""

SKEW_S = 5
"""How far ahead a signer's clock may be, seconds."""

COMPONENTS = '("@method" "@authority" "@path" "@query" "content-digest")'
TAG = "yibao-api/1"
ALGORITHMS = {1: "ed25519"}
"""Name of the signature algorithm by the scheme byte of a key (first byte of its 33)."""

_INPUT = re.compile(
    r"yibao="
    + re.escape(COMPONENTS)
    + r";created=(0|[1-9][0-9]{0,14});expires=(0|[1-9][0-9]{0,14})"
    r';nonce="([A-Za-z0-9_-]{16,64})"'
    r';keyid="([A-Za-z0-9:._-]{1,100})#([0-9a-f]{66})"'
    r';alg="([a-z0-9-]{1,20})";tag="' + re.escape(TAG) + r'"',
)
_SIGNATURE = re.compile(r"yibao=:([A-Za-z0-9+/]{86}==):")


class RequestSignatureError(LedgerError, ValueError):
    """The asker's fault: absent, misspelt, out of time, over something else, or wrong.

    Codes are in docs/errors.md; the values are what was compared, never the request itself.
    """


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """The request as both ends see it; texts are exactly what travels."""

    method: str
    """Upper case, for example ``GET``."""
    authority: str
    """Host and port as in the Host header, lower case, for example ``127.0.0.1:8440``."""
    path: str
    """Percent-encoded path as sent, starting with a slash."""
    query: str
    """Query as sent, without the question mark; empty when there is none."""


@dataclass(frozen=True, slots=True)
class RequestSignature:
    """What the two signature headers say, before anything is believed."""

    organisation: str
    """Id of the organisation on the ledger that claims to ask."""
    key: bytes
    """Scheme byte and raw public key, 33 bytes."""
    created_s: int
    """Seconds since 1970 UTC."""
    expires_s: int
    nonce: str
    """Chosen by the client, once per request."""
    signature: bytes = b""
    """64 bytes; empty while the request is being signed."""

    @property
    def parameters(self) -> str:
        """The text of ``@signature-params``: components and parameters in their one order."""
        return (
            f"{COMPONENTS};created={self.created_s};expires={self.expires_s}"
            f';nonce="{self.nonce}";keyid="{self.organisation}#{self.key.hex()}"'
            f';alg="{ALGORITHMS[self.key[0]]}";tag="{TAG}"'
        )


def content_digest(body: bytes) -> str:
    """Value of the Content-Digest header (RFC 9530) of a body, also of an empty one."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def build_base(target: RequestTarget, digest: str, signature: RequestSignature) -> bytes:
    """The signature base of RFC 9421 section 2.5: the text that is signed under ``CONTEXT``."""
    lines = (
        f'"@method": {target.method}',
        f'"@authority": {target.authority}',
        f'"@path": {target.path}',
        f'"@query": ?{target.query}',
        f'"content-digest": {digest}',
        f'"@signature-params": {signature.parameters}',
    )
    return "\n".join(lines).encode()


def sign_request(
    target: RequestTarget,
    body: bytes,
    *,
    organisation: str,
    key: bytes,
    created_s: int,
    nonce: str,
    sign: Callable[[bytes], bytes],
    life_s: int = WINDOW_S,
) -> dict[str, str]:
    """Headers that make a request a signed one.

    ``sign`` gets the signature base and answers 64 bytes made under ``CONTEXT`` and the chain id.
    ``nonce``: 16 to 64 characters of base64url, fresh for each request, also for a retry.
    """
    unsigned = RequestSignature(organisation, key, created_s, created_s + life_s, nonce)
    digest = content_digest(body)
    signature = sign(build_base(target, digest, unsigned))
    return {
        "Content-Digest": digest,
        "Signature-Input": f"yibao={unsigned.parameters}",
        "Signature": f"yibao=:{base64.b64encode(signature).decode()}:",
    }


def signed_headers(
    target: RequestTarget,
    body: bytes,
    *,
    chain: bytes,
    organisation: str,
    private: crypto.PrivateKey,
    created_s: int,
    nonce: str,
) -> dict[str, str]:
    """``sign_request`` with a key that this process holds."""
    return sign_request(
        target,
        body,
        organisation=organisation,
        key=crypto.public_key(private),
        created_s=created_s,
        nonce=nonce,
        sign=lambda base: crypto.sign(private, CONTEXT, chain, base),
    )


def parse_signature(headers: Mapping[str, str]) -> RequestSignature:
    """Read the signature headers (names in lower case). Nothing is verified yet.

    Raises ``RequestSignatureError``: ``signature.missing`` when there are none,
    ``signature.malformed`` when they are not the one spelling that ``sign_request`` makes.
    """
    claimed, made = headers.get("signature-input"), headers.get("signature")
    if claimed is None or made is None:
        raise RequestSignatureError("signature.missing")
    parts, value = _INPUT.fullmatch(claimed), _SIGNATURE.fullmatch(made)
    if parts is None:
        raise RequestSignatureError("signature.malformed", header="Signature-Input")
    if value is None:
        raise RequestSignatureError("signature.malformed", header="Signature")
    created, expires, nonce, organisation, key_hex, algorithm = parts.groups()
    key = bytes.fromhex(key_hex)
    if ALGORITHMS.get(key[0]) != algorithm:
        raise RequestSignatureError("signature.malformed", header="Signature-Input", part="alg")
    try:
        raw = base64.b64decode(value[1], validate=True)
    except binascii.Error as bad:
        raise RequestSignatureError("signature.malformed", header="Signature") from bad
    if base64.b64encode(raw).decode() != value[1]:
        raise RequestSignatureError("signature.malformed", header="Signature")
    return RequestSignature(organisation, key, int(created), int(expires), nonce, raw)


def check_time(signature: RequestSignature, now_s: int) -> None:
    """Raises ``RequestSignatureError`` ``signature.expired`` outside the request's window."""
    life_s = signature.expires_s - signature.created_s
    in_window = 0 < life_s <= WINDOW_S
    if not in_window or not signature.created_s - SKEW_S <= now_s <= signature.expires_s:
        raise RequestSignatureError(
            "signature.expired",
            created_s=signature.created_s,
            expires_s=signature.expires_s,
            now_s=now_s,
            window_s=WINDOW_S,
        )


def check_digest(headers: Mapping[str, str], body: bytes) -> str:
    """The Content-Digest header, after it was compared with the body that arrived.

    Raises ``RequestSignatureError``: ``signature.missing`` without the header,
    ``signature.body-differs`` when body and digest differ or another algorithm is named.
    """
    digest = headers.get("content-digest")
    if digest is None:
        raise RequestSignatureError("signature.missing")
    if digest != content_digest(body):
        raise RequestSignatureError("signature.body-differs")
    return digest


def check_signature(
    target: RequestTarget, digest: str, signature: RequestSignature, chain: bytes
) -> None:
    """Raises ``RequestSignatureError`` ``signature.wrong`` unless the key signed this request."""
    base = build_base(target, digest, signature)
    try:
        crypto.verify(signature.key, CONTEXT, chain, base, signature.signature)
    except (InvalidKey, InvalidSignature) as refusal:
        raise RequestSignatureError("signature.wrong", reason=refusal.code) from None
