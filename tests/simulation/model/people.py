"""``counters.*`` and ``filing.*``: what the home bureau posts about its people."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulation.model.book import Refused
from tests.simulation.model.outcome import (
    Asked,
    Told,
    World,
    add_up,
    covers,
    require,
    require_competent,
    require_own,
    require_sender,
)


@dataclass
class Fed:
    """A local settlement that moved counters."""

    same: bytes
    key: tuple[str, str, int]
    deltas: dict[str, int]
    taken_back: bytes = b""


class Counters:
    """Opening balances and the feed of local care."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.fed: dict[bytes, Fed] = {}
        self.opened: dict[tuple[str, str, int], bytes] = {}

    def judge(self, asked: Asked) -> Told:
        """Raises ``Refused``."""
        require_sender(asked, ("bureau",), ())
        args = asked.args
        require_competent(asked, args["person"].split(":")[1])
        require(args["person"] in self.world.facts.people, "enrolment.unknown-person")
        key = args["person"], args["scheme"], args["year"]
        if asked.method == "open":
            self._open(asked, key)
        elif asked.method == "feed":
            self._feed(asked, key)
        else:
            self._unfeed(asked, key)
        return Told(answer={"as_of_ms": args["as_of_ms"]})

    def _check_times(self, asked: Asked) -> None:
        latest = max(asked.args["as_of_ms"], asked.args.get("settled_ms", 0))
        require(latest <= asked.time_ms, "counters.ahead")

    def _change(self, key: tuple[str, str, int], deltas: dict[str, int], sign: int) -> None:
        self.world.counters[key] = add_up(self.world.counters.get(key, {}), deltas, sign)

    def _open(self, asked: Asked, key: tuple[str, str, int]) -> None:
        if key in self.opened:
            require(self.opened[key] == asked.same, "counters.opened")
            return
        self._check_times(asked)
        self._change(key, asked.content["deltas"], 1)
        self.opened[key] = asked.same

    def _feed(self, asked: Asked, key: tuple[str, str, int]) -> None:
        local = asked.args["local"]
        if local in self.fed:
            require(self.fed[local].same == asked.same, "counters.duplicate-local")
            return
        self._check_times(asked)
        self._change(key, asked.content["deltas"], 1)
        self.fed[local] = Fed(asked.same, key, asked.content["deltas"])

    def _unfeed(self, asked: Asked, key: tuple[str, str, int]) -> None:
        known = self.fed.get(asked.args["local"])
        if known is None or known.key != key:
            raise Refused("counters.unknown-local")
        if known.taken_back:
            require(known.taken_back == asked.same, "counters.already-reversed")
            return
        self._check_times(asked)
        self._change(key, known.deltas, -1)
        known.taken_back = asked.same


class Filings:
    """Referrals and other temporary filings: submitted, then decided by the home bureau."""

    def __init__(self, world: World) -> None:
        self.world = world

    def judge(self, asked: Asked) -> Told:
        """Raises ``Refused``."""
        if asked.method == "submit":
            require_sender(asked, ("bureau", "hospital"), ())
            return self._submit(asked)
        require_sender(asked, ("bureau",), ("clerk", "checker"))
        return self._decide(asked)

    def _submit(self, asked: Asked) -> Told:
        args, filings = asked.args, self.world.filings
        require(args["person"] in self.world.facts.people, "enrolment.unknown-person")
        area = args["person"].split(":")[1]
        if asked.kind == "hospital":
            require(args["type"] in ("referral", "emergency"), "filing.not-by-hospital")
        else:
            require_competent(asked, area)
        require_own(asked, args["filing"])
        known = filings.get(args["filing"])
        if known is not None:
            require(known["same"] == asked.same, "filing.duplicate-id")
            return Told(answer={"version": 1, "status": "pending"})
        region = args["care_region"]
        at_home = covers(region, area) or covers(area, region)
        require(not at_home, "filing.home-place")
        start = args.get("effective_from") or asked.today
        require(start >= asked.today, "filing.too-far-back")
        filings[args["filing"]] = {
            "person": args["person"], "type": args["type"], "region": region, "from": start,
            "on": asked.today, "status": "pending", "same": asked.same, "decided": b"",
        }  # fmt: skip
        return Told(answer={"version": 1, "status": "pending"})

    def _decide(self, asked: Asked) -> Told:
        args, known = asked.args, self.world.filings.get(asked.args["filing"])
        if known is None:
            raise Refused("filing.unknown")
        require_competent(asked, known["person"].split(":")[1])
        status = {"approve": "approved", "return": "returned", "refuse": "refused"}
        if known["decided"] == asked.same:
            return Told(answer={"version": 2, "status": known["status"]})
        require(args["version"] == (3 if known["decided"] else 2), "filing.version")
        require(known["status"] == "pending", "filing.not-pending")
        require(args["decision"] == "approve" or args.get("reason"), "filing.reason-missing")
        known["status"], known["decided"] = status[args["decision"]], asked.same
        return Told(answer={"version": 2, "status": known["status"]})
