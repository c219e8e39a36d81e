"""TLS 1.3 both ways; a peer is known by its key, never by a name or a date.

The ledger's record ``endpoint/<organisation>`` holds the pin: SHA-256 of the public key
(SubjectPublicKeyInfo) of the organisation's transport key. The certificate around the key is only
the form in which TLS carries it; each node makes its own at start. TLS proves that the peer holds
the key, the pin says whose it is (``peers``), the signed greeting binds it to the validate key.

The certificate's issuer is computed from the chain id by everybody alike, so its signature proves
nothing but "for this network": OpenSSL asks for an issuer, and with this one a new certificate for
the same key needs no word to anybody (the trap of LESSONS.md 1: networks that stood still until
every member had the renewed certificate). Dates are not checked: an expired certificate must never
stop the chain. There are no session tickets and no early data.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from node.ledger import crypto
from node.ledger.types import Digest

NO_CHECK_TIME: Final = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for."""

VALID_DAYS: Final = 3650
"""A certificate is made at every start, so this is only what others would see."""


class TlsError(Exception):
    """The peer's certificate is not there or cannot be read."""


@dataclass(frozen=True, slots=True)
class Transport:
    """A node's own end of TLS."""

    pin: bytes
    """Of the own key; stands on the ledger."""
    server: ssl.SSLContext
    client: ssl.SSLContext
    valid_until: datetime.datetime
    """Of the own certificate."""


def make_transport(
    private: crypto.PrivateKey,
    chain: bytes,
    organisation: str,
    *,
    now: datetime.datetime | None = None,
    valid_days: int = VALID_DAYS,
) -> Transport:
    """Certificate and contexts for a transport key. ``now``, ``valid_days``: for tests of dates."""
    issuer_key = _issuer_key(chain)
    start = now if now is not None else datetime.datetime.now(datetime.UTC)
    issuer = _certificate(issuer_key, issuer_key, "network", "network", start, valid_days, ca=True)
    own = _certificate(private, issuer_key, organisation, "network", start, valid_days, ca=False)
    server, client = (
        _context(protocol, private, own, issuer)
        for protocol in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT)
    )
    server.num_tickets = 0
    pin = crypto.tls_pin(crypto.public_key(private))
    return Transport(pin, server, client, own.not_valid_after_utc)


def pin_of_peer(channel: ssl.SSLObject | ssl.SSLSocket | None) -> Digest:
    """Pin of the key that the peer has proved to hold. Raises ``TlsError``."""
    certificate = None if channel is None else channel.getpeercert(binary_form=True)
    if certificate is None:
        raise TlsError("the peer has shown no certificate")
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except ValueError as error:
        raise TlsError("the peer's certificate cannot be read") from error
    spki = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Digest(hashlib.sha256(spki).digest())


def certificate_end(channel: ssl.SSLObject | ssl.SSLSocket | None) -> datetime.datetime | None:
    """Until when the peer's certificate says to be valid; None where there is none to read."""
    certificate = None if channel is None else channel.getpeercert(binary_form=True)
    if certificate is None:
        return None
    return x509.load_der_x509_certificate(certificate).not_valid_after_utc


def _issuer_key(chain: bytes) -> Ed25519PrivateKey:
    """Known to everybody who has the genesis file: it vouches for nothing."""
    return crypto.private_key(crypto.H("yibao/tls-issuer/v1", chain))


def _certificate(
    subject_key: Ed25519PrivateKey,
    issuer_key: Ed25519PrivateKey,
    subject: str,
    issuer: str,
    start: datetime.datetime,
    valid_days: int,
    *,
    ca: bool,
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject[:64])])
    by = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
    issuer_id = x509.SubjectKeyIdentifier.from_public_key(issuer_key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by)
        .public_key(subject_key.public_key())
        .serial_number(1 if ca else x509.random_serial_number())
        .not_valid_before(start - datetime.timedelta(days=1))
        .not_valid_after(start + datetime.timedelta(days=valid_days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(subject_key.public_key()), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id),
            critical=False,
        )
    )
    return builder.sign(issuer_key, None)


def _context(
    protocol: int, private: Ed25519PrivateKey, own: x509.Certificate, issuer: x509.Certificate
) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= NO_CHECK_TIME
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    context.load_verify_locations(cadata=issuer.public_bytes(serialization.Encoding.DER))
    # The ssl module reads keys from files only: sealed with a password that nobody keeps.
    password = secrets.token_bytes(32).hex().encode()
    sealed = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )
    with tempfile.TemporaryDirectory(prefix="yibao-tls-") as folder:
        file = Path(folder) / "own.pem"
        file.touch(mode=0o600)
        file.write_bytes(own.public_bytes(serialization.Encoding.PEM) + sealed)
        context.load_cert_chain(file, password=password)
    return context
