"""`headrig run` from outside: where it starts, the signals it obeys, how it ends."""

import re
import signal
import socket
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest
from headrig_process import Run, headrig

SETTINGS = """
[http]
listen = "127.0.0.1:0"

[sources.in]
type = "tcp"
listen = "127.0.0.1:0"

[sinks.out]
type = "file"
path = "app.log"
flush_seconds = "1h"
flush_entries_max = 1000000
"""

LISTEN = 'listen = "127.0.0.1:0"\n'

UNWRITABLE = "no file can be made in /proc, which is proc; give a path in a directory that this user may write to"


@pytest.fixture
def settings(tmp_path):
    """
    A file with a TCP source on any port and a file sink that writes when it is told to.
    """
    path = tmp_path / "headrig.toml"
    path.write_text(SETTINGS)
    return path


def page(run: Run, path: str) -> str:
    host, port = run.address("shows   http://")
    with urllib.request.urlopen(f"http://{host}:{port}{path}") as answer:
        return answer.read().decode()


def test_introduction(settings):
    """
    At its start it says what it reads, how to feed it, and where lines and status are.
    """
    with Run("-c", "headrig.toml", cwd=settings.parent) as run:
        run.signal(signal.SIGTERM)
        assert 0 == run.end()
    ports = re.sub(r"(127\.0\.0\.1[: ])\d+", r"\1PORT", "\n".join(run.said)).splitlines()
    version = headrig("--version").stdout.decode().strip()

    assert [
        f"{version} runs with headrig.toml",
        "  reads   tcp 127.0.0.1:PORT",
        "          nc -N 127.0.0.1 PORT < app.log",
        "  writes  app.log",
        "  alerts  4 thresholds, told to console (standard error)",
        "          alerts are forgotten at a restart: set data_dir",
        "  shows   http://127.0.0.1:PORT/metrics, /health, /ready",
        "  stops   at Ctrl-C or SIGTERM, once everything it read is written",
    ] == ports[:8]


@pytest.mark.parametrize(
    ("http", "source", "wanted"),
    [("", "", False), ('token = "{0}"\n', "", True), ("", 'token = "{0}"\n', True), ('token = "{0}"\n', LISTEN, False)],
)
def test_how_to_post(settings, http, source, wanted):
    """
    The command that posts a file shows a token exactly when one is wanted: by the source, or by `[http]` that it is mounted
    on; never the token itself.
    """
    token = "fake-token-for-tests-0123456789"
    more = f'\n[sources.door]\ntype = "http"\n{source.format(token)}'
    settings.write_text(SETTINGS.replace("[http]\n", f"[http]\n{http.format(token)}") + more)
    with Run("-c", "headrig.toml", cwd=settings.parent) as run:
        run.signal(signal.SIGTERM)
        assert 0 == run.end()
    (command,) = (line for line in run.said if "curl" in line)

    assert ("-H 'Authorization: Bearer TOKEN'" in command, token in command) == (wanted, False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop(settings, number):
    """
    The first signal ends it with 0, everything that was sent is written.
    """
    with Run("-c", "headrig.toml", cwd=settings.parent) as run:
        run.send(b'{"n":1}\n' * 20_000)
        run.signal(number)
        code = run.end()

    assert 0 == code
    assert b'{"n":1}\n' * 20_000 == (settings.parent / "app.log").read_bytes()


@pytest.mark.parametrize(("lines", "expected"), [(0, 128 + signal.SIGTERM), (3, 75)])
def test_stop_at_once(settings, lines, expected):
    """
    The second signal does not wait for the first to be finished, and the last line says what that cost.
    """
    with (
        Run("-c", "headrig.toml", cwd=settings.parent) as run,
        socket.create_connection(run.address("tcp ")) as connection,
    ):
        connection.sendall(b'{"n":1}\n' * lines)
        while f'headrig_lines_received_total{{component_id="in"}} {lines}.0' not in page(run, "/metrics") and lines:
            pass
        run.signal(signal.SIGTERM)
        run.until("SIGTERM: draining; once more stops at once")
        run.signal(signal.SIGTERM)
        code = run.end()

    assert expected == code
    assert not lines or f"headrig: {lines} lines were lost: shutdown {lines}" == run.said[-1]
    assert not any("Traceback" in line for line in run.said)


def test_flush(settings):
    """
    SIGUSR1 has written what waits.
    """
    with Run("-c", "headrig.toml", cwd=settings.parent) as run:
        run.send(b'{"n":1}\n')
        while 'headrig_lines_received_total{component_id="in"} 1.0' not in page(run, "/metrics"):
            pass
        run.signal(signal.SIGUSR1)
        run.until("SIGUSR1: flushed")

        assert b'{"n":1}\n' == (settings.parent / "app.log").read_bytes()


def test_flush_that_fails(settings):
    """
    SIGUSR1 does not say that it flushed what it could not write.
    """
    settings.write_text(SETTINGS.replace("app.log", "/dev/full") + "[limits]\ndrain_seconds = 0.2\n")
    with Run("-c", "headrig.toml", cwd=settings.parent) as run:
        run.send(b'{"n":1}\n')
        while 'headrig_lines_received_total{component_id="in"} 1.0' not in page(run, "/metrics"):
            pass
        run.signal(signal.SIGUSR1)
        run.until("flush: not everything is written yet")
        run.signal(signal.SIGTERM)
        assert 75 == run.end()

    assert "headrig: 1 lines were lost: shutdown 1" == run.said[-1]
    assert not any("flushed" in line for line in run.said)


def test_few_open_files(settings):
    """
    There are no more connections than the system allows files, so that those beyond are counted and /metrics answers.
    """
    files_max = 100
    with Run("-c", "headrig.toml", cwd=settings.parent, files_max=files_max) as run, ExitStack() as stack:
        for _ in range(files_max):
            stack.enter_context(socket.create_connection(run.address("tcp ")))
        while 'error_type="connections_max"' not in page(run, "/metrics"):
            pass

    assert any(
        "limits.connections_max is 18 instead of 1024: the system allows 100 open files" in line for line in run.said
    )


def test_reload(settings):
    """
    SIGHUP goes over to what the file says now.
    """
    with Run("-c", "headrig.toml", cwd=settings.parent) as run:
        settings.write_text(SETTINGS.replace("app.log", "new.log") + '[redact]\nkeys = ["badge"]\n')
        run.signal(signal.SIGHUP)
        run.until("SIGHUP: reloaded")
        run.send(b'{"badge":"fake-7"}\n')
        run.signal(signal.SIGTERM)
        assert 0 == run.end()

    assert b'{"badge":"[REDACTED:badge]"}\n' == (settings.parent / "new.log").read_bytes()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            ("flush_seconds", "flush_secs"),
            "12: sinks.out.flush_secs: unknown key; did you mean flush_seconds?",
        ),
        (
            ('path = "app.log"', 'path = "/proc/app.log"'),
            f"11: sinks.out.path: {UNWRITABLE}",
        ),
        (
            ("[http]\nlisten", "[https]\nlisten = 7\n[redact]\nkeyed"),
            "2: https: unknown table; did you mean http? (and 1 more: headrig validate shows all)",
        ),
    ],
)
def test_bad_reload(settings, change, complaint):
    """
    SIGHUP with settings that cannot be used: one line, one count, and everything is as before.
    """
    with Run("-c", "headrig.toml", cwd=settings.parent) as run:
        settings.write_text(SETTINGS.replace(*change))
        run.signal(signal.SIGHUP)
        said = run.until("SIGHUP")
        run.send(b'{"n":1}\n')
        failures = page(run, "/metrics")
        run.signal(signal.SIGTERM)
        assert 0 == run.end()

    assert said.endswith(f"ERROR headrig: SIGHUP: the old settings stay: headrig.toml:{complaint}")
    assert 'headrig_config_reloads_total{result="failure"} 1.0' in failures
    assert b'{"n":1}\n' == (settings.parent / "app.log").read_bytes()


def test_bad_settings(tmp_path):
    """
    Settings that cannot be used: every error, and 78.
    """
    (tmp_path / "headrig.toml").write_text(SETTINGS.replace("path", "paht").replace("listen", "lisen"))
    done = headrig("run", "-c", "headrig.toml", cwd=tmp_path)

    assert 78 == done.returncode
    assert [
        "headrig.toml:3: http.lisen: unknown key; did you mean listen?",
        "headrig.toml:7: sources.in.lisen: unknown key; did you mean listen?",
        "headrig.toml:5: sources.in.listen: missing; add listen = …",
        "headrig.toml:11: sinks.out.paht: unknown key; did you mean path?",
        "headrig.toml:9: sinks.out.path: missing; add path = …",
    ] == done.stderr.decode().splitlines()


def test_unwritable_file(tmp_path):
    """
    A file that cannot be written: one line, and 78.
    """
    (tmp_path / "headrig.toml").write_text(SETTINGS.replace("app.log", "/proc/app.log"))
    done = headrig("run", "-c", "headrig.toml", cwd=tmp_path)

    assert 78 == done.returncode
    assert f"headrig.toml:11: sinks.out.path: {UNWRITABLE}\n" == done.stderr.decode()


def test_port_in_use(tmp_path):
    """
    A port somebody listens on: one line, and 69.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (tmp_path / "headrig.toml").write_text(SETTINGS.replace(":0", f":{port}", 1))
        done = headrig("run", "-c", "headrig.toml", cwd=tmp_path)
        (tmp_path / "headrig.toml").unlink()
        default = headrig("run", "--listen", cwd=tmp_path, PORT=str(port))

    assert (69, 69) == (done.returncode, default.returncode)
    remedy = "stop the process that listens there or choose another port"
    assert f"headrig.toml:3: http.listen: 127.0.0.1:{port} is in use; {remedy}\n" == done.stderr.decode()
    assert f"environment: PORT: 127.0.0.1:{port} is in use; {remedy}\n" == default.stderr.decode()


def test_file_on_standard_input(tmp_path):
    """
    `headrig run < file` writes the file's lines, opens no port, and ends where the file ends.
    """
    (tmp_path / "lines").write_bytes(b'{"n":1}\n' * 5_000 + b'{"password":"fake-hunter2"}')
    with (tmp_path / "lines").open("rb") as lines, Run(cwd=tmp_path, stdin=lines.fileno()) as run:
        code = run.end()

    assert 0 == code
    assert run.said[0].endswith("; reads standard input only, because it is a file; --listen opens the listeners")
    assert ["  reads   standard input", "  writes  data/app.log"] == run.said[1:3]
    assert "headrig is done: 5001 lines in, 5001 out, 1 redaction, 0 broken, 0 dropped" == run.said[-1]
    assert b'{"n":1}\n' * 5_000 + b'{"password":"[REDACTED:password]"}\n' == (tmp_path / "data/app.log").read_bytes()


def test_defaults(tmp_path):
    """
    Without `-c` it listens on TCP, a Unix socket and HTTP, and the runbook's variables apply.
    """
    port = free_port()
    with Run(cwd=tmp_path, PORT=str(port), LOG_FILE="logs/all.log", LOG_LEVEL="WARN") as run:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(tmp_path / "data/headrig.sock"))
            connection.sendall(b'{"by":"unix"}\n')
        url = f"http://127.0.0.1:{port}/ingest"
        request = urllib.request.Request(url, b'{"by":"http"}', {"Content-Type": "application/x-ndjson"})
        with urllib.request.urlopen(request) as answer:
            assert 200 == answer.status
        run.send(b'{"by":"tcp"}\n')
        run.signal(signal.SIGTERM)
        assert 0 == run.end()

    assert run.said[-1].startswith("  stops"), "LOG_LEVEL hides what is only information"
    assert {b'{"by":"unix"}', b'{"by":"http"}', b'{"by":"tcp"}'} == set(
        (tmp_path / "logs/all.log").read_bytes().splitlines()
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_bad_log_level(tmp_path):
    """
    A level nobody knows names its variable.
    """
    done = headrig("run", cwd=tmp_path, LOG_LEVEL="loud")

    assert 78 == done.returncode
    assert "environment: LOG_LEVEL: unknown value; set one of debug, info, warn, error\n" == done.stderr.decode()


def test_standard_output_is_for_lines(tmp_path):
    """
    With a stdout sink, standard output holds lines and nothing else.
    """
    (tmp_path / "headrig.toml").write_text('[sources.in]\ntype = "stdin"\n[sinks.out]\ntype = "stdout"\n')
    done = headrig("run", "-c", "headrig.toml", stdin=b'{"n":1}\n{"n":2}', cwd=tmp_path)

    assert (0, b'{"n":1}\n{"n":2}\n') == (done.returncode, done.stdout)
    assert not (tmp_path / "data").exists()


def test_directory_of_a_relative_path(tmp_path):
    """
    Paths are relative to where it was started.
    """
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/headrig.toml").write_text(
        '[sources.in]\ntype = "stdin"\n[sinks.out]\ntype = "file"\npath = "a/b"\n'
    )
    done = headrig("run", "-c", "etc/headrig.toml", stdin=b"{}\n", cwd=tmp_path)

    assert 0 == done.returncode
    assert b"{}\n" == Path(tmp_path / "a/b").read_bytes()
