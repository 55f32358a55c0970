"""The first lines of a run: where it listens, how to send lines to it, where they go, and where notices go."""

from headrig.component import ComponentConfig
from headrig.config import Config
from headrig.config.default import DEFAULT_NAME, Stdin, stdin_kind
from headrig.config.finding import VARIABLE, SettingsFile
from headrig.engine import core_version
from headrig.runtime.pipeline import Pipeline


def opening(found: SettingsFile, stdin: Stdin, kind: str | None) -> str:
    """The first line: which settings are used and why, and whether standard input is the only source."""
    why = {"variable": f", named by {VARIABLE}", "directory": ", found in the working directory"}.get(found.by, "")
    reads = {
        "only": f"; reads standard input only, because it is a {kind}; --listen opens the listeners",
        "also": f"; reads standard input, which is a {kind}, beside the listeners",
        "no": "",
    }[stdin]
    return f"headrig {core_version} runs with {found.path or DEFAULT_NAME}{why}{reads}"


def introduction(config: Config, started: Pipeline) -> list[str]:
    """The lines after it, for a person; the last says how to stop it."""
    status = next((where.removesuffix("/metrics") for where in started.where if where.endswith("/metrics")), "")
    endless = any(running.source.endless for running in started.state.sources.values())
    guarded = config.http is not None and config.http.token is not None
    lines = []
    for running in started.state.sources.values():
        where = running.source.where
        lines.append(f"  reads   {where}")
        if feeding := running.config.feeding(where, status, guarded=guarded):
            lines.append(f"          {feeding}")
    claims = [claim for source in config.sources.values() for claim in source.claims()]
    if (kind := stdin_kind(0)) and not any(claim.kind == "stdin" for claim in claims):
        lines.append(f"  leaves  standard input, a {kind}, unread: no source has the type stdin")
    lines.extend(f"  writes  {sink.where}" for sink in config.sinks.values())
    if config.thresholds:
        told = f"told to {', '.join(map(_told, config.notifiers.items()))}" if config.notifiers else "told to nobody"
        lines.append(f"  alerts  {len(config.thresholds)} threshold{'s' * (len(config.thresholds) != 1)}, {told}")
        if endless and config.data_dir is None:
            lines.append("          alerts are forgotten at a restart: set data_dir")
    if status:
        lines.append(f"  shows   {status}/metrics, /health, /ready")
    end = "" if endless else "where its input ends, "
    return [*lines, f"  stops   {end}at Ctrl-C or SIGTERM, once everything it read is written"]


def _told(named: tuple[str, ComponentConfig]) -> str:
    name, notifier = named
    return f"{name} ({notifier.where})"
