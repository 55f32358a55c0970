"""`headrig run`: one pipeline, its signals, and its log."""

import argparse
import asyncio
import logging
import os
import resource
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
import uvloop

from headrig import telemetry
from headrig.cli import complain
from headrig.cli.closing import summary
from headrig.cli.feeding import introduction, opening
from headrig.config import Config, locate, read, read_quiet
from headrig.config.default import Stdin, stdin_kind
from headrig.config.finding import find
from headrig.delivery.loop import Bug
from headrig.errors import ConfigError, HeadrigError
from headrig.redaction import redact
from headrig.runtime import pipeline
from headrig.runtime.pipeline import Pipeline
from headrig.web.commands import Commands

log: Final = logging.getLogger("headrig")

OWN_FILES: Final = 64
"""Open files reserved for listeners, sinks, pipes and libraries."""
LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


def execute(arguments: argparse.Namespace) -> int:
    """Run until a signal or the end of all input; gives the exit code."""
    _log(os.environ)
    found = find(arguments.config, os.environ)
    if arguments.listen and found.path is not None:
        complain(f"headrig run: --listen is for the built-in defaults: {found.path} says where to listen")
        return os.EX_USAGE
    kind = stdin_kind(0)
    stdin: Stdin = "no" if found.path is not None or kind is None else "also" if arguments.listen else "only"
    config, errors = read(found.path, os.environ, stdin)
    for error in errors:
        complain(str(found.explain(error)))
    if config is None:
        return os.EX_CONFIG
    for warning in config.warnings:
        log.warning("%s", warning)
    run = _Run(_fitted(config), found.path, stdin, opening(found, stdin, kind))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run.until_the_end())
    finally:
        code = run.settled()
    return code


class _Run:
    """A pipeline and the signals that control it."""

    def __init__(self, config: Config, path: str | None, stdin: Stdin, opening: str) -> None:
        self.code = os.EX_OK
        self._config = config
        self._path = path
        self._stdin = stdin
        self._opening = opening
        self._stop = asyncio.Event()
        self._at_once = False
        """A second signal ends it."""
        self._asked: list[signal.Signals] = []
        """Signals that came before the pipeline started, to be handled in order."""
        self._asking = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._started: Pipeline | None = None

    def settled(self) -> int:
        """Report what was lost, if anything was; gives the exit code."""
        lost = self._started.state.ledger.lost() if self._started is not None else {}
        if not lost:
            return self.code
        reasons = ", ".join(f"{reason} {lines}" for reason, lines in sorted(lost.items()))
        complain(f"headrig: {sum(lost.values())} lines were lost: {reasons}")
        gave_up = os.EX_TEMPFAIL if "shutdown" in lost else os.EX_IOERR
        return gave_up if self.code == os.EX_OK or self._at_once else self.code

    async def until_the_end(self) -> None:
        """Run the pipeline and handle signals."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number)
        for number in (signal.SIGUSR1, signal.SIGHUP):
            loop.add_signal_handler(number, self._ask, number)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._running = tasks.create_task(self._run(tasks))
        except* HeadrigError as group:
            for error in _leaves(group):
                complain(str(locate(error, self._path, os.environ, self._config.positions)))
                self.code = error.exit_code

    async def _run(self, tasks: asyncio.TaskGroup) -> None:
        obeying: list[asyncio.Task[None]] = []
        runs: list[Pipeline] = []

        def on_start(started: Pipeline) -> None:
            self._started = started
            complain("\n".join([self._opening, *introduction(self._config, started)]))
            obeying.append(tasks.create_task(self._obey(started)))
            runs.append(started)

        clock = time.time  # noqa: TID251  # the edge: everything below is handed this clock
        try:
            await pipeline.run(self._config, clock=clock, stop=self._stop, on_start=on_start)
            for run in runs:
                if not all(running.source.endless for running in run.state.sources.values()):
                    complain(summary(run.state))
        finally:
            for task in obeying:
                task.cancel()

    def _end(self, number: signal.Signals) -> None:
        """The first signal drains, the second stops at once, a third kills the process."""
        if not self._stop.is_set():
            log.info("%s: draining; once more stops at once", number.name)
            self._stop.set()
        elif not self._at_once and self._running is not None:
            log.warning("%s: stopping at once", number.name)
            self._at_once, self.code = True, 128 + number
            self._running.cancel()
        else:
            os._exit(128 + number)

    def _ask(self, number: signal.Signals) -> None:
        """What has not been begun yet will do for this one as well."""
        if number not in self._asked:
            self._asked.append(number)
            self._asking.set()

    async def _obey(self, started: Pipeline) -> None:
        while True:
            while not self._asked:
                self._asking.clear()
                await self._asking.wait()
            number = self._asked.pop(0)
            if number == signal.SIGUSR1:
                await _flush(started)
            else:
                await self._reload(started)

    async def _reload(self, started: Pipeline) -> None:
        """Reload the settings; bad ones are refused with one log line and a count."""
        try:
            config, errors = await read_quiet(self._path, os.environ, self._stdin)
        except Exception as error:  # noqa: BLE001  # nothing is touched yet, and what runs must not pay for a bug
            bug = Bug(error, "read")
            started.state.metrics.add(telemetry.RELOADS, 1, "failure")
            log.error("SIGHUP: the old settings stay: %s, a bug%s", bug, bug.place)  # noqa: TRY400  # its text may quote a value
            return
        if config is None:
            started.state.metrics.add(telemetry.RELOADS, 1, "failure")
            more = f" (and {len(errors) - 1} more: headrig validate shows all)" if len(errors) > 1 else ""
            log.error("SIGHUP: the old settings stay: %s%s", errors[0], more)
            return
        try:
            await started.reload(_fitted(config))
        except HeadrigError as error:
            located = locate(error, self._path, os.environ, config.positions)
            log.error("SIGHUP: the old settings stay: %s", located)  # noqa: TRY400
            return
        log.info("SIGHUP: reloaded")


async def _flush(commands: Commands) -> None:
    """What is not written in time, or was given up, has been told."""
    if await commands.flush():
        log.info("SIGUSR1: flushed")


def _fitted(config: Config) -> Config:
    """
    The settings with `connections_max` lowered to the number of files that may be open, after raising that limit.

    Without a file left to open, peers would be turned away uncounted, even those that ask for the metrics.
    """
    _, files_max = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))
    listeners = len(config.sources) + (config.http is not None)
    fair = max(1, (files_max - OWN_FILES) // listeners)
    if files_max == resource.RLIM_INFINITY or config.limits.connections_max <= fair:
        return config
    log.warning(
        "limits.connections_max is %d instead of %d: the system allows %d open files; raise its limit (ulimit -Hn)",
        *(fair, config.limits.connections_max, files_max),
    )
    return msgspec.structs.replace(config, limits=msgspec.structs.replace(config.limits, connections_max=fair))


class _Formatter(logging.Formatter):
    """Redacts headrig's own log like everything else."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, or a traceback."""
        return redact(super().format(record))


def _log(environ: Mapping[str, str]) -> None:
    """Send headrig's own log to standard error, from `LOG_LEVEL` up."""
    name = environ.get("LOG_LEVEL", "") or "info"
    if name.lower() not in LEVELS:
        known = ", ".join(LEVELS)
        raise ConfigError("unknown value", file="environment", path="LOG_LEVEL", remedy=f"set one of {known}")
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    log.addHandler(handler)
    log.setLevel(LEVELS[name.lower()])
    log.propagate = False
    # aiohttp's messages about an answer quote it.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL + 1)


def _leaves(group: BaseExceptionGroup[HeadrigError]) -> Iterator[HeadrigError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
