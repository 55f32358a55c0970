"""What a run says when it has started: where it listens, how to feed it, where the lines go, who is told of alerts."""

from headrig.config import Config
from headrig.config.default import DEFAULT_NAME
from headrig.engine import core_version
from headrig.pipeline import Pipeline
from headrig.sinks import FileConfig, SinkConfig, StdoutConfig
from headrig.sources import HttpConfig, SourceConfig, TcpConfig, UdpConfig, UnixConfig


def introduction(config: Config, started: Pipeline) -> str:
    """Some lines for a person; the first says what runs, the last how to stop it."""
    status = next((where.removesuffix("/metrics") for where in started.where if where.endswith("/metrics")), "")
    lines = [f"headrig {core_version} runs with {config.path or DEFAULT_NAME}"]
    for name, running in started.state.sources.items():
        where = running.source.where
        lines.append(f"  reads   {where}")
        if hint := _hint(config.sources[name], where, status):
            lines.append(f"          {hint}")
    lines.extend(f"  writes  {_target(sink)}" for sink in config.sinks.values())
    if config.thresholds:
        told = f"told to {', '.join(config.notifiers)}" if config.notifiers else "told to nobody"
        lines.append(f"  alerts  {len(config.thresholds)} threshold{'s' * (len(config.thresholds) != 1)}, {told}")
    if status:
        lines.append(f"  shows   {status}/metrics, /health, /ready")
    return "\n".join([*lines, "  stops   at Ctrl-C or SIGTERM, once everything it read is written"])


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
