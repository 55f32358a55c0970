"""
Settings of the run inside a service's process, from its variables: where lines are shipped or posted, where notices go,
where status is served. The log file is the business of the handler.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headrig.alerts.presets import PRESETS
from headrig.alerts.threshold import Threshold
from headrig.config import Config
from headrig.config.channels import channel_problems
from headrig.config.data_dir import data_dir
from headrig.config.decode import Findings, table, tagged
from headrig.config.spec import with_thresholds
from headrig.config.variables import fill, origin
from headrig.engine import HandlerCore
from headrig.errors import ConfigError
from headrig.limits import Limits
from headrig.notifiers import NotifierConfig
from headrig.sinks import ForwardConfig, SinkConfig
from headrig.sources.ship_queue import ShipQueueConfig
from headrig.web import HttpServerConfig

RETRY_SECONDS_MAX: Final = 30.0
"""Longest back-off of a service, which meanwhile can keep no more lines than fit into its handler's buffer."""
RETRY_SECONDS_MAX_LOCAL: Final = 2.0
"""Longest back-off towards a process on this machine, which is back seconds after a restart."""


def service_config(
    environ: Mapping[str, str],
    core: HandlerCore,
    spec: bytes,
    thresholds: Mapping[str, Threshold],
    *,
    to: str | None,
    token: str | None,
) -> Config:
    """
    The settings of a run that delivers the redacted lines of `core`; `spec` is that of its engine. Raises the first
    `ConfigError`.

    With `to`, the run only ships lines. The presets are among the thresholds if there is a notifier besides the console.
    """
    errors = Findings()
    tables: dict[str, Any] = {}
    if to is not None:
        tables["sinks"] = {"forward": {"type": "forward", "to": to, **({"token": token} if token else {})}}
        limits = _limits(RETRY_SECONDS_MAX_LOCAL if to.startswith("unix:") else RETRY_SECONDS_MAX)
        thresholds = {}
        environ = {name: environ[name] for name in (*HttpServerConfig.env, *ForwardConfig.env) if name in environ}
    else:
        tables["notifiers"] = {"console": {"type": "console"}}
        channel_problems(environ, errors)
        limits = _limits(RETRY_SECONDS_MAX)
    fill(tables, environ, "service", errors)
    if len(tables.get("notifiers", {})) > 1:
        thresholds = {**PRESETS, **thresholds}
    sinks = {name: _part(SinkConfig, f"sinks.{name}", given, errors) for name, given in _set(tables.get("sinks", {}))}
    notifiers = {
        name: _part(NotifierConfig, f"notifiers.{name}", given, errors)
        for name, given in tables.get("notifiers", {}).items()
    }
    http = table(HttpServerConfig, tables["http"], "http", errors) if "http" in tables else None
    if http is not None:
        errors.extend(http.problems("http"))
    # A process that ships has no alerts of its own.
    folder = None if to is not None else data_dir(None, environ, "service", errors)
    for error in errors:
        _locate(error, environ)
        raise error
    return Config(
        sources={"ship_queue": ShipQueueConfig(core=core)} if sinks else {},  # type: ignore[dict-item]
        sinks=sinks,
        http=http,
        data_dir=folder,
        limits=limits,
        notifiers=notifiers,
        thresholds=dict(thresholds),
        engine_spec=with_thresholds(spec, thresholds),
    )


def _limits(retry_seconds_max: float) -> Limits:
    return Limits(retry_first_seconds=min(1.0, retry_seconds_max / 10), retry_seconds_max=retry_seconds_max)


def _set(sinks: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Shipping holds the handler's buffer back. Posting must never delay the file beside it."""
    own = {"forward": {"when_full": "block"}}
    return [(name, {**given, **own.get(name, {"required": False})}) for name, given in sinks.items()]


def _part(union: object, at: str, given: Mapping[str, Any], errors: Findings) -> Any:
    part = tagged(union, dict(given), at, errors)
    if part is not None:
        errors.extend(part.problems(at))
    return part


def _locate(error: ConfigError, environ: Mapping[str, str]) -> None:
    """Name the variable that an error is about; an argument keeps its own name."""
    variable = origin(error.path, environ, "service")
    if variable is not None:
        error.file, error.path = "environment", variable
    elif error.path.startswith("sinks.forward."):
        error.path = error.path.rpartition(".")[2]
