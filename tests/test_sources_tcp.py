"""Lines over TCP: however they are cut, whoever sends them, and however it ends."""

import asyncio
import os
import socket
import ssl
import struct

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from headrig.errors import ConfigError, UnavailableError
from headrig.limits import Limits
from headrig.net.sockets import TlsConfig
from headrig.sources import TcpConfig

pytestmark = pytest.mark.asyncio

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}


def numbered(count: int, start: int = 0) -> bytes:
    return b"".join(b'{"n":%d}\n' % n for n in range(start, start + count))


async def test_lines_arrive_in_order(start, memory, sink):
    """
    Lines of one connection come out whole and in order, wherever the stream was cut.
    """
    run = await start(TCP, memory)
    _, writer = await asyncio.open_connection("127.0.0.1", run.port())
    text = numbered(3000)
    for at in range(0, len(text), 777):
        writer.write(text[at : at + 777])
        await writer.drain()
    writer.close()
    await run.until(lambda: len(sink.text) >= len(text))

    assert text == sink.text


async def test_last_line_needs_no_newline(start, memory, sink):
    """
    A last line without newline counts as whole once the connection has ended.
    """
    run = await start(TCP, memory)
    await run.send(b'{"n":1}\n{"n":2}')
    await run.until(lambda: len(sink.lines) == 2)

    assert b'{"n":1}\n{"n":2}\n' == sink.text


async def test_reset_within_a_line(start, memory, sink):
    """
    A connection reset within a line harms neither the lines before it nor other connections.
    """
    run = await start(TCP, memory)
    peer = socket.create_connection(("127.0.0.1", run.port()))
    peer.sendall(b'{"n":1}\n{"n":')
    await run.until(lambda: run.pipeline.state.partials.bytes > 0)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    await run.until(lambda: run.pipeline.state.partials.bytes == 0)
    await run.send(b'{"n":2}\n')
    await run.until(lambda: len(sink.lines) == 3)

    assert b'{"n":1}' == sink.lines[0]
    assert b'{"n":2}' in sink.lines


async def test_long_line(start, memory, sink):
    """
    A line of 10 MB is cut; memory stays bounded and the next line is intact.
    """
    run = await start(TCP, memory)
    await run.send(b'"' + b"x" * 10_000_000 + b'"\n{"n":1}\n')
    await run.until(lambda: len(sink.lines) == 2)

    assert b'{"n":1}' == sink.lines[1]
    assert len(sink.lines[0]) < 1_000_000


async def test_thousand_connections(start, memory, sink):
    """
    A thousand open connections are served side by side.
    """
    run = await start(TCP, memory)
    writers = [(await asyncio.open_connection("127.0.0.1", run.port()))[1] for _ in range(1000)]
    for writer in writers:
        writer.write(b'{"n":')
    for writer in writers:
        writer.write(b"1}\n")
    await run.until(lambda: len(sink.text) >= 8000)

    assert [b'{"n":1}'] * 1000 == sink.lines
    assert 1000 == run.page()['headrig_connections{component_id="in"}']
    for writer in writers:
        writer.close()


async def test_too_many_connections(start, memory, sink):
    """
    Connections beyond `connections_max` are closed at once and counted; the others go on.
    """
    run = await start(TCP, memory, limits=Limits(connections_max=1, drain_seconds=2.0))
    _, first = await asyncio.open_connection("127.0.0.1", run.port())
    reader, second = await asyncio.open_connection("127.0.0.1", run.port())

    assert b"" == await reader.read()
    first.write(b'{"n":1}\n')
    await run.until(lambda: sink.lines == [b'{"n":1}'])
    errors = 'component_errors_total{component_id="in",component_kind="source",component_type="tcp",'
    assert 1 == run.page()[errors + 'error_type="connections_max",stage="connecting"}']
    first.close()
    second.close()


async def test_partial_lines_are_bounded(start, memory):
    """
    The connection that makes partial lines too many bytes is closed, its line rejected and counted.
    """
    run = await start(TCP, memory, limits=Limits(partial_bytes_max=10_000, drain_seconds=2.0))
    reader, writer = await asyncio.open_connection("127.0.0.1", run.port())
    writer.write(b"x" * 20_000)

    with pytest.raises(ConnectionError):
        # What was not read yet makes the kernel answer with a reset, or else the end of the stream.
        raise ConnectionResetError(await reader.read())
    await run.until(lambda: run.pipeline.state.partials.bytes == 0)
    assert 1 == run.page()['headrig_lines_rejected_total{component_id="in",reason="partial_limit"}']
    writer.close()


async def test_idle_connection(start, memory):
    """
    A connection that sends nothing for `idle_seconds_max` is closed.
    """
    run = await start(TCP, memory, limits=Limits(idle_seconds_max=0.02, drain_seconds=2.0))
    reader, writer = await asyncio.open_connection("127.0.0.1", run.port())

    assert b"" == await reader.read()
    writer.close()


async def test_port_in_use(start, memory):
    """
    A port in use is named with its key, the address and a remedy, and ends with exit code 69.
    """
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(UnavailableError) as caught:
            await start({"in": TcpConfig(listen=listen)}, memory)

    assert 69 == caught.value.exit_code
    assert str(caught.value).startswith(f"sources.in.listen: {listen} is in use; stop the process")


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        ({"listen": "127.0.0.1:9020"}, []),
        ({"listen": "[::1]:9020"}, []),
        ({"listen": "0.0.0.0:9020"}, ["sources.in.listen"]),
        ({"listen": "0.0.0.0:9020", "insecure_listen": True}, []),
        ({"listen": "9020"}, ["sources.in.listen"]),
        ({"listen": "127.0.0.1:99999"}, ["sources.in.listen"]),
    ],
)
async def test_problems(settings, problems):
    """
    An address that others can reach without TLS is a problem unless it is asked for; so is one that is none.
    """
    assert problems == [each.path for each in TcpConfig(**settings).problems("sources.in")]


async def test_backlog_is_read_before_the_end(start, memory, sink):
    """
    20,000 lines whose connection still waits in the kernel when the stop comes are all written.
    """
    run = await start(TCP, memory)
    text = numbered(20_000)
    run.leave_in_backlog(text)
    await run.stop()

    assert text == sink.text


async def test_open_connection_is_read_before_the_end(start, memory, sink):
    """
    After the stop a connection is read until it is silent, even if its peer never closes it.
    """
    run = await start(TCP, memory)
    _, writer = await asyncio.open_connection("127.0.0.1", run.port())
    text = numbered(20_000)
    writer.write(text)
    stopping = asyncio.get_running_loop().create_task(run.stop())
    await writer.drain()
    await stopping

    assert text == sink.text
    writer.close()


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def tls(tmp_path, authority):
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return TlsConfig(cert_file=str(tmp_path / "cert.pem"), key_file=str(tmp_path / "key.pem"))


async def test_tls(start, memory, sink, authority, tls):
    """
    Lines come over TLS; a peer that speaks plain text is disconnected and counted.
    """
    run = await start({"in": TcpConfig(listen="127.0.0.1:0", tls=tls)}, memory)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    _, writer = await asyncio.open_connection("127.0.0.1", run.port(), ssl=context)
    writer.write(b'{"n":1}\n')
    await writer.drain()
    writer.close()
    await run.until(lambda: sink.lines == [b'{"n":1}'])
    reader, plain = await asyncio.open_connection("127.0.0.1", run.port())
    plain.write(b'{"n":2}\n')

    assert b"" == await reader.read()
    assert [b'{"n":1}'] == sink.lines
    errors = 'component_errors_total{component_id="in",component_kind="source",component_type="tcp",'
    assert 1 == run.page()[errors + 'error_type="tls_handshake",stage="connecting"}']
    plain.close()


async def test_tls_peer_that_never_reads(start, memory, sink, authority, tls):
    """
    A peer that sends and closes without reading, as logging handlers do, loses nothing.
    """
    run = await start({"in": TcpConfig(listen="127.0.0.1:0", tls=tls)}, memory)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    text = b'{"n":1}\n' * 100_000

    def send() -> None:
        plain = socket.create_connection(("127.0.0.1", run.port()))
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as peer:
            peer.sendall(text)

    await asyncio.to_thread(send)
    await run.until(lambda: not run.pipeline.state.sources["in"].source._connections)
    await run.pipeline.flush()
    assert text == sink.text


async def test_tls_client_certificate(start, memory, sink, authority, tls, tmp_path):
    """
    With `client_ca_file` only clients with a certificate of that authority get in.
    """
    mutual = TlsConfig(cert_file=tls.cert_file, key_file=tls.key_file, client_ca_file=str(tmp_path / "ca.pem"))
    run = await start({"in": TcpConfig(listen="127.0.0.1:0", tls=mutual)}, memory)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    reader, writer = await asyncio.open_connection("127.0.0.1", run.port(), ssl=context)
    writer.write(b'{"n":1}\n')
    with pytest.raises((ssl.SSLError, ConnectionError)):
        raise ConnectionResetError(await reader.read())
    writer.transport.abort()
    authority.issue_cert("client@example.com").configure_cert(context)
    _, writer = await asyncio.open_connection("127.0.0.1", run.port(), ssl=context)
    writer.write(b'{"n":2}\n')
    await writer.drain()
    await run.until(lambda: sink.lines == [b'{"n":2}'])
    writer.close()


async def test_bad_certificate(start, memory, tmp_path):
    """
    A certificate that cannot be used is an error of the settings, at its key.
    """
    (tmp_path / "cert.pem").write_text("none")
    tls = TlsConfig(cert_file=str(tmp_path / "cert.pem"), key_file=os.devnull)
    with pytest.raises(ConfigError) as caught:
        await start({"in": TcpConfig(listen="127.0.0.1:0", tls=tls)}, memory)

    assert "sources.in.tls.cert_file" == caught.value.path


async def test_encrypted_key(tmp_path, authority):
    """
    An encrypted key is an error of the settings, also before the start; nobody is asked for its password.
    """
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"password")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    (tmp_path / "key.pem").write_bytes(pem)
    tls = TlsConfig(cert_file=str(tmp_path / "cert.pem"), key_file=str(tmp_path / "key.pem"))
    problems = TcpConfig(listen="127.0.0.1:0", tls=tls).problems("sources.in")

    assert ["sources.in.tls.cert_file"] == [each.path for each in problems]
