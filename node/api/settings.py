"""Limits of the HTTP edge and where each number comes from; the node's configuration sets them.

Every queue, table and answer of the edge is bounded by one of these. They are per node.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """All numbers of the edge. Defaults are what `yibao node run` uses without configuration."""

    authorities: tuple[str, ...] = ()
    """Names (host:port) under which clients may have signed for this node; empty: any.

    With names set, a request captured at one node is worth nothing at another; the service sets
    ``own_authorities`` where the configuration names none."""

    transaction_bytes_max: int = 7 * MIB
    """Body 1 MiB and attachments 4 MiB (ARCHITECTURE.md section 3), in base64 a third more."""
    body_bytes_max: int = 512 * KIB
    """Any other body: an estimate with its attachments (SECURITY.md section 7 has 256 KiB each)."""
    buffered_bytes_max: int = 64 * MIB
    """Bodies of all requests in hand together."""
    body_deadline_s: float = 10.0
    """A body has to be there by then (slow senders hold buffers)."""
    header_deadline_s: float = 10.0
    """The request line and headers have to be there by then."""
    answer_deadline_s: float = 30.0
    """An answer of which nothing is read for so long ends its connection (who does not read holds a
    request in hand)."""
    header_bytes_max: int = 16 * KIB
    """Request line and headers together; h11's precedent for one event."""
    header_count_max: int = 64
    """Headers of one request; a browser behind two proxies sends about twenty."""
    target_bytes_max: int = 4 * KIB
    """Path and query as sent."""

    address_rate: int = 1_000
    """Requests a second from one address; a bureau's gateway sends for all its institutions."""
    address_burst: int = 2_000
    """Requests of one address that may come at once, after a pause."""
    key_rate: int = 200
    """Signed requests a second of one key: a hospital window makes one or two."""
    key_burst: int = 400
    """Requests of one key that may come at once: a work list that opens its cases."""
    bucket_count_max: int = 20_000
    """Addresses and keys whose buckets are remembered; the longest unused is forgotten first."""
    nonces_per_key_max: int = 30_000
    """A key's nonces inside the window of 120 s; more than `key_rate` lets through."""
    connections_max: int = 2_048
    """Connections open at once, idle ones and streams included; further ones are told
    `limit.busy`. At most half of the process's open files."""
    in_flight_max: int = 1_024
    """Requests in hand at once; streams count apart."""
    waiting_max: int = 768
    """Of these, requests that wait for a commit: the rest stays free for reading."""

    streams_max: int = 256
    """Event streams open at once."""
    streams_per_key_max: int = 4
    """Event streams of one key; one stream can carry all topics."""
    stream_heartbeat_s: float = 15.0
    """A comment line that keeps proxies from closing a quiet stream."""
    stream_life_s: float = 3_600.0
    """A stream ends after this long; the client goes on from its cursor with a fresh signature."""

    page_default: int = 50
    """Rows of one answer when `limit` is left out."""
    page_max: int = 500
    """Rows of one answer at most."""

    min_height_wait_s: float = 5.0
    """How long `min_height` waits (ARCHITECTURE.md section 3, Reading)."""
    commit_wait_s: float = 15.0
    """How long `wait=committed` waits."""
    behind_blocks_max: int = 10
    """Ready is red when the head is further behind (ARCHITECTURE.md section 3, Reading)."""
    behind_ms_max: int = 10_000
    """Ready is red when the head has been behind for longer."""


def own_authorities(host: str, port: int) -> tuple[str, ...]:
    """Names of a node that listens on an address; none (any name) where it listens on all."""
    if host in ("", "0.0.0.0", "::"):  # noqa: S104  (compared with, not listened on)
        return ()
    if host in ("127.0.0.1", "::1", "localhost"):
        return (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}")
    return (f"[{host}]:{port}" if ":" in host else f"{host}:{port}",)
