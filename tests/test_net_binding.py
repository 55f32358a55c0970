"""Names that lead to several addresses: whatever listens is at every one of them, at one port."""

import asyncio
import errno
import os
import socket

import msgspec
import pytest

from headrig.errors import ConfigError, UnavailableError
from headrig.limits import PORT_TRIES
from headrig.net import binding
from headrig.sources import HttpSourceConfig, TcpConfig, UdpConfig
from headrig.testing import context
from headrig.web import HttpServerConfig

HOSTS = {
    "localhost": ("127.0.0.1", "::1"),
    "LocalHost": ("127.0.0.1", "::1"),
    "several.test": ("127.0.0.2", "::1", "127.0.0.3"),
    "twice.test": ("127.0.0.2", "127.0.0.2"),
    "elsewhere.test": ("192.0.2.1", "127.0.0.4", "2001:db8::1"),
    "one.test": ("127.0.0.5",),
}
NEVER = {"192.0.2.1", "2001:db8::1"}
REQUEST = b"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 8\r\n\r\n"


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """A resolver that knows these names, and addresses as they are."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host, *rest, **more):
        found = HOSTS.get(host, (host,)) if host not in ("localhost", "LocalHost") else ("127.0.0.1",)
        return [each for address in found for each in resolve(address, *rest, **more)]

    monkeypatch.setattr(binding.socket, "getaddrinfo", getaddrinfo)


def here(host: str) -> list[str]:
    """The addresses of a name that this machine has, each once."""
    return [each for each in dict.fromkeys(HOSTS[host]) if each not in NEVER]


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


async def tcp(address: str, port: int, line: bytes) -> None:
    _, writer = await asyncio.open_connection(address, port)
    writer.write(line)
    writer.close()
    await writer.wait_closed()


async def udp(address: str, port: int, line: bytes) -> None:
    with socket.socket(family(address), socket.SOCK_DGRAM) as sender:
        sender.sendto(line, (address, port))


async def http(address: str, port: int, line: bytes) -> None:
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(REQUEST + line)
    assert b" 200 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


KINDS = {"tcp": (TcpConfig, tcp), "udp": (UdpConfig, udp), "http": (HttpSourceConfig, http)}


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", HOSTS)
async def test_every_address_of_a_name(start, memory, sink, kind, host):
    """
    A source takes lines at every address that its name leads to on this machine, at one port of the system's choice.
    """
    settings, send = KINDS[kind]
    run = await start({"in": settings(listen=f"{host}:0", insecure_listen=True)}, memory)
    port = run.pipeline.state.sources["in"].source.listener.port
    for number, address in enumerate(here(host)):
        await send(address, port, b'{"n":%d}\n' % number)
    await run.until(lambda: len(sink.lines) == len(here(host)))

    assert {b'{"n":%d}' % number for number in range(len(here(host)))} == set(sink.lines)
    assert f"{host}:{port}" in run.pipeline.where[0]


@pytest.mark.asyncio
@pytest.mark.parametrize("host", HOSTS)
async def test_status_server_at_every_address(start, memory, host):
    """
    So does the status server, with what is mounted on it.
    """
    token = {} if host.lower() == "localhost" else {"token": "fake-token-for-tests-0123456789"}
    sources = {"in": HttpSourceConfig(insecure_listen=True)}
    run = await start(sources, memory, http=HttpServerConfig(listen=f"{host}:0", **token))
    port = run.pipeline.components.http[0].listener.port

    for address in here(host):
        reader, writer = await asyncio.open_connection(address, port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"HTTP/1.1 200 OK\r\n" == await reader.readline()
        writer.close()


@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("taken", ["127.0.0.2", "::1", "127.0.0.3"])
def test_one_address_in_use(kind, taken):
    """
    Where one of its addresses is in use the name is, the address is told, and nothing stays bound at the others.
    """
    sort = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family(taken), sort) as other:
        other.bind((taken, 0))
        if kind == "tcp":
            other.listen()
        port = other.getsockname()[1]
        opened = context("sources.in")
        with pytest.raises(UnavailableError) as caught:
            getattr(opened.sockets, kind)(f"several.test:{port}", "sources.in.listen")

        assert f"several.test:{port} ({taken}) is in use" == caught.value.reason
        assert [] == opened.sockets.descriptors()
        for address in set(HOSTS["several.test"]) - {taken}:
            with socket.socket(family(address), sort) as free:
                free.bind((address, port))


@pytest.mark.parametrize(("busy", "found"), [(1, True), (PORT_TRIES - 1, True), (PORT_TRIES, False)])
def test_port_that_is_free_at_every_address(monkeypatch, busy, found):
    """
    A port of the system's choice that is in use at another address of the name is given back for the next one, some times.
    """
    others: list[socket.socket] = []
    bind = binding._bind

    def taken_meanwhile(address, *rest, **more):
        if address.address[0] == "::1" and len(others) < busy:
            try:
                others.append(socket.create_server(("::1", address.port), family=socket.AF_INET6))
            except OSError:  # somebody else has it there already
                others.append(socket.socket())
        return bind(address, *rest, **more)

    monkeypatch.setattr(binding, "_bind", taken_meanwhile)
    opened = context("sources.in")
    if found:
        bound = opened.sockets.tcp("localhost:0", "sources.in.listen")
    else:
        bound = ()
        with pytest.raises(UnavailableError, match="no port is free at every address of localhost:0"):
            opened.sockets.tcp("localhost:0", "sources.in.listen")
    for other in others:
        other.close()

    assert busy == len(others)
    assert ["127.0.0.1", "::1"] * found == [each.getsockname()[0] for each in bound]
    assert found == len({each.getsockname()[1] for each in bound})
    opened.sockets.release(bound)


def test_address_that_the_machine_lacks(monkeypatch):
    """
    Where there is no IPv6 the others do; where nothing is left it is an error, as for an address that is written out.
    """
    made = socket.socket

    def without_ipv6(family=socket.AF_INET, *rest, **more):
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return made(family, *rest, **more)

    monkeypatch.setattr(binding.socket, "socket", without_ipv6)
    opened = context("sources.in")
    bound = opened.sockets.tcp("localhost:0", "sources.in.listen")

    assert ["127.0.0.1"] == [each.getsockname()[0] for each in bound]
    with pytest.raises(ConfigError, match=r"cannot listen on \[::1\]:0: Address family not supported"):
        opened.sockets.tcp("[::1]:0", "sources.in.listen")
    opened.sockets.release(bound)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("before", "after"), [("127.0.0.2", "several.test"), ("several.test", "127.0.0.2")])
async def test_reload_between_names(start, memory, sink, kind, before, after):
    """
    A reload goes from one address to a name that leads there as well, and back: what stays is never closed, the rest comes
    or goes.
    """
    settings, send = KINDS[kind]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = await start({"in": settings(listen=f"{before}:{port}", insecure_listen=True)}, memory)
    kept = run.pipeline.state.sources["in"].source.listener.bound[0]
    identity = os.fstat(kept.fileno()).st_ino
    changed = {"in": settings(listen=f"{after}:{port}", insecure_listen=True)}
    await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, sources=changed))
    door = run.pipeline.state.sources["in"].source.listener
    for number, address in enumerate(HOSTS.get(after, (after,))):
        await send(address, port, b'{"n":%d}\n' % number)
    await run.until(lambda: len(sink.lines) == len(door.bound))

    assert identity == os.fstat(door.bound[0].fileno()).st_ino
    assert list(HOSTS.get(after, (after,))) == [each.getsockname()[0] for each in door.bound]
    for address in set(HOSTS["several.test"]) - set(HOSTS.get(after, (after,))):
        with socket.socket(family(address), socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            gone.bind((address, port))
