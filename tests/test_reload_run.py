"""
`headrig run` reloaded again and again under traffic, from outside: every kind of source and of sink, all of them changed
or one kept. Nothing acknowledged is lost, no peer is turned away or cut, and SIGTERM ends it.
"""

import http.client
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from headrig_process import Run
from running import WAIT_SECONDS, free_port, until

RELOADS = int(os.environ.get("HEADRIG_TEST_RELOADS", "200"))
"""Over all cases together."""
DRAIN_SECONDS = 8.0
CASES = [
    *(("tcp", kept) for kept in (False, True)),
    *(("unix", kept) for kept in (False, True)),
    ("udp", False),
    ("http", False),
    ("http", True),
    ("own", False),
    ("stdin", True),
    ("stdin", False),
]
KEPT = '[sources.kept]\ntype = "unix"\npath = "kept.sock"\n'
SINKS = """
[sinks.file]
type = "file"
path = "app.log"
[sinks.stdout]
type = "stdout"
"""
REMOTE = """
[sinks.http]
type = "http"
endpoint = "http://127.0.0.1:{port}/"
flush_seconds = 0.0
required = false
[sinks.forward]
type = "forward"
to = "http://127.0.0.1:{port}"
required = false
"""


class Endpoint(BaseHTTPRequestHandler):
    """Takes everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that goes, as it does in a reload."""


@contextmanager
def endpoint() -> Iterator[int]:
    with Server(("127.0.0.1", 0), Endpoint) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            serving.join()


class Traffic:
    """Numbered lines from one client, as many as the source acknowledged, or took without closing the connection."""

    def __init__(self, name: str, send: Callable[[bytes], None]) -> None:
        self.name = name
        self.sent = 0
        self.error: BaseException | None = None
        self._send = send
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._over.wait(0.002):
                self._send(b'{"%s":%d}\n' % (self.name.encode(), self.sent))
                self.sent += 1
        except BaseException as error:  # noqa: BLE001
            self.error = error

    def end(self) -> None:
        self._over.set()
        self._thread.join()
        assert self.error is None, f"{self.name}: {self.error!r} after {self.sent} lines"

    def missing(self, lines: set[bytes]) -> int:
        return sum(b'{"%s":%d}' % (self.name.encode(), number) not in lines for number in range(self.sent))


class Case:
    """One kind of source, all kinds of sinks, and its variants."""

    def __init__(self, kind: str, kept: bool, folder: Path) -> None:
        self.kind, self.kept, self.folder = kind, kept, folder
        self.http, self.port, self.dead = free_port(), free_port(), free_port()
        self.path = folder / "headrig.toml"
        self.sockets = ExitStack()
        (folder / "token").write_text("fake-0")

    def settings(self, number: int, remote: int | None) -> None:
        """Write the variant of this number; `remote` is where the remote sinks send, None: there are none."""
        mode, flip = ("0600", "0660")[number % 2], ("false", "true")[number // 2 % 2]
        source = {
            "tcp": f'type = "tcp"\nlisten = "127.0.0.1:{self.port}"\ninsecure_listen = {flip}\n',
            "unix": f'type = "unix"\npath = "in.sock"\nmode = "{mode}"\n',
            "udp": f'type = "udp"\nlisten = "127.0.0.1:{self.port}"\ninsecure_listen = {flip}\n',
            "http": f'type = "http"\ninsecure_listen = {flip}\ntoken_file = "token"\n',
            "own": f'type = "http"\nlisten = "127.0.0.1:{self.port}"\ninsecure_listen = {flip}\n',
            "stdin": 'type = "stdin"\n',
        }[self.kind]
        # A second one of its kind, which comes and goes.
        extra = f'[sources.extra]\ntype = "unix"\npath = "extra.sock"\nmode = "{mode}"\n' if number % 5 == 1 else ""
        limits = f"[limits]\nidle_seconds_max = {3000 + number}\nconnections_max = {500 + number}\n"
        limits += "retry_seconds_max = 1.0\n"
        self.path.write_text(
            f'[http]\nlisten = "127.0.0.1:{self.http}"\n[sources.in]\n{source}{KEPT * self.kept}{extra}{SINKS}'
            f"{REMOTE.format(port=remote) if remote is not None else ''}{limits}"
        )

    def clients(self, run: Run) -> list[Traffic]:
        """Two of everything."""
        clients = [Traffic(f"{self.kind}{number}", self._sender(run)) for number in range(2 - (self.kind == "stdin"))]
        if self.kept:
            clients.append(Traffic("kept", self._stream(socket.AF_UNIX, str(self.folder / "kept.sock"))))
        return clients

    def _sender(self, run: Run) -> Callable[[bytes], None]:
        match self.kind:
            case "tcp":
                return self._stream(socket.AF_INET, ("127.0.0.1", self.port))
            case "unix":
                return self._stream(socket.AF_UNIX, str(self.folder / "in.sock"))
            case "udp":
                sender = self.sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                sender.connect(("127.0.0.1", self.port))
                return sender.send
            case "stdin":
                return lambda line: (run.process.stdin.write(line.decode()), run.process.stdin.flush())
        port = self.http if self.kind == "http" else self.port
        connection = self.sockets.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port)))
        headers = {"Content-Type": "application/x-ndjson"}

        def post(line: bytes) -> None:
            # A token that was just written is not known yet: a client that has the wrong one is told, and reads it again.
            while True:
                token = (self.folder / "token").read_text()
                connection.request("POST", "/ingest", line, headers | {"Authorization": f"Bearer {token}"})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 401:
                    break
            assert answer.status == 200, answer.status

        return post

    def _stream(self, family: int, address: object) -> Callable[[bytes], None]:
        stream = self.sockets.enter_context(socket.socket(family, socket.SOCK_STREAM))
        stream.connect(address)
        return stream.sendall

    def get(self, path: str) -> tuple[int, str]:
        """A page of the status server, over a connection of its own."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.http, timeout=WAIT_SECONDS)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("kind", "kept"), CASES)
def test_reloads_under_traffic(tmp_path, kind, kept):
    """
    Bounds, modes, tokens change, the file moves away, sinks come, go, and lose their endpoint: every line that was
    acknowledged or sent over a connection is in the file, the books close at every moment, and SIGTERM ends it with 0.
    """
    case = Case(kind, kept, tmp_path)
    with endpoint() as alive:
        case.settings(0, alive)
        with case.sockets, Run("-c", "headrig.toml", cwd=tmp_path, stdin=-1) as run:
            threading.Thread(target=lambda: [None for _ in run.process.stdout], daemon=True).start()
            clients = case.clients(run)
            for number in range(1, RELOADS // len(CASES) + 1):
                if number % 3 == 0:
                    (tmp_path / "app.log").rename(tmp_path / f"app.log.{number}")
                if number % 4 == 0:
                    (tmp_path / "token.new").write_text(f"fake-{number}")
                    (tmp_path / "token.new").rename(tmp_path / "token")
                # There, gone, there, without an endpoint, and there again before they go.
                case.settings(number, (alive, None, alive, case.dead)[number % 4])
                run.signal(signal.SIGHUP)
                assert run.until("SIGHUP").endswith("reloaded")
                assert 200 == case.get("/health")[0]
                assert "\nheadrig_ledger_imbalance 0.0\n" in case.get("/metrics")[1]
            case.settings(0, alive)
            run.signal(signal.SIGHUP)
            run.until("SIGHUP: reloaded")
            for client in clients:
                client.end()

            def written() -> set[bytes]:
                return {line for file in tmp_path.glob("app.log*") for line in file.read_bytes().splitlines()}

            until(lambda: not any(client.missing(written()) for client in clients))
            # A reload that has just been asked for does not hold up the end.
            run.signal(signal.SIGHUP)
            run.signal(signal.SIGTERM)
            run.process.stdin.close()
            run.process.wait(DRAIN_SECONDS + WAIT_SECONDS)
            code = run.end()

    assert (0, 0) == (code, sum(client.missing(written()) for client in clients)), "\n".join(run.said[-20:])
    assert all(client.sent > 10 for client in clients)


def test_write_that_never_returns(tmp_path):
    """
    A file sink on a pipe that nobody reads: the reload is done all the same, and SIGTERM ends it when its time is over.
    """
    os.mkfifo(tmp_path / "fifo")
    port = free_port()
    text = (
        f'[sources.in]\ntype = "tcp"\nlisten = "127.0.0.1:{port}"\n[sinks.out]\ntype = "file"\npath = "fifo"\n'
        "[limits]\ndrain_seconds = 0.5\n"
    )
    (tmp_path / "headrig.toml").write_text(text)
    with Run("-c", "headrig.toml", cwd=tmp_path) as run:
        run.send(b'{"x":"' + b"y" * 200_000 + b'"}\n')
        (tmp_path / "headrig.toml").write_text(text + "connections_max = 900\n")
        run.signal(signal.SIGHUP)
        run.until("SIGHUP: reloaded")
        run.signal(signal.SIGTERM)
        run.end()

    assert any("1 lines were not written" in line for line in run.said)


def test_settings_whose_reading_never_ends(tmp_path):
    """
    A reload whose settings name a pipe that nobody writes as a file of rules: SIGTERM ends the run all the same, with
    everything written.
    """
    os.mkfifo(tmp_path / "fifo")
    port = free_port()
    text = f'[sources.in]\ntype = "tcp"\nlisten = "127.0.0.1:{port}"\n[sinks.out]\ntype = "file"\npath = "app.log"\n'
    (tmp_path / "headrig.toml").write_text(text)
    with Run("-c", "headrig.toml", cwd=tmp_path) as run:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b'{"x":1}\n')
        (tmp_path / "headrig.toml").write_text(f'{text}[redact]\nrule_files = ["fifo"]\n')
        run.signal(signal.SIGHUP)
        writers: list[int] = []

        def is_read() -> bool:
            """Somebody has it open, or is about to."""
            with suppress(OSError):
                writers.append(os.open(tmp_path / "fifo", os.O_WRONLY | os.O_NONBLOCK))
            return bool(writers)

        until(is_read)
        run.signal(signal.SIGTERM)
        code = run.end()
    os.close(writers[0])

    assert (0, 1) == (code, (tmp_path / "app.log").read_bytes().count(b"\n"))
