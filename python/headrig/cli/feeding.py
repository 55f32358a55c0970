"""What a run says when it has started: where it listens, how to feed it, where the lines go, who is told of alerts."""

from headrig.config import Config
from headrig.config.default import DEFAULT_NAME, Stdin, stdin_kind
from headrig.config.finding import VARIABLE, Found
from headrig.engine import core_version
from headrig.runtime.pipeline import Pipeline
from headrig.sinks import FileConfig, SinkConfig, StdoutConfig
from headrig.sources import HttpConfig, SourceConfig, StdinConfig, TcpConfig, UdpConfig, UnixConfig


def opening(found: Found, stdin: Stdin, kind: str | None) -> str:
    """The first line: which settings these are and why, and whether standard input is all that is read."""
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
    lines = []
    for name, running in started.state.sources.items():
        where = running.source.where
        lines.append(f"  reads   {where}")
        if hint := _hint(config.sources[name], where, status):
            lines.append(f"          {hint}")
    if (kind := stdin_kind(0)) and not any(isinstance(source, StdinConfig) for source in config.sources.values()):
        lines.append(f"  leaves  standard input, a {kind}, unread: no source has the type stdin")
    lines.extend(f"  writes  {_target(sink)}" for sink in config.sinks.values())
    if config.thresholds:
        told = f"told to {', '.join(config.notifiers)}" if config.notifiers else "told to nobody"
        lines.append(f"  alerts  {len(config.thresholds)} threshold{'s' * (len(config.thresholds) != 1)}, {told}")
    if status:
        lines.append(f"  shows   {status}/metrics, /health, /ready")
    endless = any(running.source.endless for running in started.state.sources.values())
    end = "" if endless else "where its input ends, "
    return [*lines, f"  stops   {end}at Ctrl-C or SIGTERM, once everything it read is written"]


def _target(sink: SinkConfig) -> str:
    match sink:
        case FileConfig(path=path):
            return path
        case StdoutConfig():
            return "standard output"
    return sink.shown


def _hint(source: SourceConfig, where: str, status: str) -> str:
    """A command that sends a file there; empty for standard input."""
    address = where.rpartition(" ")[2]
    match source:
        case UnixConfig(path=path):
            return f"nc -N -U {path} < app.log"
        case TcpConfig(tls=None):
            host, _, port = address.rpartition(":")
            return f"nc -N {host.strip('[]')} {port} < app.log"
        case TcpConfig():
            return f"openssl s_client -quiet -connect {address} < app.log"
        case UdpConfig():
            host, _, port = address.rpartition(":")
            return f"nc -u -w 0 {host.strip('[]')} {port} < app.log"
        case HttpConfig(token=token, listen=listen, path=path):
            url = address if listen is not None else f"{status}{path}"
            if listen is not None and listen.startswith("unix:"):
                url = f"--unix-socket {address} http://localhost{path}"
            bearer = " -H 'Authorization: Bearer TOKEN'" if token is not None else ""
            return f"curl -sS --data-binary @app.log -H 'Content-Type: application/x-ndjson'{bearer} {url}"
    return ""
