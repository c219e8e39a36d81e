"""The gate before every route: who asks, may they, from which height; denied unless decided.

``GuardedRoute`` is the class of all routes. Building one looks its right up in ``rights.ROUTES``,
so an undeclared route fails when the application is built. Serving one goes: signature, role,
``min_height``, then the route itself with an ``Access``; where the right depends on the thing that
is shown, the route must have asked ``Access.check``, or its answer is not sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from contracts.organisations import speaks_for
from contracts.settlement.calendar import date_of_ms
from node.api import plain_json, rights
from node.api.access_log import AccessLog, Look
from node.api.auth import Authenticator, Caller, ReadState
from node.api.limits import Streams
from node.api.parties import Parties
from node.api.ports import Ports, View
from node.api.problems import Problem
from node.api.rights import RULES, Right
from node.api.settings import ApiSettings
from node.ledger.errors import Unavailable
from node.ledger.http_signature import RequestTarget

HEIGHT_HEADER = "Yibao-Height"
BEHIND_HEADER = "Yibao-Behind-By"
HEIGHT_DIGITS_MAX = 15

Inner = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class Access:
    """One admitted request: who asks, and the one height from which it is answered."""

    route: str
    right: Right
    caller: Caller
    view: View
    organisation: str
    """Organisation that runs the node."""
    behind_by: int
    """Blocks that the node knew itself to be behind when the request was admitted."""
    now_ms: int
    log: AccessLog
    decided: bool = False
    """Whether the right was decided for the thing that is shown."""

    @property
    def state(self) -> ReadState:
        """The state of this height, as contract modules read it."""
        return ReadState(self.view)

    def sees(self, parties: Parties, right: Right | None = None) -> bool:
        """Whether the caller has the right to a thing of these parties."""
        predicate = _PREDICATES[self.right if right is None else right]
        if parties.readers:
            parties = parties.on(date_of_ms(self.view.head.time_ms))
        me = self.caller
        if me.kind == "bank" and any(
            speaks_for(self.state, me.id, org)
            for org in parties.organisations
            if org.startswith("bank:")  # each costs a read, and a stream asks of every call
        ):  # what its predecessor might see
            parties |= Parties(organisations=frozenset({me.id}))
        return predicate(self.caller, parties)

    def check(self, parties: Parties, subject: str, right: Right | None = None) -> None:
        """Decide, and log the look where the right says so.

        ``right`` is given by routes that show things of several kinds; it can only be a stricter
        one than the route's own, for the route's own was checked before. Raises ``Problem``
        ``read.no-right``, or ``node.unavailable`` when the look cannot be logged.
        """
        right = self.right if right is None else right
        if right is not self.right:
            rights.check_role(right, self.caller, self.organisation)
        if RULES[right].by_thing and not self.sees(parties, right):
            raise Problem("read.no-right")
        if RULES[right].logged:
            self._log_looks(parties, subject)
        self.decided = True

    def absent(self) -> Problem:
        """What is answered where there is no such thing: overseers learn that, others do not."""
        if rights.oversees_country(self.caller):
            return Problem("read.not-found", height=self.view.head.height)
        return Problem("read.no-right")

    def _log_looks(self, parties: Parties, subject: str) -> None:
        for person in sorted(parties.persons) or [""]:
            look = Look(
                time_ms=self.now_ms,
                height=self.view.head.height,
                organisation=self.caller.id,
                holder=self.caller.key.holder,
                post=self.caller.post,
                route=self.route,
                subject=subject,
                person=person,
            )
            try:
                self.log.write(look)
            except OSError:
                raise Problem("node.unavailable", retry_after_s=30, part="access-log") from None

    def answer(self, content: Mapping[str, Any]) -> Response:
        """A JSON answer that begins with the height it belongs to."""
        return json_response(
            {"height": self.view.head.height, "behind_by": self.behind_by, **content}
        )


_PREDICATES: Mapping[Right, Callable[[Caller, Parties], bool]] = {
    Right.CHAIN: lambda _caller, _parties: True,
    Right.PARTY: rights.is_party,
    Right.PERSON: rights.may_see_person,
    Right.ORDER: rights.may_see_order,
    Right.CONTENT: rights.may_see_content,
    # Whom an estimate is about is the contract's business: it ran as the caller.
    Right.ESTIMATE: lambda _caller, _parties: True,
}


def json_response(content: Mapping[str, Any], status_code: int = 200) -> Response:
    """A JSON answer; not to be kept by caches on the way."""
    return Response(
        plain_json.encode(content),
        status_code=status_code,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


class Guard:
    """Serves guarded routes. One for each application."""

    def __init__(self, ports: Ports, settings: ApiSettings, log: AccessLog) -> None:
        self.ports = ports
        self.settings = settings
        self.log = log
        self.waiting = 0
        """Requests that wait for a commit."""
        self.streams = Streams(settings.streams_max, settings.streams_per_key_max)
        self._authenticator = Authenticator(
            chain=ports.genesis.chain,
            settings=settings,
            now_ms=ports.clock.now_ms,
            monotonic_s=ports.clock.monotonic_s,
        )

    async def serve(self, route: str, right: Right, request: Request, inner: Inner) -> Response:
        """Decide and answer. Raises ``Problem``, ``Unavailable``."""
        if right in (Right.OPEN, Right.SENDER):
            response = await inner(request)
            with self.ports.reader.view() as view:
                self._mark(response, view.head.height)
            return response
        operations = self.ports.operations
        with self.ports.reader.view() as view:
            try:
                caller = self._authenticator.authenticate(
                    target_of(request), _single(request), request.scope["yibao.body"], view
                )
            except Problem as refusal:
                if refusal.row.code == "signature.unknown-key" and operations.behind_by() > 0:
                    # Registered in a block that this node does not have yet, for all it knows.
                    raise Unavailable("node.behind", retry_after_s=1) from None
                raise
        rights.check_role(right, caller, operations.organisation)
        await self._reach(request)
        with self.ports.reader.view() as view:
            access = Access(
                route=route,
                right=right,
                caller=caller,
                view=view,
                organisation=operations.organisation,
                behind_by=operations.behind_by(),
                now_ms=self.ports.clock.now_ms(),
                log=self.log,
                decided=not RULES[right].by_thing,
            )
            request.state.access = access
            response = await inner(request)
            if response.status_code < 400:
                assert access.decided, f"route {route} answered without deciding {right.name}"
            self._mark(response, view.head.height)
        return response

    def _mark(self, response: Response, height: int) -> None:
        response.headers[HEIGHT_HEADER] = str(height)
        response.headers[BEHIND_HEADER] = str(self.ports.operations.behind_by())

    async def _reach(self, request: Request) -> None:
        """Wait for ``min_height``. Raises ``Problem`` ``read.height-not-reached``."""
        wanted = request.query_params.get("min_height")
        if wanted is None:
            return
        if not (wanted.isascii() and wanted.isdigit() and len(wanted) <= HEIGHT_DIGITS_MAX):
            raise Problem("request.invalid", where=["query", "min_height"])
        reader = self.ports.reader
        if not await reader.wait_for_height(int(wanted), self.settings.min_height_wait_s):
            with reader.view() as view:
                height = view.head.height
            raise Problem("read.height-not-reached", height=height, min_height=int(wanted))


def target_of(request: Request) -> RequestTarget:
    """The request as it was sent, for the signature."""
    scope = request.scope
    return RequestTarget(
        method=scope["method"],
        authority=request.headers.get("host", "").lower(),
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
    )


def _single(request: Request) -> Mapping[str, str]:
    """Headers by lower-case name; ``limits`` refused doubles of those that matter."""
    return dict(request.headers.items())


class GuardedRoute(APIRoute):
    """The class of all routes of the edge."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()
        name = self.name
        assert name in rights.ROUTES, f"route {name} declares no right: denied"
        right = rights.ROUTES[name]

        async def guarded(request: Request) -> Response:
            guard: Guard = request.app.state.guard
            return await guard.serve(name, right, request, inner)

        return guarded


async def access_of(request: Request) -> Access:
    """Dependency: the admitted request."""
    access: Access = request.state.access
    return access


async def guard_of(request: Request) -> Guard:
    """Dependency: the gate, with the ports behind it."""
    guard: Guard = request.app.state.guard
    return guard
