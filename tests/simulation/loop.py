"""Virtual time, and an asyncio event loop for each node that lives in it.

``World`` is the only clock and the only queue: a heap of (microsecond, number, act). A ``NodeLoop``
is what a node's coroutines take for their event loop. Its turns, its timers and the jobs that it
gives to "threads" are events of the world, so a node can be stopped, slowed or dropped between any
two of them, and two runs of one seed are the same run.

A job of a thread runs in one piece when its time comes; its result is taken note of somewhat later,
as an event of its own. A crash in between leaves what the job wrote and tells nobody.
"""

from __future__ import annotations

import asyncio
import heapq
import inspect
from asyncio import events as asyncio_events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from random import Random
from typing import Any

from tests.simulation.clock import Clock
from tests.simulation.keys import FAKE
from tests.simulation.verdict import Crash, Violation

TURN_MAX = 20_000
"""Steps of one turn of one node: more is an endless loop (I22)."""
CLIENT = "client"
"""Name of the tasks of clients in a node's loop."""


class Timer:
    """An act that waits for its time."""

    __slots__ = ("act",)

    def __init__(self, act: Callable[[], None]) -> None:
        self.act: Callable[[], None] | None = act

    def cancel(self) -> None:
        self.act = None


class World:
    """Time and what waits for it."""

    def __init__(self, events_max: int) -> None:
        self.now = 0
        """Microseconds since the world began."""
        self.events = 0
        """Events and steps of nodes so far: where a run stands, for people and for replay."""
        self.events_max = events_max
        self._heap: list[tuple[int, int, Timer]] = []
        self._count = 0

    def at(self, when_us: int, act: Callable[[], None]) -> Timer:
        """Do it then; never before what is planned for the same moment already."""
        timer = Timer(act)
        self._count += 1
        heapq.heappush(self._heap, (max(when_us, self.now), self._count, timer))
        return timer

    def after(self, delay_us: int, act: Callable[[], None]) -> Timer:
        return self.at(self.now + delay_us, act)

    def run(self, until_us: int, done: Callable[[], bool] | None = None) -> bool:
        """Let time pass; True as soon as ``done``."""
        heap = self._heap
        while heap and heap[0][0] <= until_us:
            when, _, timer = heapq.heappop(heap)
            act = timer.act
            if act is None:
                continue
            self.now = when
            self.events += 1
            if self.events > self.events_max:
                raise Violation("I22", f"{self.events} events by {self.now // 1000} ms")
            act()
            if done is not None and done():
                return True
        self.now = max(self.now, until_us)
        return False


class Handle:
    """``asyncio.Handle`` and ``asyncio.TimerHandle``, as far as anybody looks."""

    __slots__ = ("_args", "_callback", "_cancelled", "_context", "_timer", "_when")

    def __init__(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None
    ) -> None:
        self._callback = callback
        self._args = args
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._timer: Timer | None = None
        self._when = 0.0

    def cancel(self) -> None:
        self._cancelled = True
        if self._timer is not None:
            self._timer.cancel()

    def cancelled(self) -> bool:
        return self._cancelled

    def when(self) -> float:
        return self._when

    def run(self) -> None:
        if not self._cancelled:
            self._context.run(self._callback, *self._args)


class NodeLoop(asyncio.AbstractEventLoop):
    """The event loop of one life of one node."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        chance: Random,
        *,
        job_us: int,
        turn_us: int,
        on_crash: Callable[[], None],
    ) -> None:
        """``job_us``: what a job takes on average; ``turn_us``: how late a turn may begin."""
        self._world = world
        self._clock = clock
        self._chance = chance
        self._job_us = job_us
        self._turn_us = turn_us
        self._on_crash = on_crash
        self._ready: deque[Handle] = deque()
        self._planned = False
        self._held_until = 0
        self._lanes: dict[int, int] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        self._unhandled: str | None = None
        self.dead = False
        self.steps = 0
        self.checked = 0
        """Signatures that this node has verified, where they are counted (``keys``)."""
        self.crash_in = -1
        """Steps until this node's power fails; below 0 never."""

    # --- What asyncio asks for ----------------------------------------------------------------

    def time(self) -> float:
        return self._clock.monotonic_us(self._world.now) / 1_000_000

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self.dead

    def is_closed(self) -> bool:
        return self.dead

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Handle:
        handle = Handle(callback, args, context)
        if not self.dead:
            self._ready.append(handle)
            self._plan()
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any,
        context: Context | None = None,
    ) -> Handle:  # fmt: skip
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any,
        context: Context | None = None,
    ) -> Handle:  # fmt: skip
        handle = Handle(callback, args, context)
        handle._when = when
        if not self.dead:
            due_us = self._clock.moment_of(round(when * 1_000_000))
            handle._timer = self._world.at(due_us, lambda: self._due(handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: object = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        given = CLIENT if name == CLIENT else "task"
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=given, context=context)
        self._tasks.append(task)
        if len(self._tasks) > 256:
            self._tasks = [one for one in self._tasks if not one.done()]
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """The job of a thread: after what its pool has in hand, and not at once."""
        future = self.create_future()
        if self.dead:
            return future
        lane = id(executor) if executor is not None else 0
        begins = max(self._world.now, self._lanes.get(lane, 0)) + self._work_us()
        ends = begins + self._work_us() // 4
        self._lanes[lane] = ends
        self._world.at(begins, lambda: self._run_job(future, ends, func, args))
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Called by what is freed: nothing raised here gets anywhere, so it is kept."""
        error = context.get("exception")
        if not self.dead and not isinstance(error, Violation | Crash):
            self._unhandled = f"{context.get('message')}: {error!r}"

    # --- For the machine around it ------------------------------------------------------------

    @property
    def open_tasks(self) -> int:
        """Tasks of the node that have not ended; not its clients', who queue before a machine that
        is stopped."""
        self._tasks = [one for one in self._tasks if not one.done()]
        return sum(one.get_name() != CLIENT for one in self._tasks)

    def kill(self) -> None:
        """Nothing of this life happens any more."""
        self.dead = True
        self._ready.clear()
        for task in self._tasks:
            # It never ends; that is what a crash is, and no reason for a warning.
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coroutine = task.get_coro()
            assert inspect.iscoroutine(coroutine), "tasks are made of coroutines"
            if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                coroutine.close()

    def hold(self, until_us: int) -> None:
        """SIGSTOP: no step before then; timers that come due wait."""
        self._held_until = max(self._held_until, until_us)

    @property
    def tasks(self) -> list[asyncio.Task[Any]]:
        return self._tasks

    # --- Steps --------------------------------------------------------------------------------

    def _work_us(self) -> int:
        return self._chance.randrange(1, 2 * self._job_us + 1)

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            late = self._chance.randrange(self._turn_us) if self._turn_us else 0
            self._world.at(max(self._world.now + late, self._held_until), self._turn)

    def _due(self, handle: Handle) -> None:
        if not self.dead:
            self._ready.append(handle)
            self._plan()

    def _turn(self) -> None:
        self._planned = False
        if self.dead:
            return
        if self._world.now < self._held_until:
            self._plan()
            return
        ready, steps, checked = self._ready, 0, FAKE.checked
        asyncio_events._set_running_loop(self)
        try:
            while ready:
                steps += 1
                if steps > TURN_MAX:
                    raise Violation("I22", "a turn of the event loop without an end")
                if self.crash_in >= 0:
                    self.crash_in -= 1
                    if self.crash_in < 0:
                        raise Crash
                ready.popleft().run()
                if self._unhandled is not None:
                    raise Violation("I23", self._unhandled)
        except Crash:
            self._on_crash()
        finally:
            asyncio_events._set_running_loop(None)
            self.steps += steps
            self.checked += FAKE.checked - checked
            self._world.events += steps

    def _run_job(
        self,
        future: asyncio.Future[Any],
        ends: int,
        func: Callable[..., Any],
        args: tuple[Any, ...],
    ) -> None:
        if self.dead:
            return
        if self._world.now < self._held_until:
            self._world.at(self._held_until, lambda: self._run_job(future, ends, func, args))
            return
        result, error, checked = None, None, FAKE.checked
        try:
            result = func(*args)
        except Crash:
            self._on_crash()
            return
        except Violation:
            raise
        except Exception as raised:
            error = raised
        self.checked += FAKE.checked - checked
        self._world.at(ends, lambda: self.call_soon(_hand_over, future, result, error))


def _hand_over(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
