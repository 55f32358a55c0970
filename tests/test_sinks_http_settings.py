"""Settings of the HTTP sink: what is refused before anything starts, and that no error shows a secret."""

import aiohttp
import pytest
from endpoint import serving

from headrig import config
from headrig.errors import ConfigError
from headrig.sinks import HttpSinkConfig
from headrig.sources import HttpSourceConfig, TcpConfig
from headrig.testing import context
from headrig.web import HttpServerConfig

pytestmark = pytest.mark.asyncio

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}
CANARY = "Bearer canary-0123456789"


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        ({"endpoint": "canary"}, ["endpoint: not an address; write https://host/path"]),
        ({"endpoint": "ftp://canary"}, ["endpoint: not an address; write https://host/path"]),
        ({"endpoint": "http://canary:x/"}, ["endpoint: not an address; write https://host/path"]),
        ({"endpoint": "http://a b/canary"}, ["endpoint: not an address; write https://host/path"]),
        (
            {"endpoint": "http://me:canary@host/"},
            ["endpoint: holds a user or a password; give them in a header of their own"],
        ),
        (
            {"endpoint": "http://host", "auth_header": "canary\r\nX: y"},
            ["auth_header: cannot be sent in a header; give printable ASCII in one line, and not nothing"],
        ),
        (
            {"endpoint": "http://host", "auth_header": " "},
            ["auth_header: cannot be sent in a header; give printable ASCII in one line, and not nothing"],
        ),
        (
            {"endpoint": "http://host", "ca_file": "x"},
            ["ca_file: only https has certificates; remove it, or use https"],
        ),
        ({"endpoint": "https://host", "ca_file": "/no"}, ["ca_file: cannot read the file; give a readable PEM file"]),
        ({"endpoint": "https://logs.example.com:8443/in?key=canary", "auth_header": CANARY}, []),
        ({"endpoint": "http://[::1]/in"}, []),
    ],
)
async def test_problems(settings, problems):
    """
    What can be seen wrong is said before anything starts, without a word of what may be secret.
    """
    found = [str(error) for error in HttpSinkConfig(**settings).problems("sinks.out")]

    assert [f"sinks.out.{each}" for each in problems] == found


async def test_authorities_that_are_none(tmp_path):
    """
    A `ca_file` without certificates is an error when the sink opens.
    """
    (tmp_path / "ca.pem").write_text("nothing")
    settings = HttpSinkConfig(endpoint="https://127.0.0.1", ca_file=str(tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match=r"sinks\.out\.ca_file: cannot use .*; give a readable PEM file"):
        async with settings.open(context()):
            pass


async def test_secret_from_a_file(tmp_path, start):
    """
    The auth header may come from a file.
    """
    async with serving() as endpoint:
        (tmp_path / "auth").write_text(CANARY + "\n")
        (tmp_path / "headrig.toml").write_text(
            f"""
            [sources.in]
            type = "tcp"
            listen = "127.0.0.1:0"
            [sinks.out]
            type = "http"
            endpoint = "{endpoint.url}"
            auth_header_file = "{tmp_path}/auth"
            flush_seconds = "0s"
            """
        )
        loaded = config.load(str(tmp_path / "headrig.toml"), {}).sinks["out"]
        run = await start(TCP, {"loaded": loaded})
        await run.send(b"{}\n")
        assert await run.pipeline.flush()

        assert [CANARY] == [headers["Authorization"] for _, headers, _ in endpoint.requests]


async def test_waiting_source_is_answered(start):
    """
    A source that acknowledges answers 200 once the endpoint has accepted, without waiting for company.
    """
    async with serving() as endpoint:
        sinks = {"out": HttpSinkConfig(endpoint=endpoint.url, flush_seconds=3600.0)}
        run = await start({"in": HttpSourceConfig()}, sinks, http=HttpServerConfig(listen="127.0.0.1:0"))
        headers = {"Content-Type": "application/x-ndjson"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{run.url}/ingest", data=b"{}\n", headers=headers) as answer,
        ):
            assert (200, [b"{}"]) == (answer.status, endpoint.lines)


async def test_loop_is_refused(tmp_path):
    """
    A sink that would feed its own process is an error.
    """
    (tmp_path / "headrig.toml").write_text(
        """
        [http]
        listen = "127.0.0.1:9600"
        [sources.in]
        type = "http"
        [sinks.out]
        type = "http"
        endpoint = "http://localhost:9600/ingest"
        """
    )

    assert ["8: sinks.out.endpoint: leads back to http; every line would come round again: give another address"] == [
        str(error).removeprefix(f"{tmp_path}/headrig.toml:")
        for error in config.check(str(tmp_path / "headrig.toml"), {})
    ]
