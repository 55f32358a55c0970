"""Answers that come in pieces: how they begin, and each way they end."""

import asyncio
import socket

import pytest
import pytest_asyncio
from conftest import WAIT_SECONDS
from http_peers import GET, Server, served, until

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(params=["tcp", "unix"])
async def server(request, tmp_path):
    async with served(request.param, tmp_path) as serving:
        yield serving


def streamed(kind: str, method: bytes = b"GET") -> bytes:
    return b"%s /stream/%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (method, kind.encode())


async def test_streams(server):
    """
    Pieces arrive when they are there, under our name, and the connection stays for the next request.
    """
    peer = await server.peer()
    peer.send(streamed("slow"))
    head = await peer.until(b"first;")
    assert b"Server: headrig\r\n" in head
    assert b"Content-Type: text/event-stream\r\n" in head
    server.go.set()
    await peer.until(b"last.\r\n0\r\n\r\n")

    assert 200 == await peer.ask()
    assert server.ended.is_set()


async def test_head_of_a_stream(server):
    """
    HEAD has the headers alone, and nothing is made of it.
    """
    peer = await server.peer()
    peer.send(streamed("slow", b"HEAD"))
    head = await peer.until(b"\r\n\r\n")
    peer.send(GET)

    assert b"200" in head.splitlines()[0]
    assert (await peer.until(b"\r\n")).startswith(b"HTTP/1.1 200")
    assert not server.begun.is_set()


async def test_stream_without_a_reader(server):
    """
    A stream ends when its peer goes, also while there is nothing to send.
    """
    peer = await server.peer()
    peer.send(streamed("slow"))
    await server.begun.wait()
    peer.close()

    async with asyncio.timeout(WAIT_SECONDS):
        await server.ended.wait()
    await until(lambda: not server.httpd._open)


async def test_stream_to_one_who_takes_nothing(server, monkeypatch):
    """
    A peer that takes nothing for a while is disconnected.
    """
    monkeypatch.setattr("headrig.net.http_server.BODY_IDLE_SECONDS", 0.05)
    peer = await server.peer()
    peer.send(streamed("endless"))

    async with asyncio.timeout(WAIT_SECONDS):
        await server.ended.wait()
    await until(lambda: not server.httpd._open)


async def test_bug_in_a_stream(server, caplog):
    """
    An answer that fails in the middle ends there: nothing follows that a client could take for its end.
    """
    peer = await server.peer()
    peer.send(streamed("bug"))
    await peer.until(b"first;")
    server.go.set()

    assert b"\r\n" == await peer.rest()
    assert "answering a request failed" in caplog.text


async def test_end_of_a_server_that_streams(tmp_path):
    """
    A stream does not hold up the end of its server.
    """
    async with Server(socket.AF_INET, "127.0.0.1").serving() as serving:
        peer = await serving.peer()
        peer.send(streamed("slow"))
        await serving.begun.wait()
        closing = asyncio.get_running_loop().time()
    assert 1.0 > asyncio.get_running_loop().time() - closing
    assert serving.ended.is_set()
