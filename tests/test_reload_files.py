"""A reload and the files around it: certificates, authorities, socket files, and the settings file itself."""

import asyncio
import os
import socket
import ssl
from typing import Any

import msgspec
import pytest
import trustme
from running import free_port

from headrig import config as config_module
from headrig.config import read_quiet
from headrig.config.files import seen
from headrig.errors import ConfigError, UnavailableError
from headrig.net.sockets import TlsConfig
from headrig.notifiers import SlackConfig
from headrig.sources import HttpSourceConfig, TcpConfig, UnixConfig
from headrig.web import HttpServerConfig

pytestmark = pytest.mark.asyncio

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}


async def reload(run, **changes):
    await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, **changes))


def https(tmp_path, authority, name="127.0.0.1") -> TlsConfig:
    certificate = authority.issue_cert(name)
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    return TlsConfig(cert_file=str(tmp_path / "cert.pem"), key_file=str(tmp_path / "key.pem"))


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


# Files that settings name


async def shown(port: int) -> bytes:
    """The certificate that a server shows."""
    context = ssl._create_unverified_context()
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return certificate


@pytest.mark.parametrize("door", ["http", "tcp", "ingest"])
async def test_certificate_is_renewed(start, memory, sink, tmp_path, authority, door):
    """
    Another certificate under the same name is shown after a reload. One that does not belong to its key is refused by
    the file's name, and the old one goes on.
    """
    tls, port = https(tmp_path, authority), free_port()
    listen = f"127.0.0.1:{port}"
    sources = {"tcp": TcpConfig(listen=listen, tls=tls), "ingest": HttpSourceConfig(listen=listen, tls=tls)}
    http = HttpServerConfig(listen=listen, tls=tls) if door == "http" else None
    run = await start(TCP | {name: source for name, source in sources.items() if name == door}, memory, http=http)
    first = await shown(port)
    https(tmp_path, authority)
    await reload(run)
    second = await shown(port)
    (tmp_path / "key.pem").write_bytes(authority.issue_cert("127.0.0.1").private_key_pem.bytes())
    with pytest.raises(ConfigError, match="cert_file: cannot use the certificate"):
        await reload(run)

    assert first != second
    assert second == await shown(port)


async def test_trust_is_taken_away(start, memory, sink, tmp_path, authority):
    """
    A client of the old authority is no longer let in after the file with the authorities changed, nor by a session of
    before; its open connection stays.
    """
    tls = msgspec.structs.replace(https(tmp_path, authority), client_ca_file=str(tmp_path / "ca.pem"))
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    run = await start({"in": TcpConfig(listen="127.0.0.1:0", tls=tls)}, memory)

    def client(version: ssl.TLSVersion, signer: trustme.CA) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.maximum_version = version
        authority.configure_trust(context)
        signer.issue_cert("client@example.com").configure_cert(context)
        return context

    def connect(context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", run.port()))
        return context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)

    def send(*args: Any) -> None:
        with connect(*args) as connection:
            connection.sendall(b'{"late":1}\n')
            connection.unwrap()

    old = client(ssl.TLSVersion.TLSv1_2, authority)
    open_before = await asyncio.to_thread(connect, old)
    other = trustme.CA()
    other.cert_pem.write_to_path(tmp_path / "ca.pem")
    await reload(run)
    for session in (None, open_before.session):
        with pytest.raises((ssl.SSLError, OSError)):
            await asyncio.to_thread(send, old, session)
    (tmp_path / "ca.pem").write_text("no certificates")
    with pytest.raises(ConfigError, match="client_ca_file: cannot use the file"):
        await reload(run)
    await asyncio.to_thread(send, client(ssl.TLSVersion.TLSv1_3, other))
    await run.until(lambda: len(sink.lines) == 1)
    open_before.sendall(b'{"open":1}\n')
    await run.until(lambda: len(sink.lines) == 2)
    open_before.close()


@pytest.mark.parametrize("file", ["cert.pem", "key.pem", "ca.pem"])
@pytest.mark.parametrize(
    "part",
    [
        lambda tls, ca: TcpConfig(listen="127.0.0.1:0", tls=msgspec.structs.replace(tls, client_ca_file=ca)),
        lambda tls, ca: HttpServerConfig(tls=msgspec.structs.replace(tls, client_ca_file=ca)),
        lambda tls, ca: SlackConfig(url="https://slack.example/fake", ca_file=ca),
    ],
)
async def test_content_counts(tmp_path, authority, part, file):
    """
    Settings count as changed by what is in the files they name, also those of tables within; names and times do not.
    """
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    settings = part(https(tmp_path, authority), str(tmp_path / "ca.pem"))
    before, content = seen(settings), (tmp_path / file).read_bytes()
    (tmp_path / file).unlink()
    (tmp_path / file).write_bytes(content)
    assert before == seen(settings)
    (tmp_path / file).write_bytes(content + b"\n")

    named = str(tmp_path / file) in before[1]
    assert named == (before != seen(settings))
    assert named or isinstance(settings, SlackConfig)


# Socket files


@pytest.mark.parametrize("kind", ["unix", "http"])
async def test_socket_file_that_is_gone(start, memory, sink, tmp_path, kind):
    """
    A reload makes a socket file anew that was removed; who is connected stays. In the place of another one's nothing
    is made, and the end does not remove it.
    """
    path = tmp_path / "in.sock"
    kinds = {"unix": UnixConfig(path=str(path)), "http": HttpSourceConfig(listen=f"unix:{path}")}
    run = await start({"in": kinds[kind]}, memory)
    _, first = await asyncio.open_unix_connection(str(path))
    path.unlink()
    await reload(run)
    _, second = await asyncio.open_unix_connection(str(path))
    body = b"{}\n"
    if kind == "http":
        body = b"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 3\r\n\r\n{}\n"
    for peer in (first, second):
        peer.write(body)
    await run.until(lambda: sink.lines == [b"{}", b"{}"])
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(UnavailableError, match="served by another process"):
            await reload(run)
        first.close()
        second.close()
        await run.stop()
        assert path.exists()


async def test_refused_reload_leaves_the_mode(start, memory, tmp_path):
    """
    Settings that are refused have not changed who may connect.
    """
    path = tmp_path / "in.sock"
    run = await start({"in": UnixConfig(path=str(path), mode="0600")}, memory)
    with pytest.raises(ConfigError):
        await reload(
            run, sources={"in": UnixConfig(path=str(path), mode="0666"), "bad": TcpConfig(listen="192.0.2.1:1")}
        )

    assert 0o600 == path.stat().st_mode & 0o777


# The settings file


SETTINGS = '[sources.in]\ntype = "stdin"\n[sinks.out]\ntype = "stdout"\n'


async def test_file_that_is_being_written(tmp_path, monkeypatch):
    """
    Half of a file that is written in place is never taken for the settings: it is read once it was left alone, or
    refused.
    """
    monkeypatch.setattr(config_module, "SETTINGS_QUIET_SECONDS", 0.05)
    path = tmp_path / "headrig.toml"
    path.write_text(SETTINGS)
    whole = SETTINGS + '[sinks.second]\ntype = "file"\npath = "/tmp/second.log"\n'
    reading = asyncio.get_running_loop().create_task(read_quiet(str(path), {}))
    with path.open("w") as file:
        for piece in (SETTINGS, *("# more\n" for _ in range(12)), whole.removeprefix(SETTINGS)):
            file.write(piece)
            file.flush()
            await asyncio.sleep(0.01)
    config, errors = await reading

    assert ([], ["out", "second"]) == (errors, list(config.sinks))


async def test_file_that_is_never_left_alone(tmp_path, monkeypatch):
    """
    A file that somebody goes on writing, and one that can be read once only, are refused with what to do instead.
    """
    monkeypatch.setattr(config_module, "SETTINGS_QUIET_SECONDS", 0.05)
    monkeypatch.setattr(config_module, "SETTINGS_SECONDS", 0.2)
    path = tmp_path / "headrig.toml"
    path.write_text(SETTINGS)

    async def write() -> None:
        while True:
            with path.open("a") as file:
                file.write("# more\n")
            await asyncio.sleep(0.005)

    writing = asyncio.get_running_loop().create_task(write())
    config, errors = await read_quiet(str(path), {})
    writing.cancel()
    path.unlink()
    os.mkfifo(path)
    pipe, refused = await read_quiet(str(path), {})

    assert (None, None) == (config, pipe)
    assert f"{path}: it is being written; write it elsewhere and rename it to here, then send the signal" == str(
        errors[0]
    )
    assert "not a regular file" in str(refused[0])
