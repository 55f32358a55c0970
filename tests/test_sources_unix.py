"""Lines over a Unix socket, and the life of its file."""

import asyncio
import os
import socket
import stat

import pytest

from headrig.errors import ConfigError, UnavailableError
from headrig.sources import UnixConfig

pytestmark = pytest.mark.asyncio


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "in.sock"


async def send(path, data: bytes) -> None:
    _, writer = await asyncio.open_unix_connection(str(path))
    writer.write(data)
    await writer.drain()
    writer.close()


async def test_lines_arrive(start, memory, sink, path):
    """
    Lines come out as they were sent; the socket file has its mode and goes at the end.
    """
    run = await start({"in": UnixConfig(path=str(path))}, memory)
    await send(path, b'{"n":1}\n{"n":2}\n')
    await run.until(lambda: len(sink.lines) == 2)

    assert 0o660 == stat.S_IMODE(path.stat().st_mode)
    assert b'{"n":1}\n{"n":2}\n' == sink.text
    await run.stop()
    assert not path.exists()


async def test_stale_file_is_replaced(start, memory, sink, path):
    """
    A socket file that nobody serves any more, as a crash leaves it, is replaced.
    """
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(str(path))
    run = await start({"in": UnixConfig(path=str(path))}, memory)
    await send(path, b"{}\n")
    await run.until(lambda: sink.lines == [b"{}"])


async def test_served_file_is_left_alone(start, memory, path):
    """
    A socket that another process serves is not taken away from it.
    """
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(UnavailableError, match=r"sources\.in\.path: .* is served by another process"):
            await start({"in": UnixConfig(path=str(path))}, memory)

        assert path.exists()


async def test_other_file_is_left_alone(start, memory, path):
    """
    A file that is not a socket is never removed.
    """
    path.parent.mkdir()
    path.write_text("precious")
    assert ["sources.in.path"] == [each.path for each in UnixConfig(path=str(path)).problems("sources.in")]
    with pytest.raises(ConfigError, match="exists and is not a socket"):
        await start({"in": UnixConfig(path=str(path))}, memory)

    assert "precious" == path.read_text()


async def test_allowed_users(start, memory, sink, path):
    """
    With `allow_uids` only those users get in; who is refused is counted.
    """
    run = await start({"in": UnixConfig(path=str(path), allow_uids=(os.getuid() + 1,))}, memory)
    reader, writer = await asyncio.open_unix_connection(str(path))

    assert b"" == await reader.read()
    errors = 'component_errors_total{component_id="in",component_kind="source",component_type="unix",'
    assert 1 == run.page()[errors + 'error_type="peer_refused",stage="connecting"}']
    writer.close()


async def test_allowed_user_gets_in(start, memory, sink, path):
    """
    A user on the list gets in.
    """
    run = await start({"in": UnixConfig(path=str(path), allow_uids=(os.getuid(),))}, memory)
    await send(path, b"{}\n")
    await run.until(lambda: sink.lines == [b"{}"])


async def test_long_path():
    """
    A path that no socket can have is a problem before anything is opened.
    """
    assert ["sources.in.path"] == [each.path for each in UnixConfig(path="/" + "x" * 107).problems("sources.in")]
    assert [] == list(UnixConfig(path="/" + "x" * 106).problems("sources.in"))
