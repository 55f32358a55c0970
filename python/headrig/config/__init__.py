"""
Reads and checks `headrig.toml`. It finds all errors in one pass; each names the file, the key, what is wrong and what
to write instead. Nothing is opened, created or bound here.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from os.path import dirname
from typing import Any

import msgspec

from headrig.alerts.threshold import Threshold
from headrig.component import ComponentConfig
from headrig.config.channels import undelivered
from headrig.config.conflicts import STATUS, conflicts, nameless
from headrig.config.data_dir import data_dir, kept_now, named
from headrig.config.decode import Findings, shown, table, tagged, unknown
from headrig.config.default import DEFAULT_NAME, Stdin, defaults, without_effect
from headrig.config.environment import resolve
from headrig.config.positions import Positions
from headrig.config.spec import LaneTable, SpecReader
from headrig.config.thresholds import thresholds_in, unfed
from headrig.config.toml_file import parse, signature
from headrig.config.trial import tried
from headrig.config.variables import origin
from headrig.errors import ConfigError, HeadrigError, UnavailableError
from headrig.limits import RELOAD_SECONDS, SETTINGS_QUIET_SECONDS, SETTINGS_SECONDS, Limits
from headrig.notifiers import ConsoleConfig, NotifierConfig
from headrig.sinks import SinkConfig
from headrig.sources import SourceConfig
from headrig.web import HttpServerConfig
from headrig.worker import Worker

__all__ = ["Config", "check", "load", "locate", "read", "read_filter", "read_quiet"]

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TABLES = (
    *("data_dir", "windows", "lines", "fields", "http", "sources", "sinks", "redact", "metrics", "limits"),
    *("thresholds", "notifiers"),
)
_LANE_KEYS = frozenset(LaneTable.__struct_fields__)


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that can be used as they are."""

    sources: dict[str, SourceConfig]
    sinks: dict[str, SinkConfig]
    http: HttpServerConfig | None = None
    thresholds: dict[str, Threshold] = {}
    """Every one that is on, the presets included."""
    notifiers: dict[str, NotifierConfig] = {}
    data_dir: str | None = None
    limits: Limits = Limits()
    engine_spec: bytes = b""
    """What `Engine` takes. Holds the key of redaction tokens, so it is never shown."""
    path: str = ""
    """The file as it was named; empty for the built-in defaults."""
    warnings: tuple[str, ...] = ()
    """What can be used and is still worth a line at the start."""
    positions: Positions | None = None
    """Where the keys stand in the file."""

    @property
    def components(self) -> dict[str, ComponentConfig]:
        """All of them, by the path of their table."""
        return by_path(self.http, self.sources, self.sinks, self.notifiers)

    def __repr__(self) -> str:
        """Names only: settings hold secrets."""
        return f"Config(path={self.path!r}, sources={list(self.sources)}, sinks={list(self.sinks)})"


def by_path(
    http: HttpServerConfig | None,
    sources: Mapping[str, SourceConfig],
    sinks: Mapping[str, SinkConfig],
    notifiers: Mapping[str, NotifierConfig],
) -> dict[str, ComponentConfig]:
    """Components by the path of their table; who comes first has what two of them claim."""
    found: dict[str, ComponentConfig] = {} if http is None else {STATUS: http}
    found |= {f"sources.{name}": source for name, source in sources.items()}
    found |= {f"sinks.{name}": sink for name, sink in sinks.items()}
    return found | {f"notifiers.{name}": notifier for name, notifier in notifiers.items()}


def load(path: str | None, environ: Mapping[str, str], stdin: Stdin = "no") -> Config:
    """The settings in a file, or the built-in defaults. Raises the first `ConfigError`."""
    config, errors = read(path, environ, stdin)
    if config is None:
        raise errors[0]
    return config


def check(path: str, environ: Mapping[str, str]) -> list[ConfigError]:
    """Everything that is wrong with a file; empty when it can be used."""
    return read(path, environ)[1]


def read(
    path: str | None, environ: Mapping[str, str], stdin: Stdin = "no", *, trying: bool = False
) -> tuple[Config | None, list[ConfigError]]:
    """
    The settings, or all that is wrong with them.

    `path` None stands for the built-in defaults with the runbook's variables; `stdin` says what they do with it. With
    `trying`, what only a start would find out is tried as well, and what is in use now is among the warnings.
    """
    errors = Findings()
    document = None if path is None else parse(path, errors)
    written = None if document is None else document.tables
    positions = {} if document is None else {"": document.positions}
    errors.warnings.extend(without_effect(written, environ, stdin))
    if path is None:
        given: dict[str, Any] | None = defaults(environ, stdin, errors)
        errors.warnings.extend(undelivered(environ))
    else:
        given = None if written is None else resolve(written, environ, "", errors)
    config = _Reader(path or "", given, errors, positions, environ).config() if given is not None else None
    if config is not None and trying:
        outcome = tried(config.components, {error.path for error in errors})
        errors.extend(outcome.errors)
        notes = [*outcome.notes, *kept_now(config.data_dir)]
        config = msgspec.structs.replace(config, warnings=(*config.warnings, *notes))
    _locate_all(errors, path, environ, positions)
    return (None if errors else config), errors


async def read_quiet(
    path: str | None, environ: Mapping[str, str], stdin: Stdin = "no"
) -> tuple[Config | None, list[ConfigError]]:
    """
    `read`, of a file that nobody is writing: half of one may well be settings, too. It is left alone from
    `SETTINGS_QUIET_SECONDS` before until after it was read, or that is the error.
    """
    # A file that it names may be a pipe that nobody writes: that read never ends, and must not hold up the process's end.
    reader = Worker("headrig-settings")
    reading = partial(read, path, environ, stdin)
    try:
        if path is None:
            async with asyncio.timeout(RELOAD_SECONDS):
                return await reader.call(reading)
        for _ in range(int(SETTINGS_SECONDS / SETTINGS_QUIET_SECONDS)):
            before = signature(path)
            await asyncio.sleep(SETTINGS_QUIET_SECONDS)
            if before == signature(path):
                async with asyncio.timeout(RELOAD_SECONDS):
                    found = await reader.call(reading)
                if before == signature(path):
                    return found
    except ConfigError as error:
        return None, [error]
    except TimeoutError:
        reason = f"it, or a file that it names, could not be read within {RELOAD_SECONDS:g} s"
        return None, [ConfigError(reason, file=path or DEFAULT_NAME, remedy="name regular files")]
    finally:
        reader.close()
    remedy = "write it elsewhere and rename it to here, then send the signal"
    return None, [ConfigError("it is being written", file=path, remedy=remedy)]


def locate(
    error: HeadrigError, path: str | None, environ: Mapping[str, str], positions: Positions | None = None
) -> HeadrigError:
    """Say in an error about a path of the settings where they came from: a file and line, a variable, or the defaults."""
    if isinstance(error, ConfigError | UnavailableError):
        variable = None
        if path is None:
            state = named(environ, "run") if error.path == "data_dir" else None
            variable = state[0] if state else origin(error.path, environ, "run")
        if variable is not None:
            error.file, error.path = "environment", variable
        if not error.file and positions is not None:
            error.line = error.line or positions.line(error.path)
        error.file = error.file or path or DEFAULT_NAME
    return error


def _locate_all(
    errors: Findings, path: str | None, environ: Mapping[str, str], positions: Mapping[str, Positions]
) -> None:
    for error in errors:
        if error.file in positions and not error.line:
            error.line = positions[error.file].line(error.path)
        locate(error, path, environ)


def read_filter(path: str, environ: Mapping[str, str]) -> tuple[bytes, list[ConfigError]]:
    """What a file says about lines and redaction alone, as an engine spec, for a filter that has no sources or sinks."""
    errors = Findings()
    document = parse(path, errors)
    positions = {} if document is None else {"": document.positions}
    spec = SpecReader(dirname(path), errors, positions)
    if document is not None:
        given = resolve(document.tables, environ, "", errors)
        _limits(given, spec, errors)
        for name, take in (("lines", spec.lines), ("redact", spec.redact)):
            if name in given:
                take(given[name])
    spec.learn(environ, ())
    engine_spec = spec.finish()
    _locate_all(errors, path, environ, positions)
    return engine_spec, errors


def _limits(given: Mapping[str, Any], spec: SpecReader, errors: Findings) -> Limits:
    limits = table(Limits, given.get("limits", {}), "limits", errors) or Limits()
    spec.line_bytes_max(limits.line_bytes_max)
    return limits


class _Reader:
    """One pass over a document. Each `[kind.ID]` table is converted by itself."""

    def __init__(
        self,
        path: str,
        given: Mapping[str, Any],
        errors: Findings,
        positions: dict[str, Positions],
        environ: Mapping[str, str],
    ) -> None:
        self._path = path
        self._environ = environ
        self._given = given
        self._errors = errors
        self._positions = positions
        self._spec = SpecReader(dirname(path), errors, positions)

    def config(self) -> Config:
        """The settings; of use only if nothing was added to the errors."""
        self._errors.extend(unknown(key, key, _TABLES, "table") for key in self._given if key not in _TABLES)
        limits = _limits(self._given, self._spec, self._errors)
        folder = data_dir(self._given.get("data_dir"), self._environ, "run", self._errors)
        http = table(HttpServerConfig, self._given["http"], "http", self._errors) if "http" in self._given else None
        sources = self._parts("sources", self._source)
        sinks = self._parts("sinks", lambda _, given, at: tagged(SinkConfig, given, at, self._errors))
        for name, take in (
            ("windows", self._spec.windows),
            ("lines", self._spec.lines),
            ("fields", self._spec.fields),
            ("redact", self._spec.redact),
        ):
            if name in self._given:
                take(self._given[name])
        for name, _, given in self._tables("metrics"):
            self._spec.metric(name, given)
        thresholds = thresholds_in(self._tables("thresholds"), self._errors)
        self._spec.thresholds(thresholds)
        self._errors.warnings.extend(unfed(thresholds, self._spec.metric_names))
        notifiers = self._notifiers()
        components = by_path(http, sources, sinks, notifiers)
        for at, component in components.items():
            self._errors.extend(component.problems(at))
        self._errors.extend(conflicts(components))
        self._spec.learn(self._environ, components.values())
        self._errors.warnings.extend(nameless(http, components))
        return Config(
            sources=sources,
            sinks=sinks,
            http=http,
            thresholds=thresholds,
            notifiers=notifiers,
            data_dir=folder,
            limits=limits,
            engine_spec=self._spec.finish(),
            path=self._path,
            warnings=tuple(self._errors.warnings),
            positions=self._positions.get(""),
        )

    def _tables(self, kind: str) -> Iterator[tuple[str, str, Any]]:
        """Name, path and content of each `[kind.ID]`."""
        tables = self._given.get(kind, {})
        if not isinstance(tables, dict):
            reason = f"expected tables, got {shown(tables)}"
            self._errors.append(ConfigError(reason, path=kind, remedy=f"write [{kind}.ID]"))
            return
        for name, given in tables.items():
            at = f"{kind}.{name}"
            if _ID.fullmatch(name) is None:
                remedy = "use at most 64 of A-Z a-z 0-9 _ -"
                self._errors.append(ConfigError("not a name", path=at, remedy=remedy))
            yield name, at, given

    def _parts(self, kind: str, make: Callable[[str, Any, str], Any]) -> dict[str, Any]:
        made = {name: make(name, given, at) for name, at, given in self._tables(kind)}
        if not made:
            self._errors.append(ConfigError("none given", path=kind, remedy=f"add a [{kind}.ID] table"))
        # The others are looked at even when one is wrong, so that every error is found.
        return {name: part for name, part in made.items() if part is not None}

    def _notifiers(self) -> dict[str, Any]:
        """Without a word about them, the console: an alert that nobody is told of is none."""
        if "notifiers" not in self._given:
            return {"console": ConsoleConfig()}
        made = {name: tagged(NotifierConfig, given, at, self._errors) for name, at, given in self._tables("notifiers")}
        if not made:
            self._errors.warnings.append("notifiers: none given: nobody is told of alerts")
        return {name: part for name, part in made.items() if part is not None}

    def _source(self, name: str, given: Any, at: str) -> Any:
        """What a source says about its events is the core's; the rest is its own."""
        if isinstance(given, dict):
            lane = {key: value for key, value in given.items() if key in _LANE_KEYS}
            if lane:
                self._spec.lane(name, lane, at)
            given = {key: value for key, value in given.items() if key not in _LANE_KEYS}
        return tagged(SourceConfig, given, at, self._errors, more=_LANE_KEYS)
