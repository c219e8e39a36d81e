"""Verified headers: what a quorum certified, along the ends of epochs, kept so that it outlives us.

Trust begins at genesis, whose hash the configuration pins, or at a checkpoint's header hash. From
there a node's trail is walked: each epoch's end is certified by the validators of that epoch and
names the next ones. Headers between two verified ones are linked by their hashes where they are
few. Nothing is ever taken back: a lower head is a node that lags, and another block at a height
that is known is a fork, which ends the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from node.ledger.block import Header, ValidatorSet, check_link
from node.ledger.errors import InvalidBlock, InvalidProof
from node.ledger.evidence import (
    CertifiedHeader,
    EpochEnd,
    Facts,
    Trail,
    read_evidence,
    verify_evidence,
    verify_subject,
)
from node.ledger.genesis import Genesis
from node.ledger.trail import decode_trail
from node.member import rows
from node.member.errors import Declined, Forked, MemberRefused
from node.member.remote import Remote, rows_of, text_of
from node.store.kv import KV, Operation

PAGE: Final = 100
"""Headers asked for at once."""
KEPT: Final = 10_000
"""Heights whose header is kept."""
DROPPED_MAX: Final = 1_000
"""Old headers that one batch drops."""


@dataclass(frozen=True, slots=True)
class Span:
    """One epoch as far as it is known."""

    validators: ValidatorSet
    first: int
    """Nothing below it is believed."""
    last: int | None = None
    """Height that ended it; None for the newest epoch."""
    end: tuple[bytes, bytes] | None = None
    """Header and certificate of that height."""

    def pack(self) -> bytes:
        """Canonical bytes."""
        end = None if self.end is None else list(self.end)
        return rows.pack([self.validators.fields(), self.first, self.last, end])

    @classmethod
    def of(cls, value: Any) -> Span:
        """From a row's value."""
        validators, first, last, end = value
        return cls(ValidatorSet.from_fields(validators), first, last, end and (end[0], end[1]))


class Chain:
    """What this member node knows to be certified. One thread writes, any thread may read."""

    def __init__(self, kv: KV, genesis: Genesis, organisation: str, *, link_max: int) -> None:
        """Raises ``MemberRefused`` for a database of another chain, organisation or layout."""
        self._kv = kv
        self.genesis = genesis
        self._link_max = link_max
        self._organisation = organisation
        meta = rows.read(kv, rows.META)
        wanted = [rows.LAYOUT, bytes(genesis.chain), organisation]
        if meta is not None and meta != wanted:
            raise MemberRefused(
                "The database belongs to another chain, organisation or layout of this program: "
                "point member.data_dir at its own folder."
            )
        self.epoch = -1
        self._spans: dict[int, Span] = {}
        self.best: Header | None = None
        for key, value in rows.all_of(kv, rows.EPOCH):
            self.epoch = int.from_bytes(key[1:], "big")
            self._spans[self.epoch] = Span.of(value)
        best = rows.read(kv, rows.BEST)
        if best is not None:
            self.best = Header.decode(best[0])

    # --- Beginning ----------------------------------------------------------------------------

    @property
    def begun(self) -> bool:
        """Whether there is a validator set to trust."""
        return self.epoch >= 0

    @property
    def height(self) -> int:
        """Of the best verified header; 0 before the first."""
        return 0 if self.best is None else self.best.height

    def begin(self) -> None:
        """Trust the genesis."""
        self._begin(0, Span(self.genesis.validators, 1), [])

    def begin_at(self, remote: Remote, checkpoint: bytes) -> None:
        """Trust the header of this hash, with what a node shows of it.

        Raises ``InvalidProof`` where the node shows something else.
        """
        answer = remote.get_json(f"/v1/headers/{checkpoint.hex()}")
        data = _bytes(answer.get("header"), "bytes")
        header = _header(data)
        if header.hash != checkpoint or header.chain != self.genesis.chain:
            raise InvalidProof("member.checkpoint", hash=header.hash.hex(), wanted=checkpoint.hex())
        validators = self.genesis.validators
        if header.epoch:
            block = decode_trail(remote.get("/v1/trail", from_epoch=header.epoch - 1))
            if not block.epochs:
                raise InvalidProof("member.checkpoint-epoch", epoch=header.epoch)
            validators = block.epochs[0].validators
        if validators.hash != header.validators_hash:
            raise InvalidProof(
                "member.checkpoint-validators",
                hash=validators.hash.hex(),
                header=header.validators_hash.hex(),
            )
        found: list[Operation] = [
            (rows.BEST, rows.pack([data, b""])),
            (rows.numbered(rows.HEADER, header.height), data),
        ]
        self._begin(header.epoch, Span(validators, header.height), found)
        self.best = header

    def _begin(self, epoch: int, span: Span, more: list[Operation]) -> None:
        meta = [rows.LAYOUT, bytes(self.genesis.chain), self._organisation]
        batch = [(rows.META, rows.pack(meta)), (rows.numbered(rows.EPOCH, epoch), span.pack())]
        self._kv.write([*batch, *more], sync=True)
        self._spans = {epoch: span}
        self.epoch = epoch

    # --- Following ----------------------------------------------------------------------------

    def follow(self, remote: Remote) -> Header:
        """Take a node's newest header, verified; it is ours from now on where it is newer.

        Raises ``InvalidProof`` for what does not verify, ``Forked``, and what ``Remote`` raises.
        """
        block = decode_trail(remote.get("/v1/trail", from_epoch=self.epoch))
        header = _header(block.header)
        if header.height <= self.height:
            self.check(header, block)
            return header
        ends, trail = [], self._trail()
        for end in block.epochs:
            ended = trail.end_epoch(end)
            self._compare(ended, end.header, end.certificate)
            ends.append((ended, end))
        header, _ = trail.certify(block.header, block.certificate)
        between = self._link(remote, header, block)
        self._keep(ends, header, block, between)
        return header

    def check(self, header: Header, block: CertifiedHeader) -> tuple[str, ...]:
        """Who certified a header of an epoch that is known. Raises ``InvalidProof``, ``Forked``."""
        span = self._spans.get(header.epoch)
        if span is None:
            if header.epoch > self.epoch:
                raise InvalidProof("member.ahead", epoch=header.epoch, known=self.epoch)
            raise InvalidProof("member.below-checkpoint", epoch=header.epoch, known=self.epoch)
        last = header.height if span.last is None else span.last
        if not span.first <= header.height <= last:
            raise InvalidProof(
                "member.outside-epoch", height=header.height, first=span.first, last=last
            )
        trail = Trail(
            self.genesis.chain, span.validators, epoch=header.epoch, height=header.height - 1
        )
        header, signers = trail.certify(block.header, block.certificate)
        self._compare(header, block.header, block.certificate)
        return signers

    def believe(self, data: bytes, *, least: int = 0) -> Facts:
        """What an evidence file proves: under validators that are trusted here, and once more from
        genesis, as whoever is shown the file will check it.

        ``least``: lowest height that is not stale. Raises ``InvalidProof`` or ``Forked``.
        """
        told = read_evidence(data)
        header = _header(told.block.header)
        signers = self.check(header, told.block)
        if header.height < least:
            raise InvalidProof("member.stale", height=header.height, least=least)
        verify_evidence(data, self.genesis)
        return verify_subject(told, header, signers)

    def _trail(self) -> Trail:
        """From the newest epoch on. An epoch's end may be the best header itself."""
        span = self._spans[self.epoch]
        ended = self.best is not None and self.best.is_epoch_final
        return Trail(
            self.genesis.chain,
            span.validators,
            epoch=self.epoch,
            height=max(self.height - ended, span.first - 1),
        )

    def _link(self, remote: Remote, header: Header, block: CertifiedHeader) -> list[Header]:
        """Headers between the best one and a newer one, each the parent of the next.

        None where they are too many, or not held by the node any more.
        """
        best = self.best
        if best is None or header.height - best.height - 1 > self._link_max:
            return []
        found: list[Header] = []
        child = header
        while child.height > best.height + 1:
            try:
                answer = remote.get_json("/v1/headers", after=f"{child.height}:0", limit=PAGE)
            except Declined as refusal:
                if refusal.code == "read.below-floor":
                    return []
                raise
            before = child.height
            for row in rows_of(answer, "headers"):
                parent = _header(_bytes(row, "bytes"))
                if parent.hash != child.parent:
                    raise InvalidProof("member.headers", height=child.height - 1)
                _check_link(child, parent)
                if parent.height == best.height:
                    break
                found.append(parent)
                child = parent
            if child.height == before:
                raise InvalidProof("member.headers", height=child.height - 1)
        if child.parent != best.hash:
            # Everything down to here is certified by the newer header: so is another block at the
            # height of our best.
            self._forked(header, block.header, block.certificate)
        return found

    def _compare(self, header: Header, data: bytes, certificate: bytes) -> None:
        """A certified header against the one that is known of its height."""
        known = self._kv.get(rows.numbered(rows.HEADER, header.height))
        if known is not None and known != data:
            self._forked(header, data, certificate)

    def _forked(self, header: Header, data: bytes, certificate: bytes) -> None:
        """Keep both sides for whoever has to find out, and stop. Raises ``Forked``."""
        known = self._kv.get(rows.numbered(rows.HEADER, header.height))
        best = rows.read(self._kv, rows.BEST)
        mine = [known, b""] if known is not None else best
        self._kv.write([(rows.FORK, rows.pack([mine, [data, certificate]]))], sync=True)
        raise self.fork()

    def fork(self) -> Forked:
        """The fork that was met; ask ``has_fork`` first."""
        mine, other = (_header(side[0]) for side in rows.read(self._kv, rows.FORK) or ())
        return Forked(
            "member.fork",
            height=mine.height, known=mine.hash.hex(),
            other_height=other.height, other=other.hash.hex(),
        )  # fmt: skip

    @property
    def has_fork(self) -> bool:
        """Whether two histories were met and nobody has said which one it is."""
        return self._kv.get(rows.FORK) is not None

    def resolve(self, checkpoint: bytes) -> bool:
        """Go on from one side of a fork, which the operator names by its hash; whether it is one.

        Records stay: what went out has gone out.
        """
        for data, certificate in rows.read(self._kv, rows.FORK) or ():
            header = _header(data)
            if header.hash == checkpoint:
                batch: list[Operation] = [
                    (key, None)
                    for key, _ in self._kv.iterate(rows.HEADER, rows.HEADER + b"\xff" * 9)
                ]
                batch += [
                    (rows.BEST, rows.pack([data, certificate])),
                    (rows.numbered(rows.HEADER, header.height), data),
                    (rows.FORK, None),
                ]
                self._kv.write(batch, sync=True)
                self.best = header
                return True
        return False

    def _keep(
        self,
        ends: list[tuple[Header, EpochEnd]],
        header: Header,
        block: CertifiedHeader,
        between: list[Header],
    ) -> None:
        """One batch: no crash leaves an epoch without its head."""
        spans, epoch = dict(self._spans), self.epoch
        changed: set[int] = set()
        for ended, end in ends:
            old = spans[epoch]
            spans[epoch] = Span(
                old.validators, old.first, ended.height, (end.header, end.certificate)
            )
            spans[epoch + 1] = Span(end.validators, ended.height + 1)
            changed |= {epoch, epoch + 1}
            epoch += 1
        batch: list[Operation] = [
            (rows.numbered(rows.EPOCH, number), spans[number].pack()) for number in sorted(changed)
        ]
        batch += [
            (rows.numbered(rows.HEADER, known.height), known.encode())
            for known in (*(ended for ended, _ in ends), *between, header)
        ]
        batch.append((rows.BEST, rows.pack([block.header, block.certificate])))
        stop = rows.numbered(rows.HEADER, max(0, header.height - KEPT))
        for number, (key, _) in enumerate(self._kv.iterate(rows.HEADER, stop)):
            if number >= DROPPED_MAX:
                break
            batch.append((key, None))
        self._kv.write(batch, sync=True)
        self._spans, self.epoch, self.best = spans, epoch, header


def _header(data: bytes) -> Header:
    try:
        return Header.decode(data)
    except InvalidBlock as error:
        raise InvalidProof("member.header", **error.reason()) from None


def _check_link(header: Header, parent: Header) -> None:
    try:
        check_link(header, parent)
    except InvalidBlock as error:
        raise InvalidProof("member.headers", **error.reason()) from None


def _bytes(row: object, name: str) -> bytes:
    try:
        return bytes.fromhex(text_of(row, name, 4_096))
    except ValueError:
        raise InvalidProof("member.answer-shape", field=name) from None
