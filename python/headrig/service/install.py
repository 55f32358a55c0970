"""`headrig.install()`: reads its arguments and the environment, and installs handlers accordingly."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from headrig.engine import signal_is_default
from headrig.errors import ConfigError, shown
from headrig.literals import BARE, meant, refusal
from headrig.rotation import Rotation, rotation_of
from headrig.service.api import Configure, service
from headrig.service.handler import SPEC, Handler, ask_flush, redact_settings, spec_with
from headrig.service.process_end import flush_on_terminate

if TYPE_CHECKING:
    from types import FrameType
    from typing import Unpack

    from headrig.alerts.threshold import Threshold
    from headrig.config import Config
    from headrig.engine import HandlerCore
    from headrig.redact_settings import RedactSettings
    from headrig.redaction import Redactor
    from headrig.rotation import RotationSettings

log: Final = logging.getLogger("headrig")

SPEC_WITH_METRICS: Final = f"{{{SPEC}}}".encode()
"""Spec of a service's engine: with the built-in metrics."""
LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
TRUTHS: Final = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}
STARTING: Final = (
    *("LOG_HTTP_ENDPOINT", "LOG_HTTP_AUTH_HEADER", "SLACK_WEBHOOK_URL", "HEADRIG_HTTP_LISTEN"),
    *("TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID", "SMTP_HOST", "SMTP_PORT", "SMTP_USER", "SMTP_PASS"),
    *("ALERT_EMAIL_FROM", "ALERT_EMAIL_TO"),
)
"""Variables that need more than a file: if one is set, the background starts at once."""
TUNING: Final = ("LOG_HTTP_BUFFER_SIZE", "LOG_HTTP_FLUSH_INTERVAL")
"""
Those that change what the former ask for. Both are what the components' classes say: written down here, and held to it by
a test, because a service that only writes a file loads none of these classes.
"""


STATE: Final = "HEADRIG_DATA_DIR"
"""Where a service keeps the state of its alerts, if it has any."""


_ARGUMENTS: Final = (
    ("path", (str, bytes, type(None)), "give a path"),
    ("structured", (bool,), "give True or False"),
    ("flush_entries_max", (int,), "give a whole number, 0 or more"),
    ("flush_seconds", (int, float), "give seconds, 0 or more"),
    ("ring", (bool,), "give True or False"),
    ("sync", (bool,), "give True or False"),
)
"""What an argument of `install()` may be, and the remedy."""


class _Settings(NamedTuple):
    level: int
    structured: bool
    path: str | None
    flush_entries_max: int
    flush_seconds: float
    to: str | None
    token: str | None
    more: tuple[tuple[str, str], ...]
    """Variables that need more than a file, with their values."""
    redact: Mapping[str, Any] | None = None
    ring: bool = True
    sync: bool = False
    rotation: Rotation = Rotation()

    def __repr__(self) -> str:
        """No values: some are secrets, and error reporters show what they find."""
        return "_Settings(…)"


class _Installed:
    """The result of the last `install`."""

    settings: _Settings | None = None
    handlers: tuple[Handler, ...] = ()
    lock = threading.Lock()


class _ServiceHandler(Handler):
    """The handler whose lines are counted and shipped."""

    def __init__(self, path: str | None, *, shipping: str, **rest: Any) -> None:
        self._shipping = shipping
        self._spec = SPEC_WITH_METRICS
        super().__init__(path, **rest)


def install(  # noqa: PLR0913  # settings, by keyword
    *,
    level: int | str | None = None,
    structured: bool | None = None,
    path: str | os.PathLike[str] | None = None,
    to: str | None = None,
    token: str | None = None,
    flush_entries_max: int | None = None,
    flush_seconds: float | None = None,
    redact: RedactSettings | Redactor | None = None,
    on_terminate: bool = True,
    ring: bool = True,
    sync: bool = False,
    **rotation: Unpack[RotationSettings],
) -> Handler:
    """
    Make the root logger write redacted JSON lines; gives the handler. Other handlers stay as they are.

    Arguments that are not given come from `LOG_LEVEL`, `LOG_STRUCTURED`, `LOG_FILE`, `LOG_FILE_BUFFER_SIZE` (lines),
    `LOG_FILE_FLUSH_INTERVAL` (milliseconds), `HEADRIG_TO` and `HEADRIG_TOKEN`. Without a file, lines go to standard
    output; with `structured=False` text for people goes to standard error, beside the file if there is one.

    With `to`, `unix:/path` or `http(s)://host:port`, the lines are shipped to the `/ingest` of a `headrig run` in place of
    a file, and counted as written once it has acknowledged them. Otherwise `LOG_HTTP_ENDPOINT` and its companions also
    post them, and `SLACK_WEBHOOK_URL` receives notices of alerts. `HEADRIG_HTTP_LISTEN` serves `/metrics` and `/health`.

    The file is rotated as `headrig.Handler` says; what is not given comes from `LOG_FILE_ROTATE_BYTES` and so on.
    `redact` is a mapping of the words of `[redact]`, such as `{"keys": ["badge"]}`, or a `headrig.Redactor`.
    A second call with the same settings changes nothing; with other settings it replaces the first, and waits some seconds
    for lines and notices that are still to be delivered. In the main thread, SIGUSR1 flushes from then on unless it is
    ignored; an existing signal handler is called as well. Raises ConfigError for unusable settings and files.

    With `ring`, lines that wait outlive a process that is killed (docs/services.md); with `sync`, each call returns once its
    line is written, which goes with no `to`. SIGTERM writes what waits, for half a second at most, and then ends the process
    as before; only where neither Python nor C code takes that signal, and not with `on_terminate=False`.
    """
    given = {"HEADRIG_TO": to, "HEADRIG_TOKEN": token}
    environ = {name: value for name, value in os.environ.items() if given.get(name) is None}
    settings = _Settings(
        level=_level(environ) if level is None else _number_of(level),
        structured=_structured(environ) if structured is None else structured,
        path=_path(environ) if path is None else os.fspath(path) if isinstance(path, os.PathLike) else path,
        flush_entries_max=_number(environ, "LOG_FILE_BUFFER_SIZE", 100)
        if flush_entries_max is None
        else flush_entries_max,
        flush_seconds=_number(environ, "LOG_FILE_FLUSH_INTERVAL", 100) / 1000
        if flush_seconds is None
        else flush_seconds,
        to=to or environ.get("HEADRIG_TO") or None,
        token=token or environ.get("HEADRIG_TOKEN") or None,
        more=tuple((name, environ[name]) for name in (*STARTING, *TUNING, STATE) if environ.get(name)),
        redact=None if redact is None else redact_settings(redact),
        ring=ring,
        sync=sync,
    )
    _check(settings, environ)
    rotated = rotation_of(rotation, environ, path=settings.path, shipped=settings.to is not None)
    settings = settings._replace(rotation=rotated)
    with _Installed.lock:
        return _use(settings, environ, on_terminate=on_terminate)


def _use(settings: _Settings, environ: Mapping[str, str], *, on_terminate: bool) -> Handler:
    root = logging.getLogger()
    if settings != _Installed.settings:
        _replace(settings, environ, root)
    for handler in _Installed.handlers:
        root.addHandler(handler)
    # Keep a lower level of the root logger: another handler needs it.
    lowest = _Installed.handlers[0].level
    root.setLevel(min(lowest, root.level or lowest))
    _flush_on_signal()
    flush_on_terminate(wanted=on_terminate)
    return _Installed.handlers[0]


def _check(settings: _Settings, environ: Mapping[str, str]) -> None:
    """Refuse settings that cannot be used or would have no effect, although somebody set them."""
    for argument, kinds, remedy in _ARGUMENTS:
        value = getattr(settings, argument)
        counted = argument.startswith("flush_")
        number = value if counted and isinstance(value, int | float) else 0
        if not isinstance(value, kinds) or not 0 <= number < math.inf:
            raise ConfigError(f"cannot be used: {shown(value, number=counted)}", path=argument, remedy=remedy)
    for name in TUNING:
        _number(environ, name, 0)
    if settings.sync and settings.to is not None:
        raise ConfigError(
            "lines that are shipped are not waited for", path="sync", remedy="leave it out, or give no to"
        )
    if settings.token is not None and settings.to is None:
        file, to, token = (
            ("environment", "HEADRIG_TO", "HEADRIG_TOKEN") if "HEADRIG_TOKEN" in environ else ("", "to", "token")
        )
        raise ConfigError(f"is not set, though {token} is", file=file, path=to, remedy=f"set it, or unset {token}")


def _replace(settings: _Settings, environ: Mapping[str, str], root: logging.Logger) -> None:
    """Install other settings; if they cannot be used, the old ones stay."""
    try:
        handlers = _opened(settings)
    except OSError as error:
        raise _unwritable(error, settings, environ) from None
    configure = _configure(settings, environ)
    start = settings.to is not None or any(name in STARTING for name, _ in settings.more)
    if start:
        configure(handlers[0]._core, {})  # noqa: SLF001
    for old in _Installed.handlers:
        root.removeHandler(old)
        old.close()
    _Installed.settings, _Installed.handlers = None, ()
    # First, so that messages of the start are written.
    for handler in handlers:
        root.addHandler(handler)
    try:
        service.install(handlers, configure, ships=settings.to is not None, start=start)
    except BaseException:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
        raise
    _Installed.settings, _Installed.handlers = settings, handlers
    if skipped := (settings.redact or {}).get("learned_files_skipped", 0):
        from headrig.learning import skipped_warning  # noqa: PLC0415  # it was loaded to read them

        log.warning("%s", skipped_warning(skipped))
    if start and settings.to is None:
        from headrig.config.channels import undelivered  # noqa: PLC0415  # msgspec is for who needs more than a file

        for warning in undelivered(environ):
            log.warning("%s", warning)
    elif start:
        from headrig.config.variables import variables  # noqa: PLC0415  # as above

        posting = variables("service", "sinks")
        if names := [name for name, _ in settings.more if name in posting and name in STARTING]:
            log.warning("%s: left to where the lines are shipped", ", ".join(names))


def _opened(settings: _Settings) -> tuple[Handler, ...]:
    rest: dict[str, Any] = {
        "level": settings.level,
        "flush_entries_max": settings.flush_entries_max,
        "flush_seconds": settings.flush_seconds,
        "redact": settings.redact,
        "ring": settings.ring,
        "sync": settings.sync,
    }
    shipping = "only" if settings.to is not None else "beside" if _posts(settings) else "no"
    rotation = {} if settings.path is None else settings.rotation._asdict()
    if settings.structured:
        return (_ServiceHandler(settings.path, shipping=shipping, **rest, **rotation),)
    if settings.path is None and settings.to is None:
        return (_ServiceHandler(None, shipping=shipping, structured=False, **rest),)
    lines = _ServiceHandler(settings.path, shipping=shipping, **rest, **rotation)
    return (lines, Handler(None, structured=False, **rest))


def _posts(settings: _Settings) -> bool:
    """Whether the variables add a sink beside the file."""
    given = dict(settings.more)
    if not any(name in STARTING for name in given):
        return False
    from headrig.config.variables import makes  # noqa: PLC0415  # msgspec is for who needs more than a file

    return makes("sinks", given, "service")


def _configure(settings: _Settings, environ: Mapping[str, str]) -> Configure:
    """A function that makes the settings of the background; it imports what it needs only when called."""

    def configure(core: HandlerCore, thresholds: Mapping[str, Threshold]) -> Config:
        spec = spec_with(SPEC_WITH_METRICS, settings.redact)
        from headrig.service.background_config import service_config  # noqa: PLC0415  # msgspec is for who needs more than a file

        return service_config(environ, core, spec, thresholds, to=settings.to, token=settings.token)

    return configure


def _unwritable(error: OSError, settings: _Settings, environ: Mapping[str, str]) -> ConfigError:
    """The error for a file that cannot be opened, at the variable or the argument that names it."""
    variable = settings.path is not None and settings.path == _path(environ)
    reason = (
        "a folder on the way to it is a file" if isinstance(error, FileExistsError) else error.strerror or str(error)
    )
    return ConfigError(
        f"cannot write {os.fsdecode(settings.path or '')!r}: {reason}",
        file="environment" if variable else "",
        path="LOG_FILE" if variable else "path",
        remedy="give a path that this process may write to",
    )


def _level(environ: Mapping[str, str]) -> int:
    text = environ.get("LOG_LEVEL", "").strip().lower() or "info"
    if text not in LEVELS:
        raise _unusable("LOG_LEVEL", "set debug, info, warn or error, or unset it")
    return LEVELS[text]


def _number_of(level: int | str) -> int:
    """The number of a level given as an argument; levels that the service has added to logging are known, too."""
    if isinstance(level, int):
        return level
    known = {**{name.lower(): number for name, number in logging.getLevelNamesMapping().items()}, **LEVELS}
    if str(level).lower() not in known:
        raise ConfigError("unknown value", path="level", remedy=f"give a number, or one of {', '.join(LEVELS)}")
    return known[str(level).lower()]


def _path(environ: Mapping[str, str]) -> str | None:
    path = environ.get("LOG_FILE") or None
    wrong = refusal(path, "file", BARE.findall(path)) if path is not None else None
    if wrong is not None:
        reason, _, remedy = wrong.partition("; ")
        remedy = remedy or "write what it stands for"
        raise ConfigError(reason, file="environment", path="LOG_FILE", remedy=remedy)
    return meant(path, "file") if path is not None else None


def _structured(environ: Mapping[str, str]) -> bool:
    text = environ.get("LOG_STRUCTURED", "").strip().lower() or "true"
    if text not in TRUTHS:
        raise _unusable("LOG_STRUCTURED", "set true or false, or unset it")
    return TRUTHS[text]


def _number(environ: Mapping[str, str], name: str, unset: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return unset
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise _unusable(name, "set a whole number, or unset it")
    return int(text)


def _unusable(name: str, remedy: str) -> ConfigError:
    return ConfigError("cannot be used", file="environment", path=name, remedy=remedy)


def _flush_on_signal() -> None:
    """Flush on SIGUSR1, before an existing signal handler if there is one."""
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGUSR1)
    taken_in_c = before == signal.SIG_DFL and not signal_is_default(signal.SIGUSR1)
    if before is None or before == signal.SIG_IGN or taken_in_c or getattr(before, "headrig", False):
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        ask_flush()
        if callable(before):
            before(number, frame)

    on_signal.headrig = True  # type: ignore[attr-defined]
    signal.signal(signal.SIGUSR1, on_signal)


def _after_fork_in_child() -> None:
    _Installed.lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)
