"""The node about itself: status, what it waits for, metrics. Reads everything, changes nothing but
gauges."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from consensus import Certificate, Phase, Situation
from node.api.ports import NodeStatus
from node.mempool import Mempool
from node.p2p.payloads import Share
from node.service.chain import Chain
from node.service.keys import ValidateKeys
from node.service.network import Network
from node.service.received import Untimely
from node.service.situation import Place, Waiting, Watch, waiting
from node.service.state_transfer import StateTransfer
from node.telemetry import Metrics

READY_BEHIND_MAX: Final = 10
"""Blocks that a node may be behind and still answer for the chain (ARCHITECTURE.md, Reading)."""
CLOCK_BEHIND_WARN_MS: Final = 60_000
"""How far the newest block may be ahead of this node's clock before the status says so. Clocks of
bureaus differ by seconds; more is a clock that somebody set."""
EXPIRY_WARN: Final = datetime.timedelta(days=30)
"""A certificate that ends sooner is named in the status, although nothing stops when it ends."""


class Report:
    """What a node tells of itself. For the event loop's thread."""

    def __init__(
        self,
        organisation: str,
        chain: Chain,
        pool: Mempool,
        keys: ValidateKeys,
        telemetry: Metrics,
        log: structlog.stdlib.BoundLogger,
        *,
        situation: Callable[[], Situation],
        place: Callable[[], Place],
        network: Callable[[], Network | None],
        transfer: Callable[[], StateTransfer | None],
        untimely: Callable[[], Untimely | None],
        works: Callable[[], bool],
        is_copy: Callable[[], bool],
        quarantined: Callable[[], int],
        monotonic_ms: Callable[[], int],
        wall_clock_ms: Callable[[], int],
    ) -> None:
        self._organisation = organisation
        self._chain = chain
        self._pool = pool
        self._keys = keys
        self._telemetry = telemetry
        self._log = log
        self._situation = situation
        self._place = place
        self._network = network
        self._transfer = transfer
        self._untimely = untimely
        self._works = works
        self._is_copy = is_copy
        self._quarantined = quarantined
        self._monotonic_ms = monotonic_ms
        self._wall_clock_ms = wall_clock_ms
        self._alarm: tuple[str, str] | None = None
        self.lost: list[str] = []
        """Why keys of this node cannot be used."""
        self.watch = Watch()
        self._begun = (0, 0)
        """Epoch and view in which the newest height was decided."""

    # --- Events -------------------------------------------------------------------------------

    def alarm(self, code: str, sentence: str) -> None:
        """An operator must look; the node is not ready from here on."""
        self._alarm = (code, sentence)
        self._telemetry.alarms.labels(code).inc()
        self._log.error("alarm", code=code, reason=sentence)

    def lose(self, reasons: list[str]) -> None:
        """Keys of this node that cannot be used, and why."""
        self.lost = reasons
        for reason in reasons:
            self._log.error("safety.lost", reason=reason)

    def stepped(self) -> None:
        """The core has taken a step: note where it stands, and how long the last phase took."""
        before, here = self.watch.place, self._place()
        if here == before:
            return
        ended = self.watch.at(here, self._monotonic_ms())
        if ended is not None:
            self._telemetry.phase_seconds.labels(ended[0].name.lower()).observe(ended[1] / 1000)
        epoch, height, view, _ = here
        if before is not None and before[0] == epoch and before[2] < view:
            self._telemetry.view_changes.inc(view - before[2])
            self._log.info("consensus.view", height=height, view=view, epoch=epoch)

    def committing(self, certificate: Certificate) -> None:
        """A height is decided: count the views that it took since the one before it."""
        begun = self._begun if self._begun[0] == certificate.epoch else (certificate.epoch, 0)
        self._telemetry.block_views.observe(max(1, certificate.view - begun[1] + 1))
        self._begun = (certificate.epoch, certificate.view)

    def look(self) -> None:
        """Now and then: say it in the log when something takes longer than it should."""
        situation = self._situation()
        if self.watch.is_late(situation, self._monotonic_ms()):
            told = self.waiting()
            self._log.warning(
                "consensus.waiting", height=situation.height, view=situation.view,
                seconds=round(told.fields["for_ms"] / 1000, 1), reason=told.sentence,
            )  # fmt: skip

    # --- Answers ------------------------------------------------------------------------------

    def waiting(self) -> Waiting:
        """What the core waits for at this moment."""
        network = self._network()
        _, validators = self._chain.validators_of_next()
        return waiting(
            self._situation(), validators, {} if network is None else network.absent(),
            self.watch.since_ms, self._monotonic_ms(),
        )  # fmt: skip

    def behind_by(self) -> int:
        """Blocks between the best certified height heard of and the head."""
        network = self._network()
        return 0 if network is None else network.behind_by()

    def status(self) -> NodeStatus:
        """How the node is doing."""
        epoch, validators = self._chain.validators_of_next()
        network = self._network()
        begun = self._works()
        transfer = self._transfer()
        return NodeStatus(
            organisation=self._organisation,
            role="validator" if self._keys.seated(validators) is not None else "follower",
            behind_by=self.behind_by(),
            behind_ms=0,
            waiting_for=self._waiting_for(network),
            ready=self._is_ready(network),
            waiting=self.waiting().fields if begun else {},
            details={
                "epoch": epoch,
                **({} if network is None else network.details()),
                "height": self._chain.parent.header.height,
                "floor": self._chain.database.floor(),
                "snapshot": None if transfer is None else transfer.details(),
                "clock_behind_ms": self._clock_behind_ms(),
                "pool_transactions": len(self._pool),
                "pool_bytes": self._pool.size,
                "validators": validators.size,
                "quarantined": self._quarantined(),
                "keys": self._keys.describe(validators),
            },
        )

    def metrics(self) -> bytes:
        """Prometheus text exposition."""
        telemetry = self._telemetry
        telemetry.height.set(self._chain.parent.header.height)
        telemetry.pool_count.set(len(self._pool))
        telemetry.pool_bytes.set(self._pool.size)
        telemetry.pool_fill.set(self._pool.fill)
        status = self.status()
        telemetry.behind_by.set(status.behind_by)
        telemetry.ready.set(1 if status.ready else 0)
        if status.waiting:
            self._measure(status.waiting)
        return telemetry.exposition()

    def _measure(self, fields: Mapping[str, Any]) -> None:
        telemetry = self._telemetry
        telemetry.epoch.set(fields["epoch"])
        telemetry.view.set(fields["view"])
        for phase in Phase:
            telemetry.phase.labels(phase.name.lower()).set(fields["phase"] == phase.name.lower())
        telemetry.votes_missing.set(max(0, fields["quorum"] - len(fields["voted"]))
                                    if fields["missing"] else 0)  # fmt: skip
        telemetry.waiting_seconds.set(fields["for_ms"] / 1000)
        network = self._network()
        if network is not None:
            network.count_sent(telemetry)
            telemetry.peers.set(len(network.exchange.peers.connected()))
            telemetry.peers_absent.set(len(fields["not_connected"]))
            left = network.certificate_until - self._now()
            telemetry.certificate_days.set(left / datetime.timedelta(days=1))

    def _waiting_for(self, network: Network | None) -> str:
        if self._alarm is not None:
            code, says = self._alarm
            return f"An operator: alarm {code}: {says}."
        if not self._works():
            return "A start: this node stops or has stopped."
        if self._is_copy():
            return (
                "Nothing: this node has neither the key of a validator nor peers (node.key, "
                "p2p.key). It serves what it holds and takes no transactions."
            )
        if (behind_ms := self._clock_behind_ms()) > CLOCK_BEHIND_WARN_MS:
            # A block carries a time that has not come: nothing that is valid now fits above it.
            return (
                f"The clock: the newest block is {behind_ms // 1000} s ahead of this node's clock. "
                "Look at the clock; transactions valid until an earlier time are refused."
            )
        if network is None:
            return "The block in flight." if len(self._pool) else "Transactions."
        if not network.is_seated_here() and network.own_share() is Share.NOTHING:
            return (
                f"Nothing: {self._organisation} has no seat, and its office entitles it to follow "
                "nothing. This node stays where it is."
            )
        transfer = self._transfer()
        if transfer is not None and (taken := transfer.sentence()) is not None:
            return taken
        return (
            self.waiting().sentence
            + self._about_clock()
            + self._about_keys()
            + self._about_certificates(network)
        )

    def _about_clock(self) -> str:
        untimely = self._untimely()
        if untimely is None or untimely.height < self._chain.parent.header.height:
            return ""  # the others' next block was timely, or is this node's own
        return f" {untimely.sentence}"

    def _about_keys(self) -> str:
        if not self.lost:
            return ""
        _, validators = self._chain.validators_of_next()
        if self._keys.seated(validators) in self._keys.identities():
            return ""
        return (
            " The safety record of this node's key is lost: it signs nothing until another key is "
            "voted in (yibao validator rotate)."
        )

    def _about_certificates(self, network: Network) -> str:
        soon = self._now() + EXPIRY_WARN
        ending = sorted(
            f"{who} on {until.date().isoformat()}"
            for who, until in network.certificates().items()
            if until <= soon
        )
        if not ending:
            return ""
        return (
            f" TLS certificates end: {', '.join(ending)}; nothing stops, a restart of that node "
            "makes a new one."
        )

    def _is_ready(self, network: Network | None) -> bool:
        if network is None:
            connected = not self._is_copy()
        else:
            is_near = network.has_heard() and network.behind_by() <= READY_BEHIND_MAX
            connected = network.has_quorum() and is_near
        return self._works() and self._alarm is None and connected

    def _clock_behind_ms(self) -> int:
        return max(0, self._chain.parent.header.time_ms - self._wall_clock_ms())

    def _now(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self._wall_clock_ms() / 1000, datetime.UTC)
