"""
The delivery loop of a sink or a notifier: take what waits from its buffer, call the component, try again what it may accept
later, and settle. A bug in one component costs the items it was given and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import os
import traceback
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final, Generic

from headrig.delivery.buffer import Buffer, Item
from headrig.delivery.condition import Condition
from headrig.delivery.rate_limited_log import RateLimitedLog
from headrig.delivery.retry import asked_seconds, pause, waits
from headrig.errors import DeliveryError, Rejected, Retryable
from headrig.limits import BUG_ATTEMPTS_MAX, REFUSALS_MAX, RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX, Limits
from headrig.model import Clock
from headrig.telemetry import Metrics

log: Final = logging.getLogger("headrig")

PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


@dataclass(slots=True, kw_only=True)
class DeliveryContext:
    """What all delivery loops of a run share."""

    clock: Clock
    limits: Limits
    metrics: Metrics
    warnings: RateLimitedLog
    draining: bool = False
    """The run ends: nothing waits long any more."""
    pause: Callable[[float, asyncio.Event], Awaitable[None]] = pause
    """How something waits to be tried again. Replaced by tests, which own the time."""
    report: Callable[[str], None] = log.error
    """Says what must not go where the lines go: they may be what does not arrive."""


class Bug(DeliveryError):
    """
    A component raised something that is no `DeliveryError`. Tells the type and the place in our code, but never the text of
    the exception nor a value: either may quote a line.
    """

    def __init__(self, error: BaseException, doing: str) -> None:
        super().__init__(f"{doing} failed: {type(error).__name__}", "bug")
        frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
        ours = [(code, line) for code, line in frames if code.co_filename.startswith(PACKAGE)]
        self.place = "".join(
            f"\n  headrig/{code.co_filename.removeprefix(PACKAGE)}:{line} in {code.co_name}" for code, line in ours
        )
        """The frames within headrig, the innermost last, a line each."""


class DeliveryLoop(ABC, Generic[Item]):
    """
    Delivers the items of one buffer through one component.

    Each line is accepted, refused (`Rejected`), tried again with back-off, or dropped for a reason. Subclasses say what to
    call, what to give up, and what to log.
    """

    verb: ClassVar[str]
    """The verb of the component, for people."""

    def __init__(self, at: str, buffer: Buffer[Item], context: DeliveryContext, closing: AsyncExitStack) -> None:
        self.at = at
        """Its path in the settings: `sinks.out`."""
        self.context = context
        self.condition = Condition(context.clock)
        self.leaving = False
        """Taken out by a reload, not finished yet."""
        self.failures = 0
        """Attempts that failed."""
        self._buffer = buffer
        self._closing = closing
        """Closes the component."""
        self._turn = asyncio.Lock()
        """A component is never called concurrently, and never replaced during a call."""
        self._hurry = asyncio.Event()
        """Ends a back-off, unless the other side asked for it."""
        self._elsewhere = asyncio.Event()
        """Ends also a wait that was asked for: it was another side that did."""
        self._back_off: Iterator[float] | None = None
        """Waits between attempts at the same items."""
        self._bugs = 0
        """Attempts in a row that failed by a bug."""
        self._refusals = 0
        """Lines that were refused for good, one after the other and none accepted in between."""
        self._slow_down = waits(RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX)
        self._settled = 0
        """Lines of the current items that the buffer knows to be accepted."""

    async def run(self) -> None:
        """Deliver whatever comes, until the buffer ends."""
        while items := await self._buffer.take():
            self._hurry.clear()
            self._elsewhere.clear()
            self._settled = 0
            error = await self._attempt(self.verb, partial(self.call, items))
            if error is None:
                self._buffer.done()
                self.condition.taken()
                self._back_off, self._bugs, self._refusals = None, 0, 0
            elif isinstance(error, Rejected):
                await self._rejected(items, error)
            else:
                await self._failed(items, error)

    @abstractmethod
    async def call(self, items: Sequence[Item]) -> None:
        """Have the component deliver these. Raises whatever it raises."""

    @abstractmethod
    def say(self, error: DeliveryError, items: Sequence[Item], reason: str | None) -> None:
        """Count and log a failure: what was not accepted is tried again, or dropped for `reason`."""

    def back_off(self) -> Iterator[float]:
        """How long to wait before the same is tried again."""
        return waits(self.context.limits.retry_first_seconds, self.context.limits.retry_seconds_max)

    def gives_up(self, error: DeliveryError) -> str | None:
        """The reason to drop what was not accepted; None: it is tried again."""
        if isinstance(error, Bug):
            # These items may be the cause. They must not hold up the next ones for ever.
            return error.reason if self._bugs >= BUG_ATTEMPTS_MAX else None
        return None if isinstance(error, Retryable) else error.reason

    def accepted(self) -> int:
        """How many lines of the current items, from the first on, the component has accepted, or refused by name."""
        return 0

    def restart(self, *, dropped: bool = False) -> None:
        """
        Prepare the component for the next call: that begins with the first undecided line or, if the rest was `dropped`,
        with other items.
        """

    def account(self) -> int:
        """Tell the buffer which of the current lines were accepted since it was last told; gives how many."""
        return self._accept(self._settled, self.accepted())

    def flush_now(self) -> None:
        """Have what waits to be tried again tried now, unless the other side asked to be left alone."""
        self._hurry.set()

    async def close(self) -> None:
        """Close the component."""
        await close(self.at, self._closing, self.context.report)

    async def _go_over(
        self, swap: Callable[[], None], closing: AsyncExitStack, *, at_once: bool, elsewhere: bool = False
    ) -> None:
        """
        Go on with a new component, which `swap` puts in place between two calls. `at_once`: close the old one first instead of
        waiting for its call. `elsewhere`: it has another side, which has not asked to be left alone. If this is cancelled
        before its turn, it closes the new one.
        """
        try:
            if at_once:
                await close(self.at, self._closing, self.context.report)
            async with self._turn:
                closing, self._closing = self._closing, closing
                swap()
                self.condition.renewed()
            self._hurry.set()
            if elsewhere:
                self._elsewhere.set()
        finally:
            await close(self.at, closing, self.context.report)

    async def _attempt(self, doing: str, call: Callable[[], Awaitable[None]]) -> DeliveryError | None:
        """Call the component; gives the error it raised, or a `Bug`."""
        try:
            async with self._turn:
                await call()
        except DeliveryError as error:
            return error
        except BaseException as error:
            if ends(error):
                raise
            return Bug(error, doing)
        return None

    async def _failed(self, items: Sequence[Item], error: DeliveryError) -> None:
        """The call failed: try the undecided lines again later, or give them up."""
        if self.account():
            self.condition.taken()
            self._bugs = self._refusals = 0
        self._bugs = self._bugs + 1 if isinstance(error, Bug) else 0
        reason = self.gives_up(error)
        self.say(error, items, reason)
        self.restart(dropped=reason is not None)
        if reason is None:
            self._back_off = self._back_off or self.back_off()
            await self._pause(next(self._back_off), error)
        else:
            self._buffer.done(reason=reason, again=True)
            self._back_off, self._bugs = None, 0

    async def _rejected(self, items: Sequence[Item], error: Rejected) -> None:
        """
        Count the refused lines. If line after line is refused, the next call waits: an endpoint that refuses everything would
        be asked for every single line as fast as it answers. Meanwhile the bound of the buffer decides.
        """
        before = self._buffer.waiting()
        accepted = self._decide(error)
        if error.final and self._buffer.waiting() == before:
            # The named lines are none that it was given.
            await self._failed(items, Bug(error, self.verb))
            return
        self._bugs = 0
        if accepted or error.final:
            # Also a refusal for good is an answer to these lines: nothing is wrong but them.
            self.condition.taken()
        else:
            self.condition.unanswered(error)
        if accepted:
            self._refusals = 0
        self.say(error, items, error.reason if error.final else None)
        self.restart()
        if not error.final:
            self._back_off = self._back_off or self.back_off()
            await self._pause(next(self._back_off), error)
            return
        if self._refusals < REFUSALS_MAX <= self._refusals + len(error.lines):
            self._slow_down = waits(RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX)
        self._refusals += len(error.lines)
        if self._refusals >= REFUSALS_MAX:
            await self._pause(next(self._slow_down), error)

    def _decide(self, error: Rejected) -> int:
        """Drop the named lines, or keep them for later; the other lines that were tried are accepted. Gives how many."""
        end, accepted = self.accepted(), 0
        # From the last to the first, so that the numbers of the lines before them stay valid.
        for refused in reversed(runs(error.lines)):
            accepted += self._accept(refused.stop, end)
            if error.final:
                self._buffer.done(range(refused.start - self._settled, refused.stop - self._settled), error.reason)
            end = min(end, refused.start)
        return accepted + self._accept(self._settled, end)

    def _accept(self, first: int, last: int) -> int:
        """These of the current lines are accepted; gives how many."""
        if last <= first:
            return 0
        self._buffer.done(range(first - self._settled, last - self._settled))
        if first == self._settled:
            self._settled = last
        return last - first

    async def _pause(self, wait_seconds: float, error: DeliveryError) -> None:
        """Wait as long as the other side asked for; whatever the back-off has beyond that, `flush_now` ends."""
        context = self.context
        asked_for_seconds = asked_seconds(error, context.clock()) if isinstance(error, Retryable) else 0.0
        if context.draining:
            wait_seconds = min(wait_seconds, RETRY_FIRST_SECONDS)
        elif self.leaving:
            wait_seconds = min(wait_seconds, RETRY_SECONDS_MAX)
        if asked_for_seconds:
            await context.pause(asked_for_seconds, self._elsewhere)
        if wait_seconds > asked_for_seconds:
            await context.pause(wait_seconds - asked_for_seconds, self._hurry)

    def _say_bug(self, error: Bug, consequence: str) -> None:
        """The first time with the place in the code, after that without it and now and then."""
        text = f"{self.at}: {error}, a bug; {consequence}"
        if self.condition.failed(str(error), error.place):
            self.context.report(text + error.place)
        else:
            self.context.warnings.warn(f"{self.at}: bug", text)


async def close(at: str, closing: AsyncExitStack, report: Callable[[str], None]) -> None:
    """Close a component. If that fails by a bug, it is logged and goes no further."""
    try:
        await closing.aclose()
    except BaseException as error:
        if ends(error):
            raise
        bug = Bug(error, "close")
        report(f"{at}: {bug}, a bug{bug.place}")


def ends(error: BaseException) -> bool:
    """Whether it must not be contained: an interrupt, or somebody has cancelled this task."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    return isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit))


def runs(lines: Sequence[int]) -> list[range]:
    """Ascending numbers as ranges of consecutive ones."""
    found: list[range] = []
    for line in lines:
        if found and found[-1].stop == line:
            found[-1] = range(found[-1].start, line + 1)
        else:
            found.append(range(line, line + 1))
    return found
