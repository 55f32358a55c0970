"""Shipping to another headrig: over TCP and a Unix socket, acknowledged, through the death of either side."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from endpoint import Pauses, serving, status

from headrig import config
from headrig.limits import Limits
from headrig.sinks import ForwardConfig
from headrig.sources import HttpSourceConfig, TcpConfig
from headrig.web import HttpServerConfig
from tests.running import WAIT_SECONDS, until

pytestmark = pytest.mark.asyncio

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}
ANY = HttpServerConfig(listen="127.0.0.1:0")
TOKEN = "canary-0123456789"
LINES = b"".join(
    [
        b'{"password":"correct horse","n":1}\n',
        b'{"note":"token ghp_000000000000000000000000000000000000"}\n',
        b"plain password=correct-horse text\n",
        b'{"inner":"{\\"api_key\\":\\"k-0000\\"}"}\n',
    ]
)


@pytest.fixture
def pair(start, memory, sink):
    """Two pipelines, the first of which ships to the second."""

    async def starter(source: HttpSourceConfig, **settings):
        far = await start({"in": source}, memory, http=None if source.listen else ANY)
        to = settings.pop("to", None) or far.url
        near = await start(TCP, {"out": ForwardConfig(to=to, flush_seconds=0.0, **settings)})
        return near, far

    return starter


async def test_over_tcp(pair, sink):
    """
    Lines arrive in order at the other headrig; what was redacted here stays as it is there.
    """
    near, far = await pair(HttpSourceConfig())
    await near.send(LINES)
    await near.until(lambda: near.pipeline.state.ledger.sinks["out"].delivered == 4)

    assert b"horse" not in sink.text
    assert b"[REDACTED:password]" in sink.lines[0]
    assert "not_json" == msgspec.json.decode(sink.lines[2])["headrig"]["broken"]
    assert not [name for name in far.page() if name.startswith(("headrig_redactions", "headrig_broken"))]


async def test_over_a_unix_socket(pair, sink, tmp_path):
    """
    The same over a socket file, of which only the owner's group may make use, and which goes at the end.
    """
    path = tmp_path / "run" / "headrig.sock"
    near, far = await pair(HttpSourceConfig(listen=f"unix:{path}"), to=f"unix:{path}")
    await near.send(LINES)
    await near.until(lambda: near.pipeline.state.ledger.sinks["out"].delivered == 4)

    assert (4, 0o140660) == (len(sink.lines), path.stat().st_mode)
    assert f"http /ingest on unix {path}" == far.pipeline.state.sources["in"].source.where
    await near.stop()
    await far.stop()
    assert not path.exists()


async def test_stale_socket_is_replaced(pair, sink, tmp_path):
    """
    A socket file that a crash left is replaced, as the Unix source does it.
    """
    path = tmp_path / "headrig.sock"
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(str(path))
    near, _ = await pair(HttpSourceConfig(listen=f"unix:{path}", mode="0600"), to=f"unix:{path}")
    await near.send(b"{}\n")
    await near.until(lambda: sink.lines == [b"{}"])

    assert 0o140600 == path.stat().st_mode


async def test_token(pair, sink, caplog):
    """
    A far side with a token gets it; with a wrong one the lines wait, both sides say so, and the token is never shown.
    """
    near, _ = await pair(HttpSourceConfig(token=TOKEN), token=TOKEN)
    await near.send(b"{}\n")
    await near.until(lambda: sink.lines == [b"{}"])
    wrong, far = await pair(HttpSourceConfig(token="another"), token=TOKEN)
    await wrong.send(b"{}\n")
    account = wrong.pipeline.state.ledger.sinks["out"]
    refusals = 'component_errors_total{component_id="in",component_kind="source",component_type="http",'
    await wrong.until(lambda: far.page().get(refusals + 'error_type="auth",stage="receiving"}', 0) >= 1)

    said = f"sinks.out: {far.url} answered 401; its lines wait as long as there is room for them; check"
    await wrong.until(lambda: said in caplog.text)

    assert (1, 0) == (account.waiting(), account.dropped.total())
    assert "sources.in: answered 401 to 127.0.0.1: a bearer token is needed" in caplog.text
    assert "canary" not in caplog.text + repr(wrong.pipeline.config.sinks)


async def test_acknowledged_end_to_end(pair, sink):
    """
    While the far sink does not accept, the near one has not delivered; then it has, without doing anything twice.
    """
    near, far = await pair(HttpSourceConfig())
    sink.open.clear()
    account = near.pipeline.state.ledger.sinks["out"]
    await near.send(b"{}\n")
    await near.until(lambda: far.pipeline.state.ledger.sources["in"].received == 1)

    assert (0, 1) == (account.delivered, account.waiting())
    sink.open.set()
    await near.until(lambda: account.delivered == 1)
    assert [b"{}"] == sink.lines


async def test_busy_far_side_is_asked_again(start):
    """
    A 503 with Retry-After, as headrig answers when its sinks are slow, is obeyed and the batch comes again.
    """
    async with serving() as far:
        far.answers = [status(503, Retry_After="1")]
        run = await start(TCP, {"out": ForwardConfig(to=far.url + "/", flush_seconds=0.0, token=TOKEN)})
        run.pipeline.state.pause = pauses = Pauses()
        await run.send(b"{}\n")
        await run.until(lambda: pauses.asked != [])
        pauses.let_go(2)
        await run.until(lambda: far.lines == [b"{}"])
        path, headers, _ = far.requests[0]

    assert 1.0 == pauses.asked[0]
    assert ("/ingest", f"Bearer {TOKEN}", "gzip") == (path, headers["Authorization"], headers["Content-Encoding"])


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        ({"to": "canary"}, ["to: not an address; write unix:/path, http://host:port or https://host:port"]),
        (
            {"to": "http://host/in?canary"},
            ["to: goes beyond host and port; write them alone, and a path other than /ingest into the key `path`"],
        ),
        (
            {"to": "unix:"},
            ["to: a socket path has 1 to 107 bytes, not 0; give a shorter path, such as /run/headrig.sock"],
        ),
        (
            {"to": "http://host", "token": "canary\n\n-"},
            ["token: cannot be sent in a header; give printable ASCII in one line, and not nothing"],
        ),
        ({"to": "unix:/run/headrig.sock"}, []),
        ({"to": "https://[::1]:9600", "token": TOKEN}, []),
    ],
)
async def test_problems(settings, problems):
    """
    What can be seen wrong is said before anything starts, without a word of what may be secret.
    """
    found = [str(error) for error in ForwardConfig(**settings).problems("sinks.out")]

    assert [f"sinks.out.{each}" for each in problems] == found


async def test_problems_of_a_listening_socket():
    """
    An HTTP source on a socket file has no TLS, and its path must fit.
    """
    tls = {"cert_file": "c", "key_file": "k"}
    source = msgspec.convert({"type": "http", "listen": "unix:/" + "x" * 107, "tls": tls}, HttpSourceConfig)

    assert ["sources.in.listen", "sources.in.tls"] == [error.path for error in source.problems("sources.in")]


async def test_loop_is_refused(tmp_path):
    """
    Forwarding to a socket that the same run listens on is an error.
    """
    (tmp_path / "headrig.toml").write_text(
        """
        [sources.in]
        type = "http"
        listen = "unix:/run/headrig.sock"
        [sinks.out]
        type = "forward"
        to = "unix:/run/headrig.sock"
        """
    )
    (error,) = config.check(str(tmp_path / "headrig.toml"), {})

    assert "sinks.out.to: leads back to sources.in" in str(error)


def far_side(folder: Path) -> subprocess.Popen[bytes]:
    """`headrig run` that takes lines on a socket file."""
    (folder / "headrig.toml").write_text(
        f"""
        [sources.in]
        type = "http"
        listen = "unix:{folder}/headrig.sock"
        [sinks.out]
        type = "file"
        path = "{folder}/app.log"
        """
    )
    command = [sys.executable, "-m", "headrig", "run", "-c", str(folder / "headrig.toml")]
    with (folder / "stderr").open("ab") as errors:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=errors)


async def test_nothing_acknowledged_is_lost(start, tmp_path):
    """
    The far side is killed with SIGKILL while lines flow, twice, and started again: every line is in its file
    at least once, each as it was sent, and the near side has dropped none.
    """
    limits = Limits(retry_first_seconds=0.02, retry_seconds_max=0.1, drain_seconds=5.0)
    out = ForwardConfig(to=f"unix:{tmp_path}/headrig.sock", flush_seconds=0.0, body_bytes_max=4096)
    near = await start(TCP, {"out": out}, limits=limits)
    account, log = near.pipeline.state.ledger.sinks["out"], tmp_path / "app.log"
    sent = 0
    process = far_side(tmp_path)
    try:
        for _ in range(2):
            before = account.delivered
            for _ in range(20):
                await near.send(b"".join(b'{"n":%d}\n' % n for n in range(sent, sent + 1000)))
                sent += 1000
            await near.until(lambda before=before: account.delivered > before)
            process.kill()
            process.wait(WAIT_SECONDS)
            process = far_side(tmp_path)
        await near.until(lambda: account.delivered == sent)
        process.terminate()
        process.wait(WAIT_SECONDS)
    finally:
        process.kill()
    until(log.exists)
    # A kill may tear the last line; the file is mended when it is opened again, and the batch comes again.
    whole = [line for line in log.read_bytes().splitlines() if line.endswith(b"}")]

    assert 0 == account.dropped.total()
    assert set(range(sent)) == {json.loads(line)["n"] for line in whole}
